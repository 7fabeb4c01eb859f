/* dev_config.h - the configuration that `semel dev` runs with.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    adapters/config_file.
 */
#ifndef CLI_DEV_CONFIG_H
#define CLI_DEV_CONFIG_H

#include "adapters/kafka.h"
#include "cli/dev.h"

/* The topics to make, with partitions: those consumed (patterns are left out) and the dead-letter topics.  Names
 * are never freed: the process is short.  An exit status; what is wrong was printed. */
int dev_config_topics(const char *file, struct topic_partition *topics, size_t max, size_t *ret_n);
/* Writes d->config. */
int dev_config_write(const struct dev *d, const char *file);

#endif
