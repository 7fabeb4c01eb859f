/* kafka_properties.h - whether librdkafka knows a property and takes a value.
 *
 * So that a mistyped property is an error with file and line, and not a
 * client that cannot be made later.  Nothing is connected to.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_PROPERTIES_H
#define ADAPTERS_KAFKA_PROPERTIES_H

#include <stddef.h>

/* 0; -ENOENT: there is no such property, and ret_near is the most similar one, or ""; -EINVAL: not that value,
 * and `why` says so.  value NULL: the name alone. */
int kafka_property_check(
    const char *name, const char *value, char *ret_near, size_t near_size, char *why, size_t size);

#endif
