#include "cli/top/advice.h"

#include "adapters/terminal.h"
#include "cli/columns.h"
#include "cli/top/sheet.h"

#include <stdlib.h>

static struct advice_line *add(struct advice *a, unsigned indent, enum tone tone)
{
	if (a->n == a->cap) {
		a->cap = a->cap == 0 ? 32 : 2 * a->cap;
		a->lines = realloc(a->lines, a->cap * sizeof(*a->lines));
		if (a->lines == NULL)
			abort();
	}
	a->lines[a->n] = (struct advice_line){ .indent = indent, .tone = tone };
	return &a->lines[a->n++];
}

/* As many lines as it takes; the first of them. */
static size_t wrap(struct advice *a, unsigned indent, enum tone tone, const char *text, unsigned width)
{
	size_t start = a->n, room = width > indent + 4 ? width - indent : 4;

	do {
		struct buf b = { NULL, 0, 0 };
		size_t n = columns_line(text, room);

		buf_add(&b, text, n);
		while (b.len > 0 && b.data[b.len - 1] == ' ')
			b.data[--b.len] = '\0';
		add(a, indent, tone)->text = b.data == NULL ? strdup("") : b.data;
		text += n;
	} while (*text != '\0');
	return start;
}

static void add_head(struct advice *a, const struct trouble *t, unsigned width)
{
	enum tone tone = t->state == NULL ? TONE_WAIT : state_tone(t->state);
	struct buf text = { NULL, 0, 0 };
	size_t first;

	buf_text(&text, t->before);
	buf_text(&text, t->state == NULL ? "" : t->state);
	buf_text(&text, t->after == NULL ? "" : t->after);
	first = wrap(a, 2, tone, text.data, width);
	a->lines[first].head = true;
	if (t->state != NULL) {
		unsigned at = (unsigned)columns_of(t->before);

		/* Not if the line was broken there. */
		if (at + strlen(t->state) <= columns_of(a->lines[first].text)) {
			a->lines[first].state = t->state;
			a->lines[first].state_at = at;
		}
	}
	a->n_troubles++;
	buf_free(&text);
}

/* One that is longer than a line goes on at the margin of the next, behind a '\\': a shell takes it so. */
static void add_command(struct advice *a, const struct trouble *t, unsigned width)
{
	const char *rest = t->before;
	unsigned indent = 4;

	while (columns_of(rest) + indent > width && width > indent + 8) {
		struct buf b = { NULL, 0, 0 };
		size_t n, room = width - indent - 1;

		for (n = 0; room > 0 && rest[n] != '\0';) {
			size_t columns, bytes = columns_first(rest + n, &columns);

			if (columns > room)
				break;
			room -= columns;
			n += bytes;
		}
		buf_add(&b, rest, n);
		buf_char(&b, '\\');
		add(a, indent, TONE_GOOD)->command = b.data;
		rest += n;
		indent = 0;
	}
	add(a, indent, TONE_GOOD)->command = strdup(rest);
	if (indent + columns_of(rest) + columns_of(t->after) + 4 <= width)
		a->lines[a->n - 1].text = strdup(t->after);
	else
		wrap(a, 8, TONE_GOOD, t->after, width);
}

/* Lines i to the returned one belong together: a head, what to type, what was inside. */
static size_t group_end(const struct troubles *t, size_t i)
{
	for (i++; i < t->n && strcmp(t->lines[i].kind, "head") != 0; i++)
		;
	return i;
}

/* Another one has said already what to type: a stuck subscription and its partition are about one event. */
static bool typed(const struct troubles *t, size_t from, size_t to, size_t before)
{
	for (size_t i = from; i < to; i++)
		for (size_t k = 0; k < before && strcmp(t->lines[i].kind, "type") == 0; k++)
			if (strcmp(t->lines[k].kind, "type") == 0 &&
			    strcmp(t->lines[i].before, t->lines[k].before) == 0)
				return true;
	return false;
}

static void add_all(struct advice *a, struct troubles *t, unsigned width)
{
	for (size_t i = 0, end; i < t->n; i = end) {
		end = group_end(t, i);
		if (typed(t, i, end, i))
			continue;
		for (; i < end; i++) {
			if (strcmp(t->lines[i].kind, "head") == 0)
				add_head(a, &t->lines[i], width);
			else if (strcmp(t->lines[i].kind, "type") == 0)
				add_command(a, &t->lines[i], width);
			else
				wrap(a, 4, TONE_WAIT, t->lines[i].before, width);
		}
	}
	troubles_free(t);
}

/* A subscription that waits for it has said so already. */
static bool told(const struct snapshot *s, const struct snap_handler *h)
{
	struct buf name = { NULL, 0, 0 };
	bool yes = false;

	buf_printf(&name, "handler %s", h->name);
	for (size_t i = 0; i < s->n_subs; i++) {
		const char *at = strstr(s->subs[i].reason, name.data);

		yes |= at != NULL && strchr(":), ", at[name.len]) != NULL;
	}
	buf_free(&name);
	return yes;
}

void advice_make(const struct snapshot *s, unsigned width, double recent_seconds, struct advice *ret_advice)
{
	static const enum tone order[] = { TONE_BAD, TONE_WAIT, TONE_HOLD, TONE_GOOD };
	struct advice a = { NULL, 0, 0, 0 };
	struct troubles t = { NULL, 0, 0 };

	for (size_t k = 0; k < 4; k++)
		for (size_t i = 0; i < s->n_subs; i++)
			if (state_tone(s->subs[i].state) == order[k])
				troubles_of_sub(&t, &s->subs[i]);
	for (size_t i = 0; i < s->n_subs; i++)
		troubles_of_partitions(&t, &s->subs[i]);
	for (size_t i = 0; i < s->n_handlers; i++)
		if (!told(s, &s->handlers[i]))
			troubles_of_handler(&t, &s->handlers[i]);
	if (recent_seconds < 0 || s->time - s->exit_at < recent_seconds * 1000)
		troubles_of_engine(&t, s);
	add_all(&a, &t, width);
	*ret_advice = a;
}

void advice_draw(const struct advice *a, struct picture *p, unsigned line, unsigned lines, size_t first)
{
	for (unsigned i = 0; i < lines && first + i < a->n; i++) {
		const struct advice_line *l = &a->lines[first + i];
		unsigned at = l->indent;

		if (l->head)
			picture_printf(p, line + i, 0, tone_style(l->tone), "%c", tone_mark(l->tone));
		if (l->command != NULL)
			at += picture_put(p, line + i, at, STYLE_BOLD, l->command) + 4;
		if (l->text != NULL)
			picture_put(p, line + i, at, 0, l->text);
		if (l->state != NULL)
			picture_put(p, line + i, at + l->state_at, tone_style(l->tone), l->state);
	}
}

void advice_free(struct advice *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->lines[i].command);
		free(a->lines[i].text);
	}
	free(a->lines);
	*a = (struct advice){ NULL, 0, 0, 0 };
}
