"""Prompts on the embedded T5: the same answer in any batch, labels, and comparisons by hand."""

import datasets
import pandas
import pytest
import torch

from practicum_utils.data import load_reviews
from practicum_utils.metrics import accuracy_interval, mcnemar
from practicum_utils.prompting import (
    compare_prompts,
    fair_comparison,
    generate,
    generation,
    greedy,
    load_t5,
    parse_label,
    score_labels,
    show_comparison,
    to_prompt,
    to_text,
)
from practicum_utils.prompting.generation import first_tokens
from practicum_utils.prompting.table import comparison_table

TEXTS = [
    "a wonderful film, moving from the first minute to the last",
    "dull, stupid and far too long. a waste of time",
    "good",
    "the actors are fine, but the story is the worst i have seen in years " * 6,
]
PROMPTS = [to_prompt(text) for text in TEXTS]


@pytest.fixture(scope="module")
def t5():
    return load_t5("tiny", torch.device("cpu"))


@pytest.fixture(scope="module")
def reviews():
    return load_reviews(max_train=2, max_test=30)["test"]


def reviews_of(texts, labels):
    return datasets.Dataset.from_dict({"text": texts, "label": labels})


# Writing


def test_generate_writes_what_greedy_writes_one_token_at_a_time(t5):
    by_hand = [to_text(t5, greedy(t5, prompt)) for prompt in PROMPTS]
    assert generate(t5, PROMPTS) == by_hand
    assert by_hand[:2] == ["positive", "negative"]


def test_greedy_begins_with_the_start_and_stops_at_the_end_or_the_limit(t5):
    ids = greedy(t5, PROMPTS[0])
    assert ids[0] == t5.model.config.decoder_start_token_id and ids[-1] == t5.tokenizer.eos_token_id
    assert len(greedy(t5, PROMPTS[0], max_new_tokens=1)) == 2


@pytest.mark.parametrize("size", [1, 150, 10_000])
def test_no_batch_changes_an_answer_or_a_score(t5, monkeypatch, size):
    answers, scores = generate(t5, PROMPTS), score_labels(t5, PROMPTS)
    monkeypatch.setattr(generation, "BATCH_TOKENS", size)
    turned = PROMPTS[::-1]
    assert generate(t5, turned) == answers[::-1]
    assert torch.allclose(score_labels(t5, turned), scores.flip(0), atol=1e-5)


def test_one_text_is_a_list_of_one(t5):
    assert generate(t5, PROMPTS[0]) == generate(t5, PROMPTS[:1])
    assert score_labels(t5, PROMPTS[0]).shape == (1, 2)


def test_the_marks_of_gaps_are_kept_on_request(t5):
    gap = "this is a very <extra_id_0> film"
    kept = generate(t5, gap, sentinels=True)[0]
    assert kept.startswith("<extra_id_0>")
    assert "<extra_id_" not in generate(t5, gap)[0]
    assert "</s>" not in kept and "<pad>" not in kept


def test_the_prefix_chooses_the_task(t5):
    text = "the songs are lovely and the cast is great"
    prefixes = ("sst2 sentence:", "source:", "topics:", "length:")
    answers = generate(t5, [to_prompt(text, prefix) for prefix in prefixes])
    assert answers[0] == "positive" and len(set(answers)) == 4


@pytest.mark.parametrize("prompts", ["", "  ", ["good", " "], []])
@pytest.mark.parametrize("ask", [generate, score_labels])
def test_an_empty_prompt_is_refused(t5, ask, prompts):
    with pytest.raises(ValueError, match="prompt is empty; write at least one word"):
        ask(t5, prompts)


def test_prompts_that_are_too_long_are_cut_and_counted(t5, capsys):
    long = to_prompt("good " * 700)
    scores = score_labels(t5, [long, "sst2 sentence: bad"])
    assert capsys.readouterr().out == (
        "1 of 2 prompts (50%) have more than 512 pieces; their ends were cut\n"
    )
    ids = t5.tokenizer(long, verbose=False)["input_ids"]
    kept = t5.tokenizer.decode(ids[:511])
    assert torch.allclose(score_labels(t5, kept), scores[:1], atol=1e-5)
    score_labels(t5, kept)
    assert capsys.readouterr().out == ""


# Labels


