"""Source lines and Markdown prose as safe HTML."""

from functools import cache
from html import escape

from markdown_it import MarkdownIt
from markupsafe import Markup
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Number, Operator, String, Token

_CLASSES = ((Comment, "c"), (Keyword, "k"), (Operator.Word, "k"), (String, "s"), (Number, "n"))
_PROSE = MarkdownIt("commonmark", {"html": False}).enable("table")


@cache
def _lexer() -> PythonLexer:
    return PythonLexer(stripnl=False, ensurenl=False)


def code_html(line: str) -> Markup:
    """One line of Python with its words coloured."""
    parts: list[str] = []
    for kind, text in _lexer().get_tokens(line):
        name = next((css for token, css in _CLASSES if kind in token), "") if kind is not Token else ""
        parts.append(f'<i class="{name}">{escape(text)}</i>' if name else escape(text))
    return Markup("".join(parts).rstrip("\n"))


def prose_html(text: str) -> Markup:
    """Markdown as HTML; HTML inside it is shown as text."""
    return Markup(_PROSE.render(text))
