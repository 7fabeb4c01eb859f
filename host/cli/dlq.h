/* dlq.h - dead letters for people: which ones, and what they say.
 *
 * Owns:    nothing; a letter borrows from its message.
 * Threads: main only.
 * Uses:    adapters/kafka_reader, cli/options.
 */
#ifndef CLI_DLQ_H
#define CLI_DLQ_H

#include "adapters/kafka_reader.h"
#include "cli/options.h"

struct letter {
	struct message *m;
	struct bytes reason, detail, handler, id, topic;	/* absent where the letter does not say it */
	int64_t attempts, retries, replays, partition, offset, timestamp, failed_at;
};

struct selection {
	const char *reason, *handler;		/* NULL: any */
	struct bytes id;			/* absent: any; borrowed */
	int64_t since, until;			/* Unix ms of failed_at */
	long limit;				/* 0: none */
	const char *from;			/* "P=OFFSET,...": where an earlier replay stopped; NULL: the beginning */
	int32_t partition;			/* of one letter; -1: any */
	int64_t offset;
};

/* "2h" ago, Unix milliseconds, or RFC 3339; 0 or -EINVAL. */
int dlq_time(const char *text, int64_t now_ms, int64_t *ret_ms);
/* 0, or an exit status after the usage was printed. */
int dlq_selection(const char *command, const struct cli_options *o, struct selection *ret_selection);
void dlq_parse(struct message *m, struct letter *ret_letter);
bool dlq_selected(const struct selection *s, const struct letter *l);
void dlq_print(const struct letter *l, struct buf *out);	/* a line of the table */
void dlq_head(struct buf *out);
void dlq_json(const struct letter *l, struct buf *out);

/* Calls visit for each selected letter, in order within a partition; it takes no letter, and returns 0 to go on.  A
 * bar on stderr if that is a terminal.  An exit status. */
int dlq_each(const struct config *c, const struct config_subscription *sub, const struct selection *s,
    int (*visit)(void *arg, const struct letter *l), void *arg);

int dlq_replay(const struct config *c, const struct config_subscription *sub, const struct selection *s,
    const struct cli_options *o);

#endif