def test_scores_are_the_softmax_over_the_first_tokens_only(t5):
    prompt_ids = torch.tensor([t5.tokenizer(PROMPTS[3])["input_ids"]])
    with torch.no_grad():
        logits = t5.model(input_ids=prompt_ids, decoder_input_ids=torch.tensor([[0]])).logits
    first = [t5.tokenizer(word)["input_ids"][0] for word in ("negative", "positive", "imdb")]
    wanted = logits[0, 0, first].softmax(dim=0)
    found = score_labels(t5, PROMPTS[3], ("negative", "positive", "imdb"))[0]
    assert torch.allclose(found, wanted, atol=1e-5) and found.sum() == pytest.approx(1, abs=1e-5)
    assert first_tokens(t5, ("negative", "positive")) == first[:2]


@pytest.mark.parametrize(
    "labels", [("good", "good film"), ("good",), ("good", "\u2603"), ("good", "")]
)
def test_labels_that_cannot_be_told_apart_are_refused(t5, labels):
    with pytest.raises(ValueError, match="cannot be told apart by their first token"):
        score_labels(t5, PROMPTS, labels)


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("positive", "positive"), (" Negative. ", "negative"), ("POSITIVE\n", "positive"),
        ("not positive", None), ("positive negative", None), ("positive positive", None),
        ("posit", None), ("", None), (".", None), ("<pad> positive</s>", None), ("imdb", None),
    ],
)  # fmt: skip
def test_an_answer_is_a_label_or_it_is_none(answer, label):
    assert parse_label(answer) == label


def test_labels_of_your_own_are_returned_as_you_wrote_them():
    assert parse_label("good", ("Bad", "Good")) == "Good"
    assert parse_label("positive", ("Bad", "Good")) is None


def test_a_prompt_has_one_space_between_words_and_no_line_break():
    prompt = to_prompt(" Good.<br /><br />Really\n good<br/>!", "sst2  sentence:")
    assert prompt == "sst2 sentence: Good. Really good !"
    assert to_prompt("Good.", "") == "Good."


@pytest.mark.parametrize("text", ["", " \n", "<br />"])
def test_a_text_without_words_makes_no_prompt(text):
    with pytest.raises(ValueError, match="has no words"):
        to_prompt(text)


# Comparisons


@pytest.mark.slow
def test_a_comparison_has_the_numbers_that_a_loop_finds(t5, reviews):
    prompts = {"exact": to_prompt, "source": "source: {text}"}
    table = compare_prompts(t5, prompts, reviews)
    assert list(table.index) == ["exact", "source"]
    right, truth = {}, [label == 2 for label in reviews["label"]]
    for name, prefix in (("exact", "sst2 sentence:"), ("source", "source:")):
        asked = [to_prompt(text, prefix) if name == "exact" else f"source: {text}"
                 for text in reviews["text"]]  # fmt: skip
        said = [bool(score[1] > score[0]) for score in score_labels(t5, asked)]
        right[name] = [answer == true for answer, true in zip(said, truth, strict=True)]
        free = [parse_label(answer) for answer in generate(t5, asked, max_new_tokens=5)]
        low, high = accuracy_interval(sum(right[name]), len(truth))
        row = table.loc[name]
        assert row["accuracy"] == pytest.approx(sum(right[name]) / len(truth))
        assert (row["low"], row["high"]) == pytest.approx((low, high))
        assert row["positive"] == pytest.approx(sum(said) / len(truth))
        assert row["invalid"] == pytest.approx(free.count(None) / len(truth))
        assert row["p"] == pytest.approx(mcnemar(right["exact"], right[name]))
    assert table.loc["source", "invalid"] == 1 and table.loc["exact", "accuracy"] > 0.7


def test_exchanged_labels_give_the_other_answers(t5, reviews):
    straight = compare_prompts(t5, ["sst2 sentence: {text}"], reviews)
    turned = compare_prompts(t5, ["sst2 sentence: {text}"], reviews, ("positive", "negative"))
    assert turned["accuracy"].iloc[0] == pytest.approx(1 - straight["accuracy"].iloc[0])
    assert turned["invalid"].iloc[0] == straight["invalid"].iloc[0]


def test_braces_in_a_review_stay_as_they_are(t5):
    seen = []
    table = compare_prompts(t5, {"f": lambda text: seen.append(text) or f"sst2 sentence: {text}"},
                            reviews_of(["{0} {text} good"], [2]))  # fmt: skip
    braces = compare_prompts(t5, "sst2 sentence: {text}", reviews_of(["{0} {text} good"], [2]))
    assert seen == ["{0} {text} good"]
    assert table["accuracy"].tolist() == braces["accuracy"].tolist()


