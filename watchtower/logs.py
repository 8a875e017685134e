"""Logging: static event names with key-values, and nothing secret, whoever it came from.

:func:`configure` is called once, at the start of a command. Lines go to standard error: coloured
for a person at a terminal, one JSON object each for everything else. The last thing that touches
an event before it is written is :func:`redact`, so that neither a careless call, nor a library,
nor a traceback can put a seed on disk. Tracebacks never show local variables.

Levels: ``error`` is kept for bugs of ours, so nothing an outsider does may produce it. Libraries
are heard from ``warning`` up and speak at ``warning``. A log that cannot be written is dropped:
the guard goes on.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TextIO

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, TimeStamper, add_log_level, format_exc_info
from structlog.types import EventDict, Processor, WrappedLogger
from typing_extensions import override

__all__ = ["REDACTED", "configure", "redact"]

REDACTED: Final = "[redacted]"

_SECRET_NAME: Final = re.compile(
    r"seed|secret|passphrase|password|private|mnemonic|credential|token|master_key|data_key",
    re.IGNORECASE,
)

# The ledger's base 58 has no 0, O, I and l. A family seed is 29 (secp256k1) or 31 (ed25519, sEd…)
# of its characters; a mistyped one, a little longer or shorter, is as good as a seed.
_BASE58: Final = "1-9A-HJ-NP-Za-km-z"
_SECRET_VALUE: Final = re.compile(
    rf"""
      (?<![0-9A-Za-z]) s[{_BASE58}]{{26,32}} (?![0-9A-Za-z])   # a family seed
    | (?<![0-9A-Za-z]) 00[0-9A-Fa-f]{{64}} (?![0-9A-Za-z])     # a secp256k1 private key
    | (?<![0-9A-Za-z]) xwt_[0-9A-Za-z_-]{{20,}}                 # a token (access/token.py)
    | (?<=://) [^/@\s'"]+ (?=@)                                # user:password@ in an address
    """,
    re.VERBOSE,
)

_OF_SECRETS: Final = frozenset({*range(27, 34), 66})
"""How many characters the words above have."""

# A server's words must not draw on the operator's terminal, or begin a line that looks like ours.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_LINE_BREAK: Final = re.compile(r"\n")
_MANY_LINES: Final = frozenset({"exception", "stack"})

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(
    *, level: str = "info", as_json: bool | None = None, stream: TextIO | None = None
) -> None:
    """Set logging up for the whole process; calling it again replaces what was set.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``: what is below is not written.
        as_json: True for JSON, False for people; None decides by whether ``stream`` is a terminal.
        stream: where to write; standard error if None.
    """
    out = sys.stderr if stream is None else stream
    if as_json is None:
        as_json = not out.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_log_level,
            TimeStamper(fmt="iso", utc=True),
            format_exc_info,
            redact,
            _renderer(out, as_json=as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: _Lines(out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_FromLibraries()], force=True)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return ``event`` without anything that is named like a secret, or looks like one.

    Values that are neither text, numbers nor collections are replaced by their ``repr``, which
    is what a renderer would have written, so that it is searched too.
    """
    return {
        key: REDACTED if _is_secret_name(key) else _clean(value, key)
        for key, value in event.items()
    }


@lru_cache(maxsize=256)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _clean(value: Any, key: str = "") -> Any:
    if type(value) is str and value.isascii() and value.isalnum() and len(value) not in _OF_SECRETS:
        # One word, as hashes and names are, and by its length no secret: most of what is said.
        return value
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        # Raw bytes are key material more often than not, and never worth reading in a log.
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping):
        return {
            str(name): REDACTED if _is_secret_name(str(name)) else _clean(part)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(part) for part in value]
    text = value if isinstance(value, str) else repr(value)
    text = _CONTROL.sub(_escape, _SECRET_VALUE.sub(REDACTED, text))
    return text if key in _MANY_LINES else _LINE_BREAK.sub(r"\\n", text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _renderer(out: TextIO, *, as_json: bool) -> Processor:
    if as_json:
        return JSONRenderer(sort_keys=False, ensure_ascii=False)
    colors = out.isatty() and not os.environ.get("NO_COLOR")
    return ConsoleRenderer(colors=colors, exception_formatter=plain_traceback)


class _Lines:
    """Writes lines, and drops those that cannot be written.

    Standard error may be a pipe whose reader is gone, or a full disk; neither may stop the tower.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def msg(self, line: str) -> None:
        """Write one line, at once."""
        try:
            self._out.write(f"{line}\n")
            self._out.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = exception = msg


class _FromLibraries(logging.Handler):
    """Passes on what libraries log through the standard library, at ``warning``."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Say which library spoke, and what; a broken message of theirs is not our failure."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        structlog.get_logger().warning(
            "library_spoke", library=record.name, message=message, exc_info=record.exc_info
        )
