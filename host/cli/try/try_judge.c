#include "cli/try/try_judge.h"

#include <semel/handler.h>
#include <stdlib.h>

/* ---- Counting */

static void count_record(struct try_verdict *v, const struct seen_record *r)
{
	v->emitted += r->emitted;
	v->conflicts += r->conflict;
	if (!r->finished) {
		v->unfinished++;
		return;
	}
	switch ((enum seen_end)r->end) {
	case SEEN_HANDLED: v->handled++; break;
	case SEEN_DUPLICATE: v->duplicates++; break;
	case SEEN_LETTER:
		v->letters++;
		v->reasons[r->reason]++;
		break;
	case SEEN_DROPPED: v->dropped++; break;
	case SEEN_UNROUTED: v->unrouted++; break;
	case SEEN_UNFINISHED: break;
	}
}

/* The host may run an id again, unmarked, only if it knows how the run before it had ended. */
static void count_again(struct try_verdict *v, const struct seen_run *before, const struct seen_run *run)
{
	bool known = !before->paused && !before->killed && before->outcome != SEEN_DIED &&
		     before->outcome != SEEN_OPEN;

	if (known && (before->outcome == SEMEL_RETRY || before->outcome == SEMEL_CANCELLED))
		v->asked++;
	else if (run->redelivered)
		v->marked++;
	else
		v->unmarked++;
}

static void count_run(struct try_verdict *v, const struct seen *s, uint32_t i)
{
	const struct seen_run *run = &s->runs[i];
	struct try_id *id = &v->ids[s->events->records[run->record].same];

	const struct seen_run *before = id->last == 0 ? NULL : &s->runs[id->last - 1];

	/* The claims' order counts: a host that stood still may begin after the one that has taken over. */
	if (before != NULL && run->attempt < before->attempt)
		count_again(v, run, before);
	else if (before != NULL)
		count_again(v, before, run);
	if (before == NULL || run->attempt >= before->attempt)
		id->last = i + 1;
	id->runs++;
	id->marked += run->redelivered;
	id->ok = id->ok || run->outcome == SEMEL_OK;
	v->late += run->timed_out;
	if (run->outcome >= 0 && run->outcome < 6)
		v->outcomes[run->outcome]++;
	v->died += run->outcome == SEEN_DIED;
}

static void count_ids(struct try_verdict *v, const struct seen *s)
{
	for (size_t i = 0; i < s->events->n_records; i++) {
		const struct try_record *r = &s->events->records[i];

		if (r->id.data == NULL || r->same != i)
			continue;
		v->n_ids++;
		v->n_ok += v->ids[i].ok;
		v->never += v->ids[i].runs == 0;
		v->once += v->ids[i].runs == 1;
		v->again += v->ids[i].runs > 1;
	}
}

/* ---- What is wrong */

static void fault(struct try_verdict *v, size_t n, const char *one, const char *many)
{
	if (n > 0)
		buf_printf(&v->faults, "%zu %s\n", n, n == 1 ? one : many);
}

static void judge_result(struct try_verdict *v, const struct try_options *o, const struct try_result *r)
{
	if (r->interrupted)
		buf_text(&v->faults, "interrupted\n");
	if (r->late)
		buf_text(&v->faults, "not finished in time (--within)\n");
	if (r->given_up)
		buf_text(&v->faults, "given up: process after process died, and no event was finished\n");
	if (r->host_status != 0)
		buf_printf(&v->faults, "the host ended with status %d\n", r->host_status);
	if (o->crash_after > 0 && !r->crashed)
		buf_printf(&v->faults, "--crash-after %u: fewer runs ended well, so nothing was killed\n",
		    o->crash_after);
	if (o->lease_loss && !r->paused)
		buf_text(&v->faults, "--lease-loss: no handler ran\n");
}

void try_judge(const struct try_options *o, const struct seen *s, const struct try_result *result,
    struct try_verdict *ret_verdict)
{
	struct try_verdict *v = ret_verdict;

	*v = (struct try_verdict){ .ids = calloc(s->events->n_records, sizeof(*v->ids)), .runs = s->n_runs };
	if (v->ids == NULL)
		abort();
	for (size_t i = 0; i < s->events->n_records; i++)
		count_record(v, &s->records[i]);
	for (size_t i = 0; i < s->n_runs; i++)
		count_run(v, s, (uint32_t)i);
	count_ids(v, s);
	judge_result(v, o, result);
	fault(v, v->unfinished, "record is not finished", "records are not finished");
	fault(v, v->unmarked, "run repeats one without being marked redelivered: a fault of the host",
	    "runs repeat others without being marked redelivered: a fault of the host");
	fault(v, v->reasons[DLQ_CRASHED], "event crashes the handler", "events crash the handler");
	fault(v, v->reasons[DLQ_TIMEOUT], "event never ends: past max_run", "events never end: past max_run");
	fault(
	    v, v->reasons[DLQ_EXHAUSTED], "event failed at every attempt", "events failed at every attempt");
}

void try_verdict_free(struct try_verdict *v)
{
	free(v->ids);
	buf_free(&v->faults);
}
