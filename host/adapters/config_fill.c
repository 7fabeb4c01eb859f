/* Trees to typed values: single ones, and whole scopes by their table. */
#include "adapters/config_tree.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Values */

static const char *type_name(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP: return "a group";
	case CONFIG_TYPE_LIST: return "a list";
	case CONFIG_TYPE_ARRAY: return "an array";
	case CONFIG_TYPE_STRING: return "a string";
	case CONFIG_TYPE_BOOL: return "a boolean";
	case CONFIG_TYPE_FLOAT: return "a real number";
	default: return "a number";
	}
}

static const char *name_of(const config_setting_t *s)
{
	const char *name = config_setting_name(s);

	return name != NULL                       ? name
	       : config_setting_parent(s) != NULL ? name_of(config_setting_parent(s))
						  : "";
}

char *config_text_of(struct config_loader *l, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);
	struct buf out = { NULL, 0, 0 };
	char *unset = NULL;
	int r;

	if (text == NULL) {
		config_fault(l, s, "%s: expected a string in quotes, found %s", name_of(s), type_name(s));
		return NULL;
	}
	r = config_expand(&l->env, text, &out, &unset);
	if (r == -ENOENT)
		config_fault(l, s, "%s: the variable %s is not set; set it, or write ${%s:-default}",
		    name_of(s), unset, unset);
	else if (r < 0)
		config_fault(l, s, "%s: ${ without }", name_of(s));
	free(unset);
	if (r == 0)
		return out.data;
	buf_free(&out);
	return NULL;
}

char *config_scalar_of(struct config_loader *l, const config_setting_t *s)
{
	struct buf out = { NULL, 0, 0 };

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING: return config_text_of(l, s);
	case CONFIG_TYPE_INT: buf_printf(&out, "%d", config_setting_get_int(s)); return out.data;
	case CONFIG_TYPE_INT64: buf_printf(&out, "%lld", config_setting_get_int64(s)); return out.data;
	case CONFIG_TYPE_BOOL: buf_text(&out, config_setting_get_bool(s) ? "true" : "false"); return out.data;
	case CONFIG_TYPE_FLOAT: buf_printf(&out, "%.17g", config_setting_get_float(s)); return out.data;
	default: return NULL;
	}
}

bool config_texts_of(struct config_loader *l, const config_setting_t *s, char ***ret_list, size_t *ret_n)
{
	int n = config_setting_is_aggregate(s) ? config_setting_length(s) : 1;
	char **list;

	if (config_setting_is_group(s)) {
		config_fault(l, s, "%s: expected a list of strings, found a group", name_of(s));
		return false;
	}
	list = calloc((size_t)n + 1, sizeof(*list));
	for (int i = 0; i < n; i++) {
		list[i] = config_text_of(
		    l, config_setting_is_aggregate(s) ? config_setting_get_elem(s, (unsigned)i) : s);
		if (list[i] == NULL) {
			for (int k = 0; k < i; k++)
				free(list[k]);
			free(list);
			return false;
		}
	}
	*ret_list = list;
	*ret_n = (size_t)n;
	return true;
}

/* ---- A scope by its table */

static bool in_range(
    struct config_loader *l, const config_setting_t *s, const struct config_key *k, int64_t v)
{
	if (v >= k->min && v <= k->max)
		return true;
	if (k->type == KEY_NUMBER)
		config_fault(l, s, "%s: %lld is out of range: %lld to %lld", k->name, (long long)v,
		    (long long)k->min, (long long)k->max);
	else
		config_fault(l, s, "%s: out of range: %lld%s to %lld%s", k->name, (long long)k->min,
		    k->type == KEY_SIZE ? "B" : "ms", (long long)k->max, k->type == KEY_SIZE ? "B" : "ms");
	return false;
}

static void set_choice(struct config_loader *l, const config_setting_t *s, const struct config_key *k,
    const char *text, int *member)
{
	int i = 0;

	for (const char *p = k->choices; *p != '\0'; i++) {
		size_t len = strcspn(p, " ");

		if (strlen(text) == len && strncmp(p, text, len) == 0) {
			*member = i;
			return;
		}
		p += len + (p[len] == ' ');
	}
	config_fault(l, s, "%s: \"%s\" is none of: %s", k->name, text, k->choices);
}

