/* settings.h - the program that is run, and within what bounds.
 *
 * Owns:    copies of all texts.
 * Threads: made and freed at setup; constant in between.
 * Uses:    libc.
 */
#ifndef EXEC_SETTINGS_H
#define EXEC_SETTINGS_H

#include <semel/handler.h>

struct exec_metrics {
	struct semel_metric *starts, *deaths, *broken, *cancelled, *seconds;
};

struct exec {
	const struct semel_host *host;
	char **argv, **env; /* each ends in NULL */
	size_t n_argv, n_env;
	char *directory; /* "": the host's */
	size_t max_line;
	int grace_ms;
	struct exec_metrics metrics;
};

extern const struct semel_setting exec_settings[];

/* All faults are told at once.  0, -EINVAL, -ENOMEM, or what keeps the program from being run. */
int settings_read(struct exec *x, const struct semel_settings *s);
void settings_free(struct exec *x);

/* The program's file: argv[0], or found in the PATH that the child will have.  0, or -errno. */
int settings_find(const struct exec *x, char *ret_path, size_t size);

#endif
