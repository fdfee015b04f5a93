# %% [markdown]
# # Lesson 05: The Transformer
#
# An RNN hands its state from word to word, so it has to go through a review step by step. In a
# **Transformer** every word looks at all the others at once. We replace the two readers of lesson 04
# by that, and its attention pooling by a mean. The pairs of words and the recipe stay.
#
# **You will be able to**
# - compute self-attention by hand: queries, keys, values, scores, softmax, output;
# - show that it does not know the order of the words, and repair that;
# - write an encoder from small modules of your own, equal to PyTorch's;
# - look at every head's map, and search for the cause of a symptom that you have met twice.
#
# **Time:** 90 minutes of class, 38 of them in five exercises; the training takes one to two minutes on
# a laptop. **Needs:** lesson 04.
#
# | letter | size of |
# |---|---|
# | `B`, `T`, `E` | batch, time, embedding |
# | `D` | a query, a key, a value: in each head, `E` divided by the number of heads |

# %% [markdown] only="presenter" minutes=2
# - **Say:** five small exercises, each a part of the next. Whoever falls behind takes the import and goes on.
# - **Run** the setup cell.

# %% setup=true
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Subset

from practicum_utils.data import ReviewDataset, Vocabulary, load_reviews, make_loader, tokenize_all
from practicum_utils.models import PairEmbedding
from practicum_utils.training import (
    RECIPE,
    fit,
    full_or_fast,
    pick_device,
    recall,
    remember,
    set_seed,
)

set_seed(0)
device = pick_device()

# %% [markdown]
# ## Before we go on, let's revisit lesson 04

# %% [markdown] only="presenter" minutes=2
# - **Ask:** what still goes word by word in lesson 04? *The two readers.* That is what goes.
# - **Run** the data cells while you talk.

# %% tell=true
attention = recall("attention_rnn")
print(attention)

# %% [markdown]
# Attention chose among the vectors, but the vectors still came from LSTMs, one step after the other.
# Could attention make the vectors too? The data is that of lesson 04:

# %%
reviews = load_reviews(max_train=full_or_fast(None, 4_000), max_test=full_or_fast(None, 500))
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]), full_or_fast(20_000, 5_000))

# %%
max_length = full_or_fast(RECIPE.max_length, 64)
train_set = ReviewDataset(reviews["train"], vocab, max_length)
test_set = ReviewDataset(reviews["test"], vocab, max_length)

# %%
train_loader = make_loader(train_set, full_or_fast(RECIPE.batch_size, 32), shuffle=True)
test_loader = make_loader(test_set, RECIPE.batch_size)

# %% [markdown]
# ## Self-attention on four words
#
# Four words, a vector for each, and three small matrices. Each word's vector becomes a **query** (what
# am I looking for?), a **key** (what can I be found by?) and a **value** (what do I give?).

# %% [markdown] only="presenter" minutes=13
# - **Say** query, key, value as questions: what do I look for, how am I found, what do I give?
# - **Run** the loop for *not*. **Ask:** what is new against lesson 04? *Only the scores: every word asks.*
# - **5.1: type** the scores, then the mask, then the softmax, the fused line last. Say `D`, not `E`, under
#   the root.
# - **Often:** `keys.T`. It turns all dimensions around; with a batch in front it must be the last two.
# - **Often:** softmax over the wrong dimension: columns sum to 1 instead of rows.

# %%
words = "not bad at all".split()
x = torch.randn(4, 6)  # (T, E)
to_query, to_key, to_value = (torch.randn(6, 2) for _ in range(3))  # (E, D)
queries, keys, values = x @ to_query, x @ to_key, x @ to_value  # (T, D) each

# %% [markdown]
# What does *not* look at? Its query meets every key. The dot product is large where the two point the
# same way; divided by the root of `D` it stays in a range where the softmax is not yet a hard choice:

# %%
scores = [sum(queries[0] * key) / math.sqrt(2) for key in keys]
for word, score in zip(words, scores, strict=True):
    print(f"not -> {word:<4} {score:+.2f}")

# %% [markdown]
# Softmax and weighted sum are those of lesson 04. Only the scores are new: there, one learned `v` asked
# every word; here, each word asks with a query of its own.

