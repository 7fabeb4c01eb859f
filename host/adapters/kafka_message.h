/* kafka_message.h - a record of librdkafka as a struct message.
 *
 * Zero copy: key, value and headers are borrowed from the fetch response,
 * which one held record pins as a whole.  detach copies it out.
 *
 * Owns:    the rd_kafka_message_t, until freed or detached.
 * Threads: one at a time for one message.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_MESSAGE_H
#define ADAPTERS_KAFKA_MESSAGE_H

#include "core/event.h"

#include <librdkafka/rdkafka.h>

/* Takes rkm; topic must live as long as the message. */
void kafka_message_fill(struct message *m, rd_kafka_message_t *rkm, const char *topic);

#endif
