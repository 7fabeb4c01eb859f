#include "lib/world.h"

#include "core/backoff.h"
#include "core/link.h"
#include "core/upkeep.h"
#include "lib/fault_store.h"

#include <check.h>
#include <errno.h>
#include <semel/handler.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS 3
#define PARTITIONS 6
#define KEYS 12
#define MAX_IDS (PARTITIONS * WORLD_RECORDS * 9 / 10) /* fewer than records: some are duplicates */
#define WINDOW 64
#define LEASE_US 3000000
#define REFERENCES 4
#define RETENTION_MS UINT64_C(4000000)

struct sim_record {
	uint32_t id;
	uint8_t key;
};

struct host {
	bool alive;
	struct mono paused_until;
	struct store *store, *upkeep_store;
	struct client *client;
	struct flow *flow;
	struct link link;
	struct upkeep *upkeep;
	bool session_gone, held;
	struct mono locked_out; /* of the upkeep: another works, or there is nothing to do */
	struct session_id session;
	struct mono deadline, renew_at;
	int fail; /* 0; 1: before a call's effect; 2: after it */
	unsigned fail_after; /* ... that comes after so many */
	uint32_t lost[PARTITIONS]; /* epochs of assignments that were lost, to be noticed later; 0: none */
	struct event *running[4096];
	size_t n_running;
	struct event *letters[4096];
	size_t n_letters;
	struct event *alone;
};

/* A host's black box, which may outlive it: engine/recorder in small. */
enum sim_state { SIM_FREE, SIM_RUNNING, SIM_ENDED, SIM_BEGUN, SIM_SUSPECT, SIM_VERDICT };
struct sim_slot {
	enum sim_state state;
	uint8_t id[16];
	uint64_t fence;
	int outcome;
};
#define SIM_SLOTS 8192
struct sim_box {
	struct sim_slot slots[SIM_SLOTS];
	size_t top, n_past; /* slots in use lie below `top` */
	bool has_session;
	struct session_id session;
};

struct part {
	int owner; /* -1: nobody */
	uint32_t epoch;
	size_t next, committed; /* records */
	bool done[WORLD_RECORDS];
	size_t outstanding;
	bool revoking;
};

struct truth {
	int runner; /* host that runs it, -1 */
	unsigned starts;
	bool ended; /* an outcome other than RETRY was returned */
	bool final, final_then; /* the ledger says so; it did at the last snapshot */
	bool interrupted; /* its host died while it ran */
	bool touched; /* something of it was lost: it may be repeated without a mark */
	unsigned knows; /* hosts that had read a final state which was lost */
};

static const struct world_store *backend;
static struct world_rules rules;
static struct world_figures figures;
static struct sim_record records[PARTITIONS][WORLD_RECORDS];
static struct part parts[PARTITIONS];
static struct host hosts[HOSTS];
static struct sim_box boxes[HOSTS];
static struct truth truths[MAX_IDS];
static uint32_t n_ids;
static struct store *plain; /* never fails: the truth reads by it */
static struct table *references[REFERENCES]; /* of recent generations */
static struct mono now;
static int64_t clock_step; /* the server's clock against ours */
static uint64_t rng;
static bool calm; /* no more faults */

static uint64_t roll(uint64_t n)
{
	return backoff_random(&rng) % n;
}

#define REQUIRE(condition, ...)                                                                              \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "seed %llu, step %llu: ", (unsigned long long)rules.seed,            \
			    (unsigned long long)figures.steps);                                              \
			ck_abort_msg(__VA_ARGS__);                                                           \
		}                                                                                            \
	} while (0)

/* ---- Ids and events */

#define ODD UINT64_C(0x9e3779b97f4a7c15)
#define INVERSE UINT64_C(0xf1de83e19937733d) /* ODD * INVERSE == 1 modulo 2^64 */

static void id_bytes(uint32_t id, uint8_t out[16])
{
	uint64_t x = (id + UINT64_C(1)) * ODD, y = x ^ x >> 29;

	for (unsigned i = 0; i < 8; i++) {
		out[i] = (uint8_t)(x >> 8 * i); /* the low bytes first: they differ most */
		out[8 + i] = (uint8_t)(y >> 8 * i);
	}
}

static struct truth *truth_of(const uint8_t *id)
{
	uint64_t x = 0, n;

	for (unsigned i = 8; i-- > 0;)
		x = x << 8 | id[i];
	n = x * INVERSE - 1;
	REQUIRE(n < n_ids, "an id in the log that nobody made");
	return &truths[n];
}

static struct event *make_event(unsigned p, size_t offset)
{
	struct event *ev = aligned_alloc(64, (sizeof(*ev) + 63) / 64 * 64);
	const struct sim_record *r = &records[p][offset];

