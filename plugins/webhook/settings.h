/* settings.h - what a webhook is configured to do.
 *
 * Owns:    copies of all texts.
 * Threads: made and freed at setup; constant in between.
 * Uses:    libc.
 */
#ifndef WEBHOOK_SETTINGS_H
#define WEBHOOK_SETTINGS_H

#include "sign.h"
#include "status.h"
#include "url.h"

enum mode { MODE_RAW, MODE_BINARY, MODE_STRUCTURED };
enum tombstone { TOMBSTONE_SEND, TOMBSTONE_DELETE, TOMBSTONE_SKIP, TOMBSTONE_REJECT };

struct list {
	char **texts;
	size_t n;
};

struct webhook_metrics {
	struct semel_metric *seconds, *answers[6], *failures, *cancelled, *retry_after, *connections, *left_out;
};

struct webhook {
	const struct semel_host *host;
	struct url url;
	char *method, *content_type, *id_header;
	int mode, tombstone;		/* enum mode, enum tombstone */
	bool metadata;
	struct list header_names, header_values, pass;
	char *authorization_header, *authorization;	/* the second NULL: none */
	struct signer signer;
	long timeout_ms, connect_timeout_ms, keep_alive_s, redirects;
	bool http2, tls_verify;
	char *proxy, *ca_file, *cert_file, *key_file;	/* "": none */
	struct status_rules status;
	int64_t max_retry_after_ms, max_response;
	char *source, *type;		/* of CloudEvents */
	struct webhook_metrics metrics;
};

extern const struct semel_setting webhook_settings[];

/* All faults are told at once.  0, -EINVAL, -ENOMEM, or what keeps a file from being read. */
int settings_read(struct webhook *w, const struct semel_settings *s);
void settings_free(struct webhook *w);

#endif
