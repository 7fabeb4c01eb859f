/* ${VAR} and ${VAR:-default}, and the file of defaults. */
#include "adapters/config_values.h"
#include "adapters/safe_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULTS_FILE "/etc/default/semel"
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* ---- The defaults file: what systemd's EnvironmentFile= takes, without line continuation */

static void add_line(struct config_env *e, const char *line)
{
	char **grown = realloc(e->lines, (e->n + 1) * sizeof(*grown));

	if (grown == NULL)
		abort();
	e->lines = grown;
	e->lines[e->n++] = strdup(line);
}

static bool is_assignment(const char *line)
{
	size_t n = strspn(line, NAME_CHARS);

	return n > 0 && (line[0] < '0' || line[0] > '9') && line[n] == '=';
}

static void read_lines(
    struct config_env *e, FILE *f, const char *path, bool lenient, struct config_problems *problems)
{
	char *line = NULL;
	size_t cap = 0;
	unsigned number = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, f)) > 0) {
		const char *start = line + strspn(line, " \t");

		number++;
		while (n > 0 && strchr("\n\r \t", line[n - 1]) != NULL)
			line[--n] = '\0';
		if (start >= line + n || start[0] == '#' || start[0] == ';')
			continue;
		if (is_assignment(start))
			add_line(e, start);
		else
			config_problem_add(problems, !lenient, path, number, "expected NAME=value");
	}
	free(line);
}

void config_env_load(struct config_env *e, bool lenient, struct config_problems *problems)
{
	const char *path = getenv("SEMEL_DEFAULTS");
	char why[1024];
	FILE *f;
	int fd;

	*e = (struct config_env){ NULL, 0 };
	path = path == NULL || path[0] == '\0' ? DEFAULTS_FILE : path;
	fd = safe_open(path, lenient, why, sizeof(why));
	if (fd == -ENOENT)
		return;
	if (why[0] != '\0')
		config_problem_add(problems, fd < 0, path, 0, "%s", why + strlen(path) + 2);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	read_lines(e, f, path, lenient, problems);
	fclose(f);
}

void config_env_free(struct config_env *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->lines[i]);
	free(e->lines);
	*e = (struct config_env){ NULL, 0 };
}

/* ---- Replacing */

/* The value, without quotes around it, appended; false: not set. */
static bool from_file(const struct config_env *e, const char *name, size_t len, struct buf *out)
{
	for (size_t i = e->n; i-- > 0;) {
		const char *text = e->lines[i];
		size_t n;
		bool quoted;

		if (strncmp(text, name, len) != 0 || text[len] != '=')
			continue;
		text += len + 1;
		n = strlen(text);
		quoted = n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n - 1] == text[0];
		buf_add(out, text + quoted, n - 2 * (size_t)quoted);
		return true;
	}
	return false;
}

static bool lookup(const struct config_env *e, const char *name, size_t len, struct buf *out)
{
	char *key = strndup(name, len);
	const char *v = key == NULL ? NULL : getenv(key);

	free(key);
	if (v == NULL)
		return from_file(e, name, len, out);
	buf_text(out, v);
	return true;
}

/* One ${...} at *text, which is moved behind it. */
static int replace(const struct config_env *e, const char **text, struct buf *out, char **ret_name)
{
	const char *name = *text + 2, *end = strchr(name, '}'), *fallback;
	size_t len = strspn(name, NAME_CHARS), before = out->len;
	bool set;

	if (end == NULL || len == 0 || (name[0] >= '0' && name[0] <= '9'))
		return -EINVAL;
	fallback = strncmp(name + len, ":-", 2) == 0 ? name + len + 2 : NULL;
	if (fallback == NULL && name + len != end)
		return -EINVAL;
	*text = end + 1;
	set = lookup(e, name, len, out);
	/* As in a shell, an empty value counts as not set where there is a default. */
	if (fallback != NULL && out->len == before) {
		buf_add(out, fallback, (size_t)(end - fallback));
		return 0;
	}
	if (set)
		return 0;
	*ret_name = strndup(name, len);
	return -ENOENT;
}

int config_expand(const struct config_env *e, const char *text, struct buf *out, char **ret_name)
{
	int r = 0;

	buf_add(out, "", 0);
	while (r == 0 && *text != '\0') {
		if (text[0] == '$' && text[1] == '{')
			r = replace(e, &text, out, ret_name);
		else
			buf_char(out, *text++);
	}
	return r;
}
