"""ci/conform serves a stranger: what it asks of a machine, and what it says when that is
not there. ci/test adds up what its runners say. They run here with nothing in their PATH
but coreutils and actors: a compiler, CMake, apt-get and sudo that write down how they
were called."""

import os
import pathlib
import shutil
import stat
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[1]

REAL = "awk bash basename cat dirname env getconf head mkdir mktemp rm sed sort tail touch uname".split()

# Each finds the folder of the play in $PLAY. What is "installed" is a file in there.
ACTORS = {
    "cc": """
cat >/dev/null
for argument; do
    case $argument in
    -lcunit) [ -e "$PLAY/installed/libcunit1-dev" ] || exit 1 ;;
    -luv) [ -e "$PLAY/installed/libuv1-dev" ] || exit 1 ;;
    -luring) [ -e "$PLAY/installed/liburing-dev" ] || exit 1 ;;
    esac
done
""",
    "cmake": """
case $1 in
--version) echo "cmake version $(cat "$PLAY/cmake-version")" ;;
--build)
    [ ! -e "$PLAY/build-fails" ] || { echo "error: this does not compile"; exit 1; }
    cp "$PLAY/rouse-conform" "$2/rouse-conform"
    ;;
*)
    echo "cmake CC=$CC CFLAGS=${CFLAGS:-} $*" >>"$PLAY/calls"
    touch "$4/CMakeCache.txt"
    [ -e "$PLAY/installed/libuv1-dev" ] || echo "-- rouse: without libuv (needs libuv)"
    ;;
esac
""",
    "ninja": "exit 1",
    "python3": 'case $1 in -c) ;; *) echo "3 passed, 0 failed" ;; esac',
    "id": 'cat "$PLAY/uid"',
    "sudo": """
[ -e "$PLAY/sudo-lets-us" ] || exit 1
shift
[ "$1" = true ] || { echo "sudo" >>"$PLAY/calls"; exec "$@"; }
""",
    "apt-get": """
echo "apt-get $*" >>"$PLAY/calls"
case "$*" in
update) touch "$PLAY/updated" ;;
*install*)
    [ ! -e "$PLAY/nothing-to-be-had" ] || { echo "E: Unable to locate package"; exit 100; }
    [ ! -e "$PLAY/lists-are-empty" ] || [ -e "$PLAY/updated" ] || exit 100
    for package; do
        touch "$PLAY/installed/$package"
        mv "$PLAY/to-come/$package/"* "$PLAY/bin/" 2>/dev/null
    done
    exit 0
    ;;
esac
""",
}

# Stands for the program that is built.
SUITE = """
printf '%s\\n' "in $PWD" "$@"
while [ $# -gt 0 ]; do
    [ "$1" != --html ] || echo page >"$2"
    shift
done
exit "$(cat "$PLAY/suite-exits")"
"""


