/* semel offsets */
#include "adapters/config_file.h"
#include "adapters/kafka_offsets.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/dlq.h"
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define STAYS (-1)

struct offsets_job {
	const struct cli_options *o;
	const struct config_subscription *sub;
	struct kafka_admin *admin;
	struct group_place *places;
	int64_t *targets; /* STAYS: not to be moved */
	size_t n;
	char why[512];
};

static bool is_wanted(void *arg, const char *topic)
{
	const struct offsets_job *j = arg;

	if (j->o->topic != NULL && strcmp(topic, j->o->topic) != 0)
		return false;
	return config_consumes(j->sub, topic) || strcmp(topic, j->sub->retry.topic) == 0;
}

static bool may_move(const struct offsets_job *j, const struct group_place *p)
{
	return j->o->topic != NULL || strcmp(p->topic, j->sub->retry.topic) != 0;
}

/* ---- Where to */

static int refuse(struct offsets_job *j, const char *what)
{
	return cli_usage("offsets", "--to: \"%s\": %s", j->o->to, what);
}

static struct group_place *place_of(struct offsets_job *j, long long partition)
{
	for (size_t i = 0; i < j->n; i++)
		if (may_move(j, &j->places[i]) && j->places[i].partition == partition)
			return &j->places[i];
	return NULL;
}

static bool is_one_topic(const struct offsets_job *j)
{
	const struct group_place *first = NULL;

	for (size_t i = 0; i < j->n; i++) {
		if (!may_move(j, &j->places[i]))
			continue;
		if (first != NULL && strcmp(first->topic, j->places[i].topic) != 0)
			return false;
		first = &j->places[i];
	}
	return true;
}

/* "P=OFFSET,P=OFFSET" */
static int take_list(struct offsets_job *j)
{
	const char *at = j->o->to;

	if (!is_one_topic(j))
		return refuse(j, "there are several topics: name one by --topic");
	for (;;) {
		char *end;
		long long partition = strtoll(at, &end, 10), offset;
		struct group_place *p;

		if (end == at || *end != '=')
			return refuse(j, "expected earliest, latest, a time, or PARTITION=OFFSET,...");
		at = end + 1;
		offset = strtoll(at, &end, 10);
		if (end == at || (*end != ',' && *end != '\0'))
			return refuse(j, "expected earliest, latest, a time, or PARTITION=OFFSET,...");
		p = place_of(j, partition);
		if (p == NULL)
			return refuse(j, "there is no such partition");
		if (offset < p->low || offset > p->end) {
			fprintf(stderr, "semel offsets: %s/%d has offsets %lld to %lld\n", p->topic,
			    p->partition, (long long)p->low, (long long)p->end);
			return EXIT_NO;
		}
		j->targets[p - j->places] = offset;
		if (*end == '\0')
			return 0;
		at = end + 1;
	}
}

static int take_time(struct offsets_job *j, int64_t ms)
{
	if (kafka_admin_at_time(j->admin, j->places, j->n, ms, j->targets, j->why, sizeof(j->why)) == 0)
		return 0;
	fprintf(stderr, "semel offsets: %s\n", j->why);
	return EXIT_UNREACHABLE;
}

static int take_targets(struct offsets_job *j)
{
	bool earliest = strcmp(j->o->to, "earliest") == 0, latest = strcmp(j->o->to, "latest") == 0;
	int64_t ms;
	int r = 0;

	for (size_t i = 0; i < j->n; i++)
		j->targets[i] = earliest ? j->places[i].low : latest ? j->places[i].end : STAYS;
	if (!earliest && !latest)
		r = strchr(j->o->to, '=') != NULL             ? take_list(j)
		    : dlq_time(j->o->to, wall_ms(), &ms) == 0 ? take_time(j, ms)
							      : take_list(j);
	for (size_t i = 0; i < j->n; i++)
		if (!may_move(j, &j->places[i]))
			j->targets[i] = STAYS;
	return r;
}

/* ---- Shown */

static void put_number(struct buf *out, int width, int64_t n)
{
	char text[24] = "-";

	if (n >= 0)
		snprintf(text, sizeof(text), "%lld", (long long)n);
	buf_printf(out, " %*s", width, text);
}

/* Records between the committed place, or the first there is, and the end. */
static int64_t lag_of(const struct group_place *p)
{
	int64_t from = p->committed > p->low ? p->committed : p->low;

	return p->end > from ? p->end - from : 0;
}

static void put_table(const struct offsets_job *j, struct buf *out)
{
	buf_printf(out, "%-30s %9s %12s %12s %12s %10s%s\n", "TOPIC", "PARTITION", "FIRST", "COMMITTED",
	    "END", "LAG", j->o->to == NULL ? "" : "           TO");
	for (size_t i = 0; i < j->n; i++) {
		const struct group_place *p = &j->places[i];

		buf_printf(out, "%-30s %9d", p->topic, p->partition);
		put_number(out, 12, p->low);
		put_number(out, 12, p->committed);
		put_number(out, 12, p->end);
		put_number(out, 10, lag_of(p));
		if (j->o->to != NULL)
			put_number(out, 12, j->targets[i]);
		buf_char(out, '\n');
	}
}

