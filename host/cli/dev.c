#include "cli/dev.h"

#include "adapters/config_file.h"
#include "adapters/http_client.h"
#include "adapters/kafka.h"
#include "cli/cli.h"
#include "cli/dev_config.h"
#include "cli/event_file.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int child_stop;

static void child_signal(int sig)
{
	(void)sig;
	child_stop = 1;
}

static void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* A child that ends with us, and that Ctrl-C at the terminal does not reach: we stop it in order. */
static pid_t start_child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
	}
	return pid;
}

static void end_child(pid_t *pid, int sig)
{
	if (*pid <= 0)
		return;
	kill(*pid, sig);
	for (int i = 0; i < 400 && waitpid(*pid, NULL, WNOHANG) == 0; i++) {
		if (i == 300)
			kill(*pid, SIGKILL);
		nap(100);
	}
	*pid = 0;
}

/* ---- Broker */

static int run_broker(int fd, const struct topic_partition *topics, size_t n)
{
	struct sigaction sa = { .sa_handler = child_signal };

	sigaction(SIGTERM, &sa, NULL);
	return kafka_mock_run(fd, topics, n, &child_stop) < 0 ? 1 : 0;
}

static int start_broker(struct dev *d, const struct topic_partition *topics, size_t n)
{
	size_t len = 0;
	ssize_t got;
	int fds[2];

	if (pipe(fds) < 0)
		return -errno;
	d->broker = start_child();
	if (d->broker == 0) {
		close(fds[0]);
		_exit(run_broker(fds[1], topics, n));
	}
	close(fds[1]);
	while (len < sizeof(d->brokers) - 1 &&
	       (got = read(fds[0], d->brokers + len, sizeof(d->brokers) - 1 - len)) > 0)
		len += (size_t)got;
	close(fds[0]);
	return len == 0 ? -EIO : 0;
}

/* ---- Redis */

static int start_redis(struct dev *d)
{
	snprintf(d->redis, sizeof(d->redis), "%s/redis.sock", d->folder);
	d->store = start_child();
	if (d->store == 0) {
		(void)!freopen("/dev/null", "w", stdout);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", d->redis, "--save", "",
		    "--appendonly", "no", "--dir", d->folder, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 100; i++) {
		if (access(d->redis, F_OK) == 0)
			return 0;
		if (waitpid(d->store, NULL, WNOHANG) == d->store) {
			d->store = 0;
			return -ENOENT;
		}
		nap(50);
	}
	return -ETIMEDOUT;
}

/* ---- Host */

/* semeld beside this program, else the one on the path. */
static int start_host(struct dev *d)
{
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 8);

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	d->host = start_child();
	if (d->host != 0)
		return d->host < 0 ? -errno : 0;
	if (slash != NULL) {
		memcpy(slash + 1, "semeld", sizeof("semeld"));
		execl(self, "semeld", "-c", d->config, (char *)NULL);
	}
	execlp("semeld", "semeld", "-c", d->config, (char *)NULL);
	_exit(127);
}

int dev_start(struct dev *d, const char *file)
{
	struct topic_partition topics[64];
	size_t n = 0;
	int r;

	d->builtin = file == NULL;
	snprintf(d->socket, sizeof(d->socket), "%s/admin.sock", d->folder);
	snprintf(d->config, sizeof(d->config), "%s/semel.conf", d->folder);
	r = dev_config_topics(file, topics, sizeof(topics) / sizeof(topics[0]), &n);
	if (r != EXIT_YES)
		return r;
	snprintf(d->topic, sizeof(d->topic), "%s", n > 0 ? topics[0].topic : "events");
	r = start_redis(d);
	if (r < 0) {
		fprintf(stderr, "semel dev: redis-server: %s: is it installed?\n", strerror(-r));
		return EXIT_UNREACHABLE;
	}
	r = start_broker(d, topics, n);
	if (r < 0) {
		fprintf(stderr, "semel dev: the embedded broker did not start\n");
		return EXIT_INTERNAL;
	}
	r = dev_config_write(d, file);
	if (r == EXIT_YES && start_host(d) < 0)
		r = EXIT_INTERNAL;
	return r;
}

void dev_stop(struct dev *d)
{
	end_child(&d->host, SIGTERM);
	end_child(&d->broker, SIGTERM);
	end_child(&d->store, SIGTERM);
}

/* ---- Asking */

