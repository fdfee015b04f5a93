"""First embeddings for the tiny T5: words that tell a text's label and source point that way."""

import numpy as np
import torch
from t5_corpus import Corpus
from t5_tokenizer import PAD
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

EPOCHS, LEARNING_RATE = 4, 3e-3
HIDDEN_SHARE = 0.4  # of the pieces of a text, so that no single word is leaned on
BATCH, LONGEST = 64, 512


def warm_start(corpus: Corpus, vocab_size: int, width: int, seed: int) -> torch.Tensor:
    """Return embeddings (V, E) whose mean over a text already tells its label and its source.

    They are centred, so that the mean of a text has only what is special about it, and of standard
    deviation 1, T5's own, so that the blocks add to them and do not drown them. Without this start
    the attention of a small model hardly finds the words that matter (accuracy near 0.7).
    The padding id, with which every answer starts, gets a random vector: a query of zeros would
    ask the encoder for nothing.
    """
    torch.manual_seed(seed)
    rng, order = np.random.default_rng(seed), corpus.turns()
    bag = nn.EmbeddingBag(vocab_size, width, mode="mean", padding_idx=PAD)
    nn.init.normal_(bag.weight, std=0.1)
    linear = nn.Linear(width, 2)
    parameters = [*bag.parameters(), *linear.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
    parts = [part for _ in range(EPOCHS) for part in _parts(rng.permutation(order))]
    for step, places in enumerate(parts):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / len(parts))
        flat, starts, wanted = _bags(corpus, places)
        flat = flat.where(torch.rand(len(flat)) > HIDDEN_SHARE, PAD)
        loss = binary_cross_entropy_with_logits(linear(bag(flat, starts)), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"warm start, {EPOCHS} epochs: loss of the last batch {loss.item():.3f}")
    return _centred(bag.weight.detach(), corpus)


def _parts(order: np.ndarray) -> list[np.ndarray]:
    return np.array_split(order, range(BATCH, len(order), BATCH))


def _bags(corpus: Corpus, places) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The last pieces of some texts in one row, where each begins, and (B, 2) of 0 and 1."""
    rows = [corpus.pieces[place][-LONGEST:] for place in places]
    starts = np.cumsum([0, *map(len, rows)])[:-1]
    wanted = [[corpus.labels[place] - 1.0, float(corpus.sources[place])] for place in places]
    flat = [piece for row in rows for piece in row]
    return torch.tensor(flat), torch.tensor(starts), torch.tensor(wanted)


def _centred(embeddings: torch.Tensor, corpus: Corpus) -> torch.Tensor:
    every = torch.tensor([piece for row in corpus.pieces for piece in row])
    counts = torch.bincount(every, minlength=len(embeddings)).float()
    centred = embeddings - counts @ embeddings / counts.sum()
    centred /= centred.std()
    centred[PAD] = torch.randn(embeddings.shape[1])
    return centred
