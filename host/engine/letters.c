#include "engine/letters.h"

#include "core/emitted.h"
#include "engine/emit_headers.h"
#include "engine/event_log.h"
#include "engine/letter_headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What one subscription's last letter met; under `lock`. */
struct trouble {
	bool set;
	char text[256];
};

struct letters {
	struct sink *sink;
	struct subscription *const *subs;
	struct metrics *metrics;
	pthread_mutex_t lock;
	struct trouble troubles[];
};

static void note_trouble(
    struct letters *l, unsigned sub, const char *topic, const char *code, const char *text)
{
	struct trouble *t = &l->troubles[sub];

	pthread_mutex_lock(&l->lock);
	t->set = code != NULL;
	if (code != NULL)
		snprintf(t->text, sizeof(t->text), "a record to %s failed: %s (%s)", topic, text, code);
	pthread_mutex_unlock(&l->lock);
}

static const char *topic_of(const struct letters *l, const struct event *ev)
{
	const struct config_subscription *conf = l->subs[ev->run.sub]->conf;

	if (ev->f.emitting)
		return ev->run.emitted->list[0].topic;
	return ev->f.hand_over ? conf->retry.topic : conf->dead_letter.topic;
}

static void answer(struct letters *l, struct event *ev, const char *code, const char *text)
{
	unsigned sub = ev->run.sub;

	if (code != NULL) {
		struct log_field more[] = { LOG_TEXT(ev->f.hand_over ? "retry_topic" : "dead_letter_topic",
						topic_of(l, ev)),
			LOG_TEXT("code", code), LOG_TEXT("why", text) };

		event_log(LOG_ERROR,
		    ev->f.emitting
			? "emitted record failed; all of its event are sent again, and its key waits"
		    : ev->f.hand_over ? "retry record failed; it is tried again and its key waits"
				      : "dead letter failed; it is tried again and its key waits",
		    l->subs[sub]->conf->name, ev, true, more, sizeof(more) / sizeof(more[0]));
		series_add(metrics_series(l->metrics, METRIC_KAFKA_ERRORS, code), 1);
	}
	note_trouble(l, sub, topic_of(l, ev), code, text);
	ev->letter_ok = code == NULL;
	if (ev->f.emitting && code != NULL && ev->run.why == NULL)
		ev->run.why = strdup(text);
	if (code == NULL && ev->f.oversize && !ev->f.hand_over && !ev->f.emitting)
		ev->f.reason = DLQ_OVERSIZE;
	else if (code != NULL && strcmp(code, "MSG_SIZE_TOO_LARGE") == 0)
		ev->f.oversize = true;
	ev->mail.kind = MAIL_ACK;
	mailbox_send(&l->subs[sub]->flow_box, &ev->mail);
}

/* One of several is acknowledged, or will never be; with the last the event goes on. */
static void emitted_done(struct letters *l, struct emitted *m, const char *code, const char *text)
{
	const char *none = NULL;

	if (code != NULL && atomic_compare_exchange_strong(&m->code, &none, code))
		atomic_store(&m->text, text);
	if (atomic_fetch_sub(&m->pending, 1) == 1) {
		code = atomic_load(&m->code);
		answer(l, m->event, code, atomic_load(&m->text));
	}
}

/* What belongs to an event that emits has the lowest bit set. */
static void ack(void *arg, void *cookie, const char *code, const char *text)
{
	if (((uintptr_t)cookie & 1) != 0)
		emitted_done(arg, (struct emitted *)((uintptr_t)cookie & ~(uintptr_t)1), code, text);
	else
		answer(arg, cookie, code, text);
}

int letters_start(const struct config *c, const struct backend *backend, struct subscription *const *subs,
    struct metrics *metrics, struct letters **ret_letters, char *why, size_t size)
{
	struct letters *l = calloc(1, sizeof(*l) + c->n_subscriptions * sizeof(struct trouble));
	int r;

	if (l == NULL)
		return -ENOMEM;
	l->subs = subs;
	l->metrics = metrics;
	pthread_mutex_init(&l->lock, NULL);
	r = backend->sink(backend->arg, c, ack, l, &l->sink, why, size);
	if (r < 0) {
		pthread_mutex_destroy(&l->lock);
		free(l);
		return r;
	}
	*ret_letters = l;
	return 0;
}

