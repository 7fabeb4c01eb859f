#include "cli/top/screen.h"

#include "adapters/terminal.h"
#include "cli/columns.h"
#include "cli/top/advice.h"
#include "cli/top/head.h"
#include "cli/top/sheet.h"

/* How the last engine ended stays below the table for so long. */
#define RECENT_SECONDS 600

/* The lines of the screen, from the top: head, tabs, body, advice, foot. */
struct frame {
	const struct scene *scene;
	struct top_state *state;
	struct picture *p;
	unsigned line, end; /* what is free: from line up to end */
	size_t counts[N_TABS], all[N_TABS]; /* rows of each tab; all: before the filter */
};

/* ---- The tabs */

static void count(struct frame *f)
{
	struct advice a;

	for (unsigned v = 0; v < N_VIEWS; v++) {
		struct listing l;

		listing_make(f->scene->rates, v, f->state->filter, f->state->sort[v], false, &l);
		f->counts[v] = l.n;
		f->all[v] = l.all;
		listing_free(&l);
	}
	advice_make(rates_now(f->scene->rates), 1000, -1, &a);
	f->counts[TAB_TROUBLES] = f->all[TAB_TROUBLES] = a.n_troubles;
	advice_free(&a);
}

/* level 0: whole names; 1: short ones; 2: of the open one and of what is wrong alone; 3: of the open one. */
static void write_tab(const struct frame *f, size_t n, unsigned i, unsigned level, char *text, size_t size)
{
	static const char *const brief[N_TABS] = { "subs", "parts", "handlers", "trouble" };
	bool open = i == f->state->tab;

	if (!open && (level == 3 || (level == 2 && i != TAB_TROUBLES)))
		snprintf(text, size, " %u ", i + 1);
	else
		snprintf(text, size, open ? "[%u %s %zu]" : " %u %s %zu ", i + 1,
		    level == 0 ? top_tabs[i] : brief[i], n);
}

static unsigned tabs_width(char texts[N_TABS][48])
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_TABS; i++)
		n += (unsigned)strlen(texts[i]) + (i > 0);
	return n;
}

static void draw_tabs(struct frame *f)
{
	char texts[N_TABS][48];
	unsigned at = 0;

	for (unsigned level = 0; level < 4; level++) {
		for (unsigned i = 0; i < N_TABS; i++)
			write_tab(f, f->counts[i], i, level, texts[i], sizeof(texts[i]));
		if (tabs_width(texts) <= f->p->width)
			break;
	}
	for (unsigned i = 0; i < N_TABS; i++) {
		unsigned style = i == f->state->tab ? STYLE_BOLD : 0;

		if (i == TAB_TROUBLES && f->counts[i] > 0)
			style |= STYLE_YELLOW;
		at += picture_put(f->p, f->line, at, style, texts[i]) + 1;
	}
	f->line++;
}

/* ---- The foot */

struct hint {
	const char *key, *does;
};

static void draw_hints(struct picture *p, unsigned line, const struct hint *hints, unsigned room)
{
	unsigned at = 0;

	for (; hints->key != NULL; hints++) {
		unsigned w = (unsigned)(strlen(hints->key) + 1 + strlen(hints->does));

		if (at + w > room)
			break;
		picture_put(p, line, at, STYLE_BOLD, hints->key);
		picture_put(p, line, at + (unsigned)strlen(hints->key) + 1, 0, hints->does);
		at += w + 2;
	}
}

/* At the right end; returns where it begins. */
static unsigned put_right(struct picture *p, unsigned line, unsigned end, unsigned style, const char *text)
{
	unsigned w = (unsigned)columns_of(text);

	if (w + 20 > end)
		return end;
	picture_put(p, line, end - w, style, text);
	return end - w - 2;
}

static void draw_editor(struct frame *f, unsigned line, const char *found)
{
	unsigned at = picture_put(f->p, line, 0, STYLE_BOLD, "/"), end;

	at += picture_put(f->p, line, at, 0, f->state->filter);
	at += picture_put(f->p, line, at, STYLE_REVERSE, " ");
	end = put_right(f->p, line, f->p->width, 0, at + 50 < f->p->width ? "Enter: keep  Esc: all" : "");
	put_right(f->p, line, end, STYLE_BOLD, at + 20 < end ? found : "");
}

