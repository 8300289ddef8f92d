"""Rules on the course of a run: what each must see, and what it must let pass, on histories made by hand."""

import math
from dataclasses import replace

import pytest

from netwright.engine import judge
from netwright.evidence import (
    Events,
    Graph,
    Graphs,
    History,
    InitializedAgain,
    Loaders,
    LossTerm,
    Node,
    Objective,
    Parameters,
    Ref,
    Schedule,
    Schedules,
    Task,
    TaskKind,
)
from netwright.evidence.data import LoaderInfo
from netwright.evidence.model import ParameterInfo
from netwright.evidence.optimization import Event, OptimizerInfo, Optimizers
from netwright.evidence.tensors import Stats
from netwright.evidence.where import Where
from netwright.registry import all_rules, find_rule
from netwright.rule import Severity

from ..histories import LAYER, LOSS, OPTIMIZER, ended, falling, healthy, history, noisy, series

WATCHING = [r for r in all_rules() if History in r.needs.values()]


def found(code, run, **evidence):
    judgement = judge([find_rule(code)], {History: run, **{type(e): e for e in evidence.values()}})
    assert not judgement.traces, judgement.traces
    return judgement.findings


def only(code, run, **evidence):
    (finding,) = found(code, run, **evidence)
    assert finding.measured
    return finding


def test_a_healthy_run_is_quiet_at_every_moment():
    for share in (0.05, 0.2, 0.5, 1.0):
        run = healthy()
        cut = {n: series_until(s, share) for n, s in run.series.items()}
        judgement = judge(
            WATCHING, {History: History(series=cut, steps=run.steps, seconds=50.0, ended=share == 1)}
        )
        assert not judgement.traces
        assert not judgement.findings


def series_until(s, share):
    return type(s)(steps=s.steps[: int(share * len(s))], values=s.values[: int(share * len(s))])


def test_an_empty_history_is_not_judged():
    judgement = judge(WATCHING, {History: history()})
    assert not judgement.findings
    assert not judgement.traces


# -- 601 ---------------------------------------------------------------------------------------------------------------------------


def test_a_loss_that_does_not_fall():
    finding = only("NW601", history(loss__0=noisy([2.3] * 200)))
    assert finding.where == LOSS
    assert finding.severity is Severity.WARNING
    assert not found("NW601", history(loss__0=noisy([2.3] * 90)))  # not for long enough
    policy = Objective(graph=0, kind=TaskKind.UNKNOWN, terms=(), moves="as in reinforcement learning")
    task = Task(kind=TaskKind.UNKNOWN, objectives=(policy,))
    assert not found("NW601", history(loss__0=noisy([2.3] * 200)), task=task)


def test_a_loss_that_falls_or_may_have_fallen():
    assert not found("NW601", history(loss__0=falling()))
    assert not found("NW601", history(loss__0=noisy([2.3] * 200, size=0.9)))  # the noise hides it
    assert not found("NW601", history(loss__0=noisy([2.3 - 0.002 * i for i in range(200)])))


def test_what_the_loss_fell_before_the_watch_began_counts():
    run = history(loss__0=noisy([0.5] * 200))
    assert found("NW601", run, events=Events(events=(), losses=(0.52, 0.5)))
    assert not found("NW601", run, events=Events(events=(), losses=(2.3, 1.1, 0.5)))
    assert not found("NW601", run, parameters=weight(0.1, loaded=True))


def test_a_rate_that_is_still_warmed_up_is_waited_for():
    flat = noisy([2.3] * 200)
    assert not found("NW601", history(loss__0=flat, rate__0__0=[1e-5 * i for i in range(200)]))
    assert found("NW601", history(loss__0=flat, rate__0__0=[1e-5 * min(i, 50) for i in range(200)]))


def test_losses_that_are_trained_in_turns_are_not_judged():
    flat = noisy([0.7] * 200)
    assert not found("NW601", history(loss__0=flat, loss__1=flat))
    later = series(flat)
    later = type(later)(steps=tuple(s + 200 for s in later.steps), values=later.values)
    assert found("NW601", history(loss__0=falling(200), loss__1=later))  # one after the other


