/* Opening and reading: metadata, session, the log. */
#include "engine/ledger_private.h"

#include "adapters/keyed_hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Records asked for at a time. */
#define READ_PAGE 256
#define CLUSTER_TIMEOUT_MS 5000

/* What defines an id: two hosts that differ in it would settle each other's events. */
static uint64_t id_rule(const struct config_subscription *conf)
{
	static const uint8_t key[16]; /* public on purpose: all hosts must agree */
	struct buf text = { NULL, 0, 0 };
	uint64_t rule;

	buf_printf(&text, "%d %d", conf->id_cloudevents, conf->missing_id);
	for (size_t i = 0; i < conf->n_id; i++)
		buf_printf(
		    &text, " %d:%s", conf->id[i].kind, conf->id[i].name == NULL ? "" : conf->id[i].name);
	rule = keyed_hash_64(key, (struct bytes){ text.data, text.len });
	buf_free(&text);
	return rule;
}

/* What this host would make the ledger with. */
static void own_meta(const struct ledger_io *io, const char *cluster, struct ledger_meta *meta)
{
	*meta = (struct ledger_meta){ .format = LEDGER_FORMAT,
		.rules = LEDGER_RULES,
		.generation = 1,
		.oldest = 1,
		.id_rule = id_rule(io->s->conf),
		.retention_ms = (uint64_t)io->s->config->ledger.retention_ms };
	random_bytes(meta->identity, sizeof(meta->identity));
	random_bytes(meta->hash_key, sizeof(meta->hash_key));
	random_bytes(meta->version.b, sizeof(meta->version.b));
	snprintf(meta->cluster, sizeof(meta->cluster), "%s", cluster);
	snprintf(meta->group, sizeof(meta->group), "%s", io->s->conf->group);
}

/* A ledger of another cluster, group or id rule would let staging settle production's ids. */
static int judge_meta(struct ledger_io *io, const struct ledger_meta *meta, const char *cluster)
{
	const struct config_subscription *conf = io->s->conf;
	const char *prefix = io->s->config->ledger.prefix;

	if (meta->format != LEDGER_FORMAT || meta->rules > LEDGER_RULES)
		ledger_set_state(io, LEDGER_REFUSED,
		    "ledger %s:{%s} has format %u with rules %u, this version knows %d and %d: upgrade this host",
		    prefix, conf->name, meta->format, meta->rules, LEDGER_FORMAT, LEDGER_RULES);
	else if (strcmp(meta->cluster, cluster) != 0)
		ledger_set_state(io, LEDGER_REFUSED,
		    "ledger %s:{%s} belongs to Kafka cluster %s, this host consumes %s: set another ledger.prefix",
		    prefix, conf->name, meta->cluster, cluster);
	else if (strcmp(meta->group, conf->group) != 0)
		ledger_set_state(io, LEDGER_REFUSED,
		    "ledger %s:{%s} belongs to group %s, this host is in %s: set another ledger.prefix or group",
		    prefix, conf->name, meta->group, conf->group);
	else if (meta->id_rule != id_rule(conf))
		ledger_set_state(io, LEDGER_REFUSED,
		    "ledger %s:{%s} was made with other settings of id or missing_id: restore them, or set another "
		    "ledger.prefix",
		    prefix, conf->name);
	else
		return 0;
	return -EPERM;
}

static int open_meta(struct ledger_io *io)
{
	char cluster[64];
	struct ledger_meta fresh;
	int r = letters_cluster(io->deps.letters, CLUSTER_TIMEOUT_MS, cluster, sizeof(cluster));

	if (r < 0) {
		ledger_set_state(io, LEDGER_STARTING,
		    "the Kafka cluster does not answer; its id is needed for the ledger");
		return r;
	}
	r = io->store->ops->meta_read(io->store, &io->meta);
	if (r == -ENOENT) {
		own_meta(io, cluster, &fresh);
		r = io->store->ops->meta_create(io->store, &fresh);
		if (r == 0)
			log_at(LOG_INFO, "ledger made", LOG_TEXT("subscription", io->s->conf->name));
		if (r == 0 || r == -EEXIST)
			r = io->store->ops->meta_read(io->store, &io->meta);
	}
	if (r < 0) {
		ledger_trouble(io, "opening the ledger", r);
		return r;
	}
	return judge_meta(io, &io->meta, cluster);
}

static int open_session(struct ledger_io *io, struct session_id *ret_session, struct mono *ret_until)
{
	struct mono sent = mono_now();
	int r;

	random_bytes(ret_session->b, sizeof(ret_session->b));
	r = io->store->ops->session_open(
	    io->store, *ret_session, (uint64_t)io->s->config->ledger.lease_ms * 1000, io->s->config->node);
	if (r < 0) {
		ledger_trouble(io, "opening a session", r);
		return r;
	}
	*ret_until = mono_add_ms(sent, io->s->config->ledger.lease_ms);
	return 0;
}

