"""The signer's bytes are those of xrpl-py, and it signs nothing that it should not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xrpl.constants import CryptoAlgorithm
from xrpl.models.transactions.transaction import Transaction
from xrpl.transaction import sign
from xrpl.wallet import Wallet

from tests.keys.conftest import (
    ED25519_ACCOUNT,
    ED25519_SEED,
    SECP256K1_ACCOUNT,
    SECP256K1_SEED,
)
from tests.store import make
from watchtower.errors import KeyMissingError, MasterKeyIdleError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.signer import Signer
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import Vault
from watchtower.ledger.events import Seat
from watchtower.response.transaction import claim_transaction
from watchtower.response.way import Way
from watchtower.store.secrets import StoredKey
from watchtower.units import Address, Drops, LedgerIndex

ACCOUNTS = (SECP256K1_ACCOUNT, ED25519_ACCOUNT)
SEEDS = {SECP256K1_ACCOUNT: SECP256K1_SEED, ED25519_ACCOUNT: ED25519_SEED}
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class OneKey:
    """A key source that has one key, whatever the account."""

    def __init__(self, key: StoredKey) -> None:
        """Have ``key``."""
        self.key = key

    async def key_of(self, account: Address) -> UnsealedKey:
        """Return it as the key of ``account``."""
        return UnsealedKey(replace(self.key, account=account))


def _claim(account: Address, seat: Seat = Seat(7), network_id: int = 0) -> dict[str, Any]:
    return claim_transaction(
        account=account,
        claim=make.claim(1, 500),
        target=Drops(400),
        fee=Drops(12),
        seat=seat,
        last_ledger=LedgerIndex(108),
        network_id=network_id,
    )


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("seat", [Seat(7), Seat(9, is_ticket=True)])
@pytest.mark.parametrize("network_id", [0, 21337])
async def test_the_bytes_are_those_of_xrpl_py(
    vault: Vault, account: Address, seat: Seat, network_id: int
) -> None:
    """Blob and hash, both kinds of key, sequence and ticket: both signatures are deterministic."""
    transaction = _claim(account, seat, network_id)
    signed = await Signer(vault, ACCOUNTS, Drops(100), right=Right.MASTER_KEY).sign(transaction)
    seed = SEEDS[account]
    is_ed25519 = seed == ED25519_SEED
    algorithm = CryptoAlgorithm.ED25519 if is_ed25519 else CryptoAlgorithm.SECP256K1
    theirs = sign(Transaction.from_xrpl(transaction), Wallet.from_seed(seed, algorithm=algorithm))
    assert signed.blob == theirs.blob()
    assert signed.transaction == theirs.get_hash()
    assert "TxnSignature" not in transaction


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(secret=st.binary(min_size=32, max_size=32), fee=st.integers(1, 100))
async def test_every_signature_is_one_the_ledger_takes(secret: bytes, fee: int) -> None:
    """Low S always, for keys and messages nobody chose."""
    secret = b"\x01" + secret[1:]  # below the group order
    public = PrivateKey(secret).public_key.format().hex().upper()
    key = StoredKey(account=SECP256K1_ACCOUNT, public_key=public, private_key=secret)
    signer = Signer(OneKey(key), ACCOUNTS, Drops(100), right=Right.REGULAR_KEY)
    signed = await signer.sign({**_claim(SECP256K1_ACCOUNT), "Fee": str(fee)})
    der = bytes.fromhex(Transaction.from_blob(signed.blob).txn_signature or "")
    assert int.from_bytes(der[-der[5 + der[3]] :]) <= HALF_ORDER


@pytest.mark.parametrize(
    "change",
    [
        {"Flags": 0x00020000},
        {"TransactionType": "Payment"},
        {"Fee": "101"},
        {"Account": "rrrrrrrrrrrrrrrrrrrrBZbvji"},
    ],
)
async def test_a_forbidden_transaction_is_refused_before_any_key_is_touched(
    change: dict[str, object],
) -> None:
    """The refusal says why; a source without keys would say that instead."""

    class NoKeys:
        async def key_of(self, account: Address) -> UnsealedKey:
            raise KeyMissingError(account=account)

    with pytest.raises(SigningRefusedError, match="The signer refused: "):
        await Signer(NoKeys(), ACCOUNTS, Drops(100), right=Right.MASTER_KEY).sign(
            {**_claim(SECP256K1_ACCOUNT), **change}
        )


async def test_many_are_signed_with_one_look_at_the_key_and_up_to_the_first_refusal(
    vault: Vault,
) -> None:
    """What was signed before it is good, byte for byte; what comes after it is not looked at."""

    class Counting:
        looks = 0

        async def key_of(self, account: Address) -> UnsealedKey:
            self.looks += 1
            return await vault.key_of(account)

    counting = Counting()
    signer = Signer(counting, ACCOUNTS, Drops(100), right=Right.MASTER_KEY)
    wanted = [_claim(SECP256K1_ACCOUNT, Seat(number)) for number in (7, 8, 9)]
    signing = signer.sign_each([*wanted, {**wanted[0], "Fee": "101"}, wanted[0]])
    signed = [await anext(signing) for _ in wanted]
    with pytest.raises(SigningRefusedError):
        await anext(signing)
    with pytest.raises(StopAsyncIteration):
        await anext(signing)
    assert signed == [await signer.sign(transaction) for transaction in wanted]
    assert counting.looks == 1 + len(wanted)


async def test_an_account_without_key_is_said(vault: Vault) -> None:
    """With what to do about it."""
    stranger = Address("rrrrrrrrrrrrrrrrrrrrBZbvji")
    with pytest.raises(KeyMissingError, match="watchtower key import --account rrrrr"):
        await Signer(vault, [stranger], Drops(100), right=Right.MASTER_KEY).sign(_claim(stranger))


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_a_key_that_does_not_fit_its_public_half_signs_nothing(
    vault: Vault, account: Address
) -> None:
    """The signature is verified before it is handed out."""
    key = await vault.key_of(account)
    wrong = StoredKey(account=account, public_key=key.public_key, private_key=b"\x11" * 32)
    with pytest.raises(SigningRefusedError, match="does not read back"):
        await Signer(OneKey(wrong), ACCOUNTS, Drops(100), right=Right.MASTER_KEY).sign(
            _claim(account)
        )


async def test_a_regular_key_signs_for_the_account(vault: Vault) -> None:
    """The account stays the sender; only the key is another's."""
    await vault.import_seed(SECP256K1_ACCOUNT, ED25519_SEED, regular_key=True)
    signer = Signer(vault, ACCOUNTS, Drops(100), right=Right.REGULAR_KEY)
    signed = await signer.sign(_claim(SECP256K1_ACCOUNT))
    read = Transaction.from_blob(signed.blob)
    assert read.account == SECP256K1_ACCOUNT
    assert read.signing_pub_key == Wallet.from_seed(ED25519_SEED).public_key


