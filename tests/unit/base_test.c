#include "base/buf.h"
#include "base/mailbox.h"
#include "base/ring.h"
#include "core/backoff.h"

#include "lib/unit.h"

#include <pthread.h>

static void comes_back(const struct buf *text, const uint8_t *data, size_t len)
{
	struct buf back = { NULL, 0, 0 };

	ck_assert_int_eq(buf_unbase64(&back, (struct bytes){ text->data, text->len }), 0);
	ck_assert_uint_eq(back.len, len);
	if (len > 0)
		ck_assert_mem_eq(back.data, data, len);
	buf_free(&back);
}

START_TEST(base64_and_back)
{
	uint64_t rng = 5;

	for (size_t len = 0; len < 200; len++) {
		uint8_t data[200];
		struct buf text = { NULL, 0, 0 }, url = { NULL, 0, 0 };

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)backoff_random(&rng);
		buf_base64(&text, (struct bytes){ data, len });
		comes_back(&text, data, len);
		buf_base64url(&url, (struct bytes){ data, len });
		comes_back(&url, data, len);
		ck_assert(len == 0 || strpbrk(url.data, "+/=") == NULL);
		buf_free(&text);
		buf_free(&url);
	}
}
END_TEST

START_TEST(json_and_logfmt_escape)
{
	struct buf b = { NULL, 0, 0 };

	buf_json_string(&b, bytes_of_text("a\"b\\c\n\x01\xc3\xa4\xff"));
	ck_assert_str_eq(b.data, "\"a\\\"b\\\\c\\n\\u0001\xc3\xa4\xef\xbf\xbd\"");
	buf_clear(&b);
	buf_json_bytes(&b, "id", (struct bytes){ "\xff\x00", 2 });
	ck_assert_str_eq(b.data, "\"id_base64\":\"/wA=\"");
	buf_clear(&b);
	buf_json_bytes(&b, "id", (struct bytes){ NULL, 0 });
	ck_assert_str_eq(b.data, "\"id\":null");
	buf_clear(&b);
	buf_logfmt(&b, bytes_of_text("plain"), 100);
	ck_assert_str_eq(b.data, "plain");
	buf_clear(&b);
	buf_logfmt(&b, bytes_of_text("a b\nlevel=error"), 8);
	ck_assert_str_eq(b.data, "\"a b\\nleve...\"");
	buf_free(&b);
	ck_assert(!bytes_are_utf8((struct bytes){ "\xed\xa0\x80", 3 }));
	ck_assert(!bytes_are_utf8((struct bytes){ "\xc0\xaf", 2 }));
	ck_assert(bytes_are_utf8((struct bytes){ "\xf0\x9f\x98\x80", 4 }));
}
END_TEST

#define THREADS 4
#define EACH 50000

static struct ring *ring;
static _Atomic uint64_t popped, sum;

static void *ring_produce(void *arg)
{
	for (uintptr_t i = 1; i <= EACH; i++)
		while (!ring_push(ring, (void *)((uintptr_t)arg * EACH + i)))
			;
	return NULL;
}

static void *ring_consume(void *arg)
{
	(void)arg;
	while (popped < (uint64_t)THREADS * EACH) {
		void *p = ring_pop(ring);

		if (p == NULL)
			continue;
		sum += (uintptr_t)p;
		popped++;
	}
	return NULL;
}

START_TEST(ring_hands_over_each_pointer_once)
{
	pthread_t t[2 * THREADS];
	uint64_t n = (uint64_t)THREADS * EACH;

	ring = ring_new(100);
	for (uintptr_t i = 0; i < THREADS; i++) {
		pthread_create(&t[i], NULL, ring_produce, (void *)i);
		pthread_create(&t[THREADS + i], NULL, ring_consume, NULL);
	}
	for (int i = 0; i < 2 * THREADS; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_eq(sum, n * (n + 1) / 2);
	ck_assert_ptr_null(ring_pop(ring));
	ring_free(ring);
}
END_TEST

struct letter {
	struct mail mail;
	unsigned sender, number;
};

static struct mailbox box;

static void *mail_many(void *arg)
{
	for (unsigned i = 0; i < EACH; i++) {
		struct letter *l = malloc(sizeof(*l));

		*l = (struct letter){ .sender = (unsigned)(uintptr_t)arg, .number = i };
		mailbox_send(&box, &l->mail);
	}
	return NULL;
}

/* A receiver that always sleeps before it looks: a lost wake-up would hang the test. */
START_TEST(mailbox_keeps_each_senders_order_and_wakes)
{
	pthread_t t[THREADS];
	unsigned next[THREADS] = { 0 }, got = 0;

	ck_assert_int_eq(mailbox_init(&box), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, mail_many, (void *)i);
	while (got < THREADS * EACH) {
		struct mail *m, *after;

		mailbox_wait(&box, MONO_NEVER);
		for (m = mailbox_take(&box); m != NULL; m = after) {
			struct letter *l = (struct letter *)m;

			after = m->next;
			ck_assert_uint_eq(l->number, next[l->sender]++);
			got++;
			free(l);
		}
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	mailbox_destroy(&box);
}
END_TEST

START_TEST(backoff_is_bounded_and_grows)
{
	uint64_t rng = 3;
	int64_t most[20] = { 0 };

	for (unsigned n = 1; n < 20; n++)
		for (unsigned i = 0; i < 2000; i++) {
			int64_t ms = backoff_ms(500, 60000, n, backoff_random(&rng));

			ck_assert_int_ge(ms, 0);
			ck_assert_int_le(ms, 60000);
			if (ms > most[n])
				most[n] = ms;
		}
	ck_assert_int_le(most[1], 500);
	ck_assert_int_gt(most[3], 1000);
	ck_assert_int_gt(most[19], 50000);
	ck_assert_int_eq(backoff_ms(0, 0, 5, 1), 0);
	ck_assert_int_ge(backoff_ms(INT64_MAX / 2, INT64_MAX, 60, UINT64_MAX), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { base64_and_back, json_and_logfmt_escape,
		ring_hands_over_each_pointer_once, mailbox_keeps_each_senders_order_and_wakes,
		backoff_is_bounded_and_grows, NULL };

	return unit_run("base", tests);
}
