"""What is nobody's business: passwords, keys and tokens, told by the words of their names or by a form that only they have. Whatever writes or prints a command line, a setting or code goes through here."""

import dataclasses
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")
MASK = "***"

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# Words that say it alone, as the last of a name.
_SECRET = frozenset(
    "password passwords passwd pwd passphrase passcode secret secrets credential credentials cred creds auth authorization authentication cookie cookies jwt pass".split()
)
_JOINED = ("password", "passwd", "passphrase", "apikey", "accesskey", "secretkey", "privatekey", "authtoken", "accesstoken", "apitoken", "hftoken", "clientsecret")  # fmt: skip
_COUNTED = frozenset("n num number of one two single multi first second forward backward by".split())
# Of keys and tokens most are no secrets: a key is one by the word before it, ...
_OF_KEYS = frozenset(
    "api access secret private encryption signing ssh account auth service subscription license session master storage admin wandb comet mlflow neptune openai anthropic hf huggingface azure aws gcp google github gitlab kaggle clearml".split()
)
_OF_TOKENS = frozenset(
    "api access auth bearer refresh session secret login oauth personal private hf hub huggingface wandb comet mlflow neptune openai anthropic azure aws gcp google github gitlab gh slack telegram discord bot kaggle clearml".split()
)
# ... and a token that stands alone or behind a word that no vocabulary has.
_OF_VOCABULARIES = frozenset(
    """pad padding eos bos sos eot eod eom eoc unk unknown oov cls class sep separator delimiter mask masked special start stop end begin first last next prev previous current
    new old image img pixel vision video frame audio speech text word subword sub byte char character line sentence paragraph document dist distill distillation register readout query
    key value target tgt label source src input output prompt prefix suffix middle blank continuation per each max min num n total mean avg count lang language task time
    action latent visual patch loss reward decoder encoder forced decode noise domain style trigger instance placeholder initializer initial learned concept identifier rare boundary
    fill filler memory summary answer question control think thinking tool modality sentinel extra additional vocab vocabulary bot_ eot_ state slot cell global local object region
    newline space whitespace punctuation pre post is one single multi ref reference expert router""".split()
)
_BEHIND = frozenset("value string plain raw prod production dev staging base64 b64 env".split())
_VOCABULARY = re.compile(r"[<\[{|].*[>\]}|]|#+\w*|▁.*", re.DOTALL)  # <pad>, [CLS], <|user|>
_FLAG = frozenset("use no with without has is need needs require requires enable disable skip allow".split())
_OPTION = re.compile(r"--?[A-Za-z][\w.-]*(=.*)?", re.DOTALL)

# Forms that nothing else has: a name and password in an address, a header, keys of services (as these publish their prefixes), a signed token.
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(\b[a-zA-Z][\w+.-]{0,20}://[^\s/:@'\"]{0,200}):[^\s/@'\"]{1,200}@"), rf"\1:{MASK}@"),
    (re.compile(r"\b([Bb]earer|[Bb]asic)\s+(?=[A-Za-z+/._~-]*\d)[\w.~+/-]{8,}=*"), rf"\1 {MASK}"),
    (re.compile(r"(?<![\w-])(sk-(?:\w+-)?\w{20,}[\w-]*|gh[opsur]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|xox[abeprs]-[\w-]{10,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*)"), MASK),
)  # fmt: skip
_KEY_FILE = re.compile(
    r"(-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----).*?(-----END [A-Z ]{0,20}PRIVATE KEY-----)", re.DOTALL
)
_WITHOUT_KEY = rf"\1{MASK}\2"
_NAME = r"(?<![\w.])[A-Za-z_][\w.-]{0,80}"  # of bounded length: a file may hold a text of a megabyte
_TEXT = r"""(?:[rRbBuUfF]{0,2})("(?:[^"\\\n]|\\.)+"|'(?:[^'\\\n]|\\.)+')"""
# name = "text", name: str = "text", "name": "text", environ["name"] = "text", --name "text"
_ASSIGNED = re.compile(
    rf"""(?P<name>{_NAME})(?P<between>['"]?\]?\s*(?::\s*[\w\[\]., |]{{0,80}}?)?[=:]\s*){_TEXT}"""
)
# getenv("name", "text"), add_argument("--name", default="text"), login(key="text")
_IN_CALL = re.compile(
    rf"""(?P<call>setdefault|getenv|putenv|get|add_argument|option|Option)\(\s*['"]-*(?P<name>{_NAME})['"](?P<between>\s*,\s*(?:[^()\n]*?\bdefault\s*=\s*)?){_TEXT}"""
)
_LOGIN = re.compile(rf"""(?P<call>\blogin)\((?P<name>[^()\n]*?\bkey)(?P<between>\s*=\s*){_TEXT}""")
_PLAIN = re.compile(rf"""(?P<name>{_NAME})(?P<between>=)(?P<value>[^\s&"'(){{}}\[\],;]+)""")

