/* The thread: polling, taking events back, back-pressure. */
#include "engine/poller_private.h"

#include "adapters/keyed_hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Records taken in one go before they are handed on. */
#define BATCH 256
#define POLL_MS 20
#define STORE_US 200000
#define PUBLISH_US 500000
/* After the client was fenced. */
#define AGAIN_MS 2000

/* ---- The pool of events */

static struct event *event_get(struct poller *p)
{
	struct event *ev = p->pool;

	if (ev != NULL) {
		p->pool = (struct event *)ev->mail.next;
		return ev;
	}
	/* Grows to the most events ever in flight, then never again. */
	ev = aligned_alloc(64, (sizeof(*ev) + 63) / 64 * 64);
	if (ev == NULL)
		abort();
	memset(ev, 0, sizeof(*ev));
	return ev;
}

static void event_put(struct poller *p, struct event *ev)
{
	event_clear(ev);
	ev->mail.next = (struct mail *)p->pool;
	p->pool = ev;
}

/* ---- Back from the flow */

static void take_one(struct poller *p, struct event *ev)
{
	struct partition *part = ev->part;

	atomic_fetch_sub_explicit(&p->s->in_flight, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&p->s->in_flight_bytes, (int64_t)ev->msg.size, memory_order_relaxed);
	p->outstanding--;
	if (ev->epoch == part->epoch) {
		part->outstanding--;
		if (ev->finished)
			offsets_done(part->window, ev->msg.offset);
	}
	event_put(p, ev);
}

void poller_take_back(struct poller *p)
{
	struct mail *next;

	for (struct mail *m = mailbox_take(&p->s->poller_box); m != NULL; m = next) {
		next = m->next;
		take_one(p, (struct event *)m);
	}
}

/* ---- Out to the flow */

/* Takes the message.  One that is not ours, or goes backwards, is dropped: its next owner, or an earlier copy of
 * it, has it. */
static void accept(struct poller *p, struct message *m, int64_t now_ms)
{
	struct partition *part = poller_partition(p, m->topic, m->partition);
	struct event *ev;
	int r;

	if (!part->assigned || m->offset < part->next) {
		m->ops->free(m);
		return;
	}
	/* Nothing is polled while a window is full, and an offset must not be passed over. */
	r = offsets_begin(part->window, m->offset);
	assert(r == 0);
	part->next = m->offset + 1;
	part->moved_at = mono_now();
	series_add(part->consumed, 1);
	ev = event_get(p);
	ev->msg = *m;
	ev->part = part;
	ev->part_index = part->index;
	ev->epoch = part->epoch;
	ev->polled = mono_now();
	decode_event(p->decoder, ev, now_ms);
	part->outstanding++;
	p->outstanding++;
	atomic_fetch_add_explicit(&p->s->in_flight, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->s->in_flight_bytes, (int64_t)m->size, memory_order_relaxed);
	ev->mail.kind = MAIL_EVENT;
	ev->mail.next = p->newest;
	p->newest = &ev->mail;
	if (p->oldest == NULL)
		p->oldest = &ev->mail;
}

static void flush(struct poller *p)
{
	if (p->newest != NULL)
		mailbox_send_chain(&p->s->flow_box, p->newest, p->oldest);
	p->newest = p->oldest = NULL;
}

/* ---- The round */

static void take_records(struct poller *p)
{
	int64_t now_ms = wall_ms();
	struct message m;

	for (unsigned i = 0; i < BATCH && !poller_is_full(p, false); i++) {
		int r = p->source->ops->poll(p->source, i == 0 ? POLL_MS : 0, &m);

		if (r <= 0)
			break;
		p->heard_at = mono_now();
		accept(p, &m, now_ms);
	}
	flush(p);
}

/* Paused or waiting: rebalances are still served.  A record that comes all the same was fetched before. */
static void serve_group(struct poller *p)
{
	struct message m;

	if (p->source->ops->poll(p->source, 0, &m) > 0) {
		accept(p, &m, wall_ms());
		flush(p);
	}
}

/* A partition without a leader, a broker that does not answer: a new topic, or one whose broker has just died.  Joining
 * anew asks again. */
static void resolve_again(struct poller *p, struct mono now)
{
	char why[256];

	if (!p->source->unresolved) {
		p->resolve_at = MONO_NEVER;
		return;
	}
	if (p->resolve_at.us == MONO_NEVER.us) {
		p->resolve_at = mono_add_ms(now, AGAIN_MS);
		poller_set_state(p, SUB_WAITING_BROKER,
		    "the start positions of group %s cannot be read or committed now; tried again",
		    p->s->conf->group);
	} else if (!mono_before(now, p->resolve_at)) {
		p->resolve_at = mono_add_ms(now, AGAIN_MS);
		if (p->source->ops->rejoin(p->source, why, sizeof(why)) < 0)
			poller_set_state(p, SUB_BLOCKED, "%s", why);
	}
}

