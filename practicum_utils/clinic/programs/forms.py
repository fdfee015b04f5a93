"""The same bugs as other hands write them, around a model that no column has.

``FORMS`` maps a name to (bug id, ``seed -> Program``). The checks were not made with these in view.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.optim.lr_scheduler import StepLR

from practicum_utils.clinic.programs.controls import program, usual
from practicum_utils.clinic.programs.program import Program
from practicum_utils.clinic.programs.reviews import VOCAB_SIZE, load, make_reviews
from practicum_utils.data import PAD, UNK, Batch, collate, token_mask
from practicum_utils.models import MeanEmbedding, last_vectors
from practicum_utils.support.environment import set_seed

FORMS: dict[str, tuple[str, Callable[[int], Program]]] = {}
D = 24  # of embeddings and states alike


def form(bug: str, forms: dict = FORMS) -> Callable:
    """Enter a builder ``seed -> Program``, or a model that stands in an else correct program."""

    def enter(make):
        def seeded(seed: int = 0) -> Program:
            set_seed(seed)
            return program(make(), usual(seed)) if isinstance(make, type) else make(seed)

        forms[make.__name__] = bug, seeded
        return make

    return enter


class Gru(nn.Module):
    """Correct: a GRU in one direction, two layers on its state at the last word."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB_SIZE, D, padding_idx=PAD)
        self.gru = nn.GRU(D, D, batch_first=True)
        self.head = nn.Sequential(nn.Linear(D, D), nn.ReLU(), nn.Dropout(0.2), nn.Linear(D, 1))

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.head(self.summary(token_ids, lengths)).squeeze(-1)

    def summary(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return last_vectors(self.gru(self.embed(token_ids))[0], lengths)


class Looks(Gru):
    """Correct: PyTorch's attention over learned positions, the masked mean."""

    def __init__(self):
        super().__init__()
        self.gru = None
        self.places = nn.Embedding(64, D)
        self.attention = nn.MultiheadAttention(D, 4, batch_first=True)

    def place(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.places(torch.arange(x.shape[1]))

    def hidden(self, mask: torch.Tensor) -> torch.Tensor | None:
        return ~mask

    def summary(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x = self.place(self.embed(token_ids))
        mask = token_mask(lengths, x.shape[1])
        mixed, _ = self.attention(x, x, x, key_padding_mask=self.hidden(mask), need_weights=False)
        x = (x + mixed) * mask.unsqueeze(2)
        return x.sum(dim=1) / lengths.unsqueeze(1)


class Scores(Gru):
    """Correct: scores (B, T, 1) weigh the states."""

    def __init__(self):
        super().__init__()
        self.score = nn.Linear(D, 1)

    def weights(self, scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return scores.masked_fill(~mask, float("-inf")).softmax(dim=1)

    def summary(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        states, _ = self.gru(self.embed(token_ids))
        mask = token_mask(lengths, states.shape[1]).unsqueeze(2)
        return (self.weights(self.score(states), mask) * states).sum(dim=1)


# What the model reads


@form("last-step-is-padding")
class TakesHn(Gru):
    def summary(self, token_ids, lengths):
        return self.gru(self.embed(token_ids))[1][-1]


@form("mean-over-padding")
class MeanOfAll(Gru):
    def summary(self, token_ids, lengths):
        return self.gru(self.embed(token_ids))[0].mean(1)


@form("max-over-padding")
class MaxOfAll(Gru):
    def summary(self, token_ids, lengths):
        return self.gru(self.embed(token_ids))[0].max(dim=1).values


@form("backward-reads-padding")
class BothWays(Gru):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(D, D // 2, batch_first=True, bidirectional=True)

    def summary(self, token_ids, lengths):
        states, _ = self.gru(self.embed(token_ids))
        forward, backward = states.chunk(2, dim=-1)
        return torch.cat([last_vectors(forward, lengths), backward[:, 0]], dim=-1)


@form("short-rows-lost")
class LastOfUnpacked(Gru):
    def summary(self, token_ids, lengths):
        x = self.embed(token_ids)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0][:, -1]


@form("last-token-lost")
class OneTooEarly(Gru):
    def summary(self, token_ids, lengths):
        return last_vectors(self.gru(self.embed(token_ids))[0], (lengths - 1).clamp(min=1))


@form("padding-vector-not-zero")
class MeanOfPretrained(MeanEmbedding):
    def __init__(self):
        super().__init__(VOCAB_SIZE, D)
        self.embedding.weight.data.copy_(torch.randn(VOCAB_SIZE, D))


@form("no-pad-mask")
class NothingHidden(Looks):
    def hidden(self, mask):
        return None


@form("mask-inverted")
class HidesTheWords(Looks):
    def hidden(self, mask):
        return mask


@form("mask-after-softmax")
class WeightsTimesMask(Scores):
    def weights(self, scores, mask):
        return functional.softmax(scores, dim=1) * mask


@form("no-pad-mask")
class ScoresTimesMask(Scores):  # the exponential of 0 is 1: the padding takes part
    def weights(self, scores, mask):
        return functional.softmax(scores * mask, dim=1)


@form("mask-inverted")
class ScoresOfPadding(Scores):
    def weights(self, scores, mask):
        return scores.masked_fill(mask, -1e9).softmax(dim=1)


@form("softmax-over-batch")
class SoftmaxOfAxisZero(Scores):
    def weights(self, scores, mask):
        return functional.softmax(scores.masked_fill(~mask, -1e9), dim=0)


@form("no-positions")
class NoPlaces(Looks):
    def place(self, x):
        return x


@form("positions-over-batch")
class PlacesOfRows(Looks):
    def place(self, x):
        return x + self.places(torch.arange(x.shape[0])).unsqueeze(1)


@form("batch-first-attention")
class AttendsToOthers(Looks):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(D, 4)

    def hidden(self, mask):
        return None


@form("batch-first-lstm")
class TimeFirst(Gru):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(D, D)


@form("view-not-transpose")
class ViewToTimeFirst(TimeFirst):
    def summary(self, token_ids, lengths):
        B, T = token_ids.shape
        states, _ = self.gru(self.embed(token_ids).view(T, B, D))
        return last_vectors(states.transpose(0, 1), lengths)


@form("state-carried-over")
class Remembers(Gru):
    state = None

    def summary(self, token_ids, lengths):
        if self.state is not None and self.state.shape[1] != len(lengths):
            self.state = None
        states, state = self.gru(self.embed(token_ids), self.state)
        self.state = state.detach()
        return last_vectors(states, lengths)


@form("linear-input-size")
class HeadForBothWays(Gru):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(D, D, batch_first=True, bidirectional=True)


# Its head, its graph, its dropout


@form("double-sigmoid")
class SigmoidLayer(Gru):
    def __init__(self):
        super().__init__()
        self.head.append(nn.Sigmoid())


@form("relu-on-logit")
class ReluLayer(Gru):
    def __init__(self):
        super().__init__()
        self.head.append(nn.ReLU())
        self.head[3].bias.data.fill_(0.3)  # not dead from the start


@form("tanh-on-logit")
class TanhLayer(Gru):
    def __init__(self):
        super().__init__()
        self.head.append(nn.Tanh())


@form("graph-cut-embedding")
class EmbedsWithoutGradient(Gru):
    def summary(self, token_ids, lengths):
        with torch.no_grad():
            x = self.embed(token_ids)
        return last_vectors(self.gru(x)[0], lengths)


@form("graph-cut-encoder")
class StatesThroughNumpy(Gru):
    def summary(self, token_ids, lengths):
        return torch.from_numpy(super().summary(token_ids, lengths).detach().numpy())


@form("dropout-always-on")
class DropoutMadeInForward(Gru):
    def summary(self, token_ids, lengths):
        return nn.Dropout(0.3)(super().summary(token_ids, lengths))


# Reviews and labels


@form("one-label-only")
def all_positive(seed):
    reviews = make_reviews(seed)
    return program(Gru(), load(reviews.labelled(torch.ones(len(reviews))), seed=seed))


@form("sorted-labels")
def positive_first(seed):
    reviews = make_reviews(seed)
    turned = load(reviews.labelled(1 - reviews.labels), frozenset(["sorted-labels"]), seed)
    turned.dataset.labels = 1 - turned.dataset.labels
    return program(Gru(), turned)


@form("labels-shuffled")
def labels_of_the_next_row(seed):
    reviews = make_reviews(seed)
    return program(Gru(), load(reviews.labelled(reviews.labels.roll(1)), seed=seed))


@form("labels-shape")
def squared_error_of_all_pairs(seed):
    reviews = make_reviews(seed)
    loader = load(reviews.labelled(reviews.labels.unsqueeze(1)), seed=seed)
    return program(Gru(), loader, functional.mse_loss)


@form("pad-is-a-word")
def unknown_words_are_padding(seed):
    reviews = make_reviews(seed).each(lambda row: row.where(row < 60, UNK).where(row != UNK, PAD))
    return program(Gru(), load(reviews, seed=seed))


@form("unk-flood")
def nothing_is_known(seed):
    return program(Gru(), load(make_reviews(seed).each(torch.ones_like), seed=seed))


@form("reviews-cut-to-nothing")
def one_word_each(seed):
    return program(Gru(), load(make_reviews(seed).each(lambda row: row[:1]), seed=seed))


@form("lengths-of-another-row")
def rows_sorted_alone(seed):
    loader = usual(seed)

    def collate_sorted(examples):
        ids, lengths, labels = collate(examples)
        order = lengths.argsort(descending=True)
        return Batch(ids[order], lengths, labels[order])

    loader.collate_fn = collate_sorted
    return program(Gru(), loader)


# Losses, optimizers, loops


@form("loss-sign-flipped")
def minus_forgotten(seed):
    def loss_fn(logits, labels):
        p = torch.sigmoid(logits)
        return (labels * torch.log(p + 1e-7) + (1 - labels) * torch.log(1 - p + 1e-7)).mean()

    return program(Gru(), usual(seed), loss_fn)


@form("sum-reduction")
def sum_by_hand(seed):
    def loss_fn(logits, labels):
        losses = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return losses.sum()

    return program(Gru(), usual(seed), loss_fn)


def with_parameters(seed: int, choose: Callable, model: nn.Module | None = None, rate=1e-2):
    model = model or Gru()
    return program(model, usual(seed), optimizer=torch.optim.Adam(choose(model), rate))


@form("optimizer-on-a-copy")
def model_made_again(seed):
    return with_parameters(seed, lambda model: Gru().parameters())


@form("optimizer-misses-layers")
def head_forgotten(seed):
    return with_parameters(seed, lambda m: [*m.embed.parameters(), *m.gru.parameters()])


@form("frozen-layers")
def gru_frozen(seed):
    model = Gru()
    model.gru.requires_grad_(False)
    return with_parameters(seed, nn.Module.parameters, model)


@form("tiny-learning-rate")
def a_millionth(seed):
    return with_parameters(seed, nn.Module.parameters, rate=1e-6)


@form("huge-learning-rate")
def a_rate_of_one(seed):
    return with_parameters(seed, nn.Module.parameters, rate=1.0)


@form("missing-zero-grad")
def cleared_once_an_epoch(seed):
    def update(model, loss, optimizer, step):
        if step == 1:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return program(Gru(), usual(seed), update=update)


@form("zero-grad-after-backward")
def model_cleared_too_late(seed):
    def update(model, loss, optimizer, step):
        loss.backward()
        model.zero_grad()
        optimizer.step()

    return program(Gru(), usual(seed), update=update)


@form("missing-step")
def scheduler_steps_alone(seed):
    made = program(Gru(), usual(seed))
    schedule = StepLR(made.optimizer, 100)

    def update(model, loss, optimizer, step):
        optimizer.zero_grad()
        loss.backward()
        schedule.step()

    return program(made.model, made.loader, optimizer=made.optimizer, update=update)


@form("clip-before-backward")
def clipped_on_one_line_too_early(seed):
    def update(model, loss, optimizer, step):
        optimizer.zero_grad(set_to_none=False)
        clip_grad_norm_(model.parameters(), 0.5)
        loss.backward()
        optimizer.step()

    return program(Gru(), usual(seed), update=update)


@form("threshold-on-logits")
def rounded_logits(seed):
    return program(Gru(), usual(seed), are_right=lambda logits, labels: logits.round() == labels)
