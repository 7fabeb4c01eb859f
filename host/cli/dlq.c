#include "cli/dlq.h"

#include "adapters/config_file.h"
#include "base/clock.h"
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 200
#define BAR_WIDTH 30
#define BAR_MS 200
#define CELL_MAX 48

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* ---- Which ones */

int dlq_time(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	struct tm tm = { .tm_isdst = 0 };
	char *end;
	long long n = strtoll(text, &end, 10);
	int64_t ms;

	if (*text != '\0' && *end == '\0' && n >= 0) {
		*ret_ms = n;
		return 0;
	}
	if (config_duration(text, &ms) == 0) {
		*ret_ms = now_ms - ms;
		return 0;
	}
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (end == NULL || (strcmp(end, "Z") != 0 && *end != '\0'))
		return -EINVAL;
	*ret_ms = (int64_t)timegm(&tm) * 1000;
	return 0;
}

static int take_time(const char *command, const char *option, const char *text, int64_t *ret_ms)
{
	if (text == NULL || dlq_time(text, wall_ms(), ret_ms) == 0)
		return 0;
	return cli_usage(command,
	    "%s: \"%s\" is no time: 2h (ago), 2026-01-31T12:00:00Z or Unix milliseconds", option, text);
}

int dlq_selection(const char *command, const struct cli_options *o, struct selection *s)
{
	int r;

	*s = (struct selection){ .reason = o->reason,
		.handler = o->handler,
		.until = INT64_MAX,
		.limit = o->limit == NULL ? 0 : strtol(o->limit, NULL, 10),
		.from = o->from,
		.partition = -1 };
	r = take_time(command, "--since", o->since, &s->since);
	if (r == 0)
		r = take_time(command, "--until", o->until, &s->until);
	if (r == 0 && o->limit != NULL && s->limit <= 0)
		r = cli_usage(command, "--limit: \"%s\" is no number above 0", o->limit);
	return r;
}

static struct bytes header(struct message *m, const char *name)
{
	return m->ops->header(m, name);
}

static int64_t number(struct message *m, const char *name, int64_t otherwise)
{
	struct bytes v = header(m, name);
	char text[24];

	if (v.data == NULL || v.len == 0 || v.len >= sizeof(text))
		return otherwise;
	memcpy(text, v.data, v.len);
	text[v.len] = '\0';
	return strtoll(text, NULL, 10);
}

void dlq_parse(struct message *m, struct letter *l)
{
	*l = (struct letter){ .m = m,
		.reason = header(m, "semel.dlq.reason"),
		.detail = header(m, "semel.dlq.detail"),
		.handler = header(m, "semel.dlq.handler"),
		.id = header(m, "semel.dlq.event_id"),
		.topic = header(m, "semel.dlq.topic"),
		.attempts = number(m, "semel.dlq.attempts", 0),
		.retries = number(m, "semel.dlq.retries", 0),
		.replays = number(m, "semel.dlq.replays", 0),
		.partition = number(m, "semel.dlq.partition", -1),
		.offset = number(m, "semel.dlq.offset", -1),
		.timestamp = number(m, "semel.dlq.timestamp", -1),
		.failed_at = number(m, "semel.dlq.failed_at", 0) };
}

static bool is(struct bytes value, const char *wanted)
{
	return wanted == NULL || bytes_equal(value, bytes_of_text(wanted));
}

/* True if an earlier replay has had it: its offset is below what `from` says of its partition. */
static bool is_behind(const char *from, const struct message *m)
{
	while (from != NULL && *from != '\0') {
		char *end;
		long partition = strtol(from, &end, 10);
		long long offset = *end == '=' ? strtoll(end + 1, &end, 10) : 0;

		if (partition == m->partition && m->offset < offset)
			return true;
		from = *end == ',' ? end + 1 : NULL;
	}
	return false;
}

bool dlq_selected(const struct selection *s, const struct letter *l)
{
	return is(l->reason, s->reason) && is(l->handler, s->handler) &&
	       (s->id.data == NULL || bytes_equal(l->id, s->id)) && l->failed_at >= s->since &&
	       l->failed_at <= s->until && !is_behind(s->from, l->m) &&
	       (s->partition < 0 || (l->m->partition == s->partition && l->m->offset == s->offset));
}

/* ---- What they say */

static void put_time(struct buf *out, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[40];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_text(out, text);
}

/* A cell as wide as `width`; what a terminal could take for a command is escaped. */
static void put_cell(struct buf *out, struct bytes value, int width)
{
	struct buf cell = { NULL, 0, 0 };

	buf_logfmt(&cell, value.data == NULL ? bytes_of_text("-") : value, CELL_MAX);
	buf_printf(out, "%-*s ", width, cell.data);
	buf_free(&cell);
}

