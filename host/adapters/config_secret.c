/* Secrets: the content of a file. */
#include "adapters/config_values.h"
#include "adapters/safe_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECRET_MAX 65536

/* As much as there is, up to size; -1 with errno. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(fd, text + len, size - len)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
	return (ssize_t)len;
}

/* What makes a file's content no secret; NULL: nothing. */
static const char *fault_of(const char *text, size_t len)
{
	if (len > SECRET_MAX)
		return "is larger than 64 KiB";
	if (memchr(text, '\0', len) != NULL)
		return "holds a NUL byte";
	if (len == 0 || text[0] == '\n')
		return "is empty";
	return NULL;
}

int config_secret(const char *file, bool lenient, char **ret_text, char *why, size_t size)
{
	const char *fault;
	char *text;
	ssize_t n;
	int fd = safe_open(file, lenient, why, size);

	if (fd < 0)
		return fd;
	text = calloc(1, SECRET_MAX + 2);
	n = text == NULL ? -1 : read_all(fd, text, SECRET_MAX + 1);
	fault = n < 0 ? strerror(errno) : fault_of(text, (size_t)n);
	close(fd);
	if (fault != NULL) {
		snprintf(why, size, "%s: %s", file, fault);
		if (text != NULL)
			explicit_bzero(text, SECRET_MAX + 2);
		free(text);
		return -EINVAL;
	}
	/* One newline, as an editor or echo puts it there; all else is part of the secret. */
	if (text[n - 1] == '\n')
		text[--n] = '\0';
	if (n > 0 && text[n - 1] == '\r')
		text[--n] = '\0';
	*ret_text = text;
	return 0;
}
