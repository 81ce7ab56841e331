"""What the code of a cell names: the variables it uses, and the packages with their versions."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from importlib import metadata
from types import BuiltinFunctionType, FunctionType, ModuleType

from ..text import one_line
from .next_cell import transformed

NAME = re.compile(r"[^\W\d]\w*")
MAGIC = re.compile(r"^\s*[%!](.*)$", re.MULTILINE)
CALLED = (type, FunctionType, BuiltinFunctionType)
OWN = {*sys.stdlib_module_names, "__main__", "IPython", "ipykernel"}
IMPORT = re.compile(r"^\s*(?:import|from)\s+([^\W\d]\w*)", re.MULTILINE)


def used(code: str) -> list[str]:
    """Return the names that a cell uses, in the lines of its magics, too; nothing runs."""
    tree = None if code.lstrip().startswith("%%") else _parsed(code)
    if tree is None:
        return list(dict.fromkeys(NAME.findall(code)))
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return list(dict.fromkeys([*names, *NAME.findall("\n".join(MAGIC.findall(code)))]))


def versions(code: str, namespace: Mapping[str, object]) -> list[str]:
    """Return ``Python 3.11.7`` and the packages that a cell imports or uses: ``pandas 2.2.3``.

    A package that cannot be found is ``not installed``; what is neither (a file of the user's) is
    left out, and so is Python's own library.
    """
    values = (namespace[name] for name in used(code) if name in namespace)
    modules = [*_imported(code), *map(_module, values)]
    roots = dict.fromkeys(name.partition(".")[0] for name in modules)
    listed = (_version(name) for name in roots if name not in OWN)
    return [f"Python {sys.version.split()[0]}", *(one for one in listed if one)]


def _module(value: object) -> str:
    """Return the module that a value is, or comes from."""
    if isinstance(value, ModuleType):
        return value.__name__
    made = value if isinstance(value, CALLED) else type(value)
    return str(getattr(made, "__module__", "") or "builtins")


def _imported(code: str) -> Iterable[str]:
    tree = _parsed(code)
    if tree is None:
        return IMPORT.findall(code)
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return names


def _version(name: str) -> str:
    try:
        own = getattr(sys.modules.get(name), "__version__", None)
        version = own if isinstance(own, str) else metadata.version(name)
    except Exception:  # a module may do anything when it is asked
        if name in sys.modules:
            return ""
        return f"{name} not installed" if not _is_installed(name) else ""
    return f"{name} {one_line(version, 40)}"


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _parsed(code: str) -> ast.AST | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(transformed(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
