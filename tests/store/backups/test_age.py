"""Keys for backups are plain keys of age, and what is encrypted with them is plain age."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.store.backups.age_by_hand import locked
from tests.store.backups.chains import KEYS, made
from watchtower.errors import BackupKeyError
from watchtower.store.backups.age import (
    decrypt,
    is_protected,
    new_identity,
    protect,
    read_identities,
    recipients_of,
    unprotect,
    write_identity,
)
from watchtower.store.backups.form import read_head
from watchtower.store.database import Store

# How age spells the key that is 42 (hexadecimal) thirty-two times.
AGE_KEY = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"


def test_a_key_file_is_read_as_it_was_written() -> None:
    """By the same key, and for the backups of the same store."""
    identity, recipient = new_identity()
    read = read_identities(write_identity(identity, "cd" * 32), "key")
    assert [str(key.to_public()) for key in read.keys] == [recipient]
    assert read.made_by == {"cd" * 32}
    assert read_identities(write_identity(identity, None), "key").made_by == frozenset()


def test_a_key_file_of_age_itself_is_read() -> None:
    """With its comments, and with several keys in it."""
    identity, _ = new_identity()
    text = f"# created: 2026-11-30T00:00:00Z\n# public key: age1…\n{AGE_KEY}\n\n{identity}\n"
    assert len(read_identities(text, "key").keys) == 2


@pytest.mark.parametrize("text", ["", "# nothing\n", "AGE-SECRET-KEY-1WRONG", "\0", "age1abc"])
def test_what_is_no_key_file_is_one_sentence(text: str) -> None:
    """Nothing of it is repeated: it may be a key that was mistyped."""
    with pytest.raises(BackupKeyError, match="key holds") as refused:
        read_identities(text, "key")
    assert "WRONG" not in str(refused.value)


def test_a_locked_key_file_is_plain_age() -> None:
    """One made by hand after the specification opens; and so does ours."""
    assert unprotect(locked("text", "sesame"), "sesame", "key") == "text"
    with pytest.raises(BackupKeyError, match="the passphrase does not open key"):
        unprotect(locked("text", "sesame"), "open", "key")
    ours = protect("text", "sesame")
    assert is_protected(ours)
    assert not is_protected(b"AGE-SECRET-KEY-1")
    assert unprotect(ours, "sesame", "key") == "text"


@pytest.mark.parametrize("word", [AGE_KEY, "age1wrong", ""])
def test_what_is_no_recipient_is_told_and_not_repeated(word: str) -> None:
    """It may be the private key, by a person who mistook the two."""
    _, recipient = new_identity()
    with pytest.raises(BackupKeyError, match="entry 2 of `backup") as refused:
        recipients_of([recipient, word])
    assert AGE_KEY not in str(refused.value)


async def test_what_stands_between_head_and_signature_is_plain_age(
    store: Store, tmp_path: Path
) -> None:
    """So that it can be opened with nothing of ours (docs/formats.md)."""
    data = (await made(store, tmp_path / "b")).path.read_bytes()
    _, head = read_head(data, "b")
    inside = data[len(head) : -64]
    assert inside.startswith(b"age-encryption.org/v1\n-> X25519 ")
    target = io.BytesIO()
    assert decrypt(io.BytesIO(inside), target, KEYS.keys) is None  # type: ignore[arg-type]  # any file
    assert b"opening" in target.getvalue()[:20]
