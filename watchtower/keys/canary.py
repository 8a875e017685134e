"""The canary: the payer of fire drills, with an account and a key of its own (rule 10's other end).

What it guarantees: the key stands in the store under a name of its own, which is no account's, so
that no signer of the daemon ever finds it; and it signs what ``canary_forms.py`` spells out, and
nothing else. It may be no key that signs for a guarded account.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from xrpl.constants import CryptoAlgorithm
from xrpl.core.addresscodec import encode_seed
from xrpl.core.keypairs import derive_classic_address

from watchtower.errors import DrillRefusedError, SigningRefusedError
from watchtower.judgement.claim import Claim, claim_message
from watchtower.keys.canary_forms import CanaryLimits, why_not_canary, why_not_claim
from watchtower.keys.signed import SignedTransaction
from watchtower.keys.signer import signed_with
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import key_of_seed
from watchtower.store.database import Store
from watchtower.store.secrets import CANARY
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Canary", "find_canary", "make_canary"]

_ENTROPY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Canary:
    """The drill's payer; ``public_key`` is upper-case hex. ``repr`` shows nothing of its key."""

    address: Address
    public_key: str
    _key: UnsealedKey = field(repr=False)

    async def sign(
        self,
        transaction: Mapping[str, Any],
        *,
        limits: CanaryLimits,
        opened: Mapping[ChannelId, Drops],
    ) -> SignedTransaction:
        """Return ``transaction`` signed.

        Raises:
            SigningRefusedError: it is none of a drill's.
        """
        why = why_not_canary(
            transaction,
            account=self.address,
            public_key=self.public_key,
            limits=limits,
            opened=opened,
        )
        if why is not None:
            raise SigningRefusedError(why=why)
        return await signed_with(self._key, transaction)

    def sign_claim(
        self, channel: ChannelId, amount: Drops, *, opened: Mapping[ChannelId, Drops]
    ) -> Claim:
        """Return the canary's promise of ``amount`` drops in all on ``channel``.

        Raises:
            SigningRefusedError: no drill has opened it, or not with so much.
        """
        why = why_not_claim(channel, amount, opened)
        if why is not None:
            raise SigningRefusedError(why=why)
        signature = self._key.signature(claim_message(channel, amount)).hex().upper()
        return Claim(
            channel=channel, amount=amount, public_key=self.public_key, signature=signature
        )


async def find_canary(store: Store) -> Canary | None:
    """Return the canary, if there is one yet."""
    async with store.read() as work:
        stored = await work.secrets.get(CANARY)
    if stored is None:
        return None
    address = Address(derive_classic_address(stored.public_key))
    return Canary(address, stored.public_key, UnsealedKey(stored))


async def make_canary(store: Store, seed: str | None, guarded: Collection[Address]) -> Canary:
    """Keep the key of ``seed`` as the canary's, or a random one if there is none.

    Raises:
        SeedError: it is no family seed.
        DrillRefusedError: there is another canary, or the key signs for somebody else.
    """
    key = key_of_seed(CANARY, seed or _random_seed())
    address = Address(derive_classic_address(key.public_key))
    async with store.write() as work:
        known = await work.secrets.load_all()
        present = next((k for k in known if k.account == CANARY), None)
        if present is not None and present.public_key != key.public_key:
            other = derive_classic_address(present.public_key)
            raise DrillRefusedError(why=f"there is a canary in the store already, {other}")
        if address in guarded or any(
            k.public_key == key.public_key for k in known if k.account != CANARY
        ):
            why = f"the key of {address} signs for a guarded account; a drill has one of its own"
            raise DrillRefusedError(why=why)
        if present is None:
            await work.secrets.put(key)
            facts = {"account": address, "public_key": key.public_key, "role": CANARY}
            await work.journal.append("key_imported", facts=facts)
    return Canary(address, key.public_key, UnsealedKey(key))


def _random_seed() -> str:
    return encode_seed(secrets.token_bytes(_ENTROPY_BYTES), CryptoAlgorithm.ED25519)
