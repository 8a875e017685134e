"""The settings of ``[authority]`` about signer lists: who we are in them, and who signs with us.

No key and no token is among them: those are in files, which are read where they are used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from watchtower.hosts import is_loopback
from watchtower.http_settings import HttpSettings
from watchtower.units import parse_address

__all__ = ["PERSON", "CosignerSettings", "CosigningSettings"]

PERSON: Final = "person"
"""In place of an address: a person, who signs with ``watchtower cosign``."""

_FILES: Final = ("ca_file", "certificate_file", "key_file", "token_file")
_PUBLIC_KEY: Final = re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z", re.ASCII)


class CosignerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who stands in signer lists beside us, and how to reach them.

    ``public_key`` is the key that signs for ``account``: its master key or its regular key.
    """

    account: str
    public_key: str
    url: str
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    token_file: str = ""

    @property
    def is_person(self) -> bool:
        """Whether it is a person."""
        return self.url == PERSON

    def within(self, folder: Path) -> CosignerSettings:
        """Return the same with absolute paths, of files in ``folder``."""
        there = {
            name: str((folder / Path(given).expanduser()).absolute())
            for name in _FILES
            if (given := getattr(self, name))
        }
        return msgspec.structs.replace(self, **there)

    def whys_unusable(self) -> Iterator[str]:
        """Yield why it cannot be used, each in a sentence.

        Raises:
            AddressError: its account is no address.
        """
        parse_address(self.account)
        if not _PUBLIC_KEY.match(self.public_key):
            yield "has no `public_key` of 33 bytes in upper-case hex (02…, 03… or ED…)"
        given = [name for name in _FILES if getattr(self, name)]
        if self.is_person:
            if given:
                yield f"is a person, who has no `{given[0]}`"
            return
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        if parts.scheme not in {"http", "https"} or not host or "@" in self.url:
            yield f'has the `url` {self.url!r}, and needs "https://host:port", or "{PERSON}"'
        elif parts.scheme == "http" and (not is_loopback(host) or given != ["token_file"]):
            # On the way everybody could read the token, and answer in the co-signer's place.
            yield "is asked over http://, which is for this machine alone, with a `token_file`"
        elif parts.scheme == "https" and len(given) != len(_FILES):
            missing = ", ".join(f"`{name}`" for name in _FILES if name not in given)
            yield f"lacks {missing}: who asks for signatures shows a certificate and a token"


class CosigningSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Who signs with us, where we are one of several in the signer lists of guarded accounts.

    ``signer`` is our own account there, whose key is in the store; with ``cosign`` we sign for
    others that ask us. ``person_ledgers`` is for how many ledgers a person has time.
    """

    signer: str = ""
    cosign: bool = False
    cosigners: tuple[CosignerSettings, ...] = ()
    cosign_seconds: Annotated[float, Meta(gt=0, le=60)] = 5.0
    person_ledgers: Annotated[int, Meta(ge=20, le=20_000)] = 900

    def within(self, folder: Path) -> Self:
        """Return the same with absolute paths, of files in ``folder``."""
        there = tuple(one.within(folder) for one in self.cosigners)
        return msgspec.structs.replace(self, cosigners=there)

    def why_no_cosigning(self, accounts: Collection[str], http: HttpSettings) -> str | None:
        """Return why it cannot be so; None if it can.

        Raises:
            AddressError: one of the accounts is no address.
        """
        return next(self._whys_unusable(accounts, http), None)

    def _whys_unusable(self, accounts: Collection[str], http: HttpSettings) -> Iterator[str]:
        if not self.signer:
            if self.cosigners or self.cosign:
                yield (
                    "`authority.signer` is missing: the account that stands for this tower in the "
                    "signer lists, with its key in the store"
                )
            return
        parse_address(self.signer)
        names = [self.signer, *(one.account for one in self.cosigners)]
        for name in names:
            if name in accounts:
                yield f"{name} is a guarded account, and no account signs for itself with others"
            if names.count(name) > 1:
                yield f"{name} is named twice under `authority`"
        for one in self.cosigners:
            for why in one.whys_unusable():
                yield f"the co-signer {one.account} {why}"
        if self.cosign and not http.listen:
            yield "`authority.cosign` needs `http.listen`, where others ask"
        elif self.cosign and not (http.client_authority or http.place.is_private):
            yield (
                "`authority.cosign` needs `http.client_authority`: beyond this machine nobody "
                "asks for signatures without a certificate"
            )
