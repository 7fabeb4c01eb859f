/* semel event */
#include "cli/cli.h"
#include "cli/event_story.h"

#include <stdio.h>

static int tell(struct event_story *s, const struct buf *body)
{
	struct buf out = { NULL, 0, 0 };
	char why[256];

	if (json_parse((struct bytes){ body->data, body->len }, &s->doc, why, sizeof(why)) < 0) {
		fprintf(stderr, "semel event: the daemon's answer is %s\n", why);
		return EXIT_INTERNAL;
	}
	event_story_find_letter(s);
	if (s->options->json) {
		event_story_json(s, (struct bytes){ body->data, body->len }, &out);
		fputs(out.data, stdout);
	} else {
		event_story_print(s);
	}
	buf_free(&out);
	json_free(s->doc);
	return EXIT_YES;
}

/* The ledger forgets after its retention; letters may stay for longer. */
static int tell_unknown(struct event_story *s, const struct buf *body)
{
	fputs(body->data == NULL ? "" : body->data, stderr);
	event_story_find_letter(s);
	if (s->letter.len > 0) {
		fputs("its dead letter is there:\n", stderr);
		if (s->options->json)
			printf("{\"dead_letter\":%s}\n", s->letter.data);
		else
			event_story_print(s);
	}
	return EXIT_NO;
}

static int ask(struct event_story *s)
{
	struct buf body = { NULL, 0, 0 }, path = { NULL, 0, 0 };
	int status = 0, r;

	buf_printf(&path, "/v1/events/%s?id=", s->subscription);
	buf_base64url(&path, s->id);
	r = cli_ask(s->options, "GET", path.data, &body, &status);
	if (r == 0 && status == 200)
		r = tell(s, &body);
	else if (r == 0 && status == 404)
		r = tell_unknown(s, &body);
	else if (r == 0) {
		fputs(body.data == NULL ? "" : body.data, stderr);
		r = EXIT_UNREACHABLE;
	}
	buf_free(&body);
	buf_free(&path);
	return r;
}

int cmd_event(int argc, char **argv)
{
	struct cli_options o;
	struct event_story s = { .options = &o, .looked = -1 };
	struct buf id = { NULL, 0, 0 };
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc != 2)
		return cli_usage(argv[0], "expected a subscription and an id");
	r = cli_id(&o, argv[0], o.argv[1], &id);
	if (r == 0) {
		s.subscription = o.argv[0];
		s.id = (struct bytes){ id.data, id.len };
		r = ask(&s);
	}
	buf_free(&s.letter);
	buf_free(&s.letter_lines);
	buf_free(&id);
	return r;
}
