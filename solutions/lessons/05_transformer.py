# %% [markdown]
# # Lesson 05: The Transformer
#
# An RNN hands its state on from word to word, so it has to read a review one step after the other. In a
# **Transformer** all words look at each other at the same time, and none has to wait for the one before it. In this
# lesson you build one from small parts, put it in the place of the two LSTMs of lesson 04, and compare.
#
# **You will be able to**
# - compute self-attention by hand, first with the words' own vectors, then with queries, keys and values;
# - show that self-attention doesn't know the order of the words, and repair that;
# - write a Transformer encoder from small modules of your own that computes the same as PyTorch's;
# - read the map of each attention head, and say how far it can be trusted;
# - find the cause of a symptom that you have met twice before.
#
# **Time:** 90 minutes of class, 40 of them in six exercises; the training takes one to two minutes on a laptop.
# **Needs:** lessons 03 and 04, above all a training run, and the softmax with a mask.
#
# A Transformer has five ideas in it, and each of the numbered sections below is about one of them: self-attention, the
# order of the words, several heads, the block, and the whole model. Each is small and builds on the one before.
# A heading that begins with *May be skipped* marks a part that explains or tests something. The other parts
# don't build on it, so you can leave it for another day.
#
# | letter | size of |
# |---|---|
# | `B`, `T`, `E` | batch, time, embedding |
# | `D` | a query, a key, a value: in each head, `E` divided by the number of heads |
# | `S` | the length of a word's final vector: `E` numbers from the encoder and `pair_size` from its pair |

# %% [markdown] only="presenter" minutes=2
# - **Before the class:** open solutions/05_transformer.ipynb beside this notebook, and read the walkthrough once.
# - **Say:** five ideas, six small exercises, each a part of the next. Whoever falls behind takes the import and goes on.
# - **Short of time?** Leave out the parts whose headings say *May be skipped*. That is about ten minutes.
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
    hold_out,
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
from practicum_utils.visualize import draw_self_attention, show_losses

set_seed(0)
device = pick_device()

# %% [markdown]
# ## Before we go on, let's revisit lesson 04
#
# This is the run of the RNN with attention, yours if you have trained it, otherwise the one that comes with the course:

# %% [markdown] only="presenter" minutes=2
# - **Ask:** what still goes word by word in lesson 04? *The two LSTMs.* That is what goes.
# - **Run** the data cells while you talk.

# %% tell=true
attention = recall("attention_rnn")
print(attention)

# %% [markdown]
# In lesson 04 attention chose among the vectors of the words. But those vectors still came from two LSTMs, which go
# through the review word by word: the LSTM can't compute the state of word 100 before it has the state of word 99. Could
# attention also *make* the vectors? That is the question of this lesson.
#
# The data is that of lesson 04, with the same 2,000 validation reviews held out. (`full_or_fast(a, b)` is `a` for you;
# `b` is for our own tests, which run every lesson on less data.)

# %%
reviews = load_reviews(max_train=full_or_fast(None, 4_000), max_test=full_or_fast(None, 500))
reviews = hold_out(reviews)
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]), full_or_fast(20_000, 5_000))

# %%
max_length = full_or_fast(RECIPE.max_length, 64)
train_set = ReviewDataset(reviews["train"], vocab, max_length)
validation_set = ReviewDataset(reviews["validation"], vocab, max_length)
test_set = ReviewDataset(reviews["test"], vocab, max_length)

# %%
train_loader = make_loader(train_set, full_or_fast(RECIPE.batch_size, 32), shuffle=True)
validation_loader = make_loader(validation_set, RECIPE.batch_size)
test_loader = make_loader(test_set, RECIPE.batch_size)

# %% [markdown]
# ## 1. Self-attention on four words
#
# We begin with four words and a vector for each. Here the vectors are random numbers; in the model they will come from
# the embedding.

# %% [markdown] only="presenter" minutes=14
# - **Run** the first three cells in one go: it is the pooling of lesson 04, and *not* takes the place of `v`.
# - **Point at** the first picture: which arrow is the widest, and why?
# - **Say** query, key, value as questions: what do I look for, how am I found, what do I pass on?
# - **Ask:** what is new against lesson 04? *Only the scores: every word asks.*
# - **May be skipped:** the root of D. Say "a sum of D products grows like its root".
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
# We want a new vector for *not* that also holds something of the other three words. How much of each? In lesson 04 a
# score decided that, the dot product of a word's vector with a vector `v` that the model had learned. Here *not* takes the
# place of `v` and asks with its own vector:

# %%
scores = x @ x[0]  # (T,)
for word, score in zip(words, scores, strict=True):
    print(f"not -> {word:<4} {score:+.2f}")

# %% [markdown]
# As before, the softmax turns the scores into weights that sum to 1, and the new vector is the weighted sum:

# %%
weights = scores.softmax(dim=0)
mixed = weights @ x  # (E,)
draw_self_attention(words, x, weights, mixed)

# %% [markdown]
# Read the picture from the bottom to the top: each word has its vector, drawn as a column of numbers (blue above 0, red
# below). Each line is as wide as the weight, so you can see what the new vector of *not* is mixed from: 0.46 of *not*
# itself, 0.26 of *all*, 0.19 of *at* and 0.08 of *bad*.
#
# The other three words do the same at the same time. All scores together are a single matrix product, and the softmax
# runs over each row of it. We draw *not* once more, and *bad* beside it in a second colour:

# %%
all_weights = (x @ x.T).softmax(dim=1)  # (T, T)
draw_self_attention(words, x, all_weights, all_weights @ x, word=[0, 1])

# %% [markdown]
# That is self-attention already, without anything to learn. But it has two weaknesses, and the lines of *bad* show the first: it
# keeps practically all of its weight for itself, because a vector usually has its highest score with itself. The second weakness is in the scores. Compare the score of *not* with *bad* and the score of
# *bad* with *not*:

# %%
all_scores = x @ x.T  # (T, T)
print("how much of its weight each word keeps:", all_weights.diag())
print(f"not -> bad {all_scores[0, 1]:+.3f}    bad -> not {all_scores[1, 0]:+.3f}")

# %% [markdown]
# The two scores are the same, and they always will be, because a dot product doesn't care which vector comes first. But one
# word may need another that doesn't need it: *bad* should find out that there is a *not* in front of it, while *not* can do
# without knowing much about *bad*.
#
# So each vector first goes through three matrices that the model learns. They make a **query** of it (what am I looking
# for?), a **key** (how can I be found?) and a **value** (what do I pass on?). Now a word can look for something that it is
# not itself.

# %%
to_query, to_key, to_value = (torch.randn(6, 2) for _ in range(3))  # (E, D)
queries, keys, values = x @ to_query, x @ to_key, x @ to_value  # (T, D) each
queries.shape

# %% [markdown]
# The query of *not* is compared with every key:

# %%
dots = torch.stack([sum(queries[0] * key) for key in keys])  # (T,)
for word, dot in zip(words, dots, strict=True):
    print(f"not -> {word:<4} {dot:+.2f}")

# %% [markdown]
# There is one more step before the softmax: the dot products are divided by the square root of `D`, the size of a query.
# Without it, the scores would grow with the size of the vectors, and with large scores the softmax gives nearly all the
# weight to a single key before anything has been learned.

# %%
scores = dots / math.sqrt(2)
weights = scores.softmax(dim=0)
mixed = sum(weight * value for weight, value in zip(weights, values, strict=True))
print("weights:", weights)
print("the new vector of 'not':", mixed)

# %% [markdown]
# ### May be skipped: why the square root of D
#
# A dot product is a sum of `D` products. If the numbers have the variance 1 and are independent of each other, then each
# product has the variance 1 too. Variances of independent numbers add up, so the sum has the variance `D` and the standard
# deviation $\sqrt{D}$. You needn't believe it, because we can measure it on 10,000 random queries and keys:

# %%
for size in (4, 16, 64, 256):
    products = torch.randn(10_000, size) * torch.randn(10_000, size)
    print(f"D = {size:<3}  variance of a product {products.var():.2f}", end="  ")
    print(f"of the sum of D products {products.sum(dim=1).var():6.1f}")

# %% [markdown]
# The variance of a sum is about `D`, as predicted. After the division by $\sqrt{D}$ it is 1, whatever the size. And this
# is what the division does to the weights. Here are 1,000 queries with eight keys each; an even share would be 0.125:

# %%
for size in (4, 16, 64, 256):
    many = torch.randn(1_000, 1, size) @ torch.randn(1_000, size, 8)
    plain, divided = (s.softmax(dim=2).amax(dim=2).mean() for s in (many, many / math.sqrt(size)))
    print(f"D = {size:<3}  largest of 8 weights: {plain:.2f} without the division, {divided:.2f} with it")

# %% [markdown]
# At `D = 256` one key gets about 0.94 of the weight by pure chance, if nothing is divided. In that state small changes of
# the scores hardly change the weights, so the gradients are close to zero and the layer learns slowly. With the
# division the largest weight is about 0.35 at every size.
#
# ### All four words at once
#
# What we have done for *not* can be done for all four words with two matrix products. This is the formula that the paper
# [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762) (Vaswani and others, 2017) is known for:
#
# $$\text{output} = \text{softmax}\left(\frac{Q K^\top}{\sqrt{D}}\right) V$$

# %%
from practicum_utils.visualize import draw_attention_product

all_weights = (queries @ keys.T / math.sqrt(2)).softmax(dim=1)  # (T, T)
all_mixed = all_weights @ values  # (T, D)
assert torch.allclose(all_mixed[0], mixed, atol=1e-6)
draw_attention_product(words, queries, keys, values, all_weights, all_mixed)

# %% [markdown]
# The picture is drawn from your tensors, number by number. The first row of the scores says how well the query of *not* fits each
# key, and the first row of the weights where *not* looks: 0.68 of its weight goes to *bad*. Who looks at whom means nothing yet,
# because our three matrices are random numbers; training has to find useful ones. But the scores are no longer the same in
# both directions. If something were wrong, you would see it here: change `dim=1` to `dim=0`, take the `assert` out, run the
# cell again, and read what the caption says.
#
# Now write it as a function, for any number of dimensions in front of the last two, and with a mask for the keys that are
# padding. A key that is padding must get the weight 0, as in lesson 04.
#
# PyTorch has a *fused* version of the formula,
# [`F.scaled_dot_product_attention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html).
# It never writes the table of weights down, which makes it several times faster, so we use it whenever nobody asks for the
# weights.

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
# The cell that computes `all_weights` and `all_mixed` has nearly everything. Which parts of it only work for two dimensions,
# and which only for this one example?
# </details>
#
# <details><summary>Hint 2: the shapes</summary>
#
# `keys.transpose(-2, -1)` is `(..., D, T)`: it swaps the last two dimensions, whatever stands before them. (`keys.T` would
# turn all dimensions around.) `D` is `queries.shape[-1]`. The scores are `(..., T, T)`, with one row for each query.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# If there is a mask, the scores of padding become minus infinity, as in lesson 04: `scores.masked_fill(~mask,
# -torch.inf)`. Then the softmax runs over the last dimension. Return the pair `weights @ values, weights`; in the fused
# case return PyTorch's answer and `None`.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="5.1" verdict=true
check("5.1", self_attention)

# %% [markdown]
# The function should give what we computed by hand, with and without the fused version:

# %%
by_hand, weights = self_attention(queries, keys, values, return_weights=True)
fused, _ = self_attention(queries, keys, values)
assert torch.allclose(by_hand, all_mixed, atol=1e-6) and torch.allclose(by_hand, fused, atol=1e-6)
print("each row of the weights sums to", weights.sum(dim=1))

# %% [markdown]
# And now with a mask. We say that the last two of our four words are padding, and draw the product again. Look at the last two
# columns of the scores and of the weights:

