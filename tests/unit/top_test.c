/* semel top without a terminal: rates, order, filter, keys, and what stands where at every size. */
#include "adapters/terminal.h"
#include "cli/columns.h"
#include "cli/top/listing.h"
#include "cli/top/screen.h"
#include "cli/top/sheet.h"

#include "lib/unit.h"

#include <errno.h>
#include <locale.h>
#include <math.h>

/* ---- Documents */

struct sub_doc {
	const char *name, *state, *reason;
	double consumed, retried, lag, committed, oldest; /* lag, oldest < 0: null */
};

static void put_sub(struct buf *b, const struct sub_doc *s)
{
	buf_printf(b, "{\"name\":\"%s\",\"state\":\"%s\",\"reason\":", s->name, s->state);
	buf_json_string(b, bytes_of_text(s->reason == NULL ? "" : s->reason));
	buf_text(b, ",\"remedies\":[");
	if (s->reason != NULL)
		buf_printf(b, "{\"type\":\"semel event %s ID\",\"to\":\"see what is known\"}", s->name);
	buf_printf(b,
	    "],\"ledger\":{\"state\":\"ok\",\"entries\":5,\"bytes\":100},\"in_flight\":3,\"waiting\":0,"
	    "\"max_in_flight\":10,\"oldest_seconds\":%f,\"oldest\":",
	    s->oldest);
	buf_text(b, s->oldest < 0
			? "null"
			: "{\"topic\":\"t\",\"id\":\"event-1\",\"doing\":\"is inside its handler\"}");
	buf_printf(b,
	    ",\"partitions\":[{\"topic\":\"topic-of-%s\",\"partition\":0,\"position\":9,\"committed\":%.0f,\"lag\":",
	    s->name, s->committed);
	if (s->lag < 0)
		buf_text(b, "null");
	else
		buf_printf(b, "%.0f", s->lag);
	buf_printf(b,
	    ",\"oldest_offset\":null,\"oldest_seconds\":null,\"state\":\"running\",\"reason\":\"\"}],"
	    "\"counts\":{\"consumed\":%.0f,\"duplicates\":0,\"handled\":{\"ok\":%.0f,\"retry\":%.0f},"
	    "\"dead_letters\":{\"rejected\":2}}}",
	    s->consumed, s->consumed, s->retried);
}

static struct snapshot *snapshot(int64_t time, int pid, const struct sub_doc *subs, size_t n)
{
	struct buf b = { NULL, 0, 0 };
	struct snapshot *s;
	char why[200];

	buf_printf(&b,
	    "{\"node\":\"eos-1\",\"version\":\"1.2.3\",\"time\":%lld,\"state\":\"stuck\",\"subscriptions\":[",
	    (long long)time);
	for (size_t i = 0; i < n; i++) {
		buf_text(&b, i > 0 ? "," : "");
		put_sub(&b, &subs[i]);
	}
	buf_printf(&b,
	    "],\"handlers\":[{\"name\":\"charge\",\"plugin\":\"webhook\",\"version\":\"1.0.0\",\"busy\":2,"
	    "\"workers\":8,\"stuck\":0,\"runs\":%lld,\"run_seconds\":%f,\"reason\":\"\"}],"
	    "\"engine\":{\"pid\":%d,\"restarts\":1,\"started\":1000,\"last_exit\":null}}",
	    (long long)time / 10, (double)time / 1000, pid);
	ck_assert_int_eq(snapshot_parse((struct bytes){ b.data, b.len }, &s, why, sizeof(why)), 0);
	buf_free(&b);
	return s;
}

/* Two answers, two seconds apart. */
static struct rates *two_answers(const struct sub_doc *a, const struct sub_doc *b, size_t n)
{
	struct rates *r = rates_new();

	rates_add(r, snapshot(100000, 7, a, n));
	rates_add(r, snapshot(102000, 7, b, n));
	return r;
}

static struct gain gain_of(const struct rates *r, size_t sub)
{
	return rates_of(r, &(struct row){ .sub = &rates_now(r)->subs[sub] });
}

