#include "core/ledger/watch.h"

#include <stdlib.h>

void watch_init(struct watch *w, int64_t lease_us)
{
	*w = (struct watch){ .lease_us = lease_us };
}

void watch_free(struct watch *w)
{
	free(w->list);
	w->list = NULL;
	w->n = w->cap = 0;
}

static struct watched *find(const struct watch *w, const struct session_id *id)
{
	for (size_t i = 0; i < w->n; i++)
		if (memcmp(&w->list[i].session, id, sizeof(*id)) == 0)
			return &w->list[i];
	return NULL;
}

static void see(struct watch *w, const struct store_lease *lease, struct mono now)
{
	struct watched *e = find(w, &lease->session);

	if (e == NULL && w->n == w->cap) {
		size_t cap = w->cap == 0 ? 16 : 2 * w->cap;
		struct watched *grown = realloc(w->list, cap * sizeof(*grown));

		/* A session that is not watched counts as just begun: nothing of it is taken over yet. */
		if (grown == NULL)
			return;
		w->list = grown;
		w->cap = cap;
	}
	if (e == NULL) {
		e = &w->list[w->n++];
		*e = (struct watched){ .session = lease->session, .end_us = lease->end_us, .since = now };
	}
	if (e->end_us != lease->end_us) {
		e->end_us = lease->end_us;
		e->since = now;
	}
	e->seen = true;
}

/* Sessions that are gone stay for one more lease: "missing" has to be watched like any end.  After that every
 * session that is not in the list has been missing for long enough. */
static void drop_missing(struct watch *w, struct mono now)
{
	size_t k = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct watched *e = &w->list[i];

		if (!e->seen && e->end_us != 0) {
			e->end_us = 0;
			e->since = now;
		}
		if (e->seen || mono_diff_us(now, e->since) < w->lease_us)
			w->list[k++] = *e;
	}
	w->n = k;
}

void watch_leases(
    struct watch *w, const struct store_lease *leases, size_t n, struct mono now, uint64_t connection)
{
	/* A gap between two answers is an outage: leases may have ended without their owners being at fault. */
	bool anew = !w->started || connection != w->connection ||
		    mono_diff_us(now, w->last) > w->lease_us / 2;

	if (anew) {
		w->n = 0;
		w->since = now;
	}
	w->started = true;
	w->connection = connection;
	w->last = now;
	for (size_t i = 0; i < w->n; i++)
		w->list[i].seen = false;
	for (size_t i = 0; i < n; i++)
		see(w, &leases[i], now);
	drop_missing(w, now);
}

bool watch_over(const struct watch *w, const struct session_id *id, struct mono now)
{
	const struct watched *e;

	if (!w->started || mono_diff_us(now, w->last) > w->lease_us / 2)
		return false;
	e = find(w, id);
	return mono_diff_us(now, e == NULL ? w->since : e->since) >= w->lease_us;
}
