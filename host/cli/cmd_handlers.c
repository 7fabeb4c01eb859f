/* semel handlers: plugins in plugin_path and in the configuration; none of them is loaded. */
#include "adapters/config_file.h"
#include "adapters/package_owner.h"
#include "adapters/plugin.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
	char *file; /* NULL: the configuration names none */
	const struct config_handler *handler; /* NULL: not configured */
	struct plugin_facts facts;
	bool refused;
	char why[1024];
	const char *hidden_by; /* a file of that name in an earlier folder of plugin_path */
	struct buf routes; /* "a,b" */
	char *package;
};

struct rows {
	struct row *list;
	size_t n;
};

/* ---- Finding */

static struct row *add(struct rows *rows, const char *file, const struct config_handler *handler)
{
	struct row *grown = realloc(rows->list, (rows->n + 1) * sizeof(*grown));

	if (grown == NULL)
		abort();
	rows->list = grown;
	grown = &grown[rows->n++];
	*grown = (struct row){ .file = file == NULL ? NULL : strdup(file), .handler = handler };
	return grown;
}

static bool is_listed(const struct rows *rows, const char *file)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->list[i].file != NULL && strcmp(rows->list[i].file, file) == 0)
			return true;
	return false;
}

/* The file that is found instead of this one. */
static const char *found_before(const struct rows *rows, size_t n_before, const char *file)
{
	const char *name = strrchr(file, '/');

	for (size_t i = 0; i < n_before; i++) {
		const char *other = rows->list[i].file == NULL ? NULL : strrchr(rows->list[i].file, '/');

		if (other != NULL && strcmp(name, other) == 0)
			return rows->list[i].file;
	}
	return NULL;
}

static int is_so(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 3 && strcmp(d->d_name + n - 3, ".so") == 0;
}

static void collect_folder(struct rows *rows, const char *folder)
{
	struct dirent **names;
	int n = scandir(folder, &names, is_so, alphasort);
	size_t before = rows->n;

	for (int i = 0; i < n; i++) {
		struct buf path = { NULL, 0, 0 };

		buf_printf(&path, "%s/%s", folder, names[i]->d_name);
		if (!is_listed(rows, path.data))
			add(rows, path.data, NULL)->hidden_by = found_before(rows, before, path.data);
		buf_free(&path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static bool goes_to(const struct config *c, size_t route, const struct config_handler *h)
{
	unsigned i = c->routes[route].handler;

	return i != CONFIG_NONE && &c->handlers[i] == h;
}

static void judge(const struct config *c, struct row *row)
{
	const struct config_handler *h = row->handler;

	if (row->file == NULL || row->file[0] != '/')
		snprintf(row->why, sizeof(row->why), "the configuration does not say which file");
	row->refused = row->why[0] != '\0' ||
		       plugin_inspect(row->file, false, &row->facts, row->why, sizeof(row->why)) < 0;
	for (size_t i = 0; i < c->n_routes; i++)
		if (goes_to(c, i, h))
			buf_printf(&row->routes, "%s%s", row->routes.len == 0 ? "" : ",", c->routes[i].name);
	buf_add(&row->routes, "", 0);
}

static void ask_packages(struct rows *rows)
{
	const char **files = calloc(rows->n + 1, sizeof(*files));
	char **packages = calloc(rows->n + 1, sizeof(*packages));

	if (files == NULL || packages == NULL)
		abort();
	for (size_t i = 0; i < rows->n; i++)
		files[i] = rows->list[i].file == NULL ? "/" : rows->list[i].file;
	package_owners(files, rows->n, packages);
	for (size_t i = 0; i < rows->n; i++)
		rows->list[i].package = packages[i];
	free(files);
	free(packages);
}

static void collect(const struct config *c, struct rows *rows)
{
	for (size_t i = 0; i < c->n_handlers; i++)
		add(rows, c->handlers[i].plugin_file, &c->handlers[i]);
	for (size_t i = 0; i < c->n_plugin_path; i++)
		collect_folder(rows, c->plugin_path[i]);
	for (size_t i = 0; i < rows->n; i++)
		judge(c, &rows->list[i]);
	ask_packages(rows);
}

static void free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->list[i].file);
		free(rows->list[i].package);
		buf_free(&rows->list[i].routes);
	}
	free(rows->list);
}

/* ---- Printing */

enum { COLUMNS = 6 };

/* The cells of a line, before the file: "-" where there is nothing. */
static void cells_of(const struct row *row, char abi[16], const char *cells[COLUMNS])
{
	snprintf(abi, 16, "%u.%u", row->facts.abi_major, row->facts.abi_minor);
	cells[0] = row->handler == NULL ? "-" : row->handler->name;
	cells[1] = row->refused ? "(refused)" : row->facts.name;
	cells[2] = row->refused ? "-" : row->facts.version;
	cells[3] = row->refused ? "-" : abi;
	cells[4] = row->routes.len == 0 ? "-" : row->routes.data;
	cells[5] = row->package == NULL ? "-" : row->package;
}

