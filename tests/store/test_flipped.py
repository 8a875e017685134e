"""A byte that is flipped on the disk is found, or does no harm; it is never believed."""

from __future__ import annotations

from pathlib import Path

from tests.store.flipped import flipped, of_some_pages, small_store


def size_of(path: Path) -> int:
    """How many bytes a file has."""
    return path.stat().st_size


async def test_a_flipped_byte_of_any_page_is_found_or_harmless(tmp_path: Path) -> None:
    """Headers, pointers, keys, records and free space; ``scripts/flips`` flips all of them."""
    path = tmp_path / "w.db"
    await small_store(path)
    became = [*await flipped(path, of_some_pages(size_of(path)))]

    assert [index for index, verdict in became if verdict == "believed"] == []
    assert sum(verdict == "found" for _, verdict in became) > len(became) // 3
