"""The tokenizer on friendly and hostile text, and the cache of its work."""

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiers import HANGS

from practicum_utils.data import tokenize, tokenize_all, tokens
from practicum_utils.data.tokens import CACHE_FILES, CACHE_FROM, TOKEN

ANY_TEXT = st.text(st.characters())  # lone surrogates and control characters included


def many(prefix="a good film", count=CACHE_FROM):
    return [f"{prefix} number {i}" for i in range(count)]


def cache_files(home):
    return sorted((home / "cache").glob("*"))


def as_lists(table):
    return list(table)


def fail(*args):
    raise AssertionError("tokenized again although the cache holds it")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A GOOD film.", ["a", "good", "film"]),
        ("Don't miss it!", ["don't", "miss", "it", "!"]),
        ("Don\N{RIGHT SINGLE QUOTATION MARK}t", ["don't"]),
        ("rock'n'roll 'quoted'", ["rock'n'roll", "quoted"]),
        ("one<br /><br />two<BR />", ["one", "two"]),
        ("8/10, really?!", ["8", "10", "really", "?", "!"]),
        ("snake_case well-made", ["snake", "case", "well", "made"]),
        ("\N{LATIN CAPITAL LETTER E WITH ACUTE}clair na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve",
         ["\N{LATIN SMALL LETTER E WITH ACUTE}clair",
          "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve"]),
    ],
)  # fmt: skip
def test_examples(text, expected):
    assert tokenize(text) == expected


@pytest.mark.parametrize("text", ["", " \n\t", "...", "\N{PILE OF POO}", "_", "'", "<br />"])
def test_text_without_a_word_has_no_tokens(text):
    assert tokenize(text) == []


def test_emoji_between_words_part_them():
    assert tokenize("great\N{GRINNING FACE}film") == ["great", "film"]


def test_a_word_of_100_kb_is_one_token():
    assert tokenize("a" * 100_000) == ["a" * 100_000]


@pytest.mark.timing
@pytest.mark.parametrize("text", ["'" * 100_000, "a'" * 50_000, "<br " * 25_000])
def test_hostile_text_takes_no_long_time(text):
    started = time.process_time()
    tokenize(text)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("wrong", [None, 3, 1.5, b"bytes", ["a", "list"]])
def test_a_non_string_is_refused(wrong):
    with pytest.raises(TypeError, match=f"one review as a string, but got {type(wrong).__name__}"):
        tokenize(wrong)


@given(ANY_TEXT)
def test_every_token_matches_the_pattern(text):
    assert all(TOKEN.fullmatch(token) for token in tokenize(text))


@given(ANY_TEXT)
def test_tokens_are_lower_case(text):
    assert all(token == token.lower() for token in tokenize(text))


@given(ANY_TEXT)
def test_tokens_hold_no_space_and_are_not_empty(text):
    assert all(token and token.split() == [token] for token in tokenize(text))


@given(ANY_TEXT)
def test_tokenizing_the_joined_tokens_changes_nothing(text):
    once = tokenize(text)
    assert tokenize(" ".join(once)) == once


@given(st.lists(ANY_TEXT, max_size=8))
def test_all_at_once_equals_one_by_one(texts):
    assert as_lists(tokenize_all(texts)) == [tokenize(text) for text in texts]


