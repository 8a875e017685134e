"""The settings of ``[authority]`` about signer lists: who we are in them, and who signs with us.

No key and no token is among them: those are in files, which are read where they are used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from watchtower.brokers import is_prefix
from watchtower.hosts import is_loopback
from watchtower.http_settings import HttpSettings
from watchtower.units import parse_address

__all__ = ["PERSON", "CosignerSettings", "CosigningSettings"]

PERSON: Final = "person"
"""In place of an address: a person, who signs with ``watchtower cosign``."""

_FILES: Final = ("ca_file", "certificate_file", "key_file", "token_file")
_IDENTITY: Final = re.compile(r"ED[0-9A-F]{64}\Z", re.ASCII)
_PUBLIC_KEY: Final = re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z", re.ASCII)


class CosignerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who stands in signer lists beside us, and how to reach them.

    ``public_key`` is the key that signs for ``account``: its master key or its regular key.
    ``topic`` is in place of ``url`` where they are reached by our broker; ``identity`` is the key
    by which the letters of such a tower are known, and by which it may ask us.
    """

    account: str
    public_key: str
    url: str = ""
    topic: str = ""
    identity: str = ""
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
            unused = [*given, *(name for name in ("topic", "identity") if getattr(self, name))]
            if unused:
                yield f"is a person, who has no `{unused[0]}`"
            return
        if self.identity and not _IDENTITY.match(self.identity):
            yield "has no `identity` of 33 bytes in upper-case hex that begins with ED"
        if self.topic:
            yield from self._whys_no_topic(given)
            return
        yield from self._whys_no_url(given)

    def _whys_no_topic(self, given: Collection[str]) -> Iterator[str]:
        if self.url:
            yield "has a `url` and a `topic`, and is asked at one of them"
        if not is_prefix(self.topic):
            yield "has a `topic` with more than letters, digits, `_.-`, and slashes between them"
        if not self.identity:
            yield "lacks `identity`: at a broker nothing else says whose letter one is"
        if given:
            yield f"is asked at a topic, where no `{next(iter(given))}` is shown"

    def _whys_no_url(self, given: Sequence[str]) -> Iterator[str]:
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        if parts.scheme not in {"http", "https"} or not host or "@" in self.url:
            wanted = f'"https://host:port", "{PERSON}", or a `topic`'
            yield f"has the `url` {self.url!r}, and needs {wanted}"
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

    def is_asked_over_http(self, http: HttpSettings) -> bool:
        """Return whether others may ask over HTTP: beyond this machine not without certificates."""
        return bool(http.listen) and bool(http.client_authority or http.place.is_private)

    @property
    def askers(self) -> frozenset[str]:
        """The keys of those who may ask by letters."""
        return frozenset(one.identity for one in self.cosigners if one.identity)

    def why_no_cosigning(
        self, accounts: Collection[str], http: HttpSettings, *, has_broker: bool
    ) -> str | None:
        """Return why it cannot be so; None if it can.

        Raises:
            AddressError: one of the accounts is no address.
        """
        return next(self._whys_unusable(accounts, http, has_broker=has_broker), None)

    def _whys_unusable(
        self, accounts: Collection[str], http: HttpSettings, *, has_broker: bool
    ) -> Iterator[str]:
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
            if one.topic and not has_broker:
                yield f"the co-signer {one.account} is reached at a topic, and needs `mqtt.broker`"
        yield from self._whys_nobody_asks(http, has_broker=has_broker)

    def _whys_nobody_asks(self, http: HttpSettings, *, has_broker: bool) -> Iterator[str]:
        if not self.cosign or self.is_asked_over_http(http) or (has_broker and self.askers):
            return
        if http.listen:
            yield (
                "`authority.cosign` needs `http.client_authority`: beyond this machine nobody "
                "asks for signatures without a certificate"
            )
        elif has_broker:
            yield (
                "`authority.cosign` needs a co-signer with an `identity`, who may ask by the "
                "broker, or `http.listen`, where others ask"
            )
        else:
            yield "`authority.cosign` needs `http.listen` or `mqtt.broker`, where others ask"
