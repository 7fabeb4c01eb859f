#include "base/ring.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct cell {
	_Atomic size_t seq; /* position: free for it; position + 1: filled by it */
	void *p;
};

struct ring {
	size_t mask;
	struct cell *cells;
	_Alignas(64) _Atomic size_t tail; /* next to fill */
	_Alignas(64) _Atomic size_t head; /* next to empty */
};

struct ring *ring_new(size_t cap)
{
	size_t n = 2;
	struct ring *r = aligned_alloc(64, sizeof(*r));

	if (r == NULL)
		return NULL;
	while (n < cap)
		n *= 2;
	r->mask = n - 1;
	r->cells = malloc(n * sizeof(*r->cells));
	if (r->cells == NULL) {
		free(r);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		atomic_init(&r->cells[i].seq, i);
	atomic_init(&r->tail, 0);
	atomic_init(&r->head, 0);
	return r;
}

void ring_free(struct ring *r)
{
	if (r == NULL)
		return;
	free(r->cells);
	free(r);
}

bool ring_push(struct ring *r, void *p)
{
	size_t at = atomic_load_explicit(&r->tail, memory_order_relaxed);

	for (;;) {
		struct cell *c = &r->cells[at & r->mask];
		size_t seq = atomic_load_explicit(&c->seq, memory_order_acquire);
		intptr_t diff = (intptr_t)(seq - at);

		if (diff < 0)
			return false;
		if (diff > 0) {
			at = atomic_load_explicit(&r->tail, memory_order_relaxed);
		} else if (atomic_compare_exchange_weak_explicit(
			       &r->tail, &at, at + 1, memory_order_relaxed, memory_order_relaxed)) {
			c->p = p;
			atomic_store_explicit(&c->seq, at + 1, memory_order_release);
			return true;
		}
	}
}

size_t ring_length(const struct ring *r)
{
	size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	return tail > head ? tail - head : 0;
}

void *ring_pop(struct ring *r)
{
	size_t at = atomic_load_explicit(&r->head, memory_order_relaxed);

	for (;;) {
		struct cell *c = &r->cells[at & r->mask];
		size_t seq = atomic_load_explicit(&c->seq, memory_order_acquire);
		intptr_t diff = (intptr_t)(seq - (at + 1));

		if (diff < 0)
			return NULL;
		if (diff > 0) {
			at = atomic_load_explicit(&r->head, memory_order_relaxed);
		} else if (atomic_compare_exchange_weak_explicit(
			       &r->head, &at, at + 1, memory_order_relaxed, memory_order_relaxed)) {
			void *p = c->p;

			atomic_store_explicit(&c->seq, at + r->mask + 1, memory_order_release);
			return p;
		}
	}
}
