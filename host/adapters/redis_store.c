/* The ledger's calls on Redis: keys, scripts, and replies that are checked before they are believed. */
#include "adapters/redis_store_private.h"

#include "adapters/redis_errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Failures */

static int failed(struct redis_store *s, int r)
{
	s->store.connections = redis_conn_count(s->conn);
	if (r == -ENOTCONN && s->store.trouble != STORE_TROUBLE_NONE)
		return r; /* waiting to connect again: what went wrong stands */
	s->store.trouble = r == -EPERM ? s->server.trouble : r == -EACCES ? STORE_DENIED : STORE_UNREACHABLE;
	snprintf(s->store.text, sizeof(s->store.text), "%s", redis_conn_text(s->conn));
	return r;
}

static int error_reply(struct redis_store *s, const char *what, struct bytes text)
{
	const struct redis_reaction *reaction = redis_reaction(text);

	s->store.trouble = reaction->trouble;
	snprintf(s->store.text, sizeof(s->store.text), "%s: %.*s; %s", what,
	    (int)(text.len > 120 ? 120 : text.len), (const char *)text.data, reaction->remedy);
	return reaction->trouble == STORE_OOM      ? -ENOMEM
	       : reaction->trouble == STORE_DENIED ? -EACCES
						   : -EAGAIN;
}

/* A reply of another shape: not to be believed, and nor is what may follow on this connection. */
int redis_store_bad_reply(struct redis_store *s, const char *what)
{
	redis_conn_fail(s->conn, "%s: the reply is not of its form", what);
	s->store.trouble = STORE_REFUSED;
	snprintf(s->store.text, sizeof(s->store.text), "%s", redis_conn_text(s->conn));
	return -EPROTO;
}

static int command(struct redis_store *s, const char *what, int argc, const struct bytes *argv,
    const struct redis_value **ret_value)
{
	int r = redis_conn_call(s->conn, argc, argv, ret_value);

	if (r < 0)
		return failed(s, r);
	s->store.connections = redis_conn_count(s->conn);
	if (redis_value_kind(*ret_value) == REDIS_ERROR)
		return error_reply(s, what, redis_value_text(*ret_value));
	return 0;
}

/* ---- Scripts */

static int load_script(struct redis_store *s, enum ledger_script script)
{
	const struct redis_value *v;
	struct bytes argv[] = { bytes_of_text("SCRIPT"), bytes_of_text("LOAD"),
		bytes_of_text(ledger_script_text(script)) };
	int r = command(s, "SCRIPT LOAD", 3, argv, &v);

	if (r < 0)
		return r;
	if (redis_value_text(v).len != 40)
		return redis_store_bad_reply(s, "SCRIPT LOAD");
	memcpy(s->sha[script], redis_value_text(v).data, 40);
	return 0;
}

/* EVALSHA; argv[0..2] are filled in here.  A script that is not there had no effect: it is loaded and run again. */
int redis_store_run(struct redis_store *s, enum ledger_script script, unsigned keys, int argc,
    struct bytes *argv, const struct redis_value **ret_value)
{
	char n[NUMBER_MAX];

	for (int attempt = 0;; attempt++) {
		int r = 0;

		if (s->sha_connection != redis_conn_count(s->conn)) {
			memset(s->sha, 0, sizeof(s->sha));
			s->sha_connection = redis_conn_count(s->conn);
		}
		if (s->sha[script][0] == '\0')
			r = load_script(s, script);
		if (r < 0)
			return r;
		/* Loading may have made the connection. */
		s->sha_connection = redis_conn_count(s->conn);
		snprintf(n, sizeof(n), "%u", keys);
		argv[0] = bytes_of_text("EVALSHA");
		argv[1] = bytes_of_text(s->sha[script]);
		argv[2] = bytes_of_text(n);
		r = redis_conn_call(s->conn, argc, argv, ret_value);
		if (r < 0)
			return failed(s, r);
		s->store.connections = redis_conn_count(s->conn);
		if (redis_value_kind(*ret_value) != REDIS_ERROR)
			return 0;
		if (attempt > 0 ||
		    strcmp(redis_reaction(redis_value_text(*ret_value))->code, "NOSCRIPT") != 0)
			return error_reply(s, "a script", redis_value_text(*ret_value));
		s->sha[script][0] = '\0';
	}
}

static void set_list_key(struct redis_store *s, uint32_t generation)
{
	size_t len = strlen(s->meta_key) - 1; /* without the 'm' */

	snprintf(s->list_key, sizeof(s->list_key), "%.*sl:%u", (int)len, s->meta_key, generation);
}

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
	*ret_reply = (struct store_reply){ STORE_OK, s->records, (n + 1) / 2 };
	return 0;
}

