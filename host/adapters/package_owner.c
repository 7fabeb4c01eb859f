#include "adapters/package_owner.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 4 /* before the files */

/* What a command with these files prints to stdout, stderr is dropped; nothing if it cannot be run. */
static void output_of(const char *const *words, const char *const *files, size_t n, struct buf *out)
{
	const char **argv = calloc(WORDS_MAX + n + 1, sizeof(*argv));
	posix_spawn_file_actions_t actions;
	char chunk[4096];
	size_t k = 0;
	ssize_t len;
	int fds[2], r;
	pid_t pid;

	if (argv == NULL || pipe2(fds, O_CLOEXEC) < 0) {
		free(argv);
		return;
	}
	for (; *words != NULL; words++)
		argv[k++] = *words;
	for (size_t i = 0; i < n; i++)
		argv[k++] = files[i];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	while (r == 0 && (len = read(fds[0], chunk, sizeof(chunk))) != 0)
		if (len > 0)
			buf_add(out, chunk, (size_t)len);
		else if (errno != EINTR)
			break;
	close(fds[0]);
	while (r == 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(argv);
}

/* "semel-handler-ship:amd64: /usr/lib/.../ship.so", of several packages "a, b: FILE"; a diversion has blanks where a
 * package's name has none. */
static char *owner_in(const char *line, size_t len, const char *file)
{
	size_t n = strlen(file), name = strcspn(line, ":, ");

	if (len < n + 2 || strncmp(line + len - n, file, n) != 0 ||
	    strncmp(line + len - n - 2, ": ", 2) != 0 || line[name] == ' ')
		return NULL;
	return strndup(line, name);
}

static void ask_dpkg(const char *const *files, size_t n, char **ret_packages)
{
	static const char *const words[] = { "dpkg-query", "-S", "--", NULL };
	struct buf out = { NULL, 0, 0 };
	size_t len;

	output_of(words, files, n, &out);
	for (const char *line = out.data; line != NULL && *line != '\0'; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		for (size_t i = 0; i < n; i++)
			if (ret_packages[i] == NULL)
				ret_packages[i] = owner_in(line, len, files[i]);
	}
	buf_free(&out);
}

/* A line a file, in their order: a package's name, or a sentence with blanks. */
static void ask_rpm(const char *const *files, size_t n, char **ret_packages)
{
	static const char *const words[] = { "rpm", "-qf", "--qf", "%{NAME}\\n", NULL };
	struct buf out = { NULL, 0, 0 };
	const char *line;

	output_of(words, files, n, &out);
	line = out.data;
	for (size_t i = 0; i < n && line != NULL && *line != '\0'; i++) {
		size_t len = strcspn(line, "\n");

		if (memchr(line, ' ', len) == NULL)
			ret_packages[i] = strndup(line, len);
		line += len + (line[len] == '\n');
	}
	buf_free(&out);
}

void package_owners(const char *const *files, size_t n, char **ret_packages)
{
	const char **left = calloc(n + 1, sizeof(*left));
	size_t *place = calloc(n + 1, sizeof(*place)), n_left = 0;
	char **found = calloc(n + 1, sizeof(*found));

	memset(ret_packages, 0, n * sizeof(*ret_packages));
	if (left == NULL || place == NULL || found == NULL)
		abort();
	if (n > 0)
		ask_dpkg(files, n, ret_packages);
	for (size_t i = 0; i < n; i++) {
		/* A file that is not there has no line of rpm's. */
		if (ret_packages[i] != NULL || access(files[i], F_OK) != 0)
			continue;
		place[n_left] = i;
		left[n_left++] = files[i];
	}
	if (n_left > 0)
		ask_rpm(left, n_left, found);
	for (size_t i = 0; i < n_left; i++)
		ret_packages[place[i]] = found[i];
	free(left);
	free(place);
	free(found);
}
