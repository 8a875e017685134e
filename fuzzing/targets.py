"""Everything that reads what an outsider writes, each as a function of bytes.

A target lets through only what the code documents: a value that keeps its promises, or a refusal
that can be told. Whatever else comes out is a crash.
"""

from __future__ import annotations

import base64
import io
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar.connection import Request
from litestar.exceptions import HTTPException

from fuzzing.made import LETTERS, SECRET, TERMS, WHEN
from watchtower.access.token import identity_of
from watchtower.claims.formats.registry import FORMATS, HEADED, Read
from watchtower.claims.given import Given, KeylessClaim
from watchtower.claims.message import parse_claim
from watchtower.claims.receipt import Receipt, why_void
from watchtower.cli.lines import LONGEST, Splitter, pass_over
from watchtower.client.payment import Credential, read_credential
from watchtower.errors import (
    AnswerError,
    BackupError,
    BundleError,
    InputError,
    PresignError,
    ReceiptError,
)
from watchtower.hosts import same_server
from watchtower.interfaces.http.bodies import ClaimsBody, Handed
from watchtower.interfaces.http.messages import AnswerMessage
from watchtower.judgement.claim import Claim, Verified, verify
from watchtower.judgement.signature import canonical
from watchtower.keys.bundle import read_bundle, write_bundle
from watchtower.keys.cosign_letters import Ask, open_ask, open_tell, sealed_ask
from watchtower.keys.cosigning import (
    CosignPolicy,
    DayCosigned,
    Known,
    better_claim,
    why_not_cosign,
)
from watchtower.keys.presigning import read_requests, write_request
from watchtower.keys.told import Away, understood
from watchtower.ledger.answers import read_account_field, read_fees, read_submission
from watchtower.ledger.decode import decode_entry, decode_ledger_closed, decode_transaction
from watchtower.ledger.ranges import LedgerRanges
from watchtower.ledger.wire import announcement_of, refusal_of, result_of, warning_ids
from watchtower.places import place_of
from watchtower.settings import load
from watchtower.store.backups.age import read_identities
from watchtower.store.backups.form import (
    Frames,
    Opening,
    Written,
    digest_of,
    read_head,
    write_frame,
    write_head,
)
from watchtower.units import (
    MAX_DROPS,
    Address,
    ChannelId,
    Drops,
    LedgerIndex,
    parse_address,
    parse_channel_id,
    parse_drops,
)

__all__ = ["TARGETS", "Target"]

Target = Callable[[bytes], None]

_HEX: Final = re.compile(r"(?:[0-9A-F]{2}){1,256}\Z", re.ASCII)
_NOBODYS: Final[Mapping[str, Any]] = {
    "payees": (),
    "fee_cap": Drops(1_000),
    "daily_cap": Drops(1_000),
    "most_ledgers": 8,
    "network_id": 0,
}
_CHANNEL: Final = re.compile(r"[0-9A-F]{64}\Z", re.ASCII)
_KEY: Final = re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z", re.ASCII)


