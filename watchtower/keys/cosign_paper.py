"""A transaction that several are to sign: who did so far, and what stands in the way. Pure.

What it guarantees: a paper is done only with the weight that the signer list asks for, and with
nobody together whom the ledger refused together, as long as others could still answer (`settle`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watchtower.errors import QuorumMissingError, SigningError, SigningRefusedError
from watchtower.keys.cosigning import seat_of
from watchtower.keys.multisign import Cosignature, MultiSigned, multisigned
from watchtower.ledger.events import SignerList
from watchtower.units import Address, ChannelId

__all__ = ["Paper", "facts_of", "trouble_of", "who_signed"]


@dataclass(slots=True)
class Paper:
    """A transaction, and who has signed it so far.

    ``refused`` are those whom the ledger did not take together, the longest ago first.
    """

    transaction: Mapping[str, Any]
    signers: SignerList
    refused: Sequence[frozenset[Address]] = ()
    given: list[Cosignature] = field(default_factory=list)
    refusals: dict[Address, str] = field(default_factory=dict)
    done: MultiSigned | None = None

    @property
    def account(self) -> Address:
        """Whose transaction it is."""
        return Address(self.transaction["Account"])

    @property
    def channel(self) -> ChannelId:
        """The channel that it redeems."""
        return ChannelId(self.transaction["Channel"])

    @property
    def was_judged(self) -> bool:
        """Whether those that answered would have been enough, had they all signed."""
        weights = dict(self.signers.signers)
        answered = {one.account for one in self.given} | self.refusals.keys()
        return sum(weights.get(one, 0) for one in answered) >= self.signers.quorum

    def take(self, account: Address, answer: Cosignature | str) -> None:
        """Take note of a signature, which was verified, or of why there is none."""
        if isinstance(answer, str):
            self.refusals[account] = answer
        else:
            self.given.append(answer)
            self.done = self.done or self._signed(self.refused)

    def settle(self) -> None:
        """Make do with what there is, now that nobody else answers.

        Whom the ledger refused together may be taken by now, and what servers say of it may have
        been a lie: so nobody is shut out. Those come first whose refusal is the longest ago.
        """
        for forgotten in range(1, len(self.refused) + 1):
            if self.done is not None:
                return
            self.done = self._signed(self.refused[forgotten:])

    def _signed(self, refused: Sequence[frozenset[Address]]) -> MultiSigned | None:
        return multisigned(self.transaction, self.given, self.signers, refused)


def facts_of(paper: Paper) -> dict[str, Any]:
    """Return what the journal says of a paper."""
    seat = seat_of(paper.transaction)
    return {
        "account": paper.transaction["Account"],
        "ticket" if seat.is_ticket else "sequence": seat.number,
        "target": int(paper.transaction["Balance"]),
        "fee": int(paper.transaction["Fee"]),
        "last_ledger": paper.transaction["LastLedgerSequence"],
    }


def who_signed(paper: Paper) -> dict[str, Any]:
    """Return what it says beside that, once enough have signed."""
    done = paper.done
    return {
        "transaction": None if done is None else done.transaction,
        "signers": sorted(() if done is None else done.signers),
        "refused": dict(paper.refusals),
    }


def trouble_of(paper: Paper, papers: Iterable[Paper]) -> SigningError:
    """Return why a paper has too few signatures, and which channels that concerns."""
    whys = "; ".join(f"{who} refused, since {why}" for who, why in paper.refusals.items())
    if paper.was_judged:
        return SigningRefusedError(why=whys)
    signed = ", ".join(sorted(one.account for one in paper.given)) or "nobody"
    why = f"{signed} did, and the others did not answer" + (f"; {whys}" if whys else "")
    undone = [one for one in papers if one.done is None and not one.was_judged]
    channels = tuple(one.channel for one in undone if one.account == paper.account)
    return QuorumMissingError(account=paper.account, why=why, channels=channels)
