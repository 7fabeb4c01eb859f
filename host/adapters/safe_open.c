#include "adapters/safe_open.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A group that only root, or only the running user, is in: root's own, or the user's primary one of its name. */
static bool group_is_private(gid_t gid)
{
	const struct passwd *pw;

	if (gid == 0)
		return true;
	pw = getpwuid(geteuid());
	return pw != NULL && pw->pw_gid == gid;
}

/* What is wrong with a file or folder; NULL: nothing. */
static const char *fault_of(const struct stat *st, bool folder)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "is owned by another user than root or the running one";
	if (folder && (st->st_mode & S_ISVTX) != 0)
		return NULL;
	if ((st->st_mode & S_IWOTH) != 0)
		return "is writable by everybody";
	if ((st->st_mode & S_IWGRP) != 0 && !group_is_private(st->st_gid))
		return "is writable by a group";
	return NULL;
}

static int judge_folders(const char *path, char *why, size_t size)
{
	char real[PATH_MAX], *slash;
	struct stat st;

	if (realpath(path, real) == NULL)
		return -errno;
	while ((slash = strrchr(real, '/')) != NULL) {
		const char *folder = slash == real ? "/" : real;
		const char *fault;

		*(slash == real ? slash + 1 : slash) = '\0';
		if (stat(folder, &st) < 0)
			return -errno;
		fault = fault_of(&st, true);
		if (fault != NULL) {
			snprintf(why, size,
			    "%s: its folder %s %s (mode %04o, uid %u): chown root and chmod go-w %s", path,
			    folder, fault, st.st_mode & 07777, st.st_uid, folder);
			return -EPERM;
		}
		if (slash == real)
			break;
	}
	return 0;
}

int safe_open(const char *path, bool lenient, char *why, size_t size)
{
	struct stat st;
	const char *fault;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = 0;

	if (size > 0)
		why[0] = '\0';
	if (fd < 0) {
		r = -errno;
		snprintf(why, size, "%s: %s", path, strerror(-r));
		return r;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		snprintf(why, size, "%s: is not a regular file", path);
		close(fd);
		return -EINVAL;
	}
	fault = fault_of(&st, false);
	if (fault != NULL) {
		snprintf(why, size, "%s: %s (mode %04o, uid %u): chown root and chmod go-w it", path, fault,
		    st.st_mode & 07777, st.st_uid);
		r = -EPERM;
	} else {
		r = judge_folders(path, why, size);
	}
	if (r == 0 || (r == -EPERM && lenient))
		return fd;
	if (why[0] == '\0')
		snprintf(why, size, "%s: %s", path, strerror(-r));
	close(fd);
	return r;
}
