"""Our own comma-separated values: a row of names, then a claim a row.

``channel``, ``amount`` and ``signature`` must be named, ``public_key`` may be, in any order; its
field may be empty. Values may be quoted (RFC 4180); a value cannot hold a line break, so that a row
is a line, and an import can go on at any of them.

Pure.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Final

from watchtower.claims.formats.document import MOST_BYTES
from watchtower.claims.given import Given
from watchtower.claims.message import parse_claim
from watchtower.errors import ClaimFormatError

__all__ = ["reader_of_rows"]

_NEEDED: Final = frozenset({"channel", "amount", "signature"})
_KEY: Final = "public_key"
_BOM: Final = "\ufeff"


def reader_of_rows(heading: bytes) -> Callable[[bytes], Given]:
    """Return what reads the rows below a row of names.

    Raises:
        ClaimFormatError: a name is missing, unknown or there twice.
    """
    # Spreadsheets begin what they write with a mark of its encoding.
    names = _values(heading.removeprefix(_BOM.encode()))
    if not set(names) >= _NEEDED or not set(names) <= _NEEDED | {_KEY}:
        wanted = "channel, amount, signature and perhaps public_key"
        raise ClaimFormatError(why=f"its first row must name {wanted}, and nothing else")
    if len(set(names)) != len(names):
        raise ClaimFormatError(why="its first row names a column twice")

    def read(row: bytes) -> Given:
        values = _values(row)
        if len(values) != len(names):
            why = f"it has {len(values)} values where the first row names {len(names)}"
            raise ClaimFormatError(why=why)
        found = dict(zip(names, values, strict=True))
        return parse_claim(
            channel=found["channel"],
            amount=found["amount"],
            signature=found["signature"],
            public_key=found.get(_KEY) or None,
        )

    return read


def _values(row: bytes) -> list[str]:
    if len(row) > MOST_BYTES:
        raise ClaimFormatError(why=f"it is longer than {MOST_BYTES} bytes")
    try:
        rows = list(csv.reader([row.decode().strip("\r\n")], strict=True))
    except UnicodeDecodeError:
        raise ClaimFormatError(why="it is not UTF-8") from None
    except csv.Error as wrong:
        raise ClaimFormatError(why=f"it is no row of comma-separated values ({wrong})") from None
    if len(rows) != 1:
        raise ClaimFormatError(why="it is not one row")
    return [value.strip() for value in rows[0]]