# -- 602 ---------------------------------------------------------------------------------------------------------------------------


def test_a_loss_that_rises_far_above_its_start():
    rising = noisy([1.0 + 0.05 * max(0, i - 50) for i in range(200)])
    finding = only("NW602", history(loss__0=rising))
    assert finding.severity is Severity.WARNING
    assert (finding.where, finding.also) == (OPTIMIZER, (LOSS,))
    rising = noisy([math.exp(0.05 * i) for i in range(200)])
    assert only("NW602", healthy(loss__0=rising)).severity is Severity.ERROR


def test_a_loss_that_loses_what_it_had_fallen():
    back = falling(150) + noisy([0.2 + 0.012 * i for i in range(150)])
    assert "is lost" in only("NW602", history(loss__0=back)).message


def test_a_jump_that_heals_and_noise_are_no_divergence():
    assert not found("NW602", history(loss__0=falling(150) + falling(150, start=1.5)))
    assert not found("NW602", history(loss__0=noisy([1.0] * 300, size=0.3)))
    assert not found("NW602", history(loss__0=[-v for v in falling()]))  # not positive


# -- 603 ---------------------------------------------------------------------------------------------------------------------------


def test_what_is_no_number():
    finding = only("NW603", history(loss__0=[*falling(50), math.nan, math.nan]))
    assert finding.where.step == 50
    assert finding.severity is Severity.ERROR
    run = healthy(parameter__fc_dot_weight__weight_norm=[5.0] * 50 + [math.nan])
    assert "weights of `fc.weight`" in only("NW603", run).message


def test_a_gradient_that_overflows_under_a_scaler_is_none():
    overflow = [0] * 50 + [0.5]
    assert found("NW603", healthy(parameter__fc_dot_weight__nonfinite_share=overflow))
    assert not found(
        "NW603", healthy(parameter__fc_dot_weight__nonfinite_share=overflow, scaler__0__scale=[1024.0])
    )
    assert not found("NW603", history(loss__0=[math.nan, *falling(50)]))  # long ago


# -- 604, 605, 608, 615 ------------------------------------------------------------------------------------------------------------


def test_a_loss_that_alternates():
    swings = noisy([2.0 + (0.5 if i % 2 else -0.5) for i in range(200)])
    assert only("NW604", history(loss__0=swings)).measured["swing"] == pytest.approx(0.25, rel=0.2)
    assert not found("NW604", history(loss__0=noisy([2.0] * 200, size=0.3)))
    assert not found(
        "NW604", history(loss__0=[v * (1.2 if i % 2 else 0.8) for i, v in enumerate(falling(200))])
    )
    assert not found("NW604", history(loss__0=[2.0 + (0.01 if i % 2 else -0.01) for i in range(200)]))


def test_a_loss_that_has_come_to_a_standstill():
    still = falling(200) + noisy([0.2] * 400)
    finding = only("NW605", history(loss__0=still))
    assert finding.severity is Severity.INFO
    assert not found("NW605", history(loss__0=falling(600)[:400]))
    assert not found(
        "NW605", history(loss__0=still, rate__0__0=[0.1] * 300 + [0.001] * 300)
    )  # the schedule is over


def test_a_loss_that_jumps_again_and_again():
    jumps = noisy([1.0] * 300)
    for i in (100, 180, 260):
        jumps[i] = 6.0
    assert only("NW608", history(loss__0=jumps)).measured["steps"] == (100, 180, 260)
    jumps[260] = 1.0
    assert not found("NW608", history(loss__0=jumps))
    assert not found(
        "NW608", history(loss__0=[6.0 if i % 8 == 0 else 1.0 for i in range(300)])
    )  # the noise of its batches


def test_a_run_that_ends_too_early():
    early = history(loss__0=noisy([2.3 * math.exp(-1.8 * i / 300) for i in range(300)]))
    assert not found("NW615", early)
    assert only("NW615", ended(early)).severity is Severity.INFO  # it has slowed down
    assert not found("NW615", ended(history(loss__0=falling(600))))
    over = history(loss__0=early.series["loss/0"], rate__0__0=[0.1 * (1 - i / 300) for i in range(300)])
    assert not found("NW615", ended(over))


