"""Attempts at self-attention, positions, heads, block and classifier."""

import math

import torch
from torch import nn
from torch.nn import functional

from attempts import right, wrong
from practicum_utils import models
from practicum_utils.data import token_mask
from practicum_utils.models import attention

# 5.1 self_attention


@right("5.1")
def with_einsum(queries, keys, values, mask=None, return_weights=False):
    scores = torch.einsum("...qd,...kd->...qk", queries, keys) / queries.shape[-1] ** 0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.tensor(-1e30))
    weights = torch.softmax(scores, dim=-1)
    mixed = torch.einsum("...qk,...kd->...qd", weights, values)
    return mixed, weights if return_weights else None


@right("5.1")
def scaled_queries(queries, keys, values, mask=None, return_weights=False, dropout=0.0):
    queries = queries * queries.size(-1) ** -0.5
    scores = torch.matmul(queries, keys.mT)
    if mask is not None:
        scores = scores + torch.zeros_like(scores).masked_fill(~mask, float("-inf"))
    weights = scores.softmax(-1)
    return [weights @ values, weights if return_weights else None]


@right("5.1")
def ours(queries, keys, values, mask=None, return_weights=False):
    return attention.self_attention(queries, keys, values, mask, return_weights)


def attend(
    queries, keys, values, mask, return_weights,
    divide=lambda q: math.sqrt(q.shape[-1]), dim=-1, hide=None,
):  # fmt: skip
    """Attention that can be wrong in one place."""
    scores = queries @ keys.transpose(-2, -1) / divide(queries)
    hide = hide or (lambda scores, mask: scores.masked_fill(~mask, -torch.inf))
    if mask is not None:
        scores = hide(scores, mask)
    weights = scores.softmax(dim)
    return weights @ values, weights if return_weights else None


@wrong("5.1", "not divided by the root of D")
def no_scale(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights, divide=lambda q: 1)


@wrong("5.1", "divided by D, not by its root")
def divides_by_size(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights, divide=lambda q: q.shape[-1])


@wrong("5.1", "divided by the root of T")
def divides_by_length(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights, lambda q: math.sqrt(q.shape[-2]))


@wrong("5.1", "the softmax runs over the queries")
def over_queries(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights, dim=-2)


@wrong("5.1", "the mask is turned around")
def mask_inverted(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights,
                  hide=lambda scores, mask: scores.masked_fill(mask, -torch.inf))  # fmt: skip


@wrong("5.1", "the mask was not used")
def no_mask(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, None, return_weights)


@wrong("5.1", "the exponential of 0 is 1")
def multiplies_scores(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights, hide=torch.mul)


@wrong("5.1", "queries and keys have changed places")
def swapped(queries, keys, values, mask=None, return_weights=False):
    return attend(keys, queries, values, mask, return_weights)


@wrong("5.1", "the mask was not used")
def masks_one_path_only(queries, keys, values, mask=None, return_weights=False):
    if not return_weights:
        return functional.scaled_dot_product_attention(queries, keys, values), None
    return attend(queries, keys, values, mask, True)


@wrong("5.1", "must be two things")
def output_alone(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights)[0]


@wrong("5.1", "RuntimeError")
def turns_all(queries, keys, values, mask=None, return_weights=False):
    scores = queries @ keys.permute(*range(keys.dim())[::-1])
    return scores.softmax(-1) @ values, scores


# 5.2 positional_encoding


@right("5.2")
def with_loops(length, size):
    table = torch.zeros(length, size)
    for t in range(length):
        for k in range(size // 2):
            angle = t / 10_000 ** (2 * k / size)
            table[t, 2 * k], table[t, 2 * k + 1] = math.sin(angle), math.cos(angle)
    return table


@right("5.2")
def with_slices(length: int, size: int) -> torch.Tensor:
    table = torch.empty(length, size)
    rates = torch.exp(torch.arange(0, size, 2) * (-math.log(10_000.0) / size))
    angles = torch.outer(torch.arange(length).float(), rates)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table


@right("5.2")
def with_a_shift(length, size, device=None):
    columns = torch.arange(size, device=device)
    angles = torch.arange(length)[:, None] / 10_000.0 ** ((columns - columns % 2) / size)
    return torch.sin(angles + math.pi / 2 * (columns % 2))


@wrong("5.2", "they take turns")
def halves(length, size):
    table = with_loops(length, size)
    return torch.cat([table[:, 0::2], table[:, 1::2]], dim=1)


@wrong("5.2", "sines and cosines have changed places")
def cosines_first(length, size):
    table = with_loops(length, size)
    return torch.stack([table[:, 1::2], table[:, 0::2]], dim=2).flatten(1)


@wrong("5.2", "lying on its side")
def on_its_side(length, size):
    return with_loops(length, size).T


@wrong("5.2", "the first position is 0")
def from_one(length, size):
    return with_loops(length + 1, size)[1:]


@wrong("5.2", "a sine and its cosine share one")
def own_exponents(length, size):
    columns = torch.arange(size)
    angles = torch.arange(length)[:, None] / 10_000 ** (columns / size)
    return torch.where(columns % 2 == 0, angles.sin(), angles.cos())


@wrong("5.2", "not 10000 but 1000")
def smaller_base(length, size):
    table = torch.empty(length, size)
    angles = torch.arange(length)[:, None] / 1_000.0 ** (torch.arange(0, size, 2) / size)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table


@wrong("5.2", "twice what it should be")
def twice_the_exponent(length, size):
    angles = torch.arange(length)[:, None] / 10_000 ** (2 * torch.arange(0, size, 2) / size)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


@wrong("5.2", "only sines")
def sines(length, size):
    angles = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, size, 2) / size)
    return torch.stack([angles.sin(), angles.sin()], dim=2).flatten(1)


