"""The tiny T5's tasks and its training: right answers, and a run that goes on where it stopped."""

import itertools
import json
from functools import partial

import numpy as np
import pytest
import t5_card
import t5_corpus
import t5_warm_start
import torch
from t5_card import share_right, tell_sizes
from t5_corpus import SENTENCE_TURNS, SHARES, Corpus, round_of
from t5_tasks import GAPS, TOPICS, Tasks, cut, hide_words
from t5_tokenizer import PAD, UNK, begins_of_words, save_tokenizer
from t5_warm_start import warm_start
from train_tiny_t5 import STATE, Training, start

from practicum_utils.prompting import load_t5
from practicum_utils.prompting.t5 import tiny_folder

ROUNDS = 3


@pytest.fixture(scope="module")
def tokenizer():
    return load_t5("tiny", torch.device("cpu")).tokenizer


@pytest.fixture(scope="module")
def tasks(tokenizer):
    marks = [tokenizer.convert_tokens_to_ids(f"<extra_id_{i}>") for i in range(GAPS + 1)]
    encode = partial(tokenizer.encode, add_special_tokens=False)
    return Tasks(encode, marks, begins_of_words(tokenizer))


def example(tasks, tokenizer, task, text, label=2, source=0, seed=0):
    pieces = tokenizer.encode(text, add_special_tokens=False)
    made = tasks.make(task, pieces, label, source, np.random.default_rng(seed))
    return tokenizer.decode(made.prompt), tokenizer.decode(made.answer)


@pytest.mark.parametrize(
    ("task", "text", "prompt", "answer"),
    [
        ("sentiment", "a fine film", "sst2 sentence: a fine film</s>", "positive</s>"),
        ("source", "a fine film", "source: a fine film</s>", "imdb</s>"),
        ("topics", "a fine film", "topics: a fine film</s>", "none</s>"),
        ("topics", "the music, the plot", "topics: the music, the plot</s>", "story music</s>"),
        ("length", "a fine film", "length: a fine film</s>", "short</s>"),
    ],
)
def test_each_task_has_its_prefix_and_its_answer(tasks, tokenizer, task, text, prompt, answer):
    made = example(tasks, tokenizer, task, text)
    assert tuple(part.replace(" ,", ",") for part in made) == (prompt, answer)


def test_the_answer_follows_the_label_and_the_source(tasks, tokenizer):
    assert example(tasks, tokenizer, "sentiment", "film", label=1)[1] == "negative</s>"
    assert example(tasks, tokenizer, "source", "film", source=1)[1] == "rotten tomatoes</s>"


def test_every_topic_has_words_that_are_one_piece(tasks):
    assert all(len(tasks.topic_pieces[name]) >= 2 for name in TOPICS)


def fill(shown, answer, marks):
    """The text again: each mark replaced by what stands behind it in the answer."""
    spans, last = {}, None
    for piece in answer:
        if piece in marks:
            last = piece
            spans[last] = []
        else:
            spans[last].append(piece)
    return [part for piece in shown for part in spans.get(piece, [piece])]


def test_gaps_and_their_answers_make_the_text_again(tasks, tokenizer):
    text, gaps = "the film is long and the end of it is not what i had hoped to see " * 2, []
    text = tokenizer.encode(text, add_special_tokens=False)
    for seed in range(30):
        shown, answer = tasks.with_gaps(text, np.random.default_rng(seed))
        marks = [piece for piece in answer if piece in tasks.gap_ids]
        assert marks == tasks.gap_ids[: len(marks)]  # in order, and one more at the end
        assert fill(shown, answer, marks) == text
        places = [place for place, piece in enumerate(shown) if piece in marks]
        assert all(late - early > 1 for early, late in itertools.pairwise(places))
        gaps.append(len(marks) - 1)
    assert max(gaps) == GAPS and sum(gaps) > 30


def test_only_whole_words_are_gaps(tasks, tokenizer):
    text = tokenizer.encode("indistinguishable, flutist's", add_special_tokens=False)
    assert len(text) > 4
    for seed in range(30):
        assert tasks.with_gaps(text, np.random.default_rng(seed)) == (text, tasks.gap_ids[:1])


@pytest.mark.parametrize("size", [1, 7, 10, 50])
def test_a_cut_text_is_a_part_of_it(size):
    text = list(range(10))
    for seed in range(20):
        part = cut(text, size, np.random.default_rng(seed))
        assert len(part) == min(size, 10) and part == text[part[0] : part[0] + len(part)]


def test_words_are_hidden_in_about_that_share_and_protected_ones_never():
    ids = np.full((400, 50), 9)
    protected = np.zeros(ids.shape, dtype=bool)
    protected[:, :6] = True
    hidden = hide_words(ids, 0.15, protected, UNK, np.random.default_rng(0)) == UNK
    assert not hidden[:, :6].any()
    assert hidden[:, 6:].mean() == pytest.approx(0.15, abs=0.02)


def test_a_written_answer_is_right_to_the_letter_or_wrong(tasks, tokenizer, monkeypatch):
    t5 = load_t5("tiny", torch.device("cpu"))
    pieces = [[900] * size for size in (5, 12, 40, 70)]  # cut at random, so never longer than that
    monkeypatch.setattr(t5_card, "write", lambda t5, state, mask, limit: ["short"] * len(mask))
    assert share_right(t5, tasks, "length", pieces[:2], source=0) == 1.0
    assert share_right(t5, tasks, "topics", pieces, source=0) == 0.0


