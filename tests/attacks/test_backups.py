"""Attack: the backups, which travel further than the store.

The attacker has every file of every backup, and the recipient, which is public. It can put files
into the folder, take files out of it, change any byte, and have the operator restore what it
wants. It has neither the operator's private key nor the store. It wants to read who pays whom, to
have a claim forgotten or lowered, a token that was revoked come back, or its own store taken for
the tower's.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.store import make
from tests.store.backups.chains import KEYS, a_chain, empty, made
from watchtower.access.token import Scope, Token
from watchtower.errors import BackupDamagedError, StoreNetworkError
from watchtower.store.backups import age
from watchtower.store.backups.folder import chain_at
from watchtower.store.backups.making import made_by
from watchtower.store.backups.member import look
from watchtower.store.database import Store
from watchtower.store.restore import restore

CLAIM = make.claim(1, 123_456_789_012)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """The tower's store, in use."""
    async with await make.store(tmp_path / "watchtower.db") as opened:
        yield opened


async def _restore(place: Path, store: Path, **how: object) -> None:
    await restore(
        place,
        store,
        make.PASSPHRASE,
        identities=KEYS,
        cost=make.CHEAP,
        **how,  # type: ignore[arg-type]  # what a test says of it is named there
    )


async def test_a_stolen_backup_shows_no_address_no_channel_and_no_amount(
    store: Store, tmp_path: Path
) -> None:
    """In no spelling, in no member of a chain; and neither do their names."""
    async with store.write() as work:
        await work.channels.put(make.channel(1))
        await work.claims.raise_best(CLAIM)
        await work.secrets.put(make.key())
        await work.journal.append("claim_kept", channel=CLAIM.channel)
    base = await made(store, tmp_path)
    async with store.write() as work:
        await work.claims.raise_best(make.claim(2, 123_456_789_013))
    increment = await made(store, tmp_path)
    words = [
        *(text.encode() for text in (make.PAYEE, make.PAYER, make.KEY, CLAIM.signature)),
        *(text.encode() for text in (CLAIM.channel, "claim_kept", "123456789012")),
        *(bytes.fromhex(text) for text in (CLAIM.channel, make.KEY)),
        *(amount.to_bytes(8) for amount in (CLAIM.amount, CLAIM.amount + 1)),
        make.key().private_key,
    ]
    for backup in (base, increment):
        data = backup.path.name.encode() + backup.path.read_bytes()
        assert [word for word in words if word in data or word.lower() in data] == []


async def test_a_stolen_backup_opens_with_no_other_key(store: Store, tmp_path: Path) -> None:
    """Not with the store's passphrase either, which the thief of the machine has."""
    backup = await made(store, tmp_path / "b")
    other, _ = age.new_identity()
    with pytest.raises(BackupDamagedError, match="the key does not open it"):
        await restore(
            backup.path,
            tmp_path / "new.db",
            make.PASSPHRASE,
            identities=age.Identities((other,), frozenset()),
        )
    assert not (tmp_path / "new.db").exists()


async def test_every_byte_that_was_changed_is_found_without_a_key(
    store: Store, tmp_path: Path
) -> None:
    """In the head, in what is encrypted, in the signature."""
    data = bytearray((await made(store, tmp_path / "b")).path.read_bytes())
    changed = tmp_path / "changed"
    for place in range(len(data)):
        data[place] ^= 1 << (place % 8)
        changed.write_bytes(data)
        with pytest.raises(BackupDamagedError):
            look(changed)
        data[place] ^= 1 << (place % 8)
    changed.write_bytes(data)
    assert look(changed).head == look(tmp_path / "b").head


async def test_a_backup_cut_short_at_any_length_is_found_without_a_key(
    store: Store, tmp_path: Path
) -> None:
    """Also one to which something was added."""
    data = (await made(store, tmp_path / "b")).path.read_bytes()
    cut = tmp_path / "cut"
    for text in (*(data[:length] for length in range(len(data))), data + b"\0", data * 2):
        cut.write_bytes(text)
        with pytest.raises(BackupDamagedError):
            look(cut)


