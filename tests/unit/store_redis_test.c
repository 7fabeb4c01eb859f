/* The ledger on a real redis-server: the same answers as the memory store, and what happens when it misbehaves. */
#include "adapters/keyed_hash.h"
#include "adapters/redis_errors.h"
#include "adapters/redis_store.h"
#include "core/ledger/client.h"

#include "lib/unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define LEASE_US 2000000

static char folder[64], path[96];
static pid_t server;
static struct config config;

static void nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static void start_server(void)
{
	server = fork();
	if (server == 0) {
		(void)!freopen("/dev/null", "w", stdout);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
		    "--appendonly", "yes", "--appendfsync", "always", "--dir", folder, (char *)NULL);
		_exit(127);
	}
	/* A call fails at once until it is up; wait on that, not on time. */
	for (int i = 0; i < 200; i++) {
		struct store *s = redis_store_new(&config, "wait");
		struct store_stats stats;
		int r = s->ops->stats(s, 1, &stats);

		s->ops->free(s);
		if (r == 0)
			return;
		nap_ms(25);
	}
	ck_abort_msg("redis-server does not answer");
}

static void stop_server(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void begin(void)
{
	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/redis.sock", folder);
	config = (struct config){ .ledger = { .scheme = LEDGER_UNIX,
				      .host = path,
				      .prefix = (char *)(uintptr_t) "unit",
				      .lease_ms = LEASE_US / 1000,
				      .timeout_ms = 500 } };
	ck_assert_int_eq(keyed_hash_setup(), 0);
	start_server();
}

static void end(void)
{
	stop_server();
	unit_remove(folder);
}

static struct ledger_meta make_meta(void)
{
	struct ledger_meta m = { .format = LEDGER_FORMAT,
		.rules = LEDGER_RULES,
		.generation = 1,
		.oldest = 1,
		.id_rule = 42,
		.retention_ms = 1000 };

	memset(m.identity, 7, sizeof(m.identity));
	memset(m.hash_key, 8, sizeof(m.hash_key));
	memset(m.version.b, 9, sizeof(m.version.b));
	snprintf(m.cluster, sizeof(m.cluster), "cluster");
	snprintf(m.group, sizeof(m.group), "group {with} odd: bytes");
	return m;
}

struct host {
	struct store *store;
	struct client *client;
	struct session_id session;
};

static void host_open(struct host *h, struct store *store, uint8_t name)
{
	struct ledger_meta meta;
	struct store_reply reply;

	h->store = store;
	ck_assert_int_eq(store->ops->meta_read(store, &meta), 0);
	h->client = client_new(&meta, LEASE_US, name + 1000u);
	memset(h->session.b, name, sizeof(h->session.b));
	ck_assert_int_eq(store->ops->session_open(store, h->session, LEASE_US, "node"), 0);
	client_set_session(h->client, h->session);
	ck_assert_int_eq(store->ops->read(store, 1, 0, 100, &reply), 0);
	ck_assert_int_eq(client_read(h->client, &reply), 0);
}

static void host_close(struct host *h)
{
	client_free(h->client);
	h->store->ops->free(h->store);
}

static void id_of(uint32_t n, uint8_t id[LEDGER_ID])
{
	memset(id, 0, LEDGER_ID);
	memcpy(id, &n, sizeof(n));
	memcpy(id + 4, &n, sizeof(n));
}

static const struct client_result *call(struct host *h)
{
	const struct client_result *results;
	struct store_reply reply;
	int r = h->store->ops->append(h->store, client_call(h->client), &reply);

	ck_assert_msg(r == 0, "append: %s", h->store->text);
	ck_assert_int_eq(reply.result, STORE_OK);
	ck_assert_int_eq(client_reply(h->client, &reply), 0);
	client_results(h->client, &results);
	return results;
}

static bool claims(struct host *h, uint32_t n)
{
	uint8_t id[LEDGER_ID];

	id_of(n, id);
	ck_assert_int_eq(client_add_claim(h->client, id, n, NULL), 0);
	return call(h)[0].ok;
}

START_TEST(metadata_comes_back_as_it_was)
{
	struct store *s;
	struct ledger_meta meta, made = make_meta();

	begin();
	s = redis_store_new(&config, "a");
	ck_assert_int_eq(s->ops->meta_read(s, &meta), -ENOENT);
	ck_assert_int_eq(s->ops->meta_create(s, &made), 0);
	ck_assert_int_eq(s->ops->meta_create(s, &made), -EEXIST);
	ck_assert_int_eq(s->ops->meta_read(s, &meta), 0);
	ck_assert_mem_eq(meta.identity, made.identity, sizeof(meta.identity));
	ck_assert_mem_eq(meta.hash_key, made.hash_key, sizeof(meta.hash_key));
	ck_assert_mem_eq(&meta.version, &made.version, sizeof(meta.version));
	ck_assert_str_eq(meta.group, made.group);
	ck_assert_uint_eq(meta.id_rule, 42);
	s->ops->free(s);
	end();
}
END_TEST

/* The same calls on both stores: the same tables. */
static uint64_t drive(struct store *a, struct store *b, struct memory_ledger *memory)
{
	struct host x, y;
	struct entry e;
	uint8_t id[LEDGER_ID];
	uint64_t digest = 0;

	host_open(&x, a, 1);
	host_open(&y, b, 2);
	ck_assert(claims(&x, 1));
	ck_assert(!claims(&y, 1));
	ck_assert(claims(&y, 2));
	id_of(1, id);
	e = table_find(client_table(x.client), id);
	ck_assert_int_eq(client_add_wait(x.client, e.record, e.index, true, 99, NULL), 0);
	ck_assert(call(&x)[0].ok);
	ck_assert_int_eq(client_add_wake(x.client, e.record, e.index, NULL), 0);
	ck_assert(call(&x)[0].ok);
	ck_assert_int_eq(client_add_settle(x.client, e.record, e.index, SETTLE_DONE, NULL), 0);
	ck_assert(call(&x)[0].ok);
	ck_assert(!claims(&y, 1));
	/* y's lease runs out; x takes its claim over. */
	if (memory != NULL)
		memory_ledger_set_time(memory, 100 * LEASE_US);
	else
		nap_ms(LEASE_US / 1000 + 200);
	ck_assert_int_eq(x.store->ops->session_end(x.store, x.session), 0);
	memset(x.session.b, 3, sizeof(x.session.b));
	ck_assert_int_eq(x.store->ops->session_open(x.store, x.session, LEASE_US, "node"), 0);
	client_set_session(x.client, x.session);
	id_of(2, id);
	e = table_find(client_table(x.client), id);
	ck_assert_int_eq(client_add_takeover(x.client, &e, NULL), 0);
	ck_assert(call(&x)[0].ok);
	ck_assert(!claims(&y, 3)); /* not live */
	for (uint32_t n = 1; n <= 3; n++) {
		id_of(n, id);
		e = table_find(client_table(y.client), id);
		digest = digest * 1000 + (uint64_t)e.state * 100 + e.counts.failed * 10 + e.counts.takeovers;
	}
	host_close(&x);
	host_close(&y);
	return digest;
}

START_TEST(redis_and_memory_agree)
{
	struct memory_ledger *memory = memory_ledger_new();
	struct ledger_meta meta = make_meta();
	struct store *s = memory_store_new(memory, NULL, NULL);
	uint64_t want;

	memory_ledger_set_time(memory, 1000000);
	ck_assert_int_eq(s->ops->meta_create(s, &meta), 0);
	want = drive(memory_store_new(memory, NULL, NULL), memory_store_new(memory, NULL, NULL), memory);
	s->ops->free(s);
	memory_ledger_free(memory);
	begin();
	s = redis_store_new(&config, "a");
	ck_assert_int_eq(s->ops->meta_create(s, &meta), 0);
	ck_assert_uint_eq(drive(redis_store_new(&config, "a"), redis_store_new(&config, "a"), NULL), want);
	s->ops->free(s);
	end();
}
END_TEST

START_TEST(renewal_refuses_a_missing_session_and_shows_all_leases)
{
	struct store *s;
	struct ledger_meta meta = make_meta();
	const struct store_lease *leases;
	struct session_id a = { "aaaaaaa" }, b = { "bbbbbbb" };
	uint64_t now;
	size_t n;

	begin();
	s = redis_store_new(&config, "a");
	ck_assert_int_eq(s->ops->meta_create(s, &meta), 0);
	ck_assert_int_eq(s->ops->session_renew(s, a, LEASE_US, &leases, &n, &now), -ENOENT);
	ck_assert_int_eq(s->ops->session_open(s, a, LEASE_US, "one"), 0);
	ck_assert_int_eq(s->ops->session_open(s, a, LEASE_US, "one"), -EEXIST);
	ck_assert_int_eq(s->ops->session_open(s, b, LEASE_US, "two"), 0);
	ck_assert_int_eq(s->ops->session_renew(s, a, LEASE_US, &leases, &n, &now), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_gt(leases[0].end_us, now);
	ck_assert(strcmp(leases[0].owner, "one") == 0 || strcmp(leases[1].owner, "one") == 0);
	ck_assert_int_eq(s->ops->session_end(s, a), 0);
	ck_assert_int_eq(s->ops->session_renew(s, a, LEASE_US, &leases, &n, &now), -ENOENT);
	s->ops->free(s);
	end();
}
END_TEST

START_TEST(a_restarted_server_has_the_ledger_and_a_new_version)
{
	struct host h;
	struct ledger_meta meta = make_meta(), after;
	struct store_reply reply;
	uint64_t fence;
	int r;

	begin();
	h.store = redis_store_new(&config, "a");
	ck_assert_int_eq(h.store->ops->meta_create(h.store, &meta), 0);
	host_open(&h, h.store, 1);
	ck_assert(claims(&h, 1));
	fence = table_fence(client_table(h.client));
	stop_server();
	r = h.store->ops->append(h.store,
	    (client_add_claim(h.client, (const uint8_t *)"12345678901234", 1, NULL), client_call(h.client)),
	    &reply);
	ck_assert_int_lt(r, 0);
	ck_assert_int_eq(h.store->trouble, STORE_UNREACHABLE);
	start_server();
	for (int i = 0; i < 200 && (r = h.store->ops->meta_read(h.store, &after)) < 0; i++)
		nap_ms(25);
	ck_assert_int_eq(r, 0);
	ck_assert_mem_eq(after.identity, meta.identity, sizeof(meta.identity));
	ck_assert(memcmp(&after.version, &meta.version, sizeof(meta.version)) != 0);
	/* The call is sent again, under the version that is now. */
	ck_assert_int_eq(h.store->ops->append(h.store, client_call(h.client), &reply), 0);
	ck_assert_int_eq(reply.result, STORE_STALE);
	client_set_meta(h.client, &after);
	ck_assert(call(&h)[0].ok);
	ck_assert_uint_gt(table_fence(client_table(h.client)), fence + 50000000);
	host_close(&h);
	end();
}
END_TEST

START_TEST(scripts_flushed_and_log_gone)
{
	struct host h;
	struct ledger_meta meta = make_meta();
	struct store_reply reply;
	char command[256];

	begin();
	h.store = redis_store_new(&config, "a");
	ck_assert_int_eq(h.store->ops->meta_create(h.store, &meta), 0);
	host_open(&h, h.store, 1);
	ck_assert(claims(&h, 1));
	snprintf(command, sizeof(command), "redis-cli -s %s script flush >/dev/null", path);
	ck_assert_int_eq(system(command), 0);
	ck_assert(claims(&h, 2));
	snprintf(command, sizeof(command), "redis-cli -s %s del 'unit:{a}:l:1' >/dev/null", path);
	ck_assert_int_eq(system(command), 0);
	client_add_claim(h.client, (const uint8_t *)"12345678901234", 1, NULL);
	ck_assert_int_eq(h.store->ops->append(h.store, client_call(h.client), &reply), 0);
	ck_assert_int_eq(reply.result, STORE_DIVERGED);
	ck_assert_int_eq(h.store->ops->read(h.store, 1, 0, 10, &reply), -ENOENT);
	host_close(&h);
	end();
}
END_TEST

START_TEST(a_foreign_key_under_the_prefix_is_named)
{
	struct store *s;
	struct ledger_meta meta;
	char command[512];

	begin();
	s = redis_store_new(&config, "a");
	snprintf(command, sizeof(command), "redis-cli -s %s set 'unit:{a}:m' hello >/dev/null", path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_lt(s->ops->meta_read(s, &meta), 0);
	ck_assert_int_eq(s->trouble, STORE_REFUSED);
	ck_assert_ptr_nonnull(strstr(s->text, "use another prefix"));
	snprintf(command, sizeof(command),
	    "redis-cli -s %s del 'unit:{a}:m' >/dev/null && redis-cli -s %s hset 'unit:{a}:m' format 9 >/dev/null",
	    path, path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(s->ops->meta_read(s, &meta), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(s->text, "format 9"));
	s->ops->free(s);
	end();
}
END_TEST

/* ---- A server that says what the test wants */

static int listener = -1;
static const char *script_reply;
static size_t reply_length;

/* INFO is answered well; everything else by the script's bytes, then the connection is closed. */
static void *fake(void *arg)
{
	static const char info[] =
	    "run_id:x\r\nredis_version:7.0.0\r\nmaxmemory_policy:noeviction\r\nrole:master\r\ncluster_enabled:0\r\n";
	char in[65536], out[512];
	int fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		ssize_t n;
		bool over = false;

		while (!over && (n = read(fd, in, sizeof(in) - 1)) > 0) {
			in[n] = '\0';
			if (strstr(in, "SETNAME") != NULL) {
				over = write(fd, "+OK\r\n", 5) != 5;
			} else if (strstr(in, "INFO") != NULL) {
				int len = snprintf(
				    out, sizeof(out), "$%zu\r\n%s\r\n", sizeof(info) - 1, info);

				over = write(fd, out, (size_t)len) != len;
			} else if (strstr(in, "LOAD") != NULL) {
				over = write(fd, "$40\r\n0123456789012345678901234567890123456789\r\n", 47) !=
				       47;
			} else {
				over = write(fd, script_reply, reply_length) <= (ssize_t)reply_length;
			}
		}
		close(fd);
	}
	return NULL;
}

static void fake_start(pthread_t *t)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/fake.sock", folder);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	config = (struct config){ .ledger = { .scheme = LEDGER_UNIX,
				      .host = path,
				      .prefix = (char *)(uintptr_t) "unit",
				      .lease_ms = 1000,
				      .timeout_ms = 200 } };
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(keyed_hash_setup(), 0);
	pthread_create(t, NULL, fake, NULL);
}

