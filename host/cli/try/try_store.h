/* try_store.h - the ledger's store of `semel try`: the memory of the process that survives the engines.
 *
 * try_store.c is the engine's end, a struct store; try_ledger.c the other one,
 * which has the memory ledger and answers one call after the other, as Redis
 * does.
 *
 * Owns:    a struct store: its socket.  struct try_ledger: the ledger, a connection an engine's store.
 * Threads: a store: one at a time; a ledger: main.
 * Uses:    core/ledger/store, cli/try/try_wire.
 */
#ifndef CLI_TRY_STORE_H
#define CLI_TRY_STORE_H

#include "core/ledger/store.h"

#include <poll.h>

/* Takes fd, a stream socket whose other end try_ledger_connect was given. */
struct store *try_store_new(int fd);

struct try_ledger;
/* slow_ms: how long each call takes. */
struct try_ledger *try_ledger_new(int64_t slow_ms);
void try_ledger_free(struct try_ledger *l);	/* NULL is allowed */
void try_ledger_connect(struct try_ledger *l, int fd);	/* takes fd */
/* What to wait for, at most max; then what came of it is served. */
size_t try_ledger_poll(const struct try_ledger *l, struct pollfd *fds, size_t max);
void try_ledger_serve(struct try_ledger *l, const struct pollfd *fds, size_t n);
/* Close all, in a child that shall not have them. */
void try_ledger_forget(const struct try_ledger *l);

#endif
