#include "adapters/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_MS 10000L
/* A reload is answered when it was judged. */
#define POST_TIMEOUT_MS 70000L
#define RETRIES 3

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	buf_add(arg, data, size * n);
	return size * n;
}

/* Said before curl tries, because its own texts do not tell these apart. */
static int look(const char *socket, char *why, size_t size)
{
	struct stat st;

	if (stat(socket, &st) < 0) {
		snprintf(why, size, "%s: %s: is semeld running?", socket, strerror(errno));
		return -errno;
	}
	if (access(socket, R_OK | W_OK) < 0) {
		snprintf(why, size, "%s: %s: become a member of its group", socket, strerror(errno));
		return -EACCES;
	}
	return 0;
}

/* An engine that is replaced closes what it has not answered; the socket stays, and the next one answers.  What only
 * asks may be asked again. */
static bool cut_off(CURLcode code)
{
	return code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
	       code == CURLE_PARTIAL_FILE;
}

static CURLcode perform(CURL *curl, bool again, struct buf *body)
{
	CURLcode code = curl_easy_perform(curl);

	for (int i = 0; again && i < RETRIES && cut_off(code); i++) {
		buf_clear(body);
		code = curl_easy_perform(curl);
	}
	return code;
}

/* NULL: out of memory.  The body goes to *ret_body. */
static CURL *request(
    const char *socket, const char *method, const char *path, long timeout_ms, struct buf *ret_body)
{
	CURL *curl = curl_easy_init();
	struct buf url = { NULL, 0, 0 };

	if (curl == NULL)
		return NULL;
	buf_printf(&url, "http://semel%s", path);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (strcmp(method, "POST") == 0)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_body);
	buf_free(&url);
	return curl;
}

static int end(CURL *curl, CURLcode code, const char *socket, char *why, size_t size)
{
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (code == CURLE_OK)
		return (int)status;
	snprintf(why, size, "%s: %s: is semeld running?", socket, curl_easy_strerror(code));
	return code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -ECONNREFUSED;
}

int http_client_call(
    const char *socket, const char *method, const char *path, struct buf *ret_body, char *why, size_t size)
{
	bool post = strcmp(method, "POST") == 0;
	CURL *curl;
	int r = look(socket, why, size);

	if (r < 0)
		return r;
	curl = request(socket, method, path, post ? POST_TIMEOUT_MS : TIMEOUT_MS, ret_body);
	if (curl == NULL)
		return -ENOMEM;
	return end(curl, perform(curl, !post, ret_body), socket, why, size);
}

/* ---- An answer that goes on */

/* The other side says something every two seconds. */
#define SILENCE_S 10L

struct streaming {
	CURL *curl;
	bool (*take)(void *arg, const char *data, size_t len);
	void *arg;
	const volatile int *stop;
	struct buf *refusal;
	bool enough;
};

static size_t take_stream(char *data, size_t size, size_t n, void *arg)
{
	struct streaming *s = arg;
	long status = 0;

	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		buf_add(s->refusal, data, size * n);
	else if (!s->take(s->arg, data, size * n))
		s->enough = true;
	return s->enough ? 0 : size * n;
}

static int see_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct streaming *s = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return *s->stop;
}

int http_client_stream(const char *socket, const char *path,
    bool (*taker)(void *arg, const char *data, size_t len), void *arg, const volatile int *stop,
    struct buf *ret_refusal, char *why, size_t size)
{
	struct streaming s = { NULL, taker, arg, stop, ret_refusal, false };
	long status = 0;
	int r = look(socket, why, size);
	CURLcode code;

	if (r < 0)
		return r;
	s.curl = request(socket, "GET", path, 0, ret_refusal);
	if (s.curl == NULL)
		return -ENOMEM;
	curl_easy_setopt(s.curl, CURLOPT_WRITEFUNCTION, take_stream);
	curl_easy_setopt(s.curl, CURLOPT_WRITEDATA, &s);
	curl_easy_setopt(s.curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(s.curl, CURLOPT_XFERINFOFUNCTION, see_stop);
	curl_easy_setopt(s.curl, CURLOPT_XFERINFODATA, &s);
	curl_easy_setopt(s.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(s.curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
	code = curl_easy_perform(s.curl);
	curl_easy_getinfo(s.curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(s.curl);
	if (*stop)
		return -EINTR;
	/* However it ended, it had begun. */
	if (status > 0)
		return (int)status;
	snprintf(why, size, "%s: %s: is semeld running?", socket, curl_easy_strerror(code));
	return -ECONNREFUSED;
}

/* ---- Without waiting */

struct http_ask {
	CURLM *multi;
	char *socket;
	CURL *curl; /* NULL: none is under way */
	int retries;
	struct buf body;
	int result;
	char why[512];
};

struct http_ask *http_ask_new(const char *socket)
{
	struct http_ask *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->multi = curl_multi_init();
	a->socket = strdup(socket);
	if (a->multi == NULL || a->socket == NULL) {
		http_ask_free(a);
		return NULL;
	}
	return a;
}

/* It is let go, whatever became of it. */
static void forget(struct http_ask *a)
{
	if (a->curl == NULL)
		return;
	curl_multi_remove_handle(a->multi, a->curl);
	curl_easy_cleanup(a->curl);
	a->curl = NULL;
}

void http_ask_free(struct http_ask *a)
{
	if (a == NULL)
		return;
	forget(a);
	curl_multi_cleanup(a->multi);
	buf_free(&a->body);
	free(a->socket);
	free(a);
}

bool http_ask_busy(const struct http_ask *a)
{
	return a->curl != NULL;
}

/* What has come is taken; the end of it is seen. */
static void advance(struct http_ask *a)
{
	int running = 0, left = 0;
	CURL *curl = a->curl;
	CURLcode code;
	CURLMsg *m;

	if (curl == NULL)
		return;
	curl_multi_perform(a->multi, &running);
	m = curl_multi_info_read(a->multi, &left);
	if (m == NULL || m->msg != CURLMSG_DONE)
		return;
	code = m->data.result;
	curl_multi_remove_handle(a->multi, curl);
	if (cut_off(code) && a->retries++ < RETRIES) {
		buf_clear(&a->body);
		curl_multi_add_handle(a->multi, curl);
		return;
	}
	a->curl = NULL;
	a->result = end(curl, code, a->socket, a->why, sizeof(a->why));
}

void http_ask_begin(struct http_ask *a, const char *path)
{
	forget(a);
	buf_clear(&a->body);
	a->result = look(a->socket, a->why, sizeof(a->why));
	if (a->result < 0)
		return;
	a->curl = request(a->socket, "GET", path, TIMEOUT_MS, &a->body);
	if (a->curl == NULL) {
		a->result = -ENOMEM;
		return;
	}
	a->retries = 0;
	curl_multi_add_handle(a->multi, a->curl);
	advance(a);
}

void http_ask_wait(struct http_ask *a, const int *fds, unsigned n, int timeout_ms)
{
	struct curl_waitfd wait[4];

	for (unsigned i = 0; i < n && i < 4; i++)
		wait[i] = (struct curl_waitfd){ fds[i], CURL_WAIT_POLLIN, 0 };
	curl_multi_poll(a->multi, wait, n < 4 ? n : 4, timeout_ms, NULL);
	advance(a);
}

int http_ask_take(struct http_ask *a, struct buf *ret_body, char *why, size_t size)
{
	buf_add(ret_body, a->body.data == NULL ? "" : a->body.data, a->body.len);
	buf_clear(&a->body);
	if (a->result < 0)
		snprintf(why, size, "%s", a->why);
	return a->result;
}
