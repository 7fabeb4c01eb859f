/* The engine's end.  One small function a call of struct store_ops. */
#include "cli/try/try_store.h"

#include "cli/try/try_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536

struct try_store {
	struct store store;
	int fd;
	struct buf out, in;
	struct wire_frame reply;
	struct store_record *records;
	struct store_lease *leases;
};

#define PART(x) ((struct bytes){ &(x), sizeof(x) })

static bool write_all(int fd, const struct buf *b)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = send(fd, b->data + done, b->len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return true;
}

static bool read_reply(struct try_store *s)
{
	int64_t n;

	buf_clear(&s->in);
	while ((n = wire_read((struct bytes){ s->in.data, s->in.len }, &s->reply)) == 0) {
		ssize_t got;

		buf_reserve(&s->in, CHUNK);
		got = recv(s->fd, s->in.data + s->in.len, CHUNK, 0);
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		s->in.len += got > 0 ? (size_t)got : 0;
	}
	return n > 0;
}

static int call(struct store *store, enum wire_op op, const struct bytes *parts, size_t n)
{
	struct try_store *s = (struct try_store *)store;

	buf_clear(&s->out);
	wire_write(&s->out, (int32_t)op, parts, n);
	if (write_all(s->fd, &s->out) && read_reply(s))
		return s->reply.code;
	store->trouble = STORE_UNREACHABLE;
	snprintf(store->text, sizeof(store->text), "semel try is gone");
	return -EPIPE;
}

/* ---- Reading and appending */

/* Records from part `from` on, two parts each. */
static void take_records(struct try_store *s, struct store_reply *reply, size_t from)
{
	s->records = realloc(s->records, (reply->n + 1) * sizeof(*s->records));
	if (s->records == NULL)
		abort();
	for (size_t i = 0; i < reply->n; i++)
		s->records[i] = (struct store_record){ wire_part(&s->reply, from + 2 * i),
			wire_part(&s->reply, from + 2 * i + 1) };
	reply->records = s->records;
}

static void take_chunks(struct try_store *s, struct store_chunk *chunks, size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++) {
		struct bytes data = wire_part(&s->reply, from + i);

		chunks[i].data = (struct bytes){ data.data == NULL ? "" : data.data, data.len };
	}
}

static int append(struct store *store, const struct store_append *a, struct store_reply *ret_reply)
{
	struct try_store *s = (struct try_store *)store;
	struct bytes parts[] = { { a, sizeof(*a) }, a->body, { a->ask, a->n_ask * sizeof(*a->ask) },
		{ a->look, a->n_look * sizeof(*a->look) } };
	int r = call(store, WIRE_APPEND, parts, 4);

	if (r < 0)
		return r;
	if (!wire_take(&s->reply, 0, ret_reply, sizeof(*ret_reply)))
		return -EBADMSG;
	take_records(s, ret_reply, 1);
	take_chunks(s, a->look, a->n_look, 1 + 2 * ret_reply->n);
	return 0;
}

static int read_log(
    struct store *store, uint32_t generation, uint64_t from, uint32_t max, struct store_reply *ret_reply)
{
	struct try_store *s = (struct try_store *)store;
	struct bytes parts[] = { PART(generation), PART(from), PART(max) };
	int r = call(store, WIRE_READ, parts, 3);

	/* A list that is gone is an answer, too: it says which version the metadata has. */
	if (r < 0 && r != -ENOENT)
		return r;
	if (!wire_take(&s->reply, 0, ret_reply, sizeof(*ret_reply)))
		return -EBADMSG;
	take_records(s, ret_reply, 1);
	return r;
}

static int confirm(struct store *store, struct session_id id, uint64_t lease_us)
{
	struct bytes parts[] = { PART(id), PART(lease_us) };

	return call(store, WIRE_CONFIRM, parts, 2);
}

/* ---- Metadata */

static int meta_read(struct store *store, struct ledger_meta *ret_meta)
{
	int r = call(store, WIRE_META_READ, NULL, 0);

	if (r < 0)
		return r;
	return wire_take(&((struct try_store *)store)->reply, 0, ret_meta, sizeof(*ret_meta)) ? 0 : -EBADMSG;
}

static int meta_create(struct store *store, const struct ledger_meta *meta, uint64_t heal_us)
{
	struct bytes parts[] = { { meta, sizeof(*meta) }, PART(heal_us) };

	return call(store, WIRE_META_CREATE, parts, 2);
}

