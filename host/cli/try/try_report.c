/* For people: a line a record, the sums, the verdict. */
#include "cli/try/try_report.h"

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/try/try_report_private.h"

#include <semel/handler.h>
#include <stdio.h>

/* More records: only those with something to tell, and of these so many. */
#define LINES_MAX 100

/* ---- A record */

static void put_run(struct buf *out, const struct seen_run *run)
{
	if (run->attempt > 1)
		buf_printf(out, "attempt %u ", run->attempt);
	if (run->redelivered)
		buf_text(out, "(redelivered) ");
	buf_text(out, try_outcome_name(run->outcome));
	if (run->outcome >= 0)
		buf_printf(out, " %.1f ms", (double)run->us / 1000);
	if (run->why != NULL) {
		buf_text(out, " ");
		buf_logfmt(out, bytes_of_text(run->why), 100);
	}
	if (run->outcome == SEMEL_RETRY && run->retry_ms >= 0)
		buf_printf(out, " in %lld ms", (long long)run->retry_ms);
	if (run->timed_out)
		buf_text(out, ", past its timeout");
	if (run->killed)
		buf_text(out, ", then SIGKILL before it was recorded");
	if (run->paused)
		buf_text(out, ", stood still until its lease was lost");
}

static void put_end(struct buf *out, const struct seen *s, uint32_t i)
{
	const struct seen_record *r = &s->records[i];
	const struct try_record *first = &s->events->records[s->events->records[i].same];

	if (out->len > 0 && (!r->finished || r->end != SEEN_HANDLED))
		buf_text(out, "; ");
	if (!r->finished) {
		buf_text(out, "not finished");
		return;
	}
	switch ((enum seen_end)r->end) {
	case SEEN_DUPLICATE:
		buf_printf(out, "duplicate of %s@%lld", s->events->topics[first->topic].name,
		    (long long)first->offset);
		break;
	case SEEN_LETTER:
		buf_printf(out, "dead letter: %s", dlq_reason_name((enum dlq_reason)r->reason));
		/* What the last run said is there already. */
		if (r->letter_why != NULL && (r->last == 0 || s->runs[r->last - 1].why == NULL ||
						 strcmp(s->runs[r->last - 1].why, r->letter_why) != 0)) {
			buf_text(out, ", ");
			buf_logfmt(out, bytes_of_text(r->letter_why), 160);
		}
		break;
	case SEEN_DROPPED: buf_text(out, "dropped"); break;
	case SEEN_UNROUTED: buf_text(out, "no route"); break;
	case SEEN_HANDLED:
	case SEEN_UNFINISHED: break;
	}
}

static void put_story(struct buf *out, const struct seen *s, uint32_t i)
{
	const struct seen_record *r = &s->records[i];

	for (uint32_t k = r->first; k != 0; k = s->runs[k - 1].next) {
		buf_text(out, k == r->first ? "" : "; ");
		put_run(out, &s->runs[k - 1]);
	}
	put_end(out, s, i);
	if (r->emitted > 0)
		buf_printf(out, "; emitted %u to %s", r->emitted, r->topics);
}

static void print_record(const struct seen *s, uint32_t i)
{
	const struct try_record *r = &s->events->records[i];
	struct buf place = { NULL, 0, 0 }, id = { NULL, 0, 0 }, story = { NULL, 0, 0 };

	buf_printf(&place, "%s@%lld", s->events->topics[r->topic].name, (long long)r->offset);
	if (r->id.data == NULL)
		buf_char(&id, '-');
	else
		try_put_id(&id, r->id);
	put_story(&story, s, i);
	printf("%-20s %-24s %s\n", place.data, id.data, story.data == NULL ? "" : story.data);
	buf_free(&place);
	buf_free(&id);
	buf_free(&story);
}

/* Whether it is more than an event that ended well at its first run, or a copy that was seen to be one. */
static bool is_notable(const struct seen *s, uint32_t i)
{
	const struct seen_record *r = &s->records[i];

	if (r->finished && r->end == SEEN_DUPLICATE && !r->conflict)
		return false;
	return !r->finished || r->end != SEEN_HANDLED || r->first == 0 || r->first != r->last ||
	       s->runs[r->first - 1].outcome != SEMEL_OK || s->runs[r->first - 1].timed_out ||
	       s->runs[r->first - 1].killed;
}

