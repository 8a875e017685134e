"""The ``Payment`` scheme of HTTP authentication, as far as payment channels need it.

A server answers 402 with a *challenge* in ``WWW-Authenticate``: what it wants, and until when. A
reader comes again with a *credential* in ``Authorization``: the challenge as it was, and a claim.
So say draft-httpauth-payment-01 and, for ``method="xrpl"`` and ``intent="session"``,
draft-xrpl-session-00 (github.com/tempoxyz/mpp-specs, specs/core and specs/methods/xrpl), which the
credentials of ripple/xrpl-mpp-sdk follow (sdk/src/channel/Methods.ts).

What it guarantees: a credential counts only for what was asked here, at this price, by whoever has
the secret, and not longer than was said. A challenge may be answered more than once before that:
what can be used only once is the claim. Whatever header comes in, only `Fault` comes out.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from watchtower.client.claim import Claim, read_claim
from watchtower.errors import InputError
from watchtower.units import Address, ChannelId, Drops

__all__ = [
    "MOST_CREDENTIAL_BYTES",
    "Credential",
    "Fault",
    "Terms",
    "challenge_for",
    "problem_type",
    "read_credential",
    "receipt_for",
]

MOST_CREDENTIAL_BYTES: Final = 8_192
"""Of a credential; the draft has servers handle 4,096, and a voucher is smaller still."""

_SCHEME: Final = "payment"
_METHOD: Final = "xrpl"
_INTENT: Final = "session"
_CURRENCY: Final = "XRP"
_PROBLEMS: Final = "https://paymentauth.org/problems/"


class Fault(StrEnum):
    """Why a payment is refused, as a problem type of the draft says it."""

    REQUIRED = "payment-required"
    INSUFFICIENT = "payment-insufficient"
    EXPIRED = "payment-expired"
    MALFORMED = "malformed-credential"
    CHALLENGE = "invalid-challenge"
    PAYLOAD = "invalid-payload"
    VERIFICATION = "verification-failed"
    CHANNEL_NOT_FOUND = "session/channel-not-found"
    CHANNEL_FINALIZED = "session/channel-finalized"
    EXCEEDS_DEPOSIT = "session/amount-exceeds-deposit"
    SIGNATURE = "session/invalid-signature"


def problem_type(fault: Fault) -> str:
    """Return the URI of a problem type."""
    return f"{_PROBLEMS}{fault.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one answer costs, and whom it pays.

    Attributes:
        realm: what is guarded, as the reader is told.
        recipient: the destination that the channel has to have.
        price: drops for this answer.
        network: the ledger's name, as ``mainnet``.
    """

    realm: str
    recipient: Address
    price: Drops
    network: str


class _Challenge(msgspec.Struct, frozen=True, omit_defaults=True):
    """A challenge as a credential gives it back."""

    id: str
    realm: str
    method: str
    intent: str
    request: str
    expires: str = ""
    digest: str = ""
    opaque: str = ""
    header: str = ""


class _Voucher(msgspec.Struct, frozen=True, rename={"channel": "channelId"}):
    action: Literal["voucher"]
    channel: str
    amount: str
    signature: str


class _Credential(msgspec.Struct, frozen=True):
    challenge: _Challenge
    payload: msgspec.Raw


