"""A program with another seed: the literal 0 where people write it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from bench.faultbench.source import DoesNotApply, Source, called

SEED = re.compile(r"seed", re.IGNORECASE)


def reseeded(text: str, seed: int) -> str:
    """The program with another seed for `manual_seed(0)`, `SEED = 0`, `seed: int = 0`, `"--seed", default=0`, `def main(seed=0)`.

    Raises DoesNotApply when there is none.
    """
    source = Source(text)
    zeros = [
        value
        for value in _written(source)
        if isinstance(value, ast.Constant) and value.value == 0 and value.value is not False
    ]
    if not zeros:
        raise DoesNotApply("the program has no literal seed 0")
    if seed == 0:
        return text
    for value in zeros:
        source.replace(value, str(seed), fault=False)
    return source.mutant().text


def _written(source: Source) -> Iterator[ast.expr | None]:
    """What is given to a seed: by call, assignment, argument or default."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield _in_call(source, node)
        elif isinstance(node, ast.arguments):
            yield from _in_defaults(node)
        elif (
            (isinstance(node, ast.Assign) and SEED.search(source.code(node.targets[0])))
            or (isinstance(node, ast.AnnAssign) and SEED.search(source.code(node.target)))
            or (isinstance(node, ast.keyword) and node.arg and SEED.fullmatch(node.arg))
        ):
            yield node.value


def _in_call(source: Source, call: ast.Call) -> ast.expr | None:
    if SEED.search(called(call)) and call.args:
        return call.args[0]
    if called(call) == "add_argument" and SEED.search(source.code(call.args[0])):
        return next((keyword.value for keyword in call.keywords if keyword.arg == "default"), None)
    return None


def _in_defaults(arguments: ast.arguments) -> Iterator[ast.expr | None]:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(reversed(positional), reversed(arguments.defaults), strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    yield from (value for argument, value in pairs if SEED.fullmatch(argument.arg))
