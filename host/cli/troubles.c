#include "cli/troubles.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REASON_MAX 600
/* A command is typed as it stands, and has an id of up to 1024 bytes in it, perhaps as base64. */
#define COMMAND_MAX 2000
#define LATE_MAX 5

static struct trouble *add(struct troubles *t, const char *kind, const char *state)
{
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 16 : 2 * t->cap;
		t->lines = realloc(t->lines, t->cap * sizeof(*t->lines));
		if (t->lines == NULL)
			abort();
	}
	t->lines[t->n] = (struct trouble){ .kind = kind, .state = state };
	return &t->lines[t->n++];
}

static void shown(struct buf *out, const char *text)
{
	buf_shown(out, bytes_of_text(text), REASON_MAX);
}

static void add_remedies(struct troubles *t, const struct snap_remedy *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf before = { NULL, 0, 0 }, after = { NULL, 0, 0 };
		struct trouble *line = add(t, "type", NULL);

		buf_shown(&before, bytes_of_text(list[i].type), COMMAND_MAX);
		buf_text(&after, "to ");
		shown(&after, list[i].to);
		line->before = before.data;
		line->after = after.data;
	}
}

void troubles_of_sub(struct troubles *t, const struct snap_sub *s)
{
	struct buf before = { NULL, 0, 0 }, after = { NULL, 0, 0 };
	struct trouble *line;

	if (s->reason[0] == '\0' && s->n_remedies == 0)
		return;
	shown(&before, s->name);
	buf_text(&before, ": ");
	buf_text(&after, s->reason[0] == '\0' ? "" : ": ");
	shown(&after, s->reason);
	line = add(t, "head", s->state);
	line->before = before.data;
	line->after = after.data;
	add_remedies(t, s->remedies, s->n_remedies);
}

/* ---- Partitions */

static void add_late(struct troubles *t, const struct snap_partition *p)
{
	struct buf text = { NULL, 0, 0 };

	shown(&text, p->topic);
	buf_char(&text, '/');
	shown(&text, p->partition);
	buf_printf(&text, " waits for offset %.0f", p->oldest_offset);
	if (p->oldest_id[0] != '\0') {
		buf_text(&text, ", id ");
		shown(&text, p->oldest_id);
		buf_text(&text, p->oldest_is_text ? "" : " (base64)");
	}
	buf_text(&text, ", which ");
	shown(&text, p->oldest_doing);
	buf_printf(&text, "; fetched %.0f s ago", p->oldest_seconds);
	add(t, "head", NULL)->before = text.data;
	add_remedies(t, p->remedies, p->n_remedies);
}

/* The one that comes after this in the order of waiting, longest first; NULL: none.  after NULL: the first. */
static const struct snap_partition *next_late(const struct snap_sub *s, const struct snap_partition *after)
{
	const struct snap_partition *next = NULL;

	for (size_t i = 0; i < s->n_partitions; i++) {
		const struct snap_partition *p = &s->partitions[i];

		if (p->n_remedies == 0)
			continue;
		if (after != NULL && (p->oldest_seconds > after->oldest_seconds ||
					 (p->oldest_seconds == after->oldest_seconds && p <= after)))
			continue;
		if (next == NULL || p->oldest_seconds > next->oldest_seconds)
			next = p;
	}
	return next;
}

void troubles_of_partitions(struct troubles *t, const struct snap_sub *s)
{
	const struct snap_partition *p = NULL;
	struct buf text = { NULL, 0, 0 };
	size_t late = 0, told = 0;

	for (size_t i = 0; i < s->n_partitions; i++)
		late += s->partitions[i].n_remedies > 0;
	for (; told < LATE_MAX && (p = next_late(s, p)) != NULL; told++)
		add_late(t, p);
	if (late <= told)
		return;
	buf_printf(&text, "%zu more partitions wait for an event that is late", late - told);
	add(t, "head", NULL)->before = text.data;
}

void troubles_of_handler(struct troubles *t, const struct snap_handler *h)
{
	struct buf before = { NULL, 0, 0 }, after = { NULL, 0, 0 };
	struct trouble *line;

	if (h->reason[0] == '\0' && h->stuck <= 0)
		return;
	buf_text(&before, "handler ");
	shown(&before, h->name);
	buf_text(&before, ": ");
	buf_text(&after, ": ");
	if (h->reason[0] != '\0')
		shown(&after, h->reason);
	else
		buf_printf(
		    &after, "%.0f %s past the timeout", h->stuck, h->stuck == 1 ? "run is" : "runs are");
	line = add(t, "head", h->state);
	line->before = before.data;
	line->after = after.data;
}

static void add_event(struct troubles *t, const struct snap_event *e)
{
	struct buf text = { NULL, 0, 0 };

	shown(&text, e->blame);
	buf_text(&text, ": handler ");
	shown(&text, e->handler);
	buf_text(&text, ", ");
	shown(&text, e->topic);
	buf_char(&text, '/');
	shown(&text, e->partition);
	buf_text(&text, " offset ");
	shown(&text, e->offset);
	buf_text(&text, ", id ");
	shown(&text, e->id);
	buf_text(&text, e->text ? "" : " (base64)");
	add(t, "event", NULL)->before = text.data;
}

void troubles_of_engine(struct troubles *t, const struct snapshot *s)
{
	time_t when = (time_t)(s->exit_at / 1000);
	struct buf text = { NULL, 0, 0 };
	char date[40];
	struct tm tm;

	if (s->restarts <= 0 || s->exit_at < 0)
		return;
	gmtime_r(&when, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_printf(&text, "engine: restarted %.0f times; the last one ended at %s: ", s->restarts, date);
	shown(&text, s->exit_cause);
	buf_text(&text, ", ");
	shown(&text, s->exit_by);
	buf_text(&text, ", with ");
	shown(&text, s->exit_inside);
	buf_text(&text, " events inside a handler");
	add(t, "head", NULL)->before = text.data;
	for (size_t i = 0; i < s->n_events; i++)
		add_event(t, &s->events[i]);
}

void troubles_free(struct troubles *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->lines[i].before);
		free(t->lines[i].after);
	}
	free(t->lines);
	*t = (struct troubles){ NULL, 0, 0 };
}
