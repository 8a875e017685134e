"""The forms of claims by their names, as ``--format`` and ``?format=`` call them.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchtower.claims.formats.dhali import read_dhali
from watchtower.claims.formats.interledger import read_interledger
from watchtower.claims.formats.mpp import read_mpp
from watchtower.claims.formats.table import reader_of_rows
from watchtower.claims.given import Given
from watchtower.claims.message import parse_claim_json

__all__ = ["FORMATS", "HEADED", "PLAIN", "Read"]

Read = Callable[[bytes], Given]
"""One document: the claim in it, or an InputError that says why it is none."""

PLAIN: Final = "json"
"""Our own form, which needs no name."""

FORMATS: Final[Mapping[str, Read]] = {
    PLAIN: parse_claim_json,
    "mpp": read_mpp,
    "interledger": read_interledger,
    "dhali": read_dhali,
}
"""Forms in which each document stands for itself."""

HEADED: Final[Mapping[str, Callable[[bytes], Read]]] = {"csv": reader_of_rows}
"""Forms in which the first line says how the others are read."""
