"""Builds the benchmark programs and measures them side by side; ci/bench calls it.

Time is noisy, so it is measured in repetitions that interleave all peers: a slow phase
of a shared machine then hits them alike, and ratios are taken inside one repetition.
Counts are not. Each is the difference of two runs of different lengths, so that what a
program does once drops out, divided by the operations in between:

  user_instructions  valgrind --tool=callgrind
  heap_bytes         asked of malloc: valgrind --tool=memcheck
  system_calls       strace -f -c
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

Workload = collections.namedtuple("Workload", "title operation size peers lengths")

# `size` operations make a round, and `lengths` are the rounds of the two runs that are
# compared to count. A peer is the program's name, or that and a variant. The plain
# name is the peer's fastest way; "rouse" stands for each backend that is measured.
WORKLOADS = {
    "w1": Workload(
        "yield, 1000 tasks", "switch", 1000,
        "rouse rouse/async raw raw-mpsc libuv libev libevent asio asio-coro futures tokio "
        "tokio-own smol", (10, 40)),
    "w2": Workload(
        "spawn and complete, batches of 1000", "task", 1000,
        "rouse raw raw-pool raw-mpsc libuv libev libevent asio asio-coro futures tokio smol",
        (10, 40)),
    "w3": Workload(
        "wake chain, ring of 1000 tasks", "hop", 1000,
        "rouse rouse/async raw raw-mpsc libuv libuv-idle libev libevent asio asio-coro "
        "futures tokio tokio-own smol smol-channel", (5, 20)),
    "w4": Workload(
        "TCP ping-pong, 64 bytes, one thread", "round trip", 1,
        "rouse raw raw-sync uring uring-poll libuv libuv-write libev libevent asio asio-coro "
        "tokio smol", (300, 900)),
}

RUST = ("futures", "tokio", "smol")

# What rouse is to reach on epoll, at most: (goal of this release, final goal).
GOALS = {
    ("w1", "user_instructions"): (75, 45),
    ("w2", "user_instructions"): (100, 60),
    ("w3", "user_instructions"): (130, 90),
    ("w4", "user_instructions"): (900, 400),
    ("w4", "system_calls"): (6, 6),
}

Row = collections.namedtuple("Row", "workload peer program")


class Broken(Exception):
    """A program that does not build or run; the text is the reason."""


class Progress:
    """One line on stderr that is rewritten on a terminal, and printed elsewhere only
    when the phase changes."""

    def __init__(self):
        self.terminal = sys.stderr.isatty()
        self.phase = None

    def show(self, phase, detail=""):
        if self.terminal:
            print(f"\r\033[Kbench: {phase} {detail}", end="", file=sys.stderr, flush=True)
        elif phase != self.phase:
            print(f"bench: {phase}", file=sys.stderr, flush=True)
        self.phase = phase

    def end(self):
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


# ---- building


def build_target(tree, target):
    command = ["cmake", "--build", tree, "--target", target, "--parallel", str(cores())]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        log = os.path.join(tree, target + ".log")
        with open(log, "w", encoding="utf-8") as file:
            file.write(done.stdout)
        raise Broken(f"does not build, see {log}")


def build_all(tree, programs, progress):
    """Returns why each program that cannot be run cannot."""
    reasons = {}
    with open(os.path.join(tree, "absent.txt"), encoding="utf-8") as file:
        for line in file:
            name, reason = line.rstrip("\n").split(": ", 1)
            reasons[name] = reason
    built = {}
    for program in programs:
        if program in reasons:
            continue
        target = "bench-rust" if program in RUST else "bench-" + program
        progress.show("building", target)
        if target not in built:
            try:
                build_target(tree, target)
                built[target] = None
            except Broken as broken:
                built[target] = str(broken)
        if built[target] is not None:
            reasons[program] = built[target]
    return reasons


# ---- running


def cores():
    return len(os.sched_getaffinity(0))


def run(command, limit=120, **options):
    """Runs to the end and returns it, or raises Broken with what it said last."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=limit, **options)
    except subprocess.TimeoutExpired:
        raise Broken(f"took longer than {limit} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no message"]
        raise Broken(f"exit status {done.returncode}: {said[-1]}")
    return done


