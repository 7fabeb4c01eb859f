#include "core/link_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* While others heal, the metadata is looked at so often. */
#define HEALING_LOOK_US 50000

void link_init(
    struct link *l, struct store *store, struct client *client, struct flow *flow, int64_t lease_us)
{
	*l = (struct link){ .store = store,
		.client = client,
		.flow = flow,
		.lease_us = lease_us,
		.filter_memory = UINT64_MAX,
		.generation_ids = UINT64_MAX / 64,
		.stale = true };
}

void link_free(struct link *l)
{
	for (size_t i = 0; i < l->n_kept; i++)
		table_free(l->kept[i].table);
	l->n_kept = 0;
}

int link_fail(struct link *l, enum link_fault fault, int r, const char *format, ...)
{
	va_list ap;

	l->fault = fault;
	va_start(ap, format);
	vsnprintf(l->text, sizeof(l->text), format, ap);
	va_end(ap);
	return r;
}

int link_trouble(struct link *l, int r)
{
	return link_fail(l, LINK_TROUBLE, r, "%s", l->store->text);
}

/* ---- Results */

int link_deliver(struct link *l, struct mono now)
{
	const struct client_result *results;

	if (client_results(l->client, &results) == 0)
		return 0;
	if (l->durable && !l->confirmed) {
		int r = l->store->ops->confirm(l->store, *client_session(l->client), (uint64_t)l->lease_us);

		if (r < 0)
			return link_trouble(l, r);
	}
	l->confirmed = false;
	flow_results(l->flow, now);
	return 0;
}

/* ---- Reading */

int link_read(struct link *l, struct mono now)
{
	const struct client_view *v = client_view(l->client);
	bool waited = client_under_way(l->client);
	int r = link_read_list(l, v->current);

	if (r == -ESTALE || r == -ENOENT || l->stale) {
		/* Somebody moved on, or a part of the log is gone: the metadata says which. */
		l->suspect = l->suspect || r == -ESTALE;
		return link_refresh(l, now);
	}
	if (r < 0)
		return r;
	if (waited && !client_under_way(l->client)) {
		/* The reply of our call was lost, but not the call.  Its look-ups were. */
		client_withdraw(l->client);
		r = link_deliver(l, now);
		if (r < 0)
			return r;
	}
	flow_was_read(l->flow, now);
	link_drop_kept(l, now);
	l->fault = LINK_SOUND;
	return 0;
}

void link_renewed(struct link *l, const struct store_renewal *r, struct mono now, uint64_t connection)
{
	const struct client_view *v = client_view(l->client);

	client_leases(l->client, r->leases, r->n, now, connection);
	client_renewed(l->client);
	if (!r->has_meta || memcmp(&r->version, &v->meta.version, sizeof(r->version)) != 0)
		l->stale = true;
	flow_orphans(l->flow);
}

int link_new_session(struct link *l, struct session_id session, struct mono now)
{
	int r = link_read(l, now);

	if (r < 0)
		return r;
	/* A call of the old session that still arrives is void: it is not live, and its entries are not its session's
	 * any more. */
	client_withdraw(l->client);
	r = link_deliver(l, now);
	if (r < 0)
		return r;
	client_set_session(l->client, session);
	client_renewed(l->client);
	flow_recheck(l->flow);
	return 0;
}

/* ---- Calls */

static int looked(struct link *l, struct mono now)
{
	int r = client_looked(l->client);

	if (r == -ENOENT) {
		/* A chunk that is not there means: refresh.  The view has moved, or a segment is lost. */
		client_withdraw(l->client);
		l->stale = true;
		(void)link_deliver(l, now);
		return -EAGAIN;
	}
	if (r == -EBADMSG) {
		client_withdraw(l->client);
		(void)link_deliver(l, now);
		return link_fail(l, LINK_DAMAGED, r,
		    "%s: restore the ledger, or drop it (semel ledger accept-loss)",
		    client_damage(l->client));
	}
	return r;
}

static int look_only(struct link *l, struct mono now)
{
	size_t n;
	struct store_chunk *pages = client_pages(l->client, &n);
	int r = l->store->ops->chunk_read(l->store, pages, n);

	if (r < 0)
		return link_trouble(l, r);
	r = looked(l, now);
	if (r < 0)
		return r;
	l->confirmed = true; /* nothing was written */
	return link_deliver(l, now);
}

static int take_reply(struct link *l, const struct store_reply *reply, struct mono now)
{
	int r;

	switch (reply->result) {
	case STORE_OK: break;
	case STORE_DIVERGED: l->suspect = true; return link_refresh(l, now);
	case STORE_STALE:
	case STORE_MISSING: return link_refresh(l, now);
	case STORE_BEHIND: return link_read(l, now);
	}
	r = client_reply(l->client, reply);
	if (r < 0)
		return link_fail(l, LINK_DAMAGED, r, "the log has a record that is none (%s)", strerror(-r));
	l->confirmed = reply->confirmed;
	r = looked(l, now);
	if (r < 0)
		return r;
	r = link_deliver(l, now);
	if (r < 0)
		return r;
	flow_was_read(l->flow, now);
	link_drop_kept(l, now);
	return 0;
}

/* A list that is not sealed grows in the memory of the server and of every host. */
static bool may_grow(struct link *l)
{
	const struct client_view *v = client_view(l->client);
	uint64_t n = table_new_ids(v->current);

	l->crowded = n >= 4 * l->generation_ids && v->before != NULL;
	return v->before == NULL || n < 16 * l->generation_ids;
}

static int call(struct link *l, struct mono now, bool claims)
{
	const struct store_append *append;
	struct store_reply reply;
	int r;

	claims = claims && may_grow(l) && !l->healing && !client_lapsed(l->client);
	if (!flow_fill(l->flow, now, claims) && client_heals(l->client) == 0)
		return 0;
	append = client_call(l->client);
	if (append == NULL)
		return look_only(l, now);
	l->calls++;
	l->items = client_items(l->client);
	r = l->store->ops->append(l->store, append, &reply);
	if (r < 0)
		return link_trouble(l, r);
	return take_reply(l, &reply, now);
}

void link_take_apart(struct link *l, struct mono now)
{
	client_withdraw(l->client);
	(void)link_deliver(l, now);
}

/* ---- Healing: who has, and whether the others have */

static int see_to_healing(struct link *l, struct mono now)
{
	struct ledger_meta meta;
	int r;

	if (client_heals(l->client) > 0 || client_under_way(l->client))
		return 0;
	if (!l->stamped) {
		r = l->store->ops->healed(l->store, *client_session(l->client));
		if (r < 0)
			return link_trouble(l, r);
		l->stamped = true;
		flow_orphans(l->flow);
	}
	if (mono_diff_us(now, l->looked_at) < HEALING_LOOK_US)
		return 0;
	l->looked_at = now;
	r = l->store->ops->meta_read(l->store, &meta);
	if (r < 0 && r != -ENOENT)
		return link_trouble(l, r);
	if (r == -ENOENT ||
	    memcmp(&meta.version, &client_view(l->client)->meta.version, sizeof(meta.version)) != 0)
		l->stale = true;
	else if (meta.unhealed == 0 || meta.now_us >= meta.heal_until_us)
		l->healing = false;
	return 0;
}

int link_talk(struct link *l, struct mono now, bool claims)
{
	int r = link_deliver(l, now);

	if (r == 0 && l->stale)
		r = link_refresh(l, now);
	if (r == 0)
		r = call(l, now, claims);
	if (r == 0 && l->healing)
		r = see_to_healing(l, now);
	if (r == 0)
		l->fault = LINK_SOUND;
	return r;
}
