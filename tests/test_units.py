"""Amounts, ids, addresses and times as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.errors import AddressError, AmountError, ChannelIdError
from watchtower.units import (
    MAX_DROPS,
    Drops,
    RippleTime,
    format_drops,
    format_time,
    parse_address,
    parse_channel_id,
    parse_drops,
    ripple_time,
    unix_time,
)


@pytest.mark.parametrize(
    ("text", "drops"),
    [
        ("1500000", 1_500_000),
        ("1.5XRP", 1_500_000),
        ("1.5 xrp", 1_500_000),
        ("0.000001XRP", 1),
        ("0", 0),
        (str(MAX_DROPS), MAX_DROPS),
    ],
)
def test_amount_is_drops_or_xrp(text: str, drops: int) -> None:
    """A bare number is drops; only a suffix makes it XRP."""
    assert parse_drops(text) == drops


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.5",
        "-1",
        "+1",
        "1e6",
        "0.0000001XRP",
        "XRP",
        "1,5XRP",
        "\uff11",
        " 1",
        "1\n",
        str(MAX_DROPS + 1),
    ],
)
def test_amount_that_could_be_misread_is_refused(text: str) -> None:
    """1.5 of what? Nobody guesses with money."""
    with pytest.raises(AmountError):
        parse_drops(text)


@given(st.integers(0, MAX_DROPS))
def test_what_is_shown_can_be_typed_again(drops: int) -> None:
    """Formatting loses nothing."""
    shown = format_drops(Drops(drops))
    assert parse_drops(shown.replace(",", "")) == drops


@given(st.text(max_size=70))
def test_only_64_hex_digits_are_a_channel_id(text: str) -> None:
    """And nothing but the documented error comes out."""
    try:
        assert parse_channel_id(text) == text.upper()
    except ChannelIdError:
        assert len(text) != 64 or not all(c in "0123456789abcdefABCDEF" for c in text)


def test_address_needs_its_checksum() -> None:
    """One wrong letter is another account, or none."""
    assert parse_address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
    for wrong in ("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdE", "", "r", "X" * 34):
        with pytest.raises(AddressError):
            parse_address(wrong)


def test_ledger_time_counts_from_2000() -> None:
    """The recordings' first close time, as their own ISO text has it."""
    assert format_time(RippleTime(820_540_801)) == "2026-01-01T00:00:01Z"
    assert ripple_time(unix_time(RippleTime(820_540_801))) == 820_540_801
