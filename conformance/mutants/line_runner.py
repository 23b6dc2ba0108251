"""Runs the line mutants, and holds their survivors against survivors.toml.

Most of a mutant's cost is the suite, so the cheap questions come first. Does it compile to
the very object that the original does? Then it is equivalent, and nothing is run (as in M.
Papadakis and others, "Trivial compiler equivalence", 2015); and if another did, it shares
that one's fate. Do the cases that killed its neighbours kill it? Does the suite on the
simulated queue, in one process? Only then, the suite on the kernel that the file is
about. And of a suite only the cases that come by the edited line are run (reach.py). What
ends in a crash or not at all was noticed too.

What is found is written down at once, a line for each in build/line-mutants/results.jsonl,
so a run that was broken off goes on. It is forgotten when the file changes.
"""

import argparse
import collections
import contextlib
import dataclasses
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib

import lines
import reach
from tree import ROOT, Broken, Tree, listing_of, naming

NAMED = ROOT / "conformance/mutants/survivors.toml"
LINKER = ["-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld"] if shutil.which("ld.lld") else []
REAL = ("epoll", "poll", "libuv", "uring", "kqueue")
KERNEL = {"real kernel time", "descriptors that are no sockets", "limit on descriptors", "ICMP errors"}
ELSEWHERE = "epipe,acks,nouser"  # what kqueues are like on other systems, see kqueue/emulation.c
WORTH = 100  # so many mutants of a stage, and it is found out first which cases come by their lines
UNRULED = [  # what debug builds stop the caller at, in the order of the suite
    "x10_a_descriptor_closed_too_early_haunts_nobody",
    "s5_rules_that_nobody_checks_are_survived",
]
CASE_S = 20  # no case takes so long, however busy the machine is
NAMES_MAX = 60  # so many cases can be named at a time
KILLERS = 20  # so many are asked first
CPU_S = {"killers": 4, "near": 30, "all": 60}  # what a run in one process may take; ten times what it does

Outcome = collections.namedtuple("Outcome", "verdict by")


# ---- where a mutant is run

# The cases that are about a folder.
NEAR = {
    "task": ["task/*"],
    "future": ["future/*"],
    "timer": ["timer/*", "future/f*"],
    "reactor": ["reactor/*", "timer/*", "signal/*"],
    "net": ["net/*"],
    "evq": ["evq/*", "sim/*"],
    "base": ["future/b*", "signal/*", "evq/e7*"],
    "src": ["guest/*", "task/t8*", "reactor/r2*"],
}
CORE = ["src/task/*", "src/future/*", "src/timer/*", "src/reactor/*"]  # a sample is of these
WHOLE, REST = "whole", "what sim lacks"


def stages_for(file):
    """Backends on which the suite is run, in this order, and how much of it. After a comma it says
    how else than as always."""
    path = pathlib.Path(file)
    if path.stem in REAL:
        others = [("kqueue, elsewhere", WHOLE)] if path.stem == "kqueue" else []
        return [(path.stem, WHOLE), *others, (f"{path.stem}, without rules", WHOLE)]
    if path.stem.startswith("sim"):
        return [("sim", WHOLE), ("sim, without rules", WHOLE)]
    if path.stem.startswith("socket_"):  # the host's
        return [("epoll", WHOLE)]
    if path.stem.endswith("_posix") or path.parent.name == "evq" and path.suffix == ".h":
        return [("epoll", WHOLE), ("poll", WHOLE)]
    if path.parent.name == "base":
        return [("sim", WHOLE), ("epoll", WHOLE)]
    return [("sim", WHOLE), ("epoll", REST)]  # which portable code is none the wiser for


def environment_of(stage):
    return {"ROUSE_KQUEUE_LIKE": ELSEWHERE if stage.endswith(", elsewhere") else ""}


