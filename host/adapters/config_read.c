/* Typed values from a parsed tree, by the table of keys. */
#include "adapters/config_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Settings */

const char *config_type_of(const config_setting_t *s)
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

const char *config_name_of(const config_setting_t *s)
{
	while (config_setting_name(s) == NULL && config_setting_parent(s) != NULL)
		s = config_setting_parent(s);
	return config_setting_name(s) == NULL ? "" : config_setting_name(s);
}

const config_setting_t *config_member(const config_setting_t *g, const char *name)
{
	return g != NULL && config_setting_is_group(g) ? config_setting_get_member(g, name) : NULL;
}

bool config_is_group(struct config_loader *l, const config_setting_t *s)
{
	if (config_setting_is_group(s))
		return true;
	config_fault(l, s, "%s: expected a group { ... }, found %s", config_name_of(s), config_type_of(s));
	return false;
}

char *config_text_of(struct config_loader *l, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s), *name = config_name_of(s);
	struct buf out = { NULL, 0, 0 };
	char *unset = NULL;
	int r;

	if (text == NULL) {
		config_fault(l, s, "%s: expected a string in quotes, found %s", name, config_type_of(s));
		return NULL;
	}
	r = config_expand(&l->env, text, &out, &unset);
	if (r == -ENOENT)
		config_fault(l, s, "%s: the variable %s is not set: set it, or write ${%s:-default}", name,
		    unset, unset);
	else if (r < 0)
		config_fault(l, s, "%s: expected ${NAME} or ${NAME:-default} in \"%s\"", name, text);
	free(unset);
	if (r == 0)
		return out.data;
	buf_free(&out);
	return NULL;
}

char *config_path_of(struct config_loader *l, const config_setting_t *s)
{
	char *text = config_text_of(l, s);

	if (text == NULL || text[0] == '/')
		return text;
	config_fault(l, s, "%s: expected a path from / on, found \"%s\" (${PWD} is the folder you are in)",
	    config_name_of(s), text);
	free(text);
	return NULL;
}

/* The shortest digits that read as the same number. */
static void put_real(struct buf *out, double v)
{
	char text[64];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	buf_text(out, text);
}

char *config_scalar_of(struct config_loader *l, const config_setting_t *s)
{
	struct buf out = { NULL, 0, 0 };

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING: return config_text_of(l, s);
	case CONFIG_TYPE_INT: buf_printf(&out, "%d", config_setting_get_int(s)); break;
	case CONFIG_TYPE_INT64: buf_printf(&out, "%lld", config_setting_get_int64(s)); break;
	case CONFIG_TYPE_BOOL: buf_text(&out, config_setting_get_bool(s) ? "true" : "false"); break;
	case CONFIG_TYPE_FLOAT: put_real(&out, config_setting_get_float(s)); break;
	default: break;
	}
	return out.data;
}

bool config_bool_of(struct config_loader *l, const config_setting_t *s)
{
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		return config_setting_get_bool(s);
	config_fault(l, s, "%s: expected true or false, found %s", config_name_of(s), config_type_of(s));
	return false;
}

