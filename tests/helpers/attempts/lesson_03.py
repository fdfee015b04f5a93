"""Attempts at last vectors, reversal and the simple RNN."""

import functools

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from attempts import right, wrong
from practicum_utils import models
from practicum_utils.models import last_vectors, reverse_reviews

# 3.1 last_vectors


@right("3.1")
def with_gather(states, lengths):
    places = (lengths - 1).reshape(-1, 1, 1).expand(-1, 1, states.shape[2])
    return states.gather(1, places).squeeze(1)


@right("3.1")
def with_a_loop(states, lengths):
    return torch.stack([states[b, lengths[b] - 1] for b in range(len(states))])


@right("3.1")
def with_one_hot(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    chosen = functional.one_hot(lengths - 1, states.size(1)).to(states)
    return torch.einsum("bth,bt->bh", states, chosen)


@right("3.1")
def with_zip(states, lengths):
    return torch.cat([row[n - 1 : n] for row, n in zip(states, lengths.tolist(), strict=True)])


@wrong("3.1", "the state at the right edge of the table")
def reads_the_edge(states, lengths):
    return states[:, -1]


@wrong("3.1", "one place too far, off by one")
def one_too_far(states, lengths):
    return states[torch.arange(len(states)), lengths]


@wrong("3.1", "one place too early, off by one")
def one_too_early(states, lengths):
    return states[torch.arange(len(states)), lengths - 2]


@wrong("3.1", "every row was asked for all the places")
def all_pairs(states, lengths):
    return states[:, lengths - 1]


@wrong("3.1", "the first state of each row")
def reads_the_first(states, lengths):
    return states[:, 0]


@wrong("3.1", "the mean of the real states")
def averages(states, lengths):
    return torch.stack([row[:n].mean(0) for row, n in zip(states, lengths, strict=True)])


@wrong("3.1", "one dimension of size 1 too many")
def keeps_time(states, lengths):
    return with_gather(states, lengths).unsqueeze(1)


@wrong("3.1", "its numbers left PyTorch on the way")
def through_lists(states, lengths):
    return torch.tensor(with_a_loop(states, lengths).tolist())


@wrong("3.1", "RuntimeError")
def gathers_without_shape(states, lengths):
    return states.gather(1, lengths - 1)


@wrong("3.1", "must be a tensor (B, H); it came back as a list")
def gives_a_list(states, lengths):
    return [row[n - 1] for row, n in zip(states, lengths, strict=True)]


# 3.2 reverse_reviews


@right("3.2")
def with_flips(token_ids, lengths):
    result = token_ids.clone()
    for row, length in zip(result, lengths, strict=True):
        row[:length] = row[:length].flip(0)
    return result


@right("3.2")
def with_lists(token_ids, lengths):
    rows = [
        row[:n][::-1] + row[n:] for row, n in zip(token_ids.tolist(), lengths.tolist(), strict=True)
    ]
    return torch.tensor(rows)


@right("3.2")
def with_modulo(token_ids: torch.Tensor, lengths: torch.Tensor, dim: int = 1) -> torch.Tensor:
    B, T = token_ids.shape
    source = (lengths[:, None] - 1 - torch.arange(T)[None]) % T
    return torch.gather(token_ids, dim, source)


@right("3.2")
def flipped_and_rolled(token_ids, lengths):
    T = token_ids.shape[1]
    rows = zip(token_ids.flip(1), lengths.tolist(), strict=True)
    return torch.stack([row.roll(n - T) for row, n in rows])


@wrong("3.2", "so that the padding stands in front")
def flips_rows(token_ids, lengths):
    return token_ids.flip(1)


@wrong("3.2", "nothing was reversed")
def gives_it_back(token_ids, lengths):
    return token_ids


@wrong("3.2", "the order of the rows")
def flips_the_batch(token_ids, lengths):
    return token_ids.flip(0)


@wrong("3.2", "the last real token was left where it is")
def stops_one_early(token_ids, lengths):
    return with_flips(token_ids, lengths - 1)


@wrong("3.2", "it changed `token_ids` in place")
def in_place(token_ids, lengths):
    for row, length in zip(token_ids, lengths, strict=True):
        row[:length] = row[:length].flip(0)
    return token_ids


@wrong("3.2", "the last word is lost")
def loses_the_last(token_ids, lengths):
    rows = [row[: n - 1].flip(0) for row, n in zip(token_ids, lengths, strict=True)]
    return torch.stack([functional.pad(r, (0, token_ids.shape[1] - len(r))) for r in rows])


@wrong("3.2", "RuntimeError")
def negative_places(token_ids, lengths):
    source = lengths.unsqueeze(1) - 1 - torch.arange(token_ids.shape[1])
    return token_ids.gather(1, source)


@wrong("3.2", "token ids are int64; they came back as torch.float32")
def as_floats(token_ids, lengths):
    return with_flips(token_ids, lengths).float()


@wrong("3.2", "stands the first word again")
def clamps_only(token_ids, lengths):
    source = lengths.unsqueeze(1) - 1 - torch.arange(token_ids.shape[1])
    return token_ids.gather(1, source.clamp(min=0))


# 3.3 SimpleRNN


@right("3.3")
class Packed(nn.Module):
    """PyTorch's own bidirectional LSTM over a packed batch."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__()
        self.words = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(dropout)
        self.decide = nn.Sequential(
            nn.Linear(2 * hidden_size, hidden_size), nn.ReLU(), self.drop, nn.Linear(hidden_size, 1)
        )

    def last(self, token_ids, lengths):
        packed = pack_padded_sequence(
            self.drop(self.words(token_ids)), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, (h_n, _) = self.rnn(packed)
        return torch.cat([h_n[0], h_n[1]], dim=1)

    def forward(self, token_ids, lengths):
        return self.decide(self.last(token_ids, lengths))[:, 0]


@right("3.3")
class FromStates(Packed):
    def last(self, token_ids, lengths):
        packed = pack_padded_sequence(
            self.drop(self.words(token_ids)), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        H = states.shape[2] // 2
        return torch.cat([last_vectors(states, lengths)[:, :H], states[:, 0, H:]], dim=1)


@right("3.3")
class StepByStep(nn.Module):
    def __init__(self, vocab_size: int, embedding_size=64, hidden_size=64, dropout: float = 0.5):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embedding_size)
        self.cells = nn.ModuleList(nn.LSTMCell(embedding_size, hidden_size) for _ in range(2))
        self.inner = nn.Linear(2 * hidden_size, hidden_size)
        self.outer = nn.Linear(hidden_size, 1)
        self.p = dropout

    def run(self, cell, token_ids, lengths):
        h = c = torch.zeros(len(token_ids), cell.hidden_size)
        for t in range(token_ids.shape[1]):
            vectors = functional.dropout(self.embed(token_ids[:, t]), self.p, self.training)
            new_h, new_c = cell(vectors, (h, c))
            real = (t < lengths).unsqueeze(1)
            h, c = torch.where(real, new_h, h), torch.where(real, new_c, c)
        return h

    def forward(self, token_ids, lengths):
        there = self.run(self.cells[0], token_ids, lengths)
        back = self.run(self.cells[1], reverse_reviews(token_ids, lengths), lengths)
        hidden = self.inner(torch.hstack([back, there])).clamp(min=0)
        return self.outer(functional.dropout(hidden, self.p, self.training)).reshape(-1)


@right("3.3")
class TimeFirst(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size)

    def read(self, rnn, token_ids, lengths):
        states, _ = rnn(self.dropout(self.embedding(token_ids)).transpose(0, 1))
        return last_vectors(states.transpose(0, 1), lengths)


@wrong("3.3", "a linear layer gets another number of inputs")
class HalfTheInputs(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.hidden = nn.Linear(hidden_size, hidden_size)


@wrong("3.3", "padding changes the answer")
class ReadsTheEdge(models.SimpleRNN):
    def read(self, rnn, token_ids, lengths):
        return rnn(self.dropout(self.embedding(token_ids)))[0][:, -1]


@wrong("3.3", "padding changes the answer")
class FlipsRows(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        there = self.read(self.forward_rnn, token_ids, lengths)
        back = self.read(self.backward_rnn, token_ids.flip(1), torch.full_like(lengths, 1000).clamp(
            max=token_ids.shape[1]))  # fmt: skip
        hidden = torch.relu(self.hidden(torch.cat([there, back], dim=1)))
        return self.output(self.dropout(hidden)).squeeze(1)


@wrong("3.3", "the reviews of a batch are mixed up")
class ForgetsBatchFirst(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size)


@wrong("3.3", "only the end of the review counts")
class ReadsForwardTwice(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        both = [self.read(rnn, token_ids, lengths) for rnn in (self.forward_rnn, self.backward_rnn)]
        hidden = torch.relu(self.hidden(torch.cat(both, dim=1)))
        return self.output(self.dropout(hidden)).squeeze(1)


@wrong("3.3", "only the end of the review counts")
class SameEndOfBoth(FromStates):
    def last(self, token_ids, lengths):
        packed = pack_padded_sequence(
            self.drop(self.words(token_ids)), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        return last_vectors(pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0], lengths)


@wrong("3.3", "squeezed by a sigmoid")
class Probabilities(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        return torch.sigmoid(super().forward(token_ids, lengths))


@wrong("3.3", "never below 0")
class ReluAtTheEnd(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        return torch.relu(super().forward(token_ids, lengths))


@wrong("3.3", "one column; wanted is (B,)")
class KeepsColumn(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        return super().forward(token_ids, lengths).unsqueeze(1)


@wrong("3.3", "something stays random, such as a dropout")
class DropsAlways(models.SimpleRNN):
    def read(self, rnn, token_ids, lengths):
        states, _ = rnn(self.embedding(token_ids))
        return functional.dropout(last_vectors(states, lengths), 0.5)

    def train(self, mode=True):
        return super().train(mode)


@wrong("3.3", "nothing is dropped")
class NeverDrops(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, 0.0)


@wrong("3.3", "no gradient reaches backward_rnn")
class OneReader(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        there = self.read(self.forward_rnn, token_ids, lengths)
        hidden = torch.relu(self.hidden(torch.cat([there, there], dim=1)))
        return self.output(self.dropout(hidden)).squeeze(1)


@wrong("3.3", "words in the middle count as well")
class MeanOfStates(models.SimpleRNN):
    def read(self, rnn, token_ids, lengths):
        states, _ = rnn(self.dropout(self.embedding(token_ids)))
        real = torch.arange(token_ids.shape[1]) < lengths.unsqueeze(1)
        return (states * real.unsqueeze(2)).sum(1) / lengths.unsqueeze(1)


@wrong("3.3", "not those of the exercise")
class OtherArguments(models.SimpleRNN):
    def __init__(self, vocab_size, size=64):
        super().__init__(vocab_size, size, size)


@wrong("3.3", "an nn.Module was wanted")
class NoModule:
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        self.hidden = nn.Linear(hidden_size, 1)


@wrong("3.3", "what stood between them")
class NoRelu(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        there = self.read(self.forward_rnn, token_ids, lengths)
        back = self.read(self.backward_rnn, reverse_reviews(token_ids, lengths), lengths)
        return self.output(self.dropout(self.hidden(torch.cat([there, back], dim=1)))).squeeze(1)


@wrong("3.3", "the LSTM gets vectors of another size")
class SizesSwapped(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.forward_rnn = nn.LSTM(hidden_size, embedding_size, batch_first=True)


# Rarer mistakes


@wrong("3.3", "Where does the forward reader end")
class ForwardFromTheStart(models.SimpleRNN):
    def read(self, rnn, token_ids, lengths):
        states, _ = rnn(self.dropout(self.embedding(token_ids)))
        return states[:, 0] if rnn is self.forward_rnn else last_vectors(states, lengths)


@wrong("3.3", "the argument is not used")
class FixedDropout(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size)


@wrong("3.3", "the words in another order give the same answer")
class NoReaders(nn.Module):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__()
        self.mean = models.MeanEmbedding(vocab_size, embedding_size)

    def forward(self, token_ids, lengths):
        return self.mean(token_ids, lengths)


@wrong("3.3", "is something of the last batch kept in the model")
class CarriesItsState(models.SimpleRNN):
    def read(self, rnn, token_ids, lengths):
        if getattr(self, "kept", None) is None or self.kept[0].shape[1] != len(token_ids):
            self.kept = None
        states, (h, c) = rnn(self.dropout(self.embedding(token_ids)), self.kept)
        self.kept = (h.detach(), c.detach())
        return last_vectors(states, lengths)


@right("3.3")
class HandWritten(nn.Module):
    """The rule of the LSTM written out, as in the lesson, without a layer of PyTorch's for it."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__()
        E, H = embedding_size, hidden_size
        self.embedding, self.dropout = nn.Embedding(vocab_size, E), nn.Dropout(dropout)
        self.inputs = nn.ModuleList(nn.Linear(E, 4 * H) for _ in range(2))
        self.states = nn.ModuleList(nn.Linear(H, 4 * H) for _ in range(2))
        self.hidden, self.output = nn.Linear(2 * H, H), nn.Linear(H, 1)

    def read(self, reader, token_ids, lengths):
        x = self.dropout(self.embedding(token_ids))
        h = c = x.new_zeros(len(x), self.hidden.out_features)
        seen = []
        for t in range(x.shape[1]):
            gates = self.inputs[reader](x[:, t]) + self.states[reader](h)
            i, f, g, o = gates.chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            seen.append(h)
        return last_vectors(torch.stack(seen, dim=1), lengths)

    def forward(self, token_ids, lengths):
        ways = (token_ids, reverse_reviews(token_ids, lengths))
        last = torch.cat([self.read(i, way, lengths) for i, way in enumerate(ways)], dim=1)
        return self.output(self.dropout(self.hidden(last).relu())).squeeze(1)


@right("3.3")
class GatedUnits(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.forward_rnn = nn.GRU(embedding_size, hidden_size, batch_first=True)
        self.backward_rnn = nn.GRU(embedding_size, hidden_size, batch_first=True)


@wrong("3.1", "counted from the right edge")
def from_the_right(states, lengths):
    return states[torch.arange(len(states)), -lengths]


@wrong("3.1", "where the longest one ends")
def end_of_the_longest(states, lengths):
    return states[:, lengths.max() - 1]


@wrong("3.3", "does it get the length of another row")
class SortsLengthsAlone(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        return super().forward(token_ids, lengths.sort(descending=True).values)


@wrong("3.3", "the reviews of a batch are mixed up")
class ViewsLastStates(Packed):
    def last(self, token_ids, lengths):
        packed = pack_padded_sequence(
            self.drop(self.words(token_ids)), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        return self.rnn(packed)[1][0].view(len(token_ids), -1)


# Single functions: changed inputs, other sizes, the commoner slips in reversing


@right("3.1")
def with_take_along(states, lengths):
    places = (lengths - 1)[:, None, None]
    return torch.take_along_dim(states, places, dim=1).flatten(1)


@right("3.1")
@functools.wraps(with_zip)
def decorated(*arguments, **named):
    return with_zip(*arguments, **named)


right("3.1")(functools.partial(with_gather))


@right("3.1")
def by_a_mask(states, lengths):
    places = torch.arange(states.shape[1], device=states.device)
    return states[places == lengths[:, None] - 1]


@wrong("3.1", "it changed `lengths` in place")
def counts_down(states, lengths):
    lengths -= 1
    return states[torch.arange(len(states)), lengths]


@wrong("3.1", "it changed `states` in place")
def blanks_the_padding(states, lengths):
    for row, n in zip(states.data, lengths, strict=True):
        row[n:] = 0
    return with_gather(states, lengths)


@wrong("3.1", "something is kept from one call to the next")
def keeps_the_first_states(states, lengths, known={}):  # noqa: B006
    kept = known.setdefault(tuple(lengths.tolist()), states)
    return with_gather(kept, lengths)


@wrong("3.1", "came back as float64")
def in_doubles(states, lengths):
    return with_gather(states.double(), lengths)


@wrong("3.1", "(B, H)")
def of_three_numbers(states, lengths):
    return with_gather(states, lengths)[:, :3]


@wrong("3.1", "gradient")
def gradient_to_all(states, lengths):
    found = with_gather(states, lengths)
    return found.detach() + states.sum(1) - states.sum(1).detach()


@wrong("3.1", "a row may have 300 places")
def at_most_256(states, lengths):
    return with_gather(states, lengths.clamp(max=256))


@right("3.2")
def with_numpy(token_ids, lengths):
    table = token_ids.cpu().numpy().copy()
    for row, length in zip(table, lengths.tolist(), strict=True):
        row[:length] = row[:length][::-1]
    return torch.from_numpy(table).to(token_ids.device)


@right("3.2")
def sorted_by_place(token_ids, lengths):
    places = torch.arange(token_ids.shape[1]).expand_as(token_ids)
    keys = torch.where(places < lengths.unsqueeze(1), -places, places)
    return token_ids.gather(1, keys.argsort(dim=1))


@right("3.2")
def with_padding_function(token_ids, lengths):
    rows = [row[:n].flip(0) for row, n in zip(token_ids, lengths, strict=True)]
    table = pad_sequence(rows, batch_first=True)
    return functional.pad(table, (0, token_ids.size(1) - table.size(1)))


@wrong("3.2", "the place of the last word is length - 1")
def begins_too_late(token_ids, lengths):
    source = lengths.unsqueeze(1) - torch.arange(token_ids.shape[1])
    wide = functional.pad(token_ids, (0, 1))
    return wide.gather(1, source.clamp(min=0)).where(source >= 0, token_ids)


@wrong("3.2", "where the longest one ends")
def up_to_the_longest(token_ids, lengths):
    n = int(lengths.max())
    return torch.cat([token_ids[:, :n].flip(1), token_ids[:, n:]], dim=1)


@wrong("3.2", "sorted by their numbers")
def sorts(token_ids, lengths):
    return token_ids.sort(dim=1, descending=True).values


@wrong("3.2", "mirrored")
def with_abs(token_ids, lengths):
    source = lengths.unsqueeze(1) - 1 - torch.arange(token_ids.shape[1])
    return token_ids.gather(1, source.abs().clamp(max=token_ids.shape[1] - 1))


@wrong("3.2", "the zeros stand in front of the words")
def moves_the_padding(token_ids, lengths):
    rows = zip(token_ids, lengths.tolist(), strict=True)
    return torch.stack([row.roll(len(row) - n) for row, n in rows])


@wrong("3.2", "the places of the padding are to hold 0")
def pads_with_one(token_ids, lengths):
    return with_flips(token_ids, lengths).masked_fill(token_ids == 0, 1)


@wrong("3.2", "it changed `lengths` in place")
def counts_lengths_down(token_ids, lengths):
    result = with_flips(token_ids, lengths)
    lengths.zero_()
    return result


@wrong("3.2", "`token_ids` in place")
def unrolls_in_place(token_ids, lengths):
    result = token_ids
    for row, length in zip(result, lengths, strict=True):
        row[:length] = row[:length].flip(0)
    return result.clone()


@wrong("3.2", "a row may have 300 places")
def turns_256(token_ids, lengths):
    return with_flips(token_ids, lengths.clamp(max=256))


@wrong("3.2", "int64; they came back as torch.int32")
def as_short_ids(token_ids, lengths):
    return with_flips(token_ids, lengths).int()


@wrong("3.2", "print shows a value, `return` hands it on")
def prints_rows(token_ids, lengths):
    for row, n in zip(token_ids, lengths, strict=True):
        print(row[:n].flip(0))


@wrong("3.2", "cut off after the longest")
def cuts_the_table(token_ids, lengths):
    return with_flips(token_ids, lengths)[:, : int(lengths.max())]


@wrong("3.2", "it calls itself")
def calls_itself(token_ids, lengths):
    return calls_itself(token_ids, lengths).clone()


# Variants of the whole model: first right ones, then one mistake each


class Parts(models.SimpleRNN):
    """The right model with its parts in methods, so that a mistake is one method."""

    def both(self, token_ids, lengths):
        there = self.read(self.forward_rnn, token_ids, lengths)
        back = self.read(self.backward_rnn, reverse_reviews(token_ids, lengths), lengths)
        return there, back

    def join(self, there, back):
        return torch.cat([there, back], dim=1)

    def bend(self, hidden):
        return torch.relu(hidden)

    def end(self, hidden):
        return self.output(self.dropout(hidden)).squeeze(1)

    def forward(self, token_ids, lengths):
        return self.end(self.bend(self.hidden(self.join(*self.both(token_ids, lengths)))))


right("3.3")(Parts)


@right("3.3")
class PlainRows(nn.Module):
    """Review by review, without padding."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__()
        self.words = nn.Sequential(nn.Embedding(vocab_size, embedding_size), nn.Dropout(dropout))
        self.ahead = nn.LSTM(embedding_size, hidden_size)
        self.back = nn.LSTM(embedding_size, hidden_size)
        self.decide = nn.Sequential(
            nn.Linear(2 * hidden_size, hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, 1),
            nn.Flatten(0),
        )

    def forward(self, token_ids, lengths):
        ends = []
        for row, length in zip(self.words(token_ids), lengths.tolist(), strict=True):
            _, (ahead, _) = self.ahead(row[:length])
            _, (back, _) = self.back(row[:length].flip(0))
            ends.append(torch.cat([ahead[0], back[0]]))
        return self.decide(torch.stack(ends))


@right("3.3")
class DropsBeforeRelu(Parts):
    def __init__(self, *sizes, dropout=0.5, **named):
        super().__init__(*sizes, dropout=dropout, **named)
        self.other_dropout = nn.Dropout(dropout)

    def bend(self, hidden):
        return nn.ReLU()(self.other_dropout(hidden))

    def end(self, hidden):
        return self.output(hidden)[:, 0]


@right("3.3")
class TwoHiddenLayers(Parts):
    """A linear layer for each reader, added up, is one for both side by side."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.hidden = nn.Identity()
        self.of_there, self.of_back = (nn.Linear(hidden_size, hidden_size) for _ in range(2))

    def join(self, there, back):
        return self.of_there(there) + self.of_back(back)


@right("3.3")
class DropsByHand(Parts):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, 0.0)
        self.rate = dropout

    def drop(self, numbers):
        if not self.training:
            return numbers
        return numbers * (torch.rand_like(numbers) > self.rate) / (1 - self.rate)

    def read(self, rnn, token_ids, lengths):
        return last_vectors(rnn(self.drop(self.embedding(token_ids)))[0], lengths)

    def end(self, hidden):
        return self.output(self.drop(hidden)).flatten()


@right("3.3")
class DropsTheLastVectors(Parts):
    def join(self, there, back):
        return self.dropout(super().join(there, back))

    def end(self, hidden):
        return self.output(hidden).reshape(-1)


@right("3.3")
class OutputWithoutBias(Parts):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.output = nn.Linear(hidden_size, 1, bias=False)


@right("3.3")
class HiddenWithoutBias(Parts):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.hidden = nn.Linear(2 * hidden_size, hidden_size, bias=False)


@wrong("3.3", "is a length fixed in the code")
class ReadsAHundredWords(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        return super().forward(token_ids[:, :100], lengths.clamp(max=100))


@wrong("3.3", "is a length fixed in the code")
class ReadsBothEndsOfLongReviews(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        if token_ids.shape[1] > 300:
            token_ids = torch.cat([token_ids[:, :150], token_ids[:, -150:]], dim=1)
        return super().forward(token_ids, lengths.clamp(max=300))


@wrong("3.3", "one and the same LSTM reads from both ends")
class OneReaderForBoth(models.SimpleRNN):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        self.backward_rnn = self.forward_rnn


@wrong("3.3", "one and the same LSTM reads from both ends")
class TiedReaders(models.SimpleRNN):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        for name, weight in list(self.forward_rnn.named_parameters()):
            setattr(self.backward_rnn, name, weight)


@wrong("3.3", "the vectors of the two readers are added up")
class AddsTheReaders(Parts):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.hidden = nn.Linear(hidden_size, hidden_size)

    def join(self, there, back):
        return there + back


@wrong("3.3", "after a relu nothing is below 0")
class TanhInstead(Parts):
    def bend(self, hidden):
        return torch.tanh(hidden)


@wrong("3.3", "after a relu nothing is below 0")
class LeakyRelu(Parts):
    def bend(self, hidden):
        return functional.leaky_relu(hidden)


@wrong("3.3", "after a relu nothing is below 0")
class Gelu(Parts):
    def bend(self, hidden):
        return functional.gelu(hidden)


@wrong("3.3", "a relu makes about half of it 0")
class Softplus(Parts):
    def bend(self, hidden):
        return functional.softplus(hidden)


@wrong("3.3", "however large the weights are; a relu has no upper end")
class CappedRelu(Parts):
    def bend(self, hidden):
        return functional.relu6(hidden)


@wrong("3.3", "nothing is dropped before the last linear layer")
class DropsWordsOnly(Parts):
    def end(self, hidden):
        return self.output(hidden).squeeze(1)


@wrong("3.3", "the dropout stands behind the last linear layer")
class DropsTheAnswer(Parts):
    def end(self, hidden):
        return self.dropout(self.output(hidden)).squeeze(1)


@wrong("3.3", "a linear layer gives 64 numbers whatever the sizes are")
class HiddenOfFixedSize(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.hidden, self.output = nn.Linear(2 * hidden_size, 64), nn.Linear(64, 1)


@wrong("3.3", "is a size fixed in the code")
class EmbeddingOfFixedSize(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, 50, hidden_size, dropout)


@wrong("3.3", "a larger vocabulary gives no more weights")
class VocabularyOfFixedSize(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(20_000, embedding_size, hidden_size, dropout)


@wrong("3.3", "the path is cut")
class BackwardReaderLearnsNothing(Parts):
    """Its own weights learn; the words' vectors hear nothing of it."""

    def read(self, rnn, token_ids, lengths):
        embedded = self.dropout(self.embedding(token_ids))
        if rnn is self.backward_rnn:
            embedded = embedded.detach()
        return last_vectors(rnn(embedded)[0], lengths)


@wrong("3.3", "`forward` makes a new Linear at every call")
class LinearInForward(Parts):
    def end(self, hidden):
        return nn.Linear(hidden.shape[1], 1)(self.dropout(hidden)).squeeze(1)


@wrong("3.3", "PyTorch does not know about a Linear that `forward` uses")
class LayersInAList(Parts):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.more = [nn.Linear(hidden_size, hidden_size), nn.Dropout(dropout)]

    def end(self, hidden):
        for layer in self.more:
            hidden = layer(hidden)
        return self.output(torch.relu(hidden)).squeeze(1)


@wrong("3.3", "`model.eval()` does not reach a dropout layer")
class DropoutInForward(Parts):
    def end(self, hidden):
        return self.output(nn.Dropout(0.3)(hidden)).squeeze(1)


@wrong("3.3", "`model.eval()` does not reach a dropout layer")
class DropoutInAList(Parts):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        self.drops = [self.__dict__["_modules"].pop("dropout")] * 2
        self.dropout = nn.Identity()

    def end(self, hidden):
        return self.output(self.drops[0](hidden)).squeeze(1)


@right("3.3")
class DropoutInForwardSwitched(Parts):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.rate = dropout

    def end(self, hidden):
        return self.output(nn.Dropout(self.rate).train(self.training)(hidden)).squeeze(1)


@wrong("3.3", "it changed")
class ShortensTheLengths(models.SimpleRNN):
    def forward(self, token_ids, lengths):
        answers = super().forward(token_ids, lengths)
        lengths -= 1
        return answers


@wrong("3.3", "only the larger numbers are kept")
class LargerOfTheReaders(AddsTheReaders):
    def join(self, there, back):
        return torch.maximum(there, back)


@right("3.3")
class DropsTheEndOnly(models.SimpleRNN):
    def read(self, rnn, token_ids, lengths):
        return last_vectors(rnn(self.embedding(token_ids))[0], lengths)


@right("3.3")
class DropsBehindTheReaders(DropsTheEndOnly):
    """At the end of the readers instead of at their beginning."""

    def read(self, rnn, token_ids, lengths):
        return self.dropout(super().read(rnn, token_ids, lengths))


@right("3.3")
class DropsWordsOnce(Parts):
    """One mask of dropout for both readers."""

    def both(self, token_ids, lengths):
        x = self.dropout(self.embedding(token_ids))
        return (
            last_vectors(self.forward_rnn(x)[0], lengths),
            last_vectors(self.backward_rnn(models.reverse_states(x, lengths))[0], lengths),
        )
