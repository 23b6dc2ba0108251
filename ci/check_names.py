#!/usr/bin/env python3
"""Checks names: what the library exports, what its files share, and what is explained.

    ci/check_names.py [--root TREE] [--shared librouse.so] [--static librouse.a]

The shared library exports what public headers declare with ROUSE_API, all of it and
nothing else. In the static library, a name that files share and no header declares
begins with rouse__. Every public function, struct, enum and variable has a comment:
above it, above the group of lines that it stands in, or, for the members of a type,
inside it. Names that end in "_" are the headers' own. Prints each breach, and how many
names passed and failed.
"""

import argparse
import pathlib
import re
import subprocess
import sys

from check_layers import blank

# Linkers put these into shared objects on their own account.
LINKER = {"_init", "_fini", "_edata", "_end", "__bss_start"}


class Item:
    """A declaration at the top level of a header."""

    def __init__(self, path, text, code, gap, start, end, previous):
        source = code[start:end]
        self.where = f"{path}:{text.count(chr(10), 0, start) + 1}"
        self.exported = source.startswith("ROUSE_API")
        kind = re.match(r"(?:struct|enum|union)\s+(\w+)\s*\{", source)
        function = re.search(r"\b(\w+)\s*\(", source)
        self.is_type = kind is not None
        if kind:
            self.names = [kind[1]]
        elif source.startswith("typedef") or re.match(r"(?:struct|enum|union)\b[^(]*\{", source):
            self.names = []  # its members speak for themselves
        elif function:
            self.names = [function[1]]
        else:  # variables
            self.names = re.findall(r"(\w+)\s*(?:\[[^\]]*\]\s*)*[,;]", source)

        above = re.search(r"\*/[^\S\n]*\n[^\S\n]*\Z", gap)
        grouped = previous is not None and re.fullmatch(r"[^\S\n]*\n[^\S\n]*", gap)
        inside = self.is_type and "/*" in text[start:end]
        self.documented = bool(above or inside or grouped and previous.documented)


def items(path, text):
    """The declarations of a header, in order."""
    code = blank(text)
    # Directives and the macros around declarations say nothing about names.
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), code, flags=re.M)
    code = re.sub(r"^ROUSE_(?:BEGIN|END)_DECLS", lambda m: " " * len(m[0]), code, flags=re.M)

    previous, end, depth, start, body = None, 0, 0, None, False
    for position, character in enumerate(code):
        if character.isspace():
            continue
        if start is None:
            start = position
        if character == "{":
            if depth == 0:
                body = code[start:position].rstrip().endswith(")")
            depth += 1
        elif character == "}":
            depth -= 1
        if depth == 0 and (character == ";" or character == "}" and body):
            item = Item(path, text, code, text[end:start], start, position + 1, previous)
            yield item
            previous, end, start, body = item, position + 1, None, False


def symbols(*arguments):
    command = ["nm", "-P", "--defined-only", *map(str, arguments)]
    output = subprocess.run(command, text=True, capture_output=True, check=True).stdout
    lines = (line.split() for line in output.splitlines() if not line.endswith(":"))
    return sorted({words[0].split("@")[0] for words in lines if len(words) > 1} - LINKER)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[1])
    parser.add_argument("--shared", type=pathlib.Path, help="the shared library")
    parser.add_argument("--static", type=pathlib.Path, help="the static library")
    options = parser.parse_args()
    root = options.root.resolve()

    passed, breaches = 0, []

    def check(holds, breach):
        nonlocal passed
        if holds:
            passed += 1
        else:
            breaches.append(breach)

    declared = {}
    for header in sorted((root / "include/rouse").glob("*.h")):
        path = header.relative_to(root).as_posix()
        for item in items(path, header.read_text(encoding="utf-8")):
            for name in item.names:
                if item.exported:
                    declared[name] = item.where
                if not name.endswith("_"):
                    check(item.documented, f"{item.where}: {name} has no comment")
                check(
                    re.match(r"rouse(_[a-z0-9]|$)", name),
                    f"{item.where}: {name} is public and does not begin with rouse_",
                )

    if options.shared is not None:
        exported = symbols("-D", options.shared)
        for name in exported:
            check(name in declared, f"{options.shared.name} exports {name}, which no public header declares")
        for name, where in declared.items():
            check(name in exported, f"{where}: {name} is declared, and {options.shared.name} does not export it")
    if options.static is not None:
        for name in symbols("-g", options.static):
            check(
                name in declared or re.match(r"rouse__[a-z0-9]", name),
                f"{options.static.name}: {name} is shared between files and does not begin with rouse__",
            )

    print("".join(f"{breach}\n" for breach in breaches), end="")
    print(f"{passed} passed, {len(breaches)} failed")
    return 1 if breaches or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
