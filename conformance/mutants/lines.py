"""Line mutants: small edits of our C, of the kind that a tired hand makes.

A line mutant is one edit inside one function: an operator turned round, a constant off
by one, a statement gone, branches exchanged. If the suite does not notice, either the
edit changes nothing (`equivalent`), or the suite does not look there.

The one hard problem is to edit C without understanding C. What helps is that all of ours
is laid out by clang-format, so a binary operator has a blank on either side and a pointer's star has
not; and that comments, strings and preprocessor lines can be blanked out, letter by
letter, before anybody looks for an operator. Statements are taken apart for real, by
descent, for their ends have to be known. Left alone are declarations, which have no
effect or an initialiser that is edited as an expression; ROUSE_RULE, which is there for
debug builds; and the orders of memory, which are the explorer's business.

A mutant is known by its function, the text of its line, and what is done there: not by
the line's number, so that it keeps its identity when the file changes around it. After
universalmutator's idea (github.com/agroce/universalmutator) that a list of patterns goes a long way.
"""

import collections
import dataclasses
import re
import sys

from tree import ROOT

sys.path.append(str(ROOT / "ci"))
from check_layers import blank

# Runs in a guest, or on systems that are not here.
ABROAD = re.compile(r"(_win\.[ch]|/iocp\.c|/nt\.h)$")


@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str
    function: str
    text: str  # of the line, without its indentation
    nth: int  # of the lines of this text in this function, from 1
    change: str  # what is done, with the place in the line if that could be another
    line: int = dataclasses.field(compare=False)
    start: int = dataclasses.field(compare=False)
    end: int = dataclasses.field(compare=False)
    put: str = dataclasses.field(compare=False)

    @property
    def key(self):
        return self.file, self.function, self.text, self.nth, self.change

    def __str__(self):
        return f"{self.file}:{self.line} {self.change}"

    def applied(self, source):
        return source[: self.start] + self.put + source[self.end :]


# ---- what is code

PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*", re.S | re.M)  # and what it goes on in


def blanked(source):
    """The same text, letter for letter, with blanks for all that is not code. Strings keep
    a quote at either end, for a place where nothing is would look like two operators."""
    return PREPROCESSOR.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), blank(source))


FUNCTION = re.compile(r"^([A-Za-z_][^;{}]*?)\b(\w+)(\([^;{}]*\))\n\{\n", re.M)
ENUM = re.compile(r"^enum[^;{}]*\{[^{}]*\};", re.M)


def functions(code):
    """Name, type, first and last place of each body; and of each list of constants."""
    for found in FUNCTION.finditer(code):
        yield found[2], found[1], found.end() - 2, code.index("\n}", found.end()) + 2
    for found in ENUM.finditer(code):
        yield "enum", None, found.start(), found.end()


# ---- taking a body apart


class Body:
    """The statements of a function, by their places: `simple` ones, which end in a
    semicolon, `conditions` with the word that has them, and `others`: branches after an else."""

    def __init__(self, code, start):
        self.code = code
        self.simple, self.conditions, self.others = [], [], []
        self.statement(start)

    def skip(self, at):
        while self.code[at].isspace():
            at += 1
        return at

    def closing(self, at):
        """The end of what the bracket at `at` opens."""
        depth = 0
        while True:
            depth += (self.code[at] in "([{") - (self.code[at] in ")]}")
            at += 1
            if depth == 0:
                return at

    def word(self, at):
        return re.compile(r"\w*").match(self.code, at)[0]

    def until(self, at, end):
        while self.code[at] not in end:
            at = self.closing(at) if self.code[at] in "([{" else at + 1
        return at + 1

    def statement(self, at):
        """Reads the one that begins at `at`; its end."""
        at = self.skip(at)
        word = self.word(at)
        if self.code[at] == "{":
            at = self.skip(at + 1)
            while self.code[at] != "}":
                at = self.skip(self.statement(at))
            return at + 1
        if word in ("if", "while", "for", "switch"):
            return self.headed(word, at)
        if word == "do":
            at = self.skip(self.statement(at + 2))
            return self.until(at, ";")
        if word in ("case", "default") or re.compile(r"\w+:(?!:)").match(self.code, at):
            at = self.until(at, ":")
            return at if self.code[self.skip(at)] == "}" else self.statement(at)
        end = self.until(at, ";")
        if end - at > 1:
            self.simple.append((at, end))
        return end

    def headed(self, word, at):
        opening = self.code.index("(", at)
        after = self.closing(opening)
        end = self.statement(after)
        other = self.skip(end)
        if word == "if" and self.word(other) == "else":
            end = self.statement(other + 4)
            self.others.append((other, end))
            word = "if else"
        self.conditions.append((word, opening + 1, after - 1))
        return end


