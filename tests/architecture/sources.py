"""Reading our own source: modules, what they import (deferred imports too), and what they call.

Everything takes a `House`, a mapping of module names to parsed source, so that each rule can be
shown to fail on a small house made up in memory.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "watchtower"

House = Mapping[str, ast.Module]
"""Parsed modules by name within the package: ``judgement.judge``; the package itself is ``""``."""


@cache
def read_house() -> House:
    """Parse every module under ``watchtower/``, once."""
    house = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        house[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return house


def made_up(**modules: str) -> dict[str, ast.Module]:
    """Return a house of a few lines a module; ``__`` in a name stands for the dot."""
    return {name.replace("__", "."): ast.parse(source) for name, source in modules.items()}


@cache
def imported_names(tree: ast.Module) -> tuple[str, ...]:
    """Return every dotted name that a module imports, wherever in it the import stands."""
    return tuple(_imported_names(tree))


def _imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def our_imports(house: House, name: str) -> set[str]:
    """Return the modules of the house that ``name`` imports itself."""
    found = set()
    for dotted in imported_names(house[name]):
        if dotted.startswith(f"{PACKAGE}."):
            inner = dotted.removeprefix(f"{PACKAGE}.")
            module = inner if inner in house else inner.rpartition(".")[0]
            found.add(module)
    return found - {name}


def with_everything_behind(house: House, name: str) -> set[str]:
    """Return ``name``, all modules it imports, all they import, and the packages around them."""
    seen: set[str] = set()
    waiting = {name}
    while waiting:
        module = waiting.pop()
        seen.add(module)
        waiting |= ({*_packages(module), *our_imports(house, module)} & house.keys()) - seen
    return seen


def _packages(module: str) -> Iterable[str]:
    """Return the packages whose ``__init__`` runs before ``module`` does."""
    while module:
        module = module.rpartition(".")[0]
        yield module


def is_within(module: str, room: str) -> bool:
    """Return whether ``module`` is ``room``, or stands in it."""
    return module == room or module.startswith(f"{room}.")
