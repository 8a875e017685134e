"""The HTTP interface: claims in, answers and channels out; OpenAPI at ``/schema/openapi.json``.

What it guarantees: a claim is answered as every other way in answers it, after fsync; what cannot
be read is a problem (RFC 9457) and changes nothing; and the same request again is harmless, since
a claim is above the best one or it is not.
"""

from __future__ import annotations

import time
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, Literal

from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.types import Message
from litestar.types import Scope as Connection

from watchtower import __version__
from watchtower.access.gate import Gate
from watchtower.access.token import Scope
from watchtower.claims.answer import Answer
from watchtower.claims.door import Door
from watchtower.claims.given import Given
from watchtower.claims.quota import Bucket
from watchtower.interfaces.amounts import amounts_as_text
from watchtower.interfaces.dashboard.events import events_of
from watchtower.interfaces.dashboard.frame import Dashboard
from watchtower.interfaces.dashboard.headers import headers_for
from watchtower.interfaces.dashboard.pages import PAGES
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.http.bodies import ClaimsBody, Handed
from watchtower.interfaces.http.cosigning import CosignDoor, cosign
from watchtower.interfaces.http.keeping_heads import HeadDoor, keep_head, show_head
from watchtower.interfaces.http.knocking import (
    OPEN,
    SECURITY,
    admitted,
    guard_of,
    needs,
    only_json,
)
from watchtower.interfaces.http.messages import (
    MOST_CLAIMS,
    AnswerMessage,
    ChannelPage,
    Health,
)
from watchtower.interfaces.http.problems import HANDLERS, NoSuchChannelError, problems_with
from watchtower.interfaces.http.scraping import Requested, Scraped, counting, scrape
from watchtower.interfaces.http.stream import stream_of
from watchtower.interfaces.inquiries import Inquiries
from watchtower.interfaces.metered import check_within, take_within
from watchtower.units import parse_channel_id

__all__ = [
    "check_claims",
    "list_channels",
    "make_app",
    "say_alive",
    "say_ready",
    "show_channel",
    "show_status",
    "take_claims",
]

_MOST_BYTES: Final = 1 << 20
"""Of a request's body: a thousand claims are less than half of it."""

_Answers = AnswerMessage | list[AnswerMessage]
_Ask = Callable[[Bucket | None, Sequence[Given], Door, float], Awaitable[Sequence[Answer]]]
_Request = Request[Any, Any, Any]

_CHANNEL: Final = "^[0-9A-Fa-f]{64}$"

PageSize = Annotated[int, QueryParameter(ge=1, le=1_000, description="Channels on a page.")]
After = Annotated[
    str | None,
    QueryParameter(
        pattern=_CHANNEL, description="The channel before the page: `next` of the one before."
    ),
]

Format = Annotated[
    Literal["json", "mpp", "interledger", "dhali"],
    QueryParameter(name="format", description="The form of the documents: docs/claim-formats.md."),
]

ChannelName = Annotated[str, PathParameter(pattern=_CHANNEL, description="Its id in hex.")]


_OF_CLAIMS: Final = problems_with(400, 401, 403, 408, 413, 415, 421, 500, 503)
_OF_LISTS: Final = problems_with(400, 401, 403, 408, 421, 500)
_OF_CHANNELS: Final = problems_with(400, 401, 403, 404, 408, 421, 500, 503)
_OF_STATUS: Final = problems_with(401, 403, 408, 421, 500)
_OF_READINESS: Final = {
    503: ResponseSpec(Health, generate_examples=False, description="Not ready, and why.")
}


@post(
    "/v1/claims",
    guards=[only_json],
    status_code=200,
    dto=ClaimsBody,
    return_dto=None,
    responses=_OF_CLAIMS,
    summary="Keep claims",
    **needs(Scope.SUBMIT),
)
async def take_claims(
    data: JSONBody[Handed],
    door: NamedDependency[Door],
    request: _Request,
    form: Format = "json",  # noqa: ARG001 - the body is read by it
) -> _Answers:
    """Keep one claim, or several together; each has its own answer, given once it is on disk."""
    return await _answers(data, take_within, door, request)


@post(
    "/v1/claims/check",
    guards=[only_json],
    status_code=200,
    dto=ClaimsBody,
    return_dto=None,
    responses=_OF_CLAIMS,
    summary="Check claims",
    **needs(Scope.SUBMIT),
)
async def check_claims(
    data: JSONBody[Handed],
    door: NamedDependency[Door],
    request: _Request,
    form: Format = "json",  # noqa: ARG001 - the body is read by it
) -> _Answers:
    """Answer as if the claims were handed over, and keep nothing."""
    return await _answers(data, check_within, door, request)


@get(
    "/v1/channels",
    responses=_OF_LISTS,
    summary="List the open channels",
    **needs(Scope.READ),
)
async def list_channels(
    inquiries: NamedDependency[Inquiries], after: After = None, limit: PageSize = 100
) -> ChannelPage:
    """List open channels in the order of their ids, a page at a time."""
    begin = None if after is None else parse_channel_id(after)
    views, following = await inquiries.channels(begin, limit)
    return ChannelPage(channels=[view.report() for view in views], next=following)


