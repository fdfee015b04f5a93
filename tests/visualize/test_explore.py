"""Choosing a review, with and without a widget: right numbers, and a picture that is saved."""

import copy
import math
import os
import re
import sys

import datasets
import nbformat
import pytest
import torch
from nbclient import NotebookClient
from tiers import HANGS
from torch.utils.data import Subset

from practicum_utils.data import ReviewDataset, Vocabulary
from practicum_utils.models import AttentionRNN, SimpleRNN, TransformerClassifier
from practicum_utils.visualize import explore_attention, look_at_text, predict_then_reveal

WORDS = "the film was good cast too dull long and dreadful !".split()
TEXTS = [
    "The film was good, the cast too!",
    "dreadful",
    "The zebra was good",
    "the cast was good and the film was dull and long and dull",
]
LABELS, NAMES = [2, 1, 2, 1], ["positive", "negative", "positive", "negative"]
MAX_LENGTH = 6
# What the models read of each review: its last words.
READ = [
    ["was", "good", "the", "cast", "too", "!"],
    ["dreadful"],
    ["the", "zebra", "was", "good"],
    ["was", "dull", "and", "long", "and", "dull"],
]
REVIEWS = pytest.mark.parametrize("index", range(4))


def make_reviews(texts=TEXTS, labels=LABELS):
    table = datasets.Dataset.from_dict({"text": texts, "label": labels})
    return ReviewDataset(table, Vocabulary(WORDS), MAX_LENGTH)


def make_model(kind, seed=0):
    """A model with dropout on and weights as large as after training, in front of all words."""
    torch.manual_seed(seed)
    sizes = {"num_heads": 2, "layers": 2} if kind is TransformerClassifier else {"hidden_size": 6}
    model = kind(4 + len(WORDS), 8, **sizes).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.7)
    return model


@pytest.fixture
def reviews():
    return make_reviews()


@pytest.fixture(params=[AttentionRNN, TransformerClassifier], ids=lambda kind: kind.__name__)
def model(request):
    return make_model(request.param)


# The same numbers, computed again


def read(model, words):
    """The logit and the weight of each word, as floats."""
    ids = [4 + WORDS.index(word) if word in WORDS else 1 for word in words]
    twin = copy.deepcopy(model).double().eval()
    logits, weights = twin(torch.tensor([ids]), torch.tensor([len(ids)]), return_weights=True)
    # A Transformer has one row for each layer, head and place that looks, an RNN one in all.
    rows = weights[0].reshape(-1, len(ids)).tolist()
    received = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return logits.item(), received


def effects(model, words):
    """What the logit loses without each word."""
    whole = read(model, words)[0]
    return [whole - read(model, words[:i] + words[i + 1 :])[0] for i in range(len(words))]


def assert_shows(view, model, words):
    """The picture is of these words, with the model's answer, weights and effects."""
    logit, weights = read(model, words)
    assert list(view.tokens) == words
    assert view.weights.tolist() == pytest.approx(weights, abs=1e-5)
    if len(words) > 1:
        assert view.effects.tolist() == pytest.approx(effects(model, words), abs=1e-5)
    side, probability = "positive" if logit > 0 else "negative", 1 / (1 + math.exp(-logit))
    sentence = f"Predicted {side} (logit {logit:+.2f}, probability of positive {probability:.2f})."
    assert sentence in flat(view) and sentence in view.html()


def flat(text):
    """A text without its line ends."""
    return " ".join(str(text).split())


def test_the_models_of_these_tests_answer_either_way_and_look_unevenly():
    readings = [
        read(make_model(kind), words)
        for kind in (AttentionRNN, TransformerClassifier)
        for words in READ
    ]
    assert {logit > 0 for logit, _ in readings} == {True, False}
    assert max(max(weights) * len(weights) for _, weights in readings) > 1.3


# One review


@REVIEWS
def test_the_picture_of_a_review_shows_what_the_model_made_of_it(model, reviews, index):
    view = explore_attention(model, reviews, index=index)
    assert_shows(view, model, READ[index])
    heading = f"Review {index}, labelled {NAMES[index]}."
    assert heading in str(view) and heading in view.html()
    assert model.training and model.dropout.training


