"""The files that a program reads: heard of where it opens them, without a trace in the program."""
# ruff: noqa: PTH123 - it is about `open`

import builtins
import csv
import gzip
import io
import pickle
import sys
from pathlib import Path

import pytest

from netwright.runs import files
from netwright.runs.files import FilesRead


@pytest.fixture
def heard(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = builtins.open
    reads = FilesRead(tmp_path)
    reads.start()
    yield reads
    reads.stop()
    assert builtins.open is before
    assert io.open is before


def put(path, content):
    """Unheard, as if it was there before."""
    with io.FileIO(path, "w") as file:
        file.write(content)


def found(reads):
    return reads.found()["files"]["read"]


def test_what_is_read_is_told_apart_by_content(heard, tmp_path):
    for name, text in (("a.csv", "1,2\n"), ("b.csv", "1,2\n"), ("c.csv", "1,3\n")):
        (tmp_path / name).write_bytes(text.encode())
    reader = FilesRead(tmp_path)
    reader.start()
    with open("a.csv") as file:
        assert list(csv.reader(file)) == [["1", "2"]]
    assert Path("b.csv").read_text() == "1,2\n"
    with open(file=str(tmp_path / "c.csv").encode(), mode="rb") as file:
        file.read()
    reader.stop()
    read = found(reader)
    assert list(read) == ["a.csv", "b.csv", "c.csv"]
    assert read["a.csv"]["size"] == 4
    assert read["a.csv"]["modified"] == (tmp_path / "a.csv").stat().st_mtime
    assert read["a.csv"]["digest"] == read["b.csv"]["digest"] != read["c.csv"]["digest"]


def test_libraries_that_open_files_are_heard(heard, tmp_path):
    numpy = pytest.importorskip("numpy")
    torch = pytest.importorskip("torch")
    heard.stop()
    numpy.save(tmp_path / "a.npy", numpy.arange(4))
    torch.save(torch.ones(2), tmp_path / "b.pt")
    (tmp_path / "c.txt").write_text("1 2\n")
    with gzip.open(tmp_path / "d.gz", "wb") as file:
        file.write(b"x")
    heard.start()
    numpy.load("a.npy")
    torch.load("b.pt")
    io.StringIO(Path("c.txt").read_text())
    with gzip.open("d.gz") as file:
        file.read()
    assert list(found(heard)) == ["a.npy", "b.pt", "c.txt", "d.gz"]


def test_what_is_no_data_is_left_out(heard, tmp_path):
    names = (
        ".env", "token.txt", "hf_token", "my-credentials.json", "api_key.yaml", "id_rsa", "server.pem", "secrets.toml",
        "module.py", ".ssh/config", ".git/HEAD", "venv/site-packages/p/data.csv", "__pycache__/x.bin",
    )  # fmt: skip
    wanted = ("tokens.bin", "password_strength.csv", "config.json", ".cache/hub/weights.bin")
    for name in (*names, *wanted):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
        open(name).close()
    for library in (csv.__file__, pytest.__file__, files.__file__, "/proc/self/stat", "/etc/hostname"):
        if Path(library).exists():
            open(library, "rb").close()
    with open("made.csv", "w") as file:
        file.write("1")
    open("made.csv").close()
    with pytest.raises(FileNotFoundError):
        open("gone.csv")
    assert list(found(heard)) == sorted(n for n in wanted)


def test_their_number_is_bounded(heard, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MOST", 3)
    for i in range(3):
        put(f"{i}.txt", b"x")
        open(f"{i}.txt").close()
    open("0.txt").close()
    open(csv.__file__).close()
    assert heard.found()["files"]["more"] is False
    put("3.txt", b"x")
    open("3.txt").close()
    told = heard.found()["files"]
    assert list(told["read"]) == ["0.txt", "1.txt", "2.txt"]
    assert told["more"] is True


def test_a_large_file_is_known_by_its_ends(heard, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_WHOLE", 8)
    digests = []
    for name, text in (("a", b"12345678901"), ("b", b"1234xxx8901"), ("c", b"12345678900")):
        put(name, text)
        open(name, "rb").close()
        digests.append(found(heard)[name]["digest"])
        assert found(heard)[name]["part"] is True
    assert digests[0] == digests[1] != digests[2]


def test_when_time_is_short_digests_come_later(heard, tmp_path, monkeypatch):
    put("a", b"1")
    open("a").close()
    monkeypatch.setattr(files, "_SECONDS", -1.0)
    assert "digest" not in found(heard)["a"]
    monkeypatch.setattr(files, "_SECONDS", 1.0)
    assert "digest" in found(heard)["a"]


def test_open_is_what_it_was_for_the_program(heard, tmp_path):
    class Reader:
        opener = open  # a built-in function does not become a method

    put("a", b"1")
    with Reader().opener("a") as file:
        assert file.read() == "1"
    assert pickle.dumps(open) == pickle.dumps(sys.modules["io"].open)
    with pytest.raises(TypeError, match="open"):
        open()
    with open("a", closefd=True, encoding="utf-8") as file:
        assert isinstance(file, io.TextIOWrapper)


def test_what_the_program_puts_in_its_place_stays(tmp_path, monkeypatch):
    original = builtins.open
    reads = FilesRead(tmp_path)
    reads.start()
    ours = builtins.open

    def theirs(*args, **kwargs):
        return ours(*args, **kwargs)

    monkeypatch.setattr(builtins, "open", theirs)
    reads.stop()
    assert builtins.open is theirs
    assert io.open is original
    put(tmp_path / "late", b"1")
    open(tmp_path / "late").close()
    assert found(reads) == {}
