"""The program's source as syntax trees."""

import ast
import linecache
from functools import cache


@cache
def tree_of(file: str) -> ast.Module | None:
    """The tree of a file; None where there is no source, or none that can be parsed. It is read once: nobody may change it."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