# %%
weights = torch.stack(scores).softmax(dim=0)
mixed = sum(weight * value for weight, value in zip(weights, values, strict=True))
print(weights)
print("the new vector of 'not':", mixed)

# %% [markdown]
# All four at once are two matrix products:

# %%
all_weights = (queries @ keys.T / math.sqrt(2)).softmax(dim=1)  # (T, T)
all_mixed = all_weights @ values  # (T, D)
assert torch.allclose(all_mixed[0], mixed, atol=1e-6)
all_weights

# %% [markdown]
# Row 0 is where *not* looks. Now as a function, for any number of dimensions in front, and with a mask
# for the keys that are padding. PyTorch has a fused version that never writes the weights down. It is
# several times faster, so we use it whenever nobody asks for them.

# %% exercise="5.1" minutes=6 catch_up="from practicum_utils.models import self_attention"
def self_attention(queries, keys, values, mask=None, return_weights=False):
    """(..., T, D) three times -> (..., T, D), and the weights (..., T, T), or None.

    softmax(Q K^T / sqrt(D)) V. mask is True on real keys, and spreads to the shape of the weights.
    Without return_weights: F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask).
    """
    ### BEGIN SOLUTION
    if not return_weights:
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask), None
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# `keys.transpose(-2, -1)` turns the last two dimensions around, whatever stands before them. `D` is
# `queries.shape[-1]`. The mask is filled in as in lesson 04, before the softmax over the last dimension.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="5.1" verdict=true
from practicum_utils.checks import check

check("5.1", self_attention)

# %%
by_hand, weights = self_attention(queries, keys, values, return_weights=True)
fused, _ = self_attention(queries, keys, values)
assert torch.allclose(by_hand, all_mixed, atol=1e-6) and torch.allclose(by_hand, fused, atol=1e-6)
weights.sum(dim=1)

# %% [markdown]
# Four rows, four ones. With the last two words marked as padding, their columns are exactly 0:

# %%
mask = torch.tensor([True, True, False, False])
_, weights = self_attention(queries, keys, values, mask, return_weights=True)
weights

# %% [markdown]
# ## What it does not see
#
# Put the words in another order. Every new vector is the old one of the same word, at its new place:

# %% [markdown] only="presenter" minutes=8
# - **Ask for a vote:** does "at not all bad" give other vectors? *The same four, in the new order.*
# - **5.2: type** positions as a column, rates as a row, their product; stack and flatten last.
# - **Often:** all sines, then all cosines, side by side. It works as well, but it is not what is asked.
# - **Point at** one column of the picture: the address of a word.

# %%
order = torch.tensor([2, 0, 3, 1])  # at not all bad
shuffled, _ = self_attention(queries[order], keys[order], values[order])
assert torch.allclose(shuffled, all_mixed[order], atol=1e-6)
print(" ".join(words[i] for i in order), "gives the same four vectors")

# %% [markdown]
# "Not bad at all" and "all at not bad" are the same to it. The order has to come in with the vectors.
# Vaswani and others (2017) add to each of them a pattern of sines and cosines that is different at
# every position: fast waves in the first columns, slow ones in the last.

# %% exercise="5.2" minutes=5 catch_up="from practicum_utils.models import positional_encoding"
def positional_encoding(length, size):
    """(length, size): column 2k is sin(t / 10000^(2k / size)), column 2k + 1 the cosine of the same."""
    ### BEGIN SOLUTION
    positions = torch.arange(length).unsqueeze(1)  # (T, 1)
    rates = 10_000 ** (-torch.arange(0, size, 2) / size)  # (E / 2,), from fast to slow
    angles = positions * rates  # (T, E / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# First all angles as `(T, 1) * (E / 2,)`. Sines and cosines take turns in the columns: stack both on a
# new last dimension, then flatten it away.
# </details>

# %% check="5.2" verdict=true
check("5.2", positional_encoding)

# %%
encoding = positional_encoding(100, 64)
plt.figure(figsize=(8, 3), facecolor="white")
plt.imshow(encoding.T, aspect="auto", cmap="RdBu", interpolation="none")
plt.xlabel("position in the review")
plt.ylabel("column")
plt.show()
print("columns 0 and 62 at the first positions:", encoding[:4, 0], encoding[:4, 62])

