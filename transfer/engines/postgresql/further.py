"""Views, sequences, routines and triggers of a PostgreSQL database."""

from __future__ import annotations

from ...engine import Row, Session
from ...schema.catalogue import Further, Grant, Listed, Numbers, Relation, View
from .session import USERS

# What an extension made comes with the extension.
_OWN = "NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = {} AND e.deptype = 'e')"
_VIEWS = f"""
SELECT n.nspname::text, c.relname::text, pg_get_viewdef(c.oid), c.relkind = 'm',
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
             AND NOT a.attisdropped ORDER BY a.attnum), coalesce(obj_description(c.oid, 'pg_class'), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND {USERS} AND {_OWN.format("c.oid")} ORDER BY c.oid"""
# Identities and serials own theirs, which follow their column.
_SEQUENCES = f"""pg_sequences s JOIN pg_namespace n ON n.nspname = s.schemaname
JOIN pg_class c ON c.relname = s.sequencename AND c.relnamespace = n.oid
WHERE {USERS} AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
      AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))"""
_NUMBERS = f"""
SELECT s.schemaname::text, s.sequencename::text, s.last_value, s.start_value, s.increment_by, s.min_value,
       s.max_value, s.cycle
FROM {_SEQUENCES} ORDER BY c.oid"""
# What a partition has is listed with the whole, `w`.
_WHOLE = (
    "JOIN pg_class w ON w.oid = coalesce(pg_partition_root(c.oid)::oid, c.oid) "
    "JOIN pg_namespace m ON m.oid = w.relnamespace"
)
_PART = "CASE WHEN c.relispartition THEN ' of ' || c.relname ELSE '' END"
# What a session that replicates fires, or none.
_STATE = """CASE {0} WHEN 'O' THEN '' ELSE format(';
ALTER TABLE %I.%I %s {1} %I', n.nspname, c.relname, CASE {0} WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS'
ELSE 'ENABLE REPLICA' END, {2}) END"""
_NO_PART = "NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = {} AND i.objid = {} AND i.deptype = 'i')"
_KINDS = (
    "pg_operator", "pg_opclass", "pg_opfamily", "pg_conversion", "pg_ts_config", "pg_ts_dict", "pg_language",
    "pg_foreign_server", "pg_foreign_data_wrapper",
)  # fmt: skip
# Those that initdb granted are in pg_init_privs, as the ones on schema public.
_RIGHTS = """
SELECT 'schema grant', '', format('%s on %s to %s', a.privilege_type, n.nspname, coalesce(r.rolname, 'PUBLIC')),
       format('GRANT %s ON SCHEMA %I TO %s', a.privilege_type, n.nspname, coalesce(quote_ident(r.rolname), 'PUBLIC'))
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE a.grantee <> n.nspowner AND {users} AND NOT EXISTS (
      SELECT FROM pg_init_privs i CROSS JOIN LATERAL aclexplode(i.initprivs) w WHERE i.objoid = n.oid
      AND i.classoid = 'pg_namespace'::regclass AND (w.grantee, w.privilege_type) = (a.grantee, a.privilege_type))
UNION ALL
SELECT 'default privilege', '', format('of %s: %s %s on %s%s %s %s', o.rolname, a.word, a.privilege_type,
              lower(k.word), ' in ' || n.nspname, a.way, coalesce(r.rolname, 'PUBLIC')),
       format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s %s %s ON %s %s %s', o.rolname,
              ' IN SCHEMA ' || quote_ident(n.nspname), a.word, a.privilege_type, k.word, a.way,
              coalesce(quote_ident(r.rolname), 'PUBLIC'))
FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
JOIN (VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('T', 'TYPES'), ('n', 'SCHEMAS'),
      ('L', 'LARGE OBJECTS')) k(kind, word) ON k.kind = d.defaclobjtype::text
CROSS JOIN LATERAL (
    SELECT 'GRANT' AS word, 'TO' AS way, g.grantee, g.privilege_type FROM aclexplode(d.defaclacl) g
    UNION ALL
    SELECT 'REVOKE', 'FROM', u.* FROM (SELECT g.grantee, g.privilege_type
        FROM aclexplode(acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, o.oid)) g
        WHERE d.defaclnamespace = 0 EXCEPT SELECT g.grantee, g.privilege_type FROM aclexplode(d.defaclacl) g) u
) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE a.word = 'REVOKE' OR a.grantee <> o.oid"""
_CASTS = f"""
SELECT 'cast', '', format('%s to %s', c.castsource::regtype, c.casttarget::regtype),
       format('CREATE CAST (%s AS %s) %s%s', c.castsource::regtype, c.casttarget::regtype,
              CASE c.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || c.castfunc::regprocedure WHEN 'i' THEN 'WITH INOUT'
              ELSE 'WITHOUT FUNCTION' END,
              CASE c.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' ELSE '' END)
FROM pg_cast c WHERE c.oid >= 16384 AND {_OWN.format("c.oid")} AND {_NO_PART.format("'pg_cast'::regclass", "c.oid")}
UNION ALL
SELECT i.type, '', i.identity, '' FROM ({" UNION ALL ".join(f"SELECT '{k}'::regclass, oid FROM {k}" for k in _KINDS)})
AS k(class, oid) CROSS JOIN LATERAL pg_identify_object(k.class, k.oid, 0) i
WHERE k.oid >= 16384 AND {_OWN.format("k.oid")}"""
_LISTED = f"""
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname::text,
       p.proname::text, CASE p.prokind WHEN 'a' THEN '' ELSE pg_get_functiondef(p.oid) END
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {USERS} AND {_OWN.format("p.oid")}
AND {_NO_PART.format("'pg_proc'::regclass", "p.oid")}
UNION ALL
SELECT 'trigger', m.nspname::text, w.relname || '.' || t.tgname || {_PART},
       pg_get_triggerdef(t.oid) || {_STATE.format("t.tgenabled", "TRIGGER", "t.tgname")} FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid {_WHOLE} JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {USERS}
UNION ALL
SELECT 'policy', m.nspname::text, w.relname || '.' || p.polname || {_PART},
       format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s', p.polname, n.nspname, c.relname,
              CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
              CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
              ELSE 'ALL' END, (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)::text)
              END, ', ') FROM unnest(p.polroles) o))
       || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
       || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid {_WHOLE} JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {USERS}
UNION ALL
SELECT 'rule', m.nspname::text, w.relname || '.' || r.rulename || {_PART},
       rtrim(pg_get_ruledef(r.oid), ';') || {_STATE.format("r.ev_enabled", "RULE", "r.rulename")} FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class {_WHOLE} JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND {USERS}
UNION ALL
SELECT 'view option', n.nspname::text, c.relname || ' (' || array_to_string(c.reloptions, ', ') || ')',
       format('ALTER VIEW %I.%I SET (%s)', n.nspname, c.relname, array_to_string(c.reloptions, ', '))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND c.reloptions <> '{{}}' AND {USERS} AND {_OWN.format("c.oid")}
UNION ALL
SELECT 'view index', n.nspname::text, x.relname::text, pg_get_indexdef(x.oid) FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'm'
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {USERS} AND {_OWN.format("c.oid")}
UNION ALL
SELECT 'sequence option', n.nspname::text, s.sequencename || ' (AS ' || s.data_type || ' CACHE ' || s.cache_size || ')',
       format('ALTER SEQUENCE %I.%I AS %s CACHE %s', n.nspname, c.relname, s.data_type, s.cache_size)
FROM {_SEQUENCES} AND (s.data_type <> 'bigint'::regtype OR s.cache_size <> 1)
UNION ALL
SELECT 'comment', '', pg_describe_object(d.classoid, d.objoid, d.objsubid), quote_literal(d.description)
FROM pg_description d LEFT JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
WHERE d.objoid >= 16384 AND {_OWN.format("d.objoid")} AND (c.relkind IN ('S', 'c')
OR c.relkind IN ('v', 'm') AND d.objsubid > 0
OR d.classoid IN ('pg_type'::regclass, 'pg_namespace'::regclass, 'pg_proc'::regclass))
UNION ALL {_CASTS} UNION ALL {_RIGHTS.format(users=USERS)}
UNION ALL
SELECT 'publication', '', pubname::text, '' FROM pg_publication
UNION ALL
SELECT 'event trigger', '', evtname::text, '' FROM pg_event_trigger
UNION ALL
SELECT 'extension', '', extname::text, '' FROM pg_extension WHERE extname <> 'plpgsql'
ORDER BY 1, 2, 3"""

