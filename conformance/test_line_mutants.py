"""What the mutator makes of C, and what the runner makes of survivors."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "mutants"))
import line_runner  # noqa: E402
import lines  # noqa: E402
import reach  # noqa: E402

HERE = "src/here.c"

PIECE = r"""/*
 * if (a == b) -- a comment
 */
#define TWICE(x) ((x) + \
                  (x) * 1)

enum { ROOM = 8 };

static bool is_full(struct queue *queue, int *count)
{
    const char *text = "a == b"; /* a != b */
    int i = 0;

    ROUSE_RULE(queue->count >= 0, "E1: never", NULL);
    (void) text;
    if (queue->count < ROOM && !queue->closed)
        *count = i;
    else
        return true; // not < here
    for (i = 0; i < 7; i++)
        step(queue,
             '=');
    switch (i) {
    case 1: i--; break;
    default: break;
    }
    return queue->flags & 4;
}
"""


def made_of(source):
    return [(mutant.line, mutant.change) for mutant in lines.mutants(HERE, source)]


def test_what_is_made_of_a_small_piece():
    assert sorted(made_of(PIECE)) == sorted(
        [(7, "8 -> 7"), (7, "8 -> 9"), (12, "0 -> 1")]
        + [(16, change) for change in ("swapped", "always", "never", "< -> <=", "< -> >=", "&& -> ||", "! -> nothing")]
        + [(17, "deleted"), (18, "else removed"), (19, "true -> false")]
        + [(20, change) for change in ("never", "0 -> 1", "< -> <=", "< -> >=", "7 -> 6", "7 -> 8", "++ -> --")]
        + [(21, "deleted"), (24, "1 -> 0"), (24, "1 -> 2"), (24, "deleted"), (24, "deleted (2)"), (24, "-- -> ++")]
        + [(25, "deleted"), (27, "return true"), (27, "return false")]
        + [(27, change) for change in ("& -> |", "4 -> 3", "4 -> 5")]
    )


def test_an_edit_is_what_its_name_says():
    edited = {mutant.line: mutant.applied(PIECE).split("\n") for mutant in lines.mutants(HERE, PIECE)
              if mutant.change in ("swapped", "deleted", "else removed", "return true")}
    assert edited[16][15] == "    if (!(queue->count < ROOM && !queue->closed))"
    assert edited[17][16] == "        ;"
    assert edited[18][17:19] == ["    ", " // not < here"]
    assert edited[21][20:22] == ["        ;", ""]
    assert edited[27][26] == "    return true;"


def test_what_is_no_code_is_left_alone():
    for mutant in lines.mutants(HERE, PIECE):
        edited = mutant.applied(PIECE)
        assert edited != PIECE and edited.count("\n") == PIECE.count("\n")
        for kept in ('"a == b"; /* a != b */', "TWICE(x) ((x) + \\", "(x) * 1)", "queue->count >= 0", "(void) text;"):
            assert kept in edited
    assert "case 0: i--" not in lines.blanked(PIECE)
    assert len(lines.blanked(PIECE)) == len(PIECE)


def test_pointers_are_no_products():
    source = "int f(struct a *b)\n{\n    struct a *c = (struct a *) (void *) b;\n\n    return *c * *b;\n}\n"
    assert [change for _, change in made_of(source)] == ["return 0", "* -> /"]


def test_an_identity_survives_edits_elsewhere():
    before = {mutant.key for mutant in lines.mutants(HERE, PIECE)}
    moved = PIECE.replace("enum {", "static int other(void)\n{\n    return 1;\n}\n\nenum {")
    moved = moved.replace("    int i = 0;\n", "    int i = 0;\n    int j = 1;\n")
    after = {mutant.key for mutant in lines.mutants(HERE, moved)}
    assert before < after
    assert {key[1] for key in after - before} == {"other", "is_full"}


def test_lines_of_one_text_are_told_apart():
    source = "void f(int a)\n{\n    g(a == 1);\n    g(a == 1);\n    h(1 == 1);\n}\n"
    keys = [mutant.key for mutant in lines.mutants(HERE, source)]
    assert len(set(keys)) == len(keys)
    assert (HERE, "f", "g(a == 1);", 2, "== -> !=") in keys
    assert (HERE, "f", "h(1 == 1);", 1, "1 -> 0 (2)") in keys


def all_of(file):
    return lines.mutants(file, (lines.ROOT / file).read_text())


@pytest.mark.parametrize("file", lines.files())
def test_all_of_a_file_have_identities(file):
    keys = [mutant.key for mutant in all_of(file)]
    assert len(set(keys)) == len(keys)


# ---- survivors

NAME = """
[[survivor]]
file = "src/here.c"
function = "is_full"
line = "return true; // not < here"
changes = ["true -> false"]
verdict = "{verdict}"
reason = "it was planted"
"""
KEY = (HERE, "is_full", "return true; // not < here", 1, "true -> false")


def judged(verdict, named, key=KEY):
    mutants = lines.mutants(HERE, PIECE)
    return line_runner.judge(mutants, {key: line_runner.Outcome(verdict, "sim: e1_a_case")}, named)


def test_a_planted_survivor_is_reported():
    wrong, right = judged("survived", {})
    assert right == 0 and len(wrong) == 1
    assert wrong[0].startswith("FAIL  src/here.c:19 true -> false: survived, and is not named")


@pytest.mark.parametrize("verdict", ["equivalent", "unseen"])
def test_a_named_survivor_is_good_as_long_as_it_survives(verdict):
    named = line_runner.named_survivors(NAME.format(verdict=verdict))
    assert judged("survived", named) == ([], 1)
    wrong, right = judged("killed", named)
    assert right == 0 and "named, and killed by sim: e1_a_case" in wrong[0]


def test_a_named_one_that_is_gone_is_reported():
    named = line_runner.named_survivors(NAME.format(verdict="unseen").replace("return true", "return maybe"))
    wrong, right = judged("killed", named)
    assert right == 1 and len(wrong) == 1 and "no longer there" in wrong[0]


@pytest.mark.parametrize("broken", [NAME.format(verdict="fine"), NAME.format(verdict="unseen").replace("it was planted", " ")])
def test_who_is_named_has_a_verdict_and_a_reason(broken):
    with pytest.raises(SystemExit):
        line_runner.named_survivors(broken)


def test_equivalent_ones_are_not_counted_in_the_rate():
    mutants = lines.mutants(HERE, PIECE)[:4]
    verdicts = ["killed", "survived", "survived", "same object"]
    outcomes = {m.key: line_runner.Outcome(verdict, None) for m, verdict in zip(mutants, verdicts)}
    named = {mutants[1].key: line_runner.Survivor("equivalent", "so")}
    assert list(line_runner.table(mutants, outcomes, named))[-1].split() == "all 4 0 1 1 1 1 50.0 %".split()


def test_every_named_survivor_is_still_there():
    named = line_runner.named_survivors(line_runner.NAMED.read_text())
    there = {mutant.key for file in {key[0] for key in named} for mutant in all_of(file)}
    assert set(named) <= there


class Blind:
    """A bench on which nothing is ever noticed."""

    made = 0

    def __init__(self, folder, backends):
        Blind.made += 1

    def check(self, stages):
        pass

    def digest(self, file, text):
        return text

    def original_digest(self, file):
        return None

    def fate(self, mutant, source, killers, reach):
        return line_runner.Outcome("survived", None), None


def test_a_blind_suite_fails_the_run_and_is_not_asked_twice(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(line_runner, "Bench", Blind)
    arguments = ["--file", "src/future/async.c", "--folder", str(tmp_path)]
    assert line_runner.main(arguments) == 1
    first = capsys.readouterr().out
    count = len(all_of("src/future/async.c"))
    unnamed = first.count("survived, and is not named")
    assert unnamed > 0
    assert first.endswith(f"{count - unnamed} passed, {unnamed} failed\n")
    assert Blind.made == 2
    assert line_runner.main(arguments) == 1
    assert capsys.readouterr().out == first
    assert Blind.made == 2
    assert line_runner.main([*arguments, "--sample", "3", "--fresh"]) == 1
    assert "0 passed, 3 failed" in capsys.readouterr().out


def test_a_sample_is_the_same_each_time_and_moves_little():
    mutants = all_of("src/task/task.c")
    chosen = line_runner.sampled(mutants, 10, "1")
    assert chosen == line_runner.sampled(mutants, 10, "1") != line_runner.sampled(mutants, 10, "2")
    assert len(set(chosen) - set(line_runner.sampled(mutants[:-1], 10, "1"))) <= 1


# ---- which cases come by a line

CAME_BY = {
    "sim": {
        HERE: {
            "source": "as it was",
            "code": [3, 5, 6, 9, 12, 14],
            "functions": [[3, 7], [12, 15]],
            "cases": {"a": [3, 5], "b": [3, 6], "c": [12, 14], "d": []},
        }
    }
}


@pytest.mark.parametrize(
    "first, last, text, chosen",
    [
        (5, 5, "x = 1;", "ae"),
        (5, 6, "while (x &&", "abe"),
        (4, 4, "case 1:", "abe"),  # no code: who came into the function
        (6, 6, "} else if (x)", "abe"),
        (9, 9, "x = 1;", "abcde"),  # nobody came by
        (1, 1, "enum { X = 1 };", "abcde"),
    ],
)
def test_who_comes_by_a_line_is_asked_and_who_is_new(tmp_path, first, last, text, chosen):
    known = reach.Reach(tmp_path, ())
    known.known = CAME_BY
    assert "".join(known.chosen("sim", HERE, "as it was", first, last, text, list("abcde"))) == chosen
    assert known.chosen("epoll", HERE, "as it was", first, last, text, list("abcde")) == list("abcde")
    assert known.chosen("sim", HERE, "changed", first, last, text, list("abcde")) == list("abcde")