	memset(ev, 0, sizeof(*ev));
	ev->part_index = p;
	ev->epoch = parts[p].epoch;
	ev->msg.partition = (int32_t)p;
	ev->msg.offset = (int64_t)offset;
	id_bytes(r->id, ev->id_hash);
	ev->check = r->id;
	ev->lane_key = (uint64_t)p << 32 | r->key;
	ev->fate = offset % 97 == 13 ? FATE_NO_ID : FATE_HANDLE;
	ev->run.sub = r->id;
	return ev;
}

/* ---- The truth: what the log says, read by a connection that never fails */

static void note_final(const uint8_t *id)
{
	struct truth *t = truth_of(id);

	t->final = true;
	t->knows = 0;
}

/* What the record at hand made final. */
static void note_record(const struct table *t, const struct store_record *r, const bool *took)
{
	struct record_view v;
	size_t heals = 0;

	REQUIRE(record_read_body(r->body, &v) == 0, "the truth cannot read a record");
	if (v.first)
		return;
	for (unsigned i = 0; i < RECORD_HEALS; i++)
		heals += v.n[i];
	for (unsigned i = 0; i < v.n[RECORD_SETTLES]; i++) {
		struct record_settle s = record_settle_at(&v, i);

		if (!took[i] || s.status >= SETTLE_RELEASED)
			continue;
		if (s.record == RECORD_THIS)
			note_final(record_carry_at(&v, s.index).id);
		else
			note_final(table_at(t, s.record, s.index).id);
	}
	for (unsigned i = 0; i < v.n[RECORD_HEALS]; i++)
		if (took[heals + i])
			note_final(record_heal_at(&v, i).id);
}

static void read_reference(uint32_t generation)
{
	static bool took[8 * 65536];
	struct table **t = &references[generation % REFERENCES];
	struct store_reply reply;

	if (*t == NULL || table_generation(*t) != generation) {
		table_free(*t);
		*t = table_new(generation);
	}
	for (;;) {
		size_t skip = table_records(*t) > 0;

		if (plain->ops->read(plain, generation, table_records(*t), 256, &reply) < 0)
			return;
		REQUIRE(reply.result == STORE_OK, "the log went back by itself");
		for (size_t i = skip; i < reply.n; i++) {
			REQUIRE(table_apply(*t, reply.records[i].header, reply.records[i].body, took) == 0,
			    "the truth refuses record %llu of generation %u",
			    (unsigned long long)table_records(*t), generation);
			note_record(*t, &reply.records[i], took);
		}
		if (reply.n - skip < 256)
			return;
	}
}

static void read_truth(void)
{
	struct ledger_meta meta;

	REQUIRE(plain->ops->meta_read(plain, &meta) == 0, "the truth finds no ledger");
	if (meta.oldest != meta.generation)
		read_reference(meta.oldest);
	read_reference(meta.generation);
}

/* ---- The black box */

static struct sim_slot *box_past(struct sim_box *b, const uint8_t *id)
{
	for (size_t i = 0; b->n_past > 0 && i < b->top; i++)
		if (b->slots[i].state >= SIM_BEGUN && memcmp(b->slots[i].id, id, LEDGER_ID) == 0)
			return &b->slots[i];
	return NULL;
}

static void box_forget(struct sim_box *b, struct sim_slot *slot)
{
	slot->state = SIM_FREE;
	b->n_past--;
}

static void box_note(struct sim_box *b, struct event *ev)
{
	size_t i = 0;

	while (i < b->top && b->slots[i].state != SIM_FREE)
		i++;
	REQUIRE(i < SIM_SLOTS && ev->run.slot == NULL, "no slot for event %u", ev->run.sub);
	if (i == b->top)
		b->top++;
	b->slots[i] = (struct sim_slot){ .state = SIM_RUNNING, .fence = ev->run.fence };
	memcpy(b->slots[i].id, ev->id_hash, sizeof(ev->id_hash));
	ev->run.slot = (struct box_slot *)&b->slots[i];
}

static void box_note_end(struct sim_box *b, struct event *ev)
{
	struct sim_slot *slot = (struct sim_slot *)ev->run.slot, *past = box_past(b, ev->id_hash);

	slot->state = SIM_ENDED;
	slot->outcome = ev->run.outcome;
	if (past != NULL && past->state != SIM_VERDICT)
		box_forget(b, past);
}

/* The host is dead; its box is kept, or lost with the machine. */
static void box_after_kill(struct sim_box *b, bool kept)
{
	if (!kept)
		memset(b, 0, sizeof(*b));
}

