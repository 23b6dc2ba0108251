"""Wake traces: that every scenario rests alike on each backend, as it rested when its golden
trace was written; and that trace_diff.py says where two part.

Golden traces hold the points of rest of `sim`. After a change that is meant, write them
again with ROUSE_WRITE_GOLDEN=1, and look at the difference before it is committed.
"""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import TREE, listing

LISTING = listing()
PREFIX = "b5_the_same_on_every_backend_"
SCENARIOS = [case["id"][len(PREFIX) :] for case in LISTING["cases"] if case["id"].startswith(PREFIX)]
GOLDEN = TREE / "conformance" / "trace" / "golden"
WHAT_HAPPENS = {"arm", "report", "wake", "poll", "result", "ended"}


def trace(conform, scenario, backend):
    done = conform("--trace", scenario, "--backend", backend)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def diff(*paths):
    return subprocess.run(
        [sys.executable, str(TREE / "conformance" / "trace_diff.py"), *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def points(text):
    return [line for line in text.splitlines() if '"point"' in line]


@pytest.fixture(scope="module")
def traces(conform, tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")

    def of(scenario, backend):
        path = folder / f"{scenario}-{backend}.jsonl"
        if not path.exists():
            path.write_text(trace(conform, scenario, backend))
        return path

    return of


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("backend", [name for name in LISTING["backends"] if name != "sim"])
def test_it_rests_as_sim_does(traces, scenario, backend):
    done = diff(traces(scenario, "sim"), traces(scenario, backend))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_it_rests_as_it_always_did(traces, scenario):
    text = traces(scenario, "sim").read_text()
    golden = GOLDEN / f"{scenario}.jsonl"
    if os.environ.get("ROUSE_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text("\n".join([text.splitlines()[0], *points(text)]) + "\n")
    assert points(golden.read_text()) == points(text)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_it_says_enough(traces, scenario):
    lines = [json.loads(line) for line in traces(scenario, "sim").read_text().splitlines()]
    assert sum(bool(WHAT_HAPPENS & line.keys()) for line in lines) >= 10
    assert not re.search(r"0x[0-9a-f]{6}", json.dumps(lines)), "an address"


def test_the_same_seed_gives_the_same_trace(conform):
    assert trace(conform, "many_streams", "sim") == trace(conform, "many_streams", "sim")


def test_golden_traces_have_scenarios():
    assert sorted(path.stem for path in GOLDEN.glob("*.jsonl")) == sorted(SCENARIOS)


# ---- the diff


def test_a_difference_is_told_in_words(traces, tmp_path):
    other = tmp_path / "other.jsonl"
    text = traces("bytes_then_end", "sim").read_text().replace('"backend":"sim"', '"backend":"broken"')
    changed = text.replace("read was 64", "read was 63")
    assert changed != text
    lines = []
    for line in changed.splitlines():
        lines.append(re.sub('"hash":"....', '"hash":"ffff', line) if "read was 63" in line else line)
    other.write_text("\n".join(lines) + "\n")
    done = diff(traces("bytes_then_end", "sim"), other)
    assert done.returncode == 1
    first = done.stdout.splitlines()[0]
    assert 'at point 3, "send p0.b 64"' in first
    assert 'on sim "a: await 01, read was 64"' in first and 'on broken "a: await 01, read was 63"' in first


@pytest.mark.parametrize("text", ["", "{}\n", "not json\n", '{"schema":"rouse-trace/2"}\n'])
def test_what_is_no_trace_is_said_in_a_line(traces, tmp_path, text):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    done = diff(traces("ring", "sim"), path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and str(path) in done.stderr


def test_two_scenarios_are_not_compared(traces):
    done = diff(traces("ring", "sim"), traces("reset", "sim"))
    assert done.returncode == 2 and "two scenarios" in done.stderr


def test_an_unknown_scenario_is_said_in_a_line(conform):
    done = conform("--trace", "nonesuch", "--backend", "sim")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
