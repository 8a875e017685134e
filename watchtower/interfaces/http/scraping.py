"""``GET /metrics``: what is measured, for Prometheus; and requests, counted.

What it guarantees: who reads this sees numbers and names of ours, and no channel, account or payer;
its scope opens nothing else. What is counted of requests has no text of whoever asks: their route
is the one of ours that fits, and all that fits none is counted together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, runtime_checkable

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.types import Message
from litestar.types import Scope as Connection

from watchtower.access.token import Scope
from watchtower.interfaces.http.knocking import needs
from watchtower.interfaces.http.problems import problems_with

__all__ = ["Requested", "Scraped", "counting", "scrape"]

_Request = Request[Any, Any, Any]

Requested = Callable[[str, int], None]
"""Who counts what was answered: the route and its status; it neither waits nor fails."""

_NO_ROUTE: Final = "none"

_RESPONSES: Final = {
    **problems_with(401, 403, 408, 421, 500),
    200: ResponseSpec(
        str,
        generate_examples=False,
        media_type="text/plain",
        description="The text format of Prometheus, or OpenMetrics where that is asked for.",
    ),
}


@runtime_checkable
class Scraped(Protocol):
    """Who knows what is measured."""

    async def text(self, accept: str) -> tuple[bytes, str]:
        """Return it and its content type, for what a header ``Accept`` asks for."""
        ...


@get(
    "/metrics",
    responses=_RESPONSES,
    media_type="text/plain",
    summary="Tell Prometheus what is measured",
    **needs(Scope.METRICS),
)
async def scrape(metrics: NamedDependency[Scraped], request: _Request) -> Response[bytes]:
    """Tell every metric of docs/metrics.md; no address, channel or account is among them."""
    text, content_type = await metrics.text(request.headers.get("accept", ""))
    return Response(text, media_type=content_type)


def counting(requested: Requested) -> Callable[[Message, Connection], Awaitable[None]]:
    """Return what has every answer counted, also that to whoever is turned away."""

    async def count(message: Message, connection: Connection) -> None:
        if message["type"] == "http.response.start":
            requested(connection.get("path_template") or _NO_ROUTE, message["status"])

    return count