def test_a_run_that_ends_before_learning_slows_down():
    straight = [2.3 - 0.004 * i for i in range(200)]
    finding = only("NW615", ended(history(loss__0=noisy(straight, size=0.02))))
    assert (finding.severity, finding.measured["pace"]) == (Severity.INFO, pytest.approx(1.0, abs=0.2))
    # A second training in the same run begins anew: two that slow down are no one that does not.
    twice = [v for _ in range(2) for v in falling(150)]
    assert not any("pace" in f.measured for f in found("NW615", ended(history(loss__0=twice))))


def test_a_run_that_ends_within_its_warm_up():
    straight = healthy(rate__0__0=[1e-5 * (i + 1) for i in range(60)])
    assert only("NW615", ended(straight)).severity is Severity.WARNING
    assert not found("NW615", straight)
    assert not found("NW615", ended(healthy(rate__0__0=[1e-5 * min(i + 1, 40) for i in range(60)])))
    assert not found("NW615", ended(healthy(loss__0=FLAT, rate__0__0=straight.series["rate/0/0"])))
    test = healthy(rate__0__0=[1e-6 * 1.2**i for i in range(60)])  # a range test
    assert not found("NW615", ended(test))


# -- modules -----------------------------------------------------------------------------------------------------------------------


def test_units_that_die():
    dying = [min(0.95, 0.1 + 0.02 * i) for i in range(60)]
    finding = only("NW606", healthy(module__act__dead_share=dying))
    assert (finding.severity, finding.where.module, finding.where.line) == (
        Severity.WARNING,
        "act",
        LAYER.line,
    )
    half = [min(0.6, 0.1 + 0.02 * i) for i in range(60)]
    assert only("NW606", healthy(module__act__dead_share=half)).severity is Severity.INFO
    assert not found("NW606", healthy(module__act__dead_share=noisy([0.6] * 60)))  # from the start: NW207
    assert not found("NW606", healthy(module__act__dead_share=[0.1, 0.9] * 30))


def test_saturation_that_grows_in_a_hidden_layer():
    growing = [min(0.8, 0.1 + 0.02 * i) for i in range(60)]
    assert only("NW607", healthy(module__act__saturated_share=growing)).where.module == "act"
    assert not found("NW607", healthy(module__out__saturated_share=growing))  # the last one


def test_running_statistics_far_from_those_of_the_batches():
    assert (
        only("NW609", healthy(module__norm__running_distance=series([3.0] * 60, every=4))).measured[
            "distance"
        ]
        == 3
    )
    assert not found(
        "NW609", healthy(module__norm__running_distance=series([3.0] * 20, every=1))
    )  # had no time
    assert not found(
        "NW609", healthy(module__norm__running_distance=series([3.0] * 40 + [0.5] * 20, every=4))
    )


def test_predictions_that_collapse():
    assert only("NW611", healthy(module__out__std=[1.0] * 20 + [1e-4] * 40)).where.module == "out"
    assert not found("NW611", healthy(module__out__std=[1.0] * 20 + [0.1] * 40))
    assert not found("NW611", healthy(module__act__std=[1.0] * 20 + [1e-4] * 40))  # not the last


def answers(predicted, targets=0.2, **more):
    return healthy(
        answers__train__predicted=series(predicted, every=8),
        answers__train__targets=series([targets] * len(predicted), every=8),
        **more,
    )


def test_predictions_that_become_one_class():
    collapsed = [0.3] * 20 + [1.0] * 20
    finding = only("NW611", answers(collapsed))
    assert finding.where.module == "out"
    assert "told them apart before" in finding.message
    assert not found("NW611", answers(collapsed, targets=0.85))  # most targets are one class
    assert not found("NW611", answers(collapsed, targets=1.0))  # batches of one
    assert not found("NW611", answers([0.3] * 30 + [1.0] * 10))
    assert not found("NW611", answers([0.3, 1.0] * 20))


