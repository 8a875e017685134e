"""The comparison: what counts is found, and what cannot be equal does not count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.comparison import compare, read_frames
from tests.conformance.play import RECORDINGS

NAME = "lifecycle_secp256k1.jsonl"


def recorded() -> list[dict[str, Any]]:
    """The frames of a recording, to be changed."""
    return [json.loads(line) for line in (RECORDINGS / NAME).read_text().splitlines()]


def differences(tmp_path: Path, frames: list[dict[str, Any]]) -> int:
    """How many messages of ``frames`` differ from the recording."""
    path = tmp_path / "other.jsonl"
    path.write_text("\n".join(json.dumps(frame) for frame in frames) + "\n")
    return len(compare(read_frames(RECORDINGS / NAME), read_frames(path)))


def first(frames: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The first message of a type."""
    found: dict[str, Any] = next(f["msg"] for f in frames if f["msg"].get("type") == kind)
    return found


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_recording_equals_itself(path: Path) -> None:
    """Nothing in the comparison depends on the run."""
    assert compare(read_frames(path), read_frames(path)) == []


def test_what_depends_on_machine_and_state_tree_does_not_count(tmp_path: Path) -> None:
    """Times of arrival, ledger hashes, the words of a note, directory pages."""
    frames = recorded()
    for frame in frames:
        frame["at"] = 0
        if frame["dir"] == "note":
            frame["msg"]["text"] = "in other words"
    first(frames, "ledgerClosed")["ledger_hash"] = "0" * 64
    nodes = first(frames, "transaction")["meta"]["AffectedNodes"]
    nodes[:] = [n for n in nodes if next(iter(n.values()))["LedgerEntryType"] != "DirectoryNode"]
    assert differences(tmp_path, frames) == 0


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("ledgerClosed", ("ledger_time",)),
        ("ledgerClosed", ("txn_count",)),
        ("transaction", ("hash",)),
        ("transaction", ("tx_json", "Sequence")),
        ("transaction", ("meta", "TransactionResult")),
    ],
)
def test_any_other_field_counts(tmp_path: Path, kind: str, path: tuple[str, ...]) -> None:
    """One changed value is one message that differs."""
    frames = recorded()
    *way, last = path
    target = first(frames, kind)
    for step in way:
        target = target[step]
    target[last] = "something else"
    assert differences(tmp_path, frames) == 1


@pytest.mark.parametrize("at", range(2))
def test_changed_balance_is_found(tmp_path: Path, at: int) -> None:
    """In both of the answers that show the channel."""
    frames = recorded()
    shown = [f["msg"]["result"]["node"] for f in frames if "node" in f["msg"].get("result", {})]
    shown[at]["Balance"] = str(int(shown[at]["Balance"]) + 1)
    assert differences(tmp_path, frames) == 1


def test_difference_says_where_it_is(tmp_path: Path) -> None:
    """The number of the message, its direction, the path of the field, and both values."""
    frames = recorded()
    first(frames, "ledgerClosed")["ledger_time"] = 7
    path = tmp_path / "other.jsonl"
    path.write_text("\n".join(json.dumps(frame) for frame in frames) + "\n")
    (found,) = compare(read_frames(RECORDINGS / NAME), read_frames(path))
    assert frames[found.number]["msg"]["ledger_time"] == 7
    assert found.direction == "recv"
    assert found.places == (".msg.ledger_time: 820540802 | 7",)


def test_missing_and_surplus_messages_count(tmp_path: Path) -> None:
    """A message that only one side has is a difference, too."""
    assert differences(tmp_path, recorded()[:-1]) == 1
    assert differences(tmp_path, [*recorded(), recorded()[-1]]) == 1


def test_missing_and_surplus_fields_count(tmp_path: Path) -> None:
    """A field that a client might read, and one that it might trip over."""
    for change in ({"surplus": 1}, {"fee_base": None}):
        frames = recorded()
        message = first(frames, "ledgerClosed")
        message.update(change)
        if change == {"fee_base": None}:
            del message["fee_base"]
        assert differences(tmp_path, frames) == 1


def test_order_of_transactions_inside_one_ledger_is_free(tmp_path: Path) -> None:
    """It follows a salt of the whole set; between ledgers it is not free."""
    frames = recorded()
    at = next(i for i, f in enumerate(frames) if f["msg"].get("type") == "transaction")
    twin = json.loads(json.dumps(frames[at]))
    twin["msg"]["hash"] = "0" * 64
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    for path, pair in ((one, [frames[at], twin]), (two, [twin, frames[at]])):
        both = [*frames[:at], *pair, *frames[at + 1 :]]
        path.write_text("\n".join(json.dumps(frame) for frame in both) + "\n")
    assert compare(read_frames(one), read_frames(two)) == []
    frames[at - 1], frames[at] = frames[at], frames[at - 1]
    assert differences(tmp_path, frames) == 2
