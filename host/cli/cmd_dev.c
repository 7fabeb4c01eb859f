/* semel dev: embedded broker, private Redis and the host, in the foreground; nothing is left behind. */
#include "adapters/config_file.h"
#include "adapters/http_client.h"
#include "adapters/json.h"
#include "adapters/kafka.h"
#include "cli/cli.h"
#include "cli/event_file.h"
#include "cli/options.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int cmd_dev(int argc, char **argv)
{
	return cli_usage(argc > 0 ? argv[0] : "dev", "not built yet");
}
