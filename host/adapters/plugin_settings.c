#include "adapters/plugin_private.h"

#include "adapters/config_table.h"
#include "adapters/config_values.h"
#include "core/setting_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Rows of a table are read until one without a name; a table that never ends is cut here. */
#define ROWS_MAX 1000

static const struct config_setting *configured(const struct semel_settings *s, const char *path)
{
	for (size_t i = 0; i < s->conf->n_settings; i++)
		if (strcmp(s->conf->settings[i].path, path) == 0)
			return &s->conf->settings[i];
	return NULL;
}

/* The path under which a row is configured: a secret's is NAME_file. */
static void path_of(const struct semel_setting *row, char *out, size_t size)
{
	snprintf(out, size, "%s%s", row->name, row->type == SEMEL_SECRET ? "_file" : "");
}

static const struct semel_setting *row_of(const struct semel_settings *s, const char *name, size_t *ret_i)
{
	for (size_t i = 0; i < s->n_rows; i++) {
		if (strcmp(s->table[i].name, name) == 0) {
			if (ret_i != NULL)
				*ret_i = i;
			return &s->table[i];
		}
	}
	return NULL;
}

/* ---- Judging */

/* A configured path belongs to a row, or lies within a list or map of one. */
static bool path_is_known(const struct semel_settings *s, const char *path, bool is_group)
{
	char name[256];

	for (size_t i = 0; i < s->n_rows; i++) {
		size_t len;

		path_of(&s->table[i], name, sizeof(name));
		len = strlen(name);
		if (strcmp(path, name) == 0)
			return true;
		if ((s->table[i].type == SEMEL_LIST || s->table[i].type == SEMEL_MAP) &&
		    strncmp(path, name, len) == 0 && path[len] == '/')
			return true;
		if (is_group && strncmp(name, path, strlen(path)) == 0 && name[strlen(path)] == '/')
			return true;
	}
	return false;
}

static const char *nearest(const struct semel_settings *s, const char *path)
{
	const char *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < s->n_rows; i++) {
		unsigned d = config_distance(path, s->table[i].name);

		if (d < least) {
			least = d;
			best = s->table[i].name;
		}
	}
	return best;
}

static bool value_fits(const struct semel_setting *row, const struct config_setting *c)
{
	int64_t n;

	switch (row->type) {
	case SEMEL_LIST:
	case SEMEL_MAP: return c->is_group;
	case SEMEL_TEXT:
	case SEMEL_SECRET: return !c->is_group && c->text != NULL;
	default: return !c->is_group && c->text != NULL && setting_number(row->type, c->text, &n);
	}
}

static void judge_row(struct semel_settings *s, size_t i, bool lenient, struct config_problems *problems)
{
	const struct semel_setting *row = &s->table[i];
	const struct config_handler *h = s->conf;
	const struct config_setting *c;
	char path[256], why[512];

	path_of(row, path, sizeof(path));
	c = configured(s, path);
	if (c == NULL) {
		if (row->fallback == NULL)
			config_problem_add(problems, true, h->place.file, h->place.line,
			    "handler %s: settings.%s must be given: %s", h->name, path,
			    row->help == NULL ? "" : row->help);
		return;
	}
	if (!value_fits(row, c)) {
		config_problem_add(problems, true, c->place.file, c->place.line, "settings.%s: expected %s",
		    path, setting_type_text(row->type));
	} else if (row->type == SEMEL_SECRET &&
		   config_secret(c->text, lenient, &s->secrets[i], why, sizeof(why)) < 0) {
		config_problem_add(
		    problems, true, c->place.file, c->place.line, "settings.%s: %s", path, why);
	}
}

int plugin_settings_judge(struct semel_settings *s, bool lenient, struct config_problems *problems)
{
	size_t before = problems->errors;

	while (s->table != NULL && s->n_rows < ROWS_MAX && s->table[s->n_rows].name != NULL)
		s->n_rows++;
	s->secrets = calloc(s->n_rows + 1, sizeof(*s->secrets));
	if (s->secrets == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->conf->n_settings; i++) {
		const struct config_setting *c = &s->conf->settings[i];
		const char *near;

		if (path_is_known(s, c->path, c->is_group))
			continue;
		near = nearest(s, c->path);
		config_problem_add(problems, true, c->place.file, c->place.line,
		    "plugin %s has no setting %s%s%s%s", s->plugin->facts.name, c->path,
		    near == NULL ? "" : "; did you mean ", near == NULL ? "" : near, near == NULL ? "" : "?");
	}
	for (size_t i = 0; i < s->n_rows; i++)
		judge_row(s, i, lenient, problems);
	return problems->errors > before ? -EINVAL : 0;
}

void plugin_settings_free(struct semel_settings *s)
{
	for (size_t i = 0; s->secrets != NULL && i < s->n_rows; i++) {
		if (s->secrets[i] != NULL)
			explicit_bzero(s->secrets[i], strlen(s->secrets[i]));
		free(s->secrets[i]);
	}
	free(s->secrets);
	config_problems_free(&s->faults);
}

/* ---- Asking */

const char *plugin_setting_text(const struct semel_settings *s, const char *name)
{
	size_t i;
	const struct semel_setting *row = row_of(s, name, &i);
	const struct config_setting *c;

	if (row == NULL)
		return NULL;
	if (row->type == SEMEL_SECRET)
		return s->secrets[i];
	c = configured(s, name);
	return c != NULL ? c->text : row->fallback;
}

int64_t plugin_setting_number(const struct semel_settings *s, const char *name)
{
	const struct semel_setting *row = row_of(s, name, NULL);
	const char *text = plugin_setting_text(s, name);
	int64_t n = 0;

	if (row != NULL && text != NULL)
		setting_number(row->type, text, &n);
	return n;
}

bool plugin_setting_at(
    const struct semel_settings *s, const char *name, size_t i, const char **ret_name, const char **ret_text)
{
	size_t len = strlen(name), k = 0;

	for (size_t j = 0; j < s->conf->n_settings; j++) {
		const struct config_setting *c = &s->conf->settings[j];

		if (strncmp(c->path, name, len) != 0 || c->path[len] != '/' || c->is_group)
			continue;
		if (k++ == i) {
			*ret_name = c->path + len + 1;
			*ret_text = c->text;
			return true;
		}
	}
	return false;
}
