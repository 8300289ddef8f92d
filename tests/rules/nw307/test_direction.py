from dataclasses import replace

import pytest

from netwright.evidence import Direction, Graph, Graphs, InitialLoss, Node, Parameters, Ref, TensorInfo, Where
from netwright.rule import NotApplicable
from netwright.rules.loss.loss_has_wrong_sign import rule

LOSS, TURN, STEP = (Where(file="train.py", line=n) for n in (10, 11, 5))
WRONG = Direction(
    op="cross_entropy",
    right=-0.1,
    blind=-2.3,
    wrong=-6.0,
    maximize=False,
    steps=32,
    samples=400,
    loss_before=-2.3,
    loss_after=-4.0,
    cost_before=2.3,
    cost_after=4.0,
    cost_low=1.5,
    cost_high=1.9,
    accuracy_before=0.1,
    accuracy_after=0.01,
    least=0.0,
    nonnegative=True,
    where=LOSS,
    turned=TURN,
)


def graph(*roots):
    leaves = [
        Node(index=i, op="parameter", kind="parameter", root=r, outputs=(info(),))
        for i, r in enumerate(roots)
    ]
    last = Node(index=len(leaves), op="matmul", args=tuple(Ref(n.index) for n in leaves), outputs=(info(),))
    return Graph(nodes=(*leaves, last), loss=last.index)


def info():
    return TensorInfo(shape=(), dtype="float32", requires_grad=True)


def judge(direction, *, graphs=None, fresh=True):
    return rule.function(
        tried=InitialLoss(batches=8, direction=direction, optimizer_at=STEP),
        graphs=graphs or Graphs(train=(graph(0),)),
        parameters=Parameters(parameters=(), fresh=fresh),
    )


def test_the_line_that_turns_the_sign_is_named():
    assert judge(WRONG).where == TURN
    assert judge(replace(WRONG, turned=Where(file="?", line=0))).where.line in (0, 10)


@pytest.mark.parametrize(
    "changes",
    [
        {"right": -6.0, "wrong": -0.1},  # right answers are cheapest
        {"cost_low": -0.1},  # the growth may be chance
        {"cost_after": 2.35},  # it hardly grows
        {"loss_after": -2.0},  # training did not follow the loss
        {"right": -2.29},  # too close to blind answers
    ],
)
def test_every_part_of_the_proof_is_needed(changes):
    assert judge(replace(WRONG, **changes)) is None


def test_a_likelihood_that_is_maximized_is_right_and_a_loss_that_is_maximized_is_not():
    right = replace(WRONG, maximize=True)
    assert judge(right) is None
    loss = replace(WRONG, maximize=True, right=0.1, blind=2.3, wrong=6.0, loss_before=2.3, loss_after=4.0)
    assert judge(loss).where == STEP


def test_where_a_wrong_sign_may_be_meant():
    with pytest.raises(NotApplicable):
        judge(WRONG, fresh=False)
    with pytest.raises(NotApplicable):
        judge(WRONG, graphs=Graphs(train=(graph(0), graph(0))))
    with pytest.raises(NotApplicable):
        judge(WRONG, graphs=Graphs(train=(graph(0, None),)))
    with pytest.raises(NotApplicable):
        judge(None)
    assert judge(WRONG, graphs=Graphs(train=(graph(None),)))


@pytest.mark.parametrize(
    ("least", "known", "fires"), [(-5.0, True, True), (-5.0, False, False), (0.0, True, False)]
)
def test_no_lower_bound(least, known, fires):
    right = replace(WRONG, right=0.1, blind=2.3, wrong=6.0, least=least, nonnegative=known)
    assert bool(judge(right)) is fires
