# %% [markdown]
# # Lesson 05: The Transformer
#
# An RNN hands its state from word to word, so it has to go through a review step by step. In a
# **Transformer** every word looks at all the others at once, and nothing has to wait for anything. We
# build one from small parts, put it in the place of the two readers of lesson 04, and compare.
#
# **You will be able to**
# - compute self-attention by hand: queries, keys, values, scores, softmax, output;
# - show that it does not know the order of the words, and repair that;
# - write an encoder from small modules of your own, equal to PyTorch's;
# - look at every head's map, and find the cause of a symptom that you have met twice before.
#
# **Time:** 90 minutes of class, 40 of them in six exercises; the training takes one to two minutes on
# a laptop. **Needs:** lessons 03 and 04: a training run, and softmax with a mask.
#
# Five things are new today, and that is a lot: self-attention, positions, heads, the block, the whole model.
# Each is small, and each is a part of the next. What is marked *May be skipped* explains or tests something;
# nothing after it needs it, so you can read it another day.
#
# | letter | size of |
# |---|---|
# | `B`, `T`, `E` | batch, time, embedding |
# | `D` | a query, a key, a value: in each head, `E` divided by the number of heads |
# | `S` | what stands at a word in the end: `E` numbers of the encoder and `pair_size` of its pair |

# %% [markdown] only="presenter" minutes=2
# - **Before the class:** open solutions/05_transformer.ipynb beside this notebook, and read the walkthrough once.
# - **Say:** six small exercises, each a part of the next. Whoever falls behind takes the import and goes on.
# - **Short of time?** Leave out what is marked *May be skipped*: the root of D, the twenty layers, the
#   comparison with PyTorch, and *How far to trust them*. That is about ten minutes.
# - **Run** the setup cell.

# %% setup=true
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Subset

from practicum_utils.checks import check, verdict
from practicum_utils.data import (
    ReviewDataset,
    Vocabulary,
    load_reviews,
    make_loader,
    token_mask,
    tokenize,
    tokenize_all,
)
from practicum_utils.models import PairEmbedding, small_vectors
from practicum_utils.training import (
    RECIPE,
    fit,
    full_or_fast,
    pick_device,
    recall,
    remember,
    set_seed,
)
from practicum_utils.visualize import compare_models, show_losses

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
# In lesson 04 attention chose among the vectors of the words, but those vectors still came from LSTMs, one
# step after the other. Could attention make the vectors, too?
#
# The data is that of lesson 04. (`full_or_fast(a, b)` is `a` for you; `b` is for our own tests, which run
# every lesson on less data.)

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
# Four words, and a vector for each. Here they are random numbers; in the model they come from the embedding:

# %% [markdown] only="presenter" minutes=14
# - **Run** the first three cells in one go: it is the pooling of lesson 04, and *not* takes the place of `v`.
# - **Say** query, key, value as questions: what do I look for, how am I found, what do I pass on?
# - **Ask:** what is new against lesson 04? *Only the scores: every word asks.*
# - **May be skipped:** the table of standard deviations. Say "a sum of D products grows like its root".
# - **5.1: type** the scores, then the mask, then the softmax, the fused line last. Say `D`, not `E`, under
#   the root.
# - **Often:** `keys.T`. It turns all dimensions around; with a batch in front it must be the last two.
# - **Often:** softmax over the wrong dimension: columns sum to 1 instead of rows.

# %%
set_seed(3)
words = "not bad at all".split()
x = torch.randn(4, 6)  # (T, E)
x

# %% [markdown]
# *Not* shall get a new vector that holds something of the other words as well. How much of each? In lesson 04
# a score decided that: the dot product of a word's vector with a `v` that the model had learned. Now *not*
# takes the place of `v`, and asks with its own vector:

# %%
scores = x @ x[0]  # (T,)
for word, score in zip(words, scores, strict=True):
    print(f"not -> {word:<4} {score:+.2f}")

# %% [markdown]
# The softmax makes weights of the scores, and the new vector is the weighted sum, exactly as before:

# %%
weights = scores.softmax(dim=0)
print("weights:", weights)
print("the new vector of 'not':", weights @ x)

# %% [markdown]
# That is self-attention already. But it has two weaknesses. The first: few things are as similar to a vector as
# the vector itself. How much of its weight does each of the four words keep for itself? The second: the score of
# *not* with *bad* is that of *bad* with *not*, and one word may need another that does not need it.

# %%
all_scores = x @ x.T  # (T, T)
print("what each word gives itself:", all_scores.softmax(dim=1).diag())
print("the same in both directions:", all_scores[0, 1].item(), all_scores[1, 0].item())

# %% [markdown]
# So each vector first goes through three matrices, which the model learns. They make a **query** of it
# (what am I looking for?), a **key** (what can I be found by?) and a **value** (what do I pass on?). Now a word can
# look for something that it is not.

# %%
to_query, to_key, to_value = (torch.randn(6, 2) for _ in range(3))  # (E, D)
queries, keys, values = x @ to_query, x @ to_key, x @ to_value  # (T, D) each
queries.shape