# %% [markdown]
# Read a column of the picture from top to bottom: it is the address of one position. Neighbours have
# similar addresses, and no two are the same.

# %% [markdown]
# ## Several heads
#
# One softmax can only say one thing. So the vectors are cut into pieces, and each **head** runs
# self-attention on its own piece: `(B, T, E)` becomes `(B, heads, T, D)`, and comes back.

# %% [markdown] only="presenter" minutes=12
# - **Draw** (B, T, E) as a book, cut it into four stripes: heads.
# - **Type** `split` alone and try it on a tensor. Then `forward`, the mask with its (B, 1, 1, T).
# - **Often:** `reshape(B, heads, T, D)` without the transpose. The shape is right and the words are mixed up;
#   the check sees it.

# %% exercise="5.3" minutes=10 catch_up="from practicum_utils.models import MultiHeadAttention"
class MultiHeadAttention(nn.Module):
    """Self-attention in several heads, each on its own part of the vectors: (B, T, E) -> (B, T, E)."""

    def __init__(self, size, num_heads):
        """Layers: qkv (E -> 3E), output (E -> E)."""
        super().__init__()
        ### BEGIN SOLUTION
        if size % num_heads:
            raise ValueError(f"{size} numbers cannot be shared out evenly among {num_heads} heads.")
        self.num_heads = num_heads
        self.qkv = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)
        ### END SOLUTION

    def split(self, x):
        """(B, T, E) -> (B, heads, T, D)"""
        ### BEGIN SOLUTION
        B, T, E = x.shape
        D = E // self.num_heads
        return x.reshape(B, T, self.num_heads, D).transpose(1, 2)  # (B, heads, T, D)
        ### END SOLUTION

    def forward(self, x, mask, return_weights=False):
        """(B, T, E), mask (B, T) -> (B, T, E), and the weights (B, heads, T, T) if asked for."""
        ### BEGIN SOLUTION
        B, T, E = x.shape
        queries, keys, values = map(self.split, self.qkv(x).chunk(3, dim=2))
        mask = mask.reshape(B, 1, 1, T)  # the same keys are hidden from every head and query
        mixed, weights = self_attention(queries, keys, values, mask, return_weights)
        return self.output(mixed.transpose(1, 2).reshape(B, T, E)), weights
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# `split`: `reshape` to `(B, T, heads, D)`, then `transpose(1, 2)`. The way back is the same two steps in
# reverse. The weights are `(B, heads, T, T)`; a mask `(B, 1, 1, T)` spreads over heads and queries.
# </details>

# %% check="5.3" verdict=true
check("5.3", MultiHeadAttention)

# %% [markdown]
# ## A block
#
# Attention mixes the words; a small network then works on each word alone. Both only *add* to what was
# there (a **residual** connection), so that nothing is lost and gradients find a short way back. Layer
# normalisation keeps the numbers in range.

# %% [markdown] only="presenter" minutes=9
# - **Type** one line, say the pattern: norm, layer, dropout, add. The second line is the same.
# - **Run** the comparison with PyTorch. **Say:** an independent implementation is the best test there is.
# - **Ask:** why `~mask`? *PyTorch's mask is True on padding.*

# %% exercise="5.4" minutes=5 catch_up="from practicum_utils.models import TransformerBlock"
class TransformerBlock(nn.Module):
    """Attention mixes the positions, a feed-forward network works on each; both add to the input."""

    def __init__(self, size, num_heads, inner_size, dropout):
        super().__init__()
        self.attention = MultiHeadAttention(size, num_heads)
        self.attention_norm = nn.LayerNorm(size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, inner_size), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner_size, size)
        )
        self.feed_forward_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask, return_weights=False):
        """(B, T, E), mask (B, T) -> (B, T, E), and the weights (B, heads, T, T) if asked for."""
        ### BEGIN SOLUTION
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), weights
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# Twice the same pattern: `x = x + dropout(layer(norm(x)))`. The attention returns two things.
# </details>

# %% check="5.4" verdict=true
check("5.4", TransformerBlock)

# %% [markdown]
# Is it right? PyTorch has the same block, and an independent implementation is the best test there is.
# We copy our weights into it, and compare on a batch with padding:

