/* debug - a handler that misbehaves on command: for tests, and for trying out a configuration.
 *
 * The setting `do`, or the event's header `debug` where there is one, is a
 * list of words separated by commas, done in order:
 *
 *   ok retry reject skip cancelled   end with this outcome
 *   retry:MS                         end with RETRY after MS milliseconds
 *   delay:MS                         RETRY after MS milliseconds at the first attempt, then go on with the next word
 *   fail:N                           RETRY while attempt <= N, then go on with the next word
 *   outcome:N                        end with the number N
 *   sleep:MS                         sleep, deaf to cancellation
 *   wait:MS                          sleep, but end with CANCELLED when told to give up
 *   async:MS                         return SEMEL_ASYNC; a thread completes it with OK after MS, or when flushed
 *   async-never                      return SEMEL_ASYNC, and complete it only once it is cancelled
 *   early                            complete with OK, and then return SEMEL_ASYNC
 *   twice:MS                         as async:MS, but complete() is called twice
 *   emit:TOPIC                       emit a record with the event's key and payload, then go on
 *   hang                             for ever, deaf to cancellation
 *   segv abort exit _exit            end the process
 *   mask closefds spawn leak:KB      block all signals; close descriptors of the host; leave a thread; lose memory
 *   log                              one log line
 *   echo[:retry]                     log the payload as text, and as name and value of a field; REJECT (RETRY) with it as reason
 *
 * Without one of the first group at its end the outcome is OK.  With `path`
 * set, each run that ends OK appends "ID ATTEMPT REDELIVERED" to that file, or
 * with `json` a line {"key","id","attempt","redelivered","at_ms","due_ms"}: when it ended, and when it was due if it
 * came by the retry topic, else 0.
 *
 * The setting `open` is for its open: segv, abort, exit and _exit end the
 * process there, hang stays for ever, fail refuses for good, later for now.
 */
#include "debug.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct semel_setting settings[] = {
	{ "do", SEMEL_TEXT, "ok", "What to do with an event that does not say it itself." },
	{ "path", SEMEL_TEXT, "", "File to note runs in." },
	{ "json", SEMEL_BOOLEAN, "false",
	    "Note them as JSON lines, with the members of the file handler that tests read." },
	{ "open", SEMEL_TEXT, "", "How its open fails: segv, abort, exit, _exit, hang, fail, later." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

static void die(const char *how)
{
	if (strcmp(how, "segv") == 0)
		raise(SIGSEGV);
	if (strcmp(how, "exit") == 0)
		exit(3);
	if (strcmp(how, "_exit") == 0)
		_exit(4);
	abort();
}

/* 0, or -errno. */
static int obey_in_open(const char *how)
{
	if (strcmp(how, "fail") == 0)
		return -EINVAL;
	if (strcmp(how, "later") == 0)
		return -EAGAIN;
	while (strcmp(how, "hang") == 0)
		pause();
	if (how[0] != '\0')
		die(how);
	return 0;
}

static int debug_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct debug *d = calloc(1, sizeof(*d));
	const char *path = host->text(s, "path");
	int r = d == NULL ? -ENOMEM : obey_in_open(host->text(s, "open"));

	if (r < 0) {
		free(d);
		return r;
	}
	d->fd = -1;
	d->json = host->number(s, "json") != 0;
	d->words = strdup(host->text(s, "do"));
	if (path[0] != '\0')
		d->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (d->words == NULL || (path[0] != '\0' && d->fd < 0)) {
		r = -errno;
		free(d->words);
		free(d);
		return r;
	}
	if (debug_later_start(d) < 0) {
		free(d->words);
		free(d);
		return -EAGAIN;
	}
	*ret_self = d;
	return 0;
}

void debug_sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) < 0)
		;
}

static bool wait_ms(const struct semel_event *e, long ms)
{
	for (; ms > 0; ms -= 10) {
		if (e->host->cancelled(e))
			return false;
		debug_sleep_ms(10);
	}
	return true;
}

static void *idle(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

/* What a library in a handler may do to its host, and should not. */
static void misbehave(const char *word, long n)
{
	pthread_t thread;
	sigset_t all;

	if (strcmp(word, "mask") == 0) {
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, NULL);
		signal(SIGTERM, SIG_IGN);
	} else if (strcmp(word, "closefds") == 0) {
		for (int fd = 3; fd < 64; fd++)
			close(fd);
	} else if (strcmp(word, "spawn") == 0) {
		pthread_create(&thread, NULL, idle, NULL);
	} else if (strncmp(word, "leak:", 5) == 0) {
		void *volatile lost = malloc((size_t)n * 1024);

		if (lost != NULL)
			memset(lost, 1, (size_t)n * 1024);
	}
}

/* What somebody sent, wherever a handler's words are shown. */
static int echo(const struct semel_event *e, int outcome)
{
	char *text = strndup(e->payload.data == NULL ? "" : e->payload.data, e->payload.len);
	struct semel_header field = { text, e->payload };

	if (text == NULL)
		return SEMEL_RETRY;
	e->host->log(e->host, e, SEMEL_WARNING, text, &field, 1);
	outcome = semel_end(e, outcome, -1, "%s", text);
	free(text);
	return outcome;
}

