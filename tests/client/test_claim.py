"""Whatever a payer sends is a claim that is well formed, or a documented refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.test_tower import CHANNEL, PAYER, signed
from watchtower.client.claim import is_signed_by_its_key, read_claim
from watchtower.errors import (
    AmountError,
    ChannelIdError,
    ClaimFormatError,
    InputError,
    PublicKeyError,
    WatchtowerError,
)
from watchtower.sandbox.people import Person
from watchtower.units import MAX_DROPS

GOOD = signed(1_500_000)
ED = Person.named("a payer with the other kind of key", ed25519=True)


def test_claim_is_read_in_the_spellings_of_people() -> None:
    """Drops as a number or as text, XRP, and letters of either case: all the same claim."""
    for amount in (1_500_000, "1500000", "1.5XRP", "1.5 xrp"):
        found = read_claim(
            CHANNEL.lower(), amount, GOOD.signature.lower(), PAYER.public_key.lower()
        )
        assert found == GOOD


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"channel": "12"}, ChannelIdError),
        ({"amount": "0"}, AmountError),
        ({"amount": 0}, AmountError),
        ({"amount": -1}, AmountError),
        ({"amount": MAX_DROPS + 1}, AmountError),
        ({"amount": "1.5"}, AmountError),
        ({"signature": ""}, ClaimFormatError),
        ({"signature": "00" * 257}, ClaimFormatError),
        ({"public_key": "04" + "00" * 32}, PublicKeyError),
        ({"public_key": ""}, PublicKeyError),
    ],
)
def test_what_is_no_claim_is_refused_with_its_reason(
    changed: dict[str, str], error: type[WatchtowerError]
) -> None:
    """One sentence that says what is wrong with it."""
    words = {"channel": CHANNEL, "amount": "5", "signature": "30" * 70, "public_key": None}
    with pytest.raises(error):
        read_claim(**{**words, **changed})  # type: ignore[arg-type]


WORDS = st.one_of(st.text(), st.from_regex(r"[0-9A-Fa-f]{0,140}", fullmatch=True))


@given(WORDS, st.one_of(WORDS, st.integers()), WORDS, st.one_of(st.none(), WORDS))
def test_whatever_comes_only_documented_errors_come_out(
    channel: str, amount: str | int, signature: str, public_key: str | None
) -> None:
    """Strangers write these."""
    try:
        found = read_claim(channel, amount, signature, public_key)
    except InputError:
        return
    assert 0 < found.amount <= MAX_DROPS


@pytest.mark.parametrize("payer", [PAYER, ED])
def test_key_that_signed_is_told_from_one_that_did_not(payer: Person) -> None:
    """For both kinds of keys; a claim that names none says nothing."""
    signature = payer.sign_claim(CHANNEL, GOOD.amount)
    own = read_claim(CHANNEL, 1_500_000, signature, payer.public_key)
    assert is_signed_by_its_key(own) is True
    assert is_signed_by_its_key(read_claim(CHANNEL, 7, signature, payer.public_key)) is False
    assert is_signed_by_its_key(read_claim(CHANNEL, 7, signature)) is None