@pytest.mark.parametrize("more", [{}, {"guess": "cast"}], ids=["explore", "guess"])
def test_a_picture_asks_the_model_for_its_weights_once(model, reviews, more):
    asked = []
    model.register_forward_hook(lambda *parts: asked.append(parts[2]), with_kwargs=True)
    (predict_then_reveal if more else explore_attention)(model, reviews, index=0, **more)
    assert asked.count({"return_weights": True}) == 1


@REVIEWS
def test_words_that_were_cut_or_not_known_are_told_where_there_are_any(model, reviews, index):
    text = flat(explore_attention(model, reviews, index=index))
    assert re.findall(r"(\d+) of its (\d+) words were cut", text) == {
        0: [("2", "8")], 3: [("7", "13")]
    }.get(index, [])  # fmt: skip
    assert re.findall(r"Read as <unk>: (.*?)\.", text) == (["zebra"] if index == 2 else [])


def test_of_many_unknown_words_five_are_named_and_the_others_counted(model):
    text = "u v w x y z z"
    view = look_at_text(model, text, Vocabulary(WORDS))
    assert "Read as <unk>: u, v, w, x, y and 1 more." in str(view)


def test_a_review_of_one_word_is_shown_without_a_measurement_and_with_the_reason(model, reviews):
    view = explore_attention(model, reviews, index=1)
    assert view.weights.tolist() == [1.0] and view.effects is None
    for form in (str(view), view.html()):
        assert "With one word there is no order" in form and "not measured" in form


def test_a_longer_review_has_its_agreement_beside_it(model, reviews):
    text = str(explore_attention(model, reviews, index=0))
    assert "Kendall's tau" in text and "not measured" not in text and "With one word" not in text


def test_a_subset_is_looked_through(model, reviews):
    subset = Subset(Subset(reviews, [3, 0, 2]), [0, 2])  # other labels than in 0 and 1
    for index, place in enumerate([3, 2]):
        view = explore_attention(model, subset, index=index)
        assert_shows(view, model, READ[place])
        assert str(view).startswith(f"Review {index}, labelled {NAMES[place]}.")
    assert list(predict_then_reveal(model, subset, 0, "dull").tokens) == READ[3]


BOTH_FUNCTIONS = pytest.mark.parametrize(
    "call",
    [explore_attention, lambda *parts: predict_then_reveal(*parts, guess="good")],
    ids=["explore_attention", "predict_then_reveal"],
)


@BOTH_FUNCTIONS
@pytest.mark.parametrize("index", [4, -1, 1_000])
def test_a_review_that_is_not_there_is_refused(model, reviews, call, index):
    with pytest.raises(IndexError, match=rf"no review {index}; there are 0 to 3"):
        call(model, reviews, index)


@BOTH_FUNCTIONS
@pytest.mark.parametrize("wrong", [TEXTS, TEXTS[0], datasets.Dataset.from_dict({"text": TEXTS})])
def test_reviews_of_another_kind_are_refused(model, call, wrong):
    with pytest.raises(TypeError, match=rf"ReviewDataset.*got {type(wrong).__name__}.*look_at_te"):
        call(model, wrong, 0)


@BOTH_FUNCTIONS
def test_a_model_without_weights_is_refused(reviews, call):
    with pytest.raises(TypeError, match=r"SimpleRNN gives no attention weights.*return_weights"):
        call(make_model(SimpleRNN), reviews, 0)


@pytest.mark.parametrize("call", [explore_attention, lambda *parts: predict_then_reveal(*parts, 0)])
def test_a_model_without_weights_is_refused_before_anything_is_shown(reviews, call, shown):
    with pytest.raises(TypeError, match="SimpleRNN gives no attention weights"):
        call(make_model(SimpleRNN), reviews)
    assert shown == []


# A text of one's own


@pytest.mark.parametrize("text", ["Good cast, dull ZEBRA!", "good", "the " * 300])
def test_a_text_is_read_whole_as_the_model_would(model, text):
    view = look_at_text(model, text, Vocabulary(WORDS))
    words = text.lower().replace(",", "").replace("!", " !").split()
    if len(words) < 10:
        assert_shows(view, model, words)
    assert list(view.tokens) == words and str(view).startswith("Your text.")


