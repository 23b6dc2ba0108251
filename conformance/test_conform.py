"""The conformance suite, case by case on each backend; what traces tests to promises and
back; and the suite's own tests: what goes wrong must be seen, and named for what it is."""

import pathlib
import re
import resource
import subprocess
import sys
import xml.etree.ElementTree

import pytest
from conftest import TREE, listing

HERE = pathlib.Path(__file__).resolve().parent
LISTING = listing()
PAIRS = [
    (backend, case["id"])
    for backend in LISTING["backends"]
    for case in LISTING["cases"]
    if backend == "sim" or "the simulation" not in case["needs"]
]
STATUSES = {"pass", "fail", "error", "xfail", "xpass", "unsupported", "not-run"}


# ---- each case on each backend

FEW = 50  # cases that are named one by one


@pytest.fixture(scope="session")
def results(request, conform):
    """What rouse-conform says of each case that was asked for: a process for each, two at a
    time. A backend is run when its first case is asked for."""
    asked, reports = {}, {}
    for item in request.session.items:
        if item.originalname == "test_case":
            parameters = item.callspec.params
            asked.setdefault(parameters["backend"], []).append(parameters["case"])

    def result(backend, case):
        if backend not in reports:
            cases = asked[backend] if len(asked[backend]) <= FEW else ["*"]
            options = [option for name in cases for option in ("--case", name)]
            reports[backend] = conform.report("--backend", backend, "--timeout", 60, *options, timeout=900)[1]
        return reports[backend]["backends"][0], {c["id"]: c for c in reports[backend]["cases"]}[case]

    return result


@pytest.mark.parametrize("backend, case", PAIRS, ids=[f"{backend}-{case}" for backend, case in PAIRS])
def test_case(results, backend, case):
    ran, found = results(backend, case)
    status = found["results"][backend]
    messages = "; ".join(f"{m.get('guarantee', '')} {m['message']}".strip() for m in found["messages"])
    if status in ("unsupported", "not-run"):
        why = ran.get("message", messages)
        assert why, "nothing says why"
        pytest.skip(f"{status}: {why}")
    assert status == "pass", messages


# ---- traceability


def sources():
    return sorted(path for path in HERE.rglob("*.c") if "selftest" not in path.parts)


def bodies(text):
    """Each CASE of a source: its name, its tags, and its body."""
    starts = list(re.finditer(r'^CASE\((\w+),\s*"([^"]*)"', text, flags=re.M))
    for start in starts:
        opening = text.index("\n{", start.end())
        closing = text.index("\n}", opening)
        yield start[1], start[2].split(), text[opening:closing]


def assertions(text):
    return re.findall(r"\b(?:CHECK|CHECK_EQUAL|CHECK_MISUSE|REQUIRE|WAIT_UNLIMITED|RUN_UNLIMITED)\((\w+)", text)


def test_the_page_of_guarantees_is_what_the_table_says(conform):
    page = conform("--guarantees").stdout
    assert page == (HERE / "GUARANTEES.md").read_text(), "write it again: rouse-conform --guarantees"


def test_every_guarantee_is_complete():
    for guarantee in LISTING["guarantees"]:
        assert re.fullmatch(r"[A-Z]\d+", guarantee["id"])
        assert guarantee["level"] in ("required", "capability", "untested")
        assert "MUST" in guarantee["text"], guarantee["id"]
        assert guarantee["why"] and guarantee["source"], guarantee["id"]


def test_every_clause_of_the_headers_is_a_guarantee():
    known = {guarantee["id"] for guarantee in LISTING["guarantees"]}
    for header in (TREE / "include/rouse").glob("*.h"):
        clauses = re.findall(r"^ \*   ([A-Z]\d+) ", header.read_text(), flags=re.M)
        assert set(clauses) <= known, header.name


def test_every_required_guarantee_has_a_case():
    tagged = {tag for case in LISTING["cases"] for tag in case["guarantees"]}
    for guarantee in LISTING["guarantees"]:
        if guarantee["level"] == "untested":
            assert guarantee["id"] not in tagged
        else:
            assert guarantee["id"] in tagged, f"{guarantee['id']} has no case"


def test_every_assertion_is_about_what_its_case_is_tagged_with():
    for path in sources():
        for name, tags, body in bodies(path.read_text()):
            for asserted in assertions(body):
                assert asserted in tags, f"{path.name}: {name} asserts {asserted}"


def test_every_case_is_run():
    """It is in the list of its file, and that list in cases.def."""
    known = {case["id"] for case in LISTING["cases"]}
    for path in sources():
        for name, _, _ in bodies(path.read_text()):
            assert name in known, f"{path.name}: {name} is in no list"


