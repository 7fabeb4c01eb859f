#include "cli/dev_config.h"

#include "adapters/config_file.h"
#include "cli/cli.h"
#include "generated/version.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PARTITIONS 4

static int load(const char *file, struct config **ret_config)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf text = { NULL, 0, 0 };
	int r = config_load(file, true, ret_config, &problems);

	config_problems_print(&problems, &text);
	if (text.len > 0)
		fputs(text.data, stderr);
	buf_free(&text);
	config_problems_free(&problems);
	return r < 0 ? EXIT_CONFIGURATION : EXIT_YES;
}

static void add(struct topic_partition *topics, size_t max, size_t *n, const char *name, int partitions)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(topics[i].topic, name) == 0)
			return;
	if (*n < max)
		topics[(*n)++] = (struct topic_partition){ strdup(name), partitions, 0 };
}

int dev_config_topics(const char *file, struct topic_partition *topics, size_t max, size_t *ret_n)
{
	struct config *c = NULL;
	int r;

	*ret_n = 0;
	if (file == NULL) {
		add(topics, max, ret_n, "events", PARTITIONS);
		add(topics, max, ret_n, "events.dead", 1);
		return EXIT_YES;
	}
	r = load(file, &c);
	if (r != EXIT_YES)
		return r;
	for (size_t i = 0; i < c->n_subscriptions; i++)
		for (size_t k = 0; k < c->subscriptions[i].n_topics; k++)
			if (c->subscriptions[i].topics[k][0] != '^')
				add(topics, max, ret_n, c->subscriptions[i].topics[k], PARTITIONS);
	for (size_t i = 0; i < c->n_subscriptions; i++)
		add(topics, max, ret_n, c->subscriptions[i].dead_letter.topic, 1);
	config_free(c);
	return EXIT_YES;
}

/* Folder of the plugins: installed, or beside the program in a build folder. */
static void plugin_folder(char *out, size_t size)
{
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	snprintf(out, size, "%.3000s/plugins", self);
	if (access(out, F_OK) != 0)
		snprintf(out, size, "%s", SEMEL_HANDLER_DIR);
}

/* What dev decides, whatever the file says: the mock broker does not honour static membership, and a rebalance there
 * takes as long as the session. */
static void own_part(const struct dev *d, struct buf *out)
{
	buf_printf(out,
	    "node = \"dev\";\nstate_dir = \"%s\";\nstop_timeout = \"10s\";\n"
	    "kafka = { bootstrap_servers = \"%s\"; session_timeout_ms = 6000; heartbeat_interval_ms = 500; fetch_wait_max_ms = 10; };\n"
	    "ledger = { url = \"unix:%s\"; lease = \"3s\"; timeout = \"1s\"; };\n"
	    "http = { listen = \"127.0.0.1:0\"; };\nadmin = { socket = \"%s\"; };\nlog = { level = \"%s\"; };\n",
	    d->folder, d->brokers, d->redis, d->socket, d->builtin ? "info" : "warning");
}

static void builtin_part(struct buf *out)
{
	char plugins[PATH_MAX];

	plugin_folder(plugins, sizeof(plugins));
	buf_printf(out,
	    "plugin_path = [ \"%s\" ];\n"
	    "subscriptions = { events = { topics = [ \"events\" ]; id = [ \"header:event-id\" ]; missing_id = \"offset\";\n"
	    "\tstart = \"earliest\"; membership = \"dynamic\"; }; };\n"
	    "handlers = { log = { plugin = \"log.so\"; settings = { payload = true; }; }; };\n"
	    "routes = { all = { subscription = \"events\"; handler = \"log\"; }; };\n",
	    plugins);
}

int dev_config_write(const struct dev *d, const char *file)
{
	struct buf text = { NULL, 0, 0 };
	FILE *f;
	int r = EXIT_YES;

	own_part(d, &text);
	if (file != NULL) {
		r = config_write_groups(file, text.data, d->config) < 0 ? EXIT_INTERNAL : EXIT_YES;
	} else {
		builtin_part(&text);
		f = fopen(d->config, "we");
		if (f == NULL || fputs(text.data, f) < 0 || fclose(f) != 0)
			r = EXIT_INTERNAL;
	}
	buf_free(&text);
	return r;
}
