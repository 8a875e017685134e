"""A drill by a real daemon, on a network in a box."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from typing_extensions import override

from tests.drill.conftest import AMOUNT, NETWORK, Stage, until
from watchtower.cli import drilling
from watchtower.drill.books import NOTE, books_of
from watchtower.drill.level import NOTE as DRILLS
from watchtower.drill.network import NetworkLedger
from watchtower.errors import DrillRefusedError, StoreBusyError
from watchtower.store.alone import alone
from watchtower.units import ChannelId


async def test_drill_ends_when_the_ledger_says_paid_and_leaves_nothing_behind(
    stage: Stage,
) -> None:
    """The payee has the canary's money, the record says so, and the channel is gone."""
    before = await money(stage)
    async with stage.process("run"):
        await until(stage.guards)
        record = await stage.drill()

    assert record["paid"]
    assert record["why"] is None
    assert (record["place"], record["network_id"]) == ("network", NETWORK)
    assert record["requested_seconds"] <= record["seconds"]
    assert await stage.note(DRILLS) == [record]
    assert await stage.entry(ChannelId(record["channel"])) is None
    assert books_of(await stage.note(NOTE)).channels == ()
    assert before - await money(stage) < AMOUNT + 1_000  # what it was paid with, and three fees


async def test_drill_fails_where_the_daemon_sends_nothing_and_says_which_step_was_late(
    stage: Stage,
) -> None:
    """A daemon in shadow mode sees everything and redeems nothing; the record keeps that."""
    stage.write(patience_seconds=3.0)
    async with stage.daemon(shadow=True):
        record = await stage.drill()

    assert not record["paid"]
    assert "has sent nothing within 3 s" in record["why"]
    assert record["seen_seconds"] is not None
    assert record["submitted_seconds"] is None
    assert await stage.note(DRILLS) == [record]


async def test_drill_that_is_killed_is_brought_home_by_the_next_one(stage: Stage) -> None:
    """Killed while it waits, its channel is redeemed, closed and forgotten, and nothing is lost."""
    async with stage.daemon(shadow=True), stage.process("drill", "run", "--network") as drill:

        async def is_asked_to_close() -> bool:
            channels = books_of(await stage.note(NOTE)).channels
            entry = await stage.entry(channels[0].channel) if channels else None
            return entry is not None and "Expiration" in entry

        await until(is_asked_to_close)
        drill.send_signal(signal.SIGKILL)
        await drill.wait()
    (left,) = books_of(await stage.note(NOTE)).channels
    assert await stage.note(DRILLS) is None

    async with stage.daemon():

        async def is_paid() -> bool:
            entry = await stage.entry(left.channel)
            return entry is not None and int(entry["Balance"]) == AMOUNT

        await until(is_paid)
        record = await stage.drill()

    assert record["paid"]
    assert record["channel"] != left.channel
    assert await stage.entry(left.channel) is None
    assert books_of(await stage.note(NOTE)).channels == ()


class _Died(BaseException):
    """The process is no more."""


async def test_whatever_is_sent_is_on_disk_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What opens the channel, what asks to close it and what takes it out, each of them."""
    sent: set[str] = set()

    class Watched(NetworkLedger):
        @override
        async def submit(self, blob: str) -> str:
            assert blob in await blobs(stage)
            sent.add(blob)
            return await super().submit(blob)

    monkeypatch.setattr(drilling, "NetworkLedger", Watched)
    async with stage.daemon():
        assert (await stage.drill())["paid"]

    assert len(sent) == 3


async def test_drill_that_died_before_anything_left_is_forgotten_once_it_cannot_come_about(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it signed lapses; it has cost nothing, and counts for the day all the same."""

    class Dying(NetworkLedger):
        @override
        async def submit(self, blob: str) -> str:
            raise _Died

    async with stage.daemon():
        with monkeypatch.context() as patch:
            patch.setattr(drilling, "NetworkLedger", Dying)
            with pytest.raises(_Died):
                await stage.drill()
        (left,) = books_of(await stage.note(NOTE)).channels
        record = await stage.drill()

    assert record["paid"]
    assert await stage.entry(left.channel) is None
    books = books_of(await stage.note(NOTE))
    assert books.channels == ()
    assert [spent > AMOUNT for _, spent in books.spent] == [True, True]


async def test_drill_is_refused_where_no_daemon_runs(stage: Stage) -> None:
    """There is nobody whom it could try; nothing is signed."""
    with pytest.raises(DrillRefusedError, match="the daemon does not run"):
        await stage.drill()

    assert await stage.note(NOTE) is None


async def test_no_more_is_spent_in_a_day_than_the_cap(stage: Stage) -> None:
    """One drill is within it, and the second one is not begun."""
    stage.write(daily_cap_drops=AMOUNT + AMOUNT // 2)
    async with stage.daemon():
        assert (await stage.drill())["paid"]
        before = await money(stage)
        with pytest.raises(DrillRefusedError, match="daily_cap_drops"):
            await stage.drill()

    assert await money(stage) == before


async def test_two_drills_at_once_are_refused(stage: Stage) -> None:
    """They would sign with one sequence, and measure each other."""
    with alone(Path(f"{stage.folder}/watchtower.db.drill")), pytest.raises(StoreBusyError):
        await stage.drill()


@pytest.mark.parametrize("network", [0])
async def test_drill_on_mainnet_is_refused_unless_that_is_said(stage: Stage) -> None:
    """Network 0 is mainnet, where XRP is money; allowed, it is the next reason that counts."""
    with pytest.raises(DrillRefusedError, match="this is mainnet"):
        await stage.drill()
    stage.write(allow_mainnet="true")
    with pytest.raises(DrillRefusedError, match="the daemon does not run"):
        await stage.drill()

    assert await stage.note(NOTE) is None


async def blobs(stage: Stage) -> set[str]:
    """What the books say was signed."""
    channels = books_of(await stage.note(NOTE)).channels
    sent = [one.opening for one in channels] + [one.closing for one in channels if one.closing]
    return {each.blob for each in sent}


async def money(stage: Stage) -> int:
    """What the canary has, in drops."""
    told = await stage.hand.request(
        "account_info", account=stage.canary.address, ledger_index="validated"
    )
    return int(told["account_data"]["Balance"])
