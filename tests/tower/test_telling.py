"""The daemon tells people: what is urgent outlives it, and a route that fails is no secret."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.tower.conftest import XRP, Stage
from tests.tower.test_stopping import Way
from watchtower.errors import ConfigError
from watchtower.machine import Machine
from watchtower.settings import AlertSettings
from watchtower.tower import route_watch
from watchtower.tower.losses import Losses, losses_of
from watchtower.tower.route_watch import ALERTS_NOTE
from watchtower.tower.tending import STATUS_NOTE, Rhythm
from watchtower.units import ChannelId, Drops, RippleTime

SIGNED = {"url": "https://h", "secret_file": "x"}
QUICK = Rhythm(rounds=0.05, status=0.05)


async def note(stage: Stage, name: str) -> dict[str, Any]:
    """What the daemon has left in the store."""
    async with stage.store() as store, store.read() as work:
        return dict(await work.notes.get(name) or {})


def writing_to(path: Path, *, only_if: Path | None = None) -> Sequence[str]:
    """A command that writes what it is told to a file; while another is not there it fails."""
    path.touch()
    needed = "" if only_if is None else f"assert os.path.exists({str(only_if)!r}); "
    write = f"open({str(path)!r}, 'a').write(sys.stdin.read() + chr(10))"
    return (sys.executable, "-c", f"import os, sys; {needed}{write}")


def names(told: Path) -> list[str]:
    """The alarms that were told there."""
    return [json.loads(line)["name"] for line in told.read_text().splitlines()]


async def test_what_is_urgent_and_was_not_told_is_told_by_the_next_start(
    stage: Stage, tmp_path: Path
) -> None:
    """A loss in the night, a webhook that is down, a machine that restarts: it is not forgotten."""
    told, well = tmp_path / "told", tmp_path / "well"
    command = tuple(writing_to(told, only_if=well))
    stage.with_settings(alerts=AlertSettings(command=command, command_from="urgent"))
    channel = await stage.channel(settle_delay=0)
    await stage.keep(channel, 30 * XRP)

    async def is_kept() -> bool:
        waiting = (await note(stage, ALERTS_NOTE)).get("waiting", {})
        return "lost" in [one["name"] for messages in waiting.values() for one in messages]

    async def is_guarded() -> bool:
        return (await note(stage, STATUS_NOTE)).get("at_stake") == 30 * XRP

    async with stage.tower(shadow=True, machine=Machine(rhythm=QUICK)):
        await stage.until(is_guarded)
        await stage.close_request(channel)
        await stage.close_request(channel)
        await stage.until(is_kept)
    assert names(told) == []

    well.touch()

    async def is_noted() -> bool:
        # Not the file: a command that has written and not ended yet has not told it yet.
        record = (await note(stage, ALERTS_NOTE)).get("told", [])
        return [one["result"] for one in record if one["name"] == "lost"] == ["delivered"]

    async with stage.tower(machine=Machine(rhythm=QUICK)):
        await stage.until(is_noted)
    assert names(told).count("lost") == 1


async def test_a_short_channel_that_nobody_redeems_is_told_before_it_ends_and_as_a_warning(
    stage: Stage, tmp_path: Path
) -> None:
    """Ledgers pass in which nothing changes, and the alarm comes all the same."""
    told = tmp_path / "told"
    stage.with_settings(
        alerts=AlertSettings(command=tuple(writing_to(told)), command_from="warning")
    )
    stage.pace = 0.1  # so that a command can tell of it before it is over
    channel = await stage.channel(settle_delay=110)
    await stage.keep(channel, 30 * XRP)

    async def is_told() -> bool:
        return "slack_low" in names(told)

    async with stage.tower(shadow=True, machine=Machine(rhythm=QUICK)):
        await stage.close_request(channel)
        await stage.until(is_told)
    said = [json.loads(line) for line in told.read_text().splitlines()]
    assert [one["severity"] for one in said if one["name"] == "slack_low"] == ["warning"]


async def test_a_route_that_fails_for_long_is_told_by_the_others_and_in_the_status(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told by it knows nothing, and does not know that."""
    monkeypatch.setattr(route_watch, "_LONG", 0.0)
    told = tmp_path / "told"
    hook = "http://127.0.0.1:1/T0KEN"
    stage.with_settings(
        alerts=AlertSettings(
            command=tuple(writing_to(told)), webhook=hook, heartbeat_url=f"{hook}/heart"
        )
    )

    async def is_told() -> bool:
        failing = {
            json.loads(line)["subject"]
            for line in told.read_text().splitlines()
            if json.loads(line)["name"] == "route_failing"
        }
        return failing == {"webhook 127.0.0.1", "heartbeat 127.0.0.1"}

    async with stage.tower(machine=Machine(rhythm=QUICK)):
        await stage.until(is_told)
    routes = {route["route"]: route for route in (await note(stage, STATUS_NOTE))["routes"]}
    failing = routes["webhook 127.0.0.1"]
    assert failing["why"] == "cannot be reached (ConnectError)"
    assert failing["waiting"] >= 1
    assert routes[f"command {sys.executable}"]["delivered"] >= 1
    assert "T0KEN" not in msgspec.json.encode(routes).decode() + told.read_text()


