"""The stream, ``/v1/stream``: a WebSocket over which claims come, and answers and events go.

What it guarantees: who may open it is decided here, by the handshake's headers, before a word is
said. A page of a stranger may not: a browser opens WebSockets to anybody, asks nobody before, and
sends along what lets its user in (cross-site WebSocket hijacking); it says in ``Origin`` whose page
it is (RFC 6455, section 10.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from watchtower.access.gate import Admitted, Gate, Turned
from watchtower.access.token import Scope
from watchtower.claims.door import Door
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.http.conversation import Conversation
from watchtower.interfaces.http.knocking import OPEN
from watchtower.interfaces.http.problems import turning
from watchtower.interfaces.http.refusal import refuse

__all__ = ["stream_of"]

_log = structlog.get_logger(__name__)

Headers = Mapping[bytes, bytes]

_SHOWN: Final = b"authorization"


def stream_of(
    door: Door, feed: Feed, gate: Gate, *, clock: Callable[[], float]
) -> ASGIRouteHandler:
    """Return what answers at ``/v1/stream``: claims go to ``door``, and ``feed`` is followed.

    ``gate`` says by whom, for every request anew: a token may be revoked, or expire, while
    somebody talks. ``clock`` gives seconds since 1970.
    """

    # Who stands before all routes cannot refuse a handshake in words; it is done here.
    @asgi("/v1/stream", copy_scope=True, **OPEN)
    async def stream(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await refuse(scope, send, "upgrade_required", more=[(b"upgrade", b"websocket")])
            return
        headers = dict(scope["headers"])
        if not _is_at_home(headers):
            await refuse(scope, send, "wrong_origin")
            return
        # As over HTTP: two headers are no form of a token.
        shown = [text.decode("latin-1") for name, text in scope["headers"] if name == _SHOWN]
        token = ", ".join(shown) if shown else None

        def admit(wanted: Scope) -> Admitted | Turned:
            return gate.admit(token, wanted, clock())

        turned = admit(Scope.READ)
        if isinstance(turned, Turned) and isinstance(admit(Scope.SUBMIT), Turned):
            problem, challenge = turning(turned, Scope.READ)
            more = [(b"www-authenticate", challenge.encode())]
            await refuse(scope, send, problem.type, more=more)
            return
        await receive()
        await send({"type": "websocket.accept"})
        talk = Conversation(door, feed, admit=admit, receive=receive, send=send)
        try:
            await talk.run()
        except Exception as wrong:  # noqa: BLE001 - one conversation must not end the daemon
            # What an outsider sends must not make us log at `error`.
            _log.warning("stream_failed", why=repr(wrong))
            await send({"type": "websocket.close", "code": 1011})

    return stream


def _is_at_home(headers: Headers) -> bool:
    """Return whether no browser sent this, or one that shows a page of this very place."""
    origin = headers.get(b"origin")
    if origin is None:
        return True
    try:
        whose = urlsplit(origin.decode("latin-1"))
    except ValueError:
        return False
    host = headers.get(b"host", b"").decode("latin-1")
    return bool(whose.netloc) and whose.netloc.lower() == host.lower()
