#include "cli/event_story.h"

#include "cli/cli.h"
#include "cli/dlq.h"
#include "engine/status_remedies.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A whole id, whatever is in it. */
#define SHOWN_MAX 2048

/* ---- The answer */

/* The text of a member; NULL: it is not there, or null. */
static const char *text_of(const struct event_story *s, const char *pointer, struct buf *value)
{
	buf_clear(value);
	buf_text(value, "");
	return s->doc != NULL && json_pointer(s->doc, pointer, value, NULL) == 1 ? value->data : NULL;
}

static bool is(const struct event_story *s, const char *pointer, const char *wanted)
{
	struct buf value = { NULL, 0, 0 };
	const char *text = text_of(s, pointer, &value);
	bool same = text != NULL && strcmp(text, wanted) == 0;

	buf_free(&value);
	return same;
}

static void put_line(const char *name, const char *text, const char *behind)
{
	struct buf shown = { NULL, 0, 0 };

	buf_shown(&shown, bytes_of_text(text), SHOWN_MAX);
	printf("%-14s %s%s\n", name, shown.data, behind);
	buf_free(&shown);
}

static const char *meaning(const char *status)
{
	static const struct {
		const char *status, *means;
	} all[] = { { "absent", " (no host has claimed it yet, or it was forgotten: see ledger.retention)" },
		{ "claimed", " (its owner handles it, or is about to)" },
		{ "waiting", " (it failed, and its owner tries it again)" },
		{ "released", " (whoever gets it next handles it)" },
		{ "done", " (it is not handled again while the ledger remembers it)" },
		{ "dead", " (it was put aside)" }, { "parked", " (it is in the retry topic)" } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].status, status) == 0)
			return all[i].means;
	return "";
}

static void put_time(char *out, size_t size, time_t t)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, size, " (%Y-%m-%dT%H:%M:%SZ)", &tm);
}

static void print_record(const struct event_story *s)
{
	static const char *const names[] = { "subscription", "id", "id_base64", "status", "processed_at",
		"attempts", "failed", "crashes", "takeovers", "owner", "fence", "generation" };
	struct buf value = { NULL, 0, 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char pointer[64], behind[120] = "";
		const char *text;

		snprintf(pointer, sizeof(pointer), "/%s", names[i]);
		text = text_of(s, pointer, &value);
		/* What the ledger does not know has no record to be told of. */
		if (text == NULL || (i > 3 && is(s, "/status", "absent")))
			continue;
		if (strcmp(names[i], "status") == 0)
			snprintf(behind, sizeof(behind), "%s", meaning(text));
		else if (strcmp(names[i], "processed_at") == 0)
			put_time(behind, sizeof(behind), (time_t)strtoll(text, NULL, 10));
		put_line(names[i], text, behind);
	}
	buf_free(&value);
}

/* ---- Where it is */

static double number_of(const struct event_story *s, const char *pointer)
{
	struct buf value = { NULL, 0, 0 };
	const char *text = text_of(s, pointer, &value);
	double n = text == NULL ? -1 : strtod(text, NULL);

	buf_free(&value);
	return n;
}

/* The number of seconds at pointer between two texts; nothing where there is none. */
static void put_seconds(
    struct buf *out, const struct event_story *s, const char *before, const char *pointer, const char *behind)
{
	double n = number_of(s, pointer);

	if (n >= 0)
		buf_printf(out, "%s%.1f s%s", before, n, behind);
}

static void print_here(const struct event_story *s)
{
	struct buf line = { NULL, 0, 0 }, v = { NULL, 0, 0 };
	const char *text = text_of(s, "/here/doing", &v);

	if (text == NULL)
		return;
	buf_printf(&line, "%s", text);
	text = text_of(s, "/here/handler", &v);
	if (text != NULL && *text != '\0')
		buf_printf(&line, " (handler %s, attempt %.0f)", text, number_of(s, "/here/attempt"));
	put_seconds(&line, s, ", for ", "/here/running_seconds", "");
	put_seconds(&line, s, ", in ", "/here/next_attempt_seconds", "");
	if (is(s, "/here/stands", "true"))
		buf_text(&line, "; its partition stands still for it");
	if (is(s, "/here/put_aside", "true"))
		buf_text(&line, "; an operator puts it aside");
	put_line("here", line.data, "");
	buf_clear(&line);
	buf_printf(&line, "%s/%.0f", text_of(s, "/here/topic", &v), number_of(s, "/here/partition"));
	buf_printf(&line, " offset %.0f", number_of(s, "/here/offset"));
	put_seconds(&line, s, ", fetched ", "/here/seconds", " ago");
	put_line("from", line.data, "");
	text = text_of(s, "/here/error", &v);
	if (text != NULL && *text != '\0')
		put_line("last error", text, "");
	buf_free(&line);
	buf_free(&v);
}

