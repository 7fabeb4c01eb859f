#include "base/channel.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#define HEAD offsetof(struct channel_message, text)

int channel_pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0 ? -errno
												  : 0;
}

int channel_send(int fd, enum channel_kind kind, int value, const char *text)
{
	struct channel_message m = { .kind = (uint32_t)kind, .value = value };
	size_t n = text == NULL ? 0 : strnlen(text, sizeof(m.text) - 1);

	if (n > 0)
		memcpy(m.text, text, n);
	if (send(fd, &m, HEAD + n + 1, MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EAGAIN ? -EAGAIN : -EPIPE;
}

int channel_receive(int fd, struct channel_message *m)
{
	ssize_t n;

	do
		n = recv(fd, m, sizeof(*m), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= (ssize_t)HEAD)
		return -EPIPE;
	m->text[(size_t)n - HEAD - 1] = '\0';
	return 1;
}