# %%
mask = torch.tensor([True, True, False, False])
masked, weights = self_attention(queries, keys, values, mask, return_weights=True)
draw_attention_product(["not", "bad", "<pad>", "<pad>"], queries, keys, values, weights, masked)

# %% [markdown]
# The scores of padding are minus infinity and its weights are exactly 0. The two words of padding still have rows of their own,
# because they ask like every other word. That does no harm: nothing reads the vectors that come out there.

# %% [markdown]
# ## 2. The order of the words
#
# Put the four words in another order, *at not all bad*, and compute their new vectors again.

# %% [markdown] only="presenter" minutes=8
# - **Ask for a vote:** does "at not all bad" give other vectors? *The same four, in the new order.*
# - **5.2: type** positions as a column, rates as a row, their product; stack and flatten last.
# - **Often:** all sines, then all cosines, side by side. It works as well, but it is not what is asked.
# - **Point at** one column of the picture: the address of a word.

# %% [markdown] guess="order"
# **Guess before you run:** will the new vector of *not* change, now that *not* comes second?

# %%
order = torch.tensor([2, 0, 3, 1])  # at not all bad
shuffled, _ = self_attention(queries[order], keys[order], values[order])
print("not, in the first order: ", all_mixed[0])
print("not, in the second order:", shuffled[1])
assert torch.allclose(shuffled, all_mixed[order], atol=1e-6)  # and so are the other three

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# It is the same vector. The score of two words depends on these two words alone, wherever they stand, and a sum doesn't
# depend on the order of what is added up. So each word keeps its new vector.

# %% [markdown]
# Self-attention can't tell any order of the four words from any other: it is **permutation equivariant**, which means that
# shuffled words give the same vectors, shuffled. *Not bad, good* and *not good, bad* would be the same review. So the order has
# to come in with the vectors.
# Vaswani and others add to each of them a **positional encoding**, a pattern of sines and cosines that is different at every
# position, with fast waves in the first columns and slow ones in the last. At position $t$, the columns $2k$ and $2k + 1$ are
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

# %% [markdown]
# Here are the encodings of a hundred positions, with 64 numbers each:

# %%
encoding = positional_encoding(100, 64)
plt.figure(figsize=(8, 3), facecolor="white")
plt.imshow(encoding.T, aspect="auto", cmap="RdBu", interpolation="none")
plt.xlabel("position in the review")
plt.ylabel("column")
plt.show()
for column in (0, 62):
    print(f"column {column:<2} at positions 0 to 3:", encoding[:4, column])

# %% [markdown]
# Read the picture from top to bottom at one position: these 64 numbers are the address of that position. Column 0 changes
# from each position to the next and tells neighbours apart; the columns in the middle change slowly
# and tell the beginning from the end; column 62 is so slow that it hardly moves in a hundred positions. Positions close to each other have similar addresses, and no two are the same.

# %% [markdown]
# ## 3. Several heads
#
# One head gives each word one set of weights. But *bad* may want to know two things, whether there is a *not* before it and
# also what it is that is bad, and one softmax has to share its weight between them. With several **heads** a word has
# several sets of weights, and each head can follow a relation of its own.
#
# Before we get there we make a module of what we have. A single linear layer can do the work of the three matrices: it makes
# queries, keys and values side by side in one row, and `chunk` cuts them apart.

# %% [markdown] only="presenter" minutes=13
# - **Run** the cells up to the exercise; each has one idea: one head as a module, two of them side by side,
#   cutting, turning, the two at once.
# - **Draw** (B, T, E) as a book, cut it into stripes: heads.
# - **Type** `split` alone and try it on a tensor. Then `forward`, the mask with its (B, 1, 1, T).
# - **Often:** `reshape(B, heads, T, D)` without the transpose. The shape is right and the words are mixed up;
#   the check sees it.

# %%
class OneHead(nn.Module):
    """Self-attention with one head: (B, T, E) and the mask (B, T) -> (B, T, D)."""

    def __init__(self, size, head_size):
        super().__init__()
        self.qkv = nn.Linear(size, 3 * head_size)

    def forward(self, x, mask):
        queries, keys, values = self.qkv(x).chunk(3, dim=2)  # (B, T, D) each
        mixed, _ = self_attention(queries, keys, values, mask.unsqueeze(1))  # the mask is (B, 1, T)
        return mixed

# %% [markdown]
# The mask is `(B, T)` and the weights are `(B, T, T)`. `unsqueeze(1)` makes the mask `(B, 1, T)`, so that it spreads over all
# queries: whichever word asks, the same keys are hidden.
#
# Two heads are two such modules, each with matrices of its own. Both read the same vectors, each makes 3 numbers for a word,
# and side by side that is a vector of 6 again:

# %%
two_reviews = torch.stack([x, -x])  # (B, T, E)
real = torch.tensor([[True, True, True, True], [True, True, False, False]])
first, second = OneHead(6, 3), OneHead(6, 3)
side_by_side = torch.cat([first(two_reviews, real), second(two_reviews, real)], dim=2)
side_by_side.shape  # (B, T, E)

# %% [markdown]
# That already is attention with two heads. There is a faster way: instead of calling one module after the other, we let one
# wide linear layer make the queries, keys and values of all heads, and cut the result into pieces, one for each head. How is
# a tensor cut? Here are two words of six numbers, for two heads:

# %%
numbers = torch.arange(12).reshape(1, 2, 6)  # (B, T, E)
pieces = numbers.reshape(1, 2, 2, 3)  # (B, T, heads, D)
pieces

# %% [markdown]
# Each word is cut into two pieces of three numbers. But self-attention works on the last two dimensions, and these must
# be `(T, D)`. So the heads have to come before the words:

# %%
of_heads = pieces.transpose(1, 2)  # (B, heads, T, D)
print("the first head gets\n", of_heads[0, 0])
print("the second head gets\n", of_heads[0, 1])

