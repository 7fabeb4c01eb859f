#include "core/metrics.h"

#include "lib/nasty.h"

#include <math.h>
#include <pthread.h>

START_TEST(text_is_what_prometheus_reads)
{
	struct metrics *m = metrics_new();
	struct buf out = { NULL, 0, 0 };
	struct series *h = metrics_series(m, METRIC_QUEUE_SECONDS, "s");

	series_add(metrics_series(m, METRIC_CONSUMED, "a\"b\\c\n", "t"), 3);
	series_add(metrics_series(m, METRIC_CONSUMED, "a\"b\\c\n", "t"), 4);
	series_set(metrics_series(m, METRIC_IN_FLIGHT, "s"), 2.5);
	series_observe(h, 0.0015);
	series_observe(h, 1000);
	metrics_render(m, &out);
	ck_assert_ptr_nonnull(strstr(out.data, "# TYPE semel_consumed_total counter\n"));
	ck_assert_ptr_nonnull(
	    strstr(out.data, "semel_consumed_total{subscription=\"a\\\"b\\\\c\\n\",topic=\"t\"} 7\n"));
	ck_assert_ptr_nonnull(strstr(out.data, "semel_in_flight{subscription=\"s\"} 2.5\n"));
	ck_assert_ptr_nonnull(
	    strstr(out.data, "semel_queue_seconds_bucket{subscription=\"s\",le=\"0.001\"} 0\n"));
	ck_assert_ptr_nonnull(
	    strstr(out.data, "semel_queue_seconds_bucket{subscription=\"s\",le=\"0.002\"} 1\n"));
	ck_assert_ptr_nonnull(
	    strstr(out.data, "semel_queue_seconds_bucket{subscription=\"s\",le=\"+Inf\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(out.data, "semel_queue_seconds_count{subscription=\"s\"} 2\n"));
	ck_assert_ptr_null(strstr(out.data, "semel_takeovers_total"));
	buf_free(&out);
	metrics_free(m);
}
END_TEST

START_TEST(a_gauge_of_what_has_gone_is_not_shown)
{
	struct metrics *m = metrics_new();
	struct buf out = { NULL, 0, 0 };
	struct series *lag = metrics_series(m, METRIC_LAG, "s", "t", "0");

	series_set(lag, 7);
	series_hide(lag);
	metrics_render(m, &out);
	ck_assert_ptr_null(strstr(out.data, "semel_lag{"));
	buf_clear(&out);
	series_set(metrics_series(m, METRIC_LAG, "s", "t", "0"), 3);
	metrics_render(m, &out);
	ck_assert_ptr_nonnull(
	    strstr(out.data, "semel_lag{subscription=\"s\",topic=\"t\",partition=\"0\"} 3\n"));
	buf_free(&out);
	metrics_free(m);
}
END_TEST

/* From 1 ms to 60 s no bucket is wider than two and a half times the one before, and the objective of 200 ms is an edge. */
START_TEST(buckets_resolve_1_ms_to_60_s)
{
	struct metrics *m = metrics_new();
	struct buf out = { NULL, 0, 0 };
	double low = 0, le = 0;
	bool edge = false;

	series_observe(metrics_series(m, METRIC_EVENT_SECONDS, "s"), 1);
	metrics_render(m, &out);
	for (const char *p = out.data; (p = strstr(p, "le=\"")) != NULL; p += 4) {
		le = strtod(p + 4, NULL);
		if (isinf(le))
			break;
		ck_assert_msg(le <= 0.001 || le <= 2.5 * low, "from %g to %g", low, le);
		edge = edge || le == 0.2;
		low = le;
	}
	ck_assert(isinf(le) && low >= 60 && edge);
	buf_free(&out);
	metrics_free(m);
}
END_TEST

static void *make_series(void *arg)
{
	char number[16];

	for (int i = 0; i < 3000; i++) {
		snprintf(number, sizeof(number), "%d", i);
		series_set(metrics_series(arg, METRIC_LAG, "s", "t", number), i);
	}
	return NULL;
}

/* Printing takes no lock: what is being made meanwhile is there, or not yet. */
START_TEST(printing_goes_on_while_series_are_made)
{
	struct metrics *m = metrics_new();
	struct buf out = { NULL, 0, 0 };
	pthread_t thread;
	size_t n = 0;

	pthread_create(&thread, NULL, make_series, m);
	while (n < 3000) {
		buf_clear(&out);
		metrics_render(m, &out);
		n = 0;
		for (const char *p = out.data; (p = strstr(p, "semel_lag{")) != NULL; p++)
			n++;
	}
	pthread_join(thread, NULL);
	buf_free(&out);
	metrics_free(m);
}
END_TEST

START_TEST(plugins_metrics_are_checked)
{
	struct metrics *m = metrics_new();
	struct buf out = { NULL, 0, 0 };
	struct series *s = metrics_plugin(m, "my-plugin", "h", METRIC_COUNTER, "calls-made", "Calls.");

	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_eq(metrics_plugin(m, "my-plugin", "h", METRIC_COUNTER, "calls-made", "Calls."), s);
	ck_assert_ptr_null(metrics_plugin(m, "my-plugin", "h", METRIC_GAUGE, "calls-made", "Calls."));
	ck_assert_ptr_null(metrics_plugin(m, "my-plugin", "h", METRIC_GAUGE, "bad name", "x"));
	ck_assert_ptr_null(metrics_plugin(m, "my-plugin", "h", METRIC_GAUGE, "", "x"));
	series_add_real(s, 1.5);
	series_add_real(s, -1);
	series_add_real(s, NAN);
	metrics_render(m, &out);
	ck_assert_ptr_nonnull(strstr(out.data, "semel_plugin_my_plugin_calls_made{handler=\"h\"} 1.5\n"));
	buf_free(&out);
	metrics_free(m);
}
END_TEST

START_TEST(series_are_capped_and_counted)
{
	struct metrics *m = metrics_new();
	struct buf out = { NULL, 0, 0 };
	char name[32];

	for (int i = 0; i < 10050; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		series_add(metrics_series(m, METRIC_WORKERS, name), 1);
	}
	metrics_render(m, &out);
	ck_assert_ptr_nonnull(strstr(out.data, "semel_series_dropped_total 50\n"));
	buf_free(&out);
	metrics_free(m);
}
END_TEST

/* One line, whatever a plugin gives as help or comes as a label. */
static void scrape(const char *name, struct bytes value)
{
	struct metrics *m = metrics_new();
	struct buf text = { NULL, 0, 0 }, out = { NULL, 0, 0 };
	const char *line;

	buf_add(&text, value.data, strnlen(value.data, value.len));
	series_add(metrics_series(m, METRIC_KAFKA_ERRORS, text.data), 1);
	ck_assert_ptr_nonnull(metrics_plugin(m, "p", "h", METRIC_COUNTER, "n", text.data));
	metrics_render(m, &out);
	ck_assert_uint_lt(out.len, 30000);
	for (line = out.data; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		nasty_tamed(name, (struct bytes){ line, len });
		ck_assert_msg(strncmp(line, "# ", 2) == 0 || strncmp(line, "semel_", 6) == 0, "%s: %.*s",
		    name, (int)len, line);
		line += len + 1;
	}
	buf_free(&text);
	buf_free(&out);
	metrics_free(m);
}

START_TEST(nasty_texts_break_no_scrape)
{
	ck_assert_uint_gt(nasty_each(DATA "/nasty.jsonl", scrape), 15);
}
END_TEST

START_TEST(sums_go_by_the_first_and_the_last_label)
{
	struct metrics *m = metrics_new();

	series_add(metrics_series(m, METRIC_HANDLED, "a", "h", "ok"), 1);
	series_add(metrics_series(m, METRIC_HANDLED, "a", "i", "ok"), 2);
	series_add(metrics_series(m, METRIC_HANDLED, "a", "i", "retry"), 4);
	series_add(metrics_series(m, METRIC_HANDLED, "ab", "h", "ok"), 8);
	series_add(metrics_series(m, METRIC_DUPLICATES, "a"), 16);
	ck_assert_double_eq(metrics_sum(m, METRIC_HANDLED, "a", NULL), 7);
	ck_assert_double_eq(metrics_sum(m, METRIC_HANDLED, "a", "ok"), 3);
	ck_assert_double_eq(metrics_sum(m, METRIC_HANDLED, "b", NULL), 0);
	ck_assert_double_eq(metrics_sum(m, METRIC_DUPLICATES, "a", NULL), 16);
	metrics_free(m);
}
END_TEST

START_TEST(quantiles_lie_in_their_bucket)
{
	struct metrics *m = metrics_new();
	struct series *h = metrics_series(m, METRIC_EVENT_SECONDS, "s");

	ck_assert(isnan(series_quantile(h, 0.5)));
	for (int i = 0; i < 1000; i++)
		series_observe(h, 0.0015);
	ck_assert(series_quantile(h, 0.99) > 0.001 && series_quantile(h, 0.99) <= 0.002);
	metrics_free(m);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { text_is_what_prometheus_reads, a_gauge_of_what_has_gone_is_not_shown,
		buckets_resolve_1_ms_to_60_s, printing_goes_on_while_series_are_made,
		plugins_metrics_are_checked, series_are_capped_and_counted, nasty_texts_break_no_scrape,
		sums_go_by_the_first_and_the_last_label, quantiles_lie_in_their_bucket, NULL };

	return unit_run("metrics", tests);
}
