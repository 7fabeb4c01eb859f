#!/usr/bin/env python3
"""The files of etc/prometheus and etc/alertmanager, and docs/runbook.md, against each other and by their own tools.

  check.py             everything
  check.py --self-test each rule of this lint against a sample that breaks it

Each alert has a severity, a summary, a description, and its section of the runbook, which has no others; a case in which
it fires and one in which it is quiet, in one group of tests/alerts/*.yml; its texts are filled in without an error; and
every metric that is asked for is one that docs/metrics.md knows.
"""
import concurrent.futures
import copy
import glob
import os
import re
import subprocess
import sys
import tempfile

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.join(HERE, "..", "..")
RULES = os.path.join(ROOT, "etc", "prometheus", "semel.rules.yml")
DOC_URL = "file:///usr/share/doc/semel/"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def alerts_of(rules):
    return [r for g in rules["groups"] for r in g["rules"] if "alert" in r]


def anchor_of(alert):
    """SemelStuckEvent: stuck-event."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alert.removeprefix("Semel")).lower()


# ---- The rules by themselves

def check_alert(rule):
    name, notes, severity = rule["alert"], rule.get("annotations", {}), rule.get("labels", {}).get("severity")
    if not re.fullmatch(r"Semel([A-Z][a-z]+)+", name):
        yield f"{name}: not of the form SemelSomeName"
    if severity not in ("page", "ticket"):
        yield f"{name}: severity is neither page nor ticket"
    for note in ("summary", "description"):
        if not notes.get(note):
            yield f"{name}: no {note}"
    if "{{ $labels." not in notes.get("description", ""):
        yield f"{name}: its description does not say where"
    runbook = f"docs/runbook.md#{anchor_of(name)}"
    if notes.get("runbook") != runbook:
        yield f"{name}: runbook is not {runbook}"
    if notes.get("runbook_url") != runbook.replace("docs/", DOC_URL, 1):
        yield f"{name}: runbook_url is not the same place under {DOC_URL}"


def check_runbook(rules, runbook):
    """Each alert its section, and each section its alert; the section says the severity that the rule has."""
    wanted = {anchor_of(r["alert"]): r["labels"].get("severity") for r in alerts_of(rules)}
    found = {}
    for section in re.split(r"^## ", runbook, flags=re.M)[1:]:
        head, _, body = section.partition("\n")
        found[head.lower().replace(" ", "-")] = body
    for anchor in wanted.keys() - found.keys():
        yield f"docs/runbook.md: no section for #{anchor}"
    for anchor in found.keys() - wanted.keys():
        yield f"docs/runbook.md: #{anchor} is no alert's"
    for anchor in wanted.keys() & found.keys():
        if not found[anchor].lstrip().startswith(f"**{wanted[anchor]}**"):
            yield f"docs/runbook.md: #{anchor} does not begin with **{wanted[anchor]}**"
        for word in ("*Means*", "*Over*"):
            if word.lower() not in found[anchor].lower():
                yield f"docs/runbook.md: #{anchor} lacks {word}"


def check_names(text, where, known):
    for name in set(re.findall(r"\bsemel_[a-z_0-9]+", text)):
        if name not in known and re.sub(r"_(bucket|count|sum)$", "", name) not in known:
            yield f"{where}: docs/metrics.md does not know {name}"


def known_metrics():
    return set(re.findall(r"^\| `(semel_[a-z_0-9]+)`", read(os.path.join(ROOT, "docs", "metrics.md")), re.M))


# ---- Their cases

def firing_at(group):
    """{time: the alerts that are to fire then, None for all that are asked for and must not}"""
    for test in group.get("promql_expr_test", []):
        if "ALERTS{" not in test["expr"]:
            continue
        names = set(re.findall(r'alertname="(\w+)"', " ".join(s["labels"] for s in test.get("exp_samples", []))))
        asked = re.search(r'ALERTS\{[^}]*alertname="(\w+)"', test["expr"])
        yield names, asked.group(1) if asked else None


def check_cases(rules, tests):
    fires, quiet_and_fires = set(), set()
    for group in tests:
        states = list(firing_at(group))
        for name in set().union(*(names for names, _ in states)) if states else set():
            fires.add(name)
            if any(name not in names and asked in (None, name) for names, asked in states):
                quiet_and_fires.add(name)
    for rule in alerts_of(rules):
        name = rule["alert"]
        if name not in fires:
            yield f"{name}: no case in which it fires"
        elif name not in quiet_and_fires:
            yield f"{name}: no group in which it both fires and is quiet"


# ---- Their cases and texts, by promtool

def run_cases(path):
    """(problems, what promtool prints of the alerts that fire).  It has no query for their texts, filled in, other than to
    expect none: so none is expected, and of its complaints those about expressions are the real ones."""
    doc = yaml.safe_load(read(path))
    doc["rule_files"] = [RULES]
    for group in doc["tests"]:
        group["alert_rule_test"] = [
            {"eval_time": test["eval_time"], "alertname": name, "exp_alerts": []}
            for test in group["promql_expr_test"]
            for name in sorted(set(re.findall(r'alertname="(\w+)"', " ".join(s["labels"] for s in test.get("exp_samples", [])))))]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as f:
        yaml.safe_dump(doc, f)
        f.flush()
        done = subprocess.run(["promtool", "test", "rules", f.name], capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    if "    alertname: " not in text or "    expr: " in text:
        return [f"promtool test rules {os.path.relpath(path, ROOT)}:\n" + re.sub(r"(?s)    alertname: .*?(?=\n    expr: |\Z)", "", text)], text
    return [], text


def check_texts(rules, text):
    for rule in alerts_of(rules):
        seen = re.findall(rf'Labels:\{{alertname="{rule["alert"]}".*\n\s*Annotations:(.*)', text)
        if not seen:
            yield f"{rule['alert']}: its texts were not seen"
        for line in seen:
            if re.search(r"<error|<no value>|%!|\{\{|NaN", line) or re.search(r'(summary|description)="[^"]*(  | \.|""|\(\))', line):
                yield f"{rule['alert']}: {line}"


# ---- By their own tools

def tool(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    return [] if done.returncode == 0 else [f"{' '.join(words)}:\n{done.stdout}{done.stderr}"]


def check_routes():
    path = os.path.join("etc", "alertmanager", "semel.yml")
    for severity in ("page", "ticket"):
        done = subprocess.run(["amtool", "config", "routes", "test", f"--config.file={path}", "alertname=SemelAny", f"severity={severity}"],
                              capture_output=True, text=True, check=False, cwd=ROOT)
        if done.stdout.strip() != f"semel-{severity}":
            yield f"{path}: severity {severity} goes to {done.stdout.strip()}"
    # An inhibition that names an alert which is none does nothing, and says nothing.
    names = {r["alert"] for r in alerts_of(yaml.safe_load(read(RULES)))}
    for word in re.findall(r"Semel[A-Za-z]+(?:\.\+)?", read(os.path.join(ROOT, path))):
        if word == "Semel.+" or any(re.fullmatch(word, n) for n in names):
            continue
        yield f"{path}: {word} is no alert"


def problems():
    rules = yaml.safe_load(read(RULES))
    files = sorted(glob.glob(os.path.join(HERE, "*.yml")))
    tests = [g for path in files for g in yaml.safe_load(read(path))["tests"]]
    for rule in alerts_of(rules):
        yield from check_alert(rule)
    yield from check_runbook(rules, read(os.path.join(ROOT, "docs", "runbook.md")))
    for path in (RULES, os.path.join(ROOT, "docs", "runbook.md"), os.path.join(ROOT, "etc", "grafana", "semel.json")):
        yield from check_names(read(path), os.path.relpath(path, ROOT), known_metrics())
    yield from check_cases(rules, tests)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(tool, "promtool", "check", "rules", RULES),
                pool.submit(tool, "promtool", "check", "config", "etc/prometheus/prometheus.yml"),
                pool.submit(tool, "amtool", "check-config", "etc/alertmanager/semel.yml")]
        broken = [p for job in jobs for p in job.result()]
        yield from broken
        cases = [pool.submit(run_cases, path) for path in files if not broken]
        for case in cases:
            yield from case.result()[0]
        if not broken:
            yield from check_texts(rules, "".join(case.result()[1] for case in cases))
    yield from check_routes()
    print(f"{len(alerts_of(rules))} alerts, {len(tests)} groups of cases")


# ---- The lint's own test

def self_test():
    rules = yaml.safe_load(read(RULES))
    runbook = read(os.path.join(ROOT, "docs", "runbook.md"))
    first = alerts_of(rules)[0]["alert"]

    def broken(change):
        other = copy.deepcopy(rules)
        change(alerts_of(other)[0])
        return [p for r in alerts_of(other) for p in check_alert(r)]
    fire = {"expr": 'ALERTS{alertstate="firing"}', "exp_samples": [{"labels": f'{{alertname="{first}"}}'}]}
    quiet = {"expr": 'ALERTS{alertstate="firing"}'}
    other = {"expr": 'ALERTS{alertname="SemelOther"}'}
    samples = {
        "severity is neither": broken(lambda r: r["labels"].update(severity="warning")),
        "no summary": broken(lambda r: r["annotations"].pop("summary")),
        "does not say where": broken(lambda r: r["annotations"].update(description="it is bad")),
        "runbook is not": broken(lambda r: r["annotations"].update(runbook="docs/runbook.md#elsewhere")),
        "runbook_url is not": broken(lambda r: r["annotations"].update(runbook_url="")),
        "no section for": list(check_runbook(rules, runbook.replace("## Stuck event", "## Stuck events"))),
        "is no alert's": list(check_runbook(rules, runbook + "\n## More\n")),
        "does not begin with": list(check_runbook(rules, runbook.replace("**ticket**", "**page**"))),
        "does not know semel_bogus": list(check_names("rate(semel_bogus_total[5m])", "x", known_metrics())),
        f"{first}: no case": list(check_cases(rules, [{"promql_expr_test": [quiet]}])),
        f"{first}: no group": list(check_cases(rules, [{"promql_expr_test": [fire, other]}, {"promql_expr_test": [quiet]}])),
        "error": list(check_texts(rules, f'Labels:{{alertname="{first}"}}\n Annotations:{{summary="<error expanding template"}}')),
        "texts were not seen": list(check_texts(rules, "")),
    }
    bad = [expected for expected, found in samples.items() if not any(expected in p for p in found)]
    for expected in bad:
        print(f"self-test: nothing says '{expected}': {samples[expected]}")
    return 1 if bad else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    found = list(problems())
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
