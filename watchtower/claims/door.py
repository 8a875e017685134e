"""The door for claims: however they come, they are verified, kept and acknowledged in one place.

What it guarantees:

- An answer is given after fsync. Claims that are here at the same time share one: while a group is
  written the next one gathers, so that groups grow with the load and nobody waits for a timer.
- Whether to serve is answered by what is known when the answer leaves, and not by what was known
  when the claim came (rule 8).
- What waits is bounded. Whoever knocks while there is no room waits at the door, and holds nothing
  but its own claims.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from watchtower.claims.answer import Answer
from watchtower.claims.decide import under_key
from watchtower.claims.decision import WhyNotServe
from watchtower.claims.exposure import NOTHING_AT_STAKE, AtStake, Sums
from watchtower.claims.given import Given
from watchtower.claims.group import seen_again
from watchtower.claims.intake import Intake, Taken
from watchtower.claims.sight import UNSEEN, Guard, Sight
from watchtower.claims.verifying import Verifier, known_beforehand
from watchtower.errors import DoorClosedError, StoreError, WatchtowerError
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim, Refused, Verified
from watchtower.ledger.events import ChannelChanged
from watchtower.units import ChannelId

__all__ = ["Against", "Answered", "Door", "Lookout"]

Answered = Callable[[Sequence[Answer], float], None]
"""Who counts answers, and the seconds that they took; it neither waits nor fails."""

Against = Sequence[WhyNotServe | None]
"""What whoever hands claims over has against serving each of them; empty where nothing is."""

_TOGETHER: Final = 1_000
"""Claims that are kept with one fsync at most."""

_ROOM: Final = 256
"""Callers that may be inside, with at most a group each, before the next one has to wait."""

_CHECKING: Final = 4
"""Callers whose claims are checked at a time: each has the store open, and a thread of it."""


class Lookout(Protocol):
    """Who knows the channels."""

    def watched(self, channel: ChannelId) -> Channel | None:
        """Return a channel as it is known now, if it is watched."""
        ...

    def see(self, channel: ChannelId) -> Sight | None:
        """Return what is known of a channel now; None if that takes asking."""
        ...

    async def look(self, channel: ChannelId) -> Sight:
        """Ask for a channel that is not known."""
        ...

    def taken(self, taken: Taken) -> None:
        """Take up what was kept; it is on disk."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class _Knock:
    """Claims of one caller, which are answered together."""

    claims: Sequence[Given]
    against: Against
    sights: dict[ChannelId, Sight]
    checked: Mapping[Claim, Verified | Refused]
    answer: asyncio.Future[Sequence[Answer]]


