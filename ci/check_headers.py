#!/usr/bin/env python3
"""Checks that each header compiles alone, included twice, without a warning.

    ci/check_headers.py [--root TREE] [COMPILER]...

Public headers as C11 and as C++11, private ones as C11, with and without NDEBUG. A
compiler whose name has "++" in it is for C++. Without names: those of gcc, g++, clang and
clang++ that are here, and mingw-w64's, for which the headers are those of Windows. Prints
what the compiler said of each header that failed, and how many passed and failed.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

USUAL = "gcc g++ clang clang++ x86_64-w64-mingw32-gcc x86_64-w64-mingw32-g++".split()
WARNINGS = "-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror".split()


def check(root, compiler, header, definitions):
    """How the compiler's complaint begins, or nothing."""
    language, standard = ("c++", "c++11") if "++" in compiler else ("c", "c11")
    command = [compiler, f"-std={standard}", *WARNINGS, *definitions, "-fsyntax-only"]
    command += [f"-I{root / 'include'}", f"-I{root}", "-x", language, "-"]
    # A header may hold nothing but macros; a program in C may not hold nothing.
    source = f"#include <{header}>\n" * 2 + "typedef int not_empty;\n"
    try:
        run = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        return f"there is no {compiler}\n"
    return "" if run.returncode == 0 else "\n".join(run.stderr.splitlines()[:6]) + "\n"


def is_for(compiler, header):
    """Headers are named as sources are: *_posix.h, *_win.h, or for every system."""
    return not header.endswith("_posix.h" if "mingw" in compiler else "_win.h")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[1])
    parser.add_argument("compilers", nargs="*", metavar="COMPILER")
    options = parser.parse_args()
    root = options.root.resolve()
    compilers = options.compilers or list(filter(shutil.which, USUAL))

    public = sorted(f"rouse/{path.name}" for path in (root / "include/rouse").glob("*.h"))
    private = sorted(path.relative_to(root).as_posix() for path in (root / "src").rglob("*.h"))
    checks = [
        (compiler, header, definitions)
        for compiler in compilers
        for header in public + ([] if "++" in compiler else [header for header in private if is_for(compiler, header)])
        for definitions in ([], ["-DNDEBUG"])
    ]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (compiler, header, definitions), complaint in zip(
            checks, pool.map(lambda one: check(root, *one), checks)
        ):
            if complaint:
                failed += 1
                print(f"{header}: {' '.join([compiler, *definitions])}:\n{complaint}", end="")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
