/* state.h - what of `semel top` its keys change.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    cli/facts; the keys and nothing else of adapters/terminal.
 */
#ifndef CLI_TOP_STATE_H
#define CLI_TOP_STATE_H

#include "cli/facts.h"

#define TOP_FILTER_MAX 60
#define TOP_COLUMNS 16

/* The fourth tab has what is wrong in full. */
enum { TAB_TROUBLES = N_VIEWS, N_TABS };

struct top_state {
	unsigned tab;			/* a view, or TAB_TROUBLES */
	enum fact sort[N_VIEWS];
	bool reverse[N_VIEWS];
	char filter[TOP_FILTER_MAX + 8];	/* UTF-8; "": all */
	bool editing, paused, help;
	size_t scroll;			/* lines; bounded by who draws */
	int64_t interval_ms;
	unsigned width, height;		/* of the screen, told by who draws */
	unsigned head;			/* lines that its head had at that size: it does not shrink again */
	unsigned char widest[N_VIEWS][TOP_COLUMNS];	/* what stood in a column at that size: the same */
	unsigned shown;			/* columns of the view, told by who draws: one bit each, in the order of top_columns */
};

struct top_state top_state_new(void);

/* The columns of a view, in the order in which they stand; *ret_n of them. */
struct top_column {
	enum fact fact;
	unsigned keep;			/* what is narrow keeps those with the least */
};
const struct top_column *top_columns(enum view v, unsigned *ret_n);
extern const char *const top_tabs[N_TABS];

enum top_act { TOP_NOTHING, TOP_DRAW, TOP_ASK, TOP_QUIT };
/* A key: what is to be done.  TOP_ASK: draw, and ask anew at once. */
enum top_act top_key(struct top_state *s, int key);

/* --sort, --view: 0 or -EINVAL; the words that are there in *ret_known. */
int top_sort_by(struct top_state *s, const char *word, struct buf *ret_known);
int top_show(struct top_state *s, const char *word, struct buf *ret_known);
/* 0 or -EINVAL: outside of 250 ms to an hour. */
int top_interval(struct top_state *s, int64_t ms);

#endif
