/* semel ledger: what lies in Redis, and the decisions that only a person takes. */
#include "adapters/kafka.h"
#include "adapters/keyed_hash.h"
#include "adapters/redis_store.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "engine/ledger_meta.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define KAFKA_TIMEOUT_MS 10000

static void put_hex(struct buf *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%02x", p[i]);
}

static uint64_t segment_bytes(const struct segment_info *i)
{
	return segment_filter_size(i) + segment_body_size(i);
}

/* ---- status */

struct seen { /* of one ledger */
	struct ledger_meta meta;
	struct store_renewal sessions;
	struct store_stats stats;
	uint64_t ids, bytes, filter; /* of the segments */
	uint32_t oldest; /* Unix seconds; 0: no segment */
};

static int look(struct store *s, struct seen *seen)
{
	int r = s->ops->meta_read(s, &seen->meta);

	if (r == 0)
		r = s->ops->stats(s, seen->meta.generation, &seen->stats);
	if (r == 0)
		r = s->ops->session_renew(s, (struct session_id){ { 0 } }, 0, &seen->sessions);
	for (size_t i = 0; r == 0 && i < seen->meta.n_segments; i++) {
		const struct segment_info *g = &seen->meta.segments[i];

		seen->ids += g->n;
		seen->bytes += segment_bytes(g);
		seen->filter += 2 * (uint64_t)g->n + (UINT64_C(4) << g->q);
		if (seen->oldest == 0 || g->t_min < seen->oldest)
			seen->oldest = g->t_min;
	}
	return r;
}

static void put_time(struct buf *out, uint64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_text(out, text);
}

static void put_text(struct buf *out, const char *name, const struct seen *s)
{
	const struct ledger_meta *m = &s->meta;

	buf_printf(out, "ledger %s: identity ", name);
	put_hex(out, m->identity, sizeof(m->identity));
	buf_printf(out, ", format %u rules %u\n  Kafka cluster %s, group %s, retention %llu s\n", m->format,
	    m->rules, m->cluster, m->group, (unsigned long long)m->retention_ms / 1000);
	buf_printf(out, "  generation %u: %llu records, %llu bytes%s\n", m->generation,
	    (unsigned long long)s->stats.records, (unsigned long long)s->stats.bytes,
	    m->oldest == m->generation ? "" : "; the one before is not sealed yet");
	buf_printf(out, "  %zu segments: %llu ids, %llu bytes in Redis, %llu in each host", m->n_segments,
	    (unsigned long long)s->ids, (unsigned long long)s->bytes, (unsigned long long)s->filter);
	if (s->oldest != 0) {
		buf_text(out, ", from ");
		put_time(out, s->oldest);
	}
	buf_printf(out, "\n  server: run_id %s, %llu of %llu bytes used, maxmemory-policy %s\n", m->server,
	    (unsigned long long)s->stats.memory, (unsigned long long)s->stats.memory_limit, s->stats.policy);
	for (size_t i = 0; i < m->n_segments; i++) {
		const struct segment_info *g = &m->segments[i];

		buf_text(out, "  segment ");
		put_hex(out, g->id, SEGMENT_ID);
		buf_printf(out, ": %9u ids, %10llu bytes, tier %u, ", g->n,
		    (unsigned long long)segment_bytes(g), g->tier);
		put_time(out, g->t_min);
		buf_text(out, " to ");
		put_time(out, g->t_max);
		buf_char(out, '\n');
	}
	for (size_t i = 0; i < s->sessions.n; i++) {
		const struct store_lease *l = &s->sessions.leases[i];
		long long left = ((long long)l->end_us - (long long)s->sessions.now_us) / 1000;

		buf_text(out, "  session ");
		put_hex(out, l->session.b, sizeof(l->session.b));
		buf_printf(out, " of %s: %s %lld ms\n", l->owner, left >= 0 ? "lease ends in" : "over since",
		    left >= 0 ? left : -left);
	}
}

static void put_segments(struct buf *out, const struct ledger_meta *m)
{
	buf_text(out, ",\"segments\":[");
	for (size_t i = 0; i < m->n_segments; i++) {
		const struct segment_info *g = &m->segments[i];

		buf_printf(out, "%s{\"id\":\"", i == 0 ? "" : ",");
		put_hex(out, g->id, SEGMENT_ID);
		buf_printf(out, "\",\"ids\":%u,\"bytes\":%llu,\"tier\":%u,\"from\":%u,\"to\":%u}", g->n,
		    (unsigned long long)segment_bytes(g), g->tier, g->t_min, g->t_max);
	}
	buf_char(out, ']');
}

