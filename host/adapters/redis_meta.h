/* redis_meta.h - the metadata hash as text, and what a server says of itself.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    adapters/redis_conn.
 */
#ifndef ADAPTERS_REDIS_META_H
#define ADAPTERS_REDIS_META_H

#include "adapters/redis_conn.h"
#include "core/ledger/store.h"

/* lower-case hex digits and a NUL: 2 * len + 1 bytes. */
void redis_hex(const uint8_t *data, size_t len, char *ret_text);
int redis_unhex(struct bytes text, uint8_t *ret_data, size_t len);	/* 0 or -EINVAL */
int redis_number(struct bytes text, uint64_t *ret_number);		/* decimal digits only; 0 or -EINVAL */
void redis_new_version(struct ledger_version *ret_version);

#define REDIS_META_FIELDS 12
struct redis_meta_fields {
	const char *names[REDIS_META_FIELDS];
	char values[REDIS_META_FIELDS][260];
};
void redis_meta_format(const struct ledger_meta *meta, const char *run_id, struct redis_meta_fields *ret_fields);
/* From the reply to HGETALL.  -EBADMSG, -ENOTSUP (a newer format), with `why`. */
int redis_meta_parse(const struct redis_value *v, struct ledger_meta *ret_meta, char *why, size_t size);

struct redis_server {
	char run_id[48];
	char version[32];
	enum store_trouble trouble;	/* why it was refused */
	uint64_t lease_us;		/* ours, to cap others' with when the server changed */
};

/* The greeting of a new connection: asks INFO and refuses a server that would lose the ledger or cannot hold it.
 * 0; -EPERM: refused, s->trouble says how; other -errno. */
int redis_server_greet(struct redis_conn *c, struct redis_server *s);
void redis_stats_parse(struct bytes info, struct store_stats *ret_stats);

#endif
