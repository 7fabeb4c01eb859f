/* The reference of all keys, and the configuration as it is in effect. */
#include "adapters/config_file.h"
#include "adapters/config_table.h"
#include "adapters/config_tree.h"

#include <stdlib.h>

static const char *const type_names[] = { "text", "duration", "size", "number", "one of", "texts", "group",
	"" };

static void put_range(struct buf *out, const struct config_key *k)
{
	if (k->type == KEY_CHOICE)
		buf_printf(out, "%s", k->choices);
	else if (k->type == KEY_NUMBER)
		buf_printf(out, "%lld to %lld", (long long)k->min, (long long)k->max);
	else if (k->type == KEY_DURATION)
		buf_printf(out, "%lldms to %llds", (long long)k->min, (long long)k->max / 1000);
	else if (k->type == KEY_SIZE)
		buf_printf(out, "%lldB to %lldGiB", (long long)k->min, (long long)(k->max >> 30));
}

static void put_key(struct buf *out, bool markdown, const struct config_key *k)
{
	const char *fallback = k->fallback == NULL      ? "must be given"
			       : k->fallback[0] == '\0' ? ""
							: k->fallback;

	if (markdown) {
		/* The manual is for every build: where plugins are installed is each one's own. */
		if (strcmp(k->name, "plugin_path") == 0)
			fallback = "${libdir}/semel/handlers";
		buf_printf(out, "| `%s` | %s ", k->name, type_names[k->type]);
		put_range(out, k);
		buf_printf(out, " | %s%s%s | %s |\n", k->fallback != NULL && fallback[0] != '\0' ? "`" : "",
		    fallback, k->fallback != NULL && fallback[0] != '\0' ? "`" : "", k->help);
		return;
	}
	buf_printf(out, "  %-20s %s ", k->name, type_names[k->type]);
	put_range(out, k);
	if (fallback[0] != '\0')
		buf_printf(out, k->fallback == NULL ? "; %s" : "; default %s", fallback);
	buf_printf(out, "\n      %s\n", k->help);
}

void config_keys(bool markdown, struct buf *out)
{
	for (int i = 0; i < SCOPE_N; i++) {
		const char *title = config_scope_title((enum config_scope)i);

		if (markdown)
			buf_printf(out, "%s### %s\n\n| key | type | default | meaning |\n|---|---|---|---|\n",
			    i == 0 ? "" : "\n", title[0] == '\0' ? "top level" : title);
		else
			buf_printf(
			    out, "%s%s\n", i == 0 ? "" : "\n", title[0] == '\0' ? "(top level)" : title);
		for (const struct config_key *k = config_keys_of((enum config_scope)i); k->name != NULL; k++)
			put_key(out, markdown, k);
	}
}

/* ---- In effect */

struct printer {
	struct config_loader *l;
	struct buf *out;
	bool json, first;
};

static bool hides_value(const char *name)
{
	size_t n = strlen(name);

	return strstr(name, "password") != NULL && (n < 5 || strcmp(name + n - 5, "_file") != 0);
}

static void put_value(struct printer *p, const char *path, const char *value, const char *file, unsigned line)
{
	if (p->json) {
		buf_text(p->out, p->first ? "\n  " : ",\n  ");
		buf_json_string(p->out, bytes_of_text(path));
		buf_text(p->out, ": {\"value\": ");
		buf_json_string(p->out, bytes_of_text(value));
		buf_text(p->out, ", \"file\": ");
		if (file == NULL)
			buf_text(p->out, "null");
		else
			buf_json_string(p->out, bytes_of_text(file));
		buf_printf(p->out, ", \"line\": %u}", line);
	} else if (file == NULL) {
		buf_printf(p->out, "%s = %s  # default\n", path, value);
	} else {
		buf_printf(p->out, "%s = %s  # %s:%u\n", path, value, file, line);
	}
	p->first = false;
}

