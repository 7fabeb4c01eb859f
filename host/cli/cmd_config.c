/* semel config */
#include "adapters/config_file.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <stdio.h>

int cmd_config(int argc, char **argv)
{
	struct cli_options o;
	struct config_problems problems = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 }, text = { NULL, 0, 0 };
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	if (o.keys)
		config_keys(o.markdown, &out);
	else
		r = config_print(o.config, o.json, &out, &problems) < 0 ? EXIT_CONFIGURATION : EXIT_YES;
	config_problems_print(&problems, &text);
	fputs(text.data == NULL ? "" : text.data, stderr);
	fputs(r == EXIT_YES && out.data != NULL ? out.data : "", stdout);
	buf_free(&out);
	buf_free(&text);
	config_problems_free(&problems);
	return r;
}
