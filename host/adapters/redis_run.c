/* Commands and scripts: what a failure means, and where a command has to go. */
#include "adapters/redis_errors.h"
#include "adapters/redis_store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* MOVED, NOSCRIPT: a call is sent again so often before it counts as failed. */
#define TRIES 4

static int failed(struct redis_store *s, int r)
{
	s->store.connections = redis_conn_count(s->conn);
	if (r == -ENOTCONN && s->store.trouble != STORE_TROUBLE_NONE)
		return r; /* waiting to connect again: what went wrong stands */
	s->store.trouble = r == -EPERM ? s->server.trouble : r == -EACCES ? STORE_DENIED : STORE_UNREACHABLE;
	snprintf(s->store.text, sizeof(s->store.text), "%s", redis_conn_text(s->conn));
	/* The master may be another one now. */
	redis_route_forget(s->route);
	return r;
}

int redis_store_error(struct redis_store *s, const char *what, struct bytes text)
{
	const struct redis_reaction *reaction = redis_reaction(text);

	s->store.trouble = reaction->trouble;
	snprintf(s->store.text, sizeof(s->store.text), "%s: %.*s; %s", what,
	    (int)(text.len > 120 ? 120 : text.len), (const char *)text.data, reaction->remedy);
	if (reaction->elsewhere) {
		/* Not the master any more, or not of this slot: find out who is. */
		redis_route_forget(s->route);
		redis_conn_reset(s->conn);
	}
	return reaction->trouble == STORE_OOM      ? -ENOMEM
	       : reaction->trouble == STORE_DENIED ? -EACCES
						   : -EAGAIN;
}

int redis_store_bad_reply(struct redis_store *s, const char *what)
{
	redis_conn_fail(s->conn, "%s: the reply is not of its form", what);
	s->store.trouble = STORE_REFUSED;
	snprintf(s->store.text, sizeof(s->store.text), "%s", redis_conn_text(s->conn));
	return -EPROTO;
}

int redis_store_ready(struct redis_store *s)
{
	int r = redis_conn_ready(s->conn);

	if (r < 0)
		return failed(s, r);
	s->store.connections = redis_conn_count(s->conn);
	return 0;
}

/* ---- ASK: one command at the node that the slot is being moved to */

static int ask_place(void *arg, struct redis_place *ret_place, char *why, size_t size)
{
	(void)why;
	(void)size;
	*ret_place = ((const struct redis_store *)arg)->ask_place;
	return 0;
}

/* A script is sent whole: that node may not have it. */
static int ask(
    struct redis_store *s, const struct redis_command *command, const struct redis_value **ret_value)
{
	struct redis_conn_hooks hooks = { s, ask_place, NULL };
	const struct redis_value *const *values;
	struct bytes asking = bytes_of_text("ASKING"), argv[32];
	struct redis_command commands[2] = { { 1, &asking }, *command };
	int r;

	if (command->argc <= 32 && bytes_equal(command->argv[0], bytes_of_text("EVALSHA"))) {
		memcpy(argv, command->argv, command->argc * sizeof(argv[0]));
		argv[0] = bytes_of_text("EVAL");
		for (unsigned i = 0; i < SCRIPT_N; i++)
			if (bytes_equal(argv[1], bytes_of_text(s->sha[i])))
				argv[1] = bytes_of_text(ledger_script_text((enum ledger_script)i));
		commands[1].argv = argv;
	}
	redis_conn_free(s->ask);
	s->ask = redis_conn_new(
	    &(struct redis_login){ s->login.user, s->login.password, 0, "semel" }, s->timeout_ms, &hooks);
	if (s->ask == NULL)
		return -ENOMEM;
	r = redis_conn_run(s->ask, commands, 2, &values);
	if (r == 0)
		*ret_value = values[1];
	return r;
}

/* ---- Running */

/* 1: it has to be sent again, elsewhere. */
static int follow(struct redis_store *s, const struct redis_command *commands, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bytes text = redis_value_text(s->values[i]);

		if (redis_value_kind(s->values[i]) != REDIS_ERROR)
			continue;
		if (redis_route_moved(s->route, text)) {
			redis_conn_reset(s->conn);
			return 1;
		}
		/* Only one at a time can be kept; with more, the move is waited for. */
		if (n == 1 && redis_route_ask(s->route, text, &s->ask_place)) {
			int r = ask(s, &commands[i], &s->values[i]);

			if (r < 0)
				return -EAGAIN;
		}
	}
	return 0;
}

