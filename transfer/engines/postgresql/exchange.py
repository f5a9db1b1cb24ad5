"""A table that another takes the place of: what hangs on it, by its OID, and follows by SQL in the swap's transaction.

What the rows were is known without looking into them: each version of a row has a place and the transaction that wrote
it, and no other ever has both. So a table of which these are the same has not been written to, whoever wrote, by
whatever way; rows that VACUUM FULL or CLUSTER moved count as written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...engine import Asked, Row, Session
from ...plan import Statement
from ...schema.attached import Attached, Child, Exchange, joined
from ...schema.catalogue import Relation
from ...schema.sql import double_quoted, text_literal
from .session import alone, qualified

if TYPE_CHECKING:
    from . import PostgreSql

_DOES = {"c": "delete them", "n": "set their columns to NULL", "d": "set their columns to a default"}
_TAG = "$ropeway$"


def same(session: Session, other: Session) -> bool:
    """Whether both are in one database: a lock that one takes is there for the other."""
    key = "hashtextextended('ropeway is ' || random(), 0)"
    session.begin()
    try:
        ((number, _),) = session.ask(f"SELECT k, pg_advisory_xact_lock(k) FROM (SELECT {key} AS k) q")
        return not other.ask(f"SELECT pg_try_advisory_xact_lock({number})")[0][0]
    finally:
        session.rollback()


def standing(asked: Asked, relation: Relation) -> str:
    """All versions of rows that are seen, as two sums over their places and writers."""
    version = "tableoid::text || ' ' || ctid::text || ' ' || xmin::text"
    sums = ", ".join(f"coalesce(sum(hashtextextended(v, {seed})), 0)" for seed in (1, 2))
    rows = asked.ask(
        f"SELECT concat_ws(' ', count(*), {sums}) FROM (SELECT {version} AS v FROM {alone(asked, relation)}) q"
    )
    return str(rows[0][0])


def lock(relation: Relation) -> str:
    """Nobody else reads or writes until the transaction ends; who waits too long gives up, and may try again."""
    return f"SET LOCAL lock_timeout = '10s';\nLOCK TABLE {qualified(relation)} IN ACCESS EXCLUSIVE MODE"


def hold(relation: Relation) -> str:
    """Nobody else writes until the transaction ends."""
    return f"LOCK TABLE {qualified(relation)} IN SHARE ROW EXCLUSIVE MODE"


def attached(engine: PostgreSql, session: Session, what: Exchange) -> Attached:
    """What goes over with the swap, and what is in its way."""
    on = f"{text_literal(qualified(what.relation))}::regclass"
    return joined([
        Attached(refused=tuple(str(row[0]) for row in session.ask(_REFUSED.format(on=on)))),
        _named(engine, session, what, on), _counting(engine, session, what, on), _referring(session, what, on),
        _referred(session, what, on), _seen(session, on), _fired(session, what, on), _using(session, what, on),
        _granted(session, what, on),
    ])  # fmt: skip


_HANGING = """
SELECT md5(string_agg(t, '|' ORDER BY t COLLATE "C")) FROM (
SELECT concat_ws(' ', 'column', attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
       attacl, (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum)) AS t
FROM pg_attribute WHERE attrelid = {on} AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT concat_ws(' ', conname, conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
WHERE {on} IN (conrelid, confrelid) AND NOT coalesce((SELECT bool_or(c.relname ~ '^ropeway_'
      OR (n.nspname, c.relname) IN ({among})) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE contype = 'f' AND c.oid IN (conrelid, confrelid) AND conrelid <> confrelid AND c.oid <> {on}), false)
UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = {on}
UNION ALL SELECT concat_ws(' ', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger
WHERE tgrelid = {on} AND NOT tgisinternal
UNION ALL SELECT concat_ws(' ', relacl, relowner::regrole, relrowsecurity, relreplident, reloptions) FROM pg_class
WHERE oid = {on}
UNION ALL SELECT concat_ws(' ', 'sequence', s.oid::regclass, s.relacl) FROM pg_class s JOIN pg_depend d
ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'
WHERE s.relkind = 'S' AND d.refobjid = {on}
UNION ALL SELECT concat_ws(' ', 'view', v.oid::regclass, pg_get_viewdef(v.oid), v.reloptions) FROM pg_class v
WHERE v.relkind IN ('v', 'm') AND EXISTS (SELECT FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid
      AND d.classid = 'pg_rewrite'::regclass WHERE r.ev_class = v.oid AND d.refobjid = {on})
UNION ALL SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = {on}
UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = {on}
UNION ALL SELECT concat_ws(' ', 'publication', p.pubname) FROM pg_publication_tables p JOIN pg_class c ON c.oid = {on}
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.schemaname = n.nspname AND p.tablename = c.relname
UNION ALL SELECT concat_ws(' ', 'subscription', srsubid) FROM pg_subscription_rel WHERE srrelid = {on}
UNION ALL SELECT concat_ws(' ', 'inherits', inhrelid::regclass) FROM pg_inherits WHERE {on} IN (inhrelid, inhparent)
) q"""


def hanging(asked: Asked, relation: Relation, among: Sequence[Relation]) -> str:
    """What a table is and what hangs on it, as one sum; not what connects it with those that change places, too."""
    names = ", ".join(f"({text_literal(one.schema)}, {text_literal(one.table)})" for one in among)
    on = f"{text_literal(qualified(relation))}::regclass"
    return str(asked.ask(_HANGING.format(on=on, among=names or "('', '')"))[0][0])


# What is bound to the table by its OID, or to its rows' type, and cannot be made anew by its own text.
_REFUSED = """
SELECT CASE relkind WHEN 'p' THEN 'that it is partitioned' WHEN 'f' THEN 'that it is a foreign table'
       ELSE 'that it is no table' END FROM pg_class WHERE oid = {on} AND relkind <> 'r'
UNION ALL SELECT 'that it is a partition' FROM pg_class WHERE oid = {on} AND relispartition
UNION ALL SELECT 'row level security' FROM pg_class WHERE oid = {on} AND (relrowsecurity OR relforcerowsecurity)
UNION ALL SELECT 'that it is ' || CASE relpersistence WHEN 'u' THEN 'UNLOGGED' ELSE 'temporary' END
FROM pg_class WHERE oid = {on} AND relpersistence <> 'p'
UNION ALL SELECT 'access method ' || m.amname FROM pg_class c JOIN pg_am m ON m.oid = c.relam
WHERE c.oid = {on} AND m.amname <> 'heap'
UNION ALL SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = {on}
UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = {on}
UNION ALL SELECT 'inheritance with ' || CASE inhrelid WHEN {on} THEN inhparent ELSE inhrelid END::regclass
FROM pg_inherits WHERE {on} IN (inhrelid, inhparent)
UNION ALL SELECT 'publication ' || p.pubname FROM pg_publication_tables p JOIN pg_class c ON c.oid = {on}
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.schemaname = n.nspname AND p.tablename = c.relname
UNION ALL SELECT 'subscription ' || s.subname FROM pg_subscription_rel r
JOIN pg_subscription s ON s.oid = r.srsubid WHERE r.srrelid = {on}
UNION ALL SELECT 'security label ' || label FROM pg_seclabel WHERE classoid = 'pg_class'::regclass AND objoid = {on}
UNION ALL SELECT 'foreign key ' || k.conname || ' of ' || k.conrelid::regclass || ', which is partitioned'
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.confrelid = {on} AND k.contype = 'f' AND k.conparentid = 0 AND (c.relkind = 'p' OR c.relispartition)
UNION ALL SELECT CASE v.relkind WHEN 'm' THEN 'materialized view ' ELSE 'rule ' || r.rulename || ' of ' END
       || v.oid::regclass FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
WHERE v.oid <> {on} AND (v.relkind <> 'v' OR r.rulename <> '_RETURN') AND EXISTS (SELECT FROM pg_depend d
WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refobjid = {on})
UNION ALL SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d
LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
WHERE d.deptype IN ('n', 'a') AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = {on}
      AND (d.classid = 'pg_proc'::regclass OR c.relkind NOT IN ('i', 'I', 'S', 't')
           OR t.tgrelid <> {on} AND NOT t.tgisinternal)
   OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT unnest(ARRAY[y.oid, y.typarray])
      FROM pg_type y WHERE y.typrelid = {on}))
