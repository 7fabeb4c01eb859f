#!/usr/bin/env python3
"""Writes semel.json, the Grafana dashboard (10 or later), beside this file: one line a panel here is fifty there.

  make.py          write it
  make.py --check  exit 1 if semel.json is not what would be written
"""
import json
import os
import sys

FILE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "semel.json")
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
HOST = 'job="semel", instance=~"$instance"'
SUB = HOST + ', subscription=~"$subscription"'
ALL = 'job="semel", subscription=~"$subscription"'       # of recordings, which are of all hosts


def rate(metric, by, labels=SUB, more=""):
    return f"sum by ({by}) (rate({metric}{{{labels}{more}}}[$__rate_interval]))"


def total(metric, by, labels=SUB, function="sum"):
    return f"{function} by ({by}) ({metric}{{{labels}}})"


def first_too(metric, by, labels=HOST):
    """The increase of a counter whose series begins with what it counts first."""
    m, i = f"{metric}{{{labels}}}", "$__rate_interval"
    return f"sum by ({by}) (({m} unless {m} offset {i}) or increase({m}[{i}]))"


def quantile(q, metric, by="", labels=SUB):
    by = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {rate(metric + '_bucket', by, labels)})"


def quantiles(metric, by, labels=SUB):
    return [(quantile(q, metric, by, labels), f"p{round(q * 100)} {{{{{by}}}}}") for q in (0.5, 0.99)]


