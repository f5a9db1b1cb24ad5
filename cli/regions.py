"""The data of `ropeway demo`: one shop that ran two regions, each on a SQLite file of its own.

Both regions sell one catalogue (equal `product_id` and `sku`, prices in their own currency). All other keys are
disjoint, so rows can be put together without new keys. One US customer in five is known in Europe too: under an
e-mail address that differs by case, outer spaces or diacritics, with a newer telephone number and a later
`updated_at`. An order's total is the sum of its lines, and of its payments if it has any.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..transfer.errors import EngineError, RequestError
from . import names
from .names import DAY, DAY_ZERO, Flags, Numbers, Objects, Values, calendar, numbered, objects, only, strew, timestamps

Columns = list[Values]
Draws = np.random.Generator

FEWEST = 1_000  # with fewer rows some of the oddities find no row
_SEED = 20_240_229

_TABLES = """
CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY, email VARCHAR(254) NOT NULL, name VARCHAR(120) NOT NULL, phone VARCHAR(40),
    birth_date DATE, newsletter BOOLEAN NOT NULL, credit_limit DECIMAL(12,2), score DOUBLE, avatar BLOB,
    notes TEXT, last_login TIMESTAMP, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL
);
CREATE TABLE addresses (
    address_id INTEGER PRIMARY KEY, customer_id BIGINT NOT NULL REFERENCES customers (customer_id),
    kind VARCHAR(10) NOT NULL, street VARCHAR(120) NOT NULL, postcode VARCHAR(12) NOT NULL,
    city VARCHAR(80) NOT NULL, country CHAR(2) NOT NULL, latitude DOUBLE NOT NULL, longitude DOUBLE NOT NULL,
    valid_from DATE NOT NULL, valid_to DATE NOT NULL, instructions TEXT
);
CREATE TABLE products (
    product_id INTEGER PRIMARY KEY, sku VARCHAR(20) NOT NULL, name VARCHAR(200) NOT NULL, description TEXT,
    price DECIMAL(12,2) NOT NULL, weight_kg DOUBLE NOT NULL, photo BLOB, discontinued BOOLEAN NOT NULL,
    launched_on DATE, replaces INTEGER REFERENCES products (product_id)
);
CREATE TABLE orders (
    order_id BIGINT NOT NULL PRIMARY KEY, order_no VARCHAR(20) NOT NULL,
    customer_id BIGINT NOT NULL REFERENCES customers (customer_id),
    address_id BIGINT REFERENCES addresses (address_id),
    status VARCHAR(12) NOT NULL, currency CHAR(3) NOT NULL, total DECIMAL(12,2) NOT NULL,
    gift BOOLEAN NOT NULL, note TEXT, ordered_at TIMESTAMP NOT NULL, shipped_on DATE
);
CREATE TABLE order_lines (
    order_id BIGINT NOT NULL REFERENCES orders (order_id) ON DELETE CASCADE, line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (product_id), quantity INTEGER NOT NULL,
    unit_price DECIMAL(12,2) NOT NULL, amount DECIMAL(12,2) NOT NULL,
    PRIMARY KEY (order_id, line)
);
CREATE TABLE payments (
    payment_id INTEGER PRIMARY KEY AUTOINCREMENT, order_id BIGINT NOT NULL REFERENCES orders (order_id),
    method VARCHAR(12) NOT NULL, amount DECIMAL(12,2) NOT NULL, reference VARCHAR(40), paid_at TIMESTAMP NOT NULL
);
"""

# The last payments were deleted once: the sequence is ahead of the rows, as AUTOINCREMENT promises.
_INDEXES = """
CREATE UNIQUE INDEX customers_email ON customers (email);
CREATE INDEX customers_updated ON customers (updated_at);
CREATE INDEX addresses_customer ON addresses (customer_id);
CREATE INDEX addresses_place ON addresses (country, postcode);
CREATE UNIQUE INDEX products_sku ON products (sku);
CREATE UNIQUE INDEX orders_number ON orders (order_no);
CREATE INDEX orders_customer ON orders (customer_id, ordered_at);
CREATE INDEX order_lines_product ON order_lines (product_id);
CREATE INDEX payments_order ON payments (order_id);
CREATE UNIQUE INDEX payments_reference ON payments (reference);
UPDATE sqlite_sequence SET seq = seq + 7 WHERE name = 'payments';
"""


@dataclass(frozen=True)
class Region:
    """`first` is where its keys begin: those of US lie above 2^32, so an INTEGER is no int32."""

    code: str
    currency: str
    first: int
    cities: tuple[names.City, ...]
    phone: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """Rows of each table of one region."""

    customers: int
    addresses: int
    products: int
    orders: int
    lines: int
    payments: int


@dataclass(frozen=True)
class Crowd:
    """The customers of one region: number of the person, place in names.PEOPLE, known in the other region."""

    person: Numbers
    who: Numbers
    again: Flags


# The numbers are of the blocks that Germany, France, Britain and North America keep for plays and films.
EU = Region("EU", "EUR", 0, names.EU_CITIES, ("+49 30 23125 ", "0049-30/23125", "+33 1 99 00 0", "020 7946 0"))
US = Region("US", "USD", 5_000_000_000, names.US_CITIES, ("+1 212 555 0", "(617) 555-0", "1-408-555-0"))


def make_regions(folder: Path, rows: int = 1_000_000) -> tuple[Path, Path]:
    """Writes `eu.sqlite` and `us.sqlite` into the folder; together they hold `rows` rows, which depend on `rows` alone.

    Raises RequestError if there are too few rows or a file is there already, EngineError if SQLite cannot write.
    """
    if rows < FEWEST:
        raise RequestError(f"the demo needs at least {FEWEST:,} rows, not {rows:,}")
    paths = folder / "eu.sqlite", folder / "us.sqlite"
    for path in paths:
        if path.exists():
            raise RequestError(f"{path} exists already", remedy="Choose an empty folder.")
    products = min(len(names.GOODS) * len(names.FINISHES) * len(names.SIZES), max(20, rows // 500))
    eu, us = _counts(rows * 55 // 100, products), _counts(rows - rows * 55 // 100, products)
    here, there = _crowds(eu.customers, us.customers)
    _write(paths[0], _tables(EU, eu, here))
    _write(paths[1], _tables(US, us, there))
    return paths


def _counts(rows: int, products: int) -> Counts:
    customers, addresses, orders, lines = (rows * percent // 100 for percent in (10, 12, 19, 41))
    payments = rows - customers - addresses - products - orders - lines
    return Counts(customers, addresses, products, orders, lines, payments)


def _write(path: Path, tables: Iterable[tuple[str, Columns]]) -> None:
    """Without a journal an unfinished file is damaged, so the file gets its name last."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-65536"):
                connection.execute(f"PRAGMA {pragma}")
            connection.executescript(_TABLES)
            connection.execute("BEGIN")
            for table, columns in tables:
                rows = zip(*(column.tolist() for column in columns), strict=True)
                places = ",".join("?" * len(columns))
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
            connection.execute("COMMIT")
            connection.executescript(_INDEXES)
        part.replace(path)
    except (sqlite3.Error, OSError) as error:
        raise EngineError(f"{path} could not be written: {error}") from error