int ledger_read_to_end(struct ledger_io *io)
{
	struct store_reply reply;
	int r;

	do {
		struct mono start = mono_now();
		bool waited = client_under_way(io->client);

		r = io->store->ops->read(io->store, io->meta.generation,
		    table_records(client_table(io->client)), READ_PAGE, &reply);
		if (r == -ENOENT) {
			ledger_set_state(io, LEDGER_LOST,
			    "the ledger's log is gone: ids recorded so far are unknown. Restore it and restart, or restart "
			    "to begin a new ledger: events may then be handled again");
			return r;
		}
		if (r < 0) {
			ledger_trouble(io, "reading the log", r);
			return r;
		}
		series_observe(io->read_seconds, (double)mono_diff_us(mono_now(), start) / 1e6);
		if (reply.result != STORE_OK) {
			io->must_restart = true;
			return -EAGAIN;
		}
		r = client_read(io->client, &reply);
		if (r < 0) {
			ledger_set_state(io, LEDGER_REFUSED,
			    "the log has a record that is none (%s), after record %llu", strerror(-r),
			    (unsigned long long)table_records(client_table(io->client)));
			return r;
		}
		/* The reply of our call was lost, but not the call. */
		if (waited && !client_under_way(io->client))
			flow_results(io->flow, mono_now());
	} while (reply.n >= READ_PAGE);
	flow_was_read(io->flow, mono_now());
	return 0;
}

int ledger_open(struct ledger_io *io)
{
	struct session_id session;
	struct mono until;
	uint64_t seed;
	int r;

	if (io->client == NULL) {
		r = open_meta(io);
		if (r < 0)
			return r;
		random_bytes(&seed, sizeof(seed));
		io->client = client_new(&io->meta, io->s->config->ledger.lease_ms * 1000, seed);
		if (io->client == NULL)
			return -ENOMEM;
		flow_set_client(io->flow, io->client);
	}
	r = ledger_read_to_end(io);
	if (r < 0)
		return r;
	r = open_session(io, &session, &until);
	if (r < 0)
		return r;
	client_set_session(io->client, session);
	r = renewal_start(io->s, session, until, &io->renewal);
	if (r < 0)
		return r;
	io->open = true;
	ledger_set_state(io, LEDGER_OK, "%s", "");
	return 0;
}

/* Our session is not there any more.  A new one goes on with the runs of the old: its claims are taken over with
 * the next call.  A call of the old one that still arrives is void: it is not live, and its entries are not its
 * session's any more. */
int ledger_new_session(struct ledger_io *io)
{
	struct session_id session;
	struct mono until;
	int r = open_session(io, &session, &until);

	if (r < 0)
		return r;
	r = ledger_read_to_end(io);
	if (r < 0)
		return r;
	if (client_under_way(io->client)) {
		client_withdraw(io->client);
		flow_withdrawn(io->flow, mono_now());
	}
	client_set_session(io->client, session);
	flow_recheck(io->flow);
	io->lapses = renewal_session(io->renewal, session, until);
	io->session_gone = false;
	io->must_read = true;
	log_at(LOG_WARNING, "ledger session was gone; opened another",
	    LOG_TEXT("subscription", io->s->conf->name));
	series_add(io->s->series.lease_lost, 1);
	return 0;
}

/* The version moved.  The same ledger: go on.  Another identity or generation: what we know is not of it. */
int ledger_refresh(struct ledger_io *io)
{
	struct ledger_meta meta;
	int r = io->store->ops->meta_read(io->store, &meta);

	if (r < 0 && r != -ENOENT) {
		ledger_trouble(io, "reading the metadata", r);
		return r;
	}
	if (r == -ENOENT || memcmp(meta.identity, io->meta.identity, sizeof(meta.identity)) != 0 ||
	    meta.generation != io->meta.generation) {
		ledger_set_state(io, LEDGER_LOST,
		    "the ledger is gone or was replaced: ids recorded so far are unknown. Restore it and restart, or restart "
		    "to go on with what is there: events may then be handled again");
		return -ENODATA;
	}
	io->meta = meta;
	client_set_meta(io->client, &meta);
	return 0;
}

/* The log is not the one we read: read it from the start, and look at every claim again.  A call under way was
 * refused, or is found in the log; if it is not there it is withdrawn, because the entries that it names may be
 * others now. */
int ledger_restart(struct ledger_io *io)
{
	int r = ledger_refresh(io);

	if (r < 0)
		return r;
	client_restart(io->client, &io->meta);
	io->must_restart = false;
	r = ledger_read_to_end(io);
	if (r < 0) {
		io->must_restart = true;
		return r;
	}
	if (client_under_way(io->client)) {
		client_withdraw(io->client);
		flow_withdrawn(io->flow, mono_now());
	}
	flow_recheck(io->flow);
	log_at(LOG_WARNING, "the ledger's log had changed; read anew",
	    LOG_TEXT("subscription", io->s->conf->name),
	    LOG_INT("records", table_records(client_table(io->client))));
	return 0;
}
