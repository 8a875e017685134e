"""Who may do what over HTTP: each route names its scope, and one guard before all asks the gate.

What it guarantees: a route that names no scope wants a token all the same, where tokens are
wanted; only what says that it is open is open. Nothing of a request's body is read before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.exceptions import ClientException, HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import Components, SecurityScheme

from watchtower.access.gate import Admitted, Gate, Turned
from watchtower.access.token import Scope
from watchtower.interfaces.dashboard.headers import is_foreign

__all__ = [
    "OPEN",
    "SECURITY",
    "BySession",
    "ForeignError",
    "TurnedAwayError",
    "admitted",
    "guard_of",
    "looks_at",
    "needs",
    "only_json",
]

_SCHEME: Final = "token"
_SCOPE: Final = "scope"
_OPEN: Final = "open"
_ADMITTED: Final = "admitted"
_PAGE: Final = "page"

_Connection = ASGIConnection[Any, Any, Any, Any]

BySession = Callable[[Mapping[str, str], Scope | None], Admitted | Turned | None]
"""Says whether a browser may come in by its session, for a scope; None if it shows none."""

SECURITY: Final = Components(
    security_schemes={
        _SCHEME: SecurityScheme(
            type="http",
            scheme="bearer",
            description="A token of `watchtower token add`. Where the tower requires none, what "
            "comes without one is answered too; one that is shown is always looked at.",
        )
    }
)
"""What the OpenAPI document says of tokens."""

OPEN: Final[dict[str, Any]] = {"opt": {_OPEN: True}}
"""For a route that tells nothing, and so asks for nothing."""


class TurnedAwayError(HTTPException):
    """Somebody may not come in, or not for that."""

    def __init__(self, why: Turned, scope: Scope | None) -> None:
        """Say why, and what they wanted."""
        super().__init__(status_code=403 if why is Turned.SCOPE else 401)
        self.why = why
        self.scope = scope


class ForeignError(HTTPException):
    """A page of somebody else's has a browser ask for a page of ours."""

    def __init__(self) -> None:
        """Say no more: it is not for whoever reads it."""
        super().__init__(status_code=403)


def needs(scope: Scope) -> dict[str, Any]:
    """Return what a route says that wants ``scope``."""
    return {"opt": {_SCOPE: scope}, "security": [{_SCHEME: [scope.value]}]}


def looks_at(scope: Scope = Scope.READ) -> dict[str, Any]:
    """Return what a page says that wants ``scope``: a browser may come to it by its session.

    Nothing but pages may be come to by one: a browser sends its cookie with what others have it
    ask for, too.
    """
    return {"opt": {_SCOPE: scope, _PAGE: True}}


def guard_of(
    gate: Gate, clock: Callable[[], float], by_session: BySession | None = None
) -> Callable[..., Awaitable[None]]:
    """Return the guard of all routes; ``clock`` gives seconds since 1970.

    Whoever it lets in is told by `admitted`. To pages a browser comes ``by_session``, and not for
    the pages of others.
    """

    # It waits for nothing; but one that is no coroutine is run on a thread, for each request.
    async def guard(connection: _Connection, handler: BaseRouteHandler) -> None:
        if handler.opt.get(_OPEN):
            return
        scope: Scope | None = handler.opt.get(_SCOPE)
        if handler.opt.get(_PAGE) and _is_foreign(connection):
            raise ForeignError
        # Two headers are no form of a token, and so turned away: nobody says which of them counts.
        shown = connection.headers.getall("authorization", [])
        found: Admitted | Turned | None = None
        if by_session is not None and handler.opt.get(_PAGE) and not shown:
            found = by_session(connection.headers, scope)
        if found is None:
            found = gate.admit(", ".join(shown) if shown else None, scope, clock())
        if isinstance(found, Turned):
            raise TurnedAwayError(found, scope)
        connection.state[_ADMITTED] = found

    return guard


def _is_foreign(connection: _Connection) -> bool:
    method = connection.scope.get("method", "")  # a WebSocket's has none
    return is_foreign(str(method), connection.headers)


def admitted(connection: _Connection) -> Admitted:
    """Return who was let in."""
    found: Admitted = connection.state[_ADMITTED]
    return found


async def only_json(connection: _Connection, _: BaseRouteHandler) -> None:
    """Refuse what a browser would post to a stranger without asking (CORS, simple requests)."""
    # It waits for nothing; but one that is no coroutine is run on a thread, for each request.
    given = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise ClientException("Send application/json.", status_code=415)
