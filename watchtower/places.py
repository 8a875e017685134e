"""Places to listen at: a port of this machine, or a unix socket. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from watchtower.hosts import is_loopback, is_unspecified

__all__ = ["Place", "place_of"]

_UNIX: Final = "unix:"
_PORT: Final = re.compile("[0-9]{1,5}", re.ASCII)
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to listen: a host and a port of this machine, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str | None = None

    @property
    def hosts(self) -> frozenset[str]:
        """The names by which a browser may come here, to a unix socket through ``ssh -L``."""
        own = {self.host.lower()} if self.path is None else set()
        return frozenset({"localhost", "127.0.0.1", "::1"} | own)

    @property
    def is_private(self) -> bool:
        """Whether nobody beyond this machine can come here."""
        return self.path is not None or is_loopback(self.host)

    @property
    def is_everywhere(self) -> bool:
        """Whether it is every address that this machine has."""
        return self.path is None and is_unspecified(self.host)

    @property
    def text(self) -> str:
        """The place as the setting spells it."""
        if self.path is not None:
            return f"{_UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place_of(text: str) -> Place:
    """Return the place that a setting spells: ``127.0.0.1:8412``, ``[::1]:8412``, ``unix:PATH``.

    Raises:
        ValueError: it spells none.
    """
    if text.startswith(_UNIX) and len(text) > len(_UNIX):
        return Place(path=text.removeprefix(_UNIX))
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
        raise ValueError("it should be like 127.0.0.1:8412 or unix:door.sock")
    return Place(host=host, port=int(port))
