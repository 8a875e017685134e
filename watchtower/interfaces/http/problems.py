"""What goes wrong, as RFC 9457 tells it: a word to act on, a title, and a sentence to read."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi import ResponseSpec

from watchtower.access.gate import Turned
from watchtower.access.token import Scope
from watchtower.errors import (
    DoorClosedError,
    InputError,
    StoreError,
    WatchtowerError,
)
from watchtower.interfaces.dashboard.cookie import session_of
from watchtower.interfaces.dashboard.headers import HOME, HTML, wants_page
from watchtower.interfaces.dashboard.listing import BusyError
from watchtower.interfaces.dashboard.problem_page import problem_page
from watchtower.interfaces.http.knocking import ForeignError, TurnedAwayError
from watchtower.interfaces.http.messages import PROBLEM_TYPE, Problem

__all__ = [
    "HANDLERS",
    "WORDS",
    "HeadRefusedError",
    "NoHeadError",
    "NoSuchChannelError",
    "problem_of",
    "problem_saying",
    "problems_with",
    "turning",
]

_log = structlog.get_logger(__name__)

_METHOD: Final = "method_not_allowed"

_OF_ERRORS: Final[dict[type[WatchtowerError], str]] = {
    InputError: "malformed",
    StoreError: "store_unavailable",
    DoorClosedError: "stopping",
}

WORDS: Final[dict[str, HTTPStatus]] = {
    "malformed": HTTPStatus.BAD_REQUEST,
    "token_missing": HTTPStatus.UNAUTHORIZED,
    "token_invalid": HTTPStatus.UNAUTHORIZED,
    "token_expired": HTTPStatus.UNAUTHORIZED,
    "scope_missing": HTTPStatus.FORBIDDEN,
    "wrong_origin": HTTPStatus.FORBIDDEN,
    "unknown_channel": HTTPStatus.NOT_FOUND,
    "unknown_head": HTTPStatus.NOT_FOUND,
    "not_found": HTTPStatus.NOT_FOUND,
    _METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    "too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "head_older": HTTPStatus.CONFLICT,
    "head_of_another": HTTPStatus.CONFLICT,
    "too_many_heads": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "wrong_host": HTTPStatus.MISDIRECTED_REQUEST,
    "upgrade_required": HTTPStatus.UPGRADE_REQUIRED,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "store_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "stopping": HTTPStatus.SERVICE_UNAVAILABLE,
    "crowded": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Every word that a problem's type can be, and its status (docs/http.md)."""

_OF_STATUS: Final = {
    status.value: word
    for word, status in WORDS.items()
    if word in {"malformed", "not_found", _METHOD, "too_large", "unsupported_media_type"}
}


_OF_TURNED: Final = {
    Turned.NO_TOKEN: ("token_missing", "Show a token: `Authorization: Bearer …`."),
    Turned.INVALID: ("token_invalid", "This is no token of ours, or was revoked."),
    Turned.EXPIRED: ("token_expired", "The token has expired; ask for a new one."),
    Turned.SCOPE: ("scope_missing", "The token is not good for this."),
}

_BEARER: Final = 'Bearer realm="watchtower"'


class NoSuchChannelError(Exception):
    """Nobody here knows of the channel that was asked for."""


class HeadRefusedError(Exception):
    """A head is not kept, in a word of `WORDS` and a sentence."""

    def __init__(self, word: str, sentence: str) -> None:
        """Say why."""
        super().__init__(sentence)
        self.word = word


class NoHeadError(Exception):
    """No head of the store that was asked for came by the same token."""


def problem_saying(word: str, detail: str = "") -> Problem:
    """Return the problem that a word of `WORDS` means."""
    status = WORDS[word]
    return Problem(type=word, title=status.phrase, status=status, detail=detail)


def problem_of(wrong: Exception) -> Problem:
    """Return what to tell of a failure; what nobody foresaw is logged, and told as our mistake."""
    for kind, word in _OF_ERRORS.items():
        if isinstance(wrong, kind):
            return problem_saying(word, str(wrong))
    # What an outsider sends must not make us log at `error`; that it came to this is our mistake.
    _log.warning("request_failed", why=repr(wrong))
    return problem_saying("internal", "A mistake of ours; the log says more.")


def problems_with(*statuses: int) -> dict[int, ResponseSpec]:
    """Return what is told of problems with these statuses."""
    return {
        status: ResponseSpec(
            Problem,
            generate_examples=False,
            description="; ".join(word for word, of in WORDS.items() if of == status),
            media_type=PROBLEM_TYPE,
        )
        for status in statuses
    }


