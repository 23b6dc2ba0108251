"""What the manifests say: mutants, each with the guarantee that it breaks and the cases that
must notice, and legal variants, which nothing may notice."""

import dataclasses
import fnmatch
import pathlib
import re
import tomllib

from tree import ROOT

HERE = pathlib.Path(__file__).resolve().parent

KEYS = {"name", "why", "on", "decorator", "edit", "faults"}
MUTANT_KEYS = KEYS | {"breaks", "case"}


class Wrong(Exception):
    """One line that says what is wrong with a manifest."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One run: a mutant, or a legal variant on one backend."""

    file: str
    name: str
    why: str
    on: str
    breaks: str = ""  # empty for a legal variant
    cases: tuple = ()  # patterns
    decorator: bool = False
    edits: tuple = ()  # of (file, old, new)
    faults: str = ""  # what ROUSE_SIM says

    @property
    def legal(self):
        return not self.breaks

    def killers(self, listing):
        """The cases that may kill it: tagged with what it breaks, and named by it."""
        return {
            case["id"]
            for case in listing["cases"]
            if self.breaks in case["guarantees"]
            and any(fnmatch.fnmatchcase(case["id"], pattern) for pattern in self.cases)
        }

    def texts(self):
        """The files that it edits, as they become. Wrong if an edit does not apply."""
        texts = {}
        for file, old, new in self.edits:
            try:
                text = texts[file] if file in texts else (ROOT / file).read_text()
            except OSError:
                raise Wrong(f"{self.file}: {self.name}: there is no {file}") from None
            if text.count(old) != 1:
                line = old.strip().split("\n")[0]
                raise Wrong(f"{self.file}: {self.name}: {file} has this {text.count(old)} times, not once: {line}")
            texts[file] = text.replace(old, new)
        return texts


def entries_of(file, table, kind):
    """An entry for each backend that one table names."""
    name = table.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9-]+", name):
        raise Wrong(f"{file}: a {kind} has no name of lower case, digits and hyphens: {name!r}")
    allowed = MUTANT_KEYS if kind == "mutant" else KEYS
    for key in table:
        if key not in allowed:
            raise Wrong(f"{file}: {name}: a {kind} has no {key!r}")
    for key in ("why",) if kind == "legal" else ("why", "breaks", "case"):
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise Wrong(f"{file}: {name}: {key} is missing")
    edits = table.get("edit", [])
    for edit in edits:
        if set(edit) != {"file", "old", "new"}:
            raise Wrong(f"{file}: {name}: an edit has file, old and new, and nothing else")
    if bool(edits) == table.get("decorator", False) and "faults" not in table:
        raise Wrong(f"{file}: {name}: it is either a decorator or has edits")
    on = table.get("on", "sim")
    for backend in [on] if isinstance(on, str) else on:
        yield Entry(
            file=file,
            name=name,
            why=" ".join(table["why"].split()),
            on=backend,
            breaks=table.get("breaks", ""),
            cases=tuple(table.get("case", "").split()),
            decorator=table.get("decorator", False),
            edits=tuple((edit["file"], edit["old"], edit["new"]) for edit in edits),
            faults=table.get("faults", ""),
        )


def load(folder):
    """All entries of a folder's manifests, decorators first: they need no building."""
    entries = []
    for path in sorted(pathlib.Path(folder).glob("*.toml")):
        if path.name == "survivors.toml":  # of line mutants, which lines.py makes
            continue
        try:
            with open(path, "rb") as file:
                tables = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise Wrong(f"{path.name}: {error}") from None
        for kind in tables:
            if kind not in ("mutant", "legal"):
                raise Wrong(f"{path.name}: there are [[mutant]] and [[legal]], and no {kind!r}")
            for table in tables[kind]:
                entries += entries_of(path.name, table, kind)
    if not entries:
        raise Wrong(f"{folder}: there are no manifests")
    return sorted(entries, key=lambda entry: bool(entry.edits))


def known_decorators():
    """The names that decorators.c and variants.c have."""
    return {
        kind: set(re.findall(r'\{\.name = "([a-z0-9-]+)"', (HERE / file).read_text()))
        for kind, file in (("mutant", "decorators.c"), ("legal variant", "variants.c"))
    }


def check(entries, listing):
    """What is wrong with them, a line each."""
    wrong = []
    guarantees = {guarantee["id"] for guarantee in listing["guarantees"]}
    known = known_decorators()
    seen = {}
    for entry in entries:
        where = f"{entry.file}: {entry.name}"
        if seen.setdefault(entry.name, entry.file) != entry.file or (
            not entry.legal and sum(other.name == entry.name for other in entries) > 1
        ):
            wrong.append(f"{where}: the name is used twice")
        if entry.decorator and entry.name not in known["legal variant" if entry.legal else "mutant"]:
            wrong.append(f"{where}: there is no such decorator")
        if not entry.legal and entry.breaks not in guarantees:
            wrong.append(f"{where}: no guarantee is called {entry.breaks}")
        elif not entry.legal:
            for pattern in entry.cases:
                one = dataclasses.replace(entry, cases=(pattern,))
                if not one.killers(listing):
                    wrong.append(f"{where}: no case that is tagged with {entry.breaks} is like {pattern}")
        try:
            entry.texts()
        except Wrong as error:
            wrong.append(str(error))
    return sorted(set(wrong))


def unnamed(entries):
    """Decorators that no manifest names, a line each."""
    named = {entry.name for entry in entries if entry.decorator}
    return [
        f"{name}: no manifest names this {kind}"
        for kind, names in known_decorators().items()
        for name in sorted(names - named)
    ]


def unbroken(entries, listing):
    """Required guarantees that no mutant breaks."""
    broken = {entry.breaks for entry in entries}
    return [
        guarantee["id"]
        for guarantee in listing["guarantees"]
        if guarantee["level"] == "required" and guarantee["id"] not in broken
    ]
