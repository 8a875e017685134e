"""What is logged, how, and what never is."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override
from xrpl import CryptoAlgorithm
from xrpl.core.addresscodec import encode_seed

from watchtower import logs

SECP256K1_SEED = "snoPBrXtMeMyMHUVTgbuqAfg1SUTb"
ED25519_SEED = "sEdTM1uX8pu2do5XvTnutH6HsouMaM2"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    @override
    def isatty(self) -> bool:
        """Say so."""
        return True


class Broken(io.StringIO):
    """A stream whose reader is gone."""

    @override
    def write(self, _text: str, /) -> int:
        """Refuse, as a pipe without a reader does."""
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    """Return what was written, each line decoded."""
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_pipe_gets_one_json_object_a_line() -> None:
    """Everything that is no terminal gets JSON: event, level, UTC time, and the key-values."""
    out = io.StringIO()
    logs.configure(stream=out)

    structlog.get_logger().info("ledger_accounted", ledger_index=7)

    (line,) = lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "ledger_accounted", "level": "info", "ledger_index": 7}


def test_a_terminal_gets_text_and_the_setting_wins_over_it() -> None:
    """A person reads text; ``json = true`` gives JSON even at a terminal."""
    out = Terminal()
    logs.configure(stream=out)
    structlog.get_logger().info("ledger_accounted", ledger_index=7)
    assert "ledger_accounted" in out.getvalue()
    assert not out.getvalue().startswith("{")

    out = Terminal()
    logs.configure(stream=out, as_json=True)
    structlog.get_logger().info("ledger_accounted")
    assert lines(out)[0]["event"] == "ledger_accounted"


def test_text_without_a_terminal_has_no_colours() -> None:
    """``json = false`` into a file writes no escape sequences."""
    out = io.StringIO()
    logs.configure(stream=out, as_json=False)

    structlog.get_logger().warning("server_silent", server="wss://one")

    assert "server_silent" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_what_is_below_the_level_is_not_written() -> None:
    """The level of the settings holds for our own events."""
    out = io.StringIO()
    logs.configure(stream=out, level="warning")

    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("heard")

    assert [line["event"] for line in lines(out)] == ["heard"]


@pytest.mark.parametrize(
    "name",
    ["seed", "family_seed", "Secret", "passphrase", "private_key", "api_token", "master_key"],
)
def test_a_value_named_like_a_secret_is_never_written(name: str) -> None:
    """The name alone is enough, whatever the value looks like, at any depth."""
    out = io.StringIO()
    logs.configure(stream=out)

    structlog.get_logger().info("careless", **{name: "correct horse"}, nested={name: ["horse"]})

    assert "horse" not in out.getvalue()
    assert lines(out)[0][name] == logs.REDACTED


@pytest.mark.parametrize("seed", [SECP256K1_SEED, ED25519_SEED])
@pytest.mark.parametrize("as_json", [True, False])
def test_a_seed_is_never_written_wherever_it_stands(seed: str, *, as_json: bool) -> None:
    """In a value, in a sentence, in a list, in an object's repr, at a terminal or in JSON."""
    out = Terminal()
    logs.configure(stream=out, as_json=as_json)

    structlog.get_logger().warning(
        f"imported {seed}", bare=seed, quoted=f"'{seed}'", many=[(seed,)], thing=ValueError(seed)
    )

    assert seed not in out.getvalue()
    assert out.getvalue().count(logs.REDACTED) == 5


def test_a_traceback_shows_no_seed_and_no_local_variables() -> None:
    """An exception that carries a seed is told without it, and frames keep their variables."""
    out = io.StringIO()
    logs.configure(stream=out)
    local = "correct horse battery staple"

    def fail(reason: str) -> None:
        raise ValueError(reason)

    try:
        fail(f"cannot use {SECP256K1_SEED} here, {len(local)}")
    except ValueError:
        structlog.get_logger().exception("our_bug")

    (line,) = lines(out)
    assert "ValueError: cannot use [redacted] here" in line["exception"]
    assert local not in line["exception"]
    assert "\n" in line["exception"]


