"""Attempts at masked softmax, pooling and the RNN with attention."""

import torch
from torch import nn
from torch.nn import functional

from attempts import right, wrong
from practicum_utils import models
from practicum_utils.data import token_mask
from practicum_utils.models import attention, reverse_states

# 4.1 masked_softmax


@right("4.1")
def with_exponentials(scores, mask):
    if (mask.sum(dim=1) == 0).any():
        raise ValueError("a row without a word")
    largest = scores.masked_fill(~mask, -torch.inf).max(dim=1, keepdim=True).values
    exponentials = torch.exp(torch.where(mask, scores - largest, -torch.inf))
    return exponentials / exponentials.sum(dim=1, keepdim=True)


@right("4.1")
def with_where(scores: torch.Tensor, mask: torch.Tensor, dim: int = -1) -> torch.Tensor:
    for row in mask:
        if not row.any():
            raise ValueError(f"no real token in {row}")
    return functional.softmax(torch.where(mask, scores, torch.tensor(-1e9)), dim=dim)


@right("4.1")
def with_rows(scores, mask):
    weights = torch.zeros_like(scores)
    for i, real in enumerate(mask):
        if real.sum() == 0:
            raise ValueError("empty")
        weights[i, real] = scores[i][real].softmax(0)
    return weights


def refuse_empty(mask):
    if not mask.any(dim=1).all():
        raise ValueError("a row without a word")


@wrong("4.1", "the exponential of 0 is 1")
def multiplies_scores(scores, mask):
    refuse_empty(mask)
    return (scores * mask).softmax(1)


@wrong("4.1", "the mask is turned around")
def mask_inverted(scores, mask):
    refuse_empty(mask)
    return scores.masked_fill(mask, -torch.inf).softmax(1).nan_to_num()


@wrong("4.1", "the mask came after the softmax")
def mask_afterwards(scores, mask):
    refuse_empty(mask)
    return scores.softmax(1) * mask


@wrong("4.1", "down the columns")
def over_the_batch(scores, mask):
    refuse_empty(mask)
    return scores.masked_fill(~mask, -1e9).softmax(0) * mask.any(0)


@wrong("4.1", "the mask was not used")
def no_mask(scores, mask):
    return scores.softmax(1)


@wrong("4.1", "the exercise promises a ValueError")
def lets_nan_through(scores, mask):
    return scores.masked_fill(~mask, -torch.inf).softmax(1)


@wrong("4.1", "it raised AssertionError; ValueError was promised")
def asserts(scores, mask):
    assert mask.any(dim=1).all()
    return scores.masked_fill(~mask, -torch.inf).softmax(1)


@wrong("4.1", "were not divided by their sum")
def no_division(scores, mask):
    refuse_empty(mask)
    return scores.exp() * mask


@wrong("4.1", "must be exactly 0")
def almost_zero(scores, mask):
    refuse_empty(mask)
    return scores.masked_fill(~mask, -15.0).softmax(1)


@wrong("4.1", "logarithms of weights")
def logarithms(scores, mask):
    refuse_empty(mask)
    return scores.masked_fill(~mask, -torch.inf).log_softmax(1)


# 4.2 attention_pool


