#include "cli/cli.h"

const struct command cli_commands[] = {
	{ "check", "[-c FILE] [--json] [--connect]", "judge the configuration and every plugin file",
	    "Prints every error and warning as FILE:LINE: error: TEXT.  Opens no connection and runs no plugin, unless told:\n"
	    "  --connect   also ask Kafka and Redis: topics and how long they keep records, the ledger, replicas,\n"
	    "              persistence, memory; and open each plugin with its settings, in a child process (as root: as\n"
	    "              the owner of state_dir)\n"
	    "Exit status: 0 no error, 78 errors.",
	    cmd_check },
	{ "config", "[-c FILE] [--json] [--keys [--markdown]]", "the configuration in effect, or all keys",
	    "Prints each value with the file and line it came from; secrets are hidden.\n"
	    "  --keys   the reference of all keys: type, range, default, meaning",
	    cmd_config },
	{ "status", "[--json] [--admin SOCKET] [-c FILE]", "state of subscriptions, partitions, handlers",
	    NULL, cmd_status },
	{ "top",
	    "[--interval T] [--sort COLUMN] [--filter TEXT] [--view NAME] [--once | --batch N] [--admin SOCKET] [-c FILE]",
	    "the same live, with rates, on the whole terminal",
	    "q ends it, h lists the other keys.  It goes on by itself when the daemon does.\n"
	    "  --interval T   how often to ask: 250ms to 1h (default 2s)\n"
	    "  --sort COLUMN  lag, oldest, name, state, consumed, ...; names rise, what is most comes first\n"
	    "  --filter TEXT  only what has TEXT in its names or its state\n"
	    "  --view NAME    subscriptions (default), partitions, handlers, trouble\n"
	    "  --once         one picture as plain text, all views or that of --view, after one interval; --batch N: N of them\n"
	    "Exit status: 0, or with --once and --batch 69 if the daemon does not answer.",
	    cmd_top },
	{ "tap",
	    "SUBSCRIPTION [--route R] [--handler H] [--outcome O] [--dead] [--id ID] [--key K] [--payload] [--count N] [--json] ...",
	    "events and outcomes as they pass",
	    "Shows what this host handles, finds to be duplicates, puts aside, hands to the retry topic.  It slows nothing: what it\n"
	    "cannot take is dropped, and how many is said.  Ctrl-C ends it.  Payloads can be secrets: they are shown if asked for.\n"
	    "  --outcome O   only runs that ended so: ok, retry, reject, skip, cancelled\n"
	    "  --dead        only what becomes a dead letter, or is dropped\n"
	    "  --id, --key   only these; --base64: both are given in base64\n"
	    "  --count N     end after so many\n"
	    "  --json        one object a line",
	    cmd_tap },
	{ "event", "SUBSCRIPTION ID [--base64] [--ledger-only] [--json] ...", "the whole story of one event",
	    "The ledger's record, where the event is on this host, its last error, its dead letter, and what to type.\n"
	    "ID is the id as text.\n"
	    "  --base64        ID is in base64\n"
	    "  --ledger-only   do not read the dead-letter topic, which can take long\n"
	    "Exit status 1: the ledger does not know it.",
	    cmd_event },
	{ "dlq",
	    "list|replay SUB, show|add SUB ID [--reason R] [--handler H] [--id ID] [--since T] [--until T] [--limit N]",
	    "dead letters: find, look at, replay; put an event aside",
	    "  list     a table, and how many of each reason and handler; --json\n"
	    "  show     headers and payload of the letter PARTITION:OFFSET, or of all letters of an id; --raw: the payload alone\n"
	    "  replay   publish them to the retry topic, from where they are run again: attempts start anew, other groups see\n"
	    "           nothing.  --dry-run counts only; --rate N a second.  Ctrl-C stops it and says how to go on (--from);\n"
	    "           a letter that is replayed twice is run once\n"
	    "  add      ask the daemon to put a waiting, retrying or stuck event aside (reason operator); --detail TEXT\n"
	    "--base64: ids are given in base64.  T: 2h (ago), 2026-01-31T12:00:00Z or Unix milliseconds; it is when the letter\n"
	    "was written that counts.\n"
	    "Letters of id_conflict are refused, those without an id skipped.",
	    cmd_dlq },
	{ "offsets",
	    "SUB [--to earliest|latest|TIME|P=OFFSET,...] [--topic T] [--dry-run] [--json] [-c FILE]",
	    "where a subscription's group stands; move it",
	    "Without --to: first, committed and last offset and lag of each partition, the retry topic's too.\n"
	    "  --to       where to: the first or last record, the first not older than TIME, or partition P to an offset.\n"
	    "             Not of the retry topic, unless --topic names it.  All hosts of the group must have stopped\n"
	    "  --topic    only this topic; needed for P=OFFSET if there are several\n"
	    "  --dry-run  say what would be moved, and do nothing\n"
	    "Events between an old and a later place are passed over.  Those that come again are known to the ledger\n"
	    "and not handled again, unless they are older than ledger.retention.  TIME as for semel dlq.",
	    cmd_offsets },
	{ "doctor", "[-c FILE] [--admin SOCKET] [--json]",
	    "what goes wrong in practice, asked for: machine, configuration, Kafka, Redis, daemon",
	    "Each finding comes with what to do about it.  Changes nothing.  Exit status: 0 nothing found, 1 findings.",
	    cmd_doctor },
	{ "route", "--events FILE [-c FILE] [--json]",
	    "id, key, route and handler of each event of a file; no server needed",
	    "FILE holds one JSON object a line: {\"topic\":...,\"key\":...,\"headers\":{...},\"payload\":...}.",
	    cmd_route },
	{ "handlers", "[-c FILE] [--json]", "plugins found and configured, and why refused; loads nothing",
	    "A line for each configured handler, then for each other plugin of plugin_path: version, ABI, routes that use it,\n"
	    "the package that the file belongs to (asked of dpkg and rpm), why one is refused.  Problems of the configuration\n"
	    "follow.  Exit status: 0, or 78 if it has errors.",
	    cmd_handlers },
	{ "new", "NAME [--lang c|c++]", "a handler project in the folder NAME: source, test, packages",
	    "NAME: [a-z][a-z0-9-]{0,62}; it must not be there yet.  The project needs semel-dev, CMake and a compiler.\n"
	    "  --lang   c (default) or c++",
	    cmd_new },
	{ "dev", "[-c FILE] [--produce FILE] [--rate N]",
	    "embedded broker, private Redis and the host, in the foreground",
	    "Leaves nothing behind.  Without -c: the topic `events` goes to the handler `log`.\n"
	    "  --produce FILE   publish these events (one JSON object a line), then go on\n"
	    "  --rate N         events a second of --produce (default 100)",
	    cmd_dev },
	{ "try",
	    "FILE.so [--events FILE] [--duplicates N%] [--crash-after N] [--lease-loss] [--probe COMMAND] ...",
	    "run a handler without Kafka and Redis, with duplicates, a crash, a lost lease on demand",
	    cmd_try_details, cmd_try },
	{ "ledger",
	    "status|accept-loss|accept-config|upgrade [SUBSCRIPTION] [-c FILE] [--admin SOCKET] [--json]",
	    "the ledger in Redis, and the decisions that only a person takes",
	    "Without SUBSCRIPTION: of all.\n"
	    "  status         identity, generation, segments, sessions, bytes; asks Redis, no daemon needed\n"
	    "  accept-loss    a ledger that is lost goes on under another identity: what was recorded in what is gone may be\n"
	    "                 handled again.  Done by the running daemon\n"
	    "  accept-config  the ledger is of another Kafka cluster, group or id: from now on it is of this configuration\n"
	    "  upgrade        raise the rules of the log to the newest, once all live hosts know them",
	    cmd_ledger },
	{ "bench", "ledger [-c FILE] [--json]",
	    "what this installation can do: claims and settles in its Redis",
	    "Makes a ledger of its own under ledger.prefix and removes it again.", cmd_bench },
	{ "pause", "[SUBSCRIPTION] [--admin SOCKET]",
	    "start nothing more; what is not inside a handler is let go",
	    "Partitions stay assigned.  Remembered over restarts, shown in status, until semel resume.",
	    cmd_hold },
	{ "drain", "[SUBSCRIPTION] [--admin SOCKET]",
	    "fetch nothing more; what was fetched is handled to its end",
	    "Partitions stay assigned.  Remembered over restarts, shown in status, until semel resume.",
	    cmd_hold },
	{ "resume", "[SUBSCRIPTION] [--admin SOCKET]", "the end of pause and drain", NULL, cmd_hold },
	{ "reload", "[--admin SOCKET]", "check the configuration, and if it is good, go on with it",
	    "The daemon judges what lies on its disk now, plugins included: they are loaded and opened in a process of their\n"
	    "own.  With an error nothing changes.  Else the engine drains, and a new one goes on under the same membership;\n"
	    "returns when that runs.  What node, state_dir, http.listen and admin.socket say needs a restart.\n"
	    "Exit status: 0 reloaded, 78 errors, 69 no daemon, or one that is stopping.",
	    cmd_reload },
	{ "log", "LEVEL [--admin SOCKET]", "log level of the running daemon: debug info warning error", NULL,
	    cmd_log },
	{ NULL, NULL, NULL, NULL, NULL },
};
