/* What this host had read as final and no longer finds. */
#include "core/link_private.h"

#include <errno.h>
#include <stdlib.h>

struct comparing {
	struct link *l;
	struct record_heal batch[CLIENT_MAX_LOOKS]; /* what the tables do not have and a segment may have */
	size_t n;
	int r;
};

static bool may_look(struct comparing *c, const struct entry *e)
{
	struct entry now;

	if (c->r < 0 || !entry_is_final(e->state))
		return false;
	now = client_find(c->l->client, e->id);
	return !entry_is_final(now.state);
}

/* Whom the segments do not have is to be written again. */
static void look(struct comparing *c)
{
	struct client *client = c->l->client;
	const struct client_result *results;
	struct store_chunk *pages;
	size_t n;

	pages = client_pages(client, &n);
	c->r = n == 0 ? 0 : c->l->store->ops->chunk_read(c->l->store, pages, n);
	if (c->r < 0) {
		link_trouble(c->l, c->r);
		client_forget_results(client);
		return;
	}
	c->r = client_looked(client);
	if (c->r == -EBADMSG)
		link_fail(c->l, LINK_DAMAGED, c->r, "%s", client_damage(client));
	n = client_results(client, &results);
	for (size_t i = 0; i < n && c->r == 0; i++)
		if (results[i].entry.state == ENTRY_ABSENT)
			c->r = client_add_heal(client, results[i].cookie);
	client_forget_results(client);
	c->n = 0;
}

static void compare(void *arg, const struct entry *e)
{
	struct comparing *c = arg;
	struct record_heal *h = &c->batch[c->n];
	int r;

	if (!may_look(c, e))
		return;
	*h = (struct record_heal){ .check = e->check,
		.status = e->state == ENTRY_DONE   ? SETTLE_DONE
			  : e->state == ENTRY_DEAD ? SETTLE_DEAD
						   : SETTLE_PARKED,
		.server_s = (uint32_t)e->server_s };
	memcpy(h->id, e->id, LEDGER_ID);
	r = client_add_look(c->l->client, e->id, h);
	if (r == 0)
		r = client_add_heal(c->l->client, h);
	if (r < 0)
		c->r = r;
	else if (r > 0 && ++c->n == CLIENT_MAX_LOOKS)
		look(c);
}

int link_compare(struct link *l)
{
	struct comparing *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL)
		return link_fail(l, LINK_DAMAGED, -ENOMEM, "out of memory");
	c->l = l;
	for (size_t i = 0; i < l->n_kept && c->r == 0; i++)
		table_each(l->kept[i].table, compare, c);
	if (c->r == 0)
		look(c);
	r = c->r;
	free(c);
	if (r < 0) {
		client_withdraw(l->client);
		client_forget_results(l->client);
	}
	return r;
}
