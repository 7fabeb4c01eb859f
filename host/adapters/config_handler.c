/* One group of handlers. */
#include "adapters/config_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Settings as paths: pool = { size = 3; } is "pool/size"; a group stands before its members. */
static void add_settings(
    struct config_loader *l, const config_setting_t *g, const char *prefix, struct config_handler *h)
{
	for (int i = 0; i < config_setting_length(g); i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);
		struct buf path = { NULL, 0, 0 };
		struct config_setting *out;

		if (config_setting_name(s) != NULL)
			buf_printf(&path, "%s%s", prefix, config_setting_name(s));
		else
			buf_printf(&path, "%s%d", prefix, i);
		h->settings = config_grow(h->settings, h->n_settings, sizeof(*h->settings));
		out = &h->settings[h->n_settings++];
		out->path = strdup(path.data);
		out->place = config_place_of(l, s);
		out->is_group = config_setting_is_aggregate(s);
		if (out->is_group) {
			/* `out` moves with the list. */
			buf_char(&path, '/');
			add_settings(l, s, path.data, h);
		} else {
			out->text = config_scalar_of(l, s);
		}
		buf_free(&path);
	}
}

/* Where the plugin's file is; where it would be looked for first, if it is nowhere. */
static char *find_plugin(const struct config *c, const char *plugin)
{
	char *path;

	if (plugin[0] == '/' || c->n_plugin_path == 0)
		return strdup(plugin);
	for (size_t i = 0; i < c->n_plugin_path; i++) {
		if (asprintf(&path, "%s/%s", c->plugin_path[i], plugin) < 0)
			abort();
		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	if (asprintf(&path, "%s/%s", c->plugin_path[0], plugin) < 0)
		abort();
	return path;
}

static void take_plugin(struct config_loader *l, const config_setting_t *g, struct config_handler *h)
{
	const config_setting_t *s = config_member(g, "plugin");

	h->place = config_place_of(l, s == NULL ? g : s);
	if (h->plugin == NULL)
		return;
	if (h->plugin[0] != '/' && strchr(h->plugin, '/') != NULL)
		config_fault(l, s,
		    "plugin: \"%s\" is neither a file's name, to be found in plugin_path, nor a path from / on",
		    h->plugin);
	h->plugin_file = find_plugin(l->config, h->plugin);
}

void config_take_handler(struct config_loader *l, const config_setting_t *g, const char *name)
{
	const config_setting_t *settings = config_member(g, "settings");
	struct config *c = l->config;
	struct config_handler *h;

	c->handlers = config_grow(c->handlers, c->n_handlers, sizeof(*c->handlers));
	l->handlers = config_grow(l->handlers, c->n_handlers, sizeof(*l->handlers));
	l->handlers[c->n_handlers].group = g;
	h = &c->handlers[c->n_handlers++];
	h->name = strdup(name);
	config_fill(l, SCOPE_HANDLER, g, g, h);
	take_plugin(l, g, h);
	if (settings != NULL && config_is_group(l, settings))
		add_settings(l, settings, "", h);
}
