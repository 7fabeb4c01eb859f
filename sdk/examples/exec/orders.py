#!/usr/bin/env python3
"""A program for the handler exec: prices orders, and publishes each bill.

    handlers = { bill = { plugin = "exec.so"; emits = [ "bills" ];
        settings = { command = [ "python3", "/opt/team/orders.py", "bills" ]; }; }; };
"""
import base64
import json
import sys


def data(event, name):
    """The bytes of "id", "key" or "payload"; None if absent."""
    if name + "_base64" in event:
        return base64.b64decode(event[name + "_base64"])
    return None if event[name] is None else event[name].encode()


def handle(event, topic):
    """The answer but for seq.  What it does must be harmless if event["redelivered"] is true and it was done before."""
    payload = data(event, "payload")
    if payload is None:
        return {"outcome": "skip", "why": "a tombstone"}
    try:
        order = json.loads(payload)
        total = order["n"] * order["price"]
    except (ValueError, KeyError, TypeError) as e:
        return {"outcome": "reject", "why": f"no order: {e!r}"}
    bill = {"topic": topic, "payload": json.dumps({"total": total}), "headers": [{"name": "content-type", "value": "application/json"}]}
    key = data(event, "key")
    if key is not None:
        bill["key_base64"] = base64.b64encode(key).decode()
    return {"outcome": "ok", "emit": [bill]}


def main():
    for line in sys.stdin.buffer:       # its end: the host wants no more
        event = json.loads(line)
        try:
            answer = handle(event, sys.argv[1])
        except Exception as e:          # pylint: disable=broad-except
            answer = {"outcome": "retry", "why": repr(e)}
        print(json.dumps({"seq": event["seq"], **answer}), flush=True)


if __name__ == "__main__":
    main()
