"""Where rouse-conform is, and how to build small things against it.

ROUSE_CONFORM says which rouse-conform is tested; else it is the newest one below build/.
"""

import json
import os
import pathlib
import shlex
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[1]


def find_conform():
    named = os.environ.get("ROUSE_CONFORM")
    if named:
        return pathlib.Path(named).resolve()
    found = [path for path in TREE.glob("build*/**/rouse-conform") if os.access(path, os.X_OK) and path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


CONFORM = find_conform()


# What was built for Windows: by ROUSE_WINDOWS_BUILD, else by ci/windows.sh.
WINDOWS_BUILD = pathlib.Path(os.environ.get("ROUSE_WINDOWS_BUILD", TREE / "build/windows/tree")).resolve()


class Conform:
    """Runs a rouse-conform."""

    def __init__(self, path):
        self.path = path

    def __call__(self, *arguments, timeout=120, **environment):
        return subprocess.run(
            [str(self.path), *map(str, arguments)],
            env={**os.environ, **environment},
            text=True,
            errors="replace",
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def report(self, *arguments, **more):
        """The exit status, and the report as JSON."""
        done = self(*arguments, "--json", "-", **more)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


def listing():
    """What `rouse-conform --list --json -` says; no cases when there is no rouse-conform."""
    if CONFORM is None:
        return {"backends": [], "guarantees": [], "cases": []}
    return json.loads(Conform(CONFORM)("--list", "--json", "-").stdout)


@pytest.fixture(scope="session")
def conform():
    if CONFORM is None:
        pytest.fail("there is no rouse-conform: build it, or say by ROUSE_CONFORM where it is")
    return Conform(CONFORM)


class Compiler:
    """Compiles as the tree does, and links with what rouse-conform was built from."""

    def __init__(self, folder):
        self.folder = folder
        self.command = shlex.split(os.environ.get("CC", "cc"))
        self.flags = ["-std=c11", "-D_GNU_SOURCE", f"-I{TREE / 'include'}", f"-I{TREE / 'conformance'}"]

    def __call__(self, *arguments):
        return subprocess.run(
            [*self.command, *self.flags, *map(str, arguments)],
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def must(self, *arguments):
        done = self(*arguments)
        assert done.returncode == 0, done.stderr

    def plugin(self, source):
        made = self.folder / f"{pathlib.Path(source).stem}.so"
        self.must("-shared", "-fPIC", "-o", made, source)
        return made

    def program(self, name, *arguments):
        """A program linked with librouse_conform.a, which lies beside rouse-conform."""
        made = self.folder / name
        libraries = [CONFORM.parent / "librouse_conform.a", CONFORM.parent / "librouse.a"]
        backends = listing()["backends"]
        stands_on = [library for name, library in (("libuv", "-luv"), ("uring", "-luring")) if name in backends]
        self.must("-rdynamic", "-o", made, *arguments, *libraries, "-lcunit", *stands_on, "-lpthread", "-ldl")
        return Conform(made)


@pytest.fixture(scope="session")
def compiler(tmp_path_factory):
    return Compiler(tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def wine(tmp_path_factory):
    """An environment in which wine runs programs. Its server stays until the tests are done."""
    environment = {**os.environ, "WINEDEBUG": "-all"}
    prepared = TREE / "build" / "windows" / "wine"
    if "WINEPREFIX" not in environment and (prepared / "prepared").exists():
        environment["WINEPREFIX"] = str(prepared)
    elif "WINEPREFIX" not in environment:
        environment["WINEPREFIX"] = str(tmp_path_factory.mktemp("wine"))
    with open(tmp_path_factory.mktemp("log") / "log", "wb") as log:
        done = subprocess.run(["wineboot", "-i"], env=environment, stdout=log, stderr=log, timeout=120, check=False)
    assert done.returncode == 0
    return environment
