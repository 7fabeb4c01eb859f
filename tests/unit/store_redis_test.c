/* The ledger on a real redis-server: the same answers as the memory store, and what happens when it misbehaves. */
#include "adapters/redis_errors.h"
#include "core/ledger/client.h"
#include "core/ledger/segment.h"
#include "lib/redis.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LEASE_US 2000000

static struct redis_test server;

static void begin(void)
{
	redis_test_configure(&server, LEASE_US / 1000, 1000);
	redis_test_start(&server, true);
}

static void end(void)
{
	redis_test_kill(&server);
	unit_remove(server.folder);
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

/* ---- Both stores by the same calls */

struct both {
	struct store *store;
	struct ledger_meta meta;
	struct session_id a, b;
	struct ledger_tag last;
	uint64_t position, fence;
};

static int put(struct both *t, struct session_id session, const struct ledger_version *version,
    uint32_t generation, uint8_t tag, struct store_reply *reply)
{
	struct record_builder b = { .n = { 0 } };
	struct record_claim claim = { .check = tag };
	struct buf body = { NULL, 0, 0 };
	struct ledger_tag own = { { tag } };
	struct store_append append = { .version = *version,
		.session = session,
		.generation = generation,
		.position = t->position,
		.last_tag = t->last,
		.tag = own,
		.ask = &t->b,
		.n_ask = 1,
		.max_delta = 3 };
	struct record_header header;
	int r;

	memset(claim.id, tag, sizeof(claim.id));
	record_add_claim(&b, &claim);
	record_body(&b, own, session, &body);
	append.body = (struct bytes){ body.data, body.len };
	r = t->store->ops->append(t->store, &append, reply);
	ck_assert_msg(r == 0, "append: %s", t->store->text);
	if (reply->result == STORE_OK) {
		ck_assert_ptr_null(reply->records[reply->n - 1].body.data);
		ck_assert_int_eq(record_read_header(reply->records[reply->n - 1].header, &header), 0);
		ck_assert_uint_gt(header.fence, t->fence);
		t->fence = header.fence;
		ck_assert_uint_eq(header.slots, 1);
	}
	buf_free(&body);
	record_builder_free(&b);
	return reply->result;
}

static void check_appends(struct both *t)
{
	struct ledger_version other = { { 1 } };
	struct store_reply reply;
	struct record_header header;

	ck_assert_int_eq(t->store->ops->read(t->store, 1, 0, 10, &reply), 0);
	ck_assert_uint_eq(reply.n, 1);
	ck_assert(reply.has_meta);
	ck_assert_mem_eq(&reply.version, &t->meta.version, sizeof(reply.version));
	memcpy(&t->last, reply.records[0].header.data, sizeof(t->last));
	t->position = 1;
	ck_assert_int_eq(put(t, t->a, &t->meta.version, 1, 10, &reply), STORE_OK);
	ck_assert_uint_eq(reply.n, 1);
	ck_assert_int_eq(record_read_header(reply.records[0].header, &header), 0);
	ck_assert(header.live);
	ck_assert_uint_eq(header.n_over, 1); /* b is not there */
	ck_assert_int_eq(put(t, t->b, &t->meta.version, 1, 11, &reply), STORE_OK);
	ck_assert_uint_eq(reply.n, 2);
	ck_assert_int_eq(record_read_header(reply.records[1].header, &header), 0);
	ck_assert(!header.live);
	ck_assert_int_eq(put(t, t->a, &other, 1, 12, &reply), STORE_STALE);
	t->position = 100;
	ck_assert_int_eq(put(t, t->a, &t->meta.version, 1, 12, &reply), STORE_DIVERGED);
	t->position = 2;
	ck_assert_int_eq(put(t, t->a, &t->meta.version, 1, 12, &reply), STORE_DIVERGED); /* another tag */
	t->position = 1;
	for (uint8_t i = 20; i < 22; i++)
		ck_assert_int_eq(put(t, t->a, &t->meta.version, 1, i, &reply), STORE_OK);
	ck_assert_int_eq(put(t, t->a, &t->meta.version, 1, 30, &reply), STORE_BEHIND);
	ck_assert_int_eq(t->store->ops->read(t->store, 1, 3, 1, &reply), 0);
	ck_assert_uint_eq(reply.n, 2); /* the one before, and one */
	ck_assert_int_eq(t->store->ops->read(t->store, 1, 99, 1, &reply), 0);
	ck_assert_int_eq(reply.result, STORE_DIVERGED);
	ck_assert_int_eq(t->store->ops->read(t->store, 2, 0, 1, &reply), -ENOENT);
}

static struct segment_info write_segment(struct both *t, bool all)
{
	struct segment_record r = { .hash = { 5, 0 }, .check = 1, .server_s = 100 };
	struct segment_info info = {
		.id = "\1\2\3\4\5\6\7", .n = 1, .t_min = 100, .t_max = 100, .generation = 1
	};
	struct segment_writer w;

	segment_write_begin(&w, &info);
	ck_assert_int_eq(segment_write_add(&w, &r), 0);
	ck_assert_int_eq(segment_write_end(&w), 0);
	ck_assert_int_eq(t->store->ops->chunk_write(t->store, info.id, STORE_FILTER, 0,
			     (struct bytes){ w.filter.data, w.filter.len }),
	    0);
	if (all)
		ck_assert_int_eq(t->store->ops->chunk_write(t->store, info.id, STORE_BODY, 0,
				     (struct bytes){ w.body.data, w.body.len }),
		    0);
	info = w.info;
	segment_write_free(&w);
	return info;
}

static void check_commits(struct both *t)
{
	struct ledger_meta to = t->meta, now;
	struct store_commit c = {
		.from = t->meta.version, .to = &to, .open_list = true, .close = 1, .session = t->a
	};
	enum store_result result;
	struct store_reply reply;
	struct record_view view;
	struct record_builder b = { .n = { 0 } };
	struct record_carry carry = { .check = 3, .fence = 9 };
	struct buf body = { NULL, 0, 0 };
	struct bytes carries;
	struct segment_info info;
	struct store_chunk chunk = { .stream = STORE_BODY, .from = 6, .len = 4 };

	to.generation = 2;
	memset(to.version.b, 10, sizeof(to.version.b));
	ck_assert_int_eq(t->store->ops->commit(t->store, &c, &result), 0);
	ck_assert_int_eq(result, STORE_OK);
	ck_assert_int_eq(t->store->ops->commit(t->store, &c, &result), 0);
	ck_assert_int_eq(result, STORE_STALE);
	ck_assert_int_eq(t->store->ops->read(t->store, 2, 0, 5, &reply), 0);
	ck_assert_int_eq(record_read_body(reply.records[0].body, &view), 0);
	ck_assert(view.first && view.generation == 2);
	/* Seal: a chunk is missing, then there. */
	record_add_carry(&b, &carry);
	record_body(&b, (struct ledger_tag){ { 50 } }, t->a, &body);
	carries = (struct bytes){ body.data, body.len };
	info = write_segment(t, false);
	c = (struct store_commit){ .from = to.version,
		.to = &to,
		.close = 1,
		.unlink = true,
		.carries = &carries,
		.n_carries = 1,
		.session = t->a,
		.add = &info };
	to.oldest = 2;
	memset(to.version.b, 11, sizeof(to.version.b));
	ck_assert_int_eq(t->store->ops->commit(t->store, &c, &result), 0);
	ck_assert_int_eq(result, STORE_MISSING);
	write_segment(t, true);
	ck_assert_int_eq(t->store->ops->commit(t->store, &c, &result), 0);
	ck_assert_int_eq(result, STORE_OK);
	ck_assert_int_eq(t->store->ops->meta_read(t->store, &now), 0);
	ck_assert_uint_eq(now.oldest, 2);
	ck_assert_uint_eq(now.n_segments, 1);
	ck_assert_mem_eq(&now.segments[0], &info, sizeof(info));
	ck_assert_int_eq(t->store->ops->read(t->store, 1, 0, 5, &reply), -ENOENT);
	ck_assert_int_eq(t->store->ops->read(t->store, 2, 0, 5, &reply), 0);
	ck_assert_uint_eq(reply.n, 2);
	ck_assert_int_eq(record_read_body(reply.records[1].body, &view), 0);
	ck_assert_uint_eq(view.n[RECORD_CARRIES], 1);
	memcpy(chunk.segment, info.id, SEGMENT_ID);
	ck_assert_int_eq(t->store->ops->chunk_read(t->store, &chunk, 1), 0);
	ck_assert_uint_eq(chunk.data.len, 4);
	ck_assert_mem_eq(chunk.data.data, "\0\0\0\1", 4); /* the payload check */
	/* Drop. */
	c = (struct store_commit){ .from = to.version, .to = &to, .remove = &info, .n_remove = 1 };
	memset(to.version.b, 12, sizeof(to.version.b));
	ck_assert_int_eq(t->store->ops->commit(t->store, &c, &result), 0);
	ck_assert_int_eq(t->store->ops->meta_read(t->store, &now), 0);
	ck_assert_uint_eq(now.n_segments, 0);
	buf_free(&body);
	record_builder_free(&b);
}

static void check_store(struct store *s)
{
	struct both t = { .store = s, .meta = make_meta() };
	struct store_renewal renewal;
	bool ours;

	memset(t.a.b, 1, sizeof(t.a.b));
	memset(t.b.b, 2, sizeof(t.b.b));
	ck_assert_int_eq(s->ops->meta_read(s, &t.meta), -ENOENT);
	t.meta = make_meta();
	ck_assert_int_eq(s->ops->meta_create(s, &t.meta, 0), 0);
	ck_assert_int_eq(s->ops->meta_create(s, &t.meta, 0), -EEXIST);
	ck_assert_int_eq(s->ops->meta_read(s, &t.meta), 0);
	ck_assert_str_eq(t.meta.group, make_meta().group);
	ck_assert_str_eq(t.meta.run_id, t.meta.server);
	ck_assert_uint_eq(t.meta.id_rule, 42);
	ck_assert_int_eq(s->ops->session_renew(s, t.a, LEASE_US, &renewal), -ENOENT);
	ck_assert_int_eq(s->ops->session_open(s, t.a, 100 * LEASE_US, "one"), 0);
	ck_assert_int_eq(s->ops->session_open(s, t.a, LEASE_US, "one"), -EEXIST);
	ck_assert_int_eq(s->ops->session_renew(s, t.a, 100 * LEASE_US, &renewal), 0);
	ck_assert_uint_eq(renewal.n, 1);
	ck_assert_str_eq(renewal.leases[0].owner, "one");
	ck_assert_uint_eq(renewal.leases[0].rules, LEDGER_RULES);
	ck_assert_uint_gt(renewal.leases[0].end_us, renewal.now_us);
	ck_assert(renewal.has_meta);
	ck_assert_int_eq(s->ops->session_renew(s, t.b, 0, &renewal), 0); /* only to see */
	ck_assert_uint_eq(renewal.n, 1);
	check_appends(&t);
	check_commits(&t);
	ck_assert_int_eq(s->ops->lock(s, t.a, 60000, &ours), 0);
	ck_assert(ours);
	ck_assert_int_eq(s->ops->lock(s, t.b, 60000, &ours), 0);
	ck_assert(!ours);
	ck_assert_int_eq(s->ops->session_end(s, t.a), 0);
	ck_assert_int_eq(s->ops->session_renew(s, t.a, LEASE_US, &renewal), -ENOENT);
	s->ops->free(s);
}

START_TEST(memory_does_what_a_store_has_to)
{
	struct memory_ledger *m = memory_ledger_new();

	memory_ledger_set_time(m, 1000000);
	check_store(memory_store_new(m));
	memory_ledger_free(m);
}
END_TEST

START_TEST(redis_does_what_a_store_has_to)
{
	begin();
	check_store(redis_store_new(&server.config, "a"));
	end();
}
END_TEST

/* ---- What a server does to us */

START_TEST(a_restarted_server_is_adopted_before_anything_is_appended)
{
	struct both t = { .meta = make_meta() };
	struct ledger_meta meta;
	struct store_reply reply;
	uint64_t fence;
	int r = -1;

	begin();
	memset(t.a.b, 1, sizeof(t.a.b));
	t.store = redis_store_new(&server.config, "a");
	ck_assert_int_eq(t.store->ops->meta_create(t.store, &t.meta, 0), 0);
	ck_assert_int_eq(t.store->ops->meta_read(t.store, &t.meta), 0);
	ck_assert_int_eq(t.store->ops->session_open(t.store, t.a, 100 * LEASE_US, "one"), 0);
	check_appends(&t);
	fence = t.fence;
	redis_test_kill(&server);
	ck_assert_int_lt(t.store->ops->meta_read(t.store, &meta), 0);
	ck_assert_int_eq(t.store->trouble, STORE_UNREACHABLE);
	redis_test_start(&server, true);
	t.position = 1;
	for (int i = 0; i < 200 && r < 0; i++, redis_nap_ms(25)) {
		struct store_append a = {
			.version = t.meta.version, .generation = 1, .position = 1, .body = { "\0\0", 2 }
		};

		r = t.store->ops->append(t.store, &a, &reply);
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(reply.result, STORE_STALE); /* although the version is the same */
	ck_assert_int_eq(t.store->ops->meta_read(t.store, &meta), 0);
	ck_assert_str_ne(meta.run_id, meta.server);
	ck_assert_int_eq(t.store->ops->adopt(t.store, &meta.version, LEASE_US), 0);
	ck_assert_int_eq(t.store->ops->meta_read(t.store, &meta), 0);
	ck_assert_str_eq(meta.run_id, meta.server);
	ck_assert(memcmp(&meta.version, &t.meta.version, sizeof(meta.version)) != 0);
	ck_assert_uint_eq(meta.unhealed, 1);
	ck_assert_uint_gt(meta.heal_until_us, meta.now_us);
	ck_assert_int_eq(t.store->ops->healed(t.store, t.a), 0);
	ck_assert_int_eq(t.store->ops->meta_read(t.store, &meta), 0);
	ck_assert_uint_eq(meta.unhealed, 0);
	t.position = 2;
	t.last = (struct ledger_tag){ { 10 } };
	ck_assert_int_eq(put(&t, t.a, &meta.version, 1, 60, &reply), STORE_OK);
	ck_assert_uint_gt(t.fence, fence + 50000000);
	t.store->ops->free(t.store);
	end();
}
END_TEST

START_TEST(scripts_flushed_are_loaded_again)
{
	struct ledger_meta meta = make_meta();
	struct store *s;

	begin();
	s = redis_store_new(&server.config, "a");
	ck_assert_int_eq(s->ops->meta_create(s, &meta, 0), 0);
	ck_assert_int_eq(s->ops->meta_read(s, &meta), 0);
	redis_test_command(&server, "script flush");
	ck_assert_int_eq(s->ops->meta_read(s, &meta), 0);
	s->ops->free(s);
	end();
}
END_TEST

START_TEST(a_foreign_key_under_the_prefix_is_named)
{
	struct store *s;
	struct ledger_meta meta;

	begin();
	s = redis_store_new(&server.config, "a");
	redis_test_command(&server, "set 'unit:{a}:m' hello");
	ck_assert_int_lt(s->ops->meta_read(s, &meta), 0);
	ck_assert_int_eq(s->trouble, STORE_REFUSED);
	ck_assert_msg(strstr(s->text, "use another prefix") != NULL, "%s", s->text);
	redis_test_command(&server, "del 'unit:{a}:m'");
	redis_test_command(&server, "hset 'unit:{a}:m' format 9");
	ck_assert_int_eq(s->ops->meta_read(s, &meta), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(s->text, "format 9"));
	redis_test_command(&server, "hset 'unit:{a}:m' format 1 rules x");
	ck_assert_int_eq(s->ops->meta_read(s, &meta), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(s->text, "field rules"));
	s->ops->free(s);
	end();
}
END_TEST

START_TEST(a_wait_for_replicas_that_are_not_there_is_said)
{
	struct ledger_meta meta = make_meta();
	struct session_id a = { "aaaaaaa" };
	struct both t = { .meta = meta, .a = a };
	struct store_reply reply;

	begin();
	server.config.ledger.replicas = 1;
	t.store = redis_store_new(&server.config, "a");
	ck_assert_int_eq(t.store->ops->meta_create(t.store, &meta, 0), 0);
	ck_assert_int_eq(t.store->ops->meta_read(t.store, &meta), 0);
	ck_assert_int_eq(t.store->ops->session_open(t.store, a, LEASE_US, "one"), 0);
	ck_assert_int_eq(t.store->ops->read(t.store, 1, 0, 10, &reply), 0);
	memcpy(&t.last, reply.records[0].header.data, sizeof(t.last));
	t.position = 1;
	ck_assert_int_eq(put(&t, a, &meta.version, 1, 10, &reply), STORE_OK);
	ck_assert(!reply.confirmed);
	ck_assert_int_eq(t.store->ops->confirm(t.store, a, LEASE_US), -EAGAIN);
	ck_assert_ptr_nonnull(strstr(t.store->text, "0 of the 1 replicas"));
	t.store->ops->free(t.store);
	end();
}
END_TEST

/* ---- A server that says what the test wants, at every call */

static int listener = -1;
static const char *script_reply;
static size_t reply_length;

static bool say(int fd, const char *text, size_t len)
{
	return write(fd, text, len) == (ssize_t)len;
}

/* INFO and SCRIPT LOAD are answered well; everything else by the script's bytes, then the connection is closed. */
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
				over = !say(fd, "+OK\r\n", 5);
			} else if (strstr(in, "INFO") != NULL) {
				int len = snprintf(
				    out, sizeof(out), "$%zu\r\n%s\r\n", sizeof(info) - 1, info);

				over = !say(fd, out, (size_t)len);
			} else if (strstr(in, "LOAD") != NULL) {
				over = !say(fd, "$40\r\n0123456789012345678901234567890123456789\r\n", 47);
			} else {
				(void)say(fd, script_reply, reply_length);
				over = true;
			}
		}
		close(fd);
	}
	return NULL;
}

