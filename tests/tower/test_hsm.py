"""The whole tower with keys in a real token, on the sandbox ledger."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from xrpl.core.binarycodec import decode
from xrpl.core.keypairs import derive_classic_address

from tests.softhsm import PIN, SoftHsm, softhsm_in
from tests.tower.conftest import XRP, Stage
from tests.tower.test_accounts import DISABLE_MASTER, alarms
from watchtower.errors import HsmError, SigningError
from watchtower.hsm_settings import HsmKeySettings, HsmSettings
from watchtower.keys.store_key import slot_by_hsm
from watchtower.keys.vault import Algorithm
from watchtower.keys.ways import AnyWayIn
from watchtower.settings import AlertSettings
from watchtower.store.database import Store
from watchtower.store.header import Slot
from watchtower.store.tables import FORMAT
from watchtower.tower import key_watch


@pytest.fixture
def softhsm(tmp_path: Path) -> Iterator[SoftHsm]:
    """Give a token of a real module."""
    with softhsm_in(tmp_path / "hsm") as made:
        yield made


async def _key_in_token(stage: Stage, softhsm: SoftHsm, algorithm: Algorithm) -> str:
    """Have a key that is made in the token sign for the payee, as its regular key."""
    hsm = softhsm.hsm()
    key = await hsm.make_key("payee", algorithm)
    await hsm.close()
    address = derive_classic_address(key.public_key)
    await stage.hand.settle(
        {"TransactionType": "SetRegularKey", "RegularKey": address}, stage.payee
    )
    signs = HsmKeySettings(account=stage.payee.address, label="payee", regular_key=True)
    stage.with_settings(hsm=HsmSettings(**softhsm.settings(keys=(signs,))))
    return key.public_key


async def _signed_by(stage: Stage) -> set[str]:
    """The keys that signed what the tower sent."""
    async with stage.store() as store, store.read() as work:
        attempts = await work.attempts.load_all()
    return {decode(attempt.blob)["SigningPubKey"] for attempt in attempts}


async def _until_alarm(stage: Stage, *, stands: bool) -> None:
    async def told() -> bool:
        return ("hsm_does_not_sign" in await alarms(stage)) is stands

    await stage.until(told)


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_a_key_in_a_token_redeems(
    stage: Stage, softhsm: SoftHsm, algorithm: Algorithm, tmp_path: Path
) -> None:
    """The store's key, which signs no more, is neither tried nor complained about."""
    key = await _key_in_token(stage, softhsm, algorithm)
    disable = {"TransactionType": "AccountSet", "SetFlag": DISABLE_MASTER}
    await stage.hand.settle(disable, stage.payee)
    told = tmp_path / "told.jsonl"
    code = f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + chr(10))"
    stage.with_settings(alerts=AlertSettings(command=(sys.executable, "-c", code)))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled")
        assert "authority_lost" not in await alarms(stage)
    assert await _signed_by(stage) == {key}
    assert "authority_lost" not in told.read_text()


async def test_a_token_that_is_away_while_it_is_owed_redeems_when_it_is_back(
    stage: Stage, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alarm stands meanwhile, and nothing else signs; then it ends."""
    monkeypatch.setattr(key_watch, "_AGAIN", 0.05)
    key = await _key_in_token(stage, softhsm, Algorithm.SECP256K1)
    channel, sooner = await stage.channel(), await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.keep(sooner, 10 * XRP)
    async with stage.tower():
        await stage.close_request(sooner)
        await stage.until_paid(sooner, 10 * XRP)
        softhsm.take_away()
        await stage.close_request(channel)
        await _until_alarm(stage, stands=True)
        assert await stage.balance(channel) == 0
        softhsm.bring_back()
        await stage.until_paid(channel, 30 * XRP)
        await _until_alarm(stage, stands=False)
    assert await _signed_by(stage) == {key}


async def test_a_token_that_is_gone_is_alarmed_before_anything_is_owed(
    stage: Stage, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a payer closes, it would be late to look for it."""
    monkeypatch.setattr(key_watch, "_EVERY", 0.05)
    monkeypatch.setattr(key_watch, "_AGAIN", 0.05)
    await _key_in_token(stage, softhsm, Algorithm.ED25519)
    async with stage.tower():
        await stage.until(lambda: _runs(stage))
        softhsm.take_away()
        await _until_alarm(stage, stands=True)
        told = (await alarms(stage))["hsm_does_not_sign"]
        assert told["subject"] == stage.payee.address
        assert "is not there" in told["sentence"]
        softhsm.bring_back()
        await _until_alarm(stage, stands=False)


async def test_a_wrong_pin_loses_nothing_and_the_right_one_is_taken_while_the_tower_runs(
    stage: Stage, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to start it anew, and claims are taken all the time."""
    monkeypatch.setattr(key_watch, "_AGAIN", 0.05)
    await _key_in_token(stage, softhsm, Algorithm.SECP256K1)
    channel = await stage.channel()
    softhsm.give_pin("wrong-pin")
    async with stage.tower():
        await stage.keep(channel, 30 * XRP)
        await stage.close_request(channel)
        await _until_alarm(stage, stands=True)
        assert "PIN" in (await alarms(stage))["hsm_does_not_sign"]["sentence"]
        assert await stage.balance(channel) == 0
        softhsm.give_pin(PIN)
        await stage.until_paid(channel, 30 * XRP)


async def test_a_master_key_in_a_token_signs_only_in_so_many_words(
    stage: Stage, softhsm: SoftHsm
) -> None:
    """That it is in a token makes it no weaker key."""
    await _key_in_token(stage, softhsm, Algorithm.SECP256K1)
    [key] = stage.settings.hsm.keys
    as_master = msgspec.structs.replace(key, regular_key=False)
    stage.with_settings(hsm=msgspec.structs.replace(stage.settings.hsm, keys=(as_master,)))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    async with stage.tower(once=True) as daemon:
        with pytest.raises(SigningError):
            await asyncio.wait_for(daemon, 60)
    assert await stage.balance(channel) == 0


async def test_once_says_what_the_token_lacks(stage: Stage, softhsm: SoftHsm) -> None:
    """Somebody looks at the exit code, and the next run redeems."""
    await _key_in_token(stage, softhsm, Algorithm.SECP256K1)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    softhsm.take_away()
    async with stage.tower(once=True) as daemon:
        with pytest.raises(HsmError):
            await asyncio.wait_for(daemon, 60)
    softhsm.bring_back()
    async with stage.tower(once=True) as daemon:
        await stage.until_paid(channel, 30 * XRP)
        await asyncio.wait_for(daemon, 60)


async def test_a_tower_whose_store_the_token_opens_redeems_with_a_key_of_it(
    stage: Stage, softhsm: SoftHsm
) -> None:
    """One token for both: it is opened for the store, and again for signing."""
    key = await _key_in_token(stage, softhsm, Algorithm.ED25519)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    hsm = softhsm.hsm()
    async with stage.store() as store:
        before = await store.slots()

        async def slots(master: bytes) -> list[Slot]:
            return [await slot_by_hsm(hsm, "store", master, FORMAT), *before]

        await store.replace_slots(slots)
    way = AnyWayIn(lambda: "", softhsm.hsm())
    async with await Store.open(Path(stage.settings.store), way):
        pass
    async with stage.tower(secret=way):
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
    assert await _signed_by(stage) == {key}


async def _runs(stage: Stage) -> bool:
    async with stage.store() as store, store.read() as work:
        return (await work.cursor.get()) is not None