def test_predictions_that_have_always_been_one_class():
    assert not found("NW611", answers([1.0] * 40))  # the loss falls
    assert only("NW611", answers([1.0] * 40, loss__0=noisy([2.3] * 320))).measured["predicted"] == 1.0


def test_activations_that_grow():
    growing = [math.exp(0.15 * i) for i in range(60)]
    assert only("NW612", healthy(module__act__std=growing)).where.module == "act"
    assert not found("NW612", healthy(module__act__std=[v / 1000 for v in growing]))  # not large
    assert not found("NW612", healthy(module__act__std=growing[:30] + growing[29:30] * 60))  # grows no more


def test_a_rank_that_collapses():
    assert (
        only("NW613", healthy(module__act__rank=[max(1.2, 20 - i) for i in range(60)])).where.module == "act"
    )
    assert not found("NW613", healthy(module__act__rank=[max(9.0, 20 - i) for i in range(60)]))


# -- parameters --------------------------------------------------------------------------------------------------------------------

FLAT = noisy([2.3] * 200)
KEEPS = {"parameter__fc_dot_weight__weight_norm": [5.0] * 60}


def test_weights_that_do_not_change():
    assert (
        "none of the weights"
        in only("NW610", healthy(loss__0=FLAT, parameter__fc_dot_weight__update_ratio=[0] * 60)).message
    )
    assert (
        only("NW610", healthy(loss__0=FLAT, parameter__fc_dot_weight__update_ratio=[2e-6] * 60)).where
        == OPTIMIZER
    )
    assert not found("NW610", healthy(parameter__fc_dot_weight__update_ratio=[2e-6] * 60))  # the loss falls
    over = healthy(
        loss__0=FLAT, parameter__fc_dot_weight__update_ratio=[0] * 60, rate__0__0=[0.1] * 50 + [0.0] * 10
    )
    assert not found("NW610", over)


def test_steps_that_are_far_too_small():
    finding = only("NW502", healthy(loss__0=FLAT, parameter__fc_dot_weight__update_ratio=[3e-5] * 60))
    assert "10 times" in finding.fix
    assert not found("NW502", healthy(parameter__fc_dot_weight__update_ratio=[3e-5] * 60))
    assert not found("NW502", healthy(loss__0=FLAT))


def test_steps_that_are_far_too_small_are_seen_early():
    tiny = {"parameter__fc_dot_weight__update_ratio": [5e-5] * 6}
    assert found("NW502", history(loss__0=noisy([2.3] * 30), **tiny, **KEEPS))
    assert not found("NW502", history(loss__0=noisy([2.3] * 20), **tiny, **KEEPS))
    # Noise that would hide a fall hides it at a tenth of any usual step, and not beyond.
    hidden = noisy([2.3] * 60, size=0.6, seed=1)
    assert not found("NW502", history(loss__0=hidden, **tiny, **KEEPS))
    tinier = {"parameter__fc_dot_weight__update_ratio": [5e-6] * 6}
    assert found("NW502", history(loss__0=hidden, **tinier, **KEEPS))
    halved = noisy([2.3 - 0.03 * i for i in range(60)])
    assert not found("NW502", history(loss__0=halved, **tinier, **KEEPS))


def test_small_steps_at_the_end_of_a_schedule_or_before_its_peak_are_right():
    flat = noisy([2.3] * 200)
    over = {"parameter__fc_dot_weight__update_ratio": [1e-3 * 0.8**i for i in range(60)]}
    assert not found("NW502", history(loss__0=flat, **over, **KEEPS))
    tiny = {"parameter__fc_dot_weight__update_ratio": [5e-6] * 60, "rate__0__0": [1e-6] * 60}
    run = history(loss__0=flat, **tiny, **KEEPS)
    assert found("NW502", run)
    rises = Schedule(optimizer=0, type="LambdaLR", peaks=(1e-3,))
    assert not found("NW502", run, schedules=Schedules(schedules=(rises,)))


def test_the_rows_of_an_embedding_that_nobody_asks_for_do_not_make_its_steps_small():
    rows = {"parameter__fc_dot_weight__update_ratio": [5e-5] * 60}
    asked = history(loss__0=FLAT, parameter__fc_dot_weight__zero_share=[0.99] * 60, **rows, **KEEPS)
    assert not found("NW502", asked)  # 5e-5 of all, 5e-4 of the hundredth that has a gradient
    assert found("NW502", history(loss__0=FLAT, **rows, **KEEPS))


