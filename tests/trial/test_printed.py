"""Metrics read from what a program prints, and when they are the yardstick."""

import pytest

from netwright.rerun import Metric, Trace
from netwright.rerun.trace import Point
from netwright.trial.printed import printed
from netwright.trial.yardstick import Stays, Yardstick, choose


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
    assert choose(both, Stays()) == Yardstick(name="accuracy")
    chosen = choose([made(line="rmse 2")] * 3, Stays())
    assert chosen == Yardstick(name="rmse", as_printed=True)
    assert chosen.gain(2.0, chosen.value(made(line="rmse 1.5"))) == 0.5
    assert chosen.value(made(line="rmse 1.5", ended="crashed")) is None
    assert choose([made(line="nothing")] * 3, Stays(loss=False)) is None


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("dev loss 2.2239", 2.2239),
        ("epoch 3 train_loss=0.1 val_loss=0.45", 0.45),
        ("Test loss: 1.2e-3", 1.2e-3),
        ("train loss 0.3", None),
        ("loss 0.3", None),
        ("latest loss 0.3", None),
    ],
)
def test_a_loss_of_held_out_data(line, value):
    assert printed([line]).get("held-out loss") == value


def test_where_a_remedy_changes_the_samples_the_loss_of_the_training_says_nothing():
    def run(training, line):
        return Trace(ended="finished", tail=(line,), points=(Point(step=1, loss=training, samples=4),))

    both = [run(0.3, "dev loss 7.4"), run(2.5, "dev loss 2.2")]
    stays = Stays(training=False)
    chosen = choose(both, stays)
    assert chosen == Yardstick(name="held-out loss", as_printed=True)
    assert chosen.gain(*(chosen.value(t) for t in both)) == pytest.approx(5.2)
    assert choose([run(0.3, ""), run(2.5, "")], stays) is None
    assert choose([run(0.3, ""), run(2.5, "")], Stays()).name == "training loss"
