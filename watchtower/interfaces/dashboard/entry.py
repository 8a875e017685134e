"""How a browser comes in: a form that takes a token once, and a cookie that stands for it.

What it guarantees: nobody can have a browser log in, or out, from another page; the cookie is read
by no script, sent to no other place and with no other page's request; and whoever has none is as
welcome as a client without a token, which is at all only where none is required.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.exceptions import ClientException

from watchtower.access.gate import Admitted, Gate, Turned
from watchtower.access.token import Scope
from watchtower.interfaces.dashboard.cookie import PLAIN, SECURE, session_of
from watchtower.interfaces.dashboard.headers import HOME, HTML, is_foreign
from watchtower.interfaces.dashboard.problem_page import login_page, problem_page
from watchtower.interfaces.dashboard.sessions import LONGEST, NAME_BYTES, Sessions
from watchtower.interfaces.http.knocking import OPEN, looks_at
from watchtower.interfaces.http.problems import problem_saying, turning

__all__ = ["Entry", "log_in", "log_out", "show_form"]

_MOST_BYTES: Final = 4_096
"""Of the form: a token is less than a hundred letters."""

_SAFE: Final = re.compile(
    rf"{HOME}(?!/(?:login|logout|events)\b)(/[0-9A-Za-z_-]+)*(\?[0-9A-Za-z_=&.%+:-]*)?\Z", re.ASCII
)
"""Where the form may lead: to our own pages, and to nobody who asked for it in an address."""

_SEE_OTHER: Final = 303

_Connection = ASGIConnection[Any, Any, Any, Any]
_Request = Request[Any, Any, Any]


class Entry:
    """Lets browsers in, each by the token that it has shown."""

    def __init__(
        self, gate: Gate, *, clock: Callable[[], float], steady: Callable[[], float]
    ) -> None:
        """Know nobody yet; ``clock`` gives seconds since 1970, and ``steady`` those of no clock."""
        self._gate = gate
        self._clock = clock
        self._steady = steady
        self.sessions = Sessions(gate)

    @property
    def asks(self) -> bool:
        """Whether anybody has to log in."""
        return self._gate.is_required

    def admit(self, headers: Mapping[str, str], scope: Scope | None) -> Admitted | Turned | None:
        """Say whether a browser may come in by its session; None if it shows none.

        One that has ended counts as none where none is needed.
        """
        name = session_of(headers)
        if name is None:
            return None
        found = self.sessions.admit(name, scope, self._steady(), self._clock())
        return None if isinstance(found, Turned) and not self.asks else found

    def still(self, headers: Mapping[str, str], scope: Scope) -> Admitted | Turned:
        """Say whether who came in by these headers may still be here, a while later."""
        shown = headers.get("authorization")
        found = self.admit(headers, scope) if shown is None else None
        return self._gate.admit(shown, scope, self._clock()) if found is None else found

    def begin(self, text: str) -> str | Turned:
        """Return the name of a session for whoever shows the token ``text``, or why it has none."""
        found = self._gate.admit(f"Bearer {text}", Scope.READ, self._clock())
        if isinstance(found, Turned):
            return found
        if found.token is None:
            return Turned.NO_TOKEN
        name = token_urlsafe(NAME_BYTES)
        self.sessions.begin(found.token, name, self._steady())
        return name


@get(f"{HOME}/login", include_in_schema=False, **OPEN)
async def show_form(entry: NamedDependency[Entry], request: _Request) -> Response[str]:
    """Show the form, to whoever has to log in."""
    if not entry.asks:
        return _to(HOME)
    return _page(login_page(wanted=_wanted(request.query_params.get("next", ""))))


@post(f"{HOME}/login", include_in_schema=False, request_max_body_size=_MOST_BYTES, **OPEN)
async def log_in(entry: NamedDependency[Entry], request: _Request) -> Response[str]:
    """Take a token, and give a session for it."""
    if not _is_own(request):
        return _page(problem_page(problem_saying("wrong_origin")), 403)
    given = await _form(request)
    wanted = _wanted(given.get("next", ""))
    if not entry.asks:
        return _to(HOME)
    name = entry.begin(given.get("token", "").strip())
    if isinstance(name, Turned):
        problem, _ = turning(name, Scope.READ)
        if name is Turned.SCOPE:
            return _page(problem_page(problem), problem.status)
        return _page(problem_page(problem, wanted=wanted), problem.status)
    if (before := session_of(request.headers)) is not None:
        entry.sessions.end(before)
    return _to(wanted, _cookie(name, request, max_age=int(LONGEST)))


@post(f"{HOME}/logout", include_in_schema=False, request_max_body_size=_MOST_BYTES, **looks_at())
async def log_out(entry: NamedDependency[Entry], request: _Request) -> Response[str]:
    """End the session, here and in the browser."""
    if not _is_own(request):
        return _page(problem_page(problem_saying("wrong_origin")), 403)
    if (name := session_of(request.headers)) is not None:
        entry.sessions.end(name)
    return _to(f"{HOME}/login", _cookie("", request, max_age=0))


def _is_own(request: _Request) -> bool:
    """Return whether a form was sent by a page of this very place.

    A browser says so with every form, and no page can have it say otherwise. `Origin` has the name
    and the port; that it is no page of ours in plain text, which whoever is in between has written,
    is what a browser says besides, where it came by TLS.
    """
    if is_foreign(request.method, request.headers):
        return False
    try:
        whose = urlsplit(request.headers.get("origin", ""))
    except ValueError:
        return False
    host = request.headers.get("host", "")
    return bool(whose.netloc) and whose.netloc.lower() == host.lower()


async def _form(request: _Request) -> dict[str, str]:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise ClientException("Send the form as the page does.", status_code=415)
    try:
        found = parse_qs((await request.body()).decode("ascii"), max_num_fields=8)
    except ValueError:
        raise ClientException("The form cannot be read.") from None
    return {name: values[-1] for name, values in found.items()}


def _wanted(text: str) -> str:
    return text if _SAFE.match(text) else HOME


def _cookie(name: str, request: _Request, *, max_age: int) -> Cookie:
    # By the browser's own word for where it is: behind a proxy we do not see that it came by TLS.
    is_secure = request.headers.get("origin", "").startswith("https:")
    return Cookie(
        key=SECURE if is_secure else PLAIN,
        value=name,
        path=HOME,
        httponly=True,
        samesite="strict",
        secure=is_secure,
        max_age=max_age,
    )


def _to(address: str, *cookies: Cookie) -> Response[str]:
    return Response(
        "", status_code=_SEE_OTHER, headers={"location": address}, cookies=cookies, media_type=HTML
    )


def _page(text: str, status: int = 200) -> Response[str]:
    return Response(text, status_code=status, media_type=HTML)
