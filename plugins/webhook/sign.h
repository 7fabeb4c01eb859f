/* sign.h - signatures of requests: HMAC-SHA256 with secrets of a file.
 *
 * Owns:    the secrets, wiped when freed.
 * Threads: any, once it is made.
 * Uses:    libsodium.
 */
#ifndef WEBHOOK_SIGN_H
#define WEBHOOK_SIGN_H

#include "text.h"

#define SIGN_SECRETS_MAX 4

enum sign_form {
	SIGN_SEMEL,			/* Semel-Signature: t=SECONDS,v1=HEX of SECONDS.BODY */
	SIGN_STANDARD			/* webhook-signature: v1,BASE64 of ID.SECONDS.BODY (Standard Webhooks) */
};

struct signer {
	enum sign_form form;
	size_t n;			/* 0: nothing is signed */
	struct sign_secret { unsigned char *data; size_t len; } secrets[SIGN_SECRETS_MAX];
};

/* One secret a line; in the standard form it is base64, perhaps behind whsec_.  0, -ENOMEM, or -EINVAL with `why`. */
int signer_make(const char *lines, enum sign_form form, struct signer *ret_signer, char *why, size_t size);
void signer_free(struct signer *s);
/* The value of the signature's header, one v1 a secret. */
void sign(const struct signer *s, const char *id, int64_t unix_seconds, struct semel_bytes body, struct text *out);

#endif
