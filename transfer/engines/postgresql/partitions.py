"""Single partitions of PostgreSQL's tables: how each is made, and what it has beside what its parent gave it."""

from __future__ import annotations

from collections import defaultdict

from ...engine import Session
from ...schema.catalogue import Part, Relation
from .session import USERS

# What a table was given by SET or WITH, with what the one beside it has where its long values lie.
OPTIONS = """array_to_string({0}.reloptions || ARRAY(SELECT 'toast.' || o FROM pg_class e, unnest(e.reloptions) o
       WHERE e.oid = {0}.reltoastrelid), ', ')"""
_PARTS = f"""
SELECT r.oid::int8, n.nspname::text, l.relname::text, pn.nspname::text, p.relname::text,
       pg_get_expr(l.relpartbound, l.oid)
       || CASE l.relkind WHEN 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(l.oid) ELSE '' END
       || coalesce(' WITH (' || nullif({OPTIONS.format("l")}, '') || ')', '')
FROM pg_class r CROSS JOIN LATERAL pg_partition_tree(r.oid) t JOIN pg_class l ON l.oid = t.relid
JOIN pg_namespace n ON n.oid = l.relnamespace JOIN pg_class p ON p.oid = t.parentrelid
JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE r.relkind = 'p' AND NOT r.relispartition AND t.level > 0 AND {USERS} ORDER BY r.oid, t.level, l.oid"""

_OF = f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relispartition AND {USERS}"
_NAMED = "'', '', '', ARRAY[]::text[], false"
_ROOT = "pg_partition_root(c.oid)"
# As rows of traits.TRAITS, which have no statement and so are only named.
OWN = f"""
SELECT c.oid, 'constraint ' || k.conname || ', which holds there alone: ' || pg_get_constraintdef(k.oid), {_NAMED},
       'warning' FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid {_OF}
AND k.contype IN ('c', 'f', 'n', 'p', 'u', 'x') AND k.conparentid = 0 AND k.coninhcount = 0
UNION ALL
SELECT c.oid, 'index ' || x.relname || ', which is there alone: ' || pg_get_indexdef(x.oid), {_NAMED},
       CASE WHEN i.indisunique THEN 'warning' ELSE 'note' END
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid {_OF}
AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = x.oid)
AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.conrelid = c.oid)
UNION ALL
SELECT c.oid, 'default of ' || a.attname || ': ' || pg_get_expr(d.adbin, c.oid), {_NAMED}, 'note'
FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
JOIN pg_class c ON c.oid = d.adrelid {_OF}
AND NOT EXISTS (SELECT FROM pg_attribute b JOIN pg_attrdef e ON e.adrelid = b.attrelid AND e.adnum = b.attnum WHERE
    b.attrelid = {_ROOT} AND b.attname = a.attname AND pg_get_expr(e.adbin, e.adrelid) = pg_get_expr(d.adbin, c.oid))
UNION ALL
SELECT c.oid, 'tablespace ' || s.spcname, {_NAMED}, 'note'
FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace {_OF}
AND s.oid <> (SELECT r.reltablespace FROM pg_class r WHERE r.oid = {_ROOT}) AND c.relkind IN ('r', 'p')
UNION ALL
SELECT c.oid, 'that it is a foreign table', {_NAMED}, 'warning' FROM pg_class c {_OF} AND c.relkind = 'f'
UNION ALL
SELECT c.oid, 'grants: ' || string_agg(g.privilege_type || ' to ' || coalesce(r.rolname, 'PUBLIC'), ', '), {_NAMED},
       'note' FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee {_OF}
AND g.grantee <> c.relowner AND c.relkind IN ('r', 'p') GROUP BY c.oid"""


def parts(session: Session) -> dict[int, tuple[Part, ...]]:
    """The partitions of each partitioned table by its oid, each after its owner."""
    found: defaultdict[int, list[Part]] = defaultdict(list)
    for root, schema, name, owners, owner, clause in session.ask(_PARTS):
        part = Part(Relation(str(schema), str(name)), Relation(str(owners), str(owner)), str(clause))
        found[int(str(root))].append(part)
    return {root: tuple(made) for root, made in found.items()}
