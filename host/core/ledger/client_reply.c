/* Replies, and what became of each item. */
#include "core/ledger/client_private.h"

#include <assert.h>
#include <errno.h>

static enum record_section section_of(enum client_op op)
{
	switch (op) {
	case CLIENT_CLAIM: return RECORD_CLAIMS;
	case CLIENT_TAKEOVER: return RECORD_TAKEOVERS;
	case CLIENT_SETTLE: return RECORD_SETTLES;
	case CLIENT_WAIT: return RECORD_WAITS;
	case CLIENT_WAKE: return RECORD_WAKES;
	case CLIENT_LOOK: break;
	}
	assert(!"an item");
	return RECORD_SETTLES;
}

static void drop_heals(struct client *c)
{
	if (c->heals_sent == 0)
		return;
	c->n_heals -= c->heals_sent;
	memmove(c->heals, c->heals + c->heals_sent, c->n_heals * sizeof(*c->heals));
	c->heals_sent = 0;
}

static int apply_own(struct client *c, struct table *t, struct bytes header)
{
	unsigned first[RECORD_SECTIONS], n = 0;
	struct record_header h;
	int r = table_apply(t, header, (struct bytes){ c->body.data, c->body.len }, c->took);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < RECORD_SECTIONS; n += c->builder.n[i], i++)
		first[i] = n;
	for (size_t i = 0; i < c->n_items; i++) {
		const struct item *item = &c->items[i];

		c->results[c->n_results++] = (struct client_result){ .op = item->op,
			.cookie = item->cookie,
			.ok = c->took[first[section_of(item->op)] + item->place],
			.entry = table_find(t, item->id) };
	}
	for (size_t i = 0; i < c->heals_sent; i++)
		c->healed += c->took[first[RECORD_HEALS] + i];
	c->lapsed = record_read_header(header, &h) == 0 && !h.live &&
		    client_same_session(&h.session, client_session(c));
	drop_heals(c);
	client_forget_call(c);
	return 0;
}

static bool is_reply(const struct client *c, struct bytes header)
{
	struct record_header h;

	return c->under_way && record_read_header(header, &h) == 0 &&
	       memcmp(&h.tag, &c->append.tag, sizeof(h.tag)) == 0;
}

int client_read(struct client *c, struct table *t, const struct store_record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct store_record *rec = &records[i];
		int r;

		if (is_reply(c, rec->header)) {
			r = apply_own(c, t, rec->header);
		} else if (rec->body.data == NULL) {
			/* A second copy of a call that was found in the delta before it. */
			r = table_apply(t, rec->header, (struct bytes){ c->body.data, c->body.len }, NULL);
		} else {
			r = table_apply(t, rec->header, rec->body, NULL);
			c->foreign++;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int client_reply(struct client *c, const struct store_reply *reply)
{
	assert(c->under_way);
	if (reply->result != STORE_OK)
		return -EAGAIN;
	return client_read(c, c->view.current, reply->records, reply->n);
}

bool client_lapsed(const struct client *c)
{
	return c->lapsed;
}

void client_renewed(struct client *c)
{
	c->lapsed = false;
}

size_t client_results(const struct client *c, const struct client_result **ret_results)
{
	*ret_results = c->results;
	return c->n_results;
}

void client_forget_results(struct client *c)
{
	c->n_results = 0;
}

uint64_t client_foreign(const struct client *c)
{
	return c->foreign;
}

void client_withdraw(struct client *c)
{
	for (size_t i = 0; i < c->n_items; i++)
		c->results[c->n_results++] = (struct client_result){
			.op = c->items[i].op, .cookie = c->items[i].cookie, .withdrawn = true
		};
	for (size_t i = 0; i < c->n_looks; i++)
		c->results[c->n_results++] = (struct client_result){
			.op = CLIENT_LOOK, .cookie = c->looks[i].cookie, .withdrawn = true
		};
	c->heals_sent = 0;
	client_forget_call(c);
	client_forget_looks(c);
}
