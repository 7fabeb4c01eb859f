#!/usr/bin/env python3
"""The layout of <semel/handler.h>, recorded, and held to its promise.

  abi.py check           the header against the records beside this program, MAJOR.MINOR.txt
  abi.py print [HEADER]  the table of a header
  abi.py record          write the record of a version that has none yet
  abi.py self-test       each kind of break must be found

A record is a line a type, a member and an enumerator: names, sizes, offsets, types, as the compiler has them (from its
debug information).  Within a major version a member never moves and never changes its type; what is marked (grows) in
the header may get members at its end, and enumerations may get enumerators, in a version with a new minor.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = os.path.join(HERE, "../../sdk/include/semel/handler.h")
FROZEN = os.path.join(HERE, "handler-1.0.h")
CC = os.environ.get("CC", "cc").split()
GROWS = {"semel_event", "semel_record", "semel_host", "semel_handler"}


# ---- What the compiler says

def entries(header, folder):
    """The debug information as a tree: id -> {tag, children, attributes}."""
    source, obj = os.path.join(folder, "abi.c"), os.path.join(folder, "abi.o")
    with open(source, "w", encoding="utf-8") as f:
        f.write(f'#include "{os.path.abspath(header)}"\nextern int semel_abi; int semel_abi;\n')
    subprocess.run([*CC, "-std=c11", "-g", "-gdwarf-4", "-fno-eliminate-unused-debug-types", "-c", source, "-o", obj],
                   check=True)
    text = subprocess.run(["readelf", "--debug-dump=info", obj], check=True, capture_output=True, text=True).stdout
    out, stack = {}, []
    for line in text.splitlines():
        entry = re.match(r" <(\d+)><([0-9a-f]+)>: Abbrev Number: (\d+)(?: \((DW_TAG_\w+)\))?", line)
        if entry:
            depth, at, tag = int(entry[1]), int(entry[2], 16), entry[4]
            if tag is None:
                continue
            del stack[depth:]
            one = {"tag": tag[len("DW_TAG_"):], "children": []}
            out[at] = one
            if stack:
                stack[-1]["children"].append(one)
            stack.append(one)
            continue
        attribute = re.match(r" +<[0-9a-f]+> +DW_AT_(\w+) *: (.*)", line)
        if attribute and stack:
            value = re.sub(r"^\((?:indirect|indexed|alt)[^)]*\):? ?", "", attribute[2]).strip()
            stack[-1][attribute[1]] = value
    return out


def number(text):
    return int(text.split()[0], 0)


class Types:
    def __init__(self, all_entries):
        self.all = all_entries

    def of(self, one):
        return self.all[int(one["type"].strip("<>").split()[0], 16)] if "type" in one else None

    def text(self, one):
        if one is None:
            return "void"
        tag, name = one["tag"], one.get("name", "?")
        if tag in ("structure_type", "enumeration_type"):
            return ("struct " if tag == "structure_type" else "enum ") + name
        if tag == "const_type":
            to = self.of(one)
            return self.text(to) + "const" if to and to["tag"] == "pointer_type" else "const " + self.text(to)
        if tag == "pointer_type":
            return self.text(self.of(one)) + " *"
        if tag == "array_type":			# gcc says the last index, clang how many
            n = [number(c["upper_bound"]) + 1 if "upper_bound" in c else number(c["count"]) for c in one["children"]]
            return self.text(self.of(one)) + "".join(f"[{k}]" for k in n)
        if tag == "subroutine_type":
            parameters = [self.text(self.of(c)) for c in one["children"] if c["tag"] == "formal_parameter"]
            return f"{self.text(self.of(one))}({', '.join(parameters) or 'void'})"
        return name


def table(header):
    """{type: [lines]}: first its size, then members or enumerators."""
    with tempfile.TemporaryDirectory() as folder:
        types = Types(entries(header, folder))
    out = {}
    for one in types.all.values():
        name = one.get("name", "")
        if not name.startswith("semel_") or "byte_size" not in one:
            continue
        size = number(one["byte_size"])
        if one["tag"] == "structure_type":
            out[name] = [f"struct {name}: size {size}"] + [
                f"struct {name}.{c['name']}: offset {number(c['data_member_location'])}, {types.text(types.of(c))}"
                for c in one["children"] if c["tag"] == "member"]
        elif one["tag"] == "enumeration_type":
            out[name] = [f"enum {name}: size {size}"] + [
                f"{c['name']} = {number(c['const_value'])}" for c in one["children"] if c["tag"] == "enumerator"]
    return out


def version_of(header):
    with open(header, encoding="utf-8") as f:
        text = f.read()
    return tuple(int(re.search(rf"#define SEMEL_ABI_{part}\s+(\d+)", text)[1]) for part in ("MAJOR", "MINOR"))


def text_of(header):
    magic = re.search(r"SEMEL_MAGIC\s+(0x[0-9a-f]+)", read(header))[1]
    types = table(header)
    return "\n".join([f"magic {magic}"] + [line for name in sorted(types) for line in types[name]]) + "\n"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


# ---- The promise

def records(folder):
    out = {}
    for name in os.listdir(folder):
        version = re.fullmatch(r"(\d+)\.(\d+)\.txt", name)
        if version:
            out[int(version[1]), int(version[2])] = read(os.path.join(folder, name))
    return out


def size_of(line):
    found = re.fullmatch(r"struct (\w+): size (\d+)", line)
    return (found[1], int(found[2])) if found else (None, 0)


def breaks(old, new):
    """What a newer minor version must not have done to an older one."""
    lines = set(new.splitlines())
    sizes = dict(size_of(line) for line in lines)
    for line in old.splitlines():
        name, size = size_of(line)
        if line in lines or (name in GROWS and sizes.get(name, 0) >= size):
            continue
        yield f"was recorded and is not so any more: {line}"
    known = set(old.splitlines())
    ends = {name: size for name, size in map(size_of, known) if name}
    for line in sorted(lines - known):
        member = re.match(r"struct (\w+)\.(\w+): offset (\d+)", line)
        if member and member[1] in ends and member[1] not in GROWS:
            yield f"a structure that never grows has grown: {line}"


def problems(header, folder):
    version, new = version_of(header), text_of(header)
    known = records(folder)
    name = f"{version[0]}.{version[1]}.txt"
    if version not in known:
        yield (f"ABI {version[0]}.{version[1]} has no record: if the change is meant, tests/abi/abi.py record writes {name}")
    elif known[version] != new:
        old = known[version].splitlines()
        for line in [f"- {x}" for x in old if x not in new.splitlines()] + [f"+ {x}" for x in new.splitlines() if x not in old]:
            yield line
        yield (f"the ABI is not that of {name}: what is new needs another SEMEL_ABI_MINOR and a record of its own, "
               "what is changed or gone another SEMEL_ABI_MAJOR")
    for other in sorted(v for v in known if v[0] == version[0] and v < version):
        for line in breaks(known[other], new):
            yield f"{other[0]}.{other[1]}: {line}"
    if version and known and version < max(known):
        yield f"the header is older than the newest record, {max(known)}"


def frozen_problems():
    """The frozen header is the one that was recorded."""
    if text_of(FROZEN) != read(os.path.join(HERE, "1.0.txt")):
        yield "handler-1.0.h is not what 1.0.txt records"


# ---- A check that cannot fail proves nothing

SAMPLES = [
    ("a member at the end, no new version", [("int (*complete)(", "int late; int (*complete)(")], "not that of 1.0.txt"),
    ("a new version without a record", [("SEMEL_ABI_MINOR\t0", "SEMEL_ABI_MINOR\t1")], "has no record"),
    ("another type", [("int64_t\t\t\toffset;", "uint64_t\t\toffset;")], "+ struct semel_event.offset"),
    ("a parameter", [("void (*flush)(void *self);", "void (*flush)(void *self, int why);")], "void(void *, int) *"),
    ("another value", [("SEMEL_REJECT = 2", "SEMEL_REJECT = 7")], "+ SEMEL_REJECT = 7"),
    ("two members changed places", [("uint64_t\t\ttoken;", "uint64_t fence;"), ("fence;\t\t/* later", "token;\t/* later")],
     "- struct semel_event.token: offset 8"),
]
MINORS = [  # with 1.1 recorded as it is
    ("members at the end", [("\tvoid (*close)(void *self);", "\tvoid (*close)(void *self); void (*idle)(void *self);")], None),
    ("a member in the middle", [("\tvoid (*flush)(", "\tvoid (*idle)(void); void (*flush)(")], "1.0: was recorded"),
    ("a structure that never grows", [("struct semel_bytes value; };", "struct semel_bytes value; int more; };")],
     "1.0: was recorded"),
    ("an outcome more", [("SEMEL_CANCELLED = 5", "SEMEL_LATER = 6, SEMEL_CANCELLED = 5")], None),
]


def self_test():
    bad = 0
    for minor, samples in ((0, SAMPLES), (1, MINORS)):
        for what, changes, expected in samples:
            with tempfile.TemporaryDirectory() as folder:
                text, header = read(FROZEN), os.path.join(folder, "handler.h")
                for old, new in changes + ([("SEMEL_ABI_MINOR\t0", "SEMEL_ABI_MINOR\t1")] if minor else []):
                    assert old in text, old
                    text = text.replace(old, new, 1)
                write(header, text)
                write(os.path.join(folder, "1.0.txt"), read(os.path.join(HERE, "1.0.txt")))
                if minor:
                    write(os.path.join(folder, "1.1.txt"), text_of(header))
                found = list(problems(header, folder))
            if not (any(expected in p for p in found) if expected else found == []):
                print(f"self-test: {what}: expected {expected}, found {found}")
                bad = 1
    return bad


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def main():
    verb = sys.argv[1] if len(sys.argv) > 1 else "check"
    if verb == "print":
        print(text_of(sys.argv[2] if len(sys.argv) > 2 else HEADER), end="")
    elif verb == "record":
        name = os.path.join(HERE, "{}.{}.txt".format(*version_of(HEADER)))
        if os.path.exists(name):
            print(f"{name} is recorded, and a record never changes", file=sys.stderr)
            return 1
        write(name, text_of(HEADER))
    elif verb == "self-test":
        return self_test()
    else:
        found = list(problems(HEADER, HERE)) + list(frozen_problems())
        print("\n".join(found))
        return 1 if found else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
