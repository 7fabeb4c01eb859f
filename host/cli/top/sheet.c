#include "cli/top/sheet.h"

#include "adapters/terminal.h"
#include "cli/columns.h"

#include <stdlib.h>

#define GUTTER 2 /* the mark of the state */
#define NAME_LEAST 10
#define TREND_LEAST 12
#define TREND_MOST 60

unsigned tone_style(enum tone t)
{
	static const unsigned styles[] = { [TONE_GOOD] = STYLE_GREEN,
		[TONE_WAIT] = STYLE_YELLOW,
		[TONE_HOLD] = STYLE_CYAN,
		[TONE_BAD] = STYLE_RED | STYLE_BOLD };

	return styles[t];
}

char tone_mark(enum tone t)
{
	static const char marks[] = {
		[TONE_GOOD] = ' ', [TONE_WAIT] = '~', [TONE_HOLD] = '=', [TONE_BAD] = '!'
	};

	return marks[t];
}

/* ---- Its columns */

static const struct fact_title *title_of(const struct sheet *s, unsigned i)
{
	return fact_title(s->columns[i].fact);
}

/* Names can be cut; numbers and states cannot. */
static bool is_name(const struct sheet *s, unsigned i)
{
	enum cell_kind kind = title_of(s, i)->kind;

	return kind == CELL_TEXT || kind == CELL_PLUGIN;
}

static unsigned title_width(const struct sheet *s, unsigned i, bool brief)
{
	const struct fact_title *t = title_of(s, i);

	/* Behind the title of the sorted column stands an arrow. */
	return (unsigned)strlen(brief ? t->brief : t->title) +
	       (s->letters != SHEET_PLAIN && s->columns[i].fact == s->sort);
}

static unsigned wider(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static unsigned text_width(const struct sheet *s, unsigned i)
{
	static const unsigned char usual[] = {
		[CELL_STATE] = 7, [CELL_RATE] = 6, [CELL_SPAN] = 6, [CELL_CATCH_UP] = 6, [CELL_TREND] = 0
	};
	size_t most = 0;

	for (size_t k = 0; k < s->listing->n; k++) {
		size_t n = columns_of(s->texts[k * s->n + i]);

		most = n > most ? n : most;
	}
	/* Numbers change: their columns should not, with the first of them. */
	return wider((unsigned)most, s->letters == SHEET_PLAIN ? 0 : usual[title_of(s, i)->kind]);
}

static unsigned sum(const struct sheet *s)
{
	unsigned n = GUTTER, shown = 0;

	for (unsigned i = 0; i < s->n; i++) {
		n += s->width[i];
		shown += s->width[i] > 0;
	}
	return n + (shown > 1 ? (shown - 1) * s->gap : 0);
}

/* The least width of each column that can be. */
static void narrow(struct sheet *s, const unsigned *natural, unsigned width)
{
	unsigned least = wider(NAME_LEAST, width / 5);

	for (unsigned i = 0; i < s->n; i++) {
		s->brief[i] = true;
		if (title_of(s, i)->kind == CELL_TREND)
			s->width[i] = 0;
		else if (is_name(s, i) && natural[i] > least)
			s->width[i] = least;
		else
			s->width[i] = wider(natural[i], title_width(s, i, true));
	}
}

/* False: there is one left only. */
static bool drop_one(struct sheet *s)
{
	unsigned worst = s->n;

	for (unsigned i = 0; i < s->n; i++)
		if (s->width[i] > 0 && s->columns[i].keep > 0 &&
		    (worst == s->n || s->columns[i].keep > s->columns[worst].keep))
			worst = i;
	if (worst == s->n)
		return false;
	s->width[worst] = 0;
	return true;
}

/* All or none, so that titles do not change with every number. */
static void take_long_titles(struct sheet *s, unsigned width)
{
	unsigned more = 0;

	for (unsigned i = 0; i < s->n; i++) {
		unsigned want = title_width(s, i, false);

		more += s->width[i] > 0 && want > s->width[i] ? want - s->width[i] : 0;
	}
	if (sum(s) + more > width)
		return;
	for (unsigned i = 0; i < s->n; i++) {
		s->width[i] = s->width[i] == 0 ? 0 : wider(s->width[i], title_width(s, i, false));
		s->brief[i] = false;
	}
}

/* What is left over goes to names, then to long titles, then to the trend. */
static void widen(struct sheet *s, const unsigned *natural, unsigned width)
{
	for (unsigned i = 0; i < s->n; i++) {
		unsigned room = width - sum(s), more;

		if (s->width[i] == 0 || !is_name(s, i) || natural[i] <= s->width[i])
			continue;
		more = natural[i] - s->width[i];
		s->width[i] += more < room ? more : room;
	}
	take_long_titles(s, width);
	for (unsigned i = 0; i < s->n; i++) {
		unsigned room = width - sum(s);

		if (title_of(s, i)->kind == CELL_TREND && s->letters == SHEET_UTF8 &&
		    room >= TREND_LEAST + s->gap) {
			room -= s->gap;
			s->width[i] = room < TREND_MOST ? room : TREND_MOST;
		}
	}
}

static void fit(struct sheet *s, unsigned width, unsigned char *widest)
{
	unsigned natural[TOP_COLUMNS];

	s->gap = width < 60 ? 1 : 2;
	for (unsigned i = 0; i < s->n; i++) {
		natural[i] = wider(text_width(s, i), widest[i]);
		widest[i] = (unsigned char)(natural[i] < 255 ? natural[i] : 255);
	}
	narrow(s, natural, width);
	while (sum(s) > width && drop_one(s))
		;
	if (sum(s) > width)
		s->width[0] = s->width[0] > 0 && width > GUTTER ? width - GUTTER : s->width[0];
	else
		widen(s, natural, width);
}

void sheet_make(const struct listing *l, enum view v, struct top_state *state, unsigned width,
    enum sheet_letters letters, struct sheet *ret_sheet)
{
	struct sheet s = { .listing = l, .sort = state->sort[v], .letters = letters };

	s.columns = top_columns(v, &s.n);
	for (unsigned i = 0; i < s.n; i++) {
		enum cell_kind kind = title_of(&s, i)->kind;

		if (s.columns[i].fact == s.sort)
			s.rising = (kind == CELL_TEXT || kind == CELL_PLUGIN || kind == CELL_NUMBER) !=
				   state->reverse[v];
	}
	s.texts = calloc(l->n * s.n + 1, sizeof(*s.texts));
	if (s.texts == NULL)
		abort();
	for (size_t k = 0; k < l->n * s.n; k++) {
		struct buf text = { NULL, 0, 0 };
		struct cell c = row_cell(&l->rows[k / s.n], s.columns[k % s.n].fact);

		cell_text(&c, letters != SHEET_PLAIN, &text);
		s.texts[k] = text.data;
	}
	fit(&s, width, letters == SHEET_PLAIN ? (unsigned char[TOP_COLUMNS]){ 0 } : state->widest[v]);
	*ret_sheet = s;
}

unsigned sheet_shown(const struct sheet *s)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < s->n; i++)
		bits |= (unsigned)(s->width[i] > 0) << i;
	return bits;
}