def _spoilt(paths: list[Path], foreign: list[Path]) -> Iterator[tuple[Path, Path | None, str]]:
    """Yield what to put in place of which member, and what is said then."""
    yield paths[0], None, "the member 0 of its chain, which it is built on, is missing"
    yield paths[1], None, "the member 1 of its chain, which it is built on, is missing"
    yield paths[1], foreign[1], "the member 1 of its chain, which it is built on, is missing"
    yield paths[0], foreign[0], "the member 0 of its chain, which it is built on, is missing"


async def test_a_member_that_is_missing_or_of_another_chain_is_seen(
    store: Store, tmp_path: Path
) -> None:
    """Of the same store, at the same place in its chain; under whatever name."""
    paths = await a_chain(store, tmp_path / "one")
    foreign = await a_chain(store, tmp_path / "two")
    for member, instead, why in _spoilt(paths, foreign):
        shutil.rmtree(tmp_path / "spoilt", ignore_errors=True)
        shutil.copytree(tmp_path / "one", tmp_path / "spoilt")
        (tmp_path / "spoilt" / member.name).unlink()
        if instead is not None:
            shutil.copyfile(instead, tmp_path / "spoilt" / member.name)
        with pytest.raises(BackupDamagedError, match=why):
            chain_at(tmp_path / "spoilt" / paths[-1].name)
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    for number, path in enumerate(reversed(paths)):
        shutil.copyfile(path, shuffled / f"{number}")
    assert [member.head.sequence for member in chain_at(shuffled)] == [0, 1, 2]


async def test_a_backup_that_an_attacker_made_is_not_taken(store: Store, tmp_path: Path) -> None:
    """It needs but the recipient to make one, with a token of its own in it, and a later date."""
    folder = tmp_path / "b"
    await a_chain(store, folder)
    ours = await made_by(store)
    async with await make.store(tmp_path / "theirs.db") as theirs:
        async with theirs.write() as work:
            await work.claims.raise_best(make.claim(9, 1))
        forged = await made(theirs, folder)
    for place in (forged.path, empty(tmp_path / "alone", is_folder=True)):
        if place.is_dir():
            shutil.copy(forged.path, place)
        with pytest.raises(BackupDamagedError, match=f"made by {forged.head.made_by}, and not by"):
            await _restore(place, tmp_path / "new.db", made_by=[ours])
        with pytest.raises(BackupDamagedError, match="made by"):
            await _restore(place, store.path)
        assert not (tmp_path / "new.db").exists()
    # Beside ours it keeps nobody from taking ours.
    await _restore(folder, tmp_path / "new.db", made_by=[ours])
    await _restore(folder, store.path)
    for path in (tmp_path / "new.db", store.path):
        async with await make.reopen(path) as restored, restored.read() as work:
            assert await work.claims.best(make.channel_id(9)) is None
            assert await work.claims.best(make.channel_id(1)) == make.claim(1, 300)


async def test_a_backup_of_another_network_is_refused(store: Store, tmp_path: Path) -> None:
    """Also of one that is said to be trusted."""
    await store.pin_network(0)
    async with await make.store(tmp_path / "test.db") as test:
        await test.pin_network(1)
        async with test.write() as work:
            await work.claims.raise_best(make.claim(9))
        backup = await made(test, tmp_path / "b")
    with pytest.raises(StoreNetworkError, match="belongs to network 0, and this is network 1"):
        await _restore(backup.path, store.path, made_by=[backup.head.made_by])
    async with store.read() as work:
        assert await work.claims.best(make.channel_id(9)) is None


async def test_a_replayed_backup_lowers_no_claim_and_brings_no_token_back(
    store: Store, tmp_path: Path
) -> None:
    """Yesterday's, put over today's store by an operator who was told to."""
    token = Token(
        identity="ab" * 8,
        name="shop",
        digest=b"d" * 32,
        scopes=(Scope.SUBMIT,),
        quota=None,
        expires=None,
        created=1,
    )
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 400))
        await work.channels.put(make.channel(1, at=100))
        await work.tokens.add(token)
    old = await made(store, tmp_path / "b")
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 500))
        await work.channels.put(make.channel(1, at=110, balance=7))
        await work.tokens.revoke("shop")
    await _restore(old.path, store.path)
    async with store.read() as work:
        assert await work.claims.load_all() == [make.claim(1, 500)]
        assert await work.channels.load_all() == [make.channel(1, at=110, balance=7)]
        assert await work.tokens.load_all() == []
