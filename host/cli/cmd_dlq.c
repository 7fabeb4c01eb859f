/* semel dlq: list, show, replay, add. */
#include "adapters/json.h"
#include "cli/cli.h"
#include "cli/dlq.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNTS_MAX 64

/* How many letters have a value; what comes too late for the list is counted with the last. */
struct counts {
	struct {
		char name[48];
		long n;
	} list[COUNTS_MAX];
	size_t n;
};

struct listing {
	bool json;
	long n;
	struct counts reasons, handlers;
};

static void count(struct counts *c, struct bytes value)
{
	struct buf text = { NULL, 0, 0 };
	size_t i = 0;

	buf_logfmt(&text, value.data == NULL ? bytes_of_text("-") : value, 40);
	while (i < c->n && strcmp(c->list[i].name, text.data) != 0)
		i++;
	if (i == c->n && c->n < COUNTS_MAX)
		snprintf(c->list[c->n++].name, sizeof(c->list[0].name), "%.47s", text.data);
	c->list[i < COUNTS_MAX ? i : COUNTS_MAX - 1].n++;
	buf_free(&text);
}

static int list_one(void *arg, const struct letter *l)
{
	struct listing *a = arg;
	struct buf out = { NULL, 0, 0 };

	if (a->json)
		buf_text(&out, a->n == 0 ? "{\"letters\":[\n" : ",\n");
	else if (a->n == 0)
		dlq_head(&out);
	(a->json ? dlq_json : dlq_print)(l, &out);
	fputs(out.data, stdout);
	buf_free(&out);
	a->n++;
	count(&a->reasons, l->reason);
	count(&a->handlers, l->handler);
	return 0;
}

static void print_counts(const char *name, const struct counts *c, bool json)
{
	struct buf out = { NULL, 0, 0 };

	buf_printf(&out, json ? ",\"%s\":{" : "%s:", name);
	for (size_t i = 0; i < c->n; i++) {
		if (json && i > 0)
			buf_char(&out, ',');
		if (json)
			buf_json_string(&out, bytes_of_text(c->list[i].name));
		else
			buf_printf(&out, " %s", c->list[i].name);
		buf_printf(&out, json ? ":%ld" : " %ld", c->list[i].n);
	}
	fputs(out.data, stdout);
	fputs(json ? "}" : "\n", stdout);
	buf_free(&out);
}

static int list(
    const struct config *c, const struct config_subscription *sub, const struct selection *s, bool json)
{
	struct listing a = { .json = json };
	int r = dlq_each(c, sub, s, list_one, &a);

	if (r != EXIT_YES && a.n == 0)
		return r;
	if (json) {
		printf(a.n == 0 ? "{\"letters\":[],\"count\":0" : "],\"count\":%ld", a.n);
	} else {
		printf("%ld letters in %s\n", a.n, sub->dead_letter.topic);
	}
	if (a.n > 0 || json) {
		print_counts("reasons", &a.reasons, json);
		print_counts("handlers", &a.handlers, json);
	}
	if (json)
		printf("}\n");
	return r;
}

/* ---- show */

struct showing {
	bool raw, json;
	long n;
};

static void put_value(struct buf *out, struct bytes value)
{
	if (value.data == NULL)
		buf_text(out, "(absent)");
	else
		buf_logfmt(out, value, 65536);
	buf_char(out, '\n');
}

static void put_letter(struct buf *out, const struct letter *l)
{
	const char *name;
	struct bytes value;

	buf_printf(out, "letter %d:%lld\n", l->m->partition, (long long)l->m->offset);
	for (size_t i = 0; l->m->ops->header_at(l->m, i, &name, &value); i++) {
		buf_text(out, "  ");
		buf_logfmt(out, bytes_of_text(name), 256);
		buf_text(out, ": ");
		put_value(out, value);
	}
	buf_text(out, "key: ");
	put_value(out, l->m->key);
	buf_text(out, "payload: ");
	put_value(out, l->m->payload);
}

static int show_one(void *arg, const struct letter *l)
{
	struct showing *a = arg;
	struct buf out = { NULL, 0, 0 };

	a->n++;
	if (a->raw) {
		if (l->m->payload.len > 0)
			fwrite(l->m->payload.data, 1, l->m->payload.len, stdout);
		return 0;
	}
	if (a->json)
		dlq_json(l, &out);
	else
		put_letter(&out, l);
	puts(out.data);
	buf_free(&out);
	return 0;
}

