"""How claims come in: looked at, decided, on disk, and only then acknowledged.

What it guarantees: a claim whose answer says *kept* or *pending* survives a power cut, for the
answer is made after the transaction that stored it. A claim that is refused leaves the store as
it was. Everything that is decided about a claim is decided in one write transaction, so two
processes that take claims at once cannot lower the best one.

Claims that come together share a transaction, and so an fsync (`Intake.take_all`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from watchtower.claims.answer import Answer
from watchtower.claims.decide import Check
from watchtower.claims.decision import NotKept, NotKeptWhy, as_error
from watchtower.claims.exposure import NOTHING_AT_STAKE, AtStake, Sums
from watchtower.claims.given import Given
from watchtower.claims.group import Group, PendingName, Raised
from watchtower.claims.notary import Notary
from watchtower.claims.sight import Guard, Sight
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim, verify
from watchtower.units import ChannelId, LedgerIndex

__all__ = ["MOST_PENDING", "Intake", "Taken"]

_Line = tuple[str, ChannelId | None, LedgerIndex | None, Mapping[str, Any]]

MOST_PENDING: Final = 10_000
"""Claims that may wait until a server tells of their channel: some megabytes at most."""

_KEPT: Final = "claim_kept"
_PENDING: Final = "claim_pending"


class _Channels(Protocol):
    async def find(self, channels: Collection[ChannelId]) -> dict[ChannelId, Channel]: ...
    async def put_all(self, channels: Iterable[Channel]) -> None: ...


class _Claims(Protocol):
    async def find(self, channels: Collection[ChannelId]) -> dict[ChannelId, Claim]: ...
    async def raise_all(self, claims: Iterable[Claim]) -> int: ...
    async def find_pending(self, names: Collection[PendingName]) -> dict[PendingName, Claim]: ...
    async def put_all_pending(self, claims: Iterable[Claim]) -> int: ...
    async def drop_all_pending(self, claims: Iterable[Claim]) -> int: ...
    async def count_pending(self) -> int: ...


class _Journal(Protocol):
    async def append_all(self, lines: Iterable[_Line]) -> int: ...


class Work(Protocol):
    """What intake needs of one transaction of the store."""

    @property
    def channels(self) -> _Channels:
        """The channels we know."""
        ...

    @property
    def claims(self) -> _Claims:
        """The best claims, and those that wait for their channel."""
        ...

    @property
    def journal(self) -> _Journal:
        """What happened."""
        ...


class Store(Protocol):
    """Where claims are kept."""

    def write(self) -> AbstractAsyncContextManager[Work]:
        """Begin one durable transaction."""
        ...

    def read(self) -> AbstractAsyncContextManager[Work]:
        """Look at one moment."""
        ...


def _tell_nobody(_lines: Iterable[_Line]) -> None:
    pass


def _nobody_watches(_channel: ChannelId) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one group brought, all of it on disk.

    ``opened`` are channels that were not known, ``raised`` the best claims that are new, one a
    channel. ``sums`` is what is at stake with them.
    """

    answers: tuple[Answer, ...]
    opened: tuple[Channel, ...]
    raised: tuple[Claim, ...]
    sums: Sums = field(default_factory=Sums)


