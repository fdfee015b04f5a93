"""Attempts at the baseline and at the training loop."""

import functools
import sys
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from attempts import right, wrong
from practicum_utils import models, training
from practicum_utils.training import Metrics

# 2.1 MeanEmbedding


@right("2.1")
class OurMean(models.MeanEmbedding):
    pass


@right("2.1")
class WithMask(nn.Module):
    def __init__(self, vocab_size, embedding_size=32, bias=True):
        super().__init__()
        self.vectors = nn.Embedding(vocab_size, embedding_size)
        self.last = nn.Linear(embedding_size, 1, bias=bias)

    def average(self, vectors, token_ids, lengths):
        mask = torch.arange(token_ids.shape[1]) < lengths[:, None]
        return (vectors * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    def forward(self, token_ids, lengths):
        return self.last(self.average(self.vectors(token_ids), token_ids, lengths))[:, 0]


@right("2.1")
class RowByRow(WithMask):
    def average(self, vectors, token_ids, lengths):
        rows = zip(vectors, lengths.tolist(), strict=True)
        return torch.stack([row[:length].mean(0) for row, length in rows])


@right("2.1")
class ScoresFirst(WithMask):
    """The linear layer on each word, then the mean: the same, as both are linear."""

    def forward(self, token_ids, lengths):
        words = self.last(self.vectors(token_ids))
        return self.average(words, token_ids, lengths).flatten()


@wrong("2.1", "padding changes the answer")
class DividesByTable(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return self.output(self.embedding(token_ids).mean(dim=1)).squeeze(1)


@wrong("2.1", "padding changes the answer")
class LearnsPadding(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__(vocab_size, embedding_size)
        self.embedding = nn.Embedding(vocab_size, embedding_size)


@wrong("2.1", "the logits are (3, 1), one column")
class KeepsColumn(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return super().forward(token_ids, lengths).unsqueeze(1)


@wrong("2.1", "the logits have no dimension at all")
class SqueezesAll(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return super().forward(token_ids, lengths).squeeze()


@wrong("2.1", "a sum, not a mean")
class Sums(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return self.output(self.embedding(token_ids).sum(dim=1)).squeeze(1)


@wrong("2.1", "squeezed by a sigmoid")
class Probabilities(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return torch.sigmoid(super().forward(token_ids, lengths))


@wrong("2.1", "this is no average with one linear layer on top")
class Largest(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        vectors = self.embedding(token_ids)
        real = torch.arange(token_ids.shape[1]) < lengths.unsqueeze(1)
        return self.output(vectors.masked_fill(~real.unsqueeze(2), -9e9).amax(1)).squeeze(1)


@wrong("2.1", "`super().__init__()` has to come first")
class NoSuper(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size=32):
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)


@wrong("2.1", "the reviews of a batch are mixed up")
class OverTheBatch(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        mean = self.embedding(token_ids).sum(dim=1) / lengths.unsqueeze(1)
        return self.output(mean - mean.mean(0) * (len(mean) > 1)).squeeze(1)


@wrong("2.1", "the embedding has too few rows")
class TooFewRows(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__(vocab_size - 4, embedding_size)


@wrong("2.1", "no gradient reaches embedding.weight")
class CutsTheGraph(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        mean = self.embedding(token_ids).detach().sum(dim=1) / lengths.unsqueeze(1)
        return self.output(mean).squeeze(1)


@wrong("2.1", "has no method `forward`")
class Misspelt(nn.Module):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)

    def foward(self, token_ids, lengths):
        return self.embedding(token_ids).sum((1, 2))


# 2.2 run_epoch


@right("2.2")
def ours(*arguments, **named):
    return training.run_epoch(*arguments, **named)


@right("2.2")
def two_branches(model, loader, loss_fn, optimizer=None):
    losses, right_answers = [], []
    if optimizer is None:
        model.eval()
        with torch.no_grad():
            for token_ids, lengths, labels in loader:
                logits = model(token_ids, lengths)
                losses += [loss_fn(logits, labels).item()] * len(labels)
                right_answers += ((logits > 0).float() == labels).tolist()
    else:
        model.train()
        for token_ids, lengths, labels in loader:
            logits = model(token_ids, lengths)
            loss = loss_fn(logits, labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses += [loss.item()] * len(labels)
            right_answers += ((logits > 0).float() == labels).tolist()
    return Metrics(sum(losses) / len(losses), sum(right_answers) / len(right_answers))


@dataclass
class Result:
    loss: float
    accuracy: float


@right("2.2")
def with_attributes(model, loader, loss_fn, optimizer=None, device=None):
    was = model.training
    model.train(optimizer is not None)
    total, hits = torch.zeros(()), torch.zeros(())
    for batch in loader:
        with torch.set_grad_enabled(optimizer is not None):
            logits = model(batch.token_ids, batch.lengths)
            loss = loss_fn(logits, batch.labels)
        if optimizer:
            model.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.detach() * batch.labels.numel()
        hits += (torch.sigmoid(logits).round() == batch.labels).sum()
    model.train(was)
    return Result(total / len(loader.dataset), hits / len(loader.dataset))


@right("2.2")
def with_inference_mode(model, loader, loss_fn, optimizer=None):
    learn = optimizer is not None
    model.train() if learn else model.eval()
    parts = []
    with torch.enable_grad() if learn else torch.inference_mode():
        for ids, lengths, labels in loader:
            if learn:
                for weight in model.parameters():
                    weight.grad = None
            out = model(ids, lengths)
            loss = loss_fn(out, labels)
            if learn:
                loss.backward()
                optimizer.step()
            parts.append((len(ids), loss.item(), (out.gt(0) == labels.gt(0.5)).float().mean()))
    count = sum(n for n, _, _ in parts)
    loss = sum(n * loss for n, loss, _ in parts) / count
    return Metrics(loss, float(sum(n * hits for n, _, hits in parts) / count))


def epoch(
    model, loader, loss_fn, optimizer=None, *, mode=None, grad=None, order="zbs", weigh=len,
    hit=lambda logits, labels: ((logits > 0) == labels).float().mean().item(), every=1,
):  # fmt: skip
    """A loop that can be wrong in one place at a time.

    mode, grad: of the model and of PyTorch, instead of the right ones.  order: of zero_grad,
    backward and step, by their first letters.  weigh: labels -> what a batch counts.
    """
    learn = optimizer is not None
    model.train(learn if mode is None else mode)
    parts = []
    with torch.set_grad_enabled(learn if grad is None else grad):
        for ids, lengths, labels in loader:
            logits = model(ids, lengths)
            loss = loss_fn(logits, labels)
            todo = {"z": lambda: optimizer.zero_grad(), "b": loss.backward,
                    "s": lambda: optimizer.step()}  # fmt: skip
            for letter in order if learn else "":
                todo[letter]()
            parts.append((weigh(labels), loss.item(), hit(logits, labels)))
    total = sum(n for n, _, _ in parts)
    return Metrics(*(sum(n * part[i] for n, *part in parts) / total for i in (0, 1)))


right("2.2")(epoch)


@wrong("2.2", "which nobody cleared")
def never_clears(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, order="bs")


@wrong("2.2", "it had been cleared between `backward` and `step`")
def clears_too_late(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, order="bzs")


@wrong("2.2", "`step` came before `backward`")
def steps_first(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, order="zsb")


@wrong("2.2", "`step` was never called")
def never_steps(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, order="zb")


@wrong("2.2", "`backward` was never called")
def never_goes_back(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, order="zs")


@wrong("2.2", "a batch of one review counts as much as one of four")
def averages_of_averages(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, weigh=lambda labels: 1)


@wrong("2.2", "still in training mode")
def never_eval(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, mode=True)


@wrong("2.2", "the model was in evaluation mode")
def always_eval(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, mode=False)


@wrong("2.2", "kept the record for gradients")
def always_with_gradients(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, grad=True)


@wrong("2.2", "does not require grad")
def never_with_gradients(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer, grad=False)


@wrong("2.2", "some between 0 and 0.5 were taken for negative")
def threshold_of_a_half(model, loader, loss_fn, optimizer=None):
    def hit(logits, labels):
        return ((logits > 0.5) == labels).float().mean().item()

    return epoch(model, loader, loss_fn, optimizer, hit=hit)


@wrong("2.2", "the weights changed although there was no optimizer")
def always_trains(model, loader, loss_fn, optimizer=None):
    own = torch.optim.SGD(model.parameters(), lr=0.1)
    return epoch(model, loader, loss_fn, optimizer or own)


@wrong("2.2", "does `return` stand inside the loop")
def returns_early(model, loader, loss_fn, optimizer=None):
    for batch in loader:
        return epoch(model, [batch], loss_fn, optimizer)


@wrong("2.2", "was not divided by their number")
def counts_hits(model, loader, loss_fn, optimizer=None):
    metrics = epoch(model, loader, loss_fn, optimizer)
    return metrics._replace(accuracy=metrics.accuracy * len(loader.dataset))


@wrong("2.2", "have changed places")
def swaps(model, loader, loss_fn, optimizer=None):
    loss, accuracy = epoch(model, loader, loss_fn, optimizer)
    return Metrics(accuracy, loss)


@wrong("2.2", "`Metrics(loss, accuracy)` was wanted")
def unnamed(model, loader, loss_fn, optimizer=None):
    return tuple(epoch(model, loader, loss_fn, optimizer))


@wrong("2.2", "'NoneType' object has no attribute 'zero_grad'")
def needs_an_optimizer(model, loader, loss_fn, optimizer=None):
    optimizer.zero_grad()
    return epoch(model, loader, loss_fn, optimizer)


@wrong("2.2", "the switch was turned off and not back on")
def leaves_gradients_off(model, loader, loss_fn, optimizer=None):
    metrics = epoch(model, loader, loss_fn, optimizer)
    torch.set_grad_enabled(optimizer is not None)
    return metrics


@wrong("2.2", "still holds on to the whole computation")
def keeps_the_graph(model, loader, loss_fn, optimizer=None):
    metrics = epoch(model, loader, loss_fn, optimizer)
    if optimizer is None:
        return metrics
    kept = torch.tensor(metrics.loss, requires_grad=True)
    return namedtuple("Kept", "loss accuracy")(kept, metrics.accuracy)


@wrong("2.2", "have changed places in the loss")
def swaps_the_loss(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, lambda logits, labels: loss_fn(labels, logits), optimizer)


@wrong("2.2", "which has one of its own")
def sigmoid_before_the_loss(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, lambda logits, labels: loss_fn(logits.sigmoid(), labels), optimizer)


@wrong("2.2", "`step` was called 1 times for 3 batches")
def one_step(model, loader, loss_fn, optimizer=None):
    metrics = epoch(model, loader, loss_fn, optimizer, order="b")
    if optimizer is not None:
        optimizer.step()
    return metrics


@wrong("2.2", "the share of positive answers")
def counts_positive(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer,
                 hit=lambda logits, labels: (logits > 0).float().mean().item())  # fmt: skip


# Rarer mistakes


@wrong("2.1", "a mean would not change")
class OneTooMany(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return super().forward(token_ids, lengths) * lengths / (lengths + 1)


@wrong("2.1", "this model has no dropout")
class Drops(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        mean = self.embedding(token_ids).sum(dim=1) / lengths.unsqueeze(1)
        return self.output(nn.functional.dropout(mean, 0.5, self.training)).squeeze(1)


@wrong("2.1", "squeezed, as by a tanh")
class Tanh(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return torch.tanh(super().forward(token_ids, lengths))


@wrong("2.1", "never above 0")
class Logarithms(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return nn.functional.logsigmoid(super().forward(token_ids, lengths))


@wrong("2.1", "every review has the same answer")
class Constant(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return 0 * super().forward(token_ids, lengths)


@wrong("2.1", "some logits are nan or infinite")
class Divides(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return super().forward(token_ids, lengths) / 0


@wrong("2.1", "no gradient can flow back")
class NoGradients(models.MeanEmbedding):
    @torch.no_grad()
    def forward(self, token_ids, lengths):
        return super().forward(token_ids, lengths)


@wrong("2.1", "one number for each review is wanted")
class NoMean(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return self.output(self.embedding(token_ids)).squeeze(2)


@wrong("2.1", "the model has no weights to learn")
class NoWeights(nn.Module):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__()
        self.layers = [nn.Embedding(vocab_size, embedding_size), nn.Linear(embedding_size, 1)]


@wrong("2.2", "the loss is wrong: it is that of the last batch alone; the training gave")
def last_loss_of_training(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, loss_fn, optimizer,
                 weigh=lambda labels: len(labels) == 1 if optimizer else len(labels))  # fmt: skip


@wrong("2.2", "backward was called in an evaluation")
def always_goes_back(model, loader, loss_fn, optimizer=None):
    metrics = epoch(model, loader, loss_fn, optimizer)
    if optimizer is None:
        model.table(torch.tensor([1])).sum().backward()
    return metrics


@wrong("2.2", "to be read once")
def reads_twice(model, loader, loss_fn, optimizer=None):
    epoch(model, loader, loss_fn)
    return epoch(model, loader, loss_fn, optimizer)


@wrong("2.2", "the metrics came back as None")
def prints_only(model, loader, loss_fn, optimizer=None):
    print(epoch(model, loader, loss_fn, optimizer))


@wrong("2.2", "every review was taken for positive")
def probabilities_above_zero(model, loader, loss_fn, optimizer=None):
    def hit(logits, labels):
        return ((logits.sigmoid() > 0) == labels).float().mean().item()

    return epoch(model, loader, loss_fn, optimizer, hit=hit)


@right("2.1")
class WithABag(nn.Module):
    """PyTorch's layer for a bag of words adds the vectors up by itself."""

    def __init__(self, vocab_size, embedding_size=32):
        super().__init__()
        self.bag = nn.EmbeddingBag(vocab_size, embedding_size, mode="sum", padding_idx=0)
        self.output = nn.Linear(embedding_size, 1)

    def forward(self, token_ids, lengths):
        return self.output(self.bag(token_ids) / lengths[:, None]).squeeze(-1)


# Sizes, settings, chance: what goes wrong around a right answer


@right("2.1")
class InSequence(nn.Sequential):
    """A model may be a Sequential of layers, with a forward of its own."""

    def __init__(self, vocab_size, embedding_size=32):
        super().__init__(
            nn.Embedding(vocab_size, embedding_size, padding_idx=0), nn.Linear(embedding_size, 1)
        )

    def forward(self, token_ids, lengths):
        look_up, score = self
        return score(look_up(token_ids).sum(1) / lengths.reshape(-1, 1)).reshape(-1)


@right("2.1")
class ByHand(nn.Module):
    """No layer at all, only weights."""

    def __init__(self, vocab_size, embedding_size=32):
        super().__init__()
        self.parts = nn.ParameterDict({
            "rows": nn.Parameter(torch.randn(vocab_size, embedding_size)),
            "last": nn.Parameter(torch.randn(embedding_size) / embedding_size**0.5),
            "bias": nn.Parameter(torch.zeros(())),
        })  # fmt: skip

    def forward(self, token_ids, lengths):
        real = token_ids.ne(0).unsqueeze(-1)
        mean = (self.parts["rows"][token_ids] * real).sum(1) / real.sum(1)
        return mean @ self.parts["last"] + self.parts["bias"]


@right("2.1")
class ZeroEveryTime(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__(vocab_size, embedding_size)
        self.embedding = nn.Embedding(vocab_size, embedding_size)

    def forward(self, token_ids, lengths):
        with torch.no_grad():
            self.embedding.weight[0] = 0
        return super().forward(token_ids, lengths)


@wrong("2.1", "embedding_size=8 and with embedding_size=16")
class AlwaysThirtyTwo(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__(vocab_size, 32)


@wrong("2.1", "a larger vocabulary gives no more weights")
class AlwaysTwentyThousand(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__(20_000, embedding_size)


@wrong("2.1", "after one step of learning padding changes the answer")
class ZeroAtFirst(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__(vocab_size, embedding_size)
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.embedding.weight.data[0].zero_()


@wrong("2.1", "of a review of 300 words")
class FirstWords(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        return super().forward(token_ids[:, :128], lengths.clamp(max=128))


@wrong("2.1", "of a review of 300 words")
class LastWords(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        rows = [row[:n][-256:] for row, n in zip(token_ids, lengths, strict=True)]
        short = lengths.clamp(max=256)
        return super().forward(nn.utils.rnn.pad_sequence(rows, batch_first=True), short)


@wrong("2.1", "it changed `lengths` in place")
class ShortensLengths(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        answer = super().forward(token_ids, lengths)
        lengths -= 1
        return answer


@wrong("2.1", "it changed `token_ids` in place")
class ClearsTheTable(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        answer = super().forward(token_ids, lengths)
        token_ids[:, 0] = 0
        return answer


@wrong("2.1", "the default dtype")
class InDoubles(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size=32):
        torch.set_default_dtype(torch.float64)
        super().__init__(vocab_size, embedding_size)


@wrong("2.1", "embedding_size")
class NoDefaultSize(models.MeanEmbedding):
    def __init__(self, vocab_size, embedding_size):
        super().__init__(vocab_size, embedding_size)


@wrong("2.1", "`forward` makes a new Linear at every call")
class LayersInForward(nn.Module):
    def __init__(self, vocab_size, embedding_size=32):
        super().__init__()
        self.size = embedding_size
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)

    def forward(self, token_ids, lengths):
        mean = self.embedding(token_ids).sum(dim=1) / lengths.unsqueeze(1)
        return nn.Linear(self.size, 1)(mean).squeeze(1)


class Loop:
    """An object that is called like a function."""

    def __call__(self, model, loader, loss_fn, optimizer=None):
        return training.run_epoch(model, loader, loss_fn, optimizer)


right("2.2")(Loop())
right("2.2")(functools.partial(epoch, every=2))


def announced(loop):
    """A decorator of the learner's own."""

    @functools.wraps(loop)
    def outer(*arguments, **named):
        print("one more epoch")
        return loop(*arguments, **named)

    return outer


@right("2.2")
@announced
def in_numpy(model, loader, loss_fn, optimizer=None):
    sums, learn = np.zeros(3), optimizer is not None
    model.train(learn)
    with torch.set_grad_enabled(learn):
        for ids, lengths, labels in loader:
            if learn:
                optimizer.zero_grad(set_to_none=False)
            logits = model(ids, lengths)
            loss = loss_fn(logits, labels)
            if learn:
                loss.backward()
                optimizer.step()
            hits = (logits.detach().numpy() > 0) == (labels.numpy() == 1)
            sums += len(labels) * loss.item(), hits.sum(), len(labels)
    return Metrics(np.float32(sums[0] / sums[2]), np.float64(sums[1] / sums[2]))


@wrong("2.2", "`loss_fn` was not used")
def has_its_own_loss(model, loader, loss_fn, optimizer=None):
    return epoch(model, loader, nn.functional.binary_cross_entropy_with_logits, optimizer)


@wrong("2.2", "`loss_fn` was not used")
def learns_by_its_own_loss(model, loader, loss_fn, optimizer=None):
    if optimizer is None:
        return epoch(model, loader, loss_fn)
    own = nn.BCEWithLogitsLoss()

    def both(logits, labels):
        return own(logits, labels) + (loss_fn(logits, labels) - own(logits, labels)).detach()

    return epoch(model, loader, both, optimizer)


@wrong("2.2", "sets the seed of the random numbers")
def seeds_inside(model, loader, loss_fn, optimizer=None):
    torch.manual_seed(0)
    return epoch(model, loader, loss_fn, optimizer)


@wrong("2.2", "sets the seed of the random numbers")
def seeds_numpy(model, loader, loss_fn, optimizer=None):
    np.random.seed(1)
    return epoch(model, loader, loss_fn, optimizer)


@wrong("2.2", "sets the seed of the random numbers")
def seeds_all(model, loader, loss_fn, optimizer=None):
    training.set_seed(0)
    return epoch(model, loader, loss_fn, optimizer)


@wrong("2.2", "something is kept from one call to the next")
def averages_all_epochs(model, loader, loss_fn, optimizer=None, seen=[]):  # noqa: B006
    metrics = epoch(model, loader, loss_fn, optimizer)
    if optimizer is None:
        seen.append(metrics.loss - 0.5 * len(seen))
        return metrics._replace(loss=seen[-1])
    return metrics


@wrong("2.2", "the learning rate")
def lowers_the_rate(model, loader, loss_fn, optimizer=None):
    metrics = epoch(model, loader, loss_fn, optimizer)
    for group in optimizer.param_groups if optimizer else ():
        group["lr"] *= 0.5
    return metrics


@wrong("2.2", "not where the steps")
def undoes_the_steps(model, loader, loss_fn, optimizer=None):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    metrics = epoch(model, loader, loss_fn, optimizer)
    model.load_state_dict(before)
    return metrics


@wrong("2.2", "the number of threads")
def sets_threads(model, loader, loss_fn, optimizer=None):
    torch.set_num_threads(torch.get_num_threads() + 1)
    return epoch(model, loader, loss_fn, optimizer)


@wrong("2.2", "`exit` and `quit` end the whole session")
def exits(model, loader, loss_fn, optimizer=None):
    sys.exit("done")


@wrong("2.2", "cleared once, before the loop")
def clears_once(model, loader, loss_fn, optimizer=None):
    if optimizer is not None:
        optimizer.zero_grad()
    return epoch(model, loader, loss_fn, optimizer, order="bs")


@wrong("2.2", "a batch of one review counts as much as one of four")
def averages_the_losses(model, loader, loss_fn, optimizer=None):
    losses = []

    def kept(logits, labels):
        losses.append(loss_fn(logits, labels))
        return losses[-1]

    metrics = epoch(model, loader, kept, optimizer)
    return metrics._replace(loss=sum(loss.item() for loss in losses) / len(losses))
