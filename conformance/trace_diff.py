#!/usr/bin/env python3
"""trace_diff.py ONE OTHER: the first point of rest where two wake traces part, in words.

Traces (rouse-trace/1) are what `rouse-conform --trace SCENARIO --backend NAME` prints.
Between two points of rest backends may lawfully differ; at one they may not. Exits 0 when
the traces agree, 1 when they part, 2 when one of them cannot be read.
"""

import json
import sys


def read(path):
    """A trace as its header and its points, each with the lines that led to it."""
    header, points, before = None, [], []
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
            except json.JSONDecodeError as error:
                raise Unreadable(f"{path}:{number}: not a line of JSON: {error.msg}") from error
            if number == 1:
                if line.get("schema") != "rouse-trace/1":
                    raise Unreadable(f"{path}: not a rouse-trace/1")
                header = line
            elif "point" in line:
                points.append((line, before))
                before = []
            else:
                before.append(text.strip())
    if header is None:
        raise Unreadable(f"{path}: empty")
    return header, points


class Unreadable(Exception):
    """What makes a comparison impossible."""


def tell(backend, lines, other):
    extra = [line for line in lines if line not in other]
    return f"on {backend} " + (" and ".join(f'"{line}"' for line in extra) if extra else "nothing more")


def compare(one, other):
    """The difference in words, or None."""
    (head_a, points_a), (head_b, points_b) = one, other
    if head_a["scenario"] != head_b["scenario"]:
        raise Unreadable(f"two scenarios: {head_a['scenario']} and {head_b['scenario']}")
    a, b = head_a["backend"], head_b["backend"]
    for number, ((point, led), (twin, twin_led)) in enumerate(zip(points_a, points_b), 1):
        if point["hash"] == twin["hash"]:
            continue
        words = [f'{head_a["scenario"]}, at point {number}, "{point["point"]}": ']
        words[0] += tell(a, point["form"], twin["form"]) + "; " + tell(b, twin["form"], point["form"])
        words += [f"  {a}: {line}" for line in led] + [f"  {b}: {line}" for line in twin_led]
        return "\n".join(words)
    if len(points_a) != len(points_b):
        return f"{a} rests at {len(points_a)} points, {b} at {len(points_b)}"
    return None


def main(arguments):
    if len(arguments) != 2:
        print(__doc__.split("\n", 1)[0], file=sys.stderr)
        return 2
    try:
        one, other = map(read, arguments)
        difference = compare(one, other)
    except (Unreadable, OSError) as error:
        print(f"trace_diff: {error}", file=sys.stderr)
        return 2
    if difference is None:
        print(f"{one[0]['scenario']}: {one[0]['backend']} and {other[0]['backend']} agree at {len(one[1])} points")
        return 0
    print(difference)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
