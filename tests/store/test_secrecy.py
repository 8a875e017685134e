"""A stolen disk tells nothing: every form of every secret and name is looked for in every file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from xrpl.core.addresscodec import decode_classic_address

from tests.store import make
from tests.store.plain_copy import backup
from watchtower.units import LedgerIndex

AMOUNT = 987_654_321_012_345_678
SECRET = bytes(range(0x81, 0xA1))
SIGNATURE = make.claim(1, AMOUNT).signature
KIND = "claim_kept_for_the_test"


def _numbers(number: int) -> Iterator[bytes]:
    yield str(number).encode()
    yield f"{number:x}".encode()
    yield f"{number:X}".encode()
    # Not shorter: four bytes may stand in a ciphertext by chance.
    for size in (6, 8) if number < 2**48 else (8,):
        yield number.to_bytes(size, "big")
        yield number.to_bytes(size, "little")
    if number < 2**32:
        yield b"\xce" + number.to_bytes(4)  # as msgpack writes it


def _texts(text: str) -> Iterator[bytes]:
    yield text.encode()
    yield text.lower().encode()
    yield text.encode("utf-16-le")
    yield base64.b64encode(text.encode()).rstrip(b"=")[:-1]


def _octets(octets: bytes) -> Iterator[bytes]:
    yield octets
    yield octets[::-1]
    yield octets.hex().encode()
    yield octets.hex().upper().encode()
    yield base64.b64encode(octets).rstrip(b"=")[:-1]


def _forms() -> Iterator[bytes]:
    """Give every form of what must not be seen; parts count as the whole."""
    for text in (
        make.PAYEE,
        make.PAYER,
        KIND,
        make.PASSPHRASE,
        "journal entry fact",
        "regular_key",
    ):
        yield from _texts(text)
    for address in (make.PAYEE, make.PAYER):
        yield from _octets(decode_classic_address(address))
    channel = make.channel_id(1)
    for hexadecimal in (channel, make.KEY, SIGNATURE, make.attempt(blob="12C0FFEE").transaction):
        yield from _octets(bytes.fromhex(hexadecimal))
        yield from _octets(bytes.fromhex(hexadecimal)[-12:])
    yield from _octets(SECRET)
    yield from _octets(SECRET[:12])
    yield from _numbers(AMOUNT)
    yield from _numbers(987_654_321)  # what the channel holds
    # How msgpack tells fields apart: none of it may be seen either.
    yield from (b"public_key", b"signature", b"settle_delay")


@pytest.fixture(scope="module")
def forms() -> list[bytes]:
    """Return everything to look for."""
    return sorted(set(_forms()))


async def test_no_file_shows_what_is_stored(tmp_path: Path, forms: list[bytes]) -> None:
    """The database, its log and index while it is open, and a backup; all of them have content."""
    path, copy = tmp_path / "w.db", tmp_path / "backup.db"
    async with await make.store(path) as store:
        await store.pin_network(21337)
        async with store.write() as work:
            await work.channels.put(make.channel(1))
            await work.claims.raise_best(make.claim(1, AMOUNT))
            await work.claims.put_pending(make.claim(2, AMOUNT))
            await work.attempts.put(make.attempt(1, blob="12C0FFEE"))
            await work.secrets.put(make.key(secret=SECRET))
            await work.cursor.move(LedgerIndex(87_654_321))
            await work.notes.put("status", {"account": make.PAYEE, "at_stake": AMOUNT})
            await work.journal.append(
                KIND, channel=make.channel_id(1), facts={"why": "journal entry fact"}
            )
        await backup(store, copy)
        while_open = _read(tmp_path)
    closed = _read(tmp_path)
    assert set(while_open) == {"w.db", "w.db-wal", "w.db-shm", "backup.db"}
    assert set(closed) == {"w.db", "backup.db"}
    for name, content in [*while_open.items(), *closed.items()]:
        assert [form for form in forms if form in content] == [], name


def _read(room: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in room.iterdir()}


def test_the_search_would_find_what_it_looks_for(forms: list[bytes]) -> None:
    """An unsealed record shows itself to it, in text and in numbers."""
    assert [form for form in forms if form in repr(make.claim(1, AMOUNT)).encode()]
    assert [form for form in forms if form in b"...." + AMOUNT.to_bytes(8, "little")]
    assert [form for form in forms if form in b"...." + SECRET]
