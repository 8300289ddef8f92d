"""Source lines and Markdown prose as safe HTML. What they are made with is loaded when there is something to show: a healthy program's report has neither."""

from collections.abc import Callable
from functools import cache
from html import escape

from markupsafe import Markup


def code_html(line: str) -> Markup:
    """One line of Python with its words coloured."""
    return _coloured()(line)


def prose_html(text: str) -> Markup:
    """Markdown as HTML; HTML inside it is shown as text."""
    return Markup(_renderer()(text))


@cache
def _coloured() -> Callable[[str], Markup]:
    from pygments.lexers.python import PythonLexer
    from pygments.token import Comment, Keyword, Number, Operator, String, Token

    classes = ((Comment, "c"), (Keyword, "k"), (Operator.Word, "k"), (String, "s"), (Number, "n"))
    lexer = PythonLexer(stripnl=False, ensurenl=False)

    def coloured(line: str) -> Markup:
        parts: list[str] = []
        for kind, text in lexer.get_tokens(line):
            name = next((css for token, css in classes if kind in token), "") if kind is not Token else ""
            parts.append(f'<i class="{name}">{escape(text)}</i>' if name else escape(text))
        return Markup("".join(parts).rstrip("\n"))

    return coloured


@cache
def _renderer() -> Callable[[str], str]:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").render
