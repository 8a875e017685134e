"""Owner directories held against a plain set, whatever is added and removed in between."""

from __future__ import annotations

from hashlib import sha512

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from watchtower.sandbox.directories import PAGE_SIZE, add, page_number, pages, remove
from watchtower.sandbox.hashing import owner_directory_index, page_index
from watchtower.sandbox.people import Person
from watchtower.sandbox.state import ApplyView, OpenView, Snapshot, StateStore

OWNER = Person.named("an owner").address
ROOT = owner_directory_index(OWNER)


class Directory(RuleBasedStateMachine):
    """One account's directory, a transaction at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.view = OpenView(Snapshot(StateStore(), 1))
        self.stands: dict[str, str] = {}
        self.made = 0

    @rule(count=st.integers(1, 70))
    def add_some(self, count: int) -> None:
        """Let the account own more; two pages' worth at most."""
        changes = ApplyView(self.view)
        for _ in range(count):
            self.made += 1
            index = sha512(str(self.made).encode()).hexdigest()[:64].upper()
            self.stands[index] = add(changes, OWNER, index)
        self.view.merge(changes.changes())

    @precondition(lambda self: self.stands)
    @rule(data=st.data(), keep_root=st.booleans())
    def empty_a_page(self, data: st.DataObject, *, keep_root: bool) -> None:
        """Let everything on one page go."""
        page = data.draw(st.sampled_from(sorted(set(self.stands.values()))))
        changes = ApplyView(self.view)
        for index in sorted(i for i, at in self.stands.items() if at == page):
            assert remove(changes, OWNER, page, index, keep_root=keep_root)
            del self.stands[index]
        self.view.merge(changes.changes())

    @precondition(lambda self: self.stands)
    @rule(data=st.data())
    def remove_one(self, data: st.DataObject) -> None:
        """Let one entry go, wherever it stands; a second time it is not there."""
        index = data.draw(st.sampled_from(sorted(self.stands)))
        page = self.stands.pop(index)
        changes = ApplyView(self.view)
        assert remove(changes, OWNER, page, index, keep_root=False)
        assert not remove(changes, OWNER, page, index, keep_root=False)
        self.view.merge(changes.changes())

    @invariant()
    def everything_stands_where_it_was_put_and_nowhere_else(self) -> None:
        """Found by walking the ring, and by the page that the entry remembers."""
        found = [i for _, page in pages(self.view, OWNER) for i in page["Indexes"]]
        assert sorted(found) == sorted(self.stands)
        for index, at in self.stands.items():
            page = self.view.read(page_index(ROOT, int(at, 16))) or {}
            assert index in page["Indexes"]

    @invariant()
    def ring_is_whole_in_both_directions(self) -> None:
        """Each page knows the one before it, and the first knows the last."""
        ring = [(index, page) for index, page in pages(self.view, OWNER)]
        numbers = [0]
        for _, page in ring[:-1]:
            numbers.append(page_number(page, "IndexNext"))
        for (index, page), number, before in zip(
            ring, numbers, [numbers[-1], *numbers], strict=False
        ):
            assert index == page_index(ROOT, number)
            assert page_number(page, "IndexPrevious") == before
            assert len(page["Indexes"]) <= PAGE_SIZE
            assert page["Indexes"] or number == 0


TestDirectory = Directory.TestCase
TestDirectory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