# %%
NAMES = {
    "self_attn.in_proj_weight": "attention.qkv.weight",
    "self_attn.in_proj_bias": "attention.qkv.bias",
    "self_attn.out_proj.weight": "attention.output.weight",
    "self_attn.out_proj.bias": "attention.output.bias",
    "linear1.weight": "feed_forward.0.weight", "linear1.bias": "feed_forward.0.bias",
    "linear2.weight": "feed_forward.3.weight", "linear2.bias": "feed_forward.3.bias",
    "norm1.weight": "attention_norm.weight", "norm1.bias": "attention_norm.bias",
    "norm2.weight": "feed_forward_norm.weight", "norm2.bias": "feed_forward_norm.bias",
}

# %%
block = TransformerBlock(64, num_heads=4, inner_size=128, dropout=0.0)
theirs = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
theirs.load_state_dict({name: block.state_dict()[ours] for name, ours in NAMES.items()})

# %%
from practicum_utils.data import token_mask

x, mask = torch.randn(3, 10, 64), token_mask(torch.tensor([10, 4, 7]), 10)
ours, _ = block(x, mask)
assert torch.allclose(ours[mask], theirs(x, src_key_padding_mask=~mask)[mask], atol=1e-5)
print("our block and PyTorch's agree")

# %% [markdown]
# Mind the `~`: our mask is True on real tokens, PyTorch's on padding. Whoever forgets it reads only the
# padding.

# %% [markdown]
# ## The model
#
# Embedding, positions, blocks, then the mean over the real positions and the two linear layers that we
# know. The pairs of words stand beside each position's vector before the mean, as in lesson 04. The maps of
# all blocks come out of the same forward pass.
#
# The first word vectors are small again, so the positions are made as small, times 0.1: otherwise the model
# would see little else at first.

# %% [markdown] only="presenter" minutes=15
# - **Type** `forward` along the shapes in the hint: embedding, positions, blocks, mean, two layers.
# - **Ask:** why the mean and not the last vector? *Nothing makes the last position special here.*
# - **Often:** `x.mean(dim=1)`: padding counted again, and lesson 02 comes back.
# - **Run** the cell with the two models: equal without positions, different with them.

# %% exercise="5.5" minutes=12 catch_up="from practicum_utils.models import TransformerClassifier"
class TransformerClassifier(nn.Module):
    """Self-attention in place of the RNN: blocks mix all positions at once, the mean decides."""

    def __init__(
        self, vocab_size, embedding_size=64, num_heads=4, layers=1, inner_size=128, dropout=0.5,
        positions=True, pair_size=16,
    ):
        """Layers: embedding, pairs, dropout, blocks (dropout 0.1), norm, hidden (E + 16 -> E), output."""
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.embedding.weight.data *= 0.1
        self.pairs = PairEmbedding(pair_size)
        ### BEGIN SOLUTION
        self.positions = positions
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(embedding_size, num_heads, inner_size, dropout=0.1)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(embedding_size)
        self.hidden = nn.Linear(embedding_size + pair_size, embedding_size)
        self.output = nn.Linear(embedding_size, 1)
        ### END SOLUTION

    def forward(self, token_ids, lengths, return_weights=False):
        """(B, T), (B,) -> logits (B,), and the maps (B, layers, heads, T, T) if asked for"""
        ### BEGIN SOLUTION
        B, T = token_ids.shape
        mask = token_mask(lengths, T)
        x = self.embedding(token_ids)  # (B, T, E)
        if self.positions:
            x = x + 0.1 * positional_encoding(T, x.shape[2]).to(x)  # as small as the embeddings
        x, maps = self.dropout(x), []
        for block in self.blocks:
            x, weights = block(x, mask, return_weights)  # (B, T, E), (B, heads, T, T)
            maps.append(weights)
        x = torch.cat([self.norm(x), self.pairs(token_ids)], dim=2)  # (B, T, S)
        mean = (x * mask.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)  # (B, S)
        hidden = torch.relu(self.hidden(mean))
        logits = self.output(self.dropout(hidden)).squeeze(1)
        return (logits, torch.stack(maps, dim=1)) if return_weights else logits
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint: the shapes on the way</summary>
#
# `token_ids (B, T)` -> `x (B, T, E)`, plus 0.1 times the positions `(T, E)` -> dropout -> each block keeps
# `(B, T, E)` -> norm, the pairs beside it `(B, T, S)` -> padding times 0, sum over `T`, divided by the
# lengths `(B, S)` -> as in lesson 04.
# </details>

