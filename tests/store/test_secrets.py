"""Keys at rest."""

from __future__ import annotations

from dataclasses import replace

from tests.store import make
from watchtower.store.database import Store
from watchtower.store.secrets import Standing


async def test_a_key_is_kept_for_its_account(store: Store) -> None:
    """A second key of the account replaces the first."""
    async with store.write() as work:
        await work.secrets.put(make.key(secret=b"\x01" * 32))
        await work.secrets.put(make.key(secret=b"\x02" * 32))
        assert await work.secrets.get(make.PAYEE) == make.key(secret=b"\x02" * 32)
        assert await work.secrets.get(make.PAYER) is None
        assert await work.secrets.load_all() == [make.key(secret=b"\x02" * 32)]


def test_a_key_does_not_show_its_secret() -> None:
    """Neither as bytes nor as hexadecimal."""
    shown = repr(make.key(secret=b"\xab\xcd" * 16))
    assert "abcd" not in shown.lower()
    assert r"\xab" not in shown


async def test_an_account_has_one_key_of_each_standing(store: Store) -> None:
    """The one that signs first; a former one is none of those that may sign."""
    signs = make.key()
    following = replace(signs, public_key=make.OTHER_KEY, standing=Standing.NEXT)
    former = replace(signs, public_key="02" * 33, standing=Standing.FORMER)
    async with store.write() as work:
        for key in (former, following, signs):
            await work.secrets.put(key)
        assert await work.secrets.of_account(make.PAYEE) == (signs, following, former)
        assert await work.secrets.of_account(make.PAYER) == ()
        assert await work.secrets.public_keys() == {make.PAYEE: (make.KEY, make.OTHER_KEY)}
        assert await work.secrets.remove(following)
        assert not await work.secrets.remove(following)
        assert await work.secrets.get(make.PAYEE) == signs
        assert await work.secrets.get(make.PAYEE, Standing.NEXT) is None
