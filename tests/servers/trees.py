"""What both servers of ours make of sqlglot's trees before they carry them out."""

from __future__ import annotations

from sqlglot import exp


def flattened(tree: exp.Expression) -> exp.Expression:
    """FROM (a JOIN b ON ...) without its parentheses, which say nothing of the first thing there."""
    for select in tree.find_all(exp.Select):
        clause = select.args.get("from_") or select.args.get("from")
        while clause and isinstance(clause.this, exp.Subquery) and isinstance(clause.this.this, exp.Table):
            first = clause.this.this
            inner, outer = first.args.pop("joins", None) or [], select.args.get("joins") or []
            clause.set("this", first)
            select.set("joins", [*inner, *outer])
    return tree
