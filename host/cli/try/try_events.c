/* The events of a try, and in which order they are delivered. */
#include "cli/try/try.h"

#include "adapters/keyed_hash.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/event_file.h"
#include "engine/decode.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define TOPIC_MAX 249
/* A second copy is delivered within so many records. */
#define AGAIN_WITHIN 64

static void *grow(void *old, size_t n, size_t size)
{
	/* In steps of powers of two. */
	void *p = (n & (n - 1)) != 0 ? old : realloc(old, (n == 0 ? 1 : 2 * n) * size);

	if (p == NULL)
		abort();
	return p;
}

/* ---- Reading */

struct reading {
	struct try_events *e;
	const char *file;
	int64_t now_ms;
	size_t bad;
};

static bool is_topic(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL)
			return false;
	return n > 0 && n <= TOPIC_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void add_event(struct reading *r, struct json_event *json, unsigned line)
{
	struct try_events *e = r->e;

	e->list = grow(e->list, e->n, sizeof(*e->list));
	e->list[e->n] = (struct try_event){ .json = *json, .line = line };
	/* As a broker would: stamped once, however often it is delivered. */
	if (json->timestamp_ms < 0)
		e->list[e->n].json.timestamp_ms = r->now_ms;
	e->n++;
}

static int take(void *arg, struct json_event *json, unsigned line)
{
	struct reading *r = arg;

	if (!is_topic(json->topic)) {
		fprintf(stderr,
		    "%s:%u: error: \"%s\" is no name of a topic: letters, digits, . _ - up to %d\n", r->file,
		    line, json->topic, TOPIC_MAX);
		r->bad++;
		return 0;
	}
	add_event(r, json, line);
	*json = (struct json_event){ .topic = NULL };
	return 0;
}

static void make_up(struct reading *r, unsigned count)
{
	char line[160], why[64];

	for (unsigned i = 1; i <= count; i++) {
		struct json_event json;
		int n = snprintf(line, sizeof(line),
		    "{\"topic\":\"events\",\"key\":\"key-%u\",\"headers\":{\"event-id\":\"event-%u\"},\"payload\":{\"n\":%u}}",
		    i % 100, i, i);

		if (json_event_parse((struct bytes){ line, (size_t)n }, &json, why, sizeof(why)) == 0)
			add_event(r, &json, i);
	}
}

static int read_file(struct reading *r)
{
	size_t bad;
	int error = event_file_each(r->file, take, r, &bad);

	if (error < 0) {
		fprintf(stderr, "semel try: %s: %s\n", r->file, strerror(-error));
		return EXIT_NO;
	}
	r->bad += bad;
	if (r->bad > 0)
		fprintf(stderr, "semel try: %s: %zu line%s: nothing was run\n", r->file, r->bad,
		    r->bad == 1 ? " is no event" : "s are no events");
	else if (r->e->n == 0)
		fprintf(stderr, "semel try: %s: no events\n", r->file);
	return r->bad > 0 || r->e->n == 0 ? EXIT_NO : EXIT_YES;
}

/* ---- Delivery */

