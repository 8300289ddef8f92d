"""What is secret is masked wherever it is written, and ordinary names are left alone."""

import time
from dataclasses import dataclass
from enum import Enum

import pytest

from netwright.masking import (
    cleared,
    hidden,
    hidden_code,
    hidden_text,
    hider,
    is_secret,
    is_secret_name,
    masked,
    secrets_of,
)

SECRET = """password db_password pwd passwd MYSQL_PWD auth Authorization authorization api_key apiKey APIKey API_KEY OPENAI_API_KEY apikey X-API-Key api_keys secret client_secret SECRET_KEY
aws_secret_access_key private_key hf_token HF_TOKEN token access_token auth_tokens github_token wandb_key smtp_pass credentials password2 api_key_prod hub_token model.api_key --api-key
dbPassword authToken passphrase session_cookie"""
ORDINARY = """token_dim n_tokens num_tokens max_tokens tokens tokenizer tokenize detokenize token_type_ids tokens_per_batch pad_token eos_token mask_token cls_token unk_token special_tokens
stop_tokens image_token num_image_tokens decoder_start_token first_token trigger_token token_drop token_text token_1 bos_token_id key keys key_size key_dim sort_key target_key image_key query_key embed_key
rng_key PRNGKey primary_key keyframe keypoints keyboard hotkey monkey monitor_key author authors author_id authority auth_type n_pass num_passes second_pass bypass compass pass_through secretary
password_file secret_dim private access credit lr width depth model_name compassion passage encoder_key class_token distillation_token"""


def test_words_of_a_name_decide():
    assert [name for name in SECRET.split() if not is_secret_name(name)] == []
    assert [name for name in ORDINARY.split() if is_secret_name(name)] == []


def test_values_that_are_no_secrets():
    assert is_secret("password", "x")
    assert is_secret("password", 1234)
    for name, value in (("token", "<s>"), ("token", 3), ("auth", True), ("secret", None), ("password", "")):
        assert not is_secret(name, value)
    assert hidden("token", {"dim": 4, "api_key": "x"}) == {"dim": 4, "api_key": "***"}
    assert hidden("secrets", {"hub": "x"}) == "***"
    assert hidden("argv", ["train", "--api-key", "x"]) == ["train", "--api-key", "***"]
    assert hidden("x", [{"password": "a"}, "https://me:pw@host/a"]) == [
        {"password": "***"},
        "https://me:***@host/a",
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["--api-key", "sk-0123", "--lr", "1"], ["--api-key", "***", "--lr", "1"]),
        (["--token=0123456789"], ["--token=***"]),
        (["--password", "a"], ["--password", "***"]),
        (["--max-tokens", "100000000", "--tokenizer=bert-base-uncased"], None),
        (["--pad-token", "<pad>", "--sort-key", "label"], None),
        (["--use-auth", "train.csv"], None),
        (["--auth", "--lr", "3"], None),
        (["password=0123456789", "++db.password=x"], ["password=***", "++db.password=***"]),
        (["--header", "Authorization: Bearer abc"], ["--header", "Authorization: ***"]),
        (
            ['{"password": "x", "lr": 3}', "https://h/?token=a&b=2"],
            ['{"password": "***", "lr": 3}', "https://h/?token=***&b=2"],
        ),
        (["https://me:pw@host/a", "s3://bucket/key:a@b"], ["https://me:***@host/a", "s3://bucket/key:a@b"]),
        (["hf_" + "a1" * 17], ["***"]),
    ],
)
def test_secrets_of_a_command_line(given, kept):
    assert masked(given) == (given if kept is None else kept)


def test_code_keeps_everything_but_the_texts():
    code = """
API_KEY = "sk-0123"  # mine
os.environ["WANDB_API_KEY"] = 'abc'
def f(password: str = "hunter2", token: str | None = None): ...
cfg = {"password": "x", "lr": 0.1, "pad_token": "<pad>", "key": "value"}
os.getenv("API_KEY", "fallback"); add_argument("--api-key", type=str, default="sk-1")
wandb.login(key="abc")
"""
    found = hidden_code(code)
    for secret in ("sk-0123", "'abc'", "hunter2", '"x"', "fallback", "sk-1", 'key="abc"'):
        assert secret in code
        assert secret not in found
    for line in (
        "# mine",
        'os.environ["WANDB_API_KEY"] = ',
        '"lr": 0.1, "pad_token": "<pad>", "key": "value"}',
    ):
        assert line in found
    assert found.count("***") == 7
    for same in (
        "password = args.password",
        'api_key=os.environ["X"]',
        'print("token: ", x, "a")',
        'print(f"token: {x}", "token:", "a")',
        'if auth == "basic":',
        'names = ["password", "username"]',
        'tokenizer = "bert"',
        'Kind.TOKEN: "token",',
    ):
        assert hidden_code(same) == same


class Kind(str, Enum):
    A = "sk-0123456789"


@dataclass(frozen=True)
class Part:
    text: str
    code: str = ""
    kind: Kind = Kind.A


def test_a_secret_is_taken_out_wherever_it_is_repeated():
    argv = [
        "--api-key",
        "sk-0123456789",
        "--password",
        "abc",
        "https://me:l0nger@host",
        "--token",
        "training",
    ]
    assert secrets_of(argv) == ("sk-0123456789", "l0nger")
    hide = hider(secrets_of(argv))
    whole = (Part("key sk-0123456789 refused", code='password = "x"'), {"a": ["abc"]}, 3)
    found = cleared(whole, hide)
    assert found == (Part("key *** refused", code='password = "***"'), {"a": ["abc"]}, 3)
    assert found[0].kind is Kind.A
    assert cleared(found, hide) is found
    assert hide("ask-01234567890 l0ngers (l0nger)") == "ask-01234567890 l0ngers (***)"


def test_a_file_that_holds_a_megabyte_in_one_line_takes_no_minute():
    """Patterns that look at every length of every name take hours of such texts."""
    for piece in ("a", "a.b-", "password_", "password: a b, ", "token=", 'key = "', "x://", "eyJ", "bearer "):
        text = piece * (300_000 // len(piece))
        began = time.process_time()
        hidden_text(text)
        assert time.process_time() - began < 10, piece
