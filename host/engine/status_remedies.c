#include "engine/status_remedies.h"

struct remedies {
	struct buf *out;
	const char *sub;
	size_t n;
};

/* semel VERB SUBSCRIPTION ID; either of the last two may be none. */
static void add(struct remedies *r, const char *verb, struct bytes id, const char *to)
{
	struct buf text = { NULL, 0, 0 };

	buf_printf(&text, "semel %s", verb);
	if (r->sub != NULL)
		buf_printf(&text, " %s", r->sub);
	if (id.data != NULL) {
		buf_char(&text, ' ');
		buf_add(&text, id.data, id.len);
	}
	buf_text(r->out, r->n++ == 0 ? "{\"type\":" : ",{\"type\":");
	buf_json_string(r->out, (struct bytes){ text.data, text.len });
	buf_text(r->out, ",\"to\":");
	buf_json_string(r->out, bytes_of_text(to));
	buf_char(r->out, '}');
	buf_free(&text);
}

static void say(struct remedies *r, const char *verb, const char *to)
{
	add(r, verb, (struct bytes){ NULL, 0 }, to);
}

/* The same of no subscription. */
static void say_plain(struct remedies *r, const char *command, const char *to)
{
	struct remedies plain = { r->out, NULL, r->n };

	say(&plain, command, to);
	r->n = plain.n;
}

void status_put_id(struct buf *out, struct bytes id)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@/+,=%-";
	bool as_it_is = id.len <= 200 && id.len > 0 && *(const char *)id.data != '-';

	for (size_t i = 0; as_it_is && i < id.len; i++) {
		char c = ((const char *)id.data)[i];

		as_it_is = c != '\0' && strchr(plain, c) != NULL;
	}
	if (id.data == NULL) {
		buf_text(out, "ID");
	} else if (as_it_is) {
		buf_add(out, id.data, id.len);
	} else {
		buf_text(out, "--base64 ");
		buf_base64(out, id);
	}
}

static void about_event(struct remedies *r, struct bytes id)
{
	struct buf typed = { NULL, 0, 0 };

	status_put_id(&typed, id);
	add(r, "event", (struct bytes){ typed.data, typed.len }, "see its whole story");
	add(r, "dlq add", (struct bytes){ typed.data, typed.len }, "put it aside, as a dead letter");
	buf_free(&typed);
}

void status_remedies_of_event(struct buf *out, const char *sub, struct bytes id)
{
	struct remedies r = { out, sub, 0 };

	buf_text(out, ",\"remedies\":[");
	about_event(&r, id);
	buf_char(out, ']');
}

static void about_stuck(struct remedies *r, const struct sub_status *st)
{
	if (st->stuck.polled_us == 0) {
		say_plain(r, "check --connect", "ask Kafka and Redis what they say");
		return;
	}
	about_event(r, (struct bytes){ st->stuck.id, st->stuck.id_len });
}

static void about_ledger(struct remedies *r, const struct sub_status *st)
{
	bool lost = strcmp(st->ledger_state, "lost") == 0;

	if (strcmp(st->ledger_state, "starting") == 0)
		return;
	if (lost || strcmp(st->ledger_state, "refused") == 0)
		say(r, "ledger status", "see what lies in Redis");
	if (lost)
		say(r, "ledger accept-loss",
		    "go on without it: events may be handled again; or restore Redis from its data");
	else
		say_plain(r, "check --connect", "ask Redis what it says");
}

void status_remedies(struct buf *out, struct subscription *s, enum sub_state state)
{
	const struct sub_status *st = &s->status;
	struct remedies r = { out, s->conf->name, 0 };
	bool held = atomic_load(&s->hold) != HOLD_NONE;

	buf_text(out, ",\"remedies\":[");
	switch (state) {
	case SUB_PAUSED:
		if (!held)
			add(&r, "dlq add", bytes_of_text("ID"), "put the event aside that the reason names");
		say(&r, "resume", held ? "let it go on" : "try that event once more");
		break;
	case SUB_DRAINING:
		if (held)
			say(&r, "resume", "let it go on");
		break;
	case SUB_STUCK: about_stuck(&r, st); break;
	case SUB_WAITING_LEDGER: about_ledger(&r, st); break;
	case SUB_WAITING_BROKER: say_plain(&r, "check --connect", "ask Kafka what it says"); break;
	case SUB_BLOCKED:
		if (st->blocked_reason[0] != '\0')
			say_plain(&r, "handlers", "see which plugins are there, and why one is refused");
		else
			say_plain(&r, "check --connect", "see all that is wrong");
		break;
	case SUB_STARTING:
	case SUB_RUNNING:
	case SUB_STOPPED:
	case SUB_N_STATES: break;
	}
	buf_char(out, ']');
}
