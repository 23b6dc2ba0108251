"""What the iocp backend asks of Windows, by number; under Wine, where time means little."""

import json
import shutil
import subprocess

import pytest
from conftest import TREE, WINDOWS_BUILD

COMPILER = shutil.which("x86_64-w64-mingw32-gcc-win32") or shutil.which("x86_64-w64-mingw32-gcc")
LIBRARY = WINDOWS_BUILD / "librouse.a"

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="unsupported: there is no mingw-w64"),
    pytest.mark.skipif(shutil.which("wine") is None, reason="unsupported: there is no Wine"),
    pytest.mark.skipif(not LIBRARY.exists(), reason="nothing was built for Windows; ci/windows.sh does that"),
]


@pytest.fixture(scope="module")
def counts(tmp_path_factory, wine):
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
            ["wine", program],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=wine,
            timeout=300,
            check=False,
        )
        out.seek(0)
        said = out.read()
    assert run.returncode == 0, said
    return json.loads(said.splitlines()[-1])


def library_needs():
    """What libuv calls on Windows, if it is in the library."""
    archive = TREE / "build/windows/prefix/lib/libuv.a"
    if not archive.exists():
        return []
    return [archive, *"-lpsapi -luser32 -ladvapi32 -liphlpapi -luserenv -lole32 -lshell32 -ldbghelp".split()]


def test_a_round_trip_takes_two_polls_a_side_at_most(counts):
    assert 0 < counts["polls_per_side_and_round_trip"] <= 2


def test_nothing_is_allocated_after_the_first_operations(counts):
    assert counts["allocations_in_1000_round_trips"] == 0


def test_two_thousand_armed_sockets_are_cancelled_and_closed_in_a_second(counts):
    assert counts["ms_to_cancel_and_close_2000"] < 1000
