/* semel doctor: everything that is known to go wrong in practice, asked for, with remedies. */
#include "adapters/config_file.h"
#include "adapters/json.h"
#include "adapters/plugin.h"
#include "cli/cli.h"
#include "cli/connect.h"
#include "cli/doctor.h"
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Configuration and plugins, as semel check sees them */

static void take_problems(const struct config_problems *p, struct findings *f)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct config_problem *x = &p->list[i];

		findings_add(f, AREA_CONFIGURATION, x->error, NULL, "correct it; semel check shows all",
		    "%s:%u: %s", x->file, x->line, x->text);
	}
}

static void look_at_plugins(const struct config *c, struct findings *f)
{
	for (size_t i = 0; i < c->n_handlers; i++) {
		struct plugin_facts facts;
		char why[1024];

		if (plugin_inspect(c->handlers[i].plugin_file, false, &facts, why, sizeof(why)) < 0)
			findings_add(f, AREA_CONFIGURATION, true, NULL,
			    "see the message; semel handlers shows all", "handler %s: %s",
			    c->handlers[i].name, why);
	}
}

/* NULL if it cannot be used. */
static struct config *look_at_configuration(const struct cli_options *o, struct findings *f)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct config *c = NULL;

	config_examine(o->config, false, &c, &problems);
	take_problems(&problems, f);
	if (problems.errors > 0) {
		config_free(c);
		c = NULL;
	} else if (c != NULL) {
		look_at_plugins(c, f);
	}
	config_problems_free(&problems);
	return c;
}

/* ---- The daemon */

static void take_reasons(const char *text, struct findings *f)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0)
			findings_add(f, AREA_DAEMON, true, NULL, "semel status; docs/operations.md, states",
			    "not ready: %.*s", (int)(len < 600 ? len : 600), text);
		text += len + (text[len] == '\n');
	}
}

static void look_at_restarts(const char *json, size_t len, struct findings *f)
{
	struct buf value = { NULL, 0, 0 };
	struct json_doc *d;
	char why[128];

	if (json_parse((struct bytes){ json, len }, &d, why, sizeof(why)) < 0)
		return;
	if (json_pointer(d, "/engine/last_exit/cause", &value, NULL) == 1 &&
	    (strcmp(value.data, "crash") == 0 || strcmp(value.data, "timeout") == 0))
		findings_add(f, AREA_DAEMON, false, NULL,
		    "semel status names handler and events; the log has the report",
		    "the engine was last restarted for: %s", value.data);
	buf_free(&value);
	json_free(d);
}

static void look_at_daemon(const struct cli_options *o, struct findings *f)
{
	struct buf body = { NULL, 0, 0 };
	char why[512];
	int status = cli_try(o, "GET", "/readyz", &body, why, sizeof(why));

	if (status < 0) {
		findings_add(f, AREA_DAEMON, false, NULL,
		    "systemctl start semel, or name its socket by --admin", "%s", why);
	} else {
		if (status != 200 && body.data != NULL)
			take_reasons(body.data, f);
		buf_clear(&body);
		if (cli_try(o, "GET", "/status", &body, why, sizeof(why)) == 200 && body.data != NULL)
			look_at_restarts(body.data, body.len, f);
	}
	buf_free(&body);
}

int cmd_doctor(int argc, char **argv)
{
	struct findings f = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 };
	struct cli_options o;
	struct config *c;
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	c = look_at_configuration(&o, &f);
	doctor_machine(c, &f);
	if (c != NULL)
		connect_check(c, &f);
	look_at_daemon(&o, &f);
	if (o.json)
		findings_json(&f, &out);
	else
		findings_print(&f, cli_colours(), &out);
	fputs(out.data, stdout);
	if (!o.json)
		printf("errors: %zu, warnings: %zu\n", f.errors, f.n - f.errors);
	r = f.n > 0 ? EXIT_NO : EXIT_YES;
	buf_free(&out);
	findings_free(&f);
	config_free(c);
	return r;
}
