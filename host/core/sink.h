/* sink.h - where records go: dead letters, retries, what handlers emit.
 *
 * Every record that was taken is answered by one acknowledgement.  Kafka is
 * the sink of the daemon (adapters/kafka_producer.c); `semel try` takes note of
 * them and writes nothing (cli/try/try_sink.c).
 *
 * Owns:    the client; what it is given is copied.
 * Threads: send: any; acknowledgements: the sink's own, or within send.
 * Uses:    core/headers.
 */
#ifndef CORE_SINK_H
#define CORE_SINK_H

#include "core/headers.h"

/* Called once a record.  error NULL: acknowledged by all in-sync replicas. */
typedef void (*sink_ack_fn)(void *arg, void *cookie, const char *error_code, const char *error_text);

struct sink;
struct sink_ops {
	/* 0: the acknowledgement will come; -ENOBUFS: queue full, later; -EMSGSIZE: too large for any topic; other
	 * -errno. */
	int (*send)(struct sink *s, const char *topic, struct bytes key, struct bytes value,
	    const struct header *headers, size_t n, int64_t timestamp_ms, void *cookie);
	/* The cluster's id, copied; -errno while it is not known. */
	int (*cluster)(struct sink *s, int timeout_ms, char *ret_id, size_t size);
	/* Has this group committed any offset, of any topic?  1, 0, or -errno with `why`. */
	int (*group_used)(struct sink *s, const char *group, int timeout_ms, char *why, size_t size);
	/* Waits for acknowledgements up to timeout_ms, then destroys; takes s. */
	void (*close)(struct sink *s, int timeout_ms);
};

struct sink { const struct sink_ops *ops; };

#endif
