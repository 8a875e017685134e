"""Comma-separated values: a row of names, then a claim a row."""

from __future__ import annotations

import pytest

from watchtower.claims.formats.table import reader_of_rows
from watchtower.claims.message import parse_claim
from watchtower.errors import AmountError, ClaimFormatError, InputError, PublicKeyError

CHANNEL, SIGNATURE, KEY = "AB" * 32, "30" * 70, "02" + "CD" * 32
KEYLESS = parse_claim(channel=CHANNEL, amount="1500000", signature=SIGNATURE)
CLAIM = parse_claim(channel=CHANNEL, amount="1500000", signature=SIGNATURE, public_key=KEY)


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("channel,amount,signature,public_key", f"{CHANNEL},1500000,{SIGNATURE},{KEY}"),
        ("channel,amount,signature,public_key\r\n", f"{CHANNEL},1.5XRP,{SIGNATURE},{KEY}\r\n"),
        ("public_key,signature,amount,channel", f"{KEY},{SIGNATURE},1.5XRP,{CHANNEL}"),
        ("\ufeffchannel,amount,signature,public_key", f"{CHANNEL},1500000,{SIGNATURE},{KEY}"),
        ('"channel","amount",signature,public_key', f'"{CHANNEL}","1500000",{SIGNATURE},"{KEY}"'),
        (" channel, amount,signature ,public_key", f"{CHANNEL}, 1500000,{SIGNATURE},{KEY}"),
    ],
)
def test_a_row_is_the_claim_that_it_spells(heading: str, row: str) -> None:
    """Any order, quotes or none, either line end, a spreadsheet's mark in front."""
    assert reader_of_rows(heading.encode())(row.encode()) == CLAIM


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("channel,amount,signature", f"{CHANNEL},1500000,{SIGNATURE}"),
        ("channel,amount,signature,public_key", f"{CHANNEL},1500000,{SIGNATURE},"),
    ],
)
def test_a_key_may_be_left_out_for_all_or_for_one(heading: str, row: str) -> None:
    """The channel's decides."""
    assert reader_of_rows(heading.encode())(row.encode()) == KEYLESS


@pytest.mark.parametrize(
    "heading",
    [
        "",
        "channel,amount",
        "channel,amount,signature,memo",
        "channel,amount,signature,channel",
        "Channel,amount,signature",
        f"{CHANNEL},1500000,{SIGNATURE}",
        'channel,amount,"signature',
        "channel;amount;signature",
        "x" * 70_000,
    ],
)
def test_a_first_row_that_names_something_else_is_refused(heading: str) -> None:
    """A file without names would lose its first claim to them."""
    with pytest.raises(ClaimFormatError):
        reader_of_rows(heading.encode())


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("", ClaimFormatError),
        ("a,b", ClaimFormatError),
        (f"{CHANNEL},5,{SIGNATURE},{KEY},more", ClaimFormatError),
        (f'{CHANNEL},5,{SIGNATURE},"{KEY}', ClaimFormatError),
        (f'{CHANNEL},5,{SIGNATURE},"{KEY}"x', ClaimFormatError),
        (f"{CHANNEL},5\r,{SIGNATURE},{KEY}", ClaimFormatError),
        (f"{CHANNEL},5.0,{SIGNATURE},{KEY}", AmountError),
        (f'{CHANNEL},"1,500",{SIGNATURE},{KEY}', AmountError),
        (f"{CHANNEL},5,{SIGNATURE},12", PublicKeyError),
        (f"{CHANNEL},5,{SIGNATURE},{KEY}" + " " * 70_000, ClaimFormatError),
    ],
)
def test_a_row_that_is_no_claim_is_refused(row: str, error: type[InputError]) -> None:
    """Too few or too many values, quotes without an end, amounts that are none."""
    read = reader_of_rows(b"channel,amount,signature,public_key")
    with pytest.raises(error):
        read(row.encode())


def test_bytes_that_are_no_text_are_refused() -> None:
    """In the names and below them."""
    with pytest.raises(ClaimFormatError):
        reader_of_rows(b"\xff\xfe")
    with pytest.raises(ClaimFormatError):
        reader_of_rows(b"channel,amount,signature")(b"\xff,1,2")
