/* The thread: mail, one call at a time, waiting. */
#include "engine/ledger_private.h"

#include "adapters/keyed_hash.h"
#include "core/upkeep.h"
#include "engine/decode.h"

#include <assert.h>
#include <errno.h>
#include <semel/handler.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Below saturation a call waits until so many items have come together, or for so long since the last call: a
 * round trip costs the server as much as the work of a hundred items. */
#define LINGER_ITEMS 128
#define LINGER_US 1000
#define PUBLISH_US 500000
/* Claims that are held (healing, no memory, a lease that is over by the server's clock) are looked at so often. */
#define HELD_US 5000
#define WATCH_US 100000

/* ---- What the flow asks for */

static void start_event(void *arg, struct event *ev)
{
	struct ledger_io *io = arg;

	recorder_give(io->recorder, ev);
	pool_submit(io->deps.pools[ev->handler], ev, io->s->index);
}

static void send_letter(void *arg, struct event *ev)
{
	struct ledger_io *io = arg;
	bool ran = ev->fate == FATE_HANDLE && ev->run.attempt > 0;
	const struct plugin *plugin = ran ? io->deps.plugins[ev->handler] : NULL;

	letters_send(
	    io->deps.letters, ev, io->s->index, plugin == NULL ? NULL : plugin_facts(plugin)->version);
}

/* A producer's clock may be ahead of ours. */
static void observe_age(struct ledger_io *io, const struct event *ev)
{
	int64_t ms = io->wall_ms - ev->origin.timestamp_ms;

	series_observe(io->s->series.event_seconds, ms < 0 ? 0 : (double)ms / 1e3);
}

static void give_back(void *arg, struct event *ev)
{
	struct ledger_io *io = arg;

	recorder_back(io->recorder, ev, ev->finished);
	if (io->s->observer != NULL && ev->finished)
		io->s->observer->finished(io->s->observer->arg, ev);
	io->progress_at = mono_now();
	if (ev->finished && ev->origin.timestamp_ms >= 0)
		observe_age(io, ev);
	ev->mail.kind = MAIL_EVENT;
	/* One chain a round: the poller is woken once. */
	ev->mail.next = io->back_newest;
	io->back_newest = &ev->mail;
	if (io->back_oldest == NULL)
		io->back_oldest = &ev->mail;
}

static void count_event(void *arg, struct event *ev, int delta)
{
	struct ledger_io *io = arg;

	(void)ev;
	atomic_fetch_add_explicit(&io->s->in_flight, delta, memory_order_relaxed);
}

static bool has_room(void *arg)
{
	const struct ledger_io *io = arg;

	return recorder_has_room(io->recorder);
}

static enum flow_past past_of(void *arg, struct event *ev)
{
	struct ledger_io *io = arg;

	return recorder_past(io->recorder, ev);
}

static void was_recorded(void *arg, struct event *ev)
{
	struct ledger_io *io = arg;

	recorder_recorded(io->recorder, ev);
}

static void flush_back(struct ledger_io *io)
{
	if (io->back_newest != NULL)
		mailbox_send_chain(&io->s->poller_box, io->back_newest, io->back_oldest);
	io->back_newest = io->back_oldest = NULL;
}

/* ---- Mail */

static void take_mail(struct ledger_io *io, struct mono now)
{
	struct mail *next;

	for (struct mail *m = mailbox_take(&io->s->flow_box); m != NULL; m = next) {
		next = m->next;
		switch ((enum mail_kind)m->kind) {
		case MAIL_EVENT: flow_add(io->flow, (struct event *)m); break;
		case MAIL_OUTCOME:
			io->progress_at = now;
			ledger_outcome_metrics(io, (struct event *)m);
			if (((struct event *)m)->run.outcome != RUN_NOT_STARTED)
				recorder_outlived(io->recorder, (struct event *)m);
			flow_outcome(io->flow, (struct event *)m, now, io->wall_ms);
			break;
		case MAIL_ACK:
			flow_letter_done(io->flow, (struct event *)m, ((struct event *)m)->letter_ok, now);
			break;
		case MAIL_REVOKE: {
			struct revoke_mail *r = (struct revoke_mail *)m;

			flow_revoke(io->flow, r->part_index, r->epoch);
			free(r);
			break;
		}
		case MAIL_QUERY: ledger_answer(io, (struct query *)m); break;
		case MAIL_ASIDE: {
			struct aside *a = (struct aside *)m;

			a->n = flow_put_aside(io->flow, a->id, a->why);
			sem_post(&a->done);
			break;
		}
		case MAIL_ACCEPT: ledger_accept(io, (struct accept *)m); break;
		}
	}
}

