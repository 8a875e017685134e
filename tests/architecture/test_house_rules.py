"""Every module says what it guarantees and what it offers, and stays small."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tests.architecture.sources import ROOT, House, made_up, read_house

LONGEST_FUNCTION = 60
LONGEST_MODULE = 400
FOUND_BY_NAME = "store.migrations.versions."
"""Alembic calls ``upgrade`` by name; nobody imports these files."""

HOMELESS = re.compile(r"(utils?|helpers?|common|managers?|misc)\Z")
"""A function without a home is a concept without a name."""


def broken_rules(house: House) -> list[str]:
    """Return what in the house is undocumented, unlisted or too long."""
    return [
        f"{name or 'watchtower'}: {what}"
        for name, tree in house.items()
        for rule in (_documented, _listed, _short)
        for what in rule(tree, name)
        if not (rule is _listed and name.startswith(FOUND_BY_NAME))
    ]


def _documented(tree: ast.Module, _name: str) -> Iterator[str]:
    if not (ast.get_docstring(tree) or "").strip():
        yield "no docstring says what it guarantees"
    for node in _definitions(tree):
        if not node.name.startswith("_") and not ast.get_docstring(node):
            yield f"{node.name} has no docstring"


def _listed(tree: ast.Module, name: str) -> Iterator[str]:
    defined = {node.name for node in _definitions(tree)}
    inner = {node.name for node in _definitions(tree) if _is_protocol(node) or _is_subcommand(node)}
    public = {name for name in defined - inner if not name.startswith("_")}
    listed = _all_of(tree)
    if listed is None:
        if public:
            yield "offers names, and has no __all__"
        return
    yield from (f"{one} is public and not in __all__" for one in sorted(public - listed))
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    here = bound | defined | _of_its_own_modules(tree, name)
    yield from (f"__all__ lists {one}, which is not here" for one in listed - here)


def _of_its_own_modules(tree: ast.Module, name: str) -> set[str]:
    """Return what a package offers of the modules in it."""
    inside = f"watchtower.{name}."
    return {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(inside)
        for alias in node.names
    }


def _definitions(
    tree: ast.Module,
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node


def _is_subcommand(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Return whether click finds it through its group, which is what the module offers."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(
        ".command(" in decorator and not decorator.startswith("click.") for decorator in decorators
    )


def _is_protocol(node: ast.AST) -> bool:
    """Return whether it is what the module asks of others, and not what it offers."""
    return isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)


def _all_of(tree: ast.Module) -> set[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]:
            return set(ast.literal_eval(node.value))
    return None


def _short(tree: ast.Module, _name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{node.name} has {lines} lines"
    length = max((getattr(node, "end_lineno", 0) or 0 for node in tree.body), default=0)
    if length > LONGEST_MODULE:
        yield f"has {length} lines"


def homeless(paths: list[PurePosixPath]) -> list[str]:
    """Return the paths with a file or folder whose name says nothing."""
    return [
        str(path)
        for path in paths
        if any(HOMELESS.search(part.removesuffix(".py").rpartition("_")[2]) for part in path.parts)
    ]


def ours() -> list[PurePosixPath]:
    """Return every file of the code and the tests, relative to the project."""
    files: list[Path] = []
    for folder in ("watchtower", "tests", "scripts"):
        files += (path for path in (ROOT / folder).rglob("*") if path.is_file())
    paths = [PurePosixPath(path.relative_to(ROOT).as_posix()) for path in files]
    return [path for path in paths if "__pycache__" not in path.parts]


def test_every_module_is_documented_listed_and_short() -> None:
    """A docstring each, `__all__` complete and true, functions of 60 and modules of 400 lines."""
    assert broken_rules(read_house()) == []


def test_no_file_or_folder_is_called_after_nothing() -> None:
    """No utils, helpers, common, manager or misc, in any part of a name."""
    assert homeless(ours()) == []


def test_a_careless_module_would_be_found() -> None:
    """Each rule is seen to bite."""
    long = "def f():\n    '''Do.'''\n" + "    x = 1\n" * LONGEST_FUNCTION
    house = made_up(
        a="x = 1",
        b="'''B.'''\ndef f(): '''Do.'''",
        c="'''C.'''\n__all__ = ['g']\ndef f(): ...",
        d=f"'''D.'''\n__all__ = ['f']\n{long}",
        e="'''E.'''\n" + "x = 1\n" * LONGEST_MODULE,
    )

    assert broken_rules(house) == [
        "a: no docstring says what it guarantees",
        "b: offers names, and has no __all__",
        "c: f has no docstring",
        "c: f is public and not in __all__",
        "c: __all__ lists g, which is not here",
        "d: f has 62 lines",
        "e: has 401 lines",
    ]


def test_a_name_that_says_nothing_would_be_found() -> None:
    """As a folder, as a file, and as the end of a longer name."""
    paths = [
        "watchtower/utils/x.py",
        "watchtower/ledger/helpers.py",
        "a/store_manager.py",
        "a/b.py",
    ]

    assert homeless([PurePosixPath(path) for path in paths]) == paths[:3]