/* By its place (PARTITION:OFFSET), or all letters of an id. */
static int show(const struct config *c, const struct config_subscription *sub, struct selection *s,
    const char *which, const struct cli_options *o)
{
	struct showing a = { o->raw, o->json, 0 };
	char *end;
	long partition = strtol(which, &end, 10);
	struct buf id = { NULL, 0, 0 };
	int r;

	if (*end == ':' && end > which) {
		s->partition = (int32_t)partition;
		s->offset = strtoll(end + 1, &end, 10);
		s->limit = 1;
	}
	if (s->partition < 0 || *end != '\0') {
		s->partition = -1;
		r = cli_id(o, "dlq", which, &id);
		if (r != 0) {
			buf_free(&id);
			return r;
		}
		s->id = (struct bytes){ id.data, id.len };
	}
	r = dlq_each(c, sub, s, show_one, &a);
	buf_free(&id);
	if (r == EXIT_YES && a.n == 0) {
		fprintf(stderr, "semel dlq: %s has no letter %s\n", sub->dead_letter.topic, which);
		return EXIT_NO;
	}
	return r;
}

/* ---- add: the daemon does it */

static int add(const struct cli_options *o)
{
	struct buf body = { NULL, 0, 0 }, path = { NULL, 0, 0 }, id = { NULL, 0, 0 };
	int status, r = cli_id(o, "dlq", o->argv[2], &id);

	if (r != 0) {
		buf_free(&id);
		return r;
	}
	buf_printf(&path, "/v1/dlq/%s?id=", o->argv[1]);
	buf_base64url(&path, (struct bytes){ id.data, id.len });
	buf_text(&path, "&detail=");
	buf_base64url(&path, bytes_of_text(o->detail == NULL ? "put aside by an operator" : o->detail));
	r = cli_ask(o, "POST", path.data, &body, &status);
	if (r == 0 && status != 200) {
		fputs(body.data == NULL ? "" : body.data, stderr);
		r = status == 404 ? EXIT_NO : EXIT_UNREACHABLE;
	} else if (r == 0) {
		printf(
		    "%s goes to the dead letters; one that runs is told to give up, and goes there unless it ends well\n",
		    o->argv[2]);
	}
	buf_free(&id);
	buf_free(&path);
	buf_free(&body);
	return r;
}

/* ---- The command */

static const struct config_subscription *find(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_subscriptions; i++)
		if (strcmp(c->subscriptions[i].name, name) == 0)
			return &c->subscriptions[i];
	fprintf(stderr, "semel dlq: there is no subscription %s in %s\n", name, c->file);
	return NULL;
}

static int run(const struct cli_options *o, const char *verb, struct selection *s)
{
	const struct config_subscription *sub;
	struct config *c;
	int r = cli_load(o, &c);

	if (r != 0)
		return r;
	sub = find(c, o->argv[1]);
	if (sub == NULL)
		r = EXIT_NO;
	else if (strcmp(verb, "list") == 0)
		r = list(c, sub, s, o->json);
	else if (strcmp(verb, "show") == 0)
		r = show(c, sub, s, o->argv[2], o);
	else
		r = dlq_replay(c, sub, s, o);
	config_free(c);
	return r;
}

int cmd_dlq(int argc, char **argv)
{
	struct cli_options o;
	struct selection s;
	struct buf id = { NULL, 0, 0 };
	const char *verb;
	int wanted, r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	verb = o.argc > 0 ? o.argv[0] : "";
	wanted = strcmp(verb, "list") == 0 || strcmp(verb, "replay") == 0 ? 2
		 : strcmp(verb, "show") == 0 || strcmp(verb, "add") == 0  ? 3
									  : 0;
	if (wanted == 0 || o.argc != wanted)
		return cli_usage(argv[0], "expected list SUB, show SUB ID, replay SUB or add SUB ID");
	if (strcmp(verb, "add") == 0)
		return add(&o);
	r = dlq_selection(argv[0], &o, &s);
	if (r == 0 && o.id != NULL)
		r = cli_id(&o, argv[0], o.id, &id);
	if (r == 0 && o.id != NULL)
		s.id = (struct bytes){ id.data, id.len };
	if (r == 0)
		r = run(&o, verb, &s);
	buf_free(&id);
	return r;
}
