/* The ledger's calls on Redis: replies are checked before they are believed. */
#include "adapters/redis_store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Append and read */

static struct store_record *room_for(struct redis_store *s, size_t n)
{
	if (n > s->cap_records) {
		struct store_record *grown = realloc(s->records, n * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		s->records = grown;
		s->cap_records = n;
	}
	return s->records;
}

/* An array of headers and bodies; the last header may stand alone (our own). */
static int take_records(struct redis_store *s, const char *what, const struct redis_value *v, bool own,
    struct store_reply *ret_reply)
{
	size_t n = redis_value_count(v);

	if (redis_value_kind(v) != REDIS_ARRAY || n % 2 != (own ? 1 : 0))
		return redis_store_bad_reply(s, what);
	if (room_for(s, n / 2 + 1) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct bytes text = redis_value_text(redis_value_at(v, i));

		if (text.data == NULL)
			return redis_store_bad_reply(s, what);
		if (i % 2 == 0)
			s->records[i / 2] = (struct store_record){ text, { NULL, 0 } };
		else
			s->records[i / 2].body = text;
	}
	*ret_reply = (struct store_reply){ .result = STORE_OK, .records = s->records, .n = (n + 1) / 2 };
	return 0;
}

/* WAIT: how many replicas have what this connection wrote. */
static struct redis_command wait_command(
    const struct redis_store *s, char replicas[NUMBER_MAX], char ms[NUMBER_MAX], struct bytes argv[3])
{
	snprintf(replicas, NUMBER_MAX, "%u", s->replicas);
	snprintf(ms, NUMBER_MAX, "%lld", (long long)s->timeout_ms / 2);
	argv[0] = bytes_of_text("WAIT");
	argv[1] = bytes_of_text(replicas);
	argv[2] = bytes_of_text(ms);
	return (struct redis_command){ 3, argv };
}

static bool enough(const struct redis_store *s, const struct redis_value *v)
{
	return redis_value_kind(v) == REDIS_INTEGER && redis_value_integer(v) >= s->replicas;
}

static int confirm(struct store *store, struct session_id id, uint64_t lease_us)
{
	struct redis_store *s = (struct redis_store *)store;
	char replicas[NUMBER_MAX], ms[NUMBER_MAX];
	struct bytes argv[3];
	struct redis_command command = wait_command(s, replicas, ms, argv);
	const struct redis_value *v;
	int r = redis_store_ready(s);

	if (s->replicas == 0)
		return 0;
	/* WAIT counts for writes of its own connection only. */
	if (r == 0 && s->wrote != redis_conn_count(s->conn)) {
		struct store_renewal renewal;

		r = redis_session_renew(store, id, lease_us, &renewal);
		r = r == -ENOENT ? 0 : r;
	}
	if (r == 0)
		r = redis_store_command(s, "WAIT", command.argc, command.argv, &v);
	if (r < 0 || enough(s, v))
		return r;
	s->store.trouble = STORE_BUSY;
	snprintf(s->store.text, sizeof(s->store.text),
	    "%lld of the %u replicas that ledger.durability asks for have the last write: see the replicas",
	    redis_value_kind(v) == REDIS_INTEGER ? (long long)redis_value_integer(v) : 0, s->replicas);
	return -EAGAIN;
}

/* The word of a script that did nothing. */
static int take_word(struct redis_store *s, const struct redis_value *v, struct store_reply *ret_reply)
{
	struct bytes word = redis_value_text(v);

	if (word.len != 1 || strchr("SLR", *(const char *)word.data) == NULL)
		return redis_store_bad_reply(s, "append");
	ret_reply->result = *(const char *)word.data == 'S'   ? STORE_STALE
			    : *(const char *)word.data == 'L' ? STORE_DIVERGED
							      : STORE_BEHIND;
	return 0;
}

/* The commands that go with it: look-ups, WAIT. */
static int run_append(struct redis_store *s, const struct store_append *a, size_t argc, struct bytes *argv)
{
	char replicas[NUMBER_MAX], ms[NUMBER_MAX];
	struct bytes wait_argv[3];
	struct redis_command *more = NULL;
	size_t n = a->n_look;
	int r = 0;

	if (n + (s->replicas > 0) > 0) {
		more = malloc((n + 1) * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		r = redis_store_looks(s, a->look, n, more);
		if (s->replicas > 0)
			more[n++] = wait_command(s, replicas, ms, wait_argv);
	}
	if (r == 0)
		r = redis_store_script(
		    s, a->oom_ok ? SCRIPT_APPEND_OOM : SCRIPT_APPEND, 3, argc, argv, more, n);
	free(more);
	return r;
}

static int append(struct store *store, const struct store_append *a, struct store_reply *ret_reply)
{
	struct redis_store *s = (struct redis_store *)store;
	char version[17], session[17], position[NUMBER_MAX], delta[NUMBER_MAX], key[KEY_MAX];
	int r = redis_store_ready(s);

	*ret_reply = (struct store_reply){ .result = STORE_STALE };
	if (r < 0)
		return r;
	/* Nothing is appended on a server that its metadata does not name yet. */
	if (s->adopted[0] != '\0' && strcmp(s->adopted, s->server.run_id) != 0)
		return 0;
	redis_store_list_key(s, a->generation, key);
	redis_hex(a->version.b, sizeof(a->version.b), version);
	redis_hex(a->session.b, sizeof(a->session.b), session);
	snprintf(position, sizeof(position), "%llu", (unsigned long long)a->position);
	snprintf(delta, sizeof(delta), "%u", a->max_delta);
	r = run_append(s, a, 15,
	    (struct bytes[]){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, bytes_of_text(s->meta_key),
		bytes_of_text(s->sessions_key), bytes_of_text(key), bytes_of_text(version),
		bytes_of_text(session), bytes_of_text(position), { a->last_tag.b, sizeof(a->last_tag.b) },
		a->body, { a->tag.b, sizeof(a->tag.b) }, { a->session.b, sizeof(a->session.b) },
		bytes_of_text(delta), { a->n_ask == 0 ? "" : (const char *)a->ask, 8 * (size_t)a->n_ask } });
	if (r < 0)
		return r;
	if (redis_value_kind(s->values[0]) == REDIS_ARRAY)
		r = take_records(s, "append", s->values[0], true, ret_reply);
	else
		r = take_word(s, s->values[0], ret_reply);
	if (r < 0)
		return r;
	ret_reply->confirmed = s->replicas == 0 || enough(s, s->values[1 + a->n_look]);
	return redis_store_looked(s, s->values + 1, a->look, a->n_look);
}

static int read_log(
    struct store *store, uint32_t generation, uint64_t from, uint32_t max, struct store_reply *ret_reply)
{
	struct redis_store *s = (struct redis_store *)store;
	/* One record more at the front: it tells "nothing new" from "the log is another, or shorter". */
	uint64_t first = from == 0 ? 0 : from - 1;
	char a[NUMBER_MAX], b[NUMBER_MAX], key[KEY_MAX];
	struct bytes range[4] = { bytes_of_text("LRANGE") };
	struct bytes version[3] = { bytes_of_text("HGET"), bytes_of_text(s->meta_key),
		bytes_of_text("version") };
	int r;

	redis_store_list_key(s, generation, key);
	snprintf(a, sizeof(a), "%llu", (unsigned long long)(2 * first));
	snprintf(b, sizeof(b), "%llu", (unsigned long long)(2 * (from + max) - 1));
	range[1] = bytes_of_text(key);
	range[2] = bytes_of_text(a);
	range[3] = bytes_of_text(b);
	r = redis_store_pipe(s, (struct redis_command[]){ { 4, range }, { 3, version } }, 2);
	for (unsigned i = 0; i < 2 && r == 0; i++)
		if (redis_value_kind(s->values[i]) == REDIS_ERROR)
			r = redis_store_error(s, i == 0 ? "LRANGE" : "HGET", redis_value_text(s->values[i]));
	if (r == 0)
		r = take_records(s, "LRANGE", s->values[0], false, ret_reply);
	if (r < 0)
		return r;
	ret_reply->has_meta = redis_unhex(redis_value_text(s->values[1]), ret_reply->version.b,
				  sizeof(ret_reply->version.b)) == 0;
	if (ret_reply->n == 0 && from == 0)
		return -ENOENT;
	if (ret_reply->n == 0)
		ret_reply->result = STORE_DIVERGED;
	return 0;
}

/* ---- The rest */

static int stats(struct store *store, uint32_t generation, struct store_stats *ret_stats)
{
	struct redis_store *s = (struct redis_store *)store;
	const struct redis_value *v;
	char key[KEY_MAX];
	int r;

	*ret_stats = (struct store_stats){ .records = 0 };
	redis_store_list_key(s, generation, key);
	r = redis_store_command(
	    s, "LLEN", 2, (struct bytes[]){ bytes_of_text("LLEN"), bytes_of_text(key) }, &v);
	if (r < 0)
		return r;
	ret_stats->records = redis_value_kind(v) == REDIS_INTEGER ? (uint64_t)redis_value_integer(v) / 2 : 0;
	/* An ACL may deny these: they are for people. */
	r = redis_store_command(s, "MEMORY USAGE", 3,
	    (struct bytes[]){ bytes_of_text("MEMORY"), bytes_of_text("USAGE"), bytes_of_text(key) }, &v);
	if (r == 0 && redis_value_kind(v) == REDIS_INTEGER)
		ret_stats->bytes = (uint64_t)redis_value_integer(v);
	r = redis_store_command(s, "INFO", 1, (struct bytes[]){ bytes_of_text("INFO") }, &v);
	if (r == 0)
		redis_stats_parse(redis_value_text(v), ret_stats);
	ret_stats->certificate_expiry = redis_conn_certificate_expiry(s->conn);
	return 0;
}

static void free_store(struct store *store)
{
	struct redis_store *s = (struct redis_store *)store;

	redis_conn_free(s->conn);
	redis_conn_free(s->ask);
	redis_route_free(s->route);
	free(s->records);
	free(s->leases);
	free(s->looks);
	free(s->commands);
	free(s->values);
	free(s);
}

static int greet(void *arg, struct redis_conn *c)
{
	struct redis_store *s = arg;

	return s->any_server ? 0 : redis_server_greet(c, &s->server);
}

static int where(void *arg, struct redis_place *ret_place, char *why, size_t size)
{
	struct redis_store *s = arg;

	return redis_route_where(s->route, ret_place, why, size);
}

struct store *redis_store_new(const struct config *c, const char *subscription)
{
	static const struct store_ops ops = { append, read_log, confirm, redis_meta_read, redis_meta_create,
		redis_commit, redis_adopt, redis_healed, redis_chunk_write, redis_chunk_read, redis_lock,
		redis_session_open, redis_session_renew, redis_session_end, stats, free_store };
	struct redis_store *s = calloc(1, sizeof(*s));
	struct redis_conn_hooks hooks = { s, where, greet };

	if (s == NULL)
		return NULL;
	s->store.ops = &ops;
	s->server.mode = c->ledger.mode;
	s->timeout_ms = c->ledger.timeout_ms;
	s->replicas = c->ledger.replicas;
	s->login = redis_route_login(c);
	snprintf(s->prefix, sizeof(s->prefix), "%s:{%s}:", c->ledger.prefix, subscription);
	snprintf(s->meta_key, sizeof(s->meta_key), "%sm", s->prefix);
	snprintf(s->sessions_key, sizeof(s->sessions_key), "%sc", s->prefix);
	snprintf(s->names_key, sizeof(s->names_key), "%sn", s->prefix);
	snprintf(s->lock_key, sizeof(s->lock_key), "%sk", s->prefix);
	s->route = redis_route_new(c, subscription);
	s->conn = redis_conn_new(&s->login, s->timeout_ms, &hooks);
	if (s->conn == NULL || s->route == NULL) {
		free_store(&s->store);
		return NULL;
	}
	return &s->store;
}

int redis_store_info(struct store *store, struct buf *ret_info)
{
	struct redis_store *s = (struct redis_store *)store;
	const struct redis_value *v;
	int r;

	s->any_server = true;
	r = redis_store_command(s, "INFO", 1, (struct bytes[]){ bytes_of_text("INFO") }, &v);
	if (r == 0 && redis_value_text(v).data == NULL)
		return redis_store_bad_reply(s, "INFO");
	if (r == 0)
		buf_add(ret_info, redis_value_text(v).data, redis_value_text(v).len);
	return r;
}

void redis_store_remove(struct store *store)
{
	struct redis_store *s = (struct redis_store *)store;
	const struct redis_value *v;
	char list[KEY_MAX];

	redis_store_list_key(s, 1, list);
	(void)redis_store_command(s, "UNLINK", 5,
	    (struct bytes[]){ bytes_of_text("UNLINK"), bytes_of_text(s->meta_key),
		bytes_of_text(s->sessions_key), bytes_of_text(s->names_key), bytes_of_text(list) },
	    &v);
}