void dlq_head(struct buf *out)
{
	buf_printf(out, "%-12s %-20s %-11s %-16s %-8s %-30s %-24s %s\n", "LETTER", "TIME", "REASON",
	    "HANDLER", "ATTEMPTS", "FROM", "ID", "DETAIL");
}

void dlq_print(const struct letter *l, struct buf *out)
{
	char text[400];

	snprintf(text, sizeof(text), "%d:%lld", l->m->partition, (long long)l->m->offset);
	buf_printf(out, "%-12s ", text);
	put_time(out, l->failed_at);
	buf_char(out, ' ');
	put_cell(out, l->reason, 11);
	put_cell(out, l->handler, 16);
	buf_printf(out, "%-8lld ", (long long)l->attempts);
	snprintf(text, sizeof(text), "%.*s/%lld@%lld", l->topic.len > 249 ? 249 : (int)l->topic.len,
	    l->topic.data == NULL ? "" : (const char *)l->topic.data, (long long)l->partition,
	    (long long)l->offset);
	put_cell(out, bytes_of_text(text), 30);
	put_cell(out, l->id, 24);
	put_cell(out, l->detail, 1);
	buf_char(out, '\n');
}

static void put_json(struct buf *out, const char *name, struct bytes value)
{
	buf_char(out, ',');
	buf_json_bytes(out, name, value);
}

void dlq_json(const struct letter *l, struct buf *out)
{
	buf_printf(out, "{\"partition\":%d,\"offset\":%lld,\"failed_at\":%lld", l->m->partition,
	    (long long)l->m->offset, (long long)l->failed_at);
	put_json(out, "reason", l->reason);
	put_json(out, "handler", l->handler);
	put_json(out, "id", l->id);
	put_json(out, "key", l->m->key);
	put_json(out, "topic", l->topic);
	buf_printf(out,
	    ",\"from_partition\":%lld,\"from_offset\":%lld,\"attempts\":%lld,\"retries\":%lld,\"replays\":%lld",
	    (long long)l->partition, (long long)l->offset, (long long)l->attempts, (long long)l->retries,
	    (long long)l->replays);
	put_json(out, "detail", l->detail);
	buf_char(out, '}');
}

/* ---- All of them */

static int64_t elapsed_ms(struct mono since)
{
	return mono_diff_us(mono_now(), since) / 1000;
}

static void show_bar(const struct kafka_reader *r, struct mono begin, bool end)
{
	static struct mono shown;
	int64_t total = kafka_reader_total(r), done = kafka_reader_done(r), ms = elapsed_ms(begin);
	int filled = total == 0 ? BAR_WIDTH : (int)(done * BAR_WIDTH / total);

	if (!isatty(STDERR_FILENO) || (!end && elapsed_ms(shown) < BAR_MS))
		return;
	shown = mono_now();
	fprintf(stderr, "\r[%.*s%*s] %lld of %lld", filled, "##############################",
	    BAR_WIDTH - filled, "", (long long)done, (long long)total);
	if (ms > 1000 && done > 0)
		fprintf(stderr, ", %lld/s, %lld s left ", (long long)(done * 1000 / ms),
		    (long long)((total - done) * ms / done / 1000));
	if (end)
		fputs("\n", stderr);
}

/* One round; 1: go on, 0: that was all, -1: failed. */
static int read_one(struct kafka_reader *r, const struct selection *s, long *left,
    int (*visit)(void *arg, const struct letter *l), void *arg)
{
	struct message m;
	struct letter l;
	int result = kafka_reader_next(r, POLL_MS, &m), wanted = 0;

	if (result <= 0)
		return result == 0 ? 1 : result == -ENODATA ? 0 : -1;
	dlq_parse(&m, &l);
	if (dlq_selected(s, &l)) {
		wanted = visit(arg, &l);
		if (*left > 0 && --*left == 0)
			wanted = 1;
	}
	m.ops->free(&m);
	return wanted == 0;
}

int dlq_each(const struct config *c, const struct config_subscription *sub, const struct selection *s,
    int (*visit)(void *arg, const struct letter *l), void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct kafka_reader *r;
	struct mono begin = mono_now();
	char why[512];
	long left = s->limit;
	int result = kafka_reader_new(c, sub->dead_letter.topic, &r, why, sizeof(why));

	if (result < 0) {
		fprintf(stderr, "semel dlq: %s\n", why);
		return result == -ENOENT ? EXIT_NO : EXIT_UNREACHABLE;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	do {
		show_bar(r, begin, false);
		result = read_one(r, s, &left, visit, arg);
	} while (result > 0 && !stop);
	show_bar(r, begin, true);
	if (result < 0)
		fprintf(stderr, "semel dlq: %s\n", kafka_reader_text(r));
	kafka_reader_free(r);
	return result < 0 ? EXIT_UNREACHABLE : stop ? EXIT_NO : EXIT_YES;
}
