/* transfer.h - a request sent, and what came of it.
 *
 * One easy handle a worker, so a connection is used again for the next event.  A request is sent once: where curl
 * would send it again on a new connection, because an idle one turned out to be closed, the transfer fails instead,
 * so that a repeated delivery is always one that the host knows of and marks.
 *
 * Owns:    the easy handle, the beginning of the answer's body.
 * Threads: worker.
 * Uses:    libcurl.
 */
#ifndef WEBHOOK_TRANSFER_H
#define WEBHOOK_TRANSFER_H

#include "request.h"

#define ANSWER_SHOWN 256

enum transfer_end {
	TRANSFER_ANSWERED,		/* a whole answer, or as much of it as was wanted */
	TRANSFER_FAILED,		/* `why` says how; it may have had its effect */
	TRANSFER_CANCELLED,		/* the host said so, or the lease was over */
};

struct answer {
	enum transfer_end end;
	bool sent;			/* a request left, or began to */
	long status;			/* 0: none */
	int64_t retry_after_ms;		/* -1: none */
	double seconds;
	long connections;		/* made for it */
	char why[384];
	char body[ANSWER_SHOWN];	/* its beginning */
	size_t body_len;
};

struct transfer;
/* Process-wide set-up and its end, in pairs.  Threads: setup. */
int transfer_global_init(void);
void transfer_global_cleanup(void);

int transfer_new(const struct webhook *w, struct transfer **ret_transfer);	/* 0 or -ENOMEM */
void transfer_free(struct transfer *t);		/* NULL is allowed */
void transfer_run(struct transfer *t, const struct request *r, const struct semel_event *e, struct answer *ret);

#endif