static void fake_stop(pthread_t t)
{
	shutdown(listener, SHUT_RDWR);
	close(listener);
	pthread_join(t, NULL);
	unit_remove(folder);
}

static int append_once(struct store_reply *reply, enum store_trouble *ret_trouble)
{
	struct store *s = redis_store_new(&config, "a");
	struct store_append a = {
		.generation = 1, .position = 1, .body = { "\0\0body", 6 }, .max_delta = 64
	};
	int r = s->ops->append(s, &a, reply);

	*ret_trouble = s->trouble;
	s->ops->free(s);
	return r;
}

START_TEST(every_error_reply_has_its_reaction)
{
	static const struct {
		const char *reply;
		enum store_trouble trouble;
	} cases[] = { { "-LOADING Redis is loading", STORE_LOADING },
		{ "-READONLY You can't write", STORE_READONLY }, { "-OOM command not allowed", STORE_OOM },
		{ "-MISCONF Redis is configured", STORE_REFUSED }, { "-BUSY Redis is busy", STORE_BUSY },
		{ "-UNKILLABLE Sorry", STORE_BUSY }, { "-NOAUTH Authentication", STORE_DENIED },
		{ "-NOPERM this user", STORE_DENIED }, { "-MASTERDOWN Link", STORE_READONLY },
		{ "-NOREPLICAS Not enough", STORE_BUSY }, { "-CLUSTERDOWN Hash slot", STORE_BUSY },
		{ "-TRYAGAIN Multiple", STORE_BUSY }, { "-CROSSSLOT Keys", STORE_REFUSED },
		{ "-WRONGTYPE Operation", STORE_REFUSED }, { "-MOVED 1 a:1", STORE_REFUSED },
		{ "-NOSCRIPT No matching", STORE_BUSY }, { "-WHATEVER never heard of", STORE_REFUSED },
		{ "-ERR", STORE_REFUSED } };
	pthread_t t;

	fake_start(&t);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];
		struct store_reply reply;
		enum store_trouble trouble;

		snprintf(text, sizeof(text), "%s\r\n", cases[i].reply);
		script_reply = text;
		reply_length = strlen(text);
		ck_assert_int_lt(append_once(&reply, &trouble), 0);
		/* NOSCRIPT is tried again, and this server closes after one answer. */
		if (strncmp(text, "-NOSCRIPT", 9) != 0)
			ck_assert_msg(trouble == cases[i].trouble, "%s: %d", cases[i].reply, trouble);
	}
	fake_stop(t);
}
END_TEST