def test_one_loud_batch_at_the_start_is_no_fall():
    hidden = noisy([1.0] * 4000, size=0.25, seed=2)
    assert found("NW601", history(loss__0=hidden), events=Events(events=(), losses=(1.3, 1.0)))
    assert not found("NW601", history(loss__0=hidden), events=Events(events=(), losses=(3.0, 1.0)))


def test_a_loss_that_hardly_scatters_and_bends_may_still_stand():
    bends = [20 + 0.5 * 0.98**i for i in range(300)]
    assert found("NW601", history(loss__0=bends))
    assert not found("NW601", history(loss__0=[20 + 5 * 0.98**i for i in range(300)]))


def weight(rms, name="fc.weight", shape=(10, 100), fan_in=100, loaded=False):
    initial = Stats(count=1000, mean=0.0, std=rms, min=-1, max=1)
    known = ParameterInfo(name=name, shape=shape, dtype="float32", initial=initial, fan_in=fan_in)
    return Parameters(parameters=(known,), fresh=not loaded)


def test_weights_that_run_away():
    def norms(values):
        return healthy(**{f"parameter__{n}_dot_weight__weight_norm": values for n in ("fc", "mid", "out")})

    def weights(rms):
        (first,) = weight(rms).parameters
        return Parameters(parameters=tuple(replace(first, name=f"{n}.weight") for n in ("fc", "mid", "out")))

    runaway = norms([3.2 * (1 + i) for i in range(60)])
    assert only("NW501", runaway, parameters=weights(0.1)).measured["grown"] == pytest.approx(60, rel=0.05)
    assert not found("NW501", healthy(), parameters=weights(0.1))
    assert not found("NW501", runaway, parameters=weights(10.0))
    # Begins far below what is usual for its shape: 1 / sqrt(100) for each.
    small = norms([0.01 * (1 + i) for i in range(60)])
    assert not found("NW501", small, parameters=weights(1e-4))


def test_weights_that_shrink_while_the_loss_stands():
    shrinking = [5 * 0.95**i for i in range(60)]
    assert (
        only("NW506", healthy(loss__0=FLAT, parameter__fc_dot_weight__weight_norm=shrinking)).where
        == OPTIMIZER
    )
    assert not found("NW506", healthy(parameter__fc_dot_weight__weight_norm=shrinking))
    assert not found("NW506", healthy(loss__0=FLAT))


def decayed(optimizer, rate, decay):
    info = OptimizerInfo(index=0, type=optimizer, groups=({"lr": rate, "weight_decay": decay},), steps=8)
    known = ParameterInfo(name="fc.weight", shape=(10, 100), dtype="float32", groups=((0, 0),))
    return {"optimizers": Optimizers(optimizers=(info,)), "parameters": Parameters(parameters=(known,))}


def test_a_decay_that_is_strong_beside_the_gradient():
    # The loss fell at once, and most of what the weights were is gone after it.
    run = healthy(
        loss__0=[4.0] * 8 + noisy([1.6] * 52),
        parameter__fc_dot_weight__weight_norm=[5 * 0.97**i for i in range(60)],
        parameter__fc_dot_weight__grad_norm=[0.5] * 60,
    )
    assert "times the gradient" in only("NW506", run, **decayed("Adam", 1e-3, 1.0)).message
    assert not found("NW506", run, **decayed("Adam", 1e-3, 1e-4))
    assert not found("NW506", run)
    assert "in a step" in only("NW506", run, **decayed("AdamW", 1e-3, 5.0)).message
    assert not found("NW506", run, **decayed("AdamW", 1e-3, 0.1))
    learned = {**run.series, "loss/0": series([4.0] * 8 + noisy([0.1] * 52))}
    assert not found("NW506", replace(run, series=learned), **decayed("Adam", 1e-3, 1.0))