static void draw_foot(struct frame *f)
{
	static const struct hint hints[] = { { "q", "quit" }, { "h", "help" }, { "1-4", "view" },
		{ "s", "sort" }, { "/", "filter" }, { "p", "pause" }, { "r", "reverse" },
		{ "+-", "interval" }, { NULL, NULL } };
	const struct top_state *s = f->state;
	char every[32], found[TOP_FILTER_MAX + 64];
	unsigned line = f->end - 1, end = f->p->width;

	f->end--;
	snprintf(found, sizeof(found), "%zu of %zu", f->counts[s->tab], f->all[s->tab]);
	if (s->editing) {
		draw_editor(f, line, s->tab < N_VIEWS ? found : "");
		return;
	}
	snprintf(every, sizeof(every), "every %g s", (double)s->interval_ms / 1000);
	if (s->paused)
		end = put_right(f->p, line, end, STYLE_REVERSE | STYLE_BOLD, "paused: p goes on");
	else
		end = put_right(f->p, line, end, 0, every);
	if (s->filter[0] != '\0' && s->tab < N_VIEWS) {
		snprintf(found, sizeof(found), "filter %s: %zu of %zu", s->filter, f->counts[s->tab],
		    f->all[s->tab]);
		end = put_right(f->p, line, end, STYLE_BOLD, found);
	}
	draw_hints(f->p, line, hints, end);
}

/* ---- Between them */

static size_t bounded(size_t scroll, size_t n, size_t lines)
{
	size_t most = n > lines ? n - lines : 0;

	return scroll > most ? most : scroll;
}

static void draw_troubles(struct frame *f)
{
	unsigned lines = f->end - f->line;
	struct advice a;

	advice_make(rates_now(f->scene->rates), f->p->width, -1, &a);
	f->state->scroll = bounded(f->state->scroll, a.n, lines);
	advice_draw(&a, f->p, f->line, lines, f->state->scroll);
	if (a.n == 0)
		picture_put(f->p, f->line + (lines > 2), 2, 0, "Nothing is wrong.");
	advice_free(&a);
}

/* Below a table: what it leaves free, and a third of the screen at least.  Returns the lines that the table has. */
static unsigned draw_advice(struct frame *f, size_t rows)
{
	unsigned room = f->end - f->line, table = rows + 1 < room ? (unsigned)rows + 1 : room,
		 most = room / 3, lines;
	struct advice a;

	advice_make(rates_now(f->scene->rates), f->p->width, RECENT_SECONDS, &a);
	most = most > room - table ? most : room - table;
	/* One for the line between. */
	lines = a.n + 1 > most ? most : (unsigned)a.n + 1;
	if (a.n > 0 && lines >= 3) {
		table = table < room - lines ? table : room - lines;
		if (a.n > lines - 1)
			picture_printf(f->p, f->line + table, 2, STYLE_DIM, "%zu more %s: press 4",
			    a.n - (lines - 1), a.n == lines ? "line" : "lines");
		advice_draw(&a, f->p, f->line + table + 1, lines - 1, 0);
	}
	advice_free(&a);
	return table;
}

static const char *why_empty(const struct frame *f, const struct listing *l)
{
	if (l->all > 0)
		return "the filter leaves nothing; Esc shows all";
	if (f->state->tab != VIEW_PARTITIONS)
		return "none is configured";
	return rates_now(f->scene->rates)->started > 0 ? "no partitions are assigned to this host"
						       : "no engine runs";
}

static void draw_table(struct frame *f)
{
	enum view v = f->state->tab;
	struct listing l;
	struct sheet sheet;
	unsigned lines, last;

	listing_make(f->scene->rates, v, f->state->filter, f->state->sort[v], f->state->reverse[v], &l);
	lines = draw_advice(f, l.n > 0 ? l.n : 1);
	sheet_make(&l, v, f->state, f->p->width, f->scene->utf8 ? SHEET_UTF8 : SHEET_ASCII, &sheet);
	f->state->shown = sheet_shown(&sheet);
	f->state->scroll = bounded(f->state->scroll, l.n, lines - 1);
	/* Where rows are left over, the last line says how many. */
	last = lines > 2 && f->state->scroll + lines - 1 < l.n;
	sheet_draw(&sheet, f->p, f->line, lines - last, f->state->scroll);
	if (last)
		picture_printf(f->p, f->line + lines - 1, 2, STYLE_DIM, "%zu more below",
		    l.n - f->state->scroll - (lines - 2));
	if (l.n == 0 && lines > 1)
		picture_put(f->p, f->line + 1, 2, STYLE_DIM, why_empty(f, &l));
	sheet_free(&sheet);
	listing_free(&l);
}

