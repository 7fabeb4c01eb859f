/* forward - publishes each event to another topic: value, key and headers as they are, or headers changed by name.
 *
 * The host publishes it with an id derived from the event's, the same in each run, and records the event after the
 * broker's acknowledgement.  The event's own id goes along in a header.
 */
#include <semel/handler.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 256 /* as the host takes */
#define SOURCE_ID "semel.source_id"

static const struct semel_setting settings[] = {
	{ "topic", SEMEL_TEXT, NULL, "Where to; the handler's emits must list it." },
	{ "remove", SEMEL_LIST, "", "Names of headers that are left out; \"x-*\" is all that begin so." },
	{ "rename", SEMEL_MAP, "", "New names of headers: { old = \"new\"; }." },
	{ "add", SEMEL_MAP, "", "Headers to set, in place of any of that name: { team = \"billing\"; }." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

struct pair {
	char *name, *text; /* text NULL: of a list */
};

struct pairs {
	struct pair *list;
	size_t n;
};

struct forward {
	char *topic;
	struct pairs remove, rename, add;
};

/* The record's own id is derived by the host, if no header says otherwise. */
static bool is_set_by_us(const char *name)
{
	return strcmp(name, "event-id") == 0 || strcmp(name, SOURCE_ID) == 0;
}

/* ---- Settings */

static int take_pairs(
    const struct semel_host *host, const struct semel_settings *s, const char *setting, struct pairs *out)
{
	const char *name, *text;

	for (size_t i = 0; host->at(s, setting, i, &name, &text); i++) {
		struct pair *grown = realloc(out->list, (i + 1) * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		out->list = grown;
		out->list[i] = (struct pair){ strdup(name == NULL ? "" : name), strdup(text) };
		out->n = i + 1;
		if (out->list[i].name == NULL || out->list[i].text == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int fault(
    const struct semel_host *host, const struct semel_settings *s, const char *name, const char *why)
{
	host->fault(s, name, why);
	return -EINVAL;
}

static int judge(const struct semel_host *host, const struct semel_settings *s, const struct forward *f)
{
	int r = 0;

	if (f->topic[0] == '\0')
		r = fault(host, s, "topic", "is empty");
	if (f->add.n > HEADERS_MAX / 2)
		r = fault(host, s, "add", "has more than 128 headers");
	for (size_t i = 0; i < f->remove.n; i++)
		if (f->remove.list[i].text[0] == '\0')
			r = fault(host, s, "remove", "has an empty name");
	for (size_t i = 0; i < f->rename.n; i++)
		if (f->rename.list[i].text[0] == '\0' || is_set_by_us(f->rename.list[i].text))
			r = fault(
			    host, s, "rename", "has a new name that is empty, or one that this plugin sets");
	for (size_t i = 0; i < f->add.n; i++)
		if (is_set_by_us(f->add.list[i].name))
			r = fault(host, s, "add",
			    "has event-id: with one id for all they would be taken for one event");
	return r;
}

static void free_pairs(struct pairs *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].name);
		free(p->list[i].text);
	}
	free(p->list);
}

static void forward_close(void *self)
{
	struct forward *f = self;

	free(f->topic);
	free_pairs(&f->remove);
	free_pairs(&f->rename);
	free_pairs(&f->add);
	free(f);
}

static int forward_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct forward *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (f == NULL)
		return r;
	f->topic = strdup(host->text(s, "topic"));
	if (f->topic != NULL)
		r = take_pairs(host, s, "remove", &f->remove);
	if (r == 0)
		r = take_pairs(host, s, "rename", &f->rename);
	if (r == 0)
		r = take_pairs(host, s, "add", &f->add);
	if (r == 0)
		r = judge(host, s, f);
	if (r < 0) {
		forward_close(f);
		return r;
	}
	*ret_self = f;
	return 0;
}

/* ---- An event */

static bool is_removed(const struct forward *f, const char *name)
{
	for (size_t i = 0; i < f->remove.n; i++)
		if (fnmatch(f->remove.list[i].text, name, 0) == 0)
			return true;
	return false;
}

static const char *new_name(const struct forward *f, const char *name)
{
	for (size_t i = 0; i < f->rename.n; i++)
		if (strcmp(f->rename.list[i].name, name) == 0)
			return f->rename.list[i].text;
	return name;
}

static bool is_replaced(const struct forward *f, const char *name)
{
	if (is_set_by_us(name))
		return true;
	for (size_t i = 0; i < f->add.n; i++)
		if (strcmp(f->add.list[i].name, name) == 0)
			return true;
	return false;
}

/* How many; HEADERS_MAX + 1: too many. */
static uint32_t make_headers(const struct forward *f, const struct semel_event *e, struct semel_header *out)
{
	size_t room = HEADERS_MAX - f->add.n - 1;
	struct semel_header h;
	uint32_t n = 0;

	for (size_t i = 0; e->host->header_at(e, i, &h); i++) {
		if (is_removed(f, h.name))
			continue;
		h.name = new_name(f, h.name);
		if (is_replaced(f, h.name))
			continue;
		if (n == room)
			return HEADERS_MAX + 1;
		out[n++] = h;
	}
	for (size_t i = 0; i < f->add.n; i++)
		out[n++] = (struct semel_header){ f->add.list[i].name,
			{ f->add.list[i].text, strlen(f->add.list[i].text) } };
	out[n++] = (struct semel_header){ SOURCE_ID, e->id };
	return n;
}

static int ended(const struct forward *f, const struct semel_event *e, int r)
{
	switch (r) {
	case 0: return SEMEL_OK;
	case -EACCES:
		return semel_end(
		    e, SEMEL_RETRY, -1, "topic %s is not in handlers.%s.emits", f->topic, e->host->handler);
	case -EMSGSIZE: return semel_end(e, SEMEL_REJECT, -1, "it is too large to be published");
	}
	return semel_end(e, SEMEL_RETRY, -1, "emit to %s: %s", f->topic, strerror(-r));
}

static int forward_handle(void *self, void *worker, const struct semel_event *e)
{
	const struct forward *f = self;
	struct semel_header headers[HEADERS_MAX];
	struct semel_record r = {
		.size = sizeof(r), .topic = f->topic, .key = e->key, .payload = e->payload, .headers = headers
	};

	(void)worker;
	if (strcmp(f->topic, e->topic) == 0)
		return semel_end(
		    e, SEMEL_REJECT, -1, "it is of topic %s, which it would go back to", f->topic);
	r.n_headers = make_headers(f, e, headers);
	if (r.n_headers > HEADERS_MAX)
		return semel_end(e, SEMEL_REJECT, -1, "it would have more than %d headers", HEADERS_MAX);
	return ended(f, e, e->host->emit(e, &r));
}

SEMEL_HANDLER("forward", "1.0.0", .settings = settings, .open = forward_open, .handle = forward_handle,
    .close = forward_close);
