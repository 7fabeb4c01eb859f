/* Finding keys, and guessing which one was meant. */
#include "adapters/config_table.h"

/* Two mistakes in a word are still a slip; three are another word. */
#define SLIPS_MAX 2

const struct config_key *config_key_find(enum config_scope scope, const char *name)
{
	for (const struct config_key *k = config_keys_of(scope); k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

enum config_scope config_key_elsewhere(enum config_scope scope, const char *name)
{
	for (enum config_scope s = SCOPE_ROOT; s < SCOPE_N; s++)
		if (s != scope && config_key_find(s, name) != NULL)
			return s;
	return SCOPE_N;
}

bool config_word_in(const char *words, const char *word, int *ret_index)
{
	size_t n = strlen(word), len;

	for (int i = 0; *words != '\0'; i++, words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		if (n == len && strncmp(words, word, len) == 0) {
			if (ret_index != NULL)
				*ret_index = i;
			return true;
		}
	}
	return false;
}

unsigned config_distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	unsigned row[3][MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > MAX || m > MAX)
		return MAX;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[n % 3][m];
}

const char *config_key_near(enum config_scope scope, const char *name)
{
	const char *best = NULL;
	unsigned least = SLIPS_MAX + 1;

	for (const struct config_key *k = config_keys_of(scope); k->name != NULL; k++) {
		unsigned d = config_distance(name, k->name);

		if (d < least && d < strlen(k->name)) {
			least = d;
			best = k->name;
		}
	}
	return best;
}
