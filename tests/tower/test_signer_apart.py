"""The daemon redeems through a signer that is a process of its own, and holds no secret itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.alerts.test_desk import Heard
from tests.signer.process import SignerProcess
from tests.tower import test_mass_exit
from tests.tower.conftest import PASSPHRASE, XRP, Stage, stage_on
from tests.tower.test_authority import told_alarms
from tests.tower.test_telling import writing_to
from watchtower.alerts.desk import Desk
from watchtower.cli import main
from watchtower.errors import SignerUnreachableError
from watchtower.key_settings import KeySettings
from watchtower.keys.appointment import address_of
from watchtower.keys.next_key import fresh_key
from watchtower.keys.vault import Algorithm, Vault
from watchtower.machine import Machine
from watchtower.response.respond import Response
from watchtower.sandbox.people import Person
from watchtower.settings import AlertSettings
from watchtower.store.database import Store
from watchtower.store.secrets import IDENTITY, Standing
from watchtower.tower.changes import Changes
from watchtower.tower.herald import Herald
from watchtower.tower.tending import STATUS_NOTE, Rhythm

HASTY = Machine(rhythm=Rhythm(rounds=0.2))


@asynccontextmanager
async def with_signer(folder: Path, **settings: Any) -> AsyncIterator[tuple[Stage, SignerProcess]]:
    """A stage whose daemon has a signer, which does not run yet, and no key."""
    async with stage_on(folder) as stage:
        signer = await SignerProcess.make(folder / "signer", stage.payee, **settings)
        stage.with_settings(keys=KeySettings(signer=str(signer.socket)))
        async with stage.store() as store:
            await Vault(store).remove(stage.payee.address)
        try:
            yield stage, signer
        finally:
            await signer.kill()


async def alarms(stage: Stage) -> set[str]:
    """The alarms that stand, by the daemon's own status."""
    async with stage.store() as store, store.read() as work:
        status = await work.notes.get(STATUS_NOTE) or {"alarms": []}
    return {alarm["name"] for alarm in status["alarms"]}


async def until_unreachable(stage: Stage, *, stands: bool) -> None:
    """Wait until the alarm about the signer stands, or ends."""

    async def does() -> bool:
        return ("signer_unreachable" in await alarms(stage)) == stands

    await stage.until(does)


async def test_a_channel_is_redeemed_and_no_secret_is_in_the_daemons_store(tmp_path: Path) -> None:
    """Tickets first, then the claim; each is in the signer's journal as it is on the ledger."""
    async with with_signer(tmp_path) as (stage, signer):
        await signer.start()
        channel = await stage.channel()
        await stage.keep(channel, 5 * XRP)
        async with stage.tower(machine=HASTY):
            await stage.until_tickets(4)
            await stage.close_request(channel)
            await stage.until_paid(channel, 5 * XRP)
            (made,) = await stage.until_told(channel, "attempt_made")
            assert "signer_unreachable" not in await alarms(stage)
        async with stage.store() as store, store.read() as work:
            assert {key.account for key in await work.secrets.load_all()} <= {IDENTITY}
        signed = [entry for entry in await signer.journal() if entry.kind == "signed"]
    assert {entry.facts["form"] for entry in signed} == {"TicketCreate", "PaymentChannelClaim"}
    (redeemed,) = [entry for entry in signed if entry.channel == channel]
    assert redeemed.facts["transaction"] == made.facts["transaction"]


async def test_a_signer_that_comes_late_is_an_alarm_and_no_loss(tmp_path: Path) -> None:
    """The alarm stands from the start, what is owed stays owed, and both end with the signer."""
    async with with_signer(tmp_path) as (stage, signer):
        channel = await stage.channel()
        await stage.keep(channel, 5 * XRP)
        async with stage.tower(machine=HASTY):
            await until_unreachable(stage, stands=True)
            await stage.close_request(channel)
            for _ in range(5):
                await stage.sandbox.accept()
            assert await stage.balance(channel) == 0
            await signer.start()
            await stage.until_paid(channel, 5 * XRP)
            await until_unreachable(stage, stands=False)


async def test_a_rotation_at_the_signer_is_no_lost_authority_and_its_next_key_redeems(
    tmp_path: Path,
) -> None:
    """The ledger names a key that was made there after the daemon had asked for the keys."""
    told = tmp_path / "told"
    async with with_signer(tmp_path) as (stage, signer):
        await signer.start()
        stage.with_settings(
            alerts=AlertSettings(command=tuple(writing_to(told)), command_from="warning")
        )
        channel = await stage.channel()
        await stage.keep(channel, 5 * XRP)
        seldom = Machine(rhythm=Rhythm(rounds=3_600))
        async with stage.tower(machine=seldom):
            await stage.until_tickets(4)  # so that the keys were asked for
            following = fresh_key(stage.payee.address, Algorithm.SECP256K1)
            async with (
                await Store.open(Path(signer.settings.store), PASSPHRASE) as store,
                store.write() as work,
            ):
                await work.secrets.put(
                    replace(following, standing=Standing.NEXT, is_regular_key=True)
                )
            for change in (
                {"TransactionType": "SetRegularKey", "RegularKey": address_of(following)},
                {"TransactionType": "AccountSet", "SetFlag": 4},  # asfDisableMaster
            ):
                await stage.hand.settle(change, stage.payee)
            await stage.close_request(channel)
            await stage.until_paid(channel, 5 * XRP)
    assert "authority_lost" not in told.read_text()