static size_t box_runs(const struct sim_box *b, struct link_run *runs)
{
	size_t n = 0, running = 0;

	for (size_t i = 0; i < b->top; i++)
		running += b->slots[i].state == SIM_RUNNING;
	for (size_t i = 0; i < b->top; i++) {
		const struct sim_slot *slot = &b->slots[i];
		bool good = slot->outcome == SEMEL_OK || slot->outcome == SEMEL_SKIP;

		if (slot->state != SIM_RUNNING &&
		    (slot->state != SIM_ENDED || (!good && slot->outcome != SEMEL_RETRY)))
			continue;
		runs[n] = (struct link_run){ .fence = slot->fence,
			.until_ms = now.us / 1000,
			.left = slot->state == SIM_RUNNING
				    ? (running == 1 ? LINK_LEFT_CRASHED : LINK_LEFT_BEGUN)
				: good ? LINK_LEFT_DONE
				       : LINK_LEFT_FAILED };
		memcpy(runs[n++].id, slot->id, LEDGER_ID);
	}
	return n;
}

static void box_recover(struct host *h, struct sim_box *b)
{
	static struct link_run runs[SIM_SLOTS];
	size_t n = box_runs(b, runs);

	ck_assert_int_eq(link_recover(&h->link, &b->session, 1, runs, n, false, now), 0);
	figures.recovered += n;
	b->n_past = 0;
	for (size_t i = 0; i < b->top; i++) {
		struct sim_slot *slot = &b->slots[i];

		if (slot->state == SIM_RUNNING)
			slot->state = SIM_SUSPECT;
		else if (slot->state == SIM_ENDED)
			slot->state = slot->outcome == SEMEL_REJECT ? SIM_VERDICT : SIM_FREE;
		b->n_past += slot->state != SIM_FREE;
	}
}

/* ---- What the hosts' flows ask for */

static bool has_room(void *arg)
{
	(void)arg;
	return true;
}

static void recorded(void *arg, struct event *ev)
{
	(void)arg;
	if (ev->run.slot != NULL)
		((struct sim_slot *)ev->run.slot)->state = SIM_FREE;
	ev->run.slot = NULL;
}

static enum flow_past past_of(void *arg, struct event *ev)
{
	struct host *h = arg;
	const struct sim_slot *slot = box_past(&boxes[h - hosts], ev->id_hash);

	return slot == NULL                 ? FLOW_PAST_NONE
	       : slot->state == SIM_BEGUN   ? FLOW_PAST_BEGUN
	       : slot->state == SIM_SUSPECT ? FLOW_PAST_SUSPECT
					    : FLOW_PAST_REJECTED;
}

/* A suspect runs with nothing else inside a handler, and what was rejected never again. */
static void check_suspect(struct host *h, struct event *ev)
{
	enum flow_past past = past_of(h, ev);

	REQUIRE(past != FLOW_PAST_REJECTED, "id %u started although the box says that it was rejected",
	    ev->run.sub);
	REQUIRE(h->alone == NULL, "id %u started beside a suspect", ev->run.sub);
	REQUIRE(ev->run.crashes < 3, "id %u started after three crashes", ev->run.sub);
	if (past != FLOW_PAST_SUSPECT && ev->run.crashes == 0 && ev->run.takeovers < 2)
		return;
	REQUIRE(h->n_running == 0, "suspect %u started beside others", ev->run.sub);
	h->alone = ev;
	figures.suspects++;
}

static bool undisturbed(const struct host *h)
{
	return h->alive && mono_before(now, h->deadline) && mono_before(h->paused_until, now);
}

static void check_order(const struct event *ev)
{
	unsigned p = ev->part_index;

	/* Everything of this lane before it has been handled, here or elsewhere. */
	for (size_t o = parts[p].committed; o < (size_t)ev->msg.offset; o++) {
		const struct sim_record *r = &records[p][o];

		if (r->key != records[p][ev->msg.offset].key || o % 97 == 13 || parts[p].done[o])
			continue;
		REQUIRE(truths[r->id].ended, "%u/%lld started before %zu of its lane ended", p,
		    (long long)ev->msg.offset, o);
	}
}

/* A final state that a failover lost must not be claimed while somebody who read it is there to write it again. */
static void check_lost(const struct truth *t, unsigned id)
{
	for (unsigned i = 0; i < HOSTS; i++)
		if ((t->knows & 1u << i) != 0)
			REQUIRE(!undisturbed(&hosts[i]),
			    "id %u started although host %u, alive and within its lease, knows that it ended",
			    id, i);
}

static void start_event(void *arg, struct event *ev)
{
	struct host *h = arg;
	struct truth *t = &truths[ev->run.sub];

	REQUIRE(mono_before(now, h->deadline), "started past the lease");
	read_truth();
	REQUIRE(!t->final, "id %u started after it was recorded", ev->run.sub);
	check_lost(t, ev->run.sub);
	if (t->runner >= 0 && t->runner != (int)(h - hosts))
		REQUIRE(t->touched || !undisturbed(&hosts[t->runner]),
		    "id %u started while host %d, alive and within its lease, runs it", ev->run.sub,
		    t->runner);
	REQUIRE(t->runner != (int)(h - hosts), "id %u started twice in one host", ev->run.sub);
	if (t->ended && t->starts > 0) {
		figures.repeats++;
		REQUIRE(t->touched || ev->run.redelivered || ev->run.failed > 0,
		    "id %u repeated without a mark", ev->run.sub);
	}
	check_order(ev);
	REQUIRE(!t->interrupted || t->touched || ev->run.redelivered,
	    "id %u runs again without a mark after its host died", ev->run.sub);
	t->interrupted = false;
	check_suspect(h, ev);
	box_note(&boxes[h - hosts], ev);
	t->runner = (int)(h - hosts);
	t->starts++;
	figures.starts++;
	REQUIRE(h->n_running < 4096, "too many running");
	h->running[h->n_running++] = ev;
}