def test_the_share_of_cut_prompts_stands_in_the_table(t5):
    table = compare_prompts(t5, ["{text}"], reviews_of(["good " * 700, "bad"], [2, 1]))
    assert table["cut"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("prompts", "texts", "labels", "message"),
    [
        (["sst2 sentence:"], ["good"], [2], r"has no \{text\}"),
        ([], ["good"], [2], "There is no prompt to try"),
        (["{text}"], [], [], "There are no reviews"),
        (["{text}"], ["good", " "], [2, 1], "Review 1 is empty"),
        (["{text}"], ["good"], [0], r"Labels must be 1 \(negative\) or 2 \(positive\).*found 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(t5, prompts, texts, labels, message):
    with pytest.raises(ValueError, match=message):
        compare_prompts(t5, prompts, reviews_of(texts, labels))


def test_three_words_for_two_labels_are_refused(t5, reviews):
    with pytest.raises(ValueError, match="two words are needed; got 3"):
        compare_prompts(t5, ["{text}"], reviews, ("bad", "fair", "good"))


def test_a_shown_comparison_has_no_seconds_and_no_p_of_zero(capsys):
    row = {"accuracy": 0.85, "p": 1.0, "seconds": 2.0}
    table = pandas.DataFrame.from_dict(
        {"one": row, "other": {**row, "p": 1e-6}}, orient="index"
    )  # fmt: skip
    show_comparison(table)
    show_comparison(table.drop(columns="p"))
    out = capsys.readouterr().out
    assert "seconds" not in out and "0.000" not in out
    assert "< 0.001" in out and out.count("0.850") == 4
    assert out.count("(the first)") == 1


def test_a_shown_comparison_is_a_table_that_needs_no_style_sheet():
    row = {"accuracy": 0.852, "low": 0.818, "high": 0.88, "invalid": 1.0, "positive": 0.5,
           "p": 1.0, "cut": 0.174, "seconds": 2.0}  # fmt: skip
    table = pandas.DataFrame.from_dict({"<br /> kept": row, "other": row}, orient="index")
    html = comparison_table(table)._repr_mimebundle_()["text/html"]
    assert "<style" not in html and "class=" not in html and "<br />" not in html
    assert "0.818 to 0.880" in html and "100 %" in html and "17 %" in html
    assert html.count('scope="col"') == 7 and html.count('scope="row"') == 2


def test_one_prompt_alone_has_nothing_to_be_compared_with():
    row = {"accuracy": 0.85, "p": 1.0}
    table = comparison_table(pandas.DataFrame.from_dict({"one": row}, orient="index"))
    assert table.head == ["prompt", "accuracy"] and table.rows == [["one", "0.850"]]


@pytest.mark.slow
def test_the_prompt_is_chosen_on_one_part_and_reported_on_the_other(t5, reviews):
    validation, test = reviews.select(range(15)), reviews.select(range(15, 30))
    prompts = {"wrong task": "length: {text}", "exact": to_prompt}
    best, row = fair_comparison(t5, prompts, validation, test)
    assert best == "exact" and list(row.index) == ["exact"]
    alone = compare_prompts(t5, {"exact": to_prompt}, test)
    assert row["accuracy"].tolist() == alone["accuracy"].tolist()


# Threads


@pytest.fixture
def asked(monkeypatch):
    """The trials that were asked for: (owner, prepare, steps); a line is to be printed of each."""
    found = []
    monkeypatch.setattr(
        generation, "choose_threads", lambda *parts: found.append(parts) or "computing with 1 of 2"
    )
    return found


def test_the_threads_are_chosen_once_for_a_comparison(t5, reviews, asked, capsys):
    compare_prompts(t5, ["good? {text}", "bad? {text}"], reviews)
    lines = capsys.readouterr().out.splitlines()
    ((owner, prepare, steps),) = asked
    assert owner is t5.model and lines[0] == "computing with 1 of 2" and len(lines) == 2
    pieces = sum(len(ids) for ids in generation.encode(t5, [f"good? {r}" for r in reviews["text"]]))
    assert steps * generation.BATCH_TOKENS >= pieces  # both prompts, cut at 512
    places, state, _ = prepare()()
    assert len(places) == len(state.last_hidden_state) > 0


def test_the_threads_are_chosen_for_long_runs_only(t5, asked, capsys):
    score_labels(t5, PROMPTS)
    assert asked == [] and capsys.readouterr().out == ""
    score_labels(t5, PROMPTS[:3] * 40)
    assert len(asked) == 1 and capsys.readouterr().out.startswith("computing with 1 of 2\n")
