"""The certificates of the HTTP interface: read from files, and again whenever these change.

What it guarantees: a key that others on this machine can read is not used; TLS is 1.2 or newer,
with forward secrecy; and a renewed certificate is used from the next connection on, while one that
cannot be used, as in the moment between two files being written, leaves the last good one in use.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from watchtower.errors import CertificateError

__all__ = ["CertificateFiles", "Certificates"]

_log = structlog.get_logger(__name__)

_LOOK: Final = 5.0
"""Seconds between two looks at whether the files have changed."""

_NOTICE: Final = 14 * 86_400.0
"""Seconds before its end from which on a certificate is an alarm, if it lives long enough."""

_LAST_PART: Final = 6

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; those of 1.3 are all good (RFC 9325, section 4.2)."""

_Stamps = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Where they are, in PEM: the chain, its key, and whose clients are let in, if that is asked.

    ``authority`` holds the certificates of those who may sign clients' certificates.
    ``is_key_guarded`` says that somebody else sees to it that nobody reads the key.
    """

    certificate: Path
    key: Path
    authority: Path | None = None
    is_key_guarded: bool = False


@dataclass(frozen=True, slots=True)
class _Life:
    """From when on and until when a certificate is good, in seconds since 1970."""

    begins: float
    ends: float


class Certificates:
    """What the next connection is made with, and until when its certificate is good."""

    def __init__(self, files: CertificateFiles) -> None:
        """Read the files.

        Raises:
            CertificateError: one of them cannot be used; the sentence says why.
        """
        self._files = files
        self._stamps = _stamps(files)
        self._told = ""
        self._context, self._life = _read(files)

    def newest(self) -> ssl.SSLContext:
        """Return what the next handshake is made with."""
        return self._context

    @property
    def path(self) -> Path:
        """The certificate's file."""
        return self._files.certificate

    @property
    def expires(self) -> float:
        """Until when the certificate is good, in seconds since 1970."""
        return self._life.ends

    def is_expiring(self, now: float) -> bool:
        """Return whether it should have been renewed; ``now`` is in seconds since 1970.

        Who renews does so with a third of its life left, be that months or hours.
        """
        life = self._life.ends - self._life.begins
        return now >= self._life.ends - min(_NOTICE, life / _LAST_PART)

    async def watch(self) -> None:
        """Look whether the files have changed, again and again, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            stamps = await asyncio.to_thread(_stamps, self._files)
            if stamps == self._stamps:
                continue
            try:
                self._context, self._life = await asyncio.to_thread(_read, self._files)
            except CertificateError as wrong:
                # Looked at again the next time: the other of the two may not be there yet.
                if self._told != str(wrong):
                    _log.warning("certificate_not_read", why=str(wrong))
                    self._told = str(wrong)
            else:
                self._stamps, self._told = stamps, ""
                _log.info("certificate_read", path=str(self.path))


def _read(files: CertificateFiles) -> tuple[ssl.SSLContext, _Life]:
    """Return a context of the files, and how long the certificate is good."""
    life = _life(files.certificate)
    if not files.is_key_guarded:
        _refuse_open_key(files.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # A ticket would let somebody in whose certificate has expired, or is not wanted any more.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, password=_refuse_passphrase)
    except (OSError, ValueError) as wrong:
        raise _error(files.key, "certificate_key", wrong) from None
    if files.authority is not None:
        try:
            context.load_verify_locations(files.authority)
        except OSError as wrong:
            raise _error(files.authority, "client_authority", wrong) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context, life


def _life(certificate: Path) -> _Life:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    except OSError as wrong:
        raise _error(certificate, "certificate", wrong) from None
    except (ValueError, UnsupportedAlgorithm):
        why = "it is no certificate in PEM"
        raise CertificateError(path=certificate, setting="certificate", why=why) from None
    return _Life(begins.timestamp(), ends.timestamp())


def _refuse_open_key(key: Path) -> None:
    """Refuse a key that others on this machine can read: they could listen in the tower's name."""
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
    except OSError as wrong:
        raise _error(key, "certificate_key", wrong) from None
    if mode & 0o077:
        why = f"others may read it (mode {mode:04o}); run `chmod 600 {key}`"
        raise CertificateError(path=key, setting="certificate_key", why=why)


def _refuse_passphrase() -> NoReturn:
    # Without this OpenSSL would ask for it at the terminal, and a service would wait for ever.
    why = "it is sealed with a passphrase, which nobody could give; store it without one"
    raise ValueError(why)


def _error(path: Path, setting: str, wrong: OSError | ValueError) -> CertificateError:
    why: str = str(wrong)
    if isinstance(wrong, ssl.SSLError):
        mismatch = "the certificate is of another key"
        why = (
            mismatch if wrong.reason == "KEY_VALUES_MISMATCH" else f"it is no PEM ({wrong.reason})"
        )
    elif isinstance(wrong, OSError):
        why = wrong.strerror or why
    return CertificateError(path=path, setting=setting, why=why)


def _stamps(files: CertificateFiles) -> _Stamps:
    """Return what changes when a file does; of one that is not there, nothing."""
    found = []
    for path in (files.certificate, files.key, files.authority):
        try:
            told = None if path is None else os.stat(path)  # noqa: PTH116 - the same in one call
        except OSError:
            told = None
        found.append((0, 0, 0) if told is None else (told.st_ino, told.st_size, told.st_mtime_ns))
    return tuple(found)
