"""Claims as they arrive: four words or one JSON object; anything else gets one clear error."""

from __future__ import annotations

import json

import pytest

from watchtower.claims.message import parse_claim, parse_claim_json
from watchtower.errors import (
    AmountError,
    ChannelIdError,
    ClaimFormatError,
    InputError,
    PublicKeyError,
)
from watchtower.judgement.claim import Claim
from watchtower.units import ChannelId, Drops

CHANNEL = "5db01b7ffed6b67e6b0414ded11e051d2ee2b7619ce0eaa6286d67a3a4d5bdb3"
KEY = "02" + "ab" * 32
SIGNATURE = "3006020101020101"
CLAIM = Claim(
    channel=ChannelId(CHANNEL.upper()),
    amount=Drops(1_500_000),
    public_key=KEY.upper(),
    signature=SIGNATURE,
)
OBJECT: dict[str, object] = {
    "channel": CHANNEL,
    "amount": "1500000",
    "signature": SIGNATURE,
    "public_key": KEY,
}


@pytest.mark.parametrize("amount", ["1500000", "1.5XRP", "1.5 xrp"])
def test_four_words_spell_a_claim(amount: str) -> None:
    """Hexadecimal in either case, the amount as a person writes it."""
    parsed = parse_claim(channel=CHANNEL, amount=amount, signature=SIGNATURE, public_key=KEY)
    assert parsed == CLAIM


@pytest.mark.parametrize("amount", ["1500000", 1_500_000, "1.5XRP"])
def test_json_object_spells_the_same_claim(amount: object) -> None:
    """An amount is text, or a number of drops."""
    line = json.dumps({**OBJECT, "amount": amount})
    assert parse_claim_json(line) == parse_claim_json(line.encode() + b"\n") == CLAIM


def test_claim_for_nothing_is_well_formed() -> None:
    """Zero drops are an amount; that they are worth nothing is for the decision to say."""
    assert parse_claim_json(json.dumps({**OBJECT, "amount": 0})).amount == 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"channel": "5DB0"}, ChannelIdError),
        ({"channel": "Z" * 64}, ChannelIdError),
        ({"amount": "a lot"}, AmountError),
        ({"amount": ""}, AmountError),
        ({"amount": "-1"}, AmountError),
        ({"amount": -1}, AmountError),
        ({"amount": 10**17 + 1}, AmountError),
        ({"amount": 10**40}, InputError),
        ({"amount": 1.5}, ClaimFormatError),
        ({"amount": True}, ClaimFormatError),
        ({"amount": None}, ClaimFormatError),
        ({"signature": ""}, ClaimFormatError),
        ({"signature": "ABC"}, ClaimFormatError),
        ({"signature": "no hex"}, ClaimFormatError),
        ({"signature": "AB" * 257}, ClaimFormatError),
        ({"signature": 5}, ClaimFormatError),
        ({"public_key": "04" + "AB" * 32}, PublicKeyError),
        ({"public_key": KEY + "AB"}, PublicKeyError),
        ({"public_key": ""}, PublicKeyError),
        ({"memo": "unknown"}, ClaimFormatError),
    ],
)
def test_each_wrong_field_has_its_own_error(
    change: dict[str, object], error: type[InputError]
) -> None:
    """One sentence that says which field, and nothing is guessed."""
    with pytest.raises(error):
        parse_claim_json(json.dumps({**OBJECT, **change}))


@pytest.mark.parametrize("missing", ["channel", "amount", "signature"])
def test_missing_field_is_named(missing: str) -> None:
    """A claim has three fields at least."""
    rest = {name: value for name, value in OBJECT.items() if name != missing}
    with pytest.raises(ClaimFormatError, match=missing):
        parse_claim_json(json.dumps(rest))


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"claim"', b"[" * 9999])
def test_what_is_no_object_is_no_claim(line: bytes) -> None:
    """Broken JSON, other JSON, and bytes that are no text."""
    with pytest.raises(ClaimFormatError):
        parse_claim_json(line)