# Without one of these there is nothing to look for, which is so of most lines.
_HINT = re.compile(
    r"pass|pwd|secret|cred|auth|cookie|jwt|keys?\b|[-_]keys?|key['\"\d_-]|token|://|bearer|basic|sk-|gh\w_|glpat|hf_|akia|aiza|xox|eyj|-----begin",
    re.IGNORECASE,
)


def words(name: str) -> list[str]:
    """The words of a name, in small letters: ``APIKey``, ``api-key`` and ``API_KEY`` are ``api`` and ``key``."""
    return [word.lower() for word in _WORDS.findall(name)]


def is_secret_name(name: str) -> bool:
    """Whether a name says that what goes by it is secret. The last words of it decide: ``api_key`` is, ``sort_key``, ``key_size``, ``pad_token`` and ``tokenizer`` are not."""
    found = words(name.rpartition(".")[2])
    behind = ""
    while len(found) > 1 and (found[-1].isdigit() or found[-1] in _BEHIND):
        behind = found.pop()
    if not found:
        return False
    last, before = found[-1], found[-2] if len(found) > 1 else ""
    if last == "pass":
        return before not in _COUNTED
    if last in _SECRET or last.endswith(_JOINED):
        return True
    if last in ("key", "keys"):
        return before in _OF_KEYS
    if last == "token":
        return before not in _OF_VOCABULARIES and not (behind and not before)
    return last == "tokens" and before in _OF_TOKENS


def is_secret(name: str, value: object) -> bool:
    """Whether a value that goes by a name is nobody's business. Truth values are not, nor are the marks of a vocabulary (``token="<s>"``) and numbers that go by the name of a token."""
    if value is None or isinstance(value, bool) or value == "" or not is_secret_name(name):
        return False
    if isinstance(value, str):
        repeats = set(words(value)) <= set(words(name))  # TOKEN = "token" names itself
        return value != MASK and _VOCABULARY.fullmatch(value) is None and not (repeats and words(value))
    bare = words(name)[-1] in ("token", "tokens", "key", "keys")
    return not (bare and isinstance(value, int | float | Mapping))


