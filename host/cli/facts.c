#include "cli/facts.h"

#include <math.h>
#include <stdlib.h>

#define CELL_BYTES_MAX 64

const struct fact_title *fact_title(enum fact f)
{
#define LEFT(kind)                                                                                           \
	((kind) == CELL_TEXT || (kind) == CELL_STATE || (kind) == CELL_PLUGIN || (kind) == CELL_TREND)
#define X(fact, kind, word, title, brief) { CELL_##kind, word, title, brief, !LEFT(CELL_##kind) },
	static const struct fact_title titles[] = { FACTS(X) };
#undef X

	return &titles[f];
}

/* ---- States */

enum tone state_tone(const char *state)
{
	static const struct {
		const char *state;
		enum tone tone;
	} tones[] = { { "running", TONE_GOOD }, { "ok", TONE_GOOD }, { "ready", TONE_GOOD },
		{ "starting", TONE_WAIT }, { "waiting-ledger", TONE_WAIT }, { "waiting-broker", TONE_WAIT },
		{ "unreachable", TONE_WAIT }, { "paused", TONE_HOLD }, { "draining", TONE_HOLD },
		{ "stopped", TONE_HOLD } };

	for (size_t i = 0; i < sizeof(tones) / sizeof(tones[0]); i++)
		if (strcmp(tones[i].state, state) == 0)
			return tones[i].tone;
	return TONE_BAD;
}

/* ---- Cells */

static double gained(const struct gain *g, double value)
{
	return g == NULL ? NOT_KNOWN : value;
}

static struct cell text_cell(const char *text)
{
	return (struct cell){ .text = text };
}

static struct cell number_cell(double n)
{
	return (struct cell){ .number = n };
}

/* A default that no subscription has. */
static const struct gain nothing = { -1, -1, -1, -1, -1, -1, -1, -1, -1, NULL, 0 };

static struct cell sub_cell(const struct row *r, const struct gain *g, enum fact f)
{
	const struct snap_sub *s = r->sub;

	switch (f) {
	case SUB_NAME: return text_cell(s->name);
	case SUB_STATE: return text_cell(s->state);
	case SUB_IN_FLIGHT: return number_cell(s->in_flight);
	case SUB_WAITING: return number_cell(s->waiting);
	case SUB_OLDEST: return number_cell(s->oldest_seconds);
	case SUB_LAG: return number_cell(s->lag);
	case SUB_CATCH_UP: return number_cell(g->catch_up);
	case SUB_CONSUMED: return number_cell(g->consumed);
	case SUB_HANDLED_RATE: return number_cell(g->handled);
	case SUB_FAILED: return number_cell(g->failed);
	case SUB_HANDLED: return number_cell(s->handled);
	case SUB_DUPLICATES: return number_cell(s->duplicates);
	case SUB_DEAD: return number_cell(s->dead);
	case SUB_LEDGER: return text_cell(s->ledger);
	case SUB_IDS: return number_cell(s->ids);
	case SUB_REDIS: return number_cell(s->ledger_bytes);
	default: return (struct cell){ .number = g->consumed, .gain = g };
	}
}

static struct cell partition_cell(const struct row *r, const struct gain *g, enum fact f)
{
	const struct snap_partition *p = r->partition;

	switch (f) {
	case PART_SUB: return text_cell(r->sub->name);
	case PART_TOPIC: return text_cell(p->topic);
	case PART_PARTITION:
		return (struct cell){ .number = strtod(p->partition, NULL), .text = p->partition };
	case PART_STATE: return text_cell(p->state);
	case PART_NEXT: return number_cell(p->position);
	case PART_COMMITTED: return number_cell(p->committed);
	case PART_DONE: return number_cell(g->done);
	case PART_LAG: return number_cell(p->lag);
	case PART_CATCH_UP: return number_cell(g->catch_up);
	case PART_OLDEST: return number_cell(p->oldest_seconds);
	default: return number_cell(p->oldest_offset);
	}
}

static struct cell handler_cell(const struct row *r, const struct gain *g, enum fact f)
{
	const struct snap_handler *h = r->handler;

