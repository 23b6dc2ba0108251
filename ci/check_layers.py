#!/usr/bin/env python3
"""Checks the arrows between the layers, and where systems may show.

    ci/check_layers.py [--root TREE]

A file of layer L includes files of the layers that L stands on and no others; public
headers include standard C headers only; system headers appear in few named places; no
`#if` stands inside a function; one source knows which backends there are. Prints each
breach as file:line, and the number of files that passed and failed.
"""

import argparse
import pathlib
import re
import sys

# Each layer, and what it may include besides itself.
BELOW = {
    "base": set(),
    "evq": {"base"},
    "future": {"base"},
    "task": {"future", "base"},
    "combine": {"future", "base"},
    "sync": {"future", "base"},
    "reactor": {"evq", "future", "base"},
    "timer": {"reactor", "evq", "future", "base"},
    "net": {"reactor", "evq", "future", "base"},
}
BELOW["rouse"] = set(BELOW)
BELOW["conform"] = set(BELOW)

# The layer of each public header. A new one is added here, on purpose.
PUBLIC = {
    "base.h": "base",
    "socket.h": "base",
    "evq.h": "evq",
    "sim.h": "evq",
    "future.h": "future",
    "async.h": "future",
    "task.h": "task",
    "reactor.h": "reactor",
    "signal.h": "reactor",
    "timer.h": "timer",
    "net.h": "net",
    "rouse.h": "rouse",
    "conform.h": "conform",
}

STANDARD = {
    f"<{name}.h>"
    for name in "assert ctype errno float inttypes limits math setjmp signal stdalign stdarg "
    "stdbool stddef stdint stdio stdlib stdnoreturn string time".split()
}

# Who may talk to the operating system.
SYSTEM = re.compile(r"src/(evq/[^/]*|base/[^/]*_(posix|win)\.c|net/socket_[^/]*)")
# Intrinsics belong to a compiler, and so to the one file that hides compilers.
COMPILER = {("src/base/atomic.h", "<intrin.h>")}

BACKENDS = {"epoll", "kqueue", "uring", "iocp", "poll", "libuv", "sim"}
KNOWS_BACKENDS = "src/evq/backends.c"
LISTS_BACKENDS = {KNOWS_BACKENDS, "src/evq/backends.h"}


def blank(text):
    """The text with comments, strings and character constants blanked out, so that
    lines and columns stay where they were. Include lines keep their file names."""
    token = re.compile(
        r"""(?P<include>^[ \t]*\#[ \t]*include[^\n]*)
          | /\*.*?\*/ | //[^\n]*
          | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
        re.X | re.S | re.M,
    )

    def blanked(match):
        if match["include"]:
            return match[0]
        quote = match[0][0] if match[0][0] in "\"'" else " "
        inner = re.sub(r"[^\n]", " ", match[0])
        return quote + inner[1:-1] + quote

    return token.sub(blanked, text)


def includes(code):
    """(line number, "<x>" or '"x"') of each include."""
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(<[^>]*>|"[^"]*")', code, re.M):
        yield code.count("\n", 0, match.start()) + 1, match[1]


def conditions_in_functions(code):
    """Line numbers of each #if, #ifdef, #else and so on inside a function's body."""
    braces = []  # whether each open brace is, or is in, a function's body
    saved = []  # `braces` at each open #if, because only one branch of it counts
    last = ""  # the last character that was code
    continued = False
    for number, line in enumerate(code.split("\n"), 1):
        directive = re.match(r"[ \t]*#[ \t]*(\w+)", line)
        if continued or directive:
            continued = line.endswith("\\")
            word = directive[1] if directive else ""
            if word.startswith(("if", "el", "end")) and True in braces:
                yield number
            if word.startswith("if"):
                saved.append(list(braces))
            elif word.startswith("el") and saved:
                braces = list(saved[-1])
            elif word == "endif" and saved:
                saved.pop()
            continue
        for character in line:
            if character == "{":
                braces.append(last == ")" or True in braces)
            elif character == "}" and braces:
                braces.pop()
            if not character.isspace():
                last = character


def layer_of(path):
    """The layer of a file of the tree, or None where layers do not reach."""
    parts = path.split("/")
    if parts[:2] == ["include", "rouse"] and len(parts) == 3:
        return PUBLIC.get(parts[2])
    if parts[0] == "src":
        return parts[1] if len(parts) == 3 else "rouse"
    return None


def breaches(root, path):
    """(line number, what is wrong) for one file."""
    text = (root / path).read_text(encoding="utf-8")
    code = blank(text)
    layer = layer_of(path)
    public = path.startswith("include/")
    if layer not in BELOW:
        yield 1, "belongs to no layer that ci/check_layers.py knows"
        return

    for number, name in includes(code):
        target = None
        if name.startswith("<rouse/"):
            target = "include/" + name[1:-1]
        elif name.startswith('"'):
            target = (root / path).parent.joinpath(name[1:-1]).resolve()
            target = target.relative_to(root).as_posix() if root in target.parents else name
        if target is None:
            if name in STANDARD or (path, name) in COMPILER:
                continue
            if public:
                yield number, f"a public header includes {name}, which is not standard C"
            elif not SYSTEM.fullmatch(path):
                yield number, f"{name} is a system header, which does not belong here"
            continue
        if public and not target.startswith("include/"):
            yield number, f"a public header includes {name}, which is not public"
        elif not (root / target).is_file():
            yield number, f"{name} is no file of the tree"
        elif layer_of(target) not in BELOW[layer] | {layer}:
            yield number, f"{layer} includes {name}, of {layer_of(target)}, on which it does not stand"

    for number in conditions_in_functions(code):
        yield number, "a preprocessor condition inside a function"

    for number, line in enumerate(code.split("\n"), 1):
        if public and re.search(r"\b(_Atomic|_Thread_local|_Generic)\b", line):
            yield number, "a public header has to be C++11 too"
        if path in LISTS_BACKENDS:
            continue
        if re.search(r"\bROUSE_(HAVE_\w+|DEFAULT_BACKEND)\b", line):
            yield number, f"only {KNOWS_BACKENDS} asks which backends there are"
        for name in re.findall(r"\brouse__([a-z]+)\b", line):
            if name in BACKENDS and not path.startswith(f"src/evq/{name}"):
                yield number, f"rouse__{name} is named outside {KNOWS_BACKENDS}"
    if not public and path not in LISTS_BACKENDS:
        # In strings, which `code` has blanked.
        for number, line in enumerate(re.sub(r"/\*.*?\*/", keep_lines, text, flags=re.S).split("\n"), 1):
            for name in re.findall(r'"([a-z]+)"', line):
                if name in BACKENDS and not path.startswith(f"src/evq/{name}"):
                    yield number, f'"{name}": a name of a backend outside {KNOWS_BACKENDS}'


def keep_lines(match):
    return "\n" * match[0].count("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[1])
    root = parser.parse_args().root.resolve()

    failed = 0
    paths = sorted(
        path.relative_to(root).as_posix()
        for folder in ("include", "src")
        for path in (root / folder).rglob("*.[ch]")
    )
    for path in paths:
        found = sorted(set(breaches(root, path)))
        for number, what in found:
            print(f"{path}:{number}: {what}")
        failed += bool(found)
    print(f"{len(paths) - failed} passed, {failed} failed")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
