"""What docs/signer.md says of settings and of the protocol is what the signer does."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import msgspec

from tests.docs.test_configuration import ROOT, as_written
from watchtower.keys.signer_messages import (
    HEAD_BYTES,
    LONGEST_FRAME,
    KeysAnswer,
    KeysRequest,
    Refusal,
    ShareRequest,
    SignAnswer,
    SignRequest,
    length_of,
    read_answer,
    read_request,
)
from watchtower.signer_settings import SignerTable, load_signer

TEXT = (ROOT / "docs" / "signer.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "config" / "signer.example.toml"


def defaults() -> dict[str, Any]:
    """Every setting with its default."""
    return {field.name: field.default for field in msgspec.structs.fields(SignerTable)}


def test_every_setting_is_documented_with_its_default() -> None:
    """Neither more nor less, nor another default."""
    rows = dict(re.findall(r"^\| `signer\.(\w+)` \| (.+?) \|", TEXT, re.MULTILINE))
    expected = {
        name: as_written(list(default) if isinstance(default, tuple) else default)
        for name, default in defaults().items()
    }
    assert rows == expected


def test_the_example_shows_every_setting_at_its_default() -> None:
    """As it stands it can be loaded, and uncommented it says the same."""
    assert load_signer(EXAMPLE).signer.users == ("watchtower",)
    text = re.sub(r"^# (\w+ = )", r"\1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    shown = tomllib.loads(text.replace("json = true     #", "json = true #"))["signer"]
    assert shown.keys() == defaults().keys()
    for name, default in defaults().items():
        if name not in {"users", "payees"}:
            assert shown[name] == (list(default) if isinstance(default, tuple) else default), name


def test_the_frames_of_the_example_are_frames() -> None:
    """Byte for byte."""
    frames = re.findall(r"^((?:[0-9a-f]{2} ){4}) (\{.*\})$", TEXT, re.MULTILINE)
    (asked, request), (answered, answer) = [
        (bytes.fromhex(head), body.encode()) for head, body in frames
    ]
    assert (length_of(asked), length_of(answered)) == (len(request), len(answer))
    assert isinstance(read_request(request), KeysRequest)
    assert isinstance(read_answer(answer), KeysAnswer)


def test_the_fields_of_the_protocol_are_those_of_the_table() -> None:
    """Of every object, and the kinds of refusals."""
    section = TEXT.partition("## The protocol")[2]
    for kind in (SignRequest, ShareRequest, SignAnswer, KeysRequest, KeysAnswer):
        for field in msgspec.structs.fields(kind):
            assert f"`{field.name}`" in section, field.name
    (kinds,) = (f.type for f in msgspec.structs.fields(Refusal) if f.name == "kind")
    for word in kinds.__args__:
        assert f"`{word}`" in section, word
    assert f"1 to {LONGEST_FRAME} |" in section
    assert f"| {HEAD_BYTES} | the length" in section
