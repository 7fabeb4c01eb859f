#include "cli/snapshot.h"

#include "adapters/json.h"

#include <stdio.h>
#include <stdlib.h>

/* A document, and a place in it that names are looked up below. */
struct place {
	struct snapshot *s;
	const struct json_doc *d;
	char at[256];
};

static struct place below(const struct place *p, const char *name, size_t i)
{
	struct place q = { p->s, p->d, "" };

	snprintf(q.at, sizeof(q.at), "%.200s/%s/%zu", p->at, name, i);
	return q;
}

/* True if there is something at name; a scalar's text in *value. */
static bool look(const struct place *p, const char *name, struct buf *value, bool *ret_exists)
{
	char pointer[320];

	snprintf(pointer, sizeof(pointer), "%s%s%s", p->at, name[0] == '\0' ? "" : "/", name);
	return json_pointer(p->d, pointer, value, ret_exists) == 1;
}

static bool there(const struct place *p, const char *name)
{
	struct buf value = { NULL, 0, 0 };
	bool exists = false;

	look(p, name, &value, &exists);
	buf_free(&value);
	return exists;
}

/* "" if there is none.  A NUL within the text ends it. */
static const char *text_at(const struct place *p, const char *name)
{
	struct buf value = { NULL, 0, 0 };
	struct snapshot *s = p->s;

	buf_add(&value, "", 0);
	look(p, name, &value, NULL);
	if (s->n_texts == s->cap_texts) {
		s->cap_texts = s->cap_texts == 0 ? 256 : 2 * s->cap_texts;
		s->texts = realloc(s->texts, s->cap_texts * sizeof(*s->texts));
		if (s->texts == NULL)
			abort();
	}
	return s->texts[s->n_texts++] = value.data;
}

static double number_at(const struct place *p, const char *name)
{
	struct buf value = { NULL, 0, 0 };
	double n = look(p, name, &value, NULL) ? strtod(value.data, NULL) : NOT_KNOWN;

	buf_free(&value);
	return n;
}

/* Of the list at name: its elements, all zero. */
static void *elements(const struct place *p, const char *name, size_t size, size_t *ret_n)
{
	size_t n = 0;
	void *list;

	for (struct place e = below(p, name, 0); there(&e, ""); e = below(p, name, n))
		n++;
	list = calloc(n + 1, size);
	if (list == NULL)
		abort();
	*ret_n = n;
	return list;
}

/* ---- A subscription */

static double sum_of(const struct place *p, const char *group, const char *const *names)
{
	double sum = 0, n;
	char name[64];

	for (; *names != NULL; names++) {
		snprintf(name, sizeof(name), "counts/%s/%s", group, *names);
		if ((n = number_at(p, name)) > 0)
			sum += n;
	}
	return sum;
}

static void take_counts(const struct place *p, struct snap_sub *sub)
{
	static const char *const outcomes[] = { "ok", "retry", "reject", "skip", "cancelled", NULL };
	static const char *const failures[] = { "retry", "reject", NULL };
	static const char *const reasons[] = { "rejected", "exhausted", "crashed", "timeout", "no_id",
		"bad_id", "id_conflict", "unrouted", "too_old", "oversize", "operator", NULL };

	sub->counted = there(p, "counts");
	sub->consumed = number_at(p, "counts/consumed");
	sub->duplicates = number_at(p, "counts/duplicates");
	sub->handled = sub->counted ? sum_of(p, "handled", outcomes) : NOT_KNOWN;
	sub->failed = sub->counted ? sum_of(p, "handled", failures) : NOT_KNOWN;
	sub->dead = sub->counted ? sum_of(p, "dead_letters", reasons) : NOT_KNOWN;
}

static struct snap_remedy *take_remedies(const struct place *p, const char *name, size_t *ret_n)
{
	struct snap_remedy *list = elements(p, name, sizeof(*list), ret_n);

	for (size_t i = 0; i < *ret_n; i++) {
		struct place at = below(p, name, i);

		list[i] = (struct snap_remedy){ text_at(&at, "type"), text_at(&at, "to") };
	}
	return list;
}

static void take_partition(const struct place *p, struct snap_partition *part)
{
	bool text = there(p, "oldest/id");

	*part = (struct snap_partition){
		.topic = text_at(p, "topic"),
		.partition = text_at(p, "partition"),
		.state = text_at(p, "state"),
		.reason = text_at(p, "reason"),
		.position = number_at(p, "position"),
		.committed = number_at(p, "committed"),
		.lag = number_at(p, "lag"),
		.oldest_seconds = number_at(p, "oldest_seconds"),
		.oldest_offset = number_at(p, "oldest_offset"),
		.oldest_id = text_at(p, text ? "oldest/id" : "oldest/id_base64"),
		.oldest_is_text = text,
		.oldest_doing = text_at(p, "oldest/doing"),
	};
	part->remedies = take_remedies(p, "oldest/remedies", &part->n_remedies);
}