async def test_once_says_that_the_signer_is_missing(tmp_path: Path) -> None:
    """With what is owed unsigned, by an exit code of its own."""
    async with with_signer(tmp_path) as (stage, _):
        channel = await stage.channel()
        await stage.keep(channel, 5 * XRP)
        await stage.close_request(channel)
        async with stage.tower(once=True) as daemon:
            with pytest.raises(SignerUnreachableError, match="watchtower signer run"):
                await daemon


async def test_what_the_signer_refuses_is_owed_until_its_settings_allow_it(tmp_path: Path) -> None:
    """Settings that do not fit are no end of anything; with better ones it goes on."""
    other = Person.named("another payee of this signer")
    async with with_signer(tmp_path, payees=[other.address]) as (stage, signer):
        channels = [await stage.channel(), await stage.channel()]
        for channel in channels:
            await stage.keep(channel, 5 * XRP)
        await signer.start()
        async with stage.tower(machine=HASTY):
            for channel in channels:
                await stage.close_request(channel)

            async def is_missed() -> bool:
                return "no_right" in await told_alarms(stage)

            await stage.until(is_missed)
            await signer.stop()
            assert [await stage.balance(channel) for channel in channels] == [0, 0]
            config = tmp_path / "signer" / "signer.toml"
            config.write_text(config.read_text().replace(other.address, stage.payee.address))
            await signer.start()
            for channel in channels:
                await stage.until_paid(channel, 5 * XRP)


async def test_who_asks_by_what_right_is_told_of_the_signers_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that who steals the tower alone has not got it."""
    async with with_signer(tmp_path) as (stage, signer):
        config = tmp_path / "watchtower.toml"
        config.write_text(
            f'accounts = ["{stage.payee.address}"]\nservers = ["{stage.sandbox.url}"]\n'
            f'[keys]\nsigner = "{signer.socket}"\n[authority]\nallow_master_key = true\n'
        )
        monkeypatch.setenv("WATCHTOWER_CONFIG", str(config))
        monkeypatch.setenv("WATCHTOWER_PASSPHRASE", PASSPHRASE)
        for runs in (False, True):
            if runs:
                await signer.start()
            with pytest.raises(SystemExit):
                await asyncio.to_thread(main, ["authority", "show"])
            said = capsys.readouterr()
            assert (stage.payee.public_key in said.out) == runs
            assert ("cannot be used" in said.err) != runs
            assert ("Of the tower alone: burn fees" in said.out) == runs
            assert "Nothing may sign" not in said.out
            assert ("The signer apart could not be asked" in said.out) != runs


def test_what_the_signer_did_not_sign_is_an_alarm_at_once() -> None:
    """Before the next round; it ends with a round in which the signer answers."""
    heard = Heard()
    herald = Herald(Desk(heard, repeat_after=3600), Changes(None))
    missed = SignerUnreachableError(place="/run/signer", why="it hung up")
    owed = cast("Any", SimpleNamespace(account="rPayee", channel=None))
    herald.responded(Response(unsigned=((owed, missed),)))
    assert heard.said() == [("raised", "signer_unreachable", "/run/signer")]


@pytest.mark.parametrize("dies_at", [1, 11])
async def test_a_signer_killed_in_a_mass_close_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    """All is redeemed once it runs again, and the restart does not forget what was signed."""
    count = 120
    monkeypatch.setattr(test_mass_exit, "CHANNELS", count)
    async with with_signer(tmp_path) as (stage, signer):
        stage.pace = 0.1
        channels = await test_mass_exit.open_channels(stage)
        await test_mass_exit.keep_claims(stage, channels)
        await signer.start()
        seen: set[str] = set()
        deaths: list[asyncio.Task[None]] = []

        def see(tx: Any) -> None:
            if tx.account == stage.payee.address and "Channel" in tx.fields:
                seen.add(tx.hash)
                if len(seen) >= dies_at and not deaths:
                    # At once, and with the first of what was signed together: signing goes on
                    # beside the submissions, and must not be done before it dies.
                    assert signer.pid is not None
                    os.kill(signer.pid, signal.SIGKILL)
                    deaths.append(asyncio.create_task(signer.kill()))

        stage.sandbox.network.before_submit.append(see)
        async with stage.tower(machine=HASTY):
            await stage.until_tickets(4)
            test_mass_exit.close_all(stage, channels)
            await stage.sandbox.accept()

            async def is_dead() -> bool:
                return bool(deaths) and deaths[0].done()

            await stage.until(is_dead)
            await until_unreachable(stage, stands=True)
            assert test_mass_exit.unpaid(stage, channels) > 0
            await signer.start()

            async def all_paid() -> bool:
                return not test_mass_exit.unpaid(stage, channels)

            await stage.until(all_paid)
        signed = [entry for entry in await signer.journal() if entry.kind == "signed"]
    assert {entry.channel for entry in signed if entry.channel} == set(channels)
