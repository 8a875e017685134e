"""Who holds keys in a world, beside the payee and its payers; nobody of them is anybody."""

from __future__ import annotations

from typing import Final

from watchtower.sandbox.people import Person

__all__ = ["COSIGNERS", "LATER", "PAYEE", "REGULAR", "SHARE", "THIEF", "TOWER"]

PAYEE: Final = Person.named("a payee whom the world is against")

REGULAR: Final = Person.named("the payee's regular key")
"""Its key is the regular key that the payee names first."""

LATER: Final = tuple(Person.named(f"the payee's regular key, made anew {n}") for n in range(3))
"""Those that rotations make."""

TOWER: Final = Person.named("the tower's own account")

SHARE: Final = Person.named("the tower in a signer list")

COSIGNERS: Final = tuple(Person.named(f"who signs with the tower {n}") for n in range(2))

THIEF: Final = Person.named("a thief of keys")
