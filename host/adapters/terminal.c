#include "adapters/terminal.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

/* How long an ESC may stand alone, in milliseconds: on a slow line the bytes of an arrow key come apart. */
#define ESCAPE_MS 100

struct terminal {
	SCREEN *screen;
	int signals;
	sigset_t blocked_before;
	int ended_by; /* a signal; 0: none */
	unsigned width, height; /* not columns and lines: term.h has macros of these names */
};

/* ---- A crash */

/* What a handler of signals may use: made beforehand. */
static struct {
	volatile sig_atomic_t on;
	struct termios before;
	char leave[256];
	size_t len;
} crash;

static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
#define N_CRASHES (sizeof(crashes) / sizeof(crashes[0]))
static struct sigaction crashes_before[N_CRASHES];

static void put_back(int number)
{
	if (crash.on) {
		crash.on = 0;
		(void)!write(STDOUT_FILENO, crash.leave, crash.len);
		tcsetattr(STDIN_FILENO, TCSANOW, &crash.before);
	}
	/* SA_RESETHAND: the second time it is deadly. */
	raise(number);
}

static void add_capability(const char *name)
{
	const char *text = tigetstr(name);
	size_t room = sizeof(crash.leave) - crash.len, n;

	if (text == NULL || text == (char *)-1)
		return;
	n = strlen(text);
	if (n <= room) {
		memcpy(crash.leave + crash.len, text, n);
		crash.len += n;
	}
}

static void watch_crashes(void)
{
	static char stack[16384];
	struct sigaction action = { .sa_handler = put_back,
		.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK) };
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };

	crash.len = 0;
	add_capability("sgr0");
	add_capability("rmkx");
	add_capability("rmcup");
	add_capability("cnorm");
	sigaltstack(&alternate, NULL);
	crash.on = 1;
	for (size_t i = 0; i < N_CRASHES; i++)
		sigaction(crashes[i], &action, &crashes_before[i]);
}

static void forget_crashes(void)
{
	crash.on = 0;
	for (size_t i = 0; i < N_CRASHES; i++)
		sigaction(crashes[i], &crashes_before[i], NULL);
}

/* ---- Open and close */

static void take_size(struct terminal *t)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0)
		resizeterm(w.ws_row, w.ws_col);
	t->height = (unsigned)(LINES > 0 ? LINES : 1);
	t->width = (unsigned)(COLS > 0 ? COLS : 1);
}

static void take_signals(struct terminal *t)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, &t->blocked_before);
	t->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void set_colours(bool colours)
{
	static const short of[] = { COLOR_GREEN, COLOR_YELLOW, COLOR_CYAN, COLOR_RED };

	if (!colours || !has_colors())
		return;
	start_color();
	use_default_colors();
	for (short i = 0; i < 4; i++)
		init_pair((short)(i + 1), of[i], -1);
}

/* newterm is asked last: it writes. */
static int look(char *why, size_t size)
{
	const char *name = getenv("TERM");
	bool lines_only;
	int error = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		snprintf(why, size, "%s is no terminal", isatty(STDIN_FILENO) ? "stdout" : "stdin");
		return -ENOTTY;
	}
	if (name == NULL || name[0] == '\0') {
		snprintf(why, size, "TERM is not set");
		return -ENOTSUP;
	}
	if (setupterm(name, STDOUT_FILENO, &error) != OK) {
		snprintf(why, size, "the terminal's kind, TERM=%.40s, is not known here", name);
		return -ENOTSUP;
	}
	lines_only = tigetstr("cup") == NULL;
	del_curterm(cur_term);
	if (lines_only) {
		snprintf(why, size, "a terminal of the kind TERM=%.40s has lines only", name);
		return -ENOTSUP;
	}
	return 0;
}

int terminal_open(bool colours, struct terminal **ret_terminal, char *why, size_t size)
{
	struct terminal *t;
	int r = look(why, size);

	if (r < 0)
		return r;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		abort();
	tcgetattr(STDIN_FILENO, &crash.before);
	take_signals(t);
	t->screen = newterm(NULL, stdout, stdin);
	if (t->screen == NULL) {
		snprintf(why, size, "the terminal cannot show a picture");
		sigprocmask(SIG_SETMASK, &t->blocked_before, NULL);
		close(t->signals);
		free(t);
		return -ENOTSUP;
	}
	watch_crashes();
	set_colours(colours);
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	set_escdelay(ESCAPE_MS);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	typeahead(-1);
	take_size(t);
	*ret_terminal = t;
	return 0;
}