int dev_ask(const struct dev *d, const char *path, struct buf *ret_body)
{
	char why[256];

	return http_client_call(d->socket, "GET", path, ret_body, why, sizeof(why));
}

bool dev_ready(const struct dev *d)
{
	struct buf body = { NULL, 0, 0 };
	int status = dev_ask(d, "/readyz", &body);

	buf_free(&body);
	return status == 200;
}

bool dev_child_ended(struct dev *d)
{
	pid_t *children[] = { &d->host, &d->broker, &d->store };

	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		if (*children[i] > 0 && waitpid(*children[i], NULL, WNOHANG) == *children[i]) {
			*children[i] = 0;
			return true;
		}
	}
	return false;
}

double dev_sum(const char *metrics, const char *name)
{
	size_t len = strlen(name);
	double sum = 0;

	for (const char *p = metrics; p != NULL && *p != '\0'; p = strchr(p, '\n'), p += p != NULL) {
		const char *end = strchr(p, '\n'), *space = NULL;

		if (strncmp(p, name, len) != 0 || (p[len] != '{' && p[len] != ' '))
			continue;
		for (const char *q = p; q < end; q++)
			if (*q == ' ')
				space = q;
		if (space != NULL)
			sum += strtod(space, NULL);
	}
	return sum;
}

/* ---- Producing */

struct producing {
	struct kafka_producer *producer;
	_Atomic long acknowledged, failed;
	long sent, rate;
	struct timespec start;
	const volatile sig_atomic_t *stop;
};

static void ack(void *arg, void *cookie, const char *code, const char *text)
{
	struct producing *p = arg;

	(void)cookie;
	if (code == NULL) {
		p->acknowledged++;
		return;
	}
	p->failed++;
	fprintf(stderr, "semel dev: not published: %s (%s)\n", text, code);
}

static void keep_pace(const struct producing *p)
{
	struct timespec now;
	double ahead;

	if (p->rate <= 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ahead = (double)p->sent / (double)p->rate - (double)(now.tv_sec - p->start.tv_sec) -
		(double)(now.tv_nsec - p->start.tv_nsec) / 1e9;
	if (ahead > 0)
		nap((long)(ahead * 1000));
}

static struct bytes value_of(const struct buf *b, bool has)
{
	return has ? (struct bytes){ b->data == NULL ? "" : b->data, b->len } : (struct bytes){ NULL, 0 };
}

static int publish(void *arg, struct json_event *e, unsigned line)
{
	struct producing *p = arg;
	struct header *headers = calloc(e->n_headers + 1, sizeof(*headers));
	int r;

	(void)line;
	for (size_t i = 0; i < e->n_headers; i++)
		headers[i] = (struct header){ e->headers[i].name,
			value_of(&e->headers[i].value, e->headers[i].has_value) };
	do {
		r = kafka_producer_send(p->producer, e->topic, value_of(&e->key, e->has_key),
		    value_of(&e->payload, e->has_payload), headers, e->n_headers, e->timestamp_ms, NULL);
		if (r == -ENOBUFS)
			nap(10);
	} while (r == -ENOBUFS && !*p->stop);
	free(headers);
	p->sent++;
	keep_pace(p);
	return *p->stop ? -EINTR : r;
}

int dev_produce(struct dev *d, const char *file, long rate, const volatile sig_atomic_t *stop)
{
	struct producing p = { .rate = rate, .stop = stop };
	struct config_problems problems = { NULL, 0, 0 };
	struct config *c = NULL;
	char why[512];
	size_t bad = 0;
	int r;

	if (config_load(d->config, true, &c, &problems) < 0 ||
	    kafka_producer_new(c, ack, &p, &p.producer, why, sizeof(why)) < 0) {
		config_problems_free(&problems);
		config_free(c);
		return EXIT_INTERNAL;
	}
	clock_gettime(CLOCK_MONOTONIC, &p.start);
	r = event_file_each(file, publish, &p, &bad);
	kafka_producer_close(p.producer, 10000);
	config_problems_free(&problems);
	config_free(c);
	if (r < 0 && r != -EINTR) {
		fprintf(stderr, "semel dev: %s: %s\n", file, strerror(-r));
		return EXIT_NO;
	}
	printf("published %ld events of %s%s\n", p.acknowledged, file,
	    bad > 0 ? ", but not the lines above" : "");
	return EXIT_YES;
}
