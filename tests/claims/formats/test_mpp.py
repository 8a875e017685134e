"""Vouchers of the sdk for machine payments, as its own code writes them, and what is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from watchtower.claims.formats.mpp import read_mpp
from watchtower.claims.given import KeylessClaim
from watchtower.errors import AmountError, ChannelIdError, ClaimFormatError, InputError
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops

PAYER = Person.named("a payer with the sdk")
CHANNEL = ChannelId("5097CC30E3F212DDBDF0BE8A494CC90AC7B8E5F14E2BE30B70E52FB002CCF3A8")
SIGNATURE = PAYER.sign_claim(CHANNEL, Drops(1_500))
CLAIM = KeylessClaim(channel=CHANNEL, amount=Drops(1_500), signature=SIGNATURE)
PAYLOAD = {
    "action": "voucher",
    "channelId": CHANNEL.lower(),
    "amount": "1500",
    "signature": SIGNATURE.lower(),
}
CHALLENGE = {"id": "1", "realm": "api", "method": "xrpl", "intent": "session", "request": "e30"}
CREDENTIAL = {
    "challenge": CHALLENGE,
    "payload": PAYLOAD,
    "source": f"did:pkh:xrpl:mainnet:{PAYER.address}",
}
RECORD = {"cumulative": "1500", "signature": SIGNATURE, "timestamp": 1_796_040_000_000}
KEY = f"xrpl:mainnet:channel:{CHANNEL}"


def header(credential: object, scheme: str = "Payment") -> str:
    """As mppx writes it: Base64 of the second alphabet without padding."""
    told = base64.urlsafe_b64encode(json.dumps(credential).encode()).decode().rstrip("=")
    return f"{scheme} {told}"


def padded(credential: object) -> str:
    """The same with the padding that others leave on."""
    return f"payment {base64.b64encode(json.dumps(credential).encode()).decode()}"


@pytest.mark.parametrize(
    "document",
    [
        json.dumps(CREDENTIAL),
        json.dumps({**CREDENTIAL, "payload": {**PAYLOAD, "action": "close"}}),
        json.dumps({**CREDENTIAL, "challenge": {**CHALLENGE, "intent": "channel"}}),
        json.dumps({"challenge": CHALLENGE, "payload": PAYLOAD}),
        header(CREDENTIAL),
        header(CREDENTIAL, "PAYMENT"),
        padded(CREDENTIAL),
        f"Authorization: {header(CREDENTIAL)}\r\n",
        f"Bearer abc, {header(CREDENTIAL)}",
        json.dumps(header(CREDENTIAL)),
        json.dumps({"key": KEY, "value": RECORD}),
        json.dumps({"key": KEY, "value": json.dumps(RECORD)}),
        json.dumps({"key": f"xrpl:testnet:channel:{CHANNEL}", "value": RECORD}),
        json.dumps({"channelId": CHANNEL, **RECORD, "fundedDrops": "9", "remainingDrops": "1"}),
        json.dumps({"channelId": CHANNEL, **RECORD, "closesAt": "2026-12-01T00:00:00.000Z"}),
    ],
)
def test_a_voucher_is_the_claim_in_every_form_in_which_it_is_held(document: str) -> None:
    """On the wire, read by the server, in its store, and what its hook is told."""
    assert read_mpp(document.encode()) == CLAIM


def changed(**changes: Any) -> str:
    """A credential with another payload."""
    return json.dumps({**CREDENTIAL, "payload": {**PAYLOAD, **changes}})


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (changed(action="open", transaction="12"), ClaimFormatError),
        (changed(action="refund"), ClaimFormatError),
        (changed(amount="1.5XRP"), AmountError),
        (changed(amount="0x10"), AmountError),
        (changed(amount="-5"), AmountError),
        (changed(amount="9" * 19), AmountError),
        (changed(amount=1500), ClaimFormatError),
        (changed(amount=1.5), ClaimFormatError),
        (changed(channelId="12"), ChannelIdError),
        (changed(signature=""), ClaimFormatError),
        (changed(signature="zz"), ClaimFormatError),
        (changed(more="unknown"), ClaimFormatError),
        (json.dumps({**CREDENTIAL, "more": 1}), ClaimFormatError),
        (json.dumps({**CREDENTIAL, "challenge": {**CHALLENGE, "method": "tempo"}}), InputError),
        (json.dumps({**CREDENTIAL, "challenge": {}}), ClaimFormatError),
        (json.dumps({**CREDENTIAL, "challenge": {**CHALLENGE, "intent": "charge"}}), InputError),
        (json.dumps({**CREDENTIAL, "challenge": {**CHALLENGE, "intent": []}}), InputError),
        (json.dumps({"payload": PAYLOAD}), ClaimFormatError),
        ('{"payload": 1, "challenge": {}}', ClaimFormatError),
        ("Bearer abc", ClaimFormatError),
        ("Payment", ClaimFormatError),
        ("Payment a", ClaimFormatError),
        ("Payment !!!!", ClaimFormatError),
        (header("a string"), ClaimFormatError),
        (json.dumps({"key": f"xrpl:mainnet:channel-meta:{CHANNEL}", "value": RECORD}), InputError),
        (json.dumps({"key": KEY, "value": {**RECORD, "signature": ""}}), ClaimFormatError),
        (json.dumps({"key": KEY, "value": "none"}), ClaimFormatError),
        (json.dumps({"key": KEY, "value": None}), ClaimFormatError),
        (json.dumps({"channelId": CHANNEL, "cumulative": "5"}), ClaimFormatError),
    ],
)
def test_what_is_no_voucher_is_refused_in_a_sentence(
    document: str, error: type[InputError]
) -> None:
    """Other methods, other actions, amounts that are not drops, records without a promise."""
    with pytest.raises(error):
        read_mpp(document.encode())


def test_a_credential_that_opens_a_channel_says_what_to_hand_over_instead() -> None:
    """Its signature is over a channel of zeros."""
    with pytest.raises(ClaimFormatError, match="first voucher"):
        read_mpp(changed(action="open", transaction="12").encode())


@pytest.mark.parametrize("cumulative", ["0", "1500"])
def test_a_record_without_a_signature_says_that_nothing_was_promised(cumulative: str) -> None:
    """So the server writes it down when a channel was opened, before the first voucher."""
    value = {"cumulative": cumulative, "signature": "", "timestamp": 1}
    with pytest.raises(ClaimFormatError, match="nothing was promised"):
        read_mpp(json.dumps({"key": KEY, "value": value}).encode())
