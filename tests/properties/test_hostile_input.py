"""Whatever bytes or JSON come in, only the documented errors come out."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzzing.mutate import mutated
from fuzzing.seeds import seeds_of
from fuzzing.targets import TARGETS
from watchtower.claims.message import parse_claim, parse_claim_json
from watchtower.errors import AnswerError, InputError
from watchtower.judgement.claim import Claim, Refused, verify
from watchtower.ledger.decode import decode_entry, decode_ledger_closed, decode_transaction
from watchtower.units import ChannelId, Drops

RECORDING = Path(__file__).parent.parent / "data" / "recordings" / "lifecycle_secp256k1.jsonl"
FRAMES = [
    frame["msg"]
    for frame in map(json.loads, RECORDING.read_text().splitlines())
    if frame["dir"] == "recv" and frame["msg"].get("type") in ("transaction", "ledgerClosed")
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["LedgerEntryType", "PayChannel", "tx_json", "meta", "validated", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside ``value``."""
    found = [path] if path else []
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        found.extend(paths(inner, (*path, key)))
    return found


@given(st.data())
def test_real_frame_with_anything_replaced_is_read_or_refused(data: st.DataObject) -> None:
    """One value of a real frame becomes anything: facts, or AnswerError."""
    message = copy.deepcopy(data.draw(st.sampled_from(FRAMES)))
    *way, last = data.draw(st.sampled_from(paths(message)))
    inside: Any = message
    for key in way:
        inside = inside[key]
    inside[last] = data.draw(values)
    with contextlib.suppress(AnswerError):
        decode_transaction(message)
    with contextlib.suppress(AnswerError):
        decode_ledger_closed(message)


@given(st.dictionaries(st.text(max_size=4), values, max_size=4))
def test_any_object_is_read_or_refused(message: dict[str, Any]) -> None:
    """Objects that no server ever sent."""
    for decode in (decode_transaction, decode_entry, decode_ledger_closed):
        with contextlib.suppress(AnswerError):
            decode({"validated": True, "TransactionType": "x", **message})
        with contextlib.suppress(AnswerError):
            decode({"LedgerEntryType": "PayChannel", "type": "ledgerClosed", **message})


@given(st.binary() | st.text() | values.map(repr))
def test_any_line_is_a_claim_or_an_input_error(line: bytes | str) -> None:
    """No traceback reaches a user."""
    with contextlib.suppress(InputError):
        parse_claim_json(line)


@given(st.dictionaries(st.sampled_from(["channel", "amount", "signature", "public_key"]), values))
def test_any_claim_object_is_a_claim_or_an_input_error(found: dict[str, Any]) -> None:
    """The right fields with anything in them."""
    with contextlib.suppress(InputError):
        parse_claim_json(json.dumps(found))


@given(st.text(), st.text(), st.text(), st.text())
def test_any_four_words_are_a_claim_or_an_input_error(
    channel: str, amount: str, signature: str, public_key: str
) -> None:
    """As they come from a command line."""
    with contextlib.suppress(InputError):
        parse_claim(channel=channel, amount=amount, signature=signature, public_key=public_key)


@given(st.integers(-(2**70), 2**70), st.text(), st.text())
def test_any_claim_is_refused_and_never_crashes(amount: int, key: str, signature: str) -> None:
    """A claim built from nonsense verifies to nothing."""
    claim = Claim(
        channel=ChannelId("A" * 64), amount=Drops(amount), public_key=key, signature=signature
    )
    assert isinstance(verify(claim), Refused)


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_begins_with_is_read(name: str) -> None:
    """A target that refuses all its seeds would try nothing but the refusal."""
    seeds = seeds_of(name)
    assert seeds
    for seed in seeds:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@given(st.data())
def test_whatever_a_parser_is_given_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """Every target of ``scripts/fuzz``, a fixed number of times: noise, and seeds gone wrong."""
    seed = data.draw(st.sampled_from(seeds_of(name)))
    luck = data.draw(st.randoms(use_true_random=False))
    noise = data.draw(st.binary(max_size=64))
    cut = luck.randrange(len(seed) + 1)
    changed = (
        mutated(seed, luck) or seed[:cut] + noise + seed[cut:],
        seed[:cut] + noise + seed[cut + len(noise) :],
        noise,
    )
    for document in changed:
        TARGETS[name](document)
