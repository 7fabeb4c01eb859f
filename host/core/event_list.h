/* event_list.h - a list of events, in order, that an event can leave from the middle.
 *
 * Owns:    nothing; an event stands in at most one list.
 * Threads: one at a time.
 * Uses:    core/event.
 */
#ifndef CORE_EVENT_LIST_H
#define CORE_EVENT_LIST_H

#include "core/event.h"

struct event_list {
	struct event *head, *tail;
	size_t n;
};

void event_list_add(struct event_list *l, struct event *ev);	/* at the end */
void event_list_del(struct event *ev);				/* from wherever it stands; nowhere is fine */
struct event *event_list_take(struct event_list *l);		/* the first, or NULL */

#endif
