"""Each piece of the canonical forms is needed: without it, in one place that writes them, sums of edge values differ.

A mutation is made in the module's own text, so that what is not there any more fails loudly.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from checksum_cases import CASES, Case, arrow, literal, plainly, rows_sum
from plain_checksum import row_text
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.duckdb import canon as duckdb
from ropeway.transfer.engines.mysql import canon as mariadb
from ropeway.transfer.engines.postgresql import canon as postgresql
from ropeway.transfer.place import parse, resolve
from ropeway.verify import rowtext
from ropeway.verify.checksum import Sum
from spots import Servers, spot

Mutations = dict[str, tuple[str, str]]  # what goes, and what stands there instead

NO_SEPARATOR = ("concat_ws('|', ", "concat_ws('', ")
POSTGRESQL: Mutations = {
    "no mark for NULL": ('''f"coalesce(({first})::text, '~')"''', "first"),
    "no separator": NO_SEPARATOR,
    "no length before a text": ("return _octets(value, utf8=utf8), value", "return (value,)"),
    "characters for octets": ('f"octet_length({text if utf8', 'f"char_length({text if utf8'),
    "no length before bytes": ('return f"octet_length({value})", _hex(value)', "return (_hex(value),)"),
    "no casts, NULL or not": ("ROW({values}) IS NOT NULL THEN", "true THEN"),
    "hexadecimal digits in lower case": ('upper(encode({octets}, \'hex\') COLLATE \\"C\\")', "encode({octets}, 'hex')"),
    "the sign of zero": ("float8send({number} + 0)", "float8send({number})"),
    "blanks at the end of a CHAR": ('''f"rtrim({name}::text, ' ')"''', 'f"{name}::text"'),
    "a moment's own zone": ("AT TIME ZONE 'UTC'", "AT TIME ZONE 'Asia/Kolkata'"),
    "no zeros of a fraction": ("ELSE rpad({text}, {whole + 1 + digits}, '0') END", "ELSE {text} END"),
    "no fraction for whole seconds": ("THEN {text} || '.{'0' * digits}' ", "THEN {text} "),
    "a coarser fraction": ('f"round({value}, greatest({digits}, min_scale({value})))"', 'f"round({value}, {digits})"'),
    "no zeros of a decimal": ('return f"round({value}, {digits})"', "return value"),
    "no era": ("THEN ' BC' ELSE '' END", "THEN '' ELSE '' END"),
    "a UUID as it is written": ("THEN lower({text}) ELSE", "THEN {text} ELSE"),
    "a truth value as a word": ("{value}::int{zeros}", "{value}{zeros}"),
}  # fmt: skip
MARIADB: Mutations = {
    "no mark for NULL": ("'~'", "''"),
    "no separator": ("""separated = ", '|', ".join""", 'separated = ", ".join'),
    "no length before a text": ('''return f"concat(length({text}), '|', {text})"''', "return text"),
    "characters for octets": ('f"concat(length({text})', 'f"concat(char_length({text})'),
    "no length before bytes": ("concat(length({name}), '|', hex({name}))", "hex({name})"),
    "bytes from the last": ("hex(reverse(substr(", "hex((substr("),
    "blanks at the end of a CHAR": ("""f"trim(TRAILING ' ' FROM {plain})" if cut else plain""", "plain"),
    "no zeros of a fraction": ('''f"concat({text}, '{'' if have else '.'}{'0' * (want - have)}')"''', "text"),
    "a coarser fraction": ('''f"concat({kept}, trim(TRAILING '0' FROM right({text}, {more})))"''', "kept"),
    "zeros at the end of a number": ("trim(TRAILING '0' FROM {text}))", "{text})"),
    "zeros of ZEROFILL": ('f"({value} + 0)"', "value"),
    "no sign of a duration": ("if({value} < TIME'00:00:00', -1, 1)", "1"),
    "a UUID as it is written": ("THEN lower({text}) ELSE", "THEN {text} ELSE"),
}
DUCKDB: Mutations = {
    "no mark for NULL": ('''f"coalesce({first}, '~')"''', "first"),
    "no separator": NO_SEPARATOR,
    "no length before a text": ('return f"strlen({plain})::VARCHAR", plain', "return (plain,)"),
    "characters for octets": ('f"strlen({plain})', 'f"length({plain})'),
    "no length before bytes": ('return f"octet_length({octets})::VARCHAR", f"hex({octets})"',
                               'return (f"hex({octets})",)'),
    "the sign of zero": ("({number} + 0)::BIT", "({number})::BIT"),
    "any NaN": ("THEN '7FF8000000000000' ELSE", "THEN '7FF8000000000001' ELSE"),
    "blanks at the end of a CHAR": ('''f"rtrim({plain}, ' ')" if canon.form == "padded" else plain''', "plain"),
    "a moment's own zone": ("timezone('UTC', {value})", "timezone('Asia/Kolkata', {value})"),
    "no zeros of a fraction": ("ELSE {text} || repeat('0', greatest({9 + digits} - strlen({text}), 0)) END",
                               "ELSE {text} END"),
    "no fraction for whole seconds": ("THEN {text} || '.{'0' * digits}' ", "THEN {text} "),
    "a coarser fraction": (" || rtrim(right({text}, {have - want}), '0')", ""),
    "zeros at the end of a number": ("rtrim(rtrim({text}, '0'), '.')", "{text}"),
    "no zero before the point": ('''f"replace({text}, '.', '0.')"''', "text"),
    "no era": ("|| ' BC' END", "END"),
    "a UUID as it is written": ("THEN lower({text}) ELSE", "THEN {text} ELSE"),
    "a truth value as a word": ("{value}::INTEGER::VARCHAR", "{value}::VARCHAR"),
}  # fmt: skip
CLIENT: Mutations = {
    "no mark for NULL": ('"|" if place else "", "~")', '"|" if place else "", "")'),
    "no separator": ('"|" if place else ""', '"" if place else ""'),
    "no length before a text": ("[_Ranked(pl.Series(pc.binary_length(values)), _counts), pl.Series(values)]",
                                "[pl.Series(values)]"),
    "characters for octets": ("_Ranked(pl.Series(pc.binary_length(values)), _counts), pl.Series(values)",
                              "_Ranked(pl.Series(pc.utf8_length(values)), _counts), pl.Series(values)"),
    "no length before bytes": ("[_Ranked(lengths, _counts), _nulled(", "[_nulled("),
    "hexadecimal digits in lower case": ('b"%02X" % octet', 'b"%02x" % octet'),
    "the sign of zero": ("_plain(numbers) + 0.0", "_plain(numbers).copy()"),
    "any NaN": ("bits[np.isnan(floats)] = _NAN", "bits[np.isnan(floats)] = _NAN + 1"),
    "blanks at the end of a CHAR": ('pc.ascii_rtrim(values, characters=" ")', "values"),
    "any space at the end of a CHAR": ('pc.ascii_rtrim(values, characters=" ")', "pc.utf8_rtrim_whitespace(values)"),
    "a coarser fraction": ('texts = kept + tail.str.strip_chars_end("0")', "texts = kept"),
    "no zeros of a fraction": ('texts + (("" if have else ".") + "0" * (want - have))', "texts"),
    "no era": ('pl.Series(["", " BC"])', 'pl.Series(["", ""])'),
    "years below 1 counted from 0": ("years.zip_with(since, 1 - years)", "years.zip_with(since, -years)"),
    "no sign of a time": ('pl.Series(["", "-"])', 'pl.Series(["", ""])'),
    "a UUID as it is written": ("lower = pl.Series(pc.ascii_lower(values))", "lower = pl.Series(values)"),
    "any text as a UUID": ('"^[0-9A-Fa-f-]{36}$"', '""'),
    "NULL as zero": ("return texts.zip_with(like.is_not_null(), pl.Series([None], dtype=pl.String))", "return texts"),
}  # fmt: skip

WRITERS = {"postgresql": (postgresql, POSTGRESQL), "mariadb": (mariadb, MARIADB), "duckdb": (duckdb, DUCKDB)}


def mutated(module: ModuleType, old: str, new: str) -> Any:
    """The module as it would be with `new` wherever `old` is in its text."""
    text = inspect.getsource(module)
    assert old in text, f"{module.__name__} has no {old}"
    made = ModuleType(module.__name__)
    made.__package__ = module.__package__
    with pytest.MonkeyPatch.context() as patch:  # dataclasses look their module up
        patch.setitem(sys.modules, module.__name__, made)
        exec(compile(text.replace(old, new), str(module.__file__), "exec"), made.__dict__)
    return made


def values_of(case: Case, engines: Iterable[str]) -> list[Any]:
    return [*case.values, *(value for engine in engines for value in case.past.get(engine, ())), None]


def table(engines: Sequence[str]) -> tuple[list[Case], list[tuple[Any, ...]]]:
    """Rows of all cases that the engines can hold, each with all its values; in none are two columns NULL together."""
    held = [case for case in CASES.values() if all(getattr(case, engine) for engine in engines)]
    lists = [values_of(case, engines or list(WRITERS)) for case in held]
    rows = [tuple(some[(row + at) % len(some)] for at, some in enumerate(lists)) for row in range(max(map(len, lists)))]
    return held, rows


def texts(held: Sequence[Case], rows: Iterable[Sequence[Any]]) -> list[str]:
    cells = ([plainly(case, value) for case, value in zip(held, row, strict=True)] for row in rows)
    return [row_text(*zip(*row, strict=True)) for row in cells]


Ask = Callable[[str], Any]


@pytest.fixture(scope="module", params=WRITERS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Ask, Sum]]:
    """An engine with the table, how to ask it, and the table's checksum by the plain reading."""
    name: str = request.param
    place = spot(name, tmp_path_factory.mktemp("mutated"), Servers(request.getfixturevalue))
    held, rows = table([name])
    with closing(engine_of(name).connect(resolve(*parse(place.url)), create=True)) as session:
        session.execute(f"CREATE TABLE t ({', '.join(f'c{n} {getattr(c, name)}' for n, c in enumerate(held))})")
        for row in rows:
            shown = (literal(case, name, value) for case, value in zip(held, row, strict=True))
            session.execute(f"INSERT INTO t VALUES ({', '.join(shown)})")
        yield name, session.ask, rows_sum(held, rows)


