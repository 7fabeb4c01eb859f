/* semel check: the configuration and every plugin file, judged. */
#include "adapters/config_file.h"
#include "adapters/plugin.h"
#include "cli/cli.h"
#include "cli/connect.h"
#include "cli/opening.h"
#include "cli/options.h"

#include <stdio.h>

/* The file's own refusals, at the place of `plugin =`; settings against its table.  No code of it is run. */
static void check_plugins(const struct config *c, struct config_problems *problems)
{
	for (size_t i = 0; i < c->n_handlers; i++) {
		const struct config_handler *h = &c->handlers[i];
		struct plugin_facts facts;
		char why[1024];

		/* Without plugin, or without a main file that tells plugin_path, there is nothing to look at. */
		if (h->plugin_file == NULL || h->plugin_file[0] != '/')
			continue;
		if (plugin_inspect(h->plugin_file, false, &facts, why, sizeof(why)) < 0)
			config_problem_add(
			    problems, true, h->place.file, h->place.line, "handler %s: %s", h->name, why);
		else
			plugin_judge_settings(h, false, problems);
	}
	config_problems_sort(problems);
}

/* What the servers say, as problems of the files. */
static void check_servers(const struct config *c, struct config_problems *problems)
{
	struct findings f = { NULL, 0, 0 };

	connect_check(c, &f);
	for (size_t i = 0; i < f.n; i++) {
		const struct config_subscription *sub = f.list[i].sub != NULL ? f.list[i].sub
									      : &c->subscriptions[0];

		config_problem_add(problems, f.list[i].error, sub->place.file, sub->place.line, "%s: %s",
		    f.list[i].what, f.list[i].remedy);
	}
	findings_free(&f);
	config_problems_sort(problems);
}

static void put_count(struct buf *out, size_t n, const char *what)
{
	buf_printf(out, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void put_summary(struct buf *out, const char *file, const struct config_problems *p)
{
	buf_printf(out, "%s: ", file);
	if (p->n == 0) {
		buf_text(out, "ok\n");
		return;
	}
	put_count(out, p->errors, "error");
	buf_text(out, ", ");
	put_count(out, p->n - p->errors, "warning");
	buf_char(out, '\n');
}

static void put_json(struct buf *out, const char *file, const struct config_problems *p)
{
	buf_text(out, "{\"file\":");
	buf_json_string(out, bytes_of_text(file));
	buf_printf(out, ",\"errors\":%zu,\"warnings\":%zu,\"problems\":", p->errors, p->n - p->errors);
	config_problems_json(p, out);
	buf_text(out, "}\n");
}

int cmd_check(int argc, char **argv)
{
	struct cli_options o;
	struct config_problems problems = { NULL, 0, 0 };
	struct config *c = NULL;
	struct buf out = { NULL, 0, 0 };
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	config_examine(o.config, false, &c, &problems);
	check_plugins(c, &problems);
	if (o.connect && problems.errors == 0) {
		opening_check(c, &problems);
		check_servers(c, &problems);
	}
	if (o.json) {
		put_json(&out, o.config, &problems);
	} else {
		config_problems_print(&problems, &out);
		put_summary(&out, o.config, &problems);
	}
	fputs(out.data, stdout);
	r = problems.errors > 0 ? EXIT_CONFIGURATION : EXIT_YES;
	buf_free(&out);
	config_free(c);
	config_problems_free(&problems);
	return r;
}
