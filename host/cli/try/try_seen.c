#include "cli/try/try_seen.h"

#include <stdio.h>
#include <stdlib.h>

/* Shown of the topics of one event. */
#define TOPICS_MAX 200

void seen_init(struct seen *s, const struct try_events *e)
{
	*s = (struct seen){ .events = e, .records = calloc(e->n_records, sizeof(struct seen_record)) };
	if (s->records == NULL)
		abort();
}

void seen_free(struct seen *s)
{
	for (size_t i = 0; s->records != NULL && i < s->events->n_records; i++) {
		free(s->records[i].letter_why);
		free(s->records[i].topics);
		buf_free(&s->records[i].bodies);
	}
	for (size_t i = 0; i < s->n_runs; i++)
		free(s->runs[i].why);
	free(s->records);
	free(s->runs);
	free(s->open);
}

static void *room(void *old, size_t n, size_t size)
{
	void *p = (n & (n - 1)) != 0 ? old : realloc(old, (n == 0 ? 1 : 2 * n) * size);

	if (p == NULL)
		abort();
	return p;
}

static char *text_of(const struct try_note *n)
{
	return n->text_len == 0 ? NULL : strndup(n->text, n->text_len);
}

/* ---- Runs */

static void begin(struct seen *s, const struct try_note *n)
{
	struct seen_record *r = &s->records[n->record];
	uint32_t i = (uint32_t)s->n_runs;

	s->runs = room(s->runs, s->n_runs, sizeof(*s->runs));
	s->runs[s->n_runs++] = (struct seen_run){ .record = n->record,
		.attempt = n->attempt,
		.outcome = SEEN_OPEN,
		.redelivered = n->redelivered,
		.host = n->host,
		.pid = n->pid,
		.at = (uint32_t)s->n_open };
	if (r->last != 0)
		s->runs[r->last - 1].next = i + 1;
	else
		r->first = i + 1;
	r->last = i + 1;
	s->open = room(s->open, s->n_open, sizeof(*s->open));
	s->open[s->n_open++] = i;
}

static void close_run(struct seen *s, struct seen_run *run, int outcome, char *why)
{
	uint32_t last = s->open[--s->n_open];

	s->open[run->at] = last;
	s->runs[last].at = run->at;
	run->outcome = outcome;
	run->why = why;
}

/* The open run of that record in that process; NULL: none. */
static struct seen_run *open_run(struct seen *s, const struct try_note *n)
{
	for (uint32_t i = s->records[n->record].first; i != 0; i = s->runs[i - 1].next)
		if (s->runs[i - 1].outcome == SEEN_OPEN && s->runs[i - 1].pid == n->pid)
			return &s->runs[i - 1];
	return NULL;
}

static void end(struct seen *s, const struct try_note *n)
{
	struct seen_run *run = open_run(s, n);

	if (run == NULL)
		return;
	close_run(s, run, n->outcome, text_of(n));
	run->timed_out = n->timed_out;
	run->killed = n->killed;
	run->us = n->us;
	run->retry_ms = n->retry_ms;
}

void seen_death(struct seen *s, unsigned host, int32_t pid, const char *how)
{
	for (size_t i = s->n_open; i-- > 0;)
		if (s->runs[s->open[i]].pid == pid)
			close_run(s, &s->runs[s->open[i]], SEEN_DIED, strdup(how));
	s->died[host]++;
}

/* ---- What became of it */

static void finish(struct seen *s, const struct try_note *n)
{
	struct seen_record *r = &s->records[n->record];

	if (r->finished)
		return;
	r->finished = true;
	s->finished++;
	s->died[n->host] = 0;
	if (r->end == SEEN_UNFINISHED)
		r->end = SEEN_HANDLED;
}

static void letter(struct seen_record *r, const struct try_note *n)
{
	r->end = SEEN_LETTER;
	r->reason = n->reason;
	free(r->letter_why);
	r->letter_why = text_of(n);
}

static void note(struct seen *s, const struct try_note *n)
{
	struct seen_record *r = &s->records[n->record];

	/* Delivered again after a crash, because its offset was not committed yet. */
	if (r->finished)
		return;
	switch ((enum flow_note)n->note) {
	case FLOW_DUPLICATE:
		/* One that ran here was recorded by the engine that came after. */
		if (r->first == 0)
			r->end = SEEN_DUPLICATE;
		break;
	case FLOW_CONFLICT: r->conflict = true; break;
	case FLOW_UNROUTED:
		if (r->end == SEEN_UNFINISHED)
			r->end = SEEN_UNROUTED;
		break;
	case FLOW_DEAD_LETTER: letter(r, n); break;
	case FLOW_DROPPED: r->end = SEEN_DROPPED; break;
	default: break;
	}
}

static void add_topic(struct seen_record *r, const char *topic)
{
	char *topics = NULL;

	if (r->topics == NULL) {
		r->topics = strdup(topic);
	} else if (strlen(r->topics) < TOPICS_MAX && strstr(r->topics, topic) == NULL &&
		   asprintf(&topics, "%s, %s", r->topics, topic) >= 0) {
		free(r->topics);
		r->topics = topics;
	}
}

static void emitted(struct seen_record *r, const struct try_note *n)
{
	size_t len = strnlen(n->text, n->text_len);

	if (len++ == n->text_len)
		return;
	r->emitted++;
	add_topic(r, n->text);
	buf_text(&r->bodies, r->bodies.len > 0 ? "," : "");
	buf_add(&r->bodies, n->text + len, n->text_len - len);
}

void seen_take(struct seen *s, const struct try_note *n)
{
	switch ((enum try_note_kind)n->kind) {
	case TRY_BEGUN: begin(s, n); break;
	case TRY_ENDED: end(s, n); break;
	case TRY_FINISHED: finish(s, n); break;
	case TRY_NOTED: note(s, n); break;
	case TRY_EMITTED: emitted(&s->records[n->record], n); break;
	case TRY_PAUSED:
		/* Its begin was told just before. */
		s->runs[s->records[n->record].last - 1].paused = true;
		break;
	case TRY_STARTED:
	case TRY_STORE: break;
	}
}