# (title, kind, unit, [(query, legend)], description); a text alone begins a row.  Kinds: stat, time, stack, heat.
PANELS = [
    "Overview",
    ("Alerts", "stat", "short", [('count(ALERTS{alertname=~"Semel.+", alertstate="firing"}) or vector(0)', "")],
     "Alerts of Semel that fire now."),
    ("Settled", "stat", "ops", [(f"sum(semel:settled:rate5m{{{ALL}}})", "")], "Events that came to their end, a second, over 5 minutes."),
    ("Backlog", "stat", "short", [(f"sum(semel:backlog{{{ALL}}})", "")], "Records that are not fetched yet."),
    ("Time to catch up", "stat", "s", [(f"max(semel:catch_up:seconds{{{ALL}}} > 0) or vector(0)", "")],
     "At the trend of half an hour; infinite while the backlog does not shrink."),
    ("p99 of events", "stat", "s", [(quantile(0.99, "semel_event_seconds"), "")], "From the record's timestamp to settled; objective 200 ms."),
    ("Dead letters, last hour", "stat", "short", [(f"sum(increase(semel_dead_letters_total{{{SUB}}}[1h]))", "")],
     "Events put aside, for all reasons."),
    ("States", "stack", "short", [(f"{total('semel_subscription_state', 'subscription, state')} > 0", "{{subscription}} {{state}}")],
     "How many hosts have a subscription in a state. Good is running; paused and draining are an operator's."),

    "Flow",
    ("Consumed", "time", "ops", [(rate("semel_consumed_total", "subscription, topic"), "{{subscription}} {{topic}}")],
     "Records taken from Kafka, a second."),
    ("Settled", "time", "ops", [(rate("semel_event_seconds_count", "subscription"), "{{subscription}}")],
     "Events that came to their end, a second: handled, duplicate, or put aside."),
    ("Runs by outcome", "stack", "ops", [(rate("semel_handled_total", "outcome"), "{{outcome}}")], "Handler runs that ended, a second."),
    ("Duplicates, unrouted", "time", "ops", [(rate("semel_duplicates_total", "subscription"), "{{subscription}} duplicates"),
                                             (rate("semel_unrouted_total", "subscription"), "{{subscription}} unrouted")],
     "Events not handled because their id was recorded before, or because no route took them, a second."),
    ("In flight", "time", "short", [(total("semel_in_flight", "subscription"), "{{subscription}}")],
     "Events between poll and settled, those that wait for a retry not counted; at max_in_flight nothing more is fetched."),
    ("Bytes held", "time", "bytes", [(total("semel_in_flight_bytes", "subscription"), "{{subscription}}")],
     "Of all events held, waiting ones included; at max_in_flight_bytes nothing more is fetched."),
    ("Oldest event", "time", "s", [(total("semel_oldest_in_flight_seconds", "subscription", function="max"), "{{subscription}}")],
     "Age since its poll of the oldest unfinished event, waiting ones included."),
    ("Held, standing still", "time", "short", [(total("semel_paused", "subscription"), "{{subscription}} held"),
                                               (total("semel_standing_events", "subscription"), "{{subscription}} events stood still for")],
     "Hosts where an operator or an event holds the subscription, and the events for which a partition stands still."),

    "Latency",
    ("Events", "heat", "s", [(f"sum by (le) (increase(semel_event_seconds_bucket{{{SUB}}}[$__rate_interval]))", "{{le}}")],
     "From the record's timestamp to settled: how many events took how long."),
    ("Event", "time", "s", quantiles("semel_event_seconds", "subscription"), "From the record's timestamp to settled."),
    ("Queue", "time", "s", quantiles("semel_queue_seconds", "subscription"), "From the poll to the start of the handler: waiting for a worker or for the key."),
    ("Handler", "time", "s", quantiles("semel_handler_seconds", "handler", HOST), "Run time of the handler."),
    ("Ledger", "time", "s", quantiles("semel_ledger_seconds", "op", HOST), "Round trips to Redis."),

    "Handlers",
    ("Runs", "stack", "ops", [(rate("semel_handled_total", "handler, outcome"), "{{handler}} {{outcome}}")], "Runs that ended, a second, by handler and outcome."),
    ("Workers busy", "time", "percentunit", [(f"{total('semel_workers_busy', 'handler', HOST)} / {total('semel_workers', 'handler', HOST)}", "{{handler}}")],
     "Share of the workers that are inside the handler. Near 100 %: more workers, or a faster sink."),
    ("Late runs", "time", "short", [(total("semel_handler_stuck", "handler", HOST), "{{handler}}")], "Runs that are past the handler's timeout."),
    ("Plugin faults", "time", "short", [(f"sum by (handler, kind) (increase(semel_plugin_faults_total{{{HOST}}}[$__rate_interval]))", "{{handler}} {{kind}}")],
     "Broken promises of a plugin."),

    "Retries and dead letters",
    ("Share of retries", "time", "percentunit",
     [(rate("semel_handled_total", "subscription", more=', outcome="retry"') + " / " + rate("semel_handled_total", "subscription"), "{{subscription}}")],
     "Of all runs."),
    ("Waiting for a retry", "time", "short", [(total("semel_retry_waiting", "subscription"), "{{subscription}}")], "Events in their back-off."),
    ("Repeated runs", "time", "ops", [(rate("semel_reruns_total", "subscription, cause"), "{{subscription}} {{cause}}")],
     "Runs of an event that may have run before, by cause. takeover and loss: look at the host."),
    ("Dead letters by reason", "stack", "short", [(f"sum by (subscription, reason) (increase(semel_dead_letters_total{{{SUB}}}[$__rate_interval]))", "{{subscription}} {{reason}}")],
     "Events put aside."),
    ("Dropped, id conflicts", "time", "short", [(f"sum by (subscription) (increase(semel_dropped_total{{{SUB}}}[$__rate_interval]))", "{{subscription}} dropped"),
                                                (f"sum by (subscription) (increase(semel_id_conflicts_total{{{SUB}}}[$__rate_interval]))", "{{subscription}} id conflicts")],
     "Exhausted events that were dropped as configured; ids that came with another payload."),

    "Kafka",
    ("Lag", "time", "short", [(total("semel_lag", "subscription, topic"), "{{subscription}} {{topic}}")],
     "Records between the committed position and the end. One event that waits holds it up: what counts is the next one."),
    ("Not fetched", "time", "short", [(total("semel_fetch_lag", "subscription, topic"), "{{subscription}} {{topic}}")], "Records that are not fetched yet."),
    ("Time to catch up", "time", "s", [(f"semel:catch_up:seconds{{{ALL}}} > 0 or 0 * semel:backlog{{{ALL}}}", "{{subscription}}")],
     "At the trend of half an hour; no value while it would be never."),
    ("Worst partitions", "time", "short", [(f"topk(10, max by (subscription, topic, partition) (semel_lag{{{SUB}}}))", "{{subscription}} {{topic}}/{{partition}}")],
     "The ten with the most lag."),
    ("Committed", "time", "ops", [(f"sum by (subscription) (deriv(semel_committed_offset{{{SUB}}}[$__rate_interval]))", "{{subscription}}")],
     "How fast the committed positions move, records a second."),
    ("Stuck fetches, errors", "time", "short", [(total("semel_stuck", "subscription"), "{{subscription}} stuck"),
                                                (first_too("semel_kafka_errors_total", "code"), "{{code}}")],
     "Partitions whose fetch stands still before their end; errors that librdkafka reported."),

    "Ledger",
    ("Usable", "time", "short", [(total("semel_ledger_up", "subscription", function="min"), "{{subscription}}")], "1 while the ledger answers every host and the lease holds."),
    ("States", "stack", "short", [(f"{total('semel_ledger_state', 'subscription, state')} > 0", "{{subscription}} {{state}}")], "How many hosts see the ledger in a state; good is ok."),
    ("Events a call", "time", "short", [(quantile(0.5, "semel_ledger_batch_events", "op", HOST), "p50 {{op}}"), (quantile(0.99, "semel_ledger_batch_events", "op", HOST), "p99 {{op}}")],
     "Claims and settles in one ledger call."),
    ("Errors", "time", "short", [(f"sum by (kind) (increase(semel_ledger_errors_total{{{HOST}}}[$__rate_interval]))", "{{kind}}")], "Calls that failed."),
    ("Memory of the server", "time", "bytes", [(f"max by (instance) (semel_ledger_memory_bytes{{{HOST}}})", "{{instance}} used"),
                                               (f"max by (instance) (semel_ledger_memory_limit_bytes{{{HOST}}} > 0)", "{{instance}} limit")],
     "Used, and its limit where there is one; at the limit nothing is claimed."),
    ("Ids remembered", "time", "short", [(total("semel_ledger_entries", "subscription", function="max"), "{{subscription}}")], "In the log and in segments."),
    ("Segments, upkeep", "time", "short", [(total("semel_ledger_segments", "subscription", function="max"), "{{subscription}} segments"),
                                           (f"sum by (subscription, kind) (increase(semel_ledger_upkeep_total{{{SUB}}}[$__rate_interval]))", "{{subscription}} {{kind}}")],
     "Sealed segments, and what the hosts did to keep the ledger small."),
    ("Leases, takeovers, healing", "time", "short", [(f"sum by (subscription) (increase(semel_lease_lost_total{{{SUB}}}[$__rate_interval]))", "{{subscription}} lease lost"),
                                                     (f"sum by (subscription) (increase(semel_takeovers_total{{{SUB}}}[$__rate_interval]))", "{{subscription}} taken over"),
                                                     (f"sum by (subscription) (increase(semel_ledger_healed_total{{{SUB}}}[$__rate_interval]))", "{{subscription}} healed"),
                                                     (f"sum by (subscription) (increase(semel_ledger_orphans_total{{{SUB}}}[$__rate_interval]))", "{{subscription}} own, released")],
     "What should be rare: leases that ran out, claims of others taken over, records that Redis had lost, own claims that nobody held."),
    ("Certificate", "time", "s", [(f"min by (peer) (semel_tls_certificate_expiry_timestamp_seconds{{{HOST}}}) - time()", "{{peer}}")],
     "Time until the certificate of the ledger's server ends; nothing without TLS."),

    "Objectives",
    ("Availability, budget left", "stat", "percentunit", [(f"1 - (1 - avg_over_time(semel:available{{{ALL}}}[30d])) / 0.001", "{{subscription}}")],
     "Of 30 days at 99.9 %: the share of 43 minutes that is left. Below 0: the objective is missed."),
    ("Latency, budget left", "stat", "percentunit",
     [(f'1 - (1 - sum by (subscription) (rate(semel_event_seconds_bucket{{{ALL}, le="0.2"}}[30d])) / sum by (subscription) (rate(semel_event_seconds_count{{{ALL}}}[30d]))) / 0.01', "{{subscription}}")],
     "Of 30 days with 99 % of the events within 200 ms: the share of the slow ones allowed that is left."),
    ("Availability, burn rate", "time", "short", [(f"semel:unavailable:ratio{w}{{{ALL}}} / 0.001", "{{subscription}} " + w) for w in ("5m", "1h", "6h", "3d")],
     "How many times as fast as allowed the budget is spent. 14.4 over an hour, or 6 over six hours, is a page; 3 over a day, or 1 over three, a ticket."),
    ("Latency, burn rate", "time", "short", [(f"semel:slow:ratio{w}{{{ALL}}} / 0.01", "{{subscription}} " + w) for w in ("5m", "1h", "6h", "3d")],
     "The same for events that took longer than 200 ms; all of it is a ticket."),

    "Engine",
    ("Restarts", "stack", "short", [(f"sum by (instance, cause) (increase(semel_engine_restarts_total{{{HOST}}}[$__rate_interval]))", "{{instance}} {{cause}}")],
     "Engines that ended and were started again."),
    ("Engine, reload", "time", "short", [(f"semel_engine_up{{{HOST}}}", "{{instance}} up"), (f"semel_config_last_reload_successful{{{HOST}}}", "{{instance}} last reload good")],
     "1 while an engine answers; 0 after a reload that was refused."),
    ("Age of the engine", "time", "s", [(f"time() - process_start_time_seconds{{{HOST}}}", "{{instance}}")], "Since it was started; counters begin at 0 with it."),
    ("CPU", "time", "percentunit", [(f"rate(process_cpu_seconds_total{{{HOST}}}[$__rate_interval])", "{{instance}}")], "Of the engine; 100 % is one CPU."),
    ("Memory", "time", "bytes", [(f"process_resident_memory_bytes{{{HOST}}}", "{{instance}}")], "Resident, of the engine."),
    ("Files and threads", "time", "short", [(f"process_open_fds{{{HOST}}}", "{{instance}} descriptors"), (f"process_threads{{{HOST}}}", "{{instance}} threads")], "Of the engine."),
    ("Log lines, series left out", "time", "short", [(f"increase(semel_log_suppressed_total{{{HOST}}}[$__rate_interval])", "{{instance}} lines"),
                                                     (f"semel_series_dropped_total{{{HOST}}}", "{{instance}} series")],
     "Lines suppressed by log.rate or a blocked stderr; series past the limit."),
    ("Versions", "stack", "short", [(f"count by (version, abi) (semel_build_info{{{HOST}}})", "{{version}}, ABI {{abi}}")], "How many hosts run a version."),
]

