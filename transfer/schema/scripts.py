"""A plan's statements as SQL files that a person may review and edit, and such a file in pieces again.

A line `-- [3] create table shop.orders` begins statement 3, a line `-- [+] what it does` one that a person adds. Up to
the next such line everything is its SQL, but for lines that begin with `-- :`, which are remarks of the plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ..clean import in_order
from ..commit import DELIMITED, parts
from ..engine import Engine
from ..errors import RequestError
from ..plan import Plan, Statement
from .quarantine import QUARANTINE, quarantine

BEFORE, AFTER, DOWN = "before.sql", "after.sql", "down.sql"
FILES = (BEFORE, AFTER, DOWN)
_MARK = re.compile(r"-- \[(\d+|\+)\] *(.*)")
_ENDS = re.compile(r"[ \t]*(?:--[^\n]*)?(?:\n|\Z)")

_HEAD = """-- {name} of plan {run}
-- {source} -> {target}
-- {what}"""
_EDITS = """
-- A line that begins with "-- [" and a number begins a statement; 'ropeway plan --seal' takes edits of what follows it.
-- To add a statement, begin it with a line "-- [+] what it does"."""
_WHAT = {
    BEFORE: "What is done before the rows, in this order.",
    AFTER: "What is done after the rows: a table's own as soon as its rows are in, then the rest in this order.",
    DOWN: "The way back, the latest first. It is for a run that ended; 'ropeway clean' goes back by the ledger.",
}


@dataclass(frozen=True)
class Piece:
    """A marked statement of a file: number 0 is an added one, `parts` is its SQL, `line` where its mark stands.

    `text` is all below the mark but for the plan's remarks.
    """

    number: int
    name: str
    parts: tuple[str, ...]
    line: int
    text: str = ""


def escapes(engine: Engine) -> bool:
    """Whether a backslash escapes in the engine's strings."""
    return engine.literal("\\") != "'\\'"


def _quoting(engine: Engine) -> dict[str, bool]:
    """What else than usual the engine's quotes are."""
    return {"escaping": escapes(engine), "brackets": getattr(engine, "brackets", False)}


@cache
def _tokens(escaping: bool, brackets: bool) -> re.Pattern[str]:
    inside = r"(?:[^{0}\\]|\\.|{0}{0})*" if escaping else r"(?:[^{0}]|{0}{0})*"
    blank = r"(?=\s|\Z)" if escaping else ""  # where a backslash escapes, in the MySQL family, 1--1 is 2
    name = r"|\[(?:[^\]]|\]\])*\]" if brackets else ""
    return re.compile(
        rf"(?P<comment>--{blank}[^\n]*|/\*.*?\*/)"
        rf"|(?P<quoted>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|(?<!\w)[eE]'(?:[^'\\]|\\.|'')*'|'{inside.format(chr(39))}'"
        rf"|\"{inside.format(chr(34))}\"|`(?:[^`]|``)*`{name})"
        r"|(?P<space>\s+)|(?P<word>[\w$]+)|(?P<sign>.)",
        re.DOTALL,
    )


def tokens(sql: str, *, escaping: bool, brackets: bool = False) -> Iterator[tuple[str, str, int]]:
    """(kind, text, place) of each token: comment, quoted, space, word or sign. A quote without its fellow is a sign."""
    for found in _tokens(escaping, brackets).finditer(sql):
        yield str(found.lastgroup if found.lastgroup != "tag" else "quoted"), found[0], found.start()


def cut(sql: str, *, escaping: bool, brackets: bool = False) -> tuple[str, ...]:
    """The statements of a text, without those that are comments alone.

    One ends at a semicolon with nothing but a comment after it on its line: bodies of triggers hold others.
    """
    made, start, filled = [], 0, False
    for kind, text, place in tokens(sql, escaping=escaping, brackets=brackets):
        if kind == "sign" and text == ";" and _ENDS.match(sql, place + 1):
            made += [sql[start:place].strip()] if filled else []
            start, filled = place + 1, False
        elif kind not in ("comment", "space"):
            filled = True
    made += [sql[start:].strip()] if filled else []
    return tuple(made)


def unix(text: str) -> str:
    """Lines that end as in the repository, whatever a checkout made of them."""
    return text.replace("\r\n", "\n")


def written(plan: Plan, name: str, engine: Engine) -> str:
    """The text of one of FILES."""
    head = _HEAD.format(name=name, run=plan.run, source=plan.read_from, target=plan.target, what=_WHAT[name])
    head += "" if plan.staging else _EDITS  # that of a job that reshapes is for reading
    statements = in_order(plan)
    if name == DOWN:
        return "\n\n".join([head, *(_piece(plan, s, s.back, engine) for s in reversed(statements))]) + "\n"
    if name == BEFORE:
        made = [_piece(plan, s, s.forward, engine) for s in statements if s.phase == "before"]
        hops = [f"-- rows of {_line(h.named)} into {_line(str(h.into))}, slices: {len(h.slices)}" for h in plan.hops]
        return "\n\n".join([head, *made, "-- Then the rows move:\n" + "\n".join(hops)]) + "\n"
    made = [_piece(plan, s, s.forward, engine) for s in statements if s.phase == "after"]
    swap = [_piece(plan, s, s.forward, engine) for s in statements if s.phase == "swap"]
    return "\n\n".join([head, *made, *(["-- At the very end:"] if swap else []), *swap]) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


