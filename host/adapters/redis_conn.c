#include "adapters/redis_conn.h"

#include "adapters/keyed_hash.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000
#define READ_SIZE (256 * 1024)
/* Replies larger than this are none of ours: a page of the log, or some chunks, are far below it. */
#define REPLY_MAX (512u * 1024 * 1024)

struct redis_conn {
	struct redis_login login;
	struct redis_conn_hooks hooks;
	int64_t timeout_ms;
	struct redis_socket socket;
	char place[80]; /* as shown */
	redisReader *reader;
	redisReply **replies;
	size_t n_replies, cap_replies;
	char *read_buffer;
	struct buf command;
	struct mono retry_at;
	int64_t backoff_ms;
	uint64_t count;
	int64_t certificate_expiry;
	char text[320];
};

struct redis_conn *redis_conn_new(
    const struct redis_login *login, int64_t timeout_ms, const struct redis_conn_hooks *hooks)
{
	struct redis_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->login = *login;
	c->hooks = *hooks;
	c->timeout_ms = timeout_ms;
	c->socket.fd = -1;
	c->read_buffer = malloc(READ_SIZE);
	if (c->read_buffer == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

static void drop_replies(struct redis_conn *c)
{
	while (c->n_replies > 0)
		freeReplyObject(c->replies[--c->n_replies]);
}

static void disconnect(struct redis_conn *c)
{
	drop_replies(c);
	if (c->reader != NULL)
		redisReaderFree(c->reader);
	c->reader = NULL;
	redis_socket_close(&c->socket);
}

void redis_conn_free(struct redis_conn *c)
{
	if (c == NULL)
		return;
	disconnect(c);
	buf_free(&c->command);
	free(c->replies);
	free(c->read_buffer);
	free(c);
}

const char *redis_conn_text(const struct redis_conn *c)
{
	return c->text;
}

uint64_t redis_conn_count(const struct redis_conn *c)
{
	return c->count;
}

int64_t redis_conn_certificate_expiry(const struct redis_conn *c)
{
	return c->certificate_expiry;
}

void redis_conn_reset(struct redis_conn *c)
{
	disconnect(c);
	c->retry_at = (struct mono){ 0 };
}

static void back_off(struct redis_conn *c)
{
	uint32_t jitter;

	random_bytes(&jitter, sizeof(jitter));
	c->backoff_ms = c->backoff_ms == 0                    ? BACKOFF_FIRST_MS
			: 2 * c->backoff_ms > BACKOFF_LAST_MS ? BACKOFF_LAST_MS
							      : 2 * c->backoff_ms;
	c->retry_at = mono_add_ms(
	    mono_now(), c->backoff_ms / 2 + (int64_t)(jitter % (uint32_t)c->backoff_ms) / 2);
}

void redis_conn_fail(struct redis_conn *c, const char *format, ...)
{
	char what[224];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	snprintf(c->text, sizeof(c->text), "redis %s: %s", c->place, what);
	disconnect(c);
	back_off(c);
}

/* ---- Commands */

static int receive_one(struct redis_conn *c, size_t *total, struct mono deadline)
{
	for (;;) {
		ssize_t n;
		void *reply = NULL;

		if (redisReaderGetReply(c->reader, &reply) != REDIS_OK)
			return -EPROTO;
		if (reply != NULL) {
			c->replies[c->n_replies++] = reply;
			return 0;
		}
		n = redis_socket_receive(&c->socket, c->read_buffer, READ_SIZE, deadline);
		if (n < 0)
			return (int)n;
		*total += (size_t)n;
		if (*total > REPLY_MAX || redisReaderFeed(c->reader, c->read_buffer, (size_t)n) != REDIS_OK)
			return -EPROTO;
	}
}

static void format(struct redis_conn *c, const struct redis_command *command)
{
	buf_printf(&c->command, "*%zu\r\n", command->argc);
	for (size_t i = 0; i < command->argc; i++) {
		buf_printf(&c->command, "$%zu\r\n", command->argv[i].len);
		buf_add(&c->command, command->argv[i].data, command->argv[i].len);
		buf_add(&c->command, "\r\n", 2);
	}
}

static int make_room(struct redis_conn *c, size_t n)
{
	redisReply **grown;

	if (n <= c->cap_replies)
		return 0;
	grown = realloc(c->replies, n * sizeof(redisReply *));
	if (grown == NULL)
		return -ENOMEM;
	c->replies = grown;
	c->cap_replies = n;
	return 0;
}

static int exchange(
    struct redis_conn *c, const struct redis_command *commands, size_t n, struct mono deadline)
{
	size_t total = 0;
	int r = 0;

	drop_replies(c);
	if (make_room(c, n) < 0) {
		redis_conn_fail(c, "out of memory");
		return -ENOMEM;
	}
	buf_clear(&c->command);
	for (size_t i = 0; i < n; i++)
		format(c, &commands[i]);
	r = redis_socket_send(&c->socket, c->command.data, c->command.len, deadline);
	for (size_t i = 0; i < n && r == 0; i++)
		r = receive_one(c, &total, deadline);
	if (r == -EPROTO && c->socket.tls == NULL)
		redis_conn_fail(c, "the reply is not RESP: %s",
		    c->reader->errstr[0] == '\0' ? "too large" : c->reader->errstr);
	else if (r < 0)
		redis_conn_fail(c, "%.*s: %s", (int)commands[0].argv[0].len,
		    (const char *)commands[0].argv[0].data, c->socket.text);
	return r;
}

static int exchange_one(struct redis_conn *c, size_t argc, const struct bytes *argv, struct mono deadline)
{
	return exchange(c, &(struct redis_command){ argc, argv }, 1, deadline);
}

/* ---- The greeting */

/* A command of it; anything but a good reply ends the connection. */
static int say(struct redis_conn *c, size_t argc, const struct bytes *argv, struct mono deadline)
{
	int r = exchange_one(c, argc, argv, deadline);
	char text[160];

	if (r < 0)
		return r;
	if (c->replies[0]->type != REDIS_REPLY_ERROR)
		return 0;
	/* It goes with the connection. */
	snprintf(text, sizeof(text), "%s", c->replies[0]->str);
	redis_conn_fail(c, "%.*s refused: %s", (int)argv[0].len, (const char *)argv[0].data, text);
	return -EACCES;
}

static int introduce(struct redis_conn *c, struct mono deadline)
{
	const struct redis_login *l = &c->login;
	char database[12];
	int r = 0;

	if (l->password != NULL && l->user != NULL)
		r = say(c, 3,
		    (struct bytes[]){
			bytes_of_text("AUTH"), bytes_of_text(l->user), bytes_of_text(l->password) },
		    deadline);
	else if (l->password != NULL)
		r = say(
		    c, 2, (struct bytes[]){ bytes_of_text("AUTH"), bytes_of_text(l->password) }, deadline);
	if (r == 0 && l->database != 0) {
		snprintf(database, sizeof(database), "%u", l->database);
		r = say(c, 2, (struct bytes[]){ bytes_of_text("SELECT"), bytes_of_text(database) }, deadline);
	}
	/* The name is for CLIENT LIST; an ACL may deny it. */
	if (r == 0)
		r = exchange_one(c, 3,
		    (struct bytes[]){
			bytes_of_text("CLIENT"), bytes_of_text("SETNAME"), bytes_of_text(l->name) },
		    deadline);
	return r;
}

static void show_place(struct redis_conn *c, const struct redis_place *p)
{
	if (p->host == NULL)
		snprintf(c->place, sizeof(c->place), "%.70s", p->path);
	else
		snprintf(c->place, sizeof(c->place), strchr(p->host, ':') == NULL ? "%.60s:%u" : "[%.60s]:%u",
		    p->host, p->port);
}

static int make(struct redis_conn *c, struct mono deadline)
{
	struct redis_place place;
	char why[200];
	int r = c->hooks.where(c->hooks.arg, &place, why, sizeof(why));

	if (r < 0) {
		snprintf(c->text, sizeof(c->text), "%s", why);
		back_off(c);
		return r;
	}
	show_place(c, &place);
	r = redis_socket_open(&c->socket, &place, c->timeout_ms, deadline);
	if (r < 0) {
		redis_conn_fail(c, "%s", c->socket.text);
		return r;
	}
	c->reader = redisReaderCreate();
	if (c->reader == NULL) {
		redis_conn_fail(c, "out of memory");
		return -ENOMEM;
	}
	/* Keep large buffers: replies are read every millisecond. */
	c->reader->maxbuf = 4 * READ_SIZE;
	c->count++;
	c->certificate_expiry = c->socket.tls == NULL ? 0 : tls_peer_expiry(c->socket.tls);
	r = introduce(c, deadline);
	if (r == 0 && c->hooks.greet != NULL)
		r = c->hooks.greet(c->hooks.arg, c);
	if (r == 0)
		c->backoff_ms = 0;
	return r;
}

/* ---- Calls */

static const struct redis_value *value(redisReply *r)
{
	return (const struct redis_value *)(const void *)r;
}

int redis_conn_ask(
    struct redis_conn *c, size_t argc, const struct bytes *argv, const struct redis_value **ret_value)
{
	int r = exchange_one(c, argc, argv, mono_add_ms(mono_now(), c->timeout_ms));

	if (r == 0)
		*ret_value = value(c->replies[0]);
	return r;
}

static int connected(struct redis_conn *c, struct mono now, struct mono deadline)
{
	if (c->socket.fd >= 0)
		return 0;
	return mono_before(now, c->retry_at) ? -ENOTCONN : make(c, deadline);
}

int redis_conn_ready(struct redis_conn *c)
{
	struct mono now = mono_now();

	return connected(c, now, mono_add_ms(now, c->timeout_ms));
}

int redis_conn_run(struct redis_conn *c, const struct redis_command *commands, size_t n,
    const struct redis_value *const **ret_values)
{
	struct mono now = mono_now(), deadline = mono_add_ms(now, c->timeout_ms);
	int r = connected(c, now, deadline);

	if (r < 0)
		return r;
	r = exchange(c, commands, n, deadline);
	if (r == 0)
		*ret_values = (const struct redis_value *const *)(const void *)c->replies;
	return r;
}

int redis_conn_call(
    struct redis_conn *c, size_t argc, const struct bytes *argv, const struct redis_value **ret_value)
{
	const struct redis_value *const *values;
	int r = redis_conn_run(c, &(struct redis_command){ argc, argv }, 1, &values);

	if (r == 0)
		*ret_value = values[0];
	return r;
}
