"""A hundred thousand channels in a real browser: their list is searched, sorted, turned over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import PATIENCE, Shown, shown_on
from tests.store import make
from watchtower.judgement.channel import Channel
from watchtower.ledger.events import ChannelEntry, Position
from watchtower.settings import LedgerSettings
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.walk]

MANY = 100_000
TOGETHER = 20_000
XRP = 1_000_000


def id_of(number: int) -> ChannelId:
    """Ids in no order of what channels hold."""
    return ChannelId(f"{number * 0x9E3779B97F4A7C15 % 2**64:016X}" + "0" * 48)


async def furnish(store: Store, payee: Address) -> None:
    """Put the channels into a store: they take most of the time of this module."""
    for first in range(1, MANY + 1, TOGETHER):
        numbers = range(first, first + TOGETHER)
        async with store.write() as work:
            await work.channels.put_all(
                Channel(
                    entry=ChannelEntry(
                        channel=id_of(number),
                        source=make.PAYER,
                        destination=payee,
                        amount=Drops(number * XRP),
                        balance=Drops(0),
                        public_key=make.KEY,
                        settle_delay=86_400,
                    ),
                    as_of=Position(LedgerIndex(9), 0),
                )
                for number in numbers
            )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowded(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shown]:
    """A tower that has them all from its store, and whose servers are away: none is read anew."""
    async with shown_on(tmp_path_factory.mktemp("many"), browser) as made:
        stage = made.stage
        async with stage.store() as store:
            await furnish(store, stage.payee.address)
        stage.with_settings(
            servers=("ws://127.0.0.1:1",), ledger=LedgerSettings(request_timeout_seconds=1.0)
        )
        async with stage.tower() as daemon:
            await made.until_alive(daemon)
            yield made


def first_row(number: int) -> str:
    """Where a page begins that begins with a channel."""
    return f"tbody tr:first-child#row-{id_of(number)}"


async def test_list_of_a_hundred_thousand_is_sorted_searched_and_turned_over(
    crowded: Shown,
) -> None:
    """The largest first or the smallest, the next fifty, one by its id; by mouse and keyboard."""
    async with crowded.looking("/dashboard/channels") as page:
        expect.set_options(timeout=PATIENCE)
        headline = page.locator("#channels-headline")
        await expect(headline).to_have_text("1\N{EN DASH}50 of 100,000 channels")
        funds = page.get_by_role("columnheader", name="Funds").get_by_role("link")
        await funds.click()
        await page.locator(first_row(MANY)).wait_for()
        await page.get_by_role("link", name="Next page").click()
        await page.locator(first_row(MANY - 50)).wait_for()
        await page.get_by_role("link", name="Previous page").click()
        await page.locator(first_row(MANY)).wait_for()
        await funds.press("Enter")
        await page.locator(first_row(1)).wait_for()
        await page.get_by_role("searchbox", name="Search").fill(id_of(77_777)[:14].lower())
        await page.keyboard.press("Enter")
        await expect(headline).to_have_text("1\N{EN DASH}1 of 1 channel")
        await page.locator(f"#row-{id_of(77_777)}").get_by_role("link").press("Enter")
        await page.get_by_text(id_of(77_777), exact=True).wait_for()


async def test_list_is_the_same_without_a_script(crowded: Shown) -> None:
    """Its form is a form, and its links are links."""
    async with crowded.looking("/dashboard/channels", java_script_enabled=False) as page:
        await page.get_by_label("Sort by").select_option("amount")
        await page.get_by_label("Order").select_option("asc")
        await page.get_by_role("button", name="Search").click()
        await page.locator(first_row(1)).wait_for()
        await page.get_by_role("link", name="Next page").click()
        await page.locator(first_row(51)).wait_for()