def _piece(plan: Plan, statement: Statement, sql: str, engine: Engine) -> str:
    number, _, name = statement.name.partition(" ")
    lines = [f"-- [{number}] {_line(name)}"]
    if sql is not statement.forward and not sql:
        return "\n".join([*lines, "-- : no way back of its own"])
    if sql == statement.forward:
        if statement.constraint and statement.constraint.otherwise == QUARANTINE:
            aside = quarantine(plan.hop(statement.hop), plan.run)
            lines.append(f"-- : rows that break it are moved into {_line(str(aside))} before")
        lines += [f"-- : takes {_line(statement.lock)}"] if statement.lock else []
        lines += [f"-- : only if this returns no row: {_line(statement.guard)}"] if statement.guard else []
    if sql.startswith(DELIMITED):
        return "\n".join([*lines, "-- : the engine's own text, which is not edited", _bodied(sql, engine)])
    text = _unmarked(sql, engine).rstrip().rstrip(";")
    # Behind a comment that ends with its line a semicolon would be a part of it.
    last = [kind for kind, _, _ in tokens(text, **_quoting(engine))][-1:]
    return "\n".join([*lines, f"{text}\n;" if last == ["comment"] else f"{text};"])


def _bodied(sql: str, engine: Engine) -> str:
    """Statements that may have semicolons inside, as the engine's own client takes them."""
    made = [_unmarked(one, engine).strip().rstrip(";") for one in parts(sql, engine)]
    if engine.delimits:
        return "\n".join([DELIMITED.rstrip(), *(f"{one};;" for one in made), "DELIMITER ;"])
    return "\n".join(f"{one};" for one in made)


def is_unedited(piece: Piece | None, sql: str, engine: Engine) -> bool:
    """Whether a file still says of a statement what the plan says; None stands for one that it does not have."""
    if piece and sql.startswith(DELIMITED):
        return piece.text.strip() == _bodied(sql, engine)
    return (piece.parts if piece else ()) == parts_of(sql, engine)


def _unmarked(sql: str, engine: Engine) -> str:
    """SQL whose own comments are no marks: those at a line's beginning move a blank to the right."""
    return "".join(
        f" {text}" if kind == "comment" and text.startswith(("-- [", "-- :")) else text
        for kind, text, _ in tokens(unix(sql), **_quoting(engine))
    )


def parts_of(sql: str, engine: Engine) -> tuple[str, ...]:
    """A statement's SQL as `pieces` finds it in an unedited file."""
    return cut(_unmarked(sql, engine), **_quoting(engine))


def pieces(text: str, file: str, engine: Engine) -> list[Piece]:
    """The marked statements of a file. RequestError for SQL that no mark begins, or a mark that says nothing."""
    quoting = _quoting(engine)
    text = unix(text)
    marks: list[tuple[int, int, re.Match[str]]] = []
    remarks: list[tuple[int, int]] = []
    for kind, token, place in tokens(text, **quoting):
        if kind != "comment" or (place and text[place - 1] != "\n"):
            continue
        if found := _MARK.fullmatch(token):
            marks.append((place, place + len(token), found))
        elif token.startswith("-- :"):
            remarks.append((place, place + len(token)))
    if cut(text[: marks[0][0] if marks else len(text)], **quoting):
        raise RequestError(
            f"{file} begins with SQL that no line '-- [...]' announces.",
            remedy="Begin a statement that you add with a line '-- [+] what it does'.",
        )
    ends = [*(mark[0] for mark in marks[1:]), len(text)][: len(marks)]
    made, line, place = [], 1, 0
    for (begin, start, found), end in zip(marks, ends, strict=True):
        line, place = line + text.count("\n", place, begin), begin
        made.append(_marked(found, _without(text, remarks, start, end), file, line, quoting))
    return made


def _marked(found: re.Match[str], text: str, file: str, line: int, quoting: Mapping[str, bool]) -> Piece:
    parts = cut(text, **quoting)
    if found[1] == "+" and not (found[2].strip() and parts):
        lacks = "SQL" if found[2].strip() else "name"
        raise RequestError(
            f"{file}, line {line}: '-- [+]' announces a statement and gives it no {lacks}.",
            remedy="Write it as '-- [+] create index orders_day', and the SQL below.",
        )
    return Piece(0 if found[1] == "+" else int(found[1]), found[2].strip(), parts, line, text)


def _without(text: str, remarks: Sequence[tuple[int, int]], start: int, end: int) -> str:
    made = []
    for low, high in remarks:
        if start <= low < end:
            made.append(text[start:low])
            start = high
    return "".join([*made, text[start:end]])