static void near(double a, double b)
{
	ck_assert_msg(fabs(a - b) < 0.001, "%f is not %f", a, b);
}

/* ---- Rates */

START_TEST(rates_are_of_two_answers)
{
	struct sub_doc a = { "billing", "running", NULL, 1000, 10, 5000, 100, -1 }, b = a;
	struct rates *r;
	struct gain g;

	b.consumed = 5000;
	b.retried = 11;
	b.lag = 4000;
	b.committed = 700;
	r = two_answers(&a, &b, 1);
	g = gain_of(r, 0);
	near(rates_span(r), 2);
	near(g.consumed, 2000);
	near(g.handled, 2000.5);
	near(g.failed, 0.5);
	near(g.dead, 0);
	near(g.done, 300);
	near(g.catch_up, 4000 / 500.0);
	g = rates_total(r);
	near(g.consumed, 2000);
	near(g.catch_up, 8);
	g = rates_of(r, &(struct row){ .handler = &rates_now(r)->handlers[0] });
	near(g.runs, 100);
	near(g.run_seconds, 0.01);
	g = rates_of(
	    r, &(struct row){ .sub = &rates_now(r)->subs[0], .partition = rates_now(r)->subs[0].partitions });
	near(g.done, 300);
	near(g.catch_up, 8);
	rates_free(r);
}
END_TEST

START_TEST(rates_of_one_answer_are_not_known)
{
	struct sub_doc a = { "billing", "running", NULL, 1000, 10, 5000, 100, -1 };
	struct rates *r = rates_new();

	ck_assert_ptr_null(rates_now(r));
	near(rates_total(r).consumed, NOT_KNOWN);
	rates_add(r, snapshot(100000, 7, &a, 1));
	near(gain_of(r, 0).consumed, NOT_KNOWN);
	near(gain_of(r, 0).catch_up, NOT_KNOWN);
	near(rates_span(r), 0);
	rates_free(r);
}
END_TEST

START_TEST(rates_begin_anew_with_an_engine)
{
	struct sub_doc a = { "billing", "running", NULL, 1000, 0, 0, 0, -1 }, b = a;
	struct rates *r = two_answers(&a, &a, 1);

	b.consumed = 5;
	rates_add(r, snapshot(104000, 8, &b, 1));
	near(gain_of(r, 0).consumed, NOT_KNOWN);
	b.consumed = 9;
	rates_add(r, snapshot(106000, 8, &b, 1));
	near(gain_of(r, 0).consumed, 2);
	/* A clock that was set back. */
	rates_add(r, snapshot(50000, 8, &b, 1));
	near(gain_of(r, 0).consumed, NOT_KNOWN);
	/* A count that falls is of another life, whatever the rest says. */
	b.consumed = 1;
	rates_add(r, snapshot(52000, 8, &b, 1));
	near(gain_of(r, 0).consumed, NOT_KNOWN);
	rates_free(r);
}
END_TEST

START_TEST(rates_are_of_the_last_six_seconds)
{
	struct sub_doc a = { "billing", "running", NULL, 0, 0, 0, 0, -1 };
	struct rates *r = rates_new();

	for (int i = 0; i < 100; i++) {
		a.consumed = i < 50 ? 0 : (i - 49) * 100;
		rates_add(r, snapshot(100000 + i * 250, 7, &a, 1));
	}
	ck_assert(rates_span(r) <= 6 && rates_span(r) >= 5.7);
	near(gain_of(r, 0).consumed, 400);
	ck_assert_uint_eq(gain_of(r, 0).n_points, 99);
	near(gain_of(r, 0).points[98], 400);
	near(gain_of(r, 0).points[0], 0);
	/* Answers that are further apart than that. */
	a.consumed += 3000;
	rates_add(r, snapshot(200000, 7, &a, 1));
	a.consumed += 3000;
	rates_add(r, snapshot(230000, 7, &a, 1));
	near(gain_of(r, 0).consumed, 100);
	rates_free(r);
}
END_TEST

