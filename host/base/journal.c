#include "base/journal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME_MAX_ 60

bool journal_has_stderr(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return text != NULL && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int journal_open(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

void journal_own_field(struct buf *b, const char *name, struct bytes value)
{
	uint8_t length[8];

	for (unsigned i = 0; i < sizeof(length); i++)
		length[i] = (uint8_t)((uint64_t)value.len >> 8 * i);
	buf_text(b, name);
	buf_char(b, '\n');
	buf_add(b, length, sizeof(length));
	buf_add(b, value.data, value.len);
	buf_char(b, '\n');
}

/* Names that the journal, or who reads it, takes for something. */
static bool is_taken(const char *name)
{
	static const char *const whole[] = { "MESSAGE", "MESSAGE_ID", "PRIORITY", "ERRNO", "DOCUMENTATION",
		"TID", "UNIT", "USER_UNIT", "INVOCATION_ID", "USER_INVOCATION_ID" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (strcmp(name, whole[i]) == 0)
			return true;
	return strncmp(name, "CODE_", 5) == 0 || strncmp(name, "SYSLOG_", 7) == 0 ||
	       strncmp(name, "OBJECT_", 7) == 0 || strncmp(name, "COREDUMP_", 9) == 0;
}

void journal_field(struct buf *b, const char *name, struct bytes value)
{
	static const char ours[] = "SEMEL_";
	char text[sizeof(ours) + NAME_MAX_ + 1], *p = text + sizeof(ours) - 1;
	size_t n = 0;

	for (; name[n] != '\0' && n < NAME_MAX_ - sizeof(ours); n++)
		p[n] = isalnum((unsigned char)name[n]) ? (char)toupper((unsigned char)name[n]) : '_';
	p[n] = '\0';
	if (n == 0 || !isupper((unsigned char)p[0]) || is_taken(p)) {
		memcpy(text, ours, sizeof(ours) - 1);
		p = text;
	}
	journal_own_field(b, p, value);
}

int journal_send(int fd, const char *path, const struct buf *b)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, strlen(path) + 1);
	if (sendto(fd, b->data, b->len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&un,
		sizeof(un)) < 0)
		return -errno;
	return 0;
}
