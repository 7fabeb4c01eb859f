/* The probe: a command of the handler's team that prints the id of each effect. */
#include "cli/try/try_judge.h"

#include "cli/cli.h"
#include "core/event_id.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define NAMED (sizeof(((struct try_verdict *)0)->named) / sizeof(uint32_t))

/* ---- Ids as text */

static size_t sequence(const unsigned char *p, size_t left)
{
	size_t n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	return n <= left && bytes_are_utf8((struct bytes){ p, n }) ? n : 0;
}

void try_put_id(struct buf *out, struct bytes id)
{
	struct buf joined = { NULL, 0, 0 };
	const unsigned char *p, *end;

	if (event_id_show(id, &joined))
		id = (struct bytes){ joined.data, joined.len };
	end = (const unsigned char *)id.data + id.len;
	for (p = id.data; p < end;) {
		size_t n = *p < ' ' || *p == 0x7f || *p == '\\' ? 0 : sequence(p, (size_t)(end - p));

		if (n == 0)
			buf_printf(out, "\\x%02x", *p);
		else
			buf_add(out, p, n);
		p += n == 0 ? 1 : n;
	}
	buf_free(&joined);
}

/* ---- Looking ids up */

struct name {
	char *text;
	uint32_t record;
};

struct names {
	struct name *list;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static struct names names_of(const struct seen *s)
{
	struct names names = { calloc(s->events->n_records, sizeof(struct name)), 0 };

	if (names.list == NULL)
		abort();
	for (size_t i = 0; i < s->events->n_records; i++) {
		const struct try_record *r = &s->events->records[i];
		struct buf text = { NULL, 0, 0 };

		if (r->id.data == NULL || r->same != i)
			continue;
		try_put_id(&text, r->id);
		names.list[names.n++] = (struct name){ text.data, (uint32_t)i };
	}
	qsort(names.list, names.n, sizeof(*names.list), compare);
	return names;
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i].text);
	free(names->list);
}

/* ---- The command */

/* Where the command finds the ids that it is asked about. */
static int write_ids(const struct names *names, const struct try_verdict *v, const char *path)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return -errno;
	for (size_t i = 0; i < names->n; i++)
		if (v->ids[names->list[i].record].ok)
			fprintf(f, "%s\n", names->list[i].text);
	return fclose(f) != 0 ? -errno : 0;
}

static void count_line(struct try_verdict *v, const struct names *names, char *line)
{
	struct name key = { line, 0 }, *found;

	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0')
		return;
	found = bsearch(&key, names->list, names->n, sizeof(key), compare);
	if (found == NULL) {
		v->unknown++;
		return;
	}
	v->effects++;
	v->ids[found->record].effects++;
}

static int run_probe(const struct try_options *o, const struct names *names, struct try_verdict *v)
{
	char *line = NULL;
	size_t cap = 0;
	FILE *f;

	fflush(NULL);
	/* A command expects to be ended by a pipe that nobody reads; we do not. */
	signal(SIGPIPE, SIG_DFL);
	f = popen(o->probe, "re");
	signal(SIGPIPE, SIG_IGN);
	if (f == NULL) {
		fprintf(stderr, "semel try: --probe: %s\n", strerror(errno));
		return EXIT_INTERNAL;
	}
	while (getline(&line, &cap, f) > 0)
		count_line(v, names, line);
	free(line);
	v->probe_status = pclose(f);
	v->probed = true;
	return EXIT_YES;
}

/* ---- What it says */

static void count_effects(struct try_verdict *v, const struct seen *s)
{
	for (uint32_t i = 0; i < s->events->n_records; i++) {
		const struct try_id *id = &v->ids[i];

		if (id->effects > 1 && v->repeated++ < NAMED)
			v->named[v->repeated - 1] = i;
		if (id->ok && id->effects == 0 && v->missing++ < NAMED)
			v->named_missing[v->missing - 1] = i;
		v->exact += id->ok && id->effects == 1;
		v->beside += !id->ok && id->effects > 0;
	}
}

static void put_named(struct try_verdict *v, const struct seen *s, const uint32_t *named, size_t n)
{
	buf_text(&v->faults, ": ");
	for (size_t i = 0; i < n && i < NAMED; i++) {
		const struct try_id *id = &v->ids[named[i]];

		buf_text(&v->faults, i > 0 ? ", " : "");
		try_put_id(&v->faults, s->events->records[named[i]].id);
		if (id->effects > 0)
			buf_printf(&v->faults, " (%u effects of %u runs, %u marked redelivered)", id->effects,
			    id->runs, id->marked);
	}
	buf_text(&v->faults, n > NAMED ? ", ...\n" : "\n");
}

static void judge_probe(struct try_verdict *v, const struct seen *s)
{
	if (WIFSIGNALED(v->probe_status) || WEXITSTATUS(v->probe_status) != 0)
		buf_printf(&v->faults, "the probe failed: %s %d\n",
		    WIFSIGNALED(v->probe_status) ? "signal" : "exit status",
		    WIFSIGNALED(v->probe_status) ? WTERMSIG(v->probe_status) : WEXITSTATUS(v->probe_status));
	if (v->repeated > 0) {
		buf_printf(&v->faults, "%zu id%s more than one effect", v->repeated,
		    v->repeated == 1 ? " has" : "s have");
		put_named(v, s, v->named, v->repeated);
	}
	if (v->missing > 0) {
		buf_printf(&v->faults, "%zu id%s ended OK without an effect", v->missing,
		    v->missing == 1 ? "" : "s");
		put_named(v, s, v->named_missing, v->missing);
	}
}

int try_probe(const struct try_options *o, const struct seen *s, const char *folder, struct try_verdict *v)
{
	struct names names = names_of(s);
	struct buf path = { NULL, 0, 0 };
	int status = EXIT_INTERNAL, r;

	buf_printf(&path, "%s/ids", folder);
	r = write_ids(&names, v, path.data);
	if (r < 0) {
		fprintf(stderr, "semel try: %s: %s\n", path.data, strerror(-r));
	} else {
		setenv("SEMEL_TRY_IDS", path.data, 1);
		status = run_probe(o, &names, v);
	}
	if (status == EXIT_YES) {
		count_effects(v, s);
		judge_probe(v, s);
	}
	free_names(&names);
	buf_free(&path);
	return status;
}