static pthread_t fake_thread;

static void fake_start(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	redis_test_configure(&server, 1000, 300);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", server.path);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	pthread_create(&fake_thread, NULL, fake, NULL);
}

static void fake_stop(void)
{
	shutdown(listener, SHUT_RDWR);
	close(listener);
	pthread_join(fake_thread, NULL);
	unit_remove(server.folder);
}

/* Every call of the interface, by number; false: there is none of that number. */
static bool call_site(struct store *s, unsigned number, int *ret_result)
{
	struct session_id id = { "aaaaaaa" };
	struct ledger_meta meta = make_meta(), read;
	struct store_append append = {
		.generation = 1, .position = 1, .body = { "\0\0body", 6 }, .max_delta = 64
	};
	struct store_commit commit = { .to = &meta };
	struct store_chunk chunk = { .len = 4 };
	struct store_reply reply;
	struct store_renewal renewal;
	struct store_stats stats;
	enum store_result result;
	bool ours;

	switch (number) {
	case 0: *ret_result = s->ops->append(s, &append, &reply); return true;
	case 1: *ret_result = s->ops->read(s, 1, 0, 10, &reply); return true;
	case 2: *ret_result = s->ops->meta_read(s, &read); return true;
	case 3: *ret_result = s->ops->meta_create(s, &meta, 0); return true;
	case 4: *ret_result = s->ops->commit(s, &commit, &result); return true;
	case 5: *ret_result = s->ops->adopt(s, &meta.version, 1000); return true;
	case 6: *ret_result = s->ops->healed(s, id); return true;
	case 7:
		*ret_result = s->ops->chunk_write(s, id.b, STORE_BODY, 0, (struct bytes){ "x", 1 });
		return true;
	case 8: *ret_result = s->ops->chunk_read(s, &chunk, 1); return true;
	case 9: *ret_result = s->ops->lock(s, id, 1000, &ours); return true;
	case 10: *ret_result = s->ops->session_open(s, id, 1000, "x"); return true;
	case 11: *ret_result = s->ops->session_renew(s, id, 1000, &renewal); return true;
	case 12: *ret_result = s->ops->session_end(s, id); return true;
	case 13: *ret_result = s->ops->stats(s, 1, &stats); return true;
	default: return false;
	}
}

