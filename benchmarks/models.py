"""Training speed of the course's models against the plain way and against the bare kernel.

Run: python benchmarks/models.py
Real tokens per second, padding not counted, of the training loop; every way sees the same reviews
in this one process, taking turns, and the best of its turns counts, as other programs only slow it.
The number of threads is chosen once, for our AttentionRNN, and is the same for all.

plain AttentionRNN:   pack_padded_sequence, batches of random lengths, PyTorch's default Adam.
plain Transformer:    nn.TransformerEncoder(dropout=0.1) in the same sizes, on our own batches.
bare kernel:          forward and backward of our model on tensors that lie ready, nothing else.
"""

import time
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.data import Subset

from practicum_utils.data import (
    Batch,
    ReviewDataset,
    Vocabulary,
    load_reviews,
    make_loader,
    padding_share,
    token_mask,
    tokenize_all,
)
from practicum_utils.models import AttentionRNN, TransformerClassifier
from practicum_utils.support.environment import choose_threads, hold_threads
from practicum_utils.training import run_epoch, set_seed

REVIEWS, TURNS = 640, 3  # 10 batches of 64


class PackedAttentionRNN(AttentionRNN):
    """The same model as tutorials write it: one bidirectional LSTM on a packed sequence."""

    def __init__(self, vocab_size: int):
        super().__init__(vocab_size)
        self.forward_rnn = self.backward_rnn = None
        self.rnn = nn.LSTM(64, 64, batch_first=True, bidirectional=True)

    def read(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        embedded = self.dropout(self.embedding(token_ids))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return torch.cat([states, self.pairs(token_ids)], dim=2)


class StockTransformer(TransformerClassifier):
    """The same model with PyTorch's encoder in place of our blocks."""

    def __init__(self, vocab_size: int):
        super().__init__(vocab_size)
        layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.1, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        mask = token_mask(lengths, token_ids.shape[1])
        x = self.dropout(self.embedding(token_ids))
        x = self.blocks(x, src_key_padding_mask=~mask)
        x = torch.cat([self.norm(x), self.pairs(token_ids)], dim=2)
        mean = (x * mask.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)
        return self.output(self.dropout(torch.relu(self.hidden(mean)))).squeeze(1)


def training(model: nn.Module, batches: Iterable[Batch], fused: bool) -> Callable[[], None]:
    """One epoch of training with Adam, as a function to be timed."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
    return lambda: run_epoch(model, batches, nn.BCEWithLogitsLoss(), optimizer)


def kernel(model: nn.Module, batches: list[Batch]) -> Callable[[], None]:
    """Forward and backward alone, on tensors that lie ready."""

    def run() -> None:
        model.train()
        for batch in batches:
            model.zero_grad()
            logits = model(batch.token_ids, batch.lengths)
            nn.functional.binary_cross_entropy_with_logits(logits, batch.labels).backward()

    return run


def best_seconds(ways: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Let the ways take turns; return each one's fastest turn."""
    seconds = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    return {name: min(times) for name, times in seconds.items()}


def report(title: str, seconds: dict[str, float], tokens: int) -> None:
    """Print tokens per second of each way and the ratios of the first to the others."""
    print(f"\n{title}, {tokens:,} real tokens, best of {TURNS} turns")
    first = next(iter(seconds.values()))
    for name, time_taken in seconds.items():
        ratio = f"ours / this = {time_taken / first:.2f}"
        print(f"  {name:<14} {tokens / time_taken:>9,.0f} tokens/s   {ratio}")


def main() -> None:
    """Print the number of threads, the share of padding and both comparisons."""
    reviews = load_reviews()
    vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))
    dataset = ReviewDataset(reviews["train"], vocab, max_length=256)
    share = padding_share(make_loader(dataset, shuffle=True))
    few = Subset(dataset, range(REVIEWS))
    bucketed, mixed = make_loader(few, shuffle=True), make_loader(few, shuffle=True, bucket=False)
    ready, tokens = list(bucketed), int(dataset.lengths[:REVIEWS].sum())
    model = AttentionRNN(len(vocab))
    choose_threads(model, lambda: kernel(model, ready[:1]), TURNS * len(ready))
    print(f"threads: {torch.get_num_threads()}; padding of our epoch: {share:.1%}, ", end="")
    print(f"of random batches: {padding_share(make_loader(dataset, bucket=False)):.1%}")
    with hold_threads():
        compare(vocab, bucketed, mixed, tokens)


def compare(vocab: Vocabulary, bucketed, mixed, tokens: int) -> None:
    """Print both comparisons, of loaders with the same reviews and real tokens."""
    ready = list(bucketed)
    for title, ours, plain, batches, fused in (
        ("AttentionRNN", AttentionRNN, PackedAttentionRNN, mixed, False),
        ("TransformerClassifier", TransformerClassifier, StockTransformer, bucketed, True),
    ):
        set_seed(0)
        ways = {
            "ours": training(ours(len(vocab)), bucketed, fused=True),
            "plain": training(plain(len(vocab)), batches, fused),
            "bare kernel": kernel(ours(len(vocab)), ready),
        }
        report(title, best_seconds(ways), tokens)


if __name__ == "__main__":
    main()
