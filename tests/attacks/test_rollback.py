"""Attack: take back what the tower was given, by putting an older file in the place of its store.

The attacker can write the disk: it has copied the store yesterday, and puts the copy back, or has
the whole machine put back to a snapshot, or lets a second machine run from it. It has no key, and
need not have one: a store of yesterday is a true one. What it wants is that claims which were
acknowledged since are forgotten, and that nobody notices before their channels have ended.

The head is elsewhere. Whoever can write it too can delete it, exchange it, or fill it with bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.disks import small_disk
from tests.store import make
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.head_settings import HeadSettings
from watchtower.heads import head_keeper
from watchtower.machine import Machine
from watchtower.sandbox.server import Sandbox
from watchtower.settings import AlertSettings, SpaceSettings
from watchtower.store.head_file import HeadFile
from watchtower.store.notes import RECOVERY
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import ChannelId


@pytest.fixture
def head(stage: Stage, tmp_path: Path) -> Path:
    """Where the tower keeps its head: in a folder of another machine."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "head.json"
    stage.with_settings(head=HeadSettings(files=(str(path),)))
    return path


def store_of(stage: Stage) -> Path:
    """Where the store is."""
    return Path(stage.settings.store)


def text_of(head: Path) -> bytes:
    """What stands in a file."""
    return head.read_bytes()


def put_text(head: Path, text: bytes) -> None:
    """Write something there."""
    head.write_bytes(text)


async def copied(stage: Stage, target: Path) -> Path:
    """Copy the store, as it is now; who has the disk has time for that."""
    async with stage.store() as store:
        await store.copy_into(target)
    return target


def put(copy: Path, place: Path) -> None:
    """Put a copy in the place of a store that nobody has open."""
    for leftover in place.parent.glob(f"{place.name}-*"):
        leftover.unlink()
    shutil.copyfile(copy, place)


async def until_alarm(stage: Stage, name: str) -> dict[str, Any]:
    """Wait until an alarm of that name stands, and return it."""
    found: dict[str, Any] = {}

    async def stands() -> bool:
        async with stage.store() as store, store.read() as work:
            status = await work.notes.get(STATUS_NOTE) or {}
        found.update({alarm["name"]: alarm for alarm in status.get("alarms", ())})
        return name in found

    await stage.until(stands)
    alarm: dict[str, Any] = found[name]
    return alarm


async def until_published(stage: Stage, head: Path) -> None:
    """Wait until the head says all that the store has come to."""

    async def is_there() -> bool:
        return await _finding(stage, head) == "fine"

    await stage.until(is_there)


async def _finding(stage: Stage, head: Path) -> str:
    async with stage.store() as store:
        place = HeadFile(head)
        keeper = head_keeper(store, [place])
        look = await keeper.look(place)
        is_newest = look.head is not None and look.head.standing.version == look.version
        return look.finding.value if is_newest or look.finding.is_trouble else "behind"


async def guarded(stage: Stage, head: Path, drops: int = 10 * XRP) -> ChannelId:
    """Have a tower guard a channel with a claim, publish its head, and stop."""
    channel = await stage.channel()
    await stage.keep(channel, drops)
    async with stage.tower():
        await stage.until_told(channel, "channel_opened")
        await until_published(stage, head)
    return channel


async def test_an_older_store_put_back_redeems_what_it_knows_and_is_told_until_accepted(
    stage: Stage, head: Path, tmp_path: Path
) -> None:
    """The claim of today is lost, and said to be; the one of yesterday is redeemed all the same."""
    channel = await guarded(stage, head)
    yesterday = await copied(stage, tmp_path / "yesterday")
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await until_published(stage, head)
    put(yesterday, store_of(stage))

    async with stage.tower():
        alarm = await until_alarm(stage, "store_older_than_head")
        assert "lines of the journal" in alarm["sentence"]
        assert alarm["severity"] == "urgent"
        before = text_of(head)
        await stage.close_request(channel)
        await stage.until_paid(channel, 10 * XRP)
        # What speaks against the store is not written over by the store.
        assert text_of(head) == before
    async with stage.tower():
        await until_alarm(stage, "store_older_than_head")


async def test_an_older_store_reconciles_before_it_acts(
    stage: Stage, head: Path, tmp_path: Path
) -> None:
    """What was paid since is read from the ledger; nothing is paid for twice."""
    channel = await guarded(stage, head)
    yesterday = await copied(stage, tmp_path / "yesterday")
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await until_published(stage, head)
    put(yesterday, store_of(stage))

    async with stage.tower():
        await until_alarm(stage, "store_older_than_head")

        async def is_reconciled() -> bool:
            async with stage.store() as store, store.read() as work:
                return await work.notes.get(RECOVERY) is None

        await stage.until(is_reconciled)
    assert [entry.kind for entry in await stage.story(channel)].count("attempt_made") == 0


