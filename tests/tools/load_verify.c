#include "load.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the witnesses and the dead-letter topic say of one event. */
struct seen {
	unsigned runs, marked, letters, retried, misjudged;
	long last_attempt;
};

struct counts {
	long handled, once, retried, repeated, marked, unmarked, dead, misjudged, both, lost, disorder,
	    foreign, lines, broken;
};

/* The text behind "name":, without its quotes; length in *ret_len. */
static const char *field(const char *line, const char *name, size_t *ret_len)
{
	char pattern[40];
	const char *p;

	snprintf(pattern, sizeof(pattern), "\"%s\":", name);
	p = strstr(line, pattern);
	if (p == NULL)
		return NULL;
	p += strlen(pattern);
	if (*p == '"') {
		p++;
		*ret_len = strcspn(p, "\"");
	} else {
		*ret_len = strcspn(p, ",}");
	}
	return p;
}

/* The number of an id, -1 if it is not one of ours. */
static long number_of(const struct load *l, const char *id, size_t len)
{
	size_t prefix = strlen(l->prefix);
	char text[24];
	long n;

	if (len <= prefix + 1 || len - prefix >= sizeof(text) || strncmp(id, l->prefix, prefix) != 0 ||
	    id[prefix] != '-')
		return -1;
	memcpy(text, id + prefix + 1, len - prefix - 1);
	text[len - prefix - 1] = '\0';
	n = strtol(text, NULL, 10);
	return n >= 0 && n < l->count ? n : -1;
}

static void take_line(
    const struct load *l, const char *line, struct seen *seen, long *last_of_key, struct counts *c)
{
	size_t id_len, key_len, mark_len;
	const char *id = field(line, "id", &id_len), *key = field(line, "key", &key_len);
	const char *mark = field(line, "redelivered", &mark_len), *attempt;
	size_t attempt_len;
	long i;

	if (id == NULL || mark == NULL || line[strlen(line) - 1] != '\n') {
		c->broken++;
		return;
	}
	i = number_of(l, id, id_len);
	if (i < 0) {
		c->foreign++;
		return;
	}
	seen[i].runs++;
	seen[i].marked += mark_len == 4;
	attempt = field(line, "attempt", &attempt_len);
	seen[i].retried += attempt != NULL && strtol(attempt, NULL, 10) > 1 && mark_len != 4;
	/* The order of a key is that of its first runs; copies have keys of their own. */
	if (seen[i].runs == 1 && key != NULL && key[0] == 'k' && last_of_key != NULL) {
		if (i < last_of_key[i % l->keys])
			c->disorder++;
		else
			last_of_key[i % l->keys] = i;
	}
}

static bool read_witness(
    const struct load *l, const char *file, struct seen *seen, long *last_of_key, struct counts *c)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t cap = 0;

	if (f == NULL)
		return false;
	while (getline(&line, &cap, f) > 0) {
		c->lines++;
		take_line(l, line, seen, last_of_key, c);
	}
	free(line);
	fclose(f);
	return true;
}

static void take_letter(const struct load *l, const rd_kafka_message_t *m, struct seen *seen)
{
	rd_kafka_headers_t *headers;
	const void *value;
	const char *reason;
	char text[32];
	size_t size;
	long i;

	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    rd_kafka_header_get_last(headers, "semel.dlq.event_id", &value, &size) !=
		RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	i = number_of(l, value, size);
	if (i < 0)
		return;
	seen[i].letters++;
	(void)load_debug(l, i, &reason, text);
	seen[i].misjudged += reason == NULL ||
			     rd_kafka_header_get_last(headers, "semel.dlq.reason", &value, &size) !=
				 RD_KAFKA_RESP_ERR_NO_ERROR ||
			     size != strlen(reason) || memcmp(value, reason, size) != 0;
}