static void put_json(struct buf *out, const char *name, const struct seen *s)
{
	const struct ledger_meta *m = &s->meta;

	buf_text(out, "{\"subscription\":");
	buf_json_string(out, bytes_of_text(name));
	buf_text(out, ",\"identity\":\"");
	put_hex(out, m->identity, sizeof(m->identity));
	buf_printf(out,
	    "\",\"format\":%u,\"rules\":%u,\"generation\":%u,\"oldest\":%u,\"cluster\":", m->format, m->rules,
	    m->generation, m->oldest);
	buf_json_string(out, bytes_of_text(m->cluster));
	buf_text(out, ",\"group\":");
	buf_json_string(out, bytes_of_text(m->group));
	buf_printf(out, ",\"retention_ms\":%llu,\"records\":%llu,\"bytes\":%llu,\"segment_ids\":%llu",
	    (unsigned long long)m->retention_ms, (unsigned long long)s->stats.records,
	    (unsigned long long)s->stats.bytes, (unsigned long long)s->ids);
	buf_printf(out, ",\"segment_bytes\":%llu,\"filter_bytes\":%llu,\"oldest_id\":%u",
	    (unsigned long long)s->bytes, (unsigned long long)s->filter, s->oldest);
	put_segments(out, m);
	buf_text(out, ",\"sessions\":[");
	for (size_t i = 0; i < s->sessions.n; i++) {
		const struct store_lease *l = &s->sessions.leases[i];

		buf_printf(out, "%s{\"session\":\"", i == 0 ? "" : ",");
		put_hex(out, l->session.b, sizeof(l->session.b));
		buf_text(out, "\",\"owner\":");
		buf_json_string(out, bytes_of_text(l->owner));
		buf_printf(out, ",\"lease_ms\":%lld}",
		    ((long long)l->end_us - (long long)s->sessions.now_us) / 1000);
	}
	buf_text(out, "]}\n");
}

static int refused(const char *name, struct store *s, int r)
{
	if (r == -ENOENT) {
		fprintf(stderr, "semel ledger: subscription %s has no ledger in Redis yet\n", name);
		return EXIT_NO;
	}
	fprintf(stderr, "semel ledger: %s: %s\n", name, s->text);
	return s->trouble == STORE_UNREACHABLE ? EXIT_UNREACHABLE : EXIT_NO;
}

static int status(const struct config *c, const char *name, bool json)
{
	struct store *s = redis_store_new(c, name);
	struct seen seen = { .ids = 0 };
	struct buf out = { NULL, 0, 0 };
	int r = s == NULL ? -ENOMEM : look(s, &seen);

	if (s == NULL) {
		r = EXIT_INTERNAL;
	} else if (r < 0) {
		r = refused(name, s, r);
	} else {
		(json ? put_json : put_text)(&out, name, &seen);
		fputs(out.data, stdout);
	}
	buf_free(&out);
	if (s != NULL)
		s->ops->free(s);
	return r;
}

/* ---- accept-config, upgrade: one compare-and-set */

static int commit(const char *name, struct store *s, const struct ledger_meta *from, struct ledger_meta *to)
{
	struct store_commit c = { .from = from->version, .to = to };
	enum store_result result;
	int r;

	random_bytes(to->version.b, sizeof(to->version.b));
	r = s->ops->commit(s, &c, &result);
	if (r < 0)
		return refused(name, s, r);
	if (result == STORE_OK)
		return EXIT_YES;
	fprintf(stderr, "semel ledger: %s: the ledger changed meanwhile; try again\n", name);
	return EXIT_NO;
}

static int cluster_of(const struct config *c, char *ret_id, size_t size)
{
	struct kafka_producer *k;
	char why[512];
	int r = kafka_producer_new(c, NULL, NULL, &k, why, sizeof(why));

	if (r == 0) {
		r = kafka_producer_cluster(k, KAFKA_TIMEOUT_MS, ret_id, size);
		kafka_producer_close(k, 0);
		snprintf(why, sizeof(why), "the Kafka cluster does not answer");
	}
	if (r < 0)
		fprintf(stderr, "semel ledger: %s\n", why);
	return r;
}