def test_an_assertion_without_a_guarantee_does_not_compile(compiler, tmp_path):
    source = tmp_path / "scratch.c"
    text = '#include "world.h"\nvoid f(struct world *w);\nvoid f(struct world *w) { CHECK(%sw != 0, "text"); }\n'
    for id, compiles in (("E1, ", True), ("E99, ", False), ("", False)):
        source.write_text(text % id)
        assert (compiler("-c", "-o", tmp_path / "scratch.o", source).returncode == 0) == compiles, id


# ---- reports


@pytest.fixture(scope="session")
def some(conform, tmp_path_factory):
    """A report of a few cases, in every form."""
    folder = tmp_path_factory.mktemp("reports")
    status, report = conform.report(
        "--case", "e1_*", "--html", folder / "page.html", "--junit", folder / "junit.xml"
    )
    return status, report, folder


def test_the_json_has_its_shape(some):
    status, report, _ = some
    assert report["schema"] == "rouse-report/1"
    assert status == 0
    names = [backend["name"] for backend in report["backends"]]
    assert names == LISTING["backends"]
    for backend in report["backends"]:
        assert backend["how"] in ("native", "simulated", "wine", "emulated")
        special = {"sim": "simulated", "kqueue": "emulated" if sys.platform == "linux" else "native"}
        assert backend["how"] == special.get(backend["name"], "native")
        assert backend["system"] and isinstance(backend["version"], str)
    for guarantee in report["guarantees"]:
        assert set(guarantee["cells"]) == set(names)
        for cell in guarantee["cells"].values():
            assert cell["status"] in STATUSES | {"untested"}
    for case in report["cases"]:
        assert set(case["results"]) == set(names) and set(case["results"].values()) <= STATUSES


def test_the_totals_are_the_sums(some):
    _, report, _ = some
    for backend in report["backends"]:
        name = backend["name"]
        results = [case["results"][name] for case in report["cases"]]
        total = report["totals"][name]
        assert {"pass", "fail", "error", "unsupported", "not-run"} <= set(total) <= STATUSES
        assert total == {status: results.count(status) for status in total}
        assert sum(total.values()) == len(results) > 0


def test_the_cells_link_their_cases(some):
    _, report, _ = some
    cases = {case["id"]: case for case in report["cases"]}
    for guarantee in report["guarantees"]:
        for cell in guarantee["cells"].values():
            assert set(cell["cases"]) == {
                id for id, case in cases.items() if guarantee["id"] in case["guarantees"]
            }


def test_junit_tells_the_same(some):
    _, report, folder = some
    suites = xml.etree.ElementTree.parse(folder / "junit.xml").getroot()
    for suite in suites:
        total = report["totals"][suite.get("name")]
        assert int(suite.get("tests")) == sum(total.values()) == len(suite)
        assert int(suite.get("failures")) == total["fail"]
        assert int(suite.get("errors")) == total["error"]


