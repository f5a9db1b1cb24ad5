"""What only PostgreSQL knows of a table, as statements that another PostgreSQL takes."""

from __future__ import annotations

from ...engine import Row
from ...schema.catalogue import Trait
from . import partitions
from .session import USERS

SPANS = "WITHOUT OVERLAPS"
_ON = (
    "JOIN pg_class c ON c.oid = {} JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE c.relkind IN ('r', 'p') AND {USERS}"
)
_WHOLE = f"{_ON} AND NOT c.relispartition"
_KINDS = "CASE {} WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END"
# Before version 14 there is no column attcompression.
_PACKED = "nullif(to_jsonb({}) ->> 'attcompression', '')"
_METHODS = "CASE {} WHEN 'l' THEN 'lz4' WHEN 'p' THEN 'pglz' ELSE 'default' END"


def _braced(sql: str) -> str:
    """A text that stands in a statement with names to fill in."""
    return f"replace(replace({sql}, '{{', '{{{{'), '}}', '}}}}')"


def _whole(sql: str) -> str:
    """What the whole has, of whose column `r` this is, where a column is a partition's."""
    return (
        f"(SELECT {sql} FROM pg_attribute r WHERE c.relispartition AND r.attrelid = pg_partition_root(c.oid) "
        "AND r.attname = a.attname)"
    )


