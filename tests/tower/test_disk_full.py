"""The store's disk fills, or is mounted for reading only, in the middle of a close."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.disks import KINDS, SmallDisk, mounted, small_disk
from tests.interfaces.test_http import client_of, wire
from tests.tower.conftest import PASSPHRASE, XRP, Stage, stage_on
from watchtower.daemon import run
from watchtower.errors import StoreReadOnlyError
from watchtower.machine import Machine
from watchtower.settings import HttpSettings, SpaceSettings
from watchtower.tower.tending import Rhythm
from watchtower.units import ChannelId


class Dock:
    """A stage whose store is on a small disk, with a reserve of a megabyte."""

    def __init__(self, stage: Stage, disk: SmallDisk) -> None:
        self.stage, self.disk = stage, disk
        self.reserve = Path(f"{stage.settings.store}.reserve")

    @property
    def machine(self) -> Machine:
        """This machine, with that disk, and hasty rounds."""
        rhythm = Rhythm(rounds=0.1)
        return Machine(driver=self.disk.driver, measure=self.disk.measure, rhythm=rhythm)

    async def until_reserved(self) -> None:
        """Wait until the reserve stands."""

        async def stands() -> bool:
            return self.reserve.exists()

        await self.stage.until(stands)

    async def until_alarmed(self, client: httpx.AsyncClient, *names: str) -> None:
        """Wait until these alarms about the disk stand, and no others."""

        async def stand() -> bool:
            alarms = (await client.get("/v1/status")).json()["alarms"]
            return {a["name"] for a in alarms if "disk" in a["name"]} == set(names)

        await self.stage.until(stand, closing=False)

    async def hand_over(self, client: httpx.AsyncClient, channel: ChannelId, drops: int) -> int:
        """Hand a claim over; return the status of the answer."""
        told = await client.post("/v1/claims", json=wire(self.stage.claim(channel, drops)))
        return told.status_code


@asynccontextmanager
async def dock_on(kind: str, folder: Path) -> AsyncIterator[Dock]:
    """A dock on a disk of that kind, with a tower that listens."""
    with small_disk(kind, folder) as disk:
        async with stage_on(disk.folder) as stage:
            stage.with_settings(
                http=HttpSettings(listen=f"unix:{folder / 'door.sock'}"),
                space=SpaceSettings(reserve_bytes=1 << 20, warning_bytes=0, urgent_bytes=0),
            )
            yield Dock(stage, disk)


@pytest.fixture(params=KINDS)
async def dock(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Dock]:
    """A dock on a disk of each kind."""
    async with dock_on(request.param, tmp_path) as made:
        yield made


async def test_what_closes_on_a_full_disk_is_redeemed_on_the_reserve(dock: Dock) -> None:
    """Claims stop, loudly; what is owed is written down, sent and proven; space mends the rest."""
    stage = dock.stage
    channel, other = await stage.channel(), await stage.channel()
    async with stage.tower(machine=dock.machine) as daemon, client_of(stage) as client:
        await dock.until_reserved()
        assert await dock.hand_over(client, channel, 30 * XRP) == 200
        await dock.until_alarmed(client)

        await stage.close_request_and_then(channel, dock.disk.fill)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled")

        assert not dock.reserve.exists()
        await dock.until_alarmed(client, "disk_full")
        told = await client.post("/v1/claims", json=wire(stage.claim(other, XRP)))
        assert (told.status_code, told.json()["type"]) == (503, "store_unavailable")
        assert "left to redeeming" in told.json()["detail"]
        ready = await client.get("/readyz")
        assert (ready.status_code, "left" in ready.text) == (503, True)

        dock.disk.free()
        await dock.until_reserved()
        await dock.until_alarmed(client)
        assert await dock.hand_over(client, other, XRP) == 200
        assert not daemon.done()


async def test_daemon_that_starts_on_a_full_disk_redeems_on_the_reserve(dock: Dock) -> None:
    """It was killed, say, and its disk has filled since: the supervisor starts it all the same."""
    stage = dock.stage
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower(machine=dock.machine):
        await dock.until_reserved()
        await stage.until_told(channel, "judged")
    dock.disk.fill()
    await stage.close_request(channel)
    async with stage.tower(machine=dock.machine) as daemon:
        await stage.until_paid(channel, 30 * XRP)
        assert not daemon.done()
    assert not dock.reserve.exists()


async def test_disk_that_is_mounted_for_reading_only_is_waited_for(tmp_path: Path) -> None:
    """Nothing is sent that is not written down; when it can be written again all goes on."""
    async with dock_on("counted", tmp_path) as dock:
        stage = dock.stage
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        async with stage.tower(machine=dock.machine) as daemon, client_of(stage) as client:
            await dock.until_reserved()
            await stage.until_told(channel, "judged")
            await stage.close_request_and_then(channel, dock.disk.freeze)
            await dock.until_alarmed(client, "disk_read_only")
            assert await dock.hand_over(client, channel, 40 * XRP) == 503
            assert await stage.balance(channel) == 0
            assert dock.reserve.exists()  # room is not what is missing

            dock.disk.free()
            await stage.until_paid(channel, 30 * XRP)
            await dock.until_alarmed(client)
            assert not daemon.done()


async def test_start_on_a_disk_for_reading_only_is_one_sentence(tmp_path: Path) -> None:
    """It says what is the matter, and what to do; the store is as it was."""
    place = tmp_path / "disk"
    place.mkdir()
    with mounted(place):
        async with stage_on(place) as stage:
            store = Path(stage.settings.store)
            before = await asyncio.to_thread(store.read_bytes)
            await remount(place, "ro")
            with pytest.raises(StoreReadOnlyError) as told:
                await run(stage.settings, PASSPHRASE, {})
            await remount(place, "rw")
            assert await asyncio.to_thread(store.read_bytes) == before
    assert str(told.value) == (
        f"The store {store} cannot be written: its disk is mounted for reading only. Nothing "
        "stored was lost, and nothing new was kept. Make it writable for this user, or mount the "
        "disk for writing, then try again."
    )


async def remount(place: Path, how: str) -> None:
    """Mount a disk anew."""
    done = await asyncio.create_subprocess_exec("mount", "-o", f"remount,{how}", str(place))
    assert await done.wait() == 0
