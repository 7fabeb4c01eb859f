#include "adapters/ledger_scripts.h"

#include "base/buf.h"

#include <stdio.h>

/* A header: tag 8, session 8, live 1, fence 8, slots 2, server_us 8, n_over 1, over 8 each, sum 4 (record.c).  The
 * body goes through untouched: cutting and joining strings here costs more than all the rest. */
#define HEAD                                                                                                  \
	"local function head(tag,session,live,fence,slots,us,k,over)\n"                                       \
	"  local h=tag..session..(live and '\\1' or '\\0')..struct.pack('>I8c2I8B',fence,slots,us,k)..over\n" \
	"  local a,s=0,0\n"                                                                                   \
	"  local b={string.byte(h,1,-1)}\n"                                                                   \
	"  for i=1,#b do a=a+b[i] s=s+a end\n"                                                                \
	"  return h..struct.pack('>I4',(s*65537+a)%4294967296)\n"                                             \
	"end\n"                                                                                               \
	"local function after(hd,us,floor)\n"                                                                 \
	"  local f=us\n"                                                                                      \
	"  if hd then local g,c=struct.unpack('>I8I2',hd,18) if g+c>f then f=g+c end end\n"                   \
	"  if floor and floor+0>f then f=floor+0 end\n"                                                       \
	"  return f\n"                                                                                        \
	"end\n"

#define NOW "local t=redis.call('TIME') local us=t[1]*1000000+t[2]\n"

/* After a change of server, or a loss that was accepted: who was live has to read and heal before anybody claims.
 * The new server's clock may be ahead: a session that seems to be over for less than five minutes counts as live. */
#define BEGIN_HEALING(lease)                                                                                 \
	"for _,f in ipairs(redis.call('HKEYS',KEYS[1])) do\n"                                                \
	"  if string.sub(f,1,9)=='unhealed:' then redis.call('HDEL',KEYS[1],f) end\n"                        \
	"end\n"                                                                                              \
	"local all=redis.call('HGETALL',KEYS[2])\n"                                                          \
	"for i=1,#all,2 do\n"                                                                                \
	"  if all[i+1]+0>us+" lease " then redis.call('HSET',KEYS[2],all[i],string.format('%.0f',us+" lease  \
	")) end\n"                                                                                           \
	"  if all[i+1]+0>=us-300000000 then redis.call('HSET',KEYS[1],'unhealed:'..all[i],1) end\n"          \
	"end\n"                                                                                              \
	"redis.call('HSET',KEYS[1],'heal_until_us',string.format('%.0f',us+" lease "))\n"

/* KEYS m c l   ARGV version session(hex) position last_tag body tag session(raw) max_delta over(raw, 8 bytes each) */
#define APPEND_BODY                                                                                          \
	HEAD "local m=redis.call('HMGET',KEYS[1],'version','fence_floor')\n"                                 \
	     "if m[1]~=ARGV[1] then return 'S' end\n"                                                        \
	     "local P=2*ARGV[3]\n"                                                                           \
	     "local hd=redis.call('LINDEX',KEYS[3],P-2)\n"                                                   \
	     "if not hd or string.sub(hd,1,8)~=ARGV[4] then return 'L' end\n"                                \
	     "local n=redis.call('LLEN',KEYS[3])-P\n"                                                        \
	     "local d\n"                                                                                     \
	     "if n>0 then\n"                                                                                 \
	     "  if n>2*ARGV[8] then return 'R' end\n"                                                        \
	     "  d=redis.call('LRANGE',KEYS[3],P,-1) hd=d[n-1]\n"                                             \
	     "end\n" NOW "local own=redis.call('HGET',KEYS[2],ARGV[2])\n"                                    \
	     "local live=own and own+0>=us\n"                                                                \
	     "local x,k='',0\n"                                                                              \
	     "for i=1,#ARGV[9],8 do\n"                                                                       \
	     "  local s=string.sub(ARGV[9],i,i+7)\n"                                                         \
	     "  local h=string.gsub(s,'.',function(b) return string.format('%02x',string.byte(b)) end)\n"    \
	     "  local e=redis.call('HGET',KEYS[2],h)\n"                                                      \
	     "  if not e or e+0<us then x=x..s k=k+1 end\n"                                                  \
	     "end\n"                                                                                         \
	     "hd=head(ARGV[6],ARGV[7],live,after(hd,us,m[2]),string.sub(ARGV[5],1,2),us,k,x)\n"              \
	     "redis.call('RPUSH',KEYS[3],hd,ARGV[5])\n"                                                      \
	     "if d then d[n+1]=hd return d end\n"                                                            \
	     "return {hd}\n"

