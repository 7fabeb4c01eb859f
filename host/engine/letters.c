#include "engine/letters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADER_PREFIX "semel.dlq."
/* As many as are known of a failure, see write_headers. */
#define OWN_HEADERS 13

/* What one subscription's last letter met; under `lock`. */
struct trouble {
	bool set;
	char text[256];
};

struct letters {
	struct kafka_producer *producer;
	struct subscription *const *subs;
	struct metrics *metrics;
	pthread_mutex_t lock;
	struct trouble troubles[];
};

static void note_trouble(struct letters *l, unsigned sub, const char *code, const char *text)
{
	struct trouble *t = &l->troubles[sub];

	pthread_mutex_lock(&l->lock);
	t->set = code != NULL;
	if (code != NULL)
		snprintf(t->text, sizeof(t->text), "dead letter to %s failed: %s (%s)",
		    l->subs[sub]->conf->dead_letter.topic, text, code);
	pthread_mutex_unlock(&l->lock);
}

static void answer(struct letters *l, struct event *ev, const char *code, const char *text)
{
	unsigned sub = ev->run.sub;

	if (code != NULL) {
		log_at(LOG_ERROR, "dead letter failed; it is tried again and its key waits",
		    LOG_TEXT("subscription", l->subs[sub]->conf->name),
		    LOG_TEXT("dead_letter_topic", l->subs[sub]->conf->dead_letter.topic),
		    LOG_TEXT("topic", ev->msg.topic), LOG_INT("partition", ev->msg.partition),
		    LOG_INT("offset", ev->msg.offset), LOG_BYTES("event_id", ev->id), LOG_TEXT("code", code),
		    LOG_TEXT("why", text));
		series_add(metrics_series(l->metrics, METRIC_KAFKA_ERRORS, code), 1);
	}
	note_trouble(l, sub, code, text);
	ev->letter_ok = code == NULL;
	if (code == NULL && ev->f.oversize)
		ev->f.reason = DLQ_OVERSIZE;
	else if (code != NULL && strcmp(code, "MSG_SIZE_TOO_LARGE") == 0)
		ev->f.oversize = true;
	ev->mail.kind = MAIL_ACK;
	mailbox_send(&l->subs[sub]->flow_box, &ev->mail);
}

static void ack(void *arg, void *cookie, const char *code, const char *text)
{
	answer(arg, cookie, code, text);
}

int letters_start(const struct config *c, struct subscription *const *subs, struct metrics *metrics,
    struct letters **ret_letters, char *why, size_t size)
{
	struct letters *l = calloc(1, sizeof(*l) + c->n_subscriptions * sizeof(struct trouble));
	int r;

	if (l == NULL)
		return -ENOMEM;
	l->subs = subs;
	l->metrics = metrics;
	pthread_mutex_init(&l->lock, NULL);
	r = kafka_producer_new(c, ack, l, &l->producer, why, size);
	if (r < 0) {
		pthread_mutex_destroy(&l->lock);
		free(l);
		return r;
	}
	*ret_letters = l;
	return 0;
}

/* The texts of our own headers, and the headers that point to them. */
struct own_headers {
	char texts[OWN_HEADERS][32];
	struct kafka_header list[OWN_HEADERS];
	size_t n;
};

static void add_bytes(struct own_headers *h, const char *name, struct bytes value)
{
	h->list[h->n++] = (struct kafka_header){ name, value };
}

static void add_number(struct own_headers *h, const char *name, int64_t value)
{
	char *text = h->texts[h->n];

	snprintf(text, sizeof(h->texts[0]), "%lld", (long long)value);
	add_bytes(h, name, bytes_of_text(text));
}

static void write_headers(
    struct own_headers *h, const struct subscription *s, const struct event *ev, const char *handler_version)
{
	const char *why = ev->run.why == NULL ? "" : ev->run.why;

