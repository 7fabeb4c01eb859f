/* What the ledger costs at a given number of remembered ids: `bench/ledger` runs it and prints the table.
 *
 *   semel-ledger-bench SOCKET semel|pair|lua IDS EVENTS
 *
 * Prints one JSON object.  `semel`: IDS are written as sealed segments, as merging would have left them; then EVENTS are
 * claimed and settled, 256 a call, 5 % of them duplicates (half of the last ones, half of the remembered), by the real
 * client; then a host that has just come reads the ledger.  `pair`: SET NX and SET an event; `lua`: one script an event
 * that does both; pipelined by 256.
 */
#include "adapters/keyed_hash.h"
#include "adapters/redis_conn.h"
#include "adapters/redis_store.h"
#include "core/backoff.h"
#include "core/ledger/client.h"
#include "core/link.h"
#include "core/upkeep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 256
#define LEASE_US 600000000
#define DUPLICATES 20 /* one in so many */

static const char *path;
static struct redis_conn *conn;

static void die(const char *what)
{
	fprintf(stderr, "semel-ledger-bench: %s\n", what);
	exit(1);
}

static int where(void *arg, struct redis_place *ret_place, char *why, size_t size)
{
	(void)arg;
	(void)why;
	(void)size;
	*ret_place = (struct redis_place){ .path = path };
	return 0;
}

static double thread_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* ---- The server's own figures */

struct figures {
	double cpu_us;
	uint64_t memory;
};

static double info_number(struct bytes info, const char *name)
{
	char text[64] = "";
	const char *at = memmem(info.data, info.len, name, strlen(name));

	if (at != NULL)
		snprintf(text, sizeof(text), "%.40s", at + strlen(name));
	return strtod(text, NULL);
}

static struct figures figures(void)
{
	const struct redis_value *v;
	struct bytes info;

	if (redis_conn_call(
		conn, 2, (struct bytes[]){ bytes_of_text("INFO"), bytes_of_text("everything") }, &v) < 0)
		die(redis_conn_text(conn));
	info = redis_value_text(v);
	return (struct figures){ 1e6 * (info_number(info, "used_cpu_user_main_thread:") +
					   info_number(info, "used_cpu_sys_main_thread:")),
		(uint64_t)info_number(info, "used_memory:") };
}

static int64_t slow_commands(void)
{
	const struct redis_value *v;

	if (redis_conn_call(conn, 2, (struct bytes[]){ bytes_of_text("SLOWLOG"), bytes_of_text("LEN") }, &v) <
	    0)
		die(redis_conn_text(conn));
	return redis_value_integer(v);
}

static void set_slowlog(void)
{
	const struct redis_value *v;

	if (redis_conn_call(conn, 4,
		(struct bytes[]){ bytes_of_text("CONFIG"), bytes_of_text("SET"),
		    bytes_of_text("slowlog-log-slower-than"), bytes_of_text("2000") },
		&v) < 0 ||
	    redis_conn_call(
		conn, 2, (struct bytes[]){ bytes_of_text("SLOWLOG"), bytes_of_text("RESET") }, &v) < 0)
		die(redis_conn_text(conn));
}

/* ---- Ids.  Of the remembered ones, the n-th of a segment is made again from its number. */

static void id_of(uint64_t n, uint8_t id[16])
{
	static const uint8_t key[16] = "semel bench 1234";

	keyed_hash_128(key, (struct bytes){ &n, sizeof(n) }, id);
}

static int by_hash(const void *a, const void *b)
{
	return segment_compare(a, b);
}

static void write_chunks(struct store *s, const uint8_t *id, enum store_stream stream, const struct buf *b)
{
	for (size_t at = 0, i = 0; at < b->len; at += SEGMENT_CHUNK, i++) {
		size_t len = b->len - at < SEGMENT_CHUNK ? b->len - at : SEGMENT_CHUNK;

		if (s->ops->chunk_write(s, id, stream, (uint32_t)i, (struct bytes){ b->data + at, len }) < 0)
			die(s->text);
	}
}

