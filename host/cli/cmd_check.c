/* semel check */
#include "adapters/config_file.h"
#include "adapters/plugin.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <stdio.h>

static void print_json(const struct config_problems *p)
{
	struct buf out = { NULL, 0, 0 };

	buf_char(&out, '[');
	for (size_t i = 0; i < p->n; i++) {
		buf_printf(&out, "%s{\"severity\":\"%s\",\"file\":", i == 0 ? "" : ",",
		    p->list[i].error ? "error" : "warning");
		buf_json_string(&out, bytes_of_text(p->list[i].file));
		buf_printf(&out, ",\"line\":%u,\"text\":", p->list[i].line);
		buf_json_string(&out, bytes_of_text(p->list[i].text));
		buf_char(&out, '}');
	}
	buf_text(&out, "]\n");
	fputs(out.data, stdout);
	buf_free(&out);
}

int cmd_check(int argc, char **argv)
{
	struct cli_options o;
	struct config_problems problems = { NULL, 0, 0 };
	struct config *c = NULL;
	struct buf text = { NULL, 0, 0 };
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	config_load(o.config, false, &c, &problems);
	for (size_t i = 0; c != NULL && i < c->n_handlers; i++) {
		struct plugin_facts facts;
		char why[1024];

		if (plugin_inspect(c->handlers[i].plugin_file, false, &facts, why, sizeof(why)) < 0)
			config_problem_add(
			    &problems, true, c->handlers[i].place.file, c->handlers[i].place.line, "%s", why);
	}
	if (o.json) {
		print_json(&problems);
	} else {
		config_problems_print(&problems, &text);
		printf("%s%s: %zu errors, %zu warnings\n", text.data == NULL ? "" : text.data, o.config,
		    problems.errors, problems.n - problems.errors);
	}
	r = problems.errors > 0 ? EXIT_CONFIGURATION : EXIT_YES;
	buf_free(&text);
	config_free(c);
	config_problems_free(&problems);
	return r;
}
