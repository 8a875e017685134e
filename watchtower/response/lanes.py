"""One account's part of a pass, signed and sent beside the parts of all others.

What it guarantees: no account waits for the hands of another, whether these refuse, are slow or
hang. Within an account the most urgent is signed, written down and sent first, in the order of its
seats. When who signs refuses, what is left is planned anew: with who is next, in the way and at
the price of that one, or without it, for an unsigned seat would be a hole for all behind it.

A failing hand is not merely put last: one that fails for the first time, or is slow and signs
after all, would hold up the others all the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, TypeVar

from watchtower.errors import (
    QuorumMissingError,
    SigningError,
    SigningRefusedError,
)
from watchtower.response.attempt import Attempt
from watchtower.response.draft import attempt_of, unsigned
from watchtower.response.launch import Launch, Together
from watchtower.response.moment import Moment
from watchtower.response.obligation import Duty
from watchtower.response.plan import Leave, Redeem, plan
from watchtower.response.surroundings import Docket, Signer
from watchtower.units import Address

__all__ = ["PATIENCE", "Lane", "Lanes"]

_Step = TypeVar("_Step", Redeem, Leave)

_AT_ONCE: Final = 10
"""Attempts that are signed, written down and sent together at first, and then twice as many every
time: what is most urgent leaves soonest, and a thousand do not take a hundred fsyncs."""

_ASKED_TOGETHER: Final = 64
"""Attempts that are signed together at most where a signer list has just missed its quorum: what
was asked for in one question (keys/cosign_messages.py) is refused together."""

PATIENCE: Final = 2.0
"""Seconds without anything sent, half a ledger, after which a pass ends without those whose hands
have not answered yet: they go on beside the next ones, which leave their accounts alone."""


class Lane:
    """What one account has signed and sent in one pass.

    ``in_hand`` is what it is having signed now; ``sent``, ``left`` and ``unsigned`` are what came
    of it so far.
    """

    def __init__(
        self,
        lanes: Lanes,
        moment: Moment,
        obligations: Iterable[Duty],
        redeem: Sequence[Redeem],
        left: Sequence[Leave],
    ) -> None:
        """Carry out what was planned in ``moment`` for one account, whose ``obligations`` are all.

        Args:
            lanes: those beside it.
            moment: when it was planned.
            obligations: of this account, all that were planned for.
            redeem: what is to be signed, in order.
            left: what is not.
        """
        self.in_hand: Sequence[Redeem] = redeem
        self.left: Sequence[Leave] = left
        self.sent: list[Attempt] = []
        self.unsigned: list[tuple[Duty, SigningError]] = []
        self._lanes = lanes
        self._moment = moment
        self._obligations = list(obligations)
        self._count = _AT_ONCE

    async def run(self) -> None:
        """Sign and send until the next ledger closes, or everything is sent or given up.

        Raises:
            StoreError: something could not be written down, and so was not sent.
        """
        try:
            while (refused := await self._send_while_it_lasts()) is not None:
                self._take_refusal(*refused)
                self.in_hand, self.left = self._lanes.plan(
                    self._obligations, self._moment, but=self
                )
        finally:
            self.in_hand = ()

    async def _send_while_it_lasts(self) -> tuple[Sequence[Redeem], SigningError] | None:
        """Sign and send, some at a time, until the next ledger closes.

        Returns:
            What was to be signed together and was not, and why; None if nothing was refused.
        """
        while self.in_hand:
            some = self.in_hand[: self._count]
            attempts, why = await self._sign(some)
            await self._lanes.together.launch(attempts)
            self.sent += attempts
            self._moment.entered += len(attempts)
            self.in_hand = self.in_hand[len(some) :]
            if why is not None:
                return some[len(attempts) :], why
            self._count *= 2
            if not self._moment.lasts:
                break
        return None

    async def _sign(self, steps: Sequence[Redeem]) -> tuple[list[Attempt], SigningError | None]:
        """Sign the most urgent steps, so that they leave while the rest is still to be signed."""
        attempts: list[Attempt] = []
        network_id, made_in = self._lanes.network_id() or 0, self._moment.validated
        try:
            async for signed in self._lanes.signer.sign_each(
                unsigned(step, network_id) for step in steps
            ):
                attempts.append(
                    attempt_of(
                        steps[len(attempts)],
                        blob=signed.blob,
                        transaction=signed.transaction,
                        made_in=made_in,
                    )
                )
        except SigningError as why:
            return attempts, why
        return attempts, None

    def _take_refusal(self, refused: Sequence[Redeem], why: SigningError) -> None:
        """Go on with who is next, or without what cannot be signed now."""
        owed = refused[0].obligation
        has_next = self._lanes.signer.turn(owed.account, owed.channel, why)
        if has_next and self._moment.lasts:
            return
        # Whoever takes longer to refuse than a ledger lasts is not waited for twice: the next
        # pass is due, and begins with who is next.
        is_of_these_alone = isinstance(why, QuorumMissingError) and not has_next
        if isinstance(why, SigningRefusedError):
            alike: Sequence[Duty] = [owed]
        elif is_of_these_alone and not self._moment.is_over:
            # Whoever signs late, a person above all, has to be asked for the others as well.
            self._count = min(2 * self._count, _ASKED_TOGETHER)
            alike = [step.obligation for step in refused]
        else:
            alike = self._obligations
        self.unsigned += [(each, why) for each in alike]
        gone = {each.channel for each in alike}
        self._obligations = [each for each in self._obligations if each.channel not in gone]


class Lanes:
    """The lanes that are under way, of this pass and of earlier ones, by account."""

    def __init__(
        self,
        docket: Docket,
        *,
        signer: Signer,
        launch: Launch,
        network_id: Callable[[], int | None],
    ) -> None:
        """Begin without any.

        Args:
            docket: what is on its way.
            signer: whoever signs.
            launch: the way out.
            network_id: tells the network of the servers, where they do.
        """
        self.signer = signer
        self.together = Together(launch)
        self.network_id = network_id
        self._docket = docket
        self._under_way: dict[Address, tuple[Lane, asyncio.Task[None]]] = {}
        self._tell_late: Callable[[], None] = lambda: None

    @property
    def busy(self) -> Collection[Address]:
        """The accounts whose lanes are under way, or ended since `ended` was last asked."""
        return self._under_way.keys()

    def tell_late(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` whenever a lane ends that nobody waited for."""
        self._tell_late = tell

    def plan(
        self, obligations: Iterable[Duty], moment: Moment, *, but: Lane | None = None
    ) -> tuple[list[Redeem], list[Leave]]:
        """Plan ``obligations`` behind what all lanes ``but`` one are having signed.

        Where those who pay for others cannot, whoever is next is planned with.
        """
        others = (lane for lane, _ in self._under_way.values() if lane is not but)
        in_hand = [step for lane in others for step in lane.in_hand]
        obligations = list(obligations)
        while True:
            terms = moment.terms(obligations, in_hand=in_hand)
            plans = plan(obligations, self._docket.attempts.values(), terms)
            left = [step for step in plans if isinstance(step, Leave)]
            if not moment.turn_from_penniless(left):
                return [step for step in plans if isinstance(step, Redeem)], left

    def begin(
        self,
        moment: Moment,
        obligations: Iterable[Duty],
        redeem: Iterable[Redeem],
        left: Iterable[Leave],
    ) -> Collection[Address]:
        """Have each account carry out its own part of what was planned in ``moment``.

        Returns:
            The accounts that have anything to carry out.
        """
        left_to = _by_account(left)
        of_account: defaultdict[Address, list[Duty]] = defaultdict(list)
        for owed in obligations:
            of_account[owed.account].append(owed)
        to_sign = _by_account(redeem)
        for account, mine in to_sign.items():
            lane = Lane(self, moment, of_account[account], mine, left_to.get(account, []))
            task = asyncio.create_task(lane.run(), name=f"sign for {account}")
            self._under_way[account] = lane, task
        return to_sign.keys()

    async def wait_for(self, accounts: Iterable[Address]) -> None:
        """Wait until those have ended, or those that have not sent nothing for a while."""
        waiting = [self._under_way[account] for account in accounts]
        is_moving = True
        while waiting and is_moving:
            before = [len(lane.sent) for lane, _ in waiting]
            await asyncio.wait([task for _, task in waiting], timeout=PATIENCE)
            moved = [
                len(lane.sent) > count for (lane, _), count in zip(waiting, before, strict=True)
            ]
            waiting = [each for each in waiting if not each[1].done()]
            is_moving = any(moved)
        for _, task in waiting:
            task.add_done_callback(lambda _: self._tell_late())

    def ended(self) -> dict[Address, Lane]:
        """Return the lanes that have ended, and let go of them.

        Raises:
            StoreError: something could not be written down, and so was not sent.
        """
        done = {a: lane for a, (lane, task) in self._under_way.items() if task.done()}
        tasks = [self._under_way.pop(account)[1] for account in done]
        failed = [error for task in tasks if (error := task.exception()) is not None]
        if failed:
            raise failed[0]
        return done

    async def close(self) -> None:
        """Stop them all. What was signed is on disk, or was never sent."""
        tasks = [task for _, task in self._under_way.values()]
        self._tell_late = lambda: None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._under_way.clear()


def _by_account(steps: Iterable[_Step]) -> dict[Address, list[_Step]]:
    by_account: defaultdict[Address, list[_Step]] = defaultdict(list)
    for step in steps:
        by_account[step.obligation.account].append(step)
    return by_account
