"""Measurements of the watchtower and its sandbox: ``scripts/bench``, or ``python -m bench``.

Nothing here asserts a time. Speed is told as ratios within one run where there is something to
compare with, in alternation and with its spread; numbers that depend on the machine are told and
not judged. ``docs/benchmarks.md`` says how to read them.
"""