@pytest.mark.parametrize("text", ["", "   ", "... --", "<br />"])
def test_a_text_without_a_word_is_refused(model, text):
    with pytest.raises(ValueError, match="no words"):
        look_at_text(model, text, Vocabulary(WORDS))


# A guess


def percent(text, pattern):
    return [float(number) for number in re.search(pattern, text).groups()]


@pytest.mark.parametrize("index", [0, 2, 3])
@pytest.mark.parametrize("guess", ["Was, dull", ["was", "dull"], "good was", ["GOOD", "zebra and"]])
def test_a_guess_is_scored_as_a_count_by_hand_does(model, reviews, index, guess):
    words = READ[index]
    guessed = set(re.findall("[a-z]+", str(guess).lower()))
    view = predict_then_reveal(model, reviews, index, guess)
    assert_shows(view, model, words)
    text, sizes = flat(view), [abs(effect) for effect in effects(model, words)]
    chosen = [i for i, word in enumerate(words) if word in guessed]
    here = ", ".join(sorted(guessed & set(words)))
    assert f"Your words: {here} ({len(chosen)} of {len(words)} places)." in text
    weights = read(model, words)[1]
    expected = [100 * sum(weights[i] for i in chosen), 100 * len(chosen) / len(words)]
    found = percent(text, r"have (\d+)% of the weight \(an even share would be (\d+)%\)")
    assert found == pytest.approx(expected, abs=0.51)
    share = 100 * sum(sizes[i] for i in chosen) / sum(sizes)
    assert percent(
        text, r"have (\d+)% of the effect \(leave-one-out, on the logit"
    ) == pytest.approx([share], abs=0.51)


@pytest.mark.parametrize("guess", ["good", "the good cast", "was dull"])
@pytest.mark.parametrize("index", [0, 3])
def test_the_words_with_the_largest_effect_are_named_once_and_counted(model, reviews, index, guess):
    if not set(guess.split()) & set(READ[index]):
        guess += f" {READ[index][0]}"
    text = flat(predict_then_reveal(model, reviews, index, guess))
    largest = {}
    for word, effect in zip(READ[index], effects(model, READ[index]), strict=True):
        largest[word] = max(abs(effect), largest.get(word, 0))
    strongest = sorted(largest, key=largest.get, reverse=True)[:5]
    hits = len(set(guess.split()) & set(strongest))
    named = f"{hits} of the {len(strongest)} words with the largest effect: {', '.join(strongest)}."
    assert named in text


def test_words_that_are_not_in_the_review_are_named(model, reviews):
    text = flat(predict_then_reveal(model, reviews, 0, "zebra good movie"))
    assert "Your words: good (1 of 6 places)." in text
    assert "Not in this review: movie, zebra." in text
    assert "Not in this review" not in str(predict_then_reveal(model, reviews, 0, "good cast"))


def test_a_word_that_was_cut_is_not_in_the_review(model, reviews, capsys):
    assert predict_then_reveal(model, reviews, 0, "film") is None
    assert "None of these words is in the review" in capsys.readouterr().out


@pytest.mark.parametrize("guess", ["", "   ", "\n", [], [""], "...", ["--", " "]])
def test_an_empty_guess_reveals_nothing_and_is_told_what_to_write(model, reviews, guess, capsys):
    assert predict_then_reveal(model, reviews, 0, guess) is None
    told = capsys.readouterr().out
    assert told == (
        "There is no guess yet; write three to six words of the review that you think decide.\n"
    )


@pytest.mark.parametrize("guess", ["zebra", ["zebra", "movie"]])
def test_a_guess_without_a_word_of_the_review_reveals_nothing(model, reviews, guess, capsys):
    assert predict_then_reveal(model, reviews, 0, guess) is None
    told = capsys.readouterr().out
    assert "name words that stand in it" in told and "weight" not in told