class Bench:
    """One tree, and how a mutant fares in it."""

    def __init__(self, folder, backends):
        self.folder = folder
        self.backends = {backend.partition(",")[0] for backend in backends}
        self.tree = self.grown(folder)
        self.unruled = None  # the same without ROUSE_RULE, once somebody asks for it
        commands = json.loads((self.tree.build / "compile_commands.json").read_text())
        library = self.tree.source / "src"
        self.commands = {
            pathlib.Path(command["file"]).relative_to(self.tree.source).as_posix(): command
            for command in commands
            if library in pathlib.Path(command["file"]).parents
        }
        self.object = self.tree.build / "mutant.o"
        self.original = {}
        self.users = {}
        self.listed = None

    def grown(self, folder, flags=""):
        return Tree(
            folder,
            self.backends,
            f"-DCMAKE_C_FLAGS=-O0 -w{flags}",
            "-DCMAKE_C_FLAGS_DEBUG=",
            "-DROUSE_EXAMPLES=OFF",
            "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
            *LINKER,
        )

    def tree_of(self, backend):
        if not backend.endswith(", without rules"):
            return self.tree
        self.unruled = self.unruled or self.grown(self.folder / "unruled", " -DNDEBUG")
        return self.unruled

    def sources(self, file):
        """What has to be compiled again when this file changes. It is asked for each mutant."""
        if file not in self.users:
            self.users[file] = self.users_of(file)
        return self.users[file]

    def users_of(self, file):
        users = {file}
        while True:
            more = {
                path.relative_to(self.tree.source).as_posix()
                for path in (self.tree.source / "src").rglob("*.[ch]")
                for name in re.findall(r'#include "([^"]+)"', path.read_text())
                if (path.parent / name).resolve().relative_to(self.tree.source.resolve()).as_posix() in users
            } - users
            if not more:
                return sorted(users & set(self.commands))
            users |= more

    def objects(self, file):
        """A digest of what the sources compile to, optimised and without a name of this place."""
        digest = hashlib.sha256()
        for source in self.sources(file):
            command = self.commands[source]
            words = shlex.split(command["command"])
            words[words.index("-o") + 1] = str(self.object)
            done = subprocess.run(
                [*words, "-O2"], cwd=command["directory"], capture_output=True, timeout=120, check=False
            )
            if done.returncode != 0:
                raise Broken(done.stderr)
            digest.update(self.object.read_bytes())
        return digest.hexdigest()

    def digest(self, file, text=None):
        path = self.tree.source / file
        before = path.read_text()
        try:
            path.write_text(before if text is None else text)
            return self.objects(file)
        finally:
            path.write_text(before)

    def original_digest(self, file):
        if file not in self.original:
            self.original[file] = self.digest(file)
        return self.original[file]

    # -- the suite

    def cases(self, backend, part=WHOLE):
        """The names of what runs there, in order."""
        if not self.listed:
            self.listed = listing_of(self.tree.conform)["cases"]
        if backend.endswith(", without rules"):
            return [case for case in self.cases(backend.partition(",")[0]) if case in UNRULED]
        return [
            case["id"]
            for case in self.listed
            if (backend == "sim" or "the simulation" not in case["needs"])
            and (part is WHOLE or KERNEL.intersection(case["needs"]))
        ]

    def together(self, backend, which="all", cases=()):
        """All in one process, up to the first that fails: its name and how, or None."""
        opens = ["--backend", backend, "--require", backend]  # or nothing fails
        command = [self.tree.conform, *opens, "--in-process", "--timeout", str(CASE_S), *naming(cases)]
        limit = CPU_S[which]
        current, verdict, done = "before the first case", "", False
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1)),
        ) as process:
            watch = threading.Timer(30 * CASE_S, process.kill)
            watch.start()
            for line in process.stdout:
                found = re.match(rf"{backend}: (\w+): (.*)", line.decode(errors="replace"))
                if found:
                    current, verdict = found[1], found[2].strip()
                    if re.search(r"\b(fail|error|not-run)$", verdict):
                        process.kill()
                        break
                done = done or re.fullmatch(rb"\d+ passed, 0 failed\n", line)
            status = process.wait()
            watch.cancel()
        if re.search(r"\b(fail|error|not-run)$", verdict):
            return current, "failed"
        if done and status == 0:
            return None
        late = status in (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL)
        return current, "time" if late else "crashed"

    def apart(self, backend, cases):
        """The same, a process for each. On a kernel, a case that failed once has to do so again."""
        if NAMES_MAX < len(cases) < len(self.cases(backend.partition(",")[0])):
            return self.apart(backend, cases[:NAMES_MAX]) or self.apart(backend, cases[NAMES_MAX:])
        for _ in range(2):
            failed = self.first_letter(backend, cases)
            if failed is None:
                return None
            if failed == "before the first case" or self.first_letter(backend, [failed]) is not None:
                return failed, "failed"
        return None

    def first_letter(self, backend, cases):
        conform, name = self.tree_of(backend).conform, backend.partition(",")[0]
        command = [conform, "--backend", name, "--require", name, "--jobs", "8", "--timeout", str(CASE_S)]
        if len(cases) < len(self.cases(name)):
            command += naming(cases)
        seen, text = 0, ""
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment_of(backend)},
        ) as process:
            watch = threading.Timer(300, process.kill)
            watch.start()
            while letter := process.stdout.read(1):
                text = letter if letter == "\n" else text + letter
                if letter in "FEX" and re.fullmatch(rf"\s*{name} +[.u-]*[FEX]", text):
                    seen = len(text.split()[1])
                    process.terminate()
                    break
            status = process.wait()
            watch.cancel()
        if seen:  # the letters come in the order of the suite
            return [case for case in self.cases(backend) if case in cases][seen - 1]
        return None if status == 0 else "before the first case"

    def failing(self, backend, part, chosen=lambda cases: cases):
        every = self.cases(backend, part)
        cases = chosen(every)
        if backend != "sim":
            return self.apart(backend, cases)
        if len(cases) == len(every):
            return self.together("sim")
        for at in range(0, len(cases), NAMES_MAX):
            failed = self.together("sim", "all", cases[at : at + NAMES_MAX])
            if failed:
                return failed
        return None

    def fate(self, mutant, source, killers, reach):
        """Builds it and runs it."""
        digest = digest_of(source)
        first, last = (source.count("\n", 0, at) + 1 for at in (mutant.start, mutant.end))
        with contextlib.ExitStack() as edits:
            edited = []
            for backend, part in stages_for(mutant.file):
                tree = self.tree_of(backend)
                if tree not in edited:
                    edits.enter_context(tree.edited({mutant.file: mutant.applied(source)}))
                    edited.append(tree)
                failed = self.first_asked(backend, mutant.file, killers(backend)) or self.failing(
                    backend, part, lambda cases: reach.chosen(backend, mutant.file, digest, first, last, mutant.text, cases)
                )
                if failed:
                    how = ": time" if failed[1] == "time" else ""
                    return Outcome("killed", f"{backend}: {failed[0]}{how}"), failed
        return Outcome("survived", None), None

    def first_asked(self, backend, file, killers):
        """Those that killed others of this file, and those that are about its folder."""
        killers = [case for case in killers if case in self.cases(backend)]
        if backend != "sim":
            return self.apart(backend, killers[:KILLERS]) if killers else None
        near = NEAR[pathlib.Path(file).parent.name]
        failed = self.together("sim", "killers", killers[:KILLERS]) if killers else None
        return failed or self.together("sim", "near", near)

    def check(self, backends):
        """The suite has to pass here when nothing is changed."""
        for backend in backends:
            failed = self.failing(backend, WHOLE)
            if failed and backend == "sim":  # a thread of a busy machine may have been late
                failed = self.together("sim", "all", [failed[0]])
            if failed:
                sys.exit(f"line-mutants: without a mutant, {backend} fails: {failed[0]}")