"""


# From version 18 on a column's NOT NULL is a constraint with a name, which the server made of the shadow's.
_NOT_NULLS = f"""DO {_TAG} DECLARE r record; BEGIN
FOR r IN SELECT n.conname AS made, o.conname AS had FROM pg_constraint n
JOIN pg_attribute na ON na.attrelid = n.conrelid AND na.attnum = n.conkey[1]
JOIN pg_constraint o ON o.contype = 'n' AND o.conrelid = {{old}}::regclass
JOIN pg_attribute oa ON oa.attrelid = o.conrelid AND oa.attnum = o.conkey[1] AND oa.attname = na.attname
WHERE n.contype = 'n' AND n.conrelid = {{table}}::regclass AND n.conname <> o.conname
LOOP EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', {{table}}, r.made, r.had); END LOOP; END {_TAG}"""


def _named(engine: PostgreSql, session: Session, what: Exchange, on: str) -> Attached:
    """Indexes and the constraints that they are of get the names that the old ones had, which make way."""
    taken = {str(row[0]) for row in session.ask(
        f"SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = {on}"
    )}  # fmt: skip
    table, schema = what.table, f"{double_quoted(what.relation.schema)}." if what.relation.schema else ""
    key = [table.key_name or f"{table.name.table}_pkey"] if table.key else []
    wanted = [*key, *(index.name for index in table.indexes), *(one.name for one in table.own)]
    first, then, back_first, back_then, told = [], [], [], [], []

    def rename(name: str, to: str) -> str:
        return f"ALTER INDEX IF EXISTS {schema}{double_quoted(name)} RENAME TO {double_quoted(to)}"

    for name in wanted:
        final, made = engine.name_of(name), engine.name_of(name + what.suffix)
        if final not in taken and session.ask(engine.exists(Relation(what.relation.schema, final))):
            told.append(f"index {final} is called {made}, for the name is another table's")
            continue
        aside = engine.name_of(f"{name}_old{what.suffix}")
        first += [rename(final, aside)] if final in taken else []
        then.append(rename(made, final))
        back_first.append(rename(final, made))
        back_then += [rename(aside, final)] if final in taken else []
    then.append(_NOT_NULLS.format(table=text_literal(qualified(what.relation)), old=text_literal(qualified(what.kept))))
    return Attached(tuple(first), tuple(then), tuple(back_first), tuple(back_then), told=tuple(told))