START_TEST(every_error_reply_has_its_reaction_at_every_call)
{
	static const struct {
		const char *reply;
		enum store_trouble trouble;
	} cases[] = { { "-LOADING Redis is loading", STORE_LOADING },
		{ "-READONLY You can't write", STORE_READONLY }, { "-OOM command not allowed", STORE_OOM },
		{ "-MISCONF Redis is configured", STORE_REFUSED }, { "-BUSY Redis is busy", STORE_BUSY },
		{ "-UNKILLABLE Sorry", STORE_BUSY }, { "-NOAUTH Authentication", STORE_DENIED },
		{ "-WRONGPASS invalid", STORE_DENIED }, { "-NOPERM this user", STORE_DENIED },
		{ "-MASTERDOWN Link", STORE_READONLY }, { "-NOREPLICAS Not enough", STORE_BUSY },
		{ "-CLUSTERDOWN Hash slot", STORE_BUSY }, { "-TRYAGAIN Multiple", STORE_BUSY },
		{ "-CROSSSLOT Keys", STORE_REFUSED }, { "-WRONGTYPE Operation", STORE_REFUSED },
		{ "-EXECABORT Transaction", STORE_REFUSED }, { "-NOGOODSLAVE none", STORE_BUSY },
		{ "-INPROG Failover", STORE_BUSY }, { "-NOMASTERLINK No", STORE_READONLY },
		{ "-MOVED 1 a:1", STORE_REFUSED }, { "-ASK 1 a:1", STORE_BUSY },
		{ "-WHATEVER never heard of", STORE_REFUSED }, { "-ERR", STORE_REFUSED },
		{ "-", STORE_REFUSED } };

	fake_start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned site = 0;; site++) {
			struct store *s = redis_store_new(&server.config, "a");
			char text[256];
			int r = 0;

			/* A pipeline of two gets two. */
			snprintf(text, sizeof(text), "%s\r\n%s\r\n", cases[i].reply, cases[i].reply);
			script_reply = text;
			reply_length = strlen(text);
			if (!call_site(s, site, &r)) {
				s->ops->free(s);
				break;
			}
			ck_assert_msg(r < 0, "%s at call %u went through", cases[i].reply, site);
			ck_assert_msg(s->trouble == cases[i].trouble, "%s at call %u: %d, %s", cases[i].reply,
			    site, s->trouble, s->text);
			ck_assert_ptr_nonnull(strchr(s->text, ';')); /* a remedy follows */
			s->ops->free(s);
		}
	}
	fake_stop();
}
END_TEST

