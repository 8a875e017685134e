"""What pages say, and what a browser is told to make of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from typing_extensions import override

from tests.interfaces.dashboard.browsers import (
    PAGE,
    browser_of,
    has_inline,
    tower_at_a_port,
)
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.access.gate import Gate
from watchtower.errors import StoreBusyError
from watchtower.guard.stake_history import StakeHistory
from watchtower.guard.watch import Watch
from watchtower.interfaces.channel_view import View
from watchtower.interfaces.dashboard.assets import FOLDER, assets
from watchtower.interfaces.dashboard.frame import Dashboard
from watchtower.interfaces.dashboard.listing import Listing
from watchtower.interfaces.dashboard.problem_page import problem_page
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.http.app import make_app
from watchtower.interfaces.http.problems import WORDS, problem_saying
from watchtower.interfaces.past import Past
from watchtower.judgement.policy import Policy
from watchtower.settings import HttpSettings
from watchtower.units import ChannelId

CHANNEL = "AB" * 32
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&\u202e\x1b[2J"
PAGES = ("/dashboard", "/dashboard/alerts")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower lets everybody in who may open its socket."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


def deadlines() -> list[dict[str, Any]]:
    """One that has passed, one that is near, and two that have time."""
    return [
        {
            "channel": CHANNEL,
            "deadline": 820_000_000 + slack,
            "slack_seconds": slack,
            "window_seconds": 3_000,
            "at_stake": XRP,
        }
        for slack in (-5, 60, 1_000, 2_900)
    ]


def servers(text: str) -> list[dict[str, Any]]:
    """One that answers and one that does not, each with what may be a key in its address."""
    return [
        {
            "server": f"wss://user:key@one.example/{text}?key=sesame",
            "connected": connected,
            "validated": 90 if connected else None,
            "amendment_blocked": connected,
            "rank": 1,
            "why": f"no answer from wss://one.example/sesame: {text}",
        }
        for connected in (True, False)
    ]


def alarms(text: str) -> list[dict[str, Any]]:
    """One of each severity, whose sentence somebody else chose."""
    return [
        {
            "name": name,
            "subject": text,
            "severity": severity,
            "sentence": f"Server wss://one.example/sesame says `{text}` of {CHANNEL}.",
            "since": 1_800_000_000,
        }
        for name, severity in (("a", "urgent"), ("b", "warning"), ("c", "info"))
    ]


def report(text: str = "so", **changes: Any) -> dict[str, Any]:
    """How a tower in all kinds of trouble is, with ``text`` wherever somebody else chose it."""
    return {
        "running": True,
        "age": 0,
        "shadow": True,
        "in_recovery": True,
        "recovery": {"missing": {text: text}},
        "accounts_without_right": [],
        "accounts_without_signer": [text],
        "ledger_index": 90,
        "ledger_time": 820_000_000,
        "accounted": 80,
        "gaps": 9,
        "channels": 3,
        "at_stake": 7 * XRP,
        "threatened_at_stake": 5 * XRP,
        "unprotectable": 1,
        "unprotectable_at_stake": XRP,
        "redeeming": 1,
        "attempts": 1,
        "outgoing": 1,
        "closing": 1,
        "lost_drops": XRP,
        "lost_channels": 1,
        "lost_last": CHANNEL,
        "claims": 4,
        "pending_claims": 1,
        "deadlines": deadlines(),
        "servers": servers(text),
        "seats": [{"account": text, "sequence": None, "tickets": 1, "pool": 4}],
        "money": [{"account": "r" * 30, "spendable_drops": 1, "needed_drops": 2}],
        "routes": [
            {
                "route": text,
                "failing_since": 1_800_000_000,
                "why": text,
                "waiting": 2,
                "dropped": 1,
                "delivered": 3,
            }
        ],
        "last_drill": {"paid": False, "seconds": 3.0, "at": 1_800_000_000, "why": text},
        "service_level": {"drills": 2, "succeeded": 1, "seconds_95": 9.0},
        "last_backup": 1_800_000_000,
        "alarms": alarms(text),
        **changes,
    }


class Tower:
    """A tower that says what a test has it say."""

    def __init__(
        self, said: Callable[[], Mapping[str, Any]], guide: str = "docs/alerts.md"
    ) -> None:
        self.said = said
        self.guide = guide

    async def report(self) -> Mapping[str, Any]:
        """Say it."""
        return self.said()

    async def channel(self, channel_id: ChannelId) -> View | None:  # noqa: ARG002 - it knows none
        """Know none."""
        return None

    async def past(
        self,
        channel_id: ChannelId,  # noqa: ARG002 - nothing was tried on any
        before: int | None,  # noqa: ARG002
        limit: int,  # noqa: ARG002
    ) -> Past:
        """Know of nothing that was tried."""
        return Past((), 0, (), None)


@asynccontextmanager
async def pages_of(tower: Tower) -> AsyncIterator[tuple[httpx.AsyncClient, Dashboard]]:
    """The real application, around a tower of the test's own."""
    gate, feed = Gate(is_required=False), Feed(lambda: None)
    dashboard = Dashboard(
        tower,
        feed,
        gate,
        clock=lambda: 1_800_000_000.0,
        steady=lambda: 1_000.0,
        listing=Listing(Watch((), Policy())),
        history=StakeHistory(),
    )
    app = make_app(None, None, feed, gate, dashboard=dashboard)  # type: ignore[arg-type]
    served: Any = app  # litestar has words of its own for what ASGI hands over
    transport = httpx.ASGITransport(app=served, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://door", headers=PAGE
    ) as browser:
        yield browser, dashboard


