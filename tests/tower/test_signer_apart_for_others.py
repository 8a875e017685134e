"""A daemon without any secret: its own account's key, too, is with a signer that runs apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.signer.process import SignerProcess
from tests.tower.conftest import XRP, Stage, stage_on
from tests.tower.cosigners import PEOPLE, company_on
from tests.tower.test_delegated import (
    A_KEY_OF_THE_PAYEE,
    TOWER,
    alarms,
    claims,
    delegated_on,
    permit,
    xrp_of,
)
from tests.tower.test_signer_apart import HASTY
from watchtower.key_settings import KeySettings
from watchtower.keys.vault import Algorithm, Vault
from watchtower.settings import FeeSettings, TicketSettings
from watchtower.store.database import Store
from watchtower.store.secrets import IDENTITY
from watchtower.units import ChannelId


async def take_keys_away(stage: Stage, signer: SignerProcess) -> None:
    """Have the signer hold the keys, and nobody else."""
    stage.with_settings(keys=KeySettings(signer=str(signer.socket)))
    async with stage.store() as store:
        for card in await Vault(store).cards():
            await Vault(store).remove(card.account)


async def secrets_of(stage: Stage) -> set[str]:
    """Whose secrets are in the daemon's store."""
    async with stage.store() as store, store.read() as work:
        return {key.account for key in await work.secrets.load_all()}


async def signed_as(signer: SignerProcess, channel: ChannelId) -> list[str | None]:
    """As which of its own accounts a signer signed for a channel; None: by the account's key."""
    told = await signer.journal()
    return [e.facts.get("signed_as") for e in told if e.kind == "signed" and e.channel == channel]


@asynccontextmanager
async def delegate_apart(
    folder: Path, **settings: Any
) -> AsyncIterator[tuple[Stage, SignerProcess]]:
    """A daemon that is a delegate, and its signer, with the payee's regular key in it as well."""
    async with delegated_on(folder) as stage:
        signer = await SignerProcess.make(
            folder / "signer",
            own=(TOWER,),
            payees=[stage.payee.address],
            delegate=TOWER.address,
            **settings,
        )
        await take_keys_away(stage, signer)
        try:
            yield stage, signer
        finally:
            await signer.kill()


async def name_regular_key(stage: Stage, signer: SignerProcess) -> None:
    """The payee names a key that the signer has."""
    regular = {"TransactionType": "SetRegularKey", "RegularKey": A_KEY_OF_THE_PAYEE.address}
    await stage.hand.settle(regular, stage.payee)
    async with await Store.open(Path(signer.settings.store), "correct horse") as store:
        await Vault(store).import_seed(
            stage.payee.address,
            A_KEY_OF_THE_PAYEE.seed,
            algorithm=Algorithm.SECP256K1,
            regular_key=True,
        )


async def test_a_delegates_key_is_apart_and_the_daemon_redeems_by_it(tmp_path: Path) -> None:
    """The payee gains the whole claim, the delegate's account pays, and no secret is here."""
    async with delegate_apart(tmp_path) as (stage, signer):
        await signer.start()
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        await permit(stage)
        before, of_tower = await stage.money(), await xrp_of(stage, TOWER)
        async with stage.tower(machine=HASTY):
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
            await stage.until_told(channel, "attempt_settled")
        (claim,) = await claims(stage)
        assert (claim["Delegate"], claim["SigningPubKey"]) == (TOWER.address, TOWER.public_key)
        assert await stage.money() == before + 30 * XRP
        assert await xrp_of(stage, TOWER) == of_tower - int(claim["Fee"])
        assert await secrets_of(stage) <= {IDENTITY}
        assert await signed_as(signer, channel) == [TOWER.address]


async def test_where_the_delegates_day_is_spent_the_next_right_signs_and_people_are_told(
    tmp_path: Path,
) -> None:
    """In the same ledger's pass: a cap is no reason to wait; the alarm names it, and ends."""
    caps = {"fee_cap_drops": 1_000_000, "daily_cap_drops": 1_000_000, "daily_signatures": 1}
    async with delegate_apart(tmp_path, **caps) as (stage, signer):
        await name_regular_key(stage, signer)
        await signer.start()
        stage.with_settings(tickets=TicketSettings(pool=0, low_water=0))
        channels = [await stage.channel() for _ in range(2)]
        for channel in channels:
            await stage.keep(channel, 30 * XRP)
        await permit(stage)
        async with stage.tower(machine=HASTY):
            for channel in channels:
                await stage.until_told(channel, "judged")
                await stage.close_request(channel)
                await stage.until_paid(channel, 30 * XRP)

            async def told() -> bool:
                return "signer_capped" in await alarms(stage)

            await stage.until(told)
            sentence = (await alarms(stage))["signer_capped"]
        assert "`signer.daily_signatures` allows, 1" in sentence
        assert TOWER.address in sentence
        assert await signed_as(signer, channels[0]) == [TOWER.address]
        assert await signed_as(signer, channels[1]) == [None]
        refused = [e for e in await signer.journal() if e.kind == "signing_refused"]
        assert len(refused) == 1


