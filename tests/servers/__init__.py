"""Servers for the tests: private, only on 127.0.0.1, never as root, gone with the test run."""

from .mysql import Mariadb, Mysql, Replica, mariadb_program
from .postgresql import Postgresql, Standby, postgresql_binaries
from .processes import USER, Absent, Gone, Kept, other_uid, private_folder, started

__all__ = [
    "USER", "Absent", "Gone", "Kept", "Mariadb", "Mysql", "Postgresql", "Replica", "Standby", "mariadb_program",
    "other_uid", "postgresql_binaries", "private_folder", "started",
]  # fmt: skip
