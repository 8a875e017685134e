"""Whether a request that brings a claim is served: the tower says whether, the till says once.

What it guarantees: nothing is served unless the tower has just kept a claim that it had not before,
says to serve against it, and what was served so far and the price are within it. The till has the
charge on disk before that is said. What goes wrong on the way serves nothing.

    1. the till knows the channel, or the tower tells of it, and it begins with its best claim
    2. the channel's key has signed the claim, and it pays us
    3. the tower keeps the claim, and says to serve
    4. the till charges the price
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final, Protocol

import msgspec

from watchtower.client.answers import Answer, ChannelShown, Queued
from watchtower.client.claim import Claim, is_signed_by_its_key
from watchtower.client.payment import Fault, Terms
from watchtower.client.till import Tab, Till
from watchtower.errors import ClientError
from watchtower.units import ChannelId, Drops

__all__ = ["Admitted", "Asks", "Cashier", "Refused", "Unavailable"]

_FAULTS: Final = {
    "bad_signature": Fault.SIGNATURE,
    "wrong_key": Fault.SIGNATURE,
    "unknown_channel": Fault.CHANNEL_NOT_FOUND,
    "closing": Fault.CHANNEL_FINALIZED,
    "expired": Fault.CHANNEL_FINALIZED,
    "closed": Fault.CHANNEL_FINALIZED,
    "beyond_funds": Fault.EXCEEDS_DEPOSIT,
}
"""What the tower's words are called in the draft; every other one is `Fault.VERIFICATION`."""


class Asks(Protocol):
    """What the cashier needs of a tower."""

    async def submit(self, claim: Claim) -> Answer | Queued:
        """Hand a claim over."""
        ...

    async def channel(self, channel: ChannelId) -> ChannelShown | None:
        """Return a channel as it is known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """To be served: the price is charged."""

    claim: Claim
    price: Drops


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not to be served for this claim.

    Attributes:
        fault: why, as the draft says it.
        reasons: why, in the tower's words.
        why: why, in a sentence for the reader.
        channel: the reader's channel, where the claim was really its own.
        cumulative: what its next claim has to exceed by the price.
    """

    fault: Fault
    reasons: tuple[str, ...]
    why: str
    channel: ChannelId | None = None
    cumulative: Drops | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Nobody can tell now. Nothing is served, and the same claim may come again."""

    why: str


class Cashier:
    """Takes claims for one tower and one till."""

    def __init__(self, tower: Asks, till: Till) -> None:
        self._tower = tower
        self._till = till

    async def admit(self, claim: Claim, terms: Terms) -> Admitted | Refused | Unavailable:
        """Say whether to serve against ``claim`` at these terms; if so, it is charged."""
        try:
            tab = await self._tab(claim.channel)
            if tab is None:
                why = "No such channel is known here. It may be too new: try again in a moment."
                return _refused("unknown_channel", why)
            if tab.destination != terms.recipient:
                return _refused("wrong_destination", f"The channel does not pay {terms.recipient}.")
            claim = msgspec.structs.replace(claim, public_key=tab.public_key)
            if not is_signed_by_its_key(claim):
                return _refused("bad_signature", "The channel's key did not sign this claim.")
            answer = await self._tower.submit(claim)
            if isinstance(answer, Queued):
                return Unavailable(why=answer.why)
            return await self._settle(claim, answer, tab, terms)
        except ClientError as trouble:
            return Unavailable(why=str(trouble))

    async def cumulative(self, channel: ChannelId, price: Drops) -> Drops:
        """Return what the next claim on a channel has to exceed by the price.

        Raises:
            ClientFileError: the till cannot be read.
        """
        tab = await asyncio.to_thread(self._till.find, channel)
        return Drops(0) if tab is None else _base(tab, price)

    async def give_back(self, admitted: Admitted) -> None:
        """Take back the charge of a request that was not served after all.

        Raises:
            ClientFileError: it stays charged.
        """
        await asyncio.to_thread(self._till.give_back, admitted.claim.channel, admitted.price)

    async def _tab(self, channel: ChannelId) -> Tab | None:
        tab = await asyncio.to_thread(self._till.find, channel)
        if tab is not None:
            return tab
        shown = await self._tower.channel(channel)
        if shown is None:
            return None
        promised = Drops(max(shown.best_claim or 0, shown.balance))
        begun = Tab(
            channel=channel,
            destination=shown.destination,
            public_key=shown.public_key,
            served=promised,
            best=promised,
        )
        return await asyncio.to_thread(self._till.begin, begun)

    async def _settle(
        self, claim: Claim, answer: Answer, tab: Tab, terms: Terms
    ) -> Admitted | Refused:
        if not (answer.kept and answer.serve is True):
            best = claim.amount if answer.kept else answer.best or Drops(0)
            return await self._turned_away(_reason_of(answer), answer, tab, best, terms)
        if await asyncio.to_thread(self._till.charge, claim.channel, terms.price, claim.amount):
            return Admitted(claim=claim, price=terms.price)
        refused = await self._turned_away("underpaid", answer, tab, claim.amount, terms)
        return replace(refused, fault=Fault.INSUFFICIENT)

    async def _turned_away(
        self, reason: str, answer: Answer, tab: Tab, best: Drops, terms: Terms
    ) -> Refused:
        await asyncio.to_thread(self._till.note, tab.channel, best)
        now = await asyncio.to_thread(self._till.find, tab.channel) or tab
        return Refused(
            fault=_FAULTS.get(reason, Fault.VERIFICATION),
            reasons=(reason, *(one for one in answer.reasons if one not in {reason, "not_kept"})),
            why=_why(answer),
            channel=tab.channel,
            cumulative=_base(now, terms.price),
        )


def _base(tab: Tab, price: Drops) -> Drops:
    """Return what a claim has to exceed by ``price``, to be paid enough and above the best one.

    A reader with credit needs to add one drop only: a claim is taken once.
    """
    return Drops(max(tab.served, tab.best + 1 - price))


def _reason_of(answer: Answer) -> str:
    return answer.why_not_kept or next(iter(answer.reasons), "not_for_us")


def _why(answer: Answer) -> str:
    if answer.kept and answer.serve:
        return "The claim does not cover the price beyond what was served for it already."
    return answer.sentence or " ".join(answer.why_not_serve) or "It pays nobody here."


def _refused(reason: str, why: str) -> Refused:
    return Refused(fault=_FAULTS.get(reason, Fault.VERIFICATION), reasons=(reason,), why=why)
