"""The pages, and what they load: which there are, and who makes each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter

from watchtower.interfaces.dashboard.assets import asset_named
from watchtower.interfaces.dashboard.channel_page import show_channel_page
from watchtower.interfaces.dashboard.channels import show_channels
from watchtower.interfaces.dashboard.chart import Range, chart_of
from watchtower.interfaces.dashboard.entry import log_in, log_out, show_form
from watchtower.interfaces.dashboard.frame import Dashboard
from watchtower.interfaces.dashboard.headers import HOME
from watchtower.interfaces.dashboard.overview import overview
from watchtower.interfaces.http.knocking import OPEN, looks_at

__all__ = ["PAGES", "lead_home", "send_asset", "show_alerts", "show_overview"]

_Request = Request[Any, Any, Any]

_HowFarBack = Annotated[Range, QueryParameter(name="range")]

_FOUND: Final = 302


@get("/", include_in_schema=False, **OPEN)
async def lead_home(request: _Request) -> Response[str]:
    """Lead a browser to the dashboard; who reads JSON finds nothing here, as ever."""
    if "text/html" not in request.headers.get("accept", ""):
        raise NotFoundException
    return Response("", status_code=_FOUND, headers={"location": HOME})


@get(HOME, include_in_schema=False, **looks_at())
async def show_overview(
    dashboard: NamedDependency[Dashboard], request: _Request, back: _HowFarBack = Range.HOURS
) -> Response[str]:
    """Show how the tower is: the answer first."""
    parts = overview(await dashboard.asked.report(), guide=dashboard.asked.guide)
    chart = chart_of(dashboard.history, back)
    # To draw it takes a moment, and so does the page: others go first in between.
    await asyncio.sleep(0)
    return dashboard.page(request, "overview.html", chart=chart, ranges=Range, **parts)


@get(f"{HOME}/alerts", include_in_schema=False, **looks_at())
async def show_alerts(dashboard: NamedDependency[Dashboard], request: _Request) -> Response[str]:
    """Show every alarm that stands, and what to do about it."""
    parts = overview(await dashboard.asked.report(), guide=dashboard.asked.guide)
    return dashboard.page(request, "alerts.html", **parts)


@get(f"{HOME}/assets/{{name:str}}", include_in_schema=False, **OPEN)
async def send_asset(name: FromPath[str]) -> Response[bytes]:
    """Send a file that pages load."""
    asset = asset_named(name)
    if asset is None:
        raise NotFoundException
    return Response(asset.content, media_type=asset.media_type)


PAGES: Final[Sequence[Any]] = (
    lead_home,
    show_overview,
    show_channels,
    show_alerts,
    show_channel_page,
    send_asset,
    show_form,
    log_in,
    log_out,
)
"""Everything that is served below `HOME`, and the way there, but for the stream of events."""
