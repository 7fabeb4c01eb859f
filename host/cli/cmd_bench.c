/* semel bench: what the configured Redis can do as a ledger. */
#include "adapters/keyed_hash.h"
#include "adapters/redis_store.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "core/ledger/client.h"
#include "core/upkeep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LEASE_US 60000000
#define SECONDS 2

struct bench {
	struct store *store;
	struct client *client;
	uint64_t next; /* id */
	size_t open; /* claims of the call before, to be settled */
	uint64_t first_open;
};

static void id_of(uint64_t n, uint8_t id[16])
{
	static const uint8_t key[16] = "semel bench";

	keyed_hash_128(key, (struct bytes){ &n, sizeof(n) }, id);
}

static int open_ledger(struct bench *b, const struct config *c, const char *name)
{
	struct ledger_meta meta = {
		.format = LEDGER_FORMAT, .rules = LEDGER_RULES, .generation = 1, .oldest = 1
	};
	struct client_view view = { .current = table_new(1) };
	struct session_id session;
	struct store_reply reply;
	int r;

	random_bytes(&session, sizeof(session));
	random_bytes(meta.identity, sizeof(meta.identity));
	random_bytes(meta.version.b, sizeof(meta.version.b));
	b->store = redis_store_new(c, name);
	b->client = client_new(LEASE_US, 1);
	if (b->store == NULL || b->client == NULL || view.current == NULL) {
		table_free(view.current);
		return -ENOMEM;
	}
	r = b->store->ops->meta_create(b->store, &meta, 0);
	if (r == 0)
		r = b->store->ops->meta_read(b->store, &view.meta);
	if (r == 0)
		r = b->store->ops->session_open(b->store, session, LEASE_US, "bench");
	if (r == 0)
		r = b->store->ops->read(b->store, 1, 0, 10, &reply);
	if (r == 0)
		r = client_read(b->client, view.current, reply.records, reply.n);
	client_set_view(b->client, &view);
	client_set_session(b->client, session);
	return r;
}

/* A round trip: the claims of the call before are settled, as many new ones made. */
static int call(struct bench *b, size_t n)
{
	struct store_reply reply;
	uint8_t id[16];
	int r;

	for (size_t i = 0; i < b->open; i++) {
		struct entry e;

		id_of(b->first_open + i, id);
		e = client_find(b->client, id);
		client_add_settle(b->client, &e, SETTLE_DONE, NULL);
	}
	b->first_open = b->next;
	for (size_t i = 0; i < n; i++) {
		id_of(b->next++, id);
		client_add_claim(b->client, id, 0, NULL);
	}
	b->open = n;
	r = b->store->ops->append(b->store, client_call(b->client), &reply);
	if (r == 0)
		r = client_reply(b->client, &reply);
	client_forget_results(b->client);
	return r;
}

/* The generation is not rotated here: it stays below its size. */
static int measure(struct bench *b, size_t n, bool json)
{
	struct mono start = mono_now(), end = mono_add_ms(start, 1000 * SECONDS), now = start;
	uint64_t events = 0, calls = 0;
	int64_t longest = 0;

	while (mono_before(now, end) && b->next + n <= UPKEEP_GENERATION_IDS) {
		struct mono before = now;
		int r = call(b, n);

		if (r < 0)
			return r;
		now = mono_now();
		events += n;
		calls++;
		if (mono_diff_us(now, before) > longest)
			longest = mono_diff_us(now, before);
	}
	printf(
	    json
		? "{\"batch\":%zu,\"events_per_second\":%.0f,\"us_per_event\":%.3f,\"round_trip_us\":%.1f,\"longest_us\":%lld}\n"
		: "%6zu  %12.0f  %12.3f  %14.1f  %12lld\n",
	    n, (double)events * 1e6 / (double)mono_diff_us(now, start),
	    (double)mono_diff_us(now, start) / (double)events,
	    (double)mono_diff_us(now, start) / (double)calls, (long long)longest);
	fflush(stdout);
	return 0;
}

/* A ledger of its own for each size. */
static int bench_size(const struct config *c, size_t size, bool json)
{
	struct bench b = { .next = 0 };
	char name[64];
	int r;

	snprintf(name, sizeof(name), "semel-bench-%d-%zu", (int)getpid(), size);
	r = open_ledger(&b, c, name);
	if (r == 0)
		r = measure(&b, size, json);
	if (b.store != NULL) {
		if (r < 0)
			fprintf(stderr, "semel bench: %s\n", b.store->text);
		redis_store_remove(b.store);
		b.store->ops->free(b.store);
	}
	client_free(b.client);
	return r;
}

static int bench(const struct config *c, bool json)
{
	static const size_t sizes[] = { 1, 16, 64, 256, 1024 };
	int r = 0;

	if (!json)
		printf("%6s  %12s  %12s  %14s  %12s\n", "batch", "events/s", "us an event", "us a round trip",
		    "longest us");
	for (size_t i = 0; r == 0 && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		r = bench_size(c, sizes[i], json);
	return r == 0 ? EXIT_YES : EXIT_UNREACHABLE;
}

int cmd_bench(int argc, char **argv)
{
	struct cli_options o;
	struct config *c;
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc != 1 || strcmp(o.argv[0], "ledger") != 0)
		return cli_usage(argv[0], "expected ledger");
	if (keyed_hash_setup() < 0)
		return EXIT_INTERNAL;
	r = cli_load(&o, &c);
	if (r == 0)
		r = bench(c, o.json);
	config_free(c);
	return r;
}
