/* The metadata, and its compare-and-set. */
#include "adapters/redis_store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct bytes text(const char *t)
{
	return bytes_of_text(t);
}

int redis_meta_read(struct store *store, struct ledger_meta *ret_meta)
{
	struct redis_store *s = (struct redis_store *)store;
	const struct redis_value *v;
	uint64_t seconds, us;
	int r = redis_store_script(s, SCRIPT_META, 1, 4,
	    (struct bytes[]){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, text(s->meta_key) }, NULL, 0);

	if (r < 0)
		return r;
	v = s->values[0];
	if (redis_value_kind(v) != REDIS_ARRAY || redis_value_count(v) < 2 || redis_value_count(v) % 2 != 0 ||
	    redis_number(redis_value_text(redis_value_at(v, 0)), &seconds) < 0 ||
	    redis_number(redis_value_text(redis_value_at(v, 1)), &us) < 0)
		return redis_store_bad_reply(s, "reading the metadata");
	if (redis_value_count(v) == 2)
		return -ENOENT;
	r = redis_meta_parse(v, 2, ret_meta, s->store.text, sizeof(s->store.text));
	if (r < 0) {
		s->store.trouble = STORE_REFUSED;
		return r;
	}
	ret_meta->now_us = seconds * 1000000 + us;
	memcpy(ret_meta->server, s->server.run_id, sizeof(ret_meta->server));
	memcpy(s->adopted, s->server.run_id, sizeof(s->adopted));
	return 0;
}

int redis_meta_create(struct store *store, const struct ledger_meta *meta, uint64_t heal_us)
{
	struct redis_store *s = (struct redis_store *)store;
	struct redis_meta_fields fields;
	struct buf body = { NULL, 0, 0 };
	struct ledger_tag tag;
	struct bytes argv[10 + 2 * REDIS_META_FIELDS] = { { NULL, 0 } };
	char key[KEY_MAX], heal[NUMBER_MAX];
	size_t n = 3;
	int r = redis_store_ready(s); /* learns the server's run_id, which is part of the metadata */

	if (r < 0)
		return r;
	memcpy(tag.b, meta->version.b, sizeof(tag.b));
	record_first_body(tag, meta->rules, meta->generation, &body);
	redis_meta_format(meta, &fields);
	redis_store_list_key(s, meta->generation, key);
	snprintf(heal, sizeof(heal), "%llu", (unsigned long long)heal_us);
	argv[n++] = text(s->meta_key);
	argv[n++] = text(key);
	argv[n++] = (struct bytes){ tag.b, sizeof(tag.b) };
	argv[n++] = (struct bytes){ body.data, body.len };
	argv[n++] = text(heal);
	argv[n++] = text("run_id");
	argv[n++] = text(s->server.run_id);
	for (size_t i = 0; i < REDIS_META_FIELDS; i++) {
		argv[n++] = text(fields.names[i]);
		argv[n++] = text(fields.values[i]);
	}
	r = redis_store_script(s, SCRIPT_CREATE, 2, n, argv, NULL, 0);
	buf_free(&body);
	if (r < 0)
		return r;
	if (redis_value_kind(s->values[0]) != REDIS_INTEGER)
		return redis_store_bad_reply(s, "creating the ledger");
	return redis_value_integer(s->values[0]) == 1 ? 0 : -EEXIST;
}

int redis_adopt(struct store *store, const struct ledger_version *from, uint64_t lease_us)
{
	struct redis_store *s = (struct redis_store *)store;
	char old[17], new[17], lease[NUMBER_MAX], key[KEY_MAX];
	struct ledger_version version;
	struct ledger_meta meta;
	int r = redis_meta_read(store, &meta);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	redis_new_version(&version);
	redis_hex(from->b, sizeof(from->b), old);
	redis_hex(version.b, sizeof(version.b), new);
	redis_store_list_key(s, meta.generation, key);
	snprintf(lease, sizeof(lease), "%llu", (unsigned long long)lease_us);
	return redis_store_script(s, SCRIPT_ADOPT, 3, 10,
	    (struct bytes[]){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, text(s->meta_key), text(s->sessions_key),
		text(key), text(old), text(new), text(s->server.run_id), text(lease) },
	    NULL, 0);
}

int redis_healed(struct store *store, struct session_id id)
{
	struct redis_store *s = (struct redis_store *)store;
	char session[17];

	redis_hex(id.b, sizeof(id.b), session);
	return redis_store_script(s, SCRIPT_HEALED, 1, 5,
	    (struct bytes[]){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, text(s->meta_key), text(session) }, NULL,
	    0);
}

/* ---- Compare-and-set.  Its arguments are as many as the chunks that it moves: they are kept together here. */

struct arguments {
	struct bytes *argv;
	size_t n, cap;
	char (*keys)[KEY_MAX]; /* of chunks */
	size_t n_keys;
	bool failed;
};

static void add(struct arguments *a, struct bytes b)
{
	if (a->n == a->cap) {
		size_t cap = a->cap == 0 ? 128 : 2 * a->cap;
		struct bytes *grown = realloc(a->argv, cap * sizeof(*grown));

		if (grown == NULL) {
			a->failed = true;
			return;
		}
		a->argv = grown;
		a->cap = cap;
	}
	a->argv[a->n++] = b;
}

static size_t chunks_of(const struct segment_info *i)
{
	return segment_chunks(segment_filter_size(i)) + segment_chunks(segment_body_size(i));
}

