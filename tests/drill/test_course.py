"""A drill by a real daemon, on a network in a box."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from pathlib import Path

import msgspec
import pytest
from typing_extensions import override

from tests.drill.conftest import AMOUNT, NETWORK, Stage, until
from watchtower.cli import drilling, main
from watchtower.drill.books import NOTE, books_of
from watchtower.drill.level import NOTE as DRILLS
from watchtower.drill.network import NetworkLedger
from watchtower.errors import DrillRefusedError, StoreBusyError
from watchtower.store.alone import alone
from watchtower.tower.tending import STATUS_NOTE
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
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """A daemon in shadow mode sees everything and redeems nothing; the record keeps that."""
    stage.write(patience_seconds=3.0)
    async with stage.daemon(shadow=True):
        code = await asyncio.to_thread(ended_with, "drill", "--json")
        # The daemon itself says so, until a drill is paid.
        await until(partial(is_alarmed, stage, "drill_failed"))

    (record,) = await stage.note(DRILLS)
    assert code == 99
    assert not record["paid"]
    assert "has sent nothing within 3 s" in record["why"]
    assert record["seen_seconds"] is not None
    assert record["submitted_seconds"] is None
    said = capsys.readouterr()
    assert msgspec.json.decode(said.out) == record
    assert record["why"] in msgspec.json.decode(said.err)["sentence"]


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
        await until(partial(is_paid, stage, left.channel))
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
    sent_at_last: set[str] = set()

    class Watched(NetworkLedger):
        @override
        async def submit(self, blob: str) -> str:
            assert blob in await blobs(stage)
            sent.add(blob)
            if await stage.note(DRILLS):
                sent_at_last.add(blob)
            return await super().submit(blob)

    monkeypatch.setattr(drilling, "NetworkLedger", Watched)
    async with stage.daemon():
        assert (await stage.drill())["paid"]

    assert len(sent) == 3
    # What asked to close has done so, and would not take the channel out before it lapses.
    assert len(sent_at_last) == 1


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


async def test_drill_that_died_as_soon_as_its_channel_left_has_it_closed_by_the_next_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in a ledger yet is not gone: it is waited for, and asked to close before all else."""

    class Dying(NetworkLedger):
        @override
        async def submit(self, blob: str) -> str:
            await super().submit(blob)
            raise _Died

    async with stage.daemon():
        with monkeypatch.context() as patch:
            patch.setattr(drilling, "NetworkLedger", Dying)
            with pytest.raises(_Died):
                await stage.drill()
        (before,) = books_of(await stage.note(NOTE)).channels
    stage.write(patience_seconds=1.0)
    async with stage.daemon(shadow=True):
        record = await stage.drill()

    assert not record["paid"]
    assert [one.channel for one in books_of(await stage.note(NOTE)).channels] == [
        before.channel,
        record["channel"],
    ]
    entry = await stage.entry(before.channel)
    assert entry is not None
    assert "Expiration" in entry


async def test_canary_that_is_redeemed_before_anybody_asks_to_close_was_paid(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a schedule the tower is that early; the request then takes the channel out at once."""

    class Slow(NetworkLedger):
        @override
        async def submit(self, blob: str) -> str:
            asked = [one for one in books_of(await stage.note(NOTE)).channels if one.closing]
            for one in asked:
                await until(partial(is_paid, stage, one.channel))
            said = await super().submit(blob)
            for one in asked:
                await until(partial(is_gone, stage, one.channel))
            return said

    config = stage.folder / "watchtower.toml"
    config.write_text(f"{config.read_text()}[policy]\nredeem_every_seconds = 60\n")
    monkeypatch.setattr(drilling, "NetworkLedger", Slow)
    async with stage.daemon():
        record = await stage.drill()

    assert record["paid"]
    assert record["requested_seconds"] is None
    assert await stage.entry(ChannelId(record["channel"])) is None


async def test_drill_is_refused_where_no_daemon_runs(stage: Stage) -> None:
    """There is nobody whom it could try; nothing is signed."""
    stage.write(patience_seconds=1.0)
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
    stage.write(patience_seconds=1.0)
    with pytest.raises(DrillRefusedError, match="this is mainnet"):
        await stage.drill()
    stage.write(patience_seconds=1.0, allow_mainnet="true")
    with pytest.raises(DrillRefusedError, match="the daemon does not run"):
        await stage.drill()

    assert await stage.note(NOTE) is None


async def is_paid(stage: Stage, channel: ChannelId) -> bool:
    """Whether a validated ledger says that a canary channel was paid, or it is gone."""
    entry = await stage.entry(channel)
    return entry is None or int(entry["Balance"]) == AMOUNT


async def is_gone(stage: Stage, channel: ChannelId) -> bool:
    """Whether a channel is in no validated ledger."""
    return await stage.entry(channel) is None


async def is_alarmed(stage: Stage, name: str) -> bool:
    """Whether an alarm stands, by the daemon's last word."""
    return name in {alarm["name"] for alarm in (await stage.note(STATUS_NOTE))["alarms"]}


async def blobs(stage: Stage) -> set[str]:
    """What the books say was signed."""
    channels = books_of(await stage.note(NOTE)).channels
    sent = [one.opening for one in channels] + [one.closing for one in channels if one.closing]
    return {each.blob for each in sent}


def ended_with(*arguments: str) -> object:
    """Run a command to its end, and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


async def money(stage: Stage) -> int:
    """What the canary has, in drops."""
    told = await stage.hand.request(
        "account_info", account=stage.canary.address, ledger_index="validated"
    )
    return int(told["account_data"]["Balance"])
