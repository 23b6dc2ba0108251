#!/usr/bin/env python3
"""Compares what was covered with what has to be, and with the exceptions that are named.

    ci/check_coverage.py [--root TREE] EXPORT.json LINES.info ...

Takes what `llvm-cov export` says of one build after the other, as JSON for the branches
and as lcov for the lines. A branch is an outcome of one condition, so each `&&` counts by itself. Prints a
table of all files of src/ that were compiled, each place that is not covered, and how many
files passed and failed. Every line and branch of the layers below has to be covered, except
those that conformance/coverage.toml names, with a reason each. What it names has to be there,
and not to be covered.
"""

import argparse
import collections
import json
import pathlib
import re
import sys
import tomllib

from check_layers import blank

# Whole, or named. What else is compiled is printed too.
WHOLE = re.compile(r"src/(task|future|reactor|timer)/|src/evq/(?!check|backends)")
EXCEPTIONS = "conformance/coverage.toml"
MOST = 25


class Place:
    """Something that was never executed, or a condition that never came out so."""

    def __init__(self, path, line, never, condition=""):
        self.path, self.line, self.never, self.condition = path, line, never, condition

    def __str__(self):
        what = f"({self.condition}) is never {self.never}" if self.condition else "never executed"
        return f"{self.path}:{self.line}: {what}"


class Source:
    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text().splitlines()
        self.lines = collections.Counter()  # by number, how often
        self.branches = collections.Counter()  # by condition and outcome, how often
        self.unchecked = rule_spans((root / path).read_text())

    def add_branch(self, region, outcomes):
        """Of a condition, whose copies in several functions are one."""
        start, end = (region[0], region[1]), (region[2], region[3])
        if any(first <= start < last for first, last in self.unchecked):
            return
        # The compiler counts a default that a switch over all of an enum does not have.
        if self.text[start[0] - 1][: start[1] - 1].endswith("switch ("):
            return
        for never, count in zip(("true", "false"), outcomes):
            self.branches[start, end, never] += count

    def condition(self, start, end):
        lines = self.text[start[0] - 1 : end[0]]
        lines[-1] = lines[-1][: end[1] - 1]
        lines[0] = lines[0][start[1] - 1 :]
        return " ".join(" ".join(lines).split())

    def gaps(self):
        for number, count in sorted(self.lines.items()):
            if count == 0 and self.text[number - 1].strip():
                yield Place(self.path, number, "executed")
        for (start, end, never), count in sorted(self.branches.items()):
            # What is never reached says that its line is not, and no more.
            if count == 0 and self.lines.get(start[0], 1) > 0:
                yield Place(self.path, start[0], never, self.condition(start, end))

    def row(self):
        lines = sum(count > 0 or not self.text[n - 1].strip() for n, count in self.lines.items())
        branches = sum(count > 0 for count in self.branches.values())
        return lines, len(self.lines), branches, len(self.branches)


def rule_spans(text):
    """Where the caller's rules stand, which this build does not check."""
    code = blank(text)
    spans = []
    for match in re.finditer(r"\bROUSE_RULE\(", code):
        end, depth = match.end(), 1
        while depth > 0:
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        spans.append((position(code, match.start()), position(code, end)))
    return spans


def position(text, offset):
    line = text.count("\n", 0, offset)
    return line + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def read(root, exports):
    sources = {}

    def source_of(name):
        path = pathlib.Path(name).resolve()
        if not path.is_relative_to(root / "src"):
            return None
        path = str(path.relative_to(root))
        if path not in sources:
            sources[path] = Source(root, path)
        return sources[path]

    for export, info in zip(exports[::2], exports[1::2]):
        source = None
        for line in info.read_text().splitlines():
            if line.startswith("SF:"):
                source = source_of(line[3:])
            elif line.startswith("DA:") and source:
                number, count = line[3:].split(",")[:2]
                source.lines[int(number)] += int(count)
        for function in json.loads(export.read_text())["data"][0]["functions"]:
            for branch in function["branches"]:
                source = source_of(function["filenames"][branch[6]])
                if source:
                    source.add_branch(branch[:4], branch[4:6])
    return sources


def names(exception, source, place):
    """Whether a place is one that the exception names: a condition by its line and its own
    text, or one of the lines that follow."""
    if exception["file"] != place.path:
        return False
    line = place.line - 1
    if place.condition:
        return (source.text[line].strip() == exception["line"]
                and (exception.get("condition"), exception.get("never")) == (place.condition, place.never))
    return any(source.text[line - back].strip() == exception["line"]
               for back in range(1, exception.get("lines", 0) + 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    parser.add_argument("exports", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    root = options.root.resolve()

    sources = read(root, options.exports)
    exceptions = tomllib.loads((root / EXCEPTIONS).read_text()).get("exception", [])
    used = [False] * len(exceptions)
    passed = failed = 0
    report = []

    print(f"{'file':32}{'lines':>14}{'branches':>14}  named")
    for path in sorted(sources):
        source = sources[path]
        lines, all_lines, branches, all_branches = source.row()
        named = 0
        left = []
        for place in source.gaps():
            found = [i for i, exception in enumerate(exceptions) if names(exception, source, place)]
            for i in found:
                used[i] = True
            if found:
                named += 1
            else:
                left.append(place)
        whole = WHOLE.match(path)
        print(f"{path:32}{lines:7} /{all_lines:5}{branches:7} /{all_branches:5}  {named or ''}"
              + ("" if whole or not left else "  (not required)"))
        report += [str(place) for place in left]
        if whole and left:
            failed += 1
        else:
            passed += 1

    for exception, was_used in zip(exceptions, used):
        if was_used or exception.get("seldom"):
            continue
        failed += 1
        text = sources[exception["file"]].text if exception["file"] in sources else []
        there = any(line.strip() == exception["line"] for line in text)
        report.append(f"{EXCEPTIONS}: {exception['file']}: \"{exception['line']}\" "
                      + ("is covered after all" if there else "is not there any more"))
    if len(exceptions) > MOST:
        failed += 1
        report.append(f"{EXCEPTIONS}: {len(exceptions)} exceptions, {MOST} are allowed")

    print(*report, sep="\n")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
