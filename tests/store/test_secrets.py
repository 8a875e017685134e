"""Keys at rest."""

from __future__ import annotations

from tests.store import make
from watchtower.store.database import Store


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