def test_a_guess_about_a_review_of_one_word_is_scored_by_weight_alone(model, reviews):
    text = flat(predict_then_reveal(model, reviews, 1, "dreadful film"))
    assert "Your words: dreadful (1 of 1 place)." in text
    assert "They have 100% of the weight (an even share would be 100%)." in text
    assert "leave-one-out" not in text and "not measured" in text


# Widgets, without a notebook


def test_the_list_names_each_review(reviews, shown):
    explore_attention(make_model(AttentionRNN), reviews)
    options = shown[0].options
    assert [value for _, value in options] == [0, 1, 2, 3]
    for (title, index), name in zip(options, NAMES, strict=True):
        assert title.startswith(f"{index} ({name}): {' '.join(READ[index])}")


def test_a_long_list_of_reviews_stays_short_enough_to_choose_from(shown):
    reviews = make_reviews(["good film"] * 300, [1] * 300)
    explore_attention(make_model(AttentionRNN), reviews)
    assert 100 <= len(shown[0].options) <= 250


@pytest.mark.parametrize("index", [2, 1, 3])
def test_choosing_shows_what_the_index_shows(model, reviews, shown, index):
    assert explore_attention(model, reviews) is None
    choice, first = shown
    assert str(first) == str(explore_attention(model, reviews, index=0))
    choice.value = index
    assert len(shown) == 3 and str(shown[2]) == str(explore_attention(model, reviews, index=index))


def test_typing_words_shows_what_the_guess_shows(model, reviews, shown, capsys):
    assert predict_then_reveal(model, reviews, 3) is None
    assert " ".join(READ[3]) in capsys.readouterr().out
    box, before = shown
    assert "weight" not in str(before)
    box.value = " "
    assert shown[2].startswith("There is no guess yet")
    box.value = "dull"
    assert str(shown[3]) == str(predict_then_reveal(model, reviews, 3, "dull"))


def words_of(table):
    """The words that a ReviewDataset has of the first text of a table."""
    return ReviewDataset(table, Vocabulary(WORDS), 99).tokens(0)


def test_the_review_over_the_box_is_printed_with_its_words_whole(shown, capsys):
    words = ["a-rather-long-hyphened-word", "film", "w" * 40] * 12
    table = datasets.Dataset.from_dict({"text": [" ".join(words)], "label": [2]})
    predict_then_reveal(make_model(AttentionRNN), ReviewDataset(table, Vocabulary(WORDS), 99), 0)
    above = capsys.readouterr().out.partition("Review 0:\n")[2].partition("\n\n")[0]
    assert above.split() == words_of(table)
    assert max(map(len, above.splitlines())) <= 96


@pytest.mark.parametrize("index", [4, -1])
def test_a_review_that_is_not_there_gets_no_box(reviews, shown, index):
    with pytest.raises(IndexError, match="no review"):
        predict_then_reveal(make_model(AttentionRNN), reviews, index)
    assert shown == []


# Without ipywidgets


@pytest.fixture
def without_ipywidgets(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)


@pytest.mark.usefixtures("without_ipywidgets")
@pytest.mark.parametrize(
    ("call", "instead"),
    [(explore_attention, "index="), (lambda *parts: predict_then_reveal(*parts, 0), "guess=")],
)
def test_without_ipywidgets_the_argument_that_chooses_is_named(reviews, call, instead):
    with pytest.raises(ImportError, match=f"needs ipywidgets.*{instead}"):
        call(make_model(AttentionRNN), reviews)


@pytest.mark.usefixtures("without_ipywidgets")
def test_without_ipywidgets_the_arguments_do_the_same(model, reviews):
    assert str(explore_attention(model, reviews, 0)).startswith("Review 0")
    assert str(predict_then_reveal(model, reviews, 0, "good")).startswith("Review 0")
    assert str(look_at_text(model, "good", Vocabulary(WORDS))).startswith("Your text")


# Widgets, in a kernel

