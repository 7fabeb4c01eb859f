#include "adapters/redis_errors.h"

static const struct redis_reaction table[] = {
	{ "LOADING", STORE_LOADING, "it reads its data set; it answers when that is done" },
	{ "READONLY", STORE_READONLY, "it is a replica: point ledger.url at the master" },
	{ "MASTERDOWN", STORE_READONLY, "it is a replica without its master" },
	{ "OOM", STORE_OOM, "raise maxmemory: a full ledger takes no claims" },
	{ "MISCONF", STORE_REFUSED, "it cannot save to disk: see its log and disk" },
	{ "BUSY", STORE_BUSY, "a script of another client runs too long: see SCRIPT KILL" },
	{ "UNKILLABLE", STORE_BUSY, "a script of another client runs too long and has written" },
	{ "NOREPLICAS", STORE_BUSY, "fewer replicas than min-replicas-to-write" },
	{ "CLUSTERDOWN", STORE_BUSY, "the cluster does not serve this slot" },
	{ "TRYAGAIN", STORE_BUSY, "the slot is being moved" },
	{ "MOVED", STORE_REFUSED, "this is a Redis Cluster; this version needs a single server" },
	{ "ASK", STORE_REFUSED, "this is a Redis Cluster; this version needs a single server" },
	{ "CROSSSLOT", STORE_REFUSED, "this is a Redis Cluster; this version needs a single server" },
	{ "NOAUTH", STORE_DENIED, "set ledger.user and ledger.password_file" },
	{ "WRONGPASS", STORE_DENIED, "check ledger.user and ledger.password_file" },
	{ "NOPERM", STORE_DENIED, "give the user the rights that docs/ledger.md lists" },
	{ "WRONGTYPE", STORE_REFUSED, "a key under ledger.prefix is not the ledger's: use another prefix" },
	{ "EXECABORT", STORE_REFUSED, "see the server's log" },
	{ "NOSCRIPT", STORE_BUSY, "the script cache was flushed; scripts are loaded again" },
	{ "NOTBUSY", STORE_REFUSED, "see the server's log" },
	{ "NOGOODSLAVE", STORE_REFUSED, "no replica can be promoted" },
};

static const struct redis_reaction unknown = { "", STORE_REFUSED, "see the server's log" };

const struct redis_reaction *redis_reaction(struct bytes error)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = strlen(table[i].code);

		if (error.len >= len && memcmp(error.data, table[i].code, len) == 0 &&
		    (error.len == len || ((const char *)error.data)[len] == ' '))
			return &table[i];
	}
	return &unknown;
}
