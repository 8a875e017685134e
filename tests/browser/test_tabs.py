"""Many pages of the dashboard in one browser, of which one is seen."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Shown

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SEEN = """(state) => {
  Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""What a browser does when another tab is chosen: one without a window shows all of them."""


async def test_pages_that_nobody_sees_leave_the_connections_to_those_that_are_seen(
    shown: Shown,
) -> None:
    """A browser has six for one place: with a page open for each of six channels it would hang."""
    async with shown.looking() as page:
        others = []
        for _ in range(7):
            others.append(await page.context.new_page())
            await others[-1].goto(f"{shown.address}/dashboard/alerts")
            await others[-1].evaluate(_SEEN, "hidden")
        await page.locator("#live[data-state=live]").wait_for()
        assert await others[0].locator("#live[data-state=still]").count() == 1
        await others[0].evaluate(_SEEN, "visible")
        await others[0].locator("#live[data-state=live]").wait_for()
