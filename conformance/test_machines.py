"""The suite on machines that lack something: descriptors, IPv6, a system call.

What such a machine refuses is refused here by a seccomp filter, so that nothing of the
machine is changed and nobody has to be root."""

import json
import os
import resource
import shutil
import subprocess
import sys

import pytest

from conftest import CONFORM, TREE, listing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp filters are Linux's")

# refuse WHAT COMMAND...: runs COMMAND without something that the kernel has.
REFUSE = r"""
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *what;
    unsigned call, family; /* the call's first argument; 0 for any */
    unsigned error;
} refusals[] = {
    {"epoll_pwait2", SYS_epoll_pwait2, 0, EPERM},
    {"epoll", SYS_epoll_create1, 0, EPERM},
    {"io_uring", SYS_io_uring_setup, 0, EPERM},
    {"any-io_uring", SYS_io_uring_setup, 0, ENOSYS},
    {"this-io_uring", SYS_io_uring_setup, 0, EINVAL},
    {"ipv6", SYS_socket, AF_INET6, EAFNOSUPPORT},
};

int main(int argc, char **argv)
{
    size_t i = 0;

    while (argc > 2 && strcmp(refusals[i].what, argv[1]) != 0)
        i++;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refusals[i].call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | (refusals[i].family != 0 ? BPF_JEQ : BPF_JGE) | BPF_K,
                 refusals[i].family, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | refusals[i].error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
        execv(argv[2], argv + 2);
    perror(argv[0]);
    return 125;
}
"""


@pytest.fixture(scope="module")
def refuse(tmp_path_factory):
    compiler = shutil.which(os.environ.get("CC", "cc").split()[0])
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("refuse")
    (folder / "refuse.c").write_text(REFUSE, encoding="utf-8")
    subprocess.run([compiler, "refuse.c", "-o", "refuse"], cwd=folder, check=True)
    if subprocess.run([folder / "refuse", "ipv6", shutil.which("true")], check=False).returncode:
        pytest.skip("no seccomp filter may be set here")
    return folder / "refuse"


def run(tmp_path, *arguments, before=(), exits=0, preexec=None):
    """The report of a run."""
    done = subprocess.run(
        [*map(str, before), str(CONFORM), "--jobs", "4", "--timeout", "60", "--json", str(tmp_path / "out.json"), *arguments],
        preexec_fn=preexec,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert done.returncode == exits, done.stdout[-4000:]
    return json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))


def test_a_shell_that_allows_few_descriptors_is_no_obstacle(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    report = run(tmp_path, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
    for backend, totals in report["totals"].items():
        assert totals["pass"] > 0 and totals["fail"] == totals["error"] == 0, backend


def test_a_filter_that_does_not_know_epoll_pwait2_is_like_an_old_kernel(tmp_path, refuse):
    report = run(tmp_path, "--backend", "epoll", before=[refuse, "epoll_pwait2"])
    assert report["totals"]["epoll"]["pass"] > 0


def test_without_ipv6_what_needs_it_is_unsupported_and_the_rest_holds(tmp_path, refuse):
    report = run(tmp_path, "--backend", "epoll", before=[refuse, "ipv6"])
    results = {case["id"]: case["results"]["epoll"] for case in report["cases"]}
    assert "pass" in results.values()
    assert set(results.values()) <= {"pass", "unsupported", "not-run"}
    assert [name for name, result in results.items() if "ipv6" in name and result == "unsupported"]


def test_a_backend_that_cannot_open_is_shown_as_not_run_and_missed_if_required(tmp_path, refuse):
    few = ["--case", "e1_*"]
    report = run(tmp_path, *few, before=[refuse, "epoll"])
    assert report["totals"]["epoll"]["not-run"] > 0
    assert report["totals"]["epoll"]["pass"] == 0
    assert report["totals"]["poll"]["pass"] > 0
    run(tmp_path, *few, "--require", "epoll", before=[refuse, "epoll"], exits=1)


# Says which backend is the best that opens, and what becomes of io_uring's.
CHOOSE = r"""
#include <rouse/rouse.h>
#include <stdio.h>

int main(void)
{
    struct rouse_options options = {.size = sizeof options, .backend = "uring"};
    struct rouse rt;
    intptr_t error = rouse_open(&rt, &options);

    if (error == 0)
        rouse_close(&rt);
    printf("%s; %s\n", rouse_backend("native")->name, error == 0 ? "opens" : rouse_strerror(error));
    return 0;
}
"""

needs_uring = pytest.mark.skipif("uring" not in listing()["backends"], reason="uring is not compiled in")


@pytest.fixture(scope="module")
def choose(compiler, tmp_path_factory):
    source = tmp_path_factory.mktemp("choose") / "choose.c"
    source.write_text(CHOOSE, encoding="utf-8")
    compiler.program("choose", source)
    return compiler.folder / "choose"


@needs_uring
@pytest.mark.parametrize(
    "what, native, uring",
    [
        ("io_uring", "epoll", "permission denied"),  # a container's filter, or io_uring_disabled
        ("any-io_uring", "epoll", "not supported by this system"),  # a kernel without it
        ("this-io_uring", "epoll", "not supported by this system"),  # one that knows less of it
        ("epoll", "uring", "opens"),
    ],
)
def test_what_is_refused_is_said_and_native_takes_the_next_one(choose, refuse, what, native, uring):
    done = subprocess.run([refuse, what, choose], text=True, capture_output=True, timeout=20, check=True)
    assert done.stdout == f"{native}; {uring}\n"


def test_where_the_simulation_is_not_compiled_in_the_last_one_may_be_native(compiler, refuse, tmp_path):
    source = tmp_path / "without_sim.c"
    source.write_text(f'#include "{TREE}/src/evq/backends.c"\n{CHOOSE}', encoding="utf-8")
    few = ["-DROUSE_HAVE_EPOLL", "-DROUSE_HAVE_POLL", '-DROUSE_DEFAULT_BACKEND="native"']
    compiler.program("without_sim", *few, source)
    for what, native in (("ipv6", "epoll"), ("epoll", "poll")):
        command = [refuse, what, compiler.folder / "without_sim"]
        done = subprocess.run(command, text=True, capture_output=True, timeout=20, check=True)
        assert done.stdout.startswith(f"{native}; ")


@needs_uring
def test_a_filter_that_refuses_io_uring_is_shown_as_the_reason(tmp_path, refuse):
    few = ["--case", "e1_*"]
    report = run(tmp_path, *few, before=[refuse, "io_uring"])
    backends = {backend["name"]: backend for backend in report["backends"]}
    assert report["totals"]["uring"]["not-run"] > 0
    assert report["totals"]["uring"]["pass"] == 0
    assert report["totals"]["epoll"]["pass"] > 0
    assert "permission denied" in str(backends["uring"])
    run(tmp_path, *few, "--require", "uring", before=[refuse, "io_uring"], exits=1)