async def test_an_older_store_on_a_full_disk_reconciles_before_it_acts(tmp_path: Path) -> None:
    """Who fills the disk as well has the finding not written down; it is believed all the same."""
    with small_disk("counted", tmp_path) as disk:
        async with stage_on(disk.folder) as stage, Sandbox(beside=stage.sandbox) as server:
            (tmp_path / "elsewhere").mkdir()
            head, told = tmp_path / "elsewhere" / "head.json", tmp_path / "told"
            put_text(told, b"")
            stage.with_settings(
                head=HeadSettings(files=(str(head),)),
                alerts=AlertSettings(command=("tee", "-a", str(told))),
                space=SpaceSettings(reserve_bytes=0, warning_bytes=0, urgent_bytes=0),
            )
            channel = await stage.channel(settle_delay=86_400)
            await stage.keep(channel, 10 * XRP)
            async with stage.tower():
                await stage.until_told(channel, "judged")
                await until_published(stage, head)
            yesterday = await copied(stage, tmp_path / "yesterday")
            await stage.keep(channel, 30 * XRP)
            async with stage.tower():
                await until_published(stage, head)
            put(yesterday, store_of(stage))
            server.misbehave(lies={"account_objects": {"validated": False}})
            stage.with_settings(servers=(server.url,))

            disk.fill()
            await stage.close_request(channel)
            machine = Machine(driver=disk.driver, measure=disk.measure)
            async with stage.tower(machine=machine):

                async def is_found() -> bool:
                    return b"store_older_than_head" in text_of(told)

                await stage.until(is_found, closing=False)
                disk.free()
                await stage.until_told(channel, "close_requested")
                ledgers = iter(range(20))

                async def has_time_passed() -> bool:
                    return next(ledgers, None) is None

                await stage.until(has_time_passed)
                assert await stage.balance(channel) == 0
            kinds = {entry.kind for entry in await stage.story(channel)}
    assert "attempt_made" not in kinds


async def test_two_copies_of_one_store_that_both_run_find_each_other(
    stage: Stage, head: Path, tmp_path: Path
) -> None:
    """A machine was cloned, and both towers are alive: one of them says so at the latest."""
    channel = await guarded(stage, head)
    clone = await copied(stage, tmp_path / "clone.db")
    twin = Stage(sandbox=stage.sandbox, hand=stage.hand, settings=stage.settings)
    twin.with_settings(store=str(clone))
    async with stage.tower():
        await until_published(stage, head)
        async with twin.tower():
            names: list[str] = []

            async def one_has_noticed() -> bool:
                for each in (stage, twin):
                    async with each.store() as store, store.read() as work:
                        status = await work.notes.get(STATUS_NOTE) or {}
                    names.extend(alarm["name"] for alarm in status.get("alarms", ()))
                return bool({"store_forked", "store_older_than_head"} & {*names})

            await stage.until(one_has_noticed)
            await stage.close_request(channel)
            await stage.until_paid(channel, 10 * XRP)


async def test_who_exchanges_the_head_once_it_was_noticed_silences_nothing(
    stage: Stage, head: Path, tmp_path: Path
) -> None:
    """Yesterday's head would fit yesterday's store; what was found stands until it is accepted."""
    channel = await guarded(stage, head)
    yesterday, head_of_yesterday = await copied(stage, tmp_path / "yesterday"), text_of(head)
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await until_published(stage, head)
    put(yesterday, store_of(stage))
    async with stage.tower():
        await until_alarm(stage, "store_older_than_head")
    put_text(head, head_of_yesterday)

    async with stage.tower():
        await until_alarm(stage, "store_older_than_head")
        await stage.close_request(channel)
        await stage.until_paid(channel, 10 * XRP)
    assert text_of(head) == head_of_yesterday


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (lambda head: head.unlink(), "head_gone"),
    "emptied": (lambda head: head.write_bytes(b""), "head_tampered"),
    "filled with bytes": (lambda head: head.write_bytes(b"\xff" * 100_000), "head_tampered"),
    "given a lower number": (
        lambda head: head.write_bytes(head.read_bytes().replace(b'"version":', b'"version":-')),
        "head_tampered",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_a_head_that_was_tampered_with_is_told_and_stops_nobody(
    stage: Stage, head: Path, how: str
) -> None:
    """Who breaks the head to hide what it says has said that there is something to hide."""
    break_it, name = BROKEN[how]
    channel = await guarded(stage, head)
    break_it(head)

    async with stage.tower():
        await until_alarm(stage, name)
        await stage.close_request(channel)
        await stage.until_paid(channel, 10 * XRP)


@pytest.mark.parametrize("once", [False, True])
async def test_a_byte_turned_over_in_the_journal_stops_no_tower_by_its_head(
    stage: Stage, head: Path, *, once: bool
) -> None:
    """Without heads the same store would be run: who breaks a line must not gain by them."""
    channel = await guarded(stage, head)
    async with stage.store() as store, store.write() as work:
        await work.journal.append_all([("later", None, None, {})] * 2)
    make.break_line(store_of(stage), from_end=1)

    await stage.close_request(channel)
    async with stage.tower(once=once):
        await stage.until_paid(channel, 10 * XRP)
        await until_alarm(stage, "head_not_comparable")


async def test_a_head_that_cannot_be_reached_stops_nobody_and_is_compared_once_it_can(
    stage: Stage, head: Path
) -> None:
    """A share that is not mounted yet: an alarm, which ends by itself."""
    channel = await guarded(stage, head)
    aside = head.parent.rename(head.parent.with_name("aside"))

    async with stage.tower():
        await until_alarm(stage, "head_unreachable")
        await stage.close_request(channel)
        await stage.until_paid(channel, 10 * XRP)
        aside.rename(head.parent)
        await until_published(stage, head)
