"""Pages that are open while channels open, are promised on, close and are redeemed."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page

from tests.browser.conftest import Shown, ledgers
from tests.tower.conftest import XRP, Stage
from watchtower.units import ChannelId

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_LOADED_AGAIN = "window.sameOne"


async def watched(page: Page) -> None:
    """Wait until the page is told of changes, and mark it, to see that it is not loaded again."""
    await page.locator("#live[data-state=live]").wait_for()
    await page.evaluate(f"{NOT_LOADED_AGAIN} = true")


async def is_same(page: Page) -> bool:
    """Whether it is the page that was marked."""
    return bool(await page.evaluate(f"{NOT_LOADED_AGAIN} === true"))


async def test_close_request_and_its_payment_come_to_a_page_that_is_open(shown: Shown) -> None:
    """Verdict, funds, attempts and story change where they stand, and the page says so aloud."""
    stage = shown.stage
    channel = await stage.channel()
    async with shown.looking(f"/dashboard/channels/{channel}") as page, ledgers(shown):
        await page.get_by_role("heading", level=1, name="Settled").wait_for()
        await watched(page)
        await stage.keep(channel, 30 * XRP)
        await page.get_by_role("heading", level=1, name="Watching").wait_for()
        await page.locator(".legend li", has_text="30 XRP at stake").wait_for()
        await stage.close_request(channel)
        await page.locator(".legend li", has_text="30 XRP paid").wait_for()
        row = page.locator("#part-channel-tried tbody tr")
        await row.filter(has_text="redeem up to 30 XRP").filter(has_text="paid").wait_for()
        story = page.locator("#part-channel-story li")
        for told in ("claim kept: 30 XRP", "close requested:", "attempt made:", "attempt settled:"):
            await story.filter(has_text=told).wait_for()
        await page.locator("#said", has_text="Settled").wait_for(state="attached")
        assert await is_same(page)


async def test_channel_opens_and_closes_before_the_eyes_of_who_looks_at_the_overview(
    shown: Shown,
) -> None:
    """What is at stake, the deadline while it presses, and that it is gone."""
    stage = shown.stage
    async with shown.looking() as page, ledgers(shown):
        await watched(page)
        channel = await stage.channel(7_777 * XRP)
        await stage.keep(channel, 7_000 * XRP)
        await stage.until_told(channel, "channel_opened")
        at_stake = page.locator("#part-stakes .figure", has_text=re.compile(r"^\s*7,\d{3}"))
        await at_stake.wait_for()
        await stage.close_request(channel)
        await stage.until_paid(channel, 7_000 * XRP)
        await at_stake.wait_for(state="detached")
        assert await is_same(page)


MARKS = """
new MutationObserver((changes) => {
  for (const { target } of changes) {
    if (target.classList.contains("changed")) document.body.dataset.marked += ` ${target.id}`;
  }
}).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
"""


async def test_ledger_that_brings_no_news_marks_nothing_as_changed(shown: Shown) -> None:
    """Numbers of ledgers and times go on where they stand; what is at stake is marked."""
    stage = shown.stage
    channel = await stage.channel()
    async with shown.looking() as page, ledgers(shown):
        await watched(page)
        await page.evaluate(MARKS)
        ledger = page.locator("#part-servers td.number")
        for _ in range(3):
            now = await ledger.inner_text()
            await page.locator("#part-servers td.number", has_not_text=now).wait_for()
        marked = await page.evaluate("document.body.dataset.marked || ''")
        assert "part-servers" not in marked
        assert "part-history" not in marked
        await stage.keep(channel, 3 * XRP)
        await page.locator("body[data-marked~=part-stakes]").wait_for()


async def test_channel_that_is_gone_says_what_it_paid_and_what_went_back(shown: Shown) -> None:
    """The payer takes home what nobody claimed; the page that was open all the time tells it."""
    stage = shown.stage
    channel = await stage.channel(50 * XRP, settle_delay=1)
    async with shown.looking(f"/dashboard/channels/{channel}") as page, ledgers(shown):
        await watched(page)
        await stage.close_request(channel)
        await page.get_by_role("heading", level=1, name="Expired").wait_for()
        await stage.close_request(channel)
        await page.get_by_role("heading", level=1, name="Closed").wait_for()
        await page.get_by_text("50 XRP went back to the payer").wait_for()
        await page.locator("#part-channel-story li", has_text="channel closed:").wait_for()
        assert await is_same(page)
        await page.reload()
        await page.get_by_role("heading", level=1, name="Closed").wait_for()


async def test_what_somebody_reads_stays_where_it_is(shown: Shown) -> None:
    """Focus and scroll are the reader's, whatever changes around them."""
    stage = shown.stage
    channel = await stage.channel()
    for drops in range(1, 31):
        await stage.keep(channel, drops)
    async with shown.looking(f"/dashboard/channels/{channel}") as page, ledgers(shown):
        await watched(page)
        await page.get_by_role("link", name="Overview").focus()
        await page.evaluate("scrollTo(0, 200)")
        await stage.keep(channel, 31)
        await page.locator("#part-channel-story li", has_text="0.000031 XRP").wait_for()
        assert await page.evaluate("document.activeElement.textContent") == "Overview"
        assert await page.evaluate("scrollY") == 200
        assert await is_same(page)


