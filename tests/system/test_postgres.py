"""The handler `postgres` against a real PostgreSQL: each effect once, and what becomes of errors."""
import json
import os
import random
import re
import signal
import struct
import subprocess
import time
import unittest

from harness import SystemTest, main, wait, LONG
from postgres_server import Postgres

ROW = "INSERT INTO effects (id, body, attempt) VALUES (:id, :payload, :attempt)"


class PostgresTest(SystemTest):
    pg = None       # one server for all of them

    @classmethod
    def setUpClass(cls):
        if PostgresTest.pg is None:
            PostgresTest.pg = Postgres()
            unittest.addModuleCleanup(PostgresTest.pg.close)

    def setUp(self):
        super().setUp()
        self.database = "d" + self.topic.replace("-", "_")[:50]
        self.pg.psql(f"create database {self.database}")

    def q(self, text, **options):
        return self.pg.psql(text, database=self.database, **options)

    def number(self, text):
        answer = self.q(text, check=False)
        return int(answer) if answer else 0

    def table(self, body="jsonb", id_="bytea", more=""):
        self.q(f"create table effects (id {id_}, body {body}, attempt int, at timestamptz default now() {more})")

    def settings(self, sql=ROW, more="create_inbox = true;", conninfo="", password=None):
        return (f'conninfo = "{self.pg.conninfo(self.database, conninfo)}"; password_file = "{password or self.pg.secret}"; '
                f'sql = {json.dumps(sql)}; {more}')

    def host(self, redis, name="a", handler="", start=True, **options):
        keys = {k: options.pop(k) for k in ("sql", "more", "conninfo", "password") if k in options}
        options.setdefault("sub", 'retry = { backoff = "50ms"; };')
        return self.daemon(name, redis, handler=f'plugin = "postgres.so"; {handler}', settings=self.settings(**keys),
                           start=start, **options)

    def own(self, d, name):
        return d.metric("semel_plugin_postgres_" + name)


