/* The other end: the ledger in memory, and the calls of those who are connected, one after the other. */
#include "cli/try/try_store.h"
#include "cli/try/try_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
/* Three a live engine; more are of engines that died a moment ago. */
#define MAX_CONNECTIONS 64

struct connection {
	int fd;
	struct store *store;
	struct buf in, out;
	struct wire_frame frame;
};

struct try_ledger {
	struct memory_ledger *memory;
	int64_t slow_ms;
	struct connection list[MAX_CONNECTIONS];
	size_t n;
};

struct answer {
	struct bytes *parts;
	size_t n, cap;
};

static void add(struct answer *a, const void *data, size_t len)
{
	if (a->n == a->cap) {
		a->cap = a->cap == 0 ? 64 : 2 * a->cap;
		a->parts = realloc(a->parts, a->cap * sizeof(*a->parts));
		if (a->parts == NULL)
			abort();
	}
	a->parts[a->n++] = (struct bytes){ data, len };
}

/* Parts are not aligned: lists are copied. */
static void *copy_of(struct bytes part)
{
	void *copy = calloc(1, part.len + 1);

	if (copy == NULL)
		abort();
	if (part.len > 0)
		memcpy(copy, part.data, part.len);
	return copy;
}

static void add_records(struct answer *a, const struct store_reply *reply)
{
	for (size_t i = 0; i < reply->n; i++) {
		add(a, reply->records[i].header.data, reply->records[i].header.len);
		add(a, reply->records[i].body.data, reply->records[i].body.len);
	}
}

/* What the calls below return in place of a result. */
struct results {
	struct store_reply reply;
	struct store_renewal renewal;
	struct store_stats stats;
	struct ledger_meta meta;
	enum store_result result;
	bool ours;
};

/* ---- Calls with lists */

static int do_append(struct store *s, const struct wire_frame *f, struct results *r, struct answer *a)
{
	struct store_append call;
	struct session_id *ask;
	int result;

	if (!wire_take(f, 0, &call, sizeof(call)))
		return -EBADMSG;
	call.body = wire_part(f, 1);
	call.ask = ask = copy_of(wire_part(f, 2));
	call.look = copy_of(wire_part(f, 3));
	result = s->ops->append(s, &call, &r->reply);
	add(a, &r->reply, sizeof(r->reply));
	add_records(a, &r->reply);
	for (size_t i = 0; i < call.n_look; i++)
		add(a, call.look[i].data.data, call.look[i].data.len);
	free(ask);
	free(call.look);
	return result;
}

static int do_read(struct store *s, const struct wire_frame *f, struct results *r, struct answer *a)
{
	uint32_t generation, max;
	uint64_t from;
	int result;

	if (!wire_take(f, 0, &generation, sizeof(generation)) || !wire_take(f, 1, &from, sizeof(from)) ||
	    !wire_take(f, 2, &max, sizeof(max)))
		return -EBADMSG;
	result = s->ops->read(s, generation, from, max, &r->reply);
	add(a, &r->reply, sizeof(r->reply));
	add_records(a, &r->reply);
	return result;
}

static int do_commit(struct store *s, const struct wire_frame *f, struct results *r, struct answer *a)
{
	struct store_commit call;
	struct segment_info added, *removed;
	int result;

	if (!wire_take(f, 0, &call, sizeof(call)) || !wire_take(f, 1, &r->meta, sizeof(r->meta)) ||
	    call.n_carries != f->n - 4)
		return -EBADMSG;
	call.to = &r->meta;
	call.add = wire_take(f, 2, &added, sizeof(added)) ? &added : NULL;
	call.remove = removed = copy_of(wire_part(f, 3));
	call.carries = f->parts + 4;
	result = s->ops->commit(s, &call, &r->result);
	add(a, &r->result, sizeof(r->result));
	free(removed);
	return result;
}

