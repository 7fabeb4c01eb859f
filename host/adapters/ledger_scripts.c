#include "adapters/ledger_scripts.h"

/* KEYS m c l   ARGV version session(hex) position last_tag body tag session(raw) max_delta over(raw, 8 bytes each)
 * A header: tag 8, session 8, live 1, fence 8, slots 2, server_us 8, n_over 1, over.  The body goes through
 * untouched: cutting and joining strings here costs more than all the rest. */
#define APPEND_BODY                                                                                                   \
	"local m=redis.call('HMGET',KEYS[1],'version','fence_floor')\n"                                               \
	"if m[1]~=ARGV[1] then return 'S' end\n"                                                                      \
	"local P=2*ARGV[3]\n"                                                                                         \
	"local hd=redis.call('LINDEX',KEYS[3],P-2)\n"                                                                 \
	"if not hd or string.sub(hd,1,8)~=ARGV[4] then return 'L' end\n"                                              \
	"local n=redis.call('LLEN',KEYS[3])-P\n"                                                                      \
	"local d\n"                                                                                                   \
	"if n>0 then\n"                                                                                               \
	"  if n>2*ARGV[8] then return 'R' end\n"                                                                      \
	"  d=redis.call('LRANGE',KEYS[3],P,-1) hd=d[n-1]\n"                                                           \
	"end\n"                                                                                                       \
	"local t=redis.call('TIME') local us=t[1]*1000000+t[2]\n"                                                     \
	"local own=redis.call('HGET',KEYS[2],ARGV[2])\n"                                                              \
	"local live=own and own+0>=us\n"                                                                              \
	"local f,c=struct.unpack('>I8I2',hd,18) f=f+c if us>f then f=us end\n"                                        \
	"local floor=m[2] if floor and floor+0>f then f=floor+0 end\n"                                                \
	"local x,k='',0\n"                                                                                            \
	"for i=1,#ARGV[9],8 do\n"                                                                                     \
	"  local s=string.sub(ARGV[9],i,i+7)\n"                                                                       \
	"  local h=string.gsub(s,'.',function(b) return string.format('%02x',string.byte(b)) end)\n"                  \
	"  local e=redis.call('HGET',KEYS[2],h)\n"                                                                    \
	"  if not e or e+0<us then x=x..s k=k+1 end\n"                                                                \
	"end\n"                                                                                                       \
	"hd=ARGV[6]..ARGV[7]..(live and '\\1' or '\\0')..struct.pack('>I8c2I8B',f,string.sub(ARGV[5],1,2),us,k)..x\n" \
	"redis.call('RPUSH',KEYS[3],hd,ARGV[5])\n"                                                                    \
	"if d then d[n+1]=hd return d end\n"                                                                          \
	"return {hd}\n"

static const char *const texts[SCRIPT_N] = {
	[SCRIPT_APPEND] = "#!lua\n" APPEND_BODY,
	[SCRIPT_APPEND_OOM] = "#!lua flags=allow-oom\n" APPEND_BODY,

	/* KEYS m l   ARGV header-without-times body field value ...; makes the ledger if there is none */
	[SCRIPT_CREATE] =
	    "#!lua\n"
	    "if redis.call('EXISTS',KEYS[1])==1 then return 0 end\n"
	    "if redis.call('EXISTS',KEYS[2])==1 then return redis.error_reply('ERR the list '..KEYS[2]..' is there "
	    "without its metadata') end\n"
	    "local t=redis.call('TIME') local us=t[1]*1000000+t[2]\n"
	    "for i=3,#ARGV,2 do redis.call('HSET',KEYS[1],ARGV[i],ARGV[i+1]) end\n"
	    "redis.call('HSET',KEYS[1],'created',t[1])\n"
	    "redis.call('RPUSH',KEYS[2],ARGV[1]..'\\0'..struct.pack('>I8I2I8B',us,0,us,0),ARGV[2])\n"
	    "return 1\n",

	/* KEYS c n   ARGV session lease_us owner */
	[SCRIPT_SESSION_OPEN] =
	    "#!lua\n"
	    "if redis.call('HEXISTS',KEYS[1],ARGV[1])==1 then return 0 end\n"
	    "local t=redis.call('TIME')\n"
	    "redis.call('HSET',KEYS[1],ARGV[1],string.format('%.0f',t[1]*1000000+t[2]+ARGV[2]))\n"
	    "redis.call('HSET',KEYS[2],ARGV[1],ARGV[3])\n"
	    "return 1\n",

	/* KEYS c n   ARGV session lease_us keep_us; 0: not there; else time, then session, end, owner of each.
	 * Sessions that ended long ago are forgotten here: a missing one counts as over. */
	[SCRIPT_SESSION_RENEW] =
	    "#!lua flags=allow-oom\n"
	    "local own=redis.call('HGET',KEYS[1],ARGV[1])\n"
	    "if not own then return 0 end\n"
	    "local t=redis.call('TIME') local us=t[1]*1000000+t[2]\n"
	    "if us+ARGV[2]>own+0 then redis.call('HSET',KEYS[1],ARGV[1],string.format('%.0f',us+ARGV[2])) end\n"
	    "local r={string.format('%.0f',us)}\n"
	    "local all=redis.call('HGETALL',KEYS[1])\n"
	    "for i=1,#all,2 do\n"
	    "  if all[i+1]+0<us-ARGV[3] then\n"
	    "    redis.call('HDEL',KEYS[1],all[i]) redis.call('HDEL',KEYS[2],all[i])\n"
	    "  else\n"
	    "    r[#r+1]=all[i] r[#r+1]=all[i+1] r[#r+1]=redis.call('HGET',KEYS[2],all[i]) or ''\n"
	    "  end\n"
	    "end\n"
	    "return r\n",

	/* KEYS c n   ARGV session */
	[SCRIPT_SESSION_END] = "#!lua flags=allow-oom\n"
			       "redis.call('HDEL',KEYS[2],ARGV[1])\n"
			       "return redis.call('HDEL',KEYS[1],ARGV[1])\n",

	/* KEYS m c   ARGV version new_version run_id lease_us: another server now holds the ledger.  The fence goes on a
	 * minute above anything given out, and no lease is longer than from now on (docs/ledger.md). */
	[SCRIPT_ADOPT] =
	    "#!lua flags=allow-oom\n"
	    "if redis.call('HGET',KEYS[1],'version')~=ARGV[1] then return 0 end\n"
	    "local t=redis.call('TIME') local us=t[1]*1000000+t[2]\n"
	    "local floor=us local old=redis.call('HGET',KEYS[1],'fence_floor')\n"
	    "if old and old+0>floor then floor=old+0 end\n"
	    "redis.call('HSET',KEYS[1],'version',ARGV[2],'run_id',ARGV[3],'fence_floor',string.format('%.0f',floor+60000000))\n"
	    "local all=redis.call('HGETALL',KEYS[2])\n"
	    "for i=1,#all,2 do\n"
	    "  if all[i+1]+0>us+ARGV[4] then redis.call('HSET',KEYS[2],all[i],string.format('%.0f',us+ARGV[4])) end\n"
	    "end\n"
	    "return 1\n",
};

const char *ledger_script_text(enum ledger_script s)
{
	return texts[s];
}
