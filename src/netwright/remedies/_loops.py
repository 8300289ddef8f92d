"""Finds the loops of a training: over batches, over epochs, and what the network is given in them."""

from dataclasses import dataclass

import libcst as cst

from ._training import calls_of, is_schedule, receiver, scope
from .source import Refused, Source, last_name, name_of


@dataclass(frozen=True, slots=True)
class Loop:
    """The loop around the one step of an optimizer.

    ``step`` is that call, ``optimizer`` its name there, ``batches`` the loop around it, ``epochs`` the loop around that one in the same function, if there is one.
    """

    step: cst.Call
    optimizer: str
    batches: cst.For
    epochs: cst.For | None


def training_loop(source: Source) -> Loop:
    """The loop that trains.

    Raises:
        Refused: an optimizer is stepped at several places or none, within another statement, with a closure or a scaler, or outside of a loop.
    """
    steps = [c for c in calls_of(source, "step") if not is_schedule(source, receiver(c))]
    if len(steps) != 1:
        raise Refused("an optimizer is not stepped at one place of this file")
    (step,) = steps
    name = receiver(step)
    if not name or step.args or not isinstance(source.parent(step), cst.Expr):
        raise Refused("the optimizer is stepped with a closure or a scaler, or within another statement")
    batches = _loop_around(source, step)
    if batches is None:
        raise Refused("the step does not stand in a for loop of its function")
    return Loop(step, name, batches, _loop_around(source, batches))


def _loop_around(source: Source, node: cst.CSTNode) -> cst.For | None:
    loop = source.above(node, cst.For)
    return loop if loop is not None and scope(source, loop) is scope(source, node) else None


def rounds(loop: cst.For) -> cst.BaseExpression:
    """How often a loop runs: ``n`` of ``range(n)``, also within ``tqdm(range(n))``.

    Raises:
        Refused: it is no loop over a range that begins at 0.
    """
    over: cst.BaseExpression = loop.iter
    while isinstance(over, cst.Call) and over.args and last_name(over.func) in ("tqdm", "trange", "track"):
        over = over.args[0].value
    if isinstance(over, cst.Call) and name_of(over.func) == "range" and len(over.args) == 1:
        return over.args[0].value
    raise Refused("the loop is not one over range(n)")


def epoch_loop(source: Source, loop: Loop) -> cst.For:
    """The loop over epochs, in the same function or around the one call of the function that trains for an epoch; else the loop over steps.

    Raises:
        Refused: it is not seen.
    """
    if loop.epochs is not None:
        return loop.epochs
    function = source.above(loop.batches, cst.FunctionDef)
    if function is not None:
        calls = [c for c in source.every(cst.Call) if name_of(c.func) == function.name.value]
        around = [f for c in calls if (f := _loop_around(source, c)) is not None]
        if len(calls) == 1 and around:
            return around[0]
    return loop.batches


def network_of(source: Source, call: cst.Call) -> str:
    """The name of the network whose parameters an optimizer has.

    Raises:
        Refused: it has not ``name.parameters()`` and nothing else.
    """
    given = source.argument(call, "params", 0)
    value = given.value if given is not None else None
    if isinstance(value, cst.Call) and last_name(value.func) == "parameters" and not value.args:
        name = receiver(value)
        if name:
            return name
    raise Refused("the optimizer is not given all parameters of one network")


def fed_at(source: Source, loop: Loop, network: str) -> tuple[cst.CSTNode, str]:
    """The statement of the training loop that calls the network, and the name of what it is given.

    Raises:
        Refused: it is called at several places of the loop or none, or with something other than one name.
    """
    calls = [c for c in source.every(cst.Call, loop.batches) if name_of(c.func) == network]
    if len(calls) != 1 or len(calls[0].args) != 1 or calls[0].args[0].star:
        raise Refused("the network is not called at one place of the training loop with one argument")
    name = name_of(calls[0].args[0].value)
    statement = source.statement_of(calls[0])
    if not name.isidentifier() or not isinstance(statement, cst.SimpleStatementLine):
        raise Refused("what the network is given has no name")
    if not isinstance(source.parent(statement), cst.IndentedBlock):
        raise Refused("the statement does not stand on a line of its own")
    return statement, name


def loads_weights(source: Source) -> bool:
    """Whether the file may train a network that has been trained before."""
    return any(
        word in source.text for word in ("load_state_dict", "from_pretrained", "pretrained=", "weights=")
    )


def needs_torch(source: Source) -> None:
    """Whether ``torch`` is at hand by its name.

    Raises:
        Refused: it is not.
    """
    if not any(
        name_of(a.name).partition(".")[0] == "torch" and a.asname is None
        for i in source.every(cst.Import)
        for a in i.names
    ):
        raise Refused("torch is not imported by its name")


def needs_free(source: Source, *names: str) -> None:
    """Whether names can be given to something new.

    Raises:
        Refused: one of them is in use.
    """
    used = {n.value for n in source.every(cst.Name)} & set(names)
    if used:
        raise Refused(f"the name {min(used)} is in use")


def needs_float_inputs(source: Source) -> None:
    """Whether the network is given numbers, and not symbols.

    Raises:
        Refused: it looks up symbols.
    """
    if any(last_name(c.func) in ("Embedding", "EmbeddingBag") for c in source.every(cst.Call)):
        raise Refused("the network looks up symbols")


def ends_plainly(loop: cst.For) -> bool:
    """Whether lines can be put behind a loop: it has no ``else``, and its body stands on lines of its own."""
    return loop.orelse is None and isinstance(loop.body, cst.IndentedBlock)
