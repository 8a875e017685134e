"""TLS to another tower: its authority alone is believed, and our own certificate is shown."""

from __future__ import annotations

import ssl
from pathlib import Path

from watchtower.errors import ConfigError
from watchtower.keys.secret_file import refuse_shared

__all__ = ["context_to"]


def context_to(
    authority: Path | None, *, certificate: Path | None, key: Path | None
) -> ssl.SSLContext:
    """Return what is connected with.

    Args:
        authority: a file with the certificates that the other's may be of (PEM).
        certificate: a file with our certificate for it (PEM).
        key: a file with the key of that, which others cannot read.

    Raises:
        ConfigError: a file cannot be read or used, or others can read the key.
    """
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as wrong:
        raise ConfigError(path=authority, why=_why(wrong)) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None and key is not None:
        refuse_shared(key)
        try:
            # With a passphrase OpenSSL would ask for it at the terminal, and a service would hang.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (OSError, ValueError) as wrong:
            raise ConfigError(path=certificate, why=_why(wrong)) from None
    return context


def _why(wrong: OSError | ValueError) -> str:
    if isinstance(wrong, ssl.SSLError):
        return f"it is no PEM, sealed, or of another key ({wrong.reason})"
    return getattr(wrong, "strerror", None) or str(wrong)