static void letter(void *arg, struct event *ev)
{
	struct host *h = arg;

	h->letters[h->n_letters++] = ev;
}

static void back(void *arg, struct event *ev)
{
	struct part *p = &parts[ev->part_index];
	struct host *h = arg;
	struct sim_slot *past = ev->finished ? box_past(&boxes[h - hosts], ev->id_hash) : NULL;

	recorded(h, ev);
	if (past != NULL)
		box_forget(&boxes[h - hosts], past);
	if (ev->finished && ev->fate == FATE_HANDLE && ev->f.reason != DLQ_ID_CONFLICT) {
		read_truth();
		REQUIRE(truths[ev->run.sub].final || truths[ev->run.sub].touched,
		    "offset of id %u finished, but the log does not say so", ev->run.sub);
	}
	if (ev->epoch == p->epoch) {
		p->outstanding--;
		if (ev->finished)
			p->done[ev->msg.offset] = true;
		while (p->committed < rules.records && p->done[p->committed])
			p->committed++;
	}
	free(ev);
}

static void count(void *arg, struct event *ev, int delta)
{
	(void)arg;
	(void)ev;
	(void)delta;
}

static void note(void *arg, enum flow_note n, struct event *ev)
{
	(void)arg;
	(void)ev;
	figures.takeovers += n == FLOW_TAKEOVER;
}

/* ---- Hosts */

static int fail_hook(void *arg, bool after)
{
	struct host *h = arg;

	if ((h->fail != 1 || after) && (h->fail != 2 || !after))
		return 0;
	/* Not always the next call: one within a refresh, too. */
	if (h->fail_after-- > 0)
		return 0;
	h->fail = 0;
	return -ETIMEDOUT;
}

static void new_session_id(struct session_id *id)
{
	uint64_t x = backoff_random(&rng);

	memcpy(id->b, &x, sizeof(id->b));
}

/* Nothing that a host meets here is damage, and a loss only where a failover went back beyond what it has read
 * itself: then the operator accepts it. */
static void check_link(struct host *h)
{
	struct ledger_meta fresh = { .format = LEDGER_FORMAT, .rules = LEDGER_RULES };
	uint64_t random = backoff_random(&rng);

	if (h->link.fault == LINK_LOST && figures.failovers > 0) {
		memcpy(fresh.version.b, &random, 8);
		memcpy(fresh.identity, &random, 8);
		figures.accepted += link_accept_loss(&h->link, &fresh) == 0;
		return;
	}
	REQUIRE(h->link.fault == LINK_SOUND || h->link.fault == LINK_TROUBLE, "host %d: %s", (int)(h - hosts),
	    h->link.text);
}

static void host_start(struct host *h, const struct config_subscription *conf)
{
	struct flow_out out = { h, start_event, letter, back, count, note, has_room, past_of, recorded };
	struct sim_box *b = &boxes[h - hosts];

	memset(h, 0, sizeof(*h));
	h->store = fault_store_new(backend->open(backend->arg), fail_hook, h);
	h->upkeep_store = fault_store_new(backend->open(backend->arg), fail_hook, h);
	h->client = client_new(LEASE_US, backoff_random(&rng));
	h->flow = flow_new(conf, &out, backoff_random(&rng));
	h->upkeep = upkeep_new(h->upkeep_store, backoff_random(&rng));
	flow_set_client(h->flow, h->client);
	link_init(&h->link, h->store, h->client, h->flow, LEASE_US);
	h->link.filter_memory = roll(3) == 0 ? 4000 : UINT64_MAX;
	ck_assert_int_eq(link_refresh(&h->link, now), 0);
	if (b->has_session)
		box_recover(h, b);
	new_session_id(&h->session);
	b->session = h->session;
	b->has_session = true;
	ck_assert_int_eq(h->store->ops->session_open(h->store, h->session, LEASE_US, "host"), 0);
	client_set_session(h->client, h->session);
	h->deadline = mono_add_us(now, LEASE_US);
	h->renew_at = mono_add_us(now, LEASE_US / 3);
	h->alive = true;
}