_OWNED = """
SELECT a.attname, a.attidentity <> '', s.relname, n.nspname, q.seqincrement FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_sequence q ON q.seqrelid = s.oid JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = {on}
AND d.deptype IN ('a', 'i')"""


def _counting(engine: PostgreSql, session: Session, what: Exchange, on: str) -> Attached:
    """A serial column keeps its sequence, an identity gives its name and its position to the new one's."""
    then, back_first, back_then, refused = [], [], [], []
    table = qualified(what.relation)
    there = {column.name: column for column in what.table.columns}
    for column, identity, name, schema, step in session.ask(_OWNED.format(on=on)):
        new, here = there.get(str(column)), double_quoted(str(column))
        sequence = qualified(Relation(str(schema), str(name)))
        if new is None:
            refused.append(f"sequence {name}, as its column {column} goes")
        elif identity and new.identity:
            aside, made = engine.name_of(f"{name}_old{what.suffix}"), engine.name_of(f"{name}{what.suffix}")
            kept = qualified(Relation(str(schema), aside))
            then += [
                f"ALTER SEQUENCE {sequence} RENAME TO {double_quoted(aside)}",
                f"DO {_TAG} BEGIN EXECUTE format('ALTER SEQUENCE %s RENAME TO %I', pg_get_serial_sequence("
                f"{text_literal(table)}, {text_literal(str(column))}), {text_literal(str(name))}); END {_TAG}",
            ]
            if int(str(step)) > 0:
                then.append(
                    f"SELECT setval({text_literal(sequence)}, o.last_value, o.is_called) FROM {kept} o, {sequence} n "
                    "WHERE o.last_value > n.last_value OR o.last_value = n.last_value AND o.is_called"
                )
            then += _of_sequence(session, sequence)
            back_first.append(f"ALTER SEQUENCE {sequence} RENAME TO {double_quoted(made)}")
            back_then.append(f"ALTER SEQUENCE {kept} RENAME TO {double_quoted(str(name))}")
        else:
            owned, alter = (
                f"ALTER SEQUENCE {sequence} OWNED BY {table}.{here}",
                f"ALTER TABLE {table} ALTER COLUMN {here}",
            )
            then += [f"{alter} DROP IDENTITY"] if new.identity else []
            then += [f"{alter} SET DEFAULT nextval({text_literal(sequence)}::regclass)", owned]
            back_then.append(owned)
    return Attached(
        then=tuple(then), back_first=tuple(back_first), back_then=tuple(back_then), refused=tuple(refused)
    )  # fmt: skip


