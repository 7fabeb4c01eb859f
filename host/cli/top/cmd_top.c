/* semel top
 *
 * One loop: it sleeps until a key or a signal comes, the answer of the daemon,
 * or the time to ask again.  Nothing in it waits for the daemon, so the screen
 * follows its keys and its size while the daemon is silent.
 */
#include "adapters/http_client.h"
#include "adapters/terminal.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/options.h"
#include "cli/top/screen.h"
#include "core/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND_MS 500
#define BATCH_MOST 1000000000

struct top {
	char *socket;
	struct http_ask *ask;
	struct rates *rates;
	struct top_state state;
	struct terminal *terminal; /* NULL: lines of plain text */
	struct mono began, answered, next;
	char why[600]; /* why the last question had no answer; "": it had one */
	int result; /* of the last question: a status or -errno */
	unsigned answers;
};

/* ---- Asking */

static struct scene scene_of(const struct top *t, struct mono now)
{
	struct mono since = t->answers > 0 ? t->answered : t->began;

	return (struct scene){ t->rates, t->socket, t->why[0] == '\0' ? NULL : t->why,
		(double)mono_diff_us(now, since) / 1e6, columns_utf8() };
}

static void take_answer(struct top *t)
{
	struct buf body = { NULL, 0, 0 };
	struct snapshot *s;
	char why[400];

	t->why[0] = '\0';
	t->result = http_ask_take(t->ask, &body, t->why, sizeof(t->why));
	if (t->result >= 0 && t->result != 200) {
		snprintf(t->why, sizeof(t->why), "%s: answered with HTTP status %d", t->socket, t->result);
		t->result = -EPROTO;
	} else if (t->result == 200) {
		if (snapshot_parse((struct bytes){ body.data, body.len }, &s, why, sizeof(why)) < 0) {
			snprintf(t->why, sizeof(t->why), "%s: the answer is %s", t->socket, why);
			t->result = -EPROTO;
		} else {
			rates_add(t->rates, s);
			t->answered = mono_now();
			t->answers++;
		}
	}
	buf_free(&body);
}

/* The next question is one interval after the last one began, however long its answer took. */
static void ask(struct top *t, struct mono now)
{
	t->next = mono_add_ms(now, t->state.interval_ms);
	/* A first answer has no rates: the second one comes soon. */
	if (rates_now(t->rates) == NULL && t->state.interval_ms > SECOND_MS)
		t->next = mono_add_ms(now, SECOND_MS);
	http_ask_begin(t->ask, "/status");
	if (!http_ask_busy(t->ask))
		take_answer(t);
}

/* ---- On a terminal */

static void draw(struct top *t, struct mono now)
{
	struct scene scene = scene_of(t, now);
	struct picture p = { 0 };

	terminal_size(t->terminal, &p.width, &p.height);
	screen_draw(&scene, &t->state, &p);
	terminal_erase(t->terminal);
	for (size_t i = 0; i < p.n; i++)
		terminal_put(t->terminal, p.runs[i].line, p.runs[i].column, p.runs[i].style, p.runs[i].text);
	terminal_flush(t->terminal);
	picture_free(&p);
}

/* All keys that are there; the most that one of them asks for. */
static enum top_act take_keys(struct top *t)
{
	enum top_act most = TOP_NOTHING;
	int key;

	while (most != TOP_QUIT && (key = terminal_key(t->terminal)) != TERMINAL_NONE) {
		int64_t interval = t->state.interval_ms;
		enum top_act act = top_key(&t->state, key);

		most = act > most ? act : most;
		/* A shorter one counts from now on. */
		if (t->state.interval_ms < interval)
			t->next = mono_now();
	}
	return most;
}

/* Until q, or a signal. */
static void watch(struct top *t)
{
	int fds[2];

	terminal_fds(t->terminal, fds);
	ask(t, mono_now());
	draw(t, mono_now());
	for (;;) {
		bool busy = http_ask_busy(t->ask), changed = false;
		struct mono now = mono_now();
		int64_t ms = mono_diff_us(t->next, now) / 1000 + 1;
		enum top_act act;

		/* Of a silence the length is shown. */
		if (t->state.paused || busy || (t->why[0] != '\0' && ms > 1000))
			ms = 1000;
		http_ask_wait(t->ask, fds, 2, ms < 0 ? 0 : (int)(ms > 1000 ? 1000 : ms));
		now = mono_now();
		if (busy && !http_ask_busy(t->ask)) {
			take_answer(t);
			changed = true;
		}
		act = take_keys(t);
		if (act == TOP_QUIT)
			return;
		if (act == TOP_ASK || (!t->state.paused && !mono_before(now, t->next))) {
			if (!http_ask_busy(t->ask)) {
				ask(t, now);
				changed |= !http_ask_busy(t->ask);
			} else if (mono_diff_us(now, t->answered) > 3000000) {
				/* Its own limit comes later; who looks on is told now. */
				snprintf(t->why, sizeof(t->why), "%s: it does not answer", t->socket);
				changed = true;
			}
		}
		if (changed || act != TOP_NOTHING || t->why[0] != '\0')
			draw(t, now);
	}
}

