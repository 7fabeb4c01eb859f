#include "core/trace.h"

#include "lib/unit.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static bool is_valid(const char *text)
{
	struct trace t = { "", "" };
	bool valid = trace_parse(bytes_of_text(text), &t);

	if (valid) {
		ck_assert_str_eq(t.trace_id, ID);
		ck_assert_str_eq(t.span_id, SPAN);
	} else {
		ck_assert_str_eq(t.trace_id, "");
	}
	return valid;
}

START_TEST(traceparent_as_w3c_has_it)
{
	struct trace t;

	ck_assert(is_valid("00-" ID "-" SPAN "-01"));
	ck_assert(is_valid("00-" ID "-" SPAN "-00"));
	ck_assert(is_valid("cc-" ID "-" SPAN "-01"));
	ck_assert(is_valid("cc-" ID "-" SPAN "-01-what comes later"));
	ck_assert(!is_valid(""));
	ck_assert(!is_valid("00-" ID "-" SPAN "-0"));
	ck_assert(!is_valid("00-" ID "-" SPAN "-01-more"));
	ck_assert(!is_valid("cc-" ID "-" SPAN "-01.more"));
	ck_assert(!is_valid("ff-" ID "-" SPAN "-01"));
	ck_assert(!is_valid("00-00000000000000000000000000000000-" SPAN "-01"));
	ck_assert(!is_valid("00-" ID "-0000000000000000-01"));
	ck_assert(!is_valid("00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01"));
	ck_assert(!is_valid("00_" ID "-" SPAN "-01"));
	ck_assert(!is_valid("00-" ID "-" SPAN "-0g"));
	ck_assert(!is_valid(" 0-" ID "-" SPAN "-01"));
	ck_assert(!trace_parse((struct bytes){ NULL, 0 }, &t));
	ck_assert(!trace_parse((struct bytes){ "00-" ID "-" SPAN "-\0001", 55 }, &t));
}
END_TEST

int main(void)
{
	return unit_run("trace", (const TTest *const[]){ traceparent_as_w3c_has_it, NULL });
}
