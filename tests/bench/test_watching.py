"""What is measured is a start of the real watch from a real store."""

from __future__ import annotations

from pathlib import Path

from bench import watching
from bench.scale import Scale


def test_every_channel_that_was_written_is_watched_and_judged(tmp_path: Path) -> None:
    """A start that forgot some would look quick and small."""
    watching.furnish(tmp_path / "w.db", 30)
    began = watching.start(tmp_path / "w.db", 30)

    assert began.channels == 30
    assert began.loading > 0


def test_the_report_has_what_the_document_names() -> None:
    """Each process of its own tells what it has seen."""
    names = {one.name for one in watching.measure(Scale(watched=40)).readings}

    assert names == {
        "watch.start_s_per_million",
        "watch.judge_s_per_million",
        "watch.bytes_per_channel",
        "watch.idle_close_us",
        "store.bytes_per_channel",
    }
