#include "core/metrics.h"

#include "lib/unit.h"

#include <math.h>

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
	const TTest *const tests[] = { text_is_what_prometheus_reads, plugins_metrics_are_checked,
		series_are_capped_and_counted, quantiles_lie_in_their_bucket, NULL };

	return unit_run("metrics", tests);
}