START_TEST(a_reply_of_another_form_is_an_error_at_every_call)
{
	static const char *const odd[] = { "+OK\r\n+OK\r\n", "$-1\r\n$-1\r\n", "*-1\r\n*-1\r\n",
		"*1\r\n:5\r\n*0\r\n", "*1\r\n*1\r\n$1\r\na\r\n$0\r\n\r\n", "$1\r\nX\r\n$1\r\nX\r\n",
		"nonsense\r\n", "*1\r\n$999999999999\r\n", "" };
	/* What a call may say yes to: SET's OK, a string, an empty list; the rest is not for it to judge. */
	static const unsigned strict[] = { 0, 2, 4, 10, 11 };

	fake_start();
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (unsigned k = 0; k < sizeof(strict) / sizeof(strict[0]); k++) {
			struct store *s = redis_store_new(&server.config, "a");
			int r = 0;

			script_reply = odd[i];
			reply_length = strlen(odd[i]);
			call_site(s, strict[k], &r);
			ck_assert_msg(r < 0, "%s at call %u went through", odd[i], strict[k]);
			s->ops->free(s);
		}
	}
	fake_stop();
}
END_TEST

START_TEST(a_reply_cut_anywhere_is_an_error)
{
	static const char good[] = "*3\r\n$40\r\nTTTTTTTTSSSSSSSS1FFFFFFFFCCUUUUUUUU0SSSS\r\n$4\r\nbody\r\n"
				   "$40\r\nTTTTTTTTSSSSSSSS1FFFFFFFFCCUUUUUUUU0SSSS\r\n";
	int r;

	fake_start();
	script_reply = good;
	for (size_t n = 1; n < sizeof(good) - 1; n++) {
		struct store *s = redis_store_new(&server.config, "a");

		reply_length = n;
		call_site(s, 0, &r);
		ck_assert_int_lt(r, 0);
		ck_assert_int_eq(s->trouble, STORE_UNREACHABLE);
		s->ops->free(s);
	}
	fake_stop();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { memory_does_what_a_store_has_to, redis_does_what_a_store_has_to,
		a_restarted_server_is_adopted_before_anything_is_appended, scripts_flushed_are_loaded_again,
		a_foreign_key_under_the_prefix_is_named, a_wait_for_replicas_that_are_not_there_is_said,
		every_error_reply_has_its_reaction_at_every_call,
		a_reply_of_another_form_is_an_error_at_every_call, a_reply_cut_anywhere_is_an_error, NULL };

	signal(SIGPIPE, SIG_IGN);
	return unit_run("store on redis", tests);
}