# ---- a run


class Run:
    def __init__(self, mutants, sources, folder, known):
        self.todo = [mutant for mutant in mutants if mutant.key not in known]
        self.outcomes = dict(known)
        self.sources = sources  # by file, their text
        self.killers = {}  # by file and stage, the latest first
        self.best_killers = best_killers(folder / "results.jsonl")
        self.objects = {}  # what a digest came to
        self.lock = threading.Lock()
        self.folder = folder
        self.shown = 0

    def begin(self, workers):
        backends = {backend for mutant in self.todo for backend, _ in stages_for(mutant.file)}
        self.log = open(self.folder / "results.jsonl", "a")
        self.failed = []
        if not self.todo:
            return
        first = Bench(self.folder / "tree-0", backends)
        self.reach = reach.Reach(self.folder / "reach", {stage.partition(",")[0] for stage in backends})
        self.learn(first, workers)
        threads = [
            threading.Thread(target=self.work, args=(number, backends, None if number else first), daemon=True)
            for number in range(workers)
        ]
        self.started = time.monotonic()
        self.queue = collections.deque(self.todo)
        self.total = len(self.todo)
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            sys.exit("\nline-mutants: broken off; the same command goes on")
        if self.failed:
            raise self.failed[0]

    def learn(self, bench, workers):
        """Which cases come by which lines, where that is asked often enough."""
        stages = collections.defaultdict(collections.Counter)
        for mutant in self.todo:
            for stage, _ in stages_for(mutant.file):
                stages[stage][mutant.file] += 1
        for stage, files in stages.items():
            if files.total() < WORTH or stage.endswith(", without rules") or not reach.can_tell():
                continue
            digests = {file: digest_of(self.sources[file]) for file in files}
            units = sorted({unit for file in files for unit in bench.sources(file)})
            cases = bench.cases(stage)
            for number in self.reach.learn(stage, environment_of(stage), cases, digests, units, workers):
                if number % 100 == 0 or number == len(cases):
                    print(f"{stage}: where {number} of {len(cases)} cases come by", file=sys.stderr, flush=True)

    def work(self, number, backends, bench):
        try:
            if bench:
                bench.check(backends)
            else:
                bench = Bench(self.folder / f"tree-{number}", backends)
            while True:
                with self.lock:
                    if not self.queue or self.failed:
                        return
                    mutant = self.queue.popleft()
                began = time.monotonic()
                outcome = self.outcome(bench, mutant)
                self.tell(mutant, outcome, time.monotonic() - began)
        except BaseException as error:  # told by the thread that waits for us
            self.failed.append(error)

    def outcome(self, bench, mutant):
        source = self.sources[mutant.file]
        try:
            digest = bench.digest(mutant.file, mutant.applied(source))
        except Broken:
            return Outcome("not compiled", None)
        if digest == bench.original_digest(mutant.file):
            return Outcome("same object", None)
        with self.lock:
            if (mutant.file, digest) in self.objects:
                return self.objects[mutant.file, digest]
        outcome, failed = bench.fate(mutant, source, lambda stage: self.killers_of(mutant.file, stage), self.reach)
        with self.lock:
            self.objects[mutant.file, digest] = outcome
            if failed and failed[1] != "time":
                backend = outcome.by.split(":")[0]
                killers = self.killers_of(mutant.file, backend)
                if failed[0] in killers:
                    killers.remove(failed[0])
                if failed[0] in bench.cases(backend):
                    killers.insert(0, failed[0])
        return outcome

    def killers_of(self, file, stage):
        best = self.best_killers.get((pathlib.Path(file).parent, stage == "sim"), [])
        return self.killers.setdefault((file, stage), list(best))

    def tell(self, mutant, outcome, seconds):
        with self.lock:
            self.outcomes[mutant.key] = outcome
            record = {
                **dict(zip(("file", "function", "text", "nth", "change"), mutant.key)),
                "line": mutant.line,
                "source": digest_of(self.sources[mutant.file]),
                "verdict": outcome.verdict,
                "by": outcome.by,
                "seconds": round(seconds, 2),
            }
            self.log.write(json.dumps(record) + "\n")
            self.log.flush()
            self.progress()

    def progress(self):
        """A line on a terminal, and one in a while in a log."""
        now = time.monotonic()
        done = sum(mutant.key in self.outcomes for mutant in self.todo)
        if not sys.stderr.isatty() and now < self.shown + 30 and done < self.total:
            return
        self.shown = now
        counts = collections.Counter(outcome.verdict for outcome in self.outcomes.values())
        killed, survived = counts["killed"], counts["survived"]
        left = (now - self.started) / done * (self.total - done)
        print(
            f"{done} of {self.total}: {killed} killed, {survived} survived"
            f" ({100 * killed / max(1, killed + survived):.1f} %), {counts['same object']} the same object;"
            f" {left / 60:.0f} min to go",
            end="\r" if sys.stderr.isatty() else "\n",
            file=sys.stderr,
            flush=True,
        )


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def best_killers(path):
    """The cases that killed most of a folder in earlier runs, on the simulation and on kernels."""
    counts = collections.defaultdict(collections.Counter)
    for line in path.read_text().splitlines() if path.exists() else []:
        record = json.loads(line)
        if record["verdict"] == "killed" and not record["by"].endswith(": time"):
            stage, case = record["by"].split(": ")
            counts[pathlib.Path(record["file"]).parent, stage == "sim"][case] += 1
    return {where: [case for case, _ in count.most_common(KILLERS)] for where, count in counts.items()}


