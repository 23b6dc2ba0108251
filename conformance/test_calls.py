"""The table of system calls, conformance/fault/calls.def: it knows every one that src/ makes."""

import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import CONFORM, TREE

# What the library takes from C's own, which asks nobody, or for memory alone (X2), and of
# the sanitizers and the profiler.
PURE = set(
    """abort calloc realloc free memcmp memcpy memmove memset snprintf vsnprintf fprintf fflush
    stderr strchr strcmp strlen strncmp strrchr strspn strstr getenv htons ntohs inet_ntop
    inet_pton sigfillset __errno_location __tls_get_addr""".split()
)
INSTRUMENTS = re.compile(r"__(asan|ubsan|tsan|sanitizer|llvm|stack_chk|sancov|gcov)_|_GLOBAL_OFFSET_TABLE_|___asan")
TABLE = re.compile(r"^(?:FAILS|PASSES|DONE|EXCUSED)\((\w+),", re.M)


def table():
    return set(TABLE.findall((TREE / "conformance/fault/calls.def").read_text()))


def calls():
    """What each object of the library takes from elsewhere. The emulation of kqueue is a
    system, and not ours."""
    library = pathlib.Path(CONFORM).parent / "librouse.a"
    if not library.exists() or not shutil.which("nm"):
        pytest.skip("no static library, or no nm")
    out = subprocess.run(["nm", "-A", "-g", library], text=True, capture_output=True, check=True).stdout
    taken, given = set(), set()
    for line in out.splitlines():
        member, rest = line.split(":", 2)[1:]
        kind, name = rest.split()[-2:]
        if kind == "U" and not member.startswith("emulation.c"):
            taken.add(name)
        elif kind != "U" and not member.startswith("emulation.c"):
            given.add(name)
    return {name for name in taken - given if not INSTRUMENTS.match(name)}


def test_every_call_is_in_the_table():
    assert calls() - PURE - table() == set()


def test_the_table_has_no_call_that_nobody_makes():
    # Two are told apart by what they are asked, and some belong to backends that may be absent.
    known = table() - {"epoll_pwait2", "io_uring_features", "kevent_change"}
    absent = {name for name in known if re.match(r"kqueue|kevent|io_uring|uv_", name)}
    assert known - calls() <= absent


def test_every_failure_has_its_stand_in():
    source = (TREE / "conformance/fault/calls_linux.c").read_text()
    failing = set(re.findall(r"^(?:FAILS|PASSES|DONE)\((\w+),", (TREE / "conformance/fault/calls.def").read_text(), re.M))
    standing = set(re.findall(r"^STAND_IN(?:_IF)?\([^,]+, (\w+),", source, re.M))
    standing |= set(re.findall(r'is_due\("(\w+)"', source))
    assert failing == standing