static int do_chunk_read(struct store *s, const struct wire_frame *f, struct answer *a)
{
	struct store_chunk *chunks = copy_of(wire_part(f, 0));
	size_t n = wire_part(f, 0).len / sizeof(*chunks);
	int result = s->ops->chunk_read(s, chunks, n);

	for (size_t i = 0; i < n; i++)
		add(a, chunks[i].data.data, chunks[i].data.len);
	free(chunks);
	return result;
}

static int do_chunk_write(struct store *s, const struct wire_frame *f)
{
	uint8_t segment[SEGMENT_ID];
	enum store_stream stream;
	uint32_t index;

	if (!wire_take(f, 0, segment, sizeof(segment)) || !wire_take(f, 1, &stream, sizeof(stream)) ||
	    !wire_take(f, 2, &index, sizeof(index)))
		return -EBADMSG;
	return s->ops->chunk_write(s, segment, stream, index, wire_part(f, 3));
}

/* ---- Calls with numbers */

static int do_meta_create(struct store *s, const struct wire_frame *f, struct results *r)
{
	uint64_t heal_us;

	if (!wire_take(f, 0, &r->meta, sizeof(r->meta)) || !wire_take(f, 1, &heal_us, sizeof(heal_us)))
		return -EBADMSG;
	return s->ops->meta_create(s, &r->meta, heal_us);
}

static int do_meta_read(struct store *s, struct results *r, struct answer *a)
{
	int result = s->ops->meta_read(s, &r->meta);

	add(a, &r->meta, sizeof(r->meta));
	return result;
}

static int do_adopt(struct store *s, const struct wire_frame *f)
{
	struct ledger_version from;
	uint64_t lease_us;

	if (!wire_take(f, 0, &from, sizeof(from)) || !wire_take(f, 1, &lease_us, sizeof(lease_us)))
		return -EBADMSG;
	return s->ops->adopt(s, &from, lease_us);
}

/* Calls about a session. */
static int do_session(struct store *s, const struct wire_frame *f, struct results *r, struct answer *a)
{
	struct session_id id;
	uint64_t n = 0;
	int result;

	if (!wire_take(f, 0, &id, sizeof(id)) || (f->n > 1 && !wire_take(f, 1, &n, sizeof(n))))
		return -EBADMSG;
	switch ((enum wire_op)f->code) {
	case WIRE_CONFIRM: return s->ops->confirm(s, id, n);
	case WIRE_HEALED: return s->ops->healed(s, id);
	case WIRE_LOCK:
		result = s->ops->lock(s, id, n, &r->ours);
		add(a, &r->ours, sizeof(r->ours));
		return result;
	case WIRE_SESSION_OPEN: return s->ops->session_open(s, id, n, wire_part(f, 2).data);
	case WIRE_SESSION_RENEW:
		result = s->ops->session_renew(s, id, n, &r->renewal);
		add(a, &r->renewal, sizeof(r->renewal));
		if (result == 0)
			add(a, r->renewal.leases, r->renewal.n * sizeof(*r->renewal.leases));
		return result;
	case WIRE_SESSION_END: return s->ops->session_end(s, id);
	default: return -EBADMSG;
	}
}

static int do_stats(struct store *s, const struct wire_frame *f, struct results *r, struct answer *a)
{
	uint32_t generation;
	int result;

	if (!wire_take(f, 0, &generation, sizeof(generation)))
		return -EBADMSG;
	result = s->ops->stats(s, generation, &r->stats);
	/* It lasts as long as the try: nobody is to be warned. */
	r->stats.append_only = true;
	add(a, &r->stats, sizeof(r->stats));
	return result;
}