static int accept_config(const struct config *c, const struct config_subscription *sub)
{
	struct store *s = redis_store_new(c, sub->name);
	struct ledger_meta meta, to;
	char cluster[64], why[512];
	int r;

	if (s == NULL)
		return EXIT_INTERNAL;
	if (cluster_of(c, cluster, sizeof(cluster)) < 0) {
		s->ops->free(s);
		return EXIT_UNREACHABLE;
	}
	r = s->ops->meta_read(s, &meta);
	if (r < 0) {
		r = refused(sub->name, s, r);
	} else if (ledger_meta_fits(c, sub, cluster, &meta, why, sizeof(why))) {
		printf("%s: the ledger is of this configuration already\n", sub->name);
		r = EXIT_YES;
	} else {
		printf("%s\n", why);
		to = meta;
		snprintf(to.cluster, sizeof(to.cluster), "%s", cluster);
		snprintf(to.group, sizeof(to.group), "%s", sub->group);
		to.id_rule = ledger_id_rule(sub);
		r = commit(sub->name, s, &meta, &to);
		if (r == EXIT_YES)
			printf("%s: accepted; hosts with the old configuration are refused from now on\n",
			    sub->name);
	}
	s->ops->free(s);
	return r;
}

static int upgrade(const struct config *c, const char *name)
{
	struct store *s = redis_store_new(c, name);
	struct seen seen = { .ids = 0 };
	struct ledger_meta to;
	int r = s == NULL ? -ENOMEM : look(s, &seen);

	if (r < 0) {
		r = s == NULL ? EXIT_INTERNAL : refused(name, s, r);
	} else if (seen.meta.rules >= LEDGER_RULES) {
		printf("%s: format %u with rules %u is the newest that this version knows\n", name,
		    seen.meta.format, seen.meta.rules);
		r = EXIT_YES;
	} else {
		r = EXIT_YES;
		for (size_t i = 0; i < seen.sessions.n; i++) {
			const struct store_lease *l = &seen.sessions.leases[i];

			if (l->end_us < seen.sessions.now_us || l->rules >= LEDGER_RULES)
				continue;
			fprintf(stderr, "semel ledger: %s: node %s knows rules %u only: upgrade it first\n",
			    name, l->owner, l->rules);
			r = EXIT_NO;
		}
		to = seen.meta;
		to.rules = LEDGER_RULES;
		if (r == EXIT_YES)
			r = commit(name, s, &seen.meta, &to);
	}
	if (s != NULL)
		s->ops->free(s);
	return r;
}

/* ---- accept-loss: the daemon does it */

static int accept_loss(const struct cli_options *o, const char *sub)
{
	struct buf body = { NULL, 0, 0 }, path = { NULL, 0, 0 };
	int code, r;

	buf_text(&path, "/v1/ledger/accept-loss");
	if (sub != NULL)
		buf_printf(&path, "?subscription=%s", sub);
	r = cli_ask(o, "POST", path.data, &body, &code);
	if (r == 0 && code != 200) {
		fputs(body.data == NULL ? "" : body.data, stderr);
		r = EXIT_NO;
	} else if (r == 0) {
		printf("accepted: ids that were recorded in what is gone may be handled again\n");
	}
	buf_free(&path);
	buf_free(&body);
	return r;
}

/* ---- The command */

static int on_each(const struct config *c, const struct cli_options *o, const char *verb, const char *only)
{
	bool found = false;
	int worst = EXIT_YES;

	for (size_t i = 0; i < c->n_subscriptions; i++) {
		const struct config_subscription *sub = &c->subscriptions[i];
		int r;

		if (only != NULL && strcmp(only, sub->name) != 0)
			continue;
		found = true;
		r = strcmp(verb, "status") == 0          ? status(c, sub->name, o->json)
		    : strcmp(verb, "accept-config") == 0 ? accept_config(c, sub)
							 : upgrade(c, sub->name);
		worst = r > worst ? r : worst;
	}
	if (!found) {
		fprintf(stderr, "semel ledger: there is no subscription %s in %s\n", only, o->config);
		return EXIT_NO;
	}
	return worst;
}

int cmd_ledger(int argc, char **argv)
{
	struct cli_options o;
	struct config *c;
	const char *verb, *sub;
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	verb = o.argc > 0 ? o.argv[0] : "";
	sub = o.argc > 1 ? o.argv[1] : NULL;
	if (o.argc > 2 || (strcmp(verb, "status") != 0 && strcmp(verb, "accept-loss") != 0 &&
			      strcmp(verb, "accept-config") != 0 && strcmp(verb, "upgrade") != 0))
		return cli_usage(
		    argv[0], "expected status, accept-loss, accept-config or upgrade, and a subscription");
	if (strcmp(verb, "accept-loss") == 0)
		return accept_loss(&o, sub);
	if (keyed_hash_setup() < 0)
		return EXIT_INTERNAL;
	r = cli_load(&o, &c);
	if (r == 0)
		r = on_each(c, &o, verb, sub);
	config_free(c);
	return r;
}