/* ---- The round */

static bool lingers(const struct ledger_io *io, struct mono now)
{
	size_t n = flow_pending(io->flow);

	return n > 0 && n < LINGER_ITEMS && mono_diff_us(now, io->called_at) < LINGER_US;
}

static void watch(struct ledger_io *io, struct mono now)
{
	if (mono_diff_us(now, io->watched_at) < WATCH_US)
		return;
	io->watched_at = now;
	ledger_watch_progress(io, now);
	for (size_t i = 0; i < io->s->config->n_handlers; i++)
		if (io->deps.pools[i] != NULL)
			pool_watch(io->deps.pools[i], io->s->index, now, ledger_late, io);
}

static void kick_pools(struct ledger_io *io)
{
	for (size_t i = 0; i < io->s->config->n_handlers; i++)
		if (io->deps.pools[i] != NULL)
			pool_kick(io->deps.pools[i]);
}

static void sleep_until(struct mono until)
{
	int64_t us = mono_diff_us(until, mono_now());
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	if (us > 0)
		nanosleep(&ts, NULL);
}

static struct mono earlier(struct mono a, struct mono b)
{
	return mono_before(a, b) ? a : b;
}

/* Wait for mail or for the next thing that is due. */
static void wait_round(struct ledger_io *io, struct mono now)
{
	struct mono until = earlier(flow_due(io->flow), mono_add_us(now, WATCH_US));

	if (ledger_usable(io, now) && lingers(io, now)) {
		/* Not by the mailbox: each outcome would wake us. */
		sleep_until(mono_add_us(io->called_at, LINGER_US));
		return;
	}
	if (ledger_usable(io, now) && (flow_pending(io->flow) > 0 || client_under_way(io->client))) {
		/* What is pending may have to wait for something else than us. */
		if (io->link.healing || io->no_claims || client_lapsed(io->client))
			mailbox_wait(&io->s->flow_box, earlier(until, mono_add_us(now, HELD_US)));
		return;
	}
	if (io->open && ledger_usable(io, now))
		until = earlier(until, flow_read_due(io->flow));
	else if (mono_before(now, io->retry_at))
		until = earlier(until, io->retry_at);
	mailbox_wait(&io->s->flow_box, until);
}

static void see_hold(struct ledger_io *io)
{
	bool paused = atomic_load_explicit(&io->s->hold, memory_order_relaxed) == HOLD_PAUSE;
	uint32_t resumes = atomic_load_explicit(&io->s->resumes, memory_order_relaxed);

	if (resumes != io->resumes)
		flow_resume(io->flow);
	io->resumes = resumes;

	if (paused == io->paused)
		return;
	io->paused = paused;
	flow_pause(io->flow, paused);
}

static void round_of(struct ledger_io *io)
{
	struct mono now = mono_now(), lease;

	io->wall_ms = wall_ms();
	see_hold(io);
	take_mail(io, now);
	if (io->open)
		ledger_take_renewal(io, now);
	if (ledger_usable(io, now) && !lingers(io, now)) {
		ledger_talk(io, now);
		now = mono_now();
	}
	lease.us = io->must_read || io->link.stale || io->session_gone ? 0
								       : atomic_load(&io->s->lease_until_us);
	flow_set_retry_topic(io->flow, atomic_load_explicit(&io->s->has_retry_topic, memory_order_relaxed));
	flow_set_gate(io->flow, gate_ask(io->deps.gate, io->s, flow_wants_alone(io->flow)));
	flow_step(io->flow, now, lease);
	gate_done(io->deps.gate, io->s, flow_running(io->flow));
	kick_pools(io);
	flush_back(io);
	watch(io, now);
	if (mono_diff_us(now, io->published_at) >= PUBLISH_US) {
		io->published_at = now;
		ledger_publish(io, now);
	}
	wait_round(io, now);
}

/* ---- Start and stop */

