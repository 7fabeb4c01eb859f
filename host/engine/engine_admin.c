/* What the admin socket asks for: one event's story, holds, events put aside, a ledger's loss accepted. */
#include "engine/engine_private.h"

#include "engine/holds.h"

#include <errno.h>
#include <stdio.h>

static void entry_json(
    const struct entry *en, const char *sub, struct bytes id, const char *owner, struct buf *out)
{
	static const char *const names[] = { "absent", "claimed", "waiting", "released", "done", "dead",
		"parked", "void" };

	buf_text(out, "{\"subscription\":");
	buf_json_string(out, bytes_of_text(sub));
	buf_char(out, ',');
	buf_json_bytes(out, "id", id);
	buf_printf(out,
	    ",\"status\":\"%s\",\"processed_at\":%llu,\"attempts\":%u,\"failed\":%u,\"crashes\":%u",
	    names[en->state], (unsigned long long)en->server_s,
	    1u + en->counts.failed + en->counts.crashes + en->counts.takeovers, en->counts.failed,
	    en->counts.crashes);
	buf_printf(out,
	    ",\"takeovers\":%u,\"fence\":%llu,\"generation\":%u,\"waiting_until_ms\":%llu,\"owner\":",
	    en->counts.takeovers, (unsigned long long)en->fence, en->generation,
	    (unsigned long long)en->until_ms);
	buf_json_string(out, bytes_of_text(owner));
}

static void put_here(const struct event_here *h, struct buf *out)
{
	struct mono now = mono_now();

	buf_text(out, "{\"topic\":");
	buf_json_string(out, bytes_of_text(h->event.topic));
	buf_printf(out,
	    ",\"partition\":%d,\"offset\":%lld,\"doing\":\"%s\",\"seconds\":%.3f,\"handler\":\"%s\"",
	    h->event.partition, (long long)h->event.offset, h->event.doing,
	    (double)(now.us - h->event.polled_us) / 1e6, h->handler);
	buf_printf(out, ",\"attempt\":%u,\"stands\":%s,\"put_aside\":%s", h->attempt,
	    h->stands ? "true" : "false", h->aside ? "true" : "false");
	if (h->due_us != 0)
		buf_printf(out, ",\"next_attempt_seconds\":%.3f",
		    h->due_us > now.us ? (double)(h->due_us - now.us) / 1e6 : 0.0);
	if (h->running_since_ms != 0)
		buf_printf(out, ",\"running_seconds\":%.3f", (double)(wall_ms() - h->running_since_ms) / 1e3);
	buf_text(out, ",\"error\":");
	buf_json_string(out, bytes_of_text(h->why));
	buf_char(out, '}');
}

static int find_event(void *arg, const char *sub, struct bytes id, struct buf *ret_json)
{
	struct engine *e = arg;
	struct event_here here;
	struct entry entry;
	char owner[64];
	size_t s = 0;
	int r;

	while (s < e->config->n_subscriptions && strcmp(e->config->subscriptions[s].name, sub) != 0)
		s++;
	if (s == e->config->n_subscriptions)
		return -ENOENT;
	r = ledger_io_find(e->ledgers[s], id, &entry, &here, owner, sizeof(owner));
	if (r < 0)
		return r;
	if (entry.state == ENTRY_ABSENT && here.event.polled_us == 0)
		return 0;
	entry_json(&entry, sub, id, owner, ret_json);
	buf_text(ret_json, ",\"here\":");
	if (here.event.polled_us != 0)
		put_here(&here, ret_json);
	else
		buf_text(ret_json, "null");
	buf_char(ret_json, '}');
	return 1;
}

static int put_aside(void *arg, const char *sub, struct bytes id, const char *why)
{
	struct engine *e = arg;

	for (size_t i = 0; i < e->config->n_subscriptions; i++)
		if (strcmp(e->config->subscriptions[i].name, sub) == 0)
			return ledger_io_put_aside(e->ledgers[i], id, why);
	return -ENOENT;
}

static int hold(void *arg, const char *sub, enum sub_hold what)
{
	struct engine *e = arg;
	int r = sub == NULL ? 0 : -ENOENT;

	for (size_t i = 0; i < e->config->n_subscriptions; i++) {
		struct subscription *s = e->subs[i];

		if (sub != NULL && strcmp(s->conf->name, sub) != 0)
			continue;
		r = 0;
		atomic_store(&s->hold, what);
		if (what == HOLD_NONE)
			atomic_fetch_add(&s->resumes, 1);
		series_set(s->series.paused, what != HOLD_NONE);
		mailbox_wake(&s->flow_box);
		log_at(LOG_INFO,
		    what == HOLD_PAUSE   ? "paused by an operator"
		    : what == HOLD_DRAIN ? "draining by an operator"
					 : "resumed by an operator",
		    LOG_TEXT("subscription", s->conf->name));
	}
	holds_write(e->config, e->subs, e->config->n_subscriptions);
	return r;
}

static int accept_loss(void *arg, const char *sub, char *why, size_t size)
{
	struct engine *e = arg;
	int result = sub == NULL ? -EALREADY : -ENOENT;

	snprintf(why, size, "no ledger is lost");
	for (size_t i = 0; i < e->config->n_subscriptions; i++) {
		int r;

		if (sub != NULL && strcmp(e->config->subscriptions[i].name, sub) != 0)
			continue;
		r = ledger_io_accept_loss(e->ledgers[i], why, size);
		if (r < 0 && (r != -EALREADY || sub != NULL))
			return r;
		if (r == 0)
			result = 0;
	}
	return result;
}

void engine_admin(struct engine *e, struct status_source *src)
{
	const struct config *c = e->config;

	*src = (struct status_source){ .config = c,
		.metrics = e->metrics,
		.subs = e->subs,
		.n_subs = c->n_subscriptions,
		.handlers = e->handlers,
		.n_handlers = c->n_handlers,
		.started_ms = wall_ms(),
		.find_event = find_event,
		.put_aside = put_aside,
		.accept_loss = accept_loss,
		.hold = hold,
		.facts = box_facts(e->outside->links->box),
		.reload = e->outside->reload,
		.reload_arg = e->outside->arg,
		.arg = e };
}
