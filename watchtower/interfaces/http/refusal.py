"""A refusal by those who stand before the application: a problem, and the connection ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from watchtower.interfaces.dashboard.headers import HTML, headers_for, wants_page
from watchtower.interfaces.dashboard.problem_page import problem_page
from watchtower.interfaces.http.messages import PROBLEM_TYPE
from watchtower.interfaces.http.problems import problem_saying

__all__ = ["refuse"]


async def refuse(
    scope: Any, send: Any, word: str, *, more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Answer with the problem that ``word`` means, also to who wanted a WebSocket, or a page.

    Args:
        scope: the ASGI scope of who is refused.
        send: as ASGI has it.
        word: one of `problems.WORDS`.
        more: headers to send along.
    """
    problem = problem_saying(word)
    path, accept = scope["path"], dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    if wants_page(path, accept):
        body, content_type = problem_page(problem).encode(), HTML
    else:
        body, content_type = msgspec.json.encode(problem), PROBLEM_TYPE
    headers = [
        *headers_for(path, problem.status),
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *more,
    ]
    # A handshake is refused with words of its own (ASGI, "WebSocket Denial Response").
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    await send({"type": f"{kind}.start", "status": problem.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
