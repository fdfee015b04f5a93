"""More forms of the same bugs, written when the doctor had learned from the first ones.

Most are made of the package's own models, as a learner of the course would break them.
"""

import math
from functools import partial

import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from practicum_utils.clinic.programs.controls import program, usual
from practicum_utils.clinic.programs.forms import D, Gru, with_parameters
from practicum_utils.clinic.programs.forms import form as enter
from practicum_utils.clinic.programs.reviews import VOCAB_SIZE, load, make_reviews
from practicum_utils.data import PAD, token_mask
from practicum_utils.models import AttentionRNN, SimpleRNN, TransformerClassifier, attention_pool
from practicum_utils.training import Metrics

LATER_FORMS = {}
form = partial(enter, forms=LATER_FORMS)


class Small(AttentionRNN):
    """``AttentionRNN`` at the programs' size, without pairs."""

    def __init__(self):
        super().__init__(VOCAB_SIZE, D, D, dropout=0.2, pair_size=0)


# Models


@form("last-token-lost")
class BothReadersOneTooEarly(SimpleRNN):
    """lengths - 2: the forward reader loses the last word, the backward one the first."""

    def __init__(self):
        super().__init__(VOCAB_SIZE, D, D, dropout=0.2)

    def read(self, rnn, token_ids, lengths):
        states, _ = rnn(self.dropout(self.embedding(token_ids)))
        return states[torch.arange(len(lengths)), (lengths - 2).clamp(min=0)]


@form("backward-reads-padding")
class FlipsThePadding(SimpleRNN):
    def __init__(self):
        super().__init__(VOCAB_SIZE, D, D, dropout=0.2)

    def forward(self, token_ids, lengths):
        whole = torch.full_like(lengths, token_ids.shape[1])
        forward_last = self.read(self.forward_rnn, token_ids, lengths)
        backward_last = self.read(self.backward_rnn, token_ids.flip(1), whole)
        hidden = torch.relu(self.hidden(torch.cat([forward_last, backward_last], dim=1)))
        return self.output(self.dropout(hidden)).squeeze(1)


@form("no-pad-mask")
class MaskOfAllTrue(Small):
    def forward(self, token_ids, lengths, return_weights=False):
        states = self.read(token_ids, lengths)
        scores = self.score(torch.tanh(self.attention(states))).squeeze(2)
        mask = token_mask(torch.full_like(lengths, token_ids.shape[1]), token_ids.shape[1])
        pooled, _ = attention_pool(states, scores, mask)
        return self.output(self.dropout(torch.relu(self.hidden(pooled)))).squeeze(1)


@form("dropout-always-on")
class DropsWeights(Small):
    def forward(self, token_ids, lengths, return_weights=False):
        states = self.read(token_ids, lengths)
        scores = self.score(torch.tanh(self.attention(states))).squeeze(2)
        _, weights = attention_pool(states, scores, token_mask(lengths, token_ids.shape[1]))
        weights = functional.dropout(weights, 0.1)
        pooled = (weights.unsqueeze(1) @ states).squeeze(1)
        return self.output(self.dropout(torch.relu(self.hidden(pooled)))).squeeze(1)


@form("double-sigmoid")
class ProbabilitiesOfAttention(Small):
    def forward(self, token_ids, lengths, return_weights=False):
        return super().forward(token_ids, lengths).sigmoid()


class SmallTransformer(TransformerClassifier):
    """``TransformerClassifier`` at the programs' size, without pairs."""

    def __init__(self):
        sizes = {"num_heads": 2, "inner_size": 2 * D, "pair_size": 0}
        super().__init__(VOCAB_SIZE, D, dropout=0.2, **sizes)

    def forward(self, token_ids, lengths, return_weights=False):
        mask = token_mask(lengths, token_ids.shape[1])
        x = self.dropout(self.embedding(token_ids))
        for block in self.blocks:
            x, _ = block(x, self.seen(mask))
        total = (self.norm(x) * mask.unsqueeze(2)).sum(dim=1)
        hidden = torch.relu(self.hidden(total / self.count(mask)))
        return self.output(self.dropout(hidden)).squeeze(1)

    def seen(self, mask):
        return mask

    def count(self, mask):
        return mask.sum(dim=1, keepdim=True)


@form("no-positions")
class ForgetsPositions(SmallTransformer):
    pass


@form("mean-over-padding")
class DividesByT(SmallTransformer):
    def count(self, mask):
        return mask.shape[1]


@form("no-pad-mask")
class BlocksWithoutMask(SmallTransformer):
    def seen(self, mask):
        return torch.ones_like(mask)


@form("batch-first-lstm")
class Permuted(Gru):
    def summary(self, token_ids, lengths):
        states, _ = self.gru(self.embed(token_ids).permute(1, 0, 2))
        return states.permute(1, 0, 2)[torch.arange(len(lengths)), lengths - 1]