async def test_a_tower_whose_routes_all_hang_redeems_all_the_same(
    stage: Stage, tmp_path: Path
) -> None:
    """A command that sleeps for ever and a webhook that nobody serves: what is owed is paid."""
    secret = tmp_path / "apprise"
    secret.write_text("json://127.0.0.1:1/T0KEN\n")
    secret.chmod(0o600)
    hanging = (sys.executable, "-c", "import time; time.sleep(600)")
    stage.with_settings(
        alerts=AlertSettings(
            command=hanging, webhook="http://127.0.0.1:1/", apprise_file=str(secret)
        )
    )
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower(machine=Machine(rhythm=QUICK)):
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)


@pytest.mark.parametrize(
    ("alerts", "file", "why"),
    [
        ({"apprise_file": "x"}, ("json://h/T0KEN\n", 0o644), "others may read it"),
        ({"apprise_file": "x"}, ("# one\nnosuch://T0KEN\n", 0o600), "line 2 is no address"),
        ({"apprise_file": "x"}, ("# none\n", 0o600), "has 0 addresses"),
        ({"apprise_file": "x"}, ("json://T0KEN\n" * 17, 0o600), "has 17 addresses"),
        ({"heartbeat_url_file": "x"}, ("ftp://T0KEN\n", 0o600), "not an http"),
        ({"webhooks": [{"url_file": "x"}]}, ("T0KEN\n", 0o600), "not an http"),
        ({"webhooks": [SIGNED]}, ("T0KEN\n", 0o600), "begins with whsec_.*openssl rand"),
        ({"webhooks": [SIGNED]}, ("# none\n", 0o600), "has 0 secrets"),
    ],
)
async def test_a_secret_file_that_cannot_be_used_is_told_at_the_start_without_what_it_holds(
    stage: Stage, tmp_path: Path, alerts: dict[str, Any], file: tuple[str, int], why: str
) -> None:
    """Not at three in the morning, when the first alarm is to be told."""
    secret = tmp_path / "x"
    secret.write_text(file[0])
    secret.chmod(file[1])
    stage.with_settings(alerts=msgspec.convert(alerts, AlertSettings).within(tmp_path))
    async with stage.tower() as daemon:
        with pytest.raises(ConfigError, match=why) as refused:
            await asyncio.wait_for(daemon, 20)
    assert str(secret) in str(refused.value)
    assert "T0KEN" not in str(refused.value)


async def short_channel(stage: Stage, folder: Path) -> tuple[ChannelId, Path]:
    """A channel of a minute with 30 XRP at stake; alarms are written into the file beside it."""
    told = folder / "told"
    stage.with_settings(alerts=AlertSettings(command=tuple(writing_to(told))))
    channel = await stage.channel(settle_delay=60)
    await stage.keep(channel, 30 * XRP)
    return channel, told


async def assert_lost_once(stage: Stage, channel: ChannelId, told: Path) -> None:
    """One message says so, and so does the status, for good."""
    assert names(told).count("lost") == 1
    said = await note(stage, STATUS_NOTE)
    assert (said["lost_drops"], said["lost_channels"], said["lost_last"]) == (30 * XRP, 1, channel)


async def test_a_loss_is_told_when_it_is_sure_and_once(stage: Stage, tmp_path: Path) -> None:
    """A payer leaves its channel in the ledger behind its end; later it takes it out after all."""
    channel, told = await short_channel(stage, tmp_path)

    async def is_guarded() -> bool:
        return (await note(stage, STATUS_NOTE)).get("at_stake") == 30 * XRP

    async def is_told() -> bool:
        return "lost" in names(told)

    async def is_gone() -> bool:
        said = await note(stage, STATUS_NOTE)
        return bool(said["channels"] == 0)  # judged, told and forgotten

    async with stage.tower(shadow=True, machine=Machine(rhythm=QUICK)):
        await stage.until(is_guarded)
        await stage.close_request(channel)
        await stage.sandbox.advance(70)
        await stage.until(is_told)
        assert not await is_gone()
        await stage.close_request(channel)
        await stage.until(is_gone)
    await assert_lost_once(stage, channel, told)


