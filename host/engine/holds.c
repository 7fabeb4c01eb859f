#include "engine/holds.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void path_of(const struct config *c, const char *end, struct buf *out)
{
	buf_printf(out, "%s/holds-%s%s", c->state_dir, c->node, end);
}

void holds_read(const struct config *c, struct subscription *const *subs, size_t n)
{
	struct buf path = { NULL, 0, 0 };
	char name[128], word[16];
	FILE *f;

	path_of(c, "", &path);
	f = fopen(path.data, "re");
	while (f != NULL && fscanf(f, "%127s %15s", name, word) == 2) {
		for (size_t i = 0; i < n; i++) {
			if (strcmp(subs[i]->conf->name, name) != 0)
				continue;
			atomic_store(&subs[i]->hold, strcmp(word, "pause") == 0 ? HOLD_PAUSE : HOLD_DRAIN);
			series_set(subs[i]->series.paused, 1);
			log_at(LOG_WARNING, "still held by an operator, from before the start: semel resume",
			    LOG_TEXT("subscription", name), LOG_TEXT("hold", word));
		}
	}
	if (f != NULL)
		fclose(f);
	buf_free(&path);
}

void holds_write(const struct config *c, struct subscription *const *subs, size_t n)
{
	struct buf path = { NULL, 0, 0 }, fresh = { NULL, 0, 0 };
	bool well = false;
	FILE *f;

	path_of(c, "", &path);
	path_of(c, ".new", &fresh);
	f = fopen(fresh.data, "we");
	if (f != NULL) {
		for (size_t i = 0; i < n; i++) {
			int hold = atomic_load(&subs[i]->hold);

			if (hold != HOLD_NONE)
				fprintf(f, "%s %s\n", subs[i]->conf->name,
				    hold == HOLD_PAUSE ? "pause" : "drain");
		}
		well = fflush(f) == 0 && fsync(fileno(f)) == 0;
		fclose(f);
		well = well && rename(fresh.data, path.data) == 0;
	}
	if (!well)
		log_at(LOG_WARNING, "state_dir cannot be written: a restart forgets what is paused",
		    LOG_TEXT("file", path.data), LOG_TEXT("why", strerror(errno)));
	buf_free(&path);
	buf_free(&fresh);
}
