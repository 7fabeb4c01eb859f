#include "base/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *m)
{
	atomic_init(&m->head, NULL);
	atomic_init(&m->sleeping, false);
	m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return m->fd < 0 ? -errno : 0;
}

void mailbox_destroy(struct mailbox *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

void mailbox_wake(struct mailbox *m)
{
	uint64_t one = 1;
	/* EAGAIN: the counter is full, so the receiver has been woken anyway. */
	ssize_t n = write(m->fd, &one, sizeof(one));

	assert(n == sizeof(one) || errno == EAGAIN);
}

void mailbox_send_chain(struct mailbox *m, struct mail *newest, struct mail *oldest)
{
	struct mail *head = atomic_load_explicit(&m->head, memory_order_relaxed);

	do
		oldest->next = head;
	while (!atomic_compare_exchange_weak_explicit(
	    &m->head, &head, newest, memory_order_seq_cst, memory_order_relaxed));
	if (atomic_load(&m->sleeping) && atomic_exchange(&m->sleeping, false))
		mailbox_wake(m);
}

void mailbox_send(struct mailbox *m, struct mail *mail)
{
	mailbox_send_chain(m, mail, mail);
}

struct mail *mailbox_take(struct mailbox *m)
{
	struct mail *newest, *oldest = NULL;

	if (atomic_load_explicit(&m->head, memory_order_relaxed) == NULL)
		return NULL;
	newest = atomic_exchange_explicit(&m->head, NULL, memory_order_acquire);
	while (newest != NULL) {
		struct mail *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

void mailbox_wait(struct mailbox *m, struct mono until)
{
	struct pollfd pfd = { .fd = m->fd, .events = POLLIN };
	struct timespec ts, *limit = NULL;
	uint64_t count;

	/* Said before looking: a sender either sees `sleeping` or its mail is seen here. */
	atomic_store(&m->sleeping, true);
	if (atomic_load(&m->head) == NULL) {
		if (until.us != MONO_NEVER.us) {
			int64_t us = mono_diff_us(until, mono_now());

			if (us < 0)
				us = 0;
			ts = (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
			limit = &ts;
		}
		ppoll(&pfd, 1, limit, NULL);
	}
	atomic_store(&m->sleeping, false);
	if (read(m->fd, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
}
