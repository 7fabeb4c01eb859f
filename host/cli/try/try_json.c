/* For machines: one document, a line a record. */
#include "cli/try/try_report_private.h"

#include <stdio.h>

const char *try_outcome_name(int outcome)
{
	static const char *const names[] = { "ok", "retry", "reject", "skip", "async", "cancelled" };

	if (outcome == SEEN_DIED)
		return "died";
	return outcome >= 0 && outcome < 6 ? names[outcome] : "open";
}

static const char *bool_name(bool b)
{
	return b ? "true" : "false";
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(out, ",\"%s\":", name);
	buf_json_string(out, bytes_of_text(text));
}

static void put_run(struct buf *out, const struct seen_run *run)
{
	buf_printf(out,
	    "{\"attempt\":%u,\"redelivered\":%s,\"outcome\":\"%s\",\"ms\":%.3f,\"timed_out\":%s,\"killed\":%s,\"paused\":%s",
	    run->attempt, bool_name(run->redelivered), try_outcome_name(run->outcome), (double)run->us / 1000,
	    bool_name(run->timed_out), bool_name(run->killed), bool_name(run->paused));
	if (run->retry_ms >= 0 && run->outcome == 1)
		buf_printf(out, ",\"retry_ms\":%lld", (long long)run->retry_ms);
	put_text(out, "why", run->why);
	buf_char(out, '}');
}

static void put_record(struct buf *out, const struct seen *s, uint32_t i, const struct try_verdict *v)
{
	static const char *const ends[] = { "open", "handled", "duplicate", "dead_letter", "dropped",
		"unrouted" };
	const struct try_record *r = &s->events->records[i];
	const struct seen_record *seen = &s->records[i];

	buf_text(out, "{\"topic\":");
	buf_json_string(out, bytes_of_text(s->events->topics[r->topic].name));
	buf_printf(out, ",\"offset\":%lld,\"line\":%u,\"again\":%s,", (long long)r->offset,
	    s->events->list[r->event].line, bool_name(r->again));
	buf_json_bytes(out, "id", r->id);
	buf_printf(out, ",\"end\":\"%s\",\"conflict\":%s", seen->finished ? ends[seen->end] : "unfinished",
	    bool_name(seen->conflict));
	if (seen->end == SEEN_LETTER)
		put_text(out, "reason", dlq_reason_name((enum dlq_reason)seen->reason));
	put_text(out, "detail", seen->letter_why);
	if (seen->emitted > 0)
		buf_printf(out, ",\"emitted\":[%s]", seen->bodies.len > 0 ? seen->bodies.data : "");
	if (v->probed && r->same == i && r->id.data != NULL)
		buf_printf(out, ",\"effects\":%u", v->ids[i].effects);
	buf_text(out, ",\"runs\":[");
	for (uint32_t k = seen->first; k != 0; k = s->runs[k - 1].next) {
		buf_text(out, k == seen->first ? "" : ",");
		put_run(out, &s->runs[k - 1]);
	}
	buf_text(out, "]}");
}

static void put_sums(
    struct buf *out, const struct seen *s, const struct try_result *result, const struct try_verdict *v)
{
	buf_printf(out,
	    "{\"records\":%zu,\"handled\":%zu,\"duplicates\":%zu,\"dead_letters\":%zu,\"dropped\":%zu,"
	    "\"unrouted\":%zu,\"unfinished\":%zu,\"conflicts\":%zu,\"emitted\":%zu,\"reasons\":{",
	    s->events->n_records, v->handled, v->duplicates, v->letters, v->dropped, v->unrouted,
	    v->unfinished, v->conflicts, v->emitted);
	for (unsigned i = 0, n = 0; i < DLQ_N_REASONS; i++)
		if (v->reasons[i] > 0)
			buf_printf(out, "%s\"%s\":%zu", n++ > 0 ? "," : "",
			    dlq_reason_name((enum dlq_reason)i), v->reasons[i]);
	buf_printf(out, "},\"runs\":%zu,\"died\":%zu,\"late\":%zu,\"outcomes\":{", v->runs, v->died, v->late);
	for (int i = 0, n = 0; i < 6; i++)
		if (v->outcomes[i] > 0)
			buf_printf(
			    out, "%s\"%s\":%zu", n++ > 0 ? "," : "", try_outcome_name(i), v->outcomes[i]);
	buf_printf(out,
	    "},\"ids\":%zu,\"ids_ok\":%zu,\"ids_once\":%zu,\"ids_again\":%zu,\"ids_never\":%zu,"
	    "\"again_asked\":%zu,\"again_redelivered\":%zu,\"again_unmarked\":%zu,\"processes\":%u,\"seconds\":%.3f}",
	    v->n_ids, v->n_ok, v->once, v->again, v->never, v->asked, v->marked, v->unmarked, result->engines,
	    (double)result->us / 1e6);
}

static void put_verdict(struct buf *out, const struct try_verdict *v)
{
	buf_printf(out, "{\"good\":%s,\"faults\":[", bool_name(v->faults.len == 0));
	for (char *line = v->faults.data, *end; v->faults.len > 0 && *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		buf_text(out, line == v->faults.data ? "" : ",");
		buf_json_string(out, (struct bytes){ line, (size_t)(end - line) });
	}
	buf_text(out, "]");
	if (v->probed)
		buf_printf(out,
		    ",\"effects\":{\"count\":%zu,\"exact\":%zu,\"repeated\":%zu,\"missing\":%zu,\"not_ok\":%zu,\"unknown\":%zu}",
		    v->effects, v->exact, v->repeated, v->missing, v->beside, v->unknown);
	buf_char(out, '}');
}

void try_report_json(const struct try_options *o, const struct try_config *c, const struct seen *s,
    const struct try_result *result, const struct try_verdict *v)
{
	struct buf out = { NULL, 0, 0 };

	buf_text(&out, "{\"plugin\":{\"file\":");
	buf_json_string(&out, bytes_of_text(c->config->handlers[0].plugin_file));
	put_text(&out, "name", c->facts.name);
	put_text(&out, "version", c->facts.version);
	buf_printf(&out, "},\"seed\":%llu,\"events\":[", (unsigned long long)o->seed);
	for (uint32_t i = 0; i < s->events->n_records; i++) {
		buf_text(&out, i > 0 ? ",\n" : "\n");
		put_record(&out, s, i, v);
		fwrite(out.data, 1, out.len, stdout);
		buf_clear(&out);
	}
	buf_text(&out, "],\n\"summary\":");
	put_sums(&out, s, result, v);
	buf_text(&out, ",\n\"verdict\":");
	put_verdict(&out, v);
	buf_text(&out, "}\n");
	fwrite(out.data, 1, out.len, stdout);
	buf_free(&out);
}
