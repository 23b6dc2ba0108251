"""The backend kqueue where there is no such kernel: the emulation that it runs on, held to
what a BSD kernel does row by row; and the suite on the emulation, made like one system
after the other."""

import re
import subprocess
import sys

import pytest
from conftest import CONFORM, TREE, Conform, listing

HERE = TREE / "conformance" / "kqueue"
ROWS = re.findall(r"^    ROW\((\w+)\)", (HERE / "table.c").read_text(), flags=re.M)
# What the backend is compiled for, and what its kernel is like.
SYSTEMS = [
    ("macos", "epipe"),
    ("macos", "reverse"),
    ("macos", "acks"),
    ("macos", "nouser"),
    ("freebsd", "epipe,acks"),
    ("freebsd", "epipe,reverse,acks,nouser"),
]

emulated = pytest.mark.skipif(
    "kqueue" not in listing()["backends"] or sys.platform != "linux",
    reason="rouse-conform is built without ROUSE_KQUEUE_EMULATION",
)


@pytest.fixture(scope="session")
def table(compiler):
    """On the emulation, or else on the kernel of this system."""
    made = compiler.folder / "table"
    emulation = [f"-I{HERE / 'include'}", HERE / "emulation.c"] if sys.platform == "linux" else []
    compiler.must("-g", "-Wall", "-Wextra", "-Werror", "-o", made, HERE / "table.c", *emulation, "-lpthread")
    return Conform(made)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_table(table, row):
    if sys.platform != "linux" and row not in table().stdout.split():
        pytest.skip("this system has nothing of the kind")
    done = table(row, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


PLUGIN = """
#include <rouse/conform.h>
extern const struct rouse_evq_ops rouse__kqueue;
const struct rouse_evq_ops *rouse_backend_plugin(void) { return &rouse__kqueue; }
"""
PARTS = ["src/evq/kqueue.c", "src/base/alloc.c", "src/base/clock_posix.c", "src/base/selfpipe_posix.c"]


@pytest.fixture(scope="session")
def plugins(compiler):
    """The backend and its kernel in one object, for each of the systems."""
    source = compiler.folder / "kqueue.c"
    source.write_text(PLUGIN)
    made = {}
    for system in {system for system, _ in SYSTEMS}:
        made[system] = compiler.folder / f"kqueue_on_{system}.so"
        compiler.must(
            "-g", "-shared", "-fPIC", f"-DKQUEUE_LIKE_{system.upper()}", f"-I{HERE / 'include'}", "-o", made[system],
            source, *(TREE / part for part in PARTS), HERE / "emulation.c", "-lpthread",
        )
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="the emulation is for Linux")
@pytest.mark.parametrize("system, like", SYSTEMS)
def test_the_queue_keeps_its_contract_on_every_system(conform, plugins, system, like):
    done = conform("--plugin", plugins[system], "--case", "evq/*", "--jobs", 4, timeout=300, ROUSE_KQUEUE_LIKE=like)
    assert done.returncode == 0, done.stdout[-3000:]


@emulated
@pytest.mark.parametrize("like", ["nouser", "reverse", "epipe,acks,nouser"])
def test_the_queue_hears_what_comes_between_its_calls(conform, like):
    done = conform("--backend", "kqueue", "--case", "*_between_any_two_*", timeout=120, ROUSE_KQUEUE_LIKE=like)
    assert done.returncode == 0, done.stdout[-3000:]


@emulated
def test_a_direction_is_changed_once_in_its_life(compiler):
    done = compiler.program("changes", f"-I{HERE / 'include'}", HERE / "changes.c")(timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n", "changes with EV_ADD"


@emulated
def test_it_is_called_what_it_is(conform):
    _, report = conform.report("--backend", "kqueue", "--case", "e1_a_report_is_not_repeated")
    (backend,) = report["backends"]
    assert backend["how"] == "emulated" and "emulation" in backend["version"]


@emulated
def test_it_is_nobodys_first_choice_and_never_installed(conform):
    backends = listing()["backends"]
    assert backends.index("kqueue") > backends.index("poll")
    done = subprocess.run(
        ["cmake", "--install", str(CONFORM.parent), "--prefix", "/nonexistent"], text=True, capture_output=True, check=False
    )
    assert done.returncode != 0 and "is for tests" in done.stderr