/* kill -9: whatever it held is gone; the group notices. */
static void host_kill(struct host *h)
{
	int self = (int)(h - hosts);

	for (unsigned p = 0; p < PARTITIONS; p++) {
		if (parts[p].owner != self)
			continue;
		parts[p].owner = -1;
		parts[p].epoch++;
		parts[p].outstanding = 0;
		parts[p].revoking = false;
		parts[p].next = parts[p].committed;
	}
	for (size_t i = 0; i < h->n_running; i++)
		truths[h->running[i]->run.sub].interrupted = true;
	box_after_kill(&boxes[self], roll(3) > 0);
	for (uint32_t i = 0; i < n_ids; i++) {
		if (truths[i].runner == self)
			truths[i].runner = -1;
		truths[i].knows &= ~(1u << self);
	}
	/* Its memory: the flow cannot be asked to give events back, so they are taken from it. */
	for (const struct event *ev = flow_oldest(h->flow), *next; ev != NULL; ev = next) {
		next = ev->f.all_next;
		free((void *)(uintptr_t)ev);
	}
	figures.healed += client_healed(h->client);
	figures.rotated += upkeep_counts(h->upkeep).rotated;
	figures.sealed += upkeep_counts(h->upkeep).sealed;
	figures.merged += upkeep_counts(h->upkeep).merged;
	figures.lost_races += upkeep_counts(h->upkeep).lost_races;
	flow_abandon(h->flow);
	link_free(&h->link);
	upkeep_free(h->upkeep);
	client_free(h->client);
	h->store->ops->free(h->store);
	h->upkeep_store->ops->free(h->upkeep_store);
	h->alive = false;
	figures.kills++;
}

static void new_session(struct host *h)
{
	struct session_id id;

	new_session_id(&id);
	if (h->store->ops->session_open(h->store, id, LEASE_US, "host") < 0)
		return;
	if (link_new_session(&h->link, id, now) < 0) {
		check_link(h);
		return;
	}
	h->session = boxes[h - hosts].session = id;
	h->session_gone = false;
	h->deadline = mono_add_us(now, LEASE_US);
}

static void renew(struct host *h)
{
	struct store_renewal renewal;
	int r = h->store->ops->session_renew(h->store, h->session, LEASE_US, &renewal);

	h->renew_at = mono_add_us(now, r == 0 ? LEASE_US / 3 : 200000);
	if (r == -ENOENT) {
		h->session_gone = true;
		h->deadline = now;
	}
	if (r < 0)
		return;
	link_renewed(&h->link, &renewal, now, 1 + figures.failovers);
	if (!mono_before(now, h->deadline)) {
		figures.lapses++;
		if (link_read(&h->link, now) < 0) {
			check_link(h);
			return;
		}
		flow_recheck(h->flow);
	}
	h->deadline = mono_add_us(now, LEASE_US);
}

static void keep_up(struct host *h)
{
	struct upkeep_rules r = { .generation_ids = rules.generation_ids,
		.retention_ms = RETENTION_MS,
		.server_now_us = (uint64_t)(now.us + clock_step) };
	enum upkeep_did did;

	if (roll(8) == 0) {
		upkeep_look(h->upkeep, client_view(h->client), h->session, &r);
		/* The list that may go now is closed: it has to be read first. */
		if (client_view(h->client)->before != NULL)
			read_truth();
	}
	if (mono_before(now, h->locked_out))
		return;
	if (upkeep_step(h->upkeep, &did) < 0)
		return;
	if (did == UPKEEP_LOCKED || did == UPKEEP_IDLE)
		h->locked_out = mono_add_us(now, 20000);
	if (did == UPKEEP_MOVED && roll(2) == 0)
		h->link.stale = true;
}

static void end_run(struct host *h)
{
	size_t i = h->n_running == 0 ? 0 : roll(h->n_running);
	struct event *ev;
	uint64_t dice = roll(100);

	if (h->n_running == 0)
		return;
	ev = h->running[i];
	h->running[i] = h->running[--h->n_running];
	ev->run.retry_ms = dice < 3 ? 2000 : dice < 8 ? 50 : -1;
	ev->run.outcome = calm        ? SEMEL_OK
			  : dice < 10 ? SEMEL_RETRY
			  : dice < 12 ? SEMEL_REJECT
			  : dice < 14 ? SEMEL_SKIP
				      : SEMEL_OK;
	if (dice == 99 && !calm)
		ev->run.outcome = RUN_NOT_STARTED;
	if (ev->run.outcome == SEMEL_OK || ev->run.outcome == SEMEL_SKIP || ev->run.outcome == SEMEL_REJECT)
		truths[ev->run.sub].ended = true;
	if (ev->run.outcome == RUN_NOT_STARTED)
		truths[ev->run.sub].starts--;
	else
		box_note_end(&boxes[h - hosts], ev);
	if (h->alone == ev)
		h->alone = NULL;
	/* Exhausted ones end, too. */
	if (ev->run.outcome == SEMEL_RETRY && ev->run.failed + 1 >= 4)
		truths[ev->run.sub].ended = true;
	if (truths[ev->run.sub].runner == (int)(h - hosts))
		truths[ev->run.sub].runner = -1;
	flow_outcome(h->flow, ev, now, now.us / 1000);
}