@settings(max_examples=25)
@given(st.lists(ANY_TEXT, max_size=8))
def test_saved_and_loaded_equals_one_by_one(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "roundtrip.npz"
    table = tokens._tokenize_now(texts)
    tokens._save(table, path)
    loaded = tokens._load(path)
    assert as_lists(loaded) == [tokenize(text) for text in texts]
    assert loaded.words == table.words


def test_table_indices():
    table = tokenize_all(["one two", "", "two three"])
    assert len(table) == 3
    assert table[0] == ["one", "two"] and table[1] == [] and table[-1] == ["two", "three"]
    with pytest.raises(IndexError):
        table[3]


def test_table_counts():
    table = tokenize_all(["a b a", "b c", ""])
    assert table.counts() == {"a": 2, "b": 2, "c": 1}


def test_few_texts_leave_no_file(home):
    tokenize_all(many(count=CACHE_FROM - 1))
    assert not home.exists()


def test_the_second_call_reads_the_file(home, monkeypatch):
    first = as_lists(tokenize_all(many()))
    monkeypatch.setattr(tokens, "_tokenize_now", fail)
    assert as_lists(tokenize_all(many())) == first == [tokenize(text) for text in many()]


def damaged(data):
    flipped = bytearray(data)
    flipped[8] ^= 0xFF  # the compression method of the archive's first member
    return {
        "cut short": data[: len(data) // 2],
        "empty": b"",
        "garbage": b"\x00garbage\xff" * 1_000,
        "text": b"404: Not Found",
        "changed inside": data[:500] + bytes([data[500] ^ 1]) + data[501:],
        "changed header": bytes(flipped),
    }


@pytest.mark.parametrize("kind", damaged(bytes(1_000)))
def test_a_damaged_file_is_rebuilt(home, kind):
    first = as_lists(tokenize_all(many()))
    (file,) = cache_files(home)
    whole = file.read_bytes()
    file.write_bytes(damaged(whole)[kind])
    assert as_lists(tokenize_all(many())) == first
    assert len(file.read_bytes()) == len(whole) and tokens._load(file) is not None


def test_no_damaged_header_gives_wrong_tokens_or_an_error(tmp_path):
    table, path = tokens._tokenize_now(["a good film", "a bad film"]), tmp_path / "tokens.npz"
    tokens._save(table, path)
    whole = path.read_bytes()
    for index in [*range(60), *range(len(whole) - 300, len(whole))]:
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 0x81]) + whole[index + 1 :])
        loaded = tokens._load(path)
        assert loaded is None or as_lists(loaded) == as_lists(table), index


def test_an_array_in_place_of_an_archive_is_rebuilt(home):
    tokenize_all(many())
    (file,) = cache_files(home)
    with file.open("wb") as handle:
        np.save(handle, np.arange(3))
    assert tokenize_all(many())[0] == ["a", "good", "film", "number", "0"]


def test_changed_text_makes_a_new_file(home):
    tokenize_all(many())
    changed = many()
    changed[-1] = "something else"
    assert tokenize_all(changed)[-1] == ["something", "else"]
    assert len(cache_files(home)) == 2


def test_moved_text_boundaries_make_a_new_file(home):
    one, other = ["ab", "c", *many()], ["a", "bc", *many()]
    assert tokenize_all(one)[0] == ["ab"]
    assert tokenize_all(other)[0] == ["a"]


def test_the_oldest_files_are_forgotten(home):
    for index in range(CACHE_FILES + 2):
        tokenize_all(many(prefix=f"film{index}"))
        time.sleep(0.01)
    assert len(cache_files(home)) == CACHE_FILES
    words = [tokens._load(file).words for file in cache_files(home)]
    kept = {word for row in words for word in row if word.startswith("film")}
    assert kept == {f"film{index}" for index in range(2, CACHE_FILES + 2)}


def test_a_full_disk_is_said_and_stops_nothing(home, monkeypatch, capsys):
    def full(path, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tokens, "write_whole", full)
    assert as_lists(tokenize_all(many()))[0] == tokenize(many()[0])
    assert "could not be written ([Errno 28] No space left" in capsys.readouterr().out
    assert cache_files(home) == []


BUILD_AT_ONCE = """
import sys
from practicum_utils.data import tokenize_all
print("ready", flush=True)
sys.stdin.readline()
for name in ("x", "y", "z"):
    table = tokenize_all([f"{name} good film {i}" for i in range(3000)])
    assert len(table) == 3000 and table[7] == [name, "good", "film", "7"]
print("done")
"""


@pytest.mark.slow
def test_processes_that_build_the_cache_at_once_all_succeed(home):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", BUILD_AT_ONCE]
    running = [subprocess.Popen(command, text=True, **pipes) for _ in range(3)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        out, err = process.communicate(timeout=HANGS)
        assert (process.returncode, out, err) == (0, "done\n", "")
    assert [file.suffix for file in cache_files(home)] == [".npz"] * 3
    for file in cache_files(home):
        table = tokens._load(file)
        assert [row[1:] for row in table] == [["good", "film", str(i)] for i in range(3000)]
        assert len({row[0] for row in table}) == 1
