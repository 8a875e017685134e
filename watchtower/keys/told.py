"""What came of asking a co-signer for signatures, and how its words are read. Pure.

What it guarantees: of what a co-signer says nothing counts but what proves itself. A signature was
made by the key in our own configuration, for the very transaction that was sent; a claim that it
hands over is signed by the key of the channel that was asked about, and above the one it was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from watchtower.judgement.claim import Claim, Refused, verify
from watchtower.keys.cosign_messages import BetterClaim, read_answers
from watchtower.keys.multisign import Cosignature, verified
from watchtower.units import Address, ChannelId, Drops

__all__ = ["MOST_BYTES", "MOST_WORDS", "Answered", "Away", "Faulty", "Told", "understood"]

MOST_BYTES: Final = 1 << 16
"""Of an answer: a signature or a sentence for each of 64 transactions is less than half of it."""

MOST_WORDS: Final = 300
"""Letters of what another tower says that go into a log or an alarm."""

_Transaction = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Away:
    """It did not answer in time, or not at all; ``why`` is a part of a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """It answered what no co-signer in its right mind does; ``why`` is a part of a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Answered:
    """For each transaction its signature, which was verified, or in words why there is none.

    ``better`` are the claims that it refused lower ones for, each of which proves itself.
    """

    each: tuple[Cosignature | str, ...]
    better: tuple[Claim, ...] = ()


Told = Away | Faulty | Answered


def understood(
    body: bytes, transactions: Sequence[_Transaction], *, account: Address, public_key: str
) -> Told:
    """Return what the co-signer ``account`` says of ``transactions``; it signs by ``public_key``.

    Args:
        body: `CosignAnswers` as JSON, if it is any.
        transactions: as it was asked for them.
        account: who it is in the signer list.
        public_key: as the configuration has it, in upper-case hex.
    """
    found = read_answers(body, len(transactions))
    if isinstance(found, str):
        return Faulty(found)
    each: list[Cosignature | str] = []
    better: list[Claim] = []
    for transaction, answer in zip(transactions, found.answers, strict=True):
        if answer.refused:
            each.append(answer.refused[:MOST_WORDS])
            if answer.better is not None:
                claim = _proven(transaction, answer.better)
                if claim is None:
                    return Faulty("it hands over a claim that is none, or no better one")
                better.append(claim)
            continue
        if (found.account, found.public_key) != (account, public_key):
            return Faulty("it signs as another, or with another key, than the configuration has")
        mine = Cosignature(account=account, public_key=public_key, signature=answer.signature)
        signed = verified(transaction, mine)
        if signed is None:
            return Faulty("its signature is not of the transaction that it was asked for")
        each.append(signed)
    return Answered(tuple(each), tuple(better))


def _proven(transaction: _Transaction, told: BetterClaim) -> Claim | None:
    """Return a claim that was handed over, if the channel's own key signed it, and for more."""
    claim = Claim(
        channel=ChannelId(transaction["Channel"]),
        amount=Drops(told.amount),
        public_key=told.public_key,
        signature=told.signature,
    )
    if claim.public_key != transaction["PublicKey"] or claim.amount <= int(transaction["Amount"]):
        return None
    taken = verify(claim)
    return None if isinstance(taken, Refused) or taken.rescued else claim