static void open_until_stopped(struct ledger_io *io)
{
	while (!atomic_load(&io->stop) && !io->open) {
		if (ledger_open(io) == 0)
			break;
		take_mail(io, mono_now());
		ledger_publish(io, mono_now());
		mailbox_wait(&io->s->flow_box, mono_add_ms(mono_now(), 250));
	}
	if (io->open && !atomic_load(&io->stop) &&
	    poller_start(io->s, client_view(io->client)->meta.hash_key, &io->poller) < 0)
		ledger_set_state(
		    io, LEDGER_REFUSED, "the poller cannot be started: out of memory or threads");
}

/* True when the poller has left the group and nothing is in flight any more. */
static bool drained(struct ledger_io *io)
{
	if (!io->poller_stopping && io->poller != NULL)
		poller_stop(io->poller);
	io->poller_stopping = true;
	return flow_events(io->flow) == 0 && (io->poller == NULL || poller_wait(io->poller, mono_now()));
}

static void *serve(void *arg)
{
	struct ledger_io *io = arg;

	open_until_stopped(io);
	while (!atomic_load(&io->stop) || !drained(io))
		round_of(io);
	/* What the poller sent last, and questions: nobody else takes them. */
	take_mail(io, mono_now());
	keeper_stop(io->keeper);
	io->keeper = NULL;
	if (io->open && io->state != LEDGER_LOST && !client_under_way(io->client))
		(void)io->store->ops->session_end(io->store, *client_session(io->client));
	atomic_store(&io->ended, true);
	return NULL;
}

int ledger_io_start(const struct ledger_io_deps *deps, struct ledger_io **ret_io)
{
	struct ledger_io *io = calloc(1, sizeof(*io));
	struct flow_out out = { io, start_event, send_letter, give_back, count_event, ledger_note, has_room,
		past_of, was_recorded };
	uint64_t seed;

	if (io == NULL)
		return -ENOMEM;
	io->deps = *deps;
	io->s = deps->s;
	io->progress_at = mono_now();
	random_bytes(&seed, sizeof(seed));
	io->flow = flow_new(io->s->conf, &out, seed);
	io->store = subscription_store(io->s);
	io->outcome_series = calloc(io->s->config->n_handlers * OUTCOMES, sizeof(struct series *));
	random_bytes(&seed, sizeof(seed));
	io->client = client_new(io->s->config->ledger.lease_ms * 1000, seed);
	if (io->flow == NULL || io->store == NULL || io->client == NULL || io->outcome_series == NULL ||
	    recorder_new(io->s, &io->recorder) < 0) {
		ledger_io_free(io);
		return -ENOMEM;
	}
	flow_set_client(io->flow, io->client);
	link_init(&io->link, io->store, io->client, io->flow, io->s->config->ledger.lease_ms * 1000);
	io->link.durable = io->s->config->ledger.replicas > 0;
	io->link.filter_memory = (uint64_t)io->s->config->ledger.filter_memory;
	io->link.generation_ids = UPKEEP_GENERATION_IDS;
	ledger_setup_series(io);
	ledger_set_state(io, LEDGER_STARTING, "the ledger was not opened yet");
	if (pthread_create(&io->thread, NULL, serve, io) != 0) {
		ledger_io_free(io);
		return -EAGAIN;
	}
	*ret_io = io;
	return 0;
}

void ledger_io_stop(struct ledger_io *io)
{
	atomic_store(&io->stop, true);
	mailbox_wake(&io->s->flow_box);
}

bool ledger_io_wait(struct ledger_io *io, struct mono until)
{
	while (!atomic_load(&io->ended)) {
		if (!mono_before(mono_now(), until))
			return false;
		sleep_until(earlier(until, mono_add_ms(mono_now(), 5)));
	}
	pthread_join(io->thread, NULL);
	return true;
}

void ledger_io_free(struct ledger_io *io)
{
	if (io == NULL)
		return;
	poller_free(io->poller);
	renewal_stop(io->renewal);
	keeper_stop(io->keeper);
	link_free(&io->link);
	flow_free(io->flow);
	recorder_free(io->recorder);
	client_free(io->client);
	if (io->store != NULL)
		io->store->ops->free(io->store);
	free(io->outcome_series);
	free(io->owners);
	free(io);
}