/* ---- Its letter */

static int take_letter(void *arg, const struct letter *l)
{
	struct event_story *s = arg;

	/* The newest counts: of one that was replayed there may be several. */
	buf_clear(&s->letter);
	buf_clear(&s->letter_lines);
	dlq_json(l, &s->letter);
	dlq_head(&s->letter_lines);
	dlq_print(l, &s->letter_lines);
	return 0;
}

void event_story_find_letter(struct event_story *s)
{
	const struct config_subscription *sub = NULL;
	struct selection which = { .until = INT64_MAX, .partition = -1, .id = s->id };
	struct config *c;

	s->looked = -1;
	if (s->options->ledger_only || (s->doc != NULL && !is(s, "/status", "dead")))
		return;
	s->looked = cli_load(s->options, &c);
	if (s->looked != EXIT_YES)
		return;
	for (size_t i = 0; i < c->n_subscriptions; i++)
		if (strcmp(c->subscriptions[i].name, s->subscription) == 0)
			sub = &c->subscriptions[i];
	s->looked = sub == NULL ? EXIT_NO : dlq_each(c, sub, &which, take_letter, s);
	config_free(c);
}

/* ---- All of it */

static void put_next(const char *command, const char *to)
{
	struct buf line = { NULL, 0, 0 };

	buf_printf(&line, "    semel %s", command);
	while (line.len < 40)
		buf_char(&line, ' ');
	printf("%s    %s\n", line.data, to);
	buf_free(&line);
}

/* The command with the subscription and the id, as a shell takes them. */
static void put_next_of(const struct event_story *s, const char *verb, const char *option, const char *to)
{
	struct buf command = { NULL, 0, 0 };

	buf_printf(&command, "%s %s %s", verb, s->subscription, option);
	status_put_id(&command, s->id);
	put_next(command.data, to);
	buf_free(&command);
}

static void print_next(const struct event_story *s)
{
	struct buf owner = { NULL, 0, 0 };
	const char *name = text_of(s, "/owner", &owner);
	bool here = number_of(s, "/here/offset") >= 0;

	if (here && !is(s, "/here/put_aside", "true")) {
		putchar('\n');
		put_next_of(s, "dlq add", "", "to put it aside, as a dead letter");
	} else if (s->letter.len > 0) {
		putchar('\n');
		put_next_of(s, "dlq show", "", "to see its headers and payload");
		put_next_of(s, "dlq replay", "--id ", "to have it handled again, when the cause is gone");
	} else if (!here && (is(s, "/status", "claimed") || is(s, "/status", "waiting")) && name != NULL &&
		   *name != '\0') {
		printf("\nIt is not on this host: ask on %s.\n", name);
	}
	buf_free(&owner);
}

void event_story_print(struct event_story *s)
{
	print_record(s);
	print_here(s);
	if (s->letter.len > 0)
		printf("\n%s", s->letter_lines.data);
	else if (s->looked == EXIT_YES && is(s, "/status", "dead"))
		puts(
		    "\nThe dead-letter topic has no letter of it: it was dropped (on_exhausted), or the topic's retention is over.");
	print_next(s);
}

void event_story_json(const struct event_story *s, struct bytes answer, struct buf *out)
{
	size_t n = answer.len;

	while (n > 0 && ((const char *)answer.data)[n - 1] != '}')
		n--;
	buf_add(out, answer.data, n > 0 ? n - 1 : 0);
	buf_printf(out, ",\"dead_letter\":%s}\n", s->letter.len > 0 ? s->letter.data : "null");
}
