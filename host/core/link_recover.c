/* What dead engines of this node left, recorded under their own sessions: no claim has to be taken over for it. */
#include "core/link_private.h"

#include <errno.h>

struct recovering {
	struct link *l;
	const struct session_id *session;
	const struct link_run *runs;
	size_t n_runs;
	size_t added;
};

/* The call as it was built goes through, or the ledger has moved and it has to be built anew. */
static int send(struct link *l, struct mono now)
{
	struct store_reply reply;
	int r = l->store->ops->append(l->store, client_call(l->client), &reply);

	if (r < 0)
		return link_trouble(l, r);
	if (reply.result == STORE_OK) {
		r = client_reply(l->client, &reply);
		client_forget_results(l->client);
		return r < 0 ? link_fail(
				   l, LINK_DAMAGED, r, "the log has a record that is none (%s)", strerror(-r))
			     : 0;
	}
	client_withdraw(l->client);
	client_forget_results(l->client);
	if (reply.result == STORE_BEHIND)
		return link_read_list(l, client_view(l->client)->current);
	return link_refresh(l, now);
}

static void add_run(struct recovering *c, const struct link_run *run)
{
	static const enum settle_status statuses[] = { [LINK_LEFT_DONE] = SETTLE_DONE,
		[LINK_LEFT_CRASHED] = SETTLE_CRASHED,
		[LINK_LEFT_BEGUN] = SETTLE_BEGUN };
	struct entry e = client_find(c->l->client, run->id);
	int r;

	if (e.state != ENTRY_CLAIMED || e.fence != run->fence ||
	    memcmp(&e.session, c->session, sizeof(e.session)) != 0)
		return; /* recorded before, or somebody else's by now */
	if (run->left == LINK_LEFT_FAILED)
		r = client_add_wait(c->l->client, &e, true, (uint64_t)run->until_ms, NULL);
	else
		r = client_add_settle(c->l->client, &e, statuses[run->left], NULL);
	c->added += r == 0;
}

static void add_doubtful(void *arg, const struct entry *e)
{
	struct recovering *c = arg;

	if (e->state == ENTRY_CLAIMED && client_items(c->l->client) < LEDGER_MAX_ITEMS)
		c->added += client_add_settle(c->l->client, e, SETTLE_BEGUN, NULL) == 0;
}

/* As long as there is something to add: a record takes only so many. */
static int recover_runs(struct recovering *c, struct mono now)
{
	int r = 0;

	do {
		c->added = 0;
		for (size_t i = 0; i < c->n_runs && client_items(c->l->client) < LEDGER_MAX_ITEMS; i++)
			add_run(c, &c->runs[i]);
		if (c->added > 0)
			r = send(c->l, now);
	} while (r == 0 && c->added > 0);
	return r;
}

static int recover_rest(struct recovering *c, struct mono now)
{
	int r = 0;

	do {
		c->added = 0;
		client_each_open(c->l->client, c->session, add_doubtful, c);
		if (c->added > 0)
			r = send(c->l, now);
	} while (r == 0 && c->added > 0);
	return r;
}

int link_recover(struct link *l, const struct session_id *sessions, size_t n_sessions,
    const struct link_run *runs, size_t n_runs, bool doubtful, struct mono now)
{
	client_withdraw(l->client);
	client_forget_results(l->client);
	for (size_t i = 0; i < n_sessions; i++) {
		struct recovering c = { l, &sessions[i], runs, n_runs, 0 };
		int r;

		client_set_session(l->client, sessions[i]);
		r = recover_runs(&c, now);
		if (r == 0 && doubtful)
			r = recover_rest(&c, now);
		if (r == 0 && l->durable)
			r = l->store->ops->confirm(l->store, sessions[i], (uint64_t)l->lease_us);
		if (r == 0)
			r = l->store->ops->session_end(l->store, sessions[i]);
		if (r < 0)
			return l->fault == LINK_SOUND ? link_trouble(l, r) : r;
	}
	return 0;
}
