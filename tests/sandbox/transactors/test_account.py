"""AccountSet, SetRegularKey and DepositPreauth: what an account may say about itself."""

from __future__ import annotations

from typing import Any

import pytest

from watchtower.sandbox.people import Hand, Person

_SET = {"TransactionType": "AccountSet"}
_NOBODY = "rrrrrrrrrrrrrrrrrrrrrhoLvTp"
_REQUIRE_AUTH, _DISABLE_MASTER, _NO_FREEZE, _GLOBAL_FREEZE = 2, 4, 6, 7


async def _result(hand: Hand, tx: dict[str, Any], person: Person) -> str:
    return str((await hand.submit(tx, person))["engine_result"])


async def _root(hand: Hand, person: Person) -> dict[str, Any]:
    told = await hand.request("account_info", account=person.address)
    root: dict[str, Any] = told["account_data"]
    return root


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (0, {"SetFlag": 8, "ClearFlag": 8}),
        (0x00010000 | 0x00020000, {}),
        (0x00010000, {"ClearFlag": 1}),
        (0x00080000, {"SetFlag": 2}),
        (0x00100000, {"ClearFlag": 3}),
    ],
)
async def test_nothing_is_set_and_cleared_at_once(
    hand: Hand, source: Person, flags: int, fields: dict[str, int]
) -> None:
    """However it is said: by a field, by a flag, or by one of each."""
    assert await _result(hand, {**_SET, **fields, "Flags": flags}, source) == "temINVALID_FLAG"


async def test_who_owns_or_is_owed_a_channel_cannot_ask_for_authorisation(
    hand: Hand, source: Person, destination: Person, stranger: Person
) -> None:
    """The entry stands in both directories; who has none may."""
    await hand.create_channel(source, destination, 1, 60)
    ask = {**_SET, "SetFlag": _REQUIRE_AUTH}

    assert await _result(hand, ask, source) == "tecOWNERS"
    assert await _result(hand, ask, destination) == "tecOWNERS"
    assert await _result(hand, {**_SET, "Flags": 0x00040000}, stranger) == "tesSUCCESS"
    await hand.create_channel(stranger, destination, 1, 60)
    assert await _result(hand, ask, stranger) == "tesSUCCESS"


async def test_a_global_freeze_can_be_lifted_until_freezing_is_given_up(
    hand: Hand, source: Person
) -> None:
    """And giving up cannot be taken back."""
    for fields in ({"SetFlag": _GLOBAL_FREEZE}, {"ClearFlag": _GLOBAL_FREEZE}):
        await hand.settle({**_SET, **fields}, source)
    assert not (await _root(hand, source))["Flags"]

    await hand.settle({**_SET, "SetFlag": _GLOBAL_FREEZE}, source)
    await hand.settle({**_SET, "SetFlag": _NO_FREEZE, "ClearFlag": _GLOBAL_FREEZE}, source)
    before = (await _root(hand, source))["Flags"]
    for number in (_GLOBAL_FREEZE, _NO_FREEZE):
        await hand.settle({**_SET, "ClearFlag": number}, source)

    assert before == (await _root(hand, source))["Flags"] == 0x00400000 | 0x00200000


async def test_the_master_key_is_disabled_by_itself_and_only_with_another_at_hand(
    hand: Hand, source: Person, stranger: Person
) -> None:
    """To say it again by the other key changes nothing, and is no error."""
    disable = {**_SET, "SetFlag": _DISABLE_MASTER}
    acting = {"Account": source.address}
    assert await _result(hand, disable, source) == "tecNO_ALTERNATIVE_KEY"
    await hand.accept()
    key = {"TransactionType": "SetRegularKey", "RegularKey": stranger.address}
    await hand.settle(key, source)

    assert await _result(hand, {**disable, **acting}, stranger) == "tecNEED_MASTER_KEY"
    assert await _result(hand, {**_SET, **acting, "SetFlag": 6}, stranger) == "tecNEED_MASTER_KEY"
    await hand.accept()
    await hand.settle(disable, source)
    assert await _result(hand, _SET, source) == "tefMASTER_DISABLED"
    assert await _result(hand, {**disable, **acting}, stranger) == "tesSUCCESS"
    assert await _result(hand, {**_SET, **acting, "SetFlag": 6}, stranger) == "tesSUCCESS"
    removal = {"TransactionType": "SetRegularKey", **acting}
    assert await _result(hand, removal, stranger) == "tecNO_ALTERNATIVE_KEY"


async def test_an_empty_domain_and_a_hash_of_zeros_are_removed(hand: Hand, source: Person) -> None:
    """A domain of zeros is a domain."""
    await hand.settle({**_SET, "Domain": "0000", "EmailHash": "AB" * 16}, source)
    written = await _root(hand, source)
    await hand.settle({**_SET, "Domain": "", "EmailHash": "00" * 16}, source)

    assert (written["Domain"], written["EmailHash"]) == ("0000", "AB" * 16)
    assert not {"Domain", "EmailHash"} & (await _root(hand, source)).keys()


async def test_the_first_regular_key_is_free(hand: Hand, source: Person, stranger: Person) -> None:
    """With the master key, once; a payment to the account makes it free again."""
    key = {"TransactionType": "SetRegularKey", "RegularKey": stranger.address}

    assert await _result(hand, {**key, "Fee": "0"}, source) == "tesSUCCESS"
    await hand.accept()
    again = await hand.submit({**key, "Fee": "0"}, source)
    assert again["engine_result"] == "telINSUF_FEE_P"
    pay = {"TransactionType": "Payment", "Destination": source.address, "Amount": "1"}
    await hand.settle(pay, stranger)
    # The server has kept it, and tries it again.
    found = await hand.validated(again["tx_json"]["hash"])
    assert found["meta"]["TransactionResult"] == "tesSUCCESS"
    own = {**key, "RegularKey": source.address}
    assert await _result(hand, own, source) == "temBAD_REGKEY"


async def test_whom_one_may_preauthorise(hand: Hand, source: Person, stranger: Person) -> None:
    """One other account that is there, and once."""
    kind = {"TransactionType": "DepositPreauth"}
    allow = {**kind, "Authorize": stranger.address}
    refuse = {**kind, "Unauthorize": stranger.address}
    unknown = Person.named("unknown").address

    assert await _result(hand, kind, source) == "temMALFORMED"
    assert await _result(hand, {**allow, **refuse}, source) == "temMALFORMED"
    assert await _result(hand, {**kind, "Authorize": _NOBODY}, source) == "temINVALID_ACCOUNT_ID"
    assert await _result(hand, {**kind, "Unauthorize": _NOBODY}, source) == "temINVALID_ACCOUNT_ID"
    own = {**kind, "Authorize": source.address}
    assert await _result(hand, own, source) == "temCANNOT_PREAUTH_SELF"
    assert await _result(hand, {**kind, "Authorize": unknown}, source) == "tecNO_TARGET"
    assert await _result(hand, refuse, source) == "tecNO_ENTRY"
    assert await _result(hand, allow, source) == "tesSUCCESS"
    assert await _result(hand, allow, source) == "tecDUPLICATE"
    assert await _result(hand, refuse, source) == "tesSUCCESS"
