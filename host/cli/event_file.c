#include "cli/event_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int event_file_each(
    const char *file, int (*take)(void *arg, struct json_event *e, unsigned line), void *arg, size_t *ret_bad)
{
	FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	char *line = NULL, why[256];
	size_t cap = 0;
	unsigned number = 0;
	ssize_t n;
	int r = 0;

	*ret_bad = 0;
	if (f == NULL)
		return -errno;
	while (r == 0 && (n = getline(&line, &cap, f)) > 0) {
		struct json_event e;

		number++;
		if (line[n - 1] == '\n')
			n--;
		if (n == 0)
			continue;
		if (json_event_parse((struct bytes){ line, (size_t)n }, &e, why, sizeof(why)) < 0) {
			fprintf(stderr, "%s:%u: error: %s\n", file, number, why);
			(*ret_bad)++;
			continue;
		}
		r = take(arg, &e, number);
		json_event_free(&e);
	}
	free(line);
	if (f != stdin)
		fclose(f);
	return r;
}

static struct bytes header(struct message *m, const char *name)
{
	struct json_event *e = m->native;

	for (size_t i = e->n_headers; i-- > 0;)
		if (strcmp(e->headers[i].name, name) == 0 && e->headers[i].has_value)
			return (
			    struct bytes){ e->headers[i].value.data == NULL ? "" : e->headers[i].value.data,
				e->headers[i].value.len };
	return (struct bytes){ NULL, 0 };
}

static bool header_at(struct message *m, size_t i, const char **ret_name, struct bytes *ret_value)
{
	struct json_event *e = m->native;

	if (i >= e->n_headers)
		return false;
	*ret_name = e->headers[i].name;
	*ret_value = e->headers[i].has_value
			 ? (struct bytes){ e->headers[i].value.data, e->headers[i].value.len }
			 : (struct bytes){ NULL, 0 };
	return true;
}

static void nothing(struct message *m)
{
	m->native = NULL;
}

static struct bytes value_of(const struct buf *b, bool has)
{
	return has ? (struct bytes){ b->data == NULL ? "" : b->data, b->len } : (struct bytes){ NULL, 0 };
}

void event_file_message(struct json_event *e, int64_t offset, struct message *m)
{
	static const struct message_ops ops = { header, header_at, NULL, nothing };

	*m = (struct message){ .ops = &ops,
		.native = e,
		.topic = e->topic,
		.partition = 0,
		.offset = offset,
		.timestamp_ms = e->timestamp_ms,
		.key = value_of(&e->key, e->has_key),
		.payload = value_of(&e->payload, e->has_payload) };
}
