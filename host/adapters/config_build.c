/* The main file's groups, and the named groups of all files. */
#include "adapters/config_tree.h"

#include <stdlib.h>
#include <unistd.h>

#define NODE_MAX 63 /* what a ledger's session keeps of it */
#define SOCKET_MAX 107 /* of struct sockaddr_un */

void *config_grow(void *list, size_t n, size_t size)
{
	char *grown = realloc(list, (n + 1) * size);

	if (grown == NULL)
		abort();
	memset(grown + n * size, 0, size);
	return grown;
}

/* ---- Named groups */

typedef void (*take_fn)(struct config_loader *l, const config_setting_t *g, const char *name);

static const config_setting_t *group_in(const struct config_source *s, const char *name)
{
	return s->parsed ? config_member(config_root_setting(&s->tree), name) : NULL;
}

/* The member of that name in an earlier file. */
static const config_setting_t *taken_before(
    const struct config_loader *l, size_t source, const char *name, const char *member)
{
	const config_setting_t *other = NULL;

	for (size_t i = 0; i < source && other == NULL; i++)
		other = config_member(group_in(&l->sources[i], name), member);
	return other;
}

static bool is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return name[n] == '\0' && n <= 63 && name[0] >= 'a' && name[0] <= 'z';
}

static void take_member(
    struct config_loader *l, size_t source, const char *group, const config_setting_t *g, take_fn take)
{
	const char *name = config_setting_name(g);
	const config_setting_t *other = taken_before(l, source, group, name);
	struct config_place place;

	if (other != NULL) {
		place = config_place_of(l, other);
		config_fault(l, g,
		    "%s.%s is there already, at %s:%u: rename one of them, or remove the file or the package of one",
		    group, name, place.file, place.line);
		return;
	}
	if (!is_name(name))
		config_fault(l, g, "%s is no name: [a-z][a-z0-9-]{0,62}", name);
	if (config_is_group(l, g))
		take(l, g, name);
}

/* Gives each member of the named group, over all files, to `take`. */
static void each_named(struct config_loader *l, const char *name, take_fn take)
{
	for (size_t i = 0; i < l->n; i++) {
		const config_setting_t *group = group_in(&l->sources[i], name);

		if (group == NULL || !config_setting_is_group(group))
			continue; /* reported with the top level */
		for (int k = 0; k < config_setting_length(group); k++)
			take_member(l, i, name, config_setting_get_elem(group, (unsigned)k), take);
	}
}

static void check_drop_in(struct config_loader *l, const config_setting_t *root)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *s = config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(s);

		if (config_word_in("subscriptions handlers routes", name, NULL))
			config_is_group(l, s);
		else if (config_key_find(SCOPE_ROOT, name) != NULL)
			config_fault(l, s,
			    "%s stands only in the main file; a drop-in holds subscriptions, handlers and routes",
			    name);
		else
			config_fault(
			    l, s, "unknown key %s; a drop-in holds subscriptions, handlers and routes", name);
	}
}

/* ---- The main file */

/* A part of group.instance.id, which Kafka judges like a topic's name. */
static void check_node(struct config_loader *l, const config_setting_t *root)
{
	const config_setting_t *s = config_member(root, "node");
	struct config *c = l->config;
	char name[256] = "";
	size_t n;

	if (c->node == NULL) {
		gethostname(name, sizeof(name) - 1);
		c->node = strdup(name);
	}
	n = strspn(c->node, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	if (n == 0 || c->node[n] != '\0' || n > NODE_MAX)
		config_fault(l, s == NULL ? root : s,
		    "node: \"%s\"%s is no name for a host: 1 to %d letters, digits, dots, _ and -", c->node,
		    s == NULL ? ", the host name," : "", NODE_MAX);
}

static void check_plugin_path(struct config_loader *l, const config_setting_t *root)
{
	const config_setting_t *s = config_member(root, "plugin_path");
	struct config *c = l->config;

	if (s != NULL && c->plugin_path != NULL && c->n_plugin_path == 0)
		config_fault(l, s, "plugin_path: the list is empty");
	for (size_t i = 0; s != NULL && i < c->n_plugin_path; i++)
		if (c->plugin_path[i][0] != '/')
			config_fault(l, s,
			    "plugin_path: expected a path from / on, found \"%s\" (${PWD} is the folder you are in)",
			    c->plugin_path[i]);
}

static void check_socket(struct config_loader *l, const config_setting_t *g)
{
	const config_setting_t *s = config_member(g, "socket");

	if (s != NULL && l->config->admin_socket != NULL && strlen(l->config->admin_socket) > SOCKET_MAX)
		config_fault(l, s, "socket: longer than a Unix socket's path may be (%d)", SOCKET_MAX);
}

static void build_root(struct config_loader *l, const config_setting_t *root)
{
	struct config *c = l->config;

	config_fill(l, SCOPE_ROOT, root, root, c);
	check_node(l, root);
	check_plugin_path(l, root);
	config_build_kafka(l, root);
	config_build_ledger(l, root);
	config_build_http(l, root);
	config_fill(l, SCOPE_ADMIN, config_member(root, "admin"), root, c);
	check_socket(l, config_member(root, "admin"));
	config_fill(l, SCOPE_LOG, config_member(root, "log"), root, c);
}

void config_build(struct config_loader *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct config_source *s = &l->sources[i];

		if (s->parsed && s->main)
			build_root(l, config_root_setting(&s->tree));
		else if (s->parsed)
			check_drop_in(l, config_root_setting(&s->tree));
	}
	each_named(l, "subscriptions", config_take_subscription);
	each_named(l, "handlers", config_take_handler);
	each_named(l, "routes", config_take_route);
}
