/* Reloads: judged in a child, then the engine drains and the next one starts with what was judged. */
#include "manager/manager_private.h"

#include "base/channel.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Plugins are opened for it: one may hang. */
#define JUDGE_MS 60000
#define TEXT_MAX 65536

static void tell(struct manager *m, int status, const char *text)
{
	if (m->tell_engine && m->channel >= 0)
		(void)channel_send(m->channel, CHANNEL_RELOADED, status, text);
	m->tell_engine = false;
	notify_send(&m->notify, "READY=1\nSTATUS=%s",
	    status == 0 ? "reloading" : "reload refused; running as before");
}

static void refuse(struct manager *m, int status, const char *text)
{
	log_at(LOG_ERROR, "reload refused; running as before", LOG_TEXT("why", text));
	atomic_store(&box_facts(m->box)->reload_failed, 1);
	tell(m, status, text);
}

static void judge(struct manager *m, int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "semel-judge", 0, 0, 0);
	close(m->signals);
	if (m->channel >= 0)
		close(m->channel);
	front_close(&m->front);
	notify_close(&m->notify);
	_exit(m->ops->judge(m->ops->arg, fd));
}

void manager_reload(struct manager *m)
{
	int fds[2];

	if (m->judge != 0)
		return; /* the answer comes to all who asked */
	if (m->stopping) {
		refuse(m, STATUS_UNREACHABLE, "semeld is stopping");
		return;
	}
	if (m->asked) {
		refuse(m, STATUS_UNREACHABLE, "a reload is under way: the engine drains");
		return;
	}
	log_plain(LOG_INFO, "reload: judging the configuration");
	notify_send(&m->notify, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=judging the configuration",
	    (long long)mono_now().us);
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		refuse(m, STATUS_INTERNAL, strerror(errno));
		return;
	}
	buf_clear(&m->judged);
	m->judge = fork();
	if (m->judge == 0)
		judge(m, fds[1]);
	close(fds[1]);
	if (m->judge < 0) {
		close(fds[0]);
		m->judge = 0;
		refuse(m, STATUS_INTERNAL, strerror(errno));
		return;
	}
	m->judge_fd = fds[0];
	m->judge_until = mono_add_ms(mono_now(), JUDGE_MS);
}

void manager_read_judge(struct manager *m)
{
	char text[4096];
	ssize_t n;

	if (m->judge == 0)
		return;
	while ((n = read(m->judge_fd, text, sizeof(text))) > 0)
		if (m->judged.len < TEXT_MAX)
			buf_add(&m->judged, text, (size_t)n);
	if (!mono_before(mono_now(), m->judge_until)) {
		m->judge_until = MONO_NEVER;
		buf_text(&m->judged,
		    "the check of the new configuration took longer than 60 s: does a plugin hang in open?\n");
		kill(m->judge, SIGKILL);
	}
}

/* What the sockets, the box and the group's membership are made with outlives engines. */
static const char *what_needs_a_restart(const struct manager_plan *old, const struct manager_plan *new)
{
	if (strcmp(old->node, new->node) != 0)
		return "node has changed: restart semeld for that";
	if (strcmp(old->state_dir, new->state_dir) != 0)
		return "state_dir has changed: restart semeld for that";
	if ((old->http_host == NULL) != (new->http_host == NULL) || old->http_port != new->http_port ||
	    (old->http_host != NULL && strcmp(old->http_host, new->http_host) != 0))
		return "http.listen has changed: restart semeld for that";
	if (strcmp(old->admin_socket, new->admin_socket) != 0)
		return "admin.socket has changed: restart semeld for that";
	return NULL;
}

/* More subscriptions, or more events of one at a time, take more of the file. */
static const char *what_does_not_fit(struct manager *m, const struct manager_plan *new)
{
	return box_reserve(m->box, new->n_sections, new->n_slots) < 0
		   ? "there is no room in state_dir for the black box of the new configuration"
		   : NULL;
}

void manager_judge_ended(struct manager *m, int status)
{
	struct manager_plan plan;
	const char *why = NULL;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_CONFIGURATION;

	manager_read_judge(m);
	close(m->judge_fd);
	m->judge_fd = -1;
	m->judge = 0;
	if (!WIFEXITED(status))
		buf_printf(&m->judged,
		    "the check of the new configuration died of signal %d: does a plugin crash in open?\n",
		    WTERMSIG(status));
	if (code == 0 && m->ops->load(m->ops->arg, &plan) < 0)
		code = STATUS_CONFIGURATION; /* it changed once more */
	else if (code == 0 && ((why = what_needs_a_restart(&m->plan, &plan)) != NULL ||
				  (why = what_does_not_fit(m, &plan)) != NULL))
		code = STATUS_CONFIGURATION;
	if (code != 0) {
		m->ops->take(m->ops->arg, false);
		refuse(m, code,
		    why != NULL              ? why
		    : m->judged.data == NULL ? "it has errors"
					     : m->judged.data);
		return;
	}
	m->plan = plan;
	m->ops->take(m->ops->arg, true);
	atomic_store(&box_facts(m->box)->reload_failed, 0);
	log_plain(LOG_INFO,
	    "reload: the configuration is good; the engine drains, and the next one starts with it");
	tell(m, 0, "");
	if (m->engine != 0)
		manager_stop_engine(m);
	else
		m->start_at = mono_now();
}
