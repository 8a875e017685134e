"""What people may set of a sandbox: an option's words become the setting they name.

Guarantees that whatever comes out is something the sandbox can play by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Final

import click

from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, KNOWN_AMENDMENTS

__all__ = ["amendments_of", "queue_of", "seconds_of"]

_STANDALONE: Final = "minimum_txn_in_ledger_standalone"
_KEYS: Final = frozenset(field.name for field in fields(QueueSettings))
_MAY_BE_ZERO: Final = frozenset(
    {
        "minimum_last_ledger_buffer",
        "normal_consensus_increase_percent",
        "retry_sequence_percent",
    }
)
_LARGEST: Final = 2**32 - 1
_DIGITS: Final = 10
_DAY: Final = 86_400.0


def seconds_of(text: str | None) -> float | None:
    """Return the seconds between ledgers: above zero, at most a day; None if none were given.

    Raises:
        click.BadParameter: it is no such number.
    """
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _DAY:  # what is not a number is not above zero either
        sentence = f"{text!r} is no number of seconds above 0, and at most a day."
        raise click.BadParameter(sentence, param_hint="--close-every")
    return seconds


def queue_of(settings: Sequence[str]) -> QueueSettings:
    """Return the queue's settings from ``KEY=N`` each; the last word on each counts.

    Raises:
        click.BadParameter: one is unknown or no number, or ledgers would have to hold more than
            they may.
    """
    chosen: dict[str, Any] = dict(_setting(text) for text in settings)
    queue = replace(QueueSettings(), **chosen)
    most = queue.maximum_txn_in_ledger
    if most is not None and most < queue.minimum_txn_in_ledger:
        # The server refuses to start so as well (rippled TxQ.cpp, setup_TxQ).
        sentence = (
            f"minimum_txn_in_ledger ({queue.minimum_txn_in_ledger}) is above "
            f"maximum_txn_in_ledger ({most}). Set both."
        )
        raise click.BadParameter(sentence, param_hint="--queue")
    return queue


def _setting(text: str) -> tuple[str, int]:
    key, _, number = text.partition("=")
    # A standalone server reads this name in place of the other.
    key = "minimum_txn_in_ledger" if key == _STANDALONE else key
    if key not in _KEYS:
        sentence = f"{key!r} is no setting of the queue. There are: {', '.join(sorted(_KEYS))}."
        raise click.BadParameter(sentence, param_hint="--queue")
    least = 0 if key in _MAY_BE_ZERO else 1
    is_number = number.isascii() and number.isdecimal() and len(number) <= _DIGITS
    if not is_number or not least <= int(number) <= _LARGEST:
        sentence = f"{key} takes a whole number from {least} to {_LARGEST}."
        raise click.BadParameter(sentence, param_hint="--queue")
    return key, int(number)


def amendments_of(names: Sequence[str]) -> frozenset[str]:
    """Return the amendments to enable: those of the server's release, and ``names``.

    Raises:
        click.BadParameter: the sandbox does not know the rules of one of them.
    """
    for name in names:
        if name not in KNOWN_AMENDMENTS:
            known = ", ".join(sorted(KNOWN_AMENDMENTS - DEFAULT_AMENDMENTS))
            sentence = f"the sandbox has no rules for {name!r}. It knows: {known}."
            raise click.BadParameter(sentence, param_hint="--amendment")
    return DEFAULT_AMENDMENTS | set(names)
