"""The simulation with its faults on is a backend like the others: the suite must pass it.

A fault is something that the contract allows, so a case that fails under one either found a
bug of the simulation, or asserts more than its guarantee says.
"""

import re

import pytest
from conftest import TREE

# What befalls the queue, as hard as it can be; and all of it at once, by chance.
QUEUE = [
    "seed=1",
    "interrupt=1000000",
    "spurious=1000000",
    "seed=2 spurious=200000",
    "delay=1000000",
    "seed=3 delay=300000",
    "reorder=1000000",
    "split=1000000",
    "failed-wake=1000000",
    "late-clock=1000000",
    "jump=1000000:1000000",
    "batch=1",
    "batch=1 reorder=1000000 split=1000000 spurious=1000000 delay=1000000",
    *(
        f"seed={seed} batch={seed} interrupt=300000 spurious=300000 delay=300000 reorder=300000 "
        "split=300000 failed-wake=300000 late-clock=300000 jump=50000:1000000"
        for seed in range(4, 8)
    ),
]

# What befalls the calls of net futures. Cases about sockets say how many bytes one call
# moves, so these are for what stands on them.
CALLS = [
    "short-read=1000000:1 short-write=1000000",
    "would-block=1000000",
    "seed=1 short-read=300000 short-write=300000 would-block=300000 interrupt=300000",
]


def passes(conform, faults, *patterns, most_passed):
    cases = [argument for pattern in patterns for argument in ("--case", pattern)]
    done = conform("--backend", "sim", "--in-process", "--timeout", 60, *cases, timeout=300, ROUSE_SIM=faults)
    passed = re.search(r"^(\d+) passed, 0 failed", done.stdout, re.M)
    assert done.returncode == 0 and passed, done.stdout
    assert int(passed[1]) >= most_passed


@pytest.mark.parametrize("faults", QUEUE)
def test_the_queue_keeps_the_contract_under(conform, faults):
    passes(conform, faults, "e*_*", most_passed=90)


@pytest.mark.parametrize("faults", CALLS)
def test_futures_and_tasks_keep_theirs_under(conform, faults):
    passes(conform, faults, "f?_*", "w?_*", "t*_*", "r?_*", "l?_*", "g?_*", most_passed=150)


@pytest.mark.parametrize("faults", ["nonsense=1", "delay=often", "seed=", "batch=99999999999"])
def test_faults_that_cannot_be_read_are_told(conform, faults):
    done = conform("--backend", "sim", "--require", "sim", "--case", "e1_*", ROUSE_SIM=faults)
    assert done.returncode == 1
    assert "invalid argument" in done.stdout + done.stderr


def test_the_page_has_each_fault_of_the_header():
    header = (TREE / "include/rouse/sim.h").read_text()
    faults = re.findall(r"ROUSE_SIM_([A-Z_]+),", header.split("enum rouse_sim_fault {")[1].split("};")[0])
    page = (TREE / "docs/sim.md").read_text()
    assert len(faults) == 18
    for fault in faults:
        name = fault.lower().replace("_", "-")
        assert f"`{name}`" in page.split("| name |")[1], name
        assert f'"{name}"' in header, name