def test_the_page_needs_nothing_else(some):
    _, report, folder = some
    page = (folder / "page.html").read_text()
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)|url\(|@import|<script""", page)
    for case in report["cases"]:
        assert case["id"] in page
    for backend in report["backends"]:
        assert f"<b>{backend['name']}</b>" in page
    assert report["date"] in page and report["system"] in page
    assert page.count("<details") == page.count("</details>")


def test_the_terminal_gets_denominators(conform):
    done = conform("--case", "e1_*", "--backend", "poll")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"\d+ passed, 0 failed", lines[-1])
    assert re.match(r"poll: (\d+) of \1 guarantees tested and held; (\d+) of \2 cases passed", lines[-2])


# ---- what cannot be done is told in one line


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--backend", "epol"], "no backend is called epol: there are "),
        (["--require", "epol"], "no backend is called epol: there are "),
        (["--case", "e1_nothing_like_it"], "no case is like e1_nothing_like_it"),
        (["--what"], "no such option: --what"),
        (["--jobs", "none"], "no number that fits --jobs"),
        (["--timeout", "0"], "no number that fits --timeout"),
        (["--backend"], "nothing given for --backend"),
        (["--tag", "E99"], "no guarantee is called E99"),
        (["--stop-after", "0"], "no number that fits --stop-after"),
        (["--stop-after", "1", "--in-process"], "--stop-after is for cases in processes of their own"),
        (["--list=yes"], "no such option: --list=yes"),
        (["--json", "/nowhere/at/all.json", "--case", "e1_*"], "cannot write /nowhere/at/all.json"),
        (["--html", "/nowhere/at/all.html", "--case", "e1_*"], "cannot write /nowhere/at/all.html"),
        (["--plugin", "/nowhere/libmine.so"], "the plug-in does not load"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(conform, arguments, says):
    done = conform(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_too_few_descriptors_are_told(conform):
    done = subprocess.run(
        [conform.path, "--case", "e1_*"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "64 descriptors may be open here, and 256 are needed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_told(conform):
    if not pathlib.Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    done = conform("--case", "e1_*", "--backend", "poll", "--json", "/dev/full")
    assert done.returncode == 2 and "cannot write /dev/full" in done.stderr


def test_a_shared_object_that_is_no_plugin_is_told(conform, compiler, tmp_path):
    source = tmp_path / "nothing.c"
    source.write_text("int nothing;\n")
    done = conform("--plugin", compiler.plugin(source))
    assert done.returncode == 2 and "rouse_backend_plugin" in done.stderr


def test_a_plugin_for_an_older_rouse_is_told(conform, compiler, tmp_path):
    source = tmp_path / "old.c"
    source.write_text(
        "#include <rouse/conform.h>\n"
        'static const struct rouse_evq_ops old = {.size = 8, .name = "old"};\n'
        "const struct rouse_evq_ops *rouse_backend_plugin(void) { return &old; }\n"
    )
    done = conform("--plugin", compiler.plugin(source))
    assert done.returncode == 2 and "older rouse" in done.stderr


# ---- cases that go wrong

PLANTED = {
    # case: its result, the cells that are not green and how, what is said
    "e1_passes": ("pass", {}, ""),
    "e1_passes_after_noise": ("pass", {}, ""),
    "e1_fails": ("fail", {"E1": "fail"}, "seen: 42"),
    "e1_is_left": ("fail", {"E1": "fail", "E2": "not-run"}, "cannot go on"),
    "e1_crashes": ("error", {"E1": "error"}, "ended by signal 11"),
    "e1_hangs": ("error", {"E1": "error"}, "took longer than 3 s"),
    "e1_exits_early": ("error", {"E1": "error"}, "without its last word"),
    "e1_aborts": ("fail", {"E1": "not-run", "E5": "fail"}, "it was planted"),
    "e1_exits_badly": ("error", {"E1": "error"}, "ended by signal 6"),
    "e1_leaks_memory": ("fail", {"L1": "fail"}, "1 blocks of memory, 10 bytes"),
    "e1_leaks_a_descriptor": ("fail", {"L1": "fail"}, "descriptors are open"),
    "e1_keeps_a_waker": ("fail", {"L1": "fail"}, "1 references to a waker"),
    "e1_asserts_nothing": ("error", {"E1": "error"}, "it has asserted nothing"),
    "e1_asserts_what_it_is_not_about": ("error", {"E1": "error"}, "asserts E7, but is tagged with E1"),
    "e1_is_left_without_descriptors": ("fail", {"E1": "fail"}, "cannot go on"),
    "e1_is_left_while_calls_fail": ("fail", {"E1": "fail"}, "cannot go on"),
    "e1_runs_out_of_descriptors_twice": ("pass", {}, ""),
    "e1_needs_many_descriptors": ("pass", {}, ""),
    "e1_fails_on_a_thread": ("fail", {"E1": "fail"}, "on another thread"),
    "x8_misuse_is_seen": ("pass", {}, ""),
    "x8_no_misuse_is_seen": ("fail", {"X8": "fail"}, "goes on where it should stop"),
    "e1_needs_what_is_never_there": ("unsupported", {"E1": "unsupported"}, ""),
    "e7_is_never_woken": ("fail", {"E7": "fail"}, "not ended by another thread"),
}


@pytest.fixture(scope="session")
def planted(compiler):
    return compiler.program(
        "planted",
        '-DSUITE_CASES="selftest/planted.def"',
        HERE / "main.c",
        HERE / "suite.c",
        HERE / "selftest/planted.c",
    )


def cells(report, backend):
    """The cells with cases that are not green."""
    return {
        guarantee["id"]: guarantee["cells"][backend]["status"]
        for guarantee in report["guarantees"]
        if guarantee["cells"][backend]["cases"] and guarantee["cells"][backend]["status"] != "pass"
    }


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_case_is_reported_as_what_it_is(planted, case):
    result, red, says = PLANTED[case]
    status, report = planted.report("--backend", "poll", "--case", case, "--timeout", "3")
    (found,) = report["cases"]
    assert found["results"]["poll"] == result
    assert cells(report, "poll") == red
    assert says in " ".join(message["message"] for message in found["messages"])
    assert status == (0 if result in ("pass", "unsupported") else 1)


def test_every_planted_case_is_looked_at(planted):
    assert set(re.findall(r"^(\w+)", planted("--list").stdout, flags=re.M)) == set(PLANTED)


def test_planted_failures_are_told_on_the_terminal(planted):
    done = planted("--backend", "poll", "--case", "e1_fails", "--case", "e1_passes")
    assert done.returncode == 1
    assert "E1 (One shot): seen: 42" in done.stdout
    assert re.search(r"at selftest/planted\.c:\d+", done.stdout)
    assert re.search(r"again: \S+ --backend poll --case e1_fails$", done.stdout, flags=re.M)
    assert done.stdout.endswith("1 passed, 1 failed\n")


def test_a_guarantee_without_a_case_stops_the_run(planted):
    done = planted("--backend", "poll")
    assert done.returncode == 1 and done.stdout == ""
    assert "guarantee E3 is required and has no case" in done.stderr
    assert "nothing was run" in done.stderr


def test_cases_that_cannot_be_traced_stop_the_run(compiler):
    breached = compiler.program(
        "breached",
        '-DSUITE_CASES="selftest/planted.def"',
        "-DPLANTED_BREACH",
        HERE / "main.c",
        HERE / "suite.c",
        HERE / "selftest/planted.c",
    )
    done = breached("--backend", "poll", "--case", "e1_passes")
    assert done.returncode == 1 and done.stdout == ""
    assert "e1_knows_no_guarantee names a guarantee that is not there" in done.stderr
    assert "e1_names_none names no guarantee" in done.stderr
    assert "e2_is_misnamed is not named after its first guarantee" in done.stderr
    assert "e1_passes has the name of another case" in done.stderr


def test_what_is_to_fail_may_fail_and_may_not_pass(planted):
    status, report = planted.report("--backend", "poll", "--case", "e1_fails", "--xfail", "e1_f*")
    assert status == 0 and report["cases"][0]["results"]["poll"] == "xfail"
    status, report = planted.report("--backend", "poll", "--case", "e1_passes", "--xfail", "e1_p*")
    assert status == 1 and report["cases"][0]["results"]["poll"] == "xpass"


def test_in_one_process_it_is_the_same(planted):
    cases = [case for case in PLANTED if case.startswith("e1_") and "leaks" in case] + ["e1_fails", "e1_is_left", "e1_passes"]
    options = [option for case in cases for option in ("--case", case)]
    apart = planted.report("--backend", "poll", *options)[1]
    done = planted("--backend", "poll", *options, "--in-process")
    together = planted.report("--backend", "poll", *options, "--in-process")[1]
    assert done.returncode == 1
    assert "Run Summary" in done.stdout, "CUnit's own summary"
    assert [case["results"] for case in together["cases"]] == [case["results"] for case in apart["cases"]]


@pytest.mark.parametrize("left", ["e1_is_left_without_descriptors", "e1_is_left_while_calls_fail"])
def test_in_one_process_a_case_that_is_left_leaves_to_the_next_what_it_needs(planted, left):
    cases = [left, "e1_fails_on_a_thread", "x8_misuse_is_seen"]
    options = [option for case in cases for option in ("--case", case)]
    report = planted.report("--backend", "poll", *options, "--in-process")[1]
    results = {case["id"]: case["results"]["poll"] for case in report["cases"]}
    assert [results[case] for case in cases] == ["fail", "fail", "pass"]


def test_in_one_process_a_case_gives_back_the_limit_that_it_found(planted):
    cases = ["e1_runs_out_of_descriptors_twice", "e1_needs_many_descriptors"]
    options = [option for case in cases for option in ("--case", case)]
    report = planted.report("--backend", "poll", *options, "--in-process")[1]
    results = {case["id"]: case["results"]["poll"] for case in report["cases"]}
    assert [results[case] for case in cases] == ["pass", "pass"]


# ---- backends that go wrong

BAD = {
    # what it does: cases that find it, what is red there
    "crashes": ("e1_a_report_*", {"E1": "error"}),
    "hangs": ("e1_a_report_*", {"E1": "error"}),
    "exits": ("e1_a_report_*", {"E1": "error"}),
    "leaks": ("e1_a_report_*", {"L1": "fail"}),
    "repeats": ("e1_a_report_*", {"E1": "fail"}),
    "returns-early": ("e1_a_report_*", {"E9": "fail"}),
    "loses": ("e2_what_is_ready_*", {"E2": "fail"}),
    "loses-and-returns": ("e2_what_is_ready_*", {"E2": "fail", "E9": "fail"}),
}


@pytest.fixture(scope="session")
def bad(compiler):
    return compiler.plugin(HERE / "selftest/bad_backend.c")


def test_the_plugin_that_is_not_bad_is_good(conform, bad):
    status, report = conform.report("--plugin", bad, "--case", "e[12]_*".replace("[12]", "?"))
    assert status == 0
    assert [backend["name"] for backend in report["backends"]] == ["bad"]


@pytest.mark.parametrize("how", BAD)
def test_a_bad_backend_is_red_in_the_right_place(conform, bad, how):
    cases, red = BAD[how]
    status, report = conform.report("--plugin", bad, "--case", cases, "--timeout", "3", BAD_BACKEND=how)
    assert status == 1
    assert cells(report, "bad") == red


@pytest.mark.parametrize("how, red", [("repeats", "E1"), ("loses", "E2")])
def test_without_the_wrapper_a_bad_backend_is_found_too(conform, bad, how, red):
    status, report = conform.report("--plugin", bad, "--case", BAD[how][0], "--no-check", BAD_BACKEND=how)
    assert status == 1
    assert cells(report, "bad")[red] == "fail"


def test_a_backend_that_does_not_open_is_not_run_and_says_why(conform, bad):
    options = ["--plugin", bad, "--backend", "bad", "--backend", "poll", "--case", "e1_a_report_*"]
    status, report = conform.report(*options, BAD_BACKEND="refuses")
    assert status == 0
    assert report["backends"][0]["status"] == "not-run"
    assert report["backends"][0]["message"] == "not permitted for this kind of descriptor"
    assert report["totals"]["bad"]["not-run"] == len(report["cases"])
    assert {g["cells"]["bad"]["status"] for g in report["guarantees"]} == {"not-run"}
    done = conform(*options, BAD_BACKEND="refuses")
    assert "bad: not run: not permitted" in done.stdout


def test_a_required_backend_that_does_not_open_fails_the_run(conform, bad):
    done = conform("--plugin", bad, "--require", "bad", "--case", "e1_a_report_*", BAD_BACKEND="refuses")
    assert done.returncode == 1 and "bad is required, and was not run" in done.stdout


def test_a_backend_that_crashes_when_it_opens_fails_the_run(conform, bad):
    status, report = conform.report("--plugin", bad, "--case", "e1_a_report_*", BAD_BACKEND="crashes-at-open")
    assert status == 1
    assert "crashes" in report["backends"][0]["message"]


def test_only_what_is_tagged_is_run(conform):
    report = conform.report("--backend", "poll", "--case", "e9_one_wait*", "--case", "e1_*", "--tag", "E9")[1]
    assert [case["id"] for case in report["cases"]] == ["e9_one_wait_does_not_set_the_time_of_another"]
    assert not report["complete"]


def test_after_some_failures_no_other_case_is_begun(conform, bad):
    options = ["--plugin", bad, "--tag", "E2", "--jobs", 1]
    status, report = conform.report(*options, "--stop-after", 2, BAD_BACKEND="loses")
    results = [case["results"]["bad"] for case in report["cases"]]
    assert status == 1
    assert results.count("fail") == 2 and set(results[results.index("not-run") :]) == {"not-run"}
    stopped = [case["messages"] for case in report["cases"] if case["results"]["bad"] == "not-run"]
    assert {message["message"] for (message,) in stopped} == {"stopped after 2 failures"}


def test_with_a_tag_only_its_failures_stop_the_run(conform, bad):
    # The wrapper ends cases by E9, which says nothing about E1.
    options = ["--plugin", bad, "--tag", "E1", "--case", "e1_*", "--stop-after", 1]
    report = conform.report(*options, BAD_BACKEND="returns-early")[1]
    results = [case["results"]["bad"] for case in report["cases"]]
    assert results.count("fail") > 1 and set(results) <= {"fail", "pass"}


# ---- a backend of one's own


def test_the_example_is_a_good_plugin(conform, compiler):
    done = conform("--plugin", compiler.plugin(TREE / "examples/own_backend.c"), "--timeout", 60, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "\nown: " in done.stdout


def test_a_program_of_ones_own_runs_the_suite(compiler, tmp_path):
    source = tmp_path / "mine.c"
    source.write_text(
        "#include <rouse/conform.h>\n"
        "int main(int argc, char **argv)\n"
        "{\n"
        "    return rouse_conform_main(argc, argv, rouse_backend_plugin());\n"
        "}\n"
    )
    mine = compiler.program("mine", source, TREE / "examples/own_backend.c")
    status, report = mine.report("--case", "e1_*")
    assert status == 0
    assert [backend["name"] for backend in report["backends"]] == ["own"]
