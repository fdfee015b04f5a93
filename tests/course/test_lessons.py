"""What a lesson teaches is what the package does, and each planted bug does what it says."""

import ast
import inspect

import datasets
import pytest
import torch
from student_copies import definitions
from torch import nn

from practicum_utils import data, models, prompting, training
from practicum_utils.authoring.build import find_root, read_all
from practicum_utils.bugs import PLANTED
from practicum_utils.bugs.planting import plant, uncover
from practicum_utils.checks.exercises import lesson_of
from practicum_utils.data import tokens
from practicum_utils.models import attention

LESSONS = read_all(find_root())
TEXTS = ["The film was good, the cast too!", "I don't like it.<br />Why? 10/10", "the the end"]


def taught(exercise: str, planted: set[str] = frozenset()) -> dict:
    """Run the imports and definitions of a lesson up to this exercise; return the names."""
    names = {}
    lesson = LESSONS[lesson_of(exercise)]
    for cell in lesson.cells:
        if cell.kind == "code":
            exec(definitions(plant(uncover(cell.text), planted)), names)
        if cell.marks.get("exercise") == exercise:
            return names
    raise AssertionError(f"no exercise {exercise}")


def bare(code: str) -> str:
    """Code without docstrings and type hints, for comparison."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            node.body = [part for part in node.body if not _begins(part)]
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(tree).replace("padding_idx=PAD", "padding_idx=0")


@pytest.mark.parametrize(
    ("exercise", "ours"),
    [
        ("2.1", models.MeanEmbedding),
        ("3.1", models.last_vectors),
        ("3.2", models.reverse_reviews),
        ("3.3", models.SimpleRNN),
        ("4.3", models.AttentionRNN),
        ("5.3", models.MultiHeadAttention),
        ("5.4", models.TransformerBlock),
        ("5.5", models.TransformerClassifier),
    ],
)
def test_models_are_taught_as_they_stand_in_the_package(exercise, ours):
    cells = LESSONS[lesson_of(exercise)].cells
    cell = next(cell for cell in cells if cell.marks.get("exercise") == exercise)
    assert bare(plant(uncover(cell.text), set())) == bare(inspect.getsource(ours))


def _begins(node):
    """A call that shapes how a model begins: a lesson makes it where it trains, for any model."""
    called = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return isinstance(node, ast.Expr) and called & {"small_vectors", "open_gates"}


@pytest.mark.parametrize("text", [*TEXTS, "", "ÉTÉ naïve 👍 O'Neill's 'quoted' _x_", "a--b ?!"])
def test_the_taught_tokenizer_equals_the_package(text):
    assert taught("1.1")["tokenize"](text) == tokens.tokenize(text)


def test_the_taught_vocabulary_equals_the_package():
    lists = [tokens.tokenize(text) for text in TEXTS]
    theirs, ours = taught("1.2")["Vocabulary"].build(lists), data.Vocabulary.build(lists)
    assert theirs.tokens == ours.tokens
    assert [theirs[word] for word in ("<pad>", "<unk>", "the", "flute")] == [0, 1, 4, 1]
    assert theirs.decode(theirs.encode(lists[0])) == lists[0]


def _reviews() -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": TEXTS, "label": [2, 1, 1]})


@pytest.mark.parametrize("max_length", [2, 256])
def test_the_taught_dataset_and_batch_equal_the_package(max_length):
    names = taught("1.4")
    vocab = data.Vocabulary.build([tokens.tokenize(text) for text in TEXTS])
    theirs = names["ReviewDataset"](_reviews(), vocab, max_length)
    ours = data.ReviewDataset(_reviews(), vocab, max_length)
    batches = [names["collate"](list(theirs)), data.collate(list(ours))]
    for one, other in zip(*batches, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


def test_planted_vocabulary_gives_the_commonest_word_the_id_of_the_padding():
    planted = taught("1.2", {"pad-is-a-word"})["Vocabulary"]
    assert planted.build([["the", "the", "end"]])["the"] == 0


def test_planted_dataset_gives_labels_of_one_and_two():
    planted = taught("1.3", {"labels-one-two"})["ReviewDataset"]
    vocab = data.Vocabulary.build([tokens.tokenize(text) for text in TEXTS])
    assert sorted({label.item() for _, label in planted(_reviews(), vocab)}) == [1.0, 2.0]


def _loader(batch_size: int):
    vocab = data.Vocabulary.build([tokens.tokenize(text) for text in TEXTS])
    return data.make_loader(data.ReviewDataset(_reviews(), vocab), batch_size), len(vocab)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_the_taught_epoch_equals_the_package(batch_size):
    loader, vocab_size = _loader(batch_size)
    training.set_seed(0)
    model, loss_fn = models.MeanEmbedding(vocab_size), nn.BCEWithLogitsLoss()
    theirs = taught("2.2")["run_epoch"](model, loader, loss_fn)
    assert theirs == pytest.approx(training.run_epoch(model, loader, loss_fn))


def test_planted_epoch_depends_on_the_batch_size():
    planted = taught("2.2", {"average-of-averages"})["run_epoch"]
    training.set_seed(0)
    (pairs, vocab_size), (whole, _) = _loader(2), _loader(3)
    model, loss_fn = models.MeanEmbedding(vocab_size), nn.BCEWithLogitsLoss()
    assert planted(model, pairs, loss_fn).loss != pytest.approx(planted(model, whole, loss_fn).loss)


@pytest.mark.parametrize(("planted", "growth"), [(set(), 1.0), ({"missing-zero-grad"}, 3.0)])
def test_planted_epoch_adds_up_the_gradients(planted, growth):
    run_epoch = taught("2.2", planted)["run_epoch"]
    loader, vocab_size = _loader(3)
    model, loss_fn = models.MeanEmbedding(vocab_size), nn.BCEWithLogitsLoss()
    still, norms = torch.optim.SGD(model.parameters(), lr=0.0), []
    for _ in range(3):
        run_epoch(model, loader, loss_fn, still)
        norms.append(model.output.weight.grad.norm().item())
    assert norms[-1] / norms[0] == pytest.approx(growth, rel=1e-4)


SCORES = torch.tensor([[0.5, -2.0, 3.0], [1.0, 0.0, 9.0]])
MASK = torch.tensor([[True, True, True], [True, True, False]])


def test_the_taught_softmax_and_pooling_equal_the_package():
    names, states = taught("4.2"), torch.randn(2, 3, 4)
    theirs, ours = (f(SCORES, MASK) for f in (names["masked_softmax"], attention.masked_softmax))
    assert torch.equal(theirs, ours)
    for one, other in zip(
        names["attention_pool"](states, SCORES, MASK),
        attention.attention_pool(states, SCORES, MASK),
        strict=True,
    ):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match="no real token"):
        names["masked_softmax"](SCORES, MASK & False)


@pytest.mark.parametrize("mask", [None, MASK.unsqueeze(1)])
def test_the_taught_self_attention_equals_the_package(mask):
    theirs, x = taught("5.1")["self_attention"], torch.randn(3, 2, 3, 4)
    for wanted in (False, True):
        mixed, weights = theirs(*x, mask, return_weights=wanted)
        ours, our_weights = attention.self_attention(*x, mask, return_weights=wanted)
        assert torch.allclose(mixed, ours, atol=1e-6)
        assert wanted == (weights is not None) == (our_weights is not None)
        assert not wanted or torch.allclose(weights, our_weights, atol=1e-6)


def test_the_taught_positions_equal_the_package():
    theirs = taught("5.2")["positional_encoding"](20, 8)
    assert torch.equal(theirs, attention.positional_encoding(20, 8))


@pytest.mark.parametrize(("planted", "squeezed"), [(set(), False), ({"double-sigmoid"}, True)])
def test_planted_attention_rnn_answers_with_probabilities(planted, squeezed):
    names = taught("4.3", planted)
    names |= {"token_mask": data.token_mask, "reverse_states": models.reverse_states}
    names["PairEmbedding"] = models.PairEmbedding
    training.set_seed(0)
    model = names["AttentionRNN"](50).eval()
    model.output.weight.data *= 500
    logits = model(torch.randint(1, 50, (64, 5)), torch.full((64,), 5))
    assert squeezed == bool(((logits >= 0) & (logits <= 1)).all())


def test_the_planted_learning_rate_is_the_one_of_the_catalogue():
    cells = [cell for cell in LESSONS["05"].cells if "tiny-learning-rate" in cell.bugs()]
    assert len(cells) == 1
    assert "lr=1e-5" in plant(cells[0].text, {"tiny-learning-rate"})
    assert "lr=1e-5" not in plant(cells[0].text, set())


@pytest.fixture(scope="module")
def tiny_t5():
    return prompting.load_t5("tiny", torch.device("cpu"))


@pytest.mark.parametrize("text", ["Good.<br /><br />Very\n good!", " a  b ", "good"])
def test_the_taught_prompt_equals_the_package(text):
    ours = taught("6.1")["to_prompt"]
    assert ours(text) == prompting.to_prompt(text)
    for prefix in ("source:", ""):
        assert ours(text, prefix) == prompting.to_prompt(text, prefix)


@pytest.mark.parametrize("limit", [1, 2, 20])
@pytest.mark.parametrize("prompt", ["sst2 sentence: a fine film", "a <extra_id_0> film"])
def test_the_taught_decoding_equals_the_package(tiny_t5, prompt, limit):
    names = taught("6.3")
    ids = names["greedy"](tiny_t5, prompt, limit)
    assert ids == prompting.greedy(tiny_t5, prompt, limit)
    assert names["to_text"](tiny_t5, ids) == prompting.to_text(tiny_t5, ids)


@pytest.mark.parametrize("answer", ["positive", " NEGATIVE ", "not positive", "", "posit", "imdb"])
def test_the_taught_parser_equals_the_package(answer):
    assert taught("6.4")["parse_label"](answer) == prompting.parse_label(answer)


def test_planted_decoding_keeps_the_marks_so_that_no_answer_is_a_label(tiny_t5):
    ids = prompting.greedy(tiny_t5, "sst2 sentence: a fine film")
    text = taught("6.3", {"special-tokens-kept"})["to_text"](tiny_t5, ids)
    assert text == "<pad> positive</s>" and prompting.parse_label(text) is None


def test_planted_model_raises_for_its_shapes():
    planted = taught("3.3", {"linear-input-size"})["SimpleRNN"](10)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        planted(torch.tensor([[4, 5]]), torch.tensor([2]))


def test_the_lessons_plant_the_bugs_that_the_catalogue_says():
    planted = {bug for lesson in LESSONS.values() for cell in lesson.cells for bug in cell.bugs()}
    assert planted >= set(PLANTED)  # and bugs that belong to no lesson, wherever they fit


@pytest.mark.parametrize("lesson", ["03", "04", "05"])
def test_the_networks_are_trained_by_the_one_recipe(lesson):
    text = "\n".join(cell.text for cell in LESSONS[lesson].cells)
    for name in training.RECIPE._fields:
        assert f"RECIPE.{name}" in text
    call = "fit(model, train_loader, validation_loader, RECIPE.epochs, RECIPE.learning_rate)"
    assert text.count(call) == 1