# %% [markdown]
# Each head gets a piece of both words. (Without the `transpose` the shape would be the same, `(1, 2, 2, 3)`, but look at
# `pieces` again: its first block holds both pieces of the *first word*, and would be taken for the first head.)
#
# Now the two heads at once. The wide layer gets the weights of our two modules, first the queries of both, then the keys of
# both, then the values of both:

# %%
wide = nn.Linear(6, 3 * 6)
with torch.no_grad():
    for name in ("weight", "bias"):
        thirds = [getattr(head.qkv, name).chunk(3) for head in (first, second)]
        getattr(wide, name).copy_(torch.cat([third[part] for part in range(3) for third in thirds]))

# %% [markdown]
# Then we cut, let both heads work, and put the pieces back. The result must be what the two modules gave side by side:

# %%
parts = [p.reshape(2, 4, 2, 3).transpose(1, 2) for p in wide(two_reviews).chunk(3, dim=2)]
at_once, _ = self_attention(*parts, real.reshape(2, 1, 1, 4))  # (B, heads, T, D)
put_back = at_once.transpose(1, 2).reshape(2, 4, 6)  # (B, T, E)
assert torch.allclose(put_back, side_by_side, atol=1e-6)
print("two heads at once give the same as two modules side by side")

# %% [markdown]
# After self-attention each word's pieces are put side by side again, which is the cutting in reverse. One more linear layer,
# `output`, then lets the heads exchange what they have found. That makes the module of the exercise, for any sizes:

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
        """(B, T, E), mask (B, T) -> two things: (B, T, E), and the weights (B, heads, T, T) or None.

        The weights are None unless return_weights is True, so hand it on to self_attention.
        """
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
# `OneHead` has the frame, and the cells above have `split` and the way back, for one size. New are the layer `output`
# and the argument `return_weights`.
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
# `mixed.transpose(1, 2).reshape(B, T, E)`. Hand `return_weights` on to `self_attention`, and return the pair.
# </details>

# %% check="5.3" verdict=true
check("5.3", MultiHeadAttention)

# %% [markdown]
# ## 4. The block
#
# Attention lets each word collect something from the others. After it, a small **feed-forward** network works on each word
# alone: two linear layers with a relu between them. These two layers make a block, and blocks can be stacked, so that the
# vectors of the words become deeper and deeper representations of the review. But a deep stack of plain layers hardly
# trains. Two more parts, a residual connection and a normalisation around each layer, make it trainable.

# %% [markdown] only="presenter" minutes=9
# - **Point at** the three lines of the picture, one after the other: shrinks, explodes, stays.
# - **Type** one line, say the pattern: norm, layer, dropout, add. The second line is the same.
# - **May be skipped:** the comparison with PyTorch. **Say:** an independent implementation is the best test there is.
# - **Ask:** why `~mask`? *PyTorch's mask is True on padding.*

# %% [markdown]
# With a **residual connection** ([He and others, 2015](https://arxiv.org/abs/1512.03385)) a layer doesn't replace what came
# in. It adds to it: `x + layer(x)`. Nothing that a word has said is lost, and the gradient has a way back past the layer.
#
# **Layer normalisation** ([Ba and others, 2016](https://arxiv.org/abs/1607.06450),
# [`nn.LayerNorm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html)) brings the numbers of one
# word's vector to mean 0 and standard deviation 1. (Then two learned vectors stretch and shift it again, if that is of
# use.)

# %%
large = 50 * torch.randn(64) + 7
for name, vector in (("before", large), ("after", nn.LayerNorm(64)(large))):
    print(f"{name:<6}  mean {vector.mean():.2f}, standard deviation {vector.std():.2f}")

# %% [markdown]
# What happens without them? We stack up to twenty untrained linear layers in three ways and measure two things: how large the
# numbers are that come out at the top, and how large the gradient is that arrives at the bottom.

# %%
WAYS = {
    "layer(x)": (False, False), "x + layer(x)": (True, False), "x + layer(norm(x))": (True, True),
}

def top_and_bottom(depth, add, normalise):
    """Standard deviation above so many linear layers, and size of the gradient below them."""
    set_seed(0)
    start = torch.randn(64, 64, requires_grad=True)  # (words, E)
    x, norm = start, nn.LayerNorm(64)
    for _ in range(depth):
        made = nn.Linear(64, 64, bias=False)(norm(x) if normalise else x)
        x = x + made if add else made
    x.sum().backward()
    return x.std().item(), start.grad.norm().item()

# %% [markdown] guess="depth"
# **Guess before you run:** in the first way, `layer(x)` replaces `x` twenty times. How large will the gradient be that arrives
# at the bottom, compared with a single layer?

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), facecolor="white")
for way, (add, normalise) in WAYS.items():
    measured = [top_and_bottom(depth, add, normalise) for depth in range(1, 21)]
    for axis, sizes in zip(axes, zip(*measured, strict=True), strict=True):
        axis.semilogy(range(1, 21), sizes, ".-", label=way)
    top, bottom = measured[-1]
    print(f"20 times {way:<18}  at the top {top:8.5f}, gradient at the bottom {bottom:9.4f}")
axes[0].set(xlabel="layers", ylabel="standard deviation at the top")
axes[1].set(xlabel="layers", ylabel="gradient at the bottom")
axes[0].legend()
figure.tight_layout()
plt.show()

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# Next to nothing is left of it. With the weights that PyTorch begins with, each layer makes numbers and gradients smaller
# by a factor of about 0.58, and nineteen more layers make that a factor of about one in thirty thousand. The first layers
# of such a stack hardly learn. (One can begin with larger weights, but to hit the right size for every depth is difficult.)

