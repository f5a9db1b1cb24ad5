"""The command line and the public API: the words a person types, and what each of them calls."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command `ropeway` and end the process with its exit status."""
    from .streams import prepare

    prepare()
    try:
        from .app import app

        app(prog_name="ropeway")
    except KeyboardInterrupt:  # before a command could see to it
        sys.stderr.write("Interrupted.\n")
        raise SystemExit(130) from None


def version() -> str:
    """The version of the installed package."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("ropeway")
    except PackageNotFoundError:
        return "unknown (not installed)"
