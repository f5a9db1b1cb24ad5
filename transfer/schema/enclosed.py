"""SQL of a user's own that is put between parentheses: it must not end them, or hide what comes behind it."""

from __future__ import annotations

from ..errors import RequestError


def check_enclosed(what: str, sql: str, dialect: str, table: str) -> None:
    """RequestError if a condition or a query (`what`) reaches beyond itself in this dialect's words."""
    why = _reaches(sql, dialect)
    if why:
        raise RequestError(
            f"The {what} of {table} {why}: {sql}", table=table,
            remedy=f"It is put between parentheses as it is, so it must be one whole {what}.",
        )  # fmt: skip


def _reaches(sql: str, dialect: str) -> str:
    """In which way, in words; '' if it stays within itself."""
    import sqlglot  # takes as long to load as Arrow, and most jobs have no SQL of their own
    from sqlglot.errors import SqlglotError

    try:
        words = sqlglot.tokenize(sql, read=dialect)
    except SqlglotError:
        return "has a quotation mark or a comment that is not closed"
    depth = 0
    for word in words:
        depth += (word.token_type == sqlglot.TokenType.L_PAREN) - (word.token_type == sqlglot.TokenType.R_PAREN)
        if depth < 0:
            return "closes a parenthesis that it did not open"
        if word.token_type == sqlglot.TokenType.SEMICOLON:
            return "has a semicolon"
    if depth:
        return "opens a parenthesis that it does not close"
    if not words:
        return "is empty"
    rest = sql[words[-1].end + 1 :].strip(" \t")
    return "ends with a comment to the end of its line" if rest and not rest.endswith(("*/", "\n")) else ""