async def test_a_spent_day_is_asked_for_once_a_ledger_and_not_claim_by_claim(
    tmp_path: Path,
) -> None:
    """Forty channels close at once, and three claims are signed a day; all are paid tomorrow."""
    count, most = 40, 3
    async with stage_on(tmp_path) as stage:
        signer = await SignerProcess.make(tmp_path / "signer", stage.payee, daily_signatures=most)
        await take_keys_away(stage, signer)
        stage.with_settings(tickets=TicketSettings(pool=0, low_water=0))
        channels = [await stage.channel() for _ in range(count)]
        for channel in channels:
            await stage.keep(channel, 30 * XRP)
        await signer.start()
        try:
            async with stage.tower(machine=HASTY):
                await stage.until_told(channels[-1], "judged")
                begun = stage.sandbox.network.chain.validated.index
                for channel in channels:
                    close = {
                        "TransactionType": "PaymentChannelClaim",
                        "Channel": channel,
                        "Flags": 0x00020000,
                    }
                    await stage.hand.submit(close, stage.payer)
                await stage.sandbox.accept()

                async def told() -> bool:
                    return "signer_capped" in await alarms(stage)

                await stage.until(told)
                for _ in range(3):
                    await stage.sandbox.accept()
                paid = [c for c in channels if await stage.balance(c) == 30 * XRP]
                ledgers = stage.sandbox.network.chain.validated.index - begun
            refused = [e for e in await signer.journal() if e.kind == "signing_refused"]
            assert len(paid) <= most
            # In turn by each right that there is a key for, and for what waits in each ledger.
            assert 0 < len(refused) <= 2 * ledgers < count
        finally:
            await signer.kill()


async def test_no_more_is_bid_than_the_signer_signs(tmp_path: Path) -> None:
    """Its cap is below ours: all is redeemed below the lower one, and people are told."""
    async with stage_on(tmp_path) as stage:
        signer = await SignerProcess.make(tmp_path / "signer", stage.payee, fee_cap_drops=40)
        await take_keys_away(stage, signer)
        stage.with_settings(
            tickets=TicketSettings(pool=0, low_water=0),
            fees=FeeSettings(cap_drops=1_000_000, daily_cap_drops=10_000_000),
        )
        channel = await stage.channel(settle_delay=900)
        await stage.keep(channel, 90 * XRP)
        await signer.start()
        try:
            async with stage.tower(machine=HASTY):

                async def told() -> bool:
                    return "signer_cap_below" in await alarms(stage)

                await stage.until(told)
                await stage.close_request(channel)
                # So near its end that it is worth far more than forty drops.
                await stage.sandbox.advance(890)
                await stage.until_paid(channel, 90 * XRP)
            assert "`signer.fee_cap_drops`" in (await alarms(stage))["signer_cap_below"]
            assert not [e for e in await signer.journal() if e.kind == "signing_refused"]
            assert all(int(claim["Fee"]) <= 40 for claim in await claims(stage))
        finally:
            await signer.kill()


async def test_a_share_in_a_signer_list_comes_from_a_signer_apart_on_both_sides(
    tmp_path: Path,
) -> None:
    """Neither daemon has a secret; who is asked says that it cannot sign until its signer runs."""
    async with company_on(tmp_path) as company:
        asking, asked = company.first, replace(company.others[0])
        payee = asking.payee.address
        ours = await SignerProcess.make(
            tmp_path / "ours", own=(PEOPLE[0],), payees=[payee], list_signer=PEOPLE[0].address
        )
        theirs = await SignerProcess.make(
            tmp_path / "theirs", own=(PEOPLE[1],), cosign_for=[payee], list_signer=PEOPLE[1].address
        )
        for stage, signer in ((asking, ours), (asked, theirs)):
            await take_keys_away(stage, signer)
        await ours.start()
        channel = await asking.channel()
        await asking.keep(channel, 30 * XRP)
        try:
            async with asking.tower(machine=HASTY), asked.tower(machine=HASTY):
                await company.until_watching(asked)
                await asking.close_request(channel)
                # The co-signer answers, and does not sign: its own signer is not there yet.
                await company.until_alarmed("cosigner_refused", channel)
                assert await asking.balance(channel) == 0
                await theirs.start()
                await asking.until_paid(channel, 30 * XRP)
                assert "cosigner_faulty" not in await company.alarms()
            assert await company.signers_of(channel) == {PEOPLE[0].address, PEOPLE[1].address}
            assert await secrets_of(asking) | await secrets_of(asked) <= {IDENTITY}
            assert set(await signed_as(ours, channel)) == {PEOPLE[0].address}
            assert set(await signed_as(theirs, channel)) == {PEOPLE[1].address}
        finally:
            await ours.kill()
            await theirs.kill()
