"""Mnemonics: a seed in words that a person can write down (BIP-39, the English list).

Nothing here keeps them. The words are never in a log, a ``repr`` or an exception, not even the one
that was mistyped: only its place is told. ``mnemonic`` is the reference implementation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

from mnemonic import Mnemonic as Reference

from watchtower.errors import MnemonicError

__all__ = ["WORDS", "Mnemonic", "make_mnemonic", "read_mnemonic", "seed_of"]

WORDS: Final = 24
"""Of a mnemonic that we make: 256 bits."""

_BITS: Final = 256
_LENGTHS: Final = (12, 15, 18, 21, 24)


@dataclass(frozen=True, slots=True)
class Mnemonic:
    """Words that make a seed; their checksum was verified."""

    words: tuple[str, ...] = field(repr=False)

    def seed(self, passphrase: str = "") -> bytes:
        """Return the 64 bytes that the words make, with the passphrase of BIP-39 if there is one.

        Any passphrase makes a seed, also a mistyped one, and then every key is another.
        """
        return seed_of(" ".join(self.words), passphrase)


def make_mnemonic() -> Mnemonic:
    """Return a new mnemonic, by the operating system's own randomness."""
    return Mnemonic(tuple(_english().generate(_BITS).split()))


def read_mnemonic(text: str) -> Mnemonic:
    """Return the mnemonic that ``text`` holds, in whatever case and with whatever spaces.

    Raises:
        MnemonicError: it has another number of words, one that is not in the list, or a wrong
            checksum.
    """
    words = tuple(Reference.normalize_string(text).lower().split())
    if len(words) not in _LENGTHS:
        why = f"it has {len(words)} words, and a mnemonic has 12, 15, 18, 21 or 24"
        raise MnemonicError(why=why)
    known = set(_english().wordlist)
    unknown = [str(place) for place, word in enumerate(words, 1) if word not in known]
    if unknown:
        which = f"word {unknown[0]}" if len(unknown) == 1 else f"words {', '.join(unknown)}"
        raise MnemonicError(why=f"{which} of it is not in the English list of BIP-39")
    if not _english().check(" ".join(words)):
        raise MnemonicError(why="its checksum is wrong, so a word is another one, or elsewhere")
    return Mnemonic(words)


def seed_of(words: str, passphrase: str = "") -> bytes:
    """Return the seed of words in any language; both are brought to NFKD first (BIP-39)."""
    return Reference.to_seed(words, passphrase)


@cache
def _english() -> Reference:
    return Reference("english")