# ---- what is done to expressions

# Pattern (of which the group `it` is replaced), and by what.
EXPRESSIONS = [
    (re.compile(rf"(?<= )(?P<it>{re.escape(operator)})(?= |$)", re.M), others)
    for operator, others in {
        "==": ["!="],
        "!=": ["=="],
        "<": ["<=", ">="],
        ">": [">=", "<="],
        "<=": ["<", ">"],
        ">=": [">", "<"],
        "+": ["-"],
        "-": ["+"],
        "*": ["/"],
        "/": ["*"],
        "%": ["/"],
        "&": ["|"],
        "|": ["&"],
        "^": ["|"],
        "<<": [">>"],
        ">>": ["<<"],
        "&&": ["||"],
        "||": ["&&"],
        "+=": ["-="],
        "-=": ["+="],
        "|=": ["&=", "="],
        "&=": ["|=", "="],
    }.items()
] + [
    (re.compile(r"(?<=[\w\])])(?P<it>\+\+)|(?P<or>\+\+)(?=\w)"), ["--"]),
    (re.compile(r"(?<=[\w\])])(?P<it>--)|(?P<or>--)(?=\w)"), ["++"]),
    (re.compile(r"(?P<it>!)(?=[\w(*])"), [""]),
    (re.compile(r"(?P<it>~)(?=[\w(])"), [""]),
    (re.compile(r"\b(?P<it>true)\b"), ["false"]),
    (re.compile(r"\b(?P<it>false)\b"), ["true"]),
    (re.compile(r"\b(?P<it>ROUSE_READABLE)\b"), ["ROUSE_WRITABLE"]),
    (re.compile(r"\b(?P<it>ROUSE_WRITABLE)\b"), ["ROUSE_READABLE"]),
    # A name before the question mark; where a comparison stands there, that is turned round.
    (re.compile(r"(?<![\w.>\])])(?<![-+*/&|^%<>]\s)(?<![=!<>]=\s)(?P<it>[a-z_](?:\w|->|\.)*)(?= \?)"), ["!"]),
]
NUMBER = re.compile(r"(?<![\w.])(?:0[xX][0-9a-fA-F]+|\d+)(?=[uUlL]*\b)(?![\w]*\.)")
EMPTY = re.compile(r"= \{0\}")


def off_by_one(digits):
    value = int(digits, 0 if digits[:2] in ("0x", "0X") or digits == "0" else 10)
    return [str(value + 1)] + ([str(value - 1)] if value > 0 else [])


def expressions(code, start, end):
    """Start, end, new text and name of each edit of an expression there."""
    for pattern, others in EXPRESSIONS:
        for found in pattern.finditer(code, start, end):
            group = "it" if found["it"] is not None else "or"
            for other in others:
                put = f"!{found[group]}" if other == "!" else other
                yield *found.span(group), put, f"{found[group]} -> {put or 'nothing'}"
    idle = [found.span() for found in EMPTY.finditer(code, start, end)]
    for found in NUMBER.finditer(code, start, end):
        if not any(first < found.start() < last for first, last in idle):
            for put in off_by_one(found[0]):
                yield *found.span(), put, f"{found[0]} -> {put}"


# ---- what is done to statements

