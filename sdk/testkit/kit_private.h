/* kit_private.h - what the files of the test kit share; nobody else includes it.
 *
 * kit.c        setting up, opening, the end
 * settings.c   the configured settings, judged and asked for
 * services.c   the host's table: log, metrics, the event
 * run.c        events into the plugin, outcomes out of it
 * result.c     what the test asks for afterwards
 * siphash.c    SipHash-2-4-128
 *
 * Names begin with semel_kit_, because this is linked into other people's
 * programs; files shared with the host (core/) get the prefix by definition.
 *
 * Owns:    -
 * Threads: what is marked (lock) is read and written under semel_test.lock.
 * Uses:    core/emitted, core/emit_id, core/setting_value, pthread.
 */
#ifndef SEMEL_KIT_PRIVATE_H
#define SEMEL_KIT_PRIVATE_H

#include <semel/testkit.h>

#include "core/emitted.h"

#include <pthread.h>
#include <stdatomic.h>

#define KIT_WORKERS 16		/* host->workers; the calling thread's is number 0 */

struct kit_texts { char **list; size_t n; };

struct kit_setting { char *name, *text; };

struct semel_settings { struct semel_test *t; };

struct semel_metric {
	struct semel_metric *next;
	struct semel_test *t;
	char *name, *help;
	enum semel_metric_type type;
	double value;			/* (lock) */
	size_t count;			/* (lock) */
};

enum kit_state { KIT_INSIDE, KIT_EARLY, KIT_OPEN, KIT_ENDED };

struct semel_test_run {
	struct semel_event event;	/* first: services find the run by it */
	struct semel_test *t;
	bool in_batch;
	pthread_t thread;		/* inside handle */
	enum kit_state state;		/* (lock) */
	int outcome;			/* (lock), as all below */
	char *why;
	int64_t retry_ms;
	int early_outcome;		/* of complete() before handle returned */
	int64_t early_retry_ms;
	char *early_why;
	int64_t cancel_at_ms, lease_until_ms;	/* monotonic */
	struct semel_header *headers;	/* of the event, until it ends */
	size_t n_headers;
	struct emitted *emitted;
	struct semel_header **shown;	/* what consumers see, a list a record */
	char *label;			/* the id, for messages */
};

struct semel_test {
	struct semel_host host;		/* first: services find the kit by it */
	const struct semel_handler *plugin;
	struct semel_handler handler;	/* our copy, as the host's: members the plugin lacks are zero */
	struct semel_settings settings;
	struct kit_setting *set;
	size_t n_set;
	struct kit_texts emits, faults;
	char *name;
	bool opening, opened;		/* inside open; open returned 0 */
	void *self, *worker;
	pthread_mutex_t lock;
	pthread_cond_t ended;		/* a run has */
	struct kit_texts log, misuse;	/* (lock) */
	struct semel_metric *metrics;	/* (lock) */
	struct semel_test_run **runs;	/* (lock); token: index + 1 */
	size_t n_runs;
};

/* Wrong use of the kit, or no memory: says so and aborts. */
_Noreturn void semel_kit_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *semel_kit_grow(void *list, size_t n, size_t size);	/* one more, zeroed; never NULL */
char *semel_kit_copy(const char *text, size_t len);		/* never NULL */
void semel_kit_add(struct kit_texts *texts, char *text);	/* takes text */
char *semel_kit_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
int64_t semel_kit_now_ms(void);					/* monotonic */

/* The plugin did what it must not.  Takes the lock: not to be held. */
void semel_kit_misuse(struct semel_test *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

void semel_kit_judge_settings(struct semel_test *t);		/* adds faults */
void semel_kit_fill_host(struct semel_test *t);
int semel_kit_complete(struct semel_test *t, uint64_t token, int outcome, int64_t retry_ms, const char *why);
void semel_kit_run_free(struct semel_test_run *run);
void semel_kit_show_emitted(struct semel_test_run *run);	/* fills `shown`; the lock is held */
void semel_kit_siphash128(const uint8_t key[16], struct bytes data, uint8_t ret_hash[16]);

const char *semel_kit_text(const struct semel_settings *s, const char *name);
int64_t semel_kit_number(const struct semel_settings *s, const char *name);
bool semel_kit_at(
    const struct semel_settings *s, const char *name, size_t i, const char **ret_name, const char **ret_text);

#endif
