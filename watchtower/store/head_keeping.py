"""Keeping heads: comparing the store with each of them, writing down what is wrong, publishing.

What it guarantees:

- A head is read before the store is, so that what another process of the same store has published
  is never taken for another copy's.
- Where the store may have been put back, that is written down in the store with the note
  ``recovery``, by which the daemon reconciles with the ledger before it acts, and stands until a
  person has accepted it; nothing is published over a head that speaks against the store.
- A store that is broken where it would be compared is a finding like any other, and no error: who
  turns a byte over in it must not stop a tower that runs without heads.
- A place that does not answer is waited for a few seconds, and asked again when it has.

The store cannot know what it has forgotten, so nothing here is refused: what is known is redeemed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol, TypeVar

import msgspec

from watchtower.errors import StoreDamagedError, StoreTamperedError
from watchtower.store.database import Store
from watchtower.store.head import (
    Finding,
    Head,
    Missing,
    Standing,
    glance,
    missing_of,
    sign_head,
)
from watchtower.store.head_looks import Look, Trouble, troubles_in
from watchtower.store.kept_heads import times_kept
from watchtower.store.notes import RECOVERY
from watchtower.store.tree import Frontier
from watchtower.store.work import Work

__all__ = [
    "PATIENCE",
    "HeadKeeper",
    "HeadUnreachable",
    "Place",
    "Seal",
    "standing_of",
]

_T = TypeVar("_T")

PATIENCE: Final = 5.0
"""Seconds for a place to answer."""

_TROUBLES: Final = "head troubles"
_PLACES: Final = "head places"
"""Notes: what is wrong with the head at each place, and where heads were published."""

_MILLISECONDS: Final = 1_000


class HeadUnreachable(Exception):  # noqa: N818 - a turn of events, and never leaves the tower
    """A place does not give or take a head now; its text says why."""


class Place(Protocol):
    """Where a head is kept; ``name`` tells a person which."""

    name: str

    async def read(self) -> bytes | None:
        """Return what stands there; None if there is nothing. Raises `HeadUnreachable`."""
        ...

    async def write(self, head: bytes) -> None:
        """Put a head there, durably. Raises `HeadUnreachable`."""
        ...


class Seal(Protocol):
    """The tower's own key."""

    @property
    def public_key(self) -> str:
        """The key that heads are known by."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign with it."""
        ...


