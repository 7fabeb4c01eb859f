/* docs/metrics.md holds the table of the code: `docs_test print` prints it. */
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

START_TEST(metrics_lists_the_metrics_of_the_code)
{
	struct buf table = { NULL, 0, 0 };

	metrics_document(&table);
	ck_assert_msg(strstr(read_doc("metrics.md"), table.data) != NULL,
	    "docs/metrics.md is not what `docs_test print` prints");
	buf_free(&table);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = { metrics_lists_the_metrics_of_the_code, NULL };
	struct buf out = { NULL, 0, 0 };

	if (argc == 1)
		return unit_run("docs", tests);
	(void)argv;
	metrics_document(&out);
	fputs(out.data, stdout);
	buf_free(&out);
	return 0;
}
