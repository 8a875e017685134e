"""The steps of a rotation against a ledger that does as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from typing_extensions import override

from tests.keys.conftest import ED25519_SEED, SECP256K1_ACCOUNT, SECP256K1_SEED
from watchtower.errors import RotationError
from watchtower.keys.appointment import set_regular_key
from watchtower.keys.authority import Right
from watchtower.keys.next_key import fresh_key
from watchtower.keys.rotating import Rotator, Terms
from watchtower.keys.rotation import Rotation, Seen, Stage
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import Algorithm, Standing, Vault, key_of_seed
from watchtower.store.database import Store
from watchtower.units import Address, Drops, LedgerIndex

ACCOUNT = SECP256K1_ACCOUNT
NEW = fresh_key(ACCOUNT, Algorithm.ED25519)


@dataclass
class ScriptedLedger:
    """A ledger that names what is submitted after ``takes`` submissions, if at all."""

    takes: int = 1
    regular_key: Address | None = None
    ledger_index: int = 10
    sequence: int = 7
    fee: int = 10
    is_master_disabled: bool = False
    new: Address | None = None
    submitted: list[str] = field(default_factory=list)

    async def look(self, account: Address) -> Seen:
        """Tell what it is."""
        assert account == ACCOUNT
        return Seen(
            ledger_index=LedgerIndex(self.ledger_index),
            regular_key=self.regular_key,
            sequence=self.sequence,
            is_master_disabled=self.is_master_disabled,
        )

    async def terms(self, account: Address) -> Terms:
        """Tell the terms."""
        assert account == ACCOUNT
        return Terms(
            fee=Drops(self.fee),
            sequence=self.sequence,
            last_ledger=LedgerIndex(self.ledger_index + 3),
            network_id=0,
        )

    async def submit(self, blob: str) -> str:
        """Answer with success, which is no proof."""
        self.submitted.append(blob)
        return "tesSUCCESS"

    async def pause(self, _seen: Seen) -> None:
        """Close a ledger."""
        self.ledger_index += 1
        if len(self.submitted) == self.takes and self.regular_key != self.new:
            self.regular_key = self.new
            self.sequence += 1


def rotator(store: Store, ledger: ScriptedLedger) -> Rotator:
    """Who rotates, for 100 drops at most."""
    return Rotator(store, ledger, fee_cap=Drops(100))


async def owner() -> UnsealedKey:
    """The master key."""
    return UnsealedKey(key_of_seed(ACCOUNT, SECP256K1_SEED))


@pytest.fixture
async def begun(store: Store, vault: Vault) -> tuple[Rotator, ScriptedLedger, Rotation]:
    """A rotation of the account whose master key is in the vault."""
    assert await vault.cards()
    ledger = ScriptedLedger()
    rotating = rotator(store, ledger)
    rotation = await rotating.begin(NEW)
    ledger.new = rotation.new_address
    return rotating, ledger, rotation


Begun = tuple[Rotator, ScriptedLedger, Rotation]


async def test_a_success_that_no_ledger_has_is_no_proof(begun: Begun, store: Store) -> None:
    """Three transactions lapse, each answered with success; the old key still signs."""
    rotating, ledger, _ = begun
    ledger.takes = 10**6
    with pytest.raises(RotationError, match="3 SetRegularKeys came to nothing") as caught:
        await rotating.carry_on(ACCOUNT, owner)
    assert "tesSUCCESS" in str(caught.value)
    assert len(set(ledger.submitted)) == 3
    key = await Vault(store).key_of(ACCOUNT)
    assert key.public_key == (await owner()).public_key


async def test_a_master_key_is_put_aside_and_signs_no_more(begun: Begun, store: Store) -> None:
    """Nobody knows whether its seed is kept elsewhere; but nothing falls back on it."""
    rotating, _, _ = begun
    assert (await rotating.carry_on(ACCOUNT, owner)).stage is Stage.DONE
    cards = [card for card in await Vault(store).cards() if card.account == ACCOUNT]
    assert [card.standing for card in cards] == [Standing.SIGNS, Standing.FORMER]
    assert [card.is_regular_key for card in cards] == [True, False]
    for right in (None, Right.REGULAR_KEY, Right.MASTER_KEY):
        only_master = Vault(store, accepts=lambda _, key: key != NEW.public_key, right=right)
        assert (await only_master.key_of(ACCOUNT)).public_key == NEW.public_key


async def test_what_it_signs_names_the_new_key_and_nothing_else(begun: Begun) -> None:
    """One transaction, on a sequence, good for a few ledgers, by the key that was given."""
    from xrpl.core import binarycodec  # noqa: PLC0415

    rotating, ledger, rotation = begun
    await rotating.carry_on(ACCOUNT, owner)
    (blob,) = ledger.submitted
    fields = binarycodec.decode(blob)
    assert len(fields.pop("TxnSignature")) > 100
    assert fields == {
        **set_regular_key(ACCOUNT, rotation.new_address, 0),
        "Fee": "10",
        "Sequence": 7,
        "LastLedgerSequence": 13,
        "SigningPubKey": (await owner()).public_key,
    }


async def test_networks_with_a_number_are_named() -> None:
    """It must mean nothing on another network."""
    assert set_regular_key(ACCOUNT, Address("rNew"), 21337)["NetworkID"] == 21337
    assert "NetworkID" not in set_regular_key(ACCOUNT, Address("rNew"), 1024)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"fee": 101}, "101 drops now, and the cap is 100"),
        ({"is_master_disabled": True}, "master key was disabled"),
    ],
)
async def test_what_the_ledger_would_refuse_is_not_signed(
    begun: Begun, store: Store, change: dict[str, int], why: str
) -> None:
    """One sentence, and the rotation stays where it is."""
    rotating, ledger, rotation = begun
    for name, value in change.items():
        setattr(ledger, name, value)
    with pytest.raises(RotationError, match=why):
        await rotating.carry_on(ACCOUNT, owner)
    assert ledger.submitted == []
    async with store.read() as work:
        assert await work.rotations.get(ACCOUNT) == rotation


async def test_the_seed_of_somebody_else_signs_nothing(begun: Begun) -> None:
    """It is neither the account's master key nor its regular key."""
    rotating, ledger, _ = begun

    async def stranger() -> UnsealedKey:
        return UnsealedKey(key_of_seed(ACCOUNT, ED25519_SEED))

    for signing in (
        rotating.carry_on(ACCOUNT, stranger),
        rotating.check_owner(ACCOUNT, await stranger()),
    ):
        with pytest.raises(RotationError, match="neither its master key nor its regular key"):
            await signing
    assert ledger.submitted == []