/* SplitMix64: the same numbers on every machine. */
static double chance(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static int topic_of(struct try_events *e, const char *name)
{
	for (size_t i = 0; i < e->n_topics; i++)
		if (strcmp(e->topics[i].name, name) == 0)
			return (int)i;
	if (e->n_topics == TRY_MAX_TOPICS)
		return -1;
	e->topics = grow(e->topics, e->n_topics, sizeof(*e->topics));
	e->topics[e->n_topics] = (struct try_topic){ .name = strdup(name) };
	return (int)e->n_topics++;
}

static void deliver(struct try_events *e, uint32_t event, bool again)
{
	struct try_record *r = &e->records[e->n_records];
	int topic = topic_of(e, e->list[event].json.topic);
	struct try_topic *t = &e->topics[topic];

	*r = (struct try_record){
		.event = event, .topic = (uint32_t)topic, .offset = (int64_t)t->n, .again = again
	};
	t->records = grow(t->records, t->n, sizeof(*t->records));
	t->records[t->n++] = (uint32_t)e->n_records++;
}

/* Which event comes again behind which: at place i, those that `next` chains from `first[i]`. */
struct copies {
	uint32_t *first, *next; /* event + 1; 0: none */
};

static struct copies plan_copies(const struct try_events *e, const struct try_options *o)
{
	struct copies c = { calloc(e->n, sizeof(uint32_t)), calloc(e->n, sizeof(uint32_t)) };
	uint64_t state = o->seed;

	if (c.first == NULL || c.next == NULL)
		abort();
	for (size_t i = 0; i < e->n; i++) {
		double far;
		size_t at;

		if (chance(&state) >= o->duplicates)
			continue;
		/* Rather soon than late: a producer that sends again does it at once. */
		far = chance(&state);
		at = i + (size_t)(far * far * AGAIN_WITHIN);
		at = at < e->n ? at : e->n - 1;
		c.next[i] = c.first[at];
		c.first[at] = (uint32_t)i + 1;
	}
	return c;
}

static int plan(struct try_events *e, const struct try_options *o)
{
	struct copies c = plan_copies(e, o);
	int status = EXIT_YES;

	e->records = calloc(2 * e->n, sizeof(*e->records));
	if (e->records == NULL)
		abort();
	for (size_t i = 0; i < e->n; i++)
		if (topic_of(e, e->list[i].json.topic) < 0)
			status = EXIT_NO;
	for (size_t i = 0; i < e->n && status == EXIT_YES; i++) {
		deliver(e, (uint32_t)i, false);
		for (uint32_t k = c.first[i]; k != 0; k = c.next[k - 1])
			deliver(e, k - 1, true);
	}
	free(c.first);
	free(c.next);
	if (status != EXIT_YES)
		fprintf(stderr, "semel try: more than %d topics\n", TRY_MAX_TOPICS);
	return status;
}

int try_events_read(const struct try_options *o, struct try_events *ret_events)
{
	struct reading r = { .e = ret_events, .file = o->events, .now_ms = wall_ms() };
	int status = EXIT_YES;

	*ret_events = (struct try_events){ .list = NULL };
	if (o->events == NULL)
		make_up(&r, o->count);
	else
		status = read_file(&r);
	return status == EXIT_YES ? plan(ret_events, o) : status;
}

uint32_t try_events_find(const struct try_events *e, const char *topic, int64_t offset)
{
	for (size_t i = 0; i < e->n_topics; i++)
		if (e->topics[i].name == topic)
			return e->topics[i].records[offset];
	abort();
}

/* ---- Ids */

struct by_id {
	uint8_t hash[16];
	uint32_t record;
};

static int compare(const void *a, const void *b)
{
	const struct by_id *x = a, *y = b;
	int r = memcmp(x->hash, y->hash, sizeof(x->hash));

	return r != 0 ? r : (x->record > y->record) - (x->record < y->record);
}

static void keep_id(struct try_record *r, const struct event *ev)
{
	char *copy;

	r->fate = ev->fate;
	if (ev->id.len == 0 || ev->fate == FATE_NO_ID || ev->fate == FATE_BAD_ID)
		return;
	copy = malloc(ev->id.len);
	if (copy == NULL)
		abort();
	memcpy(copy, ev->id.data, ev->id.len);
	r->id = (struct bytes){ copy, ev->id.len };
}

void try_events_decode(struct try_events *e, const struct config *c)
{
	static const uint8_t key[16];
	struct decoder *d = decoder_new(c, &c->subscriptions[0], key, key);
	struct by_id *sorted = calloc(e->n_records, sizeof(*sorted));
	size_t n = 0;

	if (d == NULL || sorted == NULL)
		abort();
	for (size_t i = 0; i < e->n_records; i++) {
		struct try_record *r = &e->records[i];
		struct event ev = { .finished = false };

		r->same = (uint32_t)i;
		event_file_message(&e->list[r->event].json, r->offset, &ev.msg);
		decode_event(d, &ev, wall_ms());
		keep_id(r, &ev);
		if (r->id.data != NULL) {
			memcpy(sorted[n].hash, ev.id_hash, sizeof(sorted[n].hash));
			sorted[n++].record = (uint32_t)i;
		}
		event_clear(&ev);
	}
	qsort(sorted, n, sizeof(*sorted), compare);
	for (size_t i = 1; i < n; i++)
		if (memcmp(sorted[i].hash, sorted[i - 1].hash, sizeof(sorted[i].hash)) == 0)
			e->records[sorted[i].record].same = e->records[sorted[i - 1].record].same;
	free(sorted);
	decoder_free(d);
}

void try_events_free(struct try_events *e)
{
	for (size_t i = 0; i < e->n; i++)
		json_event_free(&e->list[i].json);
	for (size_t i = 0; i < e->n_records; i++)
		free((void *)(uintptr_t)e->records[i].id.data);
	for (size_t i = 0; i < e->n_topics; i++) {
		free(e->topics[i].name);
		free(e->topics[i].records);
	}
	free(e->list);
	free(e->records);
	free(e->topics);
}
