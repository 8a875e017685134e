"""Claims: the 44 signed bytes, and what is no claim at all."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey
from xrpl.core.binarycodec import encode_for_signing_claim

from watchtower.judgement.claim import (
    Claim,
    Refused,
    SignatureFault,
    Verified,
    claim_message,
    verify,
)
from watchtower.units import MAX_DROPS, ChannelId, Drops

CHANNEL = ChannelId("5DB01B7FFED6B67E6B0414DED11E051D2EE2B7619CE0EAA6286D67A3A4D5BDB3")
KEY = SigningKey(b"\x05" * 32)
PUBLIC_KEY = "ED" + bytes(KEY.verify_key).hex().upper()


def signed(amount: int) -> Claim:
    """A good claim for ``amount``."""
    signature = KEY.sign(claim_message(CHANNEL, Drops(amount))).signature.hex().upper()
    return Claim(channel=CHANNEL, amount=Drops(amount), public_key=PUBLIC_KEY, signature=signature)


@pytest.mark.parametrize("amount", [0, 1, 1_000_000, MAX_DROPS, 2**64 - 1])
def test_signed_bytes_are_those_of_the_official_codec(amount: int) -> None:
    """The oracle is xrpl-py."""
    message = claim_message(CHANNEL, Drops(amount))
    official = encode_for_signing_claim({"channel": CHANNEL, "amount": str(amount)})
    assert len(message) == 44
    assert message == bytes.fromhex(official)


def test_one_drop_more_than_signed_is_refused() -> None:
    """The amount is what is signed."""
    good = signed(5)
    assert verify(good) == Verified(claim=good, rescued=False)
    bad = Claim(channel=CHANNEL, amount=Drops(6), public_key=PUBLIC_KEY, signature=good.signature)
    assert verify(bad) == Refused(why=SignatureFault.SIGNATURE)


@pytest.mark.parametrize("amount", [0, -1, MAX_DROPS + 1])
def test_amount_that_no_channel_can_hold_is_refused(amount: int) -> None:
    """The ledger calls these temBAD_AMOUNT."""
    claim = Claim(channel=CHANNEL, amount=Drops(amount), public_key=PUBLIC_KEY, signature="00")
    assert verify(claim) == Refused(why=SignatureFault.AMOUNT)


@pytest.mark.parametrize("text", ["", "zz", "ABC", "ED 00"])
def test_what_is_not_hexadecimal_is_refused_and_raises_nothing(text: str) -> None:
    """A claim may come from anywhere."""
    bad_key = Claim(channel=CHANNEL, amount=Drops(1), public_key=text, signature="00")
    bad_signature = Claim(channel=CHANNEL, amount=Drops(1), public_key=PUBLIC_KEY, signature=text)
    assert verify(bad_key) == Refused(why=SignatureFault.KEY)
    assert verify(bad_signature) == Refused(why=SignatureFault.SIGNATURE)


def test_lower_case_is_put_into_upper_case() -> None:
    """One spelling of each claim is stored."""
    good = signed(5)
    lower = Claim(
        channel=CHANNEL,
        amount=Drops(5),
        public_key=PUBLIC_KEY.lower(),
        signature=good.signature.lower(),
    )
    assert verify(lower) == Verified(claim=good, rescued=False)


def test_every_fault_has_its_sentence() -> None:
    """Whoever is refused is told why."""
    assert len({fault.sentence for fault in SignatureFault}) == len(SignatureFault)
