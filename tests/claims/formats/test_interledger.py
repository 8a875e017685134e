"""What the Interledger plugins keep of a channel, and their units."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.claims.formats.interledger import read_interledger
from watchtower.errors import AmountError, ChannelIdError, ClaimFormatError, InputError
from watchtower.units import MAX_DROPS

CHANNEL = "45455C767516029F34E9A9CEDD8626E5D955964A041F6C9ACD11F9325D6164E0"
SIGNATURE = "9f" * 64
ACCOUNT = "35YywQ-3GYiO3MM4tvfaSGhty9NZELIBO3kmilL0Wak"


def peer(amount: Any = "12345", **more: Any) -> dict[str, Any]:
    """The store of a plugin between two peers."""
    claim = json.dumps({"amount": amount, "signature": SIGNATURE})
    return {"incoming_channel": CHANNEL, "incoming_claim": claim, **more}


def server(amount: Any = "12345", **more: Any) -> dict[str, Any]:
    """What the plugin of a server keeps of one account."""
    claim = {"amount": amount, "signature": SIGNATURE}
    return {f"{ACCOUNT}:channel": CHANNEL, f"{ACCOUNT}:claim": claim, **more}


@pytest.mark.parametrize(
    "store",
    [
        peer(),
        peer(outgoing_channel=CHANNEL, outgoing_claim="{}"),
        peer(incoming_claim={"amount": 12345, "signature": SIGNATURE.upper()}),
        server(),
        server(12345),
        server(**{ACCOUNT: "12345", f"{ACCOUNT}:last_claimed": "0", f"{ACCOUNT}:block": "false"}),
        server(**{f"{ACCOUNT}:claim": json.dumps({"amount": "12345", "signature": SIGNATURE})}),
    ],
)
def test_the_claim_is_found_among_what_a_plugin_keeps(store: dict[str, Any]) -> None:
    """Text or an object, numbers or text, hexadecimal in either case."""
    claim = read_interledger(json.dumps(store).encode())
    assert (claim.channel, claim.amount, claim.signature) == (CHANNEL, 12345, SIGNATURE.upper())


@pytest.mark.parametrize(
    ("scale", "units", "drops"),
    [(9, "1090", 2), (9, "1000", 1), (9, "1", 1), (9, "0", 0), (6, "7", 7), (0, "2", 2_000_000)],
)
def test_units_of_another_scale_are_rounded_up_to_drops(scale: int, units: str, drops: int) -> None:
    """The plugin's own test has 1,090 units of a scale of 9 signed as 2 drops."""
    for name in ("currencyScale", "assetScale"):
        document = json.dumps(peer(units, **{name: scale})).encode()
        assert read_interledger(document).amount == drops


@given(st.integers(0, MAX_DROPS * 10**14), st.integers(0, 20))
def test_what_was_signed_is_less_than_a_drop_above_the_units(units: int, scale: int) -> None:
    """Never below them, for the payer signed that much; and exact at any size."""
    try:
        document = json.dumps(peer(str(units), currencyScale=scale)).encode()
        drops = int(read_interledger(document).amount)
    except AmountError:
        assert units * 10**6 > MAX_DROPS * 10**scale
    else:
        assert 0 <= drops * 10**scale - units * 10**6 < 10**scale


@pytest.mark.parametrize(
    ("store", "error"),
    [
        ({}, ClaimFormatError),
        ({"incoming_channel": CHANNEL}, ClaimFormatError),
        ({"incoming_claim": "{}"}, ClaimFormatError),
        (peer(memo="unknown"), ClaimFormatError),
        (peer(incoming_claim=json.dumps({"amount": "0"})), ClaimFormatError),
        (peer(incoming_claim="[]"), ClaimFormatError),
        (peer(incoming_claim=None), ClaimFormatError),
        (peer(incoming_channel=5), ClaimFormatError),
        (peer(incoming_channel="my_channel_id"), ChannelIdError),
        (peer("1e3"), AmountError),
        (peer("1.5"), AmountError),
        (peer("-1"), AmountError),
        (peer(1.5), ClaimFormatError),
        (peer("9" * 41), AmountError),
        (peer("1" + "0" * 30, currencyScale=9), AmountError),
        (peer(currencyScale=21), ClaimFormatError),
        (peer(currencyScale=-1), ClaimFormatError),
        (peer(currencyScale="9"), ClaimFormatError),
        (peer(currencyScale=6, assetScale=6), ClaimFormatError),
        (server(**{f"{ACCOUNT}:memo": 1}), ClaimFormatError),
        (server(**{"another:claim": {"amount": "9", "signature": SIGNATURE}}), ClaimFormatError),
        ({f"{ACCOUNT}:channel": CHANNEL}, ClaimFormatError),
        ({":": 1}, ClaimFormatError),
    ],
)
def test_what_holds_no_claim_is_refused_in_a_sentence(
    store: dict[str, Any], error: type[InputError]
) -> None:
    """No claim yet, no such name, two accounts, amounts that are not exact."""
    with pytest.raises(error):
        read_interledger(json.dumps(store).encode())