_COLUMN = f"'ALTER TABLE {{table}} ALTER COLUMN ' || {_braced('quote_ident(a.attname)')} || "
_SHOWN = f"{_ON.format('a.attrelid')} AND a.attnum > 0 AND NOT a.attisdropped"
_REMARK = f"|| {_braced('quote_literal(d.description)')}"
_INDEX = "CASE WHEN i.indisprimary THEN '' ELSE x.relname::text END"
# A statistic over expressions may call what a user made, and is only named; so is what is on a partition's index,
# whose name the target chooses.
_KNOWN = f"""
SELECT c.oid, 'row level security, without which who may read the table sees all rows: ENABLE ROW LEVEL SECURITY',
       'ALTER TABLE {{table}} ENABLE ROW LEVEL SECURITY', 'ALTER TABLE {{table}} DISABLE ROW LEVEL SECURITY', '',
       ARRAY[]::text[], false, 'warning' FROM pg_class r {_ON.format("r.oid")} AND c.relrowsecurity
UNION ALL
SELECT c.oid, 'storage of ' || a.attname || ': ' || {_KINDS.format("a.attstorage")},
       {_COLUMN} ' SET STORAGE ' || {_KINDS.format("a.attstorage")},
       {_COLUMN} ' SET STORAGE ' || {_KINDS.format("t.typstorage")}, '', ARRAY[a.attname::text], true, 'note'
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid {_SHOWN}
AND a.attstorage <> coalesce({_whole("r.attstorage")}, t.typstorage)
UNION ALL
SELECT c.oid, 'compression of ' || a.attname || ': ' || {_METHODS.format(_PACKED.format("a"))},
       {_COLUMN} ' SET COMPRESSION ' || {_METHODS.format(_PACKED.format("a"))},
       {_COLUMN} ' SET COMPRESSION default', '', ARRAY[a.attname::text], true, 'note'
FROM pg_attribute a {_SHOWN}
AND coalesce({_PACKED.format("a")}, '') <> coalesce({_whole(_PACKED.format("r"))}, '')
UNION ALL
SELECT c.oid, 'statistics target of ' || a.attname || ': ' || a.attstattarget,
       {_COLUMN} ' SET STATISTICS ' || a.attstattarget, {_COLUMN} ' SET STATISTICS -1', '',
       ARRAY[a.attname::text], false, 'note'
FROM pg_attribute a {_SHOWN} AND a.attstattarget >= 0
AND a.attstattarget <> coalesce({_whole("r.attstattarget")}, -1)
UNION ALL
SELECT c.oid, 'options of ' || a.attname || ': ' || array_to_string(a.attoptions, ', '),
       {_COLUMN} ' SET (' || array_to_string(a.attoptions, ', ') || ')', {_COLUMN} ' RESET (n_distinct,
       n_distinct_inherited)', '', ARRAY[a.attname::text], false, 'note'
FROM pg_attribute a {_SHOWN} AND a.attoptions <> '{{{{}}}}'
UNION ALL
SELECT c.oid, 'REPLICA IDENTITY ' || CASE c.relreplident WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL'
       ELSE 'USING INDEX ' || x.relname END,
       CASE c.relreplident WHEN 'n' THEN 'ALTER TABLE {{table}} REPLICA IDENTITY NOTHING'
       WHEN 'f' THEN 'ALTER TABLE {{table}} REPLICA IDENTITY FULL'
       ELSE CASE WHEN c.relispartition THEN '' ELSE 'ALTER TABLE {{table}} REPLICA IDENTITY USING INDEX {{name}}' END
       END, 'ALTER TABLE {{table}} REPLICA IDENTITY DEFAULT', {_INDEX}, ARRAY[]::text[], false, 'note'
FROM pg_class r LEFT JOIN pg_index i ON i.indrelid = r.oid AND i.indisreplident AND r.relreplident = 'i'
LEFT JOIN pg_class x ON x.oid = i.indexrelid {_ON.format("r.oid")}
AND (c.relreplident IN ('n', 'f') OR c.relreplident = 'i' AND x.oid IS NOT NULL)
UNION ALL
SELECT c.oid, 'CLUSTER ON ' || x.relname,
       CASE WHEN c.relispartition THEN '' ELSE 'ALTER TABLE {{table}} CLUSTER ON {{name}}' END,
       'ALTER TABLE {{table}} SET WITHOUT CLUSTER', {_INDEX}, ARRAY[]::text[], false, 'note'
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid {_ON.format("i.indrelid")} AND i.indisclustered
UNION ALL
SELECT c.oid, 'options of index ' || x.relname || ': ' || array_to_string(x.reloptions, ', '),
       'ALTER INDEX {{schema}}{{name}} SET (' || array_to_string(x.reloptions, ', ') || ')', '', {_INDEX},
       ARRAY[]::text[], false, 'note'
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid {_WHOLE.format("i.indrelid")} AND x.relkind = 'i'
AND x.reloptions <> '{{{{}}}}' AND EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.conrelid = c.oid)
UNION ALL
SELECT c.oid, 'statistics target of index ' || x.relname || ': ' || a.attstattarget,
       'ALTER INDEX {{schema}}{{name}} ALTER COLUMN ' || a.attnum || ' SET STATISTICS ' || a.attstattarget, '',
       {_INDEX}, ARRAY[]::text[], false, 'note'
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_attribute a ON a.attrelid = x.oid
AND a.attstattarget >= 0 {_WHOLE.format("i.indrelid")}
UNION ALL
SELECT c.oid, 'constraint ' || k.conname || ': ' || pg_get_constraintdef(k.oid), '', '', '', ARRAY[]::text[], false,
       CASE k.contype WHEN 'f' THEN 'warning' ELSE 'note' END
FROM pg_constraint k {_WHOLE.format("k.conrelid")} AND (k.contype = 'n' AND (k.connoinherit OR NOT k.convalidated)
OR k.contype = 'f' AND to_jsonb(k) ->> 'conperiod' = 'true')
UNION ALL
SELECT c.oid, 'that it is OF ' || format_type(c.reloftype, NULL), '', '', '', ARRAY[]::text[], false, 'note'
FROM pg_class r {_ON.format("r.oid")} AND c.reloftype <> 0
UNION ALL
SELECT c.oid, 'access method ' || m.amname, '', '', '', ARRAY[]::text[], false, 'note'
FROM pg_class r JOIN pg_am m ON m.oid = r.relam AND m.amname <> 'heap' {_ON.format("r.oid")}
UNION ALL
SELECT c.oid, 'statistics ' || s.stxname || ': ' || pg_get_statisticsobjdef(s.oid),
       CASE WHEN to_jsonb(s) ->> 'stxexprs' IS NULL THEN
       'CREATE STATISTICS {{schema}}{{name}} (' || (SELECT string_agg(CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f'
       THEN 'dependencies' ELSE 'mcv' END, ', ') FROM unnest(s.stxkind) k) || ') ON '
       || (SELECT string_agg({_braced("quote_ident(a.attname)")}, ', ' ORDER BY a.attnum) FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum = ANY (s.stxkeys)) || ' FROM {{table}}' ELSE '' END,
       'DROP STATISTICS {{schema}}{{name}}', s.stxname::text,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (s.stxkeys)), false,
       'note' FROM pg_statistic_ext s {_ON.format("s.stxrelid")}
UNION ALL
SELECT c.oid, 'comment on constraint ' || k.conname,
       CASE WHEN k.contype IN ('c', 'f', 'p', 'u', 'x') THEN 'COMMENT ON CONSTRAINT {{name}} ON {{table}} IS ' {_REMARK}
       ELSE '' END,
       'COMMENT ON CONSTRAINT {{name}} ON {{table}} IS NULL', CASE k.contype WHEN 'p' THEN '' ELSE k.conname::text END,
       ARRAY[]::text[], false, 'note'
FROM pg_constraint k JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_constraint'::regclass
{_WHOLE.format("k.conrelid")} AND k.conparentid = 0
UNION ALL
SELECT c.oid, 'comment on index ' || x.relname, 'COMMENT ON INDEX {{schema}}{{name}} IS ' {_REMARK},
       'COMMENT ON INDEX {{schema}}{{name}} IS NULL', {_INDEX},
       ARRAY[]::text[], false, 'note'
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_description d ON d.objoid = x.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
{_WHOLE.format("i.indrelid")}
UNION ALL
SELECT c.oid, 'comment on ' || coalesce('column ' || a.attname, 'the table'),
       'COMMENT ON ' || coalesce('COLUMN {{table}}.' || {_braced("quote_ident(a.attname)")}, 'TABLE {{table}}')
       || ' IS ' {_REMARK}, '', '', ARRAY[]::text[], false, 'note'
FROM pg_description d LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = nullif(d.objsubid, 0)
{_ON.format("d.objoid")} AND c.relispartition AND d.classoid = 'pg_class'::regclass"""
# An index that is moved there once it is made: of CREATE INDEX and a constraint the clause stands amid others.
_SPACES = f"""
SELECT DISTINCT c.oid, CASE WHEN c.relispartition THEN 'tablespace of indexes: ' ELSE 'tablespace of index '
       || x.relname || ': ' END || s.spcname,
       CASE WHEN c.relispartition OR x.relkind = 'I' THEN '' ELSE 'ALTER INDEX {{schema}}{{name}} SET TABLESPACE '
       || {_braced("quote_ident(s.spcname)")} END, 'ALTER INDEX {{schema}}{{name}} SET TABLESPACE pg_default',
       CASE WHEN c.relispartition THEN '' ELSE {_INDEX} END, ARRAY[]::text[], false, 'note', quote_ident(s.spcname)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_tablespace s ON s.oid = x.reltablespace
{_ON.format("i.indrelid")}"""
# Of each: table, in words, the statement, its way back, what it is on, its columns, if rows have to find it, grade,
# the partition that alone has it, and the tablespace that it needs.
TRAITS = f"""
SELECT coalesce(pg_partition_root(o.oid)::oid, o.oid)::int8, x.what, x.forward, x.back, x.named, x.columns, x.early,
       x.grade, CASE WHEN o.relispartition THEN o.relname::text ELSE '' END, x.space
FROM (SELECT k.*, '' FROM ({_KNOWN} UNION ALL {partitions.OWN}) k UNION ALL {_SPACES})
AS x(made, what, forward, back, named, columns, early, grade, space)
JOIN pg_class o ON o.oid = x.made ORDER BY 1, 9, 2"""


def trait(row: Row) -> Trait:
    """A row of TRAITS."""
    _, what, forward, back, on, columns, early, grade, part, space = row
    named: tuple[str, ...] = tuple(columns)  # type: ignore[arg-type]  # psycopg gives text[] as a list
    return Trait(
        str(what), str(forward), str(back), str(on), named, bool(early), "warning" if grade == "warning" else "note",
        str(part), str(space),
    )  # fmt: skip
