#include "core/timers.h"

#include <errno.h>
#include <stdlib.h>

void timers_free(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ NULL, 0, 0 };
}

static void put(struct timers *t, size_t i, struct event *ev)
{
	t->heap[i] = ev;
	ev->f.timer = (uint32_t)i + 1;
}

static void up(struct timers *t, size_t i, struct event *ev)
{
	while (i > 0 && mono_before(ev->f.due, t->heap[(i - 1) / 2]->f.due)) {
		put(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(t, i, ev);
}

static void down(struct timers *t, size_t i, struct event *ev)
{
	size_t child;

	while ((child = 2 * i + 1) < t->n) {
		if (child + 1 < t->n && mono_before(t->heap[child + 1]->f.due, t->heap[child]->f.due))
			child++;
		if (!mono_before(t->heap[child]->f.due, ev->f.due))
			break;
		put(t, i, t->heap[child]);
		i = child;
	}
	put(t, i, ev);
}

int timers_add(struct timers *t, struct event *ev)
{
	if (t->n == t->cap) {
		size_t cap = t->cap == 0 ? 64 : 2 * t->cap;
		struct event **heap = realloc(t->heap, cap * sizeof(*heap));

		if (heap == NULL)
			return -ENOMEM;
		t->heap = heap;
		t->cap = cap;
	}
	up(t, t->n++, ev);
	return 0;
}

void timers_del(struct timers *t, struct event *ev)
{
	size_t i = ev->f.timer;
	struct event *last;

	if (i-- == 0)
		return;
	ev->f.timer = 0;
	last = t->heap[--t->n];
	if (last == ev)
		return;
	if (i > 0 && mono_before(last->f.due, t->heap[(i - 1) / 2]->f.due))
		up(t, i, last);
	else
		down(t, i, last);
}

struct event *timers_first(const struct timers *t)
{
	return t->n == 0 ? NULL : t->heap[0];
}
