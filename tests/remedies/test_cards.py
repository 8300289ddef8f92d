"""What a rule says of its remedies is what the remedies say of it, and each finds a code that exists."""

from netwright.registry import all_rules
from netwright.remedies import all_remedies, remedies_for


def test_rules_and_remedies_agree():
    assert {r.code: r.remedies for r in all_rules()} == {
        r.code: tuple(x.name for x in remedies_for(r.code)) for r in all_rules()
    }
    codes = {r.code for r in all_rules()}
    assert {code for x in all_remedies() for code in x.mends} <= codes


def test_every_remedy_says_what_it_does():
    for remedy in all_remedies():
        assert remedy.title
        assert remedy.assumes
        assert remedy.name == remedy.name.lower()
