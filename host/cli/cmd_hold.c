/* semel pause, drain, resume */
#include "cli/cli.h"
#include "cli/options.h"

#include <stdio.h>

/* argv[0] is the verb, and the path. */
int cmd_hold(int argc, char **argv)
{
	struct cli_options o;
	struct buf body = { NULL, 0, 0 }, path = { NULL, 0, 0 };
	int status, r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 1)
		return cli_usage(argv[0], "expected one subscription, or none for all");
	buf_printf(&path, "/v1/%s", argv[0]);
	if (o.argc == 1)
		buf_printf(&path, "?subscription=%s", o.argv[0]);
	r = cli_ask(&o, "POST", path.data, &body, &status);
	if (r == 0 && status != 200) {
		fputs(body.data == NULL ? "" : body.data, stderr);
		r = EXIT_NO;
	}
	buf_free(&path);
	buf_free(&body);
	return r;
}
