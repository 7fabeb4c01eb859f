#include "adapters/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
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
static CURLcode perform(CURL *curl, bool again, struct buf *body)
{
	CURLcode code = curl_easy_perform(curl);

	for (int i = 0; again && i < RETRIES &&
			(code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
			    code == CURLE_PARTIAL_FILE);
	     i++) {
		buf_clear(body);
		code = curl_easy_perform(curl);
	}
	return code;
}

int http_client_call(
    const char *socket, const char *method, const char *path, struct buf *ret_body, char *why, size_t size)
{
	struct buf url = { NULL, 0, 0 };
	bool post = strcmp(method, "POST") == 0;
	CURL *curl;
	CURLcode code;
	long status = 0;
	int r = look(socket, why, size);

	if (r < 0)
		return r;
	curl = curl_easy_init();
	if (curl == NULL)
		return -ENOMEM;
	buf_printf(&url, "http://semel%s", path);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (post)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, post ? POST_TIMEOUT_MS : TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_body);
	code = perform(curl, !post, ret_body);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	buf_free(&url);
	if (code == CURLE_OK)
		return (int)status;
	snprintf(why, size, "%s: %s: is semeld running?", socket, curl_easy_strerror(code));
	return code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -ECONNREFUSED;
}