@wrong("5.2", "shape (7, 3, 2)")
def not_flattened(length, size):
    return with_loops(length, size).reshape(length, -1, 2)


# 5.3 MultiHeadAttention


@right("5.3")
class WithEinsum(nn.Module):
    def __init__(self, size, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)

    def split(self, x):
        return torch.stack(x.chunk(self.num_heads, dim=-1), dim=1)

    def forward(self, x, mask, return_weights=False):
        q, k, v = (self.split(part) for part in self.qkv(x).split(x.shape[-1], -1))
        scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(~mask[:, None, None, :], float("-inf")).softmax(-1)
        mixed = torch.cat((weights @ v).unbind(1), dim=-1)
        return self.output(mixed), weights if return_weights else None


@right("5.3")
class WithUnflatten(models.MultiHeadAttention):
    def split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(2, (self.num_heads, -1)).permute(0, 2, 1, 3)


@right("5.3")
class OwnLayers(nn.Module):
    """Three layers of other names: not the exercise's, but the same function."""

    def __init__(self, size, num_heads):
        super().__init__()
        self.h = num_heads
        self.q, self.k, self.v, self.o = (nn.Linear(size, size) for _ in range(4))

    def split(self, x):
        return x.view(*x.shape[:2], self.h, -1).transpose(1, 2)

    def forward(self, x, mask, return_weights=False):
        parts = (self.split(layer(x)) for layer in (self.q, self.k, self.v))
        mixed, weights = attention.self_attention(*parts, mask[:, None, None], return_weights)
        return self.o(mixed.transpose(1, 2).flatten(2)), weights


class Heads(models.MultiHeadAttention):
    """The right layer with its parts in methods, so that a mistake is one method."""

    def parts(self, x):
        return self.qkv(x).chunk(3, dim=2)

    def hidden(self, mask):
        return mask[:, None, None]

    def merge(self, mixed):
        return mixed.transpose(1, 2).flatten(2)

    def attend(self, q, k, v, mask, return_weights):
        return attention.self_attention(q, k, v, mask, return_weights)

    def forward(self, x, mask, return_weights=False):
        parts = map(self.split, self.parts(x))
        mixed, weights = self.attend(*parts, self.hidden(mask), return_weights)
        return self.output(self.merge(mixed)), weights


right("5.3")(Heads)


