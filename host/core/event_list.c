#include "core/event_list.h"

#include <assert.h>

void event_list_add(struct event_list *l, struct event *ev)
{
	assert(ev->f.list == NULL);
	ev->f.list = l;
	ev->f.list_next = NULL;
	ev->f.list_prev = l->tail;
	if (l->tail == NULL)
		l->head = ev;
	else
		l->tail->f.list_next = ev;
	l->tail = ev;
	l->n++;
}

void event_list_del(struct event *ev)
{
	struct event_list *l = ev->f.list;

	if (l == NULL)
		return;
	if (ev->f.list_prev == NULL)
		l->head = ev->f.list_next;
	else
		ev->f.list_prev->f.list_next = ev->f.list_next;
	if (ev->f.list_next == NULL)
		l->tail = ev->f.list_prev;
	else
		ev->f.list_next->f.list_prev = ev->f.list_prev;
	l->n--;
	ev->f.list = NULL;
}

struct event *event_list_take(struct event_list *l)
{
	struct event *ev = l->head;

	if (ev != NULL)
		event_list_del(ev);
	return ev;
}
