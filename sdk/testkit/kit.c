/* Setting up, opening, the end; what the other files need. */
#include "kit_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH_MAX 10000
#define END_WAIT_MS 2000

/* ---- Helpers */

void semel_kit_die(const char *format, ...)
{
	va_list ap;

	fputs("semel testkit: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void *semel_kit_grow(void *list, size_t n, size_t size)
{
	char *grown = realloc(list, (n + 1) * size);

	if (grown == NULL)
		semel_kit_die("out of memory");
	memset(grown + n * size, 0, size);
	return grown;
}

char *semel_kit_copy(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		semel_kit_die("out of memory");
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

static char *vformat(const char *format, va_list ap)
{
	char *text;

	if (vasprintf(&text, format, ap) < 0)
		semel_kit_die("out of memory");
	return text;
}

char *semel_kit_format(const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	text = vformat(format, ap);
	va_end(ap);
	return text;
}

void semel_kit_add(struct kit_texts *texts, char *text)
{
	texts->list = semel_kit_grow(texts->list, texts->n, sizeof(char *));
	texts->list[texts->n++] = text;
}

static void free_texts(struct kit_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->list[i]);
	free(texts->list);
	*texts = (struct kit_texts){ NULL, 0 };
}

int64_t semel_kit_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

void semel_kit_misuse(struct semel_test *t, const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	text = vformat(format, ap);
	va_end(ap);
	fprintf(stderr, "semel testkit: misuse: %s\n", text);
	pthread_mutex_lock(&t->lock);
	semel_kit_add(&t->misuse, text);
	pthread_mutex_unlock(&t->lock);
}

/* ---- Setting up */

struct semel_test *semel_test_new(const struct semel_handler *plugin)
{
	struct semel_test *t = semel_kit_grow(NULL, 0, sizeof(*t));
	pthread_condattr_t attr;

	t->plugin = plugin;
	t->settings.t = t;
	t->host.batch = 1;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->ended, &attr);
	pthread_condattr_destroy(&attr);
	return t;
}

static void before_open(const struct semel_test *t, const char *what)
{
	if (t->opened)
		semel_kit_die("%s belongs before semel_test_open", what);
}

void semel_test_set(struct semel_test *t, const char *name, const char *text)
{
	size_t i = 0;

	before_open(t, "semel_test_set");
	while (i < t->n_set && strcmp(t->set[i].name, name) != 0)
		i++;
	if (i == t->n_set) {
		t->set = semel_kit_grow(t->set, t->n_set++, sizeof(*t->set));
		t->set[i].name = semel_kit_copy(name, strlen(name));
	}
	free(t->set[i].text);
	t->set[i].text = semel_kit_copy(text, strlen(text));
}

void semel_test_emits(struct semel_test *t, const char *topic)
{
	before_open(t, "semel_test_emits");
	semel_kit_add(&t->emits, semel_kit_copy(topic, strlen(topic)));
}

void semel_test_name(struct semel_test *t, const char *name)
{
	before_open(t, "semel_test_name");
	free(t->name);
	t->name = semel_kit_copy(name, strlen(name));
}

void semel_test_batch(struct semel_test *t, unsigned n)
{
	before_open(t, "semel_test_batch");
	if (n == 0 || n > BATCH_MAX)
		semel_kit_die("batch: 1 to %d, not %u", BATCH_MAX, n);
	t->host.batch = n;
}

/* ---- Opening */

static bool is_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	if (n == 0 || n == size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	return true;
}

/* What keeps any host from loading it; NULL: nothing. */
static const char *refusal(const struct semel_handler *h)
{
	if (h->magic != SEMEL_MAGIC || h->size < offsetof(struct semel_handler, flush))
		return "semel_handler was not made by SEMEL_HANDLER()";
	if (h->abi_major != SEMEL_ABI_MAJOR || h->abi_minor > SEMEL_ABI_MINOR)
		return "the plugin was built for another handler ABI than this test kit";
	if (h->flags != 0)
		return "flags are not 0";
	if (!is_text(h->name, sizeof(h->name)))
		return "the name is not 1 to 63 printable characters";
	if (!is_text(h->version, sizeof(h->version)))
		return "the version is not 1 to 31 printable characters";
	return NULL;
}

static int judge_plugin(struct semel_test *t)
{
	const struct semel_handler *h = t->plugin;
	const char *why = refusal(h);

	if (why == NULL) {
		memset(&t->handler, 0, sizeof(t->handler));
		memcpy(&t->handler, h, h->size < sizeof(t->handler) ? h->size : sizeof(t->handler));
		if (t->handler.handle == NULL && t->handler.handle_batch == NULL)
			why = "there is neither handle nor handle_batch";
	}
	if (why == NULL)
		return 0;
	semel_kit_add(&t->faults, semel_kit_copy(why, strlen(why)));
	return -ENOEXEC;
}

static int open_worker(struct semel_test *t)
{
	int r = t->handler.worker_open == NULL ? 0 : t->handler.worker_open(t->self, 0, &t->worker);

	if (r == 0)
		return 0;
	semel_kit_add(&t->faults, semel_kit_format("worker_open returned %d", r));
	if (t->handler.close != NULL)
		t->handler.close(t->self);
	return r < 0 ? r : -EIO;
}

static int open_plugin(struct semel_test *t)
{
	int r;

	t->self = t->worker = NULL;
	t->opening = true;
	r = t->handler.open == NULL ? 0 : t->handler.open(&t->host, &t->settings, &t->self);
	t->opening = false;
	if (r > 0) {
		semel_kit_misuse(t, "open returned %d: 0 or -errno", r);
		r = -EIO;
	}
	if (r == 0 && t->faults.n > 0)
		semel_kit_misuse(t, "open called fault() and returned 0 instead of -EINVAL");
	return r == 0 ? open_worker(t) : r;
}

int semel_test_open(struct semel_test *t)
{
	int r;

	before_open(t, "another semel_test_open");
	free_texts(&t->faults);
	r = judge_plugin(t);
	if (r < 0)
		return r;
	if (t->name == NULL)
		t->name = semel_kit_copy(t->handler.name, strlen(t->handler.name));
	semel_kit_fill_host(t);
	semel_kit_judge_settings(t);
	if (t->faults.n > 0)
		return -EINVAL;
	r = open_plugin(t);
	t->opened = r == 0;
	return r;
}

/* ---- The end */

void semel_test_flush(struct semel_test *t)
{
	if (t->opened && t->handler.flush != NULL)
		t->handler.flush(t->self);
}

static void end_runs(struct semel_test *t)
{
	int64_t until = semel_kit_now_ms() + END_WAIT_MS;
	bool flushed = false;

	for (size_t i = 0; i < t->n_runs; i++) {
		int64_t left = until - semel_kit_now_ms();

		if (semel_test_outcome(t->runs[i]) != SEMEL_ASYNC)
			continue;
		if (!flushed)
			semel_test_flush(t);
		flushed = true;
		if (!semel_test_wait(t->runs[i], left > 0 ? left : 0))
			semel_kit_misuse(t, "event %s: the run returned SEMEL_ASYNC and was never completed",
			    t->runs[i]->label);
	}
}

static void close_plugin(struct semel_test *t)
{
	if (!t->opened)
		return;
	end_runs(t);
	if (t->handler.worker_close != NULL)
		t->handler.worker_close(t->worker);
	if (t->handler.close != NULL)
		t->handler.close(t->self);
}

static void free_metrics(struct semel_test *t)
{
	struct semel_metric *next;

	for (struct semel_metric *m = t->metrics; m != NULL; m = next) {
		next = m->next;
		free(m->name);
		free(m->help);
		free(m);
	}
}

size_t semel_test_end(struct semel_test *t)
{
	size_t misuses;

	if (t == NULL)
		return 0;
	close_plugin(t);
	misuses = t->misuse.n;
	for (size_t i = 0; i < t->n_runs; i++)
		semel_kit_run_free(t->runs[i]);
	free(t->runs);
	for (size_t i = 0; i < t->n_set; i++) {
		free(t->set[i].name);
		free(t->set[i].text);
	}
	free(t->set);
	free_metrics(t);
	free_texts(&t->emits);
	free_texts(&t->faults);
	free_texts(&t->log);
	free_texts(&t->misuse);
	free(t->name);
	pthread_cond_destroy(&t->ended);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return misuses;
}