static void set_number(
    struct config_loader *l, const config_setting_t *s, const struct config_key *k, unsigned *member)
{
	int64_t v;

	if (config_setting_type(s) == CONFIG_TYPE_INT)
		v = config_setting_get_int(s);
	else if (config_setting_type(s) == CONFIG_TYPE_INT64)
		v = config_setting_get_int64(s);
	else {
		config_fault(l, s, "%s: expected a number, found %s", k->name, type_name(s));
		return;
	}
	if (in_range(l, s, k, v))
		*member = (unsigned)v;
}

static void set_amount(struct config_loader *l, const config_setting_t *s, const struct config_key *k,
    const char *text, int64_t *member)
{
	bool size = k->type == KEY_SIZE;
	int64_t v;

	if ((size ? config_size(text, &v) : config_duration(text, &v)) < 0) {
		if (s != NULL)
			config_fault(l, s, "%s: \"%s\" is no %s", k->name, text,
			    size ? "size: B KB MB GB KiB MiB GiB" : "duration: ms s m h d");
	} else if (s == NULL || in_range(l, s, k, v)) {
		*member = v;
	}
}

/* From the file (s), or the default (s NULL). */
static void set_member(
    struct config_loader *l, const config_setting_t *s, const struct config_key *k, void *base)
{
	char *member = (char *)base + k->offset, *text = NULL;

	if (k->type == KEY_GROUP || k->type == KEY_SPECIAL || base == NULL)
		return;
	if (k->type == KEY_TEXTS) {
		/* The list's length stands behind its pointer. */
		if (s != NULL) {
			config_texts_of(
			    l, s, (char ***)(void *)member, (size_t *)(void *)(member + sizeof(char **)));
		} else if (k->fallback[0] != '\0') {
			*(char ***)(void *)member = calloc(1, sizeof(char *));
			(*(char ***)(void *)member)[0] = strdup(k->fallback);
			*(size_t *)(void *)(member + sizeof(char **)) = 1;
		}
		return;
	}
	if (k->type == KEY_NUMBER && s != NULL) {
		set_number(l, s, k, (unsigned *)(void *)member);
		return;
	}
	text = s == NULL ? strdup(k->fallback) : config_text_of(l, s);
	if (text == NULL)
		return;
	switch (k->type) {
	case KEY_TEXT:
		free(*(char **)(void *)member);
		*(char **)(void *)member = text[0] == '\0' ? NULL : text;
		if (text[0] != '\0')
			return;
		break;
	case KEY_NUMBER: *(unsigned *)(void *)member = (unsigned)strtoul(text, NULL, 10); break;
	case KEY_CHOICE: set_choice(l, s, k, text, (int *)(void *)member); break;
	default: set_amount(l, s, k, text, (int64_t *)(void *)member); break;
	}
	free(text);
}

static void check_unknown(struct config_loader *l, enum config_scope scope, const config_setting_t *g)
{
	for (int i = 0; i < config_setting_length(g); i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);
		const char *name = config_setting_name(s), *near;

		if (name == NULL || config_key_find(scope, name) != NULL)
			continue;
		near = config_key_near(scope, name);
		if (near != NULL)
			config_fault(l, s, "unknown key %s; did you mean %s?", name, near);
		else
			config_fault(l, s, "unknown key %s", name);
	}
}

void config_fill(struct config_loader *l, enum config_scope scope, const config_setting_t *g,
    const config_setting_t *where, void *base)
{
	if (g != NULL && !config_setting_is_group(g)) {
		config_fault(l, g, "%s: expected a group { ... }, found %s", name_of(g), type_name(g));
		g = NULL;
	}
	if (g != NULL)
		check_unknown(l, scope, g);
	for (const struct config_key *k = config_keys_of(scope); k->name != NULL; k++) {
		const config_setting_t *s = g == NULL ? NULL : config_setting_get_member(g, k->name);

		if (s != NULL)
			set_member(l, s, k, base);
		else if (k->fallback != NULL)
			set_member(l, NULL, k, base);
		else if (k->type != KEY_SPECIAL && where != NULL)
			config_fault(l, where, "%s must be given", k->name);
	}
}
