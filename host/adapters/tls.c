#include "adapters/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tls {
	SSL_CTX *context;
	SSL *ssl;
	char text[200];
};

static const char *last_error(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);

	return reason == NULL ? "unknown TLS error" : reason;
}

static int use_files(SSL_CTX *context, const struct tls_files *f, char *why, size_t size)
{
	if (f->ca_file == NULL ? SSL_CTX_set_default_verify_paths(context) != 1
			       : SSL_CTX_load_verify_locations(context, f->ca_file, NULL) != 1) {
		snprintf(why, size, "tls.ca_file %s: %s", f->ca_file == NULL ? "(the system's)" : f->ca_file,
		    last_error());
		return -EINVAL;
	}
	if (f->cert_file != NULL && SSL_CTX_use_certificate_chain_file(context, f->cert_file) != 1) {
		snprintf(why, size, "tls.cert_file %s: %s", f->cert_file, last_error());
		return -EINVAL;
	}
	if (f->key_file != NULL &&
	    (SSL_CTX_use_PrivateKey_file(context, f->key_file, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(context) != 1)) {
		snprintf(why, size, "tls.key_file %s: %s", f->key_file, last_error());
		return -EINVAL;
	}
	return 0;
}

/* The name that the certificate must carry; an address is compared as an address. */
static int expect_name(SSL *ssl, const char *name)
{
	unsigned char address[16];
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

struct tls *tls_new(const struct tls_files *files, const char *host, int fd, char *why, size_t size)
{
	struct tls *t = calloc(1, sizeof(*t));
	const char *name = files->server_name == NULL ? host : files->server_name;

	snprintf(why, size, "out of memory");
	if (t == NULL)
		return NULL;
	ERR_clear_error();
	t->context = SSL_CTX_new(TLS_client_method());
	if (t->context == NULL || SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION) != 1 ||
	    use_files(t->context, files, why, size) < 0) {
		tls_free(t);
		return NULL;
	}
	SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
	t->ssl = SSL_new(t->context);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1 || expect_name(t->ssl, name) != 1) {
		snprintf(why, size, "tls.server_name %s: %s", name, last_error());
		tls_free(t);
		return NULL;
	}
	SSL_set_connect_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->context);
	free(t);
}

static ssize_t result(struct tls *t, int n, short *ret_events)
{
	long verify;

	if (n > 0)
		return n;
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_WANT_READ: *ret_events = POLLIN; return -EAGAIN;
	case SSL_ERROR_WANT_WRITE: *ret_events = POLLOUT; return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_SYSCALL:
		if (ERR_peek_error() == 0)
			return errno == 0 ? 0 : -errno;
		break;
	default: break;
	}
	verify = SSL_get_verify_result(t->ssl);
	snprintf(t->text, sizeof(t->text), "TLS: %s",
	    verify == X509_V_OK ? last_error() : X509_verify_cert_error_string(verify));
	return -EPROTO;
}

ssize_t tls_handshake(struct tls *t, short *ret_events)
{
	ERR_clear_error();
	errno = 0;
	return result(t, SSL_do_handshake(t->ssl), ret_events);
}

static int int_length(size_t len)
{
	return len > INT_MAX ? INT_MAX : (int)len;
}

ssize_t tls_send(struct tls *t, const void *data, size_t len, short *ret_events)
{
	ERR_clear_error();
	errno = 0;
	return result(t, SSL_write(t->ssl, data, int_length(len)), ret_events);
}

ssize_t tls_receive(struct tls *t, void *data, size_t len, short *ret_events)
{
	ERR_clear_error();
	errno = 0;
	return result(t, SSL_read(t->ssl, data, int_length(len)), ret_events);
}

const char *tls_text(const struct tls *t)
{
	return t->text;
}

int64_t tls_peer_expiry(const struct tls *t)
{
	X509 *cert = SSL_get1_peer_certificate(t->ssl);
	struct tm tm;
	int64_t when = 0;

	if (cert != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
		when = timegm(&tm);
	X509_free(cert);
	return when;
}
