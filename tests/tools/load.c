#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: semel-load broker|topic|ends|produce|verify [options] [WITNESS...]\n"
    "  broker   run an embedded broker (librdkafka's mock cluster) until SIGTERM; prints host:port\n"
    "  topic    make --topic with --partitions\n"
    "  ends     print the end offset of each partition of --topic\n"
    "  produce  publish --count events\n"
    "  verify   read witness files of the `file` handler (and --dead-topic) and count\n"
    "  --brokers HOST:PORT   --topic NAME   --partitions N (4)   --count N (1000)   --keys N (100)\n"
    "  --size BYTES (100)    --rate N (0: as fast as it goes)    --prefix TEXT (e)  --seed N (1)\n"
    "  --duplicates PERCENT  --flaky PERCENT (header debug: fail:2)  --poison PERCENT (header debug: reject)\n"
    "  --crash N, --hang N   so many of them, spread evenly (header debug: segv, hang)\n"
    "  --delays MS           each asks to be retried after 100 to MS milliseconds (header debug: delay:N)\n"
    "  --transaction ID      in a transaction, which is committed once stdin ends\n"
    "  --dead-topic NAME     --json\n";

/* True for n of all events, from `first` of each stretch on. */
static bool is_of(const struct load *l, long i, long n, long first)
{
	long every = n == 0 ? 0 : l->count / n;

	return every > 0 && i % every == first % every && i / every < n;
}

const char *load_debug(const struct load *l, long i, const char **ret_reason, char text[32])
{
	*ret_reason = NULL;
	if (l->delays > 100) {
		snprintf(text, 32, "delay:%ld", 100 + i * 7919 % (l->delays - 100));
		return text;
	}
	if (is_of(l, i, l->crash, 7)) {
		*ret_reason = "crashed";
		return "segv";
	}
	if (is_of(l, i, l->hang, 11)) {
		*ret_reason = "timeout";
		return "hang";
	}
	if (load_chance(l, i, 2, l->poison)) {
		*ret_reason = "rejected";
		return "reject";
	}
	return load_chance(l, i, 3, l->flaky) ? "fail:2" : NULL;
}

bool load_chance(const struct load *l, long i, unsigned salt, double share)
{
	uint64_t x = l->seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i * UINT64_C(0xbf58476d1ce4e5b9) +
		     salt;

	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return (double)(x >> 11) / (double)(UINT64_C(1) << 53) * 100.0 < share;
}

static void take(struct load *l, int option, const char *value)
{
	switch (option) {
	case 'b': l->brokers = value; break;
	case 't': l->topic = value; break;
	case 'P': l->partitions = strtol(value, NULL, 10); break;
	case 'n': l->count = strtol(value, NULL, 10); break;
	case 'k': l->keys = strtol(value, NULL, 10); break;
	case 's': l->size = strtol(value, NULL, 10); break;
	case 'r': l->rate = strtol(value, NULL, 10); break;
	case 'p': l->prefix = value; break;
	case 'S': l->seed = strtoull(value, NULL, 10); break;
	case 'd': l->duplicates = strtod(value, NULL); break;
	case 'f': l->flaky = strtod(value, NULL); break;
	case 'o': l->poison = strtod(value, NULL); break;
	case 'c': l->crash = strtol(value, NULL, 10); break;
	case 'y': l->delays = strtol(value, NULL, 10); break;
	case 'H': l->hang = strtol(value, NULL, 10); break;
	case 'T': l->transaction = value; break;
	case 'D': l->dead_topic = value; break;
	case 'j': l->json = true; break;
	default: fputs(usage, stderr); exit(64);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "brokers", 1, NULL, 'b' }, { "topic", 1, NULL, 't' },
		{ "partitions", 1, NULL, 'P' }, { "count", 1, NULL, 'n' }, { "keys", 1, NULL, 'k' },
		{ "size", 1, NULL, 's' }, { "rate", 1, NULL, 'r' }, { "prefix", 1, NULL, 'p' },
		{ "seed", 1, NULL, 'S' }, { "duplicates", 1, NULL, 'd' }, { "flaky", 1, NULL, 'f' },
		{ "poison", 1, NULL, 'o' }, { "dead-topic", 1, NULL, 'D' }, { "crash", 1, NULL, 'c' },
		{ "hang", 1, NULL, 'H' }, { "delays", 1, NULL, 'y' }, { "transaction", 1, NULL, 'T' },
		{ "json", 0, NULL, 'j' }, { NULL, 0, NULL, 0 } };
	struct load l = { .topic = "events",
		.prefix = "e",
		.count = 1000,
		.keys = 100,
		.size = 100,
		.partitions = 4,
		.seed = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		take(&l, c, optarg);
	if (optind >= argc) {
		fputs(usage, stderr);
		return 64;
	}
	l.n_files = argc - optind - 1;
	l.files = argv + optind + 1;
	if (strcmp(argv[optind], "topic") == 0)
		return load_topic(&l);
	if (strcmp(argv[optind], "broker") == 0)
		return load_broker(&l);
	if (strcmp(argv[optind], "ends") == 0)
		return load_ends(&l);
	if (strcmp(argv[optind], "produce") == 0)
		return load_produce(&l);
	if (strcmp(argv[optind], "verify") == 0)
		return load_verify(&l);
	fputs(usage, stderr);
	return 64;
}