def summed(name: str, ask: Ask, module: Any) -> Sum:
    held, _ = table([name])
    columns = [(f"c{at}", case.canon, getattr(case, name)) for at, case in enumerate(held)]
    ((count, high, low, without),) = ask(module.checksum_sql("t", columns))
    assert without == 0
    return Sum(int(count), int(high) % 2**64, int(low) % 2**64)


def test_each_piece_of_the_sql_is_needed(filled: tuple[str, Ask, Sum], subtests: pytest.Subtests) -> None:
    name, ask, expected = filled
    module, mutations = WRITERS[name]
    assert summed(name, ask, mutated(module, "concat_ws", "concat_ws")) == expected
    for what, (old, new) in mutations.items():
        with subtests.test(what):
            assert summed(name, ask, mutated(module, old, new)) != expected


@pytest.mark.parametrize("what", CLIENT)
def test_each_piece_of_the_client_is_needed(what: str) -> None:
    held, rows = table([])
    batch = pa.record_batch(
        [arrow(case, [row[at] for row in rows]) for at, case in enumerate(held)], [f"c{at}" for at in range(len(held))]
    )
    canons, expected = [case.canon for case in held], texts(held, rows)
    assert rowtext.row_texts(batch, canons).to_list() == expected
    assert mutated(rowtext, *CLIENT[what]).row_texts(batch, canons).to_list() != expected