OPTIONS = {
    "stat": ("stat", {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value", "graphMode": "area"}),
    "time": ("timeseries", {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}),
    "stack": ("timeseries", {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}),
    "heat": ("heatmap", {"calculate": False, "yAxis": {"unit": "s"}, "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64}, "cellGap": 1}),
}


def panel(number, title, kind, unit, queries, description, place):
    name, options = OPTIONS[kind]
    custom = {"stacking": {"mode": "normal"}, "fillOpacity": 30} if kind == "stack" else {"fillOpacity": 5} if kind == "time" else {}
    return {
        "id": number, "title": title, "description": description, "type": name, "datasource": DATASOURCE, "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "custom": custom}, "overrides": []}, "options": options,
        "targets": [{"refId": chr(ord("A") + i), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend or "__auto",
                     "format": "heatmap" if kind == "heat" else "time_series", "instant": kind == "stat"}
                    for i, (expr, legend) in enumerate(queries)],
    }


def panels():
    """Rows of 24 units: stats of 4, time series of 8, a heat map of 16; the last of a line has what is left of it."""
    out, x, y, height = [], 0, 0, 0
    for number, p in enumerate(PANELS, 1):
        row = isinstance(p, str)
        w, h = (24, 1) if row else {"stat": (4, 4), "heat": (16, 8)}.get(p[1], (8, 8))
        if row or x + w > 24 or (height not in (0, h)):
            x, y, height = 0, y + height, 0
        place = {"x": x, "y": y, "w": w, "h": h}
        out.append({"id": number, "title": p, "type": "row", "collapsed": False, "gridPos": place, "panels": []} if row else panel(number, *p, place))
        x, height = x + w, h
    for p, after in zip(out, [*out[1:], None]):
        place = p["gridPos"]
        if p["type"] != "stat" and (after is None or after["gridPos"]["y"] != place["y"]):
            place["w"] = 24 - place["x"]
    return out


def variable(name, label, metric):
    query = f'label_values({metric}{{job="semel"}}, {name})'
    return {"name": name, "label": label, "type": "query", "datasource": DATASOURCE, "definition": query, "query": {"query": query, "refId": name},
            "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}


def dashboard():
    return {
        "uid": "semel", "title": "Semel", "description": "Needs the recordings of semel.rules.yml.", "tags": ["semel", "kafka"], "schemaVersion": 39, "editable": True,
        "graphTooltip": 1, "time": {"from": "now-3h", "to": "now"}, "refresh": "30s", "timezone": "browser",
        "annotations": {"list": [{"name": "Restarts", "enable": True, "iconColor": "red", "datasource": DATASOURCE,
                                  "expr": f"increase(semel_engine_restarts_total{{{HOST}}}[$__rate_interval]) > 0", "titleFormat": "{{instance}} {{cause}}"}]},
        "templating": {"list": [{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
                                variable("instance", "Host", "semel_engine_up"), variable("subscription", "Subscription", "semel_subscription_state")]},
        "panels": panels(),
    }


def main():
    text = json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        with open(FILE, encoding="utf-8") as f:
            if f.read() == text:
                return 0
        print("etc/grafana/semel.json is not what etc/grafana/make.py writes")
        return 1
    with open(FILE, "w", encoding="utf-8") as f:
        f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
