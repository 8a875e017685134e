"""What a browser may ask of the list of channels, and what it is told where it may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.interfaces.dashboard.lists import ADDRESSES, queries
from watchtower.interfaces.dashboard.reading import Unreadable, query_of, text_of
from watchtower.interfaces.dashboard.rows import Place, Query, Show, Sort

ID = "A" * 64

places = st.builds(
    Place,
    is_without=st.just(False),  # noqa: FBT003 - a field of the place
    value=st.integers(0, 10**17),
    channel=st.text("0123456789ABCDEF", min_size=64, max_size=64),
)


@given(queries, st.none() | places, st.booleans(), st.booleans())
def test_what_is_written_into_a_link_is_read_as_the_same(
    query: Query,
    place: Place | None,
    is_without: bool,  # noqa: FBT001 - drawn
    is_before: bool,  # noqa: FBT001 - drawn
) -> None:
    """Words, filters, order and place."""
    if place is not None:
        value = int(place.channel, 16) if query.sort is Sort.ID else place.value
        value = 0 if is_without else -value if query.descending else value
        place = place._replace(is_without=is_without, value=value)
    name = "before" if is_before else "after"
    assert query_of(text_of(query, **{name: place})) == replace(query, **{name: place})


def test_nothing_is_the_first_page_of_all_by_what_is_at_stake() -> None:
    """What most people want to see; what is nearest its end comes first by slack."""
    assert query_of("") == Query() == query_of("q=&sort=&order=&after=&show=")
    assert text_of(Query()) == ""
    by_slack = query_of("sort=slack")
    assert isinstance(by_slack, Query)
    assert not by_slack.descending


def test_a_changed_query_begins_at_the_first_page() -> None:
    """A place in another order is no place in this one."""
    place = Place(is_without=False, value=-7, channel=ID)
    query = Query(after=place)
    assert text_of(query, sort=Sort.AMOUNT) == "sort=amount"
    assert text_of(query, after=place) == f"after=7.{ID}"


def test_words_are_beginnings_and_verdicts() -> None:
    """Upper or lower, as they were copied from wherever."""
    query = query_of(f"q=+aF0+{ADDRESSES[0]}++Threatened&show=payer&show=at_stake")
    assert isinstance(query, Query)
    assert query.words == ("aF0", ADDRESSES[0], "Threatened")
    assert query.show == {Show.PAYER, Show.AT_STAKE}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("q=hello", "“hello” is not the beginning"),
        ("q=r0", "“r0” is not the beginning"),
        ("q=%3Cscript%3E", "“<script>” is not the beginning"),
        ("q=" + "A" * 65, "is not the beginning"),
        ("q=a+b+c+d+e", "4 words at most"),
        ("q=" + "+" * 1_000, "1000 letters at most"),
        ("q=a&q=b", "`q` is said twice"),
        ("sort=size", "`sort` is one of"),
        ("show=all", "`show` is one of"),
        ("order=up", "`order` is `asc` or `desc`"),
        ("limit=1000000", "Nothing is called “limit” here"),
        ("after=7", "“7” is no place"),
        (f"after=-7.{ID}", "is no place"),
        (f"after={'9' * 19}.{ID}", "is no place"),
        (f"after=7.{ID}&before=7.{ID}", "not both"),
        (f"after=\u0667.{ID}", "is no place"),
        ("&".join(["show=payer"] * 17), "This is no query"),
        ("q", "This is no query"),
        ("q=%FF", "This is no query"),
    ],
)
def test_what_cannot_be_meant_is_told(text: str, why: str) -> None:
    """In a sentence, in which what was written is short."""
    read = query_of(text)
    assert isinstance(read, Unreadable)
    assert why in read.why
    assert len(read.why) < 300


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda given: given.decode("latin-1")))
def test_nothing_that_is_written_does_worse(text: str) -> None:
    """It is a query, or it is told what it is not."""
    assert isinstance(query_of(text), Query | Unreadable)
