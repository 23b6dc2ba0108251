"""A copy of the sources with a build of its own, in which some text may be another.

Hand-written mutants, legal variants and line mutants are all made here. A copy is built
once; after that, an edit costs the compilation of what it touches, and is taken back.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("CMakeLists.txt", "cmake", "include", "src", "conformance", "fuzz", "examples")
NINJA = ["-G", "Ninja"] if shutil.which("ninja") and "CMAKE_GENERATOR" not in os.environ else []


class Broken(Exception):
    """What the compiler said."""


class Tree:
    def __init__(self, folder, *options):
        self.source = pathlib.Path(folder) / "source"
        self.build = pathlib.Path(folder) / "build"
        self.conform = self.build / "rouse-conform"
        self._copy()
        self._run("cmake", "-S", self.source, "-B", self.build, *NINJA, "-DCMAKE_BUILD_TYPE=Debug", *options)
        self.make()

    def _copy(self):
        """Writes what differs only, so that a build that lies here already stays good."""
        for part in PARTS:
            for kept in (ROOT / part).rglob("*") if (ROOT / part).is_dir() else [ROOT / part]:
                copied = self.source / kept.relative_to(ROOT)
                if kept.is_file() and not (copied.exists() and copied.read_bytes() == kept.read_bytes()):
                    copied.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(kept, copied)

    def _run(self, *command):
        done = subprocess.run(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise Broken(done.stdout)

    def make(self):
        self._run("cmake", "--build", self.build, "--target", "rouse-conform")

    @contextlib.contextmanager
    def edited(self, texts):
        """With the files of `texts` (path below the root: content) as given, and built.
        Raises Broken, with everything as before, if that does not compile."""
        before = {path: (self.source / path).read_text() for path in texts}
        try:
            for path, text in texts.items():
                (self.source / path).write_text(text)
            self.make()
            yield self.conform
        finally:
            for path, text in before.items():
                (self.source / path).write_text(text)


def replaced(path, old, new):
    """The content of a file with `old`, which must be there once, replaced."""
    text = (ROOT / path).read_text()
    if text.count(old) != 1:
        raise LookupError(f"{path} has it {text.count(old)} times, not once:\n{old}")
    return text.replace(old, new)
