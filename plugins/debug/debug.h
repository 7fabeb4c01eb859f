/* debug.h - the parts of the handler `debug` (debug.c says what it does).
 *
 * debug.c   settings, words, the note of a run
 * later.c   runs that end after handle has returned
 *
 * Threads: as in <semel/handler.h>.
 */
#ifndef DEBUG_H
#define DEBUG_H

#include <pthread.h>
#include <semel/handler.h>
#include <stdatomic.h>

struct open_run;

struct debug {
	char *words;
	int fd;				/* -1: none */
	bool json;
	pthread_t thread;		/* completes open runs */
	pthread_mutex_t lock;		/* of runs */
	struct open_run *runs;
	atomic_bool closing;
};

void debug_sleep_ms(long ms);
long long debug_now_ms(void);
/* Notes that e ended OK: SEMEL_OK, or SEMEL_RETRY where it cannot be noted. */
int debug_note(const struct debug *d, const struct semel_event *e);

int debug_later_start(struct debug *d);		/* 0 or -errno */
void debug_later_stop(struct debug *d);
void debug_later_flush(void *self);
/* Obeys a word for a run that ends later: its outcome, or -1: it is none of these. */
int debug_later(struct debug *d, const struct semel_event *e, const char *word);

#endif
