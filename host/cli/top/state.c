#include "cli/top/state.h"

#include "adapters/terminal.h"

#include <errno.h>

#define LEAST_MS 250
#define MOST_MS 3600000

const char *const top_tabs[N_TABS] = { "subscriptions", "partitions", "handlers", "trouble" };

static const struct top_column of_sub[] = { { SUB_NAME, 0 }, { SUB_STATE, 1 }, { SUB_LAG, 2 },
	{ SUB_CATCH_UP, 5 }, { SUB_CONSUMED, 4 }, { SUB_HANDLED_RATE, 6 }, { SUB_FAILED, 7 }, { SUB_DEAD, 8 },
	{ SUB_OLDEST, 3 }, { SUB_IN_FLIGHT, 9 }, { SUB_WAITING, 10 }, { SUB_DUPLICATES, 12 },
	{ SUB_LEDGER, 11 }, { SUB_TREND, 13 } };
static const struct top_column of_partition[] = { { PART_SUB, 5 }, { PART_TOPIC, 0 }, { PART_PARTITION, 1 },
	{ PART_STATE, 3 }, { PART_LAG, 2 }, { PART_CATCH_UP, 6 }, { PART_DONE, 7 }, { PART_OLDEST, 4 },
	{ PART_OLDEST_AT, 8 }, { PART_COMMITTED, 9 }, { PART_NEXT, 10 } };
static const struct top_column of_handler[] = { { HANDLER_NAME, 0 }, { HANDLER_STATE, 1 },
	{ HANDLER_BUSY, 2 }, { HANDLER_STUCK, 3 }, { HANDLER_RATE, 4 }, { HANDLER_TAKES, 5 },
	{ HANDLER_RUNS, 6 }, { HANDLER_PLUGIN, 7 } };

const struct top_column *top_columns(enum view v, unsigned *ret_n)
{
	static const struct {
		const struct top_column *columns;
		unsigned n;
	} views[N_VIEWS] = { { of_sub, sizeof(of_sub) / sizeof(of_sub[0]) },
		{ of_partition, sizeof(of_partition) / sizeof(of_partition[0]) },
		{ of_handler, sizeof(of_handler) / sizeof(of_handler[0]) } };

	*ret_n = views[v].n;
	return views[v].columns;
}

struct top_state top_state_new(void)
{
	return (struct top_state){
		.sort = { SUB_STATE, PART_LAG, HANDLER_STATE }, .interval_ms = 2000, .shown = ~0U
	};
}

/* ---- Options */

static bool can_sort(enum fact f)
{
	return fact_title(f)->word[0] != '\0';
}

/* Views have columns of the same name; each that has this one is sorted by it. */
int top_sort_by(struct top_state *s, const char *word, struct buf *ret_known)
{
	int r = -EINVAL;

	for (unsigned v = 0; v < N_VIEWS; v++) {
		unsigned n;
		const struct top_column *c = top_columns(v, &n);

		for (unsigned i = 0; i < n; i++) {
			const char *name = fact_title(c[i].fact)->word;

			if (can_sort(c[i].fact) && strcmp(name, word) == 0) {
				s->sort[v] = c[i].fact;
				r = 0;
			}
			if (can_sort(c[i].fact))
				buf_printf(ret_known, "%s%s", ret_known->len > 0 ? " " : "", name);
		}
	}
	return r;
}

int top_show(struct top_state *s, const char *word, struct buf *ret_known)
{
	for (unsigned i = 0; i < N_TABS; i++) {
		if (strcmp(top_tabs[i], word) == 0) {
			s->tab = i;
			return 0;
		}
		buf_printf(ret_known, "%s%s", i > 0 ? " " : "", top_tabs[i]);
	}
	return -EINVAL;
}

int top_interval(struct top_state *s, int64_t ms)
{
	if (ms < LEAST_MS || ms > MOST_MS)
		return -EINVAL;
	s->interval_ms = ms;
	return 0;
}

/* ---- Keys */

static enum top_act show(struct top_state *s, unsigned tab)
{
	s->tab = tab;
	s->scroll = 0;
	return TOP_DRAW;
}

/* The next column that is there to be seen, or the one before. */
static enum top_act sort_next(struct top_state *s, int by)
{
	const struct top_column *c;
	unsigned n, at = 0;

