"""Columns that another program runs, and rouse-conform on Windows: what goes wrong there is seen.

The Windows build lies in the folder that ROUSE_WINDOWS_BUILD names, with `rouse-conform.exe` and the libraries beside
it; it is run by Wine. What needs neither is tested with a guest of this system.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import CONFORM, TREE, WINDOWS_BUILD, Conform

HERE = TREE / "conformance"
WINE = shutil.which("wine") or shutil.which("wine64")
MINGW = shutil.which("x86_64-w64-mingw32-gcc-win32") or shutil.which("x86_64-w64-mingw32-gcc")


def why_no_windows():
    if not WINE:
        return "unsupported: there is no Wine"
    if not MINGW:
        return "unsupported: there is no mingw-w64"
    if not (WINDOWS_BUILD / "rouse-conform.exe").exists():
        return "nothing was built for Windows; ci/windows.sh does that"
    return None


windows = pytest.mark.skipif(why_no_windows() is not None, reason=str(why_no_windows()))


def in_words(*words):
    """As --guest takes them."""
    return " ".join(f"'{word}'" for word in words)


# ---- a guest of this system


def test_a_guest_has_columns_of_its_own(conform):
    status, report = conform.report(
        "--guest", f"there=poll,sim-there=sim:{in_words(CONFORM)}", "--require", "there", "--case", "e1_a*"
    )
    assert status == 0
    names = [backend["name"] for backend in report["backends"]]
    assert names[-2:] == ["there", "sim-there"]
    (there, sim) = report["backends"][-2:]
    assert there["how"] == "native" and there["version"] and there["required"]
    assert sim["how"] == "simulated" and sim["system"]
    assert len({str(case["results"]["there"]) for case in report["cases"]}) == 1
    for guarantee in report["guarantees"]:
        assert guarantee["cells"]["there"] == guarantee["cells"]["poll"]


def test_a_guest_is_run_alone_by_name(conform):
    status, report = conform.report("--guest", f"there=poll:{in_words(CONFORM)}", "--backend", "there", "--case", "e1_a*")
    assert status == 0 and [backend["name"] for backend in report["backends"]] == ["there"]


def test_a_guest_that_is_not_there_is_told_and_required(conform):
    arguments = ["--guest", "there=poll:/nowhere/rouse-conform", "--case", "e1_a*"]
    status, report = conform.report(*arguments, "--backend", "there")
    assert status == 1 and report["backends"][0]["status"] == "not-run"
    done = conform(*arguments, "--require", "there")
    assert done.returncode == 1 and "there is required, and was not run" in done.stdout


@pytest.mark.parametrize("failures, status", [(2, "pass"), (1000, "error")])
def test_a_guest_that_does_not_start_is_started_again_but_not_for_ever(conform, tmp_path, failures, status):
    guest = tmp_path / "guest"
    guest.write_text(
        f"""#!/bin/bash
        count=$(cat {tmp_path}/count 2>/dev/null || echo 0)
        [ "$1" != --run-case ] || [ $count -ge {failures} ] || {{ echo $((count + 1)) >{tmp_path}/count; exit 66; }}
        exec {CONFORM} "$@"
        """
    )
    guest.chmod(0o755)
    report = conform.report("--guest", f"there=poll:{guest}", "--backend", "there", "--case", "e1_one_direction*")[1]
    assert [case["results"]["there"] for case in report["cases"]] == [status]
    if status == "error":
        assert "ended with status 66" in report["cases"][0]["messages"][0]["message"]
        assert (tmp_path / "count").read_text().strip() == "4"


@pytest.mark.parametrize(
    "guest, says",
    [
        ("poll", "it is COLUMN[=BACKEND],...:COMMAND"),
        ("poll:x", "two columns are called poll"),
        ("a,a:x", "two columns are called a"),
        ("a,:x", "a column lacks its name"),
        ("=poll:x", "a column lacks its name"),
        ("a: ", "nothing to start"),
    ],
)
def test_what_is_no_guest_is_told_in_one_line(conform, guest, says):
    done = conform("--guest", guest, "--case", "e1_a*")
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1


def test_the_keeper_goes_with_the_run(conform):
    conform("--guest", f"there=poll:{in_words(CONFORM)}", "--backend", "there", "--case", "e1_a_report_*")
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
        except OSError:
            continue
        assert not (words[0] == bytes(CONFORM) and b"--keep" in words)


def test_known_deviations_are_a_few_and_of_cases_that_there_are(conform):
    found = re.findall(
        r'^DEVIATION\("(\w+)", "(\w+)", "(\w+)",', (HERE / "deviations.def").read_text(), flags=re.M
    )
    cases = {case["id"] for case in json.loads(conform("--list", "--json", "-").stdout)["cases"]}
    assert len(found) == len(set(found)) <= 6
    assert {case for _, _, case in found} <= cases
    assert {how for how, _, _ in found} <= {"wine", "emulated"}


# ---- cases that go wrong, under Wine

PLANTED = {
    # case: its result, the cells that are not green and how, what is said
    "e1_passes": ("pass", {}, ""),
    "e1_passes_after_noise": ("pass", {}, ""),
    "e1_fails": ("fail", {"E1": "fail"}, "seen: 42"),
    "e1_is_left": ("fail", {"E1": "fail", "E2": "not-run"}, "cannot go on"),
    "e1_crashes": ("error", {"E1": "error"}, "without its last word"),
    "e1_uses_a_bad_address": ("error", {"E1": "error"}, "without its last word"),
    "e1_hangs": ("error", {"E1": "error"}, "took longer than"),
    "e1_exits_early": ("error", {"E1": "error"}, "ended with status 0, without its last word"),
    "e1_aborts": ("fail", {"E1": "not-run", "E5": "fail"}, "it was planted"),
    "e1_exits_badly": ("error", {"E1": "error"}, "after its last word"),
    "e1_leaks_memory": ("fail", {"L1": "fail"}, "1 blocks of memory, 10 bytes"),
    "e1_leaks_a_descriptor": ("fail", {"L1": "fail"}, "descriptors are open"),
    "x8_misuse_is_seen": ("pass", {}, ""),
    "x8_no_misuse_is_seen": ("fail", {"X8": "fail"}, "goes on where it should stop"),
    "e7_is_never_woken": ("fail", {"E7": "fail"}, "not ended by another thread"),
}


class Planted:
    """A rouse-conform.exe with planted cases. `report` has them run by a rouse-conform of this system, or by it itself."""

    def __init__(self, program, here):
        self.program = program
        self.here = here

    def as_guest(self, *arguments):
        guest = f"there=iocp:{in_words(WINE, self.program)}"
        return self.here.report("--guest", guest, "--backend", "there", *arguments, timeout=600)

    def by_itself(self, folder, *arguments):
        made = folder / "report.json"
        with open(folder / "output", "wb") as output:  # a pipe would not end before Wine's services do
            done = subprocess.run(
                [WINE, str(self.program), "--backend", "iocp", "--json", str(made), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=600,
                check=False,
            )
        return done.returncode, json.loads(made.read_text())


@pytest.fixture(scope="session")
def planted(compiler, wine, tmp_path_factory):
    os.environ.update(wine)
    made = tmp_path_factory.mktemp("planted") / "planted.exe"
    folder = WINDOWS_BUILD
    cache = (folder / "CMakeCache.txt").read_text()
    found = dict(re.findall(r"^(CUnit_\w+|Libuv_LIBRARY):\w+=(.+)$", cache, flags=re.M))
    planted_cases = ['-DSUITE_CASES="selftest/planted.def"', "-DPLANTED_WINDOWS"]
    sources = [HERE / "main.c", HERE / "suite.c", HERE / "selftest/planted.c"]
    # The same cases for the runner of this system: it looks for those that it is asked for.
    here = compiler.program("planted-here", *planted_cases, *sources)
    libraries = [folder / "librouse_conform.a", folder / "librouse.a", found["CUnit_LIBRARY"]]
    if not found.get("Libuv_LIBRARY", "NOTFOUND").endswith("NOTFOUND"):
        libraries.append(found["Libuv_LIBRARY"])
    system = [f"-l{name}" for name in "ws2_32 ntdll psapi user32 advapi32 iphlpapi userenv ole32 shell32 dbghelp".split()]
    command = [MINGW, "-std=c11", "-static", f"-I{TREE / 'include'}", f"-I{HERE}", f"-I{found['CUnit_INCLUDE_DIR']}"]
    done = subprocess.run(
        [*command, *planted_cases, "-o", made, *sources, *libraries, *system],
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Planted(made, here)


def judge(report, column, wanted):
    """Each planted case is reported as what it is."""
    found = {case["id"]: case for case in report["cases"]}
    assert set(found) == set(wanted)
    for name, (result, red, says) in wanted.items():
        case = found[name]
        assert case["results"][column] == result, case
        assert says in " ".join(message["message"] for message in case["messages"]), case
        for guarantee in red:
            cell = next(g for g in report["guarantees"] if g["id"] == guarantee)["cells"][column]
            assert cell.get(red[guarantee], 0) > 0, (name, guarantee, cell)


def options():
    return [option for case in PLANTED for option in ("--case", case)]


@windows
def test_planted_cases_of_a_guest_are_reported_as_what_they_are(planted):
    status, report = planted.as_guest("--timeout", "1", *options())
    assert report["backends"][0]["how"] == "wine" and "Wine" in report["backends"][0]["system"]
    judge(report, "there", PLANTED)
    assert status == 1


@windows
def test_planted_cases_on_windows_itself_are_reported_as_what_they_are(planted, tmp_path):
    status, report = planted.by_itself(tmp_path, "--timeout", "1", *options())
    judge(report, "iocp", PLANTED)
    assert status == 1


@windows
@pytest.mark.parametrize("name", ["e1_crashes", "e1_hangs", "e1_exits_early"])
def test_a_crash_a_hang_and_a_missing_last_word_each_fail_the_run(planted, name):
    status, report = planted.as_guest("--timeout", "1", "--case", name, "--case", "e1_passes")
    assert status == 1
    results = {case["id"]: case["results"]["there"] for case in report["cases"]}
    assert results == {"e1_passes": "pass", name: "error"}


# ---- what is the same there


@windows
def test_wake_traces_are_those_of_this_system(conform, tmp_path):
    """The normal form at each point of rest, and so the hash, is the same on Windows' own kernel calls and here."""
    scenarios = ["stream_ends", "canceled_reader", "many_streams"]
    listing = json.loads(conform("--list", "--json", "-").stdout)
    known = {case["id"].removeprefix("b5_the_same_on_every_backend_") for case in listing["cases"] if case["id"].startswith("b5_")}
    scenarios = [name for name in scenarios if name in known] or sorted(known)[:3]

    def hashes(*command):
        with open(tmp_path / "trace", "w+b") as output:
            subprocess.run(
                [*map(str, command)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, timeout=120, check=True
            )
            output.seek(0)
            lines = [json.loads(line) for line in output.read().decode().splitlines() if line.startswith("{")]
        return [line["hash"] for line in lines if "hash" in line]

    for name in scenarios:
        here = hashes(CONFORM, "--backend", "sim", "--trace", name)
        there = hashes(WINE, WINDOWS_BUILD / "rouse-conform.exe", "--backend", "iocp", "--trace", name)
        assert here and here == there, name
