/* Questions and requests of people, answered by the ledger thread. */
#include "engine/ledger_private.h"

#include "adapters/keyed_hash.h"
#include "engine/decode.h"

#include <errno.h>
#include <stdio.h>

/* The newest of an event and its retries and replays: what is parked goes on under another id, and so may what is
 * dead. */
static int follow_chain(struct ledger_io *io, const uint8_t id[16], struct query *q)
{
	const uint8_t *key = client_view(io->client)->meta.hash_key;
	uint32_t replays = 0, retries = 0;
	int r = link_find(&io->link, id, &q->entry);

	while (r == 0 && (q->entry.state == ENTRY_PARKED || q->entry.state == ENTRY_DEAD)) {
		struct entry next;
		uint8_t hash[16];

		replays += q->entry.state == ENTRY_DEAD;
		retries = q->entry.state == ENTRY_DEAD ? 0 : retries + 1;
		decode_chain_id(key, id, replays, retries, hash);
		r = link_find(&io->link, hash, &next);
		if (r < 0 || next.state == ENTRY_ABSENT)
			break;
		q->entry = next;
	}
	return r;
}

/* Of several records of one id it is the first that has the claim; the others wait for it. */
static void find_here(struct ledger_io *io, struct query *q)
{
	struct event_here *h = q->here;
	const struct event *ev = flow_oldest(io->flow);
	struct flow_told told;

	while (ev != NULL && !bytes_equal(ev->id, q->id))
		ev = flow_younger(ev);
	ledger_show_event(&h->event, ev);
	if (ev == NULL)
		return;
	flow_tell(ev, &told);
	h->handler = ev->fate == FATE_HANDLE ? io->s->config->handlers[ev->handler].name : "";
	h->attempt = ev->run.attempt;
	h->stands = told.stands;
	h->aside = told.aside;
	h->due_us = told.waits ? told.due.us : 0;
	h->running_since_ms = told.runs && ev->run.slot != NULL ? atomic_load(&ev->run.slot->start_ms) : 0;
	snprintf(h->why, sizeof(h->why), "%s", told.why == NULL ? "" : told.why);
}

void ledger_answer(struct ledger_io *io, struct query *q)
{
	const struct client_view *v = client_view(io->client);
	uint8_t hash[16];

	find_here(io, q);
	q->result = -EAGAIN;
	if (v->current != NULL) {
		keyed_hash_128(v->meta.hash_key, q->id, hash);
		q->result = follow_chain(io, hash, q);
		snprintf(q->owner, sizeof(q->owner), "%s", ledger_owner(io, &q->entry.session));
	}
	sem_post(&q->done);
}

/* ---- The asking side.  Threads: http. */

/* False: there is nobody left who could answer. */
static bool ask(struct ledger_io *io, struct mail *mail, sem_t *done)
{
	if (atomic_load(&io->ended))
		return false;
	sem_init(done, 0, 0);
	mailbox_send(&io->s->flow_box, mail);
	while (sem_wait(done) < 0)
		;
	sem_destroy(done);
	return true;
}

int ledger_io_find(struct ledger_io *io, struct bytes id, struct entry *ret_entry,
    struct event_here *ret_here, char *ret_owner, size_t size)
{
	struct query q = { .mail = { .kind = MAIL_QUERY }, .id = id, .here = ret_here };

	if (!ask(io, &q.mail, &q.done))
		return -EAGAIN;
	*ret_entry = q.entry;
	snprintf(ret_owner, size, "%s", q.owner);
	return q.result;
}

int ledger_io_put_aside(struct ledger_io *io, struct bytes id, const char *why)
{
	struct aside a = { .mail = { .kind = MAIL_ASIDE }, .id = id, .why = why };

	if (!ask(io, &a.mail, &a.done))
		return -EAGAIN;
	return (int)a.n;
}

int ledger_io_accept_loss(struct ledger_io *io, char *why, size_t size)
{
	struct accept a = { .mail = { .kind = MAIL_ACCEPT } };

	snprintf(why, size, "the subscription has stopped");
	if (!ask(io, &a.mail, &a.done))
		return -EAGAIN;
	snprintf(why, size, "%s", a.text);
	return a.result;
}