static int commit(struct store *store, const struct store_commit *c, enum store_result *ret_result)
{
	struct bytes *parts = calloc(4 + c->n_carries, sizeof(*parts));
	int r;

	if (parts == NULL)
		return -ENOMEM;
	parts[0] = (struct bytes){ c, sizeof(*c) };
	parts[1] = (struct bytes){ c->to, sizeof(*c->to) };
	parts[2] = (struct bytes){ c->add, c->add == NULL ? 0 : sizeof(*c->add) };
	parts[3] = (struct bytes){ c->remove, c->n_remove * sizeof(*c->remove) };
	if (c->n_carries > 0)
		memcpy(parts + 4, c->carries, c->n_carries * sizeof(*parts));
	r = call(store, WIRE_COMMIT, parts, 4 + c->n_carries);
	free(parts);
	if (r < 0)
		return r;
	return wire_take(&((struct try_store *)store)->reply, 0, ret_result, sizeof(*ret_result)) ? 0
												  : -EBADMSG;
}

static int adopt(struct store *store, const struct ledger_version *from, uint64_t lease_us)
{
	struct bytes parts[] = { { from, sizeof(*from) }, PART(lease_us) };

	return call(store, WIRE_ADOPT, parts, 2);
}

static int healed(struct store *store, struct session_id id)
{
	struct bytes part = PART(id);

	return call(store, WIRE_HEALED, &part, 1);
}

/* ---- Chunks */

static int chunk_write(struct store *store, const uint8_t segment[SEGMENT_ID], enum store_stream stream,
    uint32_t index, struct bytes data)
{
	struct bytes parts[] = { { segment, SEGMENT_ID }, PART(stream), PART(index), data };

	return call(store, WIRE_CHUNK_WRITE, parts, 4);
}

static int chunk_read(struct store *store, struct store_chunk *chunks, size_t n)
{
	struct bytes part = { chunks, n * sizeof(*chunks) };
	int r = call(store, WIRE_CHUNK_READ, &part, 1);

	if (r == 0)
		take_chunks((struct try_store *)store, chunks, n, 0);
	return r;
}

static int lock(struct store *store, struct session_id id, uint64_t ms, bool *ret_ours)
{
	struct bytes parts[] = { PART(id), PART(ms) };
	int r = call(store, WIRE_LOCK, parts, 2);

	if (r < 0)
		return r;
	return wire_take(&((struct try_store *)store)->reply, 0, ret_ours, sizeof(*ret_ours)) ? 0 : -EBADMSG;
}

/* ---- Sessions */

static int session_open(struct store *store, struct session_id id, uint64_t lease_us, const char *owner)
{
	struct bytes parts[] = { PART(id), PART(lease_us), { owner, strlen(owner) + 1 } };

	return call(store, WIRE_SESSION_OPEN, parts, 3);
}

static int session_renew(
    struct store *store, struct session_id id, uint64_t lease_us, struct store_renewal *ret_renewal)
{
	struct try_store *s = (struct try_store *)store;
	struct bytes parts[] = { PART(id), PART(lease_us) }, leases;
	int r = call(store, WIRE_SESSION_RENEW, parts, 2);

	if (r < 0)
		return r;
	leases = wire_part(&s->reply, 1);
	s->leases = realloc(s->leases, leases.len + 1);
	if (s->leases == NULL || !wire_take(&s->reply, 0, ret_renewal, sizeof(*ret_renewal)))
		return -EBADMSG;
	if (leases.len > 0)
		memcpy(s->leases, leases.data, leases.len);
	ret_renewal->leases = s->leases;
	return 0;
}

static int session_end(struct store *store, struct session_id id)
{
	struct bytes part = PART(id);

	return call(store, WIRE_SESSION_END, &part, 1);
}

static int stats(struct store *store, uint32_t generation, struct store_stats *ret_stats)
{
	struct bytes part = PART(generation);
	int r = call(store, WIRE_STATS, &part, 1);

	if (r < 0)
		return r;
	return wire_take(&((struct try_store *)store)->reply, 0, ret_stats, sizeof(*ret_stats)) ? 0
												: -EBADMSG;
}

static void free_store(struct store *store)
{
	struct try_store *s = (struct try_store *)store;

	close(s->fd);
	buf_free(&s->out);
	buf_free(&s->in);
	wire_free(&s->reply);
	free(s->records);
	free(s->leases);
	free(s);
}

struct store *try_store_new(int fd)
{
	static const struct store_ops ops = { append, read_log, confirm, meta_read, meta_create, commit,
		adopt, healed, chunk_write, chunk_read, lock, session_open, session_renew, session_end, stats,
		free_store };
	struct try_store *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		return NULL;
	}
	s->store.ops = &ops;
	s->store.connections = 1;
	s->fd = fd;
	return &s->store;
}
