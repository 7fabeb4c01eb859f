/* Opening: whose ledger it is, what this node remembers of it, its session; and accepting that it is lost. */
#include "engine/ledger_private.h"

#include "adapters/keyed_hash.h"
#include "engine/ledger_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define SOURCE_TIMEOUT_MS 5000

/* ---- What this node remembers over restarts: a file of its own for each subscription */

static void memory_path(const struct ledger_io *io, const char *end, struct buf *out)
{
	buf_printf(
	    out, "%s/ledger-%s-%s%s", io->s->config->state_dir, io->s->config->node, io->s->conf->name, end);
}

void ledger_remember(struct ledger_io *io)
{
	const struct ledger_meta *m = &client_view(io->client)->meta;
	struct buf path = { NULL, 0, 0 }, fresh = { NULL, 0, 0 };
	FILE *f = NULL;
	int fd;

	if (io->written_generation == m->generation)
		return;
	memory_path(io, "", &path);
	memory_path(io, ".new", &fresh);
	/* For this user only: the key says which id an entry is of. */
	fd = open(fresh.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0)
		f = fdopen(fd, "w");
	if (f == NULL) {
		if (io->written_generation == 0)
			log_at(LOG_WARNING,
			    "state_dir cannot be written: a ledger that is lost while this host is down will not be noticed",
			    LOG_TEXT("subscription", io->s->conf->name), LOG_TEXT("file", fresh.data),
			    LOG_TEXT("why", strerror(errno)));
	} else {
		for (unsigned i = 0; i < 16; i++)
			fprintf(f, "%02x", m->identity[i]);
		fputc(' ', f);
		for (unsigned i = 0; i < 16; i++)
			fprintf(f, "%02x", m->hash_key[i]);
		fprintf(f, " %u\n", m->generation);
		if (fclose(f) == 0)
			(void)rename(fresh.data, path.data);
	}
	io->written_generation = m->generation;
	buf_free(&path);
	buf_free(&fresh);
}

static bool read_hex(const char *text, uint8_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned v;

		if (sscanf(text + 2 * (size_t)i, "%2x", &v) != 1)
			return false;
		out[i] = (uint8_t)v;
	}
	return true;
}

static void recall(struct ledger_io *io)
{
	struct buf path = { NULL, 0, 0 };
	char identity[40], key[40];
	unsigned generation;
	FILE *f;

	memory_path(io, "", &path);
	f = fopen(path.data, "re");
	if (f != NULL && fscanf(f, "%32s %32s %u", identity, key, &generation) == 3 &&
	    read_hex(identity, io->link.identity, 16) && read_hex(key, io->remembered_key, 16))
		io->link.generation = generation;
	if (f != NULL)
		fclose(f);
	buf_free(&path);
}

/* ---- Opening */

static bool knows_one(const struct ledger_io *io)
{
	static const uint8_t none[16];

	return memcmp(io->link.identity, none, sizeof(none)) != 0;
}

/* There is no ledger.  A new one is made only where none can have been: this node remembers none, and the group has
 * not committed anything. */
static int make_ledger(struct ledger_io *io, const char *cluster)
{
	struct ledger_meta fresh;
	char why[256];
	int r;

	if (knows_one(io)) {
		ledger_set_state(io, LEDGER_LOST,
		    "the ledger is gone: ids recorded so far are unknown.  Restore it, or accept that events may be handled "
		    "again: semel ledger accept-loss %s",
		    io->s->conf->name);
		return -ENODATA;
	}
	r = letters_group_used(io->deps.letters, io->s->conf->group, SOURCE_TIMEOUT_MS, why, sizeof(why));
	if (r < 0) {
		ledger_set_state(io, LEDGER_STARTING,
		    "is there a ledger to be missed?  The offsets of group %s cannot be read: %s",
		    io->s->conf->group, why);
		return r;
	}
	if (r > 0) {
		ledger_set_state(io, LEDGER_LOST,
		    "there is no ledger, but group %s has committed offsets: if it was lost, events may be handled again; if "
		    "this is Semel's first start on that group, all is well.  Either way: semel ledger accept-loss %s",
		    io->s->conf->group, io->s->conf->name);
		return -ENODATA;
	}
	ledger_fresh_meta(io->s->config, io->s->conf, cluster, &fresh);
	r = io->store->ops->meta_create(io->store, &fresh, 0);
	if (r == 0)
		log_at(LOG_INFO, "ledger made", LOG_TEXT("subscription", io->s->conf->name));
	return r == -EEXIST ? 0 : r;
}

/* The larger retention counts for all hosts. */
static int see_to_retention(struct ledger_io *io, const struct ledger_meta *meta)
{
	uint64_t own = (uint64_t)io->s->config->ledger.retention_ms;
	struct ledger_meta to = *meta;
	struct store_commit c = { .from = meta->version, .to = &to };
	enum store_result result;

	if (own < meta->retention_ms && !io->said_retention) {
		io->said_retention = true;
		log_at(LOG_WARNING,
		    "the ledger keeps ids longer than ledger.retention says here: another host asks for it",
		    LOG_TEXT("subscription", io->s->conf->name),
		    LOG_INT("retention_ms", (int64_t)meta->retention_ms));
	}
	if (own <= meta->retention_ms)
		return 0;
	to.retention_ms = own;
	random_bytes(to.version.b, sizeof(to.version.b));
	return io->store->ops->commit(io->store, &c, &result);
}

static int judge_meta(struct ledger_io *io, const struct ledger_meta *meta, const char *cluster)
{
	char why[400];

	if (ledger_meta_fits(io->s->config, io->s->conf, cluster, meta, why, sizeof(why)))
		return 0;
	ledger_set_state(io, LEDGER_REFUSED, "%s", why);
	return -EPERM;
}