@get(
    "/v1/channels/{channel:str}",
    responses=_OF_CHANNELS,
    summary="Show one channel",
    **needs(Scope.READ),
)
async def show_channel(
    channel: ChannelName, inquiries: NamedDependency[Inquiries]
) -> dict[str, Any]:
    """Show a channel: its state, the best claim, what is at stake, and how safe that is."""
    view = await inquiries.channel(parse_channel_id(channel))
    if view is None:
        raise NoSuchChannelError
    return view.report()


@get(
    "/v1/status",
    responses=_OF_STATUS,
    summary="Say how things stand",
    # Servers' addresses are in there, and those of paid ones may hold their keys.
    **needs(Scope.ADMIN),
)
async def show_status(inquiries: NamedDependency[Inquiries]) -> dict[str, Any]:
    """Return what ``watchtower status --json`` tells, and the tower's own key."""
    return amounts_as_text(inquiries.status())


@get("/healthz", summary="Say that the process answers", **OPEN)
async def say_alive() -> Health:
    """Answer, which is all that is asked."""
    return Health(status="alive")


@get("/readyz", responses=_OF_READINESS, summary="Say whether all is ready", **OPEN)
async def say_ready(inquiries: NamedDependency[Inquiries]) -> Response[Health]:
    """Answer 200 when ledgers arrive and every channel has been read, and else 503 with why."""
    why = inquiries.why_not_ready()
    health = Health(status="not_ready" if why else "ready", why=why)
    return Response(health, status_code=503 if why else 200)


def make_app(
    door: Door,
    inquiries: Inquiries,
    feed: Feed,
    gate: Gate,
    *,
    clock: Callable[[], float] = time.time,
    cosigner: CosignDoor | None = None,
    heads: HeadDoor | None = None,
    metrics: Scraped | None = None,
    requested: Requested | None = None,
    dashboard: Dashboard | None = None,
) -> Litestar:
    """Return the application: claims go to ``door``, and ``inquiries`` are answered.

    Whoever opens the stream can follow ``feed``. ``gate`` says to whom; ``clock`` gives seconds
    since 1970. Who asks for signatures is heard by ``cosigner``, if there is one, and
    who keeps heads by ``heads``; who reads ``metrics`` is told what is measured, and ``requested``
    counts what is answered. Browsers see ``dashboard``, if there is one.
    """
    entry = None if dashboard is None else dashboard.entry
    told = [] if requested is None else [counting(requested)]
    return Litestar(
        [
            take_claims,
            check_claims,
            list_channels,
            show_channel,
            show_status,
            keep_head,
            show_head,
            scrape,
            say_alive,
            say_ready,
            stream_of(door, feed, gate, clock=clock),
            *([] if cosigner is None else [cosign]),
            *([] if dashboard is None else [*PAGES, events_of(dashboard)]),
        ],
        dependencies={
            "door": _always(door),
            "inquiries": _always(inquiries),
            "cosigner": _always(cosigner),
            "heads": _always(heads),
            "metrics": _always(metrics),
            "dashboard": _always(dashboard),
            "entry": _always(entry),
        },
        before_send=[*told, _dress],
        exception_handlers=HANDLERS,
        guards=[guard_of(gate, clock, None if entry is None else entry.admit)],
        logging_config=None,
        openapi_config=_described(),
        request_max_body_size=_MOST_BYTES,
        state=State(),
    )


def _described() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="XRPL payment-channel watchtower",
        version=__version__,
        description=f"Claims and channels. At most {MOST_CLAIMS} claims come together.",
        use_handler_docstrings=True,
        components=SECURITY,
        # The document alone: the pages around it load scripts from elsewhere, which would be
        # at home here, and could read what is told to this machine.
        render_plugins=[JsonRenderPlugin()],
    )


async def _dress(message: Message, connection: Connection) -> None:
    """Send along with whatever the dashboard answers how a browser is to treat it."""
    if message["type"] == "http.response.start":
        said = list(message.get("headers", ()))
        known = {name.lower() for name, _ in said}
        more = headers_for(connection["path"], message["status"])
        message["headers"] = [*said, *(one for one in more if one[0] not in known)]


def _always(given: object) -> Provide:
    async def give() -> Any:
        return given

    return Provide(give)


async def _answers(data: Handed, ask: _Ask, door: Door, request: _Request) -> _Answers:
    """Return an answer for each claim, in the form in which they came."""
    claims = [one for one in data.each if not isinstance(one, AnswerMessage)]
    bucket, now = admitted(request).bucket, get_running_loop().time()
    found = iter(await ask(bucket, claims, door, now))
    answers = [
        one if isinstance(one, AnswerMessage) else AnswerMessage.of(next(found))
        for one in data.each
    ]
    return answers if data.is_list else answers[0]
