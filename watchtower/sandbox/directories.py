"""Owner directories: pages of at most 32 entries, sorted within a page, linked in a ring.

Follows rippled src/libxrpl/ledger/ApplyView.cpp (dirAdd, dirRemove), because the page that an entry
stands on is part of the entry, and the order of pages is the order of ``account_objects``.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from watchtower.sandbox.entries import Entry
from watchtower.sandbox.hashing import owner_directory_index, page_index
from watchtower.sandbox.state import ApplyView, ReadView

__all__ = ["PAGE_SIZE", "add", "page_number", "pages", "remove"]

PAGE_SIZE = 32
"""Entries a page holds (rippled include/xrpl/protocol/Protocol.h, dirNodeMaxEntries)."""


def page_number(entry: Entry, field: str) -> int:
    """Return a page number that an entry or page holds; absent is 0."""
    return int(entry.get(field, "0"), 16)


def _put_page(entry: Entry, field: str, page: int) -> None:
    entry[field] = f"{page:x}"


def add(view: ApplyView, owner: str, index: str) -> str:
    """Add ``index`` to the directory of ``owner`` and return the page it stands on, as text.

    It goes on the last page, whatever room there is on others (dirAdd, findPreviousPage), in order
    there (insertKey), or on a new one behind it (insertPage).
    """
    root_index = owner_directory_index(owner)
    root = view.peek(root_index)
    if root is None:
        view.insert(root_index, _new_page(owner, root_index, index))
        return "0"
    last = page_number(root, "IndexPrevious")
    page = view.peek(page_index(root_index, last)) if last else root
    if page is None:
        raise AssertionError(root_index)
    if len(page["Indexes"]) < PAGE_SIZE:
        entries = sorted(page["Indexes"])
        insort(entries, index)
        page["Indexes"] = entries
        return f"{last:x}"
    number = last + 1
    _put_page(page, "IndexNext", number)
    _put_page(root, "IndexPrevious", number)
    new = _new_page(owner, root_index, index)
    if number != 1:  # the root's number is 0, and left out (insertPage)
        _put_page(new, "IndexPrevious", number - 1)
    view.insert(page_index(root_index, number), new)
    return f"{number:x}"


def _new_page(owner: str, root_index: str, index: str) -> Entry:
    return {
        "LedgerEntryType": "DirectoryNode",
        "Flags": 0,
        "Owner": owner,
        "RootIndex": root_index,
        "Indexes": [index],
    }


def remove(view: ApplyView, owner: str, page: str, index: str, *, keep_root: bool) -> bool:
    """Remove ``index`` from a page of the directory of ``owner``; False if it is not there.

    The order of the others stays (dirRemove).
    """
    root_index = owner_directory_index(owner)
    number = int(page, 16)
    node_index = page_index(root_index, number)
    node = view.peek(node_index)
    if node is None or index not in node["Indexes"]:
        return False
    node["Indexes"] = [i for i in node["Indexes"] if i != index]
    if node["Indexes"]:
        return True
    if number == 0:
        _tidy_root(view, root_index, node, keep_root=keep_root)
    else:
        _unlink(view, root_index, number, keep_root=keep_root)
    return True


def _tidy_root(view: ApplyView, root_index: str, root: Entry, *, keep_root: bool) -> None:
    """Handle an empty first page: it goes only with the whole directory (dirRemove, rootPage).

    A last page that older versions left empty behind it goes, too.
    """
    following, preceding = page_number(root, "IndexNext"), page_number(root, "IndexPrevious")
    if following == preceding != 0:
        last_index = page_index(root_index, following)
        last = view.peek(last_index)
        if last is not None and not last["Indexes"]:
            _put_page(root, "IndexNext", 0)
            _put_page(root, "IndexPrevious", 0)
            view.erase(last_index)
            following = preceding = 0
    if not keep_root and following == preceding == 0:
        view.erase(root_index)


def _unlink(view: ApplyView, root_index: str, number: int, *, keep_root: bool) -> None:
    """Take an empty later page out of the ring, and an empty last one behind it (dirRemove)."""
    node = view.peek(page_index(root_index, number)) or {}
    before, after = page_number(node, "IndexPrevious"), page_number(node, "IndexNext")
    before_index, after_index = page_index(root_index, before), page_index(root_index, after)
    previous, following = view.peek(before_index), view.peek(after_index)
    if previous is None or following is None:
        raise AssertionError(root_index)
    _put_page(previous, "IndexNext", after)
    _put_page(following, "IndexPrevious", before)
    view.erase(page_index(root_index, number))
    if after and not page_number(following, "IndexNext") and not following["Indexes"]:
        view.erase(after_index)
        _put_page(previous, "IndexNext", 0)
        root = view.peek(root_index)
        if root is None:
            raise AssertionError(root_index)
        _put_page(root, "IndexPrevious", before)
        after = 0
    if not keep_root and before == after == 0 and not previous["Indexes"]:
        view.erase(before_index)


def pages(view: ReadView, owner: str, first: str | None = None) -> Iterator[tuple[str, Entry]]:
    """Return ``(index, page)`` of a directory in order, from the page at ``first`` on."""
    root_index = owner_directory_index(owner)
    index = first or root_index
    while (page := view.read(index)) is not None:
        yield index, page
        number = page_number(page, "IndexNext")
        if not number:
            return
        index = page_index(root_index, number)