void config_texts_free(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

bool config_texts_of(struct config_loader *l, const config_setting_t *s, char ***ret_list, size_t *ret_n)
{
	bool many = config_setting_is_array(s) || config_setting_is_list(s), ok = true;
	int n = many ? config_setting_length(s) : 1;
	char **list;

	if (config_setting_is_group(s)) {
		config_fault(l, s, "%s: expected a list of strings, found a group", config_name_of(s));
		return false;
	}
	list = calloc((size_t)n + 1, sizeof(*list));
	if (list == NULL)
		abort();
	for (int i = 0; i < n; i++) {
		list[i] = config_text_of(l, many ? config_setting_get_elem(s, (unsigned)i) : s);
		ok &= list[i] != NULL;
	}
	if (!ok) {
		config_texts_free(list, (size_t)n);
		return false;
	}
	*ret_list = list;
	*ret_n = (size_t)n;
	return true;
}

/* ---- A member by its row of the table */

static void put_amount(struct buf *out, const struct config_key *k, int64_t v)
{
	if (k->type == KEY_DURATION)
		config_duration_text(v, out);
	else if (k->type == KEY_SIZE)
		config_size_text(v, out);
	else
		buf_printf(out, "%lld", (long long)v);
}

static bool in_range(
    struct config_loader *l, const config_setting_t *s, const struct config_key *k, int64_t v)
{
	struct buf text = { NULL, 0, 0 };

	if (v >= k->min && v <= k->max)
		return true;
	if (config_is_misread(l, s))
		return false;
	put_amount(&text, k, v);
	buf_text(&text, " is out of range: ");
	put_amount(&text, k, k->min);
	buf_text(&text, " to ");
	put_amount(&text, k, k->max);
	config_fault(l, s, "%s: %s", k->name, text.data);
	buf_free(&text);
	return false;
}

static void set_choice(struct config_loader *l, const config_setting_t *s, const struct config_key *k,
    const char *text, void *member)
{
	int i;

	if (!config_word_in(k->choices, text, &i))
		config_fault(l, s, "%s: \"%s\" is none of: %s", k->name, text, k->choices);
	else if (k->later != NULL && config_word_in(k->later, text, NULL))
		config_fault(l, s, "%s: %s is not supported by this version", k->name, text);
	else if (member != NULL)
		*(int *)member = i;
}

static bool number_of(struct config_loader *l, const config_setting_t *s, int64_t *ret_value)
{
	char *text, *end;
	bool ok;

	if (config_setting_type(s) == CONFIG_TYPE_INT) {
		*ret_value = config_setting_get_int(s);
		return true;
	}
	if (config_setting_type(s) == CONFIG_TYPE_INT64) {
		*ret_value = config_setting_get_int64(s);
		return true;
	}
	if (config_setting_type(s) != CONFIG_TYPE_STRING) {
		config_fault(l, s, "%s: expected a number, found %s", config_name_of(s), config_type_of(s));
		return false;
	}
	/* ${VAR} works in strings alone, so one of digits counts as a number. */
	text = config_text_of(l, s);
	if (text == NULL)
		return false;
	errno = 0;
	*ret_value = strtoll(text, &end, 10);
	ok = errno == 0 && end != text && *end == '\0';
	if (!ok)
		config_fault(l, s, "%s: expected a number, found \"%s\"", config_name_of(s), text);
	free(text);
	return ok;
}

static void set_number(
    struct config_loader *l, const config_setting_t *s, const struct config_key *k, unsigned *member)
{
	int64_t v;

	if (s == NULL)
		*member = (unsigned)strtoul(k->fallback, NULL, 10);
	else if (number_of(l, s, &v) && in_range(l, s, k, v))
		*member = (unsigned)v;
}

static void set_amount(struct config_loader *l, const config_setting_t *s, const struct config_key *k,
    const char *text, int64_t *member)
{
	bool size = k->type == KEY_SIZE;
	int64_t v;

	if ((size ? config_size(text, &v) : config_duration(text, &v)) < 0)
		config_fault(l, s, "%s: \"%s\" is no %s", k->name, text,
		    size ? "size: a number and one of B KB MB GB KiB MiB GiB"
			 : "duration: a number and one of ms s m h d");
	else if (s == NULL || in_range(l, s, k, v))
		*member = v;
}

static void set_texts(
    struct config_loader *l, const config_setting_t *s, const struct config_key *k, char ***member)
{
	/* The list's length stands behind its pointer. */
	size_t *count = (size_t *)(void *)(member + 1);

	if (s != NULL) {
		config_texts_of(l, s, member, count);
	} else if (k->fallback[0] != '\0') {
		*member = config_grow(NULL, 0, sizeof(**member));
		(*member)[0] = strdup(k->fallback);
		*count = 1;
	}
}

static void set_text(
    struct config_loader *l, const config_setting_t *s, const struct config_key *k, char *text, char **member)
{
	if (text[0] != '\0') {
		*member = text;
		return;
	}
	/* An empty text is as good as none where none is allowed. */
	if (s != NULL && (k->fallback == NULL || k->fallback[0] != '\0'))
		config_fault(l, s, "%s: must not be empty", k->name);
	free(text);
}

/* The value as text, or the default if s is NULL.  Owned. */
static char *written(struct config_loader *l, const config_setting_t *s, const struct config_key *k)
{
	bool amount = k->type == KEY_DURATION || k->type == KEY_SIZE;

	if (s == NULL)
		return strdup(k->fallback);
	if (amount && config_setting_is_number(s)) {
		config_fault(l, s, "%s: expected a %s in quotes (\"%s\"), found a bare number", k->name,
		    k->type == KEY_SIZE ? "size" : "duration", k->fallback);
		return NULL;
	}
	return k->type == KEY_PATH ? config_path_of(l, s) : config_text_of(l, s);
}

static void set_member(
    struct config_loader *l, const config_setting_t *s, const struct config_key *k, void *base)
{
	void *member = base == NULL || k->offset == KEY_NO_MEMBER ? NULL : (char *)base + k->offset;
	char *text;

	if (s != NULL && k->later != NULL && k->later[0] == '\0')
		config_fault(l, s, "%s is not supported by this version", k->name);
	if (s != NULL && k->type == KEY_GROUP)
		config_is_group(l, s);
	if (k->type == KEY_GROUP || k->type == KEY_SPECIAL || (member == NULL && s == NULL))
		return;
	if (k->type == KEY_TEXTS) {
		set_texts(l, s, k, member);
		return;
	}
	if (k->type == KEY_NUMBER) {
		set_number(l, s, k, member);
		return;
	}
	text = written(l, s, k);
	if (text == NULL)
		return;
	if (k->type == KEY_TEXT || k->type == KEY_PATH) {
		set_text(l, s, k, text, member);
		return;
	}
	if (k->type == KEY_CHOICE && (s != NULL || text[0] != '\0'))
		set_choice(l, s, k, text, member);
	else if (k->type != KEY_CHOICE)
		set_amount(l, s, k, text, member);
	free(text);
}

/* ---- A scope */

static void check_unknown(struct config_loader *l, enum config_scope scope, const config_setting_t *g)
{
	for (int i = 0; i < config_setting_length(g); i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);
		const char *name = config_setting_name(s), *near;
		enum config_scope other;

		if (name == NULL || config_key_find(scope, name) != NULL)
			continue;
		near = config_key_near(scope, name);
		other = config_key_elsewhere(scope, name);
		if (near != NULL)
			config_fault(l, s, "unknown key %s; did you mean %s?", name, near);
		else if (other != SCOPE_N)
			config_fault(l, s, "unknown key %s here; it belongs %s %s", name,
			    other == SCOPE_ROOT ? "to the top" : "into",
			    other == SCOPE_ROOT ? "level" : config_scope_title(other));
		else
			config_fault(l, s, "unknown key %s", name);
	}
}

void config_fill(struct config_loader *l, enum config_scope scope, const config_setting_t *g,
    const config_setting_t *where, void *base)
{
	/* What is no group was reported with the scope around it. */
	if (g != NULL && config_setting_is_group(g))
		check_unknown(l, scope, g);
	for (const struct config_key *k = config_keys_of(scope); k->name != NULL; k++) {
		const config_setting_t *s = config_member(g, k->name);

		if (s != NULL || k->fallback != NULL)
			set_member(l, s, k, base);
		else if (k->type != KEY_SPECIAL)
			config_fault(l, where, "%s must be given", k->name);
	}
}
