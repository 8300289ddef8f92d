"""What is found of a program's settings, code and environment without being told."""

import argparse
import os
import sys
import types
import weakref
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from netwright.runs import code, collect, settings
from netwright.runs.code import git_state, is_own, own_files
from netwright.runs.settings import Arguments, configurations, constants, simple_values


@dataclass
class TrainConfig:
    lr: float = 0.1
    sizes: tuple = (8, 4)
    network: object = field(default_factory=object)


def test_parsed_arguments_are_heard_of_and_the_parser_is_as_before():
    before = argparse.ArgumentParser.parse_known_args
    heard = Arguments()
    heard.start()
    try:
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float)
        parser.add_argument("--api-key")
        commands = parser.add_subparsers()
        commands.add_parser("train").add_argument("--epochs", type=int)
        with pytest.raises(SystemExit):
            parser.parse_args(["--unknown"])
        given = parser.parse_args(["--lr", "0.5", "--api-key", "0123456789", "train", "--epochs", "3"])
    finally:
        heard.stop()
    assert argparse.ArgumentParser.parse_known_args is before
    given.device = "cpu"
    assert heard.found() == {"lr": 0.5, "api_key": "***", "epochs": 3, "device": "cpu"}


def test_constants_and_objects_of_the_main_file():
    main = types.ModuleType("main")
    vars(main).update(
        EPOCHS=3, LR=0.1, _HIDDEN=1, lower=2, NAMES=("a", "b"), NET=object(), API_TOKEN="0123456789",
        TrainConfig=TrainConfig, cfg={"width": 4, "deep": {"x": None}, "net": object()}, used=TrainConfig(lr=0.2),
        other={"x": 1},
    )  # fmt: skip
    assert constants(main) == {"EPOCHS": 3, "LR": 0.1, "NAMES": ["a", "b"], "API_TOKEN": "***"}
    assert configurations(main, None) == {
        "cfg": {"width": 4, "deep": {"x": None}},
        "TrainConfig": {"lr": 0.2, "sizes": [8, 4]},
    }
    assert constants(None) == {}


class Held:
    pass


def test_what_running_functions_were_given_without_keeping_their_values_alive(monkeypatch):
    monkeypatch.setattr(settings, "is_own", lambda path: path == __file__)

    def train(lr, *, epochs=2, net=None):
        config, held = TrainConfig(), Held()
        seen = weakref.ref(held)
        found = configurations(None, sys._getframe())
        del held
        assert seen() is None
        assert config.lr == 0.1
        mine = locals()
        configurations(None, sys._getframe())
        assert mine["lr"] == 0.3
        return found

    found = train(0.3)
    assert found["train()"] == {"lr": 0.3, "epochs": 2, "net": None}
    assert found["TrainConfig"] == {"lr": 0.1, "sizes": [8, 4]}


def test_values_that_a_record_can_hold():
    import torch

    given = {
        "path": Path("a/b"), "device": torch.device("cpu"), "dtype": torch.float32, "tensor": torch.zeros(()),
        "nested": [{"a": [1, {"b": 2}]}], "text": "x" * 1000, "call": print, "kind": code, "none": None,
    }  # fmt: skip
    assert simple_values(given) == {
        "path": "a/b", "device": "cpu", "dtype": "torch.float32", "nested": [{"a": [1, {"b": 2}]}], "none": None,
    }  # fmt: skip


@dataclass
class Opt:
    lr: float = 0.1
    secret: str = "abc"


@dataclass(slots=True)
class Cfg:
    depth: int = 7
    opt: Opt = field(default_factory=Opt)
    unset: int = field(init=False)


class Trainer:
    def __init__(self, cfg, dropout=0.2, *, seed=3, net=None):
        self.cfg, self.dropout, self.seed, self.net = cfg, dropout, seed, net
        self.conf, self.step = {"warm": 5}, 0

    @property
    def config(self):
        raise AssertionError("code of the program's own")

    def fit(self):
        return configurations(None, sys._getframe())


