"""What is at stake by the store, for a command that has no watch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.claims.test_group import CHANNELS, GUARDS, KEYS, NOW, PAYER, entry, signed
from tests.store.make import CHEAP
from watchtower.claims.exposure import NOTHING_AT_STAKE, ServingLimits
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.cli.exposure import StoredExposure
from watchtower.ledger.events import END_OF_LEDGER, ChannelChanged, Position
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops, LedgerIndex

CAREFUL = replace(GUARDS["payee"], limits=ServingLimits(payer=Drops(9)))


def seen(channel: ChannelId, balance: int = 0, ledger: int = 9) -> Sight:
    """What a server tells of a channel."""
    at = Position(LedgerIndex(ledger), END_OF_LEDGER)
    return Sight(fact=ChannelChanged(entry=entry(channel, balance), at=at), ledger_time=NOW)


async def test_what_is_kept_seen_and_taken_is_counted(tmp_path: Path) -> None:
    """From the store once, and then what the command itself does and sees."""
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as store:
        intake, exposure = Intake(store, CAREFUL), StoredExposure(store, CAREFUL)
        await intake.take(signed(CHANNELS[0], 5, KEYS[0]), seen(CHANNELS[0]))
        assert exposure.now().of_payer(PAYER) == 0
        await exposure.count()
        assert exposure.now().of_payer(PAYER) == 5
        sight = seen(CHANNELS[1])
        taken = await intake.take_all(
            [signed(CHANNELS[1], 7, KEYS[0])],
            lambda _claim: sight,
            at_stake=exposure.now([sight]),
        )
        exposure.taken(taken)
        assert exposure.now().of_payer(PAYER) == 12
        assert exposure.now([seen(CHANNELS[0], 4, 10)]).of_payer(PAYER) == 8


async def test_nothing_is_counted_where_no_limit_needs_it(tmp_path: Path) -> None:
    """Reading a large store takes its time; the limit of one channel does without."""
    guard = replace(CAREFUL, limits=ServingLimits(channel=Drops(9)))
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as store:
        exposure = StoredExposure(store, guard)
        await exposure.count()
        assert exposure.now() is NOTHING_AT_STAKE
