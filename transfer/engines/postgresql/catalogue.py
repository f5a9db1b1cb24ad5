"""PostgreSQL's catalogue: set-based queries for any number of tables."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ...engine import Row, Session
from ...rules import split
from ...schema.catalogue import Check, Column, ForeignKey, Index, Relation, Table
from ...schema.sql import text_literal
from . import partitions, traits, usertypes
from .division import with_division
from .session import USERS

_OURS = "^ropeway_[0-9]{12}[0-9a-f]{4}_[0-9]+_(shadow|old|staging|preimages|keys)$"  # made beside others
_TABLES = f"""
SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text,
       CASE c.relkind WHEN 'p' THEN (SELECT coalesce(sum(greatest(l.reltuples, 0)), 0)::float8 FROM
            pg_partition_tree(c.oid) p JOIN pg_class l ON l.oid = p.relid AND l.relkind = 'r') ELSE c.reltuples END,
       pg_table_size(c.oid), pg_relation_size(c.oid) / current_setting('block_size')::int,
       coalesce(obj_description(c.oid, 'pg_class'), ''),
       CASE c.relkind WHEN 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) ELSE '' END,
       coalesce(quote_ident(s.spcname), ''), {partitions.OPTIONS.format("c")}
FROM pg_class c LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND {USERS} AND c.relname !~ '{_OURS}'
ORDER BY 2, 3"""
# What CREATE SEQUENCE would not take by itself, beside the step.
_MOST = (
    "CASE q.seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE 2^63::numeric - 1 END"
)
_COUNTS = f"""concat_ws(' ',
    CASE WHEN q.seqstart <> CASE WHEN q.seqincrement > 0 THEN q.seqmin ELSE q.seqmax END
         THEN 'START WITH ' || q.seqstart END,
    CASE WHEN q.seqmin <> CASE WHEN q.seqincrement > 0 THEN 1 ELSE -({_MOST}) - 1 END
         THEN 'MINVALUE ' || q.seqmin END,
    CASE WHEN q.seqmax <> CASE WHEN q.seqincrement > 0 THEN {_MOST} ELSE -1 END THEN 'MAXVALUE ' || q.seqmax END,
    CASE WHEN q.seqcycle THEN 'CYCLE' END, CASE WHEN q.seqcache <> 1 THEN 'CACHE ' || q.seqcache END)"""
_COLUMN_ROWS = f"""
SELECT a.attrelid::int8, a.attname::text,
       CASE WHEN u.oid IS NULL THEN format_type(a.atttypid, a.atttypmod)
            ELSE format('%I.%I', un.nspname, u.typname) || CASE WHEN u.oid <> t.oid THEN '[]' ELSE '' END END,
       a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint v WHERE v.conrelid = a.attrelid AND v.contype = 'n'
            AND NOT v.convalidated AND a.attnum = ANY (v.conkey)),
       a.attidentity <> '' OR EXISTS (SELECT 1 FROM pg_depend o WHERE o.refobjid = a.attrelid
            AND o.refobjsubid = a.attnum AND o.refclassid = 'pg_class'::regclass AND o.deptype = 'a'
            AND o.classid = 'pg_class'::regclass AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'
            AND EXISTS (SELECT 1 FROM pg_depend u WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
                AND u.refobjid = o.objid)),
       coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attgenerated::text,
       coalesce(col_description(a.attrelid, a.attnum), ''),
       CASE WHEN t.typtype = 'd' THEN 'domain'
            WHEN t.typcategory = 'A' THEN CASE WHEN u.oid IS NULL THEN 'array' ELSE 'array of a user type' END
            WHEN t.typtype = 'e' THEN 'enum' WHEN t.typtype = 'c' THEN 'composite'
            WHEN u.typtype IN ('r', 'm') THEN 'range' ELSE '' END,
       coalesce(u.oid, 0)::int8,
       CASE WHEN a.attcollation <> t.typcollation THEN format('%I.%I', ln.nspname, l.collname) ELSE '' END,
       coalesce(NOT l.collisdeterministic, false), a.attidentity = 'a',
       (SELECT ARRAY[sn.nspname::text, s.relname::text] FROM pg_depend u JOIN pg_class s ON s.oid = u.refobjid
        JOIN pg_namespace sn ON sn.oid = s.relnamespace WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
        AND u.refclassid = 'pg_class'::regclass AND s.relkind = 'S'
        AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%' LIMIT 1),
       (SELECT max(CASE WHEN s.relkind = 'S' THEN pg_sequence_last_value(o.objid) END) FROM pg_depend o
        JOIN pg_class s ON s.oid = o.objid AND s.relkind = 'S'
        WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = a.attrelid
        AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')
        AND CASE WHEN s.relkind = 'S' THEN has_sequence_privilege(s.oid, 'USAGE, SELECT') END),
       (SELECT max(q.seqincrement) FROM pg_depend o JOIN pg_sequence q ON q.seqrelid = o.objid
        WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = a.attrelid
        AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')),
       coalesce((SELECT max({_COUNTS}) FROM pg_depend o JOIN pg_sequence q ON q.seqrelid = o.objid
        WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = a.attrelid
        AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')), ''), coalesce(u.typtype = 'd', false)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type u ON (u.typtype IN ('e', 'd', 'c')
          OR EXISTS (SELECT FROM ({usertypes.RANGES}) r WHERE u.oid IN (r.rngtypid, r.many)))
     AND u.oid = CASE WHEN t.typcategory = 'A' AND t.typtype <> 'd' THEN t.typelem ELSE t.oid END
     AND u.typnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
LEFT JOIN pg_namespace un ON un.oid = u.typnamespace
LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"""
_COLUMNS = f"""{_COLUMN_ROWS}
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {USERS}
ORDER BY a.attrelid, a.attnum"""
_INDEXES = f"""
SELECT i.indrelid::int8, x.relname::text, i.indisunique, i.indisprimary, k.conname IS NOT NULL,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(n, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n
             WHERE u.place <= i.indnkeyatts ORDER BY u.place),
       coalesce(pg_get_expr(i.indpred, i.indrelid), ''), m.amname::text,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(n, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n
             WHERE u.place <= i.indnkeyatts AND i.indoption[u.place - 1] & 1 = 1),
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(n, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n
             WHERE u.place > i.indnkeyatts ORDER BY u.place),
       CASE WHEN i.indexprs IS NOT NULL THEN
            ARRAY(SELECT pg_get_indexdef(i.indexrelid, g, true) FROM generate_series(1, i.indnkeyatts) g) END,
       coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)),
       concat_ws(' ', (SELECT 'INCLUDE (' || string_agg(quote_ident(a.attname), ', ' ORDER BY u.place) || ')'
                       FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(n, place) JOIN pg_attribute a
                       ON a.attrelid = i.indrelid AND a.attnum = u.n WHERE u.place > i.indnkeyatts),
                 CASE WHEN k.condeferrable THEN 'DEFERRABLE' END,
                 CASE WHEN k.condeferred THEN 'INITIALLY DEFERRED' END),
       ARRAY(SELECT o.opcname::text FROM pg_opclass o WHERE o.oid = ANY (i.indclass) AND o.oid >= 16384
             UNION SELECT m.amname::text WHERE m.oid >= 16384)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u') AND k.conrelid = i.indrelid
WHERE NOT i.indisexclusion AND {USERS} ORDER BY 1, 2"""
# Before version 18 there are no columns conenforced and conperiod.
_SPANS = "coalesce(to_jsonb(k) ->> 'conperiod' = 'true', false)"
_STATE = (
    "CASE WHEN to_jsonb(k) ->> 'conenforced' = 'false' THEN 'NOT ENFORCED' WHEN NOT k.convalidated THEN 'NOT VALID' "
    "ELSE '' END"
)
_FOREIGN_KEYS = f"""
SELECT k.conrelid::int8, k.conname::text, pn.nspname::text, p.relname::text, k.confdeltype::text,
       k.confupdtype::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.place),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.place),
       concat_ws(' ', CASE k.confmatchtype WHEN 'f' THEN 'MATCH FULL' END,
                 CASE WHEN k.condeferrable THEN 'DEFERRABLE' END,
                 CASE WHEN k.condeferred THEN 'INITIALLY DEFERRED' END), {_STATE},
       coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = k.conrelid AND to_jsonb(k) -> 'confdelsetcols' @> to_jsonb(a.attnum)), '')
FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT {_SPANS} AND {USERS} ORDER BY 1, 2"""
_CHECKS = f"""
SELECT k.conrelid::int8, k.conname::text, pg_get_expr(k.conbin, k.conrelid), {_STATE}, k.connoinherit
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND {USERS} ORDER BY 1, 2"""
# What a partition has is told of the whole.
_ROOT = "coalesce(pg_partition_root(c.oid)::oid, c.oid)::int8"
_OTHERS = f"""
SELECT {_ROOT}, 'trigger ' || t.tgname::text FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {USERS}
UNION ALL
SELECT i.inhrelid::int8, 'INHERITS, without which the parent no longer shows its rows: '
       || format('ALTER TABLE %I.%I INHERIT %I.%I', n.nspname, c.relname, pn.nspname, p.relname)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE c.relkind IN ('r', 'f') AND NOT c.relispartition AND {USERS}
UNION ALL
SELECT {_ROOT}, 'UNLOGGED, as a crash would empty the table and keep the receipts: '
       || format('ALTER TABLE %I.%I SET UNLOGGED', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'u' AND {USERS}
UNION ALL
SELECT {_ROOT}, 'FORCE ROW LEVEL SECURITY, which would hide the rows from the proof: '
       || format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relforcerowsecurity AND {USERS}"""

_OWN = f"""
SELECT k.conrelid::int8, k.conname::text, pg_get_constraintdef(k.oid),
       ARRAY(SELECT o.opcname::text FROM pg_index i JOIN pg_opclass o ON o.oid = ANY (i.indclass)
             WHERE i.indexrelid = k.conindid AND o.oid >= 16384
             UNION SELECT '{traits.SPANS}' WHERE {_SPANS})
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (k.contype = 'x' OR k.contype IN ('p', 'u') AND {_SPANS}) AND k.conparentid = 0 AND {USERS} ORDER BY 1, 2"""

_FOLDS = "some differences"  # by a collation that is not deterministic
STRICT = "NULLS NOT DISTINCT"  # from version 15 on
_KINDS = {"r": "table", "p": "partitioned", "v": "view", "m": "view", "f": "foreign"}
_ACTIONS = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT"}


def tables(session: Session) -> list[Table]:
    """Every table and view outside the system's schemas; leaves of partitioned tables are not listed."""
    columns, indexes = _grouped(session.ask(_COLUMNS)), _grouped(session.ask(_INDEXES))
    foreign, others = _grouped(session.ask(_FOREIGN_KEYS)), _grouped(session.ask(_OTHERS))
    parts, own = partitions.parts(session), _grouped(session.ask(_OWN))
    checks, types = _grouped(session.ask(_CHECKS)), usertypes.known(session)
    having = _grouped(session.ask(traits.TRAITS))
    return [
        with_division(
            replace(
                _table(
                    row, [types.based(c) for c in columns[number]], indexes[number], foreign[number], others[number]
                ),
                types=types.needed([_number(c[9]) for c in columns[number]]),
                parts=parts.get(number, ()),
                own=tuple(Check(str(name), str(text)) for _, name, text, _ in own[number]),
                needs=tuple(need for _, _, _, needs in own[number] for need in needs),  # type: ignore[attr-defined]
                checks=tuple(
                    Check(str(name), str(condition), str(state), inherited=not alone)
                    for _, name, condition, state, alone in checks[number]
                ),
                traits=tuple(traits.trait(found) for found in having[number]),
            )
        )
        for row in session.ask(_TABLES)
        for number in [_number(row[0])]
    ]


def _number(value: object) -> int:
    return int(str(value))


def _grouped(rows: Sequence[Row]) -> defaultdict[int, list[Row]]:
    groups: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_number(row[0])].append(row)
    return groups