def test_a_schedule_that_is_over():
    over = [0.1 * 0.6**i for i in range(40)] + [1e-10] * 160
    finding = only("NW505", healthy(rate__0__0=over))
    assert finding.where == OPTIMIZER
    assert not found("NW505", healthy(rate__0__0=[0.1] * 150 + [1e-6] * 50))  # only the last part
    assert not found("NW505", healthy(rate__0__0=[0.1, 1e-6] * 100))  # comes back


def test_clipping_at_every_step_while_the_loss_stands():
    clip = Event(
        kind="clip",
        step=0,
        where=Where(file="/p/train.py", line=21),
        detail={"kind": "clip_grad_norm_", "limit": 0.01},
    )
    events = Events(events=(clip,), captured_steps=8)
    sgd = Optimizers(optimizers=(OptimizerInfo(index=0, type="SGD", steps=8),))
    adam = Optimizers(optimizers=(OptimizerInfo(index=0, type="Adam", steps=8),))
    run = healthy(loss__0=FLAT, clip__0__active=[1] * 200)
    assert only("NW413", run, events=events, optimizers=sgd).where.line == 21
    assert not found("NW413", run, events=events, optimizers=adam)
    assert not found("NW413", healthy(clip__0__active=[1] * 200), events=events, optimizers=sgd)
    assert not found(
        "NW413", healthy(loss__0=FLAT, clip__0__active=[1, 0] * 100), events=events, optimizers=sgd
    )


def test_a_loss_without_a_lower_bound():
    endless = [-0.5 * 1.1**i for i in range(100)]
    assert only("NW307", history(loss__0=endless)).severity is Severity.ERROR
    assert not found("NW307", history(loss__0=[-0.05 * i for i in range(100)]))  # a log-density
    assert not found("NW307", history(loss__0=endless[:80] + [endless[79]] * 80))  # stands


def test_weights_that_are_initialized_after_they_were_loaded_are_named_while_the_run_goes_on():
    again = InitializedAgain(names=("fc.weight",), share=1.0, where=OPTIMIZER, steps=40, loaded=True)
    run = replace(healthy(), again=again)
    assert only("NW421", run, parameters=weight(0.1)).where == OPTIMIZER
    part = replace(again, share=0.3)  # new last layers
    assert not found("NW421", replace(run, again=part), parameters=weight(0.1))
    trained = replace(run, again=replace(again, loaded=False))  # it may be trained again
    assert not found("NW421", trained, parameters=weight(0.1))
    assert found("NW421", ended(trained), parameters=weight(0.1))


def turned(op="neg", args=(), weight=-1.0, name="cross_entropy", handmade=False):
    """The evidence of a program that lowers a loss with a minus in front, and prints its value."""
    nodes = (
        Node(index=0, op="input", kind="input"),
        Node(index=1, op=name, args=(Ref(0),), tainted=True),
        Node(index=2, op="item", args=(Ref(1),), tainted=True),
        Node(index=3, op=op, args=(Ref(1), *args), tainted=True, where=Where(file="/p/train.py", line=18)),
    )
    term = LossTerm(op=name, node=1, weight=weight, handmade=handmade)
    objective = Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=(term,), main=0)
    return {
        "graphs": Graphs(train=(Graph(nodes=nodes, loss=3),)),
        "task": Task(kind=TaskKind.CLASSIFICATION, objectives=(objective,)),
        "parameters": Parameters(parameters=(), fresh=True),
        "optimizers": Optimizers(optimizers=(OptimizerInfo(index=0, type="SGD", groups=({"lr": 0.1},)),)),
    }


