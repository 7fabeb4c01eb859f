/* semel log */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <stdio.h>

int cmd_log(int argc, char **argv)
{
	struct cli_options o;
	struct buf body = { NULL, 0, 0 };
	enum log_level level;
	char path[64];
	int status, r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc != 1 || log_level_parse(o.argv[0], &level) < 0)
		return cli_usage(argv[0], "expected one of debug, info, warning, error");
	snprintf(path, sizeof(path), "/v1/log?level=%s", log_level_name(level));
	r = cli_ask(&o, "POST", path, &body, &status);
	if (r == 0 && status != 200) {
		fputs(body.data == NULL ? "" : body.data, stderr);
		r = EXIT_NO;
	}
	buf_free(&body);
	return r;
}
