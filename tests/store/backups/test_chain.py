"""Which files make a whole, by what they say: none is left out, exchanged, or of another store."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.store.backups.test_form import BASE
from watchtower.errors import BackupDamagedError
from watchtower.store.backups.chain import Member, chain_to, newest


def _member(name: str, **changes: Any) -> Member:
    return Member(path=name, head=msgspec.structs.replace(BASE, **changes), digest=name)


A0 = _member("a0")
A1 = _member("a1", sequence=1, based_on="a0")
A2 = _member("a2", sequence=2, based_on="a1")


def test_a_chain_is_found_in_whatever_order_its_files_lie() -> None:
    """From any of its members on; what else lies there is passed over."""
    among = [A2, _member("b0", chain="cd" * 16), A0, A1]
    assert chain_to(A2, among) == (A0, A1, A2)
    assert chain_to(A0, among) == (A0,)
    assert newest([(one.path, one.head) for one in among if one.head.sequence]) == ("a2", A2.head)
    assert newest([]) is None


def test_within_a_chain_the_last_member_is_the_newest_whatever_the_clock_said() -> None:
    """A host's clock was an hour ahead once, and was put right; numbers go on as ever."""
    ahead = _member("a1", sequence=1, based_on="a0", created=BASE.created + 7_200)
    last = _member("a2", sequence=2, based_on="a1", created=BASE.created + 3_700)
    later = _member("b0", chain="cd" * 16, created=BASE.created + 3_701)
    a_chain = [(one.path, one.head) for one in (ahead, A0, last)]
    assert newest(a_chain) == ("a2", last.head)
    assert newest([*a_chain, (later.path, later.head)]) == ("b0", later.head)


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ([], "the member 1 of its chain, which it is built on, is missing"),
        ([_member("other", sequence=1, based_on="a0")], "other is not the member 1 .* exchanged"),
        ([_member("a1", sequence=5, based_on="a0")], "is not the one before it"),
        ([_member("a1", sequence=1, based_on="a0", chain="cd" * 16)], "is not the one before it"),
        ([_member("a1", sequence=1, based_on="a0", network=0)], "is of another store"),
        ([_member("a1", sequence=1, based_on="a0", made_by="ef" * 32)], "is of another store"),
        ([_member("a1", sequence=1, based_on="a0", store_format=1)], "is of another store"),
        ([_member("a1", sequence=1, based_on="a2")], "is not the one before it"),
    ],
)
def test_what_does_not_fit_is_one_sentence(before: list[Member], why: str) -> None:
    """It names the last file, and the one that is wrong."""
    with pytest.raises(BackupDamagedError, match=f"The backup a2 cannot be used: .*{why}"):
        chain_to(A2, [A0, A2, *before])