def _of_sequence(session: Session, sequence: str) -> list[str]:
    """Who may use an identity's sequence, and its comment; what defaults gave the new one beyond that goes."""
    on = f"{text_literal(sequence)}::regclass"
    made = [f"REVOKE ALL ON SEQUENCE {sequence} FROM {role}" for (role,) in session.ask(_DEFAULTED.format(kind="S"))]
    for privilege, role, grantable in session.ask(
        f"SELECT g.privilege_type, {_ROLE}, g.is_grantable FROM (SELECT a.* FROM pg_class c, aclexplode(c.relacl) a "
        f"WHERE c.oid = {on} AND a.grantee <> c.relowner) g ORDER BY 1, 2"
    ):
        option = " WITH GRANT OPTION" if grantable else ""
        made.append(f"GRANT {privilege} ON SEQUENCE {sequence} TO {role}{option}")
    for (remark,) in session.ask(
        f"SELECT d FROM (SELECT obj_description({on}, 'pg_class') AS d) q WHERE d IS NOT NULL"
    ):
        made.append(f"COMMENT ON SEQUENCE {sequence} IS {text_literal(str(remark))}")
    return made


_FOREIGN = """
SELECT k.conname, n.nspname, c.relname, pg_get_constraintdef(k.oid), pn.nspname, p.relname, k.convalidated,
       k.confdeltype, ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.place),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.place),
       coalesce(obj_description(k.oid, 'pg_constraint'), '')
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> k.confrelid AND {side} = {on} ORDER BY 2, 3, 1"""


