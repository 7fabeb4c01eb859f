/* event_file.h - files of events, one JSON object a line, as records.
 *
 * Owns:    struct file_event: its texts.
 * Threads: main only.
 * Uses:    adapters/json.
 */
#ifndef CLI_EVENT_FILE_H
#define CLI_EVENT_FILE_H

#include "adapters/json.h"
#include "core/event.h"

/* Calls `take` for each event of the file.  What is not an event is printed as FILE:LINE: error: TEXT and counted.
 * -errno if the file cannot be read. */
int event_file_each(const char *file, int (*take)(void *arg, struct json_event *e, unsigned line), void *arg,
    size_t *ret_bad);

/* The event as a message that borrows from it. */
void event_file_message(struct json_event *e, int64_t offset, struct message *ret_message);

#endif