static int append(struct store *store, const struct store_append *a, struct store_reply *ret_reply)
{
	struct redis_store *s = (struct redis_store *)store;
	char version[17], session[17], position[NUMBER_MAX], delta[NUMBER_MAX];
	const struct redis_value *v;
	struct bytes status;
	int r;

	set_list_key(s, a->generation);
	redis_hex(a->version.b, sizeof(a->version.b), version);
	redis_hex(a->session.b, sizeof(a->session.b), session);
	snprintf(position, sizeof(position), "%llu", (unsigned long long)a->position);
	snprintf(delta, sizeof(delta), "%u", a->max_delta);
	r = redis_store_run(s, a->oom_ok ? SCRIPT_APPEND_OOM : SCRIPT_APPEND, 3, 15,
	    (struct bytes[]){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, bytes_of_text(s->meta_key),
		bytes_of_text(s->sessions_key), bytes_of_text(s->list_key), bytes_of_text(version),
		bytes_of_text(session), bytes_of_text(position), { a->last_tag.b, sizeof(a->last_tag.b) },
		a->body, { a->tag.b, sizeof(a->tag.b) }, { a->session.b, sizeof(a->session.b) },
		bytes_of_text(delta), { a->n_ask == 0 ? "" : (const char *)a->ask, 8 * (size_t)a->n_ask } },
	    &v);
	if (r < 0)
		return r;
	if (redis_value_kind(v) == REDIS_ARRAY)
		return take_records(s, "append", v, true, ret_reply);
	status = redis_value_text(v);
	if (status.len != 1 || strchr("SLR", *(const char *)status.data) == NULL)
		return redis_store_bad_reply(s, "append");
	*ret_reply = (struct store_reply){ .result = *(const char *)status.data == 'S'   ? STORE_STALE
						     : *(const char *)status.data == 'L' ? STORE_DIVERGED
											 : STORE_BEHIND };
	return 0;
}

static int read_log(
    struct store *store, uint32_t generation, uint64_t from, uint32_t max, struct store_reply *ret_reply)
{
	struct redis_store *s = (struct redis_store *)store;
	/* One record more at the front: it tells "nothing new" from "the log is shorter than that". */
	uint64_t first = from == 0 ? 0 : from - 1;
	char a[NUMBER_MAX], b[NUMBER_MAX];
	const struct redis_value *v;
	int r;

	set_list_key(s, generation);
	snprintf(a, sizeof(a), "%llu", (unsigned long long)(2 * first));
	snprintf(b, sizeof(b), "%llu", (unsigned long long)(2 * (from + max) - 1));
	r = command(s, "LRANGE", 4,
	    (struct bytes[]){
		bytes_of_text("LRANGE"), bytes_of_text(s->list_key), bytes_of_text(a), bytes_of_text(b) },
	    &v);
	if (r < 0)
		return r;
	r = take_records(s, "LRANGE", v, false, ret_reply);
	if (r < 0)
		return r;
	if (ret_reply->n == 0 && from == 0)
		return -ENOENT;
	if (ret_reply->n == 0) {
		ret_reply->result = STORE_DIVERGED;
	} else if (from > 0) {
		ret_reply->records++;
		ret_reply->n--;
	}
	return 0;
}

/* ---- Metadata */

static int read_meta(struct redis_store *s, struct ledger_meta *ret_meta)
{
	const struct redis_value *v;
	int r = command(
	    s, "HGETALL", 2, (struct bytes[]){ bytes_of_text("HGETALL"), bytes_of_text(s->meta_key) }, &v);

	if (r < 0)
		return r;
	if (redis_value_kind(v) != REDIS_ARRAY || redis_value_count(v) % 2 != 0)
		return redis_store_bad_reply(s, "HGETALL");
	if (redis_value_count(v) == 0)
		return -ENOENT;
	r = redis_meta_parse(v, ret_meta, s->store.text, sizeof(s->store.text));
	if (r < 0)
		s->store.trouble = STORE_REFUSED;
	return r;
}

/* The ledger lies on a server that it was not on before: say so in the metadata, once for all hosts. */
static int adopt(struct redis_store *s, const struct ledger_meta *meta)
{
	char old[17], new[17], lease[NUMBER_MAX];
	struct ledger_version version;
	const struct redis_value *v;

	redis_new_version(&version);
	redis_hex(meta->version.b, sizeof(meta->version.b), old);
	redis_hex(version.b, sizeof(version.b), new);
	snprintf(lease, sizeof(lease), "%llu", (unsigned long long)s->server.lease_us);
	return redis_store_run(s, SCRIPT_ADOPT, 2, 9,
	    (struct bytes[]){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, bytes_of_text(s->meta_key),
		bytes_of_text(s->sessions_key), bytes_of_text(old), bytes_of_text(new),
		bytes_of_text(s->server.run_id), bytes_of_text(lease) },
	    &v);
}

static int meta_read(struct store *store, struct ledger_meta *ret_meta)
{
	struct redis_store *s = (struct redis_store *)store;
	int r = read_meta(s, ret_meta);

	if (r < 0 || strcmp(ret_meta->run_id, s->server.run_id) == 0)
		return r;
	r = adopt(s, ret_meta);
	return r < 0 ? r : read_meta(s, ret_meta);
}

