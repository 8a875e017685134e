"""Whatever number of records is asked for or written, it is those, and with few different texts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from watchtower.store.statements import PAGE, Row, Statement, Statements

STATEMENTS = Statements("notes")
ROWS = st.sets(st.integers(0, 400), max_size=300)


def key(number: int) -> bytes:
    """The row of a number; in the order of numbers."""
    return number.to_bytes(4)


def keys(count: int) -> list[bytes]:
    """The rows of the first numbers."""
    return [key(number) for number in range(count)]


def record(number: int, version: int = 1) -> Row:
    """A record for a number."""
    return key(number), b"", version, b"%d" % number


def table() -> sqlite3.Connection:
    """An empty table, as the store has them."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(
        "CREATE TABLE notes (row PRIMARY KEY, topic NOT NULL, version NOT NULL, sealed NOT NULL)"
        " WITHOUT ROWID"
    )
    return connection


def run(connection: sqlite3.Connection, statements: Iterable[Statement]) -> list[Any]:
    """Run statements, and return all that they bring."""
    return [row for statement in statements for row in connection.execute(*statement)]


@settings(max_examples=60, deadline=None)
@given(there=ROWS, written=ROWS, gone=ROWS, asked=ROWS)
def test_statements_do_to_a_table_what_they_would_do_to_a_dictionary(
    there: set[int], written: set[int], gone: set[int], asked: set[int]
) -> None:
    """Filled up, cut into parts and all: none is left out, and no other is touched."""
    expected = dict.fromkeys(there - written, 1)
    expected |= dict.fromkeys(there & written, 2) | dict.fromkeys(written - there, 1)
    for number in gone:
        expected.pop(number, None)
    with closing(table()) as connection:
        run(connection, STATEMENTS.add([record(number) for number in sorted(there)]))
        run(connection, STATEMENTS.replace([record(n, 2) for n in there & written]))
        run(connection, STATEMENTS.add([record(number) for number in written - there]))
        run(connection, STATEMENTS.remove([key(number) for number in gone]))
        found = run(connection, [STATEMENTS.everything])
        assert found == [record(number, version) for number, version in sorted(expected.items())]
        if asked:
            some = run(connection, [STATEMENTS.find([key(number) for number in asked])])
            assert sorted(some) == [row for row in found if int(row[3]) in asked]
        assert run(connection, [STATEMENTS.page(None, 7)]) == found[:7]
        if len(found) > 7:
            assert run(connection, [STATEMENTS.page(found[6][0], 7)]) == found[7:14]
        assert run(connection, [STATEMENTS.last(3)]) == found[-1:-4:-1]


def test_a_few_texts_are_enough_for_any_number_of_records() -> None:
    """SQLite keeps 128 of them compiled for each connection; ten tables have to share."""
    numbers: Sequence[int] = range(1, PAGE + 1)
    texts = {
        statement.sql
        for count in numbers
        for rows in [[record(number) for number in range(count)]]
        for statement in (
            STATEMENTS.find(keys(count)),
            *STATEMENTS.add(rows),
            *STATEMENTS.replace(rows),
            *STATEMENTS.remove(keys(count)),
        )
    }
    assert len(texts) <= 34


def test_no_statement_has_more_parameters_than_every_sqlite_takes() -> None:
    """999, unless whoever built it has raised it."""
    rows = [record(number) for number in range(2 * PAGE)]
    statements = (
        STATEMENTS.find(keys(PAGE)),
        *STATEMENTS.add(rows),
        *STATEMENTS.replace(rows),
        *STATEMENTS.remove(keys(2 * PAGE)),
    )
    assert max(len(statement.parameters) for statement in statements) <= 999