/* What one word says; -1: go on with the next. */
static int obey(const struct semel_event *e, const char *word)
{
	static const struct {
		const char *name;
		int outcome;
	} ends[] = { { "ok", SEMEL_OK }, { "retry", SEMEL_RETRY }, { "reject", SEMEL_REJECT },
		{ "skip", SEMEL_SKIP }, { "cancelled", SEMEL_CANCELLED } };
	const char *colon = strchr(word, ':');
	long n = colon == NULL ? 0 : strtol(colon + 1, NULL, 10);

	for (size_t i = 0; colon == NULL && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(word, ends[i].name) == 0)
			return ends[i].outcome == SEMEL_OK
				   ? SEMEL_OK
				   : semel_end(e, ends[i].outcome, -1, "debug: %s", word);
	if (strcmp(word, "echo") == 0 || strcmp(word, "echo:retry") == 0)
		return echo(e, colon == NULL ? SEMEL_REJECT : SEMEL_RETRY);
	if (strcmp(word, "segv") == 0 || strcmp(word, "abort") == 0 || strcmp(word, "exit") == 0 ||
	    strcmp(word, "_exit") == 0)
		die(word);
	if (strcmp(word, "log") == 0)
		e->host->log(e->host, e, SEMEL_INFO, "debug", NULL, 0);
	if (strncmp(word, "retry:", 6) == 0)
		return semel_end(e, SEMEL_RETRY, n, "debug: %s", word);
	if (strncmp(word, "fail:", 5) == 0 && (long)e->attempt <= n)
		return semel_end(e, SEMEL_RETRY, -1, "debug: %s, attempt %u", word, e->attempt);
	if (strncmp(word, "delay:", 6) == 0 && e->attempt == 1)
		return semel_end(e, SEMEL_RETRY, n, "debug: %s", word);
	if (strncmp(word, "outcome:", 8) == 0)
		return (int)n;
	if (strncmp(word, "sleep:", 6) == 0)
		debug_sleep_ms(n);
	if (strncmp(word, "emit:", 5) == 0) {
		struct semel_record r = {
			.size = sizeof(r), .topic = word + 5, .key = e->key, .payload = e->payload
		};
		int failed = e->host->emit(e, &r);

		if (failed != 0)
			return semel_end(e, SEMEL_REJECT, -1, "debug: emit: %s", strerror(-failed));
	}
	misbehave(word, n);
	while (strcmp(word, "hang") == 0)
		debug_sleep_ms(1000);
	if (strncmp(word, "wait:", 5) == 0 && !wait_ms(e, n))
		return SEMEL_CANCELLED;
	return -1;
}

static long long number_of(struct semel_bytes b)
{
	char text[24] = "";

	if (b.data != NULL && b.len < sizeof(text))
		memcpy(text, b.data, b.len);
	return strtoll(text, NULL, 10);
}

long long debug_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int debug_note(const struct debug *d, const struct semel_event *e)
{
	char line[2400];
	int n;

	if (d->json)
		n = snprintf(line, sizeof(line),
		    "{\"key\":\"%.*s\",\"id\":\"%.*s\",\"attempt\":%u,\"redelivered\":%s,\"at_ms\":%lld,\"due_ms\":%lld}\n",
		    (int)e->key.len, e->key.len == 0 ? "" : (const char *)e->key.data, (int)e->id.len,
		    (const char *)e->id.data, e->attempt, e->redelivered ? "true" : "false", debug_now_ms(),
		    number_of(e->host->header(e, "semel.retry.due")));
	else
		n = snprintf(line, sizeof(line), "%.*s %u %d\n", (int)e->id.len, (const char *)e->id.data,
		    e->attempt, e->redelivered);

	return d->fd < 0 || write(d->fd, line, (size_t)n) == n ? SEMEL_OK : SEMEL_RETRY;
}

static int debug_handle(void *self, void *worker, const struct semel_event *e)
{
	struct debug *d = self;
	struct semel_bytes own = e->host->header(e, "debug");
	char words[512], *save, *word;
	int outcome = -1;

	(void)worker;
	if (own.data == NULL || own.len >= sizeof(words))
		snprintf(words, sizeof(words), "%s", d->words);
	else
		snprintf(words, sizeof(words), "%.*s", (int)own.len, (const char *)own.data);
	for (word = strtok_r(words, ",", &save); word != NULL && outcome < 0;
	     word = strtok_r(NULL, ",", &save))
		if ((outcome = debug_later(d, e, word)) < 0)
			outcome = obey(e, word);
	if (outcome < 0)
		outcome = SEMEL_OK;
	return outcome == SEMEL_OK ? debug_note(d, e) : outcome;
}

static void debug_batch(void *self, void *worker, const struct semel_event *const *e, int *outcomes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		outcomes[i] = debug_handle(self, worker, e[i]);
}

static void debug_close(void *self)
{
	struct debug *d = self;

	debug_later_stop(d);
	if (d->fd >= 0)
		close(d->fd);
	free(d->words);
	free(d);
}

SEMEL_HANDLER("debug", "1.0.0", .settings = settings, .open = debug_open, .handle = debug_handle,
    .handle_batch = debug_batch, .flush = debug_later_flush, .close = debug_close);