@contextmanager
def _refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Let documented refusals through, if they can be told to whoever asked."""
    try:
        yield
    except kinds as refused:
        str(refused).encode()


def _promised(given: Given) -> None:
    """Hold a claim to what its type promises, and have it verified."""
    assert _CHANNEL.match(given.channel)
    assert type(given.amount) is int
    assert 0 <= given.amount <= MAX_DROPS
    assert _HEX.match(given.signature)
    claim = given.under("02" + "AB" * 32) if isinstance(given, KeylessClaim) else given
    assert _KEY.match(claim.public_key)
    checked = verify(claim)
    if isinstance(checked, Verified):
        assert verify(checked.claim) == Verified(claim=checked.claim, rescued=False)


def _document(read: Read, data: bytes) -> None:
    told = base64.b64encode(data)
    wrapped = base64.urlsafe_b64encode(data).rstrip(b"=")
    for document in (data, told, b"Payment " + wrapped, b'"Payment ' + told + b'"'):
        with _refusing(InputError):
            _promised(read(document))


def _rows(data: bytes) -> None:
    heading, _, rows = data.partition(b"\n")
    with _refusing(InputError):
        read = HEADED["csv"](heading)
        for row in rows.split(b"\n")[:8]:
            with _refusing(InputError):
                _promised(read(row))


def _words(data: bytes) -> None:
    words = data.decode("utf-8", "surrogateescape").split("\n")[:4]
    names = ("channel", "amount", "signature", "public_key")
    told = dict(zip(names, [*words, "", "", ""], strict=False))
    with _refusing(InputError):
        _promised(parse_claim(**told))
    with suppress(InputError):
        # Nonsense that somebody put into a store by hand.
        amount = Drops(int.from_bytes(data[-9:], "big", signed=True))
        verify(
            Claim(
                channel=ChannelId("A" * 64),
                amount=amount,
                public_key=told["public_key"],
                signature=told["signature"],
            )
        )


def _body(data: bytes) -> None:
    """Read a body as a request gives it; the first line says in which form."""
    form, _, body = data.partition(b"\n")
    query = b"format=" + form if form else b""
    request: Request[Any, Any, Any] = Request(
        {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": query}  # type: ignore[arg-type]  # as much of a scope as is read
    )
    with _refusing(HTTPException, RecursionError):
        handed = ClaimsBody(request).decode_bytes(body)
        assert isinstance(handed, Handed)
        for one in handed.each:
            if isinstance(one, AnswerMessage):
                msgspec.json.encode(one)
            else:
                _promised(one)


def _receipt(data: bytes) -> None:
    with _refusing(ReceiptError):
        receipt = Receipt.parse(data)
        why_void(receipt, receipt.tower)
        assert Receipt.parse(msgspec.json.encode(receipt.message())) == receipt


def _credential(data: bytes) -> None:
    """Read what a reader sends to a guarded route, bare and wrapped as it comes."""
    wrapped = base64.urlsafe_b64encode(data).rstrip(b"=")
    for header in (data, b"Payment " + wrapped):
        text = header.decode("latin-1")  # as servers hand headers on
        given = read_credential(text, TERMS, secret=SECRET, now=WHEN)
        if isinstance(given, Credential):
            assert 0 <= int(given.claim.amount) <= MAX_DROPS
        identity_of(text)


def _letter(data: bytes) -> None:
    """Read what towers write to each other about signatures: as it comes, and behind its seal."""
    tower = LETTERS.public_key
    for opened in (open_ask(data, {tower}), open_tell(data, tower, "ab" * 16)):
        # Nobody but the tower itself can have sealed it.
        assert isinstance(opened, str)
    assert not isinstance(understood(data, [], account=Address("r"), public_key="02"), Away)
    with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        ask = msgspec.json.decode(data, type=Ask)
        assert open_ask(sealed_ask(ask, LETTERS), {tower}) == (tower, ask)
        known, policy = Known(entry=None), CosignPolicy(**_NOBODYS)
        for one in ask.transactions:
            assert why_not_cosign(one, known, policy, now=None, day=DayCosigned())
            assert better_claim(one, known, policy) is None


def _bundle(data: bytes) -> None:
    """Read what a payee hands over; what is taken is exactly what would be written again."""
    with _refusing(BundleError):
        bundle = read_bundle(data)
        assert write_bundle(bundle) == data
        for presigned in bundle.presigned:
            assert 0 < presigned.target <= presigned.claim.amount <= MAX_DROPS
            assert len({level.transaction for level in presigned.levels}) == len(presigned.levels)


def _backup(data: bytes) -> None:
    """The head, and whatever stands where the frames do once they are decrypted."""
    with _refusing(BackupError):
        read_identities(data.decode("utf-8", "replace"), "key")
    with _refusing(BackupError):
        head, text = read_head(data, "backup")
        assert read_head(write_head(head), "backup")[0] == head
        frames = Frames(text, "backup")
        opening = Opening(head=digest_of(text), master=bytes(32))
        assert list(frames.feed(write_frame(opening))) == [opening]
        for first in range(len(text), len(data), 100):
            for frame in frames.feed(data[first : first + 100]):
                if isinstance(frame, Written):
                    assert all(0 < version < 2**63 for _, _, version, _ in frame.rows)
        frames.finish()


def _requests(data: bytes) -> None:
    with _refusing(PresignError):
        for asked in read_requests(data):
            assert read_requests(write_request(asked)) == (asked,)
            _promised(asked.claim)


def _signature(data: bytes) -> None:
    key, message, signature = data[:33], data[33:77], data[77:]
    taken = canonical(key, message, signature)
    if taken is not None:
        again = canonical(key, message, taken.signature)
        assert again is not None
        assert (again.signature, again.rescued) == (taken.signature, False)


def _message(read: Callable[[dict[str, Any]], object], data: bytes) -> None:
    """Read a frame as a connection does, and whatever objects stand in it."""
    try:
        found = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return
    inside = [found, *(found.values() if isinstance(found, dict) else ())]
    for one in inside:
        if isinstance(one, dict):
            with _refusing(AnswerError):
                read(one)


def _answer(found: dict[str, Any]) -> None:
    with _refusing(AnswerError):
        read_fees("A server", found)
    with _refusing(AnswerError):
        read_account_field("A server", found, "Sequence")
    read_submission("A server", found)
    result_of(found)
    refusal_of(found)
    warning_ids(found)
    announcement_of(found)


def _value(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for parse in (parse_drops, parse_channel_id, parse_address):
        with _refusing(InputError):
            parse(text)
    with _refusing(ValueError):
        place_of(text).text.encode("utf-8", "surrogateescape")
    with _refusing(ValueError):
        same_server(text)
    LedgerRanges.parse(text).end_of_run(LedgerIndex(7))


def _settings(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        with _refusing(InputError):
            load(Path(file.name), {})


def _lines(data: bytes) -> None:
    """Cut in two ways, lines and marks are the same, and every mark can be gone on from."""
    size = 1 + data[0] if data else 1
    whole, cut = Splitter(), Splitter()
    lines = [line for group in whole.feed(data) for line in group.lines]
    pieces = [data[begin : begin + size] for begin in range(0, len(data), size)]
    assert lines == [line for piece in pieces for group in cut.feed(piece) for line in group.lines]
    assert whole.mark == cut.mark
    assert all(len(line) <= LONGEST for line in lines)
    assert pass_over(io.BytesIO(data), whole.mark, Splitter()) is not None


TARGETS: Final[Mapping[str, Target]] = {
    **{name: partial(_document, read) for name, read in FORMATS.items()},
    "csv": _rows,
    "words": _words,
    "body": _body,
    "receipt": _receipt,
    "backup": _backup,
    "bundle": _bundle,
    "requests": _requests,
    "credential": _credential,
    "letter": _letter,
    "signature": _signature,
    "transaction": partial(_message, decode_transaction),
    "entry": partial(_message, decode_entry),
    "ledger": partial(_message, decode_ledger_closed),
    "answer": partial(_message, _answer),
    "value": _value,
    "settings": _settings,
    "lines": _lines,
}
"""By their names: forms of claims, then what else comes from outside."""
