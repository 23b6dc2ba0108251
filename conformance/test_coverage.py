"""ci/check_coverage.py: what is not covered fails, unless it is named, and names have to hold."""

import json
import subprocess
import sys

import pytest

from conftest import TREE

SOURCE = """\
int half(int n)
{
    ROUSE_RULE(n > 0 && n < 9, "a rule", "half");

    if (n < 0)
        return -1;
    return n / 2;
}
"""

EXCEPTION = """
[[exception]]
file = "src/task/half.c"
line = "if (n < 0)"
condition = "n < 0"
never = "true"
lines = 1
why = "Nobody has less than nothing."
"""


@pytest.fixture
def check(tmp_path):
    """Runs it over one source, of which so much was counted; returns its status and output."""
    (tmp_path / "src/task").mkdir(parents=True)
    (tmp_path / "conformance").mkdir()
    source = tmp_path / "src/task/half.c"
    source.write_text(SOURCE)

    def run(exceptions="", times=(4,), negative=0):
        files = []
        for i, count in enumerate(times):
            # Line and column of the start and the end, how often true and false, and files.
            branches = [[5, 9, 5, 14, negative, count - negative, 0, 0, 4], [3, 16, 3, 21, 0, 0, 0, 0, 4]]
            export = tmp_path / f"{i}.json"
            export.write_text(json.dumps({"data": [{"functions": [{"filenames": [str(source)], "branches": branches}]}]}))
            lines = {1: count, 2: count, 5: count, 6: negative, 7: count - negative, 8: count, 4: 0}
            info = tmp_path / f"{i}.info"
            info.write_text(f"SF:{source}\n" + "".join(f"DA:{n},{c}\n" for n, c in lines.items()))
            files += [export, info]
        (tmp_path / "conformance/coverage.toml").write_text(exceptions)
        done = subprocess.run(
            [sys.executable, TREE / "ci/check_coverage.py", "--root", tmp_path, *files],
            text=True, capture_output=True, check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_all_is_covered(check):
    status, out = check(negative=1)
    assert status == 0 and out.endswith("1 passed, 0 failed\n")


def test_a_condition_and_a_line_are_not(check):
    status, out = check()
    assert status == 1
    assert "src/task/half.c:5: (n < 0) is never true" in out
    assert "src/task/half.c:6: never executed" in out
    assert "half.c:4" not in out and "half.c:3" not in out  # a blank line, and a rule


def test_what_is_named_may_be_left(check):
    status, out = check(EXCEPTION)
    assert status == 0 and "1 passed, 0 failed" in out


def test_what_is_named_and_covered_is_an_error(check):
    status, out = check(EXCEPTION, negative=1)
    assert status == 1 and "is covered after all" in out
    assert check(EXCEPTION + "seldom = true\n", negative=1)[0] == 0


def test_what_is_named_and_not_there_is_an_error(check):
    status, out = check(EXCEPTION + EXCEPTION.replace("if (n < 0)", "if (n < 1)"))
    assert status == 1 and "is not there any more" in out


def test_there_may_be_few_exceptions(check):
    status, out = check(EXCEPTION * 26)
    assert status == 1 and "26 exceptions, 25 are allowed" in out


def test_two_builds_count_as_one(check):
    assert "7 /    7" in check(negative=1, times=(1, 4))[1]
