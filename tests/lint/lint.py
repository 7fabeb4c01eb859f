#!/usr/bin/env python3
"""Holds the layout and the style: exits 1 and names every place that breaks a rule.

  lint.py ROOT         the tree
  lint.py --self-test  each rule against a sample that breaks it

Rules: modules include only downwards; foreign headers only in adapters/, one library a file; core/ is pure;
files have at most 400 lines and functions 80, unless a comment above says `lint: long because ...`; every header
of host/ opens with what it is, Owns, Threads, Uses; clang-format agrees.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

LAYERS = ["base", "core", "adapters", "engine", "cli"]
FOREIGN = {
    "librdkafka": r"librdkafka/", "hiredis": r"hiredis/", "libconfig": r"libconfig\.h", "jansson": r"jansson\.h",
    "libsodium": r"sodium\.h", "libelf": r"(lib)?g?elf\.h", "libmicrohttpd": r"microhttpd\.h",
    "libcurl": r"curl/", "openssl": r"openssl/", "libdl": r"dlfcn\.h",
    "ncurses": r"(ncursesw?/)?(n?curses|term|panel|form|menu)\.h",
}
IMPURE = r"(pthread|poll|unistd|time|fcntl)\.h|sys/(socket|stat|types)\.h"
# core/metrics holds one lock, for making series; counting takes none.
IMPURE_ALLOWED = {"host/core/metrics_private.h"}
IMPURE_CALLS = r"\b(mono_now|wall_ms)\s*\("
FILE_LINES, FUNCTION_LINES = 400, 80


def files(root, *folders, ends=(".c", ".h")):
    for folder in folders:
        for where, _, names in sorted(os.walk(os.path.join(root, folder))):
            for name in sorted(names):
                if name.endswith(ends):
                    yield os.path.relpath(os.path.join(where, name), root)


def includes(text):
    return re.findall(r'^#include\s+[<"]([^">]+)[">]', text, re.M)


def check_layers(path, text):
    layer = path.split("/")[1]
    if layer not in LAYERS + ["manager"]:
        return
    for name in includes(text):
        top = name.split("/")[0]
        if layer == "manager":
            if top in LAYERS[1:]:
                yield f"{path}: manager/ uses base only, but this includes {name}"
        elif top == "manager":
            yield f"{path}: {layer}/ includes {name}, but only the program knows the manager"
        elif top in LAYERS and LAYERS.index(top) > LAYERS.index(layer):
            yield f"{path}: {layer}/ includes {name}, which lies above it"


def check_foreign(path, text):
    used = {lib for lib, pattern in FOREIGN.items() for name in includes(text) if re.match(pattern, name)}
    if used and "/adapters/" not in path:
        yield f"{path}: {', '.join(sorted(used))} outside adapters/"
    elif len(used) > 1:
        yield f"{path}: more than one foreign library: {', '.join(sorted(used))}"


def check_pure(path, text):
    if not path.startswith("host/core/") or path in IMPURE_ALLOWED:
        return
    for name in includes(text):
        if re.fullmatch(IMPURE, name):
            yield f"{path}: core/ is pure, but this includes {name}"
    for call in re.findall(IMPURE_CALLS, text):
        yield f"{path}: core/ knows no clock, but this calls {call}"


def functions(text):
    """(first line, length, comment before) of each function: a brace alone in column 0 up to the next one."""
    lines = text.split("\n")
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            start = i
        elif line == "}" and start is not None:
            yield start, i - start - 1, "\n".join(lines[max(0, start - 8):start])
            start = None


def check_length(path, text):
    if text.count("\n") > FILE_LINES and "lint: long because" not in text[:2000]:
        yield f"{path}: {text.count(chr(10))} lines, more than {FILE_LINES}"
    for start, length, before in functions(text):
        if length > FUNCTION_LINES and "lint: long because" not in before:
            yield f"{path}:{start + 1}: a function of {length} lines, more than {FUNCTION_LINES}"


def check_header(path, text):
    if not path.endswith(".h") or not path.startswith("host/"):
        return
    head = text[:text.find("*/")]
    name = os.path.basename(path)
    if not text.startswith(f"/* {name} - "):
        yield f"{path}: does not open with /* {name} - what it is"
    elif name != "poison.h":
        for word in ("Owns:", "Threads:", "Uses:"):
            if word not in head:
                yield f"{path}: its opening comment lacks {word}"


def check_format(root):
    tool = shutil.which("clang-format")
    if tool is None:
        yield "clang-format is not installed"
        return
    paths = list(files(root, "host", "plugins", "sdk/testkit", "tests", "bench", ends=(".c",)))
    done = subprocess.run([tool, "--dry-run", "-Werror", *paths], cwd=root, capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        if "error:" in line:
            yield line


def problems(root):
    for path in files(root, "host", "plugins", "sdk"):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        if path.startswith("host/"):
            yield from check_layers(path, text)
            yield from check_foreign(path, text)
            yield from check_pure(path, text)
        yield from check_length(path, text)
        yield from check_header(path, text)
    yield from check_format(root)


def self_test():
    """Each sample breaks one rule; a lint that cannot fail proves nothing."""
    good = "/* x.h - x.\n * Owns: -\n * Threads: -\n * Uses: -\n */\n"
    samples = {
        "lies above it": ("host/core/a.c", '#include "adapters/kafka.h"\n'),
        "outside adapters/": ("host/engine/a.c", "#include <jansson.h>\n"),
        "more than one foreign": ("host/adapters/a.c", "#include <jansson.h>\n#include <sodium.h>\n"),
        "core/ is pure": ("host/core/a.c", "#include <pthread.h>\n"),
        "knows no clock": ("host/core/a.c", "static long f(void)\n{\n\treturn mono_now().us;\n}\n"),
        "lines, more than 400": ("host/base/a.c", "\n" * 401),
        "a function of": ("host/base/a.c", "void f(void)\n{\n" + "\tg();\n" * 81 + "}\n"),
        "lacks Owns": ("host/base/x.h", good.replace("Owns", "Own")),
        "does not open with": ("host/base/x.h", "int x;\n"),
        "code should be clang-formatted": ("host/base/a.c", "int   x ;\n"),
    }
    bad = 0
    for expected, (path, text) in samples.items():
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, os.path.dirname(path)))
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
            shutil.copy(os.path.join(os.path.dirname(__file__), "..", "..", ".clang-format"), root)
            found = list(problems(root))
        if not any(expected in p for p in found):
            print(f"self-test: nothing says '{expected}': {found}")
            bad = 1
    return bad


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    found = list(problems(sys.argv[1]))
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main())