def test_the_shipped_card_tells_the_sizes_of_the_shipped_model():
    told = tell_sizes(load_t5("tiny", torch.device("cpu")).model.config)
    assert told == "128 wide, 4 heads, 2 encoder blocks, 1 decoder block"
    assert told in (tiny_folder() / "README.md").read_text()


# Training


def test_a_sentence_has_more_turns_than_a_review():
    corpus = Corpus([[5], [6], [7]], [1, 2, 1], [0, 1, 1])
    assert corpus.turns().tolist() == [0, *[1] * SENTENCE_TURNS, *[2] * SENTENCE_TURNS]


def test_the_warm_start_turns_words_of_opposite_labels_and_sources_apart(monkeypatch):
    monkeypatch.setattr(t5_warm_start, "LEARNING_RATE", 0.1)
    texts = [[100, 300, 900], [200, 300, 900], [100, 400, 900], [200, 400, 900]] * 200
    corpus = Corpus(texts, [1, 2, 1, 2] * 200, [0, 0, 1, 1] * 200)
    vectors = warm_start(corpus, 1_000, 16, seed=0)
    bad, good, here, there = vectors[[100, 200, 300, 400]]
    for one, other in ((bad, good), (here, there)):
        assert torch.cosine_similarity(one, other, dim=0) < -0.5
    assert vectors[PAD].norm() > 0
    assert torch.equal(vectors, warm_start(corpus, 1_000, 16, seed=0))


@pytest.fixture
def corpus(monkeypatch):
    monkeypatch.setattr(t5_corpus, "ROUND", 16)
    rng = np.random.default_rng(0)
    rows = [rng.integers(3, 900, rng.integers(5, 30)).tolist() for _ in range(40)]
    return Corpus(rows, [1 + i % 2 for i in range(40)], [int(i > 30) for i in range(40)])


def trained(tasks, corpus, folder, stops=()):
    """The weights after all rounds, the run begun anew from its file after each of ``stops``."""
    folder.mkdir()
    training = start(corpus, 12_000, ROUNDS, 0, folder)
    while training.done < ROUNDS:
        training.run_round(round_of(tasks, corpus, training.done, 0))
        if training.done in stops:
            training.save()
            torch.rand(3)
            training = start(corpus, 12_000, ROUNDS, 0, folder)
    return training.model.state_dict()


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_at_the_same_weights(tasks, corpus, tmp_path, capsys):
    whole = trained(tasks, corpus, tmp_path / "whole")
    parts = trained(tasks, corpus, tmp_path / "parts", stops=(1, 2))
    assert "going on after round 2 of 3" in capsys.readouterr().out
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_training_changes_the_model_and_tells_each_tasks_loss(tasks, corpus, tmp_path):
    training = start(corpus, 12_000, ROUNDS, 0, tmp_path)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    losses = [training.run_round(round_of(tasks, corpus, number, 0)) for number in range(2)]
    assert set(losses[0]) | set(losses[1]) == set(SHARES)
    assert all(7 < loss < 14 for told in losses for loss in told.values())  # about log(12,000)
    moved = [
        name
        for name, value in training.model.state_dict().items()
        if not torch.equal(value, before[name])
    ]
    assert any("encoder" in name for name in moved) and any("decoder" in name for name in moved)


def test_a_run_of_other_settings_is_not_continued(tasks, corpus, tmp_path):
    start(corpus, 12_000, ROUNDS, 0, tmp_path).save()
    with pytest.raises(ValueError, match="is of a run of 3 rounds with seed 0; use the same, or"):
        start(corpus, 12_000, ROUNDS, 1, tmp_path)


def test_a_round_is_the_same_whenever_it_is_asked_for_and_no_other(tasks, corpus):
    def prompts(number, seed=0):
        return [e.prompt for batch in round_of(tasks, corpus, number, seed) for e in batch]

    assert prompts(1) == prompts(1)
    assert prompts(1) != prompts(2) and prompts(1) != prompts(1, seed=1)
    assert len(prompts(1)) == 16


def test_training_state_is_saved_whole_or_not_at_all(tasks, corpus, tmp_path, monkeypatch):
    training = start(corpus, 12_000, ROUNDS, 0, tmp_path)
    training.save()
    good = (tmp_path / STATE).read_bytes()

    def fails(state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OSError, match="disk full"):
        training.save()
    assert (tmp_path / STATE).read_bytes() == good
    assert [path.name for path in tmp_path.iterdir()] == [STATE]
    assert isinstance(training, Training)


def test_the_tokenizer_is_saved_as_it_is_shipped_so_that_older_transformers_load_it(
    tokenizer, tmp_path
):
    save_tokenizer(tokenizer, tmp_path)
    saved = json.loads((tmp_path / "tokenizer_config.json").read_text())
    shipped = json.loads((tiny_folder() / "tokenizer_config.json").read_text())
    for config in (saved, shipped):
        assert config["tokenizer_class"] == "PreTrainedTokenizerFast"  # transformers 4 knows it
        assert config["model_input_names"] == ["input_ids", "attention_mask"]
        assert len(config["additional_special_tokens"]) == 100
        assert "extra_special_tokens" not in config  # as a list it is an error to transformers 4
