#include "cli/try/try_seen.h"

#include <stdio.h>
#include <stdlib.h>

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
		.pid = n->pid };
	if (r->last != 0)
		s->runs[r->last - 1].next = i + 1;
	else
		r->first = i + 1;
	r->last = i + 1;
	s->open = room(s->open, s->n_open, sizeof(*s->open));
	s->open[s->n_open++] = i;
}

/* The open run of that record in that process; NULL: none. */
static struct seen_run *open_run(struct seen *s, const struct try_note *n, size_t *ret_at)
{
	for (size_t i = 0; i < s->n_open; i++) {
		struct seen_run *run = &s->runs[s->open[i]];

		*ret_at = i;
		if (run->record == n->record && run->pid == n->pid)
			return run;
	}
	return NULL;
}

static void end(struct seen *s, const struct try_note *n)
{
	size_t at;
	struct seen_run *run = open_run(s, n, &at);

	if (run == NULL)
		return;
	s->open[at] = s->open[--s->n_open];
	run->outcome = n->outcome;
	run->timed_out = n->timed_out;
	run->killed = n->killed;
	run->us = n->us;
	run->retry_ms = n->retry_ms;
	run->why = text_of(n);
}

void seen_death(struct seen *s, unsigned host, int32_t pid, const char *how)
{
	for (size_t i = s->n_open; i-- > 0;) {
		struct seen_run *run = &s->runs[s->open[i]];

		if (run->pid != pid)
			continue;
		run->outcome = SEEN_DIED;
		run->why = strdup(how);
		s->open[i] = s->open[--s->n_open];
	}
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

static void emitted(struct seen_record *r, const struct try_note *n)
{
	char *topics = NULL;

	r->emitted++;
	if (r->topics == NULL)
		r->topics = strndup(n->text, n->text_len);
	else if (strlen(r->topics) < 200 && strstr(r->topics, strndupa(n->text, n->text_len)) == NULL &&
		 asprintf(&topics, "%s, %.*s", r->topics, (int)n->text_len, n->text) >= 0) {
		free(r->topics);
		r->topics = topics;
	}
}

void seen_take(struct seen *s, const struct try_note *n)
{
	switch ((enum try_note_kind)n->kind) {
	case TRY_STARTED: s->engines[n->host]++; break;
	case TRY_BEGUN: begin(s, n); break;
	case TRY_ENDED: end(s, n); break;
	case TRY_FINISHED: finish(s, n); break;
	case TRY_NOTED: note(s, n); break;
	case TRY_EMITTED: emitted(&s->records[n->record], n); break;
	case TRY_PAUSED:
		if (s->n_open > 0)
			s->runs[s->records[n->record].last - 1].paused = true;
		break;
	case TRY_STORE: break;
	}
}
