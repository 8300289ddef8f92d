"""Rules on waiting for the device and on what is kept: their boundaries, on evidence made by hand."""

from netwright.engine import State, judge
from netwright.evidence import Kept, KeptGraphs, Wait, Waits, Where
from netwright.registry import find_rule
from netwright.rule import Severity

from ..histories import healthy

LINE = Where(file="/p/train.py", line=31, code="total += loss.item()")


def ends(code, *evidence):
    judgement = judge([find_rule(code)], {type(e): e for e in evidence})
    assert not judgement.traces
    return judgement.findings, judgement.checked[0].state


def waits(*given, steps=8, device="cuda"):
    made = tuple(
        Wait(where=Where(file="/p/train.py", line=n), op=op, device=d, steps=s) for n, op, d, s in given
    )
    return Waits(waits=made, steps=steps, device=device)


def test_a_wait_in_every_step():
    (finding,), _ = ends(
        "NW802", waits((31, "item", "cuda", 8), (32, "__repr__", "cuda", 7), (33, "cpu", "cuda", 1))
    )
    assert finding.severity is Severity.INFO
    assert finding.where.line == 31
    assert [w.line for w in finding.also] == [32]
    assert "item() at train.py:31, print() at train.py:32" in finding.message


def test_waits_now_and_then_and_of_tensors_in_main_memory_are_none():
    assert ends("NW802", waits((31, "item", "cuda", 4), (32, "item", "cpu", 8))) == ((), State.PASSED)


def test_without_an_accelerator_or_enough_steps_nothing_is_said():
    always = (31, "item", "cuda", 8)
    assert ends("NW802", waits(always, device="cpu"))[1] is State.NOT_APPLICABLE
    assert ends("NW802", waits((31, "item", "cuda", 3), steps=3))[1] is State.NOT_APPLICABLE


def kept(name="losses", growth=1.0):
    return KeptGraphs(kept=(Kept(where=LINE, name=name, growth=growth, steps=8),), steps=8)


def test_what_is_kept_is_worth_knowing_and_a_warning_where_memory_grows():
    (finding,), _ = ends("NW803", kept())
    assert (finding.severity, finding.where) == (Severity.INFO, LINE)
    assert "`losses` gets a tensor" in finding.message
    grows = healthy(run__memory_bytes=[3e8 + 5e6 * i for i in range(100)])
    (finding,), _ = ends("NW803", kept(growth=3.0), grows)
    assert finding.severity is Severity.WARNING
    assert "3 tensors" in finding.message
    assert "grown by" in finding.message
    (finding,), _ = ends("NW803", kept(), healthy())
    assert finding.severity is Severity.INFO


def test_a_sum_is_told_from_a_list():
    (finding,), _ = ends("NW803", kept(name=""))
    assert "computed from itself" in finding.message
    assert "loss.item()" in finding.fix


def test_nothing_kept_is_nothing_found():
    assert ends("NW803", KeptGraphs(kept=(), steps=8), healthy()) == ((), State.PASSED)
