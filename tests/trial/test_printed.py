"""Metrics read from what a program prints, and when they are the yardstick."""

import pytest

from netwright.rerun import Metric, Trace
from netwright.trial.printed import printed
from netwright.trial.yardstick import Yardstick, choose


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("test accuracy 0.9689", {"accuracy": 0.9689}),
        ("Epoch 3: loss = 0.1234, accuracy = 0.75", {"accuracy": 0.75}),
        ("val_acc: 91.5%  val_f1-score: 0.5", {"acc": 91.5, "f1 score": 0.5}),
        (
            "ROC AUC on the test set: 0.81 (average precision 0.69)",
            {"roc auc": 0.81, "average precision": 0.69},
        ),
        ("test R2 -0.3, RMSE 1.2e-3", {"r2": -0.3, "rmse": 0.0012}),
        ("train accuracy 0.99", {}),
        ("train acc 0.99, test acc 0.9", {"acc": 0.9}),
        ("accurate to 3 digits; error bars; loss 0.3", {}),
        ("accuracy nan", {}),
    ],
)
def test_values_behind_their_usual_names(line, wanted):
    assert printed(["epoch 1", line]) == wanted


def test_the_last_value_counts():
    assert printed(["accuracy 0.1", "accuracy 0.2", "done"]) == {"accuracy": 0.2}


def made(*, line="", accuracy=None, ended="finished"):
    metrics = (
        () if accuracy is None else (Metric(step=1, name="accuracy", value=accuracy, samples=9, at="t:1"),)
    )
    return Trace(ended=ended, tail=(line,), metrics=metrics)


def test_what_is_computed_comes_before_what_is_printed_and_that_before_the_loss():
    both = [made(line="rmse 2", accuracy=0.5)] * 3
    assert choose(both, loss_stays=True) == Yardstick(name="accuracy")
    chosen = choose([made(line="rmse 2")] * 3, loss_stays=True)
    assert chosen == Yardstick(name="rmse", as_printed=True)
    assert chosen.gain(2.0, chosen.value(made(line="rmse 1.5"))) == 0.5
    assert chosen.value(made(line="rmse 1.5", ended="crashed")) is None
    assert choose([made(line="nothing")] * 3, loss_stays=False) is None
