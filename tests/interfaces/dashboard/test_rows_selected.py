"""Pages of a list: those that sorting everything would give, walked in both directions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.interfaces.dashboard.lists import ADDRESSES, lists, naive, queries
from watchtower.interfaces.dashboard.reading import Unreadable, query_of, text_of
from watchtower.interfaces.dashboard.rows import Place, Query, Row, Sort
from watchtower.interfaces.dashboard.selection import Page, Selection
from watchtower.units import ChannelId, Drops


def page_of(query: Query, rows: list[Row], size: int, at_once: int = 2) -> Page:
    """The page that a query asks for, with rows looked at a few at a time."""
    selection = Selection(query, size)
    for begin in range(0, len(rows), at_once):
        selection.look(rows[begin : begin + at_once])
    return selection.page()


def asked(text: str) -> Query:
    """The query that a link asks for."""
    query = query_of(text)
    assert not isinstance(query, Unreadable), query.why
    return query


@given(lists(), queries, st.integers(1, 4), st.integers(1, 3))
def test_pages_one_after_the_other_are_the_whole_list(
    rows: list[Row], query: Query, size: int, at_once: int
) -> None:
    """By their links, on and back again: no row twice, and none missed."""
    whole = naive(query, rows)
    page, seen = page_of(query, rows, size, at_once), list[Row]()
    for begin in range(0, max(1, len(whole)), size):
        assert list(page.rows) == whole[begin : begin + size]
        assert (page.matched, page.ahead) == (len(whole), begin)
        assert page.behind == len(whole) - begin - len(page.rows)
        seen += page.rows
        if page.behind:
            page = page_of(asked(text_of(query, after=page.last)), rows, size, at_once)
    assert seen == whole
    while page.ahead:
        ahead, first = page.ahead, page.first
        page = page_of(asked(text_of(query, before=first)), rows, size, at_once)
        assert list(page.rows) == whole[max(0, ahead - size) : ahead]
        assert page.ahead == ahead - len(page.rows)
        assert page.behind == len(whole) - ahead


@given(lists(), queries, st.integers(1, 3), st.data())
def test_next_page_misses_none_while_others_come_and_go(
    rows: list[Row], query: Query, size: int, data: st.DataObject
) -> None:
    """Each row that is there before and after a page is turned is seen once."""
    first = page_of(query, rows, size)
    gone = data.draw(st.sets(st.sampled_from([row.channel for row in rows]))) if rows else set()
    later = [row for row in rows if row.channel not in gone]
    # One more, which comes first or last by whatever is sorted by.
    if rows:
        new = ChannelId(data.draw(st.sampled_from(["00", "FF"])) + "9" * 62)
        later.append(replace(rows[0], channel=new, amount=Drops(9)))
    seen = [row.channel for row in first.rows]
    page = first
    while page.last is not None:
        page = page_of(replace(query, after=page.last), later, size)
        seen += [row.channel for row in page.rows]
        assert len(seen) <= len(rows) + len(later), "it is turned, and stays where it is"
    stayed = [row.channel for row in naive(query, rows) if row.channel not in gone]
    assert [channel for channel in seen if channel in set(stayed)] == stayed


def test_a_page_of_many_rows_keeps_a_few() -> None:
    """A million channels take no more memory than a page or four, in the worst of orders."""
    selection = Selection(Query(sort=Sort.AMOUNT, descending=True), 5)
    for number in range(1_000):
        selection.look([numbered(number)])
        assert len(selection._kept) <= 20
    page = selection.page()
    assert [row.amount for row in page.rows] == [999, 998, 997, 996, 995]
    assert page.matched == 1_000


@given(st.permutations(range(40)))
def test_a_page_of_many_rows_is_the_same_in_whatever_order_they_come(order: list[int]) -> None:
    """What was thrown away on the way was never of the page, before a place or behind one."""
    rows = [numbered(number) for number in order]
    query = Query(sort=Sort.AMOUNT, descending=False)
    assert [row.amount for row in page_of(query, rows, 2).rows] == [0, 1]
    middle = Place(is_without=False, value=20, channel=numbered(20).channel)
    behind = page_of(replace(query, after=middle), rows, 2)
    assert [row.amount for row in behind.rows] == [21, 22]
    ahead = page_of(replace(query, before=middle), rows, 2)
    assert [row.amount for row in ahead.rows] == [18, 19]


def numbered(number: int) -> Row:
    """A row with so many drops in it, and an id to match."""
    return replace(plain_row(), channel=ChannelId(f"{number:064X}"), amount=Drops(number))


def plain_row() -> Row:
    """A row on which nothing is at stake."""
    return Row(
        channel=ChannelId("A" * 64),
        source=ADDRESSES[0],
        destination=ADDRESSES[1],
        amount=Drops(1),
        balance=Drops(0),
        at_stake=Drops(0),
        state="settled",
        sure_until=None,
        window=0,
        protectable=True,
        is_paid=True,
        is_paying=False,
    )