# %% [markdown]
# Twenty times `layer(x)`: numbers and gradient vanish. Twenty times `x + layer(x)`: nothing is lost, but whoever keeps adding
# gets larger and larger numbers, and the gradient grows with them. The third way adds as well, but each layer reads
# a normalised copy of the vectors, so that what it adds is always about the same size. Then both stay within a factor of
# three, and that is the way in which we build our block.
#
# Where the normalisation stands is a choice, and ours differs from the original. We normalise *before* each layer,
# `x + dropout(layer(norm(x)))`, which is called **pre-norm**. The paper of 2017 normalises the *sum*,
# `norm(x + dropout(layer(x)))`, which is called **post-norm**. With pre-norm the gradient's way back past the layers leads
# through no normalisation, and training doesn't need the slow start with a rising learning rate that the original needs
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
        """(B, T, E), mask (B, T) -> two things: (B, T, E), and the weights (B, heads, T, T) or None.

        Pre-norm. The attention gets the mask, and return_weights as it was given.
        """
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
# Pre-norm: `x = x + dropout(layer(norm(x)))`. Hand `mask` and `return_weights` on to the attention. Write
# `x = x + ...` and not `x += ...`, which would change the tensor of whoever called.
# </details>

# %% check="5.4" verdict=true
check("5.4", TransformerBlock)

# %% [markdown]
# Let a batch with padding go through your block, and look at what happens to the vectors on the way. The picture comes from one
# forward pass: whether something is added, and where it is normalised, is found by comparing the numbers, so a
# block without its residual connections would be drawn without them.

# %%
from practicum_utils.visualize import draw_block

block = TransformerBlock(64, num_heads=4, inner_size=128, dropout=0.0)
vectors, mask = torch.randn(3, 10, 64), token_mask(torch.tensor([10, 4, 7]), 10)
draw_block(block, vectors, mask)

# %% [markdown]
# The columns show eight numbers of the vector of the first word, and *sd* is the standard deviation of the vectors. At the beginning the
# layers add little, with an sd of about 0.2 to vectors with an sd of 1, so an untrained block nearly passes on what came in.
#
# PyTorch has such a block too,
# [`nn.TransformerEncoderLayer`](https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html).
# Unless you ask for something else it is post-norm, like the one of the paper. Compare where the two normalisations stand:

# %%
draw_block(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), vectors, mask)

# %% [markdown]
# ### May be skipped: is our block the same as PyTorch's?
#
# An independent implementation is the best test there is. With `norm_first=True` PyTorch's block is pre-norm, so it should
# compute exactly what ours does. We copy our weights into it and compare. (On the right stand the names that the exercises
# ask for and that the class uses. If your layers have other names, put yours there.)

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

# %% [markdown]
# With this table PyTorch's block can load our weights. Then both read the same batch:

# %%
theirs = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
theirs.load_state_dict({name: block.state_dict()[own] for name, own in NAMES.items()})
ours, _ = block(vectors, mask)
from_theirs = theirs(vectors, src_key_padding_mask=~mask)
assert torch.allclose(ours[mask], from_theirs[mask], atol=1e-5)
print("our block and PyTorch's agree")

# %% [markdown]
# Look at the `~`. Our mask is True on real tokens, PyTorch's is True on padding. If you forget the `~`, the
# model reads the padding and nothing else, and no error tells you.

# %% [markdown]
# ## 5. The model
#
# We replace the LSTMs of lesson 04 with a Transformer encoder, and we'd like to keep all else the same, so that a difference
# in the result can only come from that. Not quite everything can stay. This is what changes and what doesn't:
#
# | | lesson 04 | now |
# |---|---|---|
# | data, embedding, pairs of words, `hidden` and `output`, recipe of the training | | the same |
# | what makes the words' vectors | two LSTMs | embedding plus positions, then blocks |
# | before the pooling | nothing | a layer normalisation, which pre-norm needs at its end |
# | pooling | attention | the mean over the real words |
#
# Why the mean? In the blocks each word has already chosen where to look, so we do without choosing a second time. And why
# not the last vector, as in lesson 03? Because nothing makes the last position special here: all words have seen all others.
# If the two models differ in the end, each of these differences may have a part in it.
#
# Two things need care in a Transformer encoder. The positions have to be added, because otherwise the order of the words is
# lost; and the mask has to reach every block, because otherwise the words look at padding.
#
# The first word vectors will be small, with a standard deviation of 0.1. So we make the positions small as well, times 0.1;
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
        positions: whether 0.1 times the positional encoding is added to the words' vectors.
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
# We send one batch through it, and look at the shapes on the way, as in lesson 03. Find the
# places where the feed-forward network, the pairs and the mean change them:

# %%
from practicum_utils.visualize import show_shapes

token_ids, lengths, labels = (part.to(device) for part in next(iter(validation_loader)))
show_shapes(new_model(), token_ids, lengths)

# %% [markdown]
# What lesson 04 promised of its weights must hold for every map here:

# %% verdict=true
logits, maps = new_model()(token_ids, lengths, return_weights=True)
padding = ~token_mask(lengths, token_ids.shape[1])
assert logits.shape == labels.shape
assert torch.allclose(maps.sum(dim=-1), torch.ones_like(maps[..., 0]))
assert (maps.amax(dim=(1, 2, 3))[padding] == 0).all()
print("ok: every row of every map sums to 1 and leaves the padding out")

# %% [markdown]
# And the order of the words? Without positions, and without the pairs of words, which know a little of the order too, a
# shuffled review should get the same logit. With positions it shouldn't:

# %% tell=true
review = validation_set[0][0].to(device)
mixed_up = review[torch.randperm(len(review))]
both, two_lengths = torch.stack([review, mixed_up]), torch.tensor([len(review)] * 2, device=device)
for positions in (False, True):
    untrained = new_model(positions=positions, pair_size=0).eval()
    one, other = untrained(both, two_lengths).tolist()
    print(f"positions={positions}: in order {one:.4f}, shuffled {other:.4f}")

# %% [markdown]
# ## A short training run
#
# As always, we first train on a few thousand reviews for three epochs, which shows within half a minute whether learning works
# at all. We use our own `run_epoch` of lesson 02, as it stands since lesson 03:

