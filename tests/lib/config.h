/* config.h - configurations for unit tests: written, loaded, complained about.
 *
 * Threads: main only.
 * Uses:    lib/unit.h.
 */
#ifndef TESTS_CONFIG_H
#define TESTS_CONFIG_H

#include "adapters/config_file.h"

#include "lib/unit.h"

static char conf_folder[64];

/* What every main file needs, on two lines. */
#define CONF_HEAD "kafka = { bootstrap_servers = \"k:9092\"; };\nledger = { url = \"redis://r:6379/0\"; };\n"

static inline void conf_setup(void)
{
	unit_folder(conf_folder);
	setenv("SEMEL_DEFAULTS", "/nonexistent", 1);
}

static inline void conf_teardown(void)
{
	unit_remove(conf_folder);
}

/* Loads FOLDER/semel.conf; the printed problems, owned, "" if there are none. */
static inline char *conf_load_file(struct config **ret_config)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 };
	char path[128];

	*ret_config = NULL;
	snprintf(path, sizeof(path), "%s/semel.conf", conf_folder);
	config_load(path, false, ret_config, &problems);
	config_problems_print(&problems, &out);
	buf_add(&out, "", 0);
	config_problems_free(&problems);
	return out.data;
}

static inline char *conf_load(const char *text, struct config **ret_config)
{
	unit_write(conf_folder, "semel.conf", text);
	return conf_load_file(ret_config);
}

/* The text is refused with this line among the others ("LINE: error: TEXT" or a part of it). */
static inline void conf_expect_error(const char *text, const char *expected)
{
	struct config *c;
	char *problems = conf_load(text, &c);

	ck_assert_msg(strstr(problems, expected) != NULL, "expected '%s', found:\n%s", expected, problems);
	ck_assert_msg(c == NULL, "accepted, but '%s' was expected", expected);
	free(problems);
}

/* The text is accepted, and what is said of it is exactly `expected`, without the file's name; "": nothing. */
static inline struct config *conf_expect_good(const char *text, const char *expected)
{
	struct config *c;
	char *problems = conf_load(text, &c), *at = problems;
	struct buf shown = { NULL, 0, 0 };
	size_t prefix = strlen(conf_folder) + strlen("/semel.conf:");

	buf_add(&shown, "", 0);
	for (char *end; *at != '\0'; at = end + 1) {
		end = strchr(at, '\n');
		buf_add(&shown, at + prefix, (size_t)(end - at) + 1 - prefix);
	}
	ck_assert_msg(c != NULL, "refused:\n%s", problems);
	ck_assert_str_eq(shown.data, expected);
	buf_free(&shown);
	free(problems);
	return c;
}

#endif
