"""rouse as others get it: installed, found by CMake and by pkg-config, or as a
subdirectory. Each way is proved by a scratch program that is built and run."""

import os
import pathlib
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[1]

needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")
needs_pkg_config = pytest.mark.skipif(shutil.which("pkg-config") is None, reason="there is no pkg-config")
pytestmark = needs_cmake

PROGRAM = r"""
#include <rouse/rouse.h>
#include <stdio.h>

int main(void)
{
    struct rouse rt;
    struct rouse_yield yield = rouse_yield();
    int error = rouse_open(&rt, NULL);

    if (error != 0) {
        puts(rouse_strerror(error));
        return 1;
    }
    if (rouse_run(&rt, &yield.future) != 0)
        return 2;
    printf("%s %s (%s)\n", rouse_version(), rouse_backend(NULL)->name, rouse_backend_names());
    rouse_close(&rt);
    return 0;
}
"""

FIND = """
cmake_minimum_required(VERSION 3.20)
project(scratch LANGUAGES {language})
find_package(rouse {version} {components} REQUIRED)
add_executable(scratch {source})
target_link_libraries(scratch PRIVATE rouse::rouse)
"""


def run(*command, ok=True, cwd=None, **environment):
    """The output of a command, which must succeed, or must fail, or (None) may do either."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert ok is None or (done.returncode == 0) == ok, f"{command} exits {done.returncode}:\n{done.stdout}"
    return done.stdout


def configure(source, folder, *options, ok=True, **environment):
    return run("cmake", "-S", source, "-B", folder, *options, ok=ok, **environment)


def build(source, folder, *options, **environment):
    configure(source, folder, *options, **environment)
    run("cmake", "--build", folder, "--parallel", os.cpu_count())


def write(folder, **files):
    """Files by name; `CMakeLists` is CMakeLists.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("CMakeLists", "CMakeLists.txt").replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def version():
    header = (TREE / "include/rouse/base.h").read_text(encoding="utf-8")
    return ".".join(header.split(f"ROUSE_VERSION_{part} ")[1].split()[0] for part in ("MAJOR", "MINOR", "PATCH"))


