/* The tables in docs/ are printed from the tables in the code: `docs_test keys|metrics` prints one. */
#include "adapters/config_file.h"
#include "core/metrics.h"

#include "lib/unit.h"

#ifndef DOCS
#error "DOCS: the folder of the documents"
#endif

static char *read_doc(const char *name)
{
	static char text[200000];
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", DOCS, name);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

START_TEST(configuration_lists_the_keys_of_the_code)
{
	struct buf keys = { NULL, 0, 0 };

	config_keys(true, &keys);
	/* The default folder of plugins is the build's. */
	ck_assert_msg(strstr(read_doc("configuration.md"), keys.data) != NULL,
	    "docs/configuration.md is not what `semel config --keys --markdown` prints");
	buf_free(&keys);
}
END_TEST

START_TEST(metrics_lists_the_metrics_of_the_code)
{
	struct buf table = { NULL, 0, 0 };

	metrics_document(&table);
	ck_assert_msg(strstr(read_doc("metrics.md"), table.data) != NULL,
	    "docs/metrics.md is not what `docs_test metrics` prints");
	buf_free(&table);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = { configuration_lists_the_keys_of_the_code,
		metrics_lists_the_metrics_of_the_code, NULL };
	struct buf out = { NULL, 0, 0 };

	if (argc == 1)
		return unit_run("docs", tests);
	if (strcmp(argv[1], "keys") == 0)
		config_keys(true, &out);
	else
		metrics_document(&out);
	fputs(out.data, stdout);
	buf_free(&out);
	return 0;
}
