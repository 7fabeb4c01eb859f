/* event_story.h - what becomes of one event: the ledger's word, where it is, its dead letter, what to type.
 *
 * Owns:    its buffer.
 * Threads: main only.
 * Uses:    adapters/json, cli/dlq.
 */
#ifndef CLI_EVENT_STORY_H
#define CLI_EVENT_STORY_H

#include "adapters/json.h"
#include "cli/options.h"

struct event_story {
	const struct cli_options *options;
	const char *subscription, *typed;	/* as they were given */
	struct bytes id;
	struct json_doc *doc;			/* the daemon's answer; NULL: it knows nothing */
	/* Its last letter, as JSON (dlq_json) and as lines; empty: none was found. */
	struct buf letter, letter_lines;
	int looked;				/* an exit status of looking for letters; -1: they were not looked for */
};

/* Reads the dead-letter topic to its end, if the ledger says that there is one to be found, and nobody forbids it. */
void event_story_find_letter(struct event_story *s);
void event_story_print(struct event_story *s);
void event_story_json(const struct event_story *s, struct bytes answer, struct buf *out);

#endif