static int run(struct store *s, const struct wire_frame *f, struct results *r, struct answer *a)
{
	switch ((enum wire_op)f->code) {
	case WIRE_APPEND: return do_append(s, f, r, a);
	case WIRE_READ: return do_read(s, f, r, a);
	case WIRE_META_READ: return do_meta_read(s, r, a);
	case WIRE_META_CREATE: return do_meta_create(s, f, r);
	case WIRE_COMMIT: return do_commit(s, f, r, a);
	case WIRE_ADOPT: return do_adopt(s, f);
	case WIRE_CHUNK_WRITE: return do_chunk_write(s, f);
	case WIRE_CHUNK_READ: return do_chunk_read(s, f, a);
	case WIRE_STATS: return do_stats(s, f, r, a);
	case WIRE_CONFIRM:
	case WIRE_HEALED:
	case WIRE_LOCK:
	case WIRE_SESSION_OPEN:
	case WIRE_SESSION_RENEW:
	case WIRE_SESSION_END: return do_session(s, f, r, a);
	case WIRE_N_OPS: break;
	}
	return -EBADMSG;
}

/* ---- Connections */

static void serve_one(struct try_ledger *l, struct connection *c)
{
	struct results r = { .ours = false };
	struct answer a = { NULL, 0, 0 };
	struct timespec now, slow = { l->slow_ms / 1000, l->slow_ms % 1000 * 1000000 };
	int result;

	if (l->slow_ms > 0)
		nanosleep(&slow, NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	memory_ledger_set_time(l->memory, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	result = run(c->store, &c->frame, &r, &a);
	wire_write(&c->out, result, a.parts, a.n);
	free(a.parts);
}

static void drop(struct try_ledger *l, struct connection *c)
{
	close(c->fd);
	c->store->ops->free(c->store);
	buf_free(&c->in);
	buf_free(&c->out);
	wire_free(&c->frame);
	*c = l->list[--l->n];
}

/* False: its engine is gone. */
static bool take(struct try_ledger *l, struct connection *c)
{
	ssize_t n;
	int64_t len;

	buf_reserve(&c->in, CHUNK);
	n = recv(c->fd, c->in.data + c->in.len, CHUNK, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	c->in.len += n > 0 ? (size_t)n : 0;
	while ((len = wire_read((struct bytes){ c->in.data, c->in.len }, &c->frame)) > 0) {
		serve_one(l, c);
		memmove(c->in.data, c->in.data + len, c->in.len - (size_t)len);
		c->in.len -= (size_t)len;
	}
	return len == 0;
}

/* What fits: an engine that stands still must not hold the others up. */
static bool give(struct connection *c)
{
	ssize_t n = c->out.len == 0 ? 0 : send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	memmove(c->out.data, c->out.data + n, c->out.len - (size_t)n);
	c->out.len -= (size_t)n;
	return true;
}

size_t try_ledger_poll(const struct try_ledger *l, struct pollfd *fds, size_t max)
{
	size_t n = l->n < max ? l->n : max;

	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = l->list[i].fd,
			.events = (short)(l->list[i].out.len > 0 ? POLLIN | POLLOUT : POLLIN) };
	return n;
}

void try_ledger_serve(struct try_ledger *l, const struct pollfd *fds, size_t n)
{
	/* From the back: what is dropped is replaced by the last. */
	for (size_t i = n; i-- > 0;) {
		struct connection *c = &l->list[i];

		if (fds[i].revents == 0)
			continue;
		if (((fds[i].revents & ~POLLOUT) != 0 && !take(l, c)) || !give(c))
			drop(l, c);
	}
}

void try_ledger_connect(struct try_ledger *l, int fd)
{
	struct store *s = l->n < MAX_CONNECTIONS ? memory_store_new(l->memory) : NULL;

	if (s == NULL)
		close(fd);
	else
		l->list[l->n++] = (struct connection){ .fd = fd, .store = s };
}

void try_ledger_forget(const struct try_ledger *l)
{
	for (size_t i = 0; i < l->n; i++)
		close(l->list[i].fd);
}

struct try_ledger *try_ledger_new(int64_t slow_ms)
{
	struct try_ledger *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->slow_ms = slow_ms;
	l->memory = memory_ledger_new();
	if (l->memory != NULL)
		return l;
	free(l);
	return NULL;
}

void try_ledger_free(struct try_ledger *l)
{
	if (l == NULL)
		return;
	while (l->n > 0)
		drop(l, &l->list[l->n - 1]);
	memory_ledger_free(l->memory);
	free(l);
}
