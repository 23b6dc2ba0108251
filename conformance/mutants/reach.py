"""Which cases come by a line of src/: no other can notice an edit of it.

gcc counts lines in a tree of its own, each case runs there once, and gcov says where it was.
Cases are processes that end by _exit(), or by abort() where a rule is broken, so the linker
puts a call in front of both that writes the counts down. A line that gcc made no code of, say
a constant of a list or the label of a switch, is anybody's who came into its function, and
one that lies in none, everybody's.

What a case comes by may differ from run to run where the kernel decides it. Those that killed
neighbours are asked whatever is said here, and a line that nobody came by is everybody's.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from tree import Tree

LAST_WORDS = """
#include <stdlib.h>
void __gcov_dump(void);
void __real__exit(int code);
void __wrap__exit(int code);
void __real_abort(void);
void __wrap_abort(void);
void __wrap__exit(int code) { __gcov_dump(); __real__exit(code); }
void __wrap_abort(void) { __gcov_dump(); __real_abort(); }
"""
CASE_S = 60
DECIDED_ABOVE = re.compile(r"(\} )?else\b|case\b|default\b")  # whether one comes by is said elsewhere


def can_tell():
    return bool(shutil.which("gcc") and shutil.which("gcov"))


class Reach:
    """Cases by stage, file and line. Kept in a file, for as long as a source stays as it is."""

    def __init__(self, folder, backends):
        folder.mkdir(parents=True, exist_ok=True)
        self.kept = folder / "reach.json"
        self.known = json.loads(self.kept.read_text()) if self.kept.exists() else {}
        self.folder, self.backends, self.tree = folder, backends, None

    def learn(self, stage, environment, cases, files, units, jobs):
        """Runs the cases, unless it is known where they come by. `files`: digest of each that is
        asked for; `units`: what has to be compiled for them."""
        if all(self.is_known(stage, file, digest) for file, digest in files.items()):
            return
        self.tree = self.tree or self.grown()
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            found = pool.map(lambda case: self.lines(stage.partition(",")[0], environment, case, files, units), cases)
            seen = {file: {"source": digest, "code": set(), "functions": set(), "cases": {}} for file, digest in files.items()}
            for number, (case, files_of_case) in enumerate(zip(cases, found), 1):
                for file, known in seen.items():
                    lines, functions = files_of_case.get(file, ({}, ()))
                    known["code"].update(lines)
                    known["functions"].update(functions)
                    known["cases"][case] = sorted(number for number, count in lines.items() if count)
                yield number
        for file, known in seen.items():
            known.update(code=sorted(known["code"]), functions=sorted(known["functions"]))
            self.known.setdefault(stage, {})[file] = known
        self.kept.write_text(json.dumps(self.known))

    def grown(self):
        words = self.folder / "last_words.c"
        words.write_text(LAST_WORDS)
        subprocess.run(["gcc", "-c", words, "-o", words.with_suffix(".o")], check=True)
        return Tree(
            self.folder,
            self.backends,
            "-DCMAKE_C_COMPILER=gcc",
            "-DCMAKE_C_FLAGS=-O0 -w --coverage -fprofile-update=atomic -fprofile-filter-files=source/src/",
            "-DCMAKE_C_FLAGS_DEBUG=",
            f"-DCMAKE_EXE_LINKER_FLAGS=-Wl,--wrap=_exit,--wrap=abort {words.with_suffix('.o')}",
            "-DROUSE_EXAMPLES=OFF",
        )

    def lines(self, backend, environment, case, files, units):
        build = self.tree.build.resolve()
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(
                [build / "rouse-conform", "--run-case", case, "--backend", backend],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **environment, "GCOV_PREFIX": scratch, "GCOV_PREFIX_STRIP": str(len(build.parts) - 1)},
                timeout=CASE_S,
                check=False,
            )
            objects = build / "CMakeFiles/rouse.dir"
            counted = []
            for unit in units:
                counts = pathlib.Path(scratch) / f"CMakeFiles/rouse.dir/{unit}.gcda"
                if counts.exists():
                    counts.with_suffix(".gcno").symlink_to(objects / f"{unit}.gcno")
                    counted.append(counts)
            if not counted:
                return {}
            told = subprocess.run(
                ["gcov", "--json-format", "--stdout", *counted], cwd=scratch, capture_output=True, text=True, check=True
            )
        source = self.tree.source.resolve()
        found = {}
        for report in map(json.loads, told.stdout.splitlines()):
            for part in report["files"]:
                path = (pathlib.Path(report["current_working_directory"]) / part["file"]).resolve()
                if source not in path.parents or path.relative_to(source).as_posix() not in files:
                    continue
                lines, functions = found.setdefault(path.relative_to(source).as_posix(), ({}, set()))
                functions.update((one["start_line"], one["end_line"]) for one in part["functions"])
                for line in part["lines"]:
                    lines[line["line_number"]] = lines.get(line["line_number"], 0) or line["count"]
        return found

    def is_known(self, stage, file, digest):
        return self.known.get(stage, {}).get(file, {}).get("source") == digest

    def chosen(self, stage, file, digest, first, last, text, cases):
        """Of these cases those that come by the lines, in the same order. All, if nothing is known of
        the file as it is."""
        if not self.is_known(stage, file, digest):
            return cases
        known = self.known[stage][file]
        wanted = set(range(first, last + 1))
        if not wanted <= set(known["code"]) or DECIDED_ABOVE.match(text):
            wanted = {start for start, end in known["functions"] if start <= first <= end}
        came = {case for case, lines in known["cases"].items() if wanted.intersection(lines)}
        return [case for case in cases if case in came or case not in known["cases"]] if came else cases
