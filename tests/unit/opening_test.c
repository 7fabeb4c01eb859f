/* Plugins opened for a trial: whatever their open does, the check goes on and says it. */
#include "cli/opening.h"

#include "lib/config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#ifndef PLUGINS
#error "PLUGINS: the folder of the debug plugin"
#endif

/* A sanitizer takes signals for itself, and looks for leaks at an exit. */
#ifdef __SANITIZE_ADDRESS__
#define BY(how) ""
#else
#define BY(how) how
#endif

/* What is said of a debug handler with these settings, and of one beside it that is good. */
static char *check_opening(const char *settings)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf conf = { NULL, 0, 0 }, out = { NULL, 0, 0 };
	struct config *c;

	buf_printf(&conf,
	    CONF_HEAD "subscriptions = { s = { topics = [ \"t\" ]; id = [ \"key\" ]; }; };\n"
		      "handlers = {\n"
		      "\tbad = { plugin = \"" PLUGINS "/debug.so\"; settings = { %s }; };\n"
		      "\tgood = { plugin = \"" PLUGINS
		      "/debug.so\"; settings = { path = \"%s/state/good\"; }; };\n"
		      "};\n"
		      "routes = { r = { subscription = \"s\"; handler = \"bad\"; }; };\n"
		      "state_dir = \"%s/state\";\n",
	    settings, conf_folder, conf_folder);
	free(conf_load(conf.data, &c));
	ck_assert_msg(c != NULL, "refused: %s", conf.data);
	opening_check(c, &problems);
	config_problems_print(&problems, &out);
	buf_add(&out, "", 0);
	config_problems_free(&problems);
	config_free(c);
	buf_free(&conf);
	return out.data;
}

static void expect(const char *how, const char *said)
{
	char settings[64], *out;

	snprintf(settings, sizeof(settings), "open = \"%s\";", how);
	out = check_opening(settings);
	if (said[0] == '\0')
		ck_assert_str_eq(out, "");
	else
		ck_assert_msg(strstr(out, said) != NULL &&
				  strstr(out, "semel.conf:5: error: handler bad: ") != NULL &&
				  strstr(out, "good") == NULL,
		    "expected '%s', found:\n%s", said, out);
	free(out);
}

static void make_state(char *path, size_t size)
{
	snprintf(path, size, "%s/state", conf_folder);
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

START_TEST(each_end_of_an_open_is_told_with_its_place)
{
	char path[128];

	conf_setup();
	make_state(path, sizeof(path));
	expect("", "");
	expect("segv", "debug.so ended its process in load or open: " BY("SIGSEGV"));
	expect("abort", "debug.so ended its process in load or open: " BY("SIGABRT"));
	expect("exit", "debug.so ended its process in load or open: " BY("exit(3)"));
	expect("_exit", "debug.so ended its process in load or open: exit(4)");
	expect("fail", "Invalid argument");
	expect("later", "temporarily unavailable");
	conf_teardown();
}
END_TEST

/* What a plugin makes in its open is the daemon's: root opens it as the owner of state_dir. */
START_TEST(root_opens_as_the_owner_of_state_dir)
{
	char path[128];
	struct stat st;

	if (geteuid() != 0)
		return;
	conf_setup();
	make_state(path, sizeof(path));
	ck_assert_int_eq(chmod(conf_folder, 0755), 0);
	ck_assert_int_eq(chown(path, 65534, 65534), 0);
	expect("", "");
	snprintf(path, sizeof(path), "%s/state/good", conf_folder);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 65534);
	ck_assert_uint_eq(st.st_gid, 65534);
	conf_teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { each_end_of_an_open_is_told_with_its_place,
		root_opens_as_the_owner_of_state_dir, NULL };

	return unit_run("opening", tests);
}
