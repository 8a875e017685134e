"""The co-signer: asked for signatures, it judges each claim for itself, and signs or says why not.

What it guarantees: what is signed was judged by `cosigning`, by what this tower knows itself; a
better claim that comes along is kept before anything is signed for it, so that nothing below it is
signed afterwards; who shows a lower one than is known here is refused, and handed the better one,
which proves itself; and what all of it may cost is on disk before the first signature leaves, so
that the day's cap holds also for a tower that is killed and started again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
import structlog

from watchtower.errors import KeyMissingError, SigningError
from watchtower.judgement.claim import Claim
from watchtower.keys.cosign_messages import BetterClaim, CosignAnswer, CosignAnswers
from watchtower.keys.cosigning import (
    CosignPolicy,
    DayCosigned,
    Known,
    Now,
    better_claim,
    claim_in,
    seat_of,
    why_not_cosign,
)
from watchtower.keys.multisign import Cosignature
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Cosigner"]

_log = structlog.get_logger(__name__)

_Transaction = Mapping[str, Any]

_NOT_NOW: Final = "the key that would sign for it here cannot be used now"

_CHANNEL: Final = re.compile(r"[0-9A-F]{64}\Z", re.ASCII)


class Outlook(Protocol):
    """What this tower sees of the ledger."""

    def why_not_ready(self) -> str:
        """Return why nothing can be judged by a fresh ledger now, in a sentence; else nothing."""
        ...

    def now(self) -> Now | None:
        """Return the newest validated ledger; None before the first."""
        ...

    def known(self, channel: ChannelId) -> Known:
        """Return what is known of a channel."""
        ...

    async def look(self, channel: ChannelId) -> None:
        """Have servers asked for a channel that is not known yet."""
        ...


class Share(Protocol):
    """Our own part: who we are in signer lists, and what signs as that."""

    @property
    def account(self) -> Address:
        """Who we are in the signer list."""
        ...

    async def sign(self, transactions: Sequence[_Transaction]) -> list[Cosignature]:
        """Return our signature of each, up to one that is refused.

        Raises:
            SigningError: that is the first.
        """
        ...

    async def public_key(self) -> str:
        """Return the key that signs, in upper-case hex, or raise a SigningError."""
        ...


class Cosigner:
    """Answers those who ask for this tower's signature."""

    def __init__(
        self,
        share: Share,
        outlook: Outlook,
        *,
        store: Store,
        policy: Callable[[], CosignPolicy],
        keep: Callable[[Sequence[Claim]], Awaitable[object]],
    ) -> None:
        """Sign with ``share`` what ``policy`` and ``outlook`` allow.

        Args:
            share: our key, and who we are.
            outlook: what we see for ourselves.
            store: where the day is remembered, and what was signed.
            policy: returns what we sign at all.
            keep: keeps claims that are better than those we hold.
        """
        self._share = share
        self._outlook = outlook
        self._store = store
        self._policy = policy
        self._keep = keep
        self._turn = asyncio.Lock()

    async def answer(self, transactions: Sequence[_Transaction]) -> CosignAnswers:
        """Return a signature for each of ``transactions``, or the reason for none.

        Raises:
            StoreError: it could not be written down, so nothing was signed.
        """
        try:
            public_key = await self._share.public_key()
        except SigningError as trouble:
            _log.warning("no_key_to_cosign", account=self._share.account, why=str(trouble))
            missing = isinstance(trouble, KeyMissingError)
            why_none = f"there is no key here for {self._share.account}" if missing else _NOT_NOW
            none = CosignAnswer(refused=why_none)
            return CosignAnswers(
                account=self._share.account, public_key="", answers=[none] * len(transactions)
            )
        for channel in {channel for one in transactions if (channel := _channel_of(one))}:
            if self._outlook.known(channel).entry is None:
                await self._outlook.look(channel)
        # One after the other: two that ask at a time must not both find the day's last drops.
        async with self._turn:
            refusals = await self._judge(transactions)
            good = [one for one, no in zip(transactions, refusals, strict=True) if no is None]
            signed = iter(await self._signed(good))
        return CosignAnswers(
            account=self._share.account,
            public_key=public_key,
            answers=[no or next(signed, CosignAnswer(refused=_NOT_NOW)) for no in refusals],
        )

    async def _signed(self, good: Sequence[_Transaction]) -> list[CosignAnswer]:
        """Return a signature of each, up to the first for which none can be had."""
        signed: list[Cosignature] = []
        try:
            while len(signed) < len(good):
                signed += await self._share.sign(good[len(signed) :])
        except SigningError as trouble:
            # A signer apart may be away, or hold lower caps than this tower.
            _log.warning("not_cosigned", account=self._share.account, why=str(trouble))
        return [CosignAnswer(signature=one.signature) for one in signed]

    async def _judge(self, transactions: Sequence[_Transaction]) -> list[CosignAnswer | None]:
        """Return why each is not signed, once those that are have been written down."""
        now = self._outlook.now()
        if (not_ready := self._outlook.why_not_ready()) or now is None:
            unready = f"nothing can be judged here now: {not_ready or 'no ledger has come yet'}"
            return [CosignAnswer(refused=unready)] * len(transactions)
        async with self._store.read() as work:
            day = msgspec.convert(await work.cosignatures.today(), DayCosigned)
        refusals: list[CosignAnswer | None] = []
        before, policy = day, self._policy()
        # A claim that was shown once counts for the rest of the same request, too.
        seen: dict[ChannelId | None, Known] = {}
        for one in transactions:
            channel = _channel_of(one)
            known = seen.get(channel) or self._known(channel)
            why = why_not_cosign(one, known, policy, now=now, day=day)
            if why is None:
                fee = Drops(int(one["Fee"]))
                day = day.charged(Address(one["Account"]), seat_of(one), fee, now.time)
                seen[channel] = Known(entry=known.entry, best=claim_in(one))
            else:
                _log.info("not_cosigned", channel=channel, why=why)
            refusals.append(None if why is None else _refusal(one, known, policy, why))
        good = [one for one, no in zip(transactions, refusals, strict=True) if no is None]
        if good:
            await self._keep_better(good)
            await self._write_down(good, None if day == before else day, now)
        return refusals

    def _known(self, channel: ChannelId | None) -> Known:
        return Known(entry=None) if channel is None else self._outlook.known(channel)

    async def _keep_better(self, good: Sequence[_Transaction]) -> None:
        claims = [claim_in(one) for one in good]
        better = [claim for claim in claims if _is_above(claim, self._outlook.known(claim.channel))]
        if better:
            await self._keep(better)

    async def _write_down(
        self, good: Sequence[_Transaction], day: DayCosigned | None, now: Now
    ) -> None:
        async with self._store.write() as work:
            if day is not None:
                await work.cosignatures.put_today(msgspec.to_builtins(day))
            await work.journal.append_all(
                ("cosigned", one["Channel"], now.validated, _facts(one)) for one in good
            )


def _channel_of(transaction: _Transaction) -> ChannelId | None:
    channel = transaction.get("Channel")
    if not isinstance(channel, str) or not _CHANNEL.match(channel):
        return None
    return ChannelId(channel)


def _refusal(one: _Transaction, known: Known, policy: CosignPolicy, why: str) -> CosignAnswer:
    """Return a refusal, with the better claim that whoever asks does not know of yet."""
    best = better_claim(one, known, policy)
    if best is None:
        return CosignAnswer(refused=why)
    better = BetterClaim(amount=best.amount, public_key=best.public_key, signature=best.signature)
    return CosignAnswer(refused=why, better=better)


def _is_above(claim: Claim, known: Known) -> bool:
    return known.best is None or claim.amount > known.best.amount


def _facts(one: _Transaction) -> dict[str, Any]:
    seat = seat_of(one)
    return {
        "account": one["Account"],
        "ticket" if seat.is_ticket else "sequence": seat.number,
        "target": int(one["Balance"]),
        "fee": int(one["Fee"]),
        "last_ledger": one["LastLedgerSequence"],
    }
