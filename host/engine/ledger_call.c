/* Talking to the store: what must be read first, one call at a time, what its reply means. */
#include "engine/ledger_private.h"

#include <errno.h>

/* ---- The lease */

void ledger_take_renewal(struct ledger_io *io, struct mono now)
{
	struct renewal_news news;

	if (!renewal_news(io->renewal, &news))
		return;
	if (news.n_leases > 0 && news.count != io->renewals) {
		client_leases(io->client, news.leases, news.n_leases, news.at, news.connection);
		ledger_keep_owners(io, news.leases, news.n_leases);
		flow_orphans(io->flow);
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
	if (mono_before(now, io->retry_at) && news.trouble == STORE_TROUBLE_NONE && news.count > 0)
		io->retry_at = now; /* it answers again */
}

/* Whatever has to be read before the next call.  0: nothing is left to read. */
static int catch_up(struct ledger_io *io)
{
	int r = 0;

	if (io->must_restart)
		r = ledger_restart(io);
	if (r == 0 && io->session_gone)
		r = ledger_new_session(io);
	if (r == 0 && io->must_read) {
		r = ledger_read_to_end(io);
		if (r < 0)
			return r;
		flow_recheck(io->flow);
		io->must_read = false;
		renewal_resume(io->renewal, io->lapses);
	}
	return r;
}

/* ---- Calls */

static void took_effect(struct ledger_io *io, struct mono now, bool claims)
{
	flow_results(io->flow, now);
	flow_was_read(io->flow, now);
	if (claims)
		io->no_claims = false;
}

static void take_reply(struct ledger_io *io, const struct store_reply *reply, bool claims)
{
	int r;

	switch (reply->result) {
	case STORE_OK:
		r = client_reply(io->client, reply);
		if (r == 0)
			took_effect(io, mono_now(), claims);
		else
			ledger_set_state(
			    io, LEDGER_REFUSED, "the log has a record that is none (%s)", strerror(-r));
		break;
	case STORE_STALE: (void)ledger_refresh(io); break;
	case STORE_DIVERGED: io->must_restart = true; break;
	case STORE_BEHIND: (void)ledger_read_to_end(io); break;
	}
}

/* Out of memory refuses claims but not settles: what was built is taken apart and only writes are sent. */
static void without_claims(struct ledger_io *io, struct mono now)
{
	client_withdraw(io->client);
	flow_withdrawn(io->flow, now);
	io->retry_at = now;
}

/* A call or a read was answered as it should be: a passing trouble is over, unless claims are still refused. */
static void went_well(struct ledger_io *io)
{
	bool passing = io->state == LEDGER_UNREACHABLE || io->state == LEDGER_REFUSED;

	if (!io->no_claims && (passing || (io->state == LEDGER_OK && !atomic_load(&io->s->accepting))))
		ledger_set_state(io, LEDGER_OK, "%s", "");
}

static void call(struct ledger_io *io, struct mono now)
{
	bool claims = !io->no_claims || !mono_before(now, io->claims_at);
	const struct store_append *append;
	struct store_reply reply;
	int r;

	if (!flow_fill(io->flow, now, claims))
		return;
	append = client_call(io->client);
	series_observe(io->batch, (double)client_items(io->client));
	r = io->store->ops->append(io->store, append, &reply);
	io->called_at = mono_now();
	series_observe(io->call_seconds, (double)mono_diff_us(io->called_at, now) / 1e6);
	if (r < 0) {
		ledger_trouble(io, "a ledger call", r);
		if (io->store->trouble == STORE_OOM)
			without_claims(io, io->called_at);
		return;
	}
	take_reply(io, &reply, claims);
	if (reply.result == STORE_OK)
		went_well(io);
}

bool ledger_usable(const struct ledger_io *io, struct mono now)
{
	return io->open && io->state != LEDGER_LOST && !mono_before(now, io->retry_at);
}

/* Everything that talks to the store, once. */
void ledger_talk(struct ledger_io *io, struct mono now)
{
	if (catch_up(io) < 0)
		return;
	if (flow_pending(io->flow) > 0 || client_under_way(io->client)) {
		call(io, now);
	} else if (!mono_before(now, flow_read_due(io->flow))) {
		/* Claims that were refused are tried again with the next event: the poller has to bring one. */
		if (!mono_before(now, io->claims_at))
			io->no_claims = false;
		if (ledger_read_to_end(io) == 0)
			went_well(io);
	}
}
