/* The groups of the configuration, from trees to structures. */
#include "adapters/config_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Calls `take` for each member of the named group `name`, over all files; the same name twice is an error. */
static void each_named(struct config_loader *l, const char *name,
    void (*take)(struct config_loader *l, const config_setting_t *g, const char *name))
{
	for (size_t i = 0; i < l->n; i++) {
		const config_setting_t *group = l->sources[i].parsed
						    ? config_lookup(&l->sources[i].tree, name)
						    : NULL;

		if (group == NULL)
			continue;
		if (!config_setting_is_group(group)) {
			config_fault(l, group, "%s: expected a group { NAME = { ... }; }", name);
			continue;
		}
		for (int k = 0; k < config_setting_length(group); k++) {
			const config_setting_t *g = config_setting_get_elem(group, (unsigned)k),
					       *other = NULL;
			const char *member = config_setting_name(g);

			for (size_t j = 0; j < i && other == NULL; j++) {
				const config_setting_t *before = l->sources[j].parsed
								     ? config_lookup(
									   &l->sources[j].tree, name)
								     : NULL;

				if (before != NULL && config_setting_is_group(before))
					other = config_setting_get_member(before, member);
			}
			if (other != NULL) {
				struct config_place place = config_place_of(l, other);

				config_fault(l, g, "%s.%s is there already, at %s:%u", name, member,
				    place.file, place.line);
			} else {
				take(l, g, member);
			}
		}
	}
}

static void check_name(struct config_loader *l, const config_setting_t *g, const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (name[n] != '\0' || n > 63 || name[0] < 'a' || name[0] > 'z')
		config_fault(l, g, "%s is no name: [a-z][a-z0-9-]{0,62}", name);
}

/* ---- The rest of the main file */

static void build_root(struct config_loader *l, const config_setting_t *root)
{
	struct config *c = l->config;
	char name[256] = "";

	config_fill(l, SCOPE_ROOT, root, root, c);
	if (c->node == NULL) {
		gethostname(name, sizeof(name) - 1);
		c->node = strdup(name);
	}
	if (strlen(c->node) > 63 || c->node[strcspn(c->node, " \t\n\"\\{}")] != '\0')
		config_fault(
		    l, root, "node: \"%s\" is no name for a host: at most 63 characters, no blanks", c->node);
	config_build_kafka(l, root);
	config_build_ledger(l, root);
	config_build_http(l, root);
	config_fill(l, SCOPE_ADMIN, config_setting_get_member(root, "admin"), root, c);
	config_fill(l, SCOPE_LOG, config_setting_get_member(root, "log"), root, c);
}

static void check_drop_in(struct config_loader *l, const config_setting_t *root)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *s = config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(s);

		if (strcmp(name, "subscriptions") != 0 && strcmp(name, "handlers") != 0 &&
		    strcmp(name, "routes") != 0)
			config_fault(l, s,
			    "%s stands only in the main file; a drop-in holds subscriptions, handlers, routes",
			    name);
	}
}

/* ---- Subscriptions and handlers */

static bool parse_field(const char *text, bool of_id, struct field *ret_field)
{
	static const struct {
		const char *name;
		enum field_kind kind;
		bool id, test;
	} plain[] = { { "key", FIELD_KEY, true, true }, { "offset", FIELD_OFFSET, true, false },
		{ "payload", FIELD_PAYLOAD, true, false }, { "topic", FIELD_TOPIC, false, true } };

	*ret_field = (struct field){ FIELD_KEY, NULL };
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(text, plain[i].name) == 0 && (of_id ? plain[i].id : plain[i].test)) {
			ret_field->kind = plain[i].kind;
			return true;
		}
	}
	if (strncmp(text, "header:", 7) == 0 && text[7] != '\0')
		*ret_field = (struct field){ FIELD_HEADER, strdup(text + 7) };
	else if (strncmp(text, "json:", 5) == 0 && (text[5] == '/' || text[5] == '\0'))
		*ret_field = (struct field){ FIELD_JSON, strdup(text + 5) };
	else
		return false;
	return true;
}

bool config_parse_test_field(const char *text, struct field *ret_field)
{
	return parse_field(text, false, ret_field);
}

static void build_id(struct config_loader *l, const config_setting_t *g, struct config_subscription *sub)
{
	const config_setting_t *s = config_setting_get_member(g, "id");
	char **parts = NULL;
	size_t n = 0;

	if (s == NULL) {
		config_fault(l, g, "id must be given: for example id = [ \"header:event-id\" ]");
		return;
	}
	if (!config_texts_of(l, s, &parts, &n))
		return;
	if (n == 1 && strcmp(parts[0], "cloudevents") == 0) {
		sub->id_cloudevents = true;
	} else {
		if (n == 0)
			config_fault(l, s, "id: the list is empty");
		sub->id = calloc(n + 1, sizeof(*sub->id));
		for (size_t i = 0; i < n; i++)
			if (parse_field(parts[i], true, &sub->id[sub->n_id]))
				sub->n_id++;
			else
				config_fault(l, s,
				    "id: \"%s\" is none of header:NAME, json:/pointer, key, offset, payload, cloudevents",
				    parts[i]);
	}
	for (size_t i = 0; i < n; i++)
		free(parts[i]);
	free(parts);
}

