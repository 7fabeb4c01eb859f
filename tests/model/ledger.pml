/* The ledger, small: one event id, two hosts, everything that can go wrong once or twice, all interleavings.
 *
 * Modelled: the current list, the one before while it is unsealed, segments, the version; look-up and claim as two
 * steps; sessions under a lease by the server's clock, the host's own deadline, renewals whose reply comes late; the
 * two witnesses of a takeover; rotate and seal with carried entries; kills, pauses, an outage, one failover that turns
 * the server back to an earlier state; adoption, fence floor, healing.  The rules are those of docs/ledger.md.
 *
 * One event of the source ends at a host in one of three sinks: without protection, with a token (the fence), with
 * the id in the sink's own transaction.
 *
 * Checked: see START, GIVE and EFFECT below.  -DM_... removes a rule; tests/model/run expects each to be caught.
 */
#define H 2			/* hosts */
#define L 2			/* lease, in ticks */
#define SESSIONS 4		/* one a life of a host */

#ifndef KILLS
#define KILLS 1
#endif
#ifndef PAUSES
#define PAUSES 1
#endif
#ifndef OUTAGES
#define OUTAGES 1
#endif
#ifndef FAILOVERS
#define FAILOVERS 1
#endif
#ifndef ROTATIONS
#define ROTATIONS 1
#endif
#ifndef TICKS
#define TICKS 7
#endif

#define ABSENT 0
#define CLAIMED 1
#define DONE 2

typedef Server {
	byte version;
	byte cur, owner, fence;		/* the id in the current list */
	bool two;			/* the list before is not sealed yet */
	byte old, oldowner, oldfence;	/* the id in that */
	bool segment;			/* a segment has it */
	byte top;			/* the last fence given */
};

Server s, then;			/* now; what a failover goes back to */
byte lease[SESSIONS];		/* ticks left, by the server's clock */
bool away;			/* the server does not answer */
byte healing;			/* ticks until claims go on whatever happens */
bool unhealed[H];
bool saved;

byte sessions;			/* opened so far */
byte session[H];
bool up[H], paused[H];
bool waspaused[H];		/* during the run at hand */
bool looked[H]; byte lookedat[H];	/* it is in no segment and not in the list before, under this version */
bool have[H]; byte my[H];	/* a claim, its fence */
bool running[H], ended[H];	/* inside the handler; the outcome is known */
bool known[H];			/* this host has read that it is done */
bool lostclaim[H];		/* the failover took the claim of a run */
byte deadline[H];		/* ticks left, by the host's own clock */
bool sent[H]; byte age[H];	/* a renewal is under way, so old */
bool mustread[H];
byte watched[H];		/* ticks for which the other's lease stood still while the server answered */
bool changed[H];		/* that host has renewed since the last tick */

byte kills = KILLS, pauses = PAUSES, outages = OUTAGES, failovers = FAILOVERS, rotations = ROTATIONS, ticks = TICKS;
byte effects, faults, highest, token;
bool committed;

#define OTHER(h) (1 - (h))
#define ANSWERS(h) (up[h] && !paused[h] && !away)
#define RECORDED (s.segment || s.cur == DONE || (s.two && s.old == DONE))
#define MINE_CUR(h) (s.cur == CLAIMED && s.owner == session[h] && s.fence == my[h])
#define MINE_OLD(h) (s.two && s.cur == ABSENT && s.old == CLAIMED && s.oldowner == session[h] && s.oldfence == my[h])
#define CLAIMS_GO_ON (healing == 0 || (!unhealed[0] && !unhealed[1]))

/* A healthy host renews within each tick while the server answers, and heals within the time for it. */
#define IN_STEP(h) (!up[h] || paused[h] || away || (changed[h] && !sent[h] && !unhealed[h] && !mustread[h]))
#ifdef M_ONE_WITNESS
#define WITNESSED(h) true
#else
#define WITNESSED(h) (watched[h] >= L)
#endif
#ifdef M_NO_DEADLINE
#define IN_TIME(h) true
#else
#define IN_TIME(h) (deadline[h] > 0)
#endif

/* A fence is never given twice, and grows. */
inline GIVE(h) {
	s.top++;
	my[h] = s.top;
	assert(my[h] > highest);
	highest = my[h];
}

/* A handler starts: not what is recorded, not what a healthy host runs, not what a healthy host knows to be done. */
inline START(h) {
	assert(!(running[OTHER(h)] && up[OTHER(h)] && !waspaused[OTHER(h)] && !lostclaim[OTHER(h)]));
	assert(!RECORDED);
	assert(!(known[OTHER(h)] && up[OTHER(h)] && !paused[OTHER(h)] && deadline[OTHER(h)] > 0 && lease[session[OTHER(h)]] > 0));
	running[h] = true;
	waspaused[h] = false;
	/* A claim that the failover took, and the host does not know it yet. */
	lostclaim[h] = !(MINE_CUR(h) || MINE_OLD(h))
}

