"""The table of faults in docs/verification.md; tests/house/test_docs.py holds that it is current.

`python tests/fault_table.py` runs all faults between all pairs on servers of its own, in about half an hour, and writes
the table anew. tests/faults/test_verify_matrix.py runs the same, a part of it in every test run.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fault_classes import ANY, FAULTS, Fault
from fault_matrix import SEEDS, Tried, all_tried, loaded
from fault_rows import ENGINES, NAMES, ROWS, TARGETS
from ropeway.transfer import segments
from servers import Mariadb, Mysql, Postgresql
from spots import Servers

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "verification.md"
BEGIN, END = "<!-- faults -->\n", "\n<!-- /faults -->"


def table(results: Sequence[Tried]) -> str:
    lines = [("", "fault", *(NAMES[target] for target in TARGETS), "cause")]
    lines.append(("---",) * len(lines[0]))
    for fault in FAULTS:
        cells = [_cell(fault, [one for one in results if (one.fault, one.target) == (fault, to)]) for to in TARGETS]
        lines.append((str(fault.number), code(fault.name), *cells, _word(fault)))
    rows_ = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{rows_}\n\n" + "\n".join(f"- {reason}" for reason in reasons())


def code(name: str) -> str:
    """A fault's name as a cell of the table."""
    return name.replace("<", "&lt;").replace("~", "\\~").replace("\\N", "\\\\N")


def _cell(fault: Fault, results: Sequence[Tried]) -> str:
    equal = sum(one.seeds for one in results if fault.equal(one.source, one.target))
    seeds, wrong = sum(one.seeds for one in results) - equal, sum(len(one.wrong) for one in results)
    found = f"{seeds - wrong} of {seeds}" if wrong else str(seeds) if seeds else ""
    return " and ".join(filter(None, (found, f"{equal} equal" if equal else ""))) or "–"


def _word(fault: Fault) -> str:
    words = [fault.cause] if isinstance(fault.cause, str) else [*fault.cause.values()]
    return ", ".join({ANY: "various"}.get(word, word) for word in words if word)


def reasons() -> list[str]:
    """Why there is no such fault in some engines, or why it is none."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for fault in FAULTS:
        name = f"{fault.number}, {code(fault.name)}"
        for engine, why in (*fault.lacks.items(), *fault.lacks_both.items()):
            found.setdefault((name, why), {})[NAMES[engine] + (" and MySQL" if engine == "mariadb" else "")] = None
        for source, target in product(ENGINES, TARGETS):
            if why := fault.equal(source, target):
                found.setdefault((name, why), {})["equal by definition"] = None
    return [f"{name}: {', '.join(whose)}: {why}." for (name, why), whose in found.items()]


def all_right() -> list[Tried]:
    """The results if every fault that a pair can hold is found."""
    pairs = [(fault, *pair) for pair in product(ENGINES, TARGETS) for fault in FAULTS]
    return [Tried(*one, seeds=0 if one[0].inexpressible(*one[1:]) else SEEDS, wrong=()) for one in pairs]


def written(text: str, made: str) -> str:
    """The document with the table between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main() -> None:
    """All pairs, on servers of its own; then the table."""
    started: dict[str, Any] = {}
    kinds = {"postgresql": Postgresql, "mariadb": Mariadb, "mysql": Mysql}

    def server(name: str) -> Any:
        if name not in started:
            started[name] = kinds[name]()
        return started[name]

    segments.ROWS = ROWS // 5
    results: list[Tried] = []
    try:
        for source, target in product(ENGINES, TARGETS):
            with TemporaryDirectory() as folder:
                results += all_tried(loaded(source, target, Path(folder), Servers(server)))
            for one in results:
                if (one.source, one.target) == (source, target) and one.wrong:
                    print(source, target, *one.wrong, sep="\n  ", flush=True)  # noqa: T201
            print(source, target, "done", flush=True)  # noqa: T201
    finally:
        for one in started.values():
            one.close()
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), table(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
