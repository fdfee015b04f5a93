"""The README's pictures: the lessons' models on the real reviews, nothing drawn by hand.

Run: python benchmarks/pictures.py
pictures/seconds.png:    accuracy against seconds, the models of lessons 02 to 05 and the yardstick.
pictures/attention.png:  the first short test review, as the RNN with attention pooled it. The model
                         is trained here as in lesson 04, with seed 0, in about a minute.
"""

from pathlib import Path

import matplotlib.pyplot as plt

from practicum_utils.data import (
    ReviewDataset,
    Vocabulary,
    hold_out,
    load_reviews,
    make_loader,
    tokenize_all,
)
from practicum_utils.models import AttentionRNN
from practicum_utils.training import RECIPE, fit, set_seed
from practicum_utils.visualize import compare_models
from practicum_utils.visualize.explore import look

FOLDER = Path(__file__).parents[1] / "pictures"
SHORT = range(50, 81)  # words: long enough to be a review, short enough for a README
MODELS = ("mean_embedding", "simple_rnn", "attention_rnn", "transformer")


def draw_seconds(path: Path) -> None:
    """Draw the shipped run of ``benchmarks/records.py``."""
    plt.switch_backend("agg")
    plt.show = lambda: plt.savefig(path, dpi=110)
    compare_models(*MODELS)


def draw_attention(path: Path) -> None:
    """Train lesson 04's model and draw one review."""
    reviews = hold_out(load_reviews())
    vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))
    train_set, validation_set, test_set = (
        ReviewDataset(reviews[part], vocab) for part in ("train", "validation", "test")
    )
    set_seed(0)
    model = AttentionRNN(len(vocab))
    loaders = make_loader(train_set, RECIPE.batch_size, shuffle=True), make_loader(validation_set)
    fit(model, *loaders, RECIPE.epochs, RECIPE.learning_rate)
    index = next(index for index, length in enumerate(test_set.lengths) if int(length) in SHORT)
    view = look(model, test_set, index)
    print(view)
    path.write_bytes(view.png())


def main() -> None:
    """Write both pictures."""
    FOLDER.mkdir(exist_ok=True)
    draw_seconds(FOLDER / "seconds.png")
    draw_attention(FOLDER / "attention.png")


if __name__ == "__main__":
    main()