	h->n = 0;
	add_bytes(h, HEADER_PREFIX "reason", bytes_of_text(dlq_reason_name((enum dlq_reason)ev->f.reason)));
	add_bytes(h, HEADER_PREFIX "detail", bytes_of_text(why));
	add_bytes(h, HEADER_PREFIX "subscription", bytes_of_text(s->conf->name));
	if (handler_version != NULL) {
		add_bytes(h, HEADER_PREFIX "handler", bytes_of_text(s->config->handlers[ev->handler].name));
		add_bytes(h, HEADER_PREFIX "handler_version", bytes_of_text(handler_version));
	}
	add_number(h, HEADER_PREFIX "attempts", ev->run.attempt);
	add_bytes(h, HEADER_PREFIX "topic", bytes_of_text(ev->msg.topic));
	add_number(h, HEADER_PREFIX "partition", ev->msg.partition);
	add_number(h, HEADER_PREFIX "offset", ev->msg.offset);
	add_number(h, HEADER_PREFIX "timestamp", ev->msg.timestamp_ms);
	add_bytes(h, HEADER_PREFIX "event_id", ev->id);
	add_number(h, HEADER_PREFIX "failed_at", wall_ms());
	add_number(h, HEADER_PREFIX "replays", 0);
}

/* The record's own headers without those of an earlier letter, then ours.  Letters are rare: they may allocate. */
static struct kafka_header *all_headers(struct event *ev, const struct own_headers *own, size_t *ret_n)
{
	struct kafka_header *list;
	const char *name;
	struct bytes value;
	size_t n = 0, k = 0;

	while (ev->msg.ops->header_at(&ev->msg, n, &name, &value))
		n++;
	list = calloc(n + own->n, sizeof(*list));
	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < n && ev->msg.ops->header_at(&ev->msg, i, &name, &value); i++)
		if (strncmp(name, HEADER_PREFIX, strlen(HEADER_PREFIX)) != 0)
			list[k++] = (struct kafka_header){ name, value };
	memcpy(list + k, own->list, own->n * sizeof(*list));
	*ret_n = k + own->n;
	return list;
}

/* Too large for its topic: the letter goes without the value, which replay can read at its origin. */
static int send_without_value(struct letters *l, struct event *ev, struct kafka_header *list, size_t n,
    size_t own_at, const char *topic)
{
	char detail[96];

	snprintf(detail, sizeof(detail), "first reason: %s; value of %zu bytes left out",
	    dlq_reason_name((enum dlq_reason)ev->f.reason), ev->msg.payload.len);
	list[own_at].value = bytes_of_text(dlq_reason_name(DLQ_OVERSIZE));
	list[own_at + 1].value = bytes_of_text(detail);
	return kafka_producer_send(
	    l->producer, topic, ev->msg.key, (struct bytes){ NULL, 0 }, list, n, ev->msg.timestamp_ms, ev);
}

void letters_send(struct letters *l, struct event *ev, unsigned sub, const char *handler_version)
{
	struct subscription *s = l->subs[sub];
	struct own_headers own;
	struct kafka_header *list;
	size_t n;
	int r;

	ev->run.sub = sub;
	write_headers(&own, s, ev, handler_version);
	list = all_headers(ev, &own, &n);
	if (list == NULL) {
		answer(l, ev, "_OUT_OF_MEMORY", "no memory for the headers");
		return;
	}
	r = ev->f.oversize ? -EMSGSIZE
			   : kafka_producer_send(l->producer, s->conf->dead_letter.topic, ev->msg.key,
				 ev->msg.payload, list, n, ev->msg.timestamp_ms, ev);
	if (r == -EMSGSIZE) {
		ev->f.oversize = true;
		r = send_without_value(l, ev, list, n, n - own.n, s->conf->dead_letter.topic);
	}
	free(list);
	if (r < 0)
		answer(l, ev, "_LOCAL", strerror(-r));
}

bool letters_trouble(struct letters *l, unsigned sub, char *ret_text, size_t size)
{
	bool set;

	pthread_mutex_lock(&l->lock);
	set = l->troubles[sub].set;
	if (set)
		snprintf(ret_text, size, "%s", l->troubles[sub].text);
	pthread_mutex_unlock(&l->lock);
	return set;
}

int letters_cluster(struct letters *l, int timeout_ms, char *ret_id, size_t size)
{
	return kafka_producer_cluster(l->producer, timeout_ms, ret_id, size);
}

void letters_stop(struct letters *l, int timeout_ms)
{
	if (l == NULL)
		return;
	kafka_producer_close(l->producer, timeout_ms);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int letters_group_used(struct letters *l, const char *group, int timeout_ms, char *why, size_t size)
{
	return kafka_producer_group_used(l->producer, group, timeout_ms, why, size);
}
