"""Servers' addresses: which are this very machine, and which are the same one spelled twice. Pure.

Names are compared as they are written; nothing is looked up, since what a name leads to today
says nothing about tomorrow.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

__all__ = ["is_anybodys", "is_loopback", "is_unspecified", "same_server"]

_PORTS: Final = {"ws": 80, "wss": 443}


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, so that nobody stands between it and us."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_anybodys(host: str) -> bool:
    """Say whether a name can be anybody's, who can then have it lead to this machine.

    An address leads to itself, and a single word is at most the local network's.
    """
    if "." not in host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def is_unspecified(host: str) -> bool:
    """Say whether a host stands for every address of a machine: ``0.0.0.0`` or ``::``."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def same_server(url: str) -> str:
    """Return a WebSocket address in the one spelling that all its spellings share.

    Letter case, the default port, a dot behind the name, a slash at the end and another way to
    write an IP address make no other server (RFC 3986 section 6.2).

    Raises:
        ValueError: it is no address.
    """
    parts = urlsplit(url.strip())
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    try:
        host = str(ip_address(host))
    except ValueError:
        host = host.lower()
    port = parts.port or _PORTS.get(scheme, 0)
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{host}:{port}{parts.path.rstrip('/')}{query}"
