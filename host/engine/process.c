#include "engine/process.h"

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/engine.h"
#include "adapters/last_words.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_STOPPED = 0, EXIT_CANNOT_START = 70 };

#define TICK_MS 1000
/* The judgement of a configuration takes at most 60 s. */
#define RELOAD_S 65
/* What closing its last descriptors may take a manager that was killed. */
#define DYING_NS 200000000

struct process {
	struct engine *engine;
	int channel;
	pid_t manager;
	/* A reload that was asked for over HTTP; under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool answer;
	int reload_status;
	char text[sizeof(((struct channel_message *)0)->text)];
};

/* ---- Reload */

static int reload(void *arg, char *why, size_t size)
{
	struct process *p = arg;
	struct timespec until;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RELOAD_S;
	pthread_mutex_lock(&p->lock);
	p->answer = false;
	p->reload_status = EXIT_CANNOT_START;
	snprintf(p->text, sizeof(p->text), "the manager does not answer");
	if (channel_send(p->channel, CHANNEL_RELOAD, 0, NULL) == 0)
		while (!p->answer && pthread_cond_timedwait(&p->answered, &p->lock, &until) == 0)
			;
	status = p->reload_status;
	snprintf(why, size, "%s", p->text);
	pthread_mutex_unlock(&p->lock);
	return status;
}

static void take_answer(struct process *p, const struct channel_message *m)
{
	pthread_mutex_lock(&p->lock);
	p->answer = true;
	p->reload_status = m->value;
	snprintf(p->text, sizeof(p->text), "%s", m->text);
	pthread_cond_broadcast(&p->answered);
	pthread_mutex_unlock(&p->lock);
}

static void setup_lock(struct process *p)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->answered, &attr);
	pthread_condattr_destroy(&attr);
}

/* ---- The loop */

static void read_channel(struct process *p)
{
	struct channel_message m;
	int r;

	while ((r = channel_receive(p->channel, &m)) == 1)
		if (m.kind == CHANNEL_RELOADED)
			take_answer(p, &m);
	if (r < 0) {
		/* With a manager that died we die, too, in a moment; its descriptors are closed before it is gone. */
		if (getppid() == p->manager)
			nanosleep(&(struct timespec){ .tv_nsec = DYING_NS }, NULL);
		if (getppid() != p->manager)
			_exit(EXIT_CANNOT_START);
		log_plain(LOG_ERROR, "a plugin has closed descriptors that are not its own; the engine ends");
		_exit(EXIT_CANNOT_START);
	}
}

static void serve(struct process *p, int signals)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN }, { .fd = p->channel, .events = POLLIN } };
	struct mono tick = mono_now();

	for (;;) {
		struct signalfd_siginfo info;
		struct mono now = mono_now();

		if (!mono_before(now, tick)) {
			tick = mono_add_ms(now, TICK_MS);
			engine_tick(p->engine);
			(void)channel_send(p->channel, CHANNEL_ALIVE, engine_progresses(p->engine), NULL);
			if (engine_must_end(p->engine)) {
				(void)channel_send(p->channel, CHANNEL_OVERRUN, 0, NULL);
				_exit(EXIT_CANNOT_START);
			}
		}
		(void)poll(fds, 2, (int)(mono_diff_us(tick, now) / 1000) + 1);
		read_channel(p);
		if (read(signals, &info, sizeof(info)) == sizeof(info))
			return;
	}
}

/* The manager is told of signals, and passes SIGTERM on; Ctrl-C reaches us, too. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int process_run(const struct config *c, const struct engine_setup *setup, const struct engine_links *links)
{
	struct process p = { .channel = links->channel, .manager = getppid() };
	struct engine_outside outside = { setup, links, reload, &p };
	char why[1024];
	int signals = take_signals();

	last_words_setup(links->crash);
	setup_lock(&p);
	if (engine_start(c, &outside, &p.engine, why, sizeof(why)) < 0) {
		log_at(LOG_ERROR, "cannot start", LOG_TEXT("why", why));
		last_words_orderly();
		return EXIT_CANNOT_START;
	}
	(void)channel_send(p.channel, CHANNEL_SERVING, 0, NULL);
	(void)channel_send(p.channel, CHANNEL_READY, 0, NULL);
	serve(&p, signals);
	if (!engine_stop(p.engine))
		_exit(EXIT_STOPPED);
	last_words_orderly();
	return EXIT_STOPPED;
}