static int open_meta(struct ledger_io *io)
{
	struct ledger_meta meta;
	char cluster[64];
	int r = letters_cluster(io->deps.letters, SOURCE_TIMEOUT_MS, cluster, sizeof(cluster));

	if (r < 0) {
		ledger_set_state(io, LEDGER_STARTING,
		    "the Kafka cluster does not answer; its id is needed for the ledger");
		return r;
	}
	r = io->store->ops->meta_read(io->store, &meta);
	if (r == -ENOENT) {
		r = make_ledger(io, cluster);
		if (r == -ENODATA || (r < 0 && io->state == LEDGER_STARTING))
			return r;
		if (r == 0)
			r = io->store->ops->meta_read(io->store, &meta);
	}
	if (r == 0)
		r = judge_meta(io, &meta, cluster);
	if (r == -EPERM)
		return r;
	if (r == 0)
		r = see_to_retention(io, &meta);
	if (r < 0)
		ledger_trouble(io, "opening the ledger", r);
	return r;
}

/* What a dead engine of this node left is recorded before anything else; its sessions end, so that their claims are
 * free at once: we hold the box, so we know that it is dead. */
static int recover(struct ledger_io *io)
{
	struct recorder_left left;
	int r;

	if (recorder_left(io->recorder, &left)) {
		r = link_recover(&io->link, left.sessions, left.n_sessions, left.runs, left.n_runs,
		    left.doubtful, mono_now());
		if (r < 0) {
			ledger_fault(io, r);
			return r;
		}
		log_at(LOG_WARNING, "an earlier engine's claims are taken up again",
		    LOG_TEXT("subscription", io->s->conf->name), LOG_INT("runs_recorded", left.n_runs));
	}
	recorder_recovered(io->recorder);
	return 0;
}

/* Two hosts of one name would end each other's sessions. */
static int judge_name(struct ledger_io *io)
{
	struct store_renewal seen;
	int r = io->store->ops->session_renew(io->store, (struct session_id){ { 0 } }, 0, &seen);

	if (r < 0) {
		ledger_trouble(io, "reading the sessions", r);
		return r;
	}
	for (size_t i = 0; i < seen.n; i++) {
		if (strcmp(seen.leases[i].owner, io->s->config->node) != 0 ||
		    seen.leases[i].end_us < seen.now_us)
			continue;
		ledger_set_state(io, LEDGER_REFUSED,
		    "another host with the node name %s is at work, or was, and its lease runs for another %lld s: give each host "
		    "a `node` of its own, or wait",
		    io->s->config->node, (long long)(seen.leases[i].end_us - seen.now_us) / 1000000 + 1);
		return -EBUSY;
	}
	return 0;
}

int ledger_open_session(struct ledger_io *io, struct session_id *ret_session, struct mono *ret_until)
{
	struct mono sent = mono_now();
	int r;

	random_bytes(ret_session->b, sizeof(ret_session->b));
	recorder_session(io->recorder, *ret_session);
	r = io->store->ops->session_open(
	    io->store, *ret_session, (uint64_t)io->s->config->ledger.lease_ms * 1000, io->s->config->node);
	if (r < 0) {
		ledger_trouble(io, "opening a session", r);
		return r;
	}
	*ret_until = mono_add_ms(sent, io->s->config->ledger.lease_ms);
	return 0;
}

int ledger_open(struct ledger_io *io)
{
	struct session_id session;
	struct mono until;
	int r;

	if (!knows_one(io))
		recall(io);
	r = open_meta(io);
	if (r < 0)
		return r;
	r = link_refresh(&io->link, mono_now());
	if (r < 0) {
		ledger_fault(io, r);
		return r;
	}
	r = recover(io);
	if (r == 0)
		r = judge_name(io);
	if (r == 0)
		r = ledger_open_session(io, &session, &until);
	if (r < 0)
		return r;
	client_set_session(io->client, session);
	r = renewal_start(io->s, session, until, &io->renewal);
	if (r == 0)
		r = keeper_start(io->s, &io->keeper);
	if (r < 0)
		return r;
	ledger_remember(io);
	io->open = true;
	ledger_set_state(io, LEDGER_OK, "%s", "");
	return 0;
}

/* ---- Accepting a loss */

static int accept(struct ledger_io *io, struct accept *a)
{
	struct ledger_meta fresh;
	char cluster[64];
	int r = letters_cluster(io->deps.letters, SOURCE_TIMEOUT_MS, cluster, sizeof(cluster));

	if (r < 0) {
		snprintf(a->text, sizeof(a->text), "the Kafka cluster does not answer");
		return r;
	}
	ledger_fresh_meta(io->s->config, io->s->conf, cluster, &fresh);
	if (knows_one(io))
		memcpy(fresh.hash_key, io->remembered_key, sizeof(fresh.hash_key));
	r = link_accept_loss(&io->link, &fresh);
	if (r == 0)
		r = link_refresh(&io->link, mono_now());
	if (r < 0) {
		snprintf(a->text, sizeof(a->text), "%s",
		    r == -EAGAIN ? "the ledger changes: try again" : io->link.text);
		return r;
	}
	io->retry_at = mono_now();
	log_at(LOG_WARNING, "the loss of the ledger was accepted; it goes on under another identity",
	    LOG_TEXT("subscription", io->s->conf->name));
	return 0;
}

void ledger_accept(struct ledger_io *io, struct accept *a)
{
	bool refused = io->state == LEDGER_REFUSED && io->link.fault == LINK_DAMAGED;

	if (io->state != LEDGER_LOST && !refused) {
		a->result = -EALREADY;
		snprintf(a->text, sizeof(a->text), "the ledger is not lost");
	} else {
		a->result = accept(io, a);
	}
	sem_post(&a->done);
}
