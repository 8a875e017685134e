"""Which way into the store is tried when, and what is told where none opens."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.store import make
from watchtower.errors import PassphraseError, PassphraseMissingError, WayInError
from watchtower.keys.key_file import (
    CREDENTIAL,
    KEY_FILE,
    KeyInFile,
    key_credential,
    key_file,
    make_key_file,
)
from watchtower.keys.passphrase import find_word
from watchtower.keys.secret_file import read_wipeable
from watchtower.keys.ways import AnyWayIn, ByWord
from watchtower.store.header import Cost, Slot, cost_of
from watchtower.store.tables import FORMAT

MASTER = bytes(range(32))
STORE = Path("w.db")


@dataclass
class Asked:
    """Somebody who knows a passphrase, and how often he was asked."""

    word: str | None = make.PASSPHRASE
    given: list[bytearray] = field(default_factory=list)

    def __call__(self) -> bytearray:
        """Say it."""
        if self.word is None:
            raise PassphraseMissingError
        self.given.append(bytearray(self.word.encode()))
        return self.given[-1]


def _file(folder: Path, kind: str = KEY_FILE) -> KeyInFile:
    path = folder / kind
    make_key_file(path)
    return KeyInFile(kind, path, place=f"the file {kind}", is_guarded=False)


async def _slots(*ways: KeyInFile | ByWord) -> list[Slot]:
    return [await way.make(STORE, MASTER, FORMAT) for way in ways]


async def test_nobody_is_asked_while_another_way_opens(tmp_path: Path) -> None:
    """A person is the last resort, whatever the order of the slots in the file."""
    key, asked = _file(tmp_path), Asked()
    slots = await _slots(ByWord(Asked(), make.CHEAP), key)
    assert await AnyWayIn(asked, None, [key]).open(STORE, slots, FORMAT) == MASTER
    assert asked.given == []
    assert key.path is not None
    key.path.unlink()
    assert await AnyWayIn(asked, None, [key]).open(STORE, slots, FORMAT) == MASTER
    assert len(asked.given) == 1


async def test_a_passphrase_is_overwritten_as_soon_as_it_was_used() -> None:
    """Whether it was right or wrong, opened a slot or made one."""
    right, wrong = Asked(), Asked("wrong")
    [slot] = await _slots(ByWord(right, make.CHEAP))
    assert await ByWord(right).open(STORE, slot, FORMAT) == MASTER
    with pytest.raises(PassphraseError):
        await ByWord(wrong).open(STORE, slot, FORMAT)
    assert [set(each) for each in (*right.given, *wrong.given)] == [{0}, {0}, {0}]


async def test_what_is_told_names_every_way_that_did_not_open(tmp_path: Path) -> None:
    """One sentence; and of a passphrase that is wrong, that it is wrong."""
    credential, key = _file(tmp_path, CREDENTIAL), _file(tmp_path)
    by_word = ByWord(Asked(), make.CHEAP)
    slots = await _slots(credential, key, by_word)
    nowhere = [key_credential({}), key_file("", {})]
    with pytest.raises(WayInError, match=r"'vault_key'; .* any key file \(none is named"):
        await AnyWayIn(Asked(None), None, nowhere).open(STORE, slots, FORMAT)
    with pytest.raises(PassphraseError):
        await AnyWayIn(Asked("wrong"), None, nowhere).open(STORE, slots, FORMAT)
    with pytest.raises(PassphraseMissingError):
        await AnyWayIn(Asked(None), None, nowhere).open(STORE, slots[2:], FORMAT)


async def test_a_key_opens_only_its_own_kind_of_slot(tmp_path: Path) -> None:
    """Neither a slot of another kind, nor of a newer format, nor one that was changed."""
    key = _file(tmp_path)
    [slot] = await _slots(key)
    assert await key.open(STORE, slot, FORMAT) == MASTER
    for changed in (
        Slot(kind=CREDENTIAL, parameters=slot.parameters, wrapped=slot.wrapped),
        Slot(kind=KEY_FILE, parameters=slot.parameters[:-1] + b"x", wrapped=slot.wrapped),
        Slot(kind=KEY_FILE, parameters=b"\xff", wrapped=slot.wrapped),
        Slot(kind=KEY_FILE, parameters=slot.parameters, wrapped=slot.wrapped[::-1]),
    ):
        with pytest.raises(WayInError):
            await key.open(STORE, changed, FORMAT)
    with pytest.raises(WayInError):
        await key.open(STORE, slot, FORMAT - 1)


async def test_a_guess_never_becomes_cheaper() -> None:
    """Part by part the higher of what was and what is asked for."""
    high = Cost(memory_kib=16, passes=1, lanes=2)
    [slot] = await _slots(ByWord(Asked(), high))
    again = await ByWord(Asked(), Cost(memory_kib=8, passes=2, lanes=1)).make(
        STORE, MASTER, FORMAT, slot
    )
    assert cost_of(again) == Cost(memory_kib=16, passes=2, lanes=2)


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"a word\n", b"a word"), (b"a\r\n", b"a"), (b"\n", b""), (b" a\n\n", b" a\n")],
)
def test_a_secret_in_a_file_is_all_but_one_line_break(
    tmp_path: Path, content: bytes, secret: bytes
) -> None:
    """As it was when it was read as text."""
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_bytes(content)
    assert read_wipeable(path) == secret


def test_where_it_is_in_a_file_a_passphrase_can_be_wiped(tmp_path: Path) -> None:
    """In the environment it cannot: that is the process's own, and stays."""
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text("schlüssel\n", encoding="utf-8")
    assert find_word({"WATCHTOWER_PASSPHRASE_FILE": str(path)}) == bytearray("schlüssel".encode())
    assert isinstance(find_word({"WATCHTOWER_PASSPHRASE": "a"}), str)


def test_no_way_shows_a_secret(tmp_path: Path) -> None:
    """Nor does what holds the ways."""
    key, asked = _file(tmp_path), Asked()
    shown = repr(AnyWayIn(asked.__call__, None, [key]).ways) + repr(ByWord(asked)) + repr(key)
    assert key.path is not None
    assert key.path.read_text()[17:40] not in shown
    assert make.PASSPHRASE not in shown
