/* What is said of a death, and HTTP while no engine answers. */
#include "manager/manager_private.h"

#include "base/log.h"
#include "base/page.h"
#include "generated/version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Events that are named in a report. */
#define EVENTS_MAX 10
#define LINES_MAX 48

/* ---- How it ended */

static void put_how(struct buf *out, const struct manager_death *d)
{
	if (WIFSIGNALED(d->status))
		buf_printf(out, "SIG%s%s",
		    sigabbrev_np(WTERMSIG(d->status)) == NULL ? "?" : sigabbrev_np(WTERMSIG(d->status)),
		    d->oom ? " (out of memory)" : "");
	else
		buf_printf(out, "exit status %d", WEXITSTATUS(d->status));
}

static const char *blame_name(uint8_t blame)
{
	switch ((enum box_blame)blame) {
	case BOX_CRASHED: return "crashed";
	case BOX_TIMED_OUT: return "timeout";
	case BOX_SUSPECTED: return "suspect";
	case BOX_INNOCENT: return "interrupted";
	case BOX_UNJUDGED: break;
	}
	return "";
}

struct listing {
	struct buf *out;
	size_t n;
	int64_t at_ms;
};

static struct bytes id_of(const struct box_slot *slot)
{
	return (struct bytes){ slot->id_text, slot->id_len };
}

static void list_one(void *arg, const struct box_section *s, const struct box_slot *slot)
{
	struct listing *l = arg;
	int64_t ms = l->at_ms - atomic_load(&slot->start_ms);

	if (l->n++ >= EVENTS_MAX)
		return;
	log_at(LOG_ERROR, "event inside a handler when the engine ended", LOG_TEXT("subscription", s->name),
	    LOG_TEXT("handler", slot->handler), LOG_TEXT("topic", slot->topic),
	    LOG_INT("partition", slot->partition), LOG_INT("offset", slot->offset),
	    LOG_BYTES("event_id", id_of(slot)), LOG_INT("attempt", slot->attempt),
	    LOG_INT("milliseconds", ms), LOG_TEXT("blame", blame_name(slot->blame)));
	buf_text(l->out, l->n > 1 ? ",{\"subscription\":" : "{\"subscription\":");
	buf_json_string(l->out, bytes_of_text(s->name));
	buf_text(l->out, ",\"handler\":");
	buf_json_string(l->out, bytes_of_text(slot->handler));
	buf_text(l->out, ",\"topic\":");
	buf_json_string(l->out, bytes_of_text(slot->topic));
	buf_printf(l->out, ",\"partition\":%d,\"offset\":%lld,", slot->partition, (long long)slot->offset);
	buf_json_bytes(l->out, "id", id_of(slot));
	buf_printf(l->out, ",\"attempt\":%u,\"milliseconds\":%lld,\"blame\":\"%s\"}", slot->attempt,
	    (long long)ms, blame_name(slot->blame));
}

/* What the engine wrote when a signal hit it. */
static void put_backtrace(struct manager *m, struct buf *out)
{
	char text[8192], *save, *line;
	ssize_t n = pread(m->crash, text, sizeof(text) - 1, 0);
	unsigned k = 0;

	text[n < 0 ? 0 : n] = '\0';
	for (line = strtok_r(text, "\n", &save); line != NULL && k < LINES_MAX;
	     line = strtok_r(NULL, "\n", &save), k++) {
		log_at(LOG_ERROR, "backtrace", LOG_INT("frame", k), LOG_TEXT("at", line));
		buf_text(out, k > 0 ? "," : "");
		buf_json_string(out, bytes_of_text(line));
	}
}

void manager_report(struct manager *m, const struct manager_death *d)
{
	struct buf how = { NULL, 0, 0 }, json = { NULL, 0, 0 };
	struct listing l = { &json, 0, d->at_ms };
	struct box_facts *facts = box_facts(m->box);
	bool expected = d->cause == BOX_STOP || d->cause == BOX_RELOAD;

	put_how(&how, d);
	log_at(expected ? LOG_INFO : LOG_ERROR, expected ? "the engine has ended" : "the engine died",
	    LOG_TEXT("cause", box_cause_name(d->cause)), LOG_TEXT("by", how.data),
	    LOG_INT("lived_ms", d->lived_ms));
	buf_printf(
	    &json, "{\"at\":%lld,\"cause\":\"%s\",\"by\":", (long long)d->at_ms, box_cause_name(d->cause));
	buf_json_string(&json, bytes_of_text(how.data));
	buf_printf(&json, ",\"lived_ms\":%lld,\"events\":[", (long long)d->lived_ms);
	box_each_running(m->box, list_one, &l);
	buf_printf(&json, "],\"inside\":%zu,\"backtrace\":[", l.n);
	if (!expected)
		put_backtrace(m, &json);
	buf_text(&json, "]}");
	if (json.len < sizeof(facts->last_exit))
		memcpy(facts->last_exit, json.data, json.len + 1);
	buf_free(&how);
	buf_free(&json);
}

