#include "adapters/config_values.h"

#include "adapters/config_file.h"
#include "adapters/safe_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECRET_MAX 65536

/* ---- Units */

struct unit {
	const char *name;
	int64_t factor;
};

static int with_unit(const char *text, const struct unit *units, int64_t *ret_value)
{
	char *end;
	long long n;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0)
		return -EINVAL;
	for (; units->name != NULL; units++) {
		if (strcmp(end, units->name) == 0) {
			if (n > INT64_MAX / units->factor)
				return -EINVAL;
			*ret_value = n * units->factor;
			return 0;
		}
	}
	return -EINVAL;
}

int config_duration(const char *text, int64_t *ret_ms)
{
	static const struct unit units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
		{ "d", 86400000 }, { NULL, 0 } };

	return with_unit(text, units, ret_ms);
}

int config_size(const char *text, int64_t *ret_bytes)
{
	static const struct unit units[] = { { "B", 1 }, { "KB", 1000 }, { "MB", 1000000 },
		{ "GB", 1000000000 }, { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 },
		{ NULL, 0 } };

	return with_unit(text, units, ret_bytes);
}

/* ---- Variables */

void config_env_load(struct config_env *e)
{
	const char *path = getenv("SEMEL_DEFAULTS");
	FILE *f = fopen(path == NULL ? "/etc/default/semel" : path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	*e = (struct config_env){ NULL, 0 };
	while (f != NULL && (n = getline(&line, &cap, f)) > 0) {
		char **grown;

		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' '))
			line[--n] = '\0';
		if (n == 0 || line[0] == '#' || strchr(line, '=') == NULL)
			continue;
		grown = realloc(e->lines, (e->n + 1) * sizeof(*grown));
		if (grown == NULL)
			break;
		e->lines = grown;
		e->lines[e->n++] = strdup(line);
	}
	free(line);
	if (f != NULL)
		fclose(f);
}

void config_env_free(struct config_env *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->lines[i]);
	free(e->lines);
	*e = (struct config_env){ NULL, 0 };
}

/* The value, without quotes around it; NULL: not set. */
static const char *lookup(const struct config_env *e, const char *name, size_t len, struct buf *scratch)
{
	char key[128];
	const char *v;

	if (len == 0 || len >= sizeof(key))
		return NULL;
	memcpy(key, name, len);
	key[len] = '\0';
	v = getenv(key);
	for (size_t i = e->n; v == NULL && i-- > 0;) {
		if (e->lines[i] != NULL && strncmp(e->lines[i], key, len) == 0 && e->lines[i][len] == '=') {
			const char *text = e->lines[i] + len + 1;
			size_t n = strlen(text);
			bool quoted = n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n - 1] == text[0];

			buf_clear(scratch);
			buf_add(scratch, text + quoted, n - 2 * (size_t)quoted);
			v = scratch->data;
		}
	}
	return v;
}

int config_expand(const struct config_env *e, const char *text, struct buf *out, char **ret_name)
{
	struct buf scratch = { NULL, 0, 0 };
	int r = 0;

	while (r == 0 && *text != '\0') {
		const char *end, *colon, *v;
		size_t len;

		if (text[0] != '$' || text[1] != '{') {
			buf_char(out, *text++);
			continue;
		}
		end = strchr(text, '}');
		if (end == NULL) {
			r = -EINVAL;
			break;
		}
		colon = memmem(text, (size_t)(end - text), ":-", 2);
		len = (size_t)((colon == NULL ? end : colon) - (text + 2));
		v = lookup(e, text + 2, len, &scratch);
		if (v != NULL && (v[0] != '\0' || colon == NULL)) {
			buf_text(out, v);
		} else if (colon != NULL) {
			buf_add(out, colon + 2, (size_t)(end - colon) - 2);
		} else {
			*ret_name = strndup(text + 2, len);
			r = -ENOENT;
		}
		text = end + 1;
	}
	if (out->data == NULL)
		buf_add(out, "", 0);
	buf_free(&scratch);
	return r;
}

/* ---- Secrets */

int config_secret(const char *file, bool lenient, char **ret_text, char *why, size_t size)
{
	char *text;
	ssize_t n;
	int fd = safe_open(file, lenient, why, size);

	if (fd < 0)
		return fd;
	text = calloc(1, SECRET_MAX + 1);
	n = text == NULL ? -1 : read(fd, text, SECRET_MAX);
	close(fd);
	if (n < 0 || memchr(text, '\0', (size_t)n) != NULL) {
		snprintf(why, size, "%s: %s", file, n < 0 ? strerror(errno) : "holds a NUL byte");
		free(text);
		return -EINVAL;
	}
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
	*ret_text = text;
	return 0;
}