static void print_records(const struct try_options *o, const struct seen *s)
{
	bool all = o->verbose || s->events->n_records <= LINES_MAX;
	size_t printed = 0, left = 0, plain = 0;

	for (uint32_t i = 0; i < s->events->n_records; i++) {
		bool notable = is_notable(s, i);

		if (all || (notable && printed < LINES_MAX)) {
			print_record(s, i);
			printed++;
		} else {
			left += notable;
			plain += !notable;
		}
	}
	if (left > 0)
		printf("... and %zu more like these\n", left);
	if (plain > 0)
		printf("%s%zu ended well at the first run, or were duplicates; --verbose prints all\n",
		    printed > 0 ? "... and " : "", plain);
}

/* ---- The sums */

static void print_records_line(const struct seen *s, const struct try_verdict *v)
{
	printf("records   %zu: %zu handled, %zu duplicates", s->events->n_records, v->handled, v->duplicates);
	if (v->letters > 0)
		printf(", %zu dead letter%s", v->letters, v->letters == 1 ? "" : "s");
	for (unsigned i = 0, n = 0; i < DLQ_N_REASONS; i++)
		if (v->reasons[i] > 0)
			printf("%s%zu %s", n++ == 0 ? " (" : ", ", v->reasons[i],
			    dlq_reason_name((enum dlq_reason)i));
	printf("%s", v->letters > 0 ? ")" : "");
	if (v->dropped > 0)
		printf(", %zu dropped", v->dropped);
	if (v->unfinished > 0)
		printf(", %zu not finished", v->unfinished);
	if (v->emitted > 0)
		printf("; %zu records emitted", v->emitted);
	printf("\n");
}

static void print_sums(const struct try_options *o, const struct seen *s, const struct try_result *result,
    const struct try_verdict *v)
{
	unsigned n = 0;

	print_records_line(s, v);
	printf("runs      %zu", v->runs);
	for (int i = 0; i < 6; i++)
		if (v->outcomes[i] > 0)
			printf("%s%zu %s", n++ == 0 ? ": " : ", ", v->outcomes[i], try_outcome_name(i));
	if (v->died > 0)
		printf("%s%zu ended with the process", n == 0 ? ": " : ", ", v->died);
	printf("\nids       %zu: %zu run once", v->n_ids, v->once);
	if (v->never > 0)
		printf(", %zu never", v->never);
	printf(", %zu again", v->again);
	if (v->again > 0)
		printf(" (%zu runs after RETRY, %zu marked redelivered, %zu neither)", v->asked, v->marked,
		    v->unmarked);
	printf("\nhost      %u process%s, %.2f s", result->engines, result->engines == 1 ? "" : "es",
	    (double)result->us / 1e6);
	if (o->duplicates > 0)
		printf(", seed %llu", (unsigned long long)o->seed);
	printf("\n");
}

/* ---- The verdict */

static void print_probe(const struct try_verdict *v)
{
	printf("effects   %zu: %zu of %zu ids that ended OK have exactly one, %zu repeated, %zu missing",
	    v->effects, v->exact, v->n_ok, v->repeated, v->missing);
	if (v->beside > 0)
		printf(", %zu of ids that did not end OK", v->beside);
	if (v->unknown > 0)
		printf("; %zu lines name no id of this try", v->unknown);
	printf("\n");
}

static void print_verdict(const struct try_verdict *v)
{
	bool colours = cli_colours();
	bool good = v->faults.len == 0;

	printf("verdict   %s%s%s", colours ? (good ? "\033[32m" : "\033[31m") : "",
	    good ? "good" : "not good", colours ? "\033[0m" : "");
	if (good && v->probed)
		printf(": each id that ended OK has exactly one effect");
	else if (good && v->marked == 0)
		printf(": no run repeats one whose end was not known");
	else if (good)
		printf(": each run that may repeat an effect is marked redelivered");
	printf("\n");
	for (char *line = v->faults.data, *end; !good && *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		printf("  - %.*s\n", (int)(end - line), line);
	}
	if (!v->probed)
		printf(
		    "          Effects are not seen from here: this is what the handler was told, not what it did.  --probe\n"
		    "          COMMAND counts them.\n");
}

void try_report(const struct try_options *o, const struct try_config *c, const struct seen *s,
    const struct try_result *result, const struct try_verdict *v)
{
	if (o->json) {
		try_report_json(o, c, s, result, v);
		return;
	}
	print_records(o, s);
	printf(
	    "\nhandler   %s %s, %s\n", c->facts.name, c->facts.version, c->config->handlers[0].plugin_file);
	print_sums(o, s, result, v);
	if (v->probed)
		print_probe(v);
	print_verdict(v);
}