static int meta_create(struct store *store, const struct ledger_meta *meta)
{
	struct redis_store *s = (struct redis_store *)store;
	struct redis_meta_fields fields;
	struct buf header = { NULL, 0, 0 }, body = { NULL, 0, 0 };
	struct ledger_tag tag;
	struct bytes argv[7 + 2 * REDIS_META_FIELDS] = { { NULL, 0 } };
	const struct redis_value *v;
	int n = 7, r;

	/* Learns the server's run_id, which is part of the metadata. */
	r = command(s, "PING", 1, (struct bytes[]){ bytes_of_text("PING") }, &v);
	if (r < 0)
		return r;
	memcpy(tag.b, meta->version.b, sizeof(tag.b));
	record_first_body(tag, &body);
	buf_add(&header, tag.b, sizeof(tag.b));
	buf_add(&header, "\0\0\0\0\0\0\0\0", 8);
	redis_meta_format(meta, s->server.run_id, &fields);
	set_list_key(s, meta->generation);
	argv[3] = bytes_of_text(s->meta_key);
	argv[4] = bytes_of_text(s->list_key);
	argv[5] = (struct bytes){ header.data, header.len };
	argv[6] = (struct bytes){ body.data, body.len };
	for (size_t i = 0; i < REDIS_META_FIELDS; i++) {
		argv[n++] = bytes_of_text(fields.names[i]);
		argv[n++] = bytes_of_text(fields.values[i]);
	}
	r = redis_store_run(s, SCRIPT_CREATE, 2, n, argv, &v);
	buf_free(&header);
	buf_free(&body);
	if (r < 0)
		return r;
	if (redis_value_kind(v) != REDIS_INTEGER)
		return redis_store_bad_reply(s, "creating the ledger");
	return redis_value_integer(v) == 1 ? 0 : -EEXIST;
}

/* ---- The rest */

static int stats(struct store *store, uint32_t generation, struct store_stats *ret_stats)
{
	struct redis_store *s = (struct redis_store *)store;
	const struct redis_value *v;
	int r;

	*ret_stats = (struct store_stats){ .records = 0 };
	set_list_key(s, generation);
	r = command(s, "LLEN", 2, (struct bytes[]){ bytes_of_text("LLEN"), bytes_of_text(s->list_key) }, &v);
	if (r < 0)
		return r;
	ret_stats->records = redis_value_kind(v) == REDIS_INTEGER ? (uint64_t)redis_value_integer(v) / 2 : 0;
	r = command(s, "MEMORY USAGE", 3,
	    (struct bytes[]){ bytes_of_text("MEMORY"), bytes_of_text("USAGE"), bytes_of_text(s->list_key) },
	    &v);
	if (r == 0 && redis_value_kind(v) == REDIS_INTEGER)
		ret_stats->bytes = (uint64_t)redis_value_integer(v);
	r = command(s, "INFO", 2, (struct bytes[]){ bytes_of_text("INFO"), bytes_of_text("memory") }, &v);
	if (r == 0)
		redis_stats_parse(redis_value_text(v), ret_stats);
	return 0;
}

static void free_store(struct store *store)
{
	struct redis_store *s = (struct redis_store *)store;

	redis_conn_free(s->conn);
	buf_free(&s->over);
	free(s->records);
	free(s->leases);
	free(s);
}

static int greet(void *arg, struct redis_conn *c)
{
	struct redis_store *s = arg;

	return redis_server_greet(c, &s->server);
}

struct store *redis_store_new(const struct config *c, const char *subscription)
{
	static const struct store_ops ops = { append, read_log, meta_read, meta_create, redis_session_open,
		redis_session_renew, redis_session_end, stats, free_store };
	struct redis_store *s = calloc(1, sizeof(*s));
	bool local = c->ledger.scheme == LEDGER_UNIX;
	struct redis_address address = { .host = local ? NULL : c->ledger.host,
		.port = c->ledger.port,
		.path = local ? c->ledger.host : NULL,
		.user = c->ledger.user,
		.password = c->ledger.password,
		.database = c->ledger.database,
		.name = "semel" };

	if (s == NULL)
		return NULL;
	s->store.ops = &ops;
	s->server.lease_us = (uint64_t)c->ledger.lease_ms * 1000;
	snprintf(s->meta_key, sizeof(s->meta_key), "%s:{%s}:m", c->ledger.prefix, subscription);
	snprintf(s->sessions_key, sizeof(s->sessions_key), "%s:{%s}:c", c->ledger.prefix, subscription);
	snprintf(s->names_key, sizeof(s->names_key), "%s:{%s}:n", c->ledger.prefix, subscription);
	s->conn = redis_conn_new(&address, c->ledger.timeout_ms, greet, s);
	if (s->conn == NULL) {
		free(s);
		return NULL;
	}
	return &s->store;
}