def hidden(name: str, value: object) -> object:
    """A setting as it may be written: a mask where its name says that it is secret, and what is secret within it masked."""
    if is_secret(name, value):
        return MASK
    if isinstance(value, str):
        return hidden_forms(value)
    if isinstance(value, Mapping):
        return {k: hidden(str(k), v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        items = list(cast("Iterable[object]", value))
        texts = [item for item in items if isinstance(item, str)]
        kept = masked(texts) if len(texts) == len(items) else [hidden("", item) for item in items]
        return kept if isinstance(value, list) else tuple(kept)
    return value


def hidden_forms(text: str) -> str:
    """A text without what is secret by its form: ``https://name:password@host``, ``Bearer ...``, keys of known services."""
    if _HINT.search(text) is None:
        return text
    for pattern, by in _FORMS:
        text = pattern.sub(by, text)
    return _KEY_FILE.sub(_WITHOUT_KEY, text)


def hidden_code(text: str) -> str:
    """Source code, a diff of it or JSON, without the texts that secret names are given. All else stays as it is, to the letter."""
    if _HINT.search(text) is None:
        return text
    lines = text.splitlines(keepends=True)
    text = "".join(_hidden_line(line) if _HINT.search(line) else line for line in lines)
    return _KEY_FILE.sub(_WITHOUT_KEY, text) if "-----BEGIN" in text else text


def _hidden_line(line: str) -> str:
    for pattern in (_ASSIGNED, _IN_CALL, _LOGIN):
        line = pattern.sub(_without_text, line)
    for pattern, by in _FORMS:
        line = pattern.sub(by, line)
    return line


def _without_text(match: re.Match[str]) -> str:
    whole, quoted = match.group(0), match.groups()[-1]
    name = "api_key" if match.re is _LOGIN else match["name"]
    if not is_secret(name, quoted[1:-1]) or (match.re is _ASSIGNED and _closes(match, quoted[0])):
        return whole
    return f"{whole[: len(whole) - len(quoted)]}{quoted[0]}{MASK}{quoted[0]}"


def _closes(match: re.Match[str], quote: str) -> bool:
    """Whether what looks like the beginning of a text is the end of one that the name stands in: ``print("token: ", a, "b")``."""
    if match["between"][:1] in ("'", '"'):
        return False
    line = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()]
    return line.count(quote) % 2 == 1


def _without_value(match: re.Match[str]) -> str:
    return f"{match['name']}={MASK}" if is_secret(match["name"], match["value"]) else match.group(0)


def hidden_text(text: str) -> str:
    """A message or an argument: as :func:`hidden_code`, and ``name=text`` without quotes."""
    return _PLAIN.sub(_without_value, hidden_code(text))


def masked(argv: Iterable[str]) -> list[str]:
    """A command line without its secrets: ``--api-key X``, ``--api-key=X``, ``db.password=X``, and what is secret within an argument (JSON, a header, an address)."""
    found: list[str] = []
    before = ""
    for argument in map(str, argv):
        kept = argument
        name, equals, value = argument.partition("=")
        if equals and re.fullmatch(rf"[-+~]*{_NAME}", name) and is_secret(name, value):
            kept = f"{name}={MASK}"
        elif _asks(before) and _OPTION.fullmatch(argument) is None and is_secret(before, argument):
            kept = MASK
        else:
            kept = _header(hidden_text(argument))
        found.append(kept)
        before = argument
    return found


def _asks(option: str) -> bool:
    """Whether a secret may follow: ``--use-auth`` is a switch."""
    return option.startswith("-") and "=" not in option and words(option)[:1] != [] and words(option)[0] not in _FLAG  # fmt: skip


def _header(argument: str) -> str:
    """``Authorization: Basic xyz`` as curl and its like take it."""
    name, colon, value = argument.partition(": ")
    return (
        f"{name}: {MASK}"
        if colon and re.fullmatch(_NAME, name) and is_secret(name, value.strip())
        else argument
    )


def secrets_of(argv: Iterable[str]) -> tuple[str, ...]:
    """The secrets of a command line themselves, so that they are found where a program repeats them. Left out is what would be found in any report: very short ones, and words and numbers as they stand in every text."""
    given = list(map(str, argv))
    found: set[str] = set()
    for argument, kept in zip(given, masked(given), strict=True):
        if argument == kept:
            continue
        head, _, tail = kept.partition(MASK)
        found.add(argument[len(head) : len(argument) - len(tail)] if MASK not in tail else argument)
    told = (s for s in found if len(s) >= _FOUND and _ORDINARY.fullmatch(s) is None)
    return tuple(sorted(told, key=len, reverse=True))


_FOUND = 6
_ORDINARY = re.compile(r"[A-Z]?[a-z]{1,19}|[A-Z]{1,19}|[\d.,e+-]{1,12}")


def hider_of_command(argv: Iterable[str]) -> Callable[[str], str]:
    """What takes the secrets of these arguments, and of this process's own, out of a text."""
    return hider(secrets_of([*argv, *sys.argv[1:]]))


def hider(secrets: Iterable[str]) -> Callable[[str], str]:
    """What takes the given secrets out of a text, and all that is secret by its form."""
    known = "|".join(rf"(?<!\w){re.escape(s)}(?!\w)" for s in secrets)
    pattern = re.compile(known) if known else None

    def hide(text: str) -> str:
        return hidden_forms(text if pattern is None else pattern.sub(MASK, text))

    return hide


def cleared(value: T, hide: Callable[[str], str]) -> T:
    """A value made of records, tuples and mappings with every text in it gone through ``hide``; lines of code (``code``) without secrets. What has none is the same object."""
    return cast("T", _cleared(value, hide, ""))


def _cleared(value: Any, hide: Callable[[str], str], name: str) -> Any:
    if isinstance(value, str):
        if type(value) is not str:
            return value  # a member of an enumeration
        text = hide(hidden_code(value) if name in _OF_CODE else value)
        return value if text == value else text
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        made = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        new = {n: _cleared(v, hide, n) for n, v in made.items() if n not in _DRAWN}
        changed = {n: v for n, v in new.items() if v is not made[n]}
        return dataclasses.replace(value, **changed) if changed else value
    if isinstance(value, tuple) and type(cast("object", value)) is tuple:
        items = cast("tuple[object, ...]", value)
        if items and isinstance(items[0], int | float):
            return cast("object", value)
        listed = tuple(_cleared(item, hide, name) for item in items)
        return listed if any(a is not b for a, b in zip(listed, items, strict=True)) else items
    if isinstance(value, list):
        held = cast("list[object]", value)
        made_of = [_cleared(item, hide, name) for item in held]
        return made_of if any(a is not b for a, b in zip(made_of, held, strict=True)) else held
    if isinstance(value, dict):
        table = cast("dict[object, object]", value)
        named = {k: _cleared(v, hide, str(k)) for k, v in table.items()}
        return named if any(named[k] is not v for k, v in table.items()) else table
    return cast("object", value)


_OF_CODE = frozenset(("code", "diff", "patch", "traces"))
_DRAWN = frozenset(("inputs", "eval_inputs", "targets", "signals", "samples", "charts", "courses"))  # numbers