/* All records of the dead-letter topic, from its beginning to the ends it has now. */
static void read_letters(const struct load *l, struct seen *seen)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *rk;
	const struct rd_kafka_metadata *md;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
	rd_kafka_topic_t *rkt;
	int open = 0;

	rd_kafka_conf_set(conf, "bootstrap.servers", l->brokers, text, sizeof(text));
	rd_kafka_conf_set(conf, "group.id", "semel-load-verify", text, sizeof(text));
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof(text));
	rd_kafka_conf_set(conf, "enable.auto.commit", "false", text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	rd_kafka_poll_set_consumer(rk);
	rkt = rd_kafka_topic_new(rk, l->dead_topic, NULL);
	if (rd_kafka_metadata(rk, 0, rkt, &md, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		for (open = 0; open < md->topics[0].partition_cnt; open++)
			rd_kafka_topic_partition_list_add(list, l->dead_topic, open)->offset =
			    RD_KAFKA_OFFSET_BEGINNING;
		rd_kafka_metadata_destroy(md);
	}
	rd_kafka_topic_destroy(rkt);
	rd_kafka_assign(rk, list);
	while (open > 0) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 10000);

		if (m == NULL)
			break;
		if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			open--;
		else if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_letter(l, m, seen);
		rd_kafka_message_destroy(m);
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

static void count_all(const struct load *l, const struct seen *seen, struct counts *c)
{
	for (long i = 0; i < l->count; i++) {
		const struct seen *s = &seen[i];

		c->handled += s->runs > 0;
		c->once += s->runs == 1;
		c->retried += s->retried > 0;
		c->repeated += s->runs > 1;
		/* Of several runs each but the first has to be marked. */
		c->marked += s->runs > 1 && s->marked + 1 >= s->runs;
		c->unmarked += s->runs > 1 && s->marked + 1 < s->runs;
		c->dead += s->letters > 0;
		c->misjudged += s->misjudged > 0;
		c->both += s->letters > 0 && s->runs > 0;
		c->lost += s->runs == 0 && s->letters == 0;
	}
}

static void print(const struct load *l, const struct counts *c)
{
	if (l->json) {
		printf(
		    "{\"events\":%ld,\"handled\":%ld,\"once\":%ld,\"retried\":%ld,\"repeated\":%ld,\"marked\":%ld,\"unmarked\":%ld,"
		    "\"dead\":%ld,\"misjudged\":%ld,\"both\":%ld,\"lost\":%ld,\"disorder\":%ld,\"foreign\":%ld,\"lines\":%ld,\"broken\":%ld}\n",
		    l->count, c->handled, c->once, c->retried, c->repeated, c->marked, c->unmarked, c->dead,
		    c->misjudged, c->both, c->lost, c->disorder, c->foreign, c->lines, c->broken);
		return;
	}
	printf("distinct events            %10ld\n", l->count);
	printf("handled once               %10ld\n", c->once);
	printf("  of these after retries   %10ld\n", c->retried);
	printf("repeated, marked           %10ld\n", c->marked);
	printf("repeated, NOT marked       %10ld\n", c->unmarked);
	printf("dead letters               %10ld\n", c->dead);
	printf("  of these, wrong reason   %10ld\n", c->misjudged);
	printf("out of order within a key  %10ld\n", c->disorder);
	printf("broken witness lines       %10ld\n", c->broken);
	printf("lost                       %10ld\n", c->lost);
}

int load_verify(const struct load *l)
{
	struct seen *seen = calloc((size_t)l->count, sizeof(*seen));
	/* Several witnesses are several hosts: their lines have no common order. */
	long *last_of_key = l->n_files == 1 ? malloc((size_t)l->keys * sizeof(long)) : NULL;
	struct counts c = { 0 };

	for (long k = 0; last_of_key != NULL && k < l->keys; k++)
		last_of_key[k] = -1;
	for (int i = 0; i < l->n_files; i++) {
		if (!read_witness(l, l->files[i], seen, last_of_key, &c)) {
			fprintf(stderr, "semel-load: %s cannot be read\n", l->files[i]);
			return 1;
		}
	}
	if (l->dead_topic != NULL)
		read_letters(l, seen);
	count_all(l, seen, &c);
	print(l, &c);
	free(seen);
	free(last_of_key);
	return c.lost == 0 && c.unmarked == 0 && c.broken == 0 ? 0 : 1;
}
