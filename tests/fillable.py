"""A schema as an ORM might have made it, on each engine with all it has, and the source that fills it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from spots import MYSQL_FAMILY, Spot

Rows = list[tuple[object, ...]]
ROWS: dict[str, Rows] = {
    "town": [("A", "one"), ("B", "two"), ("C", "three"), ("D", "four")],
    "person": [(n, f"person {n}", "ABCD"[n % 4], None, None) for n in range(1, 9)],
    "stay": [(n % 8 + 1, f"2024-01-{n + 1:02}", "ABCD"[(n + 1) % 4]) for n in range(8)],
}
ROWS["stay"].sort()
_COLUMNS = {
    "town": ("code", "label"),
    "person": ("id", "full_name", "town_code", "boss", "home"),
    "stay": ("person_id", "day", "town_code"),
}


def columns_of(table: str) -> str:
    return ", ".join(_COLUMNS[table])


def made(file: Path) -> None:
    """The source: CamelCase, no constraints, columns in another order, a migration tool's table beside them."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript("""
            CREATE TABLE Town (label VARCHAR(20), Code VARCHAR(2));
            CREATE TABLE Person (Id INTEGER PRIMARY KEY, TownCode VARCHAR(2), boss INTEGER, home VARCHAR(2),
                                 FullName VARCHAR(40));
            CREATE TABLE Stay (Day DATE, TownCode VARCHAR(2), PersonId INTEGER);
            CREATE TABLE alembic_version (version_num VARCHAR(32));
            INSERT INTO alembic_version VALUES ('of the source');
        """)
        connection.executemany("INSERT INTO Town (Code, label) VALUES (?, ?)", ROWS["town"])
        into = "Id, FullName, TownCode, boss, home"
        connection.executemany(f"INSERT INTO Person ({into}) VALUES (?, ?, ?, ?, ?)", ROWS["person"])
        connection.executemany("INSERT INTO Stay (PersonId, Day, TownCode) VALUES (?, ?, ?)", ROWS["stay"])


# Town and person refer to each other, person to itself, stay to both ends of a key of two columns.
_POSTGRESQL = (
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('here')",
    "CREATE TABLE noted (what text)",
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO noted VALUES (TG_NAME); "
    "RETURN NULL; END $$",
    """CREATE TABLE town (code varchar(2) PRIMARY KEY, label varchar(20) NOT NULL, mayor integer,
       CONSTRAINT labels UNIQUE (label) INCLUDE (mayor) WITH (fillfactor = 70) DEFERRABLE INITIALLY DEFERRED)""",
    """CREATE TABLE person (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, full_name text NOT NULL,
       town_code varchar(2), boss integer, home varchar(2),
       shout text GENERATED ALWAYS AS (upper(full_name)) STORED, CHECK (id > 0))""",
    "CREATE UNIQUE INDEX people ON person (full_name, home) NULLS NOT DISTINCT",
    'CREATE INDEX "by; lower" ON person (lower(full_name) COLLATE "C" text_pattern_ops DESC NULLS LAST)',
    "CREATE INDEX settled ON person USING hash (town_code) WHERE home IS NOT NULL",
    "COMMENT ON INDEX settled IS 'those; at\nhome'",
    "ALTER TABLE town ADD CONSTRAINT mayors FOREIGN KEY (mayor) REFERENCES person ON DELETE SET NULL",
    "ALTER TABLE person ADD CONSTRAINT bosses FOREIGN KEY (boss) REFERENCES person DEFERRABLE INITIALLY DEFERRED",
    "ALTER TABLE person ADD FOREIGN KEY (town_code) REFERENCES town ON UPDATE CASCADE",
    "ALTER TABLE person ADD CONSTRAINT homes FOREIGN KEY (home) REFERENCES town NOT VALID",
    "COMMENT ON CONSTRAINT bosses ON person IS 'it''s; his'",
    "ALTER TABLE person ADD UNIQUE (id, town_code)",
    """CREATE TABLE stay (person_id integer NOT NULL, day date, town_code varchar(2), n bigserial,
       FOREIGN KEY (person_id, town_code) REFERENCES person (id, town_code) MATCH FULL)""",
    "ALTER TABLE stay ADD CONSTRAINT days EXCLUDE USING btree (person_id WITH =, day WITH =)",
    # Somebody else's table that refers to a filled one.
    "CREATE TABLE outside (person integer REFERENCES person ON DELETE CASCADE)",
    "CREATE TRIGGER heard AFTER INSERT OR DELETE ON person FOR EACH ROW EXECUTE FUNCTION note()",
    "CREATE TRIGGER deaf AFTER INSERT ON person FOR EACH ROW EXECUTE FUNCTION note()",
    "ALTER TABLE person DISABLE TRIGGER deaf",
    "CREATE CONSTRAINT TRIGGER later AFTER INSERT ON town DEFERRABLE FOR EACH ROW EXECUTE FUNCTION note()",
    "ALTER TABLE town ENABLE ALWAYS TRIGGER later",
)
_SQLITE = (
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('here')",
    "CREATE TABLE noted (what text)",
    "CREATE TABLE town (code varchar(2) PRIMARY KEY, label varchar(20) NOT NULL UNIQUE, "
    "mayor integer REFERENCES person)",
    """CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, full_name text NOT NULL,
       town_code varchar(2) REFERENCES town, boss integer REFERENCES person DEFERRABLE INITIALLY DEFERRED,
       home varchar(2), shout text GENERATED ALWAYS AS (upper(full_name)) STORED, CHECK (id > 0))""",
    "CREATE UNIQUE INDEX people ON person (full_name)",
    'CREATE INDEX "by; lower" ON person (lower(full_name) DESC) -- as; it\n WHERE home IS NOT NULL',
    "CREATE TABLE stay (person_id integer NOT NULL REFERENCES person, day date, town_code varchar(2))",
    "CREATE TRIGGER heard AFTER INSERT ON person BEGIN\n INSERT INTO noted VALUES ('in;\n');\n"
    " UPDATE noted SET what = 'x' WHERE 1 = 0;\nEND",
    "CREATE TRIGGER gone AFTER DELETE ON person BEGIN INSERT INTO noted VALUES ('gone'); END",
)
_DUCKDB = (
    "CREATE TABLE alembic_version (version_num varchar PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('here')",
    "CREATE TABLE noted (what varchar)",
    "CREATE SEQUENCE people_seq",
    "CREATE TABLE town (code varchar PRIMARY KEY, label varchar NOT NULL UNIQUE)",
    """CREATE TABLE person (id integer DEFAULT nextval('people_seq') PRIMARY KEY, full_name varchar NOT NULL UNIQUE,
       town_code varchar REFERENCES town (code), boss integer, home varchar,
       shout varchar GENERATED ALWAYS AS (upper(full_name)), CHECK (id > 0))""",
    'CREATE INDEX "by; lower" ON person (lower(full_name))',
    "CREATE INDEX homes ON person (home)",
    "COMMENT ON INDEX homes IS 'where; he''s'",
    "CREATE TABLE stay (person_id integer NOT NULL REFERENCES person (id), day date, town_code varchar)",
    "CREATE TRIGGER heard AFTER INSERT ON person REFERENCING NEW TABLE AS n FOR EACH STATEMENT "
    "INSERT INTO noted SELECT full_name FROM n",
)
_MYSQL = (
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('here')",
    "CREATE TABLE noted (what text)",
    "CREATE TABLE town (code varchar(2) PRIMARY KEY, label varchar(20) NOT NULL, mayor integer, "
    "UNIQUE KEY labels (label) COMMENT 'it''s; a\nlabel', KEY mayors (mayor))",
    """CREATE TABLE person (id integer AUTO_INCREMENT PRIMARY KEY, full_name varchar(40) NOT NULL,
       town_code varchar(2), boss integer, home varchar(2), {shout}
       UNIQUE KEY people (full_name), KEY few (full_name(3), home), FULLTEXT KEY words (full_name),
       UNIQUE KEY `by; ``both` (id, town_code))""",
    "ALTER TABLE town ADD CONSTRAINT mayor_is FOREIGN KEY (mayor) REFERENCES person (id) ON DELETE SET NULL",
    "ALTER TABLE person ADD FOREIGN KEY (boss) REFERENCES person (id)",
    "ALTER TABLE person ADD CONSTRAINT `in; town` FOREIGN KEY (town_code) REFERENCES town (code) ON UPDATE CASCADE",
    "CREATE TABLE stay (person_id integer NOT NULL, day date, town_code varchar(2), "
    "FOREIGN KEY (person_id, town_code) REFERENCES person (id, town_code))",
    "CREATE TABLE outside (person integer, FOREIGN KEY (person) REFERENCES person (id) ON DELETE CASCADE)",
    "CREATE TRIGGER heard AFTER INSERT ON person FOR EACH ROW BEGIN\n INSERT INTO noted VALUES ('in;\n');\n"
    " UPDATE noted SET what = 'é' WHERE 1 = 0;\nEND",
    "CREATE TRIGGER gone AFTER DELETE ON person FOR EACH ROW INSERT INTO noted VALUES ('gone')",
    "CREATE TRIGGER changed AFTER UPDATE ON person FOR EACH ROW INSERT INTO noted VALUES ('changed')",
)
_ORACLE = (
    "CREATE TABLE alembic_version (version_num varchar2(32 char) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('here')",
    "CREATE TABLE noted (what varchar2(40 char))",
    "CREATE TABLE town (code varchar2(2 char) PRIMARY KEY, label varchar2(20 char) NOT NULL, mayor number(10), "
    "CONSTRAINT labels UNIQUE (label))",
    """CREATE TABLE person (id number(10) GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
       full_name varchar2(40 char) NOT NULL, town_code varchar2(2 char), boss number(10), home varchar2(2 char),
       shout varchar2(40 char) GENERATED ALWAYS AS (UPPER(full_name)) VIRTUAL, CONSTRAINT counted CHECK (id > 0))""",
    "CREATE UNIQUE INDEX people ON person (full_name, home)",
    'CREATE INDEX "by; lower" ON person (LOWER(full_name))',
    "ALTER TABLE town ADD CONSTRAINT mayors FOREIGN KEY (mayor) REFERENCES person (id) ON DELETE SET NULL",
    "ALTER TABLE person ADD CONSTRAINT bosses FOREIGN KEY (boss) REFERENCES person (id) DEFERRABLE INITIALLY DEFERRED",
    "ALTER TABLE person ADD CONSTRAINT towns FOREIGN KEY (town_code) REFERENCES town (code)",
    "ALTER TABLE person ADD CONSTRAINT homes FOREIGN KEY (home) REFERENCES town (code) ENABLE NOVALIDATE",
    "ALTER TABLE person ADD CONSTRAINT both_ends UNIQUE (id, town_code)",
    "CREATE TABLE stay (person_id number(10) NOT NULL, day date, town_code varchar2(2 char), "
    "CONSTRAINT stays FOREIGN KEY (person_id, town_code) REFERENCES person (id, town_code))",
    "CREATE TABLE outside (person number(10) CONSTRAINT outer REFERENCES person (id) ON DELETE CASCADE)",
    "CREATE TRIGGER heard AFTER INSERT ON person FOR EACH ROW BEGIN\n INSERT INTO noted VALUES ('in;\n');\nEND;",
    "CREATE TRIGGER deaf AFTER INSERT ON person FOR EACH ROW BEGIN INSERT INTO noted VALUES ('deaf'); END;",
    "ALTER TRIGGER deaf DISABLE",
)
_SQLSERVER = (
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('here')",
    "CREATE TABLE noted (what varchar(40))",
    "CREATE TABLE town (code varchar(2) NOT NULL CONSTRAINT codes PRIMARY KEY, label varchar(20) NOT NULL, "
    "mayor integer, CONSTRAINT labels UNIQUE (label))",
    """CREATE TABLE person (id integer IDENTITY NOT NULL CONSTRAINT ids PRIMARY KEY, full_name nvarchar(40) NOT NULL,
       town_code varchar(2), boss integer, home varchar(2), shout AS (UPPER(full_name)) PERSISTED,
       CONSTRAINT counted CHECK (id > 0))""",
    "CREATE UNIQUE INDEX people ON person (full_name, home)",
    "CREATE INDEX [by; ]]both] ON person (home DESC) INCLUDE (full_name) WHERE home IS NOT NULL",
    "ALTER TABLE town ADD CONSTRAINT mayors FOREIGN KEY (mayor) REFERENCES person (id)",
    "ALTER TABLE person ADD CONSTRAINT bosses FOREIGN KEY (boss) REFERENCES person (id)",
    "ALTER TABLE person ADD CONSTRAINT [in; town] FOREIGN KEY (town_code) REFERENCES town (code)",
    "ALTER TABLE person WITH NOCHECK ADD CONSTRAINT homes FOREIGN KEY (home) REFERENCES town (code)",
    "ALTER TABLE person ADD CONSTRAINT both_ends UNIQUE (id, town_code)",
    "CREATE TABLE stay (person_id integer NOT NULL, day date, town_code varchar(2), "
    "CONSTRAINT stays FOREIGN KEY (person_id, town_code) REFERENCES person (id, town_code))",
    "CREATE TABLE outside (person integer CONSTRAINT outers REFERENCES person (id) ON DELETE CASCADE)",
    "CREATE TRIGGER heard ON person AFTER INSERT AS INSERT INTO noted VALUES ('in;\n')",
    "CREATE TRIGGER deaf ON person AFTER INSERT AS INSERT INTO noted VALUES ('deaf')",
    "ALTER TABLE person DISABLE TRIGGER deaf",
)
_SHOUT = "shout varchar(40) GENERATED ALWAYS AS (upper(full_name)) STORED,"
SCHEMAS: dict[str, tuple[str, ...]] = {
    "postgresql": _POSTGRESQL, "sqlite": _SQLITE, "duckdb": _DUCKDB,
    "mariadb": tuple(statement.replace("{shout}", _SHOUT) for statement in _MYSQL),
    "mysql": tuple(statement.replace("{shout}", "shout varchar(40),") for statement in _MYSQL),
    "oracle": _ORACLE, "sqlserver": _SQLSERVER,
}  # fmt: skip

# How often the trigger `heard` is heard of one row: the test servers of these two know triggers, and carry none out.
HEARD = {"oracle": 0, "sqlserver": 0}

_OWN_TEXTS = {
    "postgresql": (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated, condeferrable, "
        "condeferred, obj_description(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
        "ORDER BY 1, 2",
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid, obj_description(indexrelid) "
        "FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) "
        "ORDER BY 1",
        "SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger "
        "WHERE NOT tgisinternal ORDER BY 1, 2",
    ),
    "sqlite": ("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'ropeway%' "
               "AND name NOT LIKE 'sqlite_stat%' AND tbl_name NOT LIKE "
               "'ropeway%' ORDER BY 1, 2",),
    "duckdb": (
        "SELECT table_name, sql FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY 1",
        "SELECT index_name, sql, comment FROM duckdb_indexes() WHERE schema_name = 'main' ORDER BY 1",
        "SELECT trigger_name, sql FROM duckdb_triggers() ORDER BY 1",
    ),
    "oracle": (
        "SELECT table_name, constraint_name, constraint_type, search_condition, r_constraint_name, delete_rule, "
        "status, validated, deferrable, deferred, index_name FROM user_constraints "
        "WHERE table_name NOT LIKE 'ROPEWAY%' ORDER BY 1, 2",
        "SELECT i.table_name, i.index_name, i.uniqueness, i.index_type, c.column_name, c.descend FROM user_indexes i "
        "JOIN user_ind_columns c ON c.index_name = i.index_name WHERE i.table_name NOT LIKE 'ROPEWAY%' "
        "ORDER BY 1, 2, c.column_position",
        "SELECT table_name, trigger_name, status, trigger_body FROM user_triggers ORDER BY 1, 2",
    ),
    "sqlserver": (
        "SELECT OBJECT_NAME(parent_object_id), name, OBJECT_NAME(referenced_object_id), delete_referential_action, "
        "is_disabled, is_not_trusted FROM sys.foreign_keys ORDER BY 1, 2",
        "SELECT OBJECT_NAME(parent_object_id), name, definition, is_disabled, is_not_trusted "
        "FROM sys.check_constraints ORDER BY 1, 2",
        "SELECT o.name, i.name, i.is_unique, i.is_primary_key, i.is_disabled, i.filter_definition FROM sys.indexes i "
        "JOIN sys.objects o ON o.object_id = i.object_id JOIN sys.schemas s ON s.schema_id = o.schema_id "
        "WHERE s.name = 'dbo' AND i.name IS NOT NULL ORDER BY 1, 2",
        "SELECT name, is_disabled FROM sys.triggers ORDER BY 1",
    ),
}  # fmt: skip


def catalogue(place: Spot) -> dict[str, object]:
    """The definitions of the schema as the engine itself words them, and the bookkeeping's row."""
    if place.engine in MYSQL_FAMILY:
        found = _mysql_family(place)
    else:
        found = {query: place.ask(query) for query in _OWN_TEXTS[place.engine]}
    return {**found, "alembic_version": place.ask("SELECT * FROM alembic_version")}


def _mysql_family(place: Spot) -> dict[str, object]:
    found: dict[str, object] = {}
    for (name,) in place.ask("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
                             "AND TABLE_NAME NOT LIKE 'ropeway%'"):  # fmt: skip
        text = str(place.ask(f"SHOW CREATE TABLE `{name}`")[0][1])
        found[name] = " ".join(word for word in text.split(" ") if not word.startswith("AUTO_INCREMENT="))
    for (name,) in place.ask("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"):
        found[f"trigger {name}"] = place.ask(f"SHOW CREATE TRIGGER `{name}`")[0][:6]
    return found