@wrong("5.3", "the dimensions have to change places")
class ViewsOnly(Heads):
    def split(self, x):
        B, T, E = x.shape
        return x.reshape(B, self.num_heads, T, E // self.num_heads)


@wrong("5.3", "leaves the heads behind the words")
class NotTransposed(Heads):
    def split(self, x):
        return x.unflatten(2, (self.num_heads, -1))


@wrong("5.3", "the heads were not put side by side again")
class MergesByShape(Heads):
    def merge(self, mixed):
        B, heads, T, D = mixed.shape
        return mixed.reshape(B, T, heads * D)


@wrong("5.3", "the mask is turned around")
class MaskInverted(Heads):
    def hidden(self, mask):
        return ~mask[:, None, None] | mask.all(1)[:, None, None, None]


@wrong("5.3", "keys that are padding have weights")
class NoMask(Heads):
    def hidden(self, mask):
        return torch.ones_like(mask)[:, None, None]


@wrong("5.3", "not divided by the root of D")
class NoScale(Heads):
    def attend(self, q, k, v, mask, return_weights):
        return super().attend(q * q.shape[-1] ** 0.5, k, v, mask, return_weights)


@wrong("5.3", "the last linear layer is missing")
class NoOutput(Heads):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attend(*map(self.split, self.parts(x)), self.hidden(mask), True)
        return self.merge(mixed), weights


@wrong("5.3", "queries and keys have changed places")
class KeysFirst(Heads):
    def parts(self, x):
        k, q, v = super().parts(x)
        return q, k, v


@wrong("5.3", "must be two things")
class OutputAlone(Heads):
    def forward(self, x, mask, return_weights=False):
        return super().forward(x, mask, return_weights)[0]


@wrong("5.3", "RuntimeError")
class MaskTooFlat(Heads):
    def hidden(self, mask):
        return mask.unsqueeze(1).repeat(1, 3, 1)


@wrong("5.3", "queries and keys have changed places")
class EarlierNames(Heads):
    """With the name that the first layer had in earlier notebooks."""

    def __init__(self, size, heads):
        super().__init__(size, heads)
        self.queries_keys_values = self.qkv
        del self.qkv

    def parts(self, x):
        k, q, v = self.queries_keys_values(x).chunk(3, dim=2)
        return q, k, v


# 5.4 TransformerBlock


@right("5.4")
class OneExpression(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        between = self.dropout(mixed) + x
        return between + self.dropout(self.feed_forward(self.feed_forward_norm(between))), weights


@right("5.4")
class EarlierBlock(models.TransformerBlock):
    """With the names of earlier notebooks."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.network, self.network_norm = self.feed_forward, self.feed_forward_norm
        del self.feed_forward, self.feed_forward_norm

    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.network(self.normed(x))), weights

    def normed(self, x):
        return self.network_norm(x)


@wrong("5.4", "the network reads an input that is not normalised")
class EarlierBlockWithoutNorm(EarlierBlock):
    def normed(self, x):
        return x


@right("5.4")
class InPlaceFree(models.TransformerBlock):
    def forward(self, x, mask, return_weights: bool = False, verbose: bool = False):
        y = self.attention_norm(x)
        attended = self.attention(y, mask, return_weights=True)
        x = torch.add(x, self.dropout(attended[0]))
        z = self.feed_forward_norm(x)
        for layer in self.feed_forward:
            z = layer(z)
        return [torch.add(x, self.dropout(z)), attended[1]]


@right("5.4")
class FunctionalDropout(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        def drop(part):
            return functional.dropout(part, self.dropout.p, self.training)

        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x + drop(mixed)
        return x + drop(self.feed_forward(self.feed_forward_norm(x))), weights


@wrong("5.4", "the normalisation stands after the sum")
class NormAfter(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(x, mask, return_weights)
        x = self.attention_norm(x + self.dropout(mixed))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x))), weights


@wrong("5.4", "both residual connections are missing")
class NoResidual(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        return self.dropout(self.feed_forward(self.feed_forward_norm(self.dropout(mixed)))), weights


@wrong("5.4", "the input is not added to the attention")
class NoFirstResidual(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        x, weights = self.attention(self.attention_norm(x), mask, return_weights)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), weights


@wrong("5.4", "the second sum starts from the input again")
class SecondFromInput(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        between = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(between))), weights


@wrong("5.4", "nothing is normalised")
class NoNorm(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(x, mask, return_weights)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(x)), weights


@wrong("5.4", "normalised inputs are passed on")
class PassesOnNormed(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        x = self.attention_norm(x)
        mixed, weights = self.attention(x, mask, return_weights)
        x = self.feed_forward_norm(x + self.dropout(mixed))
        return x + self.dropout(self.feed_forward(x)), weights


@wrong("5.4", "nothing of the attention is dropped")
class DropsNothing(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x + mixed
        return x + self.feed_forward(self.feed_forward_norm(x)), weights


@wrong("5.4", "only what is added may be blanked")
class DropsTheSum(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = self.dropout(x + mixed)
        return self.dropout(x + self.feed_forward(self.feed_forward_norm(x))), weights


@wrong("5.4", "must be two things")
class OutputAlone54(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        return super().forward(x, mask, return_weights)[0]


@wrong("5.4", "unsupported operand")
class AddsTheTuple(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        return x + self.attention(self.attention_norm(x), mask), None


# 5.5 TransformerClassifier


class WithoutPairs(models.TransformerClassifier):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named, pair_size=0)


@right("5.5")
class WithMaskedMean(WithoutPairs):
    def forward(self, token_ids, lengths, return_weights=False):
        T = token_ids.shape[1]
        mask = token_mask(lengths, T)
        x = self.embedding(token_ids)
        if self.positions:
            x = x + 0.1 * attention.positional_encoding(T, x.shape[-1])[None]
        x, maps = self.dropout(x), []
        for block in self.blocks:
            x, weights = block(x, mask, True)
            maps += [weights]
        x = self.norm(x)
        mean = torch.stack([row[real].mean(0) for row, real in zip(x, mask, strict=True)])
        logits = self.output(self.dropout(functional.relu(self.hidden(mean))))[:, 0]
        return (logits, torch.stack(maps, 1)) if return_weights else logits


@right("5.5")
class OwnBlocks(nn.Module):
    """With ``heads``, the argument's name in earlier notebooks."""

    def __init__(
        self, vocab_size, embedding_size=64, heads=4, layers=1, inner_size=128, dropout=0.5,
        positions=True, longest=512,
    ):  # fmt: skip
        super().__init__()
        E = embedding_size
        self.words = nn.Embedding(vocab_size, E)
        table = attention.positional_encoding(longest, E) if positions else torch.zeros(longest, E)
        self.register_buffer("places", 0.1 * table)
        self.drop = nn.Dropout(dropout)
        blocks = [WithEinsumBlock(E, heads, inner_size, 0.1) for _ in range(layers)]
        self.layers = nn.Sequential(*blocks)
        self.last = nn.Sequential(
            nn.LayerNorm(E), nn.Linear(E, E), nn.ReLU(), self.drop, nn.Linear(E, 1)
        )

    def forward(self, token_ids, lengths, return_weights=False):
        mask = token_ids.ne(0)
        x = self.drop(self.words(token_ids) + self.places[: token_ids.shape[1]])
        maps = []
        for layer in self.layers:
            x, weights = layer(x, mask, return_weights=True)
            maps.append(weights)
        x = self.last[0](x).masked_fill(~mask.unsqueeze(2), 0.0).sum(1) / mask.sum(1, True)
        logits = self.last[1:](x).reshape(-1)
        return [logits, torch.stack(maps, dim=1)] if return_weights else logits


class WithEinsumBlock(models.TransformerBlock):
    """A block around another implementation of the heads."""

    def __init__(self, size, num_heads, inner_size, dropout):
        super().__init__(size, num_heads, inner_size, dropout)
        self.attention = WithEinsum(size, num_heads)


class Variant(WithoutPairs):
    """The right model with its parts in methods, so that a mistake is one method."""

    def place(self, x):
        if not self.positions:
            return x
        return x + 0.1 * attention.positional_encoding(x.shape[1], x.shape[2])

    def mean(self, x, mask, lengths):
        return (self.norm(x) * mask.unsqueeze(2)).sum(1) / lengths.unsqueeze(1)

    def decide(self, mean):
        return self.output(self.dropout(torch.relu(self.hidden(mean)))).squeeze(1)

    def stack(self, maps):
        return torch.stack(maps, dim=1)

    def forward(self, token_ids, lengths, return_weights=False):
        mask = token_mask(lengths, token_ids.shape[1])
        x, maps = self.dropout(self.place(self.embedding(token_ids))), []
        for block in self.blocks:
            x, weights = block(x, mask, return_weights)
            maps.append(weights)
        logits = self.decide(self.mean(x, mask, lengths))
        return (logits, self.stack(maps)) if return_weights else logits


right("5.5")(Variant)


@right("5.5")
class LearnedPositions(Variant):
    def __init__(self, vocab_size, embedding_size=64, *sizes, **named):
        super().__init__(vocab_size, embedding_size, *sizes, **named)
        self.places = nn.Embedding(512, embedding_size) if self.positions else None

    def place(self, x):
        return x + self.places(torch.arange(x.shape[1])) if self.positions else x


class WordsAndPlaces(nn.Module):
    def __init__(self, vocab_size, embedding_size):
        super().__init__()
        self.words = nn.Embedding(vocab_size, embedding_size)
        self.places = nn.Embedding(512, embedding_size)

    def forward(self, token_ids):
        return self.words(token_ids) + self.places(torch.arange(token_ids.shape[1]))


@right("5.5")
class LearnedPositionsAndPairs(models.TransformerClassifier):
    def __init__(self, vocab_size, embedding_size=64, *sizes, positions=True, **named):
        super().__init__(vocab_size, embedding_size, *sizes, positions=False, **named)
        if positions:
            self.embedding = WordsAndPlaces(vocab_size, embedding_size)


@wrong("5.5", "the words in another order give the same answer")
class PairsInPlaceOfPositions(models.TransformerClassifier):
    def __init__(self, *sizes, positions=True, **named):
        super().__init__(*sizes, positions=False, **named)


@wrong("5.5", "the words in another order give the same answer")
class NoPositions(Variant):
    def place(self, x):
        return x


@wrong("5.5", "with positions=False the order of the words still counts")
class AlwaysPositions(Variant):
    def place(self, x):
        return x + 0.1 * attention.positional_encoding(x.shape[1], x.shape[2])


@wrong("5.5", "the reviews of a batch are mixed up")
class PositionsOverBatch(Variant):
    def place(self, x):
        return x + 0.5 * attention.positional_encoding(len(x), x.shape[2]).unsqueeze(1)


@wrong("5.5", "padding changes the answer")
class MeanOverPadding(Variant):
    def mean(self, x, mask, lengths):
        return self.norm(x).mean(1)


@wrong("5.5", "does the answer rest on one place")
class FirstPlace(Variant):
    def mean(self, x, mask, lengths):
        return self.norm(x)[:, 0]


@wrong("5.5", "a review written twice must have the mean")
class SumOfPlaces(Variant):
    def mean(self, x, mask, lengths):
        return (self.norm(x) * mask.unsqueeze(2)).sum(1)


@wrong("5.5", "3 layers have as many weights as one")
class PlainList(Variant):
    def __init__(self, vocab_size, embedding_size=64, num_heads=4, layers=1, inner_size=128,
                 dropout=0.5, positions=True):  # fmt: skip
        super().__init__(vocab_size, embedding_size, num_heads, 1, inner_size, dropout, positions)
        more = range(layers - 1)
        self.others = [models.TransformerBlock(embedding_size, num_heads, inner_size, 0.1)
                       for _ in more]  # fmt: skip


@wrong("5.5", "squeezed by a sigmoid")
class Probabilities(Variant):
    def decide(self, mean):
        return torch.sigmoid(super().decide(mean))


@wrong("5.5", "wanted was (B, layers, heads, T, T)")
class LastMapOnly(Variant):
    def stack(self, maps):
        return maps[-1]


@wrong("5.5", "came back as a list")
class ListOfMaps(Variant):
    def stack(self, maps):
        return maps


@wrong("5.5", "wanted was (B, layers, heads, T, T)")
class LayersFirst(Variant):
    def stack(self, maps):
        return torch.stack(maps)


@wrong("5.5", "no gradient reaches")
class SkipsTheBlocks(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        mask = token_mask(lengths, token_ids.shape[1])
        x = self.dropout(self.place(self.embedding(token_ids)))
        return self.decide(self.mean(x, mask, lengths))


@wrong("5.5", "something stays random, such as a dropout")
class DropsAlways(Variant):
    def decide(self, mean):
        return super().decide(functional.dropout(mean, 0.5))


# Rarer mistakes


@wrong("5.1", "not enough values to unpack")
def four_dimensions_only(queries, keys, values, mask=None, return_weights=False):
    B, heads, T, D = queries.shape
    return attend(queries, keys, values, mask, return_weights)


@wrong("5.1", "without a mask for (T, D), with return_weights=True came out")
def flat_ones_unscaled(queries, keys, values, mask=None, return_weights=False):
    root = math.sqrt(queries.shape[-1]) if queries.dim() == 4 else 1
    return attend(queries, keys, values, mask, return_weights, lambda q: root)


@wrong("5.1", "the root of D and the softmax are missing")
def gives_scores(queries, keys, values, mask=None, return_weights=False):
    mixed, _ = attend(queries, keys, values, mask, return_weights)
    return mixed, queries @ keys.transpose(-2, -1) if return_weights else None


@wrong("5.1", "its numbers left PyTorch on the way")
@torch.no_grad()
def attention_without_gradients(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights)


@wrong("5.3", "an nn.Module was wanted")
class NoModule:
    def __init__(self, size, num_heads):
        self.num_heads = num_heads


@wrong("5.3", "its numbers left PyTorch on the way")
class NoGradients(Heads):
    @torch.no_grad()
    def forward(self, x, mask, return_weights=False):
        return super().forward(x, mask, return_weights)


@wrong("5.3", "no gradient reaches more.weight")
class IdleLayer(Heads):
    def __init__(self, size, num_heads):
        super().__init__(size, num_heads)
        self.more = nn.Linear(size, size)


@wrong("5.3", "instead of keys (the last)")
class HidesQueries(Heads):
    def hidden(self, mask):
        return mask[:, None, :, None]

    def attend(self, q, k, v, mask, return_weights):
        return attend(q, k, v, mask, return_weights)


@wrong("5.3", "the weights of each query must sum to 1")
class MaskAfterwards(Heads):
    def attend(self, q, k, v, mask, return_weights):
        _, weights = attend(q, k, v, None, True)
        return weights * mask @ v, weights * mask


@wrong("5.3", "the output is another one when the weights are asked for")
class MasksOnePathOnly(Heads):
    def attend(self, q, k, v, mask, return_weights):
        return attend(q, k, v, mask if return_weights else None, return_weights)


@wrong("5.3", "the weights: shape (2, 5, 5)")
class MeanOfHeads(Heads):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = super().forward(x, mask, return_weights)
        return mixed, weights.mean(1) if return_weights else None


@wrong("5.3", "the output: shape (5, 2, 12)")
class TimeFirst(Heads):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = super().forward(x, mask, return_weights)
        return mixed.transpose(0, 1), weights


class Altered(models.TransformerBlock):
    """The right block, whose results are altered at the end."""

    def alter(self, x, weights):
        return x, weights

    def forward(self, x, mask, return_weights=False):
        x, weights = super().forward(x, mask, return_weights)
        return self.alter(x, weights) if return_weights else (x, None)


right("5.4")(Altered)


@wrong("5.4", "the weights: shape (2, 5, 5)")
class MeanOfMaps(Altered):
    def alter(self, x, weights):
        return x, weights.mean(1)


@wrong("5.4", "the weights are not those of the attention")
class WeightsFlipped(Altered):
    def alter(self, x, weights):
        return x, weights.flip(1)


@wrong("5.4", "the output: shape (5, 2, 12)")
class BlockTimeFirst(Altered):
    def alter(self, x, weights):
        return x.transpose(0, 1), weights


@wrong("5.4", "the result without return_weights must be two things")
class SometimesAlone(Altered):
    def forward(self, x, mask, return_weights=False):
        pair = super().forward(x, mask, return_weights)
        return pair if return_weights else pair[0]


@wrong("5.4", "its numbers left PyTorch on the way")
class BlockWithoutGradients(Altered):
    @torch.no_grad()
    def forward(self, x, mask, return_weights=False):
        return super().forward(x, mask, return_weights)


@wrong("5.5", "nothing is dropped")
class NeverDrops(Variant):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0


@wrong("5.5", "first of the two results")
class Swapped(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        result = super().forward(token_ids, lengths, return_weights)
        return result[::-1] if return_weights else result


@wrong("5.5", "padding has weights")
class ShowsOtherMaps(Variant):
    def stack(self, maps):
        return torch.full_like(torch.stack(maps, dim=1), 1 / maps[0].shape[-1])


@wrong("5.5", "the logits are others when the maps are asked for")
class Restless(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        result = super().forward(token_ids, lengths, return_weights)
        return (2 * result[0], result[1]) if return_weights else result


@wrong("5.1", "True counts as 1")
def adds_the_mask(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights, hide=torch.add)


# 5.6 make_optimizer


@right("5.6")
def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


@right("5.6")
def stochastic_descent(model):
    return torch.optim.SGD(list(model.parameters()), lr=0.5, momentum=0.9)


@right("5.6")
def in_two_groups(model):
    tables = [weight for name, weight in model.named_parameters() if "embedding" in name]
    others = [weight for name, weight in model.named_parameters() if "embedding" not in name]
    groups = [{"params": tables, "lr": 1e-2}, {"params": others}]
    return torch.optim.AdamW(groups, lr=2e-3, weight_decay=0.01)


@wrong("5.6", "far too large")
def huge_rate(model):
    return torch.optim.Adam(model.parameters(), lr=0.5)


@wrong("5.6", "the type Adam")
def class_of_optimizers(model):
    return torch.optim.Adam


@wrong("5.6", "weights of the model are not in it, first of all embedding.weight")
def last_layer_only(model):
    return torch.optim.Adam(model.output.parameters(), lr=3e-3)


ANOTHER = nn.Linear(3, 1)


@wrong("5.6", "the weights of another model")
def of_another_model(model):
    return torch.optim.Adam(ANOTHER.parameters(), lr=3e-3)


@wrong("5.6", "beside the model's weights")
def of_both_models(model):
    return torch.optim.Adam([*model.parameters(), *ANOTHER.parameters()], lr=3e-3)


@wrong("5.6", "came back as None")
def without_return(model):
    torch.optim.Adam(model.parameters(), lr=3e-3)


@wrong("5.6", "nothing ever moves")
def no_rate(model):
    return torch.optim.Adam(model.parameters(), lr=0.0)


@wrong("5.6", "the weights go up where the loss does")
def uphill(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3, maximize=True)


@wrong("5.6", "another by 1e-06, hardly at all")
def half_too_slow(model):
    tables = [weight for name, weight in model.named_parameters() if "embedding" in name]
    others = [weight for name, weight in model.named_parameters() if "embedding" not in name]
    return torch.optim.Adam([{"params": tables, "lr": 3e-3}, {"params": others}], lr=1e-6)


# Inputs, gradients and sizes of the functions and layers


@right("5.1")
def fused_always(queries, keys, values, mask=None, return_weights=False):
    mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    if not return_weights:
        return mixed, None
    scores = queries @ keys.mT / math.sqrt(keys.shape[-1])
    hide = 0 if mask is None else torch.where(mask, 0.0, -torch.inf)
    return mixed, (scores + hide).softmax(dim=-1)


@wrong("5.1", "the weights came back although nobody asked for them")
def weights_always(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, True)


@wrong("5.1", "the softmax is missing")
def scores_for_weights(queries, keys, values, mask=None, return_weights=False):
    mixed, weights = attend(queries, keys, values, mask, return_weights)
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    return mixed, scores if return_weights else None


@wrong("5.1", "multiplied with the keys")
def mixes_the_keys(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, keys, mask, return_weights)


@wrong("5.1", "each word sees only the words before it")
def looks_back_only(queries, keys, values, mask=None, return_weights=False):
    T = queries.shape[-2]
    before = torch.ones(T, T, dtype=torch.bool).tril()
    return attend(queries, keys, values, before if mask is None else mask, return_weights)


@wrong("5.1", "the softmax runs over dimension 1")
def softmax_over_one(queries, keys, values, mask=None, return_weights=False):
    return attend(queries, keys, values, mask, return_weights, dim=1)


@wrong("5.1", "the gradient at the queries is not")
def weights_detached(queries, keys, values, mask=None, return_weights=False):
    _, weights = attend(queries, keys, values, mask, True)
    return weights.detach() @ values + 0 * queries.sum(), weights if return_weights else None


@wrong("5.1", "it changed")
def scales_in_place(queries, keys, values, mask=None, return_weights=False):
    queries.data /= math.sqrt(queries.shape[-1])
    return attend(queries, keys, values, mask, return_weights, divide=lambda q: 1)


@wrong("5.2", "the numbers are float64")
def doubles(length, size):
    return attention.positional_encoding(length, size).double()


@wrong("5.2", "the table ends early")
def table_of_256(length, size):
    return attention.positional_encoding(256, size)[:length]


@wrong("5.2", "does a loop do the same work again and again")
def rows_again_and_again(length, size):
    table = torch.zeros(length, size)
    for _ in range(2000):
        for t in range(length):
            table[t] = attention.positional_encoding(t + 1, size)[t]
    return table


@wrong("5.2", "fixed to 64 in the exponent")
def of_64(length, size):
    rates = 10_000 ** (-torch.arange(0, size, 2) / 64)
    angles = torch.arange(length).unsqueeze(1) * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


@right("5.2")
def number_by_number(length, size):
    table = torch.empty(length, size)
    for t in range(length):
        for column in range(0, size, 2):
            angle = t / 10_000 ** (column / size)
            table[t, column] = math.sin(angle)
            table[t, column + 1] = math.cos(angle)
    return table


@wrong("5.3", "it changed")
class CentresInPlace(Heads):
    def forward(self, x, mask, return_weights=False):
        x -= x.mean(dim=2, keepdim=True)
        return super().forward(x, mask, return_weights)


@wrong("5.4", "it changed")
class AddsInPlace(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x += self.dropout(mixed)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), weights


@wrong("5.4", "one normalisation serves both layers")
class OneNorm(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(self.attention_norm(x))), weights


@wrong("5.4", "the network comes first")
class NetworkFirst(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        return x + self.dropout(mixed), weights


@wrong("5.4", "the result of the attention is normalised, not its input")
class NormBehindTheLayers(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(x, mask, return_weights)
        x = x + self.dropout(self.attention_norm(mixed))
        return x + self.dropout(self.feed_forward_norm(self.feed_forward(x))), weights


@wrong("5.4", "the gradient at x is not")
class FirstSumDetached(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x.detach() + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), weights


# Variants of the whole model: first right ones, then one mistake each


class PostNormBlock(models.TransformerBlock):
    """The block of the paper: normalised after each sum."""

    def forward(self, x, mask, return_weights=False):
        mixed, weights = self.attention(x, mask, return_weights)
        x = self.attention_norm(x + self.dropout(mixed))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x))), weights


class TheirBlock(nn.Module):
    """PyTorch's own attention in a block, with GELU and two dropouts."""

    def __init__(self, size, num_heads, inner_size):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(size), nn.LayerNorm(size)])
        self.heads = nn.MultiheadAttention(size, num_heads, dropout=0.1, batch_first=True)
        self.work = nn.Sequential(
            nn.Linear(size, inner_size), nn.GELU(), nn.Linear(inner_size, size), nn.Dropout(0.1)
        )
        self.drop = nn.Dropout(0.1)

    def forward(self, x, mask, return_weights=False):
        y = self.norms[0](x)
        mixed, weights = self.heads(
            y, y, y, key_padding_mask=~mask, average_attn_weights=False, need_weights=True
        )
        x = x + self.drop(mixed)
        return x + self.work(self.norms[1](x)), weights


@right("5.5")
class PostNorm(Variant):
    def __init__(self, vocab_size, embedding_size=64, num_heads=4, layers=1, inner_size=128,
                 dropout=0.5, positions=True):  # fmt: skip
        super().__init__(vocab_size, embedding_size, num_heads, 1, inner_size, dropout, positions)
        made = (PostNormBlock(embedding_size, num_heads, inner_size, 0.1) for _ in range(layers))
        self.blocks = nn.ModuleList(made)


@right("5.5")
class Theirs(nn.Module):
    """Other names, PyTorch's attention, learned positions, a dropout for each place, pairs."""

    def __init__(self, vocab_size, embedding_size=64, num_heads=4, layers=1, inner_size=128,
                 dropout=0.5, positions=True, pair_size=16):  # fmt: skip
        super().__init__()
        E = embedding_size
        self.words, self.two = nn.Embedding(vocab_size, E), models.PairEmbedding(pair_size)
        self.places = nn.Parameter(0.02 * torch.randn(1, 1000, E)) if positions else None
        self.first, self.second = nn.Dropout(dropout), nn.Dropout(dropout)
        self.stack = nn.ModuleList(TheirBlock(E, num_heads, inner_size) for _ in range(layers))
        self.last = nn.LayerNorm(E)
        self.inner, self.outer = nn.Linear(E + pair_size, E), nn.Linear(E, 1)

    def forward(self, token_ids, lengths, return_weights=False):
        T = token_ids.size(1)
        mask = torch.arange(T, device=token_ids.device) < lengths[:, None]
        x = self.words(token_ids)
        x = self.first(x if self.places is None else x + self.places[:, :T])
        maps = []
        for block in self.stack:
            x, one = block(x, mask)
            maps.append(one)
        x = torch.cat([self.two(token_ids), self.last(x)], dim=-1)
        mean = torch.where(mask[..., None], x, 0).sum(1) / mask.sum(1)[:, None]
        logits = self.outer(self.second(self.inner(mean)).relu()).flatten()
        return (logits, torch.stack(maps, 1)) if return_weights else logits


@right("5.5")
class DropsWordsAlone(Variant):
    """The words' vectors are dropped before the positions are added, and the mean as well."""

    def forward(self, token_ids, lengths, return_weights=False):
        mask = token_mask(lengths, token_ids.shape[1])
        x, maps = self.place(self.dropout(self.embedding(token_ids))), []
        for block in self.blocks:
            x, weights = block(x, mask, return_weights)
            maps.append(weights)
        logits = self.decide(self.dropout(self.mean(x, mask, lengths)))
        return (logits, self.stack(maps)) if return_weights else logits

    def decide(self, mean):
        return self.output(torch.relu(self.hidden(mean)))[:, 0]


class Blocks(Variant):
    """The right model, whose way through the blocks may be altered."""

    def through(self, x, mask):
        maps = []
        for block in self.blocks:
            x, weights = block(x, mask, True)
            maps.append(weights)
        return x, maps

    def begin(self, token_ids):
        return self.dropout(self.place(self.embedding(token_ids)))

    def forward(self, token_ids, lengths, return_weights=False):
        mask = token_mask(lengths, token_ids.shape[1])
        x, maps = self.through(self.begin(token_ids), mask)
        logits = self.decide(self.mean(x, mask, lengths))
        return (logits, self.stack(maps)) if return_weights else logits


right("5.5")(Blocks)


@wrong("5.5", "the maps are not in the order of the blocks")
class MapsReversed(Blocks):
    def stack(self, maps):
        return torch.stack(maps[::-1], dim=1)


@wrong("5.5", "are the maps turned around")
class MapsUpsideDown(Blocks):
    def forward(self, token_ids, lengths, return_weights=False):
        result = super().forward(token_ids, lengths, return_weights)
        if not return_weights:
            return result
        rows = [maps[:, :, :n].flip(2) for maps, n in zip(result[1], lengths, strict=True)]
        T = token_ids.shape[1]
        rows = [torch.cat([row, maps[:, :, row.shape[2]:]], dim=2)
                for row, maps in zip(rows, result[1], strict=True)]  # fmt: skip
        return result[0], torch.stack(rows)[:, :, :, :T]


@wrong("5.5", "both heads of a block have the same map")
class OneHeadTwice(Blocks):
    def stack(self, maps):
        return torch.stack(maps, dim=1)[:, :, :1].expand(-1, -1, maps[0].shape[1], -1, -1)


@wrong("5.5", "no gradient reaches")
class OnlyTheLastBlockLearns(Blocks):
    def through(self, x, mask):
        maps = []
        for block in self.blocks[:-1]:
            with torch.no_grad():
                x, weights = block(x, mask, True)
            maps.append(weights)
        x, weights = self.blocks[-1](x, mask, True)
        return x, [*maps, weights]


@wrong("5.5", "the path is cut")
class ResidualDetached(Blocks):
    def through(self, x, mask):
        maps = []
        for block in self.blocks:
            new, weights = block(x, mask, True)
            x = new - x + x.detach()
            maps.append(weights)
        return x, maps


@wrong("5.5", "one word among 500 changes the answer")
class Maximum(Blocks):
    def mean(self, x, mask, lengths):
        return self.norm(x).masked_fill(~mask.unsqueeze(2), -torch.inf).amax(1)


@wrong("5.5", "one word among 500 changes the answer")
class MaximumAndMean(Blocks):
    def mean(self, x, mask, lengths):
        return super().mean(x, mask, lengths) + Maximum.mean(self, x, mask, lengths)


@wrong("5.5", "the mean is normalised")
class NormOfTheMean(Blocks):
    def mean(self, x, mask, lengths):
        return self.norm((x * mask.unsqueeze(2)).sum(1) / lengths.unsqueeze(1))


@wrong("5.5", "nothing is normalised after the block")
class NoLastNorm(Blocks):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        self.norm = nn.Identity()


@wrong("5.5", "what stood between them")
class NoRelu(Blocks):
    def decide(self, mean):
        return self.output(self.dropout(self.hidden(mean))).squeeze(1)


@wrong("5.5", "after a relu nothing is below 0")
class GeluAtTheEnd(Blocks):
    def decide(self, mean):
        return self.output(self.dropout(functional.gelu(self.hidden(mean)))).squeeze(1)


@wrong("5.5", "nothing is dropped before the last linear layer")
class DropsWordsOnly(Blocks):
    def decide(self, mean):
        return self.output(torch.relu(self.hidden(mean))).squeeze(1)


@wrong("5.5", "the vectors of the words go into the first block whole")
class DropsTheEndOnly(Blocks):
    def begin(self, token_ids):
        return self.place(self.embedding(token_ids))


@wrong("5.5", "the dropout stands behind the last linear layer")
class DropsTheAnswer(Blocks):
    def decide(self, mean):
        return self.dropout(self.output(torch.relu(self.hidden(mean)))).squeeze(1)


class OtherBlocks(Blocks):
    """Blocks of other sizes than those that were asked for."""

    def __init__(self, vocab_size, embedding_size=64, num_heads=4, layers=1, inner_size=128,
                 dropout=0.5, positions=True):  # fmt: skip
        super().__init__(vocab_size, embedding_size, num_heads, 1, inner_size, dropout, positions)
        sizes = self.sizes(embedding_size, num_heads, inner_size, dropout)
        self.blocks = nn.ModuleList(models.TransformerBlock(*sizes) for _ in range(layers))


@wrong("5.5", "have a dropout of 0.1 of their own")
class BlocksDropAsTheModel(OtherBlocks):
    def sizes(self, size, num_heads, inner_size, dropout):
        return size, num_heads, inner_size, dropout


@wrong("5.5", "the blocks drop 0.50")
class BlocksDropHalf(OtherBlocks):
    def sizes(self, size, num_heads, inner_size, dropout):
        return size, num_heads, inner_size, 0.5


@wrong("5.5", "with inner_size=12 and with inner_size=20")
class InnerSizeUnused(OtherBlocks):
    def sizes(self, size, num_heads, inner_size, dropout):
        return size, num_heads, 4 * size, 0.1


@wrong("5.5", "a linear layer gives 64 numbers whatever the sizes are")
class HiddenOfFixedSize(Blocks):
    def __init__(self, vocab_size, embedding_size=64, *sizes, **named):
        super().__init__(vocab_size, embedding_size, *sizes, **named)
        self.hidden, self.output = nn.Linear(embedding_size, 64), nn.Linear(64, 1)


@wrong("5.5", "3 layers have as many weights as one")
class OneBlockThrice(Blocks):
    def __init__(self, vocab_size, embedding_size=64, num_heads=4, layers=1, inner_size=128,
                 dropout=0.5, positions=True):  # fmt: skip
        super().__init__(vocab_size, embedding_size, num_heads, 1, inner_size, dropout, positions)
        self.blocks = nn.ModuleList([self.blocks[0]] * layers)


@wrong("5.5", "PyTorch does not know about a TransformerBlock")
class BlocksInAList(Blocks):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        blocks = list(self.blocks)
        del self.blocks
        self.blocks = blocks


@wrong("5.5", "the blocks do not see the positions")
class PositionsAfterTheBlocks(Blocks):
    def begin(self, token_ids):
        return self.dropout(self.embedding(token_ids))

    def mean(self, x, mask, lengths):
        return super().mean(self.place(x), mask, lengths)


@wrong("5.5", "is a length fixed in the code")
class CutsLongReviews(Blocks):
    def forward(self, token_ids, lengths, return_weights=False):
        return super().forward(token_ids[:, -400:], lengths.clamp(max=400), return_weights)


@wrong("5.5", "Is the length of a review fixed in the code")
class TableOf300(Blocks):
    def place(self, x):
        table = attention.positional_encoding(300, x.shape[2])
        return x + 0.1 * table[: x.shape[1]] if self.positions else x


@wrong("5.5", "does its table of positions end early")
class ClampedPositions(Blocks):
    def place(self, x):
        T, E = x.shape[1:]
        table = attention.positional_encoding(256, E)[torch.arange(T).clamp(max=255)]
        return x + 0.1 * table if self.positions else x


@wrong("5.5", "does its table of positions end early, or begin again")
class PositionsBeginAgain(Blocks):
    def place(self, x):
        T, E = x.shape[1:]
        table = attention.positional_encoding(300, E)[torch.arange(T) % 300]
        return x + 0.1 * table if self.positions else x


@wrong("5.3", "the weights came back although nobody asked for them")
class AlwaysWeights(Heads):
    def forward(self, x, mask, return_weights=False):
        return super().forward(x, mask, True)


@wrong("5.3", "is `return_weights` handed on")
class NeverWeights(Heads):
    def forward(self, x, mask, return_weights=False):
        return super().forward(x, mask)


@wrong("5.4", "is `return_weights` handed on")
class BlockWithoutWeights(models.TransformerBlock):
    def forward(self, x, mask, return_weights=False):
        return super().forward(x, mask)


@wrong("5.5", "is `return_weights` handed on")
class MapsNotAskedFor(Variant):
    def forward(self, token_ids, lengths, return_weights=False):
        mask = token_mask(lengths, token_ids.shape[1])
        x, maps = self.dropout(self.place(self.embedding(token_ids))), []
        for block in self.blocks:
            x, weights = block(x, mask)
            maps.append(weights)
        logits = self.decide(self.mean(x, mask, lengths))
        return (logits, self.stack(maps)) if return_weights else logits


@wrong("5.5", "the positions are added 1 times")
class FullPositions(Variant):
    def place(self, x):
        return x + attention.positional_encoding(*x.shape[1:]) if self.positions else x


@wrong("5.5", "the positions are added 0.01 times")
class TinyPositions(Variant):
    def place(self, x):
        return x + 0.01 * attention.positional_encoding(*x.shape[1:]) if self.positions else x


@wrong("5.5", "a normalisation has 24 numbers of a word, and the embedding size is 8")
class NormOfAll(models.TransformerClassifier):
    """The last normalisation takes the pairs' vectors in."""

    def __init__(self, vocab_size, embedding_size=64, *sizes, pair_size=16, **named):
        super().__init__(vocab_size, embedding_size, *sizes, pair_size=pair_size, **named)
        self.norm = nn.LayerNorm(embedding_size + pair_size)

    def forward(self, token_ids, lengths, return_weights=False):
        mask = token_mask(lengths, token_ids.shape[1])
        x = self.embedding(token_ids)
        if self.positions:
            x = x + 0.1 * attention.positional_encoding(*x.shape[1:])
        x, maps = self.dropout(x), []
        for block in self.blocks:
            x, weights = block(x, mask, return_weights)
            maps.append(weights)
        x = self.norm(torch.cat([x, self.pairs(token_ids)], dim=2))
        mean = (x * mask.unsqueeze(2)).sum(1) / lengths.unsqueeze(1)
        logits = self.output(self.dropout(torch.relu(self.hidden(mean)))).squeeze(1)
        return (logits, torch.stack(maps, dim=1)) if return_weights else logits


@wrong("5.6", "Take Adam, whose steps are about as large as the rate")
def slow_descent(model):
    return torch.optim.SGD(model.parameters(), lr=1e-2)


@wrong("5.6", "Take Adam, whose steps are about as large as the rate")
def slow_descent_with_momentum(model):
    return torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)


@wrong("5.6", "far too little: three epochs")
def slow_adam(model):
    return torch.optim.Adam(model.parameters(), lr=2e-4)


@right("5.6")
def patient_adam(model):
    return torch.optim.Adam(model.parameters(), lr=3e-4)
