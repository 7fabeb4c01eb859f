/* options.h - options that commands share, and the way to the daemon.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    getopt.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/buf.h"
#include "core/config.h"

struct cli_options {
	const char *config;		/* -c; the default if not given */
	bool config_given;
	const char *admin;		/* --admin; NULL: not given */
	bool json, keys, markdown, base64, connect, ledger_only;
	bool dry_run, raw, once;
	const char *events, *produce, *rate;
	const char *reason, *handler, *id, *since, *until, *limit, *from, *detail, *to, *topic;
	const char *interval, *sort, *filter, *view, *batch;
	const char *route, *outcome, *key, *count;
	bool dead, payload;
	int argc;			/* what is left */
	char **argv;
};

/* 0, or EXIT_USAGE after the usage was printed. */
int cli_options(int argc, char **argv, struct cli_options *ret_options);

/* The configuration that -c names, judged.  0: *ret_config is the caller's; else an exit status, after its errors were
 * printed. */
int cli_load(const struct cli_options *o, struct config **ret_config);

/* The socket that the options or the configuration name; the caller's. */
char *cli_socket(const struct cli_options *o);
/* One request to the daemon named by the options.  0: *ret_body holds the answer, *ret_status its status; else an
 * exit status, after the reason was printed. */
int cli_ask(const struct cli_options *o, const char *method, const char *path, struct buf *ret_body, int *ret_status);
/* The same without a message: the HTTP status, or -errno with `why`. */
int cli_try(const struct cli_options *o, const char *method, const char *path, struct buf *ret_body, char *why,
    size_t size);

/* The bytes of an id as it was typed, which --base64 says; 0, or EXIT_USAGE after the usage was printed. */
int cli_id(const struct cli_options *o, const char *command, const char *typed, struct buf *ret_id);

/* True if stdout is a terminal and NO_COLOR is not set. */
bool cli_colours(void);

#endif