def known_results(path, mutants, sources):
    """What earlier runs found out about these, of files that are as they were."""
    wanted = {mutant.key for mutant in mutants}
    digests = {file: digest_of(text) for file, text in sources.items()}
    known = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        record = json.loads(line)
        key = tuple(record[name] for name in ("file", "function", "text", "nth", "change"))
        if key in wanted and record["source"] == digests[record["file"]]:
            known[key] = Outcome(record["verdict"], record["by"])
    return known


# ---- the verdict


@dataclasses.dataclass
class Survivor:
    verdict: str
    reason: str


def named_survivors(text):
    """survivors.toml: each edit of a line that survives, by the key of its mutant."""
    named = {}
    for entry in tomllib.loads(text).get("survivor", []):
        if entry["verdict"] not in ("equivalent", "unseen") or not entry["reason"].strip():
            sys.exit(f"line-mutants: {entry['file']}: {entry['line']}: no verdict, or no reason")
        for change in entry["changes"]:
            key = entry["file"], entry["function"], entry["line"], entry.get("nth", 1), change
            if key in named:
                sys.exit(f"line-mutants: named twice: {key}")
            named[key] = Survivor(entry["verdict"], entry["reason"])
    return named


def judge(all_mutants, outcomes, named):
    """Lines that say what is wrong, and how many mutants are as they should be. Those that were not
    run have to be there, if they are named."""
    wrong, right = [], 0
    by_key = {mutant.key: mutant for mutant in all_mutants}
    for key, outcome in outcomes.items():
        mutant = by_key[key]
        if outcome.verdict == "survived" and key not in named:
            wrong.append(f"FAIL  {mutant}: survived, and is not named\n      {mutant.text}")
        elif outcome.verdict != "survived" and key in named:
            wrong.append(f"FAIL  {mutant}: named, and {outcome.verdict}{' by ' + outcome.by if outcome.by else ''}")
        else:
            right += 1
    for key in named:
        if key not in by_key:
            wrong.append(f"FAIL  {key[0]}: named, and no longer there: {key[2]} ({key[4]})")
    return wrong, right


