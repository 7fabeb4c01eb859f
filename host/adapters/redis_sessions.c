/* Sessions under a lease, by the clock of the server. */
#include "adapters/redis_store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A session whose lease ended so long ago is forgotten. */
#define KEEP_SESSION_US "86400000000"

static int session_call(struct redis_store *s, enum ledger_script script, struct session_id id,
    const char *second, const char *third)
{
	char session[17];
	bool renew = script == SCRIPT_SESSION_RENEW;
	struct bytes argv[9] = {
		[3] = bytes_of_text(s->sessions_key), bytes_of_text(s->names_key), bytes_of_text(s->meta_key)
	};
	size_t n = renew ? 6 : 5;

	redis_hex(id.b, sizeof(id.b), session);
	argv[n++] = bytes_of_text(session);
	if (second != NULL)
		argv[n++] = bytes_of_text(second);
	if (third != NULL)
		argv[n++] = bytes_of_text(third);
	return redis_store_script(s, script, renew ? 3 : 2, n, argv, NULL, 0);
}

int redis_session_open(struct store *store, struct session_id id, uint64_t lease_us, const char *owner)
{
	struct redis_store *s = (struct redis_store *)store;
	char lease[NUMBER_MAX], name[80];
	int r;

	snprintf(lease, sizeof(lease), "%llu", (unsigned long long)lease_us);
	/* What it knows, so that the format is raised only when all do. */
	snprintf(name, sizeof(name), "%d %s", LEDGER_RULES, owner);
	r = session_call(s, SCRIPT_SESSION_OPEN, id, lease, name);
	if (r < 0)
		return r;
	if (redis_value_kind(s->values[0]) != REDIS_INTEGER)
		return redis_store_bad_reply(s, "opening a session");
	return redis_value_integer(s->values[0]) == 1 ? 0 : -EEXIST;
}

/* session, end, owner of each, behind the time and the version. */
static int take_leases(struct redis_store *s, const struct redis_value *v, size_t n)
{
	struct store_lease *grown = realloc(s->leases, (n + 1) * sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	s->leases = grown;
	for (size_t i = 0; i < n; i++) {
		struct bytes session = redis_value_text(redis_value_at(v, 2 + 3 * i));
		struct bytes end = redis_value_text(redis_value_at(v, 3 + 3 * i));
		struct bytes owner = redis_value_text(redis_value_at(v, 4 + 3 * i));
		const char *space = owner.data == NULL ? NULL : memchr(owner.data, ' ', owner.len);
		struct store_lease *l = &s->leases[i];

		*l = (struct store_lease){ .end_us = 0 };
		if (redis_unhex(session, l->session.b, 8) < 0 || redis_number(end, &l->end_us) < 0 ||
		    owner.data == NULL)
			return redis_store_bad_reply(s, "renewing the lease");
		if (space != NULL) {
			l->rules = (unsigned)strtoul(owner.data, NULL, 10);
			owner.len -= (size_t)(space + 1 - (const char *)owner.data);
			owner.data = space + 1;
		}
		memcpy(l->owner, owner.data, owner.len < sizeof(l->owner) ? owner.len : sizeof(l->owner) - 1);
	}
	return 0;
}

int redis_session_renew(
    struct store *store, struct session_id id, uint64_t lease_us, struct store_renewal *ret_renewal)
{
	struct redis_store *s = (struct redis_store *)store;
	char lease[NUMBER_MAX];
	const struct redis_value *v;
	struct bytes version;
	size_t n;
	int r;

	snprintf(lease, sizeof(lease), "%llu", (unsigned long long)lease_us);
	r = session_call(s, SCRIPT_SESSION_RENEW, id, lease, KEEP_SESSION_US);
	if (r < 0)
		return r;
	v = s->values[0];
	if (redis_value_kind(v) == REDIS_INTEGER && redis_value_integer(v) == 0)
		return -ENOENT;
	*ret_renewal = (struct store_renewal){ .n = 0 };
	n = redis_value_count(v);
	if (redis_value_kind(v) != REDIS_ARRAY || n % 3 != 2 ||
	    redis_number(redis_value_text(redis_value_at(v, 0)), &ret_renewal->now_us) < 0)
		return redis_store_bad_reply(s, "renewing the lease");
	version = redis_value_text(redis_value_at(v, 1));
	ret_renewal->has_meta = redis_unhex(
				    version, ret_renewal->version.b, sizeof(ret_renewal->version.b)) == 0;
	if (!ret_renewal->has_meta && version.len != 0)
		return redis_store_bad_reply(s, "renewing the lease");
	r = take_leases(s, v, n / 3);
	if (r < 0)
		return r;
	ret_renewal->leases = s->leases;
	ret_renewal->n = n / 3;
	return 0;
}

int redis_session_end(struct store *store, struct session_id id)
{
	return session_call((struct redis_store *)store, SCRIPT_SESSION_END, id, NULL, NULL);
}
