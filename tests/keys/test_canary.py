"""The canary's key signs a drill's few transactions, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.store.make import store as new_store
from watchtower.errors import DrillRefusedError, KeyMissingError, SigningRefusedError
from watchtower.judgement.claim import Verified, verify
from watchtower.keys.canary import Canary, find_canary, make_canary
from watchtower.keys.canary_forms import CanaryLimits, channel_of, open_fields
from watchtower.keys.vault import Vault
from watchtower.sandbox.hashing import channel_index
from watchtower.sandbox.people import Person
from watchtower.store.secrets import CANARY
from watchtower.units import Address, ChannelId, Drops

PERSON = Person.named("a canary")
PAYEE = Person.named("a payee")
CHANNEL = ChannelId("C" * 64)
AMOUNT = Drops(1_000_000)
LIMITS = CanaryLimits(payee=PAYEE.address, amount=AMOUNT, fee=Drops(100))
OPENED = {CHANNEL: AMOUNT}
COMMON = {"Fee": "12", "Sequence": 5, "LastLedgerSequence": 90}


def opening(**other: Any) -> dict[str, Any]:
    """Return what opens a canary channel, but for what is said otherwise."""
    fields = open_fields(PERSON.address, PAYEE.address, AMOUNT, 3600, PERSON.public_key)
    return {**fields, **COMMON, **other}


def closing(**other: Any) -> dict[str, Any]:
    """Return what asks to close one, but for what is said otherwise."""
    return {
        "TransactionType": "PaymentChannelClaim",
        "Account": PERSON.address,
        "Channel": CHANNEL,
        "Flags": 0x00020000,
        **COMMON,
        **other,
    }


async def canary_in(folder: Path) -> Canary:
    """Return the canary of a new store."""
    async with await new_store(folder / "watchtower.db") as store:
        return await make_canary(store, PERSON.seed, [PAYEE.address])


@pytest.mark.parametrize("transaction", [opening(), closing(), opening(NetworkID=2000)])
async def test_a_drills_transactions_are_signed(tmp_path: Path, transaction: Any) -> None:
    """What opens the channel, and what asks to close it."""
    canary = await canary_in(tmp_path)

    assert (await canary.sign(transaction, limits=LIMITS, opened=OPENED)).blob


@pytest.mark.parametrize(
    ("transaction", "why"),
    [
        ({**COMMON, "TransactionType": "Payment"}, "signs nothing but"),
        ({**COMMON, "TransactionType": "SetRegularKey"}, "signs nothing but"),
        (opening(Destination=PERSON.address), "nobody else"),
        (opening(Amount=str(AMOUNT + 1)), "no more than"),
        (opening(Amount="-1"), "no more than"),
        (opening(PublicKey=PAYEE.public_key), "own key"),
        (opening(Account=PAYEE.address), "canary's account alone"),
        (opening(Fee="101"), "above the cap"),
        (opening(LastLedgerSequence=0), "LastLedgerSequence"),
        (opening(CancelAfter=1), "CancelAfter"),
        (closing(Flags=0), "no other flag"),
        (closing(Flags=0x00030000), "no other flag"),
        (closing(Channel="D" * 64), "no others"),
        (closing(Balance="5"), "Balance"),
        (closing(Amount="5", Balance="5", Signature="00", PublicKey="02"), "Amount"),
        (closing(Account=PAYEE.address), "canary's account alone"),
        (closing(Delegate=PAYEE.address), "Delegate"),
    ],
)
async def test_anything_else_is_refused(tmp_path: Path, transaction: Any, why: str) -> None:
    """A mistaken drill, or a thief of this process, gets no other signature."""
    canary = await canary_in(tmp_path)

    with pytest.raises(SigningRefusedError, match=why):
        await canary.sign(transaction, limits=LIMITS, opened=OPENED)


async def test_claims_are_signed_on_drills_channels_up_to_what_is_in_them(tmp_path: Path) -> None:
    """The claim is one that the ledger takes; on another channel, or above, there is none."""
    canary = await canary_in(tmp_path)

    claim = canary.sign_claim(CHANNEL, AMOUNT, opened=OPENED)

    assert isinstance(verify(claim), Verified)
    for channel, amount in ((ChannelId("D" * 64), AMOUNT), (CHANNEL, Drops(AMOUNT + 1))):
        with pytest.raises(SigningRefusedError):
            canary.sign_claim(channel, amount, opened=OPENED)


async def test_no_signer_of_the_daemon_finds_the_key(tmp_path: Path) -> None:
    """It is listed as nobody's key, signs for no account, and is not removed as one."""
    async with await new_store(tmp_path / "watchtower.db") as store:
        made = await make_canary(store, PERSON.seed, [])
        vault = Vault(store)

        assert await vault.cards() == []
        with pytest.raises(KeyMissingError):
            await vault.key_of(made.address)
        with pytest.raises(KeyMissingError):
            await vault.remove(CANARY)
        found = await find_canary(store)

    assert found is not None
    assert (found.address, found.public_key) == (PERSON.address, PERSON.public_key)
    assert PERSON.seed not in repr(found)


async def test_a_key_that_signs_for_a_guarded_account_is_no_canary(tmp_path: Path) -> None:
    """Neither a guarded account's own key, nor one that is held as its regular key."""
    regular = Person.named("a regular key")
    async with await new_store(tmp_path / "watchtower.db") as store:
        await Vault(store).import_seed(PAYEE.address, regular.seed, regular_key=True)
        for person in (PAYEE, regular):
            with pytest.raises(DrillRefusedError, match="signs for a guarded account"):
                await make_canary(store, person.seed, [PAYEE.address])

        assert await find_canary(store) is None


async def test_a_canary_is_not_replaced_by_another_one(tmp_path: Path) -> None:
    """Its channels would be left with nobody to close them; the same one again is no mistake."""
    async with await new_store(tmp_path / "watchtower.db") as store:
        first = await make_canary(store, None, [])
        with pytest.raises(DrillRefusedError, match="already"):
            await make_canary(store, PERSON.seed, [])
        found = await find_canary(store)

    assert found is not None
    assert found.address == first.address


def test_a_channels_id_is_the_ledgers() -> None:
    """By it the channel is known before what opens it was sent."""
    ours = channel_of(PERSON.address, PAYEE.address, 7)

    assert ours == channel_index(PERSON.address, PAYEE.address, 7)
    assert ours != channel_of(Address(PAYEE.address), Address(PERSON.address), 7)