void terminal_close(struct terminal *t)
{
	int number;

	if (t == NULL)
		return;
	number = t->ended_by;
	endwin();
	forget_crashes();
	delscreen(t->screen);
	close(t->signals);
	sigprocmask(SIG_SETMASK, &t->blocked_before, NULL);
	free(t);
	if (number != 0) {
		fflush(stdout);
		/* ncurses left a handler of its own. */
		signal(number, SIG_DFL);
		raise(number);
	}
}

void terminal_size(const struct terminal *t, unsigned *ret_columns, unsigned *ret_lines)
{
	*ret_columns = t->width;
	*ret_lines = t->height;
}

void terminal_fds(const struct terminal *t, int ret_fds[2])
{
	ret_fds[0] = STDIN_FILENO;
	ret_fds[1] = t->signals;
}

/* ---- Signals */

/* All of it is sent again: what is there meanwhile is not known. */
static void begin_anew(struct terminal *t)
{
	endwin();
	take_size(t);
	refresh();
	clearok(curscr, TRUE);
}

/* Stopped as the shell expects it, with the terminal as it was. */
static void stop(struct terminal *t)
{
	sigset_t set, old;

	endwin();
	signal(SIGTSTP, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, &old);
	/* Here it stands still, until SIGCONT. */
	sigprocmask(SIG_SETMASK, &old, NULL);
	begin_anew(t);
}

/* TERMINAL_NONE: no signal is there. */
static int next_signal(struct terminal *t)
{
	struct signalfd_siginfo info;

	if (read(t->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return TERMINAL_NONE;
	switch (info.ssi_signo) {
	case SIGWINCH: take_size(t); return TERMINAL_RESIZED;
	case SIGTSTP: stop(t); return TERMINAL_RESIZED;
	case SIGCONT: begin_anew(t); return TERMINAL_RESIZED;
	default: t->ended_by = (int)info.ssi_signo; return TERMINAL_ENDED;
	}
}

/* ---- Keys */

static int special(wint_t code)
{
	switch (code) {
	case KEY_UP: return TERMINAL_UP;
	case KEY_DOWN: return TERMINAL_DOWN;
	case KEY_LEFT: return TERMINAL_LEFT;
	case KEY_RIGHT: return TERMINAL_RIGHT;
	case KEY_PPAGE: return TERMINAL_PAGE_UP;
	case KEY_NPAGE: return TERMINAL_PAGE_DOWN;
	case KEY_HOME: return TERMINAL_HOME;
	case KEY_END: return TERMINAL_END;
	case KEY_BACKSPACE:
	case KEY_DC: return TERMINAL_BACKSPACE;
	case KEY_ENTER: return TERMINAL_ENTER;
	case KEY_BTAB: return TERMINAL_BACK_TAB;
	case KEY_RESIZE: return TERMINAL_RESIZED;
	default: return TERMINAL_OTHER;
	}
}

int terminal_key(struct terminal *t)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
	int key = next_signal(t);
	wint_t c;

	if (key != TERMINAL_NONE)
		return key;
	switch (get_wch(&c)) {
	case OK: return c == '\r' ? TERMINAL_ENTER : c == 8 || c == 127 ? TERMINAL_BACKSPACE : (int)c;
	case KEY_CODE_YES: return special(c);
	default: break;
	}
	/* Nobody is there any more; without this it would be readable for ever. */
	return poll(&in, 1, 0) > 0 && (in.revents & (POLLHUP | POLLERR | POLLNVAL)) ? TERMINAL_ENDED
										    : TERMINAL_NONE;
}

/* ---- The picture */

void terminal_erase(struct terminal *t)
{
	(void)t;
	erase();
}

static attr_t attributes(unsigned style)
{
	static const unsigned colours[] = { STYLE_GREEN, STYLE_YELLOW, STYLE_CYAN, STYLE_RED };
	attr_t a = (style & STYLE_BOLD ? A_BOLD : 0) | (style & STYLE_DIM ? A_DIM : 0) |
		   (style & STYLE_REVERSE ? A_REVERSE : 0) | (style & STYLE_UNDERLINE ? A_UNDERLINE : 0);

	for (int i = 0; i < 4; i++)
		if (style & colours[i] && COLOR_PAIRS > 4)
			a |= (attr_t)COLOR_PAIR(i + 1);
	return a;
}

void terminal_put(struct terminal *t, unsigned line, unsigned column, unsigned style, const char *text)
{
	if (line >= t->height || column >= t->width)
		return;
	attrset(attributes(style));
	/* In the last corner it says ERR, because the cursor has nowhere to go; the character is there. */
	(void)mvaddstr((int)line, (int)column, text);
	attrset(A_NORMAL);
}

void terminal_flush(struct terminal *t)
{
	(void)t;
	refresh();
}
