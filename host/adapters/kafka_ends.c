/* The ends of the assigned partitions, asked for by a thread: a fetch tells them, too, but there is none while enough is
 * fetched or the partitions are paused, and it is then that the lag grows. */
#include "adapters/kafka_consumer_private.h"

#include <time.h>

#define EVERY_S 5
/* A stop waits for an answer for as long. */
#define ANSWER_MS 1000

static void ask(struct kafka_consumer *k)
{
	rd_kafka_topic_partition_list_t *list = NULL;

	if (rd_kafka_assignment(k->rk, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = RD_KAFKA_OFFSET_END;
	if (list->cnt > 0)
		(void)rd_kafka_offsets_for_times(k->rk, list, ANSWER_MS);
	pthread_mutex_lock(&k->ends.lock);
	if (k->ends.list != NULL)
		rd_kafka_topic_partition_list_destroy(k->ends.list);
	k->ends.list = list;
	atomic_store_explicit(&k->ends.there, true, memory_order_release);
	pthread_mutex_unlock(&k->ends.lock);
}

static void *ask_again_and_again(void *arg)
{
	struct kafka_consumer *k = arg;
	struct timespec until;

	pthread_mutex_lock(&k->ends.lock);
	while (!k->ends.stop) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += EVERY_S;
		while (!k->ends.stop && !k->ends.wanted &&
		       pthread_cond_timedwait(&k->ends.wake, &k->ends.lock, &until) == 0)
			;
		k->ends.wanted = false;
		if (k->ends.stop)
			break;
		pthread_mutex_unlock(&k->ends.lock);
		ask(k);
		pthread_mutex_lock(&k->ends.lock);
	}
	pthread_mutex_unlock(&k->ends.lock);
	return NULL;
}

int kafka_ends_start(struct kafka_consumer *k)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&k->ends.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->ends.wake, &attr);
	pthread_condattr_destroy(&attr);
	k->ends.runs = pthread_create(&k->ends.thread, NULL, ask_again_and_again, k) == 0;
	return k->ends.runs ? 0 : -1;
}

void kafka_ends_want(struct kafka_consumer *k)
{
	pthread_mutex_lock(&k->ends.lock);
	k->ends.wanted = true;
	pthread_cond_signal(&k->ends.wake);
	pthread_mutex_unlock(&k->ends.lock);
}

void kafka_ends_tell(struct kafka_consumer *k)
{
	rd_kafka_topic_partition_list_t *list;

	if (!atomic_load_explicit(&k->ends.there, memory_order_acquire))
		return;
	pthread_mutex_lock(&k->ends.lock);
	list = k->ends.list;
	k->ends.list = NULL;
	atomic_store_explicit(&k->ends.there, false, memory_order_relaxed);
	pthread_mutex_unlock(&k->ends.lock);
	for (int i = 0; list != NULL && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *p = &list->elems[i];

		if (p->err == RD_KAFKA_RESP_ERR_NO_ERROR && p->offset >= 0)
			k->cb.end(k->cb.arg, consumer_topic(k, p->topic), p->partition, p->offset);
	}
	if (list != NULL)
		rd_kafka_topic_partition_list_destroy(list);
}

void kafka_ends_stop(struct kafka_consumer *k)
{
	if (!k->ends.runs)
		return;
	pthread_mutex_lock(&k->ends.lock);
	k->ends.stop = true;
	pthread_cond_signal(&k->ends.wake);
	pthread_mutex_unlock(&k->ends.lock);
	pthread_join(k->ends.thread, NULL);
	k->ends.runs = false;
	if (k->ends.list != NULL)
		rd_kafka_topic_partition_list_destroy(k->ends.list);
	k->ends.list = NULL;
	atomic_store(&k->ends.there, false);
	pthread_cond_destroy(&k->ends.wake);
	pthread_mutex_destroy(&k->ends.lock);
}
