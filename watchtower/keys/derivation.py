"""From a seed to a key of the tree: BIP-32 for secp256k1, SLIP-0010 for ed25519.

``slip10`` is the reference implementation of both. Its exceptions may hold key material, so none
of them leaves this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from slip10 import SLIP10
from xrpl.core.keypairs import derive_classic_address

from watchtower.keys.tree import KeyPath
from watchtower.units import Address

__all__ = ["DerivedKey", "derive", "derive_steps"]

_ED25519: Final = "ED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedKey:
    """A key of the tree. ``public_key`` is upper-case hex, ``private_key`` its 32 secret bytes."""

    path: KeyPath
    public_key: str
    private_key: bytes = field(repr=False)

    @property
    def address(self) -> Address:
        """The address that the key makes, which a regular key is named by."""
        return Address(derive_classic_address(self.public_key))


def derive(seed: bytes, path: KeyPath) -> DerivedKey:
    """Return the key at ``path`` of the tree that ``seed`` (64 bytes, BIP-39) makes."""
    private, public = derive_steps(seed, path.steps, is_ed25519=path.is_ed25519)
    return DerivedKey(path=path, public_key=public, private_key=private)


def derive_steps(seed: bytes, steps: Sequence[int], *, is_ed25519: bool) -> tuple[bytes, str]:
    """Return the private key behind ``steps``, and the public one as the ledger writes it.

    Raises:
        ValueError: a step of ed25519 is not hardened.
    """
    curve = "ed25519" if is_ed25519 else "secp256k1"
    try:
        node = SLIP10.from_seed(seed, curve_name=curve).get_child_from_path(list(steps))
    except Exception:  # noqa: BLE001 - whatever it is, it may hold the seed
        node = None
    if node is None or node.privkey is None:
        raise ValueError("these steps make no key of that curve")
    # An ed25519 key has a byte of zeros in front there, which the ledger writes as ED.
    public = node.pubkey.hex().upper()
    return node.privkey, f"{_ED25519}{public[2:]}" if is_ed25519 else public
