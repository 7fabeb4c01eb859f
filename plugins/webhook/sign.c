#include "sign.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST crypto_auth_hmacsha256_BYTES
/* A shorter secret can be guessed from one signed request. */
#define SECRET_MIN 16

static int take(struct sign_secret *secret, const char *line, size_t len, enum sign_form form)
{
	static const char prefix[] = "whsec_";
	size_t skip = len >= 6 && memcmp(line, prefix, 6) == 0 ? 6 : 0;

	secret->data = malloc(len + 1);
	if (secret->data == NULL)
		return -ENOMEM;
	secret->len = len;
	memcpy(secret->data, line, len);
	if (form == SIGN_SEMEL)
		return 0;
	return sodium_base642bin(secret->data, len, line + skip, len - skip, NULL, &secret->len, NULL,
		   sodium_base64_VARIANT_ORIGINAL) == 0
		   ? 0
		   : -EINVAL;
}

int signer_make(const char *lines, enum sign_form form, struct signer *ret_signer, char *why, size_t size)
{
	struct signer s = { .form = form };
	size_t len;
	int r = 0;

	for (const char *p = lines; r == 0 && *p != '\0'; p += p[len] == '\n' ? len + 1 : len) {
		size_t text;

		len = strcspn(p, "\n");
		text = len > 0 && p[len - 1] == '\r' ? len - 1 : len;
		if (text == 0)
			continue;
		if (s.n == SIGN_SECRETS_MAX) {
			snprintf(why, size, "more than %d secrets", SIGN_SECRETS_MAX);
			r = -EINVAL;
			break;
		}
		r = take(&s.secrets[s.n], p, text, form);
		s.n++;
		if (r == 0 && s.secrets[s.n - 1].len < SECRET_MIN)
			r = -EINVAL;
		if (r == -EINVAL) /* the lines themselves are not shown */
			snprintf(why, size, "secret %zu %shas fewer than %d bytes", s.n,
			    form == SIGN_STANDARD ? "is no base64, or " : "", SECRET_MIN);
	}
	if (r < 0)
		signer_free(&s);
	else
		*ret_signer = s;
	return r;
}

void signer_free(struct signer *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->secrets[i].data != NULL)
			explicit_bzero(s->secrets[i].data, s->secrets[i].len);
		free(s->secrets[i].data);
	}
	*s = (struct signer){ .n = 0 };
}

static void digest(
    const struct sign_secret *secret, const char *before, struct semel_bytes body, unsigned char *out)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, secret->data, secret->len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)before, strlen(before));
	if (body.len > 0)
		crypto_auth_hmacsha256_update(&state, body.data, body.len);
	crypto_auth_hmacsha256_final(&state, out);
	explicit_bzero(&state, sizeof(state));
}

void sign(
    const struct signer *s, const char *id, int64_t unix_seconds, struct semel_bytes body, struct text *out)
{
	struct text before = { .data = NULL };
	unsigned char mac[DIGEST];
	char shown[2 * DIGEST + 1];

	if (s->form == SIGN_STANDARD) {
		text_put(&before, id);
		text_put(&before, ".");
	}
	text_printf(&before, "%lld.", (long long)unix_seconds);
	if (s->form == SIGN_SEMEL)
		text_printf(out, "t=%lld", (long long)unix_seconds);
	for (size_t i = 0; i < s->n && !before.failed; i++) {
		digest(&s->secrets[i], before.data, body, mac);
		if (s->form == SIGN_SEMEL)
			sodium_bin2hex(shown, sizeof(shown), mac, sizeof(mac));
		else
			sodium_bin2base64(
			    shown, sizeof(shown), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
		text_put(out, s->form == SIGN_SEMEL ? ",v1=" : i == 0 ? "v1," : " v1,");
		text_put(out, shown);
	}
	out->failed |= before.failed;
	text_free(&before);
}