def _table(row: Row, columns: list[Row], indexes: list[Row], foreign: list[Row], others: list[Row]) -> Table:
    _oid, schema, name, kind, estimate, size, pages, comment, partitioned, space, storage = row
    made = tuple(_column(one) for one in columns)
    key: tuple[str, ...] = ()
    keyed, called = "", ""
    kept, left = [], [str(other[1]) for other in others]
    for _, index, unique, primary, constraint, *rest in indexes:
        members, where, method, descending, include, keys, definition, more, needs = rest
        names: tuple[str, ...] = tuple(members)  # type: ignore[arg-type]  # psycopg gives text[] as a list
        if primary:
            key, keyed, called = names, str(more), _given(str(index), str(name))
        else:
            kept.append(Index(
                str(index), () if keys else names, bool(unique), bool(constraint), tuple(descending), str(where),  # type: ignore[arg-type]
                tuple(include), keys=tuple(keys or ()), method="" if method == "btree" else str(method),  # type: ignore[arg-type]
                strict=STRICT if STRICT in str(definition) else "",
                native=str(definition) if constraint else _tail(str(definition)), needs=tuple(needs),  # type: ignore[arg-type]
            ))  # fmt: skip
    # reltuples is -1 before the first ANALYZE; about 100 bytes a row is as good a guess as any.
    rows = round(float(str(estimate))) if float(str(estimate)) >= 0 else _number(size) // 100
    return Table(
        Relation(str(schema), str(name)), made, key, tuple(kept), tuple(_foreign_key(f) for f in foreign),
        rows=rows if kind in ("r", "p", "m") else -1, bytes=_number(size), kind=_KINDS[str(kind)],
        left_out=tuple(left), comment=str(comment), keyed=keyed, key_name=called,
        partitioned=str(partitioned), space=str(space), storage=str(storage),
        physical={"pages": _number(pages)} if kind in ("r", "m") else {},
    )  # fmt: skip


