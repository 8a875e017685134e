"""Claims of Dhali, as its clients send and its server keeps them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from watchtower.claims.formats.dhali import read_dhali
from watchtower.claims.given import KeylessClaim
from watchtower.errors import AmountError, ChannelIdError, ClaimFormatError, InputError
from watchtower.units import ChannelId, Drops

CHANNEL = "A0" * 32
FORMER = {
    "account": "r4y5HTy8PLg32nNNZ7cuXTTHQQkVMvXz6a",
    "destination_account": "rstbSTpPcyxMsiXwkBxS9tFTrg2JsDNxWk",
    "authorized_to_claim": "10000000",
    "signature": "ab" * 64,
    "channel_id": CHANNEL,
}
SECOND = {
    **FORMER,
    "version": "2",
    "protocol": "XRPL.MAINNET",
    "currency": {"code": "XRP", "scale": 6},
}
PAYMENT = {"x402Version": 2, "payload": SECOND, "accepted": {"network": "xrpl:0"}}
CLAIM = KeylessClaim(channel=ChannelId(CHANNEL), amount=Drops(10_000_000), signature="AB" * 64)


def token(found: object) -> str:
    """The Base64 that a client sends."""
    return base64.b64encode(json.dumps(found).encode()).decode()


@pytest.mark.parametrize(
    "document",
    [
        json.dumps(FORMER),
        json.dumps(SECOND),
        json.dumps({**SECOND, "authorized_to_claim": 10_000_000}),
        token(SECOND),
        token(FORMER),
        json.dumps(token(SECOND)),
        json.dumps(PAYMENT),
        token(PAYMENT),
        json.dumps(
            {
                "authorized_to_claim": "10000000",
                "to_claim": 5,
                "currency": {"code": "XRP", "scale": 0.000001},
                "payment_claim": json.dumps(FORMER),
            }
        ),
    ],
)
def test_a_claim_is_found_in_every_form_in_which_it_is_sent_or_kept(document: str) -> None:
    """Both versions, bare or wrapped."""
    assert read_dhali(document.encode()) == CLAIM


def without(name: str) -> dict[str, Any]:
    """A claim that lacks a field."""
    return {key: value for key, value in SECOND.items() if key != name}


@pytest.mark.parametrize(
    ("found", "error"),
    [
        *((without(name), ClaimFormatError) for name in FORMER),
        ({**SECOND, "more": 1}, ClaimFormatError),
        ({**SECOND, "protocol": "ETHEREUM"}, ClaimFormatError),
        ({**SECOND, "currency": {"code": "RLUSD", "scale": 6}}, ClaimFormatError),
        ({**SECOND, "currency": {"code": "XRP", "scale": 0}}, ClaimFormatError),
        ({**SECOND, "authorized_to_claim": "10.5"}, AmountError),
        ({**SECOND, "authorized_to_claim": "10XRP"}, AmountError),
        ({**SECOND, "authorized_to_claim": 1e7}, ClaimFormatError),
        ({**SECOND, "authorized_to_claim": -1}, AmountError),
        ({**SECOND, "channel_id": "some_valid_channel_id"}, ChannelIdError),
        ({"x402Version": 2}, ClaimFormatError),
        ({"x402Version": 2, "payload": {"signature": "0x"}}, ClaimFormatError),
        ({"payment_claim": SECOND}, ClaimFormatError),
        ({"payment_claim": "[]"}, ClaimFormatError),
        ([], ClaimFormatError),
    ],
)
def test_what_is_no_claim_of_xrp_is_refused_in_a_sentence(
    found: object, error: type[InputError]
) -> None:
    """Other ledgers, other currencies, amounts that are not drops."""
    for document in (json.dumps(found), token(found)):
        with pytest.raises(error):
            read_dhali(document.encode())
