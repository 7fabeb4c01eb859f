/* An engine's beginning and end. */
#include "manager/manager_private.h"

#include "base/channel.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between deaths without an explanation: doubling from the first, up to the second; forgotten after an engine that
 * worked for so long. */
#define AGAIN_MS 100
#define AGAIN_MAX_MS 30000
#define WORKED_MS 1000
/* Under pressure the kernel shall take the engine and not its manager. */
#define OOM_ADJUST "300"

/* ---- The control group's count of kills for memory; 0 where it cannot be read */

static bool line_of(const char *file, const char *start, char *out, size_t size)
{
	FILE *f = fopen(file, "re");
	bool found = false;

	while (f != NULL && !found && fgets(out, (int)size, f) != NULL)
		found = strncmp(out, start, strlen(start)) == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

static uint64_t oom_kills(void)
{
	char line[512], path[768];

	if (!line_of("/proc/self/cgroup", "0::", line, sizeof(line)))
		return 0;
	line[strcspn(line, "\n")] = '\0';
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.events", line + 3);
	return line_of(path, "oom_kill ", line, sizeof(line)) ? strtoull(line + 9, NULL, 10) : 0;
}

/* ---- Beginning */

/* In the child.  It dies with us, whatever it does to its signals: the kernel sees to it. */
static void become_engine(struct manager *m, int channel, pid_t manager)
{
	struct manager_links links = { channel, m->http, m->admin, m->crash, m->box };
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != manager)
		_exit(STATUS_INTERNAL);
	prctl(PR_SET_NAME, "semel-engine", 0, 0, 0);
	if (fd >= 0) {
		(void)!write(fd, OOM_ADJUST, strlen(OOM_ADJUST));
		close(fd);
	}
	close(m->signals);
	close(m->channel);
	front_close(&m->front);
	notify_close(&m->notify);
	if (m->judge != 0)
		close(m->judge_fd);
	exit(m->ops->engine(m->ops->arg, &links));
}

void manager_start_engine(struct manager *m)
{
	pid_t self = getpid(), pid;
	int fds[2];

	m->start_at = MONO_NEVER;
	(void)!ftruncate(m->crash, 0);
	(void)lseek(m->crash, 0, SEEK_SET);
	if (channel_pair(fds) < 0) {
		m->start_at = mono_add_ms(mono_now(), AGAIN_MAX_MS);
		return;
	}
	m->channel = fds[0];
	m->oom_kills = oom_kills();
	pid = fork();
	if (pid == 0)
		become_engine(m, fds[1], self);
	close(fds[1]);
	if (pid < 0) {
		log_at(
		    LOG_ERROR, "the engine cannot be started; again later", LOG_TEXT("why", strerror(errno)));
		close(m->channel);
		m->channel = -1;
		m->start_at = mono_add_ms(mono_now(), AGAIN_MAX_MS);
		return;
	}
	m->engine = pid;
	m->serving = m->ready = m->overran = m->hung = m->asked = m->killed = false;
	m->progresses = true;
	m->born_at = m->alive_at = mono_now();
	m->kill_at = MONO_NEVER;
}

/* ---- Messages */

static void take_message(struct manager *m, const struct channel_message *message)
{
	switch ((enum channel_kind)message->kind) {
	case CHANNEL_SERVING: m->serving = true; break;
	case CHANNEL_READY:
		notify_send(&m->notify, "READY=1\nSTATUS=running");
		m->ready = m->ever_ready = true;
		log_at(LOG_INFO, "running", LOG_INT("engine", m->engine),
		    LOG_INT("milliseconds", mono_diff_us(mono_now(), m->born_at) / 1000));
		break;
	case CHANNEL_ALIVE:
		m->alive_at = mono_now();
		m->progresses = message->value != 0;
		break;
	case CHANNEL_RELOAD:
		m->tell_engine = true;
		manager_reload(m);
		break;
	case CHANNEL_OVERRUN: m->overran = true; break;
	case CHANNEL_RELOADED: break;
	}
}

void manager_read_channel(struct manager *m)
{
	struct channel_message message;
	int r;

	if (m->channel < 0)
		return;
	while ((r = channel_receive(m->channel, &message)) == 1)
		take_message(m, &message);
	if (r < 0) {
		/* It is about to die, or a plugin has closed what is not its own. */
		close(m->channel);
		m->channel = -1;
	}
}

