#include "adapters/kafka_properties.h"

#include "adapters/config_table.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLIPS_MAX 3 /* names are long */

/* librdkafka tells its properties only as a table for people, one a line: "name   | C/P | ...". */
static void find_near(const char *name, char *ret_near, size_t size)
{
	unsigned least = SLIPS_MAX + 1;
	char *table = NULL, *line, *next;
	size_t len;
	FILE *f = open_memstream(&table, &len);

	if (f == NULL)
		return;
	rd_kafka_conf_properties_show(f);
	fclose(f);
	for (line = table; line != NULL; line = next) {
		char *end = line + strcspn(line, " |\n");
		unsigned d;

		next = strchr(line, '\n');
		next = next == NULL ? NULL : next + 1;
		/* Callbacks and pointers have a _ and cannot be set by text. */
		if (strchr(".|", *end) != NULL || memchr(line, '_', (size_t)(end - line)) != NULL)
			continue;
		*end = '\0';
		d = config_distance(name, line);
		if (d < least && d < strlen(line)) {
			least = d;
			snprintf(ret_near, size, "%s", line);
		}
	}
	free(table);
}

int kafka_property_check(
    const char *name, const char *value, char *ret_near, size_t near_size, char *why, size_t size)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	/* rd_kafka_conf_get cannot tell: it does not know a property that has no value. */
	rd_kafka_conf_res_t r = rd_kafka_conf_set(conf, name, value == NULL ? "" : value, why, size);

	rd_kafka_conf_destroy(conf);
	ret_near[0] = '\0';
	if (r == RD_KAFKA_CONF_UNKNOWN) {
		find_near(name, ret_near, near_size);
		return -ENOENT;
	}
	return r == RD_KAFKA_CONF_OK || value == NULL ? 0 : -EINVAL;
}
