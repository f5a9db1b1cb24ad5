"""What a text has to be to be read as a date, a time or a timestamp: SQL conditions over `{c}`.

They take what the reader takes and no more: days that the calendar has, hours of a day, no more decimals than there is
room for. SQLite's date() takes the 31st of February for one of March as soon as it has to count.
"""

from __future__ import annotations

_DAY = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]"
_CLOCK = "[0-2][0-9]:[0-5][0-9]"
_IS_DAY = "date(substr({c}, 1, 10), '+0 days') IS substr({c}, 1, 10)"

DATE = "date({c}, '+0 days') IS {c}"


def _seconds(rest: str, digits: int) -> str:
    """What may follow hours and minutes."""
    decimals = f"length({rest}) <= {4 + digits} AND substr({rest}, 5) NOT GLOB '*[^0-9]*'"
    return f"({rest} GLOB ':[0-5][0-9]' OR ({rest} GLOB ':[0-5][0-9].[0-9]*' AND {decimals}))"


def time() -> str:
    """A time of a day, with its seconds."""
    return f"({{c}} GLOB '{_CLOCK}:*' AND substr({{c}}, 1, 2) < '24' AND {_seconds('substr({c}, 6)', 6)})"


def _moment(rest: str, digits: int) -> str:
    hour = "substr({c}, 12, 2) < '24'"
    return f"({{c}} GLOB '{_DAY}[ T]{_CLOCK}*' AND {hour} AND ({rest} = '' OR {_seconds(rest, digits)}) AND {_IS_DAY})"


def naive(digits: int) -> str:
    """A timestamp, or a date for its midnight."""
    return f"({DATE} OR {_moment('substr({c}, 17)', digits)})"


def zoned(digits: int) -> str:
    """A timestamp with its offset from UTC."""
    offset = "substr({c}, -6) GLOB '[-+][0-2][0-9]:[0-5][0-9]' AND substr({c}, -5, 2) < '24'"
    before_zulu, before_offset = "substr({c}, 17, length({c}) - 17)", "substr({c}, 17, length({c}) - 22)"
    return (
        f"CASE WHEN substr({{c}}, -1) = 'Z' THEN {_moment(before_zulu, digits)} "
        f"WHEN {offset} THEN {_moment(before_offset, digits)} ELSE 0 END"
    )