def test_configurations_within_others_and_on_the_object_whose_method_runs(monkeypatch):
    monkeypatch.setattr(settings, "is_own", lambda path: path == __file__)
    assert Trainer(Cfg(), net=object()).fit() == {
        "Cfg": {"depth": 7, "opt": {"lr": 0.1, "secret": "***"}},
        "Trainer.conf": {"warm": 5},
        "Trainer": {"dropout": 0.2, "seed": 3},
    }


def test_a_table_is_listed_once_and_two_objects_of_a_type_are_told_apart():
    heard = argparse.Namespace(lr=1.0)
    main = types.ModuleType("main")
    table = {"lr": 0.1, "password": "hunter2"}
    vars(main).update(
        CFG=table, WIDTH=2, cfg=table, ARGS=heard, mine=argparse.Namespace(a=1), one=Opt(lr=1.0), TWO=Opt(lr=2.0), same=Opt(lr=1.0),
    )  # fmt: skip
    assert constants(main) == {"WIDTH": 2}
    assert configurations(main, None, [heard]) == {
        "CFG": {"lr": 0.1, "password": "***"},
        "Namespace": {"a": 1},
        "Opt": {"lr": 1.0, "secret": "***"},
        "Opt TWO": {"lr": 2.0, "secret": "***"},
    }


def test_a_table_that_holds_itself_and_the_environment():
    main = types.ModuleType("main")
    config = {"lr": 1}
    config["again"] = config
    vars(main).update(config=config, options=os.environ)
    found = configurations(main, None)
    assert found["config"]["lr"] == 1
    assert "options" not in found


def test_omegaconf_objects():
    omegaconf = pytest.importorskip("omegaconf")
    made = omegaconf.OmegaConf.create(
        {"model": {"width": 8, "twice": "${model.width}"}, "password": "x", "gone": "???"}
    )
    main = types.ModuleType("main")
    vars(main).update(cfg=made, holder=types.SimpleNamespace(inner=made.model))
    assert configurations(main, None) == {
        "DictConfig": {"model": {"width": 8, "twice": "${model.width}"}, "password": "***", "gone": "???"},
        "SimpleNamespace": {"inner": {"width": 8, "twice": "${model.width}"}},
    }


def test_the_environment_without_what_is_nobodys_business():
    given = {"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "2", "HOME": "/root", "NCCL_TOKEN": "0123456789"}
    assert collect.variables(given) == {"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "2"}
    found = collect.environment({})
    assert found["packages"]["pytest"] == pytest.__version__
    assert collect.hardware()["cores"] >= 1


def test_own_files_are_no_libraries(tmp_path, monkeypatch):
    assert is_own(str(tmp_path / "train.py"))
    for library in (pytest.__file__, argparse.__file__, code.__file__):
        assert not is_own(library)
    (tmp_path / "helper_of_this_test.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import helper_of_this_test

    assert helper_of_this_test.x == 1
    assert tmp_path / "helper_of_this_test.py" in own_files(None)


def test_the_commit_is_read_without_git(tmp_path):
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    assert git_state(folder) == {"root": str(tmp_path), "branch": "main", "commit": ""}
    (git / "packed-refs").write_text("# pack-refs\nabc123 refs/heads/main\n")
    assert git_state(folder)["commit"] == "abc123"
    (git / "refs" / "heads" / "main").write_text("def456\n")
    assert git_state(folder)["commit"] == "def456"
    (git / "HEAD").write_text("0123abcd\n")
    assert git_state(folder) == {"root": str(tmp_path), "commit": "0123abcd"}


def test_the_commit_of_a_worktree(tmp_path):
    git = tmp_path / "real" / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "side").write_text("abc\n")
    own = git / "worktrees" / "w"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/side\n")
    (own / "commondir").write_text("../..\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".git").write_text(f"gitdir: {own}\n")
    assert git_state(tmp_path / "w") == {"root": str(tmp_path / "w"), "branch": "side", "commit": "abc"}
