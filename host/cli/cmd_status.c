/* semel status */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/table.h"
#include "cli/troubles.h"

#include <stdio.h>
#include <stdlib.h>

static const char *colour(const char *state)
{
	static const char *const colours[] = { [TONE_GOOD] = "\033[32m",
		[TONE_WAIT] = "\033[33m",
		[TONE_HOLD] = "\033[34m",
		[TONE_BAD] = "\033[1;31m" };

	return cli_colours() ? colours[state_tone(state)] : "";
}

/* ---- Tables */

static const enum fact of_sub[] = { SUB_NAME, SUB_STATE, SUB_IN_FLIGHT, SUB_WAITING, SUB_OLDEST, SUB_LAG,
	SUB_HANDLED, SUB_DUPLICATES, SUB_DEAD, SUB_LEDGER, SUB_IDS, SUB_REDIS };
static const enum fact of_partition[] = { PART_TOPIC, PART_PARTITION, PART_NEXT, PART_COMMITTED, PART_LAG,
	PART_OLDEST, PART_OLDEST_AT, PART_STATE };
static const enum fact of_handler[] = { HANDLER_NAME, HANDLER_PLUGIN, HANDLER_BUSY, HANDLER_STUCK,
	HANDLER_RUNS, HANDLER_TAKES, HANDLER_STATE };

static void begin(struct table *t, const enum fact *facts, unsigned n)
{
	table_begin(t, n);
	for (unsigned i = 0; i < n; i++) {
		t->right[i] = fact_title(facts[i])->right;
		table_add(t, NULL, fact_title(facts[i])->title);
	}
}

static void add_row(struct table *t, const struct row *r, const enum fact *facts)
{
	struct buf text = { NULL, 0, 0 };

	for (unsigned i = 0; i < t->columns; i++) {
		struct cell c = row_cell(r, facts[i]);

		buf_clear(&text);
		cell_text(&c, false, &text);
		table_add(t, c.kind == CELL_STATE ? colour(c.text) : NULL, text.data);
	}
	buf_free(&text);
}

static void print_subscriptions(const struct snapshot *s)
{
	struct table t;

	begin(&t, of_sub, sizeof(of_sub) / sizeof(of_sub[0]));
	for (size_t i = 0; i < s->n_subs; i++)
		add_row(&t, &(struct row){ .sub = &s->subs[i] }, of_sub);
	table_print(&t, "");
}

static void print_partitions(const struct snapshot *s)
{
	struct table t;

	begin(&t, of_partition, sizeof(of_partition) / sizeof(of_partition[0]));
	for (size_t i = 0; i < s->n_subs; i++)
		for (size_t k = 0; k < s->subs[i].n_partitions; k++)
			add_row(&t,
			    &(struct row){ .sub = &s->subs[i], .partition = &s->subs[i].partitions[k] },
			    of_partition);
	if (t.n > t.columns)
		putchar('\n');
	table_print(&t, "");
}

static void print_handlers(const struct snapshot *s)
{
	struct table t;

	begin(&t, of_handler, sizeof(of_handler) / sizeof(of_handler[0]));
	for (size_t i = 0; i < s->n_handlers; i++)
		add_row(&t, &(struct row){ .handler = &s->handlers[i] }, of_handler);
	if (t.n > t.columns)
		putchar('\n');
	table_print(&t, "");
}

/* ---- The rest */

static void print_troubles(struct troubles *t)
{
	const char *off = cli_colours() ? "\033[0m" : "";

	for (size_t i = 0; i < t->n; i++) {
		const struct trouble *line = &t->lines[i];

		if (strcmp(line->kind, "type") == 0)
			printf("    %s    %s\n", line->before, line->after);
		else if (strcmp(line->kind, "event") == 0)
			printf("    %s\n", line->before);
		else if (line->state != NULL)
			printf("\n%s%s%s%s%s\n", line->before, colour(line->state), line->state, off,
			    line->after);
		else
			printf("\n%s\n", line->before);
	}
	troubles_free(t);
}

static void print_head(const struct snapshot *s)
{
	printf("node %s, semel %s", s->node, s->version);
	if (s->started > 0)
		printf(", pid %s, up %.0f s", s->pid, (s->time - s->started) / 1000);
	else
		printf(", no engine answers, the next one starts in %.1f s", s->next_start_ms / 1000);
	printf(": %s%s%s\n\n", colour(s->state), s->state, cli_colours() ? "\033[0m" : "");
}

static int print(const struct buf *body)
{
	struct troubles t = { NULL, 0, 0 };
	struct snapshot *s;
	char why[256];

	if (snapshot_parse((struct bytes){ body->data, body->len }, &s, why, sizeof(why)) < 0) {
		fprintf(stderr, "semel status: the daemon's answer is %s\n", why);
		return EXIT_INTERNAL;
	}
	print_head(s);
	print_subscriptions(s);
	for (size_t i = 0; i < s->n_subs; i++)
		troubles_of_sub(&t, &s->subs[i]);
	print_troubles(&t);
	print_partitions(s);
	for (size_t i = 0; i < s->n_subs; i++)
		troubles_of_partitions(&t, &s->subs[i]);
	print_troubles(&t);
	print_handlers(s);
	troubles_of_engine(&t, s);
	print_troubles(&t);
	snapshot_free(s);
	return EXIT_YES;
}

int cmd_status(int argc, char **argv)
{
	struct cli_options o;
	struct buf body = { NULL, 0, 0 };
	int status = 0, r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	r = cli_ask(&o, "GET", "/status", &body, &status);
	if (r == 0 && body.data != NULL)
		r = o.json ? (fputs(body.data, stdout), EXIT_YES) : print(&body);
	buf_free(&body);
	return r;
}
