"""The checks of the house rules find what they are for: one planted breach each."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[1]


def check(script, root, *arguments):
    """(exit code, output) of a check of ci/ on the tree at `root`."""
    command = [sys.executable, "-B", TREE / "ci" / script, "--root", root, *arguments]
    run = subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)
    assert run.stderr == ""
    return run.returncode, run.stdout


@pytest.fixture
def copy(tmp_path):
    """A copy of what the checks look at, for breaking."""
    for folder in ("include", "src"):
        shutil.copytree(TREE / folder, tmp_path / folder)
    return tmp_path


def plant(root, path, old, new):
    """Replaces the first `old` of a file by `new`; an empty `old` stands for its end."""
    file = root / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")


LAYERS = [
    # file, what is replaced ("": at the end), by what, what the check says
    ("src/evq/poll.c", "", "#include <rouse/future.h>\n", "evq includes <rouse/future.h>, of future"),
    ("src/task/task.c", "", "#include <rouse/reactor.h>\n", "task includes <rouse/reactor.h>, of reactor"),
    ("src/base/alloc.c", "", '#include "../evq/sleep.h"\n', "base includes"),
    ("src/reactor/timer.c", "", "#include <rouse/task.h>\n", "reactor includes <rouse/task.h>, of task"),
    ("src/net/tcp.c", "", '#include "../timer/none.h"\n', "is no file of the tree"),
    ("src/net/tcp.c", "", "#include <sys/socket.h>\n", "<sys/socket.h> is a system header"),
    ("src/base/alloc.c", "", "#include <intrin.h>\n", "<intrin.h> is a system header"),
    ("include/rouse/net.h", "", "#include <unistd.h>\n", "public header includes <unistd.h>"),
    ("include/rouse/evq.h", "", "#include <rouse/future.h>\n", "evq includes <rouse/future.h>"),
    ("include/rouse/net.h", "", '#include "../../src/base/alloc.h"\n', "which is not public"),
    ("include/rouse/task.h", "", "extern _Atomic int odd;\n", "C++11"),
    ("src/rouse.c", "", "extern const int rouse__epoll;\n", "rouse__epoll is named outside"),
    ("src/reactor/reactor.c", "", 'static const char *is = "libuv";\n', "name of a backend outside"),
    ("src/evq/poll.c", "", "#ifdef ROUSE_HAVE_EPOLL\n#endif\n", "only src/evq/backends.c asks"),
    ("src/evq/epoll.c", "", 'static const char *other = "poll";\n', "name of a backend outside"),
]


def test_the_tree_keeps_the_layers():
    code, output = check("check_layers.py", TREE)
    assert code == 0, output
    assert re.fullmatch(r"[1-9]\d* passed, 0 failed\n", output)


@pytest.mark.parametrize("path, old, new, says", LAYERS)
def test_a_breach_of_the_layers_is_found(copy, path, old, new, says):
    plant(copy, path, old, new)
    code, output = check("check_layers.py", copy)
    assert code == 1
    assert re.search(f"^{path}:\\d+: .*{re.escape(says)}", output, re.M), output
    assert output.endswith("passed, 1 failed\n")


@pytest.mark.parametrize(
    "source, lines",
    [
        ("int f(int a)\n{\n#ifdef NDEBUG\n    a++;\n#else\n    a--;\n#endif\n    return a;\n}\n", [3, 5, 7]),
        ("void f(void)\n{\n    if (1) {\n#if 1\n#endif\n    }\n}\n#if 1\n#endif\n", [4, 5]),
        ("#if 1\nint f(void)\n{\n    return 0;\n}\n#else\nint f(void)\n{\n    return 1;\n}\n#endif\n", []),
        ("struct odd {\n    int a;\n#ifdef NDEBUG\n    int b;\n#endif\n};\n", []),
        ("static const int odd[] = {\n#if 1\n    1,\n#endif\n    2};\n", []),
        ("#if 1\n#define ODD(x) \\\n    do {    \\\n        x;  \\\n    } while (0)\n#endif\n", []),
        ("/* f() { */ static const char odd[] = \"f() {\\\"\"; // f() {\n#if 1\n#endif\n", []),
    ],
)
def test_conditions_are_found_inside_functions_and_nowhere_else(copy, source, lines):
    before = len((copy / "src/rouse.c").read_text(encoding="utf-8").splitlines())
    plant(copy, "src/rouse.c", "", source)
    code, output = check("check_layers.py", copy)
    assert code == (1 if lines else 0)
    said = re.findall(r"^src/rouse.c:(\d+): a preprocessor condition", output, re.M)
    assert [int(number) - before for number in said] == lines


def test_a_new_public_header_has_to_be_given_a_layer(copy):
    (copy / "include/rouse/odd.h").write_text("#include <stddef.h>\n", encoding="utf-8")
    code, output = check("check_layers.py", copy)
    assert code == 1
    assert "include/rouse/odd.h:1: belongs to no layer" in output


HEADERS = [
    ("include/rouse/timer.h", "#include <rouse/reactor.h>", "", "rouse/timer.h: {}:"),
    ("include/rouse/base.h", "#define ROUSE_BASE_H\n", "#undef ROUSE_BASE_H\n", "rouse/base.h: {}:"),
    ("src/base/selfpipe.h", "#include <rouse/base.h>", "", "src/base/selfpipe.h: {}:"),
    ("include/rouse/task.h", "ROUSE_END_DECLS", "static inline void f(int *class) { *class = 1; }", "g++"),
    ("include/rouse/base.h", "#endif /* ROUSE_BASE_H */", "static inline int f(long a) { return a; }\n#endif", "gcc"),
]


def compilers(*names):
    found = [name for name in names if shutil.which(name)]
    if not found:
        pytest.skip(f"there is no {' or '.join(names)}")
    return found


@pytest.mark.parametrize("path, old, new, says", HEADERS)
def test_a_header_that_does_not_compile_alone_is_found(copy, path, old, new, says):
    compiler = compilers("gcc", "cc")[0]
    used = compilers(says)[0] if "+" in says or says == "gcc" else compiler
    plant(copy, path, old, new)
    code, output = check("check_headers.py", copy, used)
    assert code == 1
    assert says.format(used) in output
    assert re.search(r"^\d+ passed, [1-9]\d* failed\n\Z", output, re.M)


def test_a_compiler_that_is_not_there_is_a_failure(copy):
    code, output = check("check_headers.py", copy, "no-such-compiler")
    assert code == 1
    assert "there is no no-such-compiler" in output
    assert output.splitlines()[-1].startswith("0 passed, ")


NAMES = [
    ("include/rouse/rouse.h", "ROUSE_END_DECLS", "ROUSE_API int rouse_odd(void);\nROUSE_END_DECLS", "rouse_odd has no comment"),
    ("include/rouse/rouse.h", "ROUSE_END_DECLS", "struct rouse_odd {\n    int a;\n};\nROUSE_END_DECLS", "rouse_odd has no comment"),
    ("include/rouse/rouse.h", "ROUSE_END_DECLS", "/* Odd. */\nROUSE_API int odd(void);\nROUSE_END_DECLS", "odd is public and does not begin"),
    ("include/rouse/rouse.h", "ROUSE_END_DECLS", "/* Odd. */\nROUSE_API extern const int rouse_one[2], odd;\nROUSE_END_DECLS", "odd is public and does"),
    (
        "include/rouse/rouse.h",
        "ROUSE_END_DECLS",
        "static inline int rouse_odd(void)\n{\n    /* Odd. */\n    return 1;\n}\nROUSE_END_DECLS",
        "rouse_odd has no comment",
    ),
]


@pytest.mark.parametrize("path, old, new, says", NAMES)
def test_a_public_name_without_a_comment_is_found(copy, path, old, new, says):
    plant(copy, path, old, new)
    code, output = check("check_names.py", copy)
    assert code == 1
    assert says in output
    assert output.endswith("passed, 1 failed\n")


def build_objects(folder, source):
    """A static and a shared library of one source."""
    compiler = compilers("cc", "gcc", "clang")[0]
    (folder / "odd.c").write_text(source, encoding="utf-8")
    flags = ["-fPIC", f"-I{TREE / 'include'}"]
    subprocess.run([compiler, *flags, "-c", "odd.c", "-o", "odd.o"], cwd=folder, check=True)
    subprocess.run([compiler, "-shared", "odd.o", "-o", "libodd.so"], cwd=folder, check=True)
    subprocess.run(["ar", "rc", "libodd.a", "odd.o"], cwd=folder, check=True)


def test_names_that_stray_out_of_the_library_are_found(tmp_path):
    build_objects(
        tmp_path,
        """
        #include <rouse/base.h>
        const char *rouse_version(void) { return ""; } /* declared and exported */
        void rouse_undeclared(void) {}
        void rouse__shared_between_files(void) {}
        int stray;
        """,
    )
    code, output = check("check_names.py", TREE, "--shared", tmp_path / "libodd.so")
    assert code == 1
    assert "libodd.so exports rouse_undeclared, which no public header declares" in output
    assert "libodd.so exports rouse__shared_between_files" in output
    assert "libodd.so exports stray" in output
    assert "exports rouse_version," not in output
    assert "rouse_misuse is declared, and libodd.so does not export it" in output

    code, output = check("check_names.py", TREE, "--static", tmp_path / "libodd.a")
    assert code == 1
    assert "libodd.a: stray is shared between files" in output
    assert "libodd.a: rouse_undeclared is shared between files" in output
    assert "rouse__shared_between_files" not in output
    assert output.endswith("passed, 2 failed\n")


def test_the_tree_explains_its_names():
    code, output = check("check_names.py", TREE)
    assert code == 0, output