START_TEST(a_reply_cut_anywhere_or_of_another_form_is_an_error)
{
	static const char good[] =
	    "*3\r\n$36\r\nTTTTTTTTSSSSSSSS1FFFFFFFFCCUUUUUUUU0\r\n$4\r\nbody\r\n$36\r\nTTTTTTTTSSSSSSSS1FFFFFFFFCCUUUUUUUU0\r\n";
	static const char *const odd[] = { ":1\r\n", "+OK\r\n", "$-1\r\n", "*-1\r\n",
		"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n:5\r\n", "*1\r\n*1\r\n$1\r\na\r\n", "$1\r\nX\r\n",
		"$2\r\nSS\r\n", "nonsense\r\n", "*1\r\n$999999999999\r\n" };
	struct store_reply reply;
	enum store_trouble trouble;
	pthread_t t;

	fake_start(&t);
	script_reply = good;
	for (size_t n = 1; n < sizeof(good) - 1; n++) {
		reply_length = n;
		ck_assert_int_lt(append_once(&reply, &trouble), 0);
	}
	reply_length = sizeof(good) - 1;
	ck_assert_int_eq(append_once(&reply, &trouble), 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		script_reply = odd[i];
		reply_length = strlen(odd[i]);
		ck_assert_msg(append_once(&reply, &trouble) < 0, "%s", odd[i]);
	}
	script_reply = "$1\r\nS\r\n";
	reply_length = 7;
	ck_assert_int_eq(append_once(&reply, &trouble), 0);
	ck_assert_int_eq(reply.result, STORE_STALE);
	fake_stop(t);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { metadata_comes_back_as_it_was, redis_and_memory_agree,
		renewal_refuses_a_missing_session_and_shows_all_leases,
		a_restarted_server_has_the_ledger_and_a_new_version, scripts_flushed_and_log_gone,
		a_foreign_key_under_the_prefix_is_named, every_error_reply_has_its_reaction,
		a_reply_cut_anywhere_or_of_another_form_is_an_error, NULL };

	signal(SIGPIPE, SIG_IGN);
	return unit_run("store on redis", tests);
}
