"""The few files that pages load: one style, one script, and what the script merges pages with.

What it guarantees: each is served under a name that holds the hash of its content, so that a
browser may keep it for ever and never has an old one beside a new page; nothing else is served,
whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from watchtower.interfaces.dashboard.headers import HOME

__all__ = ["FOLDER", "Asset", "asset_named", "assets"]

FOLDER: Final = Path(__file__).parent / "assets"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DIGITS: Final = 16
"""Of the hash, in hex: enough that nobody meets two contents of one name."""


class Asset(NamedTuple):
    """A file that pages load: where it is asked for, and what it is."""

    address: str
    content: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return every one by its plain name, read once."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if (media_type := _TYPES.get(path.suffix)) is not None:
            content = path.read_bytes()
            mark = sha256(content).hexdigest()[:_DIGITS]
            address = f"{HOME}/assets/{path.stem}.{mark}{path.suffix}"
            found[path.name] = Asset(address, content, media_type)
    return found


def asset_named(served: str) -> Asset | None:
    """Return what is served under a name with its hash; None if nothing is."""
    address = f"{HOME}/assets/{served}"
    return next((one for one in assets().values() if one.address == address), None)