static void ack_letter(struct host *h)
{
	struct event *ev;
	bool ok;

	if (h->n_letters == 0)
		return;
	figures.letters++;
	ev = h->letters[--h->n_letters];
	ok = calm || roll(10) > 0;
	if (ok && ev->f.reason == DLQ_CRASHED)
		truths[ev->run.sub].ended = true;
	flow_letter_done(h->flow, ev, ok, now);
}

static void deliver(struct host *h, unsigned p)
{
	struct part *part = &parts[p];

	while (part->next < rules.records && part->next < part->committed + WINDOW &&
	       part->outstanding < WINDOW) {
		size_t offset = part->next++;

		if (part->done[offset])
			continue;
		part->outstanding++;
		flow_add(h->flow, make_event(p, offset));
	}
}

/* ---- The group */

static void move_partition(unsigned p)
{
	struct part *part = &parts[p];

	if (part->owner < 0) {
		int to = (int)roll(HOSTS);

		if (!hosts[to].alive)
			return;
		part->owner = to;
		part->epoch++;
		part->next = part->committed;
		/* What was finished beyond the committed position comes again. */
		memset(part->done + part->committed, 0, rules.records - part->committed);
	} else if (!part->revoking) {
		part->revoking = true;
		figures.revokes++;
		flow_revoke(hosts[part->owner].flow, p, part->epoch);
	}
	if (part->revoking && (part->outstanding == 0 || roll(200) == 0)) {
		/* Drained, or the drain took too long: late outcomes count for nothing here. */
		part->revoking = false;
		part->owner = -1;
		part->epoch++;
		part->outstanding = 0;
	}
}

/* A host that stood still for too long has lost its partitions; it learns of it some time after it wakes. */
static void lose_partitions(struct host *h)
{
	for (unsigned p = 0; p < PARTITIONS; p++) {
		if (parts[p].owner != (int)(h - hosts))
			continue;
		h->lost[p] = parts[p].epoch;
		parts[p].owner = -1;
		parts[p].revoking = false;
		parts[p].epoch++;
		parts[p].outstanding = 0;
	}
}

static void notice_losses(struct host *h)
{
	for (unsigned p = 0; p < PARTITIONS; p++) {
		if (h->lost[p] == 0 || roll(20) > 0)
			continue;
		flow_revoke(h->flow, p, h->lost[p]);
		h->lost[p] = 0;
	}
}

static void step_host(struct host *h)
{
	if (!h->alive || mono_before(now, h->paused_until))
		return;
	if (!mono_before(now, h->renew_at))
		renew(h);
	if (h->session_gone)
		new_session(h);
	notice_losses(h);
	if (calm && h->held) {
		h->held = false;
		flow_pause(h->flow, false);
	}
	for (unsigned p = 0; p < PARTITIONS; p++)
		if (parts[p].owner == (int)(h - hosts) && !parts[p].revoking)
			deliver(h, p);
	for (uint64_t i = roll(8); i > 0; i--)
		end_run(h);
	ack_letter(h);
	if (!calm && roll(60) == 0) {
		h->fail = 1 + (int)roll(2);
		h->fail_after = (unsigned)(roll(2) * roll(6));
		figures.lost_replies += h->fail == 2;
	}
	if (roll(3) > 0)
		keep_up(h);
	if (roll(3) > 0 && !h->session_gone) {
		figures.looks += client_looks(h->client) > 0;
		(void)link_talk(&h->link, now, true);
		check_link(h);
	}
	if (!mono_before(now, flow_read_due(h->flow))) {
		(void)link_read(&h->link, now);
		check_link(h);
	}
	flow_set_gate(h->flow, flow_wants_alone(h->flow) ? FLOW_GATE_ALONE : FLOW_GATE_OPEN);
	flow_step(h->flow, now, h->link.stale ? (struct mono){ 0 } : h->deadline);
}

/* ---- Faults */

/* The server's clock goes by steps, too. */
static void set_time(bool now_at_once)
{
	static struct mono set_at;

	if (!now_at_once && mono_diff_us(now, set_at) < 5000)
		return;
	set_at = now;
	backend->set_time(backend->arg, (uint64_t)(now.us + clock_step));
}

static void snapshot(void)
{
	read_truth();
	backend->snapshot(backend->arg);
	for (uint32_t i = 0; i < n_ids; i++)
		truths[i].final_then = truths[i].final;
}

static bool is_claimed(const uint8_t *id)
{
	for (unsigned i = 0; i < REFERENCES; i++)
		if (references[i] != NULL && entry_is_open(table_find(references[i], id).state))
			return true;
	return false;
}