static void take_partitions(const struct place *p, struct snap_sub *sub)
{
	sub->partitions = elements(p, "partitions", sizeof(*sub->partitions), &sub->n_partitions);
	sub->lag = NOT_KNOWN;
	for (size_t i = 0; i < sub->n_partitions; i++) {
		struct place at = below(p, "partitions", i);

		take_partition(&at, &sub->partitions[i]);
		if (sub->partitions[i].lag >= 0)
			sub->lag = (sub->lag < 0 ? 0 : sub->lag) + sub->partitions[i].lag;
	}
}

static void take_sub(const struct place *p, struct snap_sub *sub)
{
	bool oldest = there(p, "oldest/topic"), text = there(p, "oldest/id");

	*sub = (struct snap_sub){
		.name = text_at(p, "name"),
		.state = text_at(p, "state"),
		.reason = text_at(p, "reason"),
		.in_flight = number_at(p, "in_flight"),
		.max_in_flight = number_at(p, "max_in_flight"),
		.waiting = number_at(p, "waiting"),
		.oldest_seconds = oldest ? number_at(p, "oldest_seconds") : NOT_KNOWN,
		.oldest_id = text_at(p, text ? "oldest/id" : "oldest/id_base64"),
		.oldest_doing = text_at(p, "oldest/doing"),
		.ledger = text_at(p, "ledger/state"),
		.ids = number_at(p, "ledger/entries"),
		.ledger_bytes = number_at(p, "ledger/bytes"),
	};
	take_counts(p, sub);
	take_partitions(p, sub);
	sub->remedies = take_remedies(p, "remedies", &sub->n_remedies);
}

/* ---- Handlers, and the engine */

static void take_handler(const struct place *p, struct snap_handler *h)
{
	*h = (struct snap_handler){
		.name = text_at(p, "name"),
		.plugin = text_at(p, "plugin"),
		.version = text_at(p, "version"),
		.reason = text_at(p, "reason"),
		.busy = number_at(p, "busy"),
		.workers = number_at(p, "workers"),
		.stuck = number_at(p, "stuck"),
		.runs = number_at(p, "runs"),
		.run_seconds = number_at(p, "run_seconds"),
	};
	h->state = h->reason[0] != '\0' ? "missing"
		   : h->stuck > 0       ? "stuck"
		   : h->runs < 0        ? "starting"
					: "ready";
}

static void take_engine(const struct place *root)
{
	struct place p = { root->s, root->d, "/engine" };
	struct snapshot *s = root->s;

	s->pid = text_at(&p, "pid");
	s->started = number_at(&p, "started");
	s->next_start_ms = number_at(&p, "next_start_ms");
	s->restarts = number_at(&p, "restarts");
	s->exit_at = number_at(&p, "last_exit/at");
	s->exit_cause = text_at(&p, "last_exit/cause");
	s->exit_by = text_at(&p, "last_exit/by");
	s->exit_inside = text_at(&p, "last_exit/inside");
	s->events = elements(&p, "last_exit/events", sizeof(*s->events), &s->n_events);
	for (size_t i = 0; i < s->n_events; i++) {
		struct place at = below(&p, "last_exit/events", i);
		bool text = there(&at, "id");

		s->events[i] = (struct snap_event){ text_at(&at, "blame"), text_at(&at, "handler"),
			text_at(&at, "topic"), text_at(&at, "partition"), text_at(&at, "offset"),
			text_at(&at, text ? "id" : "id_base64"), text };
	}
}

int snapshot_parse(struct bytes body, struct snapshot **ret_snapshot, char *why, size_t size)
{
	struct snapshot *s;
	struct json_doc *d;
	struct place root;
	int r = json_parse(body, &d, why, size);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		abort();
	root = (struct place){ s, d, "" };
	s->node = text_at(&root, "node");
	s->version = text_at(&root, "version");
	s->state = text_at(&root, "state");
	s->time = number_at(&root, "time");
	take_engine(&root);
	s->subs = elements(&root, "subscriptions", sizeof(*s->subs), &s->n_subs);
	for (size_t i = 0; i < s->n_subs; i++) {
		struct place at = below(&root, "subscriptions", i);

		take_sub(&at, &s->subs[i]);
	}
	s->handlers = elements(&root, "handlers", sizeof(*s->handlers), &s->n_handlers);
	for (size_t i = 0; i < s->n_handlers; i++) {
		struct place at = below(&root, "handlers", i);

		take_handler(&at, &s->handlers[i]);
	}
	json_free(d);
	*ret_snapshot = s;
	return 0;
}

void snapshot_free(struct snapshot *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_texts; i++)
		free(s->texts[i]);
	for (size_t i = 0; i < s->n_subs; i++) {
		for (size_t k = 0; k < s->subs[i].n_partitions; k++)
			free(s->subs[i].partitions[k].remedies);
		free(s->subs[i].partitions);
		free(s->subs[i].remedies);
	}
	free(s->texts);
	free(s->subs);
	free(s->handlers);
	free(s->events);
	free(s);
}
