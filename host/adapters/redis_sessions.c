/* Sessions under a lease, by the clock of the server. */
#include "adapters/redis_store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A session whose lease ended so long ago is forgotten. */
#define KEEP_SESSION_US "86400000000"
static int session_call(struct redis_store *s, enum ledger_script script, struct session_id id,
    const char *second, const char *third, const struct redis_value **ret_value)
{
	char session[17];
	int argc = third != NULL ? 8 : second != NULL ? 7 : 6;

	redis_hex(id.b, sizeof(id.b), session);
	return redis_store_run(s, script, 2, argc,
	    (struct bytes[]){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, bytes_of_text(s->sessions_key),
		bytes_of_text(s->names_key), bytes_of_text(session), bytes_of_text(second),
		bytes_of_text(third) },
	    ret_value);
}

int redis_session_open(struct store *store, struct session_id id, uint64_t lease_us, const char *owner)
{
	struct redis_store *s = (struct redis_store *)store;
	char lease[NUMBER_MAX];
	const struct redis_value *v;
	int r;

	s->server.lease_us = lease_us;
	snprintf(lease, sizeof(lease), "%llu", (unsigned long long)lease_us);
	r = session_call(s, SCRIPT_SESSION_OPEN, id, lease, owner, &v);
	if (r < 0)
		return r;
	if (redis_value_kind(v) != REDIS_INTEGER)
		return redis_store_bad_reply(s, "opening a session");
	return redis_value_integer(v) == 1 ? 0 : -EEXIST;
}

/* session, end, owner of each, behind the time. */
static int take_leases(struct redis_store *s, const struct redis_value *v, size_t n)
{
	struct store_lease *grown = realloc(s->leases, (n + 1) * sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	s->leases = grown;
	for (size_t i = 0; i < n; i++) {
		struct bytes session = redis_value_text(redis_value_at(v, 1 + 3 * i));
		struct bytes end = redis_value_text(redis_value_at(v, 2 + 3 * i));
		struct bytes owner = redis_value_text(redis_value_at(v, 3 + 3 * i));

		s->leases[i] = (struct store_lease){ .end_us = 0 };
		if (redis_unhex(session, s->leases[i].session.b, 8) < 0 ||
		    redis_number(end, &s->leases[i].end_us) < 0 || owner.data == NULL)
			return redis_store_bad_reply(s, "renewing the lease");
		memcpy(s->leases[i].owner, owner.data,
		    owner.len < sizeof(s->leases[i].owner) ? owner.len : sizeof(s->leases[i].owner) - 1);
	}
	return 0;
}

int redis_session_renew(struct store *store, struct session_id id, uint64_t lease_us,
    const struct store_lease **ret_leases, size_t *ret_n, uint64_t *ret_now_us)
{
	struct redis_store *s = (struct redis_store *)store;
	char lease[NUMBER_MAX];
	const struct redis_value *v;
	size_t n;
	int r;

	snprintf(lease, sizeof(lease), "%llu", (unsigned long long)lease_us);
	r = session_call(s, SCRIPT_SESSION_RENEW, id, lease, KEEP_SESSION_US, &v);
	if (r < 0)
		return r;
	if (redis_value_kind(v) == REDIS_INTEGER && redis_value_integer(v) == 0)
		return -ENOENT;
	n = redis_value_count(v);
	if (redis_value_kind(v) != REDIS_ARRAY || n % 3 != 1 ||
	    redis_number(redis_value_text(redis_value_at(v, 0)), ret_now_us) < 0)
		return redis_store_bad_reply(s, "renewing the lease");
	r = take_leases(s, v, n / 3);
	if (r < 0)
		return r;
	*ret_leases = s->leases;
	*ret_n = n / 3;
	return 0;
}

int redis_session_end(struct store *store, struct session_id id)
{
	const struct redis_value *v;

	return session_call((struct redis_store *)store, SCRIPT_SESSION_END, id, NULL, NULL, &v);
}
