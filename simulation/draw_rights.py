"""Rights drawn from numbers: by which ones a world's payee can be redeemed for, and their troubles.

Pure. All luck here is of a stream of its own, so that a world without rights of its own is what it
was before there were any.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from simulation.entitlement import Entitlement
from simulation.rights import (
    BurnTicket,
    CosignerIll,
    CosignerIllness,
    DisableMaster,
    KeyLost,
    ListSigners,
    NameKey,
    Permit,
    Presign,
    Rotate,
    SpendOwn,
    Theft,
    Thieve,
)
from simulation.script import Act, Script

__all__ = ["KIND", "has_rights", "rights_luck", "with_rights"]

KIND: Final = "rights"
"""A world of any other kind, in which the payee has rights of its own, and trouble with them."""

_RULE: Final = "PermissionDelegationV1_1"

_SHARE: Final = 0.15
"""Of the worlds that are drawn."""

_ALL: Final = ("presigned", "delegated", "signer_list", "regular_key", "master_key")

_SETS: Final[Sequence[tuple[Sequence[str], int]]] = (
    (("regular_key",), 4),
    (("regular_key", "master_key"), 2),
    (("presigned",), 6),
    (("presigned", "regular_key"), 4),
    (("regular_key", "presigned"), 1),
    (("presigned", "master_key"), 1),
    (("delegated",), 2),
    (("delegated", "regular_key"), 3),
    (("presigned", "delegated"), 2),
    (("signer_list",), 3),
    (("signer_list", "regular_key"), 3),
    (("presigned", "signer_list"), 2),
    (("delegated", "signer_list"), 2),
    (_ALL[:-1], 2),
    (_ALL, 1),
)
"""Which rights stand by one another, and how often."""

_NEAR: Final = (6, 10)


def rights_luck(seed: int) -> Random:
    """Return the luck of a world's rights."""
    return Random(f"{seed} mandate")  # noqa: S311 - luck that can be repeated


def has_rights(luck: Random) -> bool:
    """Return whether a world has rights of its own, where nobody says so."""
    return luck.random() < _SHARE


def with_rights(script: Script, luck: Random, crisis: int) -> Script:
    """Return a world in which the payee has rights of its own, in trouble near ``crisis``."""
    entitled = _entitled(luck)
    author = _Author(luck, entitled, range(len(script.channels)), crisis)
    acts = [*script.acts, *(act for act in author.write() if act.at < script.ledgers)]
    is_known = entitled.has("delegated") and luck.random() < 0.9
    return replace(
        script,
        kind=KIND,
        entitled=entitled,
        rules=script.rules | ({_RULE} if is_known else set()),
        acts=tuple(sorted(acts, key=lambda act: act.at)),
    )


def _entitled(luck: Random) -> Entitlement:
    """Return by which rights a payee can be redeemed for."""
    rights = tuple(luck.choices([s for s, _ in _SETS], [weight for _, weight in _SETS])[0])
    if "regular_key" in rights:
        holds = "regular"
    elif "master_key" in rights:
        holds = "master"
    else:
        # A key that is there and not configured signs nothing, whatever fails.
        holds = luck.choice(("", "", "master", "regular"))
    has_regular_key = holds == "regular" or luck.random() < 0.3
    return Entitlement(
        rights=rights,
        holds=holds,
        has_regular_key=has_regular_key,
        signs_ahead="regular" if has_regular_key and luck.random() < 0.5 else "master",
        tickets=luck.choice((1, 2, 2, 2, 3)),
        fees=luck.choice(((), (), (), (12,), (10, 200, 20_000))),
        own_drops=luck.choice((1_000_000_000, 1_000_000_000, 3_000_000)),
        told=luck.random() < 0.6,
    )


