/* terminal.h - a full-screen picture on a terminal, and the keys that are typed at it.
 *
 * Between open and close the terminal shows its other screen and hands over
 * each key at once.  Whatever ends the program puts it back: close, a signal
 * (SIGINT, SIGTERM, SIGHUP and SIGQUIT come as TERMINAL_ENDED), Ctrl-Z until
 * the program goes on, and a crash.
 *
 * Owns:    the terminal, and those signals, SIGTSTP, SIGCONT and SIGWINCH.
 * Threads: main only; one at a time.
 * Uses:    ncurses, signalfd.
 */
#ifndef ADAPTERS_TERMINAL_H
#define ADAPTERS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* How text looks.  Of the colours one at most; without colours they look plain. */
enum {
	STYLE_BOLD = 1, STYLE_DIM = 2, STYLE_REVERSE = 4, STYLE_UNDERLINE = 8,
	STYLE_GREEN = 16, STYLE_YELLOW = 32, STYLE_CYAN = 64, STYLE_RED = 128
};

/* Keys that are no character; a character is its number in Unicode. */
enum {
	TERMINAL_NONE = 0, TERMINAL_TAB = '\t', TERMINAL_ENTER = '\n', TERMINAL_ESCAPE = 27,
	TERMINAL_UP = 0x110000, TERMINAL_DOWN, TERMINAL_LEFT, TERMINAL_RIGHT, TERMINAL_PAGE_UP, TERMINAL_PAGE_DOWN,
	TERMINAL_HOME, TERMINAL_END, TERMINAL_BACKSPACE, TERMINAL_BACK_TAB, TERMINAL_OTHER,
	TERMINAL_RESIZED,		/* draw all of it anew */
	TERMINAL_ENDED			/* close it, and end */
};

struct terminal;

/* 0, or -ENOTTY, -ENOTSUP (a kind of terminal that cannot show a picture) with `why`. */
int terminal_open(bool colours, struct terminal **ret_terminal, char *why, size_t size);
/* NULL is allowed.  Ends the program with the signal that came, if one did. */
void terminal_close(struct terminal *t);

void terminal_size(const struct terminal *t, unsigned *ret_columns, unsigned *ret_lines);
/* There is something for terminal_key when one of them is readable. */
void terminal_fds(const struct terminal *t, int ret_fds[2]);
/* Never waits; to be called until it says TERMINAL_NONE. */
int terminal_key(struct terminal *t);

/* A picture: erase, put, flush. */
void terminal_erase(struct terminal *t);
void terminal_put(struct terminal *t, unsigned line, unsigned column, unsigned style, const char *text);
void terminal_flush(struct terminal *t);

#endif
