/* letters.h - dead letters: from an event that cannot be handled to an acknowledged record.
 *
 * Key, value and headers stay as they were; what is known of the failure is
 * added as text headers `semel.dlq.*` (docs/delivery.md), which replace
 * those of an earlier letter.  The event comes back to its flow as MAIL_ACK,
 * letter_ok says whether all in-sync replicas have it.
 *
 * Owns:    the sink.
 * Threads: letters_send: ledger threads, one event at a time each.
 * Uses:    core/sink.
 */
#ifndef ENGINE_LETTERS_H
#define ENGINE_LETTERS_H

#include "engine/subscription.h"

struct letters;

int letters_start(const struct config *c, const struct backend *backend, struct subscription *const *subs,
    struct metrics *metrics, struct letters **ret_letters, char *why, size_t size);
/* Takes the event until its MAIL_ACK.  handler_version: of the plugin, or NULL if no handler was involved. */
void letters_send(struct letters *l, struct event *ev, unsigned sub, const char *handler_version);
/* Why the last letter of this subscription failed, for status; false: the last one went through. */
bool letters_trouble(struct letters *l, unsigned sub, char *ret_text, size_t size);
/* The id of the Kafka cluster; -errno while it is not known. */
int letters_cluster(struct letters *l, int timeout_ms, char *ret_id, size_t size);
/* Has this group committed any offset?  1, 0, -errno with `why`. */
int letters_group_used(struct letters *l, const char *group, int timeout_ms, char *why, size_t size);
/* Waits for acknowledgements under way, at most timeout_ms. */
void letters_stop(struct letters *l, int timeout_ms);	/* NULL is allowed; takes it */

#endif
