"""Pages out of templates: one environment for all of them, and the words that they write with.

What it guarantees: whatever a page tells is escaped where it stands, and has no letter that draws
over others; a name that a template uses
and nobody gave is a mistake that is seen at once, and no page is read from disk while somebody
waits for it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from watchtower import __version__
from watchtower.interfaces.dashboard.assets import assets
from watchtower.interfaces.dashboard.headers import HOME
from watchtower.interfaces.status_answer import age_text
from watchtower.units import Drops, RippleTime, format_drops, unix_time

__all__ = ["FOLDER", "render"]

FOLDER: Final = Path(__file__).parent / "templates"

_WHEN: Final = "%Y-%m-%d %H:%M:%S UTC"

_SAID_IN_PROSE: Final = re.compile(
    r"\b(?P<channel>[0-9A-F]{64})\b|\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
)
_CHANNEL: Final = re.compile(r"\b[0-9A-F]{64}\b")

_MOODS: Final = {"urgent": "danger", "warning": "trouble"}

_ENDS: Final = (8, 6)
"""How much of a channel's id is shown where there is no room: its beginning and its end."""


def render(template: str, /, **told: Any) -> str:
    """Return a page, or a part of one, that says what it is told."""
    return _environment().get_template(template).render(**told)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.globals |= {"asset": _asset, "home": HOME, "version": __version__}
    made.filters |= {
        "ago": age_text,
        "clean": _clean,
        "halves": _halves,
        "hashes": _hashes,
        "ledger_time": _ledger_time,
        "mood": _mood,
        "prose": _prose,
        "short": _short,
        "unix_time": _unix_time,
        "xrp": _xrp,
    }
    marks: Any = made.get_template("marks.html").module
    made.globals |= {"mark": marks.mark, "channel": marks.channel}
    # Compiling one takes longer than anybody may hold up the daemon once it runs.
    for name in made.list_templates():
        made.get_template(name)
    return made


def _asset(name: str) -> str:
    return assets()[name].address


def _shown(value: Any) -> Any:
    """Return what is written for a value: markup of ours as it is, and text of anybody's clean."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return _clean(value) if is_text else value


def _clean(text: object) -> str:
    """Return text without what draws over other text: a payer's word may hold any letter."""
    given = str(text)
    if given.isprintable():  # nearly all there is: letter by letter would hold others up
        return given
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in given)


def _prose(text: object) -> Markup:
    """Return a sentence of ours as a page shows it: commands as code, channels as links.

    All of it is escaped first, for half of it may be a stranger's.
    """
    found = Markup()
    for place, piece in enumerate(_clean(text).split("`")):
        if place % 2:
            found += Markup("<code>{}</code>").format(piece)
            continue
        end = 0
        for said in _SAID_IN_PROSE.finditer(piece):
            shown = _channel_link(said[0]) if said["channel"] else _moment(said[0])
            found += Markup("{}{}").format(piece[end : said.start()], shown)
            end = said.end()
        found += escape(piece[end:])
    return found


def _hashes(text: object) -> Markup:
    """Return a line of a story in which hashes of transactions are short; all of it is escaped."""
    words, found, end = _clean(text), Markup(), 0
    for each in _CHANNEL.finditer(words):
        short = Markup('<code title="{}">{}</code>').format(each[0], _short(each[0]))
        found += Markup("{}{}").format(words[end : each.start()], short)
        end = each.end()
    return found + escape(words[end:])


def _moment(text: str) -> Markup:
    """Return a time of a sentence as an element, which is not broken in two by a line's end."""
    return Markup('<time datetime="{}">{}</time>').format(text, text)


def _halves(name: str) -> Markup:
    """Return a long name that, where it does not fit on a line, goes on in the middle of it."""
    middle = (len(name) + 1) // 2
    return Markup("{}<wbr>{}").format(name[:middle], name[middle:])


def _mood(severity: str) -> str:
    """Return how an alarm of a severity is marked."""
    return _MOODS.get(severity, "info")


def _channel_link(channel: str) -> Markup:
    link = Markup('<a class="id" href="{}/channels/{}" title="{}">{}</a>')
    return link.format(HOME, channel, channel, _short(channel))


def _xrp(drops: int | str) -> str:
    """Return an amount for people; ``drops`` are as reports have them."""
    return format_drops(Drops(int(drops)))


def _short(name: str) -> str:
    """Return a channel's id or an address so short that it fits on a line beside others."""
    first, last = _ENDS
    return name if len(name) <= first + last + 1 else f"{name[:first]}…{name[-last:]}"


def _ledger_time(time: int, form: str = _WHEN) -> Markup:
    """Return a ledger time as an element that says when, in ``form`` for people."""
    return _unix_time(unix_time(RippleTime(time)), form)


def _unix_time(seconds: float, form: str = _WHEN) -> Markup:
    """Return a time in seconds since 1970 as an element that says when, in ``form`` for people."""
    when = datetime.fromtimestamp(seconds, UTC)
    machine, people = when.strftime("%Y-%m-%dT%H:%M:%SZ"), when.strftime(form)
    return Markup('<time datetime="{}">{}</time>').format(machine, people)
