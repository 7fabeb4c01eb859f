/* try_wire.h - calls of a store between an engine and `semel try`, over a stream socket.
 *
 * The ledger of a try lies in the process that survives its engines, as Redis
 * does.  Both ends are the same program, forked: structures travel as they are
 * in memory, what they point to travels behind them.
 *
 * Frame: its length, a code (enum wire_op, or the result), a number of parts,
 * the length of each, the parts.
 *
 * Owns:    struct wire_frame: its list of parts; they point into the bytes it was read from.
 * Threads: one at a time for one frame.
 * Uses:    base/buf.
 */
#ifndef CLI_TRY_WIRE_H
#define CLI_TRY_WIRE_H

#include "base/buf.h"

enum wire_op {
	WIRE_APPEND, WIRE_READ, WIRE_CONFIRM, WIRE_META_READ, WIRE_META_CREATE, WIRE_COMMIT, WIRE_ADOPT, WIRE_HEALED,
	WIRE_CHUNK_WRITE, WIRE_CHUNK_READ, WIRE_LOCK, WIRE_SESSION_OPEN, WIRE_SESSION_RENEW, WIRE_SESSION_END, WIRE_STATS,
	WIRE_N_OPS
};

struct wire_frame {
	int32_t code;
	struct bytes *parts;
	size_t n, cap;
};

void wire_write(struct buf *out, int32_t code, const struct bytes *parts, size_t n);
/* The frame at the front of `in`.  Its length; 0: not whole yet; -EBADMSG: none of ours. */
int64_t wire_read(struct bytes in, struct wire_frame *f);
void wire_free(struct wire_frame *f);

/* Part i as the structure that it must be; false: it is none of that size. */
bool wire_take(const struct wire_frame *f, size_t i, void *ret, size_t size);
struct bytes wire_part(const struct wire_frame *f, size_t i);	/* absent past the end */

#endif