async def test_a_master_key_is_no_regular_key(store: Store, vault: Vault) -> None:
    """The ledger refuses it (temBAD_REGKEY), so nothing is begun."""
    with pytest.raises(RotationError, match="refuses as a regular key"):
        await rotator(store, ScriptedLedger()).begin(key_of_seed(ACCOUNT, SECP256K1_SEED))
    cards = [card for card in await vault.cards() if card.account == ACCOUNT]
    assert [card.standing for card in cards] == [Standing.SIGNS]


async def test_the_regular_key_is_no_new_one(store: Store) -> None:
    """Rotated once, the same key cannot be the next one."""
    ledger = ScriptedLedger()
    rotating = rotator(store, ledger)
    ledger.new = (await rotating.begin(NEW)).new_address
    await rotating.carry_on(ACCOUNT, owner)
    with pytest.raises(RotationError, match="its regular key already"):
        await rotating.begin(NEW)
    assert [card.standing for card in await Vault(store).cards()] == [Standing.SIGNS]


async def test_one_rotation_at_a_time(begun: Begun, store: Store) -> None:
    """A second one would throw away a key that the ledger may be about to name."""
    rotating, _, rotation = begun
    with pytest.raises(RotationError, match="another rotation is under way"):
        await rotating.begin(fresh_key(ACCOUNT, Algorithm.SECP256K1))
    async with store.read() as work:
        key = await work.secrets.get(ACCOUNT, Standing.NEXT)
    assert key is not None
    assert key.public_key == rotation.new_key


