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
 */
#include <semel/handler.h>

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
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

struct open_run {
	const struct semel_event *event;
	long long due_ms;
	bool never, twice;
	struct open_run *next;
};

struct debug {
	char *words;
	int fd; /* -1: none */
	bool json;
	pthread_t thread;
	pthread_mutex_t lock; /* of runs */
	struct open_run *runs;
	atomic_bool closing;
};

static void *complete_runs(void *arg);

static int debug_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct debug *d = calloc(1, sizeof(*d));
	const char *path = host->text(s, "path");

	if (d == NULL)
		return -ENOMEM;
	d->fd = -1;
	d->json = host->number(s, "json") != 0;
	d->words = strdup(host->text(s, "do"));
	if (path[0] != '\0')
		d->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (d->words == NULL || (path[0] != '\0' && d->fd < 0)) {
		int r = -errno;

		free(d->words);
		free(d);
		return r;
	}
	pthread_mutex_init(&d->lock, NULL);
	if (pthread_create(&d->thread, NULL, complete_runs, d) != 0) {
		free(d->words);
		free(d);
		return -EAGAIN;
	}
	*ret_self = d;
	return 0;
}

static void sleep_ms(long ms)
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
		sleep_ms(10);
	}
	return true;
}

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
		sleep_ms(n);
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
		sleep_ms(1000);
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

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int note(const struct debug *d, const struct semel_event *e)
{
	char line[2400];
	int n;

	if (d->json)
		n = snprintf(line, sizeof(line),
		    "{\"key\":\"%.*s\",\"id\":\"%.*s\",\"attempt\":%u,\"redelivered\":%s,\"at_ms\":%lld,\"due_ms\":%lld}\n",
		    (int)e->key.len, e->key.len == 0 ? "" : (const char *)e->key.data, (int)e->id.len,
		    (const char *)e->id.data, e->attempt, e->redelivered ? "true" : "false", now_ms(),
		    number_of(e->host->header(e, "semel.retry.due")));
	else
		n = snprintf(line, sizeof(line), "%.*s %u %d\n", (int)e->id.len, (const char *)e->id.data,
		    e->attempt, e->redelivered);

	return d->fd < 0 || write(d->fd, line, (size_t)n) == n ? SEMEL_OK : SEMEL_RETRY;
}

/* ---- Runs that end later */

/* Takes its place among what the thread completes. */
static int later(struct debug *d, const struct semel_event *e, long ms, bool never, bool twice)
{
	struct open_run *run = malloc(sizeof(*run));

	if (run == NULL)
		return SEMEL_RETRY;
	*run = (struct open_run){ .event = e, .due_ms = now_ms() + ms, .never = never, .twice = twice };
	pthread_mutex_lock(&d->lock);
	run->next = d->runs;
	d->runs = run;
	pthread_mutex_unlock(&d->lock);
	return SEMEL_ASYNC;
}

static void complete(struct debug *d, struct open_run *run)
{
	const struct semel_host *host = run->event->host;
	uint64_t token = run->event->token;
	bool cancelled = run->never;
	int outcome = cancelled ? SEMEL_CANCELLED : note(d, run->event);

	host->complete(host, token, (enum semel_outcome)outcome, -1, NULL);
	if (run->twice && host->complete(host, token, SEMEL_REJECT, -1, "twice") == 0)
		abort();
	free(run);
}

/* The first that is due, taken out; NULL: none. */
static struct open_run *take_due(struct debug *d)
{
	struct open_run **at, *run = NULL;

	pthread_mutex_lock(&d->lock);
	for (at = &d->runs; *at != NULL; at = &(*at)->next) {
		const struct semel_event *e = (*at)->event;

		if ((*at)->never ? e->host->cancelled(e) : now_ms() >= (*at)->due_ms)
			break;
	}
	run = *at;
	if (run != NULL)
		*at = run->next;
	pthread_mutex_unlock(&d->lock);
	return run;
}

static void *complete_runs(void *arg)
{
	struct debug *d = arg;
	struct open_run *run;

	while (!atomic_load(&d->closing)) {
		run = take_due(d);
		if (run != NULL)
			complete(d, run);
		else
			sleep_ms(1);
	}
	return NULL;
}

static void debug_flush(void *self)
{
	struct debug *d = self;

	pthread_mutex_lock(&d->lock);
	for (struct open_run *run = d->runs; run != NULL; run = run->next)
		run->due_ms = 0;
	pthread_mutex_unlock(&d->lock);
}

/* -1: none of these. */
static int obey_later(struct debug *d, const struct semel_event *e, const char *word)
{
	const char *colon = strchr(word, ':');
	long n = colon == NULL ? 0 : strtol(colon + 1, NULL, 10);

	if (strncmp(word, "async:", 6) == 0)
		return later(d, e, n, false, false);
	if (strncmp(word, "twice:", 6) == 0)
		return later(d, e, n, false, true);
	if (strcmp(word, "async-never") == 0)
		return later(d, e, 0, true, false);
	if (strcmp(word, "early") != 0)
		return -1;
	if (note(d, e) == SEMEL_OK)
		e->host->complete(e->host, e->token, SEMEL_OK, -1, NULL);
	return SEMEL_ASYNC;
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
		if ((outcome = obey_later(d, e, word)) < 0)
			outcome = obey(e, word);
	if (outcome < 0)
		outcome = SEMEL_OK;
	return outcome == SEMEL_OK ? note(d, e) : outcome;
}

static void debug_batch(void *self, void *worker, const struct semel_event *const *e, int *outcomes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		outcomes[i] = debug_handle(self, worker, e[i]);
}

static void debug_close(void *self)
{
	struct debug *d = self;

	atomic_store(&d->closing, true);
	pthread_join(d->thread, NULL);

	if (d->fd >= 0)
		close(d->fd);
	free(d->words);
	free(d);
}

SEMEL_HANDLER("debug", "1.0.0", .settings = settings, .open = debug_open, .handle = debug_handle,
    .handle_batch = debug_batch, .flush = debug_flush, .close = debug_close);