def _given(index: str, table: str) -> str:
    """A primary key's name, '' for the server's own: cut to 63 bytes, with a number where another has it."""
    own = re.fullmatch(r"(.*)_pkey\d*", index)
    cut = len(index.encode()) > 58 and own and table.startswith(own[1])
    return "" if own and (own[1] == table or cut) else index


def _tail(definition: str) -> str:
    """What follows the table's name in a CREATE INDEX; names with blanks stand in quotes."""
    found = re.match(
        r'CREATE (?:UNIQUE )?INDEX (?:"(?:[^"]|"")*"|\S+) ON (?:ONLY )?(?:"(?:[^"]|"")*"|[^\s"])+ (.*)',
        definition,
        re.DOTALL,
    )
    return found[1] if found else ""


def _column(row: Row) -> Column:
    _, name, native, notnull, identity, default, generated, remark, base, _, collation, folds, always, *rest = row
    numbers, last, step, counts, domain, labels = rest
    return Column(
        str(name), str(native), nullable=not notnull, identity=bool(identity),
        default="" if identity or generated else str(default), generated=str(default) if generated else "",
        comment=str(remark), base=str(base), virtual=generated == "v", labels=tuple(labels),  # type: ignore[arg-type]
        numbers=Relation(*numbers) if numbers and not identity else None,  # type: ignore[misc]  # a list of two texts
        last=_number(last or 0), collation=str(collation),
        folds=_FOLDS if folds else "case" if overlooks_case(native, base) else "",
        always=bool(always), step=_number(step or 1),
        counts=str(counts) if identity else "", domain=bool(domain),
    )  # fmt: skip


def overlooks_case(native: object, base: object) -> bool:
    """Whether it is citext, which an extension brings into any schema, or a domain of it."""
    return split(str(base or native)).name.rpartition(".")[2] == "citext"


def overlooks(column: Column) -> tuple[str, ...]:
    """In what values of a column may differ that equality takes for one."""
    name = split(column.base or column.native).name
    if column.folds == _FOLDS:
        return ("what its collation overlooks",)
    if name in ("character", "char", "bpchar"):
        return ("padding",)
    return ("case",) if name == "uuid" or overlooks_case(column.native, column.base) else ()


def described(session: Session, view: str) -> Table:
    """The columns of a query that was made a view."""
    types = usertypes.known(session)
    rows = session.ask(f"{_COLUMN_ROWS} WHERE a.attrelid = {text_literal(view)}::regclass ORDER BY a.attnum")
    columns = tuple(_column(types.based(row)) for row in rows)
    return Table(Relation("", "query"), columns, kind="query", types=types.needed([_number(row[9]) for row in rows]))


def _foreign_key(row: Row) -> ForeignKey:
    _, name, schema, parent, on_delete, on_update, columns, referenced, options, state, some = row
    action = _ACTIONS.get(str(on_delete), "")
    return ForeignKey(
        str(name), tuple(columns), Relation(str(schema), str(parent)), tuple(referenced),  # type: ignore[arg-type]
        f"{action} ({some})" if some else action, _ACTIONS.get(str(on_update), ""), str(options), str(state),
    )  # fmt: skip


def literal(value: object) -> str:
    """A literal; standard_conforming_strings is pinned on, so a backslash is an ordinary character."""
    return text_literal(value)
