import pytest

from netwright.config import Config, ConfigError, left_out, load_config, matches, read_table
from netwright.rule import Kind, Rule, Severity, Threshold

RULES = tuple(
    Rule(
        code=code,
        name=name,
        severity=Severity.ERROR,
        kind=Kind.BUG,
        thresholds={"std_max": Threshold(value=10, unit="std", source="measured")} if code == "NW101" else {},
    )
    for code, name in (
        ("NW101", "inputs-not-normalized"),
        ("NW102", "one-feature-dominates"),
        ("NW302", "softmax-before-cross-entropy"),
    )
)


def project(folder, text):
    (folder / "pyproject.toml").write_text(text)
    script = folder / "src" / "train.py"
    script.parent.mkdir()
    script.touch()
    return script


def test_reads_the_nearest_file_above_the_script(tmp_path):
    script = project(
        tmp_path,
        """
        [tool.netwright]
        select = ["NW1", "softmax-before-cross-entropy"]
        ignore = ["NW102"]
        fail-on = "warning"
        severity = { NW101 = "info", softmax-before-cross-entropy = "warning" }
        [tool.netwright.NW101]
        std_max = 20
        """,
    )
    assert load_config(script, RULES) == Config(
        path=tmp_path / "pyproject.toml",
        select=("NW1", "softmax-before-cross-entropy"),
        ignore=("NW102",),
        fail_on="warning",
        severity={"NW101": Severity.INFO, "NW302": Severity.WARNING},
        thresholds={("NW101", "std_max"): 20.0},
    )


def test_a_file_without_our_table_says_nothing(tmp_path):
    script = project(tmp_path, "[project]\nname = 'x'\n")
    assert load_config(script, RULES) == Config(path=tmp_path / "pyproject.toml")


def test_without_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr("netwright.config._nearest", lambda start: None)
    assert load_config(tmp_path / "train.py", RULES) == Config()


def test_a_file_that_is_not_toml_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"pyproject\.toml cannot be read"):
        load_config(project(tmp_path, "[tool.netwright\n"), RULES)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"selct": ["NW1"]}, ["'selct'", "did you mean 'select'"]),
        ({"select": ["NW999"]}, ["'NW999'"]),
        ({"ignore": ["softmax-before-crossentropy"]}, ["did you mean 'softmax-before-cross-entropy'"]),
        ({"ignore": "NW101"}, ["must be a list"]),
        ({"severity": {"NW101": "fatal"}}, ["error, warning, info", "'fatal'"]),
        ({"severity": {"NW103": "info"}}, ["'NW103'", "did you mean 'NW10"]),
        ({"severity": "info"}, ["must be a table"]),
        ({"fail-on": "info"}, ["error, warning"]),
        ({"NW101": {"std_maxx": 3}}, ["did you mean 'std_max'", "it has: std_max"]),
        ({"NW302": {"x": 3}}, ["it has: none"]),
        ({"NW101": {"std_max": "3"}}, ["must be a number"]),
        ({"NW101": {"std_max": True}}, ["must be a number"]),
        ({"NW311": {"x": 1}}, ["'NW311'"]),
        ({"NW101": 3}, ["no setting 'NW101'"]),
    ],
)
def test_errors_name_the_wrong_word_and_the_right_one(table, words):
    with pytest.raises(ConfigError) as error:
        read_table(table, rules=RULES)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "codes"),
    [
        ("NW1", ["NW101", "NW102"]),
        ("nw302", ["NW302"]),
        ("one-feature-dominates", ["NW102"]),
        ("one", []),
        ("", []),
    ],
)
def test_patterns(pattern, codes):
    assert [r.code for r in RULES if matches(pattern, r)] == codes


def test_left_out_says_by_whom():
    config = read_table({"select": ["NW1"], "ignore": ["NW102"]}, rules=RULES)
    assert left_out(config, rules=RULES) == {
        "NW102": "ignored by pyproject.toml",
        "NW302": "not selected by pyproject.toml",
    }
    assert left_out(config, ignore=["NW101"], rules=RULES)["NW101"] == "ignored by --ignore"
    assert left_out(Config(), rules=RULES) == {}


def test_the_command_line_goes_before_the_file():
    config = read_table({"ignore": ["NW102"]}, rules=RULES)
    assert left_out(config, select=["NW10"], rules=RULES) == {"NW302": "not in --select"}


def test_options_that_name_no_rule():
    with pytest.raises(ConfigError, match="--select"):
        left_out(Config(), select=["NW7"], rules=RULES)
