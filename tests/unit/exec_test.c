/* The handler exec under the test kit, with real children: lines of 10 MB both ways, answers, cancels, the end. */
#include "lib/unit.h"

#include <semel/testkit.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

extern const struct semel_handler semel_handler;

#define LARGE ((size_t)10 << 20)

static struct semel_test *open_with(const char *const *argv)
{
	struct semel_test *t = semel_test_new(&semel_handler);
	char name[32];

	signal(SIGPIPE, SIG_IGN); /* as the host does */
	for (size_t i = 0; argv[i] != NULL; i++) {
		snprintf(name, sizeof(name), "command/%zu", i);
		semel_test_set(t, name, argv[i]);
	}
	semel_test_set(t, "grace", "200ms");
	semel_test_emits(t, "out");
	return t;
}

static struct semel_test *open_shell(const char *body)
{
	char script[1024];
	const char *argv[] = { "sh", "-c", script, NULL };
	struct semel_test *t;

	snprintf(script, sizeof(script),
	    "while IFS= read -r line; do seq=${line#*\\\"seq\\\":}; seq=${seq%%%%,*}; %s; done", body);
	t = open_with(argv);
	ck_assert_int_eq(semel_test_open(t), 0);
	return t;
}

static struct semel_test *open_python(const char *body)
{
	char script[1024];
	const char *argv[] = { "python3", "-c", script, NULL };
	struct semel_test *t;

	snprintf(script, sizeof(script),
	    "import sys, json\nfor line in sys.stdin.buffer:\n e = json.loads(line)\n %s\n", body);
	t = open_with(argv);
	ck_assert_int_eq(semel_test_open(t), 0);
	return t;
}

