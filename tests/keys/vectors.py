"""The vectors of the standards; ``tests/data/keys/SOURCES.md`` says where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

__all__ = ["vectors"]

_FOLDER = Path(__file__).parents[1] / "data" / "keys"


def vectors(name: str) -> Any:
    """Return what a file of vectors holds."""
    return msgspec.json.decode((_FOLDER / f"{name}.json").read_bytes())