START_TEST(rates_tell_whether_lag_will_end)
{
	static const struct {
		double before, now, committed;
		double catch_up;
	} cases[] = {
		{ 5000, 4000, 10, 8 },
		{ 4000, 5000, 10, INFINITY },
		{ 4000, 4000, 0, INFINITY },
		{ 10, 0, 10, 0 },
		{ 100, 900, 2000, 0 }, /* a second's work, at 1000 a second */
		{ 100, 4000, 2000, INFINITY },
		{ -1, 4000, 10, NOT_KNOWN },
		{ 4000, -1, 10, NOT_KNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sub_doc a = { "s", "running", NULL, 0, 0, cases[i].before, 0, -1 }, b = a;
		struct rates *r;
		double got;

		b.lag = cases[i].now;
		b.committed = cases[i].committed;
		r = two_answers(&a, &b, 1);
		got = gain_of(r, 0).catch_up;
		ck_assert_msg(isinf(cases[i].catch_up) ? isinf(got) : fabs(got - cases[i].catch_up) < 0.01,
		    "case %zu: %f", i, got);
		rates_free(r);
	}
}
END_TEST

START_TEST(rates_take_the_trend_of_lag_from_thirty_seconds)
{
	struct sub_doc a = { "s", "running", NULL, 0, 0, 9000, 0, -1 };
	struct rates *r = rates_new();

	/* It falls by 100 a second, and leaps up once. */
	for (int i = 0; i < 240; i++) {
		a.lag = 50000 - i * 25 + (i > 230 ? 500 : 0);
		rates_add(r, snapshot(100000 + i * 250, 7, &a, 1));
	}
	ck_assert(rates_span(r) <= 6);
	ck_assert(gain_of(r, 0).catch_up > 400 && gain_of(r, 0).catch_up < 650);
	rates_free(r);
}
END_TEST

/* ---- Order and filter */

static const struct sub_doc several[] = {
	{ "alpha", "running", NULL, 10, 0, 30, 0, 1 },
	{ "bravo", "stuck", "no progress: event-1", 20, 0, -1, 0, 99 },
	{ "charly", "waiting-ledger", "Redis is away", 30, 0, 500, 0, -1 },
	{ "delta", "paused", "by an operator", 40, 0, 0, 0, -1 },
	{ "echo", "running", NULL, 50, 0, 30, 0, -1 },
};

static void expect_order(enum fact sort, bool reverse, const char *filter, const char *initials)
{
	struct rates *r = two_answers(several, several, 5);
	struct listing l;
	char got[8] = "";

	listing_make(r, VIEW_SUBSCRIPTIONS, filter, sort, reverse, &l);
	ck_assert_uint_eq(l.all, 5);
	for (size_t i = 0; i < l.n; i++)
		got[i] = l.rows[i].sub->name[0];
	ck_assert_str_eq(got, initials);
	listing_free(&l);
	rates_free(r);
}

START_TEST(listing_is_sorted)
{
	expect_order(SUB_NAME, false, "", "abcde");
	expect_order(SUB_NAME, true, "", "edcba");
	/* What is worst first, equals as the daemon has them. */
	expect_order(SUB_STATE, false, "", "bcdae");
	expect_order(SUB_STATE, true, "", "aedcb");
	/* What is not known is last, either way. */
	expect_order(SUB_LAG, false, "", "caedb");
	expect_order(SUB_LAG, true, "", "daecb");
	expect_order(SUB_OLDEST, false, "", "bacde");
}
END_TEST

START_TEST(listing_is_filtered)
{
	struct rates *r = two_answers(several, several, 5);
	struct listing l;

	expect_order(SUB_NAME, false, "A", "abcd");
	expect_order(SUB_NAME, false, "CHAR", "c");
	expect_order(SUB_NAME, false, "running", "ae");
	expect_order(SUB_NAME, false, "zulu", "");
	listing_make(r, VIEW_PARTITIONS, "of-delta/0", PART_LAG, false, &l);
	ck_assert_uint_eq(l.n, 1);
	ck_assert_str_eq(l.rows[0].sub->name, "delta");
	listing_free(&l);
	listing_make(r, VIEW_HANDLERS, "webh", HANDLER_NAME, false, &l);
	ck_assert_uint_eq(l.n, 1);
	listing_free(&l);
	rates_free(r);
}
END_TEST

/* ---- Keys */

static enum top_act type(struct top_state *s, const char *keys)
{
	enum top_act act = TOP_NOTHING;

	for (; *keys != '\0'; keys++)
		act = top_key(s, *keys);
	return act;
}

START_TEST(keys_do_what_help_says)
{
	struct top_state s = top_state_new();

	ck_assert_int_eq(type(&s, "2"), TOP_DRAW);
	ck_assert_uint_eq(s.tab, VIEW_PARTITIONS);
	top_key(&s, TERMINAL_TAB);
	top_key(&s, TERMINAL_TAB);
	ck_assert_uint_eq(s.tab, TAB_TROUBLES);
	top_key(&s, TERMINAL_BACK_TAB);
	ck_assert_uint_eq(s.tab, VIEW_HANDLERS);
	type(&s, "1r");
	ck_assert(s.reverse[VIEW_SUBSCRIPTIONS] && !s.reverse[VIEW_HANDLERS]);
	ck_assert_int_eq(type(&s, "p"), TOP_DRAW);
	ck_assert(s.paused);
	ck_assert_int_eq(type(&s, " "), TOP_ASK);
	ck_assert(!s.paused);
	ck_assert_int_eq(s.interval_ms, 2000);
	type(&s, "+");
	ck_assert_int_eq(s.interval_ms, 5000);
	type(&s, "---------");
	ck_assert_int_eq(s.interval_ms, 250);
	type(&s, "++++++++++++");
	ck_assert_int_eq(s.interval_ms, 3600000);
	type(&s, "h");
	ck_assert(s.help);
	ck_assert_int_eq(type(&s, "x"), TOP_DRAW);
	ck_assert(!s.help);
	ck_assert_int_eq(top_key(&s, TERMINAL_OTHER), TOP_NOTHING);
	ck_assert_int_eq(top_key(&s, TERMINAL_RESIZED), TOP_DRAW);
	ck_assert_int_eq(top_key(&s, TERMINAL_ENDED), TOP_QUIT);
	ck_assert_int_eq(type(&s, "q"), TOP_QUIT);
	s.help = true;
	ck_assert_int_eq(type(&s, "q"), TOP_QUIT);
}
END_TEST

START_TEST(keys_choose_the_column_among_those_shown)
{
	struct top_state s = top_state_new();

	ck_assert_int_eq(s.sort[0], SUB_STATE);
	type(&s, "s");
	ck_assert_int_eq(s.sort[0], SUB_LAG);
	type(&s, "<<");
	ck_assert_int_eq(s.sort[0], SUB_NAME);
	type(&s, "<");
	ck_assert_int_eq(s.sort[0], SUB_LEDGER); /* the trend is no order */
	top_key(&s, TERMINAL_RIGHT);
	ck_assert_int_eq(s.sort[0], SUB_NAME);
	s.shown = 1 | 4;
	type(&s, ">");
	ck_assert_int_eq(s.sort[0], SUB_LAG);
	type(&s, ">");
	ck_assert_int_eq(s.sort[0], SUB_NAME);
}
END_TEST

START_TEST(keys_write_the_filter)
{
	struct top_state s = top_state_new();

	type(&s, "/q2-");
	ck_assert_str_eq(s.filter, "q2-");
	top_key(&s, TERMINAL_BACKSPACE);
	ck_assert_str_eq(s.filter, "q2");
	ck_assert_uint_eq(s.tab, 0);
	top_key(&s, TERMINAL_ENTER);
	ck_assert(!s.editing);
	ck_assert_str_eq(s.filter, "q2");
	type(&s, "/");
	top_key(&s, TERMINAL_ESCAPE);
	ck_assert_str_eq(s.filter, "");
	ck_assert(!s.editing);
	type(&s, "/");
	for (int i = 0; i < 200; i++)
		top_key(&s, 'x');
	ck_assert_uint_eq(strlen(s.filter), TOP_FILTER_MAX);
	top_key(&s, 0x4e00);
	ck_assert_uint_eq(strlen(s.filter), TOP_FILTER_MAX);
	top_key(&s, 'u' & 0x1f);
	ck_assert_str_eq(s.filter, "");
}
END_TEST

START_TEST(options_are_held_to_what_is_there)
{
	struct top_state s = top_state_new();
	struct buf known = { NULL, 0, 0 };

	ck_assert_int_eq(top_sort_by(&s, "oldest", &known), 0);
	ck_assert(s.sort[VIEW_SUBSCRIPTIONS] == SUB_OLDEST && s.sort[VIEW_PARTITIONS] == PART_OLDEST);
	ck_assert_int_eq(s.sort[VIEW_HANDLERS], HANDLER_STATE);
	buf_clear(&known);
	ck_assert_int_eq(top_sort_by(&s, "", &known), -EINVAL);
	ck_assert_ptr_nonnull(strstr(known.data, "catch-up"));
	buf_clear(&known);
	ck_assert_int_eq(top_show(&s, "handlers", &known), 0);
	ck_assert_int_eq(top_show(&s, "hosts", &known), -EINVAL);
	ck_assert_ptr_nonnull(strstr(known.data, "trouble"));
	ck_assert_int_eq(top_interval(&s, 249), -EINVAL);
	ck_assert_int_eq(top_interval(&s, 3600001), -EINVAL);
	ck_assert_int_eq(top_interval(&s, 250), 0);
	buf_free(&known);
}
END_TEST

/* ---- Columns */

START_TEST(columns_are_those_of_a_terminal)
{
	struct buf b = { NULL, 0, 0 };

	ck_assert_uint_eq(columns_of("abc"), 3);
	ck_assert_uint_eq(columns_of("日本"), 4);
	ck_assert_uint_eq(columns_of("e\u0301"), 1);
	ck_assert_uint_eq(columns_of("\xff\xc3"), 2);
	ck_assert_uint_eq(columns_put(&b, "日本語", 4), 3);
	ck_assert_str_eq(b.data, "日~");
	buf_clear(&b);
	ck_assert_uint_eq(columns_put(&b, "e\u0301\u0301\u0301\u0301x", 9), 2);
	ck_assert_str_eq(b.data, "e\u0301\u0301x");
	buf_clear(&b);
	ck_assert_uint_eq(columns_put(&b, "\xff\x1bok", 9), 4);
	ck_assert_str_eq(b.data, "??ok");
	buf_clear(&b);
	ck_assert_uint_eq(columns_put_name(&b, "company.orders.created.v1", 11), 11);
	ck_assert_str_eq(b.data, "comp~ted.v1");
	ck_assert_uint_eq(columns_line("one two three", 8), 8);
	ck_assert_uint_eq(columns_line("onetwothree", 8), 8);
	ck_assert_uint_eq(columns_line("日本語", 3), 3);
	ck_assert_uint_eq(columns_line("日", 1), 3);
	ck_assert_uint_eq(columns_line("", 8), 0);
	buf_free(&b);
}
END_TEST

START_TEST(columns_of_another_locale_are_ascii)
{
	struct buf b = { NULL, 0, 0 };

	setlocale(LC_CTYPE, "C");
	ck_assert_uint_eq(columns_put(&b, "日本 ok", 9), 5);
	ck_assert_str_eq(b.data, "?? ok");
	setlocale(LC_CTYPE, "C.UTF-8");
	buf_free(&b);
}
END_TEST

/* ---- The screen */

static char *screen_of(const struct rates *r, struct top_state *s, unsigned w, unsigned h, const char *why)
{
	struct scene scene = { r, "/run/semel/admin.sock", why, 12, true };
	struct picture p = { .width = w, .height = h };
	struct buf out = { NULL, 0, 0 };

	screen_draw(&scene, s, &p);
	for (size_t i = 0; i < p.n; i++)
		ck_assert_msg(p.runs[i].line < h && p.runs[i].column + columns_of(p.runs[i].text) <= w,
		    "%ux%u: line %u, column %u: '%s'", w, h, p.runs[i].line, p.runs[i].column,
		    p.runs[i].text);
	picture_text(&p, &out);
	picture_free(&p);
	return out.data;
}

static bool says(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

START_TEST(screen_fits_every_size)
{
	struct rates *r = two_answers(several, several, 5);
	struct top_state s = top_state_new();

	for (unsigned w = 1; w < 130; w += w < 45 ? 1 : 7) {
		for (unsigned h = 1; h < 40; h += h < 14 ? 1 : 5) {
			for (unsigned how = 0; how < 8; how++) {
				char *text;

				s.tab = how % N_TABS;
				s.help = how == 5;
				s.editing = how == 6;
				s.scroll = how == 7 ? 1000 : 0;
				text = screen_of(r, &s, w, h, how > 3 ? "it is away" : NULL);
				ck_assert_msg(w < 8 || says(text, how > 3 ? "silent" : "stuck") || h < 2,
				    "%ux%u:\n%s", w, h, text);
				free(text);
			}
		}
	}
	rates_free(r);
}
END_TEST

START_TEST(screen_has_what_one_looks_for_at_80_by_24)
{
	struct rates *r = two_answers(several, several, 5);
	struct top_state s = top_state_new();
	char *text = screen_of(r, &s, 80, 24, NULL);

	ck_assert_msg(says(text, "eos-1  ! stuck") && says(text, "semel 1.2.3") && says(text, "up 101 s") &&
			  says(text, "1 engine restart") && says(text, "00:01:42 UTC") &&
			  says(text, "lag 560") && says(text, "10 dead letters") &&
			  says(text, "oldest event 99.0 s: bravo event-1 is inside its handler"),
	    "%s", text);
	ck_assert_msg(says(text, "[1 subscriptions 5]") && says(text, "STATE\u2193") &&
			  says(text, "\n! bravo") && says(text, "\n~ charly") && says(text, "\n= delta") &&
			  says(text, "\n  alpha"),
	    "%s", text);
	ck_assert_msg(says(text, "! bravo: stuck: no progress: event-1\n    semel event bravo ID    to see"),
	    "%s", text);
	ck_assert_msg(says(text, "q quit  h help"), "%s", text);
	free(text);
	rates_free(r);
}
END_TEST

START_TEST(screen_says_that_nobody_answers)
{
	struct rates *r = rates_new(), *two = two_answers(several, several, 5);
	struct top_state s = top_state_new();
	char *text = screen_of(r, &s, 80, 24, NULL);

	ck_assert_msg(says(text, "asking /run/semel/admin.sock"), "%s", text);
	free(text);
	text = screen_of(r, &s, 80, 24, "/run/x: is semeld running?");
	ck_assert_msg(says(text, "! No answer for 12 s: /run/x: is semeld running?  Asking again every 2 s."),
	    "%s", text);
	free(text);
	text = screen_of(two, &s, 200, 24, "/run/x: is semeld running?");
	ck_assert_msg(says(text, "! silent") && says(text, "What stands below is of 00:01:42 UTC.") &&
			  says(text, "\n! bravo"),
	    "%s", text);
	free(text);
	rates_free(r);
	rates_free(two);
}
END_TEST

START_TEST(screen_keeps_the_name_when_it_is_narrow)
{
	struct rates *r = two_answers(several, several, 5);
	struct top_state s = top_state_new();

	for (unsigned w = 12; w < 200; w++) {
		char *text = screen_of(r, &s, w, 24, NULL), *at;

		ck_assert_msg(says(text, "\n! bravo"), "%u:\n%s", w, text);
		at = strstr(text, "\n! bravo");
		ck_assert_msg(
		    w < 24 || strncmp(at + 8 + strspn(at + 8, " "), "stuck", 5) == 0, "%u:\n%s", w, text);
		free(text);
	}
	rates_free(r);
}
END_TEST

START_TEST(screen_escapes_what_others_wrote)
{
	struct sub_doc a = { "billing", "stuck", "id \033[2J\u202e\r\nx\t日本 \u0301", 0, 0, 1, 0, 1 };
	struct rates *r = two_answers(&a, &a, 1);
	struct top_state s = top_state_new();
	char *text = screen_of(r, &s, 100, 24, NULL);

	ck_assert_msg(says(text, "id \\x1b[2J\\u202e\\r\\nx\\t日本"), "%s", text);
	for (const char *c = text; *c != '\0'; c++)
		ck_assert_msg((unsigned char)*c >= ' ' || *c == '\n', "%s", text);
	free(text);
	rates_free(r);
}
END_TEST

START_TEST(screen_breaks_a_command_as_a_shell_takes_it)
{
	struct sub_doc a = { "a-subscription-with-a-long-name-that-does-not-fit-into-a-line", "stuck", "why",
		0, 0, 1, 0, 1 };
	struct rates *r = two_answers(&a, &a, 1);
	struct top_state s = top_state_new();
	char *text;

	s.tab = TAB_TROUBLES;
	text = screen_of(r, &s, 60, 24, NULL);
	ck_assert_msg(
	    says(text,
		"\n    semel event a-subscription-with-a-long-name-that-does-n\\\not-fit-into-a-line ID    to see what is known\n"),
	    "%s", text);
	free(text);
	rates_free(r);
}
END_TEST

START_TEST(screen_scrolls_within_what_is_there)
{
	struct sub_doc many[60];
	struct top_state s = top_state_new();
	char names[60][8], *text;
	struct rates *r;

	for (int i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "s%02d", i);
		many[i] = (struct sub_doc){ names[i], "running", NULL, 0, 0, 0, 0, -1 };
	}
	r = two_answers(many, many, 60);
	text = screen_of(r, &s, 80, 24, NULL);
	ck_assert_msg(says(text, "s00") && says(text, "more below"), "%s", text);
	free(text);
	top_key(&s, TERMINAL_END);
	text = screen_of(r, &s, 80, 24, NULL);
	ck_assert_msg(says(text, "s59") && !says(text, "s00") && !says(text, "more below"), "%s", text);
	ck_assert_uint_lt(s.scroll, 60);
	free(text);
	rates_free(r);
}
END_TEST

START_TEST(text_has_all_of_it_and_no_separators)
{
	struct sub_doc a = { "billing", "stuck", "it stands still", 1234567, 0, 1234567, 0, 1 };
	struct rates *r = two_answers(&a, &a, 1);
	struct scene scene = { r, "", NULL, 0, true };
	struct top_state s = top_state_new();
	struct buf out = { NULL, 0, 0 };

	screen_print(&scene, &s, true, &out);
	ck_assert_msg(
	    says(out.data, "\n  SUBSCRIPTION  STATE") && says(out.data, "topic-of-billing") &&
		says(out.data, "\n  HANDLER ") && says(out.data, "1234567") &&
		says(out.data, "! billing: stuck: it stands still\n    semel event billing ID    to see"),
	    "%s", out.data);
	buf_clear(&out);
	s.tab = VIEW_HANDLERS;
	screen_print(&scene, &s, false, &out);
	ck_assert_msg(!says(out.data, "topic-of") && says(out.data, "2 of 8"), "%s", out.data);
	buf_free(&out);
	rates_free(r);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { rates_are_of_two_answers, rates_of_one_answer_are_not_known,
		rates_begin_anew_with_an_engine, rates_are_of_the_last_six_seconds,
		rates_tell_whether_lag_will_end, rates_take_the_trend_of_lag_from_thirty_seconds,
		listing_is_sorted, listing_is_filtered, keys_do_what_help_says,
		keys_choose_the_column_among_those_shown, keys_write_the_filter,
		options_are_held_to_what_is_there, columns_are_those_of_a_terminal,
		columns_of_another_locale_are_ascii, screen_fits_every_size,
		screen_has_what_one_looks_for_at_80_by_24, screen_says_that_nobody_answers,
		screen_keeps_the_name_when_it_is_narrow, screen_escapes_what_others_wrote,
		screen_breaks_a_command_as_a_shell_takes_it, screen_scrolls_within_what_is_there,
		text_has_all_of_it_and_no_separators, NULL };

	setlocale(LC_CTYPE, "C.UTF-8");
	return unit_run("top", tests);
}