SETUP = f"""
import gc
import datasets, ipywidgets, torch
from practicum_utils.data import ReviewDataset, Vocabulary
from practicum_utils.visualize import explore_attention, predict_then_reveal
from practicum_utils.models import AttentionRNN

table = datasets.Dataset.from_dict({{"text": {TEXTS!r}, "label": {LABELS!r}}})
vocab = Vocabulary({WORDS!r})
reviews = ReviewDataset(table, vocab, {MAX_LENGTH})
torch.manual_seed(0)
model = AttentionRNN(len(vocab), 8, 6)

def widget(kind):
    (found,) = [thing for thing in gc.get_objects() if type(thing) is kind]
    return found
"""
LIST, CHOSEN, BOX, WRONG, RIGHT = range(1, 6)  # the cells
CELLS = [
    SETUP,
    "explore_attention(model, reviews)",
    "widget(ipywidgets.Dropdown).value = 2",
    "predict_then_reveal(model, reviews, 3)",
    "widget(ipywidgets.Text).value = 'zebra'",
    "widget(ipywidgets.Text).value = 'dull'",
]
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The outputs of all cells as they stood after each cell: ``played[after][cell]``."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    states = []

    def remember(**parts):
        states.append([copy.deepcopy(cell.outputs) for cell in notebook.cells])

    client = NotebookClient(
        notebook, timeout=HANGS, startup_timeout=HANGS, kernel_name="python3",
        on_cell_executed=remember,
        resources={"metadata": {"path": str(folder)}}, extra_arguments=["--log-level=ERROR"],
    )  # fmt: skip
    client.execute(env={**os.environ, "PRACTICUM_HOME": str(folder)})
    assert len(states) == len(CELLS)
    return states


def forms(outputs, kind):
    """What the outputs hold in one form, widgets aside."""
    data = [output.get("data", {}) for output in outputs]
    return [each[kind] for each in data if kind in each and WIDGET not in each]


@pytest.mark.slow
def test_the_first_picture_is_an_ordinary_output_beside_the_list(played):
    outputs = played[LIST][LIST]
    assert sum(WIDGET in output.get("data", {}) for output in outputs) == 1
    (html,), (text,) = forms(outputs, "text/html"), forms(outputs, "text/plain")
    assert "Review 0, labelled positive." in html and "Review 0, labelled positive." in text
    assert {output.output_type for output in outputs} == {"display_data"}


@pytest.mark.slow
def test_the_saved_picture_becomes_that_of_the_review_chosen(played):
    outputs = played[CHOSEN][LIST]
    assert len(outputs) == len(played[LIST][LIST])
    (html,), (text,) = forms(outputs, "text/html"), forms(outputs, "text/plain")
    for form in (html, text):
        assert "Review 2, labelled positive." in form and "zebra" in form
        assert "Review 0" not in form
    assert played[CHOSEN][CHOSEN] == []  # it is not drawn in the cell that chose


@pytest.mark.slow
def test_before_a_guess_the_review_is_told_and_nothing_of_the_answer(played):
    outputs = played[BOX][BOX]
    assert sum(WIDGET in output.get("data", {}) for output in outputs) == 1
    assert forms(outputs, "text/html") == []
    told = "".join(output.get("text", "") for output in outputs)
    told += "".join(forms(outputs, "text/plain"))
    assert " ".join(READ[3]) in told
    assert not re.search(r"\d\.\d|%|weight|positive|negative", told)


@pytest.mark.slow
def test_a_guess_beside_the_review_is_told_so_and_reveals_nothing(played):
    outputs = played[WRONG][BOX]
    assert forms(outputs, "text/html") == []
    (text,) = forms(outputs, "text/plain")
    assert text.startswith("None of these words is in the review")
    assert played[WRONG][WRONG] == []


@pytest.mark.slow
def test_a_guess_reveals_the_picture_in_the_place_of_the_sentence(played):
    outputs = played[RIGHT][BOX]
    (html,), (text,) = forms(outputs, "text/html"), forms(outputs, "text/plain")
    assert "Your words: dull (2 of 6 places)." in html and "Highest weights" in html
    assert "Your words: dull (2 of 6 places)." in flat(text) and "None of these" not in text
    assert len(outputs) == len(played[BOX][BOX])


@pytest.mark.slow
def test_no_cell_of_the_notebook_printed_an_error(played):
    outputs = [output for cell in played[-1] for output in cell]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert not [output for output in outputs if output.output_type == "error"]