/* The handler's effect.  Without protection it is repeated only after a fault; a token refuses the older of two; an id
 * in the sink's transaction is applied once. */
inline EFFECT(h) {
#ifdef SINK_TOKEN
	if
	:: my[h] >= token -> assert(effects == 0 || my[h] > token || faults > 0); token = my[h]; effects++
	:: else -> skip
	fi;
#else
#ifdef SINK_ID
	if
	:: effects == 0 -> effects++
	:: else -> skip
	fi;
	assert(effects == 1);
#else
	effects++;
	assert(effects <= 1 + faults);
#endif
#endif
}

inline open_session(h) {
	session[h] = sessions;
	sessions++;
	lease[session[h]] = L;
	deadline[h] = L;
	changed[h] = true;
}

inline forget(h) {
	have[h] = false;
	running[h] = false;
	ended[h] = false;
	looked[h] = false;
	known[h] = false;
	sent[h] = false;
	mustread[h] = false;
	watched[h] = 0;
	lookedat[h] = 0;
	my[h] = 0;
	age[h] = 0;
	waspaused[h] = false;
	lostclaim[h] = false;
}

inline record_done(h) {
	s.cur = DONE;
	s.owner = session[h];
	known[h] = true;
	have[h] = false;
	ended[h] = false;
	committed = true;
}

proctype Host(byte h) {
	do
	:: atomic { committed && !running[0] && !running[1] && !ended[0] && !ended[1] -> break }

	/* Look the id up: what the lists and the segments say, under this version. */
	:: atomic { ANSWERS(h) && !have[h] && !running[h] && !ended[h] && !looked[h] && !mustread[h] && CLAIMS_GO_ON ->
		if
		:: RECORDED -> known[h] = true; committed = true
		:: !RECORDED && s.cur == ABSENT && !(s.two && s.old == CLAIMED) -> looked[h] = true; lookedat[h] = s.version
		:: else -> skip
		fi }

	/* Claim it, with the version of the look-up.  What the current list says decides. */
	:: atomic { ANSWERS(h) && looked[h] && (CLAIMS_GO_ON || lookedat[h] != s.version) ->
		looked[h] = false;
		if
#ifdef M_NEWER_VERSION
		:: lease[session[h]] > 0 && s.cur == ABSENT -> GIVE(h); s.cur = CLAIMED; s.owner = session[h]; s.fence = my[h]; have[h] = true
#else
		:: lookedat[h] == s.version && lease[session[h]] > 0 && s.cur == ABSENT ->
			GIVE(h); s.cur = CLAIMED; s.owner = session[h]; s.fence = my[h]; have[h] = true
#endif
		:: else -> skip
		fi }

	/* Take it over from a session that is over. */
	:: atomic { ANSWERS(h) && !have[h] && !running[h] && !ended[h] && !mustread[h] && CLAIMS_GO_ON && lease[session[h]] > 0 &&
		((s.cur == CLAIMED && s.owner != session[h] && lease[s.owner] == 0) ||
		 (s.two && s.cur == ABSENT && s.old == CLAIMED && s.oldowner != session[h] && lease[s.oldowner] == 0)) && WITNESSED(h) ->
		GIVE(h); s.cur = CLAIMED; s.owner = session[h]; s.fence = my[h]; have[h] = true }

	/* Start, before the deadline. */
	:: atomic { up[h] && !paused[h] && have[h] && !running[h] && !ended[h] && IN_TIME(h) && !mustread[h] -> START(h) }

	/* The effect, and the end of the run. */
	:: atomic { up[h] && !paused[h] && running[h] -> EFFECT(h); running[h] = false; ended[h] = true }

	/* Record it: the owner's word only. */
	:: atomic { ANSWERS(h) && ended[h] && have[h] ->
		if
		:: MINE_CUR(h) || MINE_OLD(h) -> record_done(h)
#ifdef M_BLIND_SETTLE
		:: else -> record_done(h); committed = true
#else
		:: else -> have[h] = false
#endif
		fi }
	/* An outcome that lost its claim is recorded under a new one, or somebody else's record is found. */
	:: atomic { ANSWERS(h) && ended[h] && !have[h] && CLAIMS_GO_ON ->
		if
		:: RECORDED -> known[h] = true; ended[h] = false; committed = true
		:: !RECORDED && s.cur == ABSENT && !(s.two && s.old == CLAIMED) && lease[session[h]] > 0 ->
			GIVE(h); s.cur = CLAIMED; s.owner = session[h]; s.fence = my[h]; have[h] = true
		:: !RECORDED && (s.cur == CLAIMED || (s.two && s.old == CLAIMED)) -> skip
		:: else -> skip
		fi }

	/* Renew: the deadline counts from before it was sent. */
	:: atomic { ANSWERS(h) && !sent[h] && !changed[h] -> lease[session[h]] = L; changed[h] = true; sent[h] = true; age[h] = 0 }
	:: atomic { up[h] && !paused[h] && sent[h] ->
		sent[h] = false;
#ifndef M_RENEW_WITHOUT_READING
		if
		:: deadline[h] == 0 -> mustread[h] = true
		:: else -> skip
		fi;
#endif
		deadline[h] = (age[h] < L -> L - age[h] : 0) }
	:: atomic { ANSWERS(h) && mustread[h] ->
		mustread[h] = false;
		if
		:: have[h] && !MINE_CUR(h) && !MINE_OLD(h) -> have[h] = false
		:: else -> skip
		fi }

	/* Keep it small: a new list; the one before becomes a segment, its open entry is carried. */
	:: atomic { ANSWERS(h) && rotations > 0 && !s.two && s.cur != ABSENT ->
		rotations--;
		s.two = true; s.old = s.cur; s.oldowner = s.owner; s.oldfence = s.fence; s.cur = ABSENT; s.owner = 0; s.fence = 0;
#ifndef M_SAME_VERSION
		s.version++
#endif
		}
	:: atomic { ANSWERS(h) && s.two ->
		if
#ifndef M_NO_SEGMENT
		:: s.old == DONE -> s.segment = true
#endif
#ifndef M_NO_CARRY
		:: s.old == CLAIMED && s.cur == ABSENT -> s.cur = CLAIMED; s.owner = s.oldowner; s.fence = s.oldfence
#endif
		:: else -> skip
		fi;
		s.two = false; s.old = ABSENT; s.oldowner = 0; s.oldfence = 0;
		s.version++ }

	/* After a failover: read, and write again what is known to be done. */
	:: atomic { ANSWERS(h) && unhealed[h] ->
		unhealed[h] = false;
		looked[h] = false;
#ifndef M_NO_HEALING
		if
		:: known[h] && !RECORDED -> s.cur = DONE; s.owner = session[h]
		:: else -> skip
		fi;
#endif
		if
		:: have[h] && !MINE_CUR(h) && !MINE_OLD(h) -> have[h] = false
		:: else -> skip
		fi }
	od
}