def raises() -> Mapping[str, Any]:
    """Say nothing, since the store does not answer."""
    raise StoreBusyError(path="watchtower.db")


def breaks() -> Mapping[str, Any]:
    """Be a mistake of ours."""
    raise KeyError(HOSTILE)


async def test_the_overview_says_what_the_daemon_knows(stage: Stage) -> None:
    """The answer first; then what is at stake, who tells of it, and the means to redeem."""
    channel = await stage.channel()
    async with stage.tower(), browser_of(stage) as browser:
        await stage.keep(channel, 30 * XRP)

        async def shown() -> bool:
            return "30 XRP" in (await browser.get("/dashboard")).text

        await stage.until(shown)
        seen = (await browser.get("/dashboard")).text
        alerts = (await browser.get("/dashboard/alerts")).text
    assert "One thing needs attention." in seen
    assert stage.payee.address in seen
    assert stage.sandbox.url in seen
    assert "single_server" in alerts


async def test_a_channels_page_tells_of_the_alarms_about_it(stage: Stage) -> None:
    """And of none about another; a channel about which none stands has a page as well."""
    calm, wraps = await stage.channel(), await stage.channel(settle_delay=2**32 - 1)
    async with stage.tower(), browser_of(stage) as browser:
        await stage.keep(wraps, 30 * XRP)

        async def told() -> bool:
            return (
                "channel_unprotectable" in (await browser.get(f"/dashboard/channels/{wraps}")).text
            )

        await stage.until(told)
        seen = await browser.get(f"/dashboard/channels/{calm}")
    assert seen.status_code == 200
    assert "channel_unprotectable" not in seen.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/dashboard", 200),
        ("/dashboard/alerts", 200),
        ("/dashboard/login", 303),
        ("/dashboard/nowhere", 404),
        ("/dashboard/assets/nothing.css", 404),
        ("/dashboard/assets/..%2f..%2fframe.py", 404),
        ("/dashboard/logout", 405),
    ],
)
async def test_everything_below_says_what_a_browser_may_make_of_it(path: str, status: int) -> None:
    """Also what goes wrong, which is where others' text stands most."""
    async with pages_of(Tower(report)) as (browser, _):
        seen = await browser.get(path)
    assert seen.status_code == status
    assert seen.headers["content-security-policy"] == POLICY
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert seen.headers["referrer-policy"] == "same-origin"
    assert seen.headers["cross-origin-opener-policy"] == "same-origin"
    assert seen.headers["cross-origin-resource-policy"] == "same-origin"
    assert seen.headers["cache-control"] == "no-store"
    assert has_inline(seen.text) == []


async def test_what_pages_load_is_the_towers_own_and_never_changes_under_its_name() -> None:
    """Every address on a page is of this place, is there, and may be kept for ever."""
    async with pages_of(Tower(report)) as (browser, _):
        page = (await browser.get("/dashboard")).text
        loaded = re.findall(r'<(?:script|link|img)[^>]*?(?:src|href)="([^"]*)"', page)
        assert len(loaded) == 4
        for address in loaded:
            assert address.startswith("/dashboard/assets/")
            seen = await browser.get(address)
            assert seen.status_code == 200
            assert seen.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert seen.headers["content-security-policy"] == POLICY
    for asset in assets().values():
        text = asset.content.decode()
        assert "eval(" not in text
        assert "new Function" not in text
        assert not re.search(r"@import|url\(|fonts\.", text)


def test_what_is_not_ours_is_what_its_makers_released() -> None:
    """The script that merges pages, as it was published; its licence stands beside it."""
    merging = (FOLDER / "idiomorph.js").read_bytes()
    assert sha256(merging).hexdigest() == (
        "4cbd535caf7663a51eda9bce6595371c384fc430d54b8d414e29a61167f19f96"
    )
    assert "Zero-Clause BSD" in (FOLDER / "idiomorph.LICENSE").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Which elements a page has, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    @override
    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


@pytest.mark.parametrize("path", PAGES)
async def test_what_others_choose_is_text_and_nothing_else(path: str) -> None:
    """Whatever a server, a payer or a route says: no element, no attribute, no letter over ours."""
    async with pages_of(Tower(report)) as (browser, _):
        plain = Elements((await browser.get(path)).text)
    async with pages_of(Tower(lambda: report(HOSTILE))) as (browser, _):
        page = (await browser.get(path)).text
    hostile = Elements(page)
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert "<script>alert(1)</script>" in hostile.text
    assert has_inline(page) == [" onerror="] * len(has_inline(page))  # as text, see above
    assert "\u202e" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize("path", PAGES)