class Door:
    """Takes claims for ``guard``, for as long as `run` runs."""

    def __init__(
        self,
        intake: Intake,
        guard: Guard,
        *,
        lookout: Lookout,
        verifier: Verifier,
        at_stake: AtStake = NOTHING_AT_STAKE,
        answered: Answered | None = None,
    ) -> None:
        """Open nothing yet; ``at_stake`` has what was taken as soon as the lookout has.

        ``answered`` is told of all that `take` answers.
        """
        self._intake = intake
        self._guard = guard
        self._lookout = lookout
        self._verifier = verifier
        self._at_stake = at_stake
        self._answered = answered
        self._waiting: deque[_Knock] = deque()
        self._knocked = asyncio.Event()
        self._room = asyncio.Semaphore(_ROOM)
        self._checking = asyncio.Semaphore(_CHECKING)
        self._is_closed = False

    def hold_to(self, guard: Guard) -> None:
        """Answer for another guard from now on; its intake is told apart."""
        self._guard = guard

    async def take(self, claims: Sequence[Given], *, against: Against = ()) -> Sequence[Answer]:
        """Keep claims in their order, and return their answers, once they are on disk.

        Args:
            claims: what was handed over.
            against: why not to serve, for each of them, beside what is found here.

        Raises:
            StoreError: the store cannot be written; none of them was kept.
            DoorClosedError: the tower is stopping, and acknowledges none of them.
        """
        if not claims:
            return ()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        # Who has to be asked for is asked for outside: that may take a while, and hold up nobody.
        sights = await self._look({claim.channel for claim in claims})
        async with self._room:
            checked = await self._verify(claims, sights)
            knock = _Knock(
                claims=claims,
                against=against,
                sights=sights,
                checked=checked,
                answer=loop.create_future(),
            )
            if self._is_closed:
                raise DoorClosedError
            self._waiting.append(knock)
            self._knocked.set()
            answers = await knock.answer
        if self._answered is not None:
            self._answered(answers, loop.time() - begun)
        return answers

    async def check(self, claims: Sequence[Given], *, against: Against = ()) -> Sequence[Answer]:
        """Answer as `take` would, and keep nothing.

        Raises:
            StoreError: the store cannot be read.
            DoorClosedError: the tower is stopping.
        """
        if not claims:
            return ()
        strange = await self._look({claim.channel for claim in claims})
        async with self._checking:
            checked = await self._verify(claims, strange)
            view = _View(self._lookout, strange)
            found = await self._intake.check_all(
                claims, view.of, check=known_beforehand(checked), at_stake=self._at_stake
            )
        return _but(found, against)

    async def run(self) -> None:
        """Keep what has come, group after group, until cancelled."""
        group: Sequence[_Knock] = ()
        try:
            while True:
                await self._knocked.wait()
                group = self._next_group()
                await self._keep(group)
        finally:
            self._is_closed = True
            for knock in (*group, *self._waiting):
                _answer(knock, DoorClosedError())

    async def _verify(
        self, claims: Sequence[Given], sights: Mapping[ChannelId, Sight]
    ) -> Mapping[Claim, Verified | Refused]:
        """Verify, which takes the longest, under the keys that the channels have."""
        if self._is_closed:
            raise DoorClosedError

        def channel_of(name: ChannelId) -> Channel | None:
            known = self._lookout.watched(name)
            fact = sights[name].fact if name in sights else None
            if known is None and isinstance(fact, ChannelChanged):
                return Channel(entry=fact.entry, as_of=fact.at)
            return known

        keyed = (under_key(claim, channel_of(claim.channel)) for claim in claims)
        return await self._verifier.verify(claim for claim in keyed if claim is not None)

    async def _look(self, channels: Iterable[ChannelId]) -> dict[ChannelId, Sight]:
        """Return what servers tell of those channels that are not known."""
        unknown = [name for name in channels if self._lookout.see(name) is None]
        sights = await asyncio.gather(*(self._lookout.look(name) for name in unknown))
        return dict(zip(unknown, sights, strict=True))

    def _next_group(self) -> list[_Knock]:
        group: list[_Knock] = []
        count = 0
        while self._waiting and (not group or count + len(self._waiting[0].claims) <= _TOGETHER):
            knock = self._waiting.popleft()
            if knock.answer.done():  # its caller has gone
                continue
            group.append(knock)
            count += len(knock.claims)
        if not self._waiting:
            self._knocked.clear()
        return group

    async def _keep(self, group: Sequence[_Knock]) -> None:
        """Keep the claims of all who knocked, with one fsync, and answer."""
        if not group:
            return
        strange: dict[ChannelId, Sight] = {}
        checked: dict[Claim, Verified | Refused] = {}
        for knock in group:
            strange |= knock.sights
            checked |= knock.checked
        before = _View(self._lookout, strange)
        claims = [claim for knock in group for claim in knock.claims]
        try:
            taken = await self._intake.take_all(
                claims,
                before.of,
                check=known_beforehand(checked),
                watched=self._lookout.watched,
                at_stake=self._at_stake,
            )
        except StoreError as failure:
            for knock in group:
                _answer(knock, failure)
            return
        self._lookout.taken(taken)
        now = _View(self._lookout, strange)
        answers = iter(taken.answers)
        for knock in group:
            mine = [
                self._as_it_is_now(next(answers), taken.sums, before, now) for _ in knock.claims
            ]
            _answer(knock, _but(mine, knock.against))

    def _as_it_is_now(self, answer: Answer, sums: Sums, before: _View, now: _View) -> Answer:
        sight, exposed = now.of(answer.claim), answer.exposed
        if exposed is not None:
            exposed = sums.as_it_is_now(exposed)
        if sight == before.of(answer.claim) and exposed is answer.exposed:
            return answer
        return seen_again(answer, sight, self._guard, exposed)


class _View:
    """What is seen of channels in one moment: looked at once, when it is first asked for."""

    def __init__(self, lookout: Lookout, strange: Mapping[ChannelId, Sight]) -> None:
        self._lookout = lookout
        self._strange = strange
        self._sights: dict[ChannelId, Sight] = {}

    def of(self, claim: Given) -> Sight:
        """Return what is seen of a claim's channel."""
        sight = self._sights.get(claim.channel)
        if sight is None:
            seen = self._lookout.see(claim.channel)
            sight = seen or self._strange.get(claim.channel, UNSEEN)
            self._sights[claim.channel] = sight
        return sight


def _but(answers: Sequence[Answer], against: Against) -> Sequence[Answer]:
    if not against:
        return answers
    pairs = zip(answers, against, strict=True)
    return [answer if why is None else answer.but(why) for answer, why in pairs]


def _answer(knock: _Knock, answer: Sequence[Answer] | WatchtowerError) -> None:
    if knock.answer.done():
        return
    if isinstance(answer, WatchtowerError):
        knock.answer.set_exception(answer)
    else:
        knock.answer.set_result(answer)
