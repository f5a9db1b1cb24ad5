"""What a process needs of the file system, for engines whose places are files and folders."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..place import Address
from ..rights import Right


def may(path: Path, mode: int) -> bool:
    """Whether this process may, by its effective user, as open() will ask."""
    by = os.access in os.supports_effective_ids
    return os.access(path, mode, effective_ids=by)


def to_read(path: Path, *, journal: bool = False) -> list[Right]:
    """Reading a file; with `journal` a lock or an index of its log is kept beside it."""
    if not path.exists():
        return []
    folder, enter = path.absolute().parent, os.W_OK | os.X_OK
    rights = [Right(str(path), f"read permission on {path}", held=may(path, os.R_OK), why=_mend(path, "r"))]
    if path.is_dir():
        rights = [Right(str(path), f"read permission on the folder {path}", held=may(path, os.R_OK | os.X_OK),
                        why=_mend(path, "rx"))]  # fmt: skip
    if journal:
        rights.append(Right(str(folder), f"write permission on the folder {folder}", held=may(folder, enter),
                            why=f"a log is kept beside the file; {_mend(folder, 'wx')}"))  # fmt: skip
    return rights


def to_write(path: Path) -> list[Right]:
    """Writing a file that may be there, with journals beside it, or a folder that may be there."""
    rights = []
    if path.exists():
        mode = os.W_OK | os.X_OK | os.R_OK if path.is_dir() else os.W_OK | os.R_OK
        rights.append(Right(str(path), f"write permission on {path}", held=may(path, mode),
                            why=_mend(path, "rwx" if path.is_dir() else "rw")))  # fmt: skip
    folder, enter = path.absolute().parent, os.W_OK | os.X_OK
    if not path.is_dir() and folder.is_dir():
        rights.append(Right(str(folder), f"write permission on the folder {folder}", held=may(folder, enter),
                            why=_mend(folder, "wx")))  # fmt: skip
    return rights


def _mend(path: Path, letters: str) -> str:
    return f"chmod u+{letters} {path}, or run as its owner"


def free(path: Path) -> int | None:
    """Bytes that are free for us where this file or folder is, or will be."""
    near = next((one for one in (path, *path.absolute().parents) if one.exists()), None)
    return shutil.disk_usage(near).free if near else None


def path_of(address: Address) -> Path:
    """The file or folder of an address."""
    return Path(address.database or ".")
