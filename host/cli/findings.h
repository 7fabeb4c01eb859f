/* findings.h - what is wrong, and what to do about it: what `semel doctor` and `semel check --connect` tell.
 *
 * Owns:    its texts; borrows the places.
 * Threads: main only.
 * Uses:    core/config (places).
 */
#ifndef CLI_FINDINGS_H
#define CLI_FINDINGS_H

#include "base/buf.h"
#include "core/config.h"

#define FINDING_AREAS(X) X(MACHINE, "machine") X(CONFIGURATION, "configuration") X(KAFKA, "kafka") X(REDIS, "redis") X(DAEMON, "daemon")
#define X(id, name) AREA_##id,
enum finding_area { FINDING_AREAS(X) N_AREAS };
#undef X
const char *finding_area_name(enum finding_area a);

struct finding {
	enum finding_area area;
	bool error;			/* else a warning: it works, and will not for ever */
	const struct config_subscription *sub;	/* whose, or NULL */
	char *what, *remedy;
};

struct findings {
	struct finding *list;
	size_t n, errors;
};

/* Each once: what two subscriptions find of one server is one finding. */
void findings_add(struct findings *f, enum finding_area area, bool error, const struct config_subscription *sub,
    const char *remedy, const char *format, ...) __attribute__((format(printf, 6, 7)));
void findings_print(const struct findings *f, bool colours, struct buf *out);
void findings_json(const struct findings *f, struct buf *out);
void findings_free(struct findings *f);

#endif
