"""Hold what a client saw of one server against what it saw of another, message by message.

Everything counts but what depends on the machine, on the wall clock or on the state tree: hashes
of ledgers, the places of transactions inside one ledger (their order follows a salt of the whole
set), directory pages, and how a server is doing. Account sequences, channel ids, transaction
hashes, balances, close times and every other field of every message must be equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Difference", "Frames", "compare", "read_frames"]

Frames = list[Any]
"""Frames in order, each ``{"dir": "send"|"recv"|"note", "msg": …}`` without what is volatile."""

_VOLATILE: Final = frozenset(
    {
        # when and where
        "at", "closed", "time", "uptime", "hostid", "pubkey_node", "git", "build_version",
        "rpc_version", "ports", "peers", "node_size",
        # how the server is doing
        "counters", "initial_sync_duration_us", "io_latency_ms", "jq_trans_overflow",
        "last_close", "load", "peer_disconnects", "peer_disconnects_resources",
        "server_state_duration_us", "state_accounting", "validation_quorum", "warnings",
        # what follows from the state tree and the salt
        "account_hash", "ctid", "ledger_hash", "parent_hash", "transaction_hash",
        "TransactionIndex",
    }
)  # fmt: skip
_OF_SERVER_INFO: Final = frozenset(
    {"complete_ledgers", "network_id", "server_state", "validated_ledger"}
)
_OF_VALIDATED_LEDGER: Final = frozenset({"hash", "age"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One message that differs: its number, its direction, and where."""

    number: int
    direction: str
    places: tuple[str, ...]


def read_frames(path: Path) -> Frames:
    """Return the frames of a recording that are to be compared, in an order that can be."""
    frames: Frames = []
    of_one_ledger: Frames = []
    for line in path.read_text(encoding="utf-8").splitlines():
        frame = _clean(json.loads(line))
        message = frame["msg"]
        if frame["dir"] == "note":
            # What a note tells in words is the teller's; its facts are the server's.
            message.pop("text", None)
        if message.get("type") == "transaction" and message.get("validated"):
            of_one_ledger.append(frame)
            continue
        frames += [*sorted(of_one_ledger, key=_as_text), frame]
        of_one_ledger = []
    return frames + sorted(of_one_ledger, key=_as_text)


def compare(reference: Frames, other: Frames) -> list[Difference]:
    """Return the messages that differ; one that only one side has differs too."""
    found = [
        Difference(number=number, direction=one["dir"], places=tuple(_places(one, two)))
        for number, (one, two) in enumerate(zip(reference, other, strict=False))
        if one != two
    ]
    shorter, longer = sorted((reference, other), key=len)
    side = "missing" if longer is reference else "only in other"
    for number, frame in enumerate(longer[len(shorter) :], start=len(shorter)):
        place = f"{side}: {_short(frame['msg'])}"
        found.append(Difference(number=number, direction=frame["dir"], places=(place,)))
    return found


def _clean(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {
            name: _clean(part, name) for name, part in value.items() if _counts(name, within=key)
        }
    if isinstance(value, list):
        parts = [part for part in value if key != "AffectedNodes" or not _is_directory(part)]
        return [_clean(part) for part in parts]
    return value


def _counts(name: str, *, within: str) -> bool:
    if name in _VOLATILE or (within == "info" and name not in _OF_SERVER_INFO):
        return False
    return within != "validated_ledger" or name not in _OF_VALIDATED_LEDGER


def _is_directory(node: dict[str, Any]) -> bool:
    kind: str = next(iter(node.values()))["LedgerEntryType"]
    return kind == "DirectoryNode"


def _places(one: Any, two: Any, at: str = "") -> Iterator[str]:
    if type(one) is not type(two):
        yield f"{at}: {_short(one)} | {_short(two)}"
    elif isinstance(one, dict):
        for name in sorted(one.keys() | two.keys()):
            if name not in one:
                yield f"{at}.{name}: only in other: {_short(two[name])}"
            elif name not in two:
                yield f"{at}.{name}: missing: {_short(one[name])}"
            else:
                yield from _places(one[name], two[name], f"{at}.{name}")
    elif isinstance(one, list):
        if len(one) != len(two):
            yield f"{at}: {len(one)} items | {len(two)} items"
        for number, (left, right) in enumerate(zip(one, two, strict=False)):
            yield from _places(left, right, f"{at}[{number}]")
    elif one != two:
        yield f"{at}: {_short(one)} | {_short(two)}"


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _short(value: Any) -> str:
    return json.dumps(value)[:90]
