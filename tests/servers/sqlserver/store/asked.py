"""What functions ask of a session: names, numbers, sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spoken import Refused
from . import logins
from .catalogue import Catalogue, Numbers, Table, View
from .types import chars
from .words import split_name

if TYPE_CHECKING:
    from .database import Database, Kept


class Asked:
    """The part of a session that answers its functions."""

    server: Database
    kept: Kept
    last_identity: int | None
    user: str

    @property
    def catalogue(self) -> Catalogue:
        return self.kept.catalogue

    def schema_name(self, number: int) -> str | None:
        return next((name for name, one in self.catalogue.schemas.values() if one == number), None)

    def schema_id(self, name: str) -> int | None:
        return self.catalogue.schemas.get(name.lower(), ("", None))[1]

    def object_id(self, name: str, kind: str) -> int | None:
        found = self.catalogue.found(*split_name(name))
        wanted = {"U": Table, "V": View, "SO": Numbers}.get(kind.strip().upper(), object)
        return found.number if found and isinstance(found, wanted) else None

    def object_name(self, number: int) -> str | None:
        known: tuple[Table | View | Numbers, ...] = (
            *self.catalogue.tables.values(),
            *self.catalogue.views.values(),
            *self.catalogue.sequences.values(),
        )
        return next((one.name for one in known if one.number == number), None)

    def has_permission(self, securable: str | None, kind: str | None, permission: str) -> int | None:
        return logins.by_name(self, securable, kind, permission)  # type: ignore[arg-type]  # it is a session

    def user_name(self) -> str:
        return "dbo" if logins.is_master(self) else self.user  # type: ignore[arg-type]

    def database_id(self, name: str) -> int | None:
        found = self.server.databases.get((name or self.kept.name).lower())
        return found.number if found else None

    def version_text(self) -> str:
        number = ".".join(map(str, self.server.version))
        return f"Microsoft SQL Server 2022 (RTM) - {number} (X64) - of a test server"

    def server_property(self, name: str) -> str | None:
        return {"productversion": ".".join(map(str, (*self.server.version, 0))), "edition": "Developer Edition "
            "(64-bit)",
                "engineedition": "3", "productmajorversion": str(self.server.version[0]), "servername": "TEST",
                "collation": "SQL_Latin1_General_CP1_CI_AS", "productlevel": "RTM"}.get(name.lower())  # fmt: skip

    def database_property(self, name: str) -> str | None:
        return {"collation": "SQL_Latin1_General_CP1_CI_AS", "updateability": "READ_WRITE", "status": "ONLINE",
                "recovery": self.kept.recovery}.get(name.lower())  # fmt: skip

    def identity(self) -> int | None:
        return self.last_identity

    def current_identity(self, name: str) -> int | None:
        table = self.catalogue.table(*split_name(name))
        shape = next((one for one in table.columns if one.identity), None)
        return table.next_identity - shape.identity[1] if shape and shape.identity else None

    def column_length(self, table: str, name: str) -> int | None:
        found = self.catalogue.found(*split_name(table))
        if not isinstance(found, Table):
            return None
        kind = found.column(name).kind
        return kind.size or chars(kind)

    def next_value(self, name: str) -> int:
        found = self.catalogue.found(*split_name(name))
        if not isinstance(found, Numbers):
            raise Refused(208, f"Invalid object name '{name}'.")
        if not found.least <= found.next <= found.most:
            if not found.cycle:
                raise Refused(11728, f"The sequence object '{found.name}' has reached its minimum or maximum value.")
            found.next = found.least if found.step > 0 else found.most
        value, found.next = found.next, found.next + found.step
        return value

    def last_version(self) -> bytes:
        return self.kept.versions.to_bytes(8, "big")
