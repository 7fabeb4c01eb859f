#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct semel_setting exec_settings[] = {
	{ "command", SEMEL_LIST, NULL,
	    "The program and its arguments: an absolute path, or a name that the child's PATH has; no shell." },
	{ "env", SEMEL_MAP, "", "Variables on top of the few the child has: { TZ = \"UTC\"; }." },
	{ "directory", SEMEL_TEXT, "", "Where it runs, an absolute path; empty: where the host does." },
	{ "max_line", SEMEL_SIZE, "16MiB", "The longest line, to the child and from it." },
	{ "grace", SEMEL_DURATION, "5s", "How long after SIGTERM until SIGKILL." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

/* Reads on after a fault, so that all are told. */
struct reader {
	const struct semel_host *host;
	const struct semel_settings *settings;
	int r;
};

static void fault(struct reader *in, const char *name, const char *why, int r)
{
	in->host->fault(in->settings, name, why);
	if (in->r == 0 || r == -EINVAL)
		in->r = r;
}

/* Takes text, which may be NULL: out of memory. */
static void append(struct reader *in, char ***list, size_t *n, char *text)
{
	char **grown = text == NULL ? NULL : realloc(*list, (*n + 2) * sizeof(*grown));

	if (grown == NULL) {
		free(text);
		in->r = -ENOMEM;
		return;
	}
	*list = grown;
	grown[(*n)++] = text;
	grown[*n] = NULL;
}

static void append_variable(struct reader *in, struct exec *x, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 2;
	char *text = malloc(size);

	if (text != NULL)
		snprintf(text, size, "%s=%s", name, value);
	append(in, &x->env, &x->n_env, text);
}

static const char *variable(const struct exec *x, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < x->n_env; i++)
		if (strncmp(x->env[i], name, len) == 0 && x->env[i][len] == '=')
			return x->env[i] + len + 1;
	return NULL;
}

/* ---- The program */

static int judge_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || access(path, X_OK) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EACCES;
}

int settings_find(const struct exec *x, char *ret_path, size_t size)
{
	const char *folder = variable(x, "PATH");
	int r = -ENOENT;

	if (x->argv[0][0] == '/') {
		if ((size_t)snprintf(ret_path, size, "%s", x->argv[0]) >= size)
			return -ENAMETOOLONG;
		return judge_file(ret_path);
	}
	for (const char *end; folder != NULL; folder = *end == ':' ? end + 1 : NULL) {
		end = folder + strcspn(folder, ":");
		if (folder[0] != '/' || (size_t)snprintf(ret_path, size, "%.*s/%s", (int)(end - folder),
					    folder, x->argv[0]) >= size)
			continue; /* an empty part would be the working directory */
		r = judge_file(ret_path);
		if (r == 0 || r == -EACCES)
			return r;
	}
	return r;
}

static void take_command(struct reader *in, struct exec *x)
{
	const char *name, *text;

	for (size_t i = 0; in->host->at(in->settings, "command", i, &name, &text); i++)
		append(in, &x->argv, &x->n_argv, strdup(text));
	if (in->r < 0)
		return;
	if (x->n_argv == 0 || x->argv[0][0] == '\0')
		fault(in, "command",
		    "is empty: give the program and its arguments, [ \"python3\", \"/opt/h.py\" ]", -EINVAL);
	else if (x->argv[0][0] != '/' && strchr(x->argv[0], '/') != NULL)
		fault(in, "command", "is a relative path: give an absolute one, or a name that PATH has",
		    -EINVAL);
}

/* It may be installed yet: no -EINVAL. */
static void judge_command(struct reader *in, const struct exec *x)
{
	char path[4096], why[4200];
	struct stat st;
	int r;

	if (in->r < 0)
		return;
	r = settings_find(x, path, sizeof(path));
	if (r < 0) {
		snprintf(why, sizeof(why), "%s: %s%s", x->argv[0], strerror(-r),
		    x->argv[0][0] == '/' ? "" : " in the child's PATH");
		fault(in, "command", why, r);
	}
	if (x->directory[0] != '\0' && stat(x->directory, &st) < 0)
		fault(in, "directory", strerror(errno), -errno);
}

/* ---- The rest */

/* What a child finds if nothing is said: no variable of the host's, which may be secret. */
static void take_env(struct reader *in, struct exec *x)
{
	static const char *const clean[][2] = { { "PATH", "/usr/local/bin:/usr/bin:/bin" },
		{ "LANG", "C.UTF-8" } };
	const char *name, *text;

	for (size_t i = 0; in->host->at(in->settings, "env", i, &name, &text); i++)
		append_variable(in, x, name, text);
	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++)
		if (variable(x, clean[i][0]) == NULL)
			append_variable(in, x, clean[i][0], clean[i][1]);
	append_variable(in, x, "SEMEL_HANDLER", in->host->handler);
	append_variable(in, x, "SEMEL_EXEC_PROTOCOL", "1");
}

static void take_bounds(struct reader *in, struct exec *x)
{
	int64_t max_line = in->host->number(in->settings, "max_line");
	int64_t grace_ms = in->host->number(in->settings, "grace");

	if (max_line < 4096 || max_line > (int64_t)1 << 30)
		fault(in, "max_line", "is none of 4KiB to 1GiB", -EINVAL);
	if (grace_ms < 0 || grace_ms > 600000)
		fault(in, "grace", "is none of 0s to 10m", -EINVAL);
	x->max_line = (size_t)max_line;
	x->grace_ms = (int)grace_ms;
	x->directory = strdup(in->host->text(in->settings, "directory"));
	if (x->directory == NULL)
		in->r = -ENOMEM;
	else if (x->directory[0] != '\0' && x->directory[0] != '/')
		fault(in, "directory", "is no absolute path", -EINVAL);
}

int settings_read(struct exec *x, const struct semel_settings *s)
{
	struct reader in = { x->host, s, 0 };

	take_command(&in, x);
	take_env(&in, x);
	take_bounds(&in, x);
	judge_command(&in, x);
	return in.r;
}

void settings_free(struct exec *x)
{
	for (size_t i = 0; i < x->n_argv; i++)
		free(x->argv[i]);
	for (size_t i = 0; i < x->n_env; i++)
		free(x->env[i]);
	free(x->argv);
	free(x->env);
	free(x->directory);
}