static void put_or_null(struct buf *out, const char *name, int64_t n)
{
	buf_printf(out, ",\"%s\":", name);
	n < 0 ? buf_text(out, "null") : buf_printf(out, "%lld", (long long)n);
}

static void put_json(const struct offsets_job *j, struct buf *out)
{
	buf_text(out, "{\"group\":");
	buf_json_string(out, bytes_of_text(j->sub->group));
	buf_text(out, ",\"partitions\":[");
	for (size_t i = 0; i < j->n; i++) {
		const struct group_place *p = &j->places[i];

		buf_text(out, i == 0 ? "\n{\"topic\":" : ",\n{\"topic\":");
		buf_json_string(out, bytes_of_text(p->topic));
		buf_printf(out, ",\"partition\":%d,\"first\":%lld", p->partition, (long long)p->low);
		put_or_null(out, "committed", p->committed);
		buf_printf(out, ",\"end\":%lld,\"lag\":%lld", (long long)p->end, (long long)lag_of(p));
		if (j->o->to != NULL)
			put_or_null(out, "to", j->targets[i]);
		buf_char(out, '}');
	}
	buf_text(out, "]}\n");
}

static void show(const struct offsets_job *j)
{
	struct buf out = { NULL, 0, 0 };

	(j->o->json ? put_json : put_table)(j, &out);
	fputs(out.data, stdout);
	buf_free(&out);
}

/* ---- Done */

static int move(struct offsets_job *j)
{
	struct topic_partition *list = calloc(j->n + 1, sizeof(*list));
	size_t n = 0;
	int r;

	if (list == NULL)
		return EXIT_INTERNAL;
	for (size_t i = 0; i < j->n; i++)
		if (j->targets[i] != STAYS)
			list[n++] = (struct topic_partition){ j->places[i].topic, j->places[i].partition,
				j->targets[i] };
	r = n == 0 ? 0 : kafka_admin_move(j->admin, list, n, j->why, sizeof(j->why));
	free(list);
	if (r == 0) {
		fprintf(stderr, "moved %zu partitions of group %s\n", n, j->sub->group);
		return EXIT_YES;
	}
	fprintf(stderr, "semel offsets: nothing of group %s was moved: %s\n", j->sub->group, j->why);
	if (r == -EBUSY)
		fprintf(stderr,
		    "The group has members: stop all its hosts. With static membership the broker counts them until "
		    "session.timeout.ms (45 s) has passed; try again then.\n");
	return r == -EBUSY ? EXIT_NO : EXIT_UNREACHABLE;
}

static int work(struct offsets_job *j)
{
	int r = kafka_admin_places(j->admin, is_wanted, j, &j->places, &j->n, j->why, sizeof(j->why));

	if (r < 0) {
		fprintf(stderr, "semel offsets: %s\n", j->why);
		return EXIT_UNREACHABLE;
	}
	if (j->n == 0) {
		fprintf(stderr, "semel offsets: no such topic, of those that %s consumes, exists\n",
		    j->sub->name);
		return EXIT_NO;
	}
	j->targets = calloc(j->n, sizeof(*j->targets));
	if (j->targets == NULL)
		return EXIT_INTERNAL;
	r = j->o->to == NULL ? 0 : take_targets(j);
	if (r != 0)
		return r;
	show(j);
	return j->o->to == NULL || j->o->dry_run ? EXIT_YES : move(j);
}

static int run(const struct cli_options *o, const struct config *c)
{
	struct offsets_job j = { .o = o };
	int r = EXIT_UNREACHABLE;

	for (size_t i = 0; i < c->n_subscriptions; i++)
		if (strcmp(c->subscriptions[i].name, o->argv[0]) == 0)
			j.sub = &c->subscriptions[i];
	if (j.sub == NULL) {
		fprintf(stderr, "semel offsets: there is no subscription %s in %s\n", o->argv[0], c->file);
		return EXIT_NO;
	}
	if (kafka_admin_of_group(c, j.sub->group, &j.admin, j.why, sizeof(j.why)) < 0)
		fprintf(stderr, "semel offsets: %s\n", j.why);
	else
		r = work(&j);
	kafka_admin_free(j.admin);
	free(j.places);
	free(j.targets);
	return r;
}

int cmd_offsets(int argc, char **argv)
{
	struct cli_options o;
	struct config *c;
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc != 1)
		return cli_usage(argv[0], "expected one subscription");
	r = cli_load(&o, &c);
	if (r != 0)
		return r;
	r = run(&o, c);
	config_free(c);
	return r;
}
