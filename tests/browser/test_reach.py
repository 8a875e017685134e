"""Pages for everybody: by keyboard or screen reader, on a phone, in the dark, without a script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize

from tests.browser.conftest import DESKTOP, PHONE, Shown
from tests.tower.conftest import XRP
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


async def violations(page: Page, rules: Sequence[str] = ()) -> list[Any]:
    """What axe-core finds wrong with a page that has it, each with where; by ``rules`` alone."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": STANDARD}
    options = {"runOnly": only, "resultTypes": ["violations"]}
    found = await page.evaluate("(options) => axe.run(options)", options)
    return [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"]])
        for each in found["violations"]
    ]


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_no_page_shuts_anybody_out(
    shown: Shown, channels: list[ChannelId], screen: ViewportSize
) -> None:
    """Contrast, names, roles, order: axe-core has nothing to say, day and night, at any width."""
    paths = ["/dashboard", "/dashboard/channels", "/dashboard/alerts", UNKNOWN]
    paths += [f"/dashboard/channels/{channel}" for channel in channels]
    wrong: dict[str, Any] = {}
    async with shown.looking(screen=screen, is_undisturbed=False) as page:
        for path in paths:
            await page.goto(shown.address + path)
            await page.emulate_media(color_scheme="light")
            await page.evaluate(AXE)
            wrong[path] = await violations(page)
            await page.emulate_media(color_scheme="dark")
            wrong[f"{path} in the dark"] = await violations(page, ["color-contrast"])
            width = await page.evaluate("document.documentElement.scrollWidth")
            wrong[f"{path} is too wide"] = [width] if width > screen["width"] else []
    assert {path: found for path, found in wrong.items() if found} == {}


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
    for path in ("/dashboard", f"/dashboard/channels/{channels[1]}"):
        told = []
        for has_script in (True, False):
            async with shown.looking(path, java_script_enabled=has_script) as page:
                if has_script:
                    await page.locator("#live[data-state=live]").wait_for()
                headings = page.locator("main h1, main h2, main th, main dt")
                told.append([await page.title(), *await headings.all_inner_texts()])
        assert told[0] == told[1]
        assert len(told[0]) > 2


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