# %% [markdown] only="presenter" minutes=12
# - **5.6: type** `lr=1e-5` as if it were nothing. Many will have chosen another rate, and theirs works: let the two
#   halves of the class find the difference without comparing notebooks, or ask them to paste yours.
# - **Run** (three epochs of about 5 s). Planted: about 0.70, 0.69, 0.69.
# - **Ask:** for the third time. Which questions have we got? *Own gradient: yes. Outputs below 0: yes, so no
#   sigmoid.* And a third? *How far has a weight moved: 0.0002, and it is 0.056 large.*
# - **Then** go up by tens: 1e-4, 1e-3, 1e-2. From 1e-3 on it falls within two epochs.
# - **Often:** "more epochs". True in principle; **ask** how many.
# - **Mended:** about 0.66, 0.33, 0.12 at 3e-3.
# - **Sum up:** one symptom, three bugs, three questions.

# %% recap="02:run-epoch"
from practicum_utils.training import run_epoch

# %% [markdown]
# Until now the line that makes the optimizer was given. This time it is yours, as a function: which optimizer it is, and what
# goes into its brackets, is up to you. [Adam](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html) is a
# safe choice for a Transformer, because it moves every weight by steps of its own, also the vectors of rare words, which
# plain SGD would hardly move.

# %% exercise="5.6" minutes=2 catch_up="from practicum_utils.checks.lesson_05 import make_optimizer"
def make_optimizer(model):
    """Return an optimizer of torch.optim that is to train all weights of the model."""
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
# First the weights, all of them: `model.parameters()`. Most optimizers have a default for everything else.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# One line: return `torch.optim.Adam(...)` with the weights in its brackets, and whatever you want to set. Return the
# optimizer itself; its `step` is called by `run_epoch`.
# </details>

# %% check="5.6" only="student" verdict=true
check("5.6", make_optimizer)

# %% [markdown]
# The few thousand reviews, and the short run with your optimizer:

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
goes_down = losses[-1] < 0.95 * losses[0]
verdict("5.D1", goes_down, ok="the loss goes down", symptom="the loss does not go down")

# %% [markdown] fold="And your guess?" only="student"
# In our runs, once everything was right, the three epochs had losses of about 0.66, 0.33 and 0.12; yours will differ a
# little. If yours hardly left 0.69, the next part is about that.

# %% [markdown] diagnose="5.D1" evidence="model=tried, new_model=new_model, run_epoch=run_epoch, make_optimizer=make_optimizer, loader=few_reviews()"
# You know this symptom. It was the third one of lesson 03 and the one of lesson 04, with two causes that had nothing
# to do with each other, and it says as little as before. So don't try things at random: for each cause there is a
# question whose answer differs. Two of the questions you know already.
#
# - **What to look at:** Three numbers. The smallest and the largest output of `tried`, the model of the short run, for a batch. The size of a gradient of a new model, as `still.output.weight.grad.norm()` with `still = new_model()`, after `run_epoch` has had the same batch once, twice and three times, with `torch.optim.SGD(still.parameters(), lr=0.0)` and `set_seed(0)` before each time, so that dropout blanks the same numbers. And how far the weights are from where they began: `new_model()` makes the same beginning again, so subtract `new_model().hidden.weight` from `tried.hidden.weight`.
# - **What it should be:** Some outputs are below 0. The gradient is the same each time. A weight has moved by something that is not small beside the weight itself; print `tried.hidden.weight.abs().mean()` as well. A step of Adam moves a weight by about the learning rate at most, so how far can it get in all the steps of three epochs?
# - **Where it is:** In `make_optimizer`: the learning rate. Try one that is ten times as large, then a hundred times, then a thousand times, two epochs each. This is called a sweep.

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# It is the third time that we meet this symptom. Two causes we know already, and for each we know a question. The first
# question: is the output a logit, or has something squeezed it into probabilities?

# %% name="range" only="walkthrough" tell=true
tried.eval()
with torch.no_grad():
    logits = tried(token_ids, lengths)
print(f"the outputs lie between {logits.min():.3f} and {logits.max():.3f}")

# %% [markdown] only="walkthrough"
# Some are below 0, so nothing squeezes them. (But they have hardly left 0.) The second question: does each step see the
# gradient of its own batch alone? In this cell nothing moves, and dropout blanks the same numbers each time, so the gradient
# must be the same:

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
# It is. So we need a third question: has the model *moved* at all? We know where it began, because the seed makes the same
# weights again.

# %% name="moved" only="walkthrough" tell=true
start = new_model()
moved = (tried.hidden.weight - start.hidden.weight).abs().mean()
steps = 3 * len(few_reviews())
print(f"{steps} steps moved a weight by {moved:.5f}; its size is {start.hidden.weight.abs().mean():.3f}")
print(f"a step of Adam is at most about the learning rate: {steps} x 1e-5 = {steps * 1e-5:.5f}")

# %% [markdown] only="walkthrough"
# It moved, but very little: the learning rate limits how far a weight can move to about 0.0019 in 189 steps, and its size is
# 0.056. So is the loss going down at all? The losses of the three epochs don't show it, because dropout blanks other numbers
# in each step, and that makes them jump about by more than they fall. Without dropout, on the same reviews before and
# after the training, we can see it:

# %% name="went-down" only="walkthrough" tell=true
for name, model in (("before", new_model()), ("after three epochs", tried)):
    print(f"{name:<18}  loss without dropout {run_epoch(model, few_reviews(), loss_fn).loss:.4f}")

# %% [markdown] only="walkthrough"
# The loss *was* going down, in the third or fourth digit. At this pace, if it kept it, it would take hundreds of epochs. The usual way to
# find a better learning rate is a **sweep**: we try a few, each ten times the one before, for two epochs each. We note the
# loss of every step, by giving `run_epoch` one batch at a time.

# %% name="sweep" only="walkthrough" tell=true
sweep = {}
for learning_rate in (1e-5, 1e-4, 1e-3, 1e-2):
    candidate = new_model()
    optimizer = torch.optim.Adam(candidate.parameters(), lr=learning_rate)
    batches = [batch for _ in (1, 2) for batch in few_reviews()]
    sweep[learning_rate] = [run_epoch(candidate, [one], loss_fn, optimizer).loss for one in batches]
    print(f"learning rate {learning_rate:g}: loss of the last ten steps {sum(sweep[learning_rate][-10:]) / 10:.3f}")

