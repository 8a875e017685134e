"""A line is proven by its path and a signed head, to whoever has the tower's key."""

from __future__ import annotations

import msgspec
import pytest
from pymerkle import InmemoryTree, verify_inclusion
from pymerkle.proof import InclusionProof

from watchtower.errors import ProofVoidError
from watchtower.heads import prove_line
from watchtower.keys.identity import make_identity
from watchtower.store.database import Store
from watchtower.store.journal import Entry
from watchtower.store.proof import Proof

NAMES = "abcdefg"


@pytest.fixture
async def lines(store: Store) -> Store:
    """A store with some lines, of which the second was pruned; the identity has made the first."""
    await make_identity(store)
    async with store.write() as work:
        for name in NAMES:
            await work.journal.append(name)
        await work.pruning.prune([2])
    return store


async def proof(store: Store, number: int = 4) -> bytes:
    """The proof of a line, as it is handed over."""
    made = await prove_line(store, number)
    assert made is not None
    return made.encoded()


async def tower(store: Store) -> str:
    """The tower's key."""
    return (await make_identity(store)).public_key


async def test_every_line_that_is_left_is_proven(lines: Store) -> None:
    """And says what it said."""
    for number in (1, 3, 4, 5, 6, 7, 8):
        found = Proof.read(await proof(lines, number), await tower(lines))
        entry = msgspec.msgpack.decode(found.text, type=Entry)
        assert entry.kind == ["identity_made", *NAMES][number - 1]
        assert (found.number, found.index) == (number, number - 1)
    assert await prove_line(lines, 2) is None
    assert await prove_line(lines, 99) is None


async def test_a_proof_shows_one_line_and_no_other(lines: Store) -> None:
    """Of the others there are hashes, which nobody can guess: each line has luck of its own."""
    shown = msgspec.json.decode(await proof(lines))
    async with lines.read() as work:
        others = [entry for entry in await work.journal.load_all() if entry.kind != "c"]
    assert all(entry.identity not in str(shown) for entry in others)
    assert all(entry.identity.encode().hex() not in str(shown) for entry in others)


async def test_others_check_the_same_proof_with_their_own_software(lines: Store) -> None:
    """By the root in its head, with nothing of ours."""
    for number in (1, 4, 8):
        shown = msgspec.json.decode(await proof(lines, number))
        size, index = shown["head"]["size"], shown["index"]
        single, shape = InmemoryTree(algorithm="sha256"), InmemoryTree(algorithm="sha256")
        single.append_entry(bytes.fromhex(shown["line"]))
        for leaf in range(size):
            shape.append_entry(bytes([leaf]))
        theirs = InclusionProof(
            algorithm="sha256",
            security=True,
            size=size,
            index=index + 1,
            rule=shape.prove_inclusion(index + 1, size).rule,
            path=[single.get_root(), *map(bytes.fromhex, shown["path"])],
        )
        verify_inclusion(single.get_root(), bytes.fromhex(shown["head"]["root"]), theirs)


CHANGES: dict[str, tuple[str, object]] = {
    "another line": ("line", "00"),
    "no line": ("line", "x"),
    "another place": ("index", 2),
    "a place that is none": ("index", 99),
    "a place before the first": ("index", -1),
    "a shorter path": ("path", []),
    "a path of something else": ("path", ["00"]),
    "a path without end": ("path", ["00" * 32] * 65),
    "no head": ("head", {}),
    "a field too many": ("more", 1),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_whatever_is_changed_proves_nothing(lines: Store, change: str) -> None:
    """One sentence, and nothing of it is shown as true."""
    name, value = CHANGES[change]
    shown = msgspec.json.decode(await proof(lines))
    changed = msgspec.json.encode({**shown, name: value})

    with pytest.raises(ProofVoidError, match="No line of the journal is proven"):
        Proof.read(changed, await tower(lines))


async def test_a_head_that_was_changed_proves_nothing(lines: Store) -> None:
    """Neither with another root nor signed by another tower."""
    shown = msgspec.json.decode(await proof(lines))
    for name, value in (("version", 1), ("signature", "00" * 64), ("tower", "ED" + "00" * 32)):
        head = {**shown["head"], name: value}
        with pytest.raises(ProofVoidError):
            Proof.read(msgspec.json.encode({**shown, "head": head}), await tower(lines))
    with pytest.raises(ProofVoidError, match="another tower"):
        Proof.read(await proof(lines), "ED" + "00" * 32)