class _Request(msgspec.Struct, frozen=True, rename={"channel": "channelId"}):
    amount: str
    recipient: str
    channel: str = ""
    currency: str = _CURRENCY


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A claim that came with a challenge of ours that still holds."""

    claim: Claim


_CREDENTIALS: Final = msgspec.json.Decoder(_Credential)
_VOUCHERS: Final = msgspec.json.Decoder(_Voucher)
_REQUESTS: Final = msgspec.json.Decoder(_Request)
_WRONG: Final = (msgspec.DecodeError, UnicodeError, binascii.Error, ValueError, RecursionError)


def challenge_for(
    terms: Terms,
    *,
    secret: bytes,
    expires: int,
    channel: ChannelId | None = None,
    cumulative: Drops | None = None,
) -> str:
    """Return a challenge, ready for ``WWW-Authenticate``.

    Args:
        terms: what is asked.
        secret: what only this server's processes know.
        expires: until when it may be answered, in Unix seconds.
        channel: the reader's channel, where it is known.
        cumulative: what the reader's next claim has to exceed by the price, in drops.
    """
    details: dict[str, str] = {"network": terms.network}
    if cumulative is not None:
        details["cumulativeAmount"] = str(cumulative)
    request = _pack(
        {
            "amount": str(terms.price),
            "channelId": channel or "",
            "currency": _CURRENCY,
            "methodDetails": details,
            "recipient": terms.recipient,
        }
    )
    made = _Challenge(
        id="",
        realm=terms.realm,
        method=_METHOD,
        intent=_INTENT,
        request=request,
        expires=datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    parameters = {
        "id": _bound(made, secret),
        "realm": made.realm,
        "method": made.method,
        "intent": made.intent,
        "expires": made.expires,
        "request": made.request,
    }
    return "Payment " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())


def read_credential(
    header: str | None, terms: Terms, *, secret: bytes, now: float
) -> Credential | Fault:
    """Return the credential in an ``Authorization`` header, or why it does not count.

    Args:
        header: the header's value; None if there was none.
        terms: what is asked for what the reader wants.
        secret: what challenges are bound with.
        now: Unix seconds.
    """
    # Schemes may stand side by side (RFC 9110 section 11.4); no credential of ours has a comma.
    parts = (part.strip().partition(" ") for part in (header or "").split(","))
    text = next((text for scheme, _, text in parts if scheme.lower() == _SCHEME), None)
    if text is None:
        return Fault.REQUIRED
    if len(text) > MOST_CREDENTIAL_BYTES:
        return Fault.MALFORMED
    try:
        given = _CREDENTIALS.decode(_unpack(text.strip()))
        return _fault_of(given.challenge, terms, secret, now) or _claimed(given)
    except _WRONG:
        return Fault.MALFORMED


def receipt_for(claim: Claim, *, now: float) -> str:
    """Return what is told of a payment that was taken, ready for ``Payment-Receipt``."""
    return _pack(
        {
            "channelId": claim.channel,
            "cumulative": str(claim.amount),
            "method": _METHOD,
            "reference": f"{claim.channel}:{claim.amount}",
            "status": "success",
            "timestamp": datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


def _fault_of(challenge: _Challenge, terms: Terms, secret: bytes, now: float) -> Fault | None:
    """Say why a challenge does not count: it is none of ours, of another page, or too old."""
    if not hmac.compare_digest(challenge.id.encode(), _bound(challenge, secret).encode()):
        return Fault.CHALLENGE
    # From here on it is as we made it, so what it says is well formed.
    asked = _REQUESTS.decode(_unpack(challenge.request))
    ours = (terms.realm, terms.recipient, str(terms.price))
    if (challenge.realm, asked.recipient, asked.amount) != ours:
        return Fault.CHALLENGE
    if datetime.fromisoformat(challenge.expires).timestamp() < now:
        return Fault.EXPIRED
    return None


def _claimed(given: _Credential) -> Credential | Fault:
    try:
        voucher = _VOUCHERS.decode(given.payload)
        if not (voucher.amount.isascii() and voucher.amount.isdigit()):
            return Fault.PAYLOAD
        claim = read_claim(voucher.channel, voucher.amount, voucher.signature)
    except (InputError, *_WRONG):
        return Fault.PAYLOAD
    asked = _REQUESTS.decode(_unpack(given.challenge.request))
    if asked.channel not in {"", claim.channel}:
        return Fault.CHALLENGE
    return Credential(claim=claim)


def _bound(challenge: _Challenge, secret: bytes) -> str:
    """Return the id that binds a challenge to what it says (section 5.1.2.1 of the draft)."""
    slots = [
        challenge.realm,
        challenge.method,
        challenge.intent,
        challenge.request,
        challenge.expires,
        challenge.digest,
        challenge.opaque,
    ]
    if challenge.header:
        slots.append(challenge.header)
    return _base64(hmac.digest(secret, "|".join(slots).encode(), "sha256"))


def _pack(message: Mapping[str, Any]) -> str:
    # Sorted and without spaces: of text alone, that is what RFC 8785 makes of it.
    return _base64(msgspec.json.encode(message, order="sorted"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    data = text.encode("ascii")
    return base64.b64decode(data + b"=" * (-len(data) % 4), altchars=b"-_", validate=True)
