"""``[tool.netwright]`` of the nearest pyproject.toml above the script, and which rules it and the command line leave out."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import cast

from .registry import all_rules
from .rule import Rule, Severity

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS = ("select", "ignore", "severity", "fail-on")
FAIL_ON = ("error", "warning")


class ConfigError(ValueError):
    """The user's configuration or options say something that cannot be meant. The message names it and the nearest right word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the project's configuration says. ``thresholds`` maps (code, threshold) to the user's value."""

    path: Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict[str, Severity])
    fail_on: str | None = None
    thresholds: Mapping[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])


def load_config(start: Path, rules: Sequence[Rule] | None = None) -> Config:
    """The configuration for a script: that of the nearest ``pyproject.toml`` in its folder or above.

    Raises:
        ConfigError: the file is not TOML, or an entry of ``[tool.netwright]`` is unknown.
    """
    path = _nearest(start)
    if path is None:
        return Config()
    try:
        document: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    tool = cast("dict[str, dict[str, object]]", document.get("tool", {}))
    return read_table(tool.get("netwright", {}), path=path, rules=rules)


def _nearest(start: Path) -> Path | None:
    start = start.resolve()
    for folder in (start if start.is_dir() else start.parent, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return folder / "pyproject.toml"
    return None


def read_table(
    table: Mapping[str, object], *, path: Path | None = None, rules: Sequence[Rule] | None = None
) -> Config:
    """The configuration in one ``[tool.netwright]`` table."""
    known = all_rules() if rules is None else rules
    at = f"[tool.netwright] in {path}" if path else "[tool.netwright]"
    thresholds: dict[tuple[str, str], float] = {}
    for key, value in table.items():
        if key in KEYS:
            continue
        if not isinstance(value, dict):
            raise ConfigError(f"{at}: there is no setting {key!r}{_hint(key, KEYS)}")
        rule = _rule(key, known, at)
        thresholds.update(_thresholds(rule, cast("dict[str, object]", value), at))
    return Config(
        path=path,
        select=_codes(table.get("select", []), "select", known, at),
        ignore=_codes(table.get("ignore", []), "ignore", known, at),
        severity=_severities(table.get("severity", {}), known, at),
        fail_on=_fail_on(table.get("fail-on"), at),
        thresholds=thresholds,
    )


def _thresholds(rule: Rule, table: Mapping[str, object], at: str) -> dict[tuple[str, str], float]:
    read: dict[tuple[str, str], float] = {}
    for name, value in table.items():
        if name not in rule.thresholds:
            has = ", ".join(rule.thresholds) or "none"
            raise ConfigError(
                f"{at}: {rule.code} has no threshold {name!r}{_hint(name, rule.thresholds)} (it has: {has})"
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{at}: {rule.code}.{name} must be a number, not {value!r}")
        read[rule.code, name] = float(value)
    return read


def _severities(value: object, rules: Sequence[Rule], at: str) -> dict[str, Severity]:
    if not isinstance(value, dict):
        raise ConfigError(f'{at}: severity must be a table such as {{ NW101 = "info" }}, not {value!r}')
    words = [s.value for s in Severity]
    read: dict[str, Severity] = {}
    for key, word in cast("dict[str, object]", value).items():
        if word not in words:
            raise ConfigError(f"{at}: severity of {key} must be one of {', '.join(words)}, not {word!r}")
        read[_rule(key, rules, at).code] = Severity(word)
    return read


def _fail_on(value: object, at: str) -> str | None:
    if value is None or value in FAIL_ON:
        return cast("str | None", value)
    raise ConfigError(f"{at}: fail-on must be one of {', '.join(FAIL_ON)}, not {value!r}")


def _codes(value: object, key: str, rules: Sequence[Rule], at: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in cast("list[object]", value)):
        raise ConfigError(f'{at}: {key} must be a list of codes such as ["NW101", "NW4"], not {value!r}')
    patterns = tuple(cast("list[str]", value))
    validate(patterns, rules, at=at)
    return patterns


def matches(pattern: str, rule: Rule) -> bool:
    """Whether a code, a prefix of codes (``NW4``) or a name means this rule."""
    word = pattern.strip().upper()
    return bool(word) and (rule.code.upper().startswith(word) or rule.name.upper() == word)


def validate(patterns: Iterable[str], rules: Sequence[Rule], *, at: str) -> None:
    """Every pattern must mean at least one rule.

    Raises:
        ConfigError: it means none.
    """
    for pattern in patterns:
        if not any(matches(pattern, rule) for rule in rules):
            raise ConfigError(f"{at}: no rule has the code or name {pattern!r}{suggest(pattern, rules)}")


def suggest(key: str, rules: Iterable[Rule]) -> str:
    """``"; did you mean NW302?"``, or nothing."""
    names = [word for rule in rules for word in (rule.code, rule.name)]
    return _hint(key.upper() if key.upper().startswith("NW") else key.lower(), names)


def _rule(key: str, rules: Sequence[Rule], at: str) -> Rule:
    for rule in rules:
        if key.upper() in (rule.code, rule.name.upper()):
            return rule
    keys = [*KEYS, *(r.code for r in rules)]
    raise ConfigError(f"{at}: no rule has the code or name {key!r}{_hint(key, keys) or suggest(key, rules)}")


def _hint(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def left_out(
    config: Config,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    rules: Sequence[Rule] | None = None,
) -> dict[str, str]:
    """Rules that are not to run, by code, with the reason. What the command line selects goes before what the file says.

    Raises:
        ConfigError: an option names no rule.
    """
    known = all_rules() if rules is None else rules
    validate(select, known, at="--select")
    validate(ignore, known, at="--ignore")
    out: dict[str, str] = {}
    for rule in known:
        reason = _reason(rule, config, select, ignore)
        if reason:
            out[rule.code] = reason
    return out


def _reason(rule: Rule, config: Config, select: Sequence[str], ignore: Sequence[str]) -> str:
    file = config.path.name if config.path else "pyproject.toml"
    if any(matches(p, rule) for p in ignore):
        return "ignored by --ignore"
    if select:
        return "" if any(matches(p, rule) for p in select) else "not in --select"
    if any(matches(p, rule) for p in config.ignore):
        return f"ignored by {file}"
    if config.select and not any(matches(p, rule) for p in config.select):
        return f"not selected by {file}"
    return ""