static const char *const texts[SCRIPT_N] = {
	[SCRIPT_APPEND] = "#!lua\n" APPEND_BODY,
	[SCRIPT_APPEND_OOM] = "#!lua flags=allow-oom\n" APPEND_BODY,

	/* KEYS m   seconds, microseconds, then the hash */
	[SCRIPT_META] = "#!lua flags=allow-oom\n"
			"local t=redis.call('TIME')\n"
			"local r=redis.call('HGETALL',KEYS[1])\n"
			"table.insert(r,1,tostring(t[2])) table.insert(r,1,tostring(t[1]))\n"
			"return r\n",

	/* KEYS m l   ARGV tag body heal_us field value ...; makes the ledger if there is none */
	[SCRIPT_CREATE] =
	    "#!lua\n" HEAD "if redis.call('EXISTS',KEYS[1])==1 then return 0 end\n"
	    "if redis.call('EXISTS',KEYS[2])==1 then return redis.error_reply('ERR the list '..KEYS[2]..' is there "
	    "without its metadata') end\n" NOW
	    "for i=4,#ARGV,2 do redis.call('HSET',KEYS[1],ARGV[i],ARGV[i+1]) end\n"
	    "redis.call('HSET',KEYS[1],'created',t[1])\n"
	    "if ARGV[3]+0>0 then redis.call('HSET',KEYS[1],'heal_until_us',string.format('%.0f',us+ARGV[3]),"
	    "'unhealed:all',1) end\n"
	    "redis.call('RPUSH',KEYS[2],head(ARGV[1],string.rep('\\0',8),false,us,'\\0\\0',us,0,''),ARGV[2])\n"
	    "return 1\n",

	/* KEYS m c l l:close persist... expire...
	 * ARGV version tag(raw, of a first record) n_persist n_expire n_set n_del first_body unlink heal_us session(raw)
	 *      field value ... field ... carry ...
	 * The metadata and all that it speaks of, at once or not at all. */
	[SCRIPT_COMMIT] =
	    "#!lua\n" HEAD "local m=redis.call('HMGET',KEYS[1],'version','fence_floor')\n"
	    "if m[1]~=ARGV[1] then return 'S' end\n"
	    "local np,nx,ns,nd=ARGV[3]+0,ARGV[4]+0,ARGV[5]+0,ARGV[6]+0\n"
	    "for i=5,4+np do if redis.call('EXISTS',KEYS[i])==0 then return 'M' end end\n" NOW
	    "for i=5,4+np do redis.call('PERSIST',KEYS[i]) end\n"
	    /* Spread: a server frees a chunk at once, and many of them would be felt. */
	    "for i=1,nx do redis.call('PEXPIRE',KEYS[4+np+i],60000+50*i) end\n"
	    "local a=11\n"
	    "for i=1,ns do redis.call('HSET',KEYS[1],ARGV[a],ARGV[a+1]) a=a+2 end\n"
	    "for i=1,nd do redis.call('HDEL',KEYS[1],ARGV[a]) a=a+1 end\n"
	    "if ARGV[7]~='' then\n"
	    "  local f=after(redis.call('LINDEX',KEYS[4],-2) or nil,us,m[2])\n"
	    "  redis.call('UNLINK',KEYS[3])\n"
	    "  redis.call('RPUSH',KEYS[3],head(ARGV[2],string.rep('\\0',8),false,f,'\\0\\0',us,0,''),ARGV[7])\n"
	    "end\n"
	    "while a<=#ARGV do\n"
	    "  local b=ARGV[a] a=a+1\n"
	    "  local f=after(redis.call('LINDEX',KEYS[3],-2) or nil,us,m[2])\n"
	    "  redis.call('RPUSH',KEYS[3],head(string.sub(b,9,16),ARGV[10],true,f,string.sub(b,1,2),us,0,''),b)\n"
	    "end\n"
	    "if ARGV[8]=='1' then redis.call('UNLINK',KEYS[4]) end\n"
	    "if ARGV[9]+0>0 then\n" BEGIN_HEALING("ARGV[9]") "end\n"
							     "return 'K'\n",

	/* KEYS m c l   ARGV version new_version run_id lease_us: another server now holds the ledger.  The fence goes on a
	 * minute above anything given out, and no lease is longer than from now on (docs/ledger.md). */
	[SCRIPT_ADOPT] =
	    "#!lua flags=allow-oom\n"
	    "if redis.call('HGET',KEYS[1],'version')~=ARGV[1] then return 0 end\n" NOW
	    "local floor=us local old=redis.call('HGET',KEYS[1],'fence_floor')\n"
	    "if old and old+0>floor then floor=old+0 end\n"
	    "local hd=redis.call('LINDEX',KEYS[3],-2)\n"
	    "if hd then local g,c=struct.unpack('>I8I2',hd,18) if g+c>floor then floor=g+c end end\n"
	    "redis.call('HSET',KEYS[1],'version',ARGV[2],'run_id',ARGV[3],'fence_floor',string.format('%.0f',floor+60000000))\n" BEGIN_HEALING(
		"ARGV[4]") "return 1\n",

	/* KEYS m   ARGV session */
	[SCRIPT_HEALED] = "#!lua flags=allow-oom\n"
			  "return redis.call('HDEL',KEYS[1],'unhealed:'..ARGV[1])\n",

	/* KEYS k   ARGV session ms */
	[SCRIPT_LOCK] = "#!lua\n"
			"local who=redis.call('GET',KEYS[1])\n"
			"if who and who~=ARGV[1] then return 0 end\n"
			"redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2])\n"
			"return 1\n",

	/* KEYS c n   ARGV session lease_us owner */
	[SCRIPT_SESSION_OPEN] = "#!lua\n"
				"if redis.call('HEXISTS',KEYS[1],ARGV[1])==1 then return 0 end\n" NOW
				"redis.call('HSET',KEYS[1],ARGV[1],string.format('%.0f',us+ARGV[2]))\n"
				"redis.call('HSET',KEYS[2],ARGV[1],ARGV[3])\n"
				"return 1\n",

	/* KEYS c n m   ARGV session lease_us (0: only show) keep_us; 0: not there; else time, version ('' if there is no ledger), then
	 * session, end, owner of each.  Sessions that ended long ago are forgotten here: a missing one counts as over. */
	[SCRIPT_SESSION_RENEW] =
	    "#!lua flags=allow-oom\n"
	    "local own=redis.call('HGET',KEYS[1],ARGV[1])\n"
	    "if not own and ARGV[2]~='0' then return 0 end\n" NOW
	    "if own and us+ARGV[2]>own+0 then redis.call('HSET',KEYS[1],ARGV[1],string.format('%.0f',us+ARGV[2])) end\n"
	    "local r={string.format('%.0f',us),redis.call('HGET',KEYS[3],'version') or ''}\n"
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
};

static char clocked[SCRIPT_N][8192]; /* set by a simulation */

const char *ledger_script_text(enum ledger_script s)
{
	return clocked[s][0] != '\0' ? clocked[s] : texts[s];
}

void ledger_scripts_set_clock(const char *key)
{
	static const char time[] = "redis.call('TIME')";

	for (unsigned s = 0; s < SCRIPT_N; s++) {
		struct buf out = { NULL, 0, 0 };
		const char *at = texts[s], *next;

		while ((next = strstr(at, time)) != NULL) {
			buf_add(&out, at, (size_t)(next - at));
			buf_printf(&out, "redis.call('HMGET','%s','s','us')", key);
			at = next + sizeof(time) - 1;
		}
		buf_text(&out, at);
		snprintf(clocked[s], sizeof(clocked[s]), "%s", out.data);
		buf_free(&out);
	}
}