async def test_a_loss_that_nobody_saw_come_is_told_by_the_next_start_and_by_none_after_it(
    stage: Stage, tmp_path: Path
) -> None:
    """The payer never takes its channel out of the ledger, and the tower is started every day."""
    channel, told = await short_channel(stage, tmp_path)
    await stage.close_request(channel)
    await stage.sandbox.advance(70)
    await stage.sandbox.accept()

    async def is_counted() -> bool:
        return (await note(stage, STATUS_NOTE)).get("lost_last") == channel

    async def is_kept() -> bool:
        record = (await note(stage, ALERTS_NOTE)).get("told", [])
        is_told = "delivered" in [one["result"] for one in record if one["name"] == "lost"]
        return is_told and await kept_losses(stage) == {channel: 30 * XRP}

    async def is_let_go() -> bool:
        return await kept_losses(stage) == {}

    async with stage.tower(shadow=True, machine=Machine(rhythm=QUICK)):
        await stage.until(is_kept)
    for _ in range(2):
        async with stage.store() as store, store.write() as work:
            await work.notes.drop(STATUS_NOTE)
        async with stage.tower(shadow=True, machine=Machine(rhythm=QUICK)):
            await stage.until(is_counted)
    async with stage.tower(shadow=True, machine=Machine(rhythm=QUICK)):
        await stage.close_request(channel)
        await stage.until(is_let_go)
    await assert_lost_once(stage, channel, told)


async def test_what_was_paid_while_the_tower_was_away_is_no_loss(
    stage: Stage, tmp_path: Path
) -> None:
    """A wallet has redeemed the channel before its end, which the tower reads after its start."""
    channel, told = await short_channel(stage, tmp_path)

    async def is_closing() -> bool:
        return bool((await note(stage, STATUS_NOTE)).get("deadlines"))

    async with stage.tower(shadow=True, machine=Machine(rhythm=QUICK)):
        await stage.close_request(channel)
        await stage.until(is_closing, closing=False)
    claim = stage.claim(channel, 30 * XRP)
    redeeming = {
        "TransactionType": "PaymentChannelClaim",
        "Channel": channel,
        "Amount": str(claim.amount),
        "Balance": str(claim.amount),
        "Signature": claim.signature,
        "PublicKey": claim.public_key,
    }
    await stage.hand.submit(redeeming, stage.payee)
    await stage.sandbox.accept()
    assert await stage.balance(channel) == 30 * XRP
    await stage.sandbox.advance(70)
    newest = int((await stage.hand.request("ledger", ledger_index="validated"))["ledger_index"])
    await stage.sandbox.accept()

    way = Way(holding='"ledger_index')  # history and present state, and not what is announced

    async def has_judged() -> bool:
        said = await note(stage, STATUS_NOTE)
        return int(said.get("ledger_index") or 0) > newest + 2

    async def is_caught_up() -> bool:
        said = await note(stage, STATUS_NOTE)
        return bool(said["gaps"] == 0 and not said["deadlines"])

    async with stage.tower(shadow=True, machine=Machine(rhythm=QUICK, dial=way.dial)):
        await stage.until(has_judged)
        assert (await note(stage, STATUS_NOTE))["lost_drops"] == 0
        way.is_free.set()
        await stage.until(is_caught_up)
    assert "lost" not in names(told)
    assert (await note(stage, STATUS_NOTE))["lost_drops"] == 0


async def test_a_tower_that_is_stopped_has_written_down_what_it_told(
    stage: Stage, tmp_path: Path
) -> None:
    """Stopped before its next round, it does not tell a loss again when it is started."""
    channel, told = await short_channel(stage, tmp_path)
    await stage.close_request(channel)
    await stage.sandbox.advance(70)
    await stage.sandbox.accept()
    way = Way()
    machine = Machine(stopping=way.stopping, rhythm=Rhythm(rounds=3_600))

    async def is_told() -> bool:
        return "lost" in names(told)

    async with stage.tower(shadow=True, machine=machine) as daemon:
        await stage.until(is_told)
        assert await kept_losses(stage) == {}
        way.stop.set()
        await asyncio.wait_for(daemon, 30)
    assert await kept_losses(stage) == {channel: 30 * XRP}


async def kept_losses(stage: Stage) -> dict[ChannelId, Drops]:
    """What the store says was told as lost."""
    async with stage.store() as store, store.read() as work:
        return losses_of(await work.notes.load_all())


async def test_a_loss_is_written_down_behind_what_is_to_be_told_of_it(stage: Stage) -> None:
    """Killed between the two, it is told twice, and not never."""
    channel = await stage.channel()
    async with stage.store() as store:
        losses = Losses(store=store)
        losses.told(channel, Drops(7), at=RippleTime(9))
        await losses.look()
        assert await kept_losses(stage) == {}
        await losses.look()
    assert await kept_losses(stage) == {channel: 7}
