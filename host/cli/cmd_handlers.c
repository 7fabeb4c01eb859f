/* semel handlers: plugins in plugin_path and in the configuration; none of them is loaded. */
#include "adapters/config_file.h"
#include "adapters/plugin.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
	char *file;
	const char *handler; /* NULL: not configured */
};

struct rows {
	struct row *list;
	size_t n;
};

static void add(struct rows *rows, const char *file, const char *handler)
{
	struct row *grown;

	for (size_t i = 0; handler == NULL && i < rows->n; i++)
		if (strcmp(rows->list[i].file, file) == 0)
			return;
	grown = realloc(rows->list, (rows->n + 1) * sizeof(*grown));
	if (grown == NULL)
		abort();
	rows->list = grown;
	rows->list[rows->n++] = (struct row){ strdup(file), handler };
}

static int is_so(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 3 && strcmp(d->d_name + n - 3, ".so") == 0;
}

static void collect(const struct config *c, struct rows *rows)
{
	for (size_t i = 0; i < c->n_handlers; i++)
		add(rows, c->handlers[i].plugin_file, c->handlers[i].name);
	for (size_t i = 0; i < c->n_plugin_path; i++) {
		struct dirent **names;
		int n = scandir(c->plugin_path[i], &names, is_so, alphasort);

		for (int k = 0; k < n; k++) {
			struct buf path = { NULL, 0, 0 };

			buf_printf(&path, "%s/%s", c->plugin_path[i], names[k]->d_name);
			add(rows, path.data, NULL);
			buf_free(&path);
			free(names[k]);
		}
		if (n >= 0)
			free(names);
	}
}

static void put_routes(const struct config *c, const char *handler, struct buf *out)
{
	for (size_t i = 0; handler != NULL && i < c->n_routes; i++)
		if (strcmp(c->handlers[c->routes[i].handler].name, handler) == 0)
			buf_printf(out, "%s%s", out->len == 0 ? "" : ",", c->routes[i].name);
	buf_add(out, "", 0);
}

static void print_row(const struct config *c, const struct row *row, bool json, bool first)
{
	struct plugin_facts facts = { .name = "" };
	struct buf routes = { NULL, 0, 0 }, out = { NULL, 0, 0 };
	char why[1024] = "";
	bool ok = plugin_inspect(row->file, false, &facts, why, sizeof(why)) == 0;

	put_routes(c, row->handler, &routes);
	if (json) {
		buf_printf(&out, "%s{\"file\":", first ? "" : ",");
		buf_json_string(&out, bytes_of_text(row->file));
		buf_json_bytes((buf_char(&out, ','), &out), "handler", bytes_of_text(row->handler));
		buf_printf(&out,
		    ",\"name\":\"%s\",\"version\":\"%s\",\"abi\":\"%u.%u\",\"routes\":\"%s\",\"refused\":",
		    facts.name, facts.version, facts.abi_major, facts.abi_minor, routes.data);
		buf_json_string(&out, bytes_of_text(why));
		buf_char(&out, '}');
		fputs(out.data, stdout);
	} else {
		printf("%-16s %-16s %-10s %u.%-4u %-24s %s\n", row->handler == NULL ? "-" : row->handler,
		    ok ? facts.name : "(refused)", facts.version, facts.abi_major, facts.abi_minor,
		    routes.data[0] == '\0' ? "-" : routes.data, ok ? row->file : why);
	}
	buf_free(&routes);
	buf_free(&out);
}

int cmd_handlers(int argc, char **argv)
{
	struct cli_options o;
	struct config_problems problems = { NULL, 0, 0 };
	struct config *c = NULL;
	struct rows rows = { NULL, 0 };
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (config_load(o.config, false, &c, &problems) < 0) {
		struct buf text = { NULL, 0, 0 };

		config_problems_print(&problems, &text);
		fputs(text.data, stderr);
		buf_free(&text);
		config_problems_free(&problems);
		return EXIT_CONFIGURATION;
	}
	collect(c, &rows);
	if (o.json)
		putchar('[');
	else
		printf("%-16s %-16s %-10s %-6s %-24s %s\n", "handler", "plugin", "version", "abi", "routes",
		    "file");
	for (size_t i = 0; i < rows.n; i++) {
		print_row(c, &rows.list[i], o.json, i == 0);
		free(rows.list[i].file);
	}
	if (o.json)
		puts("]");
	free(rows.list);
	config_free(c);
	config_problems_free(&problems);
	return EXIT_YES;
}