class Play:
    """A machine with everything, from which a test takes away."""

    def __init__(self, folder):
        self.folder = folder
        self.tree = folder / "a tree"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        self.environment = {}
        for name in ("bin", "installed", "elsewhere", "a tree"):
            (folder / name).mkdir()
        shutil.copytree(TREE / "ci", self.tree / "ci")
        for name in REAL + ["cp", "mv"]:
            (self.bin / name).symlink_to(shutil.which(name))
        for name, text in ACTORS.items():
            self.actor(self.bin / name, text)
        self.actor(folder / "rouse-conform", SUITE)
        self.set(cmake_version="3.25.1", uid=0, suite_exits=0)
        for package in ("libcunit1-dev", "libuv1-dev", "liburing-dev"):
            (folder / "installed" / package).touch()

    @staticmethod
    def actor(path, text):
        path.write_text(f"#!{shutil.which('bash')}\n{text}", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def set(self, **facts):
        for name, value in facts.items():
            (self.folder / name.replace("_", "-")).write_text(f"{value}\n", encoding="utf-8")

    def lacks(self, *packages):
        for package in packages:
            (self.folder / "installed" / package).unlink()

    def lacks_tool(self, tool, package):
        """Takes a tool away, for apt-get to bring back with its package."""
        (self.folder / "to-come" / package).mkdir(parents=True, exist_ok=True)
        (self.bin / tool).rename(self.folder / "to-come" / package / tool)

    def run(self, *arguments, command="ci/conform"):
        self.calls_file.write_text("", encoding="utf-8")
        environment = {"PATH": str(self.bin), "PLAY": str(self.folder), "TMPDIR": str(self.folder)}
        done = subprocess.run(
            [self.tree / command, *arguments],
            cwd=self.folder / "elsewhere",
            env={**environment, **self.environment},
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.output = done.stdout.splitlines()
        self.said = done.stderr.splitlines()
        return done.returncode

    @property
    def calls(self):
        return self.calls_file.read_text(encoding="utf-8").splitlines()

    def installs(self):
        """The packages of each call of apt-get that installs."""
        return [call.split("--no-install-recommends ")[1] for call in self.calls if " install " in call]


@pytest.fixture
def play(tmp_path):
    return Play(tmp_path)


def test_nothing_is_installed_where_nothing_is_missing(play):
    assert play.run() == 0, play.said
    assert [call.split()[0] for call in play.calls] == ["cmake"]


def test_options_and_files_go_to_the_suite_as_they_are(play):
    arguments = ["--backend", "epoll", "--require", "sim", "--json", "here out.json", "--html", "page.html"]
    assert play.run(*arguments) == 0
    assert play.output == [f"in {play.folder / 'elsewhere'}", *arguments]
    assert (play.folder / "elsewhere/page.html").is_file()
    assert play.said[-1] == "conform: the report is in page.html"


def test_the_page_has_a_place_of_its_own(play):
    assert play.run() == 0
    page = play.tree / "out/conform.html"
    assert play.output[1:] == ["--html", str(page)]
    assert play.said[-1] == f"conform: the report is in {page}"


def test_a_page_of_an_earlier_run_is_not_taken_for_this_one(play):
    assert play.run() == 0
    play.actor(play.folder / "rouse-conform", "echo 'no backend of that name' >&2; exit 2")
    assert play.run() == 2
    assert play.said[-1] == "no backend of that name"


@pytest.mark.parametrize("status", [1, 2])
def test_the_suite_decides_how_it_ends(play, status):
    play.set(suite_exits=status)
    assert play.run() == status


def test_root_installs_what_is_missing_by_one_call(play):
    play.lacks("libcunit1-dev", "libuv1-dev", "liburing-dev")
    assert play.run() == 0, play.said
    assert play.installs() == ["libcunit1-dev libuv1-dev liburing-dev"]
    assert len([call for call in play.calls if "apt-get" in call]) == 1
    assert "conform: installing libcunit1-dev libuv1-dev liburing-dev" in play.said


def test_a_bare_machine_gets_compiler_and_tools_too(play):
    play.lacks_tool("cc", "gcc")
    play.lacks_tool("cmake", "cmake")
    play.lacks_tool("ninja", "ninja-build")
    assert play.run() == 0, play.said
    assert len(play.installs()) == 1
    assert set(play.installs()[0].split()) >= {"gcc", "libc6-dev", "cmake", "ninja-build"}


def test_apts_list_of_packages_is_fetched_when_it_is_empty(play):
    play.lacks("libcunit1-dev")
    play.set(lists_are_empty="yes")
    assert play.run() == 0, play.said
    assert [call.split()[-1] for call in play.calls if "apt-get" in call] == ["libcunit1-dev", "update", "libcunit1-dev"]


def test_what_cannot_be_installed_is_said_and_ends_it(play):
    play.lacks("libcunit1-dev")
    play.set(nothing_to_be_had="yes")
    assert play.run() == 2
    assert play.said[-1] == "conform: could not install libcunit1-dev"
    assert not [call for call in play.calls if call.startswith("cmake")]


def test_somebody_else_installs_by_sudo_if_it_asks_nothing(play):
    play.lacks("libcunit1-dev")
    play.set(uid=1000, sudo_lets_us="yes")
    assert play.run() == 0, play.said
    assert play.calls[0] == "sudo"
    assert play.installs() == ["libcunit1-dev"]


@pytest.mark.parametrize("has_sudo", [True, False])
def test_otherwise_the_one_command_is_said(play, has_sudo):
    play.lacks("libcunit1-dev", "libuv1-dev")
    play.set(uid=1000)
    if not has_sudo:
        (play.bin / "sudo").unlink()
    assert play.run() == 2
    assert len(play.said) == 1
    assert play.said[0].endswith("Please run: sudo apt-get install -y libcunit1-dev libuv1-dev")
    assert play.calls == []


def test_without_apt_what_is_missing_is_named(play):
    play.lacks("libcunit1-dev")
    (play.bin / "apt-get").unlink()
    assert play.run() == 2
    assert play.said == ["conform: missing: CUnit"]


def test_without_apt_the_suite_does_without_libuv(play):
    play.lacks("libuv1-dev")
    (play.bin / "apt-get").unlink()
    assert play.run() == 0
    assert "conform: without libuv (needs libuv)" in play.said
    assert play.run("--require", "libuv") == 2
    assert play.said[0].startswith("conform: missing: libuv")


@pytest.mark.parametrize("backend, package", [("libuv", "libuv1-dev"), ("uring", "liburing-dev")])
def test_a_library_is_not_asked_for_when_other_backends_are_named(play, backend, package):
    play.lacks(package)
    assert play.run("--backend", "epoll", "--backend", "sim") == 0
    assert play.installs() == []
    assert play.run("--backend", "epoll", "--backend", backend) == 0
    assert play.installs() == [package]


def test_the_emulated_kqueue_is_there_when_somebody_asks_for_it(play):
    assert play.run("--backend", "epoll") == 0
    assert "EMULATION" not in play.calls[0]
    assert play.run("--backend", "epoll", "--require", "kqueue") == 0
    assert "-DROUSE_KQUEUE_EMULATION=ON" in play.calls[0]


@pytest.mark.parametrize("asked", [["--all"], ["--require", "iocp"], ["--backend", "libuv-win"]])
def test_what_windows_takes_is_asked_for_with_its_columns_alone(play, asked):
    play.set(nothing_to_be_had="yes")
    assert play.run(*asked) == 2
    assert "gcc-mingw-w64-x86-64-win32 wine wine64" in play.said[0]
    assert play.run("--all", "--backend", "epoll") == 0


def test_the_users_compiler_and_flags_are_used_and_may_change(play):
    (play.bin / "cc").rename(play.bin / "my-cc")
    play.environment = {"CC": "my-cc -m64", "CFLAGS": "-O1 -DX=1"}
    assert play.run() == 0, play.said
    assert play.calls[0].startswith("cmake CC=my-cc -m64 CFLAGS=-O1 -DX=1 ")
    # CMake would go on with what it knew from the first time.
    left = play.tree / "build/conform/tree/left-behind"
    left.touch()
    assert play.run() == 0
    assert left.exists()
    play.environment["CFLAGS"] = "-O2"
    assert play.run() == 0
    assert not left.exists()


def test_a_compiler_of_the_users_that_does_not_work_is_named(play):
    play.environment = {"CC": "no-such-compiler"}
    assert play.run() == 2
    assert play.said == ["conform: CC='no-such-compiler' CFLAGS='' compiles no program"]
    assert play.calls == []


def test_an_old_cmake_is_named(play):
    play.set(cmake_version="3.18.4")
    assert play.run() == 2
    assert play.said == ["conform: cmake 3.18.4 is too old, 3.20 or newer is needed"]


def test_a_build_that_fails_shows_why(play):
    play.set(build_fails="yes")
    assert play.run() == 2
    assert "error: this does not compile" in play.said
    assert play.said[-1].startswith("conform: the build failed; all of it is in ")


def test_a_tree_that_cannot_be_written_is_left_alone(play):
    for name in ("build", "out"):
        (play.tree / name).touch()  # where no folder can be made, for root neither
    assert play.run() == 0, play.said
    work = pathlib.Path(play.said[0].removeprefix("conform: the tree cannot be written, so the work is done in "))
    assert work.parent == play.folder
    assert (work / "conform.html").is_file()
    assert sorted(path.name for path in play.tree.iterdir()) == ["build", "ci", "out"]


def test_help_says_how_it_is_used(play):
    assert play.run("--help") == 0
    assert play.output[0].startswith("ci/conform [--all] [--backend NAME]")
    assert play.calls == []


@pytest.mark.parametrize("option", ["--backend", "--html"])
def test_an_option_without_its_value_is_left_to_the_suite(play, option):
    play.set(suite_exits=2)
    assert play.run(option) == 2
    assert option in play.output


@pytest.mark.parametrize(
    "suite, says, status",
    [
        ("echo 10 passed, 0 failed", "13 passed, 0 failed", 0),
        ("echo 10 passed, 0 failed, 2 skipped", "13 passed, 0 failed", 0),
        ("echo 10 passed, 20 failed; exit 1", "13 passed, 20 failed", 1),
        ("echo 10 passed, 0 failed; exit 66", "13 passed, 1 failed", 1),
        ("echo '=== 2 failed, 10 passed, 1 error in 3.05s ==='; exit 1", "13 passed, 3 failed", 1),
        ("echo '10 passed, 1 xfailed, 4 warnings in 63.05s (0:01:03)'", "14 passed, 0 failed", 0),
        ("echo 10 passed, 0 failed; echo; echo 5 passed, 0 failed", "8 passed, 0 failed", 0),
        ("echo all is well", "3 passed, 1 failed", 1),
        ("echo 0 passed, 0 failed", "3 passed, 1 failed", 1),
        ("kill -9 $$", "3 passed, 1 failed", 1),
    ],
)
def test_the_last_line_of_ci_test_is_a_true_sum(play, suite, says, status):
    play.actor(play.folder / "rouse-conform", suite)
    assert play.run("--quick", command="ci/test") == status
    assert play.output[-1] == says


def test_what_was_skipped_is_told_too(play):
    play.actor(play.folder / "rouse-conform", "echo 10 passed, 0 failed, 2 skipped")
    assert play.run("--quick", command="ci/test") == 0
    assert play.output[-2].startswith("2 more need what is missing here")


def test_a_build_that_fails_is_a_failure_of_ci_test(play):
    play.set(build_fails="yes")
    assert play.run("--quick", command="ci/test") == 1
    assert any("error: this does not compile" in line for line in play.output)
    assert play.output[-1] == "3 passed, 1 failed"


def test_ci_test_refuses_options_that_it_does_not_know(play):
    assert play.run("--fast", command="ci/test") == 2
    assert play.said == ["test: no option --fast; there is --quick"]


def test_a_python_without_pytest_in_the_path_is_no_obstacle(tmp_path):
    bare = tmp_path / "python3"
    Play.actor(bare, "exit 1")
    script = f'. "{TREE}/ci/lib.sh"; need_python pytest; echo "$python" "${{missing[@]+"${{missing[@]}}"}}"'
    said = subprocess.run(
        ["bash", "-euc", script, "test"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        text=True,
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert said[0] != "python3"
    assert said[1:] in ([], ["python3", "python3-pytest"])


def test_a_python_is_asked_for_nothing_when_nothing_is_wanted_of_it():
    script = f'. "{TREE}/ci/lib.sh"; need_python; echo "$python" "${{missing[@]+"${{missing[@]}}"}}"'
    said = subprocess.run(["bash", "-euc", script, "test"], text=True, capture_output=True, timeout=60, check=True)
    assert len(said.stdout.split()) == 1, said.stdout
