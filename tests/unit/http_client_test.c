/* The commands' way to the admin socket: an answer that is cut off is asked for again, where asking changes nothing. */
#include "adapters/http_client.h"

#include "lib/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

static char folder[64], path[100];
static int listener, calls;

/* Closes the first connection without an answer, and the second in the midst of one. */
static void *serve(void *arg)
{
	static const char *const answers[] = { "", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nhalf ",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole" };
	char request[4096];

	(void)arg;
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
		const char *answer = answers[calls < 2 ? calls : 2];

		/* Who asked may be gone again. */
		if (read(fd, request, sizeof(request)) <= 0)
			continue;
		calls++;
		(void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
	}
	return NULL;
}

static pthread_t start(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;

	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	calls = 0;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	return thread;
}

static void stop(pthread_t thread)
{
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	unit_remove(folder);
}

START_TEST(a_question_is_asked_again)
{
	pthread_t thread = start();
	struct buf body = { NULL, 0, 0 };
	char why[256] = "";

	ck_assert_msg(http_client_call(path, "GET", "/status", &body, why, sizeof(why)) == 200, "%s", why);
	ck_assert_str_eq(body.data, "whole");
	ck_assert_int_eq(calls, 3);
	buf_free(&body);
	stop(thread);
}
END_TEST

START_TEST(a_question_without_waiting_is_the_same)
{
	pthread_t thread = start();
	struct buf body = { NULL, 0, 0 };
	char why[256] = "";
	struct http_ask *a = http_ask_new(path);

	ck_assert(!http_ask_busy(a));
	http_ask_begin(a, "/status");
	while (http_ask_busy(a))
		http_ask_wait(a, NULL, 0, 10000);
	ck_assert_msg(http_ask_take(a, &body, why, sizeof(why)) == 200, "%s", why);
	ck_assert_str_eq(body.data, "whole");
	ck_assert_int_eq(calls, 3);
	/* One that is let go, and another one after it. */
	http_ask_begin(a, "/status");
	http_ask_begin(a, "/status");
	while (http_ask_busy(a))
		http_ask_wait(a, NULL, 0, 10000);
	buf_clear(&body);
	ck_assert_int_eq(http_ask_take(a, &body, why, sizeof(why)), 200);
	ck_assert_str_eq(body.data, "whole");
	http_ask_begin(a, "/status");
	http_ask_free(a);
	a = http_ask_new("/nowhere/at.all");
	http_ask_begin(a, "/status");
	ck_assert(!http_ask_busy(a));
	ck_assert_int_eq(http_ask_take(a, &body, why, sizeof(why)), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "is semeld running?"));
	http_ask_free(a);
	buf_free(&body);
	stop(thread);
}
END_TEST

START_TEST(an_order_is_given_once)
{
	pthread_t thread = start();
	struct buf body = { NULL, 0, 0 };
	char why[256] = "";

	ck_assert_int_lt(http_client_call(path, "POST", "/v1/pause", &body, why, sizeof(why)), 0);
	ck_assert_ptr_nonnull(strstr(why, "is semeld running?"));
	ck_assert_int_eq(calls, 1);
	buf_free(&body);
	stop(thread);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { a_question_is_asked_again, a_question_without_waiting_is_the_same,
		an_order_is_given_once, NULL };

	return unit_run("http_client", tests);
}