class Once(PostgresTest):
    # Transactions last, so that what is killed is killed inside of some.
    SLOW = "SELECT pg_sleep(0.002); " + ROW
    OPEN = "select count(*) from pg_stat_activity where xact_start is not null and application_name = 'semel/handler'"

    def kill_host(self, d, chance):
        """All of it, or its engine."""
        if chance.random() < 0.5:
            d.kill()
            d.start()
            return "manager"
        os.kill(wait("an engine", lambda: (d.status() or {"engine": {"pid": 0}})["engine"]["pid"]), signal.SIGKILL)
        return "engine"

    def kill_server(self):
        self.pg.kill()
        self.pg.start()
        return "postmaster"

    def kill_backend(self):
        """One process of a session: the postmaster then ends all of them, and recovers."""
        pids = self.q("select pid from pg_stat_activity where xact_start is not null and application_name = 'semel/handler'").split()
        self.pg.kill_process(int(pids[0]))
        return "backend"

    def in_flight(self, seen, step):
        """Rows, once there are `step` more than at the last kill, and transactions are open; None: not yet."""
        answer = self.q(f"select (select count(*) from effects), ({self.OPEN})", check=False)
        rows, is_open = map(int, answer.split("|")) if answer else (0, 0)
        return rows if rows >= seen + step and is_open >= 2 else None

    def test_each_effect_once_whatever_is_killed(self):
        count, hosts, servers, backends = (200000, 50, 10, 5) if LONG else (20000, 5, 2, 1)
        redis = self.redis()
        self.make_topics(8)
        self.table()
        self.load("produce", "--count", count, "--keys", 5000, "--duplicates", 10)
        d = self.host(redis, workers=8, handler="batch = 16;", sql=self.SLOW, sub='retry = { backoff = "50ms"; attempts = 50; };')
        chance = random.Random(5)
        plan = ["host"] * hosts + ["server"] * servers + ["backend"] * backends
        chance.shuffle(plan)
        killed, seen, since = [], 0, time.monotonic()
        for what in plan:
            seen = wait("progress and open transactions", lambda: self.in_flight(seen, count // (2 * len(plan))), 120, 0.01)
            self.assertLess(seen, count, "a kill when all was done proves nothing")
            killed.append(self.kill_host(d, chance) if what == "host" else self.kill_server() if what == "server" else self.kill_backend())
        wait("the end", lambda: d.lag() == 0, 180)
        rows, ids, inbox = map(int, self.q("select count(*), count(distinct id), (select count(*) from semel_inbox) from effects").split("|"))
        print(dict(sorted((k, killed.count(k)) for k in set(killed))), f"rows {rows} ids {ids} inbox {inbox}, rows at the last kill {seen}, "
              f"already done since the last start {self.own(d, 'already_done_total'):.0f}, {time.monotonic() - since:.0f} s")
        self.assertEqual((rows, ids, inbox), (count, count, count))
        self.assertEqual(self.letters(), [])
        self.assertEqual(d.stop(), 0)

    def test_a_lost_ledger_repeats_no_effect(self):
        """Every event runs again, because Redis forgot them all: not one effect is repeated."""
        redis = self.redis()
        self.make_topics(4)
        self.table()
        self.load("produce", "--count", 2000)
        d = self.host(redis, handler="batch = 10;")
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(d.stop(), 0)
        d.rewrite((f'group = "{self.topic}"', f'group = "{self.topic}-2"'), ("main = {", "main = { "))
        redis.cli("flushall")
        os.rename(self.folder + "/a.conf", self.folder + "/b.conf")
        with open(self.folder + "/b.conf", encoding="utf-8") as f:
            text = f.read().replace(f'state_dir = "{self.folder}"', f'state_dir = "{self.folder}/b"')
        os.mkdir(self.folder + "/b")
        e = self.daemon_of("a", text)
        wait("the end", lambda: e.lag() == 0)
        self.assertEqual(self.own(e, "already_done_total"), 2000)
        self.assertEqual(self.q("select count(*), count(distinct id) from effects"), "2000|2000")

    def test_odd_ids(self):
        """Two parts are joined as length and bytes: so each id has NULs, and the longest 1024 bytes."""
        redis = self.redis()
        self.make_topics(1)
        self.table(body="bytea")
        parts = [b"a", b"'; drop table effects; --", b"\xff\xfe", b"$1 :id \\ \\000", bytes(range(1, 256)), b"y" * 1011]
        d = self.host(redis, id_='[ "key", "header:event-id" ]')
        for part in parts + parts:
            self.produce(b"x", key=os.fsdecode(b"key1\xff"), headers={"event-id": os.fsdecode(part)})
        wait("the end", lambda: self.number("select count(*) from effects") >= len(parts) and d.lag() == 0)
        found = sorted(bytes.fromhex(line) for line in self.q("select encode(id, 'hex') from effects").splitlines())
        self.assertEqual(found, sorted(struct.pack(">I", 5) + b"key1\xff" + struct.pack(">I", len(part)) + part for part in parts))
        self.assertEqual(max(map(len, found)), 1024)
        self.assertEqual(self.letters(), [])

    def test_parameters_take_the_type_of_their_place(self):
        redis = self.redis()
        self.make_topics(1)
        self.q("create table t (u uuid, n numeric, k text, h varchar(20), missing text, p jsonb, empty bytea, part int, off bigint, "
               "ts timestamptz, ms bigint, sub text, route text, handler text, topic text, attempt int, red bool, fence bigint)")
        d = self.host(redis, sql="insert into t values (:id, :header(n), :key, :header(h)::varchar, :header(none), :payload, :header(e), "
                                 ":partition, :offset, :timestamp, :timestamp_ms, :subscription, :route, :handler, :topic, :attempt, "
                                 ":redelivered, :fence); -- two statements\nupdate t set p = p || jsonb_build_object('two', true) where u = :id")
        uid = "6b1b1d0e-0b8e-4c0e-9d5e-0123456789ab"
        self.produce('{"a": 1}', key="k'\"", headers={"event-id": uid, "n": "12.50", "h": "h\u00e9", "e": ""})
        self.produce("", headers={"event-id": uid[:-1] + "c", "n": "1"}, null=True)
        wait("the end", lambda: self.number("select count(*) from t") == 2 and d.lag() == 0)
        row = self.q("select n, k, h, missing is null, p, octet_length(empty), part, off, abs(extract(epoch from ts) * 1000 - ms) < 1, "
                     f"ms > 1600000000000, sub, route, handler, topic = '{self.topic}', attempt, red, fence > 0 from t where k is not null")
        self.assertEqual(row, "12.50|k'\"|h\u00e9|t|{\"a\": 1, \"two\": true}|0|0|0|t|t|main|all|handler|t|1|f|t")
        self.assertEqual(self.q("select k is null, p is null, n from t where k is null"), "t|t|1")
        self.assertEqual(self.letters(), [])


class Errors(PostgresTest):
    def test_one_bad_event_does_not_fail_its_batch(self):
        redis = self.redis()
        self.make_topics(4)
        self.table(id_="text", more=", unique (body)")
        with subprocess.Popen(["kcat", "-P", "-q", "-b", self.brokers, "-t", self.topic, "-K", "\t"], stdin=subprocess.PIPE) as p:
            for i in range(600):
                body = "not json" if i % 50 == 7 else '{"same": true}' if i % 50 == 9 else '{"n": %d}' % i
                p.stdin.write(f"k{i}\t{body}\n".encode())
        d = self.host(redis, handler="batch = 32;", workers=2, id_='[ "key" ]')
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(self.q("select count(*), count(distinct id) from effects"), f"{600 - 12 - 11}|{600 - 12 - 11}")
        why = sorted(h["semel.dlq.detail"][0][:60] for _, _, h in self.letters())
        self.assertEqual(why, ["22P02: invalid input syntax for type json"] * 12 +
                         ['23505: duplicate key value violates unique constraint "effects'[:60]] * 11)
        self.assertEqual({h["semel.dlq.reason"][0] for _, _, h in self.letters()}, {"rejected"})
        self.assertEqual(self.number("select count(*) from semel_inbox"), 600 - 12 - 11)
        self.assertEqual(self.own(d, "errors_total"), 23)

    def test_the_team_says_what_an_error_means(self):
        redis = self.redis()
        self.make_topics(1)
        self.table(body="text", id_="text", more=", check (body <> 'negative'), unique (body)")
        d = self.host(redis, more='create_inbox = true; skip = [ "23505" ]; retry = [ "23514" ];',
                      sub='retry = { backoff = "10ms"; attempts = 3; };')
        for i, body in enumerate(["a", "a", "negative", "with a \0 byte"]):
            self.produce(body.encode(), headers={"event-id": f"e{i}"}, key=f"k{i}")
        wait("the end", lambda: d.lag() == 0)
        self.assertIn(self.q("select id, body from effects"), ("e0|a", "e1|a"))
        self.assertEqual(d.metric('semel_handled_total{subscription="main",handler="handler",outcome="skip"}'), 1)
        letters = {h["event-id"][0]: (h["semel.dlq.reason"][0], h["semel.dlq.detail"][0]) for _, _, h in self.letters()}
        self.assertEqual(set(letters), {"e2", "e3"})
        self.assertEqual(letters["e2"][0], "exhausted")
        self.assertEqual(letters["e3"], ("rejected", "statement 1: :payload has a NUL byte, which only bytea can hold"))

    def test_serialization_failures_are_retried(self):
        redis = self.redis()
        self.make_topics(4)
        self.q("create table counter (n int); insert into counter values (0)")
        self.load("produce", "--count", 300)
        d = self.host(redis, sql="select pg_sleep(0.002); update counter set n = n + 1", workers=8,
                      conninfo="options='-c default_transaction_isolation=serializable'",
                      sub='retry = { backoff = "20ms"; max_backoff = "200ms"; attempts = 1000; };')
        wait("the end", lambda: d.lag() == 0, 60)
        self.assertEqual(self.q("select n from counter"), "300")
        self.assertGreater(self.own(d, "errors_total"), 0)
        self.assertEqual(self.letters(), [])

    def test_old_rows_leave_the_inbox(self):
        redis = self.redis()
        self.make_topics(4)
        self.table()
        self.load("produce", "--count", 2500)
        d = self.host(redis, more='create_inbox = true; inbox_retention = "1s";', handler="batch = 50;")
        wait("the end", lambda: d.lag() == 0)
        wait("an empty inbox", lambda: self.q("select count(*) from semel_inbox") == "0")
        self.assertEqual(self.own(d, "inbox_deleted_total"), 2500)
        self.assertEqual(d.stop(), 0)

    def test_wrong_settings_name_their_line(self):
        redis = self.redis()
        self.make_topics(1)
        for wrong, expected in [
                ({"conninfo": "hots=x"}, 'settings.conninfo: invalid connection option \\"hots\\"'),
                ({"conninfo": "password=x"}, "settings.conninfo: holds a password: put it into a file and name that by password_file"),
                ({"sql": "insert into t values (:payloda)"}, "settings.sql: statement 1, line 1: no parameter :payloda"),
                ({"sql": "select 1; commit"}, "settings.sql: statement 2, line 1: begins with commit"),
                ({"more": 'inbox = "a;b";'}, "settings.inbox: expected NAME or SCHEMA.NAME"),
                ({"more": 'reject = [ "2350" ];'}, "settings.reject: expected an SQLSTATE"),
                ({"more": 'reject = [ "23505" ]; skip = [ "23505" ];'}, "settings.skip: named twice: 23505")]:
            d = self.host(redis, **wrong)
            d.wait_state("blocked")
            self.assertRegex(d.text(), re.escape(d.config) + r":\d+: (error: )?" + re.escape(expected))
            d.kill()
            os.unlink(d.log)


class Away(PostgresTest):
    def handled(self, d, count, seconds=60):
        wait("the end", lambda: d.lag() == 0, seconds)
        self.assertEqual(self.q("select count(*), count(distinct id), max(attempt) from effects"), f"{count}|{count}|1")
        self.assertEqual(self.letters(), [])

    def test_server_away_at_start_and_in_between(self):
        redis = self.redis()
        self.make_topics(4)
        self.table()
        self.load("produce", "--count", 200)
        self.pg.stop()
        d = self.host(redis, handler="batch = 4;")
        wait("the reason", lambda: "PostgreSQL cannot be used" in d.text() and "Connection refused" in d.text())
        d.wait_state("running")
        self.pg.start()
        self.handled(d, 200)
        self.pg.stop()
        self.load("produce", "--count", 400)
        wait("the reason again", lambda: d.text().count("PostgreSQL cannot be used") > 1)
        self.pg.start()
        self.handled(d, 400)
        self.assertGreater(d.text().count("PostgreSQL can be used again"), 1)
        self.assertGreater(self.own(d, "reconnects_total"), 0)

    def password(self, text):
        path = os.path.join(self.folder, text)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            f.write(text + "\n")
        return path

    def test_what_is_mended_needs_no_restart(self):
        """A host for each mistake, all at once, because each is tried again only after 5 s."""
        inbox = "create table semel_inbox (subscription text, id bytea, handled_at timestamptz default now()"
        table = "create table effects (id bytea, body jsonb, attempt int)"
        self.q("create role writer login password 'right'; create role other login superuser password 'right'")
        self.addCleanup(self.pg.psql, "drop role writer; drop role other")
        cases = {       # name: (before, what is logged, what mends it, settings)
            "sql": ("", 'sql, statement 1: relation \\"effects\\" does not exist', table, {}),
            "inbox": (table, 'the inbox (create_inbox = true makes it): relation \\"semel_inbox\\" does not exist',
                      inbox + ", primary key (subscription, id))", {"more": ""}),
            "key": (table + ";" + inbox + ")", "the inbox: there is no unique or exclusion constraint",
                    "alter table semel_inbox add primary key (subscription, id)", {"more": ""}),
            "right": (table + "; grant create on schema public to writer", "sql, statement 1: permission denied for table effects",
                      "grant insert on effects to writer", {"conninfo": "user=writer", "password": self.password("right")}),
            "password": (table, 'password authentication failed for user \\"other\\"', "alter role other password 'wrong'",
                         {"conninfo": "user=other", "password": self.password("wrong")}),
        }
        first, base, hosts = self.database, self.topic, {}
        for name, (before, _, _, settings) in cases.items():
            self.topic, self.database = f"{base}-{name}", f"{first}_{name}"
            self.pg.psql(f"create database {self.database}")
            self.addCleanup(self.pg.psql, f"drop database {self.database} with (force)")
            self.q(before or "select 1")
            self.make_topics(1)
            self.load("produce", "--count", 20)
            hosts[name] = (self.topic, self.database, self.host(self.redis(), name=name, workers=1, **settings))
        for name, (_, expected, mend, _) in cases.items():
            self.topic, self.database, d = hosts[name]
            wait(f"the reason of {name}", lambda: expected in d.text())
            self.assertEqual(self.number("select count(*) from effects"), 0)
            self.q(mend)
        for name in cases:
            self.topic, self.database, d = hosts[name]
            self.handled(d, 20)
            self.assertEqual(d.stop(), 0)

    def test_a_server_that_stands_still_holds_no_worker(self):
        """Each run gives up soon after its timeout, though neither the old connection nor a new one ever answers."""
        redis = self.redis()
        self.make_topics(4)
        self.table()
        d = self.host(redis, workers=2, handler='timeout = "1s";', sub='retry = { attempts = 100; backoff = "50ms"; };')
        wait("a connection", lambda: self.number("select count(*) from pg_stat_activity where application_name = 'semel/handler'") == 2)
        self.pg.signal(signal.SIGSTOP)
        try:
            self.load("produce", "--count", 100)
            wait("runs that gave up", lambda: d.metric('semel_handled_total{subscription="main",handler="handler",outcome="cancelled"}') >= 4)
            runs = d.metric('semel_handler_seconds_count{handler="handler"}')
            self.assertLess(d.metric('semel_handler_seconds_sum{handler="handler"}') / runs, 2)
        finally:
            self.pg.signal(signal.SIGCONT)
        wait("the end", lambda: d.lag() == 0)
        self.assertEqual(self.q("select count(*), count(distinct id) from effects"), "100|100")

    def test_what_is_given_up_ends_on_the_server(self):
        redis = self.redis()
        self.make_topics(1)
        d = self.host(redis, sql="select pg_sleep(100)", workers=1, handler='timeout = "1s";',
                      sub='retry = { attempts = 1; backoff = "50ms"; };')
        self.produce("x", headers={"event-id": "e"})
        asleep = "select count(*) from pg_stat_activity where query like 'select pg_sleep(100)%' and state = 'active'"
        wait("the statement", lambda: self.number(asleep) == 1)
        wait("the letter", self.letters)
        wait("its end", lambda: self.q(asleep) == "0", 5)
        self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    main()
