"""A rule's page in Markdown: its own words, and what its card says. `explain`, the HTML report and the docs read it."""

from collections.abc import Iterable

from .rule import Rule


def page(rule: Rule) -> str:
    """The whole page."""
    title, _, body = rule.doc.partition("\n")
    return "\n".join(
        [
            f"# {rule.code} {rule.name}",
            "",
            f"**{title}**",
            "",
            *card(rule),
            "",
            body.strip(),
            "",
            *settings(rule),
        ]
    )


def card(rule: Rule) -> list[str]:
    """Severity, kind and family in one line, as Markdown."""
    facts = [f"severity **{rule.severity.value}**", f"kind **{rule.kind.value}**", f"since {rule.since}"]
    if rule.guides:
        facts.append("guides " + ", ".join(rule.guides))
    if rule.tasks:
        facts.append("speaks of " + ", ".join(t.value for t in rule.tasks))
    lines = [" · ".join(facts)]
    if rule.explains:
        lines += ["", "What follows from it: " + ", ".join(rule.explains) + "."]
    return lines


def settings(rule: Rule) -> Iterable[str]:
    """The numbers that decide, and how to change them."""
    if rule.thresholds:
        yield "## Numbers that decide"
        yield ""
        yield "| threshold | value | unit | why this number |"
        yield "| --- | --- | --- | --- |"
        for name, t in rule.thresholds.items():
            yield f"| `{name}` | {t.value:g} | {_cell(t.unit)} | {_cell(t.source)} |"
        yield ""
        name, first = next(iter(rule.thresholds.items()))
        yield "```toml"
        yield f"[tool.netwright.{rule.code}]"
        yield f"{name} = {first.value:g}"
        yield "```"
        yield ""
    yield "## How to leave it out"
    yield ""
    yield f'`netwright run --ignore {rule.code} train.py`, or `ignore = ["{rule.code}"]` under `[tool.netwright]` in `pyproject.toml`.'


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
