/* The configuration as it is in effect, a line a value. */
#include "adapters/config_tree.h"

#include <errno.h>
#include <stdlib.h>

struct printer {
	struct config_loader *l;
	struct buf *out;
	bool json, first;
};

/* ---- Values */

static void put_string(struct printer *p, const char *text)
{
	if (p->json) {
		buf_json_string(p->out, bytes_of_text(text));
		return;
	}
	buf_char(p->out, '"');
	for (; *text != '\0'; text++) {
		static const char plain[] = "\n\r\t\f\"\\", escaped[] = "nrtf\"\\";
		const char *at = strchr(plain, *text);

		if (at != NULL)
			buf_printf(p->out, "\\%c", escaped[at - plain]);
		else
			buf_char(p->out, *text);
	}
	buf_char(p->out, '"');
}

/* Names that settings of plugins give to secrets; the host's own secrets stand in files. */
static bool is_secret(const char *name)
{
	static const char *const words[] = { "password", "passwd", "secret", "token", "credential", "apikey",
		"api_key" };
	size_t n = strlen(name);

	if (n > 5 && strcmp(name + n - 5, "_file") == 0)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(name, words[i]) != NULL)
			return true;
	return false;
}

/* A string; of scheme://user:PASSWORD@host without the password. */
static void put_shown(struct printer *p, const char *text)
{
	const char *start = strstr(text, "://"), *at, *colon;
	struct buf shown = { NULL, 0, 0 };

	start = start == NULL ? text : start + 3;
	at = start == text ? NULL : memrchr(start, '@', strcspn(start, "/?#"));
	colon = at == NULL ? NULL : memchr(start, ':', (size_t)(at - start));
	if (colon == NULL) {
		put_string(p, text);
		return;
	}
	buf_printf(&shown, "%.*s:***%s", (int)(colon - text), text, at);
	put_string(p, shown.data);
	buf_free(&shown);
}

static void put_scalar(struct printer *p, const config_setting_t *s)
{
	char *text;

	if (is_secret(config_name_of(s))) {
		put_string(p, "(hidden)");
		return;
	}
	text = config_scalar_of(p->l, s);
	if (text == NULL) {
		put_string(p, "");
	} else if (config_setting_type(s) == CONFIG_TYPE_STRING) {
		put_shown(p, text);
	} else {
		buf_text(p->out, text);
		if (config_setting_type(s) == CONFIG_TYPE_INT64 && !p->json)
			buf_char(p->out, 'L');
	}
	free(text);
}

/* Lists and groups on one line. */
static void put_value(struct printer *p, const config_setting_t *s)
{
	bool group = config_setting_is_group(s), list = config_setting_is_list(s);
	const char *ends = p->json ? (group ? "{}" : "[]") : group ? "{}" : list ? "()" : "[]";

	if (!config_setting_is_aggregate(s)) {
		put_scalar(p, s);
		return;
	}
	buf_printf(p->out, "%c ", ends[0]);
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (i > 0)
			buf_text(p->out, group && !p->json ? " " : ", ");
		if (group && p->json) {
			put_string(p, config_setting_name(e));
			buf_text(p->out, ": ");
		} else if (group) {
			buf_printf(p->out, "%s = ", config_setting_name(e));
		}
		put_value(p, e);
		if (group && !p->json)
			buf_char(p->out, ';');
	}
	buf_printf(p->out, " %c", ends[1]);
}

/* ---- Lines */

static void begin_line(struct printer *p, const char *path)
{
	if (p->json) {
		buf_text(p->out, p->first ? "\n  " : ",\n  ");
		put_string(p, path);
		buf_text(p->out, ": {\"value\": ");
	} else {
		buf_printf(p->out, "%s = ", path);
	}
	p->first = false;
}

static void end_line(struct printer *p, const config_setting_t *s)
{
	struct config_place place = { NULL, 0 };

	if (s != NULL)
		place = config_place_of(p->l, s);
	if (p->json && s == NULL) {
		buf_text(p->out, ", \"file\": null, \"line\": null}");
	} else if (p->json) {
		buf_text(p->out, ", \"file\": ");
		put_string(p, place.file);
		buf_printf(p->out, ", \"line\": %u}", place.line);
	} else if (s == NULL) {
		buf_text(p->out, ";  # default\n");
	} else {
		buf_printf(p->out, ";  # %s:%u\n", place.file, place.line);
	}
}

static void put_setting(struct printer *p, const char *path, const config_setting_t *s)
{
	begin_line(p, path);
	put_value(p, s);
	end_line(p, s);
}

static void put_default(struct printer *p, const char *path, const char *text, bool quoted)
{
	begin_line(p, path);
	if (quoted)
		put_string(p, text);
	else
		buf_text(p->out, text);
	end_line(p, NULL);
}

/* A group of any keys: properties, settings. */
static void put_any(struct printer *p, const char *path, const config_setting_t *g)
{
	for (int i = 0; g != NULL && i < config_setting_length(g); i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);
		struct buf below = { NULL, 0, 0 };

		buf_printf(&below, "%s.%s", path, config_setting_name(s));
		if (config_setting_is_group(s))
			put_any(p, below.data, s);
		else
			put_setting(p, below.data, s);
		buf_free(&below);
	}
}

