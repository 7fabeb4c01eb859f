#include "core/lanes.h"

#include <errno.h>
#include <stdlib.h>

struct lanes {
	size_t mask, n;
	struct lane *free;
	struct lane **buckets;
};

struct lanes *lanes_new(size_t expected)
{
	struct lanes *l = calloc(1, sizeof(*l));
	size_t size = 64;

	if (l == NULL)
		return NULL;
	while (size < expected)
		size *= 2;
	l->mask = size - 1;
	l->buckets = calloc(size, sizeof(*l->buckets));
	if (l->buckets == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

/* The lane of a key, made if it is not there.  Lanes are kept for the next key, so that the way of an event
 * allocates only until as many keys were in flight as ever will be. */
static struct lane *lane_of(struct lanes *l, uint64_t key)
{
	struct lane **bucket = &l->buckets[key & l->mask], *lane;

	for (lane = *bucket; lane != NULL; lane = lane->next)
		if (lane->key == key)
			return lane;
	lane = l->free;
	if (lane != NULL)
		l->free = lane->next;
	else
		lane = malloc(sizeof(*lane));
	if (lane == NULL)
		return NULL;
	*lane = (struct lane){ .key = key, .next = *bucket };
	*bucket = lane;
	l->n++;
	return lane;
}

static void lane_drop(struct lanes *l, struct lane *lane)
{
	struct lane **at = &l->buckets[lane->key & l->mask];

	while (*at != lane)
		at = &(*at)->next;
	*at = lane->next;
	lane->next = l->free;
	l->free = lane;
	l->n--;
}

void lanes_free(struct lanes *l)
{
	struct lane *next;

	if (l == NULL)
		return;
	for (size_t i = 0; l->n > 0 && i <= l->mask; i++)
		while (l->buckets[i] != NULL)
			lane_drop(l, l->buckets[i]);
	for (struct lane *lane = l->free; lane != NULL; lane = next) {
		next = lane->next;
		free(lane);
	}
	free(l->buckets);
	free(l);
}

int lanes_add(struct lanes *l, struct event *ev)
{
	struct lane *lane = lane_of(l, ev->lane_key);

	if (lane == NULL)
		return -ENOMEM;
	ev->f.lane = lane;
	ev->f.lane_next = NULL;
	ev->f.lane_prev = lane->tail;
	if (lane->tail == NULL)
		lane->head = ev;
	else
		lane->tail->f.lane_next = ev;
	lane->tail = ev;
	return 0;
}

struct lane *lanes_del(struct lanes *l, struct event *ev)
{
	struct lane *lane = ev->f.lane;

	if (lane == NULL)
		return NULL;
	if (ev->f.lane_prev == NULL)
		lane->head = ev->f.lane_next;
	else
		ev->f.lane_prev->f.lane_next = ev->f.lane_next;
	if (ev->f.lane_next == NULL)
		lane->tail = ev->f.lane_prev;
	else
		ev->f.lane_next->f.lane_prev = ev->f.lane_prev;
	ev->f.lane = NULL;
	ev->f.lane_next = ev->f.lane_prev = NULL;
	if (lane->head != NULL)
		return lane;
	lane_drop(l, lane);
	return NULL;
}

size_t lanes_count(const struct lanes *l)
{
	return l->n;
}