class Intake:
    """Takes claims into ``store`` for those that ``guard`` names."""

    def __init__(
        self,
        store: Store,
        guard: Guard,
        notary: Notary | None = None,
        *,
        tell: Callable[[Iterable[_Line]], None] = _tell_nobody,
        most_pending: int = MOST_PENDING,
    ) -> None:
        """Take nothing yet.

        Args:
            store: where claims are kept.
            guard: for whom.
            notary: signs receipts, if anybody is to have any.
            tell: is called with what the journal says of claims, once that is on disk; it neither
                waits nor fails.
            most_pending: how many claims may wait for their channel; only tests want fewer.
        """
        self._most_pending = most_pending
        self._tell = tell
        self._store = store
        self._guard = guard
        self._notary = notary

    def hold_to(self, guard: Guard) -> None:
        """Decide by another guard about what comes from now on."""
        self._guard = guard

    async def take(self, claim: Given, sight: Sight) -> Answer:
        """Decide about one claim and store it; the answer is given after fsync.

        Raises:
            StoreError: the store cannot be written; nothing was kept.
        """
        taken = await self.take_all([claim], lambda _claim: sight)
        return taken.answers[0]

    async def take_all(
        self,
        claims: Sequence[Given],
        see: Callable[[Given], Sight],
        *,
        check: Check = verify,
        watched: Callable[[ChannelId], Channel | None] = _nobody_watches,
        at_stake: AtStake = NOTHING_AT_STAKE,
    ) -> Taken:
        """Decide about claims in their order, and store them; all answers are for one fsync.

        Args:
            claims: at least one.
            see: tells what is known of a claim's channel, when it comes to deciding.
            check: says what a signature is worth, where it was looked at before.
            watched: returns channels that need not be looked up.
            at_stake: knows what is at stake without these claims.

        Raises:
            StoreError: the store cannot be written; none of them was kept.
        """
        async with self._store.write() as work:
            group = await self._group(work, claims, check, watched, at_stake)
            answers = tuple([group.take(claim, see(claim)) for claim in claims])
            lines = await _keep(work, group)
        self._tell(lines)
        # Not before here: what is signed is true.
        return Taken(
            answers=answers if self._notary is None else self._notary.sign(answers, group.on_disk),
            opened=tuple(group.opened.values()),
            raised=tuple(raised.claim for raised in group.raised.values()),
            sums=group.sums,
        )

    async def check_all(
        self,
        claims: Sequence[Given],
        see: Callable[[Given], Sight],
        *,
        check: Check = verify,
        at_stake: AtStake = NOTHING_AT_STAKE,
    ) -> tuple[Answer, ...]:
        """Decide as `take_all` does, and keep nothing."""
        async with self._store.read() as work:
            group = await self._group(work, claims, check, _nobody_watches, at_stake)
        return tuple([group.take(claim, see(claim)) for claim in claims])

    async def settle_pending(self, claims: Sequence[Claim], see: Callable[[Claim], Sight]) -> Taken:
        """Decide about claims that waited for their channel, now that a server has answered.

        Those of which nothing can be told yet go on waiting; their answers say *pending*.

        Args:
            claims: at least one.
            see: tells what is known of a claim's channel.

        Raises:
            StoreError: the store cannot be written; all of them go on waiting.
        """
        async with self._store.write() as work:
            group = await self._group(work, claims, verify, _nobody_watches)
            # They are no better than themselves, and have their room.
            group.pending, group.room = {}, None
            answers = tuple([group.take(claim, see(claim)) for claim in claims])
            group.waiting.clear()
            told = list(zip(claims, answers, strict=True))
            await work.claims.drop_all_pending(one for one, got in told if not got.is_pending)
            lines = await _keep(work, group)
            refused = [
                _refused(one, got.decision.kept.why)
                for one, got in told
                if isinstance(got.decision.kept, NotKept)
            ]
            if refused:
                await work.journal.append_all(refused)
        self._tell([*lines, *refused])
        return Taken(
            answers=answers,
            opened=tuple(group.opened.values()),
            raised=tuple(raised.claim for raised in group.raised.values()),
        )

    async def _group(
        self,
        work: Work,
        claims: Sequence[Given],
        check: Check,
        watched: Callable[[ChannelId], Channel | None],
        at_stake: AtStake = NOTHING_AT_STAKE,
    ) -> Group:
        """Return a group for ``claims`` that knows what is watched, and what the store does."""
        names = {claim.channel for claim in claims}
        channels = {name: known for name in names if (known := watched(name)) is not None}
        strange = names - channels.keys()
        if strange:
            channels |= await work.channels.find(strange)
        unknown = {
            (claim.channel, claim.public_key)
            for claim in claims
            if isinstance(claim, Claim) and claim.channel not in channels
        }
        room = None
        if unknown:
            room = max(0, self._most_pending - await work.claims.count_pending())
        return Group(
            guard=self._guard,
            channels=channels,
            room=room,
            best=await work.claims.find(names),
            pending=await work.claims.find_pending(unknown) if unknown else {},
            check=check,
            sums=Sums(at_stake),
        )


async def _keep(work: Work, group: Group) -> list[_Line]:
    """Write what a group wants kept, each channel once; return what the journal says of it."""
    if group.opened:
        await work.channels.put_all(group.opened.values())
    if group.raised:
        await work.claims.raise_all(raised.claim for raised in group.raised.values())
    if group.waiting:
        await work.claims.put_all_pending(raised.claim for raised in group.waiting.values())
    lines: list[_Line] = [
        *(_opened(channel) for channel in group.opened.values()),
        *(_line(_KEPT, raised) for raised in group.raised.values()),
        *(_line(_PENDING, raised) for raised in group.waiting.values()),
    ]
    if lines:
        await work.journal.append_all(lines)
    return lines


def _refused(claim: Claim, why: NotKeptWhy) -> _Line:
    facts = {"amount": claim.amount, "why": str(as_error(why))}
    return ("claim_refused", claim.channel, None, facts)


def _opened(channel: Channel) -> _Line:
    return ("channel_opened", channel.entry.channel, channel.as_of.ledger_index, {})


def _line(kind: str, raised: Raised) -> _Line:
    facts: dict[str, Any] = {"amount": raised.claim.amount, "rescued": raised.rescued}
    if raised.claims > 1:
        facts["claims"] = raised.claims
    return (kind, raised.claim.channel, None, facts)
