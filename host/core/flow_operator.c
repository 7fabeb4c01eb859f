/* What an operator asks and says: what does this one do, go on, put it aside. */
#include "core/flow_private.h"

#include <stdlib.h>

const char *flow_doing(const struct event *ev)
{
	switch ((enum flow_state)ev->f.state) {
	case FLOW_DELAYED: return "waits until it is due";
	case FLOW_QUEUED:
		return ev->f.lane != NULL && ev->f.lane->head != ev ? "waits behind another of its key"
								    : "waits for its claim";
	case FLOW_LOOKING:
	case FLOW_CLAIMING: return "waits for its claim";
	case FLOW_CLAIMED: return "waits for a worker";
	case FLOW_RUNNING: return "is inside its handler";
	case FLOW_LETTER:
		return ev->f.emitting    ? "waits for what it emitted to be acknowledged"
		       : ev->f.hand_over ? "waits for the retry topic"
					 : "waits for its dead letter to be acknowledged";
	case FLOW_WRITE:
	case FLOW_WRITING: return "waits to be recorded";
	case FLOW_WAITING: return "waits for its next attempt";
	case FLOW_JOINED:
		return ev->f.holder != NULL ? "waits for another event of its id"
					    : "waits for a claim of another host";
	}
	return "";
}

void flow_tell(const struct event *ev, struct flow_told *ret_told)
{
	bool runs = ev->f.state == FLOW_RUNNING;

	*ret_told = (struct flow_told){ .doing = flow_doing(ev),
		.runs = runs,
		.waits = ev->f.state == FLOW_WAITING || ev->f.state == FLOW_DELAYED,
		.stands = ev->f.standing,
		.aside = ev->f.aside != NULL,
		.due = ev->f.due,
		.why = runs ? NULL : ev->run.why };
}

void flow_stand(struct flow *f, struct event *ev, bool stands)
{
	if (ev->f.standing == stands)
		return;
	ev->f.standing = stands;
	f->out.note(f->out.arg, stands ? FLOW_STANDS : FLOW_STANDS_NOT, ev);
}

void flow_resume(struct flow *f)
{
	struct event *next;

	for (struct event *ev = f->first; ev != NULL; ev = next) {
		next = ev->f.all_next;
		if (!ev->f.standing)
			continue;
		ev->f.once_more = true;
		if (ev->f.state == FLOW_WAITING)
			flow_due_now(f, ev);
		else
			ev->f.due = f->now; /* its back-off is being recorded */
	}
}

/* The reason is the operator's. */
void flow_send_aside(struct flow *f, struct event *ev)
{
	free(ev->run.why);
	ev->run.why = ev->f.aside;
	ev->f.aside = NULL;
	flow_send_letter(f, ev, DLQ_OPERATOR, FLOW_SETTLE_DEAD);
}

static bool put_aside(struct flow *f, struct event *ev, const char *why)
{
	if (ev->f.ended || ev->f.state == FLOW_LETTER || ev->fate != FATE_HANDLE)
		return false; /* it is on its way out */
	free(ev->f.aside);
	ev->f.aside = strdup(why);
	if (ev->f.aside == NULL)
		return false;
	if (ev->f.state == FLOW_RUNNING)
		atomic_store_explicit(&ev->run.cancelled, true, memory_order_relaxed);
	else if (ev->f.state == FLOW_DELAYED || ev->f.state == FLOW_WAITING)
		flow_due_now(f, ev);
	else
		ev->f.due = f->now; /* of a back-off that is being recorded */
	return true;
}

size_t flow_put_aside(struct flow *f, struct bytes id, const char *why)
{
	struct event *next;
	size_t n = 0;

	for (struct event *ev = f->first; ev != NULL; ev = next) {
		next = ev->f.all_next;
		if (bytes_equal(ev->id, id))
			n += put_aside(f, ev, why);
	}
	return n;
}
