/* try_report.h - what is printed of a try.
 *
 * Owns:    nothing.
 * Threads: main.
 * Uses:    cli/try/try_judge.
 */
#ifndef CLI_TRY_TRY_REPORT_H
#define CLI_TRY_TRY_REPORT_H

#include "cli/try/try_judge.h"

void try_report(const struct try_options *o, const struct try_config *c, const struct seen *s,
    const struct try_result *result, const struct try_verdict *v);

#endif
