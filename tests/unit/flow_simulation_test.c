/* The flow and the ledger together, simulated: several hosts on one log, a virtual clock, and everything that can go
 * wrong between two steps - kills, lost replies, pauses past the lease, rebalances.
 *
 * SEMEL_SEED and SEMEL_STEPS change the run; a failure prints the seed.
 */
#include "core/backoff.h"
#include "core/flow.h"

#include <check.h>
#include <errno.h>
#include <semel/handler.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS 3
#define PARTITIONS 6
#define RECORDS 12000 /* a partition */
#define KEYS 12
#define IDS (PARTITIONS * RECORDS * 9 / 10) /* fewer than records: some are duplicates */
#define WINDOW 64
#define LEASE_US 3000000

struct sim_record {
	uint32_t id;
	uint8_t key;
};

struct host {
	bool alive;
	struct mono paused_until;
	struct store *store;
	struct client *client;
	struct flow *flow;
	struct session_id session;
	struct mono deadline, renew_at;
	int fail; /* 0; 1: before the next call's effect; 2: after it */
	uint32_t lost[PARTITIONS]; /* epochs of assignments that were lost, to be noticed later; 0: none */
	struct event *running[4096];
	size_t n_running;
	struct event *letters[4096];
	size_t n_letters;
};

struct part {
	int owner; /* -1: nobody */
	uint32_t epoch;
	size_t next, committed; /* records */
	bool done[RECORDS];
	size_t outstanding;
	bool revoking;
};

struct truth {
	int runner; /* host that runs it, -1 */
	struct session_id session; /* under which it does */
	unsigned starts;
	bool ended; /* an outcome other than RETRY was returned */
};

static struct sim_record records[PARTITIONS][RECORDS];
static struct part parts[PARTITIONS];
static struct host hosts[HOSTS];
static struct truth truths[IDS];
static struct memory_ledger *ledger;
static struct table *reference;
static struct mono now;
static uint64_t seed, rng;
static uint64_t n_starts, n_repeats, n_kills, n_takeovers, n_lapses, n_lost_replies, n_revokes,
    n_letters_done;
static bool calm; /* no more faults */

static uint64_t roll(uint64_t n)
{
	return backoff_random(&rng) % n;
}

#define REQUIRE(condition, ...)                                                                              \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "seed %llu: ", (unsigned long long)seed);                            \
			ck_abort_msg(__VA_ARGS__);                                                           \
		}                                                                                            \
	} while (0)

/* ---- Ids and events */

static void id_bytes(uint32_t id, uint8_t out[16])
{
	uint64_t x = (id + 1) * UINT64_C(0x9e3779b97f4a7c15), y = x ^ x >> 29;

	memcpy(out, &x, 8);
	memcpy(out + 8, &y, 8);
}

static const struct message_ops no_ops;

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

/* ---- What the hosts' flows ask for */

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

