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

#define LINKS_MAX 40 /* as the kernel has it */

struct walk {
	const char *path; /* as asked for, for texts */
	int dir; /* where we are; -1: nowhere yet */
	char rest[2 * PATH_MAX]; /* what is still to be walked */
	unsigned links;
	char *why; /* the first finding */
	size_t size;
	bool unsafe;
};

/* ---- Judging */

/* A group that only root, or only the running user, is in: root's own, or the primary one of the user's name. */
static bool group_is_private(gid_t gid)
{
	char user_text[4096], group_text[16384];
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;

	if (gid == 0)
		return true;
	if (getpwuid_r(geteuid(), &pw, user_text, sizeof(user_text), &user) != 0 || user == NULL)
		return false;
	if (getgrgid_r(gid, &gr, group_text, sizeof(group_text), &group) != 0 || group == NULL)
		return false;
	if (pw.pw_gid != gid || strcmp(pw.pw_name, gr.gr_name) != 0)
		return false;
	for (char **m = gr.gr_mem; *m != NULL; m++)
		if (strcmp(*m, pw.pw_name) != 0)
			return false;
	return true;
}

static bool owner_is_safe(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

/* What is wrong with a file or folder; NULL: nothing. */
static const char *fault_of(const struct stat *st)
{
	if (!owner_is_safe(st))
		return "belongs to another user than root or the running one";
	if (S_ISLNK(st->st_mode) || (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
		return NULL;
	if ((st->st_mode & S_IWOTH) != 0)
		return "is writable by everybody";
	if ((st->st_mode & S_IWGRP) != 0 && !group_is_private(st->st_gid))
		return "is writable by a group";
	return NULL;
}

static const char *remedy_of(const struct stat *st)
{
	if (!owner_is_safe(st))
		return S_ISLNK(st->st_mode) ? "chown -h root" : "chown root";
	return "chmod go-w";
}

/* The path of a descriptor, for a text. */
static void name_of(int fd, char *out, size_t size)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, size - 1);
	if (n < 0)
		n = snprintf(out, size, "(unknown)");
	out[n] = '\0';
}

static void judge(struct walk *w, const struct stat *st, const char *kind, int fd, const char *below)
{
	char name[PATH_MAX + NAME_MAX + 2];
	const char *fault = fault_of(st);
	size_t len;

	if (fault == NULL || w->unsafe)
		return;
	w->unsafe = true;
	name_of(fd, name, PATH_MAX);
	len = strlen(name);
	if (below != NULL)
		snprintf(name + len, sizeof(name) - len, "%s%s", len == 1 ? "" : "/", below);
	snprintf(w->why, w->size, "%s: %s %s (mode %04o, uid %u, gid %u): %s %s", w->path, kind, fault,
	    (unsigned)st->st_mode & 07777, (unsigned)st->st_uid, (unsigned)st->st_gid, remedy_of(st), name);
}

/* ---- Walking */

/* Cut the next part off w->rest; false: there is none. */
static bool next_part(struct walk *w, char part[NAME_MAX + 1], int *ret_error)
{
	const char *p = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(p, "/");

	*ret_error = 0;
	if (len == 0)
		return false;
	if (len > NAME_MAX) {
		*ret_error = -ENAMETOOLONG;
		return false;
	}
	memcpy(part, p, len);
	part[len] = '\0';
	memmove(w->rest, p + len, strlen(p + len) + 1);
	return true;
}

/* Go to a folder, which is taken; -errno from `fd` is passed on. */
static int enter(struct walk *w, int fd)
{
	struct stat st;
	char kind[PATH_MAX + 16] = "its folder ";

	if (fd < 0)
		return -errno;
	if (w->dir >= 0)
		close(w->dir);
	w->dir = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	name_of(fd, kind + strlen(kind), PATH_MAX);
	judge(w, &st, kind, fd, NULL);
	return 0;
}

static int enter_root(struct walk *w)
{
	return enter(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static int follow(struct walk *w, const char *part)
{
	char target[PATH_MAX], rest[sizeof(w->rest)];
	ssize_t n = readlinkat(w->dir, part, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if ((size_t)snprintf(rest, sizeof(rest), "%s/%s", target, w->rest) >= sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, strlen(rest) + 1);
	return target[0] == '/' ? enter_root(w) : 0;
}

/* The file itself; it may not have become a link or another thing since it was looked at. */
static int open_file(struct walk *w, const char *part)
{
	struct stat st;
	int fd = openat(w->dir, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	judge(w, &st, "it", fd, NULL);
	return fd;
}

static int walk(struct walk *w)
{
	char part[NAME_MAX + 1];
	struct stat st;
	int r = enter_root(w), error = 0;

	while (r == 0 && next_part(w, part, &error)) {
		bool last = w->rest[strspn(w->rest, "/")] == '\0';

		if (fstatat(w->dir, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (S_ISLNK(st.st_mode)) {
			judge(w, &st, "a link on the way to it", w->dir, part);
			r = follow(w, part);
		} else if (S_ISDIR(st.st_mode)) {
			r = enter(w, openat(w->dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
		} else if (!last) {
			return -ENOTDIR;
		} else {
			return S_ISREG(st.st_mode) ? open_file(w, part) : -EINVAL;
		}
	}
	/* Folders to the end. */
	return r < 0 ? r : error < 0 ? error : -EINVAL;
}

int safe_open(const char *path, bool lenient, char *why, size_t size)
{
	struct walk w = { .path = path, .dir = -1, .why = why, .size = size };
	char here[PATH_MAX] = "";
	int fd;

	if (size > 0)
		why[0] = '\0';
	if (path[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		here[0] = '\0';
	if ((size_t)snprintf(w.rest, sizeof(w.rest), "%s/%s", here, path) >= sizeof(w.rest))
		fd = -ENAMETOOLONG;
	else
		fd = walk(&w);
	if (w.dir >= 0)
		close(w.dir);
	if (fd >= 0 && w.unsafe && !lenient) {
		close(fd);
		return -EPERM;
	}
	if (fd < 0)
		snprintf(why, size, "%s: %s", path, fd == -EINVAL ? "is not a regular file" : strerror(-fd));
	return fd;
}