class _Author:
    """Writes what happens to the rights of one world."""

    def __init__(
        self,
        luck: Random,
        entitled: Entitlement,
        channels: Collection[int],
        crisis: int,
    ) -> None:
        self.luck = luck
        self.entitled = entitled
        self.channels = list(channels)
        self.crisis = crisis

    def write(self) -> Iterator[Act]:
        """Yield what happens, in no order."""
        for trouble in (
            self.presigning,
            self.of_delegates,
            self.of_signers,
            self.of_keys,
            self.of_thieves,
            self.of_rotation,
        ):
            yield from trouble()

    def near(self, before: int = _NEAR[0], after: int = _NEAR[1]) -> int:
        """Return a ledger near the crisis."""
        return max(4, self.crisis + self.luck.randint(-before, after))

    def presigning(self) -> Iterator[Act]:
        luck = self.luck
        if not self.entitled.has("presigned"):
            return
        signed = max(5, self.crisis - luck.choice((3, 4, 6, 10)))
        yield Presign(at=signed)
        if luck.random() < 0.5:
            # Once more, for claims that came meanwhile; on the tickets that stand there already.
            yield Presign(at=self.near(2, 12))
        if luck.random() < 0.7:
            for channel in self.channels:
                if luck.random() < 0.6:
                    count = luck.choice((1, 1, self.entitled.tickets))
                    # Soon after they came to stand for the channel, or in the middle of its close.
                    at = luck.choice((signed + luck.randint(2, 4), self.near(3, 6)))
                    yield BurnTicket(at=at, channel=channel, count=count)

    def of_delegates(self) -> Iterator[Act]:
        luck = self.luck
        if not self.entitled.has("delegated"):
            return
        if luck.random() < 0.4:
            at = self.near()
            yield Permit(at=at, permits=False)
            if luck.random() < 0.6:
                yield Permit(at=at + luck.choice((1, 4, 10, 20)), permits=True)
        if luck.random() < 0.2:
            yield SpendOwn(at=self.near(), left=luck.choice((0, 9, 30, 2_000, 40_000)))
        if luck.random() < 0.15:
            yield self.theft(luck.choice((Theft.REDEEM, Theft.CLOSE)), as_delegate=True)

    def of_signers(self) -> Iterator[Act]:
        luck = self.luck
        if not self.entitled.has("signer_list"):
            return
        everybody = luck.random() < 0.25
        one = luck.randrange(2)
        for cosigner in range(2):
            if not everybody and cosigner != one:
                continue
            for _ in range(luck.randint(1, 2)):
                yield CosignerIll(
                    # Most of them fail just before they are needed, and until it is over.
                    at=luck.choice((self.crisis - luck.randint(1, 5), self.near())),
                    cosigner=cosigner,
                    ill=luck.choice(list(CosignerIllness)),
                    ledgers=luck.choice((1, 3, 30, 60)),
                )
        if luck.random() < 0.1:
            at = self.near()
            yield ListSigners(at=at, is_there=False)
            if luck.random() < 0.6:
                yield ListSigners(at=at + luck.choice((2, 8)), is_there=True)

    def of_keys(self) -> Iterator[Act]:
        luck = self.luck
        if self.entitled.holds and luck.random() < 0.2:
            yield KeyLost(at=self.near(), ledgers=luck.choice((None, 1, 4, 12)))
        if self.entitled.has_regular_key and luck.random() < 0.1:
            yield DisableMaster(at=self.near())

    def of_thieves(self) -> Iterator[Act]:
        luck = self.luck
        if not self.entitled.has_regular_key or luck.random() > 0.35:
            return
        begins = self.near()
        for _ in range(luck.randint(1, 5)):
            yield self.theft(luck.choice(list(Theft)), at=begins + luck.randint(0, 4))
        if luck.random() < 0.6:
            yield NameKey(at=begins + luck.choice((3, 5, 8)))

    def theft(self, what: Theft, *, at: int | None = None, as_delegate: bool = False) -> Thieve:
        luck = self.luck
        return Thieve(
            at=self.near() if at is None else at,
            what=what,
            channel=luck.choice(self.channels),
            share=luck.uniform(0.1, 0.95),
            as_delegate=as_delegate,
        )

    def of_rotation(self) -> Iterator[Act]:
        luck = self.luck
        if self.entitled.holds != "regular" or luck.random() > 0.4:
            return
        yield Rotate(
            at=self.near(5, 3),
            with_held_key=luck.random() < 0.5,
            killed_at=luck.randint(1, 14),
            lives=luck.choice((0, 1, 1, 2, 4)),
        )