static void start_event(void *arg, struct event *ev)
{
	struct host *h = arg;
	struct truth *t = &truths[ev->run.sub];
	struct entry e = table_find(reference, ev->id_hash);

	REQUIRE(mono_before(now, h->deadline), "started past the lease");
	REQUIRE(!entry_is_final(e.state), "id %u started after it was recorded", ev->run.sub);
	if (t->runner >= 0 && t->runner != (int)(h - hosts))
		REQUIRE(!undisturbed(&hosts[t->runner]),
		    "id %u started while host %d, alive and within its lease, runs it", ev->run.sub,
		    t->runner);
	REQUIRE(t->runner != (int)(h - hosts), "id %u started twice in one host", ev->run.sub);
	if (t->ended && t->starts > 0) {
		n_repeats++;
		REQUIRE(
		    ev->run.redelivered || ev->run.failed > 0, "id %u repeated without a mark", ev->run.sub);
	}
	check_order(ev);
	t->runner = (int)(h - hosts);
	t->starts++;
	n_starts++;
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

	(void)arg;
	if (ev->finished && ev->fate == FATE_HANDLE && ev->f.reason != DLQ_ID_CONFLICT) {
		struct entry e = table_find(reference, ev->id_hash);

		REQUIRE(entry_is_final(e.state), "offset of id %u finished, but the log does not say so",
		    ev->run.sub);
	}
	if (ev->epoch == p->epoch) {
		p->outstanding--;
		if (ev->finished)
			p->done[ev->msg.offset] = true;
		while (p->committed < RECORDS && p->done[p->committed])
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
	n_takeovers += n == FLOW_TAKEOVER;
}

/* ---- Hosts */

static int fail_hook(void *arg, bool after)
{
	struct host *h = arg;

	if ((h->fail == 1 && !after) || (h->fail == 2 && after)) {
		h->fail = 0;
		return -ETIMEDOUT;
	}
	return 0;
}

static void catch_reference_up(void)
{
	for (size_t i = table_records(reference); i < memory_ledger_records(ledger); i++) {
		struct buf *head = memory_ledger_record(ledger, i, false),
			   *body = memory_ledger_record(ledger, i, true);

		REQUIRE(table_apply(reference, (struct bytes){ head->data, head->len },
			    (struct bytes){ body->data, body->len }) == 0,
		    "the reference refuses record %zu", i);
	}
}

static int read_to_end(struct host *h)
{
	struct store_reply reply;
	int r;

	do {
		bool waited = client_under_way(h->client);

		r = h->store->ops->read(h->store, 1, table_records(client_table(h->client)), 64, &reply);
		if (r < 0)
			return r;
		REQUIRE(reply.result == STORE_OK && client_read(h->client, &reply) == 0, "reading the log");
		if (waited && !client_under_way(h->client))
			flow_results(h->flow, now);
	} while (reply.n == 64);
	flow_was_read(h->flow, now);
	return 0;
}

static void new_session_id(struct session_id *id)
{
	uint64_t x = backoff_random(&rng);

	memcpy(id->b, &x, sizeof(id->b));
}

static void host_start(struct host *h, const struct config_subscription *conf)
{
	struct flow_out out = { h, start_event, letter, back, count, note };
	struct ledger_meta meta;

	memset(h, 0, sizeof(*h));
	h->store = memory_store_new(ledger, fail_hook, h);
	ck_assert_int_eq(h->store->ops->meta_read(h->store, &meta), 0);
	h->client = client_new(&meta, LEASE_US, backoff_random(&rng));
	h->flow = flow_new(conf, &out, backoff_random(&rng));
	flow_set_client(h->flow, h->client);
	new_session_id(&h->session);
	ck_assert_int_eq(h->store->ops->session_open(h->store, h->session, LEASE_US, "host"), 0);
	client_set_session(h->client, h->session);
	h->deadline = mono_add_us(now, LEASE_US);
	h->renew_at = mono_add_us(now, LEASE_US / 3);
	h->alive = true;
	ck_assert_int_eq(read_to_end(h), 0);
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
	for (uint32_t i = 0; i < IDS; i++)
		if (truths[i].runner == self)
			truths[i].runner = -1;
	/* Its memory: the flow cannot be asked to give events back, so they are taken from it. */
	for (const struct event *ev = flow_oldest(h->flow), *next; ev != NULL; ev = next) {
		next = ev->f.all_next;
		free((void *)(uintptr_t)ev);
	}
	flow_abandon(h->flow);
	client_free(h->client);
	h->store->ops->free(h->store);
	h->alive = false;
	n_kills++;
}

static void new_session(struct host *h)
{
	if (read_to_end(h) < 0)
		return;
	new_session_id(&h->session);
	if (h->store->ops->session_open(h->store, h->session, LEASE_US, "host") < 0)
		return;
	if (client_under_way(h->client)) {
		client_withdraw(h->client);
		flow_withdrawn(h->flow, now);
	}
	client_set_session(h->client, h->session);
	flow_recheck(h->flow);
	h->deadline = mono_add_us(now, LEASE_US);
}

static void renew(struct host *h)
{
	const struct store_lease *leases;
	size_t n;
	uint64_t server;
	int r = h->store->ops->session_renew(h->store, h->session, LEASE_US, &leases, &n, &server);

	h->renew_at = mono_add_us(now, r == 0 ? LEASE_US / 3 : 200000);
	if (r == -ENOENT)
		new_session(h);
	if (r < 0)
		return;
	client_leases(h->client, leases, n, now, 1);
	flow_orphans(h->flow);
	if (!mono_before(now, h->deadline)) {
		n_lapses++;
		if (read_to_end(h) < 0)
			return;
		flow_recheck(h->flow);
	}
	h->deadline = mono_add_us(now, LEASE_US);
}

static void call(struct host *h)
{
	struct store_reply reply;
	const struct store_append *a;

	if (!flow_fill(h->flow, now, true))
		return;
	a = client_call(h->client);
	if (h->store->ops->append(h->store, a, &reply) < 0) {
		catch_reference_up();
		return;
	}
	catch_reference_up();
	if (reply.result == STORE_BEHIND) {
		read_to_end(h);
		return;
	}
	REQUIRE(reply.result == STORE_OK, "append: %d", reply.result);
	REQUIRE(client_reply(h->client, &reply) == 0, "reply");
	flow_results(h->flow, now);
	flow_was_read(h->flow, now);
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
	/* Exhausted ones end, too. */
	if (ev->run.outcome == SEMEL_RETRY && ev->run.failed + 1 >= 4)
		truths[ev->run.sub].ended = true;
	truths[ev->run.sub].runner = -1;
	flow_outcome(h->flow, ev, now, now.us / 1000);
}

static void ack_letter(struct host *h)
{
	if (h->n_letters == 0)
		return;
	n_letters_done++;
	flow_letter_done(h->flow, h->letters[--h->n_letters], calm || roll(10) > 0, now);
}

static void deliver(struct host *h, unsigned p)
{
	struct part *part = &parts[p];

	while (part->next < RECORDS && part->next < part->committed + WINDOW && part->outstanding < WINDOW) {
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
	} else if (!part->revoking) {
		part->revoking = true;
		n_revokes++;
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
	notice_losses(h);
	for (unsigned p = 0; p < PARTITIONS; p++)
		if (parts[p].owner == (int)(h - hosts) && !parts[p].revoking)
			deliver(h, p);
	for (uint64_t i = roll(8); i > 0; i--)
		end_run(h);
	ack_letter(h);
	if (!calm && roll(60) == 0) {
		h->fail = 1 + (int)roll(2);
		n_lost_replies += h->fail == 2;
	}
	if (roll(3) > 0)
		call(h);
	if (!mono_before(now, flow_read_due(h->flow)))
		read_to_end(h);
	flow_step(h->flow, now, h->deadline);
}

static void fault(const struct config_subscription *conf)
{
	struct host *h = &hosts[roll(HOSTS)];
	uint64_t dice = roll(20000);

	if (!h->alive) {
		if (roll(500) == 0)
			host_start(h, conf);
	} else if (dice < 3) {
		host_kill(h);
	} else if (dice < 8) {
		h->paused_until = mono_add_us(now, (int64_t)roll(4 * LEASE_US));
		if (mono_diff_us(h->paused_until, now) > LEASE_US)
			lose_partitions(h);
	} else if (dice == 8) {
		/* The session vanishes, as after an operator's HDEL. */
		h->store->ops->session_end(h->store, h->session);
	}
}

static void make_world(void)
{
	uint32_t id = 0;

	for (unsigned p = 0; p < PARTITIONS; p++) {
		parts[p] = (struct part){ .owner = -1 };
		for (size_t o = 0; o < RECORDS; o++) {
			bool duplicate = id >= IDS || (id > 100 && roll(10) == 0);

			records[p][o].id = duplicate ? (uint32_t)roll(id < IDS ? id : IDS) : id++;
			records[p][o].key = (uint8_t)roll(KEYS);
		}
	}
	for (uint32_t i = 0; i < IDS; i++)
		truths[i] = (struct truth){ .runner = -1 };
}

static bool all_committed(void)
{
	for (unsigned p = 0; p < PARTITIONS; p++)
		if (parts[p].committed < RECORDS)
			return false;
	return true;
}

static struct config_subscription subscription(void)
{
	struct config_subscription conf = { .max_in_flight = 1000, .id_conflict = ID_CONFLICT_DEAD_LETTER };

	conf.retry.attempts = 4;
	conf.retry.backoff_ms = 100;
	conf.retry.max_backoff_ms = 5000;
	return conf;
}

START_TEST(simulation_keeps_every_promise)
{
	struct config_subscription conf = subscription();
	struct store *first;
	struct ledger_meta meta = { .format = 1, .rules = 1, .generation = 1 };
	uint64_t steps = 0,
		 limit = getenv("SEMEL_STEPS") == NULL ? 3000000 : strtoull(getenv("SEMEL_STEPS"), NULL, 10);

	seed = (getenv("SEMEL_SEED") == NULL ? 1 : strtoull(getenv("SEMEL_SEED"), NULL, 10)) + (uint64_t)_i;
	rng = seed * 7919 + 1;
	now.us = 1000000000;
	calm = false;
	ledger = memory_ledger_new();
	reference = table_new();
	memory_ledger_set_time(ledger, (uint64_t)now.us);
	first = memory_store_new(ledger, NULL, NULL);
	ck_assert_int_eq(first->ops->meta_create(first, &meta), 0);
	make_world();
	for (unsigned i = 0; i < HOSTS; i++)
		host_start(&hosts[i], &conf);
	while (!all_committed()) {
		REQUIRE(++steps < limit, "no end: something waits for ever");
		calm = steps > limit / 2;
		now.us += (int64_t)roll(1500);
		memory_ledger_set_time(ledger, (uint64_t)now.us);
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
			fault(&conf);
		else if (!hosts[steps % HOSTS].alive)
			host_start(&hosts[steps % HOSTS], &conf);
	}
	catch_reference_up();
	for (unsigned i = 0; i < HOSTS; i++) {
		if (!hosts[i].alive)
			continue;
		hosts[i].paused_until.us = 0;
		hosts[i].fail = 0;
		ck_assert_int_eq(read_to_end(&hosts[i]), 0);
		ck_assert_uint_eq(table_entries(client_table(hosts[i].client)), table_entries(reference));
		host_kill(&hosts[i]);
	}
	fprintf(stderr,
	    "seed %llu: %llu steps, %llu starts, %llu repeats, %llu kills, %llu takeovers, %llu lapses, %llu lost replies, "
	    "%llu revokes, %llu letters\n",
	    (unsigned long long)seed, (unsigned long long)steps, (unsigned long long)n_starts,
	    (unsigned long long)n_repeats, (unsigned long long)n_kills, (unsigned long long)n_takeovers,
	    (unsigned long long)n_lapses, (unsigned long long)n_lost_replies, (unsigned long long)n_revokes,
	    (unsigned long long)n_letters_done);
	first->ops->free(first);
	table_free(reference);
	memory_ledger_free(ledger);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flow");
	TCase *c = tcase_create("simulation");
	SRunner *r;
	int failed;

	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, simulation_keeps_every_promise, 0, 4);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	(void)no_ops;
	return failed == 0 ? 0 : 1;
}