def _referring(session: Session, what: Exchange, on: str) -> Attached:
    """The table's own foreign keys to tables that stay: the new one gets them, and the old one's go, or its rows would
    go on to hold those that they refer to.
    """
    first, then, back, later, refused = [], [], [], [], []
    table, there = qualified(what.relation), {column.name for column in what.table.columns}
    for row in session.ask(_FOREIGN.format(side="k.conrelid", on=on)):
        if Relation(str(row[4]), str(row[5])) in what.among:
            continue
        name, said = double_quoted(str(row[0])), str(row[3])
        if not set(_texts(row, 8)) <= there:
            refused.append(f"foreign key {row[0]}, as its column goes")
        first.append(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        then += _added(what.relation, row, unproven=not what.table.partitioned)
        back.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {said}")
        later += [] if what.table.partitioned else _validated(what, what.relation, row)
    return Attached(tuple(first), tuple(then), (), tuple(back), later=tuple(later), refused=tuple(refused))


def _added(to: Relation, row: Row, *, unproven: bool) -> list[str]:
    """A foreign key as it was, for the rows to come first; with its comment."""
    name, table, said = double_quoted(str(row[0])), qualified(to), str(row[3])
    known = "NOT VALID" in said or "NOT ENFORCED" in said or not unproven
    remark = [f"COMMENT ON CONSTRAINT {name} ON {table} IS {text_literal(str(row[10]))}"] if row[10] else []
    return [f"ALTER TABLE {table} ADD CONSTRAINT {name} {said}{'' if known else ' NOT VALID'}", *remark]


def _validated(what: Exchange, on: Relation, row: Row) -> list[Statement]:
    """Once all is swapped its rows are looked at, under a lock that lets writers go on."""
    return [Statement(
        f"validate foreign key {row[0]} of {on}", "swap", hop=what.hop, after=("*",), atomic=True,
        forward=f"ALTER TABLE {qualified(on)} VALIDATE CONSTRAINT {double_quoted(str(row[0]))}",
        lock=f"SHARE UPDATE EXCLUSIVE on {on} while it reads",
    )] if row[6] else []  # fmt: skip


def _referred(session: Session, what: Exchange, on: str) -> Attached:
    """Foreign keys of other tables, made anew to the new table, unvalidated, and validated once it is there."""
    then, back, children, later = [], [], [], []
    for row in session.ask(_FOREIGN.format(side="k.confrelid", on=on)):
        child = Relation(str(row[1]), str(row[2]))
        if child in what.among:
            continue
        drop = f"ALTER TABLE {qualified(child)} DROP CONSTRAINT {double_quoted(str(row[0]))}"
        then += [drop, *_added(child, row, unproven=True)]
        back += [drop, *_added(child, row, unproven=False)]
        children.append(Child(str(row[0]), child, _texts(row, 8), _texts(row, 9), _DOES.get(str(row[7]), "")))
        later += _validated(what, child, row)
    return Attached(then=tuple(then), back_then=tuple(back), children=tuple(children), later=tuple(later))


def _texts(row: Row, place: int) -> tuple[str, ...]:
    return tuple(str(one) for one in row[place])  # type: ignore[attr-defined]  # psycopg gives text[] as a list


def _seen(session: Session, on: str) -> Attached:
    """Views, each by its own text: it means the names as they are when it is carried out."""
    made = tuple(
        f"CREATE OR REPLACE VIEW {qualified(Relation(str(schema), str(name)))}"
        f"{f' WITH ({options})' if options else ''} AS\n{str(query).rstrip().rstrip(';')}"
        for schema, name, query, options in session.ask(
            "SELECT n.nspname, v.relname, pg_get_viewdef(v.oid), array_to_string(v.reloptions, ', ') FROM pg_class v "
            "JOIN pg_namespace n ON n.oid = v.relnamespace JOIN pg_rewrite r ON r.ev_class = v.oid "
            "AND r.rulename = '_RETURN' WHERE v.relkind = 'v' AND EXISTS (SELECT FROM pg_depend d "
            f"WHERE d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass AND d.refobjid = {on}) ORDER BY v.oid"
        )
    )
    return Attached(then=made, back_then=made)


_USING = """
SELECT DISTINCT coalesce('trigger ' || t.tgname, 'view ' || v.oid::regclass), a.attname, a.atttypid::bigint,
       format_type(a.atttypid, a.atttypmod), v.oid IS NULL AND t.tgqual IS NULL
FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND NOT t.tgisinternal
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
LEFT JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {on} AND coalesce(t.oid, v.oid) IS NOT NULL ORDER BY 1, 2"""


def _using(session: Session, what: Exchange, on: str) -> Attached:
    """Views, and triggers, of a column that goes; and those that may mean its type, where that changes."""
    there, refused = {column.name: column for column in what.table.columns}, []
    for user, column, kind, printed, typeless in session.ask(_USING.format(on=on)):
        new = there.get(str(column))
        if new is None:
            refused.append(f"{user}, as its column {column} goes")
        elif not typeless and _is_other(session, new.native, int(str(kind)), str(printed)):
            refused.append(f"{user}, as its column {column} becomes {new.native} of {printed}")
    return Attached(refused=tuple(refused))


def _is_other(session: Session, native: str, kind: int, printed: str) -> bool:
    """Whether a type is another one, however both are spelled; what the server does not know is found at the swap."""
    found = session.ask(f"SELECT to_regtype({text_literal(native)})::bigint")[0][0]
    bounds = [re.findall(r"\(([^)]*)\)", one.replace(" ", "")) for one in (native, printed)]
    return found is not None and (int(str(found)) != kind or bounds[0] != bounds[1])


_STATES = {"D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


def _fired(session: Session, what: Exchange, on: str) -> Attached:
    """Triggers of the user's; the old table keeps its own."""
    then = []
    for name, text, state, remark in session.ask(
        "SELECT tgname, pg_get_triggerdef(oid), tgenabled::text, coalesce(obj_description(oid, 'pg_trigger'), '') "
        f"FROM pg_trigger WHERE tgrelid = {on} AND NOT tgisinternal ORDER BY tgname"
    ):
        table, quoted = qualified(what.relation), double_quoted(str(name))
        then.append(str(text))
        if word := _STATES.get(str(state)):
            then.append(f"ALTER TABLE {table} {word} TRIGGER {quoted}")
        if remark:
            then.append(f"COMMENT ON TRIGGER {quoted} ON {table} IS {text_literal(str(remark))}")
    return Attached(then=tuple(then))


_GRANTS = """
SELECT '' AS of, a.privilege_type, a.grantee, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a
WHERE c.oid = {on} AND a.grantee <> c.relowner UNION ALL
SELECT t.attname, a.privilege_type, a.grantee, a.is_grantable FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid,
       aclexplode(t.attacl) a WHERE t.attrelid = {on} AND NOT t.attisdropped AND a.grantee <> c.relowner"""
_ROLE = "CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END"
_DEFAULTED = (  # whom default privileges give something of what is made
    f"SELECT DISTINCT {_ROLE} FROM (SELECT a.grantee FROM pg_default_acl d, aclexplode(d.defaclacl) a "
    "WHERE d.defaclobjtype = '{kind}' AND a.grantee <> d.defaclrole) g"
)


def _granted(session: Session, what: Exchange, on: str) -> Attached:
    """Who may do what, and whose it is; what default privileges gave the new table beyond that goes."""
    table, there = qualified(what.relation), {column.name for column in what.table.columns}
    then, refused = [], []
    for (role,) in session.ask(_DEFAULTED.format(kind="r")):
        then.append(f"REVOKE ALL ON {table} FROM {role}")
    for column, privilege, role, grantable in session.ask(
        f"SELECT g.of, g.privilege_type, {_ROLE}, g.is_grantable FROM ({_GRANTS.format(on=on)}) g ORDER BY 1, 2, 3"
    ):
        if column and str(column) not in there:
            refused.append(f"{privilege} on its column {column} to {role}, as the column goes")
            continue
        of = f" ({double_quoted(str(column))})" if column else ""
        option = " WITH GRANT OPTION" if grantable else ""
        then.append(f"GRANT {privilege}{of} ON {table} TO {role}{option}")
    for (owner,) in session.ask(
        f"SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = {on} "
        "AND pg_get_userbyid(relowner) <> current_user"
    ):
        then.append(f"ALTER TABLE {table} OWNER TO {owner}")
    return Attached(then=tuple(then), refused=tuple(refused))


def swapping(what: Exchange, gone: Attached) -> tuple[str, str]:
    """Both renames amid what goes over, and the way back."""
    relation, shadow, kept = (qualified(one) for one in (what.relation, what.shadow, what.kept))
    name = {one: double_quoted(one.table) for one in (what.relation, what.shadow, what.kept)}
    forward = [f"ALTER TABLE {relation} RENAME TO {name[what.kept]}",
               f"ALTER TABLE {shadow} RENAME TO {name[what.relation]}"]  # fmt: skip
    back = [f"ALTER TABLE {relation} RENAME TO {name[what.shadow]}",
            f"ALTER TABLE {kept} RENAME TO {name[what.relation]}"]  # fmt: skip
    return (
        ";\n".join([*gone.first, *forward, *gone.then]), ";\n".join([*gone.back_first, *back, *gone.back_then]),
    )  # fmt: skip
