"""The heads of the store: whether each is there, and none speaks against it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchtower.doctor.finding import Finding, Level, of_trouble, ok
from watchtower.store.head import Finding as HeadFinding

__all__ = ["HeadFacts", "of_heads"]

_CHECK = "store.heads"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFacts:
    """How the store stands to the head at a place.

    ``finding`` is None where nobody could look at all; ``sentence`` says what is the matter, where
    anything is.
    """

    place: str
    finding: HeadFinding | None
    sentence: str


def of_heads(heads: Sequence[HeadFacts], path: str, *, are_kept: bool) -> Iterator[Finding]:
    """Yield what there is to say of the heads of the store at ``path``.

    ``are_kept`` is whether the settings keep any, also where none was to be looked at now.
    """
    if not heads and not are_kept:
        yield Finding(
            check=_CHECK,
            level=Level.NOTICE,
            subject=path,
            sentence="No head of the store is kept elsewhere (`[head]`): nobody could tell if an "
            "older copy were put in its place.",
        )
    for head in heads:
        match head.finding:
            case HeadFinding.FINE:
                said = f"The store is as far as its head at {head.place}, or further."
                yield ok(_CHECK, said, head.place)
            case HeadFinding.NONE_YET:
                yield Finding(
                    check=_CHECK,
                    level=Level.NOTICE,
                    subject=head.place,
                    sentence=f"No head was published at {head.place} yet; the daemon does it.",
                    mend="watchtower run",
                )
            case HeadFinding.UNREACHABLE:
                yield Finding(
                    check=_CHECK, level=Level.WARNING, subject=head.place, sentence=head.sentence
                )
            case None:
                yield of_trouble(_CHECK, head.sentence, path)
            case _:
                yield of_trouble(_CHECK, head.sentence, head.place, "watchtower head show")