static void add_segment(struct store *s, uint64_t first, uint32_t n, uint8_t tier)
{
	struct segment_info info = { .n = n, .t_min = 1, .t_max = 64, .generation = 1, .tier = tier };
	struct segment_record *records = malloc(n * sizeof(*records));
	struct segment_writer w;
	struct ledger_meta meta, to;
	struct store_commit c = { .to = &to };
	enum store_result result;
	uint8_t id[16];

	for (uint32_t i = 0; i < n; i++) {
		id_of(first + i, id);
		records[i] = (struct segment_record){ .check = 7, .server_s = 32 };
		segment_hash(id, records[i].hash);
	}
	qsort(records, n, sizeof(*records), by_hash);
	random_bytes(info.id, sizeof(info.id));
	segment_write_begin(&w, &info);
	for (uint32_t i = 0; i < n; i++)
		if (segment_write_add(&w, &records[i]) < 0)
			die("a page is full");
	if (segment_write_end(&w) < 0)
		die("a segment");
	write_chunks(s, w.info.id, STORE_FILTER, &w.filter);
	write_chunks(s, w.info.id, STORE_BODY, &w.body);
	if (s->ops->meta_read(s, &meta) < 0)
		die(s->text);
	to = meta;
	random_bytes(to.version.b, sizeof(to.version.b));
	c.from = meta.version;
	c.add = &w.info;
	if (s->ops->commit(s, &c, &result) < 0 || result != STORE_OK)
		die("commit");
	segment_write_free(&w);
	free(records);
}

/* As merging by eights leaves them. */
static void fill(struct store *s, uint64_t ids)
{
	uint64_t done = 0;

	for (unsigned tier = 3; tier-- > 0;) {
		uint32_t size = UPKEEP_GENERATION_IDS << 3 * tier;

		for (; ids - done >= size; done += size)
			add_segment(s, done, size, (uint8_t)tier);
	}
}

/* ---- semel */

static void note(void *arg, enum flow_note n, struct event *ev)
{
	(void)arg;
	(void)n;
	(void)ev;
}

static struct store *open_store(const struct config *c)
{
	struct store *s = redis_store_new(c, "bench");

	if (s == NULL)
		die("out of memory");
	return s;
}

/* A host that has just come: how long until it can claim. */
static double start_ms(const struct config *c, const struct config_subscription *sub)
{
	struct store *s = open_store(c);
	struct client *client = client_new(LEASE_US, 3);
	struct flow_out out = { .note = note };
	struct flow *flow = flow_new(sub, &out, 1);
	struct mono start = mono_now();
	struct link l;
	double ms;

	flow_set_client(flow, client);
	link_init(&l, s, client, flow, LEASE_US);
	if (link_refresh(&l, mono_now()) < 0)
		die(l.text);
	ms = (double)mono_diff_us(mono_now(), start) / 1e3;
	link_free(&l);
	flow_free(flow);
	client_free(client);
	s->ops->free(s);
	return ms;
}

struct run {
	struct link *l;
	uint64_t next, open_first, remembered, rng, duplicates;
	size_t open;
};

/* One call: the claims of the call before are settled; new ones, and what has to be looked up. */
static void call(struct run *r)
{
	struct client *c = r->l->client;
	const struct store_append *append;
	const struct client_result *results;
	struct store_reply reply;
	uint8_t ids[BATCH][16];
	const uint8_t *pointers[BATCH];
	uint64_t first = r->next;
	size_t n = 0, n_results;

	for (uint64_t i = r->open_first; i < r->open_first + r->open; i++) {
		struct entry e;

		id_of(i, ids[0]);
		e = client_find(c, ids[0]);
		client_add_settle(c, &e, SETTLE_DONE, NULL);
	}
	for (size_t i = 0; i < BATCH; i++) {
		uint64_t dice = backoff_random(&r->rng);

		if (dice % DUPLICATES != 0)
			id_of(r->next++, ids[i]);
		else if (dice / DUPLICATES % 2 == 0 || r->remembered == 0)
			id_of(first - 1 - dice / 64 % 2000, ids[i]);
		else
			id_of(dice / 64 % r->remembered, ids[i]);
		pointers[i] = ids[i];
	}
	for (size_t i = 0; i < BATCH; i += CLIENT_PREFETCH)
		client_prefetch(c, pointers + i, CLIENT_PREFETCH);
	for (size_t i = 0; i < BATCH; i++) {
		struct entry e = client_find(c, ids[i]);

		if (e.state != ENTRY_ABSENT || client_add_look(c, ids[i], NULL) != 0) {
			r->duplicates++;
			continue;
		}
		client_add_claim(c, ids[i], 7, NULL);
		n++;
	}
	r->open_first = first;
	r->open = (size_t)(r->next - first);
	(void)n;
	append = client_call(c);
	if (r->l->store->ops->append(r->l->store, append, &reply) < 0)
		die(r->l->store->text);
	if (client_reply(c, &reply) < 0 || client_looked(c) < 0)
		die("the reply");
	n_results = client_results(c, &results);
	(void)n_results;
	client_forget_results(c);
}