/* Too large for its topic: the letter goes without the value, which replay can read at its origin. */
static int send_without_value(
    struct letters *l, struct event *ev, struct header *list, size_t n, size_t own_at, const char *topic)
{
	char detail[96];

	snprintf(detail, sizeof(detail), "first reason: %s; value of %zu bytes left out",
	    dlq_reason_name((enum dlq_reason)ev->f.reason), ev->msg.payload.len);
	list[own_at].value = bytes_of_text(dlq_reason_name(DLQ_OVERSIZE));
	list[own_at + 1].value = bytes_of_text(detail);
	return l->sink->ops->send(l->sink, topic, ev->msg.key, (struct bytes){ NULL, 0 }, list, n, -1, ev);
}

/* Whether it fits, the broker says, with the acknowledgement. */
static int send_retry(struct letters *l, struct event *ev, const struct header *list, size_t n)
{
	const struct subscription *s = l->subs[ev->run.sub];
	/* Stamped now: by the event's own time the topic could drop it at once. */
	int r = l->sink->ops->send(
	    l->sink, s->conf->retry.topic, ev->msg.key, ev->msg.payload, list, n, -1, ev);

	if (r != -EMSGSIZE)
		return r;
	answer(l, ev, "MSG_SIZE_TOO_LARGE", "larger than message.max.bytes");
	return 0;
}

static int send_letter(struct letters *l, struct event *ev, struct header *list, size_t n, size_t own_at)
{
	const char *topic = l->subs[ev->run.sub]->conf->dead_letter.topic;
	int r = ev->f.oversize
		    ? -EMSGSIZE
		    : l->sink->ops->send(l->sink, topic, ev->msg.key, ev->msg.payload, list, n, -1, ev);

	if (r != -EMSGSIZE)
		return r;
	ev->f.oversize = true;
	return send_without_value(l, ev, list, n, own_at, topic);
}

/* ---- What a handler emitted */

static void send_emitted(struct letters *l, struct event *ev)
{
	struct emitted *m = ev->run.emitted;

	m->event = ev;
	atomic_store(&m->code, NULL);
	atomic_store(&m->pending, m->n + 1); /* and this loop */
	for (size_t i = 0; i < m->n; i++) {
		struct emit_headers h;
		int r = emit_headers(&h, l->subs[ev->run.sub], ev, i);

		if (r == 0)
			r = l->sink->ops->send(l->sink, m->list[i].topic, m->list[i].key, m->list[i].payload,
			    h.list, h.n, -1, (void *)((uintptr_t)m | 1));
		emit_headers_free(&h);
		if (r < 0)
			emitted_done(l, m, r == -EMSGSIZE ? "MSG_SIZE_TOO_LARGE" : "_LOCAL",
			    r == -EMSGSIZE ? "an emitted record is too large"
					   : "an emitted record cannot be sent now");
	}
	emitted_done(l, m, NULL, NULL);
}

void letters_send(struct letters *l, struct event *ev, unsigned sub, const char *handler_version)
{
	struct headers own;
	struct header *list;
	size_t n, own_at;
	int r;

	ev->run.sub = sub;
	if (ev->f.emitting) {
		send_emitted(l, ev);
		return;
	}
	if (ev->f.hand_over)
		retry_headers(&own, ev);
	else
		letter_headers(&own, l->subs[sub], ev, handler_version);
	list = headers_join(&ev->msg, &own, &n, &own_at);
	if (list == NULL) {
		answer(l, ev, "_OUT_OF_MEMORY", "no memory for the headers");
		return;
	}
	r = ev->f.hand_over ? send_retry(l, ev, list, n) : send_letter(l, ev, list, n, own_at);
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
	return l->sink->ops->cluster(l->sink, timeout_ms, ret_id, size);
}

void letters_stop(struct letters *l, int timeout_ms)
{
	if (l == NULL)
		return;
	l->sink->ops->close(l->sink, timeout_ms);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int letters_group_used(struct letters *l, const char *group, int timeout_ms, char *why, size_t size)
{
	return l->sink->ops->group_used(l->sink, group, timeout_ms, why, size);
}
