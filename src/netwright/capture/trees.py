"""The program's source as syntax trees."""

import ast
import gc
import linecache
from functools import cache


@cache
def tree_of(file: str) -> ast.Module | None:
    """The tree of a file; None where there is no source, or none that can be parsed. It is read once: nobody may change it."""
    try:
        return _parsed("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, SystemError):
        return None


def _parsed(text: str) -> ast.Module:
    # Python 3.11 counts the depth of its calls while it makes the tree. A collection in between may call code that makes another tree, and then it says that the count is wrong.
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        if collects:
            gc.enable()