def time_once(row, rounds):
    """The figures that the program prints, such as {"ns": 12.3, "cpu_ns": 12.2}."""
    core = max(os.sched_getaffinity(0))
    done = run([row.program, row.peer, row.workload, str(rounds)],
               preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    return {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}


def rounds_for(row, seconds):
    """How many rounds take about that long, by a short run and a longer one."""
    size = base(row.workload).size
    rounds = max(1, 2000 // size)
    for share in (0.1, 1):
        ns = time_once(row, rounds)["ns"]
        rounds = max(1, round(share * seconds * 1e9 / (ns * size)))
    return rounds


def counted_instructions(row, rounds):
    done = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", row.program,
                row.peer, row.workload, str(rounds)])
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def counted_heap(row, rounds):
    done = run(["valgrind", "--leak-check=no", "--undef-value-errors=no", row.program,
                row.peer, row.workload, str(rounds)])
    return int(re.search(r"([\d,]+) bytes allocated", done.stderr).group(1).replace(",", ""))


def counted_calls(row, rounds):
    with tempfile.NamedTemporaryFile("r") as file:
        run(["strace", "-f", "-c", "-U", "name,calls", "-o", file.name, row.program, row.peer,
             row.workload, str(rounds)])
        return int(re.search(r"^total +(\d+)$", file.read(), re.MULTILINE).group(1))


COUNTERS = {
    "user_instructions": ("valgrind", counted_instructions),
    "heap_bytes": ("valgrind", counted_heap),
    "system_calls": ("strace", counted_calls),
}


def counters():
    """Those that work here, and why the others do not, by metric."""
    works, reasons = {}, {}
    for metric, (tool, counter) in COUNTERS.items():
        try:
            if shutil.which(tool) is None:
                raise Broken(f"no {tool} here")
            run([tool, "true"] if tool == "valgrind" else [tool, "-o", "/dev/null", "true"])
            works[metric] = counter
        except Broken as broken:
            reasons[metric] = str(broken)
    return works, reasons


def count(row, counter):
    few, many = base(row.workload).lengths
    more = counter(row, many) - counter(row, few)
    return more / ((many - few) * base(row.workload).size)


# ---- the whole


def base(workload):
    return WORKLOADS[workload.split("-")[0]]


def rows_of(workload, backends, tree):
    """The (workload, peer) pairs of one table."""
    for name in WORKLOADS[workload].peers.split():
        name, _, suffix = name.partition("/")
        program = os.path.join(tree, "bin", name.split("-")[0])
        for peer in [f"rouse-{backend}" for backend in backends] if name == "rouse" else [name]:
            yield Row(f"{workload}-{suffix}" if suffix else workload, peer, program)


def measure(rows, repetitions, seconds, progress):
    """Returns {row: {metric: [value, ...]}}, and {row: reason} for those that failed."""
    figures = {row: collections.defaultdict(list) for row in rows}
    failed = {}
    rounds = {}
    works, absent = counters()

    def attempt(row, what, *arguments):
        try:
            return what(row, *arguments)
        except Broken as broken:
            failed[row] = str(broken)
            return None

    for row in rows:
        progress.show("calibrating", f"{row.workload} {row.peer}")
        rounds[row] = attempt(row, rounds_for, seconds)
    for repetition in range(repetitions):
        for row in rows:
            if row in failed:
                continue
            progress.show("timing", f"{repetition + 1}/{repetitions} {row.workload} {row.peer}")
            for metric, value in (attempt(row, time_once, rounds[row]) or {}).items():
                figures[row][metric].append(value)
    jobs = [(row, metric) for row in rows if row not in failed for metric in works]
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(4, cores())) as pool:
        futures = {pool.submit(attempt, row, count, works[metric]): (row, metric)
                   for row, metric in jobs}
        for i, future in enumerate(concurrent.futures.as_completed(futures)):
            row, metric = futures[future]
            progress.show("counting", f"{i + 1}/{len(jobs)} {row.workload} {row.peer}")
            if future.result() is not None:
                figures[row][metric].append(future.result())
    progress.end()
    return figures, failed, absent


# ---- what is printed


def number(value):
    if value is None:
        return "-"
    if abs(value) < 0.005:
        return "0"
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{decimals}f}"


def ratio(own, floor):
    """The median of the ratios inside each repetition, as in "3.4x"."""
    pairs = [a / b for a, b in zip(own, floor) if b]
    return number(statistics.median(pairs)) + "x" if pairs else "-"


