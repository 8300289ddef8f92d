"""Takes statements out, with the loops, conditions and blocks around them that are empty then, where leaving these out changes nothing else."""

from collections.abc import Sequence

import libcst as cst

from .source import Change, Refused, Source, last_name, name_of

# What is called in the head of a loop or of a condition and only looks.
_LOOKS = frozenset(
    "parameters named_parameters modules named_modules children named_children buffers named_buffers named_children values items keys range enumerate zip reversed sorted list tuple set dict "
    "isinstance issubclass hasattr len type any all startswith endswith lower dim size numel is_floating_point".split()
)
_PASSES_ON = frozenset("enumerate zip reversed sorted list tuple set".split())  # goes over what it is given
_HOLDS = frozenset("ModuleList ModuleDict Sequential ParameterList ParameterDict list tuple dict".split())
_MODES = frozenset(("no_grad", "enable_grad", "inference_mode", "set_grad_enabled"))
_COLLECTIONS = (cst.List, cst.Tuple, cst.Set, cst.Dict, cst.ListComp, cst.SetComp, cst.DictComp)
_DOES = (cst.Await, cst.Yield, cst.NamedExpr, cst.Lambda)


def removed(source: Source, *statements: cst.CSTNode) -> list[Change]:
    """Take statements out with their lines. ``pass`` stays where a block would be empty that cannot go.

    Raises:
        Refused: one of two of them stands within the other.
    """
    gone = list(dict.fromkeys(statements))
    while (block := _emptied(source, gone)) is not None:
        inside = [s for s in gone if _within(source, s, block)]
        gone = [s for s in gone if s not in inside] + [block]
    if any(_within(source, a, b) for a in gone for b in gone if a is not b):
        raise Refused("one of the statements stands within another one")
    return [source.delete(s, passes=_fills(source, s, gone)) for s in gone]


def _fills(source: Source, statement: cst.CSTNode, gone: Sequence[cst.CSTNode]) -> bool:
    """Whether a statement that goes is the first of a block of which all go."""
    siblings = source.siblings(statement)
    return siblings[0] is statement and all(s in gone for s in siblings)


def _within(source: Source, node: cst.CSTNode, block: cst.CSTNode) -> bool:
    here = source.parent(node)
    while here is not None and here is not block:
        here = source.parent(here)
    return here is block


def _emptied(source: Source, gone: Sequence[cst.CSTNode]) -> cst.CSTNode | None:
    """A block of which nothing is left, and that nothing is lost with."""
    for statement in gone:
        block = source.above(statement, cst.BaseCompoundStatement)
        if (
            block is not None
            and block.body is source.parent(statement)
            and all(s in gone for s in source.siblings(statement))
            and _idle(source, block)
        ):
            return block
    return None


def _idle(source: Source, block: cst.BaseCompoundStatement) -> bool:
    """Whether the head of a block does nothing that is seen elsewhere."""
    match block:
        case cst.For(orelse=None, asynchronous=None):
            return _walks(source, block.iter) and not _used_behind(source, block)
        case cst.If(orelse=None):
            return not isinstance(source.parent(block), cst.If) and _looks(source, block.test)
        case cst.With(asynchronous=None):
            return all(
                item.asname is None
                and isinstance(item.item, cst.Call)
                and last_name(item.item.func) in _MODES
                and all(_looks(source, a.value) for a in item.item.args)
                for item in block.items
            )
        case _:
            return False


def _looks(source: Source, node: cst.BaseExpression) -> bool:
    """Whether an expression only looks at what there is."""
    calls = source.every(cst.Call, node)
    does = any(True for kind in _DOES for _ in source.every(kind, node))
    return not does and all(last_name(c.func) in _LOOKS for c in calls)


def _walks(source: Source, node: cst.BaseExpression) -> bool:
    """Whether going over something leaves it as it was: a loader draws random numbers then, and a generator is used up."""
    if not _looks(source, node):
        return False
    match node:
        case cst.Call():
            given = [a.value for a in node.args] if last_name(node.func) in _PASSES_ON else []
            return all(_walks(source, g) for g in given)
        case cst.Subscript():
            return _walks(source, node.value)
        case cst.Name() | cst.Attribute():
            made = [
                a.value
                for a in source.every(cst.Assign)
                if any(name_of(t.target) == name_of(node) for t in a.targets)
            ]
            return bool(made) and all(_held(value) for value in made)
        case _:
            return isinstance(node, _COLLECTIONS)


def _held(value: cst.BaseExpression) -> bool:
    """Whether an expression makes something that holds all that it goes over."""
    return isinstance(value, _COLLECTIONS) or (
        isinstance(value, cst.Call) and last_name(value.func) in _HOLDS
    )


def _used_behind(source: Source, loop: cst.For) -> bool:
    """Whether what a loop gives a name may be read outside of it."""
    given = {n.value for n in source.every(cst.Name, loop.target)}
    around = source.above(loop, cst.FunctionDef) or source.module
    return any(
        n.value in given
        and not _within(source, n, loop)
        and _reads(source, n)
        and not _given_within(source, n, around)
        for n in source.every(cst.Name, around)
    )


def _reads(source: Source, name: cst.Name) -> bool:
    """Whether a name stands for a value that is read there."""
    match parent := source.parent(name):
        case cst.Attribute():
            return parent.value is name
        case cst.Arg():
            return parent.keyword is not name
        case cst.AssignTarget() | cst.Param() | cst.FunctionDef() | cst.ClassDef():
            return False
        case cst.For() | cst.CompFor():
            return parent.target is not name
        case _:
            return True


def _given_within(source: Source, name: cst.Name, around: cst.CSTNode) -> bool:
    """Whether another loop, a comprehension or a function between a name and ``around`` gives it its value."""
    here = source.parent(name)
    while here is not None and here is not around:
        match here:
            case cst.For():
                targets: list[cst.CSTNode] = [here.target]
            case cst.ListComp() | cst.SetComp() | cst.DictComp() | cst.GeneratorExp():
                targets = [f.target for f in source.every(cst.CompFor, here)]
            case cst.FunctionDef():
                targets = [
                    here.params,
                    *source.every(cst.AssignTarget, here),
                    *(f.target for f in source.every(cst.For, here)),
                ]
            case cst.Lambda():
                targets = [here.params]
            case _:
                targets = []
        if any(n.value == name.value for t in targets for n in source.every(cst.Name, t)):
            return True
        here = source.parent(here)
    return False
