"""SignerListSet: which lists are lists."""

from __future__ import annotations

from typing import Any

from xrpl.core.addresscodec import decode_classic_address

from watchtower.sandbox.people import Hand, Person

_SET = {"TransactionType": "SignerListSet"}
_PEOPLE = sorted(
    (Person.named(f"signer {number}") for number in range(4)),
    key=lambda person: decode_classic_address(person.address),
)


def _list(quorum: int, *weights: tuple[str, int]) -> dict[str, Any]:
    entries = [{"SignerEntry": {"Account": a, "SignerWeight": w}} for a, w in weights]
    return {**_SET, "SignerQuorum": quorum, "SignerEntries": entries}


async def _result(hand: Hand, tx: dict[str, Any], person: Person) -> str:
    return str((await hand.submit(tx, person))["engine_result"])


async def test_what_is_no_list_of_signers(hand: Hand, source: Person) -> None:
    """Quorum and entries belong together, and nobody is in twice."""
    one, two = (person.address for person in _PEOPLE[:2])

    assert await _result(hand, {**_SET, "SignerQuorum": 1}, source) == "temMALFORMED"
    assert await _result(hand, _list(0, (one, 1)), source) == "temMALFORMED"
    assert await _result(hand, _list(0), source) == "temMALFORMED"
    assert await _result(hand, _list(1), source) == "temMALFORMED"
    assert await _result(hand, _list(1, (one, 1), (one, 1)), source) == "temBAD_SIGNER"
    assert await _result(hand, _list(1, (one, 0)), source) == "temBAD_WEIGHT"
    assert await _result(hand, _list(3, (one, 1), (two, 1)), source) == "temBAD_QUORUM"


async def test_the_first_bad_signer_by_address_is_told(hand: Hand, source: Person) -> None:
    """Whatever the order they were sent in."""
    ordered = sorted([*_PEOPLE, source], key=lambda person: decode_classic_address(person.address))
    place = ordered.index(source)
    for other in _PEOPLE:
        weights = [(other.address, 0), (source.address, 1)]
        comes_first = ordered.index(other) < place
        expected = "temBAD_WEIGHT" if comes_first else "temBAD_SIGNER"

        assert await _result(hand, _list(1, *weights), source) == expected
        assert await _result(hand, _list(1, *reversed(weights)), source) == expected


async def test_a_list_is_one_object_whoever_is_on_it(hand: Hand, source: Person) -> None:
    """It is replaced, and taken away, and the reserve with it."""
    await hand.settle(_list(2, *((person.address, 1) for person in _PEOPLE)), source)
    first = (await hand.request("account_info", account=source.address))["account_data"]
    await hand.settle(_list(1, (_PEOPLE[0].address, 1)), source)
    second = (await hand.request("account_info", account=source.address))["account_data"]
    await hand.settle({**_SET, "SignerQuorum": 0}, source)
    last = (await hand.request("account_info", account=source.address))["account_data"]

    assert [root["OwnerCount"] for root in (first, second, last)] == [1, 1, 0]