async def test_servers_are_told_without_what_may_be_a_key(path: str) -> None:
    """Wherever the address stands: in the list, in a reason, in an alarm's sentence."""
    async with pages_of(Tower(report)) as (browser, _):
        page = (await browser.get(path)).text
    assert "wss://one.example" in page
    for secret in ("sesame", "user:key", "key@"):
        assert secret not in page


async def test_alarms_lead_to_their_section_where_a_browser_can_go() -> None:
    """The guide is a file beside the code, unless the operator has put it somewhere."""
    address = "https://docs.example/alerts.html#a"
    for guide, is_there in (("docs/alerts.md", False), ("https://docs.example/alerts.html", True)):
        async with pages_of(Tower(report, guide)) as (browser, _):
            page = (await browser.get("/dashboard/alerts")).text
        assert (f'href="{address}"' in page) is is_there


async def test_before_the_first_ledger_nothing_is_called_safe() -> None:
    """What was not judged yet is not well: a tower that starts in an outage is looked at then."""
    before: dict[str, Any] = {"ledger_index": None, "ledger_time": None, "gaps": None}
    before |= {"deadlines": [], "unprotectable": 0, "threatened_at_stake": 0}
    async with pages_of(Tower(lambda: report(**before))) as (browser, _):
        page = (await browser.get("/dashboard")).text
        channels = (await browser.get("/dashboard/channels")).text
    assert "No ledger was heard of yet" in page
    for said in ("nowhere", "nothing presses", "No channel with something at stake has an end"):
        assert said not in page
    assert "No ledger was heard of yet" in channels


async def test_channels_of_a_payer_are_counted_as_channels() -> None:
    """And not as attempts, behind which they stood."""
    async with pages_of(Tower(lambda: report(outgoing=2))) as (browser, _):
        page = (await browser.get("/dashboard")).text
    assert re.search(r"<dt>channels</dt>.*\n.*<dt>of them as payer</dt>.*>2<", page)


async def test_a_thousand_alarms_are_counted_and_the_first_are_told() -> None:
    """A page that nobody can read tells nobody anything, and takes its time."""
    alarms = [
        {"name": "n", "subject": str(n), "severity": "warning", "sentence": "s", "since": 1}
        for n in range(1_000)
    ]
    async with pages_of(Tower(lambda: report(alarms=alarms))) as (browser, _):
        page = (await browser.get("/dashboard")).text
    assert re.search(r"9\d\d more", page)
    assert re.search(r'warning</dt><dd><span class="number">1,000</span>, the newest', page)
    assert len(page) < 100_000


@pytest.mark.parametrize(
    ("said", "status", "word"), [(raises, 503, "store_unavailable"), (breaks, 500, "internal")]
)
async def test_what_goes_wrong_is_a_page_with_the_word_of_the_interface(
    said: Callable[[], Mapping[str, Any]], status: int, word: str
) -> None:
    """And says what to do; of a mistake of ours it tells nothing of what went through it."""
    async with pages_of(Tower(said)) as (browser, _):
        seen = await browser.get("/dashboard")
        told = await browser.get("/dashboard", headers={"accept": "*/*"})
    assert seen.status_code == told.status_code == status
    assert f"<code>{word}</code>, status {status}" in seen.text
    assert told.json()["type"] == word
    assert "script>" not in seen.text.replace("</script>", "")
    assert "alert" not in seen.text.replace("/alerts", "").replace("Alerts", "")


async def test_a_daemon_that_stops_says_so() -> None:
    """Rather than how things were."""
    async with pages_of(Tower(report)) as (browser, dashboard):
        dashboard.stop()
        for path in PAGES:
            seen = await browser.get(path)
            assert (seen.status_code, "The tower is stopping" in seen.text) == (503, True)
        events = await browser.get("/dashboard/events", headers={"accept": "text/event-stream"})
        assert (events.status_code, events.json()["type"]) == (503, "stopping")


@pytest.mark.parametrize("word", WORDS)
def test_every_problem_has_its_page(word: str) -> None:
    """Whatever comes of a request."""
    page = problem_page(problem_saying(word, "A `sentence`."))
    assert "<h1" in page
    if WORDS[word] != 401:
        assert f"<code>{word}</code>" in page


async def test_a_browser_is_led_to_the_dashboard_and_a_client_finds_nothing(stage: Stage) -> None:
    """The root was nothing before, and stays so for who reads JSON."""
    async with stage.tower(), browser_of(stage) as browser:
        seen = await browser.get("/")
        told = await browser.get("/", headers={"accept": "*/*"})
    assert (seen.status_code, seen.headers["location"]) == (302, "/dashboard")
    assert (told.status_code, told.json()["type"]) == (404, "not_found")


async def test_a_page_that_was_led_astray_is_told_so_on_a_page(tmp_path: Path) -> None:
    """By another name than the tower's (DNS rebinding): a page, with the same policy."""
    async with tower_at_a_port(tmp_path) as (_, client):
        headers = {**PAGE, "host": "astray.example"}
        seen = await client.get("/dashboard", headers=headers)
    assert (seen.status_code, "another name" in seen.text) == (421, True)
    assert seen.headers["content-security-policy"] == POLICY
