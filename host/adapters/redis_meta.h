/* redis_meta.h - the metadata hash as text.
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

/* All fields that a compare-and-set writes; run_id, created, fence_floor and what belongs to healing are the
 * server's or the scripts'. */
#define REDIS_META_FIELDS 13
#define REDIS_FIELD_MAX 260
struct redis_meta_fields {
	const char *names[REDIS_META_FIELDS];
	char values[REDIS_META_FIELDS][REDIS_FIELD_MAX];
};
void redis_meta_format(const struct ledger_meta *meta, struct redis_meta_fields *ret_fields);
/* "seg:ID" and what is said of it. */
#define REDIS_SEGMENT_FIELD 24
#define REDIS_SEGMENT_VALUE 96
void redis_segment_format(const struct segment_info *info, char field[REDIS_SEGMENT_FIELD], char value[REDIS_SEGMENT_VALUE]);

/* From fields and values, from the `first` element of the reply on.  -EBADMSG, -ENOTSUP (a newer format), with `why`. */
int redis_meta_parse(const struct redis_value *v, size_t first, struct ledger_meta *ret_meta, char *why, size_t size);

#endif
