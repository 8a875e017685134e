"""What goes over the signer's socket is understood as it was meant, or is no message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.keys.signer_messages import (
    HEAD_BYTES,
    LONGEST_FRAME,
    MOST_AT_ONCE,
    KeysRequest,
    SignRequest,
    framed,
    length_of,
    read_answer,
    read_request,
)

FIELDS = st.dictionaries(
    st.text(max_size=64), st.integers(-(2**63), 2**63 - 1) | st.text(max_size=512), max_size=32
)


@given(
    number=st.integers(0, 2**53 - 1),
    transactions=st.lists(FIELDS, min_size=1, max_size=3).map(tuple),
)
def test_a_request_comes_out_as_it_went_in(
    number: int, transactions: tuple[dict[str, Any], ...]
) -> None:
    """Through the frame, field for field."""
    frame = framed(SignRequest(id=number, transactions=transactions))
    assert length_of(frame[:HEAD_BYTES]) == len(frame) - HEAD_BYTES
    assert read_request(frame[HEAD_BYTES:]) == SignRequest(id=number, transactions=transactions)


def test_the_largest_honest_request_fits_well() -> None:
    """As many claims as there may be in one, all as long as they get."""
    claim: dict[str, int | str] = {
        "TransactionType": "PaymentChannelClaim",
        "Account": "r" * 35,
        "Channel": "C" * 64,
        "Amount": "9" * 17,
        "Balance": "9" * 17,
        "PublicKey": "E" * 66,
        "Signature": "F" * 144,
        "Fee": "9" * 17,
        "Sequence": 0,
        "TicketSequence": 2**32 - 1,
        "LastLedgerSequence": 2**32 - 1,
        "NetworkID": 2**32 - 1,
        "Flags": 2**32 - 1,
    }
    request = SignRequest(id=2**53 - 1, transactions=(claim,) * MOST_AT_ONCE)
    assert len(framed(request)) * 5 < LONGEST_FRAME


@given(body=st.binary(max_size=300))
@pytest.mark.parametrize("read", [read_request, read_answer])
def test_anything_is_a_message_or_a_value_error(read: Callable[[bytes], Any], body: bytes) -> None:
    """No other exception, whatever comes."""
    try:
        message = read(body)
    except ValueError:
        return
    assert read(framed(message)[HEAD_BYTES:]) == message


@given(
    change=st.sampled_from(
        [{"id": -1}, {"id": 2**53}, {"id": "1"}, {"id": 1.5}, {"id": None}, {"more": 1}]
    )
)
def test_a_request_that_is_not_to_the_letter_is_none(change: dict[str, Any]) -> None:
    """Another type, another range, a field more."""
    body = msgspec.json.encode({"kind": "keys", "id": 1, **change})
    with pytest.raises(ValueError, match="holds no message"):
        read_request(body)
    assert read_request(b'{"kind":"keys","id":1}') == KeysRequest(id=1)


@pytest.mark.parametrize("length", [0, LONGEST_FRAME + 1, 2**32 - 1])
def test_no_frame_is_empty_or_endless(length: int) -> None:
    """Nobody makes room for four gigabytes."""
    with pytest.raises(ValueError, match="a frame has"):
        length_of(length.to_bytes(HEAD_BYTES, "big"))
