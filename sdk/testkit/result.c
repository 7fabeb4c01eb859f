/* What the test asks for afterwards. */
#include "kit_private.h"

#include "core/emit_id.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

/* ---- Emitted records, as consumers see them */

static struct semel_bytes owned(const void *data, size_t len)
{
	return (struct semel_bytes){ data == NULL ? NULL : semel_kit_copy(data, len), len };
}

/* One more header at the end of a list that ends with a NULL name. */
static void put(struct semel_header **list, const char *name, const void *data, size_t len)
{
	size_t n = 0;

	while (*list != NULL && (*list)[n].name != NULL)
		n++;
	*list = semel_kit_grow(*list, n + 1, sizeof(**list));
	(*list)[n] = (struct semel_header){ semel_kit_copy(name, strlen(name)), owned(data, len) };
}

static bool has(const struct semel_header *list, const char *name)
{
	for (; list != NULL && list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return true;
	return false;
}

static void pass_on(struct semel_header **list, const struct semel_test_run *run, const char *name)
{
	for (size_t i = run->n_headers; i-- > 0;) {
		const struct semel_header *h = &run->headers[i];

		if (strcmp(h->name, name) != 0)
			continue;
		if (h->value.data != NULL && !has(*list, name))
			put(list, name, h->value.data, h->value.len);
		return;
	}
}

static struct semel_header *headers_of(const struct semel_test_run *run, size_t i)
{
	const struct emitted_record *r = &run->emitted->list[i];
	struct semel_header *list = NULL;
	char id[33];

	for (size_t k = 0; k < r->n_headers; k++)
		put(&list, r->headers[k].name, r->headers[k].value.data, r->headers[k].value.len);
	if (!has(list, "event-id")) {
		emit_id(semel_kit_siphash128, run->event.subscription,
		    (struct bytes){ run->event.id.data, run->event.id.len }, run->t->name, (uint32_t)i, id);
		put(&list, "event-id", id, 32);
	}
	pass_on(&list, run, "traceparent");
	pass_on(&list, run, "tracestate");
	return list;
}

void semel_kit_show_emitted(struct semel_test_run *run)
{
	size_t n = run->emitted == NULL ? 0 : run->emitted->n;

	for (size_t i = 0; i < n; i++) {
		run->shown = semel_kit_grow(run->shown, i, sizeof(struct semel_header *));
		run->shown[i] = headers_of(run, i);
	}
}

bool semel_test_emitted(struct semel_test_run *run, size_t i, struct semel_record *ret_record)
{
	struct semel_test *t = run->t;
	bool there;

	pthread_mutex_lock(&t->lock);
	there = run->state == KIT_ENDED && run->emitted != NULL && i < run->emitted->n;
	if (there) {
		const struct emitted_record *r = &run->emitted->list[i];
		uint32_t n = 0;

		while (run->shown[i][n].name != NULL)
			n++;
		*ret_record = (struct semel_record){ .size = sizeof(*ret_record),
			.n_headers = n,
			.topic = r->topic,
			.key = { r->key.data, r->key.len },
			.payload = { r->payload.data, r->payload.len },
			.headers = run->shown[i] };
	}
	pthread_mutex_unlock(&t->lock);
	return there;
}

/* ---- The run */

int semel_test_outcome(const struct semel_test_run *run)
{
	int outcome;

	pthread_mutex_lock(&run->t->lock);
	outcome = run->state == KIT_ENDED ? run->outcome : SEMEL_ASYNC;
	pthread_mutex_unlock(&run->t->lock);
	return outcome;
}

const char *semel_test_why(const struct semel_test_run *run)
{
	const char *why;

	pthread_mutex_lock(&run->t->lock);
	why = run->why;
	pthread_mutex_unlock(&run->t->lock);
	return why;
}

int64_t semel_test_retry_ms(const struct semel_test_run *run)
{
	int64_t ms;

	pthread_mutex_lock(&run->t->lock);
	ms = run->retry_ms;
	pthread_mutex_unlock(&run->t->lock);
	return ms;
}

bool semel_test_wait(struct semel_test_run *run, int64_t ms)
{
	struct semel_test *t = run->t;
	struct timespec until;
	bool ended;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&t->lock);
	while (run->state != KIT_ENDED && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&t->ended, &t->lock, &until);
	ended = run->state == KIT_ENDED;
	pthread_mutex_unlock(&t->lock);
	return ended;
}

void semel_test_cancel(struct semel_test_run *run)
{
	pthread_mutex_lock(&run->t->lock);
	run->cancel_at_ms = 0;
	pthread_mutex_unlock(&run->t->lock);
}

void semel_test_lease(struct semel_test_run *run, int64_t ms)
{
	pthread_mutex_lock(&run->t->lock);
	run->lease_until_ms = semel_kit_now_ms() + ms;
	pthread_mutex_unlock(&run->t->lock);
}

/* ---- The plugin */

static const char *text_at(const struct semel_test *ct, const struct kit_texts *texts, size_t i)
{
	struct semel_test *t = (struct semel_test *)(uintptr_t)ct;
	const char *text;

	pthread_mutex_lock(&t->lock);
	text = i < texts->n ? texts->list[i] : NULL;
	pthread_mutex_unlock(&t->lock);
	return text;
}

const char *semel_test_fault(const struct semel_test *t, size_t i)
{
	return text_at(t, &t->faults, i);
}

const char *semel_test_log(const struct semel_test *t, size_t i)
{
	return text_at(t, &t->log, i);
}

const char *semel_test_misuse(const struct semel_test *t, size_t i)
{
	return text_at(t, &t->misuse, i);
}

bool semel_test_logged(const struct semel_test *t, const char *part)
{
	const char *line;

	for (size_t i = 0; (line = semel_test_log(t, i)) != NULL; i++)
		if (strstr(line, part) != NULL)
			return true;
	return false;
}

static bool read_metric(const struct semel_test *ct, const char *name, double *ret_value, size_t *ret_count)
{
	struct semel_test *t = (struct semel_test *)(uintptr_t)ct;
	const struct semel_metric *m;

	pthread_mutex_lock(&t->lock);
	for (m = t->metrics; m != NULL && strcmp(m->name, name) != 0;)
		m = m->next;
	if (m != NULL) {
		*ret_value = m->value;
		*ret_count = m->count;
	}
	pthread_mutex_unlock(&t->lock);
	return m != NULL;
}

double semel_test_metric(const struct semel_test *t, const char *name)
{
	double value;
	size_t count;

	return read_metric(t, name, &value, &count) ? value : (double)NAN;
}

size_t semel_test_metric_count(const struct semel_test *t, const char *name)
{
	double value;
	size_t count;

	return read_metric(t, name, &value, &count) ? count : 0;
}
