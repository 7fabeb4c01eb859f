#include "cli/cli.h"

#include "adapters/config_table.h"
#include "generated/version.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

int (*cli_run_host)(const struct config *c, const struct engine_setup *setup);

static const struct command *find(const char *name)
{
	for (const struct command *c = cli_commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static void print_all(FILE *to)
{
	fputs("usage: semel COMMAND ...\n\n", to);
	for (const struct command *c = cli_commands; c->name != NULL; c++)
		fprintf(to, "  %-10s %s\n", c->name, c->help);
	fputs("\nsemel help COMMAND tells more; semel --version prints the version.\n", to);
}

static int unknown(const char *name)
{
	const char *best = NULL;
	unsigned least = 3;

	for (const struct command *c = cli_commands; c->name != NULL; c++) {
		unsigned d = config_distance(name, c->name);

		if (d < least) {
			least = d;
			best = c->name;
		}
	}
	fprintf(stderr, "semel: unknown command %s", name);
	if (best != NULL)
		fprintf(stderr, "; did you mean %s?", best);
	fputs("\n", stderr);
	if (best == NULL)
		print_all(stderr);
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_all(stdout);
		return EXIT_YES;
	}
	c = find(argv[1]);
	if (c == NULL)
		return unknown(argv[1]);
	printf("usage: semel %s %s\n\n%s.\n", c->name, c->usage, c->help);
	if (c->details != NULL)
		printf("\n%s\n", c->details);
	return EXIT_YES;
}

int cli_usage(const char *command, const char *format, ...)
{
	const struct command *c = find(command);
	va_list ap;

	fprintf(stderr, "semel %s: ", command);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: semel %s %s\n", command, c == NULL ? "" : c->usage);
	return EXIT_USAGE;
}

int cli_main(int argc, char **argv)
{
	const struct command *c;

	/* How wide characters are; numbers stay as they are. */
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_all(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		printf("semel %s\n", SEMEL_VERSION);
		return EXIT_YES;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help(1, argv);
	if (strcmp(argv[1], "help") == 0)
		return help(argc - 1, argv + 1);
	c = find(argv[1]);
	if (c == NULL)
		return unknown(argv[1]);
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help(2, (char *[]){ NULL, argv[1] });
	return c->run(argc - 1, argv + 1);
}
