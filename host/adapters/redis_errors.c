#include "adapters/redis_errors.h"

static const struct redis_reaction table[] = {
	{ "LOADING", STORE_LOADING, false, "it reads its data set; it answers when that is done" },
	{ "READONLY", STORE_READONLY, true, "it is a replica, not the master" },
	{ "MASTERDOWN", STORE_READONLY, true, "it is a replica without its master" },
	{ "OOM", STORE_OOM, false, "raise maxmemory: a full ledger takes no claims" },
	{ "MISCONF", STORE_REFUSED, false, "it cannot save to disk: see its log and disk" },
	{ "BUSY", STORE_BUSY, false, "a script of another client runs too long: see SCRIPT KILL" },
	{ "UNKILLABLE", STORE_BUSY, false, "a script of another client runs too long and has written" },
	{ "NOREPLICAS", STORE_BUSY, false, "fewer replicas than min-replicas-to-write" },
	{ "CLUSTERDOWN", STORE_BUSY, true, "the cluster does not serve this slot" },
	{ "TRYAGAIN", STORE_BUSY, false, "the slot is being moved" },
	{ "ASK", STORE_BUSY, false, "the slot is being moved" },
	{ "MOVED", STORE_REFUSED, true, "it is a node of a cluster: set ledger.mode = cluster" },
	{ "CROSSSLOT", STORE_REFUSED, false, "it is a node of a cluster: set ledger.mode = cluster" },
	{ "NOAUTH", STORE_DENIED, false, "set ledger.user and ledger.password_file" },
	{ "WRONGPASS", STORE_DENIED, false, "check ledger.user and ledger.password_file" },
	{ "NOPERM", STORE_DENIED, false, "give the user the rights that docs/ledger.md lists" },
	{ "WRONGTYPE", STORE_REFUSED, false,
	    "a key under ledger.prefix is not the ledger's: use another prefix" },
	{ "EXECABORT", STORE_REFUSED, false, "see the server's log" },
	{ "NOSCRIPT", STORE_BUSY, false, "the script cache was flushed; scripts are loaded again" },
	{ "NOTBUSY", STORE_REFUSED, false, "see the server's log" },
	{ "NOGOODSLAVE", STORE_BUSY, true, "no replica can be promoted" },
	{ "INPROG", STORE_BUSY, true, "a failover is under way" },
	{ "NOMASTERLINK", STORE_READONLY, true, "it is a replica without its master" },
};

static const struct redis_reaction unknown = { "", STORE_REFUSED, false, "see the server's log" };

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
