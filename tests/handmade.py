"""Evidence, findings and reports made by hand, for tests that need no capture."""

import math
import random

from netwright.engine import Checked, Judgement, State
from netwright.evidence import (
    DoorTensor,
    FeatureStats,
    Graph,
    Graphs,
    LayerSignal,
    ModuleInfo,
    Modules,
    Node,
    Program,
    Ref,
    Signals,
    Targets,
    Task,
    TaskKind,
    TensorInfo,
    TrainInputs,
    Where,
)
from netwright.evidence.tensors import Stats
from netwright.report import Report, Sample, build_report
from netwright.rule import Finding, Kind, Rule, Severity


def finding(code="NW302", **changes) -> Finding:
    given = {
        "code": code,
        "name": f"rule-{code.lower()}",
        "severity": Severity.ERROR,
        "kind": Kind.BUG,
        "message": "softmax feeds cross_entropy: the loss cannot fall below 1.46",
        "measured": {"loss_floor": 1.461, "classes": 10},
        "expected": "raw outputs enter cross_entropy",
        "fix": "remove the softmax",
        "where": Where(file="/project/model.py", line=31, module="head"),
    }
    return Finding(**{**given, **changes})


def rule(code: str, *explains: str) -> Rule:
    return Rule(
        code=code, name=f"rule-{code.lower()}", severity=Severity.ERROR, kind=Kind.BUG, explains=explains
    )


def stats(mean=0.0, std=1.0, **changes) -> Stats:
    given = {"count": 100, "mean": mean, "std": std, "min": mean - 3 * std, "max": mean + 3 * std}
    return Stats(**{**given, **changes})


def where(line: int, file: str = "/project/train.py") -> Where:
    return Where(file=file, line=line, code=f"line {line}")


def door(name="x", *, mean=5.0, std=6.0, features=64) -> DoorTensor:
    draw = random.Random(0)
    return DoorTensor(
        name=name,
        shape=(32, features),
        dtype="float32",
        batches=8,
        stats=stats(mean, std),
        where=where(20),
        feeds="linear",
        feeds_module="layers.0",
        feature_dim=1,
        features=tuple(
            FeatureStats(index=i, stats=stats(mean + i % 7, std * (1 + i % 3))) for i in range(features)
        ),
        values=tuple(draw.gauss(mean, std) for _ in range(2000)),
    )


def graph(calls: int = 6) -> Graph:
    leaf = Node(
        index=0, op="input", kind="input", name="x", outputs=(TensorInfo(shape=(32, 64), dtype="float32"),)
    )
    ops = [
        Node(
            index=i,
            op="linear" if i % 2 else "relu",
            args=(Ref(i - 1), 2, math.inf),
            kwargs={"dim": 1, "out": None},
            outputs=(TensorInfo(shape=(32, 10), dtype="float32", stats=stats(), grad=stats(0, 1e-4)),),
            where=where(i),
            module=f"layers.{i}",
            module_type="Linear",
        )
        for i in range(1, calls + 1)
    ]
    return Graph(nodes=(leaf, *ops), loss=calls, loss_value=2.3, backward=where(60))


def signals(depth: int = 6) -> Signals:
    return Signals(
        layers=tuple(
            LayerSignal(
                module=f"layers.{i}",
                type="Linear",
                op="linear",
                node=i,
                graph=0,
                depth=i,
                where=where(i + 1),
                forward=stats(0, 0.99**i),
                backward=stats(0, min(1e30, 1e-6 * 3.0**i)) if i else stats(0, 0, min=0, max=0),
            )
            for i in range(depth)
        )
    )


def samples() -> tuple[Sample, ...]:
    digit = tuple(float((i * 7 + i // 8) % 17) for i in range(64))
    colour = tuple(math.sin(i / 5) for i in range(3 * 16 * 16))
    return (
        Sample(name="x", shape=(64,), values=digit, target="3"),
        Sample(name="x", shape=(3, 16, 16), values=colour, target="cat"),
        Sample(name="x", shape=(13,), values=tuple(i - 6.0 for i in range(13)), target="0.5"),
        Sample(name="x", shape=(2, 3, 5), values=tuple(map(float, range(30)))),
        Sample(name="x", shape=(), values=(math.nan,)),
    )


def evidence(*, calls: int = 6, depth: int = 6, features: int = 64) -> dict[type, object]:
    labels = door("target", mean=4.5, std=2.9, features=1)
    return {
        Program: Program(
            script="/project/train.py",
            argv=("--epochs", "5"),
            steps_seen=8,
            torch_version="2.13.0",
            python_version="3.11.7",
        ),
        Task: Task(
            kind=TaskKind.CLASSIFICATION,
            objectives=(),
            classes=10,
            why="cross_entropy over 10 outputs with integer targets",
        ),
        TrainInputs: TrainInputs(tensors=(door(features=features),)),
        Targets: Targets(tensors=(labels, None), counts=({float(i): 20 + i for i in range(10)}, {})),
        Graphs: Graphs(train=(graph(calls),)),
        Signals: signals(depth),
        Modules: Modules(
            modules=(
                ModuleInfo(
                    path="", type="Net", root=0, made=where(9), parameters=650, config={"odd": object()}
                ),
                ModuleInfo(
                    path="layers.0",
                    type="Linear",
                    root=0,
                    parameters=650,
                    input_shape=(32, 64),
                    output_shape=(32, 10),
                ),
            ),
            roots=("model",),
        ),
    }


def checked(*states: State) -> tuple[Checked, ...]:
    return tuple(
        Checked(
            code=f"NW{100 + i}",
            name=f"rule-{i}",
            state=s,
            reason="" if s is State.PASSED else "no images here",
        )
        for i, s in enumerate(states)
    )


def report(
    *findings: Finding, rules=(), states=(State.FIRED, State.PASSED, State.NOT_APPLICABLE), **changes
) -> Report:
    judgement = Judgement(findings=findings, checked=checked(*states))
    given = {"evidence": evidence(), "rules": rules, "samples": samples(), "seconds": 3.2}
    return build_report(judgement, **{**given, **changes})
