"""Lines and marks are the same however the bytes come, and whatever the bytes are."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watchtower.claims.formats.document import MOST_BYTES
from watchtower.cli.lines import LONGEST, TOGETHER, Group, Mark, Splitter, pass_over

TEXT = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\n\n", b"\r\n", b""])).map(b"".join)


def split(text: bytes, cuts: list[int]) -> list[Group]:
    """The groups out of a text that comes in pieces."""
    splitter, groups = Splitter(), []
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    for begin, end in pairwise(places):
        groups += list(splitter.feed(text[begin:end]))
    last = splitter.finish()
    return groups if last is None else [*groups, last]


@given(TEXT, st.lists(st.integers(0, 200)))
def test_lines_are_numbered_and_whole_however_they_are_cut(text: bytes, cuts: list[int]) -> None:
    """A pipe cuts where it likes."""
    groups = split(text, cuts)
    numbered = [line for group in groups for line in enumerate(group.lines, group.first)]
    expected = text.split(b"\n")
    assert numbered == list(enumerate(expected if expected[-1] else expected[:-1], 1))


@given(TEXT, st.lists(st.integers(0, 200)))
def test_a_mark_stands_at_a_line_end_and_is_of_all_before_it(text: bytes, cuts: list[int]) -> None:
    """Whoever goes on there reads the next whole line."""
    for group in split(text, cuts):
        before = text[: group.end.offset]
        assert before[-1:] in {b"\n", b""}
        assert group.end == Mark(
            offset=len(before),
            lines=before.count(b"\n"),
            digest=hashlib.sha256(before).hexdigest(),
        )


@given(TEXT, st.lists(st.integers(0, 200)))
def test_whoever_goes_on_reads_what_is_left(text: bytes, cuts: list[int]) -> None:
    """From every mark, the numbers and the marks behind it are those of the first time."""
    groups = split(text, cuts)
    for index, group in enumerate(groups):
        splitter, file = Splitter(), io.BytesIO(text)
        assert pass_over(file, group.end, splitter) == (
            text.partition(b"\n")[0] if group.end.lines else b""
        )
        again = [*splitter.feed(file.read()), splitter.finish()]
        left = [line for one in again if one for line in enumerate(one.lines, one.first)]
        behind = groups[index + 1 :] if group.end.lines >= group.first else groups[index:]
        assert left == [line for one in behind for line in enumerate(one.lines, one.first)]


def test_another_file_is_not_gone_on_with() -> None:
    """One byte before the mark, or fewer of them."""
    text = b"one\ntwo\nthree\n"
    (group,) = Splitter().feed(text)
    for other in (b"One\ntwo\nthree\n", b"one\ntwo\n", b""):
        assert pass_over(io.BytesIO(other), group.end, Splitter()) is None
    assert pass_over(io.BytesIO(text + b"four\n"), group.end, Splitter()) == b"one"


def test_a_line_without_an_end_is_cut_and_counts_all_the_same() -> None:
    """The next line is whole, and the mark behind it right."""
    text = b"x" * (5 * LONGEST) + b"\nnext\n"
    splitter = Splitter()
    groups = [
        group
        for begin in range(0, len(text), 50_000)
        for group in splitter.feed(text[begin : begin + 50_000])
    ]
    assert [line for group in groups for line in group.lines] == [b"x" * LONGEST, b"next"]
    assert groups[-1].end.digest == hashlib.sha256(text).hexdigest()


def test_a_long_file_comes_in_groups_and_fills_no_memory() -> None:
    """Sixty-four megabytes pass through less than four."""
    piece = b"y" * 99 + b"\n"
    splitter, seen = Splitter(), 0
    tracemalloc.start()
    for _ in range(1_000):
        for group in splitter.feed(piece * 655):
            assert len(group.lines) <= TOGETHER
            seen += len(group.lines)
    for _ in range(100):  # and one line of six megabytes
        assert list(splitter.feed(b"z" * 65_536)) == []
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == 655_000
    assert most < 4 << 20


def test_the_longest_line_is_longer_than_any_document() -> None:
    """So that what is cut is refused for its length, and never taken for a shorter one."""
    assert LONGEST > MOST_BYTES
