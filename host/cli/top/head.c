#include "cli/top/head.h"

#include "adapters/terminal.h"
#include "cli/columns.h"
#include "cli/top/sheet.h"

#include <math.h>
#include <time.h>

#define SHOWN_MAX 200
#define NARROW 24

/* Items one behind the other; what does not fit goes to the next line, or is left out where there is none. */
struct flow {
	struct picture *p;
	unsigned line, end, column, room;
};

static void put(struct flow *f, unsigned style, const char *value, const char *label)
{
	unsigned w = (unsigned)(columns_of(value) + columns_of(label)), gap = f->column == 0 ? 0 : 2;

	if (f->column > 0 && f->column + gap + w > f->room) {
		f->line++;
		f->column = gap = 0;
		f->room = f->p->width;
	}
	if (f->line >= f->end)
		return;
	f->column += gap;
	f->column += picture_put(f->p, f->line, f->column, style, value);
	f->column += picture_put(f->p, f->line, f->column, 0, label);
}

/* A value of a kind, bold if it is not nothing. */
static void put_value(struct flow *f, enum cell_kind kind, double n, const char *before, const char *after)
{
	struct buf text = { NULL, 0, 0 };
	struct cell c = { .kind = kind, .number = n };

	buf_text(&text, before);
	cell_text(&c, true, &text);
	put(f, n > 0 ? STYLE_BOLD : 0, text.data, after);
	buf_free(&text);
}

static void put_clock(char *text, size_t size, double ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, size, "%H:%M:%S UTC", &tm);
}

static void put_span(struct buf *out, double seconds)
{
	struct cell c = { .kind = CELL_SPAN, .number = seconds < 0 ? 0 : seconds };

	/* Whole seconds from one on: nobody reads the tenths of an hour. */
	if (seconds >= 1 && seconds < 120)
		buf_printf(out, "%.0f s", seconds);
	else
		cell_text(&c, true, out);
}

/* ---- The first line */

static void put_state(struct flow *f, const char *word)
{
	enum tone tone = state_tone(word);
	struct buf text = { NULL, 0, 0 };

	if (tone_mark(tone) != ' ')
		buf_printf(&text, "%c ", tone_mark(tone));
	buf_shown(&text, bytes_of_text(word), SHOWN_MAX);
	put(f, tone_style(tone) | STYLE_BOLD, text.data, "");
	buf_free(&text);
}

static unsigned draw_first(const struct scene *scene, const struct top_state *state, struct picture *p)
{
	const struct snapshot *s = rates_now(scene->rates);
	struct buf text = { NULL, 0, 0 };
	struct flow f = { p, 0, p->height > 12 || p->width > 100 ? 2 : 1, 0, p->width };
	const char *word = scene->why != NULL ? "silent" : s->state;
	char clock[40];
	unsigned w;

	put_clock(clock, sizeof(clock), s->time);
	w = (unsigned)strlen(clock);
	/* Plain text has room without end: there the clock is one more item. */
	if (p->width < 500 && columns_of(s->node) + 22 + w < p->width) {
		picture_put(p, 0, p->width - w, state->paused ? STYLE_REVERSE : 0, clock);
		f.room = p->width - w - 2;
	} else {
		w = 0;
	}
	/* Where there is hardly any room the state is what counts. */
	if (p->width < NARROW)
		put_state(&f, word);
	buf_shown(&text, bytes_of_text(s->node), SHOWN_MAX);
	put(&f, STYLE_BOLD, text.data, "");
	buf_clear(&text);
	if (p->width >= NARROW)
		put_state(&f, word);
	buf_shown(&text, bytes_of_text(s->version), SHOWN_MAX);
	put(&f, 0, "semel ", text.data);
	buf_clear(&text);
	if (s->started > 0) {
		put_span(&text, (s->time - s->started) / 1000);
		put(&f, 0, "up ", text.data);
	}
	put_value(&f, CELL_COUNT, s->restarts, "", s->restarts == 1 ? " engine restart" : " engine restarts");
	if (w == 0)
		put(&f, 0, clock, "");
	buf_free(&text);
	return f.line < f.end ? f.line + 1 : f.end;
}

/* ---- How much flows */

