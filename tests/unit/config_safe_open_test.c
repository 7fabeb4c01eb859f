/* Who may have written a file: owners, modes, folders, links. */
#include "adapters/safe_open.h"

#include "lib/unit.h"

#include <errno.h>

#define STRANGER 65533

static char folder[64];
static char why[2048];

static char *in_folder(const char *name)
{
	static char path[4][160];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s%s%s", folder, name[0] == '\0' ? "" : "/", name);
	return path[i];
}

static int try_open(const char *name, bool lenient)
{
	int fd = safe_open(in_folder(name), lenient, why, sizeof(why));

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : fd;
}

static void setup_file(void)
{
	unit_folder(folder);
	mkdir(in_folder("sub"), 0755);
	unit_write(in_folder("sub"), "file", "x");
}

START_TEST(modes_of_the_file)
{
	static const struct {
		mode_t mode;
		int expected;
	} cases[] = { { 0600, 0 }, { 0644, 0 }, { 0640, 0 }, { 0755, 0 }, { 0646, -EPERM }, { 0666, -EPERM },
		{ 0602, -EPERM } };

	setup_file();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		chmod(in_folder("sub/file"), cases[i].mode);
		ck_assert_msg(
		    try_open("sub/file", false) == cases[i].expected, "mode %o: %s", cases[i].mode, why);
		ck_assert((why[0] == '\0') == (cases[i].expected == 0));
	}
	ck_assert_ptr_nonnull(strstr(why, "sub/file: it is writable by everybody (mode 0602, uid "));
	ck_assert_ptr_nonnull(strstr(why, "chmod go-w /tmp/"));
	unit_remove(folder);
}
END_TEST

START_TEST(modes_of_the_folders)
{
	setup_file();
	chmod(folder, 0777);
	ck_assert_int_eq(try_open("sub/file", false), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "its folder /tmp/semel-unit-"));
	chmod(folder, 01777);
	ck_assert_msg(try_open("sub/file", false) == 0, "%s", why);
	chmod(in_folder("sub"), 0757);
	ck_assert_int_eq(try_open("sub/file", false), -EPERM);
	unit_remove(folder);
}
END_TEST

START_TEST(lenient_opens_and_still_tells)
{
	setup_file();
	chmod(in_folder("sub/file"), 0666);
	ck_assert_int_eq(try_open("sub/file", true), 0);
	ck_assert_ptr_nonnull(strstr(why, "is writable by everybody"));
	ck_assert_int_eq(try_open("sub/nothing", true), -ENOENT);
	unit_remove(folder);
}
END_TEST

/* Needs to give files away, which only root can. */
START_TEST(owners_and_groups)
{
	if (geteuid() != 0)
		return;
	setup_file();
	ck_assert_int_eq(chown(in_folder("sub/file"), STRANGER, 0), 0);
	ck_assert_int_eq(try_open("sub/file", false), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "belongs to another user"));
	ck_assert_ptr_nonnull(strstr(why, "chown root /tmp/"));
	ck_assert_int_eq(chown(in_folder("sub/file"), 0, 0), 0);
	chmod(in_folder("sub/file"), 0664);
	ck_assert_msg(try_open("sub/file", false) == 0, "root's group: %s", why);
	ck_assert_int_eq(chown(in_folder("sub/file"), 0, STRANGER), 0);
	chmod(in_folder("sub/file"), 0664);
	ck_assert_int_eq(try_open("sub/file", false), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "is writable by a group"));
	chmod(in_folder("sub/file"), 0644);
	ck_assert_int_eq(try_open("sub/file", false), 0);
	/* A sticky folder of a stranger is the stranger's all the same. */
	chmod(in_folder("sub"), 01777);
	ck_assert_int_eq(chown(in_folder("sub"), STRANGER, 0), 0);
	ck_assert_int_eq(try_open("sub/file", false), -EPERM);
	unit_remove(folder);
}
END_TEST

START_TEST(links_are_followed_and_judged)
{
	setup_file();
	mkdir(in_folder("open"), 0777);
	chmod(in_folder("open"), 0777);
	ck_assert_int_eq(symlink("sub/file", in_folder("relative")), 0);
	ck_assert_int_eq(symlink(in_folder("sub"), in_folder("absolute")), 0);
	ck_assert_int_eq(symlink("../sub/file", in_folder("open/link")), 0);
	ck_assert_int_eq(symlink("loop", in_folder("loop")), 0);
	ck_assert_msg(try_open("relative", false) == 0, "%s", why);
	ck_assert_msg(try_open("absolute/file", false) == 0, "%s", why);
	ck_assert_msg(try_open("sub/../sub/./file", false) == 0, "%s", why);
	/* The file is safe, but anybody could make the link point elsewhere. */
	ck_assert_int_eq(try_open("open/link", false), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "its folder "));
	ck_assert_int_eq(try_open("loop", false), -ELOOP);
	if (geteuid() == 0) {
		chmod(in_folder("open"), 01777);
		ck_assert_msg(try_open("open/link", false) == 0, "%s", why);
		ck_assert_int_eq(lchown(in_folder("open/link"), STRANGER, 0), 0);
		ck_assert_int_eq(try_open("open/link", false), -EPERM);
		ck_assert_ptr_nonnull(strstr(why, "a link on the way to it belongs to another user"));
		ck_assert_ptr_nonnull(strstr(why, "chown -h root /tmp/"));
	}
	unit_remove(folder);
}
END_TEST

START_TEST(only_files_are_opened)
{
	char here[4096];

	setup_file();
	ck_assert_int_eq(mkfifo(in_folder("fifo"), 0600), 0);
	ck_assert_int_eq(try_open("fifo", false), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "fifo: is not a regular file"));
	ck_assert_int_eq(try_open("sub", false), -EINVAL);
	ck_assert_int_eq(try_open("", false), -EINVAL);
	ck_assert_int_eq(try_open("sub/file/x", false), -ENOTDIR);
	ck_assert_int_eq(try_open("nothing", false), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "nothing: No such file or directory"));
	ck_assert_int_eq(safe_open("/dev/null", false, why, sizeof(why)), -EINVAL);
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_ge(safe_open("sub/file", false, why, sizeof(why)), 0);
	ck_assert_int_eq(chdir(here), 0);
	unit_remove(folder);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { modes_of_the_file, modes_of_the_folders, lenient_opens_and_still_tells,
		owners_and_groups, links_are_followed_and_judged, only_files_are_opened, NULL };

	return unit_run("config_safe_open", tests);
}