static void bench_semel(
    const struct config *c, const struct config_subscription *sub, uint64_t ids, uint64_t events)
{
	struct ledger_meta meta = { .format = LEDGER_FORMAT,
		.rules = LEDGER_RULES,
		.generation = 1,
		.oldest = 1,
		.identity = { 1 },
		.version = { { 1 } },
		.retention_ms = 1000000 };
	struct store *s = open_store(c);
	struct client *client = client_new(LEASE_US, 7);
	struct flow_out out = { .note = note };
	struct flow *flow = flow_new(sub, &out, 1);
	struct session_id session = { "bench" };
	struct figures empty = figures(), before, after;
	struct run run = { .remembered = ids, .next = UINT64_C(1) << 40, .rng = 5 };
	struct link l;
	double host;
	uint64_t sealed = 0;

	if (s->ops->meta_create(s, &meta, 0) < 0)
		die(s->text);
	fill(s, ids);
	flow_set_client(flow, client);
	link_init(&l, s, client, flow, LEASE_US);
	if (link_refresh(&l, mono_now()) < 0 || s->ops->session_open(s, session, LEASE_US, "bench") < 0)
		die(l.text);
	client_set_session(client, session);
	for (size_t i = 0; i < client_view(client)->n_segments; i++)
		sealed += segment_info(client_view(client)->segments[i])->n;
	run.remembered = sealed;
	run.l = &l;
	call(&run);
	set_slowlog();
	before = figures();
	host = thread_us();
	for (uint64_t first = run.next; run.next - first < events;)
		call(&run);
	host = thread_us() - host;
	after = figures();
	printf(
	    "{\"what\":\"semel\",\"ids\":%llu,\"redis_us\":%.3f,\"host_us\":%.3f,\"bytes_per_id\":%.2f,\"segments\":%zu,"
	    "\"filter_bytes_per_id\":%.2f,\"slow\":%lld,\"start_ms\":%.0f}\n",
	    (unsigned long long)sealed, (after.cpu_us - before.cpu_us) / (double)events,
	    host / (double)events, sealed == 0 ? 0 : (double)(before.memory - empty.memory) / (double)sealed,
	    client_view(client)->n_segments, sealed == 0 ? 0 : 2.0 + 4.0 / 12, (long long)slow_commands(),
	    start_ms(c, sub));
	link_free(&l);
	flow_free(flow);
	client_free(client);
	s->ops->free(s);
}

/* ---- What one would write without it */

static void load_script(char sha[41])
{
	static const char text[] = "if redis.call('SET',KEYS[1],'claimed','NX','PX',ARGV[1]) then "
				   "redis.call('SET',KEYS[1],'done','PX',ARGV[2]) return 1 end return 0";
	const struct redis_value *v;

	if (redis_conn_call(conn, 3,
		(struct bytes[]){ bytes_of_text("SCRIPT"), bytes_of_text("LOAD"), bytes_of_text(text) },
		&v) < 0)
		die(redis_conn_text(conn));
	memcpy(sha, redis_value_text(v).data, 40);
	sha[40] = '\0';
}