static void take_subscription(struct config_loader *l, const config_setting_t *g, const char *name)
{
	struct config *c = l->config;
	struct config_subscription *sub;
	const config_setting_t *s;
	char *text;

	check_name(l, g, name);
	if (!config_setting_is_group(g)) {
		config_fault(l, g, "%s: expected a group { ... }", name);
		return;
	}
	c->subscriptions = config_grow(c->subscriptions, c->n_subscriptions, sizeof(*c->subscriptions));
	sub = &c->subscriptions[c->n_subscriptions++];
	sub->name = strdup(name);
	sub->place = config_place_of(l, g);
	config_fill(l, SCOPE_SUBSCRIPTION, g, g, sub);
	config_fill(l, SCOPE_RETRY, config_setting_get_member(g, "retry"), g, sub);
	config_fill(l, SCOPE_DEAD_LETTER, config_setting_get_member(g, "dead_letter"), g, sub);
	config_only(l, config_setting_get_member(g, "retry"), "mode", "hold");
	config_only(l, config_setting_get_member(g, "dead_letter"), "header_style", "native");
	if (sub->retry.on_exhausted == EXHAUSTED_PAUSE)
		config_fault(l, g, "retry.on_exhausted: pause is not supported by this version");
	if (sub->group == NULL)
		sub->group = strdup(name);
	if (strlen(sub->group) > 255)
		config_fault(l, g, "group: longer than 255 characters");
	if (sub->retry.topic == NULL && asprintf(&sub->retry.topic, "%s.retry", name) < 0)
		abort();
	if (sub->dead_letter.topic == NULL && asprintf(&sub->dead_letter.topic, "%s.dead", name) < 0)
		abort();
	build_id(l, g, sub);
	sub->unrouted = UNROUTED_IMPOSSIBLE;
	s = config_setting_get_member(g, "unrouted");
	text = s == NULL ? NULL : config_text_of(l, s);
	if (text != NULL && strcmp(text, "dead-letter") == 0)
		sub->unrouted = UNROUTED_DEAD_LETTER;
	else if (text != NULL && strcmp(text, "skip") == 0)
		sub->unrouted = UNROUTED_SKIP;
	else if (text != NULL)
		config_fault(l, s, "unrouted: \"%s\" is none of: dead-letter skip", text);
	free(text);
}

/* Settings as paths: pool = { size = 3; } is "pool/size". */
static void add_settings(
    struct config_loader *l, const config_setting_t *g, const char *prefix, struct config_handler *h)
{
	for (int i = 0; i < config_setting_length(g); i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);
		struct config_setting *out;
		char *path;

		if ((config_setting_name(s) != NULL ? asprintf(&path, "%s%s", prefix, config_setting_name(s))
						    : asprintf(&path, "%s%d", prefix, i)) < 0)
			abort();
		h->settings = config_grow(h->settings, h->n_settings, sizeof(*h->settings));
		out = &h->settings[h->n_settings++];
		out->path = path;
		out->place = config_place_of(l, s);
		out->is_group = config_setting_is_aggregate(s);
		if (out->is_group) {
			char below[512];

			snprintf(below, sizeof(below), "%s/", path);
			add_settings(l, s, below, h);
		} else {
			out->text = config_scalar_of(l, s);
		}
	}
}

/* Where the plugin's file is, or would be. */
static char *find_plugin(const struct config *c, const char *plugin)
{
	char *path = NULL;

	if (plugin[0] == '/' || c->n_plugin_path == 0)
		return strdup(plugin);
	for (size_t i = c->n_plugin_path; i-- > 0;) {
		char *candidate;

		if (asprintf(&candidate, "%s/%s", c->plugin_path[i], plugin) < 0)
			abort();
		if (path == NULL || access(candidate, F_OK) == 0 || (i == 0 && access(path, F_OK) != 0)) {
			free(path);
			path = candidate;
		} else {
			free(candidate);
		}
	}
	return path;
}

static void take_handler(struct config_loader *l, const config_setting_t *g, const char *name)
{
	struct config *c = l->config;
	struct config_handler *h;
	const config_setting_t *s;

	check_name(l, g, name);
	if (!config_setting_is_group(g)) {
		config_fault(l, g, "%s: expected a group { ... }", name);
		return;
	}
	c->handlers = config_grow(c->handlers, c->n_handlers, sizeof(*c->handlers));
	h = &c->handlers[c->n_handlers++];
	h->name = strdup(name);
	config_fill(l, SCOPE_HANDLER, g, g, h);
	s = config_setting_get_member(g, "plugin");
	h->place = config_place_of(l, s == NULL ? g : s);
	if (h->plugin != NULL)
		h->plugin_file = find_plugin(c, h->plugin);
	if (h->batch > 1)
		config_fault(l, config_setting_get_member(g, "batch"),
		    "batch: more than 1 is not supported by this version");
	s = config_setting_get_member(g, "settings");
	if (s != NULL && !config_setting_is_group(s))
		config_fault(l, s, "settings: expected a group { ... }");
	else if (s != NULL)
		add_settings(l, s, "", h);
}

static void take_route(struct config_loader *l, const config_setting_t *g, const char *name)
{
	check_name(l, g, name);
	config_take_route(l, g, name);
}

void config_build(struct config_loader *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!l->sources[i].parsed)
			continue;
		if (l->sources[i].main)
			build_root(l, config_root_setting(&l->sources[i].tree));
		else
			check_drop_in(l, config_root_setting(&l->sources[i].tree));
	}
	each_named(l, "subscriptions", take_subscription);
	each_named(l, "handlers", take_handler);
	each_named(l, "routes", take_route);
}
