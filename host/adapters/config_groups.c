/* A configuration's subscriptions, handlers and routes written out again, for a host with other servers. */
#include "adapters/config_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static void set_text(config_setting_t *group, const char *name, const char *text)
{
	config_setting_t *s = config_setting_get_member(group, name);

	if (s != NULL)
		config_setting_remove(group, name);
	s = config_setting_add(group, name, CONFIG_TYPE_STRING);
	config_setting_set_string(s, text);
}

/* Only what a drop-in may hold, and plugin_path; each subscription a dynamic member that starts at the beginning. */
static void reduce(config_t *tree)
{
	static const char *const kept[] = { "plugin_path", "subscriptions", "handlers", "routes" };
	config_setting_t *root = config_root_setting(tree), *subs;

	for (int i = config_setting_length(root); i-- > 0;) {
		const char *name = config_setting_name(config_setting_get_elem(root, (unsigned)i));
		bool keep = false;

		for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++)
			keep |= strcmp(name, kept[k]) == 0;
		if (!keep)
			config_setting_remove_elem(root, (unsigned)i);
	}
	subs = config_lookup(tree, "subscriptions");
	for (int i = 0; subs != NULL && i < config_setting_length(subs); i++) {
		set_text(config_setting_get_elem(subs, (unsigned)i), "membership", "dynamic");
		set_text(config_setting_get_elem(subs, (unsigned)i), "start", "earliest");
	}
}

static int write_tree(const struct config_source *s, const char *path, const char *head)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return -errno;
	fputs(head, f);
	config_write(&s->tree, f);
	return fclose(f) == 0 ? 0 : -errno;
}

int config_write_groups(const char *file, const char *head, const char *out)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct config_loader l = { .problems = &problems, .lenient = true };
	struct buf path = { NULL, 0, 0 };
	const char *slash = strrchr(out, '/');
	int r = 0;

	l.config = config_grow(NULL, 0, sizeof(*l.config));
	config_tree_load(&l, file);
	buf_printf(&path, "%.*s/conf.d", (int)(slash - out), out);
	if (l.n > 1 && mkdir(path.data, 0755) < 0)
		r = -errno;
	for (size_t i = 0; i < l.n && r == 0; i++) {
		if (!l.sources[i].parsed) {
			r = -EINVAL;
			break;
		}
		reduce(&l.sources[i].tree);
		buf_clear(&path);
		buf_printf(&path, "%.*s/conf.d/%04zu.conf", (int)(slash - out), out, i);
		r = write_tree(
		    &l.sources[i], l.sources[i].main ? out : path.data, l.sources[i].main ? head : "");
	}
	buf_free(&path);
	config_tree_free(&l);
	config_free(l.config);
	config_problems_free(&problems);
	return r;
}