void sheet_free(struct sheet *s)
{
	for (size_t k = 0; k < s->listing->n * s->n; k++)
		free(s->texts[k]);
	free(s->texts);
	s->texts = NULL;
}

/* ---- How it is drawn */

static void draw_titles(const struct sheet *s, struct picture *p, unsigned line)
{
	static const char *const arrows[][2] = { [SHEET_PLAIN] = { "", "" },
		[SHEET_ASCII] = { "v", "^" },
		[SHEET_UTF8] = { "\u2193", "\u2191" } };
	const char *arrow = arrows[s->letters][s->rising];
	unsigned at = GUTTER;

	picture_fill(p, line, STYLE_REVERSE);
	for (unsigned i = 0; i < s->n; i++) {
		const struct fact_title *t = title_of(s, i);
		bool sorted = s->columns[i].fact == s->sort;
		struct buf b = { NULL, 0, 0 };
		unsigned pad, used;

		if (s->width[i] == 0)
			continue;
		buf_printf(&b, "%s%s", s->brief[i] ? t->brief : t->title, sorted ? arrow : "");
		used = (unsigned)columns_of(b.data);
		pad = t->right && used < s->width[i] ? s->width[i] - used : 0;
		picture_put(p, line, at + pad, STYLE_REVERSE | (sorted ? STYLE_BOLD : 0), b.data);
		at += s->width[i] + s->gap;
		buf_free(&b);
	}
}

/* Points as bars of eight heights; the newest is at the right. */
static void draw_trend(
    const struct gain *g, struct picture *p, unsigned line, unsigned column, unsigned width)
{
	static const char *const bars[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
		"\u2587", "\u2588" };
	size_t n = g->n_points < width ? g->n_points : width;
	const double *points = g->points + (g->n_points - n);
	struct buf b = { NULL, 0, 0 };
	double top = 1;

	for (size_t i = 0; i < n; i++)
		top = points[i] > top ? points[i] : top;
	for (size_t i = 0; i < n; i++)
		buf_text(&b, points[i] <= 0 ? " " : bars[(size_t)(points[i] / top * 7.0)]);
	if (n > 0)
		picture_put(p, line, column + width - (unsigned)n, STYLE_GREEN | STYLE_DIM, b.data);
	buf_free(&b);
}

static unsigned cell_style(const struct cell *c, enum tone row)
{
	if (c->kind == CELL_STATE)
		return tone_style(state_tone(c->text));
	if (c->kind == CELL_TEXT)
		return row == TONE_BAD ? STYLE_BOLD : 0;
	/* What is there stands out from what is not. */
	return c->kind == CELL_NUMBER || c->kind == CELL_PLUGIN || c->number > 0 ? 0 : STYLE_DIM;
}

static enum tone row_tone(const struct row *r)
{
	return state_tone(r->handler != NULL     ? r->handler->state
			  : r->partition != NULL ? r->partition->state
						 : r->sub->state);
}

static void draw_row(const struct sheet *s, struct picture *p, unsigned line, size_t k)
{
	const struct row *r = &s->listing->rows[k];
	enum tone tone = row_tone(r);
	unsigned at = GUTTER;

	picture_printf(p, line, 0, tone_style(tone), "%c", tone_mark(tone));
	for (unsigned i = 0; i < s->n; i++) {
		struct cell c = row_cell(r, s->columns[i].fact);
		struct buf b = { NULL, 0, 0 };
		unsigned pad, used;

		if (s->width[i] == 0)
			continue;
		if (c.kind == CELL_TREND) {
			draw_trend(c.gain, p, line, at, s->width[i]);
		} else {
			used = (unsigned)columns_put_name(&b, s->texts[k * s->n + i], s->width[i]);
			pad = title_of(s, i)->right ? s->width[i] - used : 0;
			picture_put(p, line, at + pad, cell_style(&c, tone), b.data);
		}
		at += s->width[i] + s->gap;
		buf_free(&b);
	}
}

void sheet_draw(const struct sheet *s, struct picture *p, unsigned line, unsigned lines, size_t first)
{
	if (lines == 0)
		return;
	draw_titles(s, p, line);
	for (unsigned i = 1; i < lines && first + i - 1 < s->listing->n; i++)
		draw_row(s, p, line + i, first + i - 1);
}
