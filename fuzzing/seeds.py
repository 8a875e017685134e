"""What fuzzing begins with: the examples of the documents, and what a real server said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fuzzing.made import backups, bundle_of, credential_with, letter_of, receipt_of, request_of
from watchtower.judgement.claim import Claim
from watchtower.units import ChannelId, Drops

__all__ = ["seeds_of", "words_of"]

_ROOT: Final = Path(__file__).parents[1]
_RECORDINGS: Final = _ROOT / "tests" / "data" / "recordings"
_REAL: Final = _ROOT / "tests" / "data" / "real"
_MOST_BYTES: Final = 8_192
_MOST: Final = 40
"""Seeds of a target: more teach nothing, and each is run before anything is tried."""

_WORD: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_.]{2,31}")
_BLOCK: Final = re.compile(r"^```(?:json|text|csv)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
_VALUES: Final = (
    "1500000",
    "1.5XRP",
    "100000000000XRP",
    "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD",
    "127.0.0.1:8412",
    "[::1]:8412",
    "unix:door.sock",
    "wss://one.example:51233",
    "2-50,60,empty",
    "AB" * 32,
)
_MADE: Final = {
    "bundle": bundle_of,
    "requests": request_of,
    "receipt": receipt_of,
    "credential": credential_with,
    "letter": letter_of,
}
"""What is made of a real claim, by the target that reads it."""

_LEAST_SETTINGS: Final = (
    b'\naccounts = ["rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"]\nservers = ["wss://a.example"]\n'
)
_SETTINGS: Final = (
    "",
    'store = "~/w.db"',
    'http.listen = "unix:~/door.sock"',
    'http.listen = "127.0.0.1:8412"',
    'alerts.webhook = "https://[::1]/x"\nalerts.heartbeat_url = "http://a:1"',
    "fees.cap_drops = 5000\nfees.budget_share = 0.5",
)


@cache
def seeds_of(name: str) -> tuple[bytes, ...]:
    """Return what a target is first given."""
    return tuple(seed for seed in _all(name) if len(seed) <= _MOST_BYTES)[:_MOST]


def words_of(seeds: Iterable[bytes]) -> list[bytes]:
    """Return the words that stand in seeds: names of fields, mostly."""
    return sorted({word for seed in seeds for word in _WORD.findall(seed)})[:400]


def _all(name: str) -> Iterator[bytes]:
    match name:
        case "json" | "mpp" | "interledger" | "dhali" | "csv":
            yield from _examples(name)
        case "words":
            yield from (b"\n".join(words) for words in _claims())
        case "body":
            yield from _bodies()
        case "backup":
            yield from backups()
        case "bundle" | "requests" | "receipt" | "credential" | "letter":
            yield from map(_MADE[name], _real_claims())
        case "signature":
            yield from _signatures()
        case "transaction" | "entry" | "ledger" | "answer":
            yield from _frames(name)
        case "settings":
            yield (_ROOT / "config" / "watchtower.example.toml").read_bytes()
            yield from (line.encode() + _LEAST_SETTINGS for line in _SETTINGS)
        case _:
            yield from (value.encode() for value in _VALUES)


def _examples(name: str) -> Iterator[bytes]:
    text = (_ROOT / "docs" / "claim-formats.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for block in re.findall(
        r"^```(?:json|text|csv)\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL
    ):
        yield block.encode()


def _bodies() -> Iterator[bytes]:
    for name in ("json", "mpp", "interledger", "dhali"):
        examples = [one for one in _examples(name) if one.startswith(b"{")]
        yield from (b"%b\n%b" % (name.encode(), one) for one in examples)
        yield b"%b\n[%b]" % (name.encode(), b",".join(examples))


def _claims() -> Iterator[tuple[bytes, ...]]:
    """Yield real claims: channel, drops, signature and key."""
    for path in sorted(_REAL.glob("*claim*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        fields = found.get("tx_json") or found.get("result", found).get("tx_json") or found
        fields = fields if "Signature" in fields else found.get("result", {})
        if "Signature" in fields:
            amount = fields.get("Amount", fields["Balance"])
            words = (fields["Channel"], amount, fields["Signature"], fields["PublicKey"])
            yield tuple(str(word).encode() for word in words)


def _real_claims() -> Iterator[Claim]:
    for channel, amount, signature, key in _claims():
        yield Claim(
            channel=ChannelId(channel.decode()),
            amount=Drops(int(amount)),
            public_key=key.decode(),
            signature=signature.decode(),
        )


def _signatures() -> Iterator[bytes]:
    for channel, amount, signature, key in _claims():
        message = b"CLM\0" + bytes.fromhex(channel.decode()) + int(amount).to_bytes(8, "big")
        yield bytes.fromhex(key.decode()) + message + bytes.fromhex(signature.decode())


def _frames(name: str) -> Iterator[bytes]:
    """Yield frames of a real server, one of each shape."""
    seen: set[tuple[str, ...]] = set()
    for path in sorted(_RECORDINGS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            frame = json.loads(line)
            for message in _of_interest(name, frame.get("msg")):
                shape = _shape(message)
                if frame.get("dir") == "recv" and shape not in seen:
                    seen.add(shape)
                    yield json.dumps(message).encode()


def _of_interest(name: str, message: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(message, dict):
        return
    result = message.get("result")
    kinds = {"transaction": "transaction", "ledger": "ledgerClosed"}
    if name == "answer" and isinstance(result, dict):
        yield message
    elif name == "entry" and isinstance(result, dict):
        nodes = [result.get("node"), *result.get("account_objects", ())]
        yield from (node for node in nodes if isinstance(node, dict))
    elif message.get("type") == kinds.get(name):
        yield message


def _shape(message: Mapping[str, Any]) -> tuple[str, ...]:
    inner = message.get("tx_json") or message.get("transaction") or message.get("result")
    kind = inner.get("TransactionType", "") if isinstance(inner, dict) else ""
    names = inner if isinstance(inner, dict) else ()
    return (kind, *sorted(message), *sorted(str(name) for name in names))
