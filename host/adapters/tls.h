/* tls.h - a TLS client on a non-blocking socket.
 *
 * TLS 1.2 or later; the server's certificate is verified against the given
 * authorities (or the system's) and must carry the expected name or address.
 * Files are read anew for each connection, so that renewed certificates are
 * picked up without a restart.
 *
 * Owns:    the session; the socket is the caller's.
 * Threads: one at a time for one struct tls.
 * Uses:    OpenSSL.
 */
#ifndef ADAPTERS_TLS_H
#define ADAPTERS_TLS_H

#include <stdint.h>
#include <sys/types.h>

struct tls_files {			/* NULL: the default */
	const char *ca_file;		/* the system's authorities */
	const char *cert_file, *key_file;	/* no client certificate */
	const char *server_name;	/* the host's name as configured */
};

struct tls;

/* Borrows fd.  NULL with `why` set: out of memory, or a file that cannot be used. */
struct tls *tls_new(const struct tls_files *files, const char *host, int fd, char *why, size_t size);
void tls_free(struct tls *t);		/* NULL is allowed */

/* All return what read(2) or write(2) would (0: the peer has closed), or -EAGAIN with *ret_events what to poll the
 * socket for, or -EPROTO with tls_text set. */
ssize_t tls_handshake(struct tls *t, short *ret_events);	/* 1 when it is done */
ssize_t tls_send(struct tls *t, const void *data, size_t len, short *ret_events);
ssize_t tls_receive(struct tls *t, void *data, size_t len, short *ret_events);
const char *tls_text(const struct tls *t);
/* Unix time at which the peer's certificate ends; 0: not known. */
int64_t tls_peer_expiry(const struct tls *t);

#endif