_GRANTS = f"""
SELECT n.nspname::text, c.relname::text, a.privilege_type::text, coalesce(r.rolname::text, 'PUBLIC')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE a.grantee <> c.relowner AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition AND {USERS}
UNION ALL
SELECT n.nspname::text, c.relname::text, a.privilege_type || ' (' || string_agg(quote_ident(m.attname), ', '
       ORDER BY m.attnum) || ')', coalesce(r.rolname::text, 'PUBLIC')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute m ON m.attrelid = c.oid
CROSS JOIN LATERAL aclexplode(m.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE a.grantee <> c.relowner AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND {USERS}
GROUP BY 1, 2, 4, a.privilege_type ORDER BY 1, 2, 4, 3"""


def further(session: Session) -> Further:
    """As Engine.further says. Names inside the views' queries are printed with their schemas."""
    session.begin()
    try:
        session.execute("SET LOCAL search_path = ''")
        views = tuple(_view(row) for row in session.ask(_VIEWS))
        numbers = tuple(_numbers(row) for row in session.ask(_NUMBERS))
        listed = tuple(
            Listed(str(kind), Relation(str(schema), str(name)), str(text))
            for kind, schema, name, text in session.ask(_LISTED)
        )
    finally:
        session.rollback()
    grants = tuple(
        Grant(Relation(str(schema), str(name)), str(privilege), str(role))
        for schema, name, privilege, role in session.ask(_GRANTS)
    )
    return Further(views, numbers, listed, grants=grants)


def _view(row: Row) -> View:
    schema, name, query, stored, columns, comment = row
    made: tuple[str, ...] = tuple(columns)  # type: ignore[arg-type]  # psycopg gives text[] as a list
    return View(Relation(str(schema), str(name)), str(query).rstrip().rstrip(";"), made, bool(stored), str(comment))


def _numbers(row: Row) -> Numbers:
    schema, name, last, *rest, cycle = row
    start, step, low, high = (int(str(value)) for value in rest)
    following = start if last is None else int(str(last)) + step
    return Numbers(Relation(str(schema), str(name)), following, step, low, high, bool(cycle))
