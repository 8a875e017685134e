"""Notes: one value under one name."""

from __future__ import annotations

from watchtower.store.database import Store


async def test_a_note_is_kept_replaced_and_taken_away(store: Store) -> None:
    """Any JSON value; None for a name that is not there."""
    async with store.write() as work:
        assert await work.notes.get("status") is None
        await work.notes.put("status", {"ledger": 7, "alarms": ["silence"]})
        await work.notes.put("status", {"ledger": 8, "alarms": []})
        await work.notes.put("recovery", {"since": 3})
        assert await work.notes.get("status") == {"ledger": 8, "alarms": []}
        assert await work.notes.load_all() == {
            "status": {"ledger": 8, "alarms": []},
            "recovery": {"since": 3},
        }
        assert await work.notes.drop("recovery")
        assert not await work.notes.drop("recovery")
        assert await work.notes.get("recovery") is None