/* ---- End */

void manager_stop_engine(struct manager *m)
{
	if (m->engine == 0)
		return;
	m->asked = true;
	m->kill_at = mono_add_ms(mono_now(), m->plan.stop_timeout_ms + STOP_MORE_MS);
	kill(m->engine, SIGTERM);
}

void manager_kill_engine(struct manager *m)
{
	if (m->engine == 0)
		return;
	m->killed = true;
	m->kill_at = MONO_NEVER;
	kill(m->engine, SIGKILL);
}

/* All our children but the judge: what the dead engine had started.  Killed parents leave theirs to us, so it is
 * looked until there is none. */
static size_t kill_children(const struct manager *m)
{
	char path[64], word[16];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	while (f != NULL && fscanf(f, "%15s", word) == 1) {
		pid_t pid = (pid_t)strtol(word, NULL, 10);

		if (pid <= 0 || pid == m->judge)
			continue;
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		n++;
	}
	if (f != NULL)
		fclose(f);
	return n;
}

static void kill_descendants(const struct manager *m)
{
	size_t n, sum = 0;

	while ((n = kill_children(m)) > 0)
		sum += n;
	if (sum > 0)
		log_at(LOG_WARNING, "killed what the engine left behind", LOG_INT("processes", sum));
}

static enum box_cause cause_of(const struct manager *m, const struct manager_death *d)
{
	if (m->hung)
		return BOX_WATCHDOG;
	if (m->overran)
		return BOX_TIMEOUT;
	if (m->asked && (m->killed || (WIFEXITED(d->status) && WEXITSTATUS(d->status) == STATUS_YES)))
		return m->stopping ? BOX_STOP : BOX_RELOAD;
	if (WIFSIGNALED(d->status) && WTERMSIG(d->status) == SIGKILL && !d->oom)
		return m->killed ? BOX_STOP : BOX_KILLED;
	return BOX_CRASH;
}

static void count_one(void *arg, const struct box_section *s, const struct box_slot *slot)
{
	size_t *n = arg;

	(void)s;
	(void)slot;
	(*n)++;
}

/* How long to wait before the next one.  What an event explains costs no wait: such events are few, and each is put
 * aside after max_crashes. */
static int64_t back_off_ms(struct manager *m, const struct manager_death *d, size_t inside)
{
	int64_t ms = AGAIN_MS;

	if (d->cause == BOX_RELOAD || d->cause == BOX_TIMEOUT || inside > 0)
		return 0;
	if (m->ready && d->lived_ms > WORKED_MS)
		m->in_row = 0;
	if (m->in_row++ == 0)
		return 0;
	for (unsigned i = 2; i < m->in_row && ms < AGAIN_MAX_MS; i++)
		ms *= 2;
	return ms < AGAIN_MAX_MS ? ms : AGAIN_MAX_MS;
}

void manager_engine_ended(struct manager *m, int status)
{
	struct mono now = mono_now();
	struct manager_death d = {
		.status = status, .lived_ms = mono_diff_us(now, m->born_at) / 1000, .at_ms = wall_ms()
	};
	size_t inside = 0;

	manager_read_channel(m); /* its last words */
	if (m->channel >= 0)
		close(m->channel);
	m->channel = -1;
	m->engine = 0;
	m->serving = false;
	m->kill_at = MONO_NEVER;
	kill_descendants(m);
	d.oom = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && oom_kills() > m->oom_kills;
	d.cause = cause_of(m, &d);
	box_each_running(m->box, count_one, &inside);
	box_judge(m->box, d.cause);
	manager_report(m, &d);
	if (m->stopping)
		return;
	if (!m->ever_ready && inside == 0 && WIFEXITED(status) && d.cause == BOX_CRASH) {
		/* It has said why it cannot start. */
		m->stopping = true;
		m->status = WEXITSTATUS(status);
		return;
	}
	atomic_fetch_add(&box_facts(m->box)->restarts[d.cause], 1);
	m->start_at = mono_add_ms(now, back_off_ms(m, &d, inside));
}
