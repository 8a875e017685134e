"""Fuzz one target in a process of its own: ``python -m fuzzing.one NAME [options of libFuzzer]``.

libFuzzer ends the process, whatever comes of it; `fuzzing` starts one for each target.
"""

from __future__ import annotations

import random
import sys

import atheris

from fuzzing.mutate import mutated

with atheris.instrument_imports(include=["watchtower"]):
    from fuzzing.targets import TARGETS

__all__ = ["fuzz"]


def fuzz(name: str, options: list[str]) -> None:
    """Try what the coverage of our own code leads to, for ever or as ``options`` say."""
    target = TARGETS[name]

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        luck = random.Random(seed)  # noqa: S311 - the same seed must give the same bytes
        found = mutated(data, luck) if luck.randrange(2) else None
        if found is None or len(found) > most:
            return bytes(atheris.Mutate(data, most))
        return found

    atheris.Setup([sys.argv[0], *options], target, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1], sys.argv[2:])
