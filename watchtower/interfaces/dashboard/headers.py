"""What every answer of the dashboard says to the browser. Pure.

What it guarantees: a page runs no script and takes no style, picture or answer but the tower's own,
stands in nobody's frame, and is kept by no cache, whatever went wrong while it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ASSETS", "HOME", "HTML", "headers_for", "is_foreign", "is_of_dashboard", "wants_page"]

HOME: Final = "/dashboard"
"""Where the dashboard begins; all of it stands below."""

HTML: Final = "text/html; charset=utf-8"

ASSETS: Final = f"{HOME}/assets/"

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What is told in pages comes from payers, servers and other strangers: if it ever got out of the
text that it belongs in, it could still load nothing, run nothing and send nothing."""

_ALWAYS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: by that a browser calls the origin of our own form `null`, which is what
    # it calls every stranger's (Fetch, "append a request Origin header").
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_NEVER_KEPT: Final = (b"cache-control", b"no-store")
_KEPT: Final = (b"cache-control", b"public, max-age=31536000, immutable")
"""For what has the hash of its content in its name: under that name it never changes."""

_OK: Final = 200

_OURS: Final = frozenset({"same-origin", "none"})
"""Who a browser says asks: a page of ours, or its user; browsers before 2023 do not say it."""


def is_of_dashboard(path: str) -> bool:
    """Return whether a path is the dashboard's."""
    return path == HOME or path.startswith(f"{HOME}/")


def headers_for(path: str, status: int) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that an answer at ``path`` has besides its own; none elsewhere."""
    if not is_of_dashboard(path):
        return ()
    is_kept = path.startswith(ASSETS) and status == _OK
    return (*_ALWAYS, _KEPT if is_kept else _NEVER_KEPT)


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether another page has a browser ask for this, and does not lead it here.

    A link leads a browser to a page, which its reader then sees. What else others have it ask for,
    be it a picture, a frame or a fetch, is not shown to them; but it would have every channel
    searched, and take the places of those who look (Fetch Metadata, sections 2.1 to 2.3).
    """
    if headers.get("sec-fetch-site", "none") in _OURS:
        return False
    how = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return not (method == "GET" and how == ("navigate", "document"))


def wants_page(path: str, accept: str) -> bool:
    """Return whether somebody looks at the dashboard with a browser, who reads no JSON.

    ``accept`` is what the header of that name says: browsers name HTML where they want a page.
    """
    return is_of_dashboard(path) and "text/html" in accept.lower()