# %% [markdown]
# The query of *not* meets every key:

# %%
dots = torch.stack([sum(queries[0] * key) for key in keys])  # (T,)
for word, dot in zip(words, dots, strict=True):
    print(f"not -> {word:<4} {dot:+.2f}")

# %% [markdown]
# There is one more step before the softmax: the dot products are divided by the root of `D`. Why? A dot product
# is a sum of `D` products. If the numbers have the variance 1 and nothing to do with each other, then each product
# has the variance 1 as well, and the sum has the variance `D`. Its standard deviation is the root of `D`: the
# larger the vectors, the larger the scores. *(May be skipped.)* Here are 1,000 queries, and eight keys for each:

# %%
for size in (4, 16, 64, 256):
    many = torch.randn(1_000, 1, size) @ torch.randn(1_000, size, 8)
    plain, divided = (s.softmax(dim=2).amax(dim=2).mean() for s in (many, many / math.sqrt(size)))
    print(f"D = {size:<3}  standard deviation {many.std():4.1f}", end="  ")
    print(f"largest of 8 weights: {plain:.2f}, after the division {divided:.2f}")

# %% [markdown]
# Without the division, large vectors give nearly all the weight to a single key before anything has been learned.
# In that state the softmax hardly reacts to small changes, so its gradients are close to zero. With the division the
# size of the vectors no longer matters.

# %%
scores = dots / math.sqrt(2)
weights = scores.softmax(dim=0)
mixed = sum(weight * value for weight, value in zip(weights, values, strict=True))
print("weights:", weights)
print("the new vector of 'not':", mixed)

# %% [markdown]
# That was one word. All four at once are two matrix products, and this is the formula that the paper
# [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762) (Vaswani and others, 2017) is known for:
#
# $$\text{output} = \text{softmax}\left(\frac{Q K^\top}{\sqrt{D}}\right) V$$

# %%
all_weights = (queries @ keys.T / math.sqrt(2)).softmax(dim=1)  # (T, T)
all_mixed = all_weights @ values  # (T, D)
assert torch.allclose(all_mixed[0], mixed, atol=1e-6)
all_weights

# %% [markdown]
# Row 0 says where *not* looks, row 1 where *bad* looks, and so on. Now write it as a function, for any number of
# dimensions in front, and with a mask for the keys that are padding.
#
# PyTorch has a *fused* version of the same formula, `F.scaled_dot_product_attention`. It never writes the table of
# weights down, which makes it several times faster, so we use it whenever nobody asks for the weights.