static unsigned draw_totals(const struct scene *scene, struct picture *p, unsigned line, unsigned lines)
{
	const struct snapshot *s = rates_now(scene->rates);
	struct gain g = rates_total(scene->rates);
	const struct snap_sub *oldest = NULL;
	double dead = NOT_KNOWN, lag = NOT_KNOWN, in_flight = 0, waiting = 0;
	struct flow f = { p, line, line + lines, 0, p->width };
	struct buf text = { NULL, 0, 0 };

	for (size_t i = 0; i < s->n_subs; i++) {
		const struct snap_sub *sub = &s->subs[i];

		if (sub->dead >= 0)
			dead = (dead < 0 ? 0 : dead) + sub->dead;
		if (sub->lag >= 0)
			lag = (lag < 0 ? 0 : lag) + sub->lag;
		in_flight += sub->in_flight > 0 ? sub->in_flight : 0;
		waiting += sub->waiting > 0 ? sub->waiting : 0;
		if (sub->oldest_seconds >= 0 &&
		    (oldest == NULL || sub->oldest_seconds > oldest->oldest_seconds))
			oldest = sub;
	}
	put_value(&f, CELL_COUNT, lag, "lag ", "");
	if (isinf(g.catch_up))
		put(&f, STYLE_BOLD, "not catching up", "");
	else if (g.catch_up > 0)
		put_value(&f, CELL_CATCH_UP, g.catch_up, "caught up in ", "");
	put_value(&f, CELL_RATE, g.consumed, "", " consumed/s");
	put_value(&f, CELL_RATE, g.handled, "", " handled/s");
	put_value(&f, CELL_RATE, g.failed, "", " failed/s");
	put_value(&f, CELL_COUNT, dead, "", dead == 1 ? " dead letter" : " dead letters");
	put_value(&f, CELL_COUNT, in_flight, "", " in flight");
	if (waiting > 0)
		put_value(&f, CELL_COUNT, waiting, "", " waiting for a retry");
	if (oldest != NULL) {
		buf_text(&text, ": ");
		buf_shown(&text, bytes_of_text(oldest->name), SHOWN_MAX);
		buf_char(&text, ' ');
		buf_shown(&text, bytes_of_text(oldest->oldest_id), 48);
		buf_char(&text, ' ');
		buf_shown(&text, bytes_of_text(oldest->oldest_doing), SHOWN_MAX);
		put_value(&f, CELL_SPAN, oldest->oldest_seconds, "oldest event ", text.data);
		buf_free(&text);
	}
	return lines == 0 ? line : f.line < f.end ? f.line + 1 : f.end;
}

/* ---- What stands above all: nobody answers */

static unsigned draw_notice(struct picture *p, unsigned line, unsigned style, const char *text, unsigned most)
{
	for (; *text != '\0' && most > 0; most--) {
		struct buf b = { NULL, 0, 0 };
		size_t n = columns_line(text, p->width);

		if (most == 1)
			n = strlen(text);
		buf_add(&b, text, n);
		picture_fill(p, line, style);
		picture_put(p, line++, 0, style, b.data);
		buf_free(&b);
		text += n;
	}
	return line;
}

static unsigned draw_silence(
    const struct scene *scene, const struct top_state *state, struct picture *p, unsigned line)
{
	const struct snapshot *s = rates_now(scene->rates);
	struct buf text = { NULL, 0, 0 };
	char clock[40];

	buf_text(&text, "! No answer for ");
	put_span(&text, scene->silent_seconds < 1 ? 1 : scene->silent_seconds);
	buf_text(&text, ": ");
	buf_shown(&text, bytes_of_text(scene->why), 300);
	if (s != NULL) {
		put_clock(clock, sizeof(clock), s->time);
		buf_printf(&text, "  What stands below is of %s.", clock);
	}
	if (state->paused)
		buf_text(&text, "  Paused: not asking.");
	else
		buf_printf(&text, "  Asking again every %g s.", (double)state->interval_ms / 1000);
	line = draw_notice(p, line, STYLE_REVERSE | STYLE_BOLD, text.data, p->height < 10 ? 1 : 4);
	buf_free(&text);
	return line;
}

unsigned head_draw(
    const struct scene *scene, const struct top_state *state, struct picture *p, unsigned totals)
{
	const struct snapshot *s = rates_now(scene->rates);
	struct buf text = { NULL, 0, 0 };
	unsigned line = 0;

	if (s == NULL && scene->why == NULL) {
		buf_shown(&text, bytes_of_text(scene->where), 300);
		picture_printf(p, 0, 0, 0, "asking %s", text.data);
		buf_free(&text);
		return 1;
	}
	if (s == NULL)
		return draw_silence(scene, state, p, 0);
	line = draw_first(scene, state, p);
	if (scene->why != NULL)
		line = draw_silence(scene, state, p, line);
	else if (s->started <= 0)
		line = draw_notice(p, line, STYLE_REVERSE,
		    s->next_start_ms > 0 ? "~ No engine runs: its manager answers, and starts the next one."
					 : "~ The engine is starting: its manager answers meanwhile.",
		    2);
	p->dimmed = scene->why != NULL ? STYLE_DIM : 0;
	line = draw_totals(scene, p, line, totals);
	p->dimmed = 0;
	return line;
}

void head_tiny(const struct scene *scene, struct picture *p)
{
	const struct snapshot *s = rates_now(scene->rates);
	const char *word = s == NULL || scene->why != NULL ? "silent" : s->state;

	picture_printf(p, 0, 0, tone_style(state_tone(word)), "%c %s", tone_mark(state_tone(word)), word);
}