async def test_long_story_is_told_in_pages(shown: Shown) -> None:
    """From the newest to the first, each once, and back again by one link."""
    stage = shown.stage
    channel = await stage.channel()
    await tell(stage, channel, 120)
    async with shown.looking(f"/dashboard/channels/{channel}") as page:
        seen: list[str] = []
        while True:
            seen += await page.locator(
                "#part-channel-story strong + *, .story-what"
            ).all_inner_texts()
            older = page.get_by_role("link", name="Older")
            if not await older.count():
                break
            await older.click()
            await page.wait_for_url("**before=*")
        kept = [line for line in seen if line.startswith("of a later version")]
        assert kept == [f"of a later version: number {n}" for n in range(120, 0, -1)]
        await page.get_by_role("link", name="Newest").click()
        await page.get_by_text("number 120", exact=False).wait_for()


async def tell(stage: Stage, channel: ChannelId, count: int) -> None:
    """Write lines into the journal, as a daemon of a later version might."""
    lines = [("of_a_later_version", channel, None, {"number": n}) for n in range(1, count + 1)]
    async with stage.store() as store, store.write() as work:
        await work.journal.append_all(lines)


async def test_whatever_strangers_say_is_told_as_text(shown: Shown) -> None:
    """A script, a tag, text that runs backwards: it is shown, and does nothing."""
    stage = shown.stage
    channel = await stage.channel()
    said = (
        "<script>window.stolen = 1</script><img src=x onerror=alert(1)>\u202eevil `code`" + "A" * 64
    )
    async with stage.store() as store, store.write() as work:
        await work.journal.append(
            "foreign_transaction",
            channel=channel,
            facts={"transaction": said, "who": said * 50, "unpaid": 5},
        )
        await work.journal.append("of_a_later_version", channel=channel, facts={said: said})
    async with shown.looking(f"/dashboard/channels/{channel}") as page:
        line = page.locator("#part-channel-story li", has_text="foreign transaction")
        told = await line.inner_text()
        assert "<script>window.stolen = 1</script><img src=x onerror=alert(1)>" in told
        assert "\u202e" not in told
        assert len(told) < 800
        assert await page.evaluate("window.stolen === undefined")
        assert await page.locator("main script, main img").count() == 0


async def test_channel_that_nobody_knows_is_a_clear_page(shown: Shown) -> None:
    """And so is what is no id at all; both lead on."""
    async with shown.looking("/dashboard/alerts", is_undisturbed=False) as page:
        for path in ("A" * 64, "a" * 64, "12", "<b>", "%00", "A" * 4_000):
            answer = await page.goto(f"{shown.address}/dashboard/channels/{path}")
            assert answer is not None
            assert answer.status == 404
            await page.get_by_role("heading", level=1, name="No such channel").wait_for()
        await page.get_by_role("main").get_by_role("link", name="Overview").click()
        await page.wait_for_url("**/dashboard")
