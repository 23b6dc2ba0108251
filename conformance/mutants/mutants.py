#!/usr/bin/env python3
"""Runs mutants and legal variants against the suite; ci/mutants calls it and says how.

A mutant is killed by a case that is tagged with the guarantee which it breaks, is one of those
that its manifest names, and fails by an assertion about that guarantee, or crashes or hangs.
Whatever else fails is noted, and kills nobody: a suite that only ever fails somewhere else
cannot say what is broken.
"""

import argparse
import atexit
import fnmatch
import json
import os
import pathlib
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import killing
import manifest
from killing import BROKEN, KILLED, PASSED, REFUSED, SURVIVED, Outcome
from tree import ROOT, Broken, Tree, listing_of, naming

HERE = manifest.HERE

TIMEOUT_S = 10  # for a case of a mutant: most that hang are ended by the suite, after two
LEGAL_TIMEOUT_S = 20
LIMIT_S = 240  # for all cases of one mutant
FAILURES = 40  # after which the rest of the suite has no more to say
QUICK_LEGAL = ["e*", "b2_*"]  # what stands close to the queue
QUICK_EDITS = 3  # of so many edits one is run in a hurry: each costs a compilation


class Bench:
    """What all runs share: where things are, and how a suite is run."""

    def __init__(self, options, listing):
        self.options = options
        self.listing = listing
        self.work = options.work
        self.conform = options.conform
        self.plugin = None
        self.running = set()
        atexit.register(self.end_all)

    def end_all(self):
        """What still runs when we end; it ends its cases."""
        for process in list(self.running):
            process.terminate()

    def build_plugin(self):
        self.plugin = self.work / "decorators.so"
        command = [*shlex.split(os.environ.get("CC", "cc")), "-std=c11", "-D_GNU_SOURCE", "-g", "-O1"]
        command += ["-shared", "-fPIC", f"-I{ROOT / 'include'}", "-o", self.plugin, *sorted(HERE.glob("*.c"))]
        done = subprocess.run(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.exit(stop(f"the decorators do not compile:\n{done.stdout}"))

    def suite(self, conform, entry, *arguments):
        """The report of one run and "", or None and why there is none."""
        environment = {**os.environ}
        for name in ("ROUSE_MUTANT", "ROUSE_MUTANT_BASE", "ROUSE_SIM", "ROUSE_BACKEND"):
            environment.pop(name, None)
        if entry.faults:
            environment["ROUSE_SIM"] = entry.faults
        which = ["--require", entry.on, "--backend", entry.on]
        if entry.decorator:
            which = ["--plugin", str(self.plugin)]
            environment["ROUSE_MUTANT"] = entry.name
            environment["ROUSE_MUTANT_BASE"] = entry.on
        command = [str(conform), *which, "--jobs", str(self.options.cases), "--json", "-", *arguments]
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            self.running.add(process)
            try:
                said = process.communicate(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                process.terminate()  # it ends its cases
                process.communicate()
                return None, f"no end within {LIMIT_S} s"
            finally:
                self.running.discard(process)
        try:
            report = json.loads(said[0])
        except ValueError:
            return None, (said[1].strip().splitlines() or ["it says nothing"])[-1]
        return report, ""


def found(report):
    """Each case that failed, with the guarantees that it found broken and what it said."""
    cases = {}
    for case in report["cases"]:
        (status,) = case["results"].values()
        if status not in ("fail", "error"):
            continue
        messages = case["messages"]
        ids = {m["guarantee"] for m in messages if "guarantee" in m}
        cases[case["id"]] = {
            # A crash or a hang is the failure of all that the case is about.
            "broken": sorted(case["guarantees"] if status == "error" else ids),
            "says": "; ".join(f"{m.get('guarantee', status)}: {m['message']}" for m in messages)[:400],
        }
    return cases


def red(report):
    return [
        guarantee["id"]
        for guarantee in report["guarantees"]
        if any(cell["status"] in ("fail", "error") for cell in guarantee["cells"].values())
    ]


def ran(report):
    return sum(status in ("pass", "fail", "error") for case in report["cases"] for status in case["results"].values())


def narrow(entry):
    """Options for the cases that must kill it."""
    return [*naming(entry.cases), "--tag", entry.breaks, "--stop-after", "1", "--timeout", str(TIMEOUT_S)]


def judge_mutant(bench, entry, conform):
    """Runs a mutant: in a hurry, the cases that must kill it, and again if they did not, for a busy
    machine may hide what takes time; else the whole suite, and those again if it was broken off
    before they had their turn."""
    whole = ["--stop-after", str(FAILURES), "--timeout", str(TIMEOUT_S)]
    may_kill = entry.killers(bench.listing)
    cases, reds, count, says = {}, set(), 0, ""
    for arguments in 2 * [narrow(entry)] if bench.options.quick else [whole, narrow(entry)]:
        report, why = bench.suite(conform, entry, *arguments)
        if report is None:
            says = why
            continue
        if report["backends"][0]["status"] != "run":
            return BROKEN, {}, [], 0, [], f"{entry.on}: {report['backends'][0].get('message', 'not run')}"
        cases |= found(report)
        reds |= set(red(report))
        count = max(count, ran(report))
        if count == 0:
            return BROKEN, {}, [], 0, [], f"none of {' '.join(entry.cases)} can run on {entry.on}"
        killers = [case for case in may_kill if case in cases and entry.breaks in cases[case]["broken"]]
        if killers and entry.breaks in reds:
            return KILLED, cases, in_order(bench, reds), count, killers, ""
    return SURVIVED if count else BROKEN, cases, in_order(bench, reds), count, [], says


def judge_legal(bench, entry, conform):
    """Runs a legal variant. What fails is asked once more, one case at a time and with time to
    spare: a machine that was too busy is not the variant's fault, and what is, stays."""
    arguments = ["--timeout", str(LEGAL_TIMEOUT_S)]
    if bench.options.quick:
        arguments += naming(QUICK_LEGAL)
    report, why = bench.suite(conform, entry, *arguments)
    if report is None:
        return BROKEN, {}, [], 0, [], why
    if report["backends"][0]["status"] != "run":
        return BROKEN, {}, [], 0, [], f"{entry.on}: {report['backends'][0].get('message', 'not run')}"
    count = ran(report)
    cases = found(report)
    if 0 < len(cases) <= FAILURES:
        again = ["--jobs", "1", "--timeout", str(3 * LEGAL_TIMEOUT_S), *naming(cases)]
        report, why = bench.suite(conform, entry, *again)
        if report is None:
            return BROKEN, cases, [], count, [], why
        cases = found(report)
    return REFUSED if cases else PASSED, cases, red(report), count, [], ""


def in_order(bench, ids):
    return [guarantee["id"] for guarantee in bench.listing["guarantees"] if guarantee["id"] in ids]


def next_of(queues):
    """The next entry of the first queue that has one, or None."""
    for todo in queues:
        try:
            return todo.get_nowait()
        except queue.Empty:
            continue
    return None


class Worker(threading.Thread):
    """Takes one entry after the other, from its queues in their order. Its copy of the tree is
    made when it first needs it."""

    def __init__(self, bench, number, queues, done):
        super().__init__(daemon=True)
        self.bench, self.number, self.queues, self.done = bench, number, queues, done
        self.tree = None

    def run(self):
        while (entry := next_of(self.queues)) is not None:
            began = time.monotonic()
            try:
                verdict, cases, reds, count, killers, says = self.judge(entry)
            except Broken as error:
                lines = [line for line in str(error).splitlines() if "error" in line] or str(error).splitlines()
                verdict, cases, reds, count, killers = BROKEN, {}, [], 0, []
                says = "\n".join(["it does not compile", *lines])
            except Exception as error:  # of our own making; the others go on
                verdict, cases, reds, count, killers, says = BROKEN, {}, [], 0, [], repr(error)
            self.done.put(Outcome(entry, verdict, time.monotonic() - began, cases, reds, count, killers, says))

    def judge(self, entry):
        run = judge_legal if entry.legal else judge_mutant
        if not entry.edits:
            return run(self.bench, entry, self.bench.conform)
        if self.tree is None:
            self.tree = tree_of(self.bench.options, self.number)
        with self.tree.edited(entry.texts()) as conform:
            return run(self.bench, entry, conform)


def tree_of(options, number):
    backends = {entry.on for entry in options.entries}
    return Tree(options.work / f"tree-{number}", backends, "-DCMAKE_C_FLAGS=-O0")


# ---- what is asked for


def stop(what):
    print(f"mutants: {what}", file=sys.stderr)
    return 2


def is_named(entry, names):
    return not names or any(
        fnmatch.fnmatchcase(word, name) for name in names for word in (entry.name, entry.breaks) if word
    )


def parse(arguments):
    parser = argparse.ArgumentParser(prog="mutants.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME|GUARANTEE")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--manifests", type=pathlib.Path, default=HERE, help="their folder")
    parser.add_argument("--conform", type=pathlib.Path, help="a rouse-conform, for what needs no other build")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/mutants", help="where to build and report")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--cases", type=int, default=4, help="at a time, for each worker")
    options = parser.parse_args(arguments)
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    return options


def show(entries):
    for entry in entries:
        how = "decorator" if entry.decorator else "edits " + " ".join(sorted({e[0] for e in entry.edits}))
        print(f"{entry.breaks or 'legal':<6}{entry.name} (on {entry.on}; {how})")
        print(f"      {entry.why}")
        if not entry.legal:
            print(f"      to be killed by {' '.join(entry.cases)}")


def in_a_hurry(entries):
    """Legal variants on one backend, and a part of the edits, always the same."""
    edits = [entry for entry in entries if entry.edits and not entry.legal]
    left_out = {entry for number, entry in enumerate(edits) if number % QUICK_EDITS != 0}
    seen = set()
    for entry in entries:
        if entry.legal and entry.name in seen:
            left_out.add(entry)
        seen.add(entry.name)
    return [entry for entry in entries if entry not in left_out]


def run_all(bench, entries):
    """Every outcome, in the order of the manifests, each told as it comes."""
    plain, edits, done = queue.Queue(), queue.Queue(), queue.Queue()
    for entry in entries:
        (edits if entry.edits else plain).put(entry)
    # The first worker has a tree from the beginning. In a hurry no other one is worth it.
    for number in range(bench.options.workers):
        queues = [edits, plain] if number == 0 else [plain] if bench.options.quick else [plain, edits]
        Worker(bench, number, queues, done).start()
    outcomes = []
    for number in range(1, len(entries) + 1):
        outcome = done.get()
        outcomes.append(outcome)
        print(f"[{number:3}/{len(entries)}] {outcome.line()}", *outcome.details(), sep="\n", flush=True)
    return sorted(outcomes, key=lambda outcome: entries.index(outcome.entry))


def write_page(bench, kills):
    """The usual page, of the backends that are right, with the kill matrix on it."""
    which = ["--backend", "sim"] if bench.options.quick or bench.options.names else []
    page = bench.work / "report.html"
    command = [bench.conform, *which, "--html", page, "--kills", kills]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    return page


def tell_end(bench, outcomes, failures):
    listing, whole = bench.listing, not bench.options.names
    print()
    print("\n".join(killing.matrix(outcomes, listing, whole)))
    never, not_alone = killing.idle(outcomes, listing)
    mutants = [o for o in outcomes if not o.entry.legal]
    legal = [o for o in outcomes if o.entry.legal]
    print()
    if mutants and whole and not bench.options.quick:
        print(f"{len(never)} of {len(listing['cases'])} cases failed with no mutant, and {len(not_alone)} killed none")
        print("that no other case of the same guarantee killed too; matrix.txt names them.")
    for outcome in outcomes:
        if not outcome.good:
            print(outcome.line())
    for failure in failures:
        print(failure)
    print(f"{sum(o.good for o in mutants)} of {len(mutants)} mutants were killed")
    print(f"{sum(o.good for o in legal)} of {len(legal)} legal variants passed")


def main(arguments):
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parse(arguments)
    try:
        entries = manifest.load(options.manifests)
    except manifest.Wrong as wrong:
        return stop(wrong)
    options.entries = [entry for entry in entries if is_named(entry, options.names)]
    for name in options.names:
        if not any(is_named(entry, [name]) for entry in entries):
            return stop(f"no mutant, legal variant or broken guarantee is called {name}; --list lists them")
    if options.list:
        show(options.entries)
        return 0

    if options.conform is None:
        print("building", flush=True)
        try:
            tree = tree_of(options, 0)
        except Broken as broken:
            return stop(f"the tree does not build:\n{str(broken)[-3000:]}")
        options.conform = options.work / "rouse-conform"  # which no edit reaches
        shutil.copy2(tree.conform, options.conform)
    bench = Bench(options, listing_of(options.conform))
    wrong = manifest.check(entries, bench.listing)
    if wrong:
        return stop("\nmutants: ".join(wrong))
    if any(entry.decorator for entry in options.entries):
        bench.build_plugin()
    failures = []
    if not options.names:
        unbroken = manifest.unbroken(entries, bench.listing)
        failures = [f"required, and broken by no mutant: {' '.join(unbroken)}"] if unbroken else []
        failures += manifest.unnamed(entries) if options.manifests == HERE else []

    if options.quick and not options.names:
        hurried = in_a_hurry(options.entries)
        print(f"in a hurry: {len(hurried)} of {len(options.entries)}, one in {QUICK_EDITS} of the edits", flush=True)
        options.entries = hurried
    outcomes = run_all(bench, options.entries)
    tell_end(bench, outcomes, failures)
    killing.write_json(outcomes, bench.listing, failures, bench.work / "results.json")
    killing.write_text(outcomes, bench.listing, bench.work / "matrix.txt")
    killing.write_table(outcomes, bench.work / "kills.tsv")
    page = write_page(bench, bench.work / "kills.tsv")
    print(f"the page is {page}, and all of it in matrix.txt and results.json there")
    good = sum(outcome.good for outcome in outcomes)
    bad = len(outcomes) - good + len(failures)
    print(f"it took {time.monotonic() - began:.0f} s")
    print(f"{good} passed, {bad} failed")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