# ---- what is built and installed, once


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Builds of the library alone: static with all backends, shared with two."""
    folder = tmp_path_factory.mktemp("builds")
    alone = ["-DROUSE_CONFORM=OFF", "-DROUSE_EXAMPLES=OFF"]
    build(TREE, folder / "static", *alone)
    build(TREE, folder / "shared", *alone, "-DBUILD_SHARED_LIBS=ON", "-DROUSE_BACKENDS=poll;sim", "-DROUSE_BACKEND=sim")
    return folder


@pytest.fixture(scope="module")
def prefixes(builds, tmp_path_factory):
    """Where they are installed: each alone, and one over the other, under names with a
    space, and then moved, so that nothing may remember where it was."""
    folder = tmp_path_factory.mktemp("prefixes")
    for name, kinds in {"static": ["static"], "shared": ["shared"], "both": ["static", "shared"]}.items():
        for kind in kinds:
            run("cmake", "--install", builds / kind, "--prefix", folder / "before" / f"a {name}")
    (folder / "before").rename(folder / "after")
    return {name: folder / "after" / f"a {name}" for name in ("static", "shared", "both")}


def in_prefix(prefix, pattern):
    return sorted(path.relative_to(prefix).as_posix() for path in prefix.rglob(pattern))


def pkg_config_path(prefix):
    return (prefix / in_prefix(prefix, "rouse.pc")[0]).parent


# ---- the build's own options


@pytest.mark.parametrize(
    "options, says",
    [
        (["-DROUSE_BACKENDS=poll;nonsense"], 'ROUSE_BACKENDS: no backend "nonsense": there are'),
        (["-DROUSE_BACKENDS="], "ROUSE_BACKENDS is empty: there are"),
        (["-DROUSE_BACKEND=nonsense"], 'ROUSE_BACKEND: no backend "nonsense" is compiled in'),
        (["-DROUSE_BACKENDS=sim", "-DROUSE_BACKEND=poll"], "there are sim, and native"),
    ],
)
def test_an_unknown_backend_is_an_error_that_lists_what_there_is(tmp_path, options, says):
    output = configure(TREE, tmp_path, "-DROUSE_CONFORM=OFF", *options, ok=False)
    assert says in " ".join(output.split())
    assert "sim" in output


def test_the_version_of_the_build_is_that_of_the_header(builds):
    assert f"CMAKE_PROJECT_VERSION:STATIC={version()}" in (builds / "static/CMakeCache.txt").read_text(encoding="utf-8")


def test_without_a_build_type_the_library_is_optimised(builds):
    assert "CMAKE_BUILD_TYPE:STRING=RelWithDebInfo" in (builds / "static/CMakeCache.txt").read_text(encoding="utf-8")


# ---- what is installed


def test_the_installed_files_are_those_that_belong_there(prefixes):
    installed = in_prefix(prefixes["both"], "*")
    headers = [f"include/rouse/{path.name}" for path in (TREE / "include/rouse").glob("*.h")]
    headers.remove("include/rouse/conform.h")  # comes with the kit
    assert sorted(name for name in installed if name.endswith(".h")) == sorted(headers)
    for name in ("librouse.a", "librouse.so", "rouse.pc", "rouseConfig.cmake", "rouseConfigVersion.cmake", "LICENSE"):
        assert len(in_prefix(prefixes["both"], name)) == 1, name


def test_nothing_installed_remembers_where_it_was_built(prefixes):
    for name in ("rouse.pc", "*.cmake"):
        for path in in_prefix(prefixes["both"], name):
            text = (prefixes["both"] / path).read_text(encoding="utf-8")
            assert str(TREE) not in text
            assert "/before/" not in text


def test_destdir_is_honoured(builds, tmp_path):
    run("cmake", "--install", builds / "static", "--prefix", "/opt/rouse", DESTDIR=tmp_path)
    assert (tmp_path / "opt/rouse/include/rouse/rouse.h").is_file()


# ---- CMake finds it


@pytest.mark.parametrize("language, source", [("C", "main.c"), ("CXX", "main.cpp")])
@pytest.mark.parametrize("kind", ["static", "shared"])
def test_find_package_and_link(prefixes, tmp_path, kind, language, source):
    text = FIND.format(language=language, version="0.1", components="", source=source)
    write(tmp_path / "it", CMakeLists=text, **{source.replace(".", "_"): PROGRAM})
    build(tmp_path / "it", tmp_path / "out", f"-DCMAKE_PREFIX_PATH={prefixes[kind]}")
    assert run(tmp_path / "out/scratch").startswith(f"{version()} ")


@pytest.mark.parametrize(
    "components, options, shared",
    [
        ("", [], False),
        ("", ["-DBUILD_SHARED_LIBS=ON"], True),
        ("COMPONENTS shared", [], True),
        ("COMPONENTS static", ["-DBUILD_SHARED_LIBS=ON"], False),
    ],
)
def test_of_two_kinds_in_one_prefix_one_can_be_chosen(prefixes, tmp_path, components, options, shared):
    write(
        tmp_path / "it",
        CMakeLists=FIND.format(language="C", version="", components=components, source="main.c"),
        main_c=PROGRAM,
    )
    build(tmp_path / "it", tmp_path / "out", f"-DCMAKE_PREFIX_PATH={prefixes['both']}", *options)
    # The shared one was built with sim as its default, so it tells itself apart.
    assert run(tmp_path / "out/scratch").startswith(f"{version()} sim ") == shared


@pytest.mark.parametrize(
    "request_, says",
    [
        ({"version": "0.2"}, "0.2"),
        ({"components": "COMPONENTS shared"}, "not installed here as a shared library"),
        ({"components": "COMPONENTS conform"}, "conform"),
    ],
)
def test_what_is_not_there_is_not_found(prefixes, tmp_path, request_, says):
    text = FIND.format(**{"language": "C", "version": "", "components": "", "source": "main.c", **request_})
    write(tmp_path / "it", CMakeLists=text, main_c=PROGRAM)
    output = configure(tmp_path / "it", tmp_path / "out", f"-DCMAKE_PREFIX_PATH={prefixes['static']}", ok=False)
    assert says in output


# ---- pkg-config finds it


def compile_with(flags, folder, *more):
    write(folder, main_c=PROGRAM)
    # The shell takes apart what pkg-config put together, as it does for everybody.
    run("sh", "-c", f"${{CC:-cc}} main.c -o scratch {flags}", *more, cwd=folder)
    return folder / "scratch"


@needs_pkg_config
@pytest.mark.parametrize("kind, options", [("static", ""), ("static", "--static"), ("shared", "")])
def test_pkg_config_and_link(prefixes, tmp_path, kind, options):
    where = pkg_config_path(prefixes[kind])
    flags = run("pkg-config", *options.split(), "--cflags", "--libs", "rouse", PKG_CONFIG_PATH=where).strip()
    program = compile_with(flags, tmp_path)
    assert run(program, LD_LIBRARY_PATH=where.parent).startswith(f"{version()} ")


@needs_pkg_config
def test_pkg_config_knows_the_version_and_what_a_static_library_needs(prefixes):
    where = pkg_config_path(prefixes["static"])
    assert run("pkg-config", "--modversion", "rouse", PKG_CONFIG_PATH=where).strip() == version()
    assert "-pthread" in run("pkg-config", "--static", "--libs", "rouse", PKG_CONFIG_PATH=where)
    # Without libuv and uring among its backends it does not drag their libraries along.
    where = pkg_config_path(prefixes["shared"])
    needs = run("pkg-config", "--static", "--libs", "rouse", PKG_CONFIG_PATH=where)
    assert "-luv" not in needs and "-luring" not in needs


# ---- as a subdirectory

SUBDIRECTORY = """
cmake_minimum_required(VERSION 3.20)
project(scratch LANGUAGES C)
add_subdirectory("{tree}" rouse)
if(TARGET rouse_conform)
  message(FATAL_ERROR "the kit was not asked for")