@form("view-not-transpose")
class LayersSideBySide(Gru):
    """Two layers, both last states; h_n is (2, B, H)."""

    def __init__(self):
        super().__init__()
        self.gru = nn.LSTM(D, D, num_layers=2, batch_first=True)
        self.head[0] = nn.Linear(2 * D, D)

    def summary(self, token_ids, lengths):
        x = self.embed(token_ids)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
        return self.gru(packed)[1][0].reshape(len(lengths), -1)


@form("state-carried-over")
class NeverDetached(Gru):
    """A second backward pass runs into the graph of the first batch, and raises."""

    state = None

    def summary(self, token_ids, lengths):
        if self.state is not None and self.state.shape[1] != len(lengths):
            self.state = None
        states, self.state = self.gru(self.embed(token_ids), self.state)
        return states[torch.arange(len(lengths)), lengths - 1]


@form("graph-cut-encoder")
class DecoratedNoGrad(Gru):
    @torch.no_grad()
    def summary(self, token_ids, lengths):
        return super().summary(token_ids, lengths)


@form("optimizer-misses-layers")
class LayersInAList(Gru):
    """A plain list hides its layers from ``parameters()``."""

    def __init__(self):
        super().__init__()
        self.gru = None
        self.layers = [nn.GRU(D, D, batch_first=True)]

    def summary(self, token_ids, lengths):
        states, _ = self.layers[0](self.embed(token_ids))
        return states[torch.arange(len(lengths)), lengths - 1]


# Labels, losses, optimizers


class TwoShares(Gru):
    """Two outputs, for cross entropy."""

    softmax = False

    def __init__(self):
        super().__init__()
        self.head[3] = nn.Linear(D, 2)

    def forward(self, token_ids, lengths):
        logits = self.head(self.summary(token_ids, lengths))
        return logits.softmax(dim=1) if self.softmax else logits


def with_cross_entropy(seed, model, shift=0, reduction="mean"):
    reviews = make_reviews(seed)
    loader = load(reviews.labelled(reviews.labels.long() + shift), seed=seed)
    return program(model, loader, nn.CrossEntropyLoss(reduction=reduction),
                   are_right=lambda logits, labels: logits.argmax(dim=1) == labels)  # fmt: skip


@form("double-sigmoid")
def softmax_before_cross_entropy(seed):
    model = TwoShares()
    model.softmax = True
    return with_cross_entropy(seed, model)


@form("labels-one-two")
def classes_one_and_two(seed):
    return with_cross_entropy(seed, TwoShares(), shift=1)


@form("sum-reduction")
def cross_entropy_summed(seed):
    return with_cross_entropy(seed, TwoShares(), reduction="sum")


@form("tiny-learning-rate")
def schedule_at_zero(seed):
    made = with_parameters(seed, nn.Module.parameters)
    LambdaLR(made.optimizer, lambda step: 0.0)
    return made


@form("huge-learning-rate")
def sgd_of_a_thousand(seed):
    model = Gru()
    return program(model, usual(seed), optimizer=torch.optim.SGD(model.parameters(), 1e3))


@form("optimizer-on-a-copy")
def embedding_replaced_later(seed):
    made = with_parameters(seed, nn.Module.parameters)
    pretrained = torch.randn(VOCAB_SIZE, D)
    pretrained[PAD] = 0
    made.model.embed = nn.Embedding.from_pretrained(pretrained, freeze=False, padding_idx=PAD)
    return made


# Loops, written out


def loop_of(always_train=False, clear=True, rate_of=None):
    """A loop in the style of a tutorial; ``rate_of`` counts the accuracy."""

    def run_epoch(model, loader, loss_fn, optimizer=None, device=None):
        model.train() if always_train or optimizer is not None else model.eval()
        total, shares, count = 0.0, [], 0
        for token_ids, lengths, labels in loader:
            if optimizer is not None and clear:
                optimizer.zero_grad()
            with torch.set_grad_enabled(optimizer is not None):
                logits = model(token_ids, lengths)
                loss = loss_fn(logits, labels)
            if optimizer is not None:
                loss.backward()
                optimizer.step()
            total += loss.item() * len(labels)
            shares.append((((logits > 0) == (labels > 0.5)).sum().item(), len(labels)))
            count += len(labels)
        accuracy = rate_of(shares) if rate_of else sum(hits for hits, _ in shares) / count
        return Metrics(total / count, accuracy)

    return run_epoch


def with_loop(seed, run_epoch, optimizer=None):
    model = Small()
    made = program(model, usual(seed), optimizer=optimizer and optimizer(model.parameters()))
    made.run_epoch = run_epoch
    return made


@form("eval-mode-missing")
def always_in_training(seed):
    return with_loop(seed, loop_of(always_train=True))


@form("missing-zero-grad")
def never_cleared_small_steps(seed):
    return with_loop(seed, loop_of(clear=False), lambda p: torch.optim.SGD(p, 1e-2))


@form("average-of-averages")
def mean_of_shares(seed):
    return with_loop(seed, loop_of(rate_of=lambda s: math.fsum(h / n for h, n in s) / len(s)))


@form("last-batch-only")
def share_of_the_last(seed):
    return with_loop(seed, loop_of(rate_of=lambda shares: shares[-1][0] / shares[-1][1]))