async def test_a_key_of_another_right_is_not_touched(vault: Vault) -> None:
    """The hand of regular keys leaves the master key alone, and says what to do about it."""
    signer = Signer(vault, ACCOUNTS, Drops(100), right=Right.REGULAR_KEY)
    with pytest.raises(MasterKeyIdleError, match="allow_master_key = true"):
        await signer.sign(_claim(SECP256K1_ACCOUNT))
    await vault.import_seed(SECP256K1_ACCOUNT, ED25519_SEED, regular_key=True)
    signer = Signer(vault, ACCOUNTS, Drops(100), right=Right.MASTER_KEY)
    with pytest.raises(KeyMissingError):
        await signer.sign(_claim(SECP256K1_ACCOUNT))


async def test_who_knows_the_keys_tells_by_them_whether_it_has_a_way(vault: Vault) -> None:
    """Before anybody told it of keys it has one, and signing then says what is missing."""
    signer = Signer(vault, ACCOUNTS, Drops(100), right=Right.REGULAR_KEY)
    master = (await vault.key_of(SECP256K1_ACCOUNT)).public_key
    regular = (await vault.key_of(ED25519_ACCOUNT)).public_key

    assert signer.way(SECP256K1_ACCOUNT) == Way()
    signer.hold({SECP256K1_ACCOUNT: (master,)})
    assert signer.way(SECP256K1_ACCOUNT) is None
    signer.hold({SECP256K1_ACCOUNT: (regular,)})
    assert signer.way(SECP256K1_ACCOUNT) == Way()
    assert signer.way(ED25519_ACCOUNT) is None
    assert signer.way(Address("rrrrrrrrrrrrrrrrrrrrBZbvji")) is None


async def test_the_key_that_is_to_come_is_a_way_once_the_ledger_takes_it(vault: Vault) -> None:
    """From the master key to a regular one: the weaker hand must not sign too early."""
    master = (await vault.key_of(SECP256K1_ACCOUNT)).public_key
    regular = (await vault.key_of(ED25519_ACCOUNT)).public_key
    taken: set[str] = set()
    signer = Signer(
        vault,
        ACCOUNTS,
        Drops(100),
        right=Right.REGULAR_KEY,
        accepts=lambda _, public_key: public_key in taken,
    )
    signer.hold({SECP256K1_ACCOUNT: (master, regular)})
    assert signer.way(SECP256K1_ACCOUNT) is None
    taken.add(regular)
    assert signer.way(SECP256K1_ACCOUNT) == Way()
