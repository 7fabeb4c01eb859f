/* Talking to the store: the lease, sessions, one call at a time. */
#include "engine/ledger_private.h"

#include <errno.h>

/* Without memory on the server, claims are tried again after this. */
#define OOM_AGAIN_MS 1000

/* ---- The lease */

void ledger_take_renewal(struct ledger_io *io, struct mono now)
{
	struct renewal_news news;

	if (!renewal_news(io->renewal, &news))
		return;
	if (news.renewal.leases != NULL && news.count != io->renewals) {
		link_renewed(&io->link, &news.renewal, news.at, news.connection);
		ledger_keep_owners(io, news.renewal.leases, news.renewal.n);
		io->server_ahead_us = (int64_t)news.renewal.now_us + mono_diff_us(now, news.at) -
				      1000 * io->wall_ms;
		io->server_time_known = true;
	}
	io->renewals = news.count;
	if (news.gone)
		io->session_gone = true;
	if (news.lapsed && news.lapses != io->lapses) {
		io->lapses = news.lapses;
		io->must_read = true;
		series_add(io->s->series.lease_lost, 1);
		log_at(LOG_WARNING, "lease ran out; reading the ledger before anything starts",
		    LOG_TEXT("subscription", io->s->conf->name));
	}
	if (mono_before(now, io->retry_at) && news.trouble == STORE_TROUBLE_NONE && news.count > 0 &&
	    io->state == LEDGER_UNREACHABLE)
		io->retry_at = now; /* it answers again */
}

/* A new session goes on with the runs of the old: its claims are taken over with the next call. */
static int new_session(struct ledger_io *io, struct mono now)
{
	struct session_id session;
	struct mono until;
	int r = link_refresh(&io->link, now); /* it may be gone with the whole ledger */

	if (r == 0)
		r = ledger_open_session(io, &session, &until);
	else
		ledger_fault(io, r);
	if (r < 0)
		return r;
	r = link_new_session(&io->link, session, now);
	if (r < 0) {
		ledger_fault(io, r);
		return r;
	}
	io->lapses = renewal_session(io->renewal, session, until);
	io->session_gone = false;
	io->must_read = true;
	log_at(LOG_WARNING, "ledger session was gone; opened another",
	    LOG_TEXT("subscription", io->s->conf->name));
	series_add(io->s->series.lease_lost, 1);
	return 0;
}

/* Whatever has to be read before the next call.  0: nothing is left to read. */
static int catch_up(struct ledger_io *io, struct mono now)
{
	int r = 0;

	if (io->session_gone)
		r = new_session(io, now);
	if (r < 0 || !io->must_read)
		return r;
	r = link_read(&io->link, now);
	if (r < 0) {
		ledger_fault(io, r);
		return r;
	}
	flow_recheck(io->flow);
	io->must_read = false;
	renewal_resume(io->renewal, io->lapses);
	return 0;
}

/* ---- Calls */

/* A call or a read was answered as it should be: a passing trouble is over, unless claims are still refused. */
static void went_well(struct ledger_io *io)
{
	if (!io->no_claims && (io->state != LEDGER_OK || !atomic_load(&io->s->accepting)))
		ledger_set_state(io, LEDGER_OK, "%s", "");
}

static void talk(struct ledger_io *io, struct mono now)
{
	bool claims = !io->no_claims || !mono_before(now, io->claims_at);
	uint64_t calls = io->link.calls;
	int r = link_talk(&io->link, now, claims);

	if (io->link.calls != calls) {
		io->called_at = mono_now();
		series_observe(io->batch, (double)io->link.items);
		series_observe(io->call_seconds, (double)mono_diff_us(io->called_at, now) / 1e6);
	}
	if (r < 0) {
		ledger_fault(io, r);
		if (io->link.fault == LINK_TROUBLE && io->store->trouble == STORE_OOM) {
			/* It refuses claims but not settles: what was built is taken apart and only writes are sent. */
			io->no_claims = true;
			io->claims_at = mono_add_ms(mono_now(), OOM_AGAIN_MS);
			link_take_apart(&io->link, now);
			io->retry_at = now;
		}
		return;
	}
	if (io->link.calls != calls && claims)
		io->no_claims = false;
	went_well(io);
}

bool ledger_usable(const struct ledger_io *io, struct mono now)
{
	return io->open && !mono_before(now, io->retry_at);
}

/* What the ledger thread's view has come to: the keeper's work, and what this node remembers. */
static void show_view(struct ledger_io *io)
{
	uint64_t epoch = client_epoch(io->client);

	if (keeper_moved(io->keeper))
		io->link.stale = true;
	if (epoch == io->epoch)
		return;
	io->epoch = epoch;
	ledger_remember(io);
	ledger_keep_up(io);
}

/* Everything that talks to the store, once. */
void ledger_talk(struct ledger_io *io, struct mono now)
{
	if (catch_up(io, now) < 0)
		return;
	if (flow_pending(io->flow) > 0 || client_under_way(io->client) || client_heals(io->client) > 0 ||
	    io->link.stale || io->link.healing) {
		talk(io, now);
	} else if (!mono_before(now, flow_read_due(io->flow))) {
		int r;

		/* Claims that were refused are tried again with the next event: the poller has to bring one. */
		if (!mono_before(now, io->claims_at))
			io->no_claims = false;
		r = link_read(&io->link, now);
		series_observe(io->read_seconds, (double)mono_diff_us(mono_now(), now) / 1e6);
		if (r < 0)
			ledger_fault(io, r);
		else
			went_well(io);
	}
	show_view(io);
}

/* The keeper works on what the ledger is now. */
void ledger_keep_up(struct ledger_io *io)
{
	struct upkeep_rules rules = {
		.retention_ms = client_view(io->client)->meta.retention_ms,
		.may_drop = atomic_load(&io->s->caught_up),
		.server_now_us = io->server_time_known ? (uint64_t)(1000 * io->wall_ms + io->server_ahead_us)
						       : 0,
		.host_now_s = (uint64_t)io->wall_ms / 1000,
	};

	keeper_look(io->keeper, client_view(io->client), *client_session(io->client), &rules);
}