static void print_table(const struct rows *rows)
{
	const char *cells[COLUMNS] = { "handler", "plugin", "version", "abi", "routes", "package" };
	size_t width[COLUMNS];
	char abi[16];

	for (int k = 0; k < COLUMNS; k++)
		width[k] = strlen(cells[k]);
	for (size_t i = 0; i < rows->n; i++) {
		cells_of(&rows->list[i], abi, cells);
		for (int k = 0; k < COLUMNS; k++)
			if (strlen(cells[k]) > width[k])
				width[k] = strlen(cells[k]);
	}
	printf("%-*s  %-*s  %-*s  %-*s  %-*s  %-*s  file\n", (int)width[0], "handler", (int)width[1],
	    "plugin", (int)width[2], "version", (int)width[3], "abi", (int)width[4], "routes", (int)width[5],
	    "package");
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->list[i];

		cells_of(row, abi, cells);
		for (int k = 0; k < COLUMNS; k++)
			printf("%-*s  ", (int)width[k], cells[k]);
		puts(row->file == NULL ? "-" : row->file);
		if (row->refused && row->handler != NULL)
			printf("  refused, at %s:%u: %s\n", row->handler->place.file,
			    row->handler->place.line, row->why);
		else if (row->refused)
			printf("  refused: %s\n", row->why);
		if (row->hidden_by != NULL)
			printf("  hidden by %s, which stands before it in plugin_path\n", row->hidden_by);
	}
}

static void put_member(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	if (text == NULL)
		buf_text(out, "null");
	else
		buf_json_string(out, bytes_of_text(text));
}

static void put_place(struct buf *out, const struct config_handler *h)
{
	if (h == NULL) {
		buf_text(out, ",\"place\":null");
		return;
	}
	buf_text(out, ",\"place\":{\"file\":");
	buf_json_string(out, bytes_of_text(h->place.file));
	buf_printf(out, ",\"line\":%u}", h->place.line);
}

static void put_row(const struct config *c, const struct row *row, struct buf *out)
{
	const struct config_handler *h = row->handler;
	bool first = true;
	char abi[16];

	snprintf(abi, sizeof(abi), "%u.%u", row->facts.abi_major, row->facts.abi_minor);
	buf_text(out, "{\"file\":");
	buf_json_string(out, bytes_of_text(row->file == NULL ? "" : row->file));
	put_member(out, "handler", h == NULL ? NULL : h->name);
	put_member(out, "name", row->refused ? NULL : row->facts.name);
	put_member(out, "version", row->refused ? NULL : row->facts.version);
	put_member(out, "abi", row->refused ? NULL : abi);
	put_member(out, "package", row->package);
	put_member(out, "refused", row->refused ? row->why : NULL);
	put_member(out, "hidden_by", row->hidden_by);
	put_place(out, h);
	buf_text(out, ",\"routes\":[");
	for (size_t i = 0; i < c->n_routes; i++) {
		if (!goes_to(c, i, h))
			continue;
		buf_printf(out, "%s\"%s\"", first ? "" : ",", c->routes[i].name);
		first = false;
	}
	buf_text(out, "]}");
}

static void print_json(
    const struct config *c, const struct rows *rows, const struct config_problems *problems)
{
	struct buf out = { NULL, 0, 0 };

	buf_text(&out, "{\"handlers\":[");
	for (size_t i = 0; i < rows->n; i++) {
		buf_text(&out, i == 0 ? "" : ",");
		put_row(c, &rows->list[i], &out);
	}
	buf_text(&out, "],\"problems\":");
	config_problems_json(problems, &out);
	buf_text(&out, "}");
	puts(out.data);
	buf_free(&out);
}

int cmd_handlers(int argc, char **argv)
{
	struct cli_options o;
	struct config_problems problems = { NULL, 0, 0 };
	struct buf text = { NULL, 0, 0 };
	struct config *c = NULL;
	struct rows rows = { NULL, 0 };
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	config_examine(o.config, false, &c, &problems);
	collect(c, &rows);
	if (o.json) {
		print_json(c, &rows, &problems);
	} else {
		print_table(&rows);
		config_problems_print(&problems, &text);
		fputs(text.len > 0 ? text.data : "", stderr);
	}
	r = problems.errors > 0 ? EXIT_CONFIGURATION : EXIT_YES;
	buf_free(&text);
	free_rows(&rows);
	config_free(c);
	config_problems_free(&problems);
	return r;
}
