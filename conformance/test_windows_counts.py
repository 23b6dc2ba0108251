"""What the iocp backend asks of Windows, by number; under Wine, where time means little."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[1]
COMPILER = shutil.which("x86_64-w64-mingw32-gcc-win32") or shutil.which("x86_64-w64-mingw32-gcc")
WINE = shutil.which("wine") or shutil.which("wine64")


def find_library():
    """A librouse.a for Windows: in the folder that ROUSE_WINDOWS names, else the newest below build/."""
    named = os.environ.get("ROUSE_WINDOWS")
    if named:
        return pathlib.Path(named).resolve() / "librouse.a"
    found = [path.parent.parent / "librouse.a" for path in TREE.glob("build*/**/examples/hello.exe")]
    return max(filter(pathlib.Path.exists, found), key=lambda path: path.stat().st_mtime, default=None)


LIBRARY = find_library()

pytestmark = pytest.mark.skipif(
    None in (COMPILER, WINE, LIBRARY), reason="needs mingw-w64, Wine, and a build for Windows"
)


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("windows")
    program = folder / "windows_counts.exe"
    source = TREE / "conformance/selftest/windows_counts.c"
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_WIN32_WINNT=0x0601", f"-I{TREE / 'include'}"]
    made = subprocess.run(
        [COMPILER, *flags, source, LIBRARY, *library_needs(), "-lws2_32", "-static", "-o", program],
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    # Into a file: Wine's own services may hold a pipe open long after the program has ended.
    with open(folder / "out", "w+", encoding="utf-8") as out:
        run = subprocess.run(
            [WINE, program],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"WINEDEBUG": "-all", "WINEPREFIX": str(folder / "wine"), **os.environ},
            timeout=300,
            check=False,
        )
        out.seek(0)
        said = out.read()
    assert run.returncode == 0, said
    return json.loads(said)


def library_needs():
    """What libuv calls on Windows, if it is in the library."""
    archive = next((LIBRARY.parent.parent / "prefix").glob("lib/libuv.a"), None)
    if archive is None:
        return []
    return [archive, *"-lpsapi -luser32 -ladvapi32 -liphlpapi -luserenv -lole32 -lshell32 -ldbghelp".split()]


def test_a_round_trip_takes_two_polls_a_side_at_most(counts):
    assert 0 < counts["polls_per_side_and_round_trip"] <= 2


def test_nothing_is_allocated_after_the_first_operations(counts):
    assert counts["allocations_in_1000_round_trips"] == 0


def test_two_thousand_armed_sockets_are_cancelled_and_closed_in_a_second(counts):
    assert counts["ms_to_cancel_and_close_2000"] < 1000