def test_a_loss_that_is_lowered_with_a_minus_in_front():
    up = history(loss__0=[-2.3 - 0.01 * i for i in range(20)])
    assert only("NW307", up, **turned()).where.line == 18
    stands = history(loss__0=noisy([-0.5] * 20))
    assert found("NW307", stands, **turned(name="triplet_margin_loss"))
    assert not found("NW307", history(loss__0=up.series["loss/0"].values[:12]), **turned())
    comes_down = history(loss__0=[-2.3 * 0.9**i for i in range(20)])
    assert not found("NW307", comes_down, **turned())
    # A factor that may be a reward; a divergence that is made large on purpose; a network that was loaded, to unlearn.
    assert not found("NW307", up, **turned(op="mul", args=(-0.7,), weight=-0.7))
    assert not found("NW307", up, **turned(name="kl_div"))
    assert not found("NW307", up, **turned(handmade=True))
    assert not found("NW307", up, **{**turned(), "parameters": Parameters(parameters=(), fresh=False)})
    climbs = OptimizerInfo(index=0, type="SGD", groups=({"lr": 0.1, "maximize": True},))
    assert not found("NW307", up, **{**turned(), "optimizers": Optimizers(optimizers=(climbs,))})


def test_a_scaler_that_leaves_out_steps():
    assert (
        only(
            "NW509", history(scaler__0__skipped=[1] * 40, scaler__0__scale=[2.0**-i for i in range(40)])
        ).measured["skipped"]
        == 1
    )
    assert not found("NW509", history(scaler__0__skipped=[1] * 10 + [0] * 50, scaler__0__scale=[128.0] * 60))


# -- memory and time ---------------------------------------------------------------------------------------------------------------


def test_memory_that_grows_with_every_step():
    finding = only("NW614", healthy(run__memory_bytes=[3e8 + 5e6 * i for i in range(100)]))
    assert finding.measured["bytes_per_step"] == pytest.approx(5e6, rel=0.05)
    assert finding.where == LOSS
    assert not found(
        "NW614", healthy(run__memory_bytes=[3e8 + 4e8 * (1 - math.exp(-i / 10)) for i in range(100)])
    )
    assert not found(
        "NW614", healthy(run__memory_bytes=[3e8 + 1e5 * i for i in range(100)])
    )  # comes to little
    assert not found("NW614", healthy(run__memory_bytes=noisy([3e8] * 100, size=0.2)))


def test_waiting_for_data():
    loader = LoaderInfo(
        where=Where(file="/p/train.py", line=4),
        role="train",
        batch_size=8,
        shuffled=True,
        workers=0,
        dataset_length=80,
        sampler="",
    )
    run = healthy(run__loading_share=[0.8] * 60)
    assert only("NW801", run, loaders=Loaders(loaders=(loader,))).where.line == 4
    assert only("NW801", run).where == OPTIMIZER
    assert not found("NW801", healthy())
    assert not found("NW801", history(run__loading_share=[0.8] * 60, seconds=5.0))
    assert not found("NW616", run)  # from the start
    assert only("NW616", healthy(run__loading_share=noisy([0.1] * 30 + [0.7] * 30))).measured[
        "since"
    ] == pytest.approx(30, abs=4)


# -- gradients ---------------------------------------------------------------------------------------------------------------------

NAMES = ("first.weight", "second.weight", "third.weight", "out.weight")


def chain():
    """Four layers in a row."""
    nodes = [Node(index=0, op="input", kind="input")]
    for name in NAMES:
        at = len(nodes)
        nodes.append(Node(index=at, op="parameter", kind="parameter", name=name, root=0))
        nodes.append(Node(index=at + 1, op="linear", args=(Ref(at - 1), Ref(at))))
    return Graphs(train=(Graph(nodes=tuple(nodes), loss=len(nodes) - 1),))


def matrices(grad_steps=()):
    return Parameters(
        parameters=tuple(
            ParameterInfo(
                name=n,
                shape=(10, 10),
                dtype="float32",
                root=0,
                module=n.split(".")[0],
                where=Where(file="/p/model.py", line=10 + i),
                grad_steps=grad_steps,
            )
            for i, n in enumerate(NAMES)
        )
    )


def through(gradients, updates, points=40, **more):
    """Samples of the gradient and of the step of each of the four weights, which are of size 10."""
    given = {}
    for name, gradient, update in zip(NAMES, gradients, updates, strict=True):
        rows = gradient if isinstance(gradient, list) else [gradient] * points
        prefix = f"parameter__{name.replace('.', '_dot_')}__"
        given[prefix + "grad_norm"] = noisy(rows, size=0.2)
        given[prefix + "weight_norm"] = [10.0] * points
        given[prefix + "zero_share"] = [0.0] * points
        given[prefix + "update_ratio"] = noisy([update] * points, size=0.2)
    return history(**{"loss__0": noisy([2.3] * points), **given, **more})


