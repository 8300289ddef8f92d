"""Most of what the network reads is padding, or one unknown symbol.

## What it measures
The most frequent symbol of each integer input of rows of symbols: its share of all positions, whether it stands at the ends of the rows (padding) or all over (unknown words), and whether
anything in the step takes it out again: ``padding_idx``, packed sequences, an attention mask, a comparison of the symbols, a second integer or boolean input that may be a mask or lengths.

## Why it matters
A recurrent network reads on over the padding and forgets the text; a mean over positions is mostly the mean of padding. Where most words are unknown, the vocabulary is not that of the data.

## How to fix
Pad each batch to its own longest row only (``collate_fn`` with ``pad_sequence``), cut very long rows, and mask: ``padding_idx``, ``pack_padded_sequence``, ``src_key_padding_mask``.
Unknown symbols: build the vocabulary from the training texts, with the same lower case and splitting.

## Known false alarms
Boards and sparse codes have an empty symbol that means something; only embeddings of at least 100 rows are looked at.

## Source
Holden, "My neural network isn't working!": redundant frames make learning hard. Documentation of ``nn.Embedding`` and ``pack_padded_sequence``.
"""

from ...evidence import SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW121",
    name="padding-or-unknown-tokens-dominate",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("H3",),
    remedies=("ignore-padding", "skip-padding"),
    thresholds={
        "share": Threshold(value=0.5, unit="share of the positions", source="more padding than text"),
        "ends": Threshold(
            value=0.95,
            unit="share of its occurrences at the ends of rows",
            source="padding stands nowhere else",
        ),
        "vocabulary": Threshold(
            value=100, unit="rows of the embedding", source="characters and boards have fewer"
        ),
        "positions": Threshold(value=1000, unit="positions", source="a share of a half is known to 0.03"),
    },
)


@rule.check
def check(found: SimpleModels) -> list[Finding]:
    """Look at the most frequent symbol of every input of symbols."""
    texts = [
        t
        for t in found.tokens
        if (t.vocabulary or 0) >= rule["vocabulary"] and t.positions >= rule["positions"] and t.distinct > 2
    ]
    if not texts:
        raise NotApplicable("no input of rows of symbols enters an embedding")
    results: list[Finding] = []
    for text in texts:
        padding = text.at_ends >= rule["ends"]
        if text.share <= rule["share"] or (padding and text.masked is not None):
            continue
        what = (
            "padding that nothing masks" if padding else "one symbol all over the rows, as for unknown words"
        )
        results.append(
            rule.found(
                f"symbol {text.token} takes {text.share:.0%} of {text.positions} positions of {text.block}: {what}",
                where=text.where if text.where.known else found.inputs_at,
                severity=None if padding else Severity.INFO,
                expected="more text than padding, or padding that is masked",
                fix="pad each batch to its own longest row and mask the rest (padding_idx, pack_padded_sequence or a key padding mask)"
                if padding
                else "build the vocabulary from the training texts",
                share=text.share,
                token=text.token,
                at_ends=text.at_ends,
                distinct=text.distinct,
            )
        )
    return results