static void draw_help(struct frame *f)
{
	static const char *const lines[] = { "q         quit",
		"1 2 3 4   subscriptions, partitions, handlers, trouble; Tab: the next",
		"s > <     sort by the next column, the one before (also the arrows)",
		"r         turn the order", "/ Esc     show what has this text; all again",
		"up down   scroll, also PgUp PgDn Home End", "p space   pause: the picture stays",
		"+ -       ask less often, more often", "",
		"Rates are of the last 6 s, TO GO of the last 30 s; counts since the engine started.",
		"IN: consumed.  DONE: runs of handlers that ended.  FAIL: of those, to be retried or rejected.",
		"TO GO: until the lag is gone at its trend; -: it keeps up; never: it does not.",
		"Marks: ! needs a person, ~ waits, = held by an operator." };

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]) && f->line < f->end; i++) {
		const char *text = lines[i];
		unsigned indent = 2;

		do {
			struct buf b = { NULL, 0, 0 };
			size_t n = columns_line(text, f->p->width - indent);

			buf_add(&b, text, n);
			picture_put(f->p, f->line++, indent, 0, b.data == NULL ? "" : b.data);
			buf_free(&b);
			text += n;
			indent = 12;
		} while (*text != '\0' && f->line < f->end && f->p->width > 20);
	}
}

/* ---- All of it */

/* What stands still is easier to read: of one size, the head and the columns grow, and do not shrink. */
static void remember_size(struct top_state *state, const struct picture *p)
{
	if (state->width == p->width && state->height == p->height)
		return;
	memset(state->widest, 0, sizeof(state->widest));
	state->head = 0;
	state->width = p->width;
	state->height = p->height;
}

static unsigned draw_head(const struct scene *scene, struct top_state *state, struct picture *p)
{
	const struct snapshot *now = rates_now(scene->rates);
	unsigned line = head_draw(scene, state, p, p->height < 8 ? 0 : p->height < 16 ? 1 : 3);

	/* With a notice above it, it is another one. */
	if (now == NULL || now->started <= 0 || scene->why != NULL)
		return line;
	state->head = line > state->head ? line : state->head;
	return state->head;
}

void screen_draw(const struct scene *scene, struct top_state *state, struct picture *p)
{
	struct frame f = { scene, state, p, 0, p->height, { 0 }, { 0 } };

	if (p->height < 3 || p->width < 10) {
		head_tiny(scene, p);
		return;
	}
	remember_size(state, p);
	if (rates_now(scene->rates) != NULL)
		count(&f);
	draw_foot(&f);
	f.line = draw_head(scene, state, p);
	p->dimmed = scene->why != NULL && rates_now(scene->rates) != NULL ? STYLE_DIM : 0;
	if (f.line < f.end && state->help) {
		draw_help(&f);
	} else if (f.line < f.end && rates_now(scene->rates) != NULL) {
		if (p->height >= 6)
			draw_tabs(&f);
		if (f.line >= f.end)
			return;
		if (state->tab == TAB_TROUBLES)
			draw_troubles(&f);
		else
			draw_table(&f);
	}
	p->dimmed = 0;
}

static void print_view(const struct scene *scene, struct top_state *state, enum view v, struct buf *out)
{
	struct listing l;
	struct sheet sheet;
	struct picture p = { .width = 1000 };

	listing_make(scene->rates, v, state->filter, state->sort[v], state->reverse[v], &l);
	p.height = (unsigned)l.n + 1;
	sheet_make(&l, v, state, p.width, SHEET_PLAIN, &sheet);
	sheet_draw(&sheet, &p, 0, p.height, 0);
	buf_char(out, '\n');
	picture_text(&p, out);
	picture_free(&p);
	sheet_free(&sheet);
	listing_free(&l);
}

void screen_print(const struct scene *scene, struct top_state *state, bool all, struct buf *out)
{
	struct picture p = { .width = 1000, .height = 3 };
	struct advice a;

	p.height = head_draw(scene, state, &p, 3);
	picture_text(&p, out);
	picture_free(&p);
	for (unsigned v = 0; v < N_VIEWS; v++)
		if (all || state->tab == v)
			print_view(scene, state, v, out);
	advice_make(rates_now(scene->rates), 1000, -1, &a);
	if (a.n > 0) {
		p = (struct picture){ .width = 1000, .height = (unsigned)a.n };
		advice_draw(&a, &p, 0, p.height, 0);
		buf_char(out, '\n');
		picture_text(&p, out);
		picture_free(&p);
	}
	advice_free(&a);
}
