"""The suite is tested by mutants, and they by these: a canary is seen through the whole
pipeline, a survivor is called one, and so is a legal variant that is refused."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest
from conftest import CONFORM, TREE, listing

MUTANTS = TREE / "conformance/mutants"
sys.path.insert(0, str(MUTANTS))

import manifest  # noqa: E402

CANARY = """
[[mutant]]
name = "canary"
breaks = "E7"
case = "e7_a_wake_before_the_first_wait_*"
why = "nobody is ever woken"
decorator = true
"""

HARMLESS = """
[[mutant]]
name = "canary"
breaks = "E6"
case = "e6_only_what_is_armed_*"
why = "it wakes nobody, which is no matter of E6"
decorator = true
"""

REVERSED = """
[[legal]]
name = "batches-reversed"
why = "order inside a batch lawfully differs"
decorator = true
"""


def run_mutants(folder, manifests, *arguments):
    """ci/mutants' program with manifests of our own and the rouse-conform that there is."""
    (folder / "manifests").mkdir(exist_ok=True)
    (folder / "manifests/some.toml").write_text(manifests)
    command = [sys.executable, MUTANTS / "mutants.py", "--manifests", folder / "manifests", "--conform", CONFORM]
    return subprocess.run(
        [*map(str, command), "--work", str(folder / "work"), "--workers", "2", *arguments],
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


# ---- the canary


@pytest.fixture(scope="session")
def decorators(compiler):
    made = compiler.folder / "decorators.so"
    compiler.must("-shared", "-fPIC", "-o", made, *sorted(MUTANTS.glob("*.c")))
    return made


@pytest.fixture(scope="session")
def canary(conform, decorators, tmp_path_factory):
    """What rouse-conform says of it, in every form, and in a kill matrix of its own."""
    folder = tmp_path_factory.mktemp("canary")
    options = ["--plugin", decorators, "--case", "e7_*", "--timeout", "4", "--json", folder / "report.json"]
    options += ["--junit", folder / "junit.xml", "--html", folder / "page.html"]
    done = conform(*options, ROUSE_MUTANT="canary", ROUSE_MUTANT_BASE="sim")
    return done, folder


def test_without_a_name_the_decorator_is_right(conform, decorators):
    done = conform("--plugin", decorators, "--case", "e7_*", ROUSE_MUTANT_BASE="sim")
    assert done.returncode == 0, done.stdout


def test_the_canary_is_red_in_the_exit_status_and_the_totals(canary):
    done, _ = canary
    assert done.returncode == 1
    assert re.search(r"^\d+ passed, [1-9]\d* failed$", done.stdout.splitlines()[-1])


def test_the_canary_is_red_in_the_matrix(canary):
    done, _ = canary
    assert re.search(r"^E7  Wake +fail \d+/\d+", done.stdout, flags=re.M)
    assert re.search(r"^fail  decorated: e7_a_wake_before_the_first_wait_ends_it$", done.stdout, flags=re.M)
    assert re.search(r"^decorated: .*\d+ fail \(.*E7.*\)", done.stdout, flags=re.M)


def test_the_canary_is_red_in_json(canary):
    report = json.loads((canary[1] / "report.json").read_text())
    cells = {guarantee["id"]: guarantee["cells"]["decorated"]["status"] for guarantee in report["guarantees"]}
    results = {case["id"]: case["results"]["decorated"] for case in report["cases"]}
    assert cells["E7"] == "fail" and report["totals"]["decorated"]["fail"] > 0
    assert results["e7_a_wake_before_the_first_wait_ends_it"] == "fail"


def test_the_canary_is_red_in_junit(canary):
    (suite,) = xml.etree.ElementTree.parse(canary[1] / "junit.xml").getroot()
    assert int(suite.get("failures")) > 0
    (case,) = [case for case in suite if case.get("name") == "e7_a_wake_before_the_first_wait_ends_it"]
    assert "E7" in [failure.get("type") for failure in case.findall("failure")]


def test_the_canary_is_red_on_the_page(canary):
    page = (canary[1] / "page.html").read_text()
    row = page.split('<tr id="E7">')[1].split("</tr>")[0]
    assert '<span class="mark fail">fail' in row
    assert '<div class="card bad"><b>decorated</b>' in page
    assert "What failed" in page and "e7_a_wake_before_the_first_wait_ends_it" in page.split("What failed")[1]


def test_the_canary_is_in_the_kill_matrix(tmp_path):
    done = run_mutants(tmp_path, CANARY, "--quick", "canary")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[  1/1] killed   E7    canary: on sim, by e7_a_wake_before_the_first_wait_ends_it;" in done.stdout
    assert re.search(r"^E7  Wake +1/1 ", done.stdout, flags=re.M)
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed"
    (found,) = json.loads((tmp_path / "work/results.json").read_text())["mutants"]
    assert found["verdict"] == "killed" and found["killers"] == ["e7_a_wake_before_the_first_wait_ends_it"]
    page = (tmp_path / "work/report.html").read_text()
    assert "1 of 1 mutants" in page
    assert '<span class="pass" title="canary">#</span>' in page


# ---- what ci/mutants says of others


def test_a_survivor_is_called_one(tmp_path):
    done = run_mutants(tmp_path, HARMLESS + REVERSED, "--quick", "canary")
    assert done.returncode == 1
    assert "SURVIVED E6" in done.stdout and "0 of 1 mutants were killed" in done.stdout
    assert re.search(r"^E6 +No invention +0/1 +\d+ +!canary", done.stdout, flags=re.M)
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"
    page = (tmp_path / "work/report.html").read_text()
    assert '<div class="card bad"><b>mutants</b>' in page and '<span class="fail" title="canary">!</span>' in page


def test_a_legal_variant_that_is_refused_is_red(tmp_path):
    """None is, so one is run on a machine without memory, where others fail as well."""
    refused = REVERSED.replace("decorator = true", 'decorator = true\nfaults = "no-memory=1000000"')
    done = run_mutants(tmp_path, refused, "--quick", "batches-reversed")
    assert done.returncode == 1
    assert re.search(r"REFUSED  legal batches-reversed: on sim, [1-9]\d* of \d+ cases fail", done.stdout)
    assert "0 of 1 legal variants passed" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"


def test_a_guarantee_without_a_mutant_is_missed(tmp_path):
    done = run_mutants(tmp_path, CANARY, "--quick")
    assert done.returncode == 1
    assert re.search(r"^required, and broken by no mutant: E1 E2 .* E6 E8 ", done.stdout, flags=re.M)
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed"


@pytest.mark.parametrize(
    "change, says",
    [
        (('breaks = "E7"', 'breaks = "E99"'), "some.toml: canary: no guarantee is called E99"),
        (('breaks = "E7"', ""), "some.toml: canary: breaks is missing"),
        (('case = "e7_a', 'case = "e7_nothing_like'), "no case that is tagged with E7 is like e7_nothing_like"),
        (('case = "e7_a_wake_before', 'case = "e1_a_report'), "no case that is tagged with E7 is like e1_a_report"),
        (('name = "canary"', 'name = "carnary"'), "some.toml: carnary: there is no such decorator"),
        (("decorator = true", "decorated = true"), "some.toml: canary: a mutant has no 'decorated'"),
        (("decorator = true", ""), "some.toml: canary: it is either a decorator or has edits"),
        (("decorator = true", CANARY), "some.toml: "),
        (
            ("decorator = true", '[[mutant.edit]]\nfile = "src/rouse.c"\nold = "nowhere"\nnew = ""'),
            "some.toml: canary: src/rouse.c has this 0 times, not once: nowhere",
        ),
        (
            ("decorator = true", '[[mutant.edit]]\nfile = "src/house.c"\nold = "a"\nnew = ""'),
            "some.toml: canary: there is no src/house.c",
        ),
        (("why =", "why is"), "some.toml: "),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_in_one_line(tmp_path, change, says):
    done = run_mutants(tmp_path, CANARY.replace(*change))
    assert done.returncode == 2 and done.stdout == ""
    assert says in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_name_that_is_not_there_is_told(tmp_path):
    done = run_mutants(tmp_path, CANARY, "carnary")
    assert done.returncode == 2
    assert "is called carnary" in done.stderr and done.stderr.count("\n") == 1


def test_the_manifests_are_right():
    entries = manifest.load(MUTANTS)
    assert manifest.check(entries, listing()) == []
    assert manifest.unnamed(entries) == []
    assert sum(entry.legal for entry in entries) >= 12


def test_every_clause_of_the_queue_is_broken_in_several_ways():
    entries = manifest.load(MUTANTS)
    for clause in range(1, 12):
        assert sum(entry.breaks == f"E{clause}" and entry.decorator for entry in entries) >= 3, clause


# ---- the page


@pytest.mark.parametrize(
    "text, says",
    [
        (None, "No such file"),
        ("something else\n", "it is not what ci/mutants writes"),
        ("rouse-kills/1\nkilled\tE7\n", "one of its lines is not as it should be"),
        ("rouse-kills/1\nkilled\tE99\tn\ts\t-\t-\t0\t0\t1\tw\n", "one of its lines is not as it should be"),
        ("rouse-kills/1\nkilled\tE7\tn\ts\t-\t-\t0\t0\t1\tw", "one of its lines is not as it should be"),
    ],
)
def test_a_file_of_kills_that_is_none_is_told_in_one_line(conform, tmp_path, text, says):
    path = tmp_path / "kills.tsv"
    if text is not None:
        path.write_text(text)
    done = conform("--backend", "sim", "--case", "e1_*", "--kills", path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"cannot read {path}: {says}" in done.stderr


def test_the_page_says_what_the_file_says(conform, tmp_path):
    lines = [
        "killed\tE7\tone\tsim\te7_a e7_b\tE7 E9\t2\t500\t1.5\tbecause <of> this",
        "survived\tE9\ttwo\tepoll\t-\tE1\t1\t500\t2.5\twhy not",
        "passes\t-\tthree\tsim\t-\t-\t0\t519\t3.0\tit may",
    ]
    (tmp_path / "kills.tsv").write_text("rouse-kills/1\n" + "".join(f"{line}\n" for line in lines))
    options = ["--backend", "sim", "--case", "e1_*", "--html", tmp_path / "page.html"]
    conform(*options, "--kills", tmp_path / "kills.tsv")
    page = (tmp_path / "page.html").read_text()
    assert "1 of 2 mutants" in page and "1 of 1 legal variants passed" in page
    mutants = page.split('<h2 id="mutants">')[1]
    rows = {id: mutants.split(f'<a href="#{id}">')[1].split("</tr>")[0] for id in ("E1", "E7", "E9")}
    assert "killed 1/1" in rows["E7"] and "<code>e7_a</code>, <code>e7_b</code>" in rows["E7"]
    assert "because &#60;of&#62; this" in rows["E7"] and "2 of 500 cases failed, red: E7 E9" in rows["E7"]
    assert '<span class="mark fail">killed 0/1</span>' in rows["E9"]
    assert "E7 <code>one</code>" in rows["E9"] and "E9 <code>two</code>" in rows["E1"]
    assert "<code>three</code>" in mutants.split("Legal variants")[1]
    assert mutants.count("<details") == mutants.count("</details>")


def test_without_such_a_file_the_page_has_no_mutants(conform, tmp_path):
    conform("--backend", "sim", "--case", "e1_*", "--html", tmp_path / "page.html")
    assert "mutants" not in (tmp_path / "page.html").read_text()
