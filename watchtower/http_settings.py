"""Where the HTTP interface listens, by which names, and who may come in: ``[http]``.

What it guarantees: beyond this machine nothing is said in plain text, and nobody comes in without
a token or a certificate, whatever the file says. Whether the files that it names are good is for
whoever opens them to say.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from watchtower.hosts import is_anybodys
from watchtower.places import Place, place_of

__all__ = ["HttpSettings"]

_HOST: Final = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", re.ASCII)
_FILES: Final = ("certificate", "certificate_key", "client_authority")


class HttpSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the HTTP interface listens, nowhere unless told, and who may come in.

    ``names`` are hosts by which it may be asked for besides those of this machine.
    """

    listen: str = ""
    names: tuple[str, ...] = ()
    require_token: bool = False
    certificate: str = ""
    certificate_key: str = ""
    client_authority: str = ""

    @property
    def place(self) -> Place:
        """Where it listens.

        Raises:
            ValueError: nowhere.
        """
        return place_of(self.listen)

    @property
    def hosts(self) -> frozenset[str]:
        """The names by which a browser may come here."""
        return self.place.hosts | {name.lower().rstrip(".") for name in self.names}

    @property
    def needs_token(self) -> bool:
        """Whether nobody comes in without a token.

        Beyond this machine that is always so, unless whoever comes has a certificate.
        """
        return self.require_token or not (self.place.is_private or self.client_authority)

    def answers_to(self, host: str) -> bool:
        """Say whether it answers who asks for ``host``; nothing is what asks for none.

        To a unix socket clients come by whatever word they like. But a browser comes there too,
        through ``ssh -L``; and where nobody needs a token, a page whose own name leads to that end
        could ask for everything (DNS rebinding).
        """
        if host in self.hosts:
            return True
        return self.place.path is not None and (self.needs_token or not is_anybodys(host))

    def within(self, folder: Path) -> HttpSettings:
        """Return the same with paths that are absolute, of files in ``folder``."""
        changes = {
            name: str((folder / Path(given).expanduser()).absolute())
            for name in _FILES
            if (given := getattr(self, name))
        }
        socket = self.place.path if self.listen else None
        if socket is not None:
            there = (folder / Path(socket).expanduser()).resolve()
            changes["listen"] = Place(path=str(there)).text
        return msgspec.structs.replace(self, **changes)

    def why_unsafe(self) -> str:
        """Return why it cannot be so, in words; nothing if it can."""
        if not self.listen:
            return ""
        try:
            place = self.place
        except ValueError as wrong:
            return f"`http.listen` is {self.listen!r}; {wrong}"
        for name in self.names:
            if not _HOST.fullmatch(name):
                return f"{name!r} in `http.names` is no host: write it without scheme and port"
        if bool(self.certificate) != bool(self.certificate_key):
            return "`http.certificate` and `http.certificate_key` go together: name both"
        if self.client_authority and not self.certificate:
            return (
                "`http.client_authority` wants certificates of clients, and there is none of our "
                "own: name `http.certificate` and `http.certificate_key`"
            )
        if place.path is not None and self.certificate:
            return (
                "`http.certificate` is for a port: who may come to a unix socket is decided by "
                "its permissions, and nobody stands between"
            )
        return "" if place.is_private else self._why_unsafe_beyond(place)

    def _why_unsafe_beyond(self, place: Place) -> str:
        others = f"`http.listen` is {self.listen!r}, which others than this machine can reach"
        if not self.certificate:
            return (
                f"{others}, and what is said there could be read and changed on its way: name "
                "`http.certificate` and `http.certificate_key`, or listen at 127.0.0.1 or at a "
                "unix socket"
            )
        if place.is_everywhere and not self.names:
            return (
                f"{others} by names that nobody told: name those that are in the certificate in "
                "`http.names`"
            )
        return ""