# %% check="5.5" verdict=true
check("5.5", TransformerClassifier)

# %% [markdown]
# One batch, and the promises of lesson 04 for every map:

# %% verdict=true
set_seed(0)
model = TransformerClassifier(len(vocab)).to(device)
token_ids, lengths, labels = (part.to(device) for part in next(iter(test_loader)))
logits, maps = model(token_ids, lengths, return_weights=True)
padding = ~token_mask(lengths, token_ids.shape[1])
assert logits.shape == labels.shape
assert torch.allclose(maps.sum(dim=-1), torch.ones_like(maps[..., 0]))
assert (maps.amax(dim=(1, 2, 3))[padding] == 0).all()
print("ok: every row of every map sums to 1 and leaves the padding out")

# %% [markdown]
# And the order of the words? Without positions, and without pairs, which know a little of the order too, a
# shuffled review gets the same logit; with positions it does not:

# %% tell=true
review = test_set[0][0].to(device)
shuffled = review[torch.randperm(len(review))]
both, two_lengths = torch.stack([review, shuffled]), torch.tensor([len(review)] * 2, device=device)
for positions in (False, True):
    set_seed(0)
    untrained = TransformerClassifier(len(vocab), positions=positions, pair_size=0).to(device).eval()
    one, other = untrained(both, two_lengths).tolist()
    print(f"positions={positions}: in order {one:.6f}, shuffled {other:.6f}")

# %% [markdown]
# ## A short training run

# %% [markdown] only="presenter" minutes=10
# - **Plant** the learning rate before you run the cell; leave `lr=3e-3` in the students' copies. Their loss
#   falls and yours does not: let them find the difference without comparing notebooks.
# - **Run** (three epochs of about 5 s). Planted: 0.695, 0.696, 0.694.
# - **Ask:** for the third time. Which two questions have we got? *Own gradient: yes. Outputs below 0: yes, so no
#   sigmoid.* And a third? *How far has a weight moved: 0.00016, and it is 0.056 large.*
# - **Then** go up by tens: 1e-4, 1e-3, 1e-2. From 1e-3 on it falls within two epochs.
# - **Often:** "more epochs". True in principle; **ask** how many.
# - **Mended:** 0.628, 0.292, 0.123.
# - **Sum up:** one symptom, three bugs, three questions. The walkthrough has the table.

# %%
few = Subset(train_set, range(full_or_fast(4_000, 2_000)))
few_loader = make_loader(few, batch_size=full_or_fast(64, 32), shuffle=True)

# %% name="short-run" tell=true
from practicum_utils.training import run_epoch

set_seed(0)
model = TransformerClassifier(len(vocab)).to(device)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
# BUG tiny-learning-rate: optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
losses = []
for epoch in (1, 2, 3):
    metrics = run_epoch(model, few_loader, loss_fn, optimizer)
    losses.append(metrics.loss)
    print(f"epoch {epoch}: loss {metrics.loss:.3f}, accuracy {metrics.accuracy:.3f}")

# %% symptom="tiny-learning-rate"
goes_down = losses[-1] < 0.8 * losses[0]
print("ok: the loss goes down" if goes_down else "symptom: the loss does not go down")

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# For the third time. What do we know how to ask? Does each step see the gradient of its own batch: yes,
# `run_epoch` is the package's. Is the output a logit:

# %% only="walkthrough" tell=true
model.eval()
with torch.no_grad():
    logits = model(token_ids, lengths)
print(f"the outputs lie between {logits.min():.3f} and {logits.max():.3f}")

# %% [markdown] only="walkthrough"
# Some are below 0, so nothing squeezes them into probabilities. But they have hardly left 0. Has the
# model *moved* at all? We know where it started: the seed builds the same weights again.

