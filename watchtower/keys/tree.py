"""The tree of keys that one seed makes: which paths there are, and what each is for.

BIP-44 with XRP's coin type 144 (SLIP-0044), ``m / 44' / 144' / account' / branch / index``:

- *funding*, branch ``0``: the accounts themselves. Not hardened below the account, as wallets for
  the XRP Ledger have it, so the first is the address that any of them shows for the seed.
- *claim*, branch ``1'``: the keys that sign a payer's claims (``PublicKey`` of a channel).
- *dispute*, branch ``2'``: the tower's keys, which accounts name as their regular key.

The last two are hardened, and so is every key on them. A key that is not hardened gives its parent
away to who has the parent's extended public key, which wallets hand out for looking on (BIP-32,
"Implications"): then a thief of the tower would have the funding keys, too. Ed25519 knows hardened
steps alone (SLIP-0010), so there every step is. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from typing_extensions import override

from watchtower.errors import DerivationPathError

__all__ = ["HARDENED", "KeyPath", "Purpose", "parse_path", "tree_of"]

HARDENED: Final = 0x80000000
"""Added to the number of a hardened step (BIP-32)."""

_PURPOSE_STEP: Final = 44
_XRP: Final = 144
_STEPS: Final = 5
_PATH: Final = re.compile(r"m((?:/[0-9]{1,10}['hH]?)*)\Z", re.ASCII)
_STEP: Final = re.compile(r"/([0-9]+)(['hH]?)", re.ASCII)


class Purpose(StrEnum):
    """What a key is for. Values are stored: never rename or reuse one."""

    FUNDING = "funding"
    CLAIM = "claim"
    DISPUTE = "dispute"

    @property
    def branch(self) -> int:
        """The number of its branch, without hardening."""
        return _BRANCHES.index(self)


_BRANCHES: Final = (Purpose.FUNDING, Purpose.CLAIM, Purpose.DISPUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPath:
    """A place in the tree. ``wallet`` is the account of BIP-44; ``index`` counts on its branch.

    ``is_ed25519`` says for which curve: there all steps are hardened.

    Raises:
        DerivationPathError: a number is no number of a step.
    """

    purpose: Purpose
    index: int
    wallet: int = 0
    is_ed25519: bool = False

    def __post_init__(self) -> None:
        for number in (self.wallet, self.index):
            if not 0 <= number < HARDENED:
                path = _written(self.steps)
                why = "its numbers go from 0 to 2147483647"
                raise DerivationPathError(path=path, why=why, tree=tree_of(self.purpose))

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of its steps, with `HARDENED` added where they are."""
        below = HARDENED if self.is_ed25519 or self.purpose is not Purpose.FUNDING else 0
        return (
            HARDENED + _PURPOSE_STEP,
            HARDENED + _XRP,
            HARDENED + self.wallet,
            below + self.purpose.branch,
            below + self.index,
        )

    def next(self) -> KeyPath:
        """Return the place behind this one on its branch."""
        return KeyPath(
            purpose=self.purpose,
            index=self.index + 1,
            wallet=self.wallet,
            is_ed25519=self.is_ed25519,
        )

    @override
    def __str__(self) -> str:
        return _written(self.steps)


def parse_path(text: str, *, is_ed25519: bool = False) -> KeyPath:
    """Return ``text`` (``m/44'/144'/0'/2'/0'``; ``h`` and ``H`` for ``'``) as a place in the tree.

    Raises:
        DerivationPathError: it is no path, or lies outside the tree.
    """
    found = _PATH.match(text)
    if found is None:
        raise _outside(text, "it is not written as a path")
    steps = [
        int(number) + (HARDENED if mark else 0) for number, mark in _STEP.findall(found.group(1))
    ]
    if len(steps) != _STEPS:
        raise _outside(text, f"it has {len(steps)} steps, and every key here stands behind five")
    if steps[:2] != [HARDENED + _PURPOSE_STEP, HARDENED + _XRP]:
        raise _outside(text, "it does not begin with m/44'/144', which is XRP's place in BIP-44")
    wallet, branch, index = steps[2] - HARDENED, steps[3] % HARDENED, steps[4] % HARDENED
    if branch >= len(_BRANCHES):
        raise _outside(text, "there are no keys on that branch")
    path = KeyPath(
        purpose=_BRANCHES[branch], index=index, wallet=max(wallet, 0), is_ed25519=is_ed25519
    )
    if list(path.steps) != steps:
        raise _outside(text, "the steps that have to be hardened, and no others, end with '")
    return path


def tree_of(purpose: Purpose, *, is_ed25519: bool = False) -> str:
    """Return how the paths of a purpose are written."""
    mark = "'" if is_ed25519 or purpose is not Purpose.FUNDING else ""
    return f"m/44'/144'/WALLET'/{purpose.branch}{mark}/INDEX{mark}"


def _outside(text: str, why: str) -> DerivationPathError:
    shown = text if _PATH.match(text) else "What was given"
    return DerivationPathError(path=shown, why=why, tree=tree_of(Purpose.DISPUTE))


def _written(steps: tuple[int, ...]) -> str:
    return "/".join(["m", *(f"{s - HARDENED}'" if s >= HARDENED else str(s) for s in steps)])