static void add_chunks(const struct redis_store *s, struct arguments *a, const struct segment_info *info)
{
	for (unsigned stream = STORE_FILTER; stream <= STORE_BODY; stream++) {
		uint64_t size = stream == STORE_FILTER ? segment_filter_size(info) : segment_body_size(info);

		for (uint32_t i = 0; i < segment_chunks(size); i++) {
			char *key = a->keys[a->n_keys++];

			redis_store_chunk_key(s, info->id, (enum store_stream)stream, i, key);
			add(a, text(key));
		}
	}
}

struct commit_texts {
	char from[17], list[KEY_MAX], close[KEY_MAX], heal[NUMBER_MAX], persist[NUMBER_MAX],
	    expire[NUMBER_MAX], set[NUMBER_MAX], del[NUMBER_MAX], added[REDIS_SEGMENT_FIELD],
	    added_value[REDIS_SEGMENT_VALUE], (*removed)[REDIS_SEGMENT_FIELD];
	struct redis_meta_fields fields;
	struct ledger_tag tag;
	struct buf first;
};

static void write_texts(const struct redis_store *s, const struct store_commit *c, size_t persist,
    size_t expire, struct commit_texts *t)
{
	redis_hex(c->from.b, sizeof(c->from.b), t->from);
	redis_store_list_key(s, c->to->generation, t->list);
	redis_store_list_key(s, c->close == 0 ? c->to->generation : c->close, t->close);
	snprintf(t->heal, sizeof(t->heal), "%llu", (unsigned long long)c->heal_us);
	snprintf(t->persist, sizeof(t->persist), "%zu", persist);
	snprintf(t->expire, sizeof(t->expire), "%zu", expire);
	snprintf(t->set, sizeof(t->set), "%d", REDIS_META_FIELDS + (c->add != NULL));
	snprintf(t->del, sizeof(t->del), "%zu", c->n_remove);
	redis_meta_format(c->to, &t->fields);
	memcpy(t->tag.b, c->to->version.b, sizeof(t->tag.b));
	if (c->open_list)
		record_first_body(t->tag, c->to->rules, c->to->generation, &t->first);
	if (c->add != NULL)
		redis_segment_format(c->add, t->added, t->added_value);
	for (size_t i = 0; i < c->n_remove; i++) {
		char value[REDIS_SEGMENT_VALUE];

		redis_segment_format(&c->remove[i], t->removed[i], value);
	}
}

static unsigned add_keys(const struct redis_store *s, struct arguments *a, const struct store_commit *c,
    const struct commit_texts *t)
{
	add(a, text(s->meta_key));
	add(a, text(s->sessions_key));
	add(a, text(t->list));
	add(a, text(t->close));
	if (c->add != NULL)
		add_chunks(s, a, c->add);
	for (size_t i = 0; i < c->n_remove; i++)
		add_chunks(s, a, &c->remove[i]);
	return (unsigned)(a->n - 3);
}

static void add_values(struct arguments *a, const struct store_commit *c, const struct commit_texts *t)
{
	add(a, text(t->from));
	add(a, (struct bytes){ t->tag.b, sizeof(t->tag.b) });
	add(a, text(t->persist));
	add(a, text(t->expire));
	add(a, text(t->set));
	add(a, text(t->del));
	add(a, (struct bytes){ t->first.data == NULL ? "" : t->first.data, t->first.len });
	add(a, text(c->unlink ? "1" : "0"));
	add(a, text(t->heal));
	add(a, (struct bytes){ c->session.b, sizeof(c->session.b) });
	for (size_t i = 0; i < REDIS_META_FIELDS; i++) {
		add(a, text(t->fields.names[i]));
		add(a, text(t->fields.values[i]));
	}
	if (c->add != NULL) {
		add(a, text(t->added));
		add(a, text(t->added_value));
	}
	for (size_t i = 0; i < c->n_remove; i++)
		add(a, text(t->removed[i]));
	for (size_t i = 0; i < c->n_carries; i++)
		add(a, c->carries[i]);
}

static int run_commit(struct redis_store *s, const struct store_commit *c, struct arguments *a,
    struct commit_texts *t, size_t persist, size_t expire)
{
	unsigned keys;

	write_texts(s, c, persist, expire, t);
	for (unsigned i = 0; i < 3; i++)
		add(a, (struct bytes){ NULL, 0 });
	keys = add_keys(s, a, c, t);
	add_values(a, c, t);
	if (a->failed)
		return -ENOMEM;
	return redis_store_script(s, SCRIPT_COMMIT, keys, a->n, a->argv, NULL, 0);
}

int redis_commit(struct store *store, const struct store_commit *c, enum store_result *ret_result)
{
	struct redis_store *s = (struct redis_store *)store;
	struct arguments a = { .n = 0 };
	struct commit_texts *t = calloc(1, sizeof(*t));
	size_t persist = c->add == NULL ? 0 : chunks_of(c->add), expire = 0;
	struct bytes word;
	int r = -ENOMEM;

	for (size_t i = 0; i < c->n_remove; i++)
		expire += chunks_of(&c->remove[i]);
	a.keys = malloc((persist + expire + 1) * sizeof(*a.keys));
	if (t != NULL)
		t->removed = calloc(c->n_remove + 1, sizeof(*t->removed));
	if (t != NULL && t->removed != NULL && a.keys != NULL)
		r = run_commit(s, c, &a, t, persist, expire);
	if (t != NULL) {
		buf_free(&t->first);
		free(t->removed);
	}
	free(t);
	free(a.keys);
	free(a.argv);
	if (r < 0)
		return r;
	word = redis_value_text(s->values[0]);
	if (word.len != 1 || strchr("KSM", *(const char *)word.data) == NULL)
		return redis_store_bad_reply(s, "changing the metadata");
	*ret_result = *(const char *)word.data == 'K'   ? STORE_OK
		      : *(const char *)word.data == 'S' ? STORE_STALE
							: STORE_MISSING;
	return 0;
}