class HeadKeeper:
    """Keeps the heads of one store."""

    def __init__(
        self,
        store: Store,
        places: Sequence[Place],
        *,
        find_seal: Callable[[], Awaitable[Seal | None]],
        make_seal: Callable[[], Awaitable[Seal]],
        clock: Callable[[], float],
        patience: float = PATIENCE,
    ) -> None:
        """Look at nothing yet.

        Args:
            store: whose heads.
            places: where they are kept.
            find_seal: returns the tower's own key, if it has one.
            make_seal: returns it, and makes it where there is none.
            clock: gives the host's time, in seconds since 1970.
            patience: seconds for a place to answer.
        """
        self.places = tuple(places)
        self._store = store
        self._find_seal = find_seal
        self._make_seal = make_seal
        self._clock = clock
        self._patience = patience
        self._busy: dict[str, asyncio.Future[Any]] = {}
        self._seal: Seal | None = None
        self._agreed: set[str] = set()
        self._sizes: dict[str, int] = {place.name: 0 for place in places}
        self._unwritten: dict[str, Look] = {}
        self._is_uncompared = False

    @property
    def is_in_doubt(self) -> bool:
        """Whether something is wrong that the store could not be told, or nobody could look."""
        return self._is_uncompared or bool(self._unwritten)

    @property
    def oldest(self) -> int | None:
        """The size of the smallest tree that a head stands for anywhere, as far as was seen.

        0 while a place was not seen yet; None where no head stands.
        """
        return min(self._sizes.values(), default=None)

    async def look(self, place: Place) -> Look:
        """Compare the store with what is kept at a place; nothing is written.

        Raises:
            StoreError: the store cannot be read now; one that is broken is a finding.
        """
        try:
            kept = await self._ask(place, place.read())
        except HeadUnreachable as away:
            return Look(place=place.name, finding=Finding.UNREACHABLE, why=str(away))
        try:
            return await self._compare(place, kept)
        except (StoreTamperedError, StoreDamagedError) as broken:
            head = None if kept is None else Head.read(kept)
            return Look(place=place.name, finding=Finding.BROKEN, head=head, why=str(broken))

    async def _compare(self, place: Place, kept: bytes | None) -> Look:
        """Compare the store with what was kept at a place.

        Raises:
            StoreError: the store cannot be read, or is broken.
        """
        seal = self._seal or await self._find_seal()
        # Behind the head: a store that another process has changed is only ever further.
        async with self._store.read() as work:
            now = await standing_of(work, self._store.network)
            if kept is None:
                self._sizes.pop(place.name, None)
                was_there = place.name in (await work.notes.get(_PLACES) or ())
                finding = Finding.GONE if was_there else Finding.NONE_YET
                return Look(place=place.name, finding=finding, version=now.version)
            head = Head.read(kept)
            found = glance(head, now, None if seal is None else seal.public_key)
            if head is None:
                return Look(place=place.name, finding=Finding.TAMPERED, version=now.version)
            if found is None:
                begins = await work.journal_tree.begins_with(head.standing.frontier)
                is_older = head.standing.version > now.version
                found = Finding.OLDER if is_older else Finding.FINE
                found = found if begins else Finding.FORKED
        if found is Finding.OLDER and place.name in self._agreed:
            # While a tower runs its store does not become older: somebody else has published.
            found = Finding.FORKED
        self._sizes[place.name] = head.standing.frontier.size
        if found is Finding.FINE:
            self._agreed.add(place.name)
        return Look(
            place=place.name,
            finding=found,
            missing=missing_of(head, now) if found is Finding.OLDER else Missing(),
            head=head,
            version=now.version,
        )

    async def begin(self) -> list[Look]:
        """Look at every place at once before anything is done; write down what is wrong.

        Raises:
            StoreError: the store cannot be read or written; what was found is not forgotten.
        """
        asked = (self.look(place) for place in self.places)
        found = await asyncio.gather(*asked, return_exceptions=True)
        looks = [each for each in found if isinstance(each, Look)]
        failures = [each for each in found if isinstance(each, BaseException)]
        self._is_uncompared = bool(failures)
        await self.write_down(looks)
        if failures:
            raise failures[0]
        return looks

    async def write_down(self, looks: Sequence[Look]) -> None:
        """Have the store remember what is wrong, until a person has accepted it.

        Of one place it is what was found first. While the store takes nothing it is remembered
        here, and written with what is found next, be that nothing.

        Raises:
            StoreError: the store cannot be written now.
        """
        for look in looks:
            if look.finding.is_trouble:
                self._unwritten.setdefault(look.place, look)
        if self._unwritten:
            wrong = [*self._unwritten.values()]
            await self._write_down(wrong)
            for look in wrong:
                self._unwritten.pop(look.place, None)

    async def _write_down(self, wrong: Sequence[Look]) -> None:
        async with self._store.write() as work:
            known = troubles_in(await work.notes.get(_TROUBLES))
            new = [look for look in wrong if look.place not in known]
            if not new:
                return
            now = int(self._clock())
            told = {look.place: Trouble.of(look, now) for look in new}
            await work.notes.put(_TROUBLES, msgspec.to_builtins({**known, **told}))
            before = (await work.notes.get(RECOVERY) or {}).get("heads", ())
            await work.notes.put_in_recovery({"heads": sorted({*before, *told})})
            await work.journal.append_all(
                ("head_trouble", None, None, {"place": name, **msgspec.to_builtins(trouble)})
                for name, trouble in told.items()
            )

    async def troubles(self) -> dict[str, Look]:
        """Return what is wrong, by place, as it was found first; also at places of before."""
        async with self._store.read() as work:
            found = troubles_in(await work.notes.get(_TROUBLES))
        written = {
            name: Look(place=name, finding=one.finding, missing=Missing(one.entries, one.changes))
            for name, one in found.items()
        }
        return {**self._unwritten, **written}

    async def publish(self, place: Place) -> int:
        """Put the store's head at a place, and return the `version` that it tells of.

        Raises:
            HeadUnreachable: it does not take it.
            StoreError: the store cannot be read or written.
        """
        if self._seal is None:
            self._seal = await self._make_seal()
        seal = self._seal
        async with self._store.read() as work:
            is_known = place.name in (await work.notes.get(_PLACES) or ())
        if not is_known:
            # Before the head is there: one that goes missing afterwards must be missed.
            async with self._store.write() as work:
                names = await work.notes.get(_PLACES) or []
                await work.notes.put(_PLACES, sorted({*names, place.name}))
        async with self._store.read() as work:
            now = await standing_of(work, self._store.network)
            times = await times_kept(work.notes)
        at = int(self._clock() * _MILLISECONDS)
        head = sign_head(now, tower=seal.public_key, at=at, sign=seal.sign)
        await self._ask(place, place.write(head.encoded()))
        self._agreed.add(place.name)
        self._sizes.setdefault(place.name, now.frontier.size)
        return now.version - times

    async def accept(self, looks: Sequence[Look]) -> None:
        """Take the store as it is for the true one, since a person said so.

        Raises:
            StoreError: the store cannot be written; nothing was accepted.
        """
        self._unwritten.clear()
        async with self._store.write() as work:
            await work.notes.drop(_TROUBLES)
            await work.journal.append_all(
                (
                    "head_accepted",
                    None,
                    None,
                    {"place": look.place, **msgspec.to_builtins(Trouble.of(look, 0))},
                )
                for look in looks
            )

    async def healed(self, place: str) -> None:
        """Take note that a head that had gone is back, and speaks for the store."""
        self._unwritten.pop(place, None)
        async with self._store.write() as work:
            known = troubles_in(await work.notes.get(_TROUBLES))
            if known.pop(place, None) is not None:
                await work.notes.put(_TROUBLES, msgspec.to_builtins(known))
                await work.journal.append("head_back", facts={"place": place})

    async def version(self) -> int:
        """Return how many transactions ever changed the store, but for those that kept heads.

        Two towers that keep each other's heads would else answer each other without end.
        """
        async with self._store.read() as work:
            now = await standing_of(work, self._store.network)
            return now.version - await times_kept(work.notes)

    async def pin(self) -> None:
        """Write into the journal how the tables stand.

        Its line has luck of its own, so that of two copies that act each soon has a line that the
        other has not; and what the tables held is under the root, claims included.
        """
        async with self._store.write() as work:
            now = await standing_of(work, self._store.network)
            facts = {"version": now.version, "census": now.census.hex()}
            await work.journal.append("census_pinned", facts=facts)

    async def answered(self, place: Place) -> None:
        """Wait until a place has answered what it was asked last, however long that takes."""
        if (busy := self._busy.get(place.name)) is not None:
            await asyncio.wait({busy})

    async def _ask(self, place: Place, asking: Awaitable[_T]) -> _T:
        """Wait for a place for a while; one that hangs is not asked again until it has answered."""
        task = asyncio.ensure_future(asking)
        busy = self._busy.get(place.name)
        if busy is not None and not busy.done():
            task.cancel()
            raise HeadUnreachable("it does not answer")
        self._busy[place.name] = task
        done, _ = await asyncio.wait({task}, timeout=self._patience)
        if not done:
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            raise HeadUnreachable("it does not answer")
        return task.result()


async def standing_of(work: Work, network: int | None) -> Standing:
    """Return how far the store has come, as it stands in a transaction."""
    version, census = await work.standing()
    tables = {name: [count.records, count.shares] for name, count in census.tables.items()}
    return Standing(
        store=census.store,
        network=network,
        version=version,
        frontier=census.journal or Frontier(),
        census=sha256(msgspec.msgpack.encode(dict(sorted(tables.items())))).digest(),
    )
