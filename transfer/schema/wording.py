"""How an engine words defaults and conditions; a value, so that no engine loads the translator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ALIKE = {"case": "lower({})", "padding": "rtrim({})"}  # the same words in all engines


@dataclass(frozen=True)
class Wording:
    """What an engine's defaults may call: `today`, `uuid`, and the current moment by the column's kind, or in `utc`.

    `dialect` is sqlglot's name for the engine's SQL, '' where it has none. In a moment `{digits}` stands for the
    fractional digits. `bare` are native types that take no default. `comments` says that tables and columns have some,
    `partial` and `include` that indexes may have a condition, and further columns; `descending` that they keep it.

    `generated` are the kinds of generated columns, STORED or VIRTUAL, the usual one first; `constrained` says that
    these may be NOT NULL, unique and checked. `exact` says that decimals are no floats, `folds` that lower() and
    upper() know all letters.

    `routines` are the functions, in lower case, that users made or extensions brought: what else is called comes with
    the engine. None if that is not known. `functions` are those that come with this server, where its kind has others
    in each version, and that is known. `numbers` says how a sequence is made: `{name}` is its quoted name, `{text}` the
    same as a literal, and `next` how a default asks it; '' if the engine has none. `stored_views` says that views may
    hold their rows, `view_comments` that they have comments, `common` that a query may begin with WITH, `expressions`
    that an index may be over them. `extended` are the index methods and operator classes that extensions brought, and
    kinds of constraints that not every server of the dialect has, `collations` those that are known, `spaces` the
    tablespaces, `accounts` the roles by their names as GRANT writes them. `owner` says how a table is given to a role.
    `deferrable` says that a foreign key may wait for the commit, `steps` that an identity may count in others than one,
    `always` that it may be the only one to give numbers. `keys_fold` says that keys go by their columns' collations.
    `unproven` are the words for constraints that rows may break, `words` further ones of columns. `versions` says that
    a table may keep the rows that are gone, `keys_named` that a primary key may be called anything; `strict` are
    words by which a unique index forbids more. `apart` says what keeps spans from overlapping, `exactly` makes of a
    text what is equal to another's only where all characters are, `unpadded` what it is without the blanks that char(n)
    overlooks ('' where it overlooks none), `alike` what it is without that in which texts differ that others take for
    equal. `means` has functions of its own, in lower case, with the word of `calls` that says the same. `texts` is how
    a text stands as a literal, of what it is elsewhere. One that `joins` texts does so by +; one that `trims` tells the
    length of a text without the blanks at its end. In a `hollow` one a text of no length is NULL, and a NULL adds
    nothing to the text that it is joined to. `moments` says how a date or a timestamp stands as a literal where a text
    is read as the session pleases. Where conditions of indexes are `compared`, they compare columns with constants,
    joined by AND, and nothing else. `matches` says that a {value} has a part of which a {pattern} is true.
    """

    dialect: str = ""
    calls: Mapping[str, str] = field(default_factory=dict)
    true: str = "TRUE"
    false: str = "FALSE"
    bare: tuple[str, ...] = ()
    comments: bool = False
    partial: bool = False
    include: bool = False
    descending: bool = True
    generated: tuple[str, ...] = ()
    constrained: bool = True
    exact: bool = True
    folds: bool = True
    routines: frozenset[str] | None = None
    functions: frozenset[str] = frozenset()
    numbers: str = ""
    next: str = ""
    stored_views: bool = False
    view_comments: bool = False
    common: bool = True
    expressions: bool = False
    extended: frozenset[str] = frozenset()
    collations: frozenset[str] = frozenset()
    spaces: frozenset[str] = frozenset()
    accounts: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    deferrable: bool = False
    steps: bool = False
    always: bool = False
    keys_fold: bool = True
    unproven: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    versions: bool = False
    keys_named: bool = False
    strict: tuple[str, ...] = ()
    apart: str = ""
    exactly: str = "{}"
    unpadded: str = ""
    alike: Mapping[str, str] = field(default_factory=lambda: ALIKE)
    means: Mapping[str, str] = field(default_factory=dict)
    texts: str = "{}"
    joins: bool = False
    trims: bool = False
    hollow: bool = False
    moments: Mapping[str, str] = field(default_factory=dict)
    compared: bool = False
    matches: str = ""