endif()
if(CMAKE_BUILD_TYPE)
  message(FATAL_ERROR "somebody chose a build type for me")
endif()
add_executable(scratch main.c)
target_link_libraries(scratch PRIVATE rouse::rouse)
install(TARGETS scratch)
"""


@pytest.fixture(scope="module")
def nested(tmp_path_factory):
    """A project that has rouse in it, and wants poll."""
    folder = tmp_path_factory.mktemp("nested")
    write(folder / "it", CMakeLists=SUBDIRECTORY.format(tree=TREE), main_c=PROGRAM)
    build(folder / "it", folder / "out", "-DROUSE_BACKEND=poll")
    return folder


def test_a_subdirectory_gives_the_same_target_and_keeps_to_itself(nested, tmp_path):
    assert run(nested / "out/scratch").startswith(f"{version()} poll (")
    run("cmake", "--install", nested / "out", "--prefix", tmp_path)
    assert in_prefix(tmp_path, "*") == ["bin", "bin/scratch"]


def test_the_environment_overrides_the_default_backend(nested):
    assert run(nested / "out/scratch", ROUSE_BACKEND="sim").startswith(f"{version()} sim (")


def test_an_unknown_backend_in_the_environment_is_an_error_that_lists_what_there_is(nested):
    output = run(nested / "out/scratch", ok=False, ROUSE_BACKEND="nonsense")
    assert "poll" in output and "sim" in output


# ---- the conformance kit, which needs CUnit

KIT = """
cmake_minimum_required(VERSION 3.20)
project(scratch LANGUAGES C)
{how}
add_executable(check main.c)
target_link_libraries(check PRIVATE rouse::conform)
"""

CHECK = """
#include <rouse/conform.h>

int main(int argc, char **argv)
{
    return rouse_conform_main(argc, argv, rouse_backend("poll"));
}
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A project that has rouse and its kit in it, and installs both."""
    folder = tmp_path_factory.mktemp("kit")
    write(folder / "it", CMakeLists=KIT.format(how=f'add_subdirectory("{TREE}" rouse)'), main_c=CHECK)
    options = ["-DROUSE_CONFORM=ON", "-DROUSE_INSTALL=ON", "-DROUSE_BACKENDS=poll;sim"]
    if "needs CUnit" in run("cmake", "-S", folder / "it", "-B", folder / "out", *options, ok=None):
        pytest.skip("there is no CUnit")
    build(folder / "it", folder / "out", *options)
    run("cmake", "--install", folder / "out", "--prefix", folder / "before")
    (folder / "before").rename(folder / "a prefix")
    return folder


def test_a_subdirectory_gives_the_kit_when_asked(kit):
    assert "e1_" in run(kit / "out/check", "--list")


def test_the_installed_kit_is_found_and_links(kit, tmp_path):
    find = "find_package(rouse COMPONENTS conform REQUIRED)"
    write(tmp_path / "it", CMakeLists=KIT.format(how=find), main_c=CHECK)
    build(tmp_path / "it", tmp_path / "out", f"-DCMAKE_PREFIX_PATH={kit / 'a prefix'}")
    assert run(tmp_path / "out/check", "--list") == run(kit / "a prefix/bin/rouse-conform", "--list")


def test_the_installed_suite_runs_its_cases(kit):
    assert "0 failed" in run(kit / "a prefix/bin/rouse-conform", "--backend", "poll", "--case", "e1_*")