def table(workload, rows, figures, reasons, bold):
    described = WORKLOADS[workload]
    floor = next((figures[row] for row in rows if row.peer == "raw" and row not in reasons), {})
    lines = [["", "instructions", "to raw", "system calls", "heap bytes", "CPU ns", "to raw",
              "ns", "(min - max)"]]
    for row in rows:
        name = row.peer + (" (async)" if row.workload.endswith("-async") else "")
        if row in reasons:
            lines.append([name, "not run: " + reasons[row]])
            continue
        own = figures[row]
        middle = {metric: statistics.median(values) for metric, values in own.items() if values}
        lines.append([
            name, number(middle.get("user_instructions")),
            ratio(own["user_instructions"], floor.get("user_instructions", [])),
            number(middle.get("system_calls")), number(middle.get("heap_bytes")),
            number(middle["cpu_ns"]), ratio(own["cpu_ns"], floor.get("cpu_ns", [])),
            number(middle["ns"]), f"({number(min(own['ns']))} - {number(max(own['ns']))})"])
    whole = [line for line in lines if len(line) > 2]
    widths = [max(len(line[column]) for line in whole) for column in range(len(whole[0]))]
    widths[0] = max(len(line[0]) for line in lines)
    print(f"\n{workload.upper()} {described.title}; per {described.operation}")
    for line in lines:
        rest = "  ".join(cell.rjust(width) for cell, width in zip(line[1:], widths[1:])) \
            if len(line) > 2 else line[1]
        text = f"{line[0]:<{widths[0]}}  {rest}".rstrip()
        print(f"\033[1m{text}\033[0m" if bold and line[0].startswith("rouse") else text)


def print_goals(records):
    reached = {(record["workload"], record["metric"]): record["value"]
               for record in records if record["peer"] == "rouse-epoll"}
    goals = {key: goal for key, goal in GOALS.items() if key in reached}
    if goals:
        print("\nGoals on epoll")
    for (workload, metric), (goal, final) in goals.items():
        value = round(reached[workload, metric], 2)
        words = "missed" if value > goal else "reached" if value > final else "reached, finally"
        print(f"{workload.upper()} {metric.replace('_', ' ')}: {number(value)}, "
              f"goal {goal}, final goal {final}: {words}")


def arguments():
    parser = argparse.ArgumentParser(
        prog="ci/bench", description="Measures rouse and its peers side by side.")
    parser.add_argument("--tree", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--backend", metavar="NAME", action="append",
                        help="a backend of rouse; may be given again; else the default one")
    parser.add_argument("--quick", action="store_true",
                        help="fewer and shorter repetitions; counts are the same")
    parser.add_argument("workloads", metavar="WORKLOAD", nargs="*", type=str.lower,
                        help="W1, W2, W3 or W4; else all four")
    given = parser.parse_args()
    for workload in given.workloads:
        if workload not in WORKLOADS:
            parser.error(f"no workload {workload.upper()}; there are "
                         + ", ".join(WORKLOADS).upper())
    return given


def main():
    given = arguments()
    progress = Progress()
    started = time.monotonic()
    # rouse and the floor must be there, so they come first.
    programs = ["rouse", "raw", "libuv", "libev", "libevent", "uring", "asio", *RUST]
    absent = build_all(given.tree, programs, progress)
    progress.end()
    for program in programs[:2]:
        if program in absent:
            print(f"bench: {program} {absent[program]}", file=sys.stderr)
            return 2
    rouse = os.path.join(given.tree, "bin", "rouse")
    try:
        backends = given.backend or run([rouse, "backend"]).stdout.split()
        for backend in backends:
            run([rouse, f"rouse-{backend}", "w1", "1"])
    except Broken as broken:
        print(f"bench: {broken}", file=sys.stderr)
        return 2

    tables = {workload: list(rows_of(workload, backends, given.tree))
              for workload in dict.fromkeys(given.workloads or WORKLOADS)}
    every = [row for rows in tables.values() for row in rows]
    reasons = {row: absent[os.path.basename(row.program)] for row in every
               if os.path.basename(row.program) in absent}
    figures, failed, uncounted = measure(
        [row for row in every if row not in reasons], 3 if given.quick else 5,
        0.05 if given.quick else 0.2, progress)
    reasons.update(failed)

    records = [{"workload": row.workload, "peer": row.peer, "metric": metric,
                "value": round(statistics.median(values), 3)}
               for row in every if row not in reasons
               for metric, values in figures[row].items() if values]
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(records, file, indent=1)
            file.write("\n")
    for workload, rows in tables.items():
        table(workload, rows, figures, reasons, sys.stdout.isatty())
    if uncounted:
        print()
    for metric, reason in uncounted.items():
        print(f"{metric.replace('_', ' ')} not counted: {reason}")
    print_goals(records)
    print(f"\n{len(every) - len(reasons)} of {len(every)} rows measured, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if any(row.peer.startswith("rouse-") for row in reasons) else 0


if __name__ == "__main__":
    sys.exit(main())