@right("4.2")
def with_einsum(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return torch.einsum("bt,bth->bh", weights, states), weights


@right("4.2")
def with_a_sum(states, scores, mask):
    weights = with_exponentials(scores, mask)
    return [(weights[:, :, None] * states).sum(dim=1), weights]


@right("4.2")
def with_bmm(states: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor):
    weights = with_rows(scores, mask)
    return torch.bmm(states.transpose(1, 2), weights[..., None])[..., 0], weights


@wrong("4.2", "every row was weighted with the weights of every other row")
def forgets_the_row(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return weights @ states, weights


@wrong("4.2", "the weights were not used")
def plain_mean(states, scores, mask):
    return states.mean(dim=1), attention.masked_softmax(scores, mask)


@wrong("4.2", "the padding took part")
def pools_unmasked(states, scores, mask):
    plain = scores.softmax(1)
    return (plain.unsqueeze(2) * states).sum(1), attention.masked_softmax(scores, mask)


@wrong("4.2", "the pooled vectors come first")
def swaps(states, scores, mask):
    pooled, weights = with_einsum(states, scores, mask)
    return weights, pooled


@wrong("4.2", "must be two things")
def pooled_alone(states, scores, mask):
    return with_einsum(states, scores, mask)[0]


@wrong("4.2", "one dimension of size 1 too many")
def keeps_the_row(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return weights.unsqueeze(1) @ states, weights


@wrong("4.2", "the mask was not used")
def never_masks(states, scores, mask):
    weights = scores.softmax(1)
    return (weights.unsqueeze(2) * states).sum(1), weights


@wrong("4.2", "the weighted states were averaged")
def averages(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return (weights.unsqueeze(2) * states).mean(1), weights


@wrong("4.2", "the state of the largest weight was taken")
def takes_the_best(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return states[torch.arange(len(states)), weights.argmax(1)], weights


# 4.3 AttentionRNN


@right("4.3")
class OneLSTM(nn.Module):
    """A bidirectional LSTM on packed rows, and a score written as a matrix product."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__()
        H = hidden_size
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.rnn = nn.LSTM(embedding_size, H, batch_first=True, bidirectional=True)
        self.attention, self.score = nn.Linear(2 * H, H), nn.Linear(H, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.hidden, self.output = nn.Linear(2 * H, H), nn.Linear(H, 1)

    def states(self, token_ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(self.embedding(token_ids)), lengths.cpu(), True, False
        )
        T = token_ids.shape[1]
        unpack = nn.utils.rnn.pad_packed_sequence
        return unpack(self.rnn(packed)[0], batch_first=True, total_length=T)[0]

    def forward(self, token_ids, lengths, return_weights=False):
        states = self.states(token_ids, lengths)
        scores = self.score(self.attention(states).tanh())[..., 0]
        mask = torch.arange(token_ids.shape[1]) < lengths[:, None]
        weights = scores.masked_fill(~mask, -torch.inf).softmax(-1)
        pooled = torch.einsum("bt,bth->bh", weights, states)
        logits = self.output(self.dropout(functional.relu(self.hidden(pooled)))).flatten()
        if return_weights:
            return logits, weights
        return logits


class WithoutPairs(models.AttentionRNN):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named, pair_size=0)


@right("4.3")
class SoftmaxByHand(WithoutPairs):
    def forward(self, token_ids, lengths, return_weights: bool = False, scale: float = 1.0):
        states = self.read(token_ids, lengths)
        scores = scale * torch.einsum(
            "bth,h->bt", torch.tanh(self.attention(states)), self.score.weight[0]
        )
        exponentials = scores.exp() * token_mask(lengths, token_ids.shape[1])
        weights = exponentials / exponentials.sum(1, keepdim=True)
        hidden = self.hidden((states * weights[:, :, None]).sum(1)).clamp(min=0)
        logits = self.output(self.dropout(hidden))[:, 0]
        return [logits, weights] if return_weights else logits


@right("4.3")
class WithLoops(WithoutPairs):
    def read(self, token_ids, lengths):
        embedded = self.dropout(self.embedding(token_ids))
        there, _ = self.forward_rnn(embedded)
        back = torch.zeros_like(there)
        for b, length in enumerate(lengths.tolist()):
            states, _ = self.backward_rnn(embedded[b, :length].flip(0).unsqueeze(0))
            back[b, :length] = states[0].flip(0)
        return torch.cat([there, back], dim=-1)


class Variant(WithoutPairs):
    """The right model with its parts in methods, so that a mistake is one method."""

    def scores(self, states):
        return self.score(torch.tanh(self.attention(states))).squeeze(2)

    def mask(self, lengths, size):
        return token_mask(lengths, size)

    def pool(self, states, scores, mask):
        return attention.attention_pool(states, scores, mask)

    def decide(self, pooled):
        return self.output(self.dropout(torch.relu(self.hidden(pooled)))).squeeze(1)

    def forward(self, token_ids, lengths, return_weights=False):
        states = self.read(token_ids, lengths)
        mask = self.mask(lengths, token_ids.shape[1])
        pooled, weights = self.pool(states, self.scores(states), mask)
        logits = self.decide(pooled)
        return (logits, weights) if return_weights else logits


right("4.3")(Variant)


@wrong("4.3", "squeezed by a sigmoid")
class Probabilities(Variant):
    def decide(self, pooled):
        return torch.sigmoid(super().decide(pooled))


@wrong("4.3", "padding changes the answer")
class NoMask(Variant):
    def mask(self, lengths, size):
        return torch.ones(len(lengths), size, dtype=torch.bool)


@wrong("4.3", "no real token")
class MaskInverted(Variant):
    def mask(self, lengths, size):
        return ~token_mask(lengths, size)


@wrong("4.3", "do not stand side by side")
class NotTurnedBack(Variant):
    def read(self, token_ids, lengths):
        embedded = self.dropout(self.embedding(token_ids))
        there, _ = self.forward_rnn(embedded)
        back, _ = self.backward_rnn(reverse_states(embedded, lengths))
        return torch.cat([there, back], dim=2)


@wrong("4.3", "do not stand side by side")
class NotTurnedBackWithPairs(models.AttentionRNN):
    def read(self, token_ids, lengths):
        embedded = self.dropout(self.embedding(token_ids))
        there, _ = self.forward_rnn(embedded)
        back, _ = self.backward_rnn(reverse_states(embedded, lengths))
        return torch.cat([there, back, self.pairs(token_ids)], dim=2)


@wrong("4.3", "padding changes the answer")
class PairsWithTheWordAfter(models.AttentionRNN):
    def read(self, token_ids, lengths):
        states = super().read(token_ids, lengths)
        pairs = self.pairs(token_ids)
        return torch.cat([states[..., : -pairs.shape[2]], pairs.roll(-1, 1)], dim=2)


@wrong("4.3", "padding changes the answer")
class BothFromPadding(Variant):
    def read(self, token_ids, lengths):
        embedded = self.dropout(self.embedding(token_ids))
        there, _ = self.forward_rnn(embedded)
        back, _ = self.backward_rnn(embedded.flip(1))
        return torch.cat([there, back.flip(1)], dim=2)


@wrong("4.3", "the reviews of a batch are mixed up")
class OverTheBatch(Variant):
    def pool(self, states, scores, mask):
        weights = scores.masked_fill(~mask, -1e9).softmax(0) * mask
        return (weights.unsqueeze(2) * states).sum(1), weights


@wrong("4.3", "no gradient reaches attention.weight")
class PlainMean(Variant):
    def pool(self, states, scores, mask):
        _, weights = super().pool(states, scores, mask)
        real = mask.unsqueeze(2)
        return (states * real).sum(1) / real.sum(1), weights


@wrong("4.3", "in training mode the weights sum to")
class DroppedWeights(Variant):
    def pool(self, states, scores, mask):
        weights = self.dropout(attention.masked_softmax(scores, mask))
        return (weights.unsqueeze(2) * states).sum(1), weights


@wrong("4.3", "must be two things")
class NeverGivesWeights(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        return super().forward(token_ids, lengths)


@wrong("4.3", "came back as a tuple")
class AlwaysGivesWeights(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        return super().forward(token_ids, lengths, True)


@wrong("4.3", "first of the two results")
class Swapped(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        result = super().forward(token_ids, lengths, return_weights)
        return result[::-1] if return_weights else result


@wrong("4.3", "the tanh between the two layers is missing")
class NoTanh(Variant):
    def scores(self, states):
        return self.score(self.attention(states)).squeeze(2)


@wrong("4.3", "every word has the same weight")
class ZeroScores(Variant):
    def scores(self, states):
        return 0 * super().scores(states)


@wrong("4.3", "a linear layer gets another number of inputs")
class AttentionOfOneReader(Variant):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.attention = nn.Linear(hidden_size, hidden_size)


@wrong("4.3", "nothing is dropped")
class NeverDrops(Variant):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, 0.0)


@wrong("4.3", "can be exchanged without any effect")
class LosesTheLast(Variant):
    """Reads all, and hides the last real word from both readers."""

    def forward(self, token_ids, lengths, return_weights=False):
        return super().forward(token_ids, (lengths - 1).clamp(min=1), return_weights)


@wrong("4.3", "padding has weights")
class WeightsOfAnother(Variant):
    """Pools rightly, and returns weights that were not masked."""

    def pool(self, states, scores, mask):
        pooled, _ = super().pool(states, scores, mask)
        return pooled, scores.softmax(1)


# Rarer mistakes


@wrong("4.1", "its numbers left PyTorch on the way")
@torch.no_grad()
def softmax_without_gradients(scores, mask):
    return attention.masked_softmax(scores, mask)


@wrong("4.2", "its numbers left PyTorch on the way")
@torch.no_grad()
def pool_without_gradients(states, scores, mask):
    return attention.attention_pool(states, scores, mask)


@wrong("4.3", "the words in another order give the same answer")
class NoReaders(Variant):
    def read(self, token_ids, lengths):
        embedded = self.embedding(token_ids)
        idle = sum(weight.sum() for weight in self.parameters())
        return embedded.repeat(1, 1, 2)[..., : 2 * self.forward_rnn.hidden_size] + 0 * idle


@wrong("4.3", "the logits are others when the weights are asked for")
class Restless(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        result = super().forward(token_ids, lengths, return_weights)
        return (2 * result[0], result[1]) if return_weights else result


@wrong("4.3", "the weights: shape (4, 6, 1)")
class KeepsTheLastDimension(Variant):
    def pool(self, states, scores, mask):
        pooled, weights = super().pool(states, scores, mask)
        return pooled, weights.unsqueeze(2)


# Numbers, gradients and inputs of the two functions


@wrong("4.1", "for scores that are large on the padding (300)")
def largest_of_all(scores, mask):
    if (mask.sum(dim=1) == 0).any():
        raise ValueError("a row without a word")
    exponentials = torch.exp(scores - scores.amax(dim=1, keepdim=True)) * mask
    return exponentials / exponentials.sum(dim=1, keepdim=True)


@wrong("4.1", "for scores around 100 the weights come out wrong")
def without_the_largest(scores, mask):
    if not mask.any(dim=1).all():
        raise ValueError("a row without a word")
    exponentials = torch.where(mask, scores.exp(), 0.0)
    return exponentials / exponentials.sum(dim=1, keepdim=True)


@wrong("4.1", "for scores around -100 the weights come out wrong")
def with_a_small_number(scores, mask):
    if not mask.any(dim=1).all():
        raise ValueError("a row without a word")
    exponentials = torch.where(mask, scores.clamp(max=80.0).exp(), 0.0)
    largest = torch.where(scores > 80, scores - 80, 0).amax()
    if largest > 0:
        return attention.masked_softmax(scores, mask)
    return exponentials / (exponentials.sum(dim=1, keepdim=True) + 1e-12)


@wrong("4.1", "it changed")
def fills_in_place(scores, mask):
    if not mask.any(dim=1).all():
        raise ValueError("a row without a word")
    return scores.masked_fill_(~mask, -torch.inf).softmax(dim=1)


@wrong("4.1", "the gradient at the scores is not")
def half_a_gradient(scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return (weights + weights.detach()) / 2


@wrong("4.2", "the gradient at the scores is not")
def weights_that_do_not_learn(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return torch.einsum("bt,bth->bh", weights.detach(), states), weights


@wrong("4.2", "the gradient at the states is not")
def states_that_do_not_learn(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return torch.einsum("bt,bth->bh", weights, states.detach()), weights


@wrong("4.2", "it changed")
def scales_the_states(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    states.data *= weights.unsqueeze(2)
    return states.sum(1), weights


# Variants of the whole model: first right ones, then one mistake each


@right("4.3")
class OtherNames(nn.Module):
    """A score as one nn.Sequential, pairs of its own, weights that are only to be looked at."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__()
        E, H = embedding_size, hidden_size
        self.words, self.pairs = nn.Embedding(vocab_size, E), models.PairEmbedding(16)
        self.left, self.right = (nn.LSTM(E, H, batch_first=True) for _ in range(2))
        self.drop = nn.Dropout(dropout)
        self.ask = nn.Sequential(
            nn.Linear(2 * H + 16, H), nn.Tanh(), nn.Linear(H, 1, bias=False), nn.Flatten(1)
        )
        self.decide = nn.Sequential(
            nn.Linear(2 * H + 16, H), nn.ReLU(), nn.Dropout(dropout), nn.Linear(H, 1)
        )

    def forward(self, token_ids, lengths, return_weights=False):
        x, mask = self.drop(self.words(token_ids)), token_mask(lengths, token_ids.shape[1])
        ahead, _ = self.left(x)
        back = reverse_states(self.right(reverse_states(x, lengths))[0], lengths)
        states = torch.cat([self.pairs(token_ids), back, ahead], dim=-1)
        weights = self.ask(states).masked_fill(~mask, -torch.inf).softmax(dim=1)
        logits = self.decide((weights[:, None] @ states)[:, 0]).squeeze(-1)
        return (logits, weights.detach()) if return_weights else logits


@right("4.3")
class Cells(nn.Module):
    """nn.LSTMCell in loops, the score as two parameters, dropout by function."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__()
        E, H = embedding_size, hidden_size
        self.embedding, self.rate = nn.Embedding(vocab_size, E, padding_idx=0), dropout
        self.cells = nn.ModuleList([nn.LSTMCell(E, H), nn.LSTMCell(E, H)])
        self.W, self.v = nn.Linear(2 * H, H), nn.Parameter(torch.randn(H))
        self.hidden, self.output = nn.Linear(2 * H, H), nn.Linear(H, 1)

    def steps(self, cell, x, lengths, places):
        state, seen = None, {}
        for t in places:
            real = (t < lengths).unsqueeze(1)
            new = cell(x[:, t], state)
            old = state or tuple(map(torch.zeros_like, new))
            state = tuple(torch.where(real, n, o) for n, o in zip(new, old, strict=True))
            seen[t] = state[0]
        return torch.stack([seen[t] for t in sorted(seen)], dim=1)

    def forward(self, token_ids, lengths, return_weights=False):
        T = token_ids.shape[1]
        x = functional.dropout(self.embedding(token_ids), self.rate, self.training)
        ways = (range(T), range(T - 1, -1, -1))
        both = zip(self.cells, ways, strict=True)
        states = torch.cat([self.steps(cell, x, lengths, way) for cell, way in both], dim=2)
        scores = self.W(states).tanh() @ self.v
        pooled, weights = attention.attention_pool(states, scores, token_mask(lengths, T))
        hidden = functional.dropout(self.hidden(pooled).relu(), self.rate, self.training)
        logits = self.output(hidden).view(-1)
        return (logits, weights) if return_weights else logits


@right("4.3")
class DropsThePooled(Variant):
    def decide(self, pooled):
        return self.output(self.hidden(self.dropout(pooled)).clamp(min=0))[:, 0]


@right("4.3")
class WithoutBiases(Variant):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.attention, self.hidden = (
            nn.Linear(2 * hidden_size, hidden_size, bias=False) for _ in range(2)
        )


@wrong("4.3", "no reader comes from the end")
class BothForward(Variant):
    def read(self, token_ids, lengths):
        x = self.dropout(self.embedding(token_ids))
        return torch.cat([self.forward_rnn(x)[0], self.backward_rnn(x)[0]], dim=2)


@wrong("4.3", "no reader starts at the beginning")
class BothBackward(Variant):
    def read(self, token_ids, lengths):
        x = reverse_states(self.dropout(self.embedding(token_ids)), lengths)
        both = [self.forward_rnn(x)[0], self.backward_rnn(x)[0]]
        return reverse_states(torch.cat(both, dim=2), lengths)


@wrong("4.3", "one and the same LSTM reads from both ends")
class OneReaderForBoth(Variant):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        self.backward_rnn = self.forward_rnn


@wrong("4.3", "the vectors of the two readers are added up")
class AddsTheReaders(Variant):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.attention, self.hidden = (nn.Linear(hidden_size, hidden_size) for _ in range(2))

    def read(self, token_ids, lengths):
        there, back = super().read(token_ids, lengths).chunk(2, dim=2)
        return there + back


@wrong("4.3", "no word gets more than 2.7 times the share of another")
class SoftmaxTwice(Variant):
    def pool(self, states, scores, mask):
        return super().pool(states, attention.masked_softmax(scores, mask), mask)


@wrong("4.3", "no word gets more than 7.4 times the share of another")
class TanhOutside(Variant):
    def scores(self, states):
        return torch.tanh(self.score(self.attention(states))).squeeze(2)


@wrong("4.3", "something else than a tanh")
class ReluInTheScore(Variant):
    def scores(self, states):
        return self.score(torch.relu(self.attention(states))).squeeze(2)


@wrong("4.3", "a tanh goes from -1 to 1")
class SigmoidInTheScore(Variant):
    def scores(self, states):
        return self.score(torch.sigmoid(self.attention(states))).squeeze(2)


@wrong("4.3", "the layer `attention` and its tanh come before `score`")
class ScoresOfStates(Variant):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.attention, self.score = nn.Identity(), nn.Linear(2 * hidden_size, 1, bias=False)

    def scores(self, states):
        return self.score(states).squeeze(2)


@wrong("4.3", "`score` has no bias")
class ScoreWithBias(Variant):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.score = nn.Linear(hidden_size, 1)


@wrong("4.3", "Is the sum of the weighted states averaged once more")
class AveragesOnceMore(Variant):
    def pool(self, states, scores, mask):
        pooled, weights = super().pool(states, scores, mask)
        return pooled / mask.sum(1, keepdim=True), weights


@wrong("4.3", "padding changes the answer")
class LargestWeighted(Variant):
    def pool(self, states, scores, mask):
        _, weights = super().pool(states, scores, mask)
        return (weights.unsqueeze(2) * states).amax(1), weights


@wrong("4.3", "pooled in another way than by the weights that are returned")
class HalfTheMean(Variant):
    def pool(self, states, scores, mask):
        pooled, weights = super().pool(states, scores, mask)
        real = mask.unsqueeze(2)
        return (pooled + (states * real).sum(1) / real.sum(1)) / 2, weights


@wrong("4.3", "a linear layer gives 32 numbers whatever the sizes are")
class AttentionOfFixedSize(Variant):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.attention, self.score = nn.Linear(2 * hidden_size, 32), nn.Linear(32, 1, bias=False)


@wrong("4.3", "what stood between them")
class NoRelu(Variant):
    def decide(self, pooled):
        return self.output(self.dropout(self.hidden(pooled))).squeeze(1)


@wrong("4.3", "after a relu nothing is below 0")
class TanhInTheEnd(Variant):
    def decide(self, pooled):
        return self.output(self.dropout(torch.tanh(self.hidden(pooled)))).squeeze(1)


@wrong("4.3", "nothing is dropped before the last linear layer")
class DropsWordsOnly(Variant):
    def decide(self, pooled):
        return self.output(torch.relu(self.hidden(pooled))).squeeze(1)


@wrong("4.3", "the dropout stands behind the last linear layer")
class DropsTheAnswer(Variant):
    def decide(self, pooled):
        return self.dropout(self.output(torch.relu(self.hidden(pooled)))).squeeze(1)


@wrong("4.3", "is a length fixed in the code")
class ReadsTwoHundredWords(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        short = token_ids[:, :200], lengths.clamp(max=200)
        return super().forward(*short, return_weights=return_weights)


@wrong("4.3", "the path is cut")
class BackwardReaderLearnsNothing(Variant):
    def read(self, token_ids, lengths):
        x = self.dropout(self.embedding(token_ids))
        back = self.backward_rnn(reverse_states(x.detach(), lengths))[0]
        return torch.cat([self.forward_rnn(x)[0], reverse_states(back, lengths)], dim=2)


@wrong("4.3", "the path is cut")
class WeightsDetached(Variant):
    """The score learns by half of the pooled numbers only."""

    def pool(self, states, scores, mask):
        pooled, weights = super().pool(states, scores, mask)
        half = pooled.shape[1] // 2
        other, _ = super().pool(states, scores.detach(), mask)
        return torch.cat([pooled[:, :half], other[:, half:]], dim=1), weights


@wrong("4.3", "only the larger numbers are kept")
class LargerOfTheReaders(AddsTheReaders):
    def read(self, token_ids, lengths):
        there, back = Variant.read(self, token_ids, lengths).chunk(2, dim=2)
        return torch.maximum(there, back)


@wrong("4.3", "pooled in another way than by the weights that are returned")
class SquaredWeights(Variant):
    def pool(self, states, scores, mask):
        _, weights = super().pool(states, scores, mask)
        return super().pool(states, 2 * scores, mask)[0], weights


@wrong("4.2", "were summed over their numbers (dim=2), not over the words (dim=1)")
def sums_over_the_numbers(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return (weights.unsqueeze(2) * states).sum(dim=2), weights


@wrong("4.2", "were summed over their numbers (dim=2), not over the words (dim=1)")
def sums_over_the_last(states, scores, mask):
    weights = attention.masked_softmax(scores, mask)
    return torch.einsum("bt,bth->bt", weights, states), weights


class WholeWords(models.AttentionRNN):
    """Nothing is dropped behind the embedding."""

    def read(self, token_ids, lengths):
        embedded = self.embedding(token_ids)
        there, _ = self.forward_rnn(embedded)
        back, _ = self.backward_rnn(models.reverse_states(embedded, lengths))
        back = models.reverse_states(back, lengths)
        return self.join(torch.cat([there, back, self.pairs(token_ids)], dim=2))

    def join(self, states):
        return states


@right("4.3")
class DropsTheEndOnly(WholeWords):
    pass


@right("4.3")
class DropsTheStates(WholeWords):
    def join(self, states):
        return self.dropout(states)


@wrong("4.3", "is `return_weights` handed on")
class GivesNoWeights(models.AttentionRNN):
    def forward(self, token_ids, lengths, return_weights=False):
        logits = super().forward(token_ids, lengths)
        return (logits, None) if return_weights else logits