RULE = re.compile(r"ROUSE_RULE\(|static_assert|_Static_assert|\(void\) \w+;")
EFFECT = re.compile(  # an assignment, a step, a call; not a declaration, which has two words
    r"[*(]*(?!return\b|goto\b|struct\b|const\b|static\b|enum\b|unsigned\b)[\w(][^=;]*? (?:[-+*/|&^%]|<<|>>)?= "
    r"|[\w>.\-\[\]*()]+(?:\+\+|--);|(?:\+\+|--)\w|(?:\(void\) )?(?:\w|->|\.|\[\w+\])+\("
)
DECLARATION = re.compile(r"(?:const |static |struct |enum |unsigned )+\w|\w+ \**(?:const )?\w+(?:\[[^]]*\])* ?[=;,]|\w+ \(\*")


def returned(type_of, value):
    """What else a function of this type might return."""
    words = type_of.split()
    if "*" in type_of:
        return ["NULL"] if value != "NULL" else []
    if "rouse_poll" in words:
        return ["ROUSE_READY"] if value == "ROUSE_PENDING" else ["ROUSE_PENDING"]
    if "bool" in words:
        return {"true": [], "false": []}.get(value, ["true", "false"])  # the others are constants
    if "struct" in words or "union" in words:
        return []
    return ["0"] if value != "0" else ["-1"]


def statements(code, body, type_of):
    for start, end in body.simple:
        text = code[start:end]
        if text in ("break;", "continue;", "return;") or text.startswith("goto "):
            yield start, end, ";", "deleted"
        elif text.startswith("return "):
            value = " ".join(text[7:-1].split())
            for other in returned(type_of, value):
                yield start, end, f"return {other};", f"return {other}"
        elif not RULE.match(text) and not DECLARATION.match(text) and EFFECT.match(text):
            yield start, end, ";", "deleted"
    for word, start, end in body.conditions:
        if word == "for":
            start = body.until(start, ";")
            end = body.until(start, ";") - 1
        if word == "switch" or not code[start:end].strip():
            continue
        condition = code[start:end]
        if word.startswith("if"):
            yield start, end, f"!({condition})", "swapped" if word == "if else" else "negated"
            yield start, end, "1", "always"
        yield start, end, " 0" if word == "for" else "0", "never"
    for start, end in body.others:
        yield start, end, ";" if code[start - 2] == ";" else "", "else removed"


# ---- all of them


def is_rule(code, start, body):
    return any(first <= start < last and RULE.match(code, first) for first, last in body.simple)


def mutants(file, source):
    """All of a file, from its top to its bottom. None changes the number of lines."""
    code = blanked(source)
    lines = [line.strip() for line in source.split("\n")]
    made, bodies = [], {}
    for name, type_of, start, end in functions(code):
        edits = list(expressions(code, start, end))
        if type_of is not None:
            body = Body(code, start)
            edits = [edit for edit in edits if not is_rule(code, edit[0], body)]
            edits += statements(code, body, type_of)
        # A name may be there twice, for two systems.
        seen = bodies.setdefault(name, [])
        before = len(seen)
        first = source.count("\n", 0, start)
        seen += lines[first : source.count("\n", 0, end) + 1]
        made += named(file, source, name, edits, lambda at: (lines[at], seen[: before + at - first + 1]))
    return sorted(made, key=lambda mutant: (mutant.start, mutant.end, mutant.put))


def named(file, source, function, edits, line_and_before):
    """Gives each edit its identity, and takes care that no line is lost."""
    counted = collections.Counter()
    for start, end, put, change in sorted(edits, key=lambda edit: (edit[0], edit[1], edit[3])):
        at = source.count("\n", 0, start)
        text, before = line_and_before(at)
        counted[at, change] += 1
        if counted[at, change] > 1:
            change += f" ({counted[at, change]})"
        put += "\n" * (source.count("\n", start, end) - put.count("\n"))
        yield Mutant(file, function, text, before.count(text), change, at + 1, start, end, put)


def files():
    """What line mutants are made of, the portable core first."""
    order = ["task", "future", "timer", "reactor", "net", "evq", "base", "."]
    found = [path.relative_to(ROOT) for path in (ROOT / "src").rglob("*.[ch]")]
    found = [path for path in found if not ABROAD.search(str(path))]
    layer = lambda path: path.parent.name if path.parent.name in order else "."
    return [str(path) for path in sorted(found, key=lambda path: (order.index(layer(path)), path))]