static int room_for(struct redis_store *s, size_t n)
{
	const struct redis_value **values;

	if (n <= s->cap_values)
		return 0;
	values = realloc(s->values, n * sizeof(*values));
	if (values == NULL)
		return -ENOMEM;
	s->values = values;
	s->cap_values = n;
	return 0;
}

int redis_store_pipe(struct redis_store *s, const struct redis_command *commands, size_t n)
{
	if (room_for(s, n) < 0)
		return -ENOMEM;
	for (int i = 0; i < TRIES; i++) {
		const struct redis_value *const *values;
		int r = redis_conn_run(s->conn, commands, n, &values);

		if (r < 0)
			return failed(s, r);
		s->store.connections = redis_conn_count(s->conn);
		for (size_t k = 0; k < n; k++)
			s->values[k] = values[k];
		r = follow(s, commands, n);
		if (r == 0)
			return 0;
		if (r < 0)
			break;
	}
	s->store.trouble = STORE_BUSY;
	snprintf(
	    s->store.text, sizeof(s->store.text), "the cluster moves the ledger's slot from node to node");
	return -EAGAIN;
}

int redis_store_command(struct redis_store *s, const char *what, size_t argc, const struct bytes *argv,
    const struct redis_value **ret_value)
{
	int r = redis_store_pipe(s, &(struct redis_command){ argc, argv }, 1);

	if (r < 0)
		return r;
	*ret_value = s->values[0];
	if (redis_value_kind(*ret_value) == REDIS_ERROR)
		return redis_store_error(s, what, redis_value_text(*ret_value));
	return 0;
}

/* ---- Scripts */

static int load_script(struct redis_store *s, enum ledger_script script)
{
	const struct redis_value *v;
	struct bytes argv[] = { bytes_of_text("SCRIPT"), bytes_of_text("LOAD"),
		bytes_of_text(ledger_script_text(script)) };
	int r = redis_store_command(s, "SCRIPT LOAD", 3, argv, &v);

	if (r < 0)
		return r;
	if (redis_value_text(v).len != 40)
		return redis_store_bad_reply(s, "SCRIPT LOAD");
	memcpy(s->sha[script], redis_value_text(v).data, 40);
	return 0;
}

/* Scripts are known a connection: the next may go to another server. */
static int have_script(struct redis_store *s, enum ledger_script script)
{
	int r = redis_store_ready(s);

	if (r < 0)
		return r;
	if (s->sha_connection != redis_conn_count(s->conn)) {
		memset(s->sha, 0, sizeof(s->sha));
		s->sha_connection = redis_conn_count(s->conn);
	}
	return s->sha[script][0] == '\0' ? load_script(s, script) : 0;
}

int redis_store_script(struct redis_store *s, enum ledger_script script, unsigned keys, size_t argc,
    struct bytes *argv, const struct redis_command *more, size_t n_more)
{
	char n[NUMBER_MAX];

	if (n_more + 1 > s->cap_commands) {
		struct redis_command *grown = realloc(s->commands, (n_more + 1) * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		s->commands = grown;
		s->cap_commands = n_more + 1;
	}
	snprintf(n, sizeof(n), "%u", keys);
	argv[0] = bytes_of_text("EVALSHA");
	argv[2] = bytes_of_text(n);
	for (int attempt = 0;; attempt++) {
		int r = have_script(s, script);

		if (r < 0)
			return r;
		argv[1] = bytes_of_text(s->sha[script]);
		s->commands[0] = (struct redis_command){ argc, argv };
		if (n_more > 0)
			memcpy(s->commands + 1, more, n_more * sizeof(*more));
		r = redis_store_pipe(s, s->commands, n_more + 1);
		if (r < 0)
			return r;
		s->wrote = redis_conn_count(s->conn);
		if (redis_value_kind(s->values[0]) != REDIS_ERROR)
			return 0;
		if (attempt >= TRIES ||
		    strcmp(redis_reaction(redis_value_text(s->values[0]))->code, "NOSCRIPT") != 0)
			return redis_store_error(s, "a script", redis_value_text(s->values[0]));
		s->sha[script][0] = '\0';
	}
}

void redis_store_list_key(const struct redis_store *s, uint32_t generation, char key[KEY_MAX])
{
	snprintf(key, KEY_MAX, "%sl:%u", s->prefix, generation);
}