static int run_screen(struct top *t)
{
	char why[200];
	int r = terminal_open(getenv("NO_COLOR") == NULL, &t->terminal, why, sizeof(why));

	if (r < 0) {
		fprintf(
		    stderr, "semel top: %s; --once prints one picture as text, --batch N prints N\n", why);
		return EXIT_USAGE;
	}
	watch(t);
	terminal_close(t->terminal);
	return EXIT_YES;
}

/* ---- As lines of text */

static bool question_ended(struct top *t)
{
	while (http_ask_busy(t->ask))
		http_ask_wait(t->ask, NULL, 0, 1000);
	return true;
}

static int run_batch(struct top *t, long pictures, bool all)
{
	for (long n = 0; n <= pictures; n++) {
		struct buf out = { NULL, 0, 0 };
		struct scene scene;

		while (n > 0 && mono_before(mono_now(), t->next))
			http_ask_wait(t->ask, NULL, 0, (int)(mono_diff_us(t->next, mono_now()) / 1000 + 1));
		t->next = mono_add_ms(mono_now(), t->state.interval_ms);
		http_ask_begin(t->ask, "/status");
		if (question_ended(t))
			take_answer(t);
		if (t->why[0] != '\0') {
			fprintf(stderr, "semel: %s\n", t->why);
			return t->result == -EACCES ? EXIT_NOPERM_ : EXIT_UNREACHABLE;
		}
		/* The first one is what the second is counted from. */
		if (n == 0)
			continue;
		scene = scene_of(t, mono_now());
		screen_print(&scene, &t->state, all, &out);
		if (n > 1)
			putchar('\n');
		fwrite(out.data, 1, out.len, stdout);
		buf_free(&out);
		if (fflush(stdout) != 0)
			return EXIT_NO;
	}
	return EXIT_YES;
}

/* ---- Options */

static int take_options(const char *command, const struct cli_options *o, struct top *t, long *ret_pictures)
{
	struct buf known = { NULL, 0, 0 };
	int64_t ms;
	char *end;
	int r = 0;

	if (o->argc > 0)
		return cli_usage(command, "unexpected argument %s", o->argv[0]);
	if (o->json)
		return cli_usage(command, "there is no --json: semel status --json is for machines");
	if (o->interval != NULL && (units_duration(o->interval, &ms) < 0 || top_interval(&t->state, ms) < 0))
		return cli_usage(command, "--interval %s is not from 250ms to 1h", o->interval);
	if (o->filter != NULL && strlen(o->filter) > TOP_FILTER_MAX)
		return cli_usage(command, "--filter is longer than %d bytes", TOP_FILTER_MAX);
	if (o->filter != NULL)
		snprintf(t->state.filter, sizeof(t->state.filter), "%s", o->filter);
	*ret_pictures = o->once ? 1 : 0;
	if (o->batch != NULL) {
		*ret_pictures = strtol(o->batch, &end, 10);
		if (*end != '\0' || *ret_pictures < 1 || *ret_pictures > BATCH_MOST)
			return cli_usage(command, "--batch %s is not a number of pictures", o->batch);
	}
	if (o->sort != NULL && top_sort_by(&t->state, o->sort, &known) < 0)
		r = cli_usage(command, "--sort %s: no such column; there are: %s", o->sort, known.data);
	buf_clear(&known);
	if (r == 0 && o->view != NULL && top_show(&t->state, o->view, &known) < 0)
		r = cli_usage(command, "--view %s: there are: %s", o->view, known.data);
	buf_free(&known);
	return r;
}

int cmd_top(int argc, char **argv)
{
	struct top t = { .state = top_state_new() };
	struct cli_options o;
	long pictures = 0;
	int r = cli_options(argc, argv, &o);

	if (r == 0)
		r = take_options(argv[0], &o, &t, &pictures);
	if (r != 0)
		return r;
	t.socket = cli_socket(&o);
	t.ask = http_ask_new(t.socket);
	if (t.ask == NULL)
		abort();
	t.rates = rates_new();
	t.began = mono_now();
	r = pictures > 0 ? run_batch(&t, pictures, o.view == NULL) : run_screen(&t);
	http_ask_free(t.ask);
	rates_free(t.rates);
	free(t.socket);
	return r;
}