/* Whose session was opened in what is lost is not waited for: nobody can know of it. */
static void forget_lost_sessions(void)
{
	struct store_renewal renewal;

	REQUIRE(plain->ops->session_renew(plain, (struct session_id){ { 0 } }, 0, &renewal) == 0, "sessions");
	for (unsigned h = 0; h < HOSTS; h++) {
		bool there = false;

		for (size_t i = 0; i < renewal.n; i++)
			there = there || memcmp(&renewal.leases[i].session, &hosts[h].session,
					     sizeof(struct session_id)) == 0;
		for (uint32_t i = 0; i < n_ids && !there; i++)
			truths[i].knows &= ~(1u << h);
	}
}

/* Everything written since the snapshot is gone, and the new server's clock is another one. */
static void failover(void)
{
	read_truth();
	for (uint32_t i = 0; i < n_ids; i++) {
		struct truth *t = &truths[i];
		uint8_t id[16];

		id_bytes(i, id);
		if (t->runner >= 0 || (t->ended && !t->final) || is_claimed(id))
			t->touched = true;
		if (!t->final || t->final_then)
			continue;
		t->final = false;
		t->touched = true;
		figures.lost_ids++;
		for (unsigned h = 0; h < HOSTS; h++)
			/* "dead" is not healed over somebody's open claim. */
			if (hosts[h].alive && client_find(hosts[h].client, id).state == ENTRY_DONE)
				t->knows |= 1u << h;
	}
	backend->failover(backend->arg);
	plain->ops->free(plain);
	plain = backend->open(backend->arg);
	forget_lost_sessions();
	clock_step += (int64_t)roll(20000000) - 10000000;
	figures.failovers++;
	set_time(true);
	for (unsigned i = 0; i < REFERENCES; i++) {
		table_free(references[i]);
		references[i] = NULL;
	}
	read_truth();
}

static void fault(const struct config_subscription *conf)
{
	struct host *h = &hosts[roll(HOSTS)];
	uint64_t dice = roll(rules.faults);

	if (roll(rules.faults / 30) == 0)
		snapshot();
	if (!h->alive) {
		if (roll(500) == 0)
			host_start(h, conf);
	} else if (dice < 3) {
		host_kill(h);
		if (roll(2) == 0)
			host_start(h, conf); /* a manager was there */
	} else if (dice < 8) {
		h->paused_until = mono_add_us(now, (int64_t)roll(4 * LEASE_US));
		if (mono_diff_us(h->paused_until, now) > LEASE_US)
			lose_partitions(h);
	} else if (dice == 8) {
		/* The session vanishes, as after an operator's HDEL. */
		plain->ops->session_end(plain, h->session);
	} else if (dice == 11 || dice == 12) {
		/* An operator's pause, and its end. */
		h->held = !h->held;
		flow_pause(h->flow, h->held);
	} else if (dice == 9 || dice == 13) {
		failover();
	} else if (dice == 10) {
		/* A sealer dies; its host goes on. */
		upkeep_free(h->upkeep);
		h->upkeep = upkeep_new(h->upkeep_store, backoff_random(&rng));
		figures.killed_keepers++;
	}
}

/* ---- The world */

/* One of those so far, or, as often, one of those that are under way. */
static uint32_t old_id(uint32_t n)
{
	uint32_t recent = n < 300 ? n : 300;

	return roll(2) == 0 ? (uint32_t)roll(n) : n - 1 - (uint32_t)roll(recent);
}

static void make_world(void)
{
	uint32_t id = 0;

	n_ids = PARTITIONS * rules.records * 9 / 10;
	for (unsigned p = 0; p < PARTITIONS; p++) {
		memset(&parts[p], 0, sizeof(parts[p]));
		parts[p].owner = -1;
		for (size_t o = 0; o < rules.records; o++) {
			bool duplicate = id >= n_ids || (id > 100 && roll(10) == 0);

			records[p][o].id = duplicate ? old_id(id < n_ids ? id : n_ids) : id++;
			records[p][o].key = (uint8_t)roll(KEYS);
		}
	}
	for (uint32_t i = 0; i < n_ids; i++)
		truths[i] = (struct truth){ .runner = -1 };
}

static bool all_committed(void)
{
	for (unsigned p = 0; p < PARTITIONS; p++)
		if (parts[p].committed < rules.records)
			return false;
	return true;
}

static struct config_subscription subscription(void)
{
	struct config_subscription conf = { .max_in_flight = 1000, .id_conflict = ID_CONFLICT_DEAD_LETTER };

	conf.retry.attempts = 4;
	conf.max_crashes = 3;
	conf.retry.backoff_ms = 100;
	conf.retry.max_backoff_ms = 5000;
	return conf;
}

