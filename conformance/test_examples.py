"""The examples, driven as their users would: over real sockets, on each backend that has any.

They lie in examples/ beside the rouse-conform that is tested.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import CONFORM, TREE, listing

BACKENDS = listing()["backends"]
REAL = [name for name in BACKENDS if name != "sim"]
EXAMPLES = pathlib.Path(CONFORM).parent / "examples" if CONFORM else pathlib.Path("examples")


def run(name, *arguments, backend):
    return subprocess.Popen(
        [str(EXAMPLES / name), *arguments],
        env={**os.environ, "ROUSE_BACKEND": backend},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port(family=socket.AF_INET, host="127.0.0.1"):
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def has_ipv6():
    try:
        free_port(socket.AF_INET6, "::1")
    except OSError:
        return False
    return True


class Echo:
    """A running echo, and its clients. The end of the test ends it."""

    def __init__(self, backend, host="127.0.0.1", family=socket.AF_INET):
        self.where = (host, free_port(family, host))
        text = f"[{host}]" if family == socket.AF_INET6 else host
        self.process = run("echo", f"{text}:{self.where[1]}", backend=backend)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def connect(self):
        limit = time.monotonic() + 10
        while True:
            try:
                client = socket.create_connection(self.where, timeout=10)
                client.settimeout(10)
                return client
            except ConnectionRefusedError:  # it is still starting
                assert self.process.poll() is None, self.process.communicate()[1]
                assert time.monotonic() < limit, "nobody listens"
                time.sleep(0.01)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors


def receive(client, count):
    got = b""
    while len(got) < count:
        part = client.recv(65536)
        assert part, f"the stream ended after {len(got)} of {count} bytes"
        got += part
    return got


@pytest.fixture(params=REAL)
def echo(request):
    with Echo(request.param) as running:
        yield running


@pytest.mark.parametrize("backend", BACKENDS)
def test_hello_takes_turns(backend):
    output, errors = run("hello", backend=backend).communicate(timeout=10)
    assert (sorted(output.split()), errors) == (["hello"] * 3 + ["world"] * 2, "")


def test_echo_sends_back_what_it_gets(echo):
    client = echo.connect()
    for message in (b"a", b"hello", bytes(range(256)) * 16):
        client.sendall(message)
        assert receive(client, len(message)) == message


def test_echo_serves_many_at_once(echo):
    clients = [echo.connect() for _ in range(60)]
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number)
    for number, client in reversed(list(enumerate(clients))):
        assert receive(client, len(b"%d" % number)) == b"%d" % number


def test_echo_keeps_the_order_of_more_than_the_buffers_hold(echo):
    client = echo.connect()
    message = os.urandom(4_000_000)
    sender = threading.Thread(target=client.sendall, args=(message,))
    sender.start()
    assert receive(client, len(message)) == message
    sender.join()


def test_echo_ends_its_side_after_the_last_byte(echo):
    client = echo.connect()
    client.sendall(b"bye")
    client.shutdown(socket.SHUT_WR)
    assert receive(client, 3) == b"bye"
    assert client.recv(1) == b""


def test_echo_goes_on_after_a_reset(echo):
    client = echo.connect()
    client.sendall(b"x" * 100_000)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    other = echo.connect()
    other.sendall(b"still there")
    assert receive(other, 11) == b"still there"


def test_echo_goes_on_after_urgent_data(echo):
    client = echo.connect()
    client.sendall(b"abc")
    client.send(b"!", socket.MSG_OOB)
    client.sendall(b"def")
    assert receive(client, 6) == b"abcdef"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_echo_closes_every_connection_on_a_signal(echo, number):
    clients = [echo.connect() for _ in range(20)]
    for client in clients:
        client.sendall(b"hi")
        assert receive(client, 2) == b"hi"
    assert echo.end(number) == (0, "")
    for client in clients:
        assert client.recv(1) == b""


def test_echo_turns_nobody_away_for_good_when_descriptors_run_out(echo):
    first = echo.connect()
    subprocess.run(["prlimit", f"--pid={echo.process.pid}", "--nofile=24"], check=True, timeout=10)
    clients = [echo.connect() for _ in range(40)]
    first.sendall(b"in")
    assert receive(first, 2) == b"in"
    for client in clients[:39]:
        client.close()
    clients[39].sendall(b"my turn")
    assert receive(clients[39], 7) == b"my turn"


def test_echo_over_ipv6():
    if not has_ipv6():
        pytest.skip("unsupported: this machine has no IPv6")
    for backend in REAL:
        with Echo(backend, "::1", socket.AF_INET6) as echo:
            client = echo.connect()
            client.sendall(b"six")
            assert receive(client, 3) == b"six"


@pytest.mark.parametrize("backend", REAL)
@pytest.mark.parametrize(
    "address, says",
    [("nonsense", "invalid argument"), ("127.0.0.1:70000", "invalid argument"), ("203.0.113.1:7", "no such address")],
)
def test_echo_says_what_is_wrong_with_an_address(backend, address, says):
    process = run("echo", address, backend=backend)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert address in errors and says in errors and errors.count("\n") == 1


@pytest.mark.parametrize("backend", REAL)
def test_echo_says_that_its_port_is_in_use(backend):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = run("echo", f"127.0.0.1:{taken.getsockname()[1]}", backend=backend)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1 and "already in use" in errors


def test_an_unknown_backend_lists_what_there_is():
    process = run("echo", backend="carrier-pigeon")
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert all(name in errors for name in BACKENDS) and errors.count("\n") == 1


def sim_test(*arguments):
    return subprocess.run([str(EXAMPLES / "sim_test"), *arguments], capture_output=True, text=True, timeout=60)


def test_sim_test_passes_with_every_seed():
    done = sim_test()
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 of 100 seeds fail\n", "")


def test_sim_test_shows_the_same_seed_the_same_and_another_otherwise():
    first, again, other = sim_test("7"), sim_test("7"), sim_test("8")
    assert first.returncode == again.returncode == other.returncode == 0
    assert first.stdout == again.stdout != other.stdout
    assert first.stdout.count("\n") > 30 and " slow-connect " in first.stdout


def test_sim_test_finds_a_server_that_gives_up(compiler, tmp_path):
    sound = (TREE / "examples/sim_test.c").read_text()
    broken = sound.replace("continue; /* the next accept", "ROUSE_RETURN(0); /* the next accept")
    assert broken != sound
    source = tmp_path / "gives_up.c"
    source.write_text(broken)
    done = compiler.program("gives_up", source)()
    assert done.returncode == 1 and "seed " in done.stdout


# ---- what the README says of them


def test_the_readme_shows_echo_whole():
    readme = (TREE / "README.md").read_text()
    echo = (TREE / "examples" / "echo.c").read_text()
    assert f"```c\n{echo}```" in readme
    assert len(echo.splitlines()) <= 90


def test_the_readme_names_files_that_are_there():
    for path in re.findall(r"\]\(([^)#:]+)\)", (TREE / "README.md").read_text()):
        assert (TREE / path).exists(), path
