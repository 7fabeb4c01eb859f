#include "cli/try/try_config.h"

#include "adapters/config_file.h"
#include "cli/cli.h"
#include "cli/opening.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEASE "10s"
/* The least that there is: a try of --lease-loss waits for it twice. */
#define SHORT_LEASE "1s"
#define ENGINE_STOP "10s"
/* The longest back-off, in first ones. */
#define MAX_BACKOFF 10

/* ---- Which plugin */

static int print_problems(const struct config_problems *p)
{
	struct buf text = { NULL, 0, 0 };

	config_problems_print(p, &text);
	if (text.len > 0)
		fputs(text.data, stderr);
	buf_free(&text);
	return p->errors > 0 ? EXIT_CONFIGURATION : EXIT_YES;
}

static struct config_handler *find_handler(struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_handlers; i++)
		if (strcmp(c->handlers[i].name, name) == 0)
			return &c->handlers[i];
	return NULL;
}

static int load_from(const struct try_options *o, struct try_config *c)
{
	struct config_problems problems = { NULL, 0, 0 };
	int status;

	if (o->config == NULL)
		return EXIT_YES;
	(void)config_load(o->config, true, &c->from, &problems);
	status = print_problems(&problems);
	config_problems_free(&problems);
	if (status == EXIT_YES && find_handler(c->from, o->handler) == NULL) {
		fprintf(stderr, "semel try: %s has no handler %s\n", o->config, o->handler);
		status = EXIT_CONFIGURATION;
	}
	return status;
}

/* A relative path as the loader wants it. */
static char *absolute(const char *path)
{
	struct buf b = { NULL, 0, 0 };
	char *cwd;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	buf_printf(&b, "%s/%s", cwd == NULL ? "." : cwd, path);
	free(cwd);
	return b.data;
}

/* Runs none of its code. */
static int inspect(const char *file, struct plugin_facts *facts)
{
	char why[1024] = "";
	int r = plugin_inspect(file, true, facts, why, sizeof(why));

	if (why[0] != '\0')
		fprintf(stderr, "%s%s\n", r < 0 ? "" : "warning: ", why);
	return r < 0 ? EXIT_CONFIGURATION : EXIT_YES;
}

/* ---- The text */

static void put_string(struct buf *out, const char *text)
{
	buf_char(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_char(out, '\\');
		buf_char(out, *text);
	}
	buf_char(out, '"');
}

static void put_list(struct buf *out, const char *name, const char *const *list, size_t n)
{
	buf_printf(out, "%s = [", name);
	for (size_t i = 0; i < n; i++) {
		buf_text(out, i > 0 ? ", " : " ");
		put_string(out, list[i]);
	}
	buf_text(out, " ]; ");
}

static void put_value(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s = ", name);
	put_string(out, value);
	buf_text(out, "; ");
}

static void put_subscription(struct buf *out, const struct try_options *o, const struct try_events *e)
{
	static const char *const id[] = { "header:event-id" };
	const char **topics = calloc(e->n_topics, sizeof(*topics));
	int64_t backoff_ms = 1000;

	if (topics == NULL)
		abort();
	for (size_t i = 0; i < e->n_topics; i++)
		topics[i] = e->topics[i].name;
	buf_text(out, "subscriptions = { try = { start = \"earliest\"; membership = \"static\"; ");
	put_list(out, "topics", topics, e->n_topics);
	free(topics);
	if (o->n_ids == 1 && strcmp(o->ids[0], "cloudevents") == 0) {
		put_value(out, "id", "cloudevents");
	} else if (o->n_ids > 0) {
		put_list(out, "id", o->ids, o->n_ids);
	} else {
		put_list(out, "id", id, 1);
		put_value(out, "missing_id", "offset");
	}
	put_value(out, "order", o->order);
	buf_printf(out, "retry = { attempts = %s; ", o->attempts);
	put_value(out, "backoff", o->backoff);
	/* What is no duration is refused with the line above. */
	(void)config_duration(o->backoff, &backoff_ms);
	buf_printf(out, "max_backoff = \"%lldms\"; }; }; };\n", (long long)backoff_ms * MAX_BACKOFF);
}

static void put_text(struct buf *out, const struct try_options *o, const struct try_events *e,
    const char *folder, const char *handler, const char *plugin)
{
	buf_printf(out,
	    "node = \"try\";\nstate_dir = \"%s\";\nstop_timeout = \"%s\";\n"
	    "kafka = { bootstrap_servers = \"none:9092\"; };\n"
	    "ledger = { url = \"unix:%s/none\"; lease = \"%s\"; };\n"
	    "http = { listen = \"off\"; };\nadmin = { socket = \"%s/admin\"; };\nlog = { level = \"%s\"; };\n",
	    folder, ENGINE_STOP, folder, o->lease_loss ? SHORT_LEASE : LEASE, folder, o->log);
	put_subscription(out, o, e);
	buf_printf(out, "handlers = { %s = { ", handler);
	put_value(out, "plugin", plugin);
	buf_printf(out, "workers = %s; batch = %s; ", o->workers == NULL ? "4" : o->workers,
	    o->batch == NULL ? "1" : o->batch);
	put_value(out, "timeout", o->timeout == NULL ? "5s" : o->timeout);
	put_value(out, "max_run", o->max_run == NULL ? "15s" : o->max_run);
	put_list(out, "emits", o->emits, o->n_emits);
	buf_printf(
	    out, "}; };\nroutes = { all = { subscription = \"try\"; handler = \"%s\"; }; };\n", handler);
}

/* A problem of what was typed, told without the file that nobody wrote. */
static int print_ours(const struct config_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->list[i].error)
			fprintf(stderr, "semel try: %s\n", p->list[i].text);
	return p->errors > 0 ? EXIT_USAGE : EXIT_YES;
}