static void begin(const struct config_subscription *conf)
{
	struct ledger_meta meta = { .format = LEDGER_FORMAT,
		.rules = LEDGER_RULES,
		.identity = { 1 },
		.version = { { 1 } },
		.generation = 1,
		.oldest = 1,
		.retention_ms = RETENTION_MS };

	rng = rules.seed * 7919 + 1;
	now.us = 1000000000;
	clock_step = 0;
	calm = false;
	figures = (struct world_figures){ .steps = 0 };
	memset(references, 0, sizeof(references));
	memset(boxes, 0, sizeof(boxes));
	set_time(true);
	plain = backend->open(backend->arg);
	ck_assert_int_eq(plain->ops->meta_create(plain, &meta, 0), 0);
	make_world();
	snapshot();
	for (unsigned i = 0; i < HOSTS; i++)
		host_start(&hosts[i], conf);
}

static void step(const struct config_subscription *conf)
{
	REQUIRE(++figures.steps < rules.limit, "no end: something waits for ever");
	calm = figures.steps > rules.limit / 2;
	now.us += (int64_t)roll(1500);
	set_time(false);
	step_host(&hosts[roll(HOSTS)]);
	if (roll(calm ? 50 : 400) == 0) {
		unsigned p = (unsigned)roll(PARTITIONS);

		if (!calm || parts[p].owner < 0 || parts[p].revoking)
			move_partition(p);
	}
	for (unsigned p = 0; p < PARTITIONS; p++)
		if (parts[p].revoking || (parts[p].owner < 0 && roll(100) == 0))
			move_partition(p);
	if (!calm)
		fault(conf);
	else if (!hosts[figures.steps % HOSTS].alive)
		host_start(&hosts[figures.steps % HOSTS], conf);
}

/* A host that has just come finds every id as it is. */
static void check_end(const struct config_subscription *conf)
{
	struct host *h = &hosts[0];
	const struct client_result *results;
	size_t n;

	for (unsigned i = 0; i < HOSTS; i++)
		if (hosts[i].alive)
			host_kill(&hosts[i]);
	read_truth();
	host_start(h, conf);
	for (uint32_t i = 0; i < n_ids; i++) {
		uint8_t id[16];
		struct entry e;

		id_bytes(i, id);
		e = client_find(h->client, id);
		if (e.state == ENTRY_ABSENT && client_add_look(h->client, id, NULL) == 1) {
			struct store_chunk *pages = client_pages(h->client, &n);

			ck_assert_int_eq(plain->ops->chunk_read(plain, pages, n), 0);
			ck_assert_int_eq(client_looked(h->client), 0);
			ck_assert_uint_eq(client_results(h->client, &results), 1);
			e = results[0].entry;
			client_forget_results(h->client);
		}
		REQUIRE(truths[i].starts == 0 || truths[i].final == entry_is_final(e.state),
		    "id %u: final in truth %d, in the ledger %d", i, truths[i].final,
		    entry_is_final(e.state));
		if (entry_is_final(e.state))
			REQUIRE(e.check == i, "id %u has the check of another", i);
	}
	host_kill(h);
}

void world_run(
    const struct world_store *store, const struct world_rules *world_rules, struct world_figures *ret_figures)
{
	struct config_subscription conf = subscription();

	backend = store;
	rules = *world_rules;
	begin(&conf);
	while (!all_committed())
		step(&conf);
	check_end(&conf);
	plain->ops->free(plain);
	for (unsigned i = 0; i < REFERENCES; i++)
		table_free(references[i]);
	*ret_figures = figures;
}

void world_print(const struct world_rules *r, const struct world_figures *f)
{
	fprintf(stderr,
	    "seed %llu: %llu steps, %llu starts, %llu repeats, %llu kills, %llu takeovers, %llu lapses, %llu lost replies, "
	    "%llu revokes, %llu letters, %llu failovers, %llu ids lost, %llu healed, %llu rotated, %llu sealed, %llu merged, "
	    "%llu races lost, %llu keepers killed, %llu look-ups, %llu losses accepted, %llu runs recovered, %llu suspects\n",
	    (unsigned long long)r->seed, (unsigned long long)f->steps, (unsigned long long)f->starts,
	    (unsigned long long)f->repeats, (unsigned long long)f->kills, (unsigned long long)f->takeovers,
	    (unsigned long long)f->lapses, (unsigned long long)f->lost_replies,
	    (unsigned long long)f->revokes, (unsigned long long)f->letters, (unsigned long long)f->failovers,
	    (unsigned long long)f->lost_ids, (unsigned long long)f->healed, (unsigned long long)f->rotated,
	    (unsigned long long)f->sealed, (unsigned long long)f->merged, (unsigned long long)f->lost_races,
	    (unsigned long long)f->killed_keepers, (unsigned long long)f->looks,
	    (unsigned long long)f->accepted, (unsigned long long)f->recovered,
	    (unsigned long long)f->suspects);
}
