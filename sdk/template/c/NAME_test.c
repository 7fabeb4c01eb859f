/* What @NAME@ does with an event, and with the same event once more. */
#define _GNU_SOURCE
#include <semel/testkit.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(x) \
	((x) ? (void)0 : (fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #x), exit(1)))

static char folder[] = "/tmp/@NAME@-XXXXXX";

static struct semel_test *open_handler(void)
{
	struct semel_test *t = semel_test_new(&semel_handler);

	semel_test_set(t, "folder", folder);
	CHECK(semel_test_open(t) == 0);
	return t;
}

static void writes_each_event_once(void)
{
	struct semel_test *t = open_handler();
	struct semel_test_event e = { .id = semel_text("e1"), .payload = semel_text("hello") };
	char path[64], text[16] = "";
	FILE *f;

	CHECK(semel_test_outcome(semel_test_handle(t, &e)) == SEMEL_OK);
	e.attempt = 2;
	e.redelivered = true;			/* as after a crash */
	CHECK(semel_test_outcome(semel_test_handle(t, &e)) == SEMEL_OK);
	CHECK(semel_test_metric(t, "written_total") == 2);
	CHECK(semel_test_end(t) == 0);

	snprintf(path, sizeof(path), "%s/6531", folder);
	f = fopen(path, "r");
	CHECK(f != NULL && fgets(text, sizeof(text), f) != NULL && strcmp(text, "hello") == 0);
	fclose(f);
	CHECK(unlink(path) == 0);
}

static void says_what_is_wrong(void)
{
	struct semel_test *t = open_handler();
	struct semel_test_event tombstone = { .key = semel_text("k") };
	struct semel_test_event long_id = { .payload = semel_text("x") };
	struct semel_test_run *run;
	char id[200];

	CHECK(semel_test_outcome(semel_test_handle(t, &tombstone)) == SEMEL_SKIP);
	long_id.id.data = memset(id, 'x', sizeof(id));
	long_id.id.len = sizeof(id);
	run = semel_test_handle(t, &long_id);
	CHECK(semel_test_outcome(run) == SEMEL_REJECT);
	CHECK(strstr(semel_test_why(run), "200 bytes") != NULL);
	CHECK(semel_test_end(t) == 0);
}

static void needs_its_folder(void)
{
	struct semel_test *t = semel_test_new(&semel_handler);

	semel_test_set(t, "folder", "/nonexistent");
	CHECK(semel_test_open(t) == -ENOENT);
	semel_test_set(t, "colour", "red");
	CHECK(semel_test_open(t) == -EINVAL);
	CHECK(strcmp(semel_test_fault(t, 0), "plugin @NAME@ has no setting colour") == 0);
	CHECK(semel_test_end(t) == 0);
}

int main(void)
{
	CHECK(mkdtemp(folder) != NULL);
	writes_each_event_once();
	says_what_is_wrong();
	needs_its_folder();
	CHECK(rmdir(folder) == 0);		/* nothing was left there */
	return 0;
}