static void round_of(struct poller *p)
{
	struct mono now = mono_now();

	poller_take_back(p);
	if (!p->looked && p->n_parts > 0)
		poller_look_at_topics(p);
	poller_see_standing(p);
	resolve_again(p, now);
	if (poller_may_take(p, now)) {
		take_records(p);
	} else {
		if (p->all_paused)
			serve_group(p);
		mailbox_wait(&p->s->poller_box, mono_add_ms(now, p->all_paused ? POLL_MS : 5));
	}
	now = mono_now();
	if (mono_diff_us(now, p->stored_at) >= STORE_US) {
		p->stored_at = now;
		poller_store(p);
	}
	if (mono_diff_us(now, p->published_at) >= PUBLISH_US) {
		p->published_at = now;
		poller_watch_fetch(p);
		poller_publish(p);
	}
}

/* ---- Start and stop */

static void wait_unblocked(struct poller *p)
{
	while (!atomic_load(&p->stop) && atomic_load(&p->s->blocked)) {
		poller_set_state(p, SUB_STARTING, "%s", "");
		poller_publish(p);
		mailbox_wait(&p->s->poller_box, mono_add_ms(mono_now(), 200));
	}
}

static int join(struct poller *p)
{
	struct source_callbacks cb;
	char why[512];
	int r;

	poller_callbacks(p, &cb);
	r = p->s->backend->source(
	    p->s->backend->arg, p->s->config, p->s->conf, &cb, &p->source, why, sizeof(why));
	if (r == 0)
		r = p->source->ops->subscribe(p->source, why, sizeof(why));
	if (r < 0)
		poller_set_state(p, SUB_BLOCKED, "%s", why);
	return r;
}

static void leave(struct poller *p)
{
	if (p->source == NULL)
		return;
	poller_set_state(p, SUB_DRAINING, "%s", "stopping");
	poller_publish(p);
	/* Revokes all: the drain is in the callback.  Nothing of it is destroyed while a record is still lent. */
	poller_set_paused(p, true);
	p->source->ops->leave(p->source);
	while (p->outstanding > 0) {
		poller_take_back(p);
		if (p->outstanding > 0)
			mailbox_wait(&p->s->poller_box, mono_add_ms(mono_now(), 50));
	}
	p->source->ops->close(p->source);
	p->source = NULL;
}

static void forget_partitions(struct poller *p)
{
	for (size_t i = 0; i < p->n_parts; i++) {
		offsets_free(p->parts[i]->window);
		free(p->parts[i]);
	}
	free(p->parts);
	p->parts = NULL;
	p->n_parts = 0;
	p->last_part = NULL;
}

/* The broker has given our place in the group to another client of the same name.  Were that another host, the ledger
 * would have refused it, or us: so it is a trace of ourselves, and the next client has the place again. */
static void join_again(struct poller *p)
{
	struct mono until = mono_add_ms(mono_now(), AGAIN_MS);

	leave(p);
	forget_partitions(p);
	poller_set_state(
	    p, SUB_WAITING_BROKER, "%s", "another client had our place in the group; it is joined again");
	while (!atomic_load(&p->stop) && mono_before(mono_now(), until)) {
		poller_publish(p);
		mailbox_wait(&p->s->poller_box, until);
	}
	p->fenced = p->looked = p->all_paused = false;
	p->full_since = MONO_NEVER;
	if (!atomic_load(&p->stop))
		(void)join(p);
}

static void *serve(void *arg)
{
	struct poller *p = arg;

	wait_unblocked(p);
	if (!atomic_load(&p->stop))
		(void)join(p);
	while (!atomic_load(&p->stop) && p->source != NULL) {
		round_of(p);
		if (p->fenced)
			join_again(p);
	}
	while (!atomic_load(&p->stop))
		mailbox_wait(&p->s->poller_box, mono_add_ms(mono_now(), 200));
	leave(p);
	poller_set_state(p, SUB_STOPPED, "%s", "");
	atomic_store(&p->ended, true);
	mailbox_wake(&p->s->flow_box);
	return NULL;
}

int poller_start(struct subscription *s, const uint8_t hash_key[16], struct poller **ret_poller)
{
	struct poller *p = calloc(1, sizeof(*p));
	uint8_t lane_key[16];

	if (p == NULL)
		return -ENOMEM;
	p->s = s;
	p->full_since = p->resolve_at = MONO_NEVER;
	random_bytes(lane_key, sizeof(lane_key));
	p->decoder = decoder_new(s->config, s->conf, hash_key, lane_key);
	if (p->decoder == NULL || pthread_create(&p->thread, NULL, serve, p) != 0) {
		decoder_free(p->decoder);
		free(p);
		return -EAGAIN;
	}
	*ret_poller = p;
	return 0;
}

void poller_stop(struct poller *p)
{
	atomic_store(&p->stop, true);
	mailbox_wake(&p->s->poller_box);
}

bool poller_wait(struct poller *p, struct mono until)
{
	while (!atomic_load(&p->ended)) {
		if (!mono_before(mono_now(), until))
			return false;
		mailbox_wait(&p->s->flow_box, mono_add_ms(mono_now(), 5));
	}
	return true;
}

void poller_free(struct poller *p)
{
	struct event *ev;

	if (p == NULL)
		return;
	pthread_join(p->thread, NULL);
	while ((ev = p->pool) != NULL) {
		p->pool = (struct event *)ev->mail.next;
		free(ev);
	}
	forget_partitions(p);
	decoder_free(p->decoder);
	free(p);
}
