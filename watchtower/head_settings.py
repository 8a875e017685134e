"""The settings of ``[head]``: where it is kept how far the store has come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from watchtower.hosts import is_loopback

__all__ = ["HeadSettings", "HeadTowerSettings"]

_FILES: Final = ("ca_file", "certificate_file", "key_file", "token_file")


class HeadTowerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Another tower that keeps the head, and who we are there."""

    url: str
    token_file: str
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""

    def within(self, folder: Path) -> HeadTowerSettings:
        """Return the same with absolute paths, of files in ``folder``."""
        there = {
            name: str((folder / Path(given).expanduser()).absolute())
            for name in _FILES
            if (given := getattr(self, name))
        }
        return msgspec.structs.replace(self, url=self.url.rstrip("/"), **there)

    def whys_unusable(self) -> Iterator[str]:
        """Yield why it cannot be used, each in a sentence that goes on from its name."""
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        given = [name for name in _FILES if getattr(self, name)]
        is_bare = not (parts.path or parts.query or parts.fragment or "@" in self.url)
        if parts.scheme not in {"http", "https"} or not host or not is_bare:
            yield f'has the `url` {self.url!r}, and needs "https://host:port"'
        elif not self.token_file:
            yield "lacks `token_file`: it keeps heads for who has a token of the scope `heads`"
        elif parts.scheme == "http" and (not is_loopback(host) or given != ["token_file"]):
            # On the way everybody could read the token, and answer in the tower's place.
            yield "is asked over http://, which is for this machine alone, with a `token_file`"
        elif parts.scheme == "https" and not self.ca_file:
            yield "lacks `ca_file`, by whose certificates it is known"
        elif bool(self.certificate_file) != bool(self.key_file):
            yield "has one of `certificate_file` and `key_file`, which go together"


class HeadSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where heads are kept; nowhere unless named."""

    files: tuple[str, ...] = ()
    mqtt: bool = False
    towers: tuple[HeadTowerSettings, ...] = ()

    def within(self, folder: Path) -> HeadSettings:
        """Return the same with absolute paths, of files in the folder that they are relative to."""
        there = tuple(str((folder / Path(file).expanduser()).resolve()) for file in self.files)
        towers = tuple(tower.within(folder) for tower in self.towers)
        return msgspec.structs.replace(self, files=there, towers=towers)

    def why_unusable(self, store: str, *, has_broker: bool) -> str | None:
        """Return why they cannot be used; None if they can. ``store`` is where the store is."""
        for file in self.files:
            if Path(file).parent == Path(store).parent:
                # Whatever puts the store back would put its head back with it.
                return (
                    f"`head.files` names {file}, in the folder of the store: name a folder "
                    "elsewhere, on another machine if you can, that is not put back with the store"
                )
        if len(set(self.files)) != len(self.files):
            return "`head.files` names the same file twice"
        if self.mqtt and not has_broker:
            return "`head.mqtt` needs `mqtt.broker`, where the head is to stand"
        for tower in self.towers:
            for why in tower.whys_unusable():
                return f"a tower of `head.towers` {why}"
        if len({tower.url for tower in self.towers}) != len(self.towers):
            return "`head.towers` names the same tower twice"
        return None