@given(entropy=st.binary(min_size=16, max_size=16), ed25519=st.booleans())
def test_every_family_seed_is_recognised(entropy: bytes, *, ed25519: bool) -> None:
    """No seed escapes by an unlucky form."""
    kind = CryptoAlgorithm.ED25519 if ed25519 else CryptoAlgorithm.SECP256K1
    seed = encode_seed(entropy, kind)

    assert seed not in str(logs.redact(None, "info", {"event": "x", "value": f"it is {seed}."}))


def test_addresses_and_channel_ids_stay_readable() -> None:
    """Redaction leaves what an operator needs: addresses, hashes, public keys, server names."""
    event = {
        "event": "seen",
        "account": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
        "channel": "5DB01B7FFED6B67E6B0414DED11E051D2EE2B7619CE0EAA6286D67A3A4D5BDB3",
        "public_key": "ED5F5AC8B98974A3CA843326D9B88CEBD0560177B973EE0B149F782CFAA06DC66A",
        "server": "wss://s.altnet.rippletest.net:51233",
        "drops": 12,
        "fast": True,
        "nothing": None,
    }

    assert logs.redact(None, "info", dict(event)) == event


def test_a_password_in_an_address_is_hidden() -> None:
    """A server's address may carry a login, which is nobody's business."""
    event = logs.redact(None, "info", {"event": "x", "server": "wss://me:horse@host:1"})

    assert event["server"] == "wss://[redacted]@host:1"


def test_raw_bytes_are_counted_and_not_shown() -> None:
    """Bytes in a log are key material more often than not."""
    assert logs.redact(None, "info", {"event": "x", "data": b"\x01\x02"})["data"] == "[2 bytes]"


def test_a_server_cannot_forge_lines_or_draw_on_the_terminal() -> None:
    """Line breaks and escape sequences in a stranger's words are written out."""
    out = Terminal()
    logs.configure(stream=out, as_json=False)

    structlog.get_logger().warning("refused", message="no\n2026-01-01 [info] all fine\x1b[2J")

    assert len(out.getvalue().splitlines()) == 1
    assert "\x1b[2J" not in out.getvalue()


def test_control_characters_are_written_out_whoever_renders_them() -> None:
    """Not only in values: an event's own name and the lines of a traceback are escaped too."""
    event = {"event": "a\x1b[2J", "message": "b\nc\x9b", "exception": "d\n\x07e"}

    assert logs.redact(None, "info", dict(event)) == {
        "event": "a\\x1b[2J",
        "message": "b\\nc\\x9b",
        "exception": "d\n\\x07e",
    }


def test_libraries_are_heard_at_warning_and_never_louder() -> None:
    """What a library calls an error may be an outsider's doing; its chatter is not heard."""
    out = io.StringIO()
    logs.configure(stream=out)

    logging.getLogger("websockets.server").error("connection %s failed", SECP256K1_SEED)
    logging.getLogger("httpx").info("HTTP Request")

    (line,) = lines(out)
    assert (line["level"], line["library"]) == ("warning", "websockets.server")
    assert line["message"] == "connection [redacted] failed"


def test_a_librarys_exception_is_told() -> None:
    """With its traceback, searched for secrets like any other."""
    out = io.StringIO()
    logs.configure(stream=out)

    try:
        int(f"x{SECP256K1_SEED}")
    except ValueError:
        logging.getLogger("lib").exception("it broke")

    (line,) = lines(out)
    assert "ValueError: invalid literal" in line["exception"]
    assert line["level"] == "warning"


def test_a_librarys_broken_message_is_still_heard() -> None:
    """Arguments that do not fit the format lose the arguments, and nothing else."""
    out = io.StringIO()
    logs.configure(stream=out)

    logging.getLogger("lib").warning("%d apples", "no number")

    assert lines(out)[0]["message"] == "%d apples"


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """A reader that went away, or a closed stream, costs the line and not the guard."""
    logs.configure(stream=Broken())
    structlog.get_logger().warning("unheard")

    out = io.StringIO()
    logs.configure(stream=out)
    out.close()
    structlog.get_logger().warning("unheard")
