"""Who killed whom: what the runs of all mutants come to, for people, for programs, and for
the page."""

import collections
import json
import textwrap

KILLED, SURVIVED, PASSED, REFUSED, BROKEN = "killed", "SURVIVED", "passes", "REFUSED", "BROKEN"
GOOD = (KILLED, PASSED)


class Outcome:
    """What became of one entry. `cases` are those that failed, each with the guarantees that
    it found broken."""

    def __init__(self, entry, verdict, seconds, cases=None, red=(), ran=0, killers=(), says=""):
        self.entry = entry
        self.verdict = verdict
        self.seconds = seconds
        self.cases = cases or {}
        self.red = list(red)
        self.ran = ran
        self.killers = sorted(killers)  # cases that killed it, by its own guarantee
        self.says = says

    @property
    def good(self):
        return self.verdict in GOOD

    def line(self):
        entry = self.entry
        head = f"{self.verdict:<9}{entry.breaks or 'legal':<6}{entry.name}"
        if self.verdict == KILLED:
            more = f" and {len(self.killers) - 1} more" if len(self.killers) > 1 else ""
            tail = f"by {self.killers[0]}{more}; "
        elif self.verdict == SURVIVED:
            tail = f"no case like {' '.join(entry.cases)} saw {entry.breaks} broken; "
        elif self.verdict == BROKEN:
            tail = f"{self.says}; "
        else:
            tail = ""
        if self.cases:
            tail += f"{len(self.cases)} of {self.ran} cases fail, red: {' '.join(self.red) or '-'}; "
        elif self.verdict != BROKEN:
            tail += f"{self.ran} cases, none fails; "
        return f"{head}: on {entry.on}, {tail}{self.seconds:.1f} s"

    def details(self):
        """For what went wrong: the first cases that failed and what they said."""
        shown = list(self.cases.items())[:5] if self.verdict in (REFUSED, SURVIVED) else []
        lines = [f"{case}: {found['says']}" for case, found in shown]
        if self.verdict == BROKEN:
            lines += self.says.splitlines()[1:][-8:]
        return [f"             {line[:200]}" for line in lines]


def own(outcomes, id):
    return [o for o in outcomes if o.entry.breaks == id]


def row(outcomes, id):
    """Of a guarantee: its mutants, those killed, and the others for which it was red too."""
    mine = own(outcomes, id)
    killed = [o for o in mine if o.verdict == KILLED]
    others = [o for o in outcomes if not o.entry.legal and o.entry.breaks != id and id in o.red]
    return mine, killed, others


def alone(outcomes):
    """Cases that were the only one of their guarantee to kill a mutant, and how many."""
    return collections.Counter(o.killers[0] for o in outcomes if len(o.killers) == 1)


def matrix(outcomes, listing, whole):
    """The matrix as lines: guarantees down, their mutants beside them."""
    yield "Of each guarantee's mutants, those that a case of this guarantee killed; for how many"
    yield "mutants of other guarantees it turned red too; and its own by name, ! for a survivor."
    yield ""
    for guarantee in listing["guarantees"]:
        mine, killed, others = row(outcomes, guarantee["id"])
        if not mine and not whole:
            continue
        count = f"{len(killed)}/{len(mine)}" if mine else "none" if guarantee["level"] == "required" else "-"
        names = " ".join(("" if o.verdict == KILLED else "!") + o.entry.name for o in mine)
        head = f"{guarantee['id']:<4}{guarantee['title'][:22]:<23}{count:>6}{len(others):>5}   "
        yield from textwrap.wrap(
            head + names, 118, subsequent_indent=" " * len(head), break_on_hyphens=False, drop_whitespace=True
        ) if names else [head.rstrip()]


def grid(outcomes, listing):
    """Every mutant a column: # killed by this guarantee, which is its own; + red too."""
    mutants = [o for o in outcomes if not o.entry.legal]
    yield "Guarantees down, mutants across in the order below: # its own, and killed; ! its own, and"
    yield "survived; + red as well."
    yield ""
    for guarantee in listing["guarantees"]:
        cells = ""
        for o in mutants:
            mine = o.entry.breaks == guarantee["id"]
            cells += ("#" if o.verdict == KILLED else "!") if mine else "+" if guarantee["id"] in o.red else "."
        yield f"{guarantee['id']:<5}{cells}"
    yield ""
    for number, o in enumerate(mutants, 1):
        yield f"{number:4}  {o.line()}"


def idle(outcomes, listing):
    """Cases that no mutant made fail, and those that killed none alone."""
    failed = {case for o in outcomes if not o.entry.legal for case in o.cases}
    single = alone(outcomes)
    cases = [case["id"] for case in listing["cases"]]
    return [case for case in cases if case not in failed], [case for case in cases if not single[case]]


def write_json(outcomes, listing, failures, path):
    never, not_alone = idle(outcomes, listing)
    known = {guarantee["id"]: guarantee for guarantee in listing["guarantees"]}
    path.write_text(
        json.dumps(
            {
                "schema": "rouse-mutants/1",
                "mutants": [
                    {
                        "name": o.entry.name,
                        "breaks": o.entry.breaks,
                        "on": o.entry.on,
                        "why": o.entry.why,
                        "verdict": o.verdict.lower(),
                        "killers": o.killers,
                        "red": o.red,
                        "cases": o.cases,
                        "ran": o.ran,
                        "seconds": round(o.seconds, 1),
                    }
                    for o in outcomes
                ],
                "guarantees": {
                    id: {
                        "mutants": len(row(outcomes, id)[0]),
                        "killed": len(row(outcomes, id)[1]),
                        "red_too": [o.entry.name for o in row(outcomes, id)[2]],
                    }
                    for id in known
                },
                "cases_that_no_mutant_made_fail": never,
                "cases_that_killed_none_alone": not_alone,
                "failures": failures,
            },
            indent=1,
        )
    )


def write_table(outcomes, path):
    """For rouse-conform --kills: a line for each, fields between tabs."""
    with open(path, "w", encoding="utf-8") as file:
        print("rouse-kills/1", file=file)
        for o in outcomes:
            fields = [
                o.verdict.lower(),
                o.entry.breaks or "-",
                o.entry.name,
                o.entry.on,
                " ".join(o.killers) or "-",
                " ".join(o.red) or "-",
                str(len(o.cases)),
                str(o.ran),
                f"{o.seconds:.1f}",
                o.entry.why,
            ]
            print("\t".join(field.replace("\t", " ") for field in fields), file=file)


def write_text(outcomes, listing, path):
    never, not_alone = idle(outcomes, listing)
    lines = [*matrix(outcomes, listing, True), "", *grid(outcomes, listing), ""]
    lines += [f"{o.line()}" for o in outcomes if o.entry.legal]
    lines += ["", f"Cases that no mutant made fail, {len(never)}:", *(f"  {case}" for case in never)]
    lines += ["", f"Cases that killed no mutant alone, {len(not_alone)}:", *(f"  {case}" for case in not_alone)]
    path.write_text("\n".join(lines) + "\n")
