/* try_report_private.h - what the files of the report share; nobody else includes it.
 *
 * try_report.c for people
 * try_json.c   for machines
 *
 * Owns:    nothing.
 * Threads: main.
 * Uses:    cli/try/try_report.
 */
#ifndef CLI_TRY_TRY_REPORT_PRIVATE_H
#define CLI_TRY_TRY_REPORT_PRIVATE_H

#include "cli/try/try_report.h"

const char *try_outcome_name(int outcome);
void try_report_json(const struct try_options *o, const struct try_config *c, const struct seen *s,
    const struct try_result *result, const struct try_verdict *v);

#endif
