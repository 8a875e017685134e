"""Challenges and credentials: what counts, and that nothing else does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.test_tower import CHANNEL, PAYER
from tests.merchant.reader import challenge_of, credential_for, pack, unpack
from watchtower.client.payment import (
    Credential,
    Fault,
    Terms,
    challenge_for,
    read_credential,
    receipt_for,
)
from watchtower.units import Address, ChannelId, Drops

SECRET = b"a secret of thirty-two bytes ....."
TERMS = Terms(
    realm="articles",
    recipient=Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"),
    price=Drops(1_000),
    network="testnet",
)
NOW = 1_800_000_000
OTHER = ChannelId("AB" * 32)


def challenge(**more: Any) -> dict[str, str]:
    """A challenge of ours, as a reader has it."""
    options = {"secret": SECRET, "expires": NOW + 60, **more}
    return challenge_of(challenge_for(options.pop("terms", TERMS), **options))


def read(header: str | None, **more: Any) -> Credential | Fault:
    """What a header is worth."""
    options = {"secret": SECRET, "now": NOW, **more}
    return read_credential(header, options.pop("terms", TERMS), **options)


def test_challenge_says_how_to_pay() -> None:
    """Whom, how much, on which ledger, and what was promised so far; in canonical JSON."""
    made = challenge(channel=CHANNEL, cumulative=Drops(7))
    assert (made["method"], made["intent"], made["realm"]) == ("xrpl", "session", "articles")
    assert made["expires"] == "2027-01-15T08:01:00Z"
    request = unpack(made["request"])
    assert request == {
        "amount": "1000",
        "channelId": CHANNEL,
        "currency": "XRP",
        "methodDetails": {"cumulativeAmount": "7", "network": "testnet"},
        "recipient": TERMS.recipient,
    }
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"))
    assert made["request"] == base64.urlsafe_b64encode(canonical.encode()).decode().rstrip("=")


def test_challenge_is_bound_as_the_draft_binds_it() -> None:
    """Seven slots and bars between them: whoever knows the secret can check it elsewhere."""
    import hashlib  # noqa: PLC0415 - to do by hand what the code has a library do
    import hmac  # noqa: PLC0415

    made = challenge()
    slots = [made[name] for name in ("realm", "method", "intent", "request", "expires")]
    text = "|".join([*slots, "", ""])
    digest = hmac.new(SECRET, text.encode(), hashlib.sha256).digest()
    assert made["id"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_credential_brings_its_claim() -> None:
    """Also beside another scheme, and in another spelling of this one."""
    header = credential_for(challenge(), PAYER, CHANNEL, 5_000)
    for given_header in (header, f"Bearer abc, {header}", header.replace("Payment", "payment")):
        found = read(given_header)
        assert isinstance(found, Credential)
        assert (found.claim.channel, found.claim.amount) == (CHANNEL, 5_000)


@pytest.mark.parametrize("header", [None, "", "Bearer abc", "Paymentx abc", "Basic UGF5bWVudCA="])
def test_nothing_that_pays_is_asked_for_payment(header: str | None) -> None:
    """It is no mistake to come without."""
    assert read(header) is Fault.REQUIRED


@pytest.mark.parametrize("name", ["id", "realm", "method", "intent", "request", "expires"])
def test_challenge_that_was_changed_does_not_count(name: str) -> None:
    """Cheaper, later, of another page: the binding holds each."""
    made = challenge()
    cheap = pack({**unpack(made["request"]), "amount": "1"})
    changed = {**made, name: cheap if name == "request" else f"{made[name]}x"}
    assert read(credential_for(changed, PAYER, CHANNEL, 5_000)) is Fault.CHALLENGE


@pytest.mark.parametrize("name", ["digest", "opaque", "header"])
def test_challenge_to_which_something_was_added_does_not_count(name: str) -> None:
    """We ask for none of these, so none was ever bound."""
    added = {**challenge(), name: "x"}
    assert read(credential_for(added, PAYER, CHANNEL, 5_000)) is Fault.CHALLENGE


@pytest.mark.parametrize(
    "terms",
    [
        Terms(realm="articles", recipient=TERMS.recipient, price=Drops(999), network="testnet"),
        Terms(realm="films", recipient=TERMS.recipient, price=Drops(1_000), network="testnet"),
        Terms(realm="articles", recipient=Address("r" * 30), price=Drops(1_000), network="testnet"),
    ],
)
def test_challenge_of_something_cheaper_does_not_count(terms: Terms) -> None:
    """It is ours and unchanged, and was given for another price, page or payee."""
    header = credential_for(challenge(terms=terms), PAYER, CHANNEL, 5_000)
    assert read(header) is Fault.CHALLENGE


def test_challenge_of_another_server_does_not_count() -> None:
    """Who does not have the secret cannot ask in our name."""
    header = credential_for(challenge(secret=b"another"), PAYER, CHANNEL, 5_000)
    assert read(header) is Fault.CHALLENGE


def test_challenge_has_its_time() -> None:
    """To the second."""
    header = credential_for(challenge(), PAYER, CHANNEL, 5_000)
    assert isinstance(read(header, now=NOW + 60), Credential)
    assert read(header, now=NOW + 60.5) is Fault.EXPIRED


def test_claim_of_another_channel_than_asked_for_does_not_count() -> None:
    """A challenge that names a channel is answered with that one; letter case makes no other."""
    made = challenge(channel=CHANNEL)
    assert read(credential_for(made, PAYER, OTHER, 5_000)) is Fault.CHALLENGE
    lower = credential_for(made, PAYER, CHANNEL, 5_000, channelId=CHANNEL.lower())
    assert isinstance(read(lower), Credential)


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "close"},
        {"action": "open"},
        {"amount": 5},
        {"amount": "1.5XRP"},
        {"amount": "-5"},
        {"amount": "0"},
        {"amount": "9" * 30},
        {"amount": "٣"},
        {"channelId": "12"},
        {"channelId": None},
        {"signature": "xx"},
        {"signature": ""},
    ],
)
def test_payload_that_is_no_voucher_does_not_count(changed: dict[str, Any]) -> None:
    """Nothing is guessed."""
    header = credential_for(challenge(), PAYER, CHANNEL, 5_000, **changed)
    assert read(header) is Fault.PAYLOAD


def test_credential_has_a_bound() -> None:
    """Before anything of it is read."""
    header = credential_for(challenge(), PAYER, CHANNEL, 5_000, more="x" * 8_192)
    assert read(header) is Fault.MALFORMED


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_whatever_comes_is_a_fault_and_no_exception(text: str) -> None:
    """Headers are written by strangers."""
    assert read(f"Payment {text}") in {Fault.MALFORMED, Fault.REQUIRED}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    changes=st.dictionaries(st.sampled_from(sorted(challenge())), JSON),
    payload=st.dictionaries(st.sampled_from(["action", "channelId", "amount", "signature"]), JSON),
)
def test_whatever_is_in_a_credential_is_a_fault_and_no_exception(
    changes: dict[str, Any], payload: dict[str, Any]
) -> None:
    """Any JSON in any place; only what nobody changed is a credential."""
    made = {**challenge(), **changes}
    found = read(f"Payment {pack({'challenge': made, 'payload': payload})}")
    assert isinstance(found, Fault)


def test_receipt_names_the_claim() -> None:
    """Which channel, and how much in all: a claim is no transaction."""
    found = read(credential_for(challenge(), PAYER, CHANNEL, 5_000))
    assert isinstance(found, Credential)
    assert unpack(receipt_for(found.claim, now=NOW)) == {
        "channelId": CHANNEL,
        "cumulative": "5000",
        "method": "xrpl",
        "reference": f"{CHANNEL}:5000",
        "status": "success",
        "timestamp": "2027-01-15T08:00:00Z",
    }