static void batch_of_keys(bool lua, const char *sha, uint64_t first)
{
	static char keys[BATCH][64];
	static struct bytes argv[2 * BATCH][6];
	static struct redis_command commands[2 * BATCH];
	const struct redis_value *const *v;
	size_t n = 0;

	for (size_t i = 0; i < BATCH; i++) {
		struct bytes key;

		/* A key as people make them: a prefix and a UUID. */
		snprintf(keys[i], sizeof(keys[i]), "seen:01890a5d-ac96-774b-bcce-%012llx",
		    (unsigned long long)(first + i));
		key = bytes_of_text(keys[i]);
		if (lua) {
			memcpy(argv[n],
			    (struct bytes[]){ bytes_of_text("EVALSHA"), bytes_of_text(sha),
				bytes_of_text("1"), key, bytes_of_text("30000"), bytes_of_text("86400000") },
			    sizeof(argv[n]));
			commands[n] = (struct redis_command){ 6, argv[n] };
			n++;
			continue;
		}
		memcpy(argv[n],
		    (struct bytes[]){ bytes_of_text("SET"), key, bytes_of_text("claimed"),
			bytes_of_text("NX"), bytes_of_text("PX"), bytes_of_text("30000") },
		    sizeof(argv[n]));
		commands[n] = (struct redis_command){ 6, argv[n] };
		n++;
		memcpy(argv[n],
		    (struct bytes[]){ bytes_of_text("SET"), key, bytes_of_text("done"), bytes_of_text("PX"),
			bytes_of_text("86400000"), { NULL, 0 } },
		    sizeof(argv[n]));
		commands[n] = (struct redis_command){ 5, argv[n] };
		n++;
	}
	if (redis_conn_run(conn, commands, n, &v) < 0)
		die(redis_conn_text(conn));
}

static void bench_keys(bool lua, uint64_t ids, uint64_t events)
{
	struct figures empty = figures(), before, after;
	char sha[41] = "";
	uint64_t next = 0;
	double host;

	if (lua)
		load_script(sha);
	for (; next < ids; next += BATCH)
		batch_of_keys(lua, sha, next);
	set_slowlog();
	before = figures();
	host = thread_us();
	for (uint64_t first = next; next - first < events; next += BATCH)
		batch_of_keys(lua, sha, next);
	host = thread_us() - host;
	after = figures();
	printf(
	    "{\"what\":\"%s\",\"ids\":%llu,\"redis_us\":%.3f,\"host_us\":%.3f,\"bytes_per_id\":%.2f,\"slow\":%lld}\n",
	    lua ? "lua" : "pair", (unsigned long long)ids, (after.cpu_us - before.cpu_us) / (double)events,
	    host / (double)events, (double)(after.memory - empty.memory) / (double)next,
	    (long long)slow_commands());
}

int main(int argc, char **argv)
{
	struct config_server place;
	struct config c;
	struct config_subscription sub = { .max_in_flight = 1000 };
	struct redis_login login = { .name = "bench" };
	struct redis_conn_hooks hooks = { NULL, where, NULL };
	uint64_t ids, events;

	if (argc != 5)
		die("SOCKET semel|pair|lua IDS EVENTS");
	path = argv[1];
	ids = strtoull(argv[3], NULL, 10);
	events = strtoull(argv[4], NULL, 10);
	place = (struct config_server){ argv[1], 0 };
	c = (struct config){ .ledger = { .scheme = LEDGER_UNIX,
				 .servers = &place,
				 .n_servers = 1,
				 .prefix = (char *)(uintptr_t) "bench",
				 .lease_ms = LEASE_US / 1000,
				 .timeout_ms = 20000 } };
	if (keyed_hash_setup() < 0)
		die("random numbers");
	conn = redis_conn_new(&login, 60000, &hooks);
	if (strcmp(argv[2], "semel") == 0)
		bench_semel(&c, &sub, ids, events);
	else
		bench_keys(strcmp(argv[2], "lua") == 0, ids, events);
	redis_conn_free(conn);
	return 0;
}
