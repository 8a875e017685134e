"""``/dashboard/channels/{id}``: one channel, how safe it is, what was tried, and its story.

What it guarantees: however long a channel's story is, a page of it reads no more than it shows; and
who asks for a channel that does not exist, or for what is no id, is told so by a page.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from watchtower.errors import ChannelIdError
from watchtower.interfaces.dashboard.channel import channel_parts
from watchtower.interfaces.dashboard.frame import Dashboard
from watchtower.interfaces.dashboard.headers import HOME
from watchtower.interfaces.dashboard.overview import alerts_about
from watchtower.interfaces.http.knocking import looks_at
from watchtower.interfaces.http.problems import NoSuchChannelError
from watchtower.units import parse_channel_id

__all__ = ["show_channel_page"]

_Request = Request[Any, Any, Any]

_ENTRIES: Final = 50
"""Of a story on a page: some screens full, and half a millisecond of unsealing."""

_LAST: Final = 2**63 - 1

Before = Annotated[int | None, QueryParameter(ge=1, le=_LAST)]


@get(f"{HOME}/channels/{{channel:str}}", include_in_schema=False, **looks_at())
async def show_channel_page(
    channel: FromPath[str],
    dashboard: NamedDependency[Dashboard],
    request: _Request,
    before: Before = None,
) -> Response[str]:
    """Show a channel; of its story what came before the entry ``before``, or the newest."""
    try:
        channel_id = parse_channel_id(channel)
    except ChannelIdError:
        raise NoSuchChannelError from None
    asked = dashboard.asked
    view = await asked.channel(channel_id)
    if view is None:
        raise NoSuchChannelError
    past = await asked.past(channel_id, before, _ENTRIES)
    alerts = alerts_about(await asked.report(), channel_id, guide=asked.guide)
    return dashboard.page(
        request,
        "channel.html",
        **channel_parts(view, past),
        before=before,
        alerts=alerts,
    )