# %% name="moved" only="walkthrough" tell=true
set_seed(0)
start = TransformerClassifier(len(vocab)).to(device)
moved = (model.hidden.weight - start.hidden.weight).abs().mean()
steps = 3 * len(few_loader)
print(f"{steps} steps moved a weight by {moved:.5f}; its size is {start.hidden.weight.abs().mean():.3f}")
print(f"a step of Adam is at most about the learning rate: {steps} x 1e-5 = {steps * 1e-5:.5f}")

# %% [markdown] only="walkthrough"
# It moved, but the learning rate sets a bound to the way, and the bound is small beside the weight
# itself. So the loss *is* going down, too slowly to see. The test for that is a **sweep**: a few learning
# rates, each ten times the one before, two epochs each.

# %% name="sweep" only="walkthrough" tell=true
sweep = {}
for learning_rate in (1e-5, 1e-4, 1e-3, 1e-2):
    set_seed(0)
    candidate = TransformerClassifier(len(vocab)).to(device)
    steps = torch.optim.Adam(candidate.parameters(), lr=learning_rate)
    runs = [run_epoch(candidate, few_loader, loss_fn, steps) for _ in (1, 2)]
    sweep[learning_rate] = [run.loss for run in runs]
    print(f"learning rate {learning_rate:g}: loss {runs[0].loss:.4f}, then {runs[1].loss:.4f}")

# %% only="walkthrough"
plt.figure(figsize=(5, 3), facecolor="white")
for learning_rate, values in sweep.items():
    plt.plot((1, 2), values, "o-", label=f"{learning_rate:g}")
plt.xticks((1, 2))
plt.xlabel("epoch")
plt.ylabel("training loss")
plt.legend(title="learning rate")
plt.show()
print("lowest after two epochs:", f"{min(sweep, key=lambda rate: sweep[rate][-1]):g}")

# %% [markdown] only="walkthrough"
# The doctor does the same on a copy of the model: a few steps at this learning rate, and at larger ones.

# %% name="doctor" only="walkthrough"
from practicum_utils.doctor import examine

report = examine(model, few_loader, loss_fn, optimizer, run_epoch)
report

# %% name="doctor-says" only="walkthrough" verdict=true
print(report.verdict)

# %% [markdown] fix="tiny-learning-rate" rerun="doctor, doctor-says"
# ### The rule
#
# Somewhere between the two best lies 3e-3:

# %% [markdown] only="walkthrough"
# ## Bugs, summary 3
#
# | what we saw | this time | in general |
# |---|---|---|
# | the loss does not go down | 1e-5 is far too low: the loss *was* going down | plot a few epochs; if it falls very slowly, go up by a factor of 10 |
#
# ### One symptom, three bugs
#
# "The loss does not go down" is the hardest symptom there is, because it says so little. We have met
# it three times now, with three causes that have nothing in common, and one question tells each apart:
#
# | lesson | kind | the bug | the question that decides |
# |---|---|---|---|
# | 03 | logic of the gradient | `zero_grad` forgotten | is the gradient of the same batch the same every time? |
# | 04 | logic of the model and its loss | sigmoid applied twice | can an output be below 0, and does the loss stop at the floor? |
# | 05 | only a number | learning rate too small | how far have the weights moved, and what does a tenfold rate do? |

# %% [markdown]
# ## All the reviews

# %% [markdown] only="presenter" minutes=4
# - **Start it, then talk:** three epochs, one to two minutes. **Take votes** against 0.905. *About 0.90.*
# - **Say:** with 20,000 reviews two readers with attention are still the ones to beat.

# %%
set_seed(0)
model = TransformerClassifier(len(vocab)).to(device)
history = fit(model, train_loader, test_loader, RECIPE.epochs, RECIPE.learning_rate)

# %% verdict=true
good = history.test_accuracy[-1] > 0.6
print("ok: far above the majority class" if good else "symptom: no better than guessing")

# %%
history.plot("Transformer")
remember("transformer", history, model, test_set)

# %% tell=true
from practicum_utils.visualize import compare_models

yours = {name: recall(name) for name in ("mean_embedding", "simple_rnn", "attention_rnn")}
compare_models(yours={**yours, "transformer": history})

# %% [markdown]
# About 0.90 at full size: better than the mean of embeddings and the simple RNN, and a little behind attention
# over LSTMs. The star is nearly two points above. Transformers shine with far more text than 20,000 reviews;
# lesson 06 uses one that has read more.