	switch (f) {
	case HANDLER_NAME: return text_cell(h->name);
	case HANDLER_STATE: return text_cell(h->state);
	case HANDLER_PLUGIN: return (struct cell){ .text = h->plugin, .text2 = h->version };
	case HANDLER_BUSY: return (struct cell){ .number = h->busy, .of = h->workers };
	case HANDLER_STUCK: return number_cell(h->stuck);
	case HANDLER_RATE: return number_cell(g->runs);
	case HANDLER_RUNS: return number_cell(h->runs);
	default:
		/* Of the last seconds where those are known; else since the engine started. */
		return number_cell(r->gain != NULL ? gained(g, g->run_seconds)
				   : h->runs > 0   ? h->run_seconds / h->runs
						   : NOT_KNOWN);
	}
}

struct cell row_cell(const struct row *r, enum fact f)
{
	const struct gain *g = r->gain == NULL ? &nothing : r->gain;
	struct cell c = r->handler != NULL     ? handler_cell(r, g, f)
			: r->partition != NULL ? partition_cell(r, g, f)
					       : sub_cell(r, g, f);

	c.kind = fact_title(f)->kind;
	return c;
}

static bool is_text(const struct cell *c)
{
	return c->kind == CELL_TEXT || c->kind == CELL_STATE || c->kind == CELL_PLUGIN;
}

bool cell_known(const struct cell *c)
{
	return is_text(c) || c->number >= 0;
}

/* ---- How they are written */

static void put_span(struct buf *out, double s)
{
	if (s < 1)
		buf_printf(out, "%.0f ms", s * 1000);
	else if (s < 120)
		buf_printf(out, "%.1f s", s);
	else if (s < 7200)
		buf_printf(out, "%.0f min", s / 60);
	else
		buf_printf(out, "%.0f h", s / 3600);
}

static void put_bytes(struct buf *out, double n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	for (; n >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		n /= 1024;
	buf_printf(out, i == 0 || n >= 10 ? "%.0f %s" : "%.1f %s", n, units[i]);
}

static void put_count(struct buf *out, double n, bool grouped)
{
	char digits[64];
	size_t len;

	snprintf(digits, sizeof(digits), "%.0f", n);
	len = strlen(digits);
	for (size_t i = 0; i < len; i++) {
		if (grouped && i > 0 && (len - i) % 3 == 0)
			buf_char(out, ',');
		buf_char(out, digits[i]);
	}
}

static void put_text(struct buf *out, const char *text)
{
	buf_shown(out, bytes_of_text(text), CELL_BYTES_MAX);
}

static void put_plugin(struct buf *out, const struct cell *c)
{
	char text[100];

	snprintf(text, sizeof(text), "%.60s", c->text);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), " %.30s", c->text2);
	put_text(out, text);
}

void cell_text(const struct cell *c, bool grouped, struct buf *out)
{
	buf_add(out, "", 0);
	if (!cell_known(c)) {
		buf_char(out, '-');
		return;
	}
	switch (c->kind) {
	case CELL_TEXT:
	case CELL_STATE: put_text(out, c->text); break;
	case CELL_PLUGIN: put_plugin(out, c); break;
	case CELL_NUMBER: put_text(out, c->text); break;
	case CELL_COUNT: put_count(out, c->number, grouped); break;
	case CELL_PART_OF: buf_printf(out, "%.0f of %.0f", c->number, c->of); break;
	case CELL_RATE:
		if (c->number > 0 && c->number < 9.95)
			buf_printf(out, "%.1f", c->number);
		else
			put_count(out, c->number, grouped);
		break;
	case CELL_SPAN: put_span(out, c->number); break;
	case CELL_CATCH_UP:
		if (isinf(c->number))
			buf_text(out, "never");
		else if (c->number == 0)
			buf_char(out, '-');
		else
			put_span(out, c->number);
		break;
	case CELL_BYTES: put_bytes(out, c->number); break;
	case CELL_TREND: break;
	}
}

/* ---- Which is more */

static double weight(const struct cell *c)
{
	/* What needs a person first, then what waits, then what was held. */
	static const double of_tone[] = { [TONE_GOOD] = 0, [TONE_HOLD] = 1, [TONE_WAIT] = 2, [TONE_BAD] = 3 };

	return c->kind == CELL_STATE ? of_tone[state_tone(c->text)] : c->number;
}

int cell_compare(const struct cell *a, const struct cell *b)
{
	double x, y;

	if (a->kind == CELL_TEXT || a->kind == CELL_PLUGIN)
		return strcmp(a->text, b->text);
	x = weight(a);
	y = weight(b);
	return (x > y) - (x < y);
}