VANISHED = ((1e-7, 1e-5, 1.0, 1.0), (1e-10, 1e-8, 1e-3, 1e-3))
EVENTS = Events(events=(), losses=(2.3, 2.3))


def test_a_gradient_that_has_vanished():
    finding = only("NW406", through(*VANISHED), parameters=matrices(), graphs=chain())
    assert finding.measured["layers"] == ["first.weight", "second.weight"]
    assert (finding.where.line, finding.where.module, finding.also[0].line) == (10, "first", 11)
    # Not all on the way back: what reaches the first one reaches it on another way.
    assert not found(
        "NW406",
        through((1.0, 1e-5, 1.0, 1.0), (1e-3, 1e-8, 1e-3, 1e-3)),
        parameters=matrices(),
        graphs=chain(),
    )


def test_small_gradients_that_do_no_harm():
    assert not found("NW406", through(VANISHED[0], [1e-3] * 4), parameters=matrices(), graphs=chain())  # Adam
    assert not found("NW406", through([1e-7] * 4, [1e-9] * 4), parameters=matrices(), graphs=chain())
    learned = through(*VANISHED, loss__0=falling(40, end=0.05))
    assert not found("NW406", learned, parameters=matrices(), graphs=chain(), events=EVENTS)
    back = through(([1e-9] * 30 + [1e-7] * 10, 1.0, 1.0, 1.0), (1e-8, 1e-3, 1e-3, 1e-3))
    assert not found("NW406", back, parameters=matrices(), graphs=chain())


def test_what_weight_decay_moves_is_no_step():
    decayed = through(VANISHED[0], (1e-5, 1e-5, 1e-3, 1e-3), rate__0__0=[1e-3] * 40)
    group = {"lr": 1e-3, "weight_decay": 0.02}
    adam = Optimizers(optimizers=(OptimizerInfo(index=0, type="AdamW", steps=8, groups=(group,)),))
    assert only("NW406", decayed, parameters=matrices(), graphs=chain(), optimizers=adam)
    assert not found("NW406", decayed, parameters=matrices(), graphs=chain())


def bursts(at=(20, 25, 30), size=5e3):
    return [size if i in at else 1.0 for i in range(40)]


def exploded(gradient, events=EVENTS, **more):
    run = through((gradient, gradient, 1.0, 1.0), [1e-3] * 4, **more)
    return found("NW407", run, parameters=matrices((1.0, 1.2, 0.9, 1.0)), graphs=chain(), events=events)


def test_a_gradient_that_explodes_again_and_again():
    (finding,) = exploded(bursts())
    assert (finding.severity, finding.where.line, finding.measured["samples"]) == (Severity.WARNING, 11, 3)
    assert not exploded(bursts(at=(20, 25)))
    assert not exploded(bursts(size=500.0))
    assert not exploded(bursts(), loss__0=[2e3 if i in (20, 25, 30) else 2.3 for i in range(40)])  # NW602


def test_an_explosion_that_has_healed():
    def after(points):
        return exploded(bursts() + [1.0] * (points - 40), points=points, loss__0=noisy([2.3] * points))

    assert after(80)
    assert not after(100)


def test_an_explosion_that_is_clipped_is_worth_knowing():
    clip = Events(events=(Event(kind="clip", step=0),), losses=(2.3,))
    (finding,) = exploded(1.0, events=clip, clip__0__norm=bursts())
    assert finding.severity is Severity.INFO


def test_early_weights_on_which_the_loss_depends_too_much():
    run = through((1e5, 1.0, 1.0, 1.0), [1e-3] * 4)
    finding = only("NW407", run, parameters=matrices(), graphs=chain(), events=EVENTS)
    assert finding.where.line == 10
    assert not found(
        "NW407",
        through((1.0, 1.0, 1.0, 1e5), [1e-3] * 4),
        parameters=matrices(),
        graphs=chain(),
        events=EVENTS,
    )