# %% only="walkthrough"
plt.figure(figsize=(6, 3.2), facecolor="white")
for learning_rate, values_of_rate in sweep.items():
    smooth = torch.tensor(values_of_rate).unfold(0, 10, 1).mean(dim=1)  # over ten steps
    plt.plot(range(10, len(values_of_rate) + 1), smooth, label=f"{learning_rate:g}")
plt.xlabel("step")
plt.ylabel("training loss, mean of ten steps")
plt.legend(title="learning rate")
plt.show()

# %% [markdown] only="walkthrough"
# The curve of 1e-2 falls first, after a few dozen steps, that of 1e-3 follows later, and with the two smallest rates the loss
# doesn't leave 0.69 in two epochs.
#
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
# We take 3e-3, which lies between the two rates that worked: 1e-2 is quick here, but with more steps a smaller rate is the
# safer choice. (Where would 1e-5 come from? It is a usual rate for *fine-tuning* a large model that has been trained before,
# where the weights should hardly move. Copied into a training from scratch, it is the bug of this lesson.)

# %% name="check-mended" only="walkthrough" verdict=true
check("5.6", make_optimizer)

# %% [markdown] fold="Bugs, summary 3" only="student, walkthrough"
# | what we saw | this time | in general |
# |---|---|---|
# | the loss does not go down | 1e-5 is far too low: the loss *was* going down, but too slowly | plot a few epochs; if it falls very slowly, go up by a factor of 10 |
#
# That it was going down can be measured: without dropout, on the same few thousand reviews, the loss of our run was
# 0.6932 before the three epochs and 0.6922 after them. The losses of the epochs themselves don't show it, because dropout
# makes them jump about by more than that. More epochs would help in principle, but at this pace it would take hundreds.

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
# Now we train on all 18,000 training reviews for three epochs, which takes one to two minutes on a laptop. (In Colab, *Runtime >
# Change runtime type > T4 GPU* makes it a few seconds.) `fit` makes an optimizer of its own: Adam at the recipe's
# rate of 0.004, which falls to 0 towards the end. After a quarter of each epoch it looks at the 2,000 validation reviews.

# %% [markdown] only="presenter" minutes=4
# - **Start it, then talk:** three epochs, one to two minutes. **Take votes:** better than attention over LSTMs? *Mostly a little behind.*
# - **Say:** with 18,000 reviews, two LSTMs with attention are still the ones to beat.

# %% [markdown] guess="accuracy"
# **Guess before you run:** attention over two LSTMs reached between 0.895 and 0.91 on the test reviews in our runs. Will the Transformer do better?

# %%
model = new_model()
history = fit(model, train_loader, validation_loader, RECIPE.epochs, RECIPE.learning_rate)

# %% [markdown]
# The pale line is the loss of each step, the dark one its mean over the steps around it, and each square is one check
# on the validation reviews. Where an epoch begins, the training loss drops, because the model meets reviews again that it
# has learned from before:

# %%
history.plot("Transformer")

# %% [markdown]
# In our run the validation loss is lowest about half-way and then rises a little, while the training loss goes on towards 0: the
# model begins to know its training reviews by heart. The validation accuracy hardly changes any more.
#
# Everything is chosen now, so this is the moment to measure on the test reviews:

# %%
history.test = run_epoch(model, test_loader, loss_fn)

# %% name="result" verdict=true
good = history.test.accuracy > 0.6
print("ok: far above the majority class" if good else "symptom: no better than guessing")

# %% [markdown]
# We keep the run for later lessons, but only if it was a healthy one, and compare how the models learned:

# %%
from practicum_utils.visualize import compare_curves, compare_models

if good:
    remember("transformer", history, model, test_set)
compare_curves("simple_rnn", "attention_rnn", yours={"transformer": history})

# %% [markdown]
# And the test accuracy of all models so far, against the seconds of their training:

# %% tell=true
yours = {name: recall(name) for name in ("mean_embedding", "simple_rnn", "attention_rnn")}
compare_models(yours={**yours, "transformer": history})

# %% [markdown]
# In our runs the Transformer reaches between 0.885 and 0.90 on the test reviews; yours will differ a little. The simple RNN
# reaches between 0.875 and 0.89, and attention over two LSTMs between 0.895 and 0.91. So on average the Transformer is about a
# point better than the first and about a point behind the second. And the mean of the embeddings of lesson 02, which needs
# one second, is only half a point behind it. NB-SVM, the star and the dashed line in the picture, which
# only counts words and short runs of words, stands at 0.915.
#
# Is it the attention that makes it as good as it is? That needs a control. We trained the same model without any block,
# `layers=0`, by the same recipe and with three seeds: 0.896, 0.897 and 0.900 on the test reviews, and in a sixth of the
# time. So here the block adds nothing that we can measure. What carries this model are its word vectors and its pairs of
# words, which also hold nearly all of its parameters. You can try it: `new_model(layers=0)`.
#
# Why isn't it better with attention? A likely reason is the size of the data: Transformers are at their best with far more text than 18,000
# reviews, because they have to learn from examples what an RNN has built in, for instance that neighbours belong together. And why isn't it faster, if no word has to wait?
# On one core of a CPU all the work is done one after the other anyway. Where thousands of numbers are
# computed at the same time, on a GPU and with long texts, it's a different story.

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# Mostly a little worse: the runs of the two models overlap, but on average the Transformer is about a point behind. If yours is
# ahead, one run with one seed doesn't show which model is better.

# %% [markdown]
# ## Every head's map
#
# Here is a short review, the shortest of the test set, and where each of its words looks, head by head:

