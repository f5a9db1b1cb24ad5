"""What only PostgreSQL knows of a table, as statements that another PostgreSQL takes."""

from __future__ import annotations

from ...engine import Row
from ...schema.catalogue import Trait
from .session import USERS

_ON = (
    "JOIN pg_class c ON c.oid = {} JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {USERS}"
)
_KINDS = "CASE {} WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END"


def _braced(sql: str) -> str:
    """A text that stands in a statement with names to fill in."""
    return f"replace(replace({sql}, '{{', '{{{{'), '}}', '}}}}')"


_COLUMN = f"'ALTER TABLE {{table}} ALTER COLUMN ' || {_braced('quote_ident(a.attname)')} || "
_REMARK = f"|| {_braced('quote_literal(d.description)')}"
# Of each: table, in words, the statement, its way back, what it is on, its columns, if rows have to find it, grade.
# A statistic over expressions may call what a user made, and is only named.
TRAITS = f"""
SELECT c.oid::int8, 'row level security, without which who may read the table sees all rows: ENABLE ROW LEVEL SECURITY',
       'ALTER TABLE {{table}} ENABLE ROW LEVEL SECURITY', 'ALTER TABLE {{table}} DISABLE ROW LEVEL SECURITY', '',
       ARRAY[]::text[], false, 'warning' FROM pg_class r {_ON.format("r.oid")} AND c.relrowsecurity
UNION ALL
SELECT c.oid::int8, 'storage of ' || a.attname || ': ' || {_KINDS.format("a.attstorage")},
       {_COLUMN} ' SET STORAGE ' || {_KINDS.format("a.attstorage")},
       {_COLUMN} ' SET STORAGE ' || {_KINDS.format("t.typstorage")}, '', ARRAY[a.attname::text], true, 'note'
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid AND t.typstorage <> a.attstorage {_ON.format("a.attrelid")}
AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT c.oid::int8, 'statistics target of ' || a.attname || ': ' || a.attstattarget,
       {_COLUMN} ' SET STATISTICS ' || a.attstattarget, {_COLUMN} ' SET STATISTICS -1', '',
       ARRAY[a.attname::text], true, 'note'
FROM pg_attribute a {_ON.format("a.attrelid")} AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget >= 0
UNION ALL
SELECT c.oid::int8, 'statistics ' || s.stxname || ': ' || pg_get_statisticsobjdef(s.oid),
       CASE WHEN to_jsonb(s) ->> 'stxexprs' IS NULL THEN
       'CREATE STATISTICS {{schema}}{{name}} (' || (SELECT string_agg(CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f'
       THEN 'dependencies' ELSE 'mcv' END, ', ') FROM unnest(s.stxkind) k) || ') ON '
       || (SELECT string_agg({_braced("quote_ident(a.attname)")}, ', ' ORDER BY a.attnum) FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum = ANY (s.stxkeys)) || ' FROM {{table}}' ELSE '' END,
       'DROP STATISTICS {{schema}}{{name}}', s.stxname::text,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (s.stxkeys)), false,
       'note' FROM pg_statistic_ext s {_ON.format("s.stxrelid")}
UNION ALL
SELECT c.oid::int8, 'comment on constraint ' || k.conname,
       CASE WHEN k.contype IN ('c', 'f', 'p', 'u', 'x') THEN 'COMMENT ON CONSTRAINT {{name}} ON {{table}} IS ' {_REMARK}
       ELSE '' END,
       'COMMENT ON CONSTRAINT {{name}} ON {{table}} IS NULL', CASE k.contype WHEN 'p' THEN '' ELSE k.conname::text END,
       ARRAY[]::text[], false, 'note'
FROM pg_constraint k JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_constraint'::regclass
{_ON.format("k.conrelid")} AND k.conparentid = 0
UNION ALL
SELECT c.oid::int8, 'comment on index ' || x.relname, 'COMMENT ON INDEX {{schema}}{{name}} IS ' {_REMARK},
       'COMMENT ON INDEX {{schema}}{{name}} IS NULL', CASE WHEN i.indisprimary THEN '' ELSE x.relname::text END,
       ARRAY[]::text[], false, 'note'
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_description d ON d.objoid = x.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
{_ON.format("i.indrelid")}
ORDER BY 1, 2"""


def trait(row: Row) -> Trait:
    """A row of TRAITS."""
    _, what, forward, back, on, columns, early, grade = row
    named: tuple[str, ...] = tuple(columns)  # type: ignore[arg-type]  # psycopg gives text[] as a list
    return Trait(
        str(what), str(forward), str(back), str(on), named, bool(early), "warning" if grade == "warning" else "note"
    )
