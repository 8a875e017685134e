"""Pages for everybody: by keyboard or screen reader, on a phone, in the dark, without a script."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route

from tests.browser.conftest import DESKTOP, PHONE, Shown
from tests.tower.conftest import XRP
from watchtower.interfaces.dashboard.headers import HTML
from watchtower.interfaces.dashboard.problem_page import login_page, problem_page
from watchtower.interfaces.http.problems import problem_saying
from watchtower.units import ChannelId

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
UNKNOWN = "/dashboard/channels/12"

STANDARD = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def channels(shown: Shown) -> list[ChannelId]:
    """Channels in every kind of state that a page has a word for."""
    stage = shown.stage
    plain, over, wraps, gone, over_soon = [
        await stage.channel(drops * XRP, settle_delay)
        for drops, settle_delay in ((100, 3600), (50, 3600), (100, 2**32 - 1), (20, 1), (30, 1))
    ]
    for channel, drops in ((plain, 30), (over, 80), (wraps, 5), (over_soon, 3)):
        await stage.keep(channel, drops * XRP)
    await stage.close_request(over)
    await stage.until_paid(over, 50 * XRP)
    await stage.close_request(gone)
    await stage.close_request(gone)
    await stage.until_told(gone, "channel_closed")
    await stage.close_request(over_soon)
    await stage.until_told(over, "attempt_settled")
    return [plain, over, wraps, gone, over_soon]


async def wrong_with(page: Page) -> list[Any]:
    """What shuts somebody out of the page that is shown: day and night, on a desk, on a phone."""
    await page.set_viewport_size(DESKTOP)
    await page.emulate_media(color_scheme="light")
    await page.evaluate(AXE)
    found = await violations(page)
    await page.emulate_media(color_scheme="dark")
    found += await violations(page, ["color-contrast"])
    await page.set_viewport_size(PHONE)
    found += await violations(page, ["target-size", "scrollable-region-focusable"])
    width = await page.evaluate("document.documentElement.scrollWidth")
    return found + ([("too wide", width)] if width > PHONE["width"] else [])


async def violations(page: Page, rules: Sequence[str] = ()) -> list[Any]:
    """What axe-core finds wrong with a page that has it, each with where; by ``rules`` alone."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": STANDARD}
    options = {"runOnly": only, "resultTypes": ["violations"]}
    found = await page.evaluate("(options) => axe.run(options)", options)
    return [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"]])
        for each in found["violations"]
    ]


async def test_no_page_shuts_anybody_out(shown: Shown, channels: list[ChannelId]) -> None:
    """Contrast, names, roles, order: axe-core has nothing to say, day and night, at any width."""
    paths = ["/dashboard", "/dashboard/channels", "/dashboard/alerts", UNKNOWN]
    paths += ["/dashboard/channels?q=closed&sort=slack", "/dashboard/channels?q=FFFF"]
    paths += [f"/dashboard/channels/{channel}" for channel in channels]
    wrong: dict[str, Any] = {}
    async with shown.looking(is_undisturbed=False) as page:
        for path in paths:
            await page.goto(shown.address + path)
            wrong[path] = await wrong_with(page)
    assert {path: found for path, found in wrong.items() if found} == {}


@pytest.mark.parametrize("word", ["the form", "token_invalid", "scope_missing", "stopping"])
async def test_no_page_of_what_goes_wrong_shuts_anybody_out(shown: Shown, word: str) -> None:
    """Nor that of a tower that stops, nor the form for a token, refused or not."""
    text = login_page() if word == "the form" else problem_page(problem_saying(word))
    async with shown.looking(is_undisturbed=False) as page:
        # No daemon sends it just now; what it loads is the daemon's.
        answer = partial(answered, text)
        await page.route("**/dashboard/alerts", answer)
        await page.goto(f"{shown.address}/dashboard/alerts")
        await page.locator("main .narrow h1").wait_for()
        assert await wrong_with(page) == []


async def answered(text: str, route: Route) -> None:
    """Answer with a page."""
    await route.fulfill(content_type=HTML, body=text)