# %% [markdown] only="presenter" minutes=4
# - **Run**, let the class read the rows. **Ask:** which words do all four heads like? Which has a map of its own?

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
# A row is a word that looks, a column a word that is looked at. A dark column is a word that many others look at, a dark
# diagonal would be a head in which every word looks at itself. The lines below the picture say what stands out in each
# head. *Entropy* says how spread out the weights are: it is 0 if everything goes to one word, and the second number is what it
# would be if all words got the same.
#
# Which words are they in your model? In ours, words with an opinion such as *worse* and *stupid* were looked at most in several
# heads, but which word comes first in which head changes from run to run. And a single word:

# %%
show_heads(tokens, maps, query=len(tokens) // 2)

# %% [markdown]
# ## How far to trust them
#
# Attention weights are often read as what the model "thinks": the more important a word is for the answer, the more weight it
# is said to get. In lesson 04 the weights said where the model *pooled*, and we measured whether the words with much weight are the
# ones that decide. Here the question is harder. This model pools by the mean, where all words count the same, so the
# weight of a word means something else: how much it is **looked at** by the other words, averaged over the heads and over all
# words that look.

# %% [markdown] only="presenter" minutes=3
# - **Run** the agreement first, it takes a moment. **Read** the row *gradients* before the row *attention weights*.
# - **Ask:** what do the two measures of effect say to each other? *Hardly anything. So one can't say which of the two to believe.*

# %%
explore_attention(model, test_set, index=3)

# %% [markdown]
# Which words are looked at most, and which move the logit most when they are left out? In our run they have something in common:
# *avoid* is looked at most, and no word moves the logit more. Yet tau is close to 0. Look at the small words to see why: hardly any word
# looks at them, and still leaving one out moves the logit, some of them by half as much as *avoid* does. Tau counts a pair of such
# words as much as any other. (In your run other words may stand in front.)

# %% [markdown]
# ### May be skipped: does a word that is looked at decide?
#
# We measure it as in lesson 04, on validation reviews, with Kendall's tau between the weights and two measures of a word's
# effect on the logit: what the logit loses when the word is left out, and its gradient at the word's vector. 1 means the
# same order of the words, and 0 means that the two orders have nothing to do with each other.

# %% name="agreement" tell=true
from practicum_utils.visualize import agreement

print(agreement(model, validation_set, count=full_or_fast(100, 20)))

# %% [markdown]
# In our runs, at full size, the weights agree with leave-one-out at 0.05 to 0.08 and with the gradients at 0.25 to 0.37. In
# lesson 04 it was 0.21 to 0.29 and 0.31 to 0.33. Before you conclude that the weights say nothing, read the row *gradients*: here
# the two measures of a word's effect agree with each other at only 0.04 to 0.06, and in lesson 04 at 0.23 to 0.27. Both are
# meant to measure the same thing. So at least one of them fails here, and with a yardstick that fails, a low number
# says little about what is measured.
#
# Why should it fail here? Leaving out a word does more than take this word away: all words behind it move by one position, and its
# two neighbours become a new pair. The gradient at the word's vector knows nothing of either. We tried it: when each word was
# replaced by `<unk>`, so that no position moved, and the pairs were silenced, the two measures agreed at 0.31, 0.06 and 0.26
# in three runs. So positions and pairs explain a part of it in two of three runs, and not all of it.
#
# There is also a reason on the side of the weights. To be looked at is not to decide: what a word passes on depends on its
# value too, and the residual connection carries every word past the attention. What the maps show is where the words look.
# Whether these words decide is a question that this measurement can't answer for this model.

# %% [markdown]
# ## The six sentences

# %% [markdown] only="presenter" minutes=1
# - **Compare** with the board. Ask which of the six the class expects to fail.

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

# %% [markdown]
# The first two sentences should be easy. In the other two pairs the order of the words decides, so look whether the two
# sentences of a pair get different answers, and whether these are the right ones. In each of our runs one or two of
# these four were wrong, not always the same ones, and often with a probability close to 0 or 1: the model is just as sure where
# it is wrong. It knows the order of the words only through the positions and the pairs, and sentences that turn around like these
# are rare in 18,000 reviews.

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
# 1. In self-attention each word asks all words with a query of its own: `softmax(Q K^T / sqrt(D)) V`. Several heads do that side by side.
# 2. It doesn't know the order of the words, so positions have to be added. It must not see padding, so the keys of padding are masked.
# 3. Residual connections and normalisation keep numbers and gradients at a size with which a deep stack can learn.
# 4. "The loss does not go down" is not a diagnosis. Ask questions whose answers differ from cause to cause.
#
# ## Questions
#
# 1. Why is the score divided by the root of `D`? What would the weights look like without it, at `D = 64`?
# 2. Which of the model's parts see more than one position, and which see each position alone?
# 3. The mask hides the keys of the padding. Why do its queries not matter?
# 4. An RNN reads a review of 1,000 words in 1,000 steps. What grows with the length in a Transformer?
#
# **One thing to change:** `layers=2`, or `pair_size=0`. What does it cost in seconds, and what does it bring on the validation
# reviews?

# %% [markdown] fold="Answers to the questions" only="student, walkthrough"
# 1. The score is a sum of `D` products, and its standard deviation grows like the root of `D`. At `D = 64` that is a
#    factor of 8, and the softmax would give nearly all the weight to one key before anything is learned: the largest of
#    eight weights would be nearly 0.9 instead of about 0.35.
# 2. The attention and the mean at the end see several positions. The embedding, the normalisations and the feed-forward
#    network see one. (A pair sees two.)
# 3. What comes out at the padding is computed and never read: no later word can look at it, because its key is hidden, and
#    the mean leaves it out.
# 4. The table of scores. It has `T` times `T` numbers, so 1,000 words have a million scores in each head.

# %% [markdown]
# Next: **06, T5**, a Transformer that reads *and* writes, and is told its task in words.

# %% [markdown] only="presenter" minutes=2
# - **Take** question 2 in class, the others if there is time. The answers stand folded in the students' notebook.
# - **Ask** what `layers=2` will bring, before anybody tries it.
