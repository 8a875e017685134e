"""The cookie by which a browser is known: its names, and how it is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["PLAIN", "SECURE", "session_of"]

PLAIN: Final = "watchtower"
SECURE: Final = "__Secure-watchtower"
"""A browser takes a cookie of this name over TLS alone, so nobody on the way can set it."""


def session_of(headers: Mapping[str, str]) -> str | None:
    """Return the name of the session that a browser shows; None if it shows none."""
    cookies = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
    shown = {name: value for name, _, value in cookies}
    return shown.get(SECURE) or shown.get(PLAIN)