def table(mutants, outcomes, named):
    """Per file, and in all, how many of those that are not equivalent were killed."""
    rows = collections.defaultdict(collections.Counter)
    for mutant in mutants:
        if mutant.key not in outcomes:
            continue
        verdict = outcomes[mutant.key].verdict
        if verdict == "survived" and mutant.key in named and named[mutant.key].verdict == "equivalent":
            verdict = "equivalent"
        for row in (mutant.file, "all"):
            rows[row][verdict] += 1
    yield f"{'':32}{'mutants':>8}{'invalid':>8}{'same':>8}{'equiv.':>8}{'killed':>8}{'unseen':>8}    rate"
    for name in [*(name for name in rows if name != "all"), "all"]:
        row = rows[name]
        killed, survived = row["killed"], row["survived"]
        rate = f"{100 * killed / (killed + survived):6.1f} %" if killed + survived else "       -"
        yield (
            f"{name:32}{row.total():8}{row['not compiled']:8}{row['same object']:8}{row['equivalent']:8}"
            f"{killed:8}{survived:8}{rate}"
        )


def sampled(mutants, count, seed):
    """A choice that stays as it is where the code does."""
    return sorted(
        sorted(mutants, key=lambda mutant: digest_of(f"{seed} {mutant.key}"))[:count], key=mutants.index
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="ci/line-mutants", description="Line mutants of src/.")
    parser.add_argument("--file", action="append", default=[], metavar="PATTERN", help="only files like this")
    parser.add_argument("--sample", type=int, metavar="N", help="only so many of the core's, or FILE's, that are not named")
    parser.add_argument("--seed", default="1", metavar="S", help="which")
    parser.add_argument("--survivors", action="store_true", help="only what survived last time, or is named, again")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="at a time")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/line-mutants", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    patterns = options.file or (CORE if options.sample else ["*"])
    sources = {
        file: (ROOT / file).read_text()
        for file in lines.files()
        if any(fnmatch.fnmatch(file, pattern) for pattern in patterns)
    }
    every = [mutant for file, text in sources.items() for mutant in lines.mutants(file, text)]
    if not every:
        sys.exit("line-mutants: no file is like that")
    named = {key: one for key, one in named_survivors(NAMED.read_text()).items() if any(fnmatch.fnmatch(key[0], p) for p in patterns)}
    if options.list:
        for mutant in every:
            print(f"{mutant}\n    {mutant.text}")
        return 0

    options.folder = options.folder.resolve()  # as the compiler is told
    results = options.folder / "results.jsonl"
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.fresh:
        results.unlink(missing_ok=True)
    known = known_results(results, every, sources)
    chosen = every
    if options.sample:
        chosen = sampled([mutant for mutant in every if mutant.key not in named], options.sample, options.seed)
    if options.survivors:
        chosen = [m for m in every if m.key in named or m.key in known and known[m.key].verdict == "survived"]
        chosen.sort(key=lambda mutant: mutant.key in named)  # what is new comes first
        known = {}
    keys = {mutant.key for mutant in chosen}
    run = Run(chosen, sources, options.folder, {key: known[key] for key in known if key in keys})
    run.begin(options.jobs)

    outcomes = {mutant.key: run.outcomes[mutant.key] for mutant in chosen}
    wrong, right = judge(every, outcomes, named)
    print(*table(chosen, outcomes, named), "", *wrong, sep="\n")
    print(f"{right} passed, {len(wrong)} failed")
    return 1 if wrong or not right else 0


if __name__ == "__main__":
    sys.exit(main())
