"""What has to be made before it can be read: a receipt, and an answer to a challenge of ours."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from nacl.signing import SigningKey

from watchtower.claims.receipt import Held, State, receipts_for
from watchtower.client.payment import Terms, challenge_for
from watchtower.judgement.claim import Claim
from watchtower.units import Address, Drops

__all__ = ["SECRET", "TERMS", "WHEN", "credential_with", "receipt_of"]

SECRET: Final = b"what challenges are bound with here"
TERMS: Final = Terms(
    realm="api.example",
    recipient=Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"),
    price=Drops(10_000),
    network="mainnet",
)
WHEN: Final = 1_796_000_000

_KEY: Final = SigningKey(b"\1" * 32)


def receipt_of(claim: Claim) -> bytes:
    """Return a receipt for a claim, which proves it."""
    tower = "ED" + bytes(_KEY.verify_key).hex().upper()
    held = [Held(claim, State.KEPT), Held(claim, State.PENDING)]
    made = receipts_for(held, tower=tower, at=WHEN, sign=lambda told: _KEY.sign(told).signature)
    return msgspec.json.encode(made[0].message())


def credential_with(claim: Claim) -> bytes:
    """Return the JSON of a credential that answers a challenge with a claim."""
    told = challenge_for(TERMS, secret=SECRET, expires=WHEN + 60)
    challenge = dict(re.findall(r'(\w+)="([^"]*)"', told))
    payload = {
        "action": "voucher",
        "channelId": claim.channel,
        "amount": str(claim.amount),
        "signature": claim.signature,
    }
    return msgspec.json.encode({"challenge": challenge, "payload": payload})
