"""What goes wrong, as a page: what it is, what to do, and the word that docs/http.md has for it.

Who is not let in sees the form that asks for a token; who came with one that is not good enough
is told which is.
"""

from __future__ import annotations

from typing import Final, Protocol

from watchtower.interfaces.dashboard.headers import HOME
from watchtower.interfaces.dashboard.templates import render

__all__ = ["login_page", "problem_page"]

_UNAUTHORIZED: Final = 401

_SAID: Final = {
    "token_missing": "Show a token to see how the tower is.",
    "token_invalid": "This is no token of this tower, or it was revoked.",
    "token_expired": "The token has expired; ask for a new one.",
}
_SESSION_ENDED: Final = (
    "You are not logged in any more: the session has ended, its token was revoked or has expired, "
    "or the tower was started again."
)

_HEADLINES: Final = {
    "scope_missing": "This token does not open the dashboard",
    "wrong_origin": "This came from another page",
    "unknown_channel": "No such channel",
    "not_found": "There is no such page",
    "malformed": "This address cannot be read",
    "too_slow": "This took too long",
    "wrong_host": "The tower has another name",
    "store_unavailable": "The store cannot be read",
    "stopping": "The tower is stopping",
    "crowded": "All places are taken",
    "internal": "A mistake of ours",
}
_TO_DO: Final = {
    "scope_missing": "Log in with a token that has the scope `read` or `admin`.",
    "wrong_origin": "Nothing was done. Open the form on this tower's own page, and send it again.",
    "unknown_channel": "Look at the list of channels, or search there by its beginning.",
    "not_found": "Go to the overview.",
    "malformed": "Correct the address, or begin again from one of these pages.",
    "too_slow": "Try again in a moment.",
    "wrong_host": "Come by the name of this machine, or by one of `http.names`.",
    "store_unavailable": "Look at its disk, and at `watchtower doctor`.",
    "stopping": "It says when it is back: load this page again in a moment.",
    "crowded": "Close a page that you do not need, or try again in a moment.",
    "internal": "The log says more; load the page again.",
}


class Problem(Protocol):
    """What is the matter, as it is told to everybody else (RFC 9457)."""

    @property
    def type(self) -> str:
        """The word to act on."""
        ...

    @property
    def status(self) -> int:
        """The status of the answer."""
        ...

    @property
    def title(self) -> str:
        """The status in words."""
        ...

    @property
    def detail(self) -> str:
        """A sentence to read; empty where there is none."""
        ...


def problem_page(problem: Problem, *, wanted: str = HOME, had_session: bool = False) -> str:
    """Return the page that says what went wrong.

    Args:
        problem: what did.
        wanted: the address that was asked for, to which the form for a token leads back.
        had_session: whether the browser showed a session, which must have ended where it was not
            let in.
    """
    if problem.status == _UNAUTHORIZED:
        why = _SESSION_ENDED if had_session else _SAID.get(problem.type, problem.detail)
        return login_page(why, wanted=wanted, is_refused=problem.type != "token_missing")
    return render(
        "problem.html",
        problem=problem,
        headline=_HEADLINES.get(problem.type, problem.title),
        to_do=_TO_DO.get(problem.type, ""),
    )


def login_page(
    why: str = _SAID["token_missing"], *, wanted: str = HOME, is_refused: bool = False
) -> str:
    """Return the form that asks for a token, and says why."""
    return render("login.html", why=why, wanted=wanted, is_refused=is_refused)
