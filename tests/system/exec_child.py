"""A child of the handler exec that does as the event says: words of the header `do`, parted by |, one a run, the last for the rest.

Each run is noted in the file that argv names, with the child's pid."""
import json
import os
import signal
import subprocess
import sys
import time


def note(**fields):
    fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, (json.dumps(fields) + "\n").encode())
    os.close(fd)


def say(**answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def hang():
    while True:
        time.sleep(60)


def do(word, argument, event):
    seq = event["seq"]
    if word in ("ok", "skip", "reject", "retry"):
        say(seq=seq, outcome=word, **({"why": argument} if argument else {}))
    elif word == "later":
        say(seq=seq, outcome="retry", retry_ms=int(argument), why="later")
    elif word == "exit":
        sys.exit(int(argument))
    elif word == "kill":
        os.kill(os.getpid(), int(argument))
    elif word == "answer-and-exit":
        say(seq=seq, outcome="ok")
        os._exit(0)
    elif word == "write":
        print(argument.replace("SEQ", str(seq)), flush=True)
    elif word == "late":
        say(seq=seq - 1, outcome="ok")
    elif word == "long":
        sys.stdout.write("x" * (17 << 20) + "\n")
        hang()
    elif word == "two":
        sys.stdout.write(json.dumps({"seq": seq, "outcome": "ok"}) + "\nand more\n")
        sys.stdout.flush()
    elif word == "close-out":
        os.close(1)
        hang()
    elif word == "hang":
        hang()
    elif word == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        hang()
    elif word == "leave":
        left = subprocess.Popen(["sleep", "600"])
        note(left=left.pid)
        sys.exit(0)
    elif word == "stderr":
        sys.stderr.write("hello from the child\n" + "y" * 5000 + "\nbehind the long line")
        sys.stderr.flush()
        say(seq=seq, outcome="ok")
    elif word == "emit":
        say(seq=seq, outcome="ok", emit=[{"topic": argument, **{k: v for k, v in event.items() if k.startswith(("key", "payload"))},
                                          "headers": event["headers"] + [{"name": "binary", "value_base64": "/wA="}]}])
    elif word == "slow":
        time.sleep(float(argument))
        say(seq=seq, outcome="ok")
    else:
        raise AssertionError(word)


def main():
    for line in sys.stdin.buffer:
        event = json.loads(line)
        headers = {h["name"]: h.get("value") for h in event["headers"]}
        words = (headers.get("do") or (sys.argv[2] if len(sys.argv) > 2 else "ok")).split("|")
        note(pid=os.getpid(), **{k: v for k, v in event.items() if k != "payload" or len(v or "") < 1000})
        word, _, argument = words[min(event["attempt"], len(words)) - 1].partition(":")
        do(word, argument, event)


if __name__ == "__main__":
    main()
