"""Scripts drawn from numbers: the worlds there are, and how often each kind comes.

Pure. A world has a few channels and a *crisis*: the ledger around which payers close and all else
goes wrong. Where luck would be too kind, malice helps: outages begin just before a close request
and end just before the channel does, daemons are killed between two writes of a response.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

from simulation.disk import Ill, Step
from simulation.draw_rights import KIND as RIGHTS
from simulation.draw_rights import has_rights, rights_luck, with_rights
from simulation.illness import ILLNESSES, illness
from simulation.script import (
    Act,
    AskToClose,
    ChannelPlan,
    Claim,
    ClockJump,
    Cut,
    Deaf,
    DiskIll,
    Flaw,
    Forget,
    Fund,
    Kill,
    Leap,
    Lock,
    Noise,
    PayDirectly,
    PowerOff,
    RedeemElsewhere,
    Renew,
    Script,
    ServerCut,
    ServerIll,
    Stop,
    Strip,
    UseSeat,
)

__all__ = ["KINDS", "RIGHTS", "draw"]

_XRP: Final = 1_000_000

_FIRST: Final[Mapping[str, float]] = {
    "calm": 3,
    "servers": 20,
    "outage": 13,
    "amnesia": 8,
    "killed": 16,
    "disk": 9,
    "fees": 6,
    "seats": 8,
    "submissions": 6,
    "crowd": 2,
    "everything": 9,
    "exodus": 0.4,
}
"""The kinds of world in which rights are not what is at issue, and how often each is drawn."""

KINDS: Final = (*_FIRST, RIGHTS)
"""The kinds of world."""

_SMALL_QUEUE: Final = {
    "minimum_txn_in_ledger": 10,
    "target_txn_in_ledger": 20,
    "maximum_txn_in_ledger": 30,
}
_LARGE_QUEUE: Final = {
    "minimum_txn_in_ledger": 60,
    "target_txn_in_ledger": 120,
    "maximum_txn_in_ledger": 200,
}
_DELAYS: Final = (60, 90, 120, 180, 300, 600, 900, 3_600, 86_400)


def draw(seed: int, kind: str | None = None) -> Script:
    """Return the script of a seed; of the kind that is drawn too, unless one is given."""
    luck = Random(f"{seed} script")  # noqa: S311 - luck that can be repeated
    drawn = luck.choices(list(_FIRST), list(_FIRST.values()))[0]
    of_rights = rights_luck(seed)
    if not (has_rights(of_rights) and kind is None) and kind != RIGHTS:
        return _Author(seed, kind or drawn, luck).write()
    # In many of them all else is calm, and in some a ledger costs more than was signed for ahead.
    is_calm = of_rights.random() < 0.5 or drawn == "exodus"
    base = "fees" if of_rights.random() < 0.2 else "calm" if is_calm else drawn
    author = _Author(seed, base, luck)
    return with_rights(author.write(), of_rights, author.crisis)


class _Author:
    """Writes one script."""

    def __init__(self, seed: int, kind: str, luck: Random) -> None:
        self.seed = seed
        self.kind = kind
        self.luck = luck
        self.servers = luck.choices((1, 2, 3, 4), (25, 25, 40, 10))[0]
        self.crisis = luck.randint(14, 40)
        self.ledgers = self.crisis + luck.randint(25, 60)
        is_small = kind in {"fees", "crowd"} or luck.random() < 0.05
        self.queue: Mapping[str, int] = _SMALL_QUEUE if is_small else {}
        if kind == "exodus":
            self.queue = _LARGE_QUEUE
        self.channels = tuple(self._channels())

    def write(self) -> Script:
        luck = self.luck
        acts = [act for act in self._acts() if act.at < self.ledgers]
        acts.sort(key=lambda act: act.at)
        rules = [
            name for name in ("fixCleanup3_2_0", "fixPayChanCancelAfter") if luck.random() < 0.4
        ]
        throttles = luck.random() < 0.2
        return Script(
            seed=self.seed,
            kind=self.kind,
            settings=self._settings(),
            servers=self.servers,
            throttled=frozenset(range(self.servers)) if throttles else frozenset(),
            rules=frozenset(rules),
            queue=self.queue,
            resolution=luck.choice((1, 1, 10, 20)),
            fine=luck.choice((16, 24, 40, 60, 120, 240)),
            channels=self.channels,
            acts=tuple(acts),
            ledgers=self.ledgers,
        )

    def _settings(self) -> dict[str, dict[str, Any]]:
        luck = self.luck
        margin = luck.choice((60, 120, 120, 300))
        policy: dict[str, Any] = {
            "margin_seconds": margin,
            "cancel_after_lead_seconds": luck.choice((margin, 600, 3_600, 21_600)),
        }
        if luck.random() < 0.15:
            policy["exposure_limit_drops"] = luck.randint(1, 50) * _XRP
        if luck.random() < 0.1:
            policy["redeem_every_seconds"] = luck.choice((600, 3_600, 86_400))
        pool = luck.choice((0, 2, 4, 4, 8))
        return {
            "policy": policy,
            "tickets": {"pool": pool, "low_water": pool // 2},
            "ledger": {"reconcile_seconds": luck.choice((60.0, 120.0, 600.0))},
        }

    def _channels(self) -> Iterator[ChannelPlan]:
        luck = self.luck
        if self.kind == "exodus":
            yield from self._thousands()
            return
        count = luck.randint(20, 60) if self.kind == "crowd" else luck.choice((1, 1, 2, 3, 4, 6))
        for number in range(count):
            lasts = luck.choice(
                (None, None, None, luck.randint(120, 1_000), luck.randint(1_000, 90_000))
            )
            yield ChannelPlan(
                payer=luck.randrange(4),
                amount=luck.choice((1, 5, 100, 1_000)) * _XRP,
                settle_delay=luck.choice(_DELAYS[3:] if self.kind == "crowd" else _DELAYS),
                lasts=None if self.kind == "crowd" else lasts,
                opened_in=1 if number == 0 or luck.random() < 0.8 else luck.randint(2, self.crisis),
                reaps=luck.random() < 0.8,
            )

    def _thousands(self) -> Iterator[ChannelPlan]:
        """Thousands of channels with little in each, all of them to be closed at once."""
        luck = self.luck
        delay = luck.choice((900, 1_800, 3_600))
        for _ in range(luck.randint(1_000, 2_500)):
            yield ChannelPlan(
                payer=luck.randrange(4),
                amount=luck.choice((1, 5, 20)) * _XRP,
                settle_delay=delay,
                lasts=None,
                opened_in=1,
                reaps=luck.random() < 0.5,
            )

    # What is done.

    def _acts(self) -> Iterator[Act]:
        if self.kind == "exodus":
            yield from self._exodus()
            return
        for number, plan in enumerate(self.channels):
            yield from self._of_payer(number, plan)
        yield from self._leaps()
        is_all = self.kind == "everything"
        for kind, trouble in (
            ("servers", self._server_trouble),
            ("outage", self._outages),
            ("amnesia", self._amnesia),
            ("submissions", self._lost_submissions),
            ("killed", self._kills),
            ("disk", self._disk_trouble),
            ("fees", self._noise),
            ("seats", self._seat_trouble),
        ):
            if self.kind == kind or (is_all and self.luck.random() < 0.6):
                yield from trouble()
        if self.luck.random() < 0.15:
            yield ClockJump(
                at=self._near(), seconds=self.luck.choice((-86_400.0, -60.0, 3_600.0, 1e7))
            )

    def _exodus(self) -> Iterator[Act]:
        """All ask to close in three ledgers, while something else goes wrong."""
        luck = self.luck
        for number, plan in enumerate(self.channels):
            at = luck.randint(3, self.crisis - 1)
            yield Claim(at=at, channel=number, drops=luck.randint(10_000, plan.amount), flaw="")
            asked = self.crisis + luck.randint(0, 2)
            yield AskToClose(at=asked, channel=number, by_fund=False)
        troubles = (self._server_trouble, self._outages, self._kills, self._disk_trouble)
        yield from luck.choice(troubles)()

    def _near(self, before: int = 6, after: int = 12) -> int:
        """Return a ledger near the crisis."""
        return max(0, self.crisis + self.luck.randint(-before, after))

    def _of_payer(self, number: int, plan: ChannelPlan) -> Iterator[Act]:
        luck = self.luck
        yield from self._claims(number, plan)
        closes = self.kind == "crowd" or luck.random() < 0.8
        asked = self.crisis if self.kind == "crowd" else self._near(4, 4)
        if closes:
            yield AskToClose(at=asked, channel=number, by_fund=luck.random() < 0.2)
        if luck.random() < 0.1:
            renewed = asked + luck.randint(1, 6)
            yield Renew(at=renewed, channel=number)
            if luck.random() < 0.6:
                yield AskToClose(at=renewed + luck.randint(1, 8), channel=number)
        if luck.random() < 0.2:
            yield Fund(at=self._near(8, 10), channel=number, drops=luck.randint(1, 50) * _XRP)
        if luck.random() < 0.1:
            yield PayDirectly(at=self._near(), channel=number, share=luck.random())
        if luck.random() < (0.4 if self.kind == "seats" else 0.08):
            yield RedeemElsewhere(at=self._near(), channel=number, share=luck.uniform(0.1, 1.0))

    def _claims(self, number: int, plan: ChannelPlan) -> Iterator[Act]:
        luck = self.luck
        drops = 0
        for at in sorted(self._when_claimed(plan) for _ in range(luck.randint(1, 6))):
            flaw = (
                luck.choice((Flaw.SIGNATURE, Flaw.KEY, Flaw.AMOUNT)) if luck.random() < 0.1 else ""
            )
            step = luck.randint(1, max(1, plan.amount // 3))
            wanted = drops + step
            if luck.random() < 0.1:
                wanted = max(1, drops // 2)
            yield Claim(at=at, channel=number, drops=wanted, flaw=flaw)
            if not flaw:
                drops = max(drops, wanted)

    def _when_claimed(self, plan: ChannelPlan) -> int:
        first = plan.opened_in + 2
        if self.luck.random() < 0.25:
            return max(first, self._near(3, 12))
        return self.luck.randint(first, max(first, self.crisis))

    def _leaps(self) -> Iterator[Act]:
        luck = self.luck
        if self.kind == "crowd":
            return
        for _ in range(luck.randint(1, 5)):
            yield Leap(
                at=luck.randint(6, self.ledgers), seconds=luck.choice((600, 3_600, 30_000, 200_000))
            )

    def _server_trouble(self) -> Iterator[Act]:
        luck = self.luck
        honest = luck.randrange(self.servers) if luck.random() < 0.75 else None
        for server in range(self.servers):
            if server == honest:
                if luck.random() < 0.3:
                    yield ServerCut(at=self._near(), server=server)
                continue
            for _ in range(luck.randint(1, 3)):
                kind, members = illness(luck)
                yield ServerIll(
                    at=luck.choice(
                        (self._near(), self._near(10, 20), luck.randint(0, self.ledgers))
                    ),
                    server=server,
                    kind=kind,
                    members=members,
                    ledgers=luck.choice((1, 2, 5, 10, 30)),
                )
            if luck.random() < 0.2:
                yield ServerCut(at=self._near(), server=server)
        if luck.random() < 0.15:
            yield Forget(
                at=self._near(), server=luck.randrange(self.servers), ledgers=luck.randint(1, 30)
            )

    def _outages(self) -> Iterator[Act]:
        luck = self.luck
        for _ in range(luck.randint(1, 3)):
            at, ledgers = self._near(6, 8), luck.choice((1, 2, 4, 8, 15, 30))
            yield luck.choice(
                (
                    Cut(at=at, ledgers=ledgers),
                    Deaf(at=at, ledgers=ledgers),
                    PowerOff(at=at, ledgers=ledgers),
                    PowerOff(at=at, ledgers=ledgers),
                )
            )
            if luck.random() < 0.6:
                # Most of the dispute window passes while nobody looks.
                leaps = luck.choice((200, 1_000, 10_000, 100_000))
                yield Leap(at=at + luck.randint(1, max(1, ledgers - 1)), seconds=leaps)

    def _amnesia(self) -> Iterator[Act]:
        """Nobody looks while channels close, and then nobody has the history of that time."""
        luck = self.luck
        begins = self.crisis - luck.randint(5, 8)
        ledgers = luck.randint(10, 16)
        yield PowerOff(at=begins, ledgers=ledgers)
        if luck.random() < 0.5:
            yield Leap(at=begins + ledgers - 1, seconds=luck.choice((100, 600, 3_000)))
        liar = luck.randrange(self.servers) if luck.random() < 0.6 else None
        for server in range(self.servers):
            if luck.random() < 0.8:
                yield Forget(at=begins + ledgers, server=server, ledgers=ledgers + 2)
            if server == liar:
                yield ServerIll(
                    at=begins + ledgers - 2,
                    server=server,
                    kind="lies_about_channels",
                    members=ILLNESSES["lies_about_channels"](luck),
                    ledgers=luck.choice((5, 30)),
                )

    def _lost_submissions(self) -> Iterator[Act]:
        """Some servers, or all, lose what is submitted next, or answer it wrongly."""
        luck = self.luck
        everywhere = luck.random() < 0.5
        for server in range(self.servers):
            if everywhere or luck.random() < 0.5:
                yield ServerIll(
                    at=self._near(4, 2),
                    server=server,
                    kind="submissions_wrong",
                    members=ILLNESSES["submissions_wrong"](luck),
                    ledgers=luck.choice((4, 10, 30)),
                )

    def _kills(self) -> Iterator[Act]:
        luck = self.luck
        for _ in range(luck.randint(1, 5)):
            at = self._near(4, 16)
            if luck.random() < 0.1:
                yield Stop(at=at)
            yield Kill(at=at, step=luck.choice(list(Step)), count=luck.choice((1, 1, 1, 2, 3, 5)))

    def _disk_trouble(self) -> Iterator[Act]:
        luck = self.luck
        for _ in range(luck.randint(1, 3)):
            ill, ledgers = luck.choice(list(Ill)), luck.choice((1, 2, 5, 12))
            yield DiskIll(at=self._near(4, 10), ill=ill, ledgers=ledgers)
        if luck.random() < 0.3:
            yield Lock(at=self._near(4, 10), seconds=luck.choice((0.5, 4.0, 7.0, 20.0)))
        if luck.random() < 0.3:
            yield from self._kills()

    def _noise(self) -> Iterator[Act]:
        luck = self.luck
        begins = self._near(6, 6)
        fee = luck.choice((10, 100, 2_000, 20_000))
        yield Noise(at=begins, payments=luck.randint(10, 35), fee=fee)
        yield Noise(at=begins + luck.randint(4, 25), payments=0, fee=10)

    def _seat_trouble(self) -> Iterator[Act]:
        luck = self.luck
        for _ in range(luck.randint(1, 3)):
            yield UseSeat(at=self._near(), before_the_tower=luck.random() < 0.6)
        if luck.random() < 0.6:
            yield Strip(at=self._near(2, 6), count=1, at_close=luck.random() < 0.5)
