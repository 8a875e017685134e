"""The SetRegularKey that names a new key, and the proof that the key works.

Neither is for the daemon's signer: a rotation alone signs them (``rotating.py``).
"""

from __future__ import annotations

from typing import Any, Final

from xrpl.core.keypairs import derive_classic_address

from watchtower.errors import RotationError
from watchtower.keys.rotation import Rotation, Seen
from watchtower.keys.signer import SigningKey, signed_with
from watchtower.keys.stored_key import UnsealedKey
from watchtower.store.secrets import StoredKey
from watchtower.units import Address

__all__ = ["address_of", "prove", "set_regular_key"]

_LAST_NETWORK_WITHOUT_ID: Final = 1024
"""Networks above it require ``NetworkID`` (rippled Transactor.cpp, preflight0)."""


def address_of(key: StoredKey | SigningKey) -> Address:
    """Return the address that a key makes, which a regular key is named by."""
    return Address(derive_classic_address(key.public_key))


def set_regular_key(account: Address, new: Address, network_id: int) -> dict[str, Any]:
    """Return the transaction that names ``new``, without fee, seat and signature."""
    transaction: dict[str, Any] = {
        "TransactionType": "SetRegularKey",
        "Account": account,
        "RegularKey": new,
        "Flags": 0,
    }
    if network_id > _LAST_NETWORK_WITHOUT_ID:
        transaction["NetworkID"] = network_id
    return transaction


async def prove(key: StoredKey, rotation: Rotation, seen: Seen) -> None:
    """See that the key that is here is the one that the ledger names, and that it signs.

    What it signs can never apply: its last ledger has passed. The ledger's own rule for a regular
    key is that its address is the one in the account's root (rippled Transactor.cpp,
    checkSingleSign), so this is all that a transaction in the ledger would prove, without a fee,
    and without a sequence that a claim may need now.

    Raises:
        RotationError: it is not, or does not.
    """
    if not rotation.new_address == seen.regular_key == address_of(key):
        why = "the key in the store is not the one that the ledger names"
        raise RotationError(account=rotation.account, why=why)
    proof = {
        "TransactionType": "AccountSet",
        "Account": rotation.account,
        "Fee": "10",
        "Flags": 0,
        "Sequence": seen.sequence,
        "LastLedgerSequence": seen.ledger_index,
    }
    # Raises where what comes back does not verify under the public key.
    await signed_with(UnsealedKey(key), proof)