def _bits(rng: Draws, size: int) -> NDArray[np.uint64]:
    # NumPy keeps the bits of PCG64 the same in every version, but not what integers() makes of them (NEP 19).
    return rng.bit_generator.random_raw(size)


def _draw(rng: Draws, size: int, below: int) -> Numbers:
    return (_bits(rng, size) % np.uint64(below)).astype(np.int64)


def _low(rng: Draws, size: int, below: int) -> Numbers:
    """Numbers below a limit, low ones more often: three in five are in the lowest quarter."""
    return _draw(rng, size, below) * (_draw(rng, size, below) + 1) // below


def _pick(rng: Draws, size: int, values: Iterable[object]) -> Objects:
    column = objects(values)
    return column[_draw(rng, size, len(column))]


def _stream(number: int) -> Draws:
    return np.random.Generator(np.random.PCG64([_SEED, number]))


def _dates(rng: Draws, size: int, start: int, end: int) -> Objects:
    return calendar()[_seconds(rng, size, start, end) // DAY]


def _seconds(rng: Draws, size: int, start: int, end: int) -> Numbers:
    """Seconds since the calendar's first day, within years from `start` to before `end`."""
    first, last = (date(year, 1, 1).toordinal() - DAY_ZERO for year in (start, end))
    return first * DAY + _draw(rng, size, (last - first) * DAY)


def _crowds(eu: int, us: int) -> tuple[Crowd, Crowd]:
    again = np.arange(us) % 5 == 0
    shared = int(again.sum())
    person = np.empty(us, dtype=np.int64)
    person[again] = np.arange(shared) * (eu // shared)
    person[~again] = eu + np.arange(us - shared)
    rng, odd = _stream(1), len(names.ODD_PEOPLE)
    european = odd + _draw(rng, eu, len(names.EU_PEOPLE))
    american = odd + len(names.EU_PEOPLE) + _draw(rng, us - shared, len(names.US_PEOPLE))
    european[:odd] = american[:odd] = np.arange(odd)
    who = np.concatenate([european, american])[person]
    return Crowd(np.arange(eu), european, np.zeros(eu, dtype=np.bool_)), Crowd(person, who, again)


def _tables(region: Region, count: Counts, crowd: Crowd) -> Iterator[tuple[str, Columns]]:
    """Parents first, each made when its turn comes: a million rows peak at 160 MB, libraries included."""
    rng = _stream(region.first)
    customers = region.first + numbered(count.customers, 50)
    cents = _prices(region, count.products)
    yield "customers", _customers(region, customers, crowd, rng)
    yield "addresses", _addresses(region, customers, count.addresses, rng)
    yield "products", _products(cents)
    yield from _trade(region, count, customers, cents, rng)


def _customers(region: Region, ids: Numbers, crowd: Crowd, rng: Draws) -> Columns:
    size = len(ids)
    born = only(_draw(rng, size, 5) > 0, calendar()[crowd.person * 7_919 % 24_000])
    limit = only(_draw(rng, size, 3) > 0, _draw(rng, size, 200_000) * 25 / 100)
    score = only(_draw(rng, size, 9) > 0, _draw(rng, size, 10_000) / 7)
    avatar = _pick(rng, size, names.mosaics(_bits(rng, 2_000), 256, 4))
    login = only(_draw(rng, size, 3) > 0, timestamps(_seconds(rng, size, 2021, 2026)))
    changed = _seconds(rng, size, 2021, 2023)
    changed[crowd.again] += 2 * 366 * DAY  # later than any change in the other region
    return [
        ids,
        names.emails(crowd.person, crowd.who, crowd.again),
        names.full_names(crowd.who),
        _phones(region, crowd.again, rng),
        strew(born, 400, names.EDGE_DAYS),
        _draw(rng, size, 2),
        strew(limit, 500, (9_999_999_999.99, 0.01, 0, -250.5, 1_234_567_890.12, None)),
        strew(score, 600, (0.1 + 0.2, 1.7976931348623157e308, 2.2250738585072014e-308, -1 / 3, 0.0)),
        strew(only(_draw(rng, size, 4) == 0, avatar), 300, (avatar[0], b"", b"\x00", b"\x00\xff\x00")),
        _notes(rng, size),
        strew(login, 700, names.EDGE_INSTANTS),
        timestamps(np.sort(_seconds(rng, size, 2015, 2021))),
        timestamps(changed),
    ]


def _phones(region: Region, again: Flags, rng: Draws) -> Objects:
    size = len(again)
    phone: Objects = _pick(rng, size, region.phone) + names.digits(_draw(rng, size, 100) + 100, 1)
    kind = _draw(rng, size, 20)
    phone[(kind < 2) & ~again] = None
    phone[(kind == 2) & ~again] = ""
    return phone


def _notes(rng: Draws, size: int) -> Objects:
    kind = _draw(rng, size, 20)
    notes = only(kind > 12, _pick(rng, size, names.HISTORY))
    notes[kind == 12] = ""
    long, longer, longest = (names.long_text(names.HISTORY, size) for size in (11_000, 17_000, 200_000))
    notes[7] = longest
    return strew(notes, 1_000, (long, " ", longer, "", "\t\r\n", None))


def _addresses(region: Region, customers: Numbers, size: int, rng: Draws) -> Columns:
    """Each customer has one for deliveries, in the order of the customers; some have another one for bills."""
    count, houses, cities = len(customers), 60, region.cities
    owner = np.concatenate([np.arange(count), _draw(rng, size - count, count)])
    city = _low(rng, size, len(cities))
    street = names.doors(cities, houses)[city, _draw(rng, size, 4), _low(rng, size, houses)]
    postcodes = objects(code for place in cities for code in place.postcodes).reshape(-1, 4)
    north, east = (np.array(side)[city] for side in zip(*((at.north, at.east) for at in cities), strict=True))
    until = _dates(rng, size, 2025, 2027)
    until[_draw(rng, size, 10) > 0] = "9999-12-31"
    return [
        region.first + np.arange(1, size + 1),
        customers[owner],
        objects(("delivery", "billing"))[(np.arange(size) >= count).astype(np.int64)],
        street,
        postcodes[city, _draw(rng, size, 4)],
        objects(place.name for place in cities)[city],
        objects(place.country for place in cities)[city],
        (north + _draw(rng, size, 6_000) - 3_000) / 100_000,
        (east + _draw(rng, size, 6_000) - 3_000) / 100_000,
        strew(_dates(rng, size, 2015, 2024), 90, ("0001-01-01", "1970-01-01", "2016-02-29")),
        until,
        only(_draw(rng, size, 4) == 0, _pick(rng, size, names.REMARKS)),
    ]


def _prices(region: Region, size: int) -> Numbers:
    """In cents; a dollar price is an eighth higher."""
    good, finish, extent = names.variants(size)
    usual = np.array([price for _, price, _ in names.GOODS])[good] * (96 + finish)
    usual = usual * np.array([percent for _, percent in names.SIZES])[extent] // 10_000
    whole = (usual * 9 // 8 if region is US else usual) // 100 * 100
    cents: Numbers = whole + np.array([99, 95, 50, 0])[np.arange(size) % 4]
    return cents


def _products(cents: Numbers) -> Columns:
    size, place = len(cents), np.arange(len(cents))
    good, finish, extent = names.variants(size)
    title = objects(names.FINISHES)[finish] + " " + objects(name for name, *_ in names.GOODS)[good]
    grams = np.array([weight for *_, weight in names.GOODS])[good]
    text = objects(names.PRAISE)[place % len(names.PRAISE)]
    photo = names.mosaics(_bits(_stream(2), 2_000), 64, 16)[place % 64]
    step = min(len(names.GOODS), size // 2)  # as far away stands the same good in another finish
    replaced = place + 1 - step
    replaced[1] = step + 2  # came back: a row that names a later one
    newer = (place >= step) & (place % 5 == 3) | (place == 1)
    launched = calendar()[26_300 + place * 37 % 4_000]
    return [
        place + 1,
        "RW-" + names.digits(good + 1, 1) + "-" + names.digits(finish * 10 + extent, 1),
        title + objects(f", {label}" for label, _ in names.SIZES)[extent],
        strew(text, 400, (None, names.long_text(names.PRAISE, 12_000))),
        cents / 100,
        grams * np.array([percent for _, percent in names.SIZES])[extent] / 100_000,
        strew(photo, 12, (None, b"")),
        np.isin(place + 1, replaced[newer]).astype(np.int64),
        strew(launched, 150, (None, "2016-02-29", "1970-01-01", "9999-12-31")),
        only(newer, replaced),
    ]


def _trade(
    region: Region, count: Counts, customers: Numbers, cents: Numbers, rng: Draws
) -> Iterator[tuple[str, Columns]]:
    ids = region.first + 10_000_000_000 + numbered(count.orders, 100)
    placed = np.sort(_seconds(rng, count.orders, 2021, 2026))
    per_order = 1 + np.bincount(_draw(rng, count.lines - count.orders, count.orders), minlength=count.orders)
    starts = np.cumsum(per_order) - per_order
    product = _low(rng, count.lines, len(cents))
    quantity = 1 + _low(rng, count.lines, 5)
    unit = cents[product] * np.where(_draw(rng, count.lines, 8) == 0, 90, 100) // 100  # some at a discount
    amount = quantity * unit
    total = np.add.reduceat(amount, starts)
    # The first in a random order pay in two instalments, the last not at all.
    order = np.argsort(_bits(rng, count.orders), kind="stable")
    twice = count.payments // 40
    payer = order[: count.payments - twice]
    paid = np.isin(np.arange(count.orders), payer)
    yield "orders", _orders(region, customers, ids, placed, total, paid, rng)
    line = np.arange(count.lines) - np.repeat(starts, per_order) + 1
    yield "order_lines", [np.repeat(ids, per_order), line, product + 1, quantity, unit / 100, amount / 100]
    yield "payments", _payments(region, ids, placed, total, payer, twice, rng)


def _orders(
    region: Region, customers: Numbers, ids: Numbers, placed: Numbers, total: Numbers, paid: Flags, rng: Draws
) -> Columns:
    size = len(ids)
    customer = _low(rng, size, len(customers))
    status = np.where(paid, 2 + _low(rng, size, 6), _draw(rng, size, 2))
    years = objects(f"{region.code}-{day[:4]}-" for day in calendar())
    shipped = calendar()[placed // DAY + 1 + _low(rng, size, 9)]
    return [
        ids,
        years[placed // DAY] + names.digits(np.arange(1, size + 1), 3),
        customers[customer],
        only(_draw(rng, size, 20) > 0, region.first + customer + 1),
        objects(("open", "cancelled", *("delivered",) * 4, "shipped", "paid"))[status],
        np.full(size, region.currency, dtype=np.object_),
        total / 100,
        (_draw(rng, size, 15) == 0).astype(np.int64),
        strew(only(_draw(rng, size, 6) == 0, _pick(rng, size, names.REMARKS)), 80, ("", "\\N", None)),
        timestamps(placed),
        only((status > 1) & (status < 7), shipped),
    ]


def _payments(
    region: Region, ids: Numbers, placed: Numbers, total: Numbers, payer: Numbers, twice: int, rng: Draws
) -> Columns:
    """The first `twice` payers pay half at once and the rest a month later."""
    order = np.concatenate([payer, payer[:twice]])
    cents = total[order]
    cents[:twice] //= 2
    cents[len(payer) :] -= cents[:twice]
    when = placed[order] + _low(rng, len(order), 3 * DAY)
    when[len(payer) :] += 30 * DAY
    by_time = np.argsort(when, kind="stable")
    method = _draw(rng, len(order), 10)
    # Sixteen hexadecimal digits each, cut out of one long text.
    hexadecimal = np.frombuffer(_bits(rng, len(order)).astype("<u8").tobytes().hex().encode(), dtype="S16")
    reference = "ch_" + objects(hexadecimal.astype(np.str_).tolist())
    return [
        region.first + numbered(len(order), 200),
        ids[order][by_time],
        objects((*("card",) * 5, "paypal", "paypal", "transfer", "invoice", "cash"))[method],
        cents[by_time] / 100,
        only(method < 8, reference),
        timestamps(when[by_time]),
    ]