/* Time, and what goes wrong. */
active proctype World() {
	byte h;

	do
	:: atomic { committed && !running[0] && !running[1] && !ended[0] && !ended[1] -> break }
	:: atomic { ticks > 0 && IN_STEP(0) && IN_STEP(1) ->
		ticks--;
		for (h : 0 .. SESSIONS - 1) { lease[h] = (lease[h] > 0 -> lease[h] - 1 : 0) }
		for (h : 0 .. H - 1) {
			deadline[h] = (deadline[h] > 0 -> deadline[h] - 1 : 0);
			age[h] = (age[h] < L -> age[h] + 1 : L);
			watched[h] = (away || changed[OTHER(h)] || !up[h] || paused[h] -> 0 : (watched[h] < L -> watched[h] + 1 : L))
		}
		changed[0] = false;
		changed[1] = false;
		healing = (healing > 0 -> healing - 1 : 0) }
	:: atomic { kills > 0 && up[0] && sessions < SESSIONS -> kills--; faults++; up[0] = false; forget(0) }
	:: atomic { !up[0] && sessions < SESSIONS && !away -> up[0] = true; open_session(0) }
	:: atomic { pauses > 0 && up[1] && !paused[1] -> pauses--; faults++; paused[1] = true; waspaused[1] = true }
	:: atomic { paused[1] -> paused[1] = false }
	:: atomic { outages > 0 && !away -> outages--; away = true }
	:: atomic { away -> away = false; watched[0] = 0; watched[1] = 0 }
	:: atomic { failovers > 0 && !saved ->
		then.version = s.version; then.cur = s.cur; then.owner = s.owner; then.fence = s.fence; then.two = s.two;
		then.old = s.old; then.oldowner = s.oldowner; then.oldfence = s.oldfence; then.segment = s.segment; then.top = s.top;
		saved = true }
	:: atomic { failovers > 0 && saved ->
		failovers--;
		faults++;
		h = s.version;
		s.cur = then.cur; s.owner = then.owner; s.fence = then.fence; s.two = then.two; s.old = then.old;
		s.oldowner = then.oldowner; s.oldfence = then.oldfence; s.segment = then.segment;
		s.version = h + 1;
#ifdef M_NO_FENCE_FLOOR
		s.top = then.top;
#endif
		for (h : 0 .. H - 1) {
			if
			:: (have[h] || running[h]) && !MINE_CUR(h) && !MINE_OLD(h) -> lostclaim[h] = true
			:: else -> skip
			fi;
			unhealed[h] = up[h] && lease[session[h]] > 0;
			watched[h] = 0
		}
#ifndef M_NO_HEALING_WAIT
		healing = L
#else
		healing = 0
#endif
		}
	od
}

init {
	atomic {
		s.version = 1;
		open_session(0);
		open_session(1);
		up[0] = true;
		up[1] = true;
		run Host(0);
		run Host(1)
	}
}