START_TEST(ten_megabytes_go_through_both_ways)
{
	struct semel_test *t = open_python(
	    "a = {k: e[k] for k in e if k.startswith('payload')}; "
	    "print(json.dumps({'seq': e['seq'], 'outcome': 'ok', 'emit': [{'topic': 'out', **a}]}), flush=True)");
	unsigned char *payload = malloc(LARGE);

	for (int binary = 0; binary < 2; binary++) {
		struct semel_test_event e = { .payload = { payload, LARGE } };
		struct semel_record r;
		struct semel_test_run *run;

		for (size_t i = 0; i < LARGE; i++)
			payload[i] = binary ? (unsigned char)(i * 2654435761u >> 13)
					    : (unsigned char)('a' + i % 26);
		run = semel_test_handle(t, &e);
		ck_assert_msg(semel_test_outcome(run) == SEMEL_OK, "%s", semel_test_why(run));
		ck_assert(semel_test_emitted(run, 0, &r));
		ck_assert_uint_eq(r.payload.len, LARGE);
		ck_assert(memcmp(r.payload.data, payload, LARGE) == 0);
	}
	free(payload);
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

/* The child fills its output before it reads: neither side may wait for the other. */
START_TEST(a_child_that_writes_before_it_reads_is_no_deadlock)
{
	const char *argv[] = { "python3", "-c",
		"import sys, time\nsys.stdin.buffer.read(1)\nsys.stdout.write('x' * (1 << 20) + '\\n')\nsys.stdout.flush()\ntime.sleep(60)",
		NULL };
	struct semel_test *t = open_with(argv);
	char *payload = malloc(LARGE);
	struct semel_test_event e = { .payload = { payload, LARGE } };
	struct semel_test_run *run;

	memset(payload, 'a', LARGE);
	ck_assert_int_eq(semel_test_open(t), 0);
	run = semel_test_handle(t, &e);
	ck_assert_int_eq(semel_test_outcome(run), SEMEL_RETRY);
	ck_assert_str_eq(semel_test_why(run), "the program wrote a line before it had read the event");
	free(payload);
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

START_TEST(a_line_above_max_line_is_rejected)
{
	const char *argv[] = { "cat", NULL };
	struct semel_test *t = open_with(argv);
	char payload[5000] = { 0 };
	struct semel_test_event e = { .payload = { payload, sizeof(payload) } };
	struct semel_test_run *run;

	semel_test_set(t, "max_line", "4KiB");
	ck_assert_int_eq(semel_test_open(t), 0);
	run = semel_test_handle(t, &e);
	ck_assert_int_eq(semel_test_outcome(run), SEMEL_REJECT);
	ck_assert_ptr_nonnull(strstr(semel_test_why(run), "max_line is 4096"));
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

/* What a child may see of the host: a few variables, no descriptor, default signals. */
START_TEST(a_child_inherits_nothing)
{
	struct semel_test *t;
	struct semel_test_event e = { .payload = semel_text("x") };
	struct semel_test_run *run;

	setenv("SECRET", "s", 1);
	t = open_shell(
	    "seen=\"$(env | cut -d= -f1 | grep -v '^_$\\|^PWD$\\|^OLDPWD$\\|^SHLVL$' | sort | tr '\\n' ' ')"
	    "$(ls /proc/$$/fd | tr '\\n' ' ')$(grep -c 'Sig[BI].*:.0000000000000000' /proc/$$/status)\"; "
	    "printf '{\"seq\":%s,\"outcome\":\"reject\",\"why\":\"%s\"}\\n' $seq \"$seen\"");
	run = semel_test_handle(t, &e);
	ck_assert_int_eq(semel_test_outcome(run), SEMEL_REJECT);
	/* ls sees the pipe of $( ), if the shell keeps one, above the three */
	ck_assert_ptr_nonnull(
	    strstr(semel_test_why(run), "LANG PATH SEMEL_EXEC_PROTOCOL SEMEL_HANDLER 0 1 2 "));
	ck_assert_ptr_nonnull(strstr(semel_test_why(run), " 2"));
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

START_TEST(answers_that_break_the_protocol)
{
	static const struct {
		const char *answer, *why;
	} broken[] = { { "{\\\"outcome\\\":\\\"ok\\\"}", "seq is not there" },
		{ "{\\\"seq\\\":$seq,\\\"outcome\\\":\\\"OK\\\"}", "outcome is none of" },
		{ "{\\\"seq\\\":$seq,\\\"outcome\\\":\\\"ok\\\",\\\"retry_ms\\\":5}", "retry_ms goes with" },
		{ "{\\\"seq\\\":$seq,\\\"outcome\\\":\\\"retry\\\",\\\"retry_ms\\\":-1}",
		    "retry_ms is no integer" },
		{ "{\\\"seq\\\":$seq,\\\"outcome\\\":\\\"skip\\\",\\\"emit\\\":[]}", "emit goes with" },
		{ "{\\\"seq\\\":$seq,\\\"outcome\\\":\\\"ok\\\",\\\"emit\\\":[1]}",
		    "emit holds what is no object" },
		{ "{\\\"seq\\\":$seq,\\\"outcome\\\":\\\"ok\\\",\\\"emit\\\":[{}]}", "topic is no text" },
		{ "{\\\"seq\\\":$seq,\\\"outcome\\\":\\\"ok\\\",\\\"emit\\\":[{\\\"topic\\\":\\\"out\\\",\\\"key_base64\\\":\\\"=\\\"}]}",
		    "key_base64 is not base64" },
		{ "{\\\"seq\\\":$seq,\\\"seq\\\":1}", "no JSON (duplicate object key" } };

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		char body[512];
		struct semel_test *t;
		struct semel_test_event e = { .payload = semel_text("x") };
		struct semel_test_run *run;

		snprintf(body, sizeof(body), "printf '%%s\\n' \"%s\"", broken[i].answer);
		t = open_shell(body);
		run = semel_test_handle(t, &e);
		ck_assert_int_eq(semel_test_outcome(run), SEMEL_RETRY);
		ck_assert_msg(strstr(semel_test_why(run), broken[i].why) != NULL, "%s: %s", broken[i].answer,
		    semel_test_why(run));
		ck_assert_uint_eq(semel_test_end(t), 0);
	}
}
END_TEST

START_TEST(wrong_settings_are_told)
{
	static const char *const cases[][3] = { { "command/0", "bin/x", "is a relative path" },
		{ "command/0", "no-such-program", "in the child's PATH" },
		{ "directory", "x", "is no absolute path" }, { "max_line", "1KiB", "is none of 4KiB" },
		{ "grace", "1h", "is none of 0s" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct semel_test *t = semel_test_new(&semel_handler);

		semel_test_set(t, "command/0", "true");
		semel_test_set(t, cases[i][0], cases[i][1]);
		ck_assert_int_lt(semel_test_open(t), 0);
		ck_assert_ptr_nonnull(semel_test_fault(t, 0));
		ck_assert_ptr_nonnull(strstr(semel_test_fault(t, 0), cases[i][2]));
		semel_test_end(t);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { ten_megabytes_go_through_both_ways,
		a_child_that_writes_before_it_reads_is_no_deadlock, a_line_above_max_line_is_rejected,
		a_child_inherits_nothing, answers_that_break_the_protocol, wrong_settings_are_told, NULL };

	return unit_run("handler exec", tests);
}
