/* The store of semel try: what its ledger answers comes over the socket as it is.  What it answers is tested elsewhere;
 * here are the calls that a short try does not make. */
#include "cli/try/try_store.h"
#include "lib/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

static struct try_ledger *ledger;
static pthread_t server;
static atomic_bool stopping;
static struct store *store, *other;

static void *serve(void *arg)
{
	(void)arg;
	while (!atomic_load(&stopping)) {
		struct pollfd fds[8];
		size_t n = try_ledger_poll(ledger, fds, 8);

		(void)poll(fds, n, 10);
		try_ledger_serve(ledger, fds, n);
	}
	return NULL;
}

static struct store *join(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	try_ledger_connect(ledger, fds[1]);
	return try_store_new(fds[0]);
}

static void begin(void)
{
	ledger = try_ledger_new(0);
	store = join();
	other = join();
	atomic_store(&stopping, false);
	ck_assert_int_eq(pthread_create(&server, NULL, serve, NULL), 0);
}

static void end(void)
{
	store->ops->free(store);
	other->ops->free(other);
	atomic_store(&stopping, true);
	pthread_join(server, NULL);
	try_ledger_free(ledger);
}

static void make(struct ledger_meta *m)
{
	*m = (struct ledger_meta){
		.format = LEDGER_FORMAT, .rules = LEDGER_RULES, .generation = 1, .oldest = 1
	};
	m->version.b[0] = 9;
	snprintf(m->group, sizeof(m->group), "g");
	ck_assert_int_eq(store->ops->meta_create(store, m, 0), 0);
}

START_TEST(metadata)
{
	struct ledger_meta m, read;
	struct store_reply reply;

	begin();
	ck_assert_int_eq(store->ops->meta_read(store, &read), -ENOENT);
	make(&m);
	ck_assert_int_eq(other->ops->meta_create(other, &m, 0), -EEXIST);
	ck_assert_int_eq(other->ops->meta_read(other, &read), 0);
	ck_assert_str_eq(read.group, "g");
	ck_assert_mem_eq(&read.version, &m.version, sizeof(m.version));
	ck_assert_uint_gt(read.now_us, 1600000000000000);
	ck_assert_int_eq(store->ops->read(store, 1, 0, 10, &reply), 0);
	ck_assert_uint_eq(reply.n, 1);
	ck_assert_uint_gt(reply.records[0].header.len, 0);
	ck_assert_int_eq(store->ops->read(store, 7, 0, 10, &reply), -ENOENT);
	ck_assert(reply.has_meta);
	ck_assert_mem_eq(&reply.version, &m.version, sizeof(m.version));
	end();
}
END_TEST

START_TEST(chunks_and_commits)
{
	struct segment_info add = { .id = "segment", .n = 3, .q = 2 };
	struct ledger_meta m, to;
	struct store_commit c = { .to = &to, .add = &add };
	struct store_chunk chunks[3] = { { .stream = STORE_BODY, .from = 1, .len = 2 },
		{ .stream = STORE_FILTER, .len = SEGMENT_CHUNK },
		{ .stream = STORE_BODY, .index = 5, .len = 9 } };
	static char body[SEGMENT_CHUNK];
	enum store_result result;

	begin();
	make(&m);
	to = m;
	to.version.b[0] = 10;
	c.from = m.version;
	ck_assert_int_eq(store->ops->commit(store, &c, &result), 0);
	ck_assert_int_eq(result, STORE_MISSING);
	memcpy(body, "abcd", 4);
	ck_assert_int_eq(
	    store->ops->chunk_write(store, add.id, STORE_BODY, 0, (struct bytes){ body, sizeof(body) }), 0);
	ck_assert_int_eq(store->ops->chunk_write(store, add.id, STORE_FILTER, 0, bytes_of_text("f")), 0);
	for (unsigned i = 0; i < 3; i++)
		memcpy(chunks[i].segment, add.id, SEGMENT_ID);
	ck_assert_int_eq(other->ops->chunk_read(other, chunks, 3), 0);
	ck_assert(bytes_equal(chunks[0].data, bytes_of_text("bc")));
	ck_assert(bytes_equal(chunks[1].data, bytes_of_text("f")));
	ck_assert_uint_eq(chunks[2].data.len, 0);
	ck_assert_int_eq(store->ops->commit(store, &c, &result), 0);
	ck_assert_int_eq(result, STORE_OK);
	ck_assert_int_eq(other->ops->commit(other, &c, &result), 0);
	ck_assert_int_eq(result, STORE_STALE);
	ck_assert_int_eq(other->ops->meta_read(other, &m), 0);
	ck_assert_uint_eq(m.n_segments, 1);
	ck_assert_uint_eq(m.segments[0].n, 3);
	end();
}
END_TEST

START_TEST(sessions)
{
	struct session_id a = { "a" }, b = { "b" };
	struct store_renewal r;
	struct store_stats stats;
	struct ledger_meta m;
	bool ours;

	begin();
	make(&m);
	ck_assert_int_eq(store->ops->session_open(store, a, 1000000, "node-a"), 0);
	ck_assert_int_eq(other->ops->session_open(other, a, 1000000, "node-b"), -EEXIST);
	ck_assert_int_eq(other->ops->session_renew(other, b, 1000000, &r), -ENOENT);
	ck_assert_int_eq(other->ops->session_renew(other, b, 0, &r), 0);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_str_eq(r.leases[0].owner, "node-a");
	ck_assert_uint_gt(r.leases[0].end_us, r.now_us);
	ck_assert_int_eq(store->ops->lock(store, a, 60000, &ours), 0);
	ck_assert(ours);
	ck_assert_int_eq(other->ops->lock(other, b, 60000, &ours), 0);
	ck_assert(!ours);
	ck_assert_int_eq(store->ops->session_end(store, a), 0);
	ck_assert_int_eq(store->ops->session_renew(store, a, 1000000, &r), -ENOENT);
	ck_assert_int_eq(store->ops->stats(store, 1, &stats), 0);
	ck_assert_uint_eq(stats.records, 1);
	end();
}
END_TEST

START_TEST(a_server_that_is_gone)
{
	struct ledger_meta m;

	begin();
	atomic_store(&stopping, true);
	pthread_join(server, NULL);
	try_ledger_free(ledger);
	ck_assert_int_eq(store->ops->meta_read(store, &m), -EPIPE);
	ck_assert_int_eq(store->trouble, STORE_UNREACHABLE);
	store->ops->free(store);
	other->ops->free(other);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { metadata, chunks_and_commits, sessions, a_server_that_is_gone, NULL };

	return unit_run("try_store", tests);
}
