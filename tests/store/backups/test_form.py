"""What is written is read again alike, in whatever pieces it comes; anything else is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.errors import BackupDamagedError
from watchtower.store.backups.form import (
    LONGEST,
    Closing,
    Frame,
    Frames,
    Head,
    Opening,
    Removed,
    Written,
    digest_of,
    read_head,
    write_frame,
    write_head,
)

BASE = Head(
    chain="ab" * 16,
    sequence=0,
    based_on=None,
    network=1,
    created=1_800_000_000,
    store_format=2,
    made_by="cd" * 32,
)
_NUMBERS = st.integers(1, 2**63 - 1)
_ROWS = st.one_of(_NUMBERS, st.binary(max_size=40))
_RECORDS = st.tuples(_ROWS, st.binary(max_size=40), _NUMBERS, st.binary(max_size=200))
_FRAMES = st.lists(
    st.one_of(
        st.builds(Written, st.text(max_size=9), st.lists(_RECORDS, max_size=4)),
        st.builds(Removed, st.text(max_size=9), st.lists(_ROWS, max_size=4)),
    ),
    max_size=5,
)


def _closing(frames: list[Any]) -> Closing:
    written = sum(len(frame.rows) for frame in frames if isinstance(frame, Written))
    removed = sum(len(frame.rows) for frame in frames if isinstance(frame, Removed))
    return Closing(written, removed)


@given(frames=_FRAMES, size=st.integers(1, 300))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    frames: list[Frame], size: int
) -> None:
    """And one byte less is no end."""
    head = write_head(BASE)
    whole: list[Frame] = [
        Opening(head=digest_of(head), master=bytes(32)),
        *frames,
        _closing(frames),
    ]
    data = b"".join(map(write_frame, whole))
    reader, cut = Frames(head, "b"), Frames(head, "b")
    found: list[Frame] = []
    for first in range(0, len(data), size):
        found += reader.feed(data[first : first + size])
    reader.finish()
    assert found == whole
    list(cut.feed(data[:-1]))
    with pytest.raises(BackupDamagedError, match="has no end"):
        cut.finish()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sequence": 7, "based_on": "ef" * 32, "network": None},
        {"created": 0, "store_format": 9_999},
    ],
)
def test_a_head_is_read_as_it_was_written(changes: dict[str, Any]) -> None:
    """With its bytes, over which others are computed, and nothing of what follows."""
    head = msgspec.structs.replace(BASE, **changes)
    assert read_head(write_head(head) + b"more", "b") == (head, write_head(head))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no backup"),
        (b"SQLite format 3\0", "no backup"),
        (b"xrpl-watchtower backup 2\n{}\n", "a version that this watchtower does not know"),
        (write_head(BASE)[:-1], "cut short in its head"),
        (b"xrpl-watchtower backup 1\n" + b" " * 3_000 + b"\n", "cut short in its head"),
        (b"xrpl-watchtower backup 1\n{}\n", "makes no sense"),
        (b"xrpl-watchtower backup 1\n\xff\n", "makes no sense"),
        (b"xrpl-watchtower backup 1\n" + b"[" * 1_900 + b"\n", "makes no sense"),
        (write_head(msgspec.structs.replace(BASE, sequence=1)), "contradicts itself"),
        (write_head(msgspec.structs.replace(BASE, based_on="ef" * 32)), "contradicts itself"),
        (write_head(msgspec.structs.replace(BASE, chain="../../etc/passwd")), "makes no sense"),
    ],
)
def test_what_is_no_head_is_one_sentence(data: bytes, why: str) -> None:
    """With the name of the file."""
    with pytest.raises(BackupDamagedError, match=f"The backup b cannot be used: .*{why}"):
        read_head(data, "b")


@pytest.mark.parametrize(
    "data", [(LONGEST + 1).to_bytes(4), b"\xff" * 8, b"\0\0\0\0", b"\0\0\0\1\xc1"]
)
def test_no_length_makes_us_wait_for_what_nobody_writes(data: bytes) -> None:
    """A frame of four gigabytes is refused by its length."""
    with pytest.raises(BackupDamagedError):
        list(Frames(write_head(BASE), "b").feed(data))


def test_the_master_key_is_in_no_traceback() -> None:
    """What shows values shows none of it."""
    opening = Opening(head=bytes(32), master=b"secret master key, of 32 bytes..")
    assert "secret" not in repr(opening)