/* ---- HTTP */

static int64_t next_start_ms(const struct manager *m)
{
	int64_t us = m->engine != 0 ? 0 : mono_diff_us(m->start_at, mono_now());

	return us > 0 ? us / 1000 : 0;
}

static void put_ready(const struct manager *m, struct front_answer *a)
{
	const char *last = box_facts(m->box)->last_exit;

	if (m->engine != 0)
		buf_printf(&a->body, "the engine is %s\n", m->asked ? "draining" : "starting");
	else
		buf_printf(&a->body, "no engine runs; the next one starts in %lld ms\n",
		    (long long)next_start_ms(m));
	if (last[0] != '\0')
		buf_printf(&a->body, "last exit: %s\n", last);
}

static void put_status(const struct manager *m, struct front_answer *a)
{
	struct box_facts *facts = box_facts(m->box);

	a->type = "application/json";
	buf_text(&a->body, "{\"node\":");
	buf_json_string(&a->body, bytes_of_text(m->plan.node));
	buf_printf(&a->body,
	    ",\"version\":\"%s\",\"time\":%lld,\"state\":\"%s\",%s,\"engine\":{\"pid\":%d,\"restarts\":%u,"
	    "\"next_start_ms\":%lld,",
	    SEMEL_VERSION, (long long)wall_ms(), m->stopping ? "stopped" : "starting", m->plan.idle,
	    (int)m->engine, box_restarts(facts), (long long)next_start_ms(m));
	box_restarts_json(facts, &a->body);
	buf_printf(
	    &a->body, ",\"last_exit\":%s}}\n", facts->last_exit[0] == '\0' ? "null" : facts->last_exit);
}

static void put_metrics(const struct manager *m, struct front_answer *a)
{
	struct box_facts *facts = box_facts(m->box);

	a->type = "text/plain; version=0.0.4; charset=utf-8";
	buf_printf(&a->body,
	    "# HELP semel_engine_up 1 from an engine; 0 from its manager, while none answers.\n"
	    "# TYPE semel_engine_up gauge\nsemel_engine_up 0\n"
	    "# HELP semel_config_last_reload_successful 0 after a reload that was refused.\n"
	    "# TYPE semel_config_last_reload_successful gauge\nsemel_config_last_reload_successful %d\n",
	    !atomic_load(&facts->reload_failed));
	buf_text(&a->body, "# HELP semel_engine_restarts_total Engines that ended and were started again.\n"
			   "# TYPE semel_engine_restarts_total counter\n");
	for (unsigned i = 0; i < BOX_N_CAUSES; i++)
		if (box_cause_restarts((enum box_cause)i))
			buf_printf(&a->body, "semel_engine_restarts_total{cause=\"%s\"} %u\n",
			    box_cause_name((enum box_cause)i), atomic_load(&facts->restarts[i]));
}

static void put_refusal(struct front_answer *a, unsigned status, const char *error, const char *remedy)
{
	a->status = status;
	a->type = "application/json";
	buf_printf(&a->body, "{\"error\":\"%s\",\"remedy\":\"%s\"}\n", error, remedy);
}

void manager_answer(void *arg, const char *method, const char *path, bool admin, struct front_answer *a)
{
	struct manager *m = arg;
	bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	a->status = 200;
	if (admin && strcmp(method, "POST") == 0 && strcmp(path, "/v1/reload") == 0) {
		manager_reload(m);
		a->status = 202;
		a->type = "application/json";
		buf_text(&a->body, "{\"state\":\"judging\"}\n");
	} else if (!get) {
		put_refusal(a, admin ? 503 : 405, "no engine runs", "see /status");
	} else if (strcmp(path, "/healthz") == 0) {
		buf_text(&a->body, "ok\n");
	} else if (strcmp(path, "/readyz") == 0) {
		a->status = 503;
		put_ready(m, a);
	} else if (strcmp(path, "/status") == 0) {
		put_status(m, a);
	} else if (strcmp(path, "/metrics") == 0) {
		put_metrics(m, a);
	} else if (strcmp(path, "/") == 0) {
		a->type = "text/html; charset=utf-8";
		a->policy = page_policy;
		buf_text(&a->body, page_html);
	} else if (admin) {
		put_refusal(a, 503, "no engine runs", "see /status");
	} else {
		a->status = 404;
		buf_text(&a->body, "not found\n");
	}
}