# %% exercise="5.1" minutes=6 catch_up="from practicum_utils.models import self_attention"
def self_attention(queries, keys, values, mask=None, return_weights=False):
    """Three times (..., T, D) -> two things: the output (..., T, D), and the weights (..., T, T).

    softmax(Q K^T / sqrt(D)) V. mask: True on real keys; it spreads to the shape of the weights.
    Without return_weights the second thing is None, and the first may come from
    F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask).
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
# <details><summary>Hint 1: which line above?</summary>
#
# The cell with `all_weights` has nearly everything. What in it holds for two dimensions only, and what for this one
# example?
# </details>
#
# <details><summary>Hint 2: the shapes</summary>
#
# `keys.transpose(-2, -1)` is `(..., D, T)`: it turns the last two dimensions around, whatever stands before
# them. `D` is `queries.shape[-1]`. The scores are `(..., T, T)`: one row for each query.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# If there is a mask, the scores of padding become minus infinity, as in lesson 04: `scores.masked_fill(~mask,
# -torch.inf)`. Then the softmax over the last dimension. Return the pair `weights @ values, weights`; in the fused
# case the pair of PyTorch's answer and `None`.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="5.1" verdict=true
check("5.1", self_attention)

# %%
by_hand, weights = self_attention(queries, keys, values, return_weights=True)
fused, _ = self_attention(queries, keys, values)
assert torch.allclose(by_hand, all_mixed, atol=1e-6) and torch.allclose(by_hand, fused, atol=1e-6)
weights.sum(dim=1)

# %% [markdown]
# Four rows, and each sums to 1. With the last two words marked as padding, their columns are exactly 0:

# %%
mask = torch.tensor([True, True, False, False])
_, weights = self_attention(queries, keys, values, mask, return_weights=True)
weights

# %% [markdown]
# ## What it does not see
#
# Put the four words in another order, *at not all bad*, and compute their new vectors again.

# %% [markdown] only="presenter" minutes=8
# - **Ask for a vote:** does "at not all bad" give other vectors? *The same four, in the new order.*
# - **5.2: type** positions as a column, rates as a row, their product; stack and flatten last.
# - **Often:** all sines, then all cosines, side by side. It works as well, but it is not what is asked.
# - **Point at** one column of the picture: the address of a word.

# %% [markdown] guess="order"
# **Guess before you run:** the new vector of *not*, will it be another one now that *not* comes second?

# %%
order = torch.tensor([2, 0, 3, 1])  # at not all bad
shuffled, _ = self_attention(queries[order], keys[order], values[order])
print("not, in the first order: ", all_mixed[0])
print("not, in the second order:", shuffled[1])

# %% [markdown] fold="And your guess?" only="student"
# It is the same vector. The score of two words depends on the two words alone, not on their places, and a sum
# does not depend on the order of what is added up. So each word keeps its new vector, wherever it stands.

# %%
assert torch.allclose(shuffled, all_mixed[order], atol=1e-6)
print(" ".join(words[i] for i in order), "gives the same four vectors")

# %% [markdown]
# Every order of the four words is the same to self-attention. So the order has to come in with the vectors. Vaswani and
# others add to each of them a pattern of sines and cosines that is different at every position: fast waves in
# the first columns, slow ones in the last. At position $t$, the columns $2k$ and $2k + 1$ are
#
# $$\sin\left(t / 10000^{2k / E}\right) \quad\text{and}\quad \cos\left(t / 10000^{2k / E}\right).$$

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
# <details><summary>Hint 1: the angles first</summary>
#
# A sine and its cosine have the same angle, so there are half as many angles as columns. Make a table of all angles
# before you think of sines.
# </details>
#
# <details><summary>Hint 2: the shapes</summary>
#
# The positions as a column `(T, 1)`, times a row of rates `(E / 2,)`, give the angles `(T, E / 2)`. The rates are
# `10000 ** (-2k / size)`, and `torch.arange(0, size, 2)` has all the `2k`.
# </details>
#
# <details><summary>Hint 3: sines and cosines in turn</summary>
#
# `torch.stack([angles.sin(), angles.cos()], dim=2)` is `(T, E / 2, 2)`: each sine has its cosine beside it. Flatten the
# last two dimensions into one.
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
# Read the picture from top to bottom at one position: that is the address of this position. Neighbours have
# similar addresses, and no two are the same.

# %% [markdown]
# ## Several heads
#
# One head gives each word one set of weights; several heads can track several relations. *Bad* may want to know
# whether there is a *not* before it, and also what it is that is bad. Before we get there, two small steps.
#
# The first: a linear layer can do what the three matrices did, all in one go. It makes 18 numbers of six, and
# `chunk` cuts them into three parts:

# %% [markdown] only="presenter" minutes=13
# - **Run** the cells up to the exercise; each has one idea: one layer, one head as a module, cutting, turning.
# - **Draw** (B, T, E) as a book, cut it into four stripes: heads.
# - **Type** `split` alone and try it on a tensor. Then `forward`, the mask with its (B, 1, 1, T).
# - **Often:** `reshape(B, heads, T, D)` without the transpose. The shape is right and the words are mixed up;
#   the check sees it.

# %%
all_in_one = nn.Linear(6, 3 * 6)
print(all_in_one(x).shape)
for name, part in zip(("queries", "keys", "values"), all_in_one(x).chunk(3, dim=1), strict=True):
    print(name, part.shape)

# %% [markdown]
# The second: as a module, for a batch. This is self-attention with a single head, and it is complete:

# %%
class OneHead(nn.Module):
    """Self-attention with one head: (B, T, E) and the mask (B, T) -> (B, T, E)."""

    def __init__(self, size):
        super().__init__()
        self.qkv = nn.Linear(size, 3 * size)

    def forward(self, x, mask):
        queries, keys, values = self.qkv(x).chunk(3, dim=2)  # (B, T, E) each
        mixed, _ = self_attention(queries, keys, values, mask.unsqueeze(1))  # the mask is (B, 1, T)
        return mixed

# %%
two_reviews = torch.stack([x, -x])  # (B, T, E)
real = torch.tensor([[True, True, True, True], [True, True, False, False]])
OneHead(6)(two_reviews, real).shape

# %% [markdown]
# The mask is `(B, T)` and the weights are `(B, T, T)`. `unsqueeze(1)` makes it `(B, 1, T)`, so that it spreads over
# all queries: whoever looks, the same keys are hidden.
#
# Now several heads. We could take several such modules side by side. It is the same, and faster, to cut the
# vectors into pieces and let each **head** work on its own piece. Here are two words of six numbers, for three heads:

# %%
numbers = torch.arange(12).reshape(1, 2, 6)  # (B, T, E)
pieces = numbers.reshape(1, 2, 3, 2)  # (B, T, heads, D)
pieces

# %% [markdown]
# Each word is cut into three pieces of two numbers. But self-attention works on the last two dimensions, and these must
# be `(T, D)`: so the heads have to come before the words.

# %%
of_heads = pieces.transpose(1, 2)  # (B, heads, T, D)
print("the first head gets\n", of_heads[0, 0])
print("the second one gets\n", of_heads[0, 1])

# %% [markdown]
# Both words are there for every head. (A `reshape` straight to `(1, 3, 2, 2)` has the same shape, and mixes up the
# words. Try it.)
#
# After self-attention the pieces of each word are put side by side again, and one more linear layer, `output`,
# lets the heads exchange what they have found.

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
        """(B, T, E), mask (B, T) -> two things: (B, T, E), and the weights (B, heads, T, T) or None."""
        ### BEGIN SOLUTION
        B, T, E = x.shape
        queries, keys, values = (self.split(part) for part in self.qkv(x).chunk(3, dim=2))
        mask = mask.reshape(B, 1, 1, T)  # the same keys are hidden from every head and query
        mixed, weights = self_attention(queries, keys, values, mask, return_weights)
        return self.output(mixed.transpose(1, 2).reshape(B, T, E)), weights
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: which parts do you have?</summary>
#
# `OneHead` has the frame, and the cells with `pieces` and `of_heads` have `split`, for one size. New are `output`, the
# mask for four dimensions, and the way back.
# </details>
#
# <details><summary>Hint 2: the shapes on the way</summary>
#
# `x (B, T, E)` -> `qkv (B, T, 3E)` -> three times `(B, T, E)` -> each split `(B, heads, T, D)` -> self-attention
# `(B, heads, T, D)` -> back to `(B, T, E)` -> `output (B, T, E)`. The weights are `(B, heads, T, T)`, and a mask
# `(B, 1, 1, T)` spreads over heads and queries.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# `split` is `reshape(B, T, heads, D)` and then `transpose(1, 2)`. The way back is the same two steps in reverse:
# `mixed.transpose(1, 2).reshape(B, T, E)`. Give `return_weights` on to `self_attention`, and return the pair.
# </details>

# %% check="5.3" verdict=true
check("5.3", MultiHeadAttention)

# %% [markdown]
# ## A block
#
# Attention mixes the words. Then a small **feed-forward** network works on each word alone: two linear layers with a
# relu between them. Both stand in a frame of two parts that make deep networks trainable.
#
# **Residual connections** ([He and others, 2015](https://arxiv.org/abs/1512.03385)): a layer does not replace what
# came in, it only *adds* to it, `x + layer(x)`. So nothing that a word has said is lost, and the gradient has a way
# back that leads through no layer at all. *(May be skipped.)* Twenty layers, and the size of the gradient that
# arrives below them:

# %% [markdown] only="presenter" minutes=9
# - **Type** one line, say the pattern: norm, layer, dropout, add. The second line is the same.
# - **May be skipped:** the twenty layers, and the comparison with PyTorch.
# - **Say:** an independent implementation is the best test there is.
# - **Ask:** why `~mask`? *PyTorch's mask is True on padding.*

# %%
def gradient_below(layers, add):
    """The size of the gradient that arrives at the input of a stack of layers."""
    start = torch.randn(8, 64, requires_grad=True)
    y = start
    for layer in layers:
        y = y + layer(y).tanh() if add else layer(y).tanh()
    y.mean().backward()
    return start.grad.norm().item()

# %%
layers = [nn.Linear(64, 64) for _ in range(20)]
print(f"each layer replaces its input: {gradient_below(layers, add=False):.1e}")
print(f"each layer adds to its input:  {gradient_below(layers, add=True):.1e}")

# %% [markdown]
# **Layer normalisation** ([Ba and others, 2016](https://arxiv.org/abs/1607.06450)): whoever keeps adding gets larger
# and larger numbers. So before a layer reads a word's vector, the vector is brought to mean 0 and standard deviation 1.
# (Then two learned vectors stretch and shift it again, if that is of use.)

# %%
large = 50 * torch.randn(64) + 7
for name, vector in (("before", large), ("after", nn.LayerNorm(64)(large))):
    print(f"{name:<6}  mean {vector.mean():.2f}, standard deviation {vector.std():.2f}")

# %% [markdown]
# Where the normalisation stands is a choice, and ours differs from the original. We normalise *before* each layer,
# `x + dropout(layer(norm(x)))`, which is called **pre-norm**. The paper of 2017 normalises the *sum*,
# `norm(x + dropout(layer(x)))`, which is called **post-norm**. With pre-norm the gradient's way
# back leads through no normalisation between the blocks, and training needs no slow start with a rising learning rate, as the original does
# ([Xiong and others, 2020](https://arxiv.org/abs/2002.04745)). Most language models of today are pre-norm.

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
        """(B, T, E), mask (B, T) -> two things: (B, T, E), and the weights (B, heads, T, T) or None."""
        ### BEGIN SOLUTION
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), weights
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: how often?</summary>
#
# The same pattern stands here twice: once around the attention, once around the feed-forward network. The second one
# goes on from the sum of the first.
# </details>
#
# <details><summary>Hint 2: the shapes</summary>
#
# Everything stays `(B, T, E)`. The attention returns two things: the mixed vectors, which are added, and the weights,
# which are only passed on.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# Pre-norm: `x = x + dropout(layer(norm(x)))`. The attention also needs `mask` and `return_weights`. Write
# `x = x + ...` and not `x += ...`, which would change the tensor of whoever called.
# </details>

# %% check="5.4" verdict=true
check("5.4", TransformerBlock)

# %% [markdown]
# Is it right? *(May be skipped.)* PyTorch has the same block, and an independent implementation is the best test there
# is. We copy our weights into it, and compare on a batch with padding:

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
vectors, mask = torch.randn(3, 10, 64), token_mask(torch.tensor([10, 4, 7]), 10)
ours, _ = block(vectors, mask)
assert torch.allclose(ours[mask], theirs(vectors, src_key_padding_mask=~mask)[mask], atol=1e-5)
print("our block and PyTorch's agree")

# %% [markdown]
# Mind the `~`: our mask is True on real tokens, PyTorch's is True on padding. Whoever forgets it reads the padding
# and nothing else.

# %% [markdown]
# ## The model
#
# We replace the readers of lesson 04 and keep what we can, but not everything can stay. To be exact:
#
# | | lesson 04 | now |
# |---|---|---|
# | embedding, pairs of words, `hidden` and `output`, recipe | | the same |
# | what makes the words' vectors | two LSTMs | embedding plus positions, then blocks |
# | before the pooling | nothing | a layer normalisation, which pre-norm needs at its end |
# | pooling | attention | the mean over the real words |
#
# Why the mean? In the blocks each word has already chosen where to look, so we do without choosing a second time.
# If the two models differ in the end, then all of these differences may have a part in it.
#
# The first word vectors will be small, with a standard deviation of 0.1. So the positions are made as small, times 0.1;
# otherwise the model would see little else at first.

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
        """Layers: embedding, pairs, dropout, blocks, norm, hidden (S -> E), output (E -> 1).

        blocks: an nn.ModuleList of so many TransformerBlocks, with dropout 0.1. S = E + pair_size.
        """
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
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
        """(B, T), (B,) -> logits (B,); if asked, the pair of these and the maps (B, layers, heads, T, T)."""
        ### BEGIN SOLUTION
        B, T = token_ids.shape
        mask = token_mask(lengths, T)
        x = self.embedding(token_ids)  # (B, T, E)
        if self.positions:  # New: the order of the words
            x = x + 0.1 * positional_encoding(T, x.shape[2]).to(x)  # as small as the embeddings
        x, maps = self.dropout(x), []
        for block in self.blocks:  # New: blocks in place of the two readers
            x, weights = block(x, mask, return_weights)  # (B, T, E), (B, heads, T, T)
            maps.append(weights)
        x = torch.cat([self.norm(x), self.pairs(token_ids)], dim=2)  # (B, T, S)
        mean = (x * mask.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)  # New: (B, S)
        hidden = torch.relu(self.hidden(mean))
        logits = self.output(self.dropout(hidden)).squeeze(1)
        return (logits, torch.stack(maps, dim=1)) if return_weights else logits
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: the layers</summary>
#
# An `nn.Dropout`, the blocks in an `nn.ModuleList` (in a plain list PyTorch does not find their weights), an
# `nn.LayerNorm` of `E` numbers, and the two `nn.Linear` of lesson 04. Keep `positions` for `forward`.
# </details>
#
# <details><summary>Hint 2: the shapes on the way</summary>
#
# `token_ids (B, T)` -> `x (B, T, E)`, plus 0.1 times the positions `(T, E)` -> dropout -> each block keeps
# `(B, T, E)` -> norm, the pairs beside it `(B, T, S)` -> mean over the real words `(B, S)` -> `hidden`, relu, dropout,
# `output`, as in lesson 04.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# The mean: padding times 0 (`x * mask.unsqueeze(2)`), the sum over `T`, divided by `lengths.unsqueeze(1)`. The maps: collect
# each block's weights in a list, and `torch.stack(maps, dim=1)` when they are asked for. The positions have to be on
# the device of `x`: `.to(x)`.
# </details>

# %% check="5.5" verdict=true
check("5.5", TransformerClassifier)

# %% [markdown]
# As in the lessons before, every model begins with small word vectors before it is trained:

# %% name="make-model"
def new_model(**sizes):
    """Our Transformer, which begins with small word vectors."""
    set_seed(0)
    return small_vectors(TransformerClassifier(len(vocab), **sizes)).to(device)

# %% [markdown]
# One batch, and what lesson 04 promised of its weights must hold for every map:

# %% verdict=true
token_ids, lengths, labels = (part.to(device) for part in next(iter(test_loader)))
logits, maps = new_model()(token_ids, lengths, return_weights=True)
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
mixed_up = review[torch.randperm(len(review))]
both, two_lengths = torch.stack([review, mixed_up]), torch.tensor([len(review)] * 2, device=device)
for positions in (False, True):
    untrained = new_model(positions=positions, pair_size=0).eval()
    one, other = untrained(both, two_lengths).tolist()
    print(f"positions={positions}: in order {one:.6f}, shuffled {other:.6f}")

# %% [markdown]
# ## A short training run
#
# As always, first a few thousand reviews and three epochs, which show within half a minute whether learning works at
# all. We train by our own `run_epoch` of lesson 02, as it stands since lesson 03:

# %% [markdown] only="presenter" minutes=12
# - **5.6: type** `lr=1e-5` as if it were nothing. Many will have chosen another rate, and theirs works: let the two
#   halves of the class find the difference without comparing notebooks, or ask them to paste yours.
# - **Run** (three epochs of about 5 s). Planted: 0.695, 0.696, 0.694.
# - **Ask:** for the third time. Which questions have we got? *Own gradient: yes. Outputs below 0: yes, so no
#   sigmoid.* And a third? *How far has a weight moved: 0.00016, and it is 0.056 large.*
# - **Then** go up by tens: 1e-4, 1e-3, 1e-2. From 1e-3 on it falls within two epochs.
# - **Often:** "more epochs". True in principle; **ask** how many.
# - **Mended:** 0.675, 0.439, 0.141 at 3e-3.
# - **Sum up:** one symptom, three bugs, three questions.

# %% recap="02:run-epoch"
from practicum_utils.training import run_epoch

# %% [markdown]
# Until now the line that makes the optimizer was given. This time it is yours, as a function. Take Adam: it moves every
# weight by steps of its own, also the vectors of rare words, which plain SGD would hardly move at all.

# %% exercise="5.6" minutes=2 catch_up="from practicum_utils.checks.lesson_05 import make_optimizer"
def make_optimizer(model):
    """Return Adam for all weights of the model, with a learning rate that you choose."""
    ### BEGIN SOLUTION
    return torch.optim.Adam(model.parameters(), lr=3e-3)
    # BUG tiny-learning-rate: return torch.optim.Adam(model.parameters(), lr=1e-5)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: where is it?</summary>
#
# All optimizers stand in `torch.optim`. Lesson 03 made one in its function `short_run`.
# </details>
#
# <details><summary>Hint 2: what goes in</summary>
#
# First the weights, all of them: `model.parameters()`. Then the learning rate, `lr=`, a number above 0.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# One line: return `torch.optim.Adam(...)` with these two in its brackets. Return the optimizer itself; its `step` is
# called by `run_epoch`.
# </details>

# %% check="5.6" only="student" verdict=true
check("5.6", make_optimizer)

# %% name="make-few"
few = Subset(train_set, range(full_or_fast(4_000, 2_000)))
batch_size = full_or_fast(64, 32)

def few_reviews():
    """A loader of a few thousand training reviews."""
    return make_loader(few, batch_size, shuffle=True)

# %% name="short-run"
loss_fn = nn.BCEWithLogitsLoss()

def short_run():
    """Train a new model for three epochs on a few reviews; return it, and the loss of each epoch."""
    model, loader = new_model(), few_reviews()
    optimizer = make_optimizer(model)
    losses = [run_epoch(model, loader, loss_fn, optimizer).loss for _ in range(3)]
    show_losses(losses)
    return model, losses

# %% [markdown] guess="loss"
# **Guess before you run:** an untrained model has a loss of about 0.69. What will it be after three epochs?

# %% name="falling" symptom="tiny-learning-rate"
tried, losses = short_run()
goes_down = losses[-1] < 0.8 * losses[0]
verdict("5.D1", goes_down, ok="the loss goes down", symptom="the loss does not go down")

# %% [markdown] fold="And your guess?" only="student"
# In our run, once everything was right, the three epochs had losses of 0.68, 0.44 and 0.14; yours will differ a
# little, and depend on your `make_optimizer`. If yours hardly left 0.69, the next part is about that.

# %% [markdown] diagnose="5.D1" evidence="model=tried, new_model=new_model, run_epoch=run_epoch, make_optimizer=make_optimizer, loader=few_reviews()"
# You know this symptom. It was the third one of lesson 03 and the one of lesson 04, with two causes that had nothing
# to do with each other, and it says as little as before. So do not try things at random: for each cause there is a
# question whose answer differs. Two of the questions you know already.
#
# - **What to look at:** Three numbers. The smallest and the largest output of `tried`, the model of the short run, for a batch. The size of a gradient of a new model, as `still.output.weight.grad.norm()` with `still = new_model()`, after `run_epoch` has had the same batch once, twice and three times, with `torch.optim.SGD(still.parameters(), lr=0.0)` and `set_seed(0)` before each time, so that dropout blanks the same numbers. And how far the weights are from where they began: `new_model()` makes the same beginning again, so subtract `new_model().hidden.weight` from `tried.hidden.weight`.
# - **What it should be:** Some outputs are below 0. The gradient is the same each time. A weight has moved by something that is not small beside the weight itself; print `tried.hidden.weight.abs().mean()` as well. A step of Adam moves a weight by about the learning rate at most, so how far can it get in all the steps of three epochs?
# - **Where it is:** In `make_optimizer`: the learning rate. Try one that is ten times as large, then a hundred times, then a thousand times, two epochs each. This is called a sweep.

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# For the third time. Two causes of this symptom we know already, and each has its question. The first: is the output
# a logit, or has something squeezed it?

# %% name="range" only="walkthrough" tell=true
tried.eval()
with torch.no_grad():
    logits = tried(token_ids, lengths)
print(f"the outputs lie between {logits.min():.3f} and {logits.max():.3f}")

# %% [markdown] only="walkthrough"
# Some are below 0, so nothing squeezes them into probabilities. (But they have hardly left 0.) The second: does each
# step see the gradient of its own batch alone? Nothing moves here, and dropout blanks the same numbers each
# time, so the gradient must be the same:

# %% name="three-gradients" only="walkthrough" tell=true
still = new_model()
frozen = torch.optim.SGD(still.parameters(), lr=0.0)
same_batch, norms = [next(iter(few_reviews()))], []
for _ in range(3):
    set_seed(0)
    run_epoch(still, same_batch, loss_fn, frozen)
    norms.append(still.output.weight.grad.norm())
    print(f"{norms[-1] / norms[0]:.2f} times the first gradient")

# %% [markdown] only="walkthrough"
# It is. So a third question: has the model *moved* at all? We know where it began, because the seed makes the same
# weights again.

# %% name="moved" only="walkthrough" tell=true
start = new_model()
moved = (tried.hidden.weight - start.hidden.weight).abs().mean()
steps = 3 * len(few_reviews())
print(f"{steps} steps moved a weight by {moved:.5f}; its size is {start.hidden.weight.abs().mean():.3f}")
print(f"a step of Adam is at most about the learning rate: {steps} x 1e-5 = {steps * 1e-5:.5f}")

# %% [markdown] only="walkthrough"
# It moved, but the learning rate limits how far a weight can move: 0.0019 in 189 steps, against a size of 0.056. So
# the loss *is* going down, too slowly to see. The test for that is a **sweep**: a few learning rates, each ten times
# the one before, two epochs each.

# %% name="sweep" only="walkthrough" tell=true
sweep = {}
for learning_rate in (1e-5, 1e-4, 1e-3, 1e-2):
    candidate, loader = new_model(), few_reviews()
    optimizer = torch.optim.Adam(candidate.parameters(), lr=learning_rate)
    runs = [run_epoch(candidate, loader, loss_fn, optimizer) for _ in (1, 2)]
    sweep[learning_rate] = [run.loss for run in runs]
    print(f"learning rate {learning_rate:g}: loss {runs[0].loss:.4f}, then {runs[1].loss:.4f}")

# %% only="walkthrough"
plt.figure(figsize=(5, 3), facecolor="white")
for learning_rate, values_of_rate in sweep.items():
    plt.plot((1, 2), values_of_rate, "o-", label=f"{learning_rate:g}")
plt.xticks((1, 2))
plt.xlabel("epoch")
plt.ylabel("training loss")
plt.legend(title="learning rate")
plt.show()
print("lowest after two epochs:", f"{min(sweep, key=lambda rate: sweep[rate][-1]):g}")

# %% [markdown] only="walkthrough"
# The doctor does the same on a copy of the model: a few steps at this learning rate, and at larger ones. (The cell
# below its report prints the line that our own tests compare.)

# %% name="doctor" only="walkthrough"
from practicum_utils.doctor import examine

patient = new_model()
report = examine(patient, few_reviews(), loss_fn, make_optimizer(patient), run_epoch)
report

# %% name="doctor-says" only="walkthrough" verdict=true
print(report.verdict)

# %% [markdown] fix="tiny-learning-rate" rerun="doctor, doctor-says"
# ### The rule
#
# Somewhere between the two best lies 3e-3:

# %% name="check-mended" only="walkthrough" verdict=true
check("5.6", make_optimizer)

# %% [markdown] fold="Bugs, summary 3" only="student, walkthrough"
# | what we saw | this time | in general |
# |---|---|---|
# | the loss does not go down | 1e-5 is far too low: the loss *was* going down | plot a few epochs; if it falls very slowly, go up by a factor of 10 |

# %% [markdown] fold="One symptom, three bugs" only="student, walkthrough"
# "The loss does not go down" is the hardest symptom there is, because it says so little. You have met it three times
# now, with three causes that have nothing in common, and one question tells each from the others:
#
# | lesson | kind | the bug | the question that decides |
# |---|---|---|---|
# | 03 | a mistake in the computation of the gradient | `zero_grad` forgotten | is the gradient of the same batch the same every time? |
# | 04 | a mistake in the model and its loss | sigmoid applied twice | can an output be below 0? |
# | 05 | no mistake in the logic, only a number | learning rate too small | how far have the weights moved, and what does a tenfold rate do? |

# %% [markdown]
# ## All the reviews
#
# Now all 20,000 reviews, three epochs, one to two minutes on a laptop. (In Colab, *Runtime > Change runtime type > T4
# GPU* makes it a few seconds.) `fit` makes an optimizer of its own: Adam at the recipe's 0.004, a rate that falls to
# 0 towards the end.

# %% [markdown] only="presenter" minutes=4
# - **Start it, then talk:** three epochs, one to two minutes. **Take votes** against 0.905. *About 0.90.*
# - **Say:** with 20,000 reviews two readers with attention are still the ones to beat.

# %% [markdown] guess="accuracy"
# **Guess before you run:** attention over two LSTMs reached 0.905. Will the Transformer do better?

# %%
model = new_model()
history = fit(model, train_loader, test_loader, RECIPE.epochs, RECIPE.learning_rate)

# %% name="result" verdict=true
good = history.test_accuracy[-1] > 0.6
print("ok: far above the majority class" if good else "symptom: no better than guessing")

# %% [markdown]
# We keep the run for later lessons, but only if it was a healthy one:

# %%
history.plot("Transformer")
if good:
    remember("transformer", history, model, test_set)

# %% tell=true
yours = {name: recall(name) for name in ("mean_embedding", "simple_rnn", "attention_rnn")}
compare_models(yours={**yours, "transformer": history})

# %% [markdown]
# Ours reach 0.905, 0.900 and 0.894 with three seeds; yours will differ a little. That is better than the mean of
# embeddings and the simple RNN, and a little behind attention over LSTMs. The star, which only counts, is nearly two
# points above. Transformers are at their best with far more text than 20,000 reviews: they have to learn from examples
# what an RNN has built in, for instance that neighbours belong together.

# %% [markdown]
# ## Every head's map
#
# A short review, and where each of its words looks, head by head:

# %% [markdown] only="presenter" minutes=4
# - **Run**, let the class read the rows. **Ask:** what do all four heads like? *"worse", in our runs.*

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
# A row is a word that looks, a column a word that is looked at. The lines below the picture say what each head looks
# at most: the word itself, its neighbours, or certain words wherever they stand. (In our runs *worse* was among the three
# words that each head looked at most; yours may differ.) *Entropy* says how spread out the weights are: 0 if everything goes to one word, and at
# most the second number, if all words get the same.
#
# And a single word:

# %%
show_heads(tokens, maps, query=len(tokens) // 2)

# %% [markdown]
# ## How far to trust them
#
# *(May be skipped.)* In lesson 04 the weights said where the model *pooled*. This model pools by the mean, where all
# words count the same. So the weight of a word means something else here: how much it is **looked at** by the
# other words, averaged over the heads and over all words that look. Does a word that is looked at decide? We measure
# that as in lesson 04, on the same reviews:

# %% [markdown] only="presenter" minutes=3
# - **Run** the agreement first, it takes a moment. **Read:** less than 0.1 with leave-one-out; in lesson 04 it was 0.19.
# - **Ask:** what do the two measures of effect say to each other? *Less than 0.1. So one cannot say which of the two to believe.*

# %%
explore_attention(model, test_set, index=3)

# %% name="agreement" tell=true
from practicum_utils.visualize import agreement

print(agreement(model, test_set, count=full_or_fast(100, 20)))

# %% [markdown]
# In our runs, at full size, the weights agree with leave-one-out at less than 0.1 and with the gradients at about 0.25
# (0.19 and 0.18 in lesson 04). Before you conclude that the weights are bad, read the row *gradients*: the two measures
# of a word's effect agree with each other at less than 0.1 as well. When two yardsticks differ that much, at least one of them
# does not measure what we want, and a low number says little about the weights.
#
# There are reasons on both sides. To be looked at is not to decide: what a word passes on depends on its value too,
# and the residual connection carries every word past the attention. And leaving a word out moves all the words after
# it by one position and makes a new pair of its neighbours, which the gradient at its vector knows nothing of.

# %% [markdown]
# ## The six sentences

# %% [markdown] only="presenter" minutes=1
# - **Compare** with the board. Ours: "It's not great, it's terrible!" at 0.99, wrong, and so is the first one with *bored*.

# %% tell=true
for text in (
    "This movie is great!", "This movie is terrible!",
    "It's not great, it's terrible!", "It's not terrible, it's great!",
    "I expected to love it, and I was bored.", "I expected to be bored, and I loved it.",
):
    ids = torch.tensor([vocab.encode(tokenize(text))], device=device)
    with torch.no_grad():
        logit = model(ids, torch.tensor([ids.shape[1]], device=device))
    print(f"{torch.sigmoid(logit).item():.2f}  {text}")

# %% [markdown] only="student"
# ## The doctor
#
# You have asked three questions by hand now. `examine` asks them too, and many more, and changes nothing. Your mended
# program should get a short report:

# %% [markdown] only="presenter" minutes=1
# - **Run** it on the mended program. **If there is time,** put 1e-5 back and let it tell you so.

# %% only="student"
from practicum_utils.doctor import examine

patient = new_model()
examine(patient, few_reviews(), loss_fn, make_optimizer(patient), run_epoch)

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
# Next: **06, T5**, a Transformer that reads *and* writes, and is told its task in words.

# %% [markdown] only="presenter" minutes=2
# 1. A sum of `D` products grows like the root of `D`; at 64 that is 8, and the softmax would be nearly a
#    hard choice.
# 2. Attention and the final mean see several positions; embedding, norms and the feed-forward network see one.
#    (A pair sees two.)
# 3. Their vectors are computed and never read: no key of theirs counts, and the mean leaves them out.
# 4. The T times T weights: a thousand words, a million scores per head.
