/* doctor.h - the parts of `semel doctor`.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    cli/findings.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/findings.h"

/* Clock, limits, disk, memory.  c NULL: what can be told without a configuration. */
void doctor_machine(const struct config *c, struct findings *f);

#endif