def turning(why: Turned, scope: Scope | None) -> tuple[Problem, str]:
    """Return what to tell who is turned away, and the challenge (RFC 6750, section 3) beside it.

    It says who may come in, and how to show it; never what was shown.
    """
    word, sentence = _OF_TURNED[why]
    challenge = _BEARER
    if why is Turned.SCOPE:
        challenge += f', error="insufficient_scope", scope="{scope}"'
        sentence = f"{sentence} It takes the scope `{scope}`."
    elif why is not Turned.NO_TOKEN:
        challenge += ', error="invalid_token"'
    return problem_saying(word, sentence), challenge


def _of_failure(_request: Request[Any, Any, Any], wrong: Exception) -> Response[Problem]:
    return _response(problem_of(wrong))


def _of_http(request: Request[Any, Any, Any], wrong: HTTPException) -> Response[Problem]:
    word = _OF_STATUS.get(wrong.status_code)
    if word is None:
        return _of_failure(request, wrong)
    headers = {"allow": _allowed(request)} if wrong.status_code == WORDS[_METHOD] else None
    extra = wrong.extra if isinstance(wrong.extra, list) else []
    whys = [str(one["message"]) for one in extra if isinstance(one, dict) and "message" in one]
    return _response(problem_saying(word, " ".join([wrong.detail, *whys])), headers)


def _allowed(request: Request[Any, Any, Any]) -> str:
    """Return the methods that a path has, which goes with every refusal of another (RFC 9110)."""
    found: set[str] = set()
    for route in request.app.routes:
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", route.path), request.scope["path"]):
            found |= {str(method) for method in getattr(route, "methods", ())}
    return ", ".join(sorted(found))


def _of_turned_away(_request: Request[Any, Any, Any], wrong: TurnedAwayError) -> Response[Problem]:
    problem, challenge = turning(wrong.why, wrong.scope)
    return _response(problem, {"www-authenticate": challenge})


def _of_foreign(_request: Request[Any, Any, Any], _wrong: ForeignError) -> Response[Problem]:
    return _response(problem_saying("wrong_origin"))


def _of_depth(_request: Request[Any, Any, Any], _wrong: RecursionError) -> Response[Problem]:
    return _response(problem_saying("malformed", "It is nested too deeply."))


def _of_unknown_channel(
    _request: Request[Any, Any, Any], _wrong: NoSuchChannelError
) -> Response[Problem]:
    why = "No such channel is known here. It may pay another account, or be too new."
    return _response(problem_saying("unknown_channel", why))


def _of_busy(_request: Request[Any, Any, Any], _wrong: BusyError) -> Response[Problem]:
    why = "Others search these channels, and some wait for that already."
    return _response(problem_saying("crowded", why))


def _of_no_head(_request: Request[Any, Any, Any], _wrong: NoHeadError) -> Response[Problem]:
    return _response(problem_saying("unknown_head", "No head of it is kept for this token."))


def _of_refused_head(
    _request: Request[Any, Any, Any], wrong: HeadRefusedError
) -> Response[Problem]:
    return _response(problem_saying(wrong.word, str(wrong)))


def _as_asked(of: Callable[..., Response[Problem]]) -> Callable[..., Response[Any]]:
    """Tell a browser that looks at the dashboard on a page what everybody else reads as JSON."""

    def answer(request: Request[Any, Any, Any], wrong: Exception) -> Response[Any]:
        response: Response[Any] = of(request, wrong)
        path = request.scope["path"]
        if not wants_page(path, request.headers.get("accept", "")):
            return response
        query = request.scope["query_string"].decode("latin-1")
        page = problem_page(
            response.content,
            # A form that was sent is not sent again: what comes by a link is a page.
            wanted=(f"{path}?{query}" if query else path) if request.method == "GET" else HOME,
            had_session=session_of(request.headers) is not None,
        )
        return Response(
            page, status_code=response.status_code, media_type=HTML, headers=response.headers
        )

    return answer


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response[Problem]:
    return Response(problem, status_code=problem.status, media_type=PROBLEM_TYPE, headers=headers)


HANDLERS: Final[dict[type[Exception] | int, Any]] = {
    TurnedAwayError: _as_asked(_of_turned_away),
    ForeignError: _as_asked(_of_foreign),
    HTTPException: _as_asked(_of_http),
    NoSuchChannelError: _as_asked(_of_unknown_channel),
    BusyError: _as_asked(_of_busy),
    NoHeadError: _of_no_head,
    HeadRefusedError: _of_refused_head,
    RecursionError: _of_depth,
    Exception: _as_asked(_of_failure),
}
"""What makes a problem of each exception."""
