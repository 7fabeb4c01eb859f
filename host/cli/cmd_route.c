/* semel route: what would become of the events of a file; the same decoding as the daemon's. */
#include "adapters/config_file.h"
#include "adapters/keyed_hash.h"
#include "cli/cli.h"
#include "cli/event_file.h"
#include "cli/options.h"
#include "core/event_id.h"
#include "engine/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct routing {
	const struct config *config;
	struct decoder **decoders; /* one a subscription */
	bool json;
	int64_t count;
	size_t unknown; /* events of topics that nobody consumes */
	const char *file;
};

static const char *fate_text(enum fate f)
{
	static const char *const texts[] = { "handled", "dead letter: no_id", "dead letter: bad_id",
		"dead letter: unrouted", "skipped: unrouted", "dead letter: too_old" };

	return texts[f];
}

static void print_json(const struct routing *r, const struct config_subscription *s, const struct event *ev)
{
	struct buf out = { NULL, 0, 0 };
	bool handled = ev->fate == FATE_HANDLE;

	buf_text(&out, "{\"subscription\":");
	buf_json_string(&out, bytes_of_text(s->name));
	buf_text(&out, ",\"topic\":");
	buf_json_string(&out, bytes_of_text(ev->msg.topic));
	buf_char(&out, ',');
	buf_json_bytes(&out, "id", ev->id);
	buf_char(&out, ',');
	buf_json_bytes(&out, "key", ev->msg.key);
	buf_char(&out, ',');
	buf_json_bytes(&out, "route",
	    handled ? bytes_of_text(r->config->routes[ev->route].name) : (struct bytes){ NULL, 0 });
	buf_char(&out, ',');
	buf_json_bytes(&out, "handler",
	    handled ? bytes_of_text(r->config->handlers[ev->handler].name) : (struct bytes){ NULL, 0 });
	buf_printf(&out, ",\"fate\":\"%s\",\"why\":", fate_text(ev->fate));
	buf_json_string(&out, bytes_of_text(ev->run.why == NULL ? "" : ev->run.why));
	buf_text(&out, "}\n");
	fputs(out.data, stdout);
	buf_free(&out);
}

static void print_text(const struct routing *r, const struct config_subscription *s, const struct event *ev)
{
	struct buf id = { NULL, 0, 0 }, key = { NULL, 0, 0 }, joined = { NULL, 0, 0 };

	if (s->id_cloudevents || s->n_id > 1) {
		if (!event_id_show(ev->id, &joined))
			buf_add(&joined, ev->id.data, ev->id.len);
		buf_logfmt(&id, (struct bytes){ joined.data, joined.len }, 60);
	} else {
		buf_logfmt(&id, ev->id, 60);
	}
	if (ev->msg.key.data == NULL)
		buf_char(&key, '-');
	else
		buf_logfmt(&key, ev->msg.key, 30);
	printf("%-16s %-20s %-30s %-20s ", s->name, ev->msg.topic, id.data, key.data);
	if (ev->fate == FATE_HANDLE)
		printf(
		    "%-20s %s\n", r->config->routes[ev->route].name, r->config->handlers[ev->handler].name);
	else
		printf("%s: %s\n", fate_text(ev->fate), ev->run.why == NULL ? "" : ev->run.why);
	buf_free(&id);
	buf_free(&key);
	buf_free(&joined);
}

static int take(void *arg, struct json_event *e, unsigned line)
{
	struct routing *r = arg;
	bool any = false;

	for (size_t i = 0; i < r->config->n_subscriptions; i++) {
		const struct config_subscription *s = &r->config->subscriptions[i];
		struct event ev = { .finished = false };

		if (!config_consumes(s, e->topic))
			continue;
		any = true;
		event_file_message(e, r->count, &ev.msg);
		decode_event(r->decoders[i], &ev, wall_ms());
		if (r->json)
			print_json(r, s, &ev);
		else
			print_text(r, s, &ev);
		event_clear(&ev);
	}
	r->count++;
	if (!any) {
		fprintf(
		    stderr, "%s:%u: warning: no subscription consumes topic %s\n", r->file, line, e->topic);
		r->unknown++;
	}
	return 0;
}

static int run(const struct cli_options *o, const struct config *c)
{
	static const uint8_t key[16];
	struct routing r = { .config = c, .json = o->json, .file = o->events };
	size_t bad = 0;
	int error;

	r.decoders = calloc(c->n_subscriptions + 1, sizeof(struct decoder *));
	for (size_t i = 0; i < c->n_subscriptions; i++)
		r.decoders[i] = decoder_new(c, &c->subscriptions[i], key, key);
	if (!o->json)
		printf("%-16s %-20s %-30s %-20s %-20s %s\n", "subscription", "topic", "id", "key", "route",
		    "handler");
	error = event_file_each(o->events, take, &r, &bad);
	if (error < 0)
		fprintf(stderr, "semel route: %s: %s\n", o->events, strerror(-error));
	for (size_t i = 0; i < c->n_subscriptions; i++)
		decoder_free(r.decoders[i]);
	free(r.decoders);
	return error < 0 || bad > 0 ? EXIT_NO : EXIT_YES;
}

int cmd_route(int argc, char **argv)
{
	struct cli_options o;
	struct config_problems problems = { NULL, 0, 0 };
	struct config *c = NULL;
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.events == NULL || o.argc > 0)
		return cli_usage(argv[0], "--events FILE must be given");
	if (keyed_hash_setup() < 0)
		return EXIT_INTERNAL;
	if (config_load(o.config, true, &c, &problems) < 0) {
		struct buf text = { NULL, 0, 0 };

		config_problems_print(&problems, &text);
		fputs(text.data, stderr);
		buf_free(&text);
		r = EXIT_CONFIGURATION;
	} else {
		r = run(&o, c);
	}
	config_free(c);
	config_problems_free(&problems);
	return r;
}
