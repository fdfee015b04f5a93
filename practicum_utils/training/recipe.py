"""The one recipe by which lessons and benchmarks train, so that only the model differs."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """How a network is trained: the tokens it may see, how often, how fast, how many at once.

    max_length: tokens of a review, its last ones.  epochs: passes through the training reviews.
    learning_rate: of Adam at the first step; ``fit`` lets it fall to 0.  batch_size: reviews.
    """

    max_length: int
    epochs: int
    learning_rate: float
    batch_size: int


RECIPE = Recipe(max_length=256, epochs=3, learning_rate=4e-3, batch_size=64)
