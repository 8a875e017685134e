"""What has to be made before it can be read: receipts, credentials, and what is signed ahead."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from nacl.signing import SigningKey

from watchtower.claims.receipt import Held, State, receipts_for
from watchtower.client.payment import Terms, challenge_for
from watchtower.judgement.claim import Claim
from watchtower.keys.cosign_letters import Ask
from watchtower.keys.identity import Identity
from watchtower.keys.presigning import PresignRequest, presign, write_request
from watchtower.keys.vault import key_of_seed
from watchtower.store.backups.age import new_identity, write_identity
from watchtower.store.backups.form import (
    Closing,
    Frame,
    Head,
    Removed,
    Written,
    write_frame,
    write_head,
)
from watchtower.units import Address, Drops

__all__ = [
    "LETTERS",
    "SECRET",
    "TERMS",
    "WHEN",
    "backups",
    "bundle_of",
    "credential_with",
    "letter_of",
    "receipt_of",
    "request_of",
]

SECRET: Final = b"what challenges are bound with here"
TERMS: Final = Terms(
    realm="api.example",
    recipient=Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"),
    price=Drops(10_000),
    network="mainnet",
)
WHEN: Final = 1_796_000_000

_KEY: Final = SigningKey(b"\1" * 32)
_SEED: Final = "sEdTM1uX8pu2do5XvTnutH6HsouMaM2"
_PAYEE: Final = Address("rG31cLyErnqeVj2eomEjBZtq7PYaupGYzL")
"""Of the public documents of the XRP Ledger: nobody's."""


LETTERS: Final = Identity(f"ED{bytes(_KEY.verify_key).hex().upper()}", _KEY)
"""Who writes letters here."""


def letter_of(claim: Claim) -> bytes:
    """Return what stands in a letter that asks to redeem a claim together."""
    ask = Ask(
        name="ab" * 16,
        receiver=_PAYEE,
        answer_to="watchtower/cosigned/one",
        validated=7,
        transactions=[
            {
                "TransactionType": "PaymentChannelClaim",
                "Account": _PAYEE,
                "Channel": claim.channel,
                "Amount": str(claim.amount),
                "Balance": str(claim.amount),
                "PublicKey": claim.public_key,
                "Signature": claim.signature,
                "Fee": "30",
                "Sequence": 7,
                "LastLedgerSequence": 20,
            }
        ],
    )
    return msgspec.json.encode(ask)


def backups() -> list[bytes]:
    """Return a base and an increment as they are before they are encrypted, and a key file."""
    row = (b"r" * 32, b"", 1, b"sealed" * 20)
    base = Head(
        chain="ab" * 16,
        sequence=0,
        based_on=None,
        network=1,
        created=1_800_000_000,
        store_format=2,
        made_by="cd" * 32,
    )
    increment = msgspec.structs.replace(base, sequence=1, based_on="ef" * 32)
    frames: tuple[list[Frame], ...] = (
        [Written("claims", [row, row]), Written("journal", [(7, b"t" * 32, 1, b"s")])],
        [Written("claims", [row]), Removed("notes", [b"n" * 32]), Removed("journal", [7])],
    )
    counts = (Closing(3, 0), Closing(1, 2))
    made = [
        write_head(head) + b"".join(map(write_frame, [*parts, closing]))
        for head, parts, closing in zip((base, increment), frames, counts, strict=True)
    ]
    return [*made, write_identity(new_identity()[0], "cd" * 32).encode()]


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


def request_of(claim: Claim) -> bytes:
    """Return a request to sign a claim ahead."""
    return write_request(_asked(claim))


def bundle_of(claim: Claim) -> bytes:
    """Return a bundle with a claim, signed ahead by somebody made up."""
    return presign([_asked(claim)], key_of_seed(_PAYEE, _SEED))


def _asked(claim: Claim) -> PresignRequest:
    return PresignRequest(
        network_id=21_337,
        account=_PAYEE,
        claim=claim,
        target=claim.amount,
        tickets=(41, 42),
    )
