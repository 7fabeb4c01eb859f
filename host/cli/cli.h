/* cli.h - what the commands of `semel` have in common.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    base/buf.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"

/* Exit status (REFERENCE section 2). */
enum {
	EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 64, EXIT_UNREACHABLE = 69, EXIT_INTERNAL = 70, EXIT_NOPERM_ = 77,
	EXIT_CONFIGURATION = 78
};

struct command {
	const char *name;
	const char *usage;		/* behind the name */
	const char *help;		/* one line */
	const char *details;		/* for semel help NAME; NULL: none */
	int (*run)(int argc, char **argv);	/* argv[0] is the command's name; returns the exit status */
};

/* All commands, in the order in which help lists them; the last has no name. */
extern const struct command cli_commands[];

/* A host, manager and engine, in this process, until SIGTERM; the exit status.  The program lends it: commands know no
 * manager.  NULL where there is none. */
struct config;
struct engine_setup;
extern int (*cli_run_host)(const struct config *c, const struct engine_setup *setup);

int cli_main(int argc, char **argv);
/* Print usage of argv[0] to stderr, with a first line made of format; returns EXIT_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One function a command, in cli/cmd_NAME.c. */
int cmd_bench(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_dev(int argc, char **argv);
int cmd_dlq(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_event(int argc, char **argv);
int cmd_handlers(int argc, char **argv);
int cmd_hold(int argc, char **argv);
int cmd_ledger(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_new(int argc, char **argv);
int cmd_offsets(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_route(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_tap(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_try(int argc, char **argv);
extern const char cmd_try_details[];	/* what help says of it */

#endif