static int load_ours(const char *folder, const struct buf *text, struct config **ret_config)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf path = { NULL, 0, 0 };
	int status = EXIT_INTERNAL;
	FILE *f;

	buf_printf(&path, "%s/semel.conf", folder);
	f = fopen(path.data, "we");
	if (f != NULL && fputs(text->data, f) >= 0 && fclose(f) == 0) {
		(void)config_load(path.data, true, ret_config, &problems);
		status = print_ours(&problems);
	} else {
		fprintf(stderr, "semel try: %s: %s\n", path.data, strerror(errno));
	}
	config_problems_free(&problems);
	buf_free(&path);
	return status;
}

/* ---- The handler's group */

static struct config_setting *setting_of(struct config_handler *h, const char *path, bool is_group)
{
	struct config_setting *grown;

	for (size_t i = 0; i < h->n_settings; i++)
		if (strcmp(h->settings[i].path, path) == 0)
			return &h->settings[i];
	grown = realloc(h->settings, (h->n_settings + 1) * sizeof(*grown));
	if (grown == NULL)
		abort();
	h->settings = grown;
	grown[h->n_settings] = (struct config_setting){ .path = strdup(path), .is_group = is_group };
	return &grown[h->n_settings++];
}

/* A name is a path: pool/size, topics/0.  The groups on its way come with it. */
static void set(struct config_handler *h, const struct try_setting *s)
{
	struct config_setting *c;

	for (const char *slash = strchr(s->name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		char *group = strndup(s->name, (size_t)(slash - s->name));

		setting_of(h, group, true)->place.file = "--setting";
		free(group);
	}
	c = setting_of(h, s->name, false);
	free(c->text);
	c->text = strdup(s->value);
	c->is_group = false;
	c->place = (struct config_place){ "--setting", 0 };
}

/* The group of the file in place of ours, with what was given on the command line. */
static void take_group(const struct try_options *o, struct try_config *c)
{
	struct config_handler *to = &c->config->handlers[0], *from = find_handler(c->from, o->handler),
			      ours = *to;

	*to = *from;
	*from = ours;
	from->name = to->name;
	to->name = ours.name;
	to->routed = true;
	if (o->plugin != NULL) {
		free(to->plugin_file);
		to->plugin_file = strdup(from->plugin_file);
	}
	if (o->workers != NULL)
		to->workers = from->workers;
	if (o->batch != NULL)
		to->batch = from->batch;
	if (o->timeout != NULL)
		to->timeout_ms = from->timeout_ms;
	if (o->max_run != NULL)
		to->max_run_ms = from->max_run_ms;
}

/* ---- */

/* A name that a configuration takes; else `handler`. */
static void name_of(const char *plugin, char *out, size_t size)
{
	size_t n = 0;

	for (; plugin[n] != '\0' && n + 1 < size; n++) {
		char c = (char)tolower((unsigned char)plugin[n]);

		out[n] = isalnum((unsigned char)c) ? c : '-';
	}
	out[n] = '\0';
	if (!islower((unsigned char)out[0]))
		snprintf(out, size, "handler");
}

int try_config_make(const struct try_options *o, const struct try_events *e, const char *folder,
    struct try_config *ret_config)
{
	struct try_config *c = ret_config;
	struct buf text = { NULL, 0, 0 };
	char name[64];
	char *file;
	int status = load_from(o, c);

	if (status != EXIT_YES)
		return status;
	file = absolute(o->plugin != NULL ? o->plugin : find_handler(c->from, o->handler)->plugin_file);
	status = inspect(file, &c->facts);
	if (status == EXIT_YES) {
		name_of(c->facts.name, name, sizeof(name));
		put_text(&text, o, e, folder, o->handler == NULL ? name : o->handler, file);
		status = load_ours(folder, &text, &c->config);
	}
	free(file);
	buf_free(&text);
	if (status != EXIT_YES)
		return status;
	/* The file is none that anybody wrote. */
	c->config->handlers[0].place = (struct config_place){ "semel try", 0 };
	if (c->from != NULL)
		take_group(o, c);
	for (size_t i = 0; i < o->n_settings; i++)
		set(&c->config->handlers[0], &o->settings[i]);
	c->other = *c->config;
	c->other.node = (char *)(uintptr_t) "try-2";
	buf_printf(&text, "%s/admin-2", folder);
	c->other.admin_socket = text.data;
	return EXIT_YES;
}

void try_config_free(struct try_config *c)
{
	if (c->config != NULL)
		free(c->other.admin_socket);
	config_free(c->config);
	config_free(c->from);
}

/* ---- The judgement */

static int judge(const struct config_handler *h)
{
	struct config_problems problems = { NULL, 0, 0 };
	bool later;
	int r = opening_try(h, true, metrics_new(), &problems, &later);

	print_problems(&problems);
	if (later)
		fprintf(stderr, "semel try: the handler cannot be opened now; a host would try again\n");
	return r == 0 ? EXIT_YES : later ? EXIT_NO : EXIT_CONFIGURATION;
}

int try_config_judge(const struct try_config *c)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		status = judge(&c->config->handlers[0]);
		fflush(NULL);
		_exit(status);
	}
	while (pid < 0 || waitpid(pid, &status, 0) < 0)
		if (pid < 0 || errno != EINTR) {
			fprintf(stderr, "semel try: fork: %s\n", strerror(errno));
			return EXIT_INTERNAL;
		}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "semel try: the plugin ended the process when it was loaded or opened: SIG%s\n",
	    sigabbrev_np(WTERMSIG(status)));
	return EXIT_NO;
}