# %% [markdown]
# ## Every head's map
#
# A short review, and where each of its words looks, head by head:

# %% [markdown] only="presenter" minutes=5
# - **Run**, let the class read the rows. **Ask:** what does head 2 like? *"worse" and "no", in our run.*

# %%
from practicum_utils.visualize import explore_attention, show_heads

shortest = int(test_set.lengths.argmin())
tokens, review = test_set.tokens(shortest), test_set[shortest][0].unsqueeze(0).to(device)
model.eval()
with torch.no_grad():
    logit, maps = model(review, torch.tensor([len(tokens)], device=device), return_weights=True)
print(f"{' '.join(tokens)}\nprobability of positive: {torch.sigmoid(logit).item():.2f}")

# %%
show_heads(tokens, maps)

# %% [markdown]
# A row is a word that looks, a column a word that is looked at. The lines below the picture say what each
# head likes: itself, its neighbours, or certain words wherever they stand. (In our run all four look most
# at *worse*.) And a single word:

# %%
show_heads(tokens, maps, query=len(tokens) // 2)

# %% [markdown]
# ## How far to trust them
#
# With several heads, a word's weight is the attention it receives, averaged over heads and over the
# words that look. The same measurement as in lesson 04, on the same reviews:

# %% [markdown] only="presenter" minutes=4
# - **Run** the agreement first, it takes a moment. **Read:** about 0.05 with leave-one-out; in lesson 04 it was 0.19.
# - **Ask:** why lower? *Being looked at is not giving; and the residual carries every word past.*

# %%
explore_attention(model, test_set, index=3)

# %% name="agreement" tell=true
from practicum_utils.visualize import agreement

print(agreement(model, test_set, count=full_or_fast(100, 20)))

# %% [markdown]
# Ours at full size: 0.05 with leave-one-out, 0.25 with gradients; in lesson 04 it was 0.19 and 0.18. Being
# looked at is not the same as deciding: what a word *gives* also depends on its value, and the
# residual connection passes every word on, looked at or not.

# %% [markdown]
# ## The six sentences

# %% [markdown] only="presenter" minutes=2
# - **Compare** with the board. Ours: "It's not great, it's terrible!" at 0.97, wrong, and so is the first one with *bored*.

# %% tell=true
from practicum_utils.data import tokenize

for text in (
    "This movie is great!", "This movie is terrible!",
    "It's not great, it's terrible!", "It's not terrible, it's great!",
    "I expected to love it, and I was bored.", "I expected to be bored, and I loved it.",
):
    ids = torch.tensor([vocab.encode(tokenize(text))], device=device)
    with torch.no_grad():
        logit = model(ids, torch.tensor([ids.shape[1]], device=device))
    print(f"{torch.sigmoid(logit).item():.2f}  {text}")

# %% [markdown]
# ## Takeaways
#
# 1. In self-attention each word asks all words with a query of its own: `softmax(Q K^T / sqrt(D)) V`.
# 2. It does not know the order; positions have to be added. It must not see padding; the keys are masked.
# 3. "The loss does not go down" is not a diagnosis. Ask questions whose answers differ from cause to
#    cause.
#
# ## Questions
#
# 1. Why is the score divided by the root of `D`? What would the weights look like without it, at `D = 64`?
# 2. Which of the model's parts see more than one position, and which see each position alone?
# 3. The mask hides the keys of the padding. Why do its queries not matter?
# 4. An RNN reads a review of 1,000 words in 1,000 steps. What grows with the length in a Transformer?
#
# **One thing to change:** `layers=2`. What does it cost in seconds, and what does it bring?
#
# Next: **06, T5**, a Transformer that has read a large part of the web, and is told its task in words.

# %% [markdown] only="presenter" minutes=4
# 1. A sum of `D` products grows like the root of `D`; at 64 that is 8, and the softmax would be nearly a
#    hard choice.
# 2. Attention and the final mean see several positions; embedding, norms and the small network see one.
# 3. Their vectors are computed and never read: no key of theirs counts, and the mean leaves them out.
# 4. The T times T weights: a thousand words, a million scores per head.
