"""The examples as built for Windows, run by Wine and driven over real sockets, on each
backend that has any.

They lie in examples/ of the build that ROUSE_WINDOWS_BUILD names; else of the one that
ci/windows.sh makes, which also prepares Wine.

What Wine runs gets files for its output: what it leaves behind in the background would
hold the ends of a pipe. And it turns a SIGINT into the Ctrl+C of a console, while other
signals end what it runs.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest
from conftest import WINDOWS_BUILD as BUILD
from test_examples import (  # noqa: F401  the same, by the fixture `echo` that is below
    Echo,
    free_port,
    has_ipv6,
    receive,
    test_echo_ends_its_side_after_the_last_byte,
    test_echo_goes_on_after_a_reset,
    test_echo_goes_on_after_urgent_data,
    test_echo_keeps_the_order_of_more_than_the_buffers_hold,
    test_echo_sends_back_what_it_gets,
    test_echo_serves_many_at_once,
)

REAL = ["iocp", "libuv"]
BACKENDS = [*REAL, "sim"]

pytestmark = [
    pytest.mark.skipif(shutil.which("wine") is None, reason="unsupported: there is no Wine"),
    pytest.mark.skipif(shutil.which("x86_64-w64-mingw32-gcc") is None, reason="unsupported: there is no mingw-w64"),
]


class Running:
    """A program that runs, and what it has said."""

    def __init__(self, folder, environment, name, *arguments):
        program = BUILD / "examples" / f"{name}.exe"
        if not program.exists():
            pytest.fail(f"there is no {program}: run ci/windows.sh, or say by ROUSE_WINDOWS_BUILD where it is")
        self.said = [folder / "stdout", folder / "stderr"]
        with open(self.said[0], "wb") as output, open(self.said[1], "wb") as errors:
            self.process = subprocess.Popen(
                ["wine", str(program), *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    def end(self, timeout=30):
        """The exit status, the output and the errors, in lines as they are everywhere."""
        try:
            status = self.process.wait(timeout)
        finally:
            self.process.kill()
        return status, *(path.read_bytes().decode().replace("\r\n", "\n") for path in self.said)


@pytest.fixture
def run(wine, tmp_path):
    programs = []

    def start(name, *arguments, backend):
        folder = tmp_path / str(len(programs))
        folder.mkdir()
        programs.append(Running(folder, {**wine, "ROUSE_BACKEND": backend}, name, *arguments))
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.wait()


class WindowsEcho(Echo):
    """An echo of Windows, and its clients."""

    def __init__(self, run, backend, host="127.0.0.1", family=socket.AF_INET, port=None):
        self.where = (host, port or free_port(family, host))
        text = f"[{host}]" if family == socket.AF_INET6 else host
        self.running = run("echo", f"{text}:{self.where[1]}", backend=backend)
        self.process = self.running.process

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        status, _, errors = self.running.end()
        return status, errors


@pytest.fixture(params=REAL)
def echo(request, run):
    with WindowsEcho(run, request.param) as running:
        yield running


@pytest.mark.parametrize("backend", BACKENDS)
def test_hello_takes_turns(run, backend):
    status, output, errors = run("hello", backend=backend).end()
    assert (status, sorted(output.split()), errors) == (0, ["hello"] * 3 + ["world"] * 2, "")


def test_echo_closes_every_connection_on_control_c(echo):
    clients = [echo.connect() for _ in range(20)]
    for client in clients:
        client.sendall(b"hi")
        assert receive(client, 2) == b"hi"
    assert echo.end() == (0, "")
    for client in clients:
        assert client.recv(1) == b""


@pytest.mark.parametrize("backend", REAL)
def test_echo_listens_again_where_connections_linger(run, backend):
    with WindowsEcho(run, backend) as echo:
        clients = [echo.connect() for _ in range(3)]
        for client in clients:
            client.sendall(b"hi")
            assert receive(client, 2) == b"hi"
        assert echo.end() == (0, "")
    # Its ends wait for those of the clients, who have not closed theirs.
    with WindowsEcho(run, backend, port=echo.where[1]) as again:
        client = again.connect()
        client.sendall(b"again")
        assert receive(client, 5) == b"again"


@pytest.mark.parametrize("backend", REAL)
def test_echo_over_ipv6(run, backend):
    if not has_ipv6():
        pytest.skip("unsupported: this machine has no IPv6")
    with WindowsEcho(run, backend, "::1", socket.AF_INET6) as echo:
        client = echo.connect()
        client.sendall(b"six")
        assert receive(client, 3) == b"six"


@pytest.mark.parametrize("backend", REAL)
@pytest.mark.parametrize(
    "address, says",
    [
        ("nonsense", "invalid argument"),
        ("127.0.0.1:70000", "invalid argument"),
        ("203.0.113.1:7", "no such address"),
        ("unix:echo.sock", "address family not supported"),  # by Wine; Windows 10 has it
    ],
)
def test_echo_says_what_is_wrong_with_an_address(run, backend, address, says):
    status, _, errors = run("echo", address, backend=backend).end()
    assert status == 1
    assert address in errors and says in errors and errors.count("\n") == 1


@pytest.mark.parametrize("backend", REAL)
def test_echo_says_that_its_port_is_in_use(run, backend):
    with WindowsEcho(run, backend) as first:
        first.connect()
        status, _, errors = run("echo", "127.0.0.1:%d" % first.where[1], backend=backend).end()
    assert status == 1 and "already in use" in errors


def test_an_unknown_backend_lists_what_there_is(run):
    status, _, errors = run("echo", backend="carrier-pigeon").end()
    assert status == 1
    assert all(name in errors for name in BACKENDS) and errors.count("\n") == 1