async def test_two_that_resume_at_once_do_not_undo_each_other(begun: Begun, store: Store) -> None:
    """Who comes second sees that somebody went on, and changes nothing."""
    rotating, ledger, _ = begun

    class Slow(ScriptedLedger):
        @override
        async def look(self, account: Address) -> Seen:
            if self.ledger_index == 10:
                self.ledger_index += 1
                await rotating.carry_on(ACCOUNT, owner)
            return await ScriptedLedger.look(ledger, account)

    with pytest.raises(RotationError, match="another process went on with it"):
        await rotator(store, Slow()).carry_on(ACCOUNT, owner)
    cards = [card for card in await Vault(store).cards() if card.account == ACCOUNT]
    assert cards[0].public_key == NEW.public_key


async def test_a_rotation_is_given_up_only_while_nothing_can_come_of_it(
    begun: Begun, store: Store
) -> None:
    """A key that the ledger may name yet must not be forgotten: nobody would have it."""
    rotating, ledger, rotation = begun
    async with store.write() as work:
        signed = replace(rotation, stage=Stage.SIGNED)
        await work.rotations.put(signed)
    ledger.regular_key = rotation.new_address
    with pytest.raises(RotationError, match="names the new key already"):
        await rotating.abandon(ACCOUNT)
    ledger.regular_key = None
    ledger.takes = 10**6

    async def stop(_seen: Seen) -> None:
        raise KeyboardInterrupt

    ledger.pause = stop  # type: ignore[method-assign]  # somebody interrupts it
    with pytest.raises(KeyboardInterrupt):
        await rotating.carry_on(ACCOUNT, owner)
    with pytest.raises(RotationError, match="may still be validated"):
        await rotating.abandon(ACCOUNT)
    ledger.ledger_index += 3
    await rotating.abandon(ACCOUNT)
    cards = [card for card in await Vault(store).cards() if card.account == ACCOUNT]
    assert [card.standing for card in cards] == [Standing.SIGNS]
    with pytest.raises(RotationError, match="no rotation of it is under way"):
        await rotating.carry_on(ACCOUNT, owner)


async def test_what_pre_signed_bundles_it_kills_is_told(store: Store, vault: Vault) -> None:
    """Those of the key that it replaces, and no others; the journal has them, too."""
    assert await vault.cards()

    class Known:
        async def signed_by(self, account: Address, signer: Address) -> Sequence[str]:
            return [f"{account} by {signer}"]

    ledger = ScriptedLedger(regular_key=Address("rOld"))
    rotating = Rotator(store, ledger, fee_cap=Drops(100), bundles=Known())
    rotation = await rotating.begin(NEW)
    ledger.new = rotation.new_address
    done = await rotating.carry_on(ACCOUNT, owner)
    assert await rotating.killed_by(done) == [f"{ACCOUNT} by rOld"]
    async with store.read() as work:
        last = (await work.journal.tail(1))[-1].entry
    assert last.kind == "key_rotated"
    assert last.facts["killed_bundles"] == [f"{ACCOUNT} by rOld"]


async def test_the_proof_is_of_the_key_that_is_in_the_store(begun: Begun, store: Store) -> None:
    """If that is another one, the old key stays."""
    rotating, ledger, rotation = begun
    async with store.write() as work:
        other = fresh_key(ACCOUNT, Algorithm.SECP256K1)
        await work.secrets.put(replace(other, standing=Standing.NEXT))
    ledger.regular_key = rotation.new_address
    with pytest.raises(RotationError, match="not the one that the ledger names"):
        await rotating.carry_on(ACCOUNT)
    assert (await Vault(store).key_of(ACCOUNT)).public_key == (await owner()).public_key


async def test_nothing_of_it_shows_a_secret(begun: Begun, store: Store) -> None:
    """Not in the journal, and not in what is kept of the rotation."""
    rotating, _, _ = begun
    done = await rotating.carry_on(ACCOUNT, owner)
    async with store.read() as work:
        told = repr([e.entry for e in await work.journal.tail(99)]) + repr(done)
    old = key_of_seed(ACCOUNT, SECP256K1_SEED)
    for secret in (NEW.private_key, old.private_key):
        assert secret.hex() not in told.lower()
        assert repr(secret)[2:-1] not in told