/* ---- Scopes */

static void put_scope(struct printer *p, enum config_scope scope, const char *path, const config_setting_t *g,
    const void *base);

/* A key that is not written: its default, or what was made of it (the host's name, NAME.dead). */
static void put_unset(struct printer *p, const struct config_key *k, const char *path, const void *base)
{
	const char *made = NULL;

	if (k->type == KEY_TEXT && base != NULL)
		made = *(char *const *)(const void *)((const char *)base + k->offset);
	if (k->type == KEY_TEXTS && k->fallback != NULL && k->fallback[0] != '\0') {
		begin_line(p, path);
		buf_text(p->out, "[ ");
		put_string(p, k->fallback);
		buf_text(p->out, " ]");
		end_line(p, NULL);
	} else if (made != NULL) {
		put_default(p, path, made, true);
	} else if (k->fallback != NULL && k->fallback[0] != '\0') {
		put_default(p, path, k->fallback, k->type != KEY_NUMBER);
	}
}

static void put_key(struct printer *p, enum config_scope scope, const struct config_key *k, const char *path,
    const config_setting_t *s, const void *base)
{
	static const struct {
		const char *name;
		enum config_scope scope;
	} nested[] = { { "ledger", SCOPE_LEDGER }, { "http", SCOPE_HTTP }, { "admin", SCOPE_ADMIN },
		{ "log", SCOPE_LOG }, { "retry", SCOPE_RETRY }, { "dead_letter", SCOPE_DEAD_LETTER } };

	for (size_t i = 0; k->type == KEY_GROUP && i < sizeof(nested) / sizeof(nested[0]); i++) {
		if (strcmp(k->name, nested[i].name) == 0) {
			put_scope(p, nested[i].scope, path, s, base);
			return;
		}
	}
	if (k->type == KEY_GROUP || (scope == SCOPE_HANDLER && strcmp(k->name, "settings") == 0))
		put_any(p, path, s);
	else if (s != NULL)
		put_setting(p, path, s);
	else if (scope != SCOPE_ROUTE)
		put_unset(p, k, path, base);
}

static bool is_named_group(const char *name)
{
	return config_word_in("subscriptions handlers routes", name, NULL);
}

static void put_scope(
    struct printer *p, enum config_scope scope, const char *path, const config_setting_t *g, const void *base)
{
	for (const struct config_key *k = config_keys_of(scope); k->name != NULL; k++) {
		struct buf below = { NULL, 0, 0 };

		buf_printf(&below, "%s%s%s", path, path[0] == '\0' ? "" : ".", k->name);
		if (scope != SCOPE_ROOT || !is_named_group(k->name))
			put_key(p, scope, k, below.data, config_member(g, k->name), base);
		buf_free(&below);
	}
}

static void put_named(struct printer *p, enum config_scope scope, const char *group, const char *name,
    const struct config_origin *origin, const void *base)
{
	struct buf path = { NULL, 0, 0 };

	buf_printf(&path, "%s.%s", group, name);
	put_scope(p, scope, path.data, origin->group, base);
	buf_free(&path);
}

static void put_route(struct printer *p, size_t i)
{
	const struct config_route *r = &p->l->config->routes[i];
	struct buf path = { NULL, 0, 0 }, text = { NULL, 0, 0 };

	put_named(p, SCOPE_ROUTE, "routes", r->name, &p->l->routes[i], r);
	if (config_member(p->l->routes[i].group, "priority") == NULL) {
		buf_printf(&path, "routes.%s.priority", r->name);
		buf_printf(&text, "%u", r->priority);
		put_default(p, path.data, text.data, false);
	}
	buf_free(&path);
	buf_free(&text);
}

static void put_all(struct printer *p)
{
	const struct config_loader *l = p->l;
	const struct config *c = l->config;

	put_scope(p, SCOPE_ROOT, "", config_root_setting(&l->sources[0].tree), c);
	for (size_t i = 0; i < c->n_subscriptions; i++)
		put_named(p, SCOPE_SUBSCRIPTION, "subscriptions", c->subscriptions[i].name,
		    &l->subscriptions[i], &c->subscriptions[i]);
	for (size_t i = 0; i < c->n_handlers; i++)
		put_named(
		    p, SCOPE_HANDLER, "handlers", c->handlers[i].name, &l->handlers[i], &c->handlers[i]);
	for (size_t i = 0; i < c->n_routes; i++)
		put_route(p, i);
}

int config_print(const char *file, bool json, struct buf *out, struct config_problems *problems)
{
	struct config_loader l = { .problems = problems };
	struct printer p = { &l, out, json, true };
	size_t before = problems->errors;

	config_read_all(&l, file);
	if (problems->errors == before) {
		buf_text(out, json ? "{" : "");
		put_all(&p);
		buf_text(out, json ? "\n}\n" : "");
	}
	config_tree_free(&l);
	config_free(l.config);
	return problems->errors > before ? -EINVAL : 0;
}
