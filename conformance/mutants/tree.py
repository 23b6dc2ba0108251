"""A copy of the sources with a build of its own, in which some text may be another.

Hand-written mutants, legal variants and line mutants are all made here. A copy is built
once; after that, an edit costs the compilation of what it touches, and is taken back.
"""

import contextlib
import json
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
    def __init__(self, folder, backends, *options):
        """With these backends; epoll, poll and sim are always among them."""
        backends = sorted({"epoll", "poll", "sim", *backends})
        # Said either way: the tree may have had it, for other mutants.
        emulated = f"-DROUSE_KQUEUE_EMULATION={'ON' if 'kqueue' in backends else 'OFF'}"
        options = [f"-DROUSE_BACKENDS={';'.join(backends)}", emulated, *options]
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



def listing_of(conform):
    """What a rouse-conform says that it has: backends, guarantees, cases."""
    done = subprocess.run([conform, "--list", "--json", "-"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def naming(cases):
    """Options that name cases."""
    return [option for case in cases for option in ("--case", case)]