static void put_tree(struct printer *p, const config_setting_t *s, const char *path)
{
	struct config_place place = config_place_of(p->l, s);

	if (!config_setting_is_aggregate(s)) {
		char *value = hides_value(path) ? strdup("(hidden)") : config_scalar_of(p->l, s);

		put_value(p, path, value == NULL ? "" : value, place.file, place.line);
		free(value);
		return;
	}
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		struct buf below = { NULL, 0, 0 };

		if (config_setting_name(e) != NULL)
			buf_printf(
			    &below, "%s%s%s", path, path[0] == '\0' ? "" : ".", config_setting_name(e));
		else
			buf_printf(&below, "%s[%d]", path, i);
		put_tree(p, e, below.data);
		buf_free(&below);
	}
}

/* Defaults of what a group leaves out. */
static void put_defaults(
    struct printer *p, enum config_scope scope, const config_setting_t *g, const char *path)
{
	for (const struct config_key *k = config_keys_of(scope); k->name != NULL; k++) {
		struct buf below = { NULL, 0, 0 };

		if (k->type == KEY_GROUP || k->fallback == NULL || k->fallback[0] == '\0' ||
		    (g != NULL && config_setting_is_group(g) &&
			config_setting_get_member(g, k->name) != NULL))
			continue;
		buf_printf(&below, "%s%s%s", path, path[0] == '\0' ? "" : ".", k->name);
		put_value(p, below.data, k->fallback, NULL, 0);
		buf_free(&below);
	}
}

static void put_named_defaults(struct printer *p, const config_t *tree, const char *group)
{
	const config_setting_t *all = config_lookup(tree, group);
	bool sub = strcmp(group, "subscriptions") == 0;

	for (int i = 0; all != NULL && i < config_setting_length(all); i++) {
		const config_setting_t *g = config_setting_get_elem(all, (unsigned)i);
		struct buf path = { NULL, 0, 0 };

		buf_printf(&path, "%s.%s", group, config_setting_name(g));
		put_defaults(p, sub ? SCOPE_SUBSCRIPTION : SCOPE_HANDLER, g, path.data);
		if (sub) {
			size_t len = path.len;

			buf_text(&path, ".retry");
			put_defaults(p, SCOPE_RETRY, config_setting_get_member(g, "retry"), path.data);
			path.len = len;
			buf_text(&path, ".dead_letter");
			put_defaults(
			    p, SCOPE_DEAD_LETTER, config_setting_get_member(g, "dead_letter"), path.data);
		}
		buf_free(&path);
	}
}

static void put_all(struct printer *p)
{
	static const struct {
		const char *group;
		enum config_scope scope;
	} groups[] = { { "ledger", SCOPE_LEDGER }, { "http", SCOPE_HTTP }, { "admin", SCOPE_ADMIN },
		{ "log", SCOPE_LOG } };

	for (size_t i = 0; i < p->l->n; i++) {
		const struct config_source *s = &p->l->sources[i];

		if (!s->parsed)
			continue;
		put_tree(p, config_root_setting(&s->tree), "");
		if (s->main) {
			put_defaults(p, SCOPE_ROOT, config_root_setting(&s->tree), "");
			for (size_t k = 0; k < sizeof(groups) / sizeof(groups[0]); k++)
				put_defaults(p, groups[k].scope, config_lookup(&s->tree, groups[k].group),
				    groups[k].group);
		}
		put_named_defaults(p, &s->tree, "subscriptions");
		put_named_defaults(p, &s->tree, "handlers");
	}
}

int config_print(const char *file, bool json, struct buf *out, struct config_problems *problems)
{
	struct config *c = NULL;
	struct config_problems twice = { NULL, 0, 0 };
	struct config_loader l = { .problems = &twice };
	struct printer p = { &l, out, json, true };
	int r = config_load(file, false, &c, problems);

	config_free(c);
	if (r < 0)
		return r;
	config_tree_load(&l, file);
	if (json)
		buf_char(out, '{');
	put_all(&p);
	if (json)
		buf_text(out, "\n}\n");
	config_tree_free(&l);
	config_problems_free(&twice);
	return 0;
}
