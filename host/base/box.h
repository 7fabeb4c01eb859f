/* box.h - the black box: what an engine was doing, for whoever comes after it.
 *
 * A file, mapped shared.  Each event that is given to a worker has a slot; the
 * worker notes that it begins and how it ended by plain stores, no system
 * call.  When the engine dies the kernel keeps the stores, so the manager
 * knows which events were inside a handler, and the next engine records what
 * had ended (LEDGER.md section 6).  The file is under an flock that engine
 * and children inherit: who holds it knows that they are dead.
 *
 * The file has a header and two areas, of which one is in force.  An engine
 * lays out the other one, carries over what is not settled yet, and puts it in
 * force with one store.  Another boot of the machine, or a slot whose sum does
 * not fit, means that stores may be missing: then everything is taken as begun.
 *
 * Owns:    the mapping, the descriptor.
 * Threads: box_give, box_free, box_add_past: the ledger thread of the section; box_start, box_end: the worker that has the
 *          slot; the rest: setup, or the manager while no engine lives.
 * Uses:    libc (mmap, flock).
 */
#ifndef BASE_BOX_H
#define BASE_BOX_H

#include "base/buf.h"

#include <stdatomic.h>

enum box_state {
	BOX_FREE,
	BOX_GIVEN,			/* waits for a worker: never begun */
	BOX_RUNNING,			/* inside a handler */
	BOX_ENDED,			/* `outcome` is known, and not yet recorded */
	/* Left by an earlier engine, and recorded in the ledger: */
	BOX_SUSPECT,			/* may have killed it: runs alone */
	BOX_BEGUN,			/* was inside a handler when it ended for another reason */
	BOX_VERDICT			/* had ended with `outcome`, which is still to be acted on: not run again */
};

/* Why an event that was inside a handler when its engine ended is looked at with suspicion. */
enum box_blame {
	BOX_UNJUDGED,
	BOX_INNOCENT,			/* the reason is known, and it is another */
	BOX_SUSPECTED,			/* one of several */
	BOX_CRASHED,			/* it alone ran: counts against max_crashes */
	BOX_TIMED_OUT			/* past max_run: counts, too */
};

/* Why an engine ended. */
#define BOX_CAUSES(X) \
	X(CRASH, "crash")		/* a signal, or exit() in a plugin */ \
	X(TIMEOUT, "timeout")		/* it gave up an event that was past max_run */ \
	X(RELOAD, "reload") \
	X(WATCHDOG, "watchdog")		/* its main thread stood still */ \
	X(KILLED, "killed")		/* SIGKILL that was not ours */ \
	X(STOP, "stop") \
	X(LOST, "lost")			/* with its manager: nobody saw it */
#define X(id, text) BOX_##id,
enum box_cause { BOX_CAUSES(X) BOX_N_CAUSES };
#undef X
const char *box_cause_name(enum box_cause c);

struct box_slot {
	_Atomic uint32_t state;		/* enum box_state; what follows is written before it */
	uint32_t sum;			/* over all up to `start_ms`, and over the texts */
	uint8_t id[14];			/* as the ledger has it */
	uint16_t attempt;
	uint64_t fence;			/* of the claim */
	int64_t offset;
	int32_t partition;
	uint32_t check;
	_Atomic int64_t start_ms;	/* Unix time; the worker's, like the rest */
	_Atomic int32_t outcome;	/* enum semel_outcome, or BOX_EMITS */
	_Atomic uint8_t overran;	/* past max_run */
	uint8_t blame;			/* enum box_blame; the manager's */
	uint16_t id_len;
	int64_t retry_ms;		/* as the handler asked, -1: not */
	char topic[48], handler[32], id_text[48], why[56];	/* cut; id_text without a NUL */
};

/* It ended well, and records of it are being published: until they are acknowledged it has only begun. */
#define BOX_EMITS 100

#define BOX_MAX_SESSIONS 4
struct box_session { uint8_t b[8]; };

/* A subscription's part. */
struct box_section {
	char name[64];
	uint64_t slots;			/* offset in the file */
	uint32_t n_slots;
	_Atomic uint32_t n_past;	/* sessions of engines that are dead, and not yet recorded as such */
	struct box_session past[BOX_MAX_SESSIONS];
	_Atomic uint32_t has_session;
	struct box_session session;	/* of the engine at hand */
	_Atomic uint64_t subscribed;	/* a hash of the topics that the group was joined for; the poller's; 0: not known */
	uint32_t doubtful;		/* stores may be missing: everything open was begun */
};

/* What the manager knows; written while no engine lives, or by the manager alone. */
struct box_facts {
	_Atomic uint32_t restarts[BOX_N_CAUSES];
	_Atomic uint32_t reload_failed;	/* the last one was refused */
	char last_exit[24576];		/* JSON; empty: there was none */
};

struct box;

/* Open or make the file, lock it and map its header.  -EWOULDBLOCK: somebody else has it.  path NULL: memory that
 * nobody else sees, for where the file cannot be made. */
int box_open(const char *path, struct box **ret_box);
void box_close(struct box *b);			/* NULL is allowed */
struct box_facts *box_facts(struct box *b);
/* An engine that ended so is followed by another. */
bool box_cause_restarts(enum box_cause c);
uint32_t box_restarts(const struct box_facts *f);
/* `"restarts_by":{"crash":1,...}`, appended. */
void box_restarts_json(const struct box_facts *f, struct buf *out);

/* ---- The manager's.  Threads: one, while no engine lives. */
/* Room for engines with so many sections and slots, so that they start on a disk that has become full.  0 or -errno. */
int box_reserve(struct box *b, size_t n_sections, size_t n_slots);
/* The engine is dead: lays the blame for what was inside a handler.  Repeating it changes nothing. */
void box_judge(struct box *b, enum box_cause cause);
/* Visits what box_judge blamed (and what ran innocently), or all that runs before it is judged. */
void box_each_running(struct box *b, void (*visit)(void *arg, const struct box_section *s, const struct box_slot *slot),
    void *arg);

/* ---- The engine's. */
struct box_spec { const char *name; uint32_t n_slots; };
/* Lay out an area for these, once an engine, with what the last one holds of them.  0 or -errno. */
int box_layout(struct box *b, const struct box_spec *specs, size_t n);
struct box_section *box_section(struct box *b, size_t i);	/* as in specs; lives as long as b */
struct box_slot *box_slot(struct box *b, const struct box_section *s, uint32_t i);
bool box_slot_is_whole(const struct box_slot *slot);
/* One more that is dead; when there is no room the oldest is dropped. */
void box_add_past(struct box_section *s, const struct box_session *session);

/* What box_give copies. */
struct box_run {
	const uint8_t *id;		/* 14 bytes */
	struct bytes id_text;
	const char *topic, *handler;
	int32_t partition;
	int64_t offset;
	uint64_t fence;
	uint32_t check;
	uint16_t attempt;
};
void box_give(struct box_slot *slot, const struct box_run *run);
void box_start(struct box_slot *slot, int64_t now_ms);
/* why may be NULL. */
void box_end(struct box_slot *slot, int outcome, int64_t retry_ms, const char *why);
void box_free(struct box_slot *slot);

#endif