	if (s->tab >= N_VIEWS)
		return TOP_NOTHING;
	c = top_columns(s->tab, &n);
	while (at < n && c[at].fact != s->sort[s->tab])
		at++;
	for (unsigned i = 0; i < n; i++) {
		at = (at + n + (unsigned)by) % n;
		if (can_sort(c[at].fact) && (s->shown >> at & 1)) {
			s->sort[s->tab] = c[at].fact;
			s->reverse[s->tab] = false;
			break;
		}
	}
	return TOP_DRAW;
}

static enum top_act scroll(struct top_state *s, long by)
{
	if (by < 0 && s->scroll < (size_t)-by)
		s->scroll = 0;
	else
		s->scroll = (size_t)((long)s->scroll + by);
	return TOP_DRAW;
}

static enum top_act change_interval(struct top_state *s, bool longer)
{
	static const int64_t steps[] = { LEAST_MS, 500, 1000, 2000, 5000, 10000, 30000, 60000, 600000,
		MOST_MS };
	size_t n = sizeof(steps) / sizeof(steps[0]);

	if (longer) {
		for (size_t i = 0; i < n; i++)
			if (steps[i] > s->interval_ms)
				return s->interval_ms = steps[i], TOP_DRAW;
	} else {
		for (size_t i = n; i-- > 0;)
			if (steps[i] < s->interval_ms)
				return s->interval_ms = steps[i], TOP_DRAW;
	}
	return TOP_NOTHING;
}

static enum top_act edit(struct top_state *s, int key)
{
	size_t n = strlen(s->filter);

	if (key == TERMINAL_ENTER || key == TERMINAL_ESCAPE) {
		s->editing = false;
		if (key == TERMINAL_ESCAPE)
			s->filter[0] = '\0';
	} else if (key == TERMINAL_BACKSPACE || key == ('u' & 0x1f)) {
		do {
			while (n > 0 && ((unsigned char)s->filter[--n] & 0xc0) == 0x80)
				;
			s->filter[n] = '\0';
		} while (n > 0 && key != TERMINAL_BACKSPACE);
	} else if (key >= ' ' && key < 0x80 && n < TOP_FILTER_MAX) {
		/* Names are of ASCII alone. */
		s->filter[n] = (char)key;
		s->filter[n + 1] = '\0';
	} else {
		return TOP_NOTHING;
	}
	s->scroll = 0;
	return TOP_DRAW;
}

static enum top_act pause_or_not(struct top_state *s)
{
	s->paused = !s->paused;
	return s->paused ? TOP_DRAW : TOP_ASK;
}

enum top_act top_key(struct top_state *s, int key)
{
	if (s->editing)
		return edit(s, key);
	if (s->help && key != 'q') {
		s->help = false;
		return TOP_DRAW;
	}
	switch (key) {
	case 'q': return TOP_QUIT;
	case 'h':
	case '?': s->help = true; return TOP_DRAW;
	case '1':
	case '2':
	case '3':
	case '4': return show(s, (unsigned)(key - '1'));
	case TERMINAL_TAB: return show(s, (s->tab + 1) % N_TABS);
	case TERMINAL_BACK_TAB: return show(s, (s->tab + N_TABS - 1) % N_TABS);
	case 's':
	case '>':
	case TERMINAL_RIGHT: return sort_next(s, 1);
	case '<':
	case TERMINAL_LEFT: return sort_next(s, -1);
	case 'r':
		if (s->tab < N_VIEWS)
			s->reverse[s->tab] = !s->reverse[s->tab];
		return TOP_DRAW;
	case '/': s->editing = true; return TOP_DRAW;
	case TERMINAL_ESCAPE: s->filter[0] = '\0'; return TOP_DRAW;
	case 'p':
	case ' ': return pause_or_not(s);
	case '+': return change_interval(s, true);
	case '-': return change_interval(s, false);
	case TERMINAL_UP:
	case 'k': return scroll(s, -1);
	case TERMINAL_DOWN:
	case 'j': return scroll(s, 1);
	case TERMINAL_PAGE_UP: return scroll(s, -10);
	case TERMINAL_PAGE_DOWN: return scroll(s, 10);
	case TERMINAL_HOME: return scroll(s, -1000000);
	case TERMINAL_END: return scroll(s, 1000000);
	case TERMINAL_RESIZED: return TOP_DRAW;
	case TERMINAL_ENDED: return TOP_QUIT;
	default: return TOP_NOTHING;
	}
}
