#include "cli/top/listing.h"

#include <stdlib.h>

static size_t count(const struct snapshot *s, enum view v)
{
	size_t n = 0;

	if (v == VIEW_SUBSCRIPTIONS)
		return s->n_subs;
	if (v == VIEW_HANDLERS)
		return s->n_handlers;
	for (size_t i = 0; i < s->n_subs; i++)
		n += s->subs[i].n_partitions;
	return n;
}

/* ---- The filter */

static bool has(const char *text, const char *filter)
{
	return strcasestr(text, filter) != NULL;
}

static bool chosen(const struct row *r, const char *filter)
{
	struct buf path = { NULL, 0, 0 };
	bool yes;

	if (r->handler != NULL)
		return has(r->handler->name, filter) || has(r->handler->state, filter) ||
		       has(r->handler->plugin, filter);
	if (r->partition == NULL)
		return has(r->sub->name, filter) || has(r->sub->state, filter) || has(r->sub->ledger, filter);
	buf_printf(&path, "%s/%s", r->partition->topic, r->partition->partition);
	yes = has(path.data, filter) || has(r->sub->name, filter) || has(r->partition->state, filter);
	buf_free(&path);
	return yes;
}

static void add(struct listing *l, const struct rates *r, const char *filter, struct row row)
{
	l->all++;
	if (!chosen(&row, filter))
		return;
	l->gains[l->n] = rates_of(r, &row);
	row.gain = &l->gains[l->n];
	l->rows[l->n++] = row;
}

static void collect(struct listing *l, const struct rates *r, enum view v, const char *filter)
{
	const struct snapshot *s = rates_now(r);

	if (v == VIEW_HANDLERS) {
		for (size_t i = 0; i < s->n_handlers; i++)
			add(l, r, filter, (struct row){ .handler = &s->handlers[i] });
		return;
	}
	for (size_t i = 0; i < s->n_subs; i++) {
		if (v == VIEW_SUBSCRIPTIONS)
			add(l, r, filter, (struct row){ .sub = &s->subs[i] });
		for (size_t k = 0; v == VIEW_PARTITIONS && k < s->subs[i].n_partitions; k++)
			add(l, r, filter,
			    (struct row){ .sub = &s->subs[i], .partition = &s->subs[i].partitions[k] });
	}
}

/* ---- The order */

struct order {
	enum fact fact;
	bool falling;
};

static int compare(const void *x, const void *y, void *arg)
{
	const struct row *a = x, *b = y;
	const struct order *o = arg;
	struct cell p = row_cell(a, o->fact), q = row_cell(b, o->fact);
	int by = (int)cell_known(&q) - (int)cell_known(&p);

	if (by == 0)
		by = o->falling ? cell_compare(&q, &p) : cell_compare(&p, &q);
	/* Gains lie in the daemon's order. */
	return by != 0 ? by : (a->gain > b->gain) - (a->gain < b->gain);
}

void listing_make(const struct rates *r, enum view v, const char *filter, enum fact sort, bool reverse,
    struct listing *ret_listing)
{
	enum cell_kind kind = fact_title(sort)->kind;
	bool rises = kind == CELL_TEXT || kind == CELL_PLUGIN || kind == CELL_NUMBER;
	struct order o = { sort, rises == reverse };
	size_t most = rates_now(r) == NULL ? 0 : count(rates_now(r), v);
	struct listing l = { calloc(most + 1, sizeof(*l.rows)), calloc(most + 1, sizeof(*l.gains)), 0, 0 };

	if (l.rows == NULL || l.gains == NULL)
		abort();
	if (rates_now(r) != NULL)
		collect(&l, r, v, filter);
	qsort_r(l.rows, l.n, sizeof(*l.rows), compare, &o);
	*ret_listing = l;
}

void listing_free(struct listing *l)
{
	free(l->rows);
	free(l->gains);
	*l = (struct listing){ NULL, NULL, 0, 0 };
}