async def test_everything_is_reached_by_keyboard_alone(
    shown: Shown, channels: list[ChannelId]
) -> None:
    """The skip link first, then every link in the order of reading, each with its focus seen."""
    async with shown.looking(f"/dashboard/channels/{channels[1]}") as page:
        await page.keyboard.press("Tab")
        assert await focused(page) == "Skip to the content"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "content"
        await page.goto(f"{shown.address}/dashboard/channels/{channels[1]}")
        reachable = await page.locator("a[href], button, input, select, [tabindex='0']").count()
        seen = []
        for _ in range(reachable):
            await page.keyboard.press("Tab")
            seen.append(await page.evaluate(PLACE))
            assert await page.evaluate(IS_SEEN), seen[-1]
        assert seen == sorted(seen)
        assert len(set(map(tuple, seen))) == reachable


async def test_list_is_searched_sorted_and_narrowed_down_by_keyboard(
    shown: Shown, channels: list[ChannelId]
) -> None:
    """From the field on with Tab, Space and arrows; the form is left with Enter, as forms are."""
    async with shown.looking("/dashboard/channels") as page:
        await page.get_by_role("searchbox", name="Search").focus()
        await page.keyboard.type(channels[0][:12])
        await page.keyboard.press("Tab")
        await page.keyboard.type("Funds")
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")
        await page.get_by_label("something at stake").focus()
        await page.keyboard.press("Space")
        await page.get_by_role("searchbox", name="Search").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/channels?q={channels[0][:12]}&sort=amount&order=asc&show=*")
        row = page.locator("tbody tr")
        assert await row.count() == 1
        await page.get_by_role("columnheader", name="Funds").get_by_role("link").press("Enter")
        await page.locator("th[aria-sort=descending]", has_text="Funds").wait_for()
        await row.get_by_role("link").press("Enter")
        await page.wait_for_url(f"**/channels/{channels[0]}")


async def test_how_far_back_is_chosen_by_keyboard(shown: Shown, channels: list[ChannelId]) -> None:
    """Each link says how far it goes, and the one that is shown is said to be."""
    assert channels
    async with shown.looking() as page:
        ranges = page.get_by_role("navigation", name="How far back")
        for words in ("3 days", "90 days", "3 hours"):
            await ranges.get_by_role("link", name=words).press("Enter")
            await ranges.locator("a[aria-current=true]", has_text=words).wait_for()
            drawn = page.locator("#part-history > p")
            await drawn.filter(has_text=f"In the last {words} at most").wait_for()


PLACE = """(() => {
  const every = [...document.querySelectorAll("a[href], button, input, select, [tabindex='0']")];
  return [every.indexOf(document.activeElement)];
})()"""

IS_SEEN = """(() => {
  const style = getComputedStyle(document.activeElement);
  const box = document.activeElement.getBoundingClientRect();
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
    && box.width > 0 && box.bottom > 0 && box.top < innerHeight;
})()"""


async def focused(page: Page) -> str:
    """What the focus is on."""
    return str(await page.evaluate("document.activeElement.textContent.trim()"))


async def test_pages_tell_the_same_without_a_script(
    shown: Shown, channels: list[ChannelId]
) -> None:
    """The script brings what is new; what is there stands in the page."""
    tries = 20
    for path in ("/dashboard", f"/dashboard/channels/{channels[1]}"):
        # Ledgers close meanwhile: what two pages tell is compared until both are of one of them.
        told: list[list[str]] = []
        while not told or told[0] != told[1]:
            told = [await headings(shown, path, has_script=one) for one in (True, False)]
            assert (tries := tries - 1), told
        assert len(told[0]) > 2


async def headings(shown: Shown, path: str, *, has_script: bool) -> list[str]:
    """What a page is called, and its parts."""
    async with shown.looking(path, java_script_enabled=has_script) as page:
        if has_script:
            await page.locator("#live[data-state=live]").wait_for()
        parts = page.locator("main h1, main h2, main th, main dt")
        return [await page.title(), *await parts.all_inner_texts()]


async def test_nothing_moves_for_who_wants_that_nothing_moves(shown: Shown) -> None:
    """No animation, no transition (WCAG 2.2, 2.3.3)."""
    async with shown.looking(reduced_motion="reduce") as page:
        moving = await page.evaluate(
            "[...document.querySelectorAll('*')].filter((one) => {"
            "const style = getComputedStyle(one);"
            "return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0;"
            "}).map((one) => one.outerHTML.slice(0, 80))"
        )
    assert moving == []
