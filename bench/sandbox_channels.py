"""Whether the sandbox slows down as channels pile up, and what they cost it.

Ledgers, creations and claims, each in a world of a thousand channels and in a large one, in turn.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.instrument import alternate, ratios
from bench.pair import Side, pair
from bench.report import Report, reading
from bench.scale import Scale
from bench.world import total

__all__ = ["measure_claims", "measure_creates", "measure_ledgers", "measure_memory"]


def measure_ledgers(scale: Scale) -> Report:
    """Close empty ledgers."""
    return _in_both_worlds(
        scale,
        ("close_ledgers", "profile_closing"),
        ("empty_ledgers_per_s", f"ledgers_per_s_with_{scale.name}_channels"),
        "ledgers_many_over_few",
    )


def measure_creates(scale: Scale) -> Report:
    """Open channels, a thousand a ledger: submission, and the closing of their ledger."""
    return _in_both_worlds(
        scale,
        ("open_channels", "profile_opening"),
        ("channel_creates_per_s", f"channel_creates_per_s_with_{scale.name}_channels"),
        "creates_many_over_few",
    )


def measure_claims(scale: Scale) -> Report:
    """Redeem claims, a thousand a ledger, each on another channel."""
    return _in_both_worlds(
        scale,
        ("redeem", "profile_redeeming"),
        ("claims_per_s", f"claims_per_s_with_{scale.name}_channels"),
        "claims_many_over_few",
    )


def _in_both_worlds(
    scale: Scale, asks: tuple[str, str], speeds: tuple[str, str], compared: str
) -> Report:
    """Measure in the small world and in the large one, and say where the time of the large goes.

    Args:
        scale: how many channels, and how much at once.
        asks: what the worlds are asked to do, and to profile.
        speeds: what the two speeds are called, behind ``sandbox.``
        compared: what their ratio is called.
    """
    few, many = _in_turn(scale, asks[0], scale.at_once)
    lines, where = pair(scale.channels)[1].ask(asks[1], scale.at_once)
    return Report(
        readings=(
            reading(f"sandbox.{speeds[0]}", "1/s", few),
            reading(f"sandbox.{speeds[1]}", "1/s", many),
            reading(f"sandbox.{compared}", "ratio", ratios(many, few)),
        ),
        profile=lines,
        where=where,
    )


def measure_memory(scale: Scale) -> Report:
    """Weigh what opening the channels has left in the process: state, history and transactions."""
    _, many = pair(scale.channels)
    grown = many.ask("memory")
    opening = many.ask("opening")
    tenth = max(1, len(opening) // 10)
    first, last = total(opening[:tenth]), total(opening[-tenth:])
    return Report(
        readings=(
            reading(f"sandbox.memory_mib_at_{scale.name}_channels", "MiB", [grown / 2**20]),
            reading("sandbox.bytes_per_channel", "B", [grown / scale.channels]),
            reading(
                "sandbox.opening_last_over_first", "ratio", [last.per_second / first.per_second]
            ),
        ),
        where=(
            "A channel is an entry, its places in two directories, and the transaction that made "
            "it, with metadata; the speed of opening the last tenth over the first."
        ),
    )


def _in_turn(scale: Scale, method: str, count: int) -> tuple[list[float], list[float]]:
    """Return how often a second the small and the large world did it, round by round."""
    few, many = pair(scale.channels)

    def rate(side: Side) -> Callable[[], float]:
        return lambda: total(side.ask(method, count)).per_second

    found = alternate(scale.rounds, {"few": rate(few), "many": rate(many)})
    return found["few"], found["many"]
