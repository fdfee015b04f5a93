# %% [markdown]
# # Lesson 04: An RNN with attention
#
# The simple RNN of lesson 03 judged a review by its two last vectors. In this lesson every word's vector has a say in
# the answer, and the model learns how much of a say each of them gets. These shares are called **attention weights**.
# They can be looked at, so we can see on which words the model relies. Then we measure how far such a picture
# can be trusted. On the way one thing will go wrong, and you will find out why.
#
# **You will be able to**
# - pool a review by attention: scores, softmax, convex combination;
# - keep the padding out of it, and say why minus infinity is the right score for it;
# - write `AttentionRNN`, which reads like `SimpleRNN` and pools in a new way;
# - find the cause of a training run that goes wrong, by asking questions whose answers differ;
# - show where a model pooled, and measure whether the words with large weights are those that decide.
#
# **Time:** 80 minutes of class, 27 of them in three exercises; the training takes about a minute on a
# laptop. **Needs:** lessons 01 to 03.
#
# | letter | size of |
# |---|---|
# | `B`, `T`, `E` | batch, time, embedding |
# | `H` | the hidden state of one reader; both together have `2H` |
# | `S` | everything we know about a word: `2H` numbers from the readers, and 16 for its pair |

# %% [markdown] only="presenter" minutes=2
# - **Say:** every word has a vector; until now we threw all but two away.
# - **Run** the setup cell. The data cells come soon and take a few seconds.

# %% setup=true
import torch
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
from practicum_utils.models import small_vectors
from practicum_utils.training import (
    RECIPE,
    fit,
    full_or_fast,
    pick_device,
    recall,
    remember,
    set_seed,
)
from practicum_utils.visualize import show_losses

set_seed(0)
device = pick_device()

# %% [markdown]
# ## Before we go on, let's revisit lesson 03
#
# These are the simple RNN of lesson 03, and below it the average of word vectors of lesson 02:

# %% [markdown] only="presenter" minutes=3
# - **Read aloud:** "This was a very bad movie to me." **Ask:** at which word does the last vector stand, and
#   which word decides?
# - **Write** the two test accuracies on the board.

# %% tell=true
simple = recall("simple_rnn")
print(simple)

# %% tell=true
baseline = recall("mean_embedding")
print(baseline)

# %% [markdown]
# The RNN knows the order of the words, and the average does not. Still it is no better: in our runs the RNN reached
# between 0.875 and 0.89 on the test reviews, and the average 0.885 to 0.89. Why does the order help so little?
#
# ### Why are we taking the last vector?
#
# Think of the review *"This was a very bad movie to me."* The last vector stands at *me*. The word that decides is
# *bad*, three places before it, and whatever the network has understood at *bad* has to survive until the end. In a
# review of 256 words it may have to survive for more than a hundred places, whichever of the two readers is nearer to
# its end.
#
# But the LSTM gives us a vector at every word. So instead of picking one vector, we can give each of them a weight
# and add them all up, and let the model learn a function that **decides** on the weights, review by review. What is
# left to explain is where the weights come from, and that we do by hand first.

# %% [markdown]
# The data and the recipe are those of lesson 03. Again we look at 2,000 validation reviews while we work, and at
# the test reviews only once, at the end. (`full_or_fast(a, b)` is `a` for you; `b` is for our own tests, which run
# every lesson on less data.)

# %%
reviews = hold_out(load_reviews(max_train=full_or_fast(None, 4_000), max_test=full_or_fast(None, 500)))
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]), full_or_fast(20_000, 5_000))

# %%
max_length = full_or_fast(RECIPE.max_length, 64)
train_set = ReviewDataset(reviews["train"], vocab, max_length)
validation_set = ReviewDataset(reviews["validation"], vocab, max_length)

# %%
train_loader = make_loader(train_set, RECIPE.batch_size, shuffle=True)
validation_loader = make_loader(validation_set, RECIPE.batch_size)

# %% [markdown]
# ## Attention pooling by hand
#
# We take the eight words of that review, and a state for each that is small enough to print (`H = 3`). In the model
# the states come from the LSTMs; here they are random numbers, because for now we only want to follow the arithmetic.

# %% [markdown] only="presenter" minutes=8
# - **Say** the three steps with a finger each: score, softmax, sum. Run a cell per step.
# - **Ask before the softmax:** which word will get most? *"bad", 0.69 of it: its score is 3.62.*
# - **Point at the picture:** the arrows together are as wide as the head, because the weights sum to 1.
# - **Ask:** what are the weights if only the last vector counts? *One 1, seven 0.*

# %%
set_seed(7)
words = "this was a very bad movie to me".split()
states = torch.randn(8, 3)  # (T, H)
for word, state in zip(words, states, strict=True):
    print(f"{word:<6}", state)

# %% [markdown]
# **Step 1: scores.** Every state $s_t$ gets one number, its score $e_t = v \cdot s_t$, which says how much the state
# resembles a vector $v$. The model learns `v` in training. We cheat here, and pretend that training has already found
# a useful one, which points where the state of *bad* points:

# %%
v = states[4]
scores = torch.stack([sum(v * state) for state in states])  # (T,)
for word, score in zip(words, scores, strict=True):
    print(f"{word:<6} {score:+.2f}")

# %% [markdown]
# The largest score is that of *bad*, 3.62. The smallest is below 0.

# %% [markdown] guess="share"
# **Guess before you run:** in the next step the eight scores become eight shares that sum to 1. How large is the share
# of *bad*?

# %% [markdown]
# **Step 2: softmax.** A score can be any number, and we want shares. The exponential makes every score positive, and
# dividing by the sum makes the results add up to 1:
#
# $$w_t = \frac{\exp(e_t)}{\exp(e_1) + \dots + \exp(e_T)}$$

# %%
exponentials = scores.exp()
weights = exponentials / exponentials.sum()
assert torch.allclose(weights, scores.softmax(dim=0))
for word, weight in zip(words, weights, strict=True):
    print(f"{word:<6} {weight:.3f}  {'#' * round(40 * weight.item())}")

# %% [markdown] fold="And your guess?" only="student"
# *Bad* has 0.69, more than two thirds. The second largest score was 1.93, about half as large, but its share is only
# 0.13. A softmax goes by *differences* of scores: 1.69 less means $\exp(1.69) = 5.4$ times less.

# %% [markdown]
# **Step 3: convex combination.** The review's vector is the sum of the states, each multiplied by its weight:
# `pooled` $= w_1 s_1 + \dots + w_T s_T$. Because the weights are at least 0 and sum to 1, it is called a *convex
# combination*. The result lies between the states, as an average does, but some words count more than others.

# %%
pooled = torch.zeros(3)
for weight, state in zip(weights, states, strict=True):
    pooled += weight * state
pooled

# %% [markdown]
# This loop over the words is a matrix product, `(T,) @ (T, H)`, which gives `(H,)`:

# %%
assert torch.allclose(weights @ states, pooled)
weights @ states

# %% [markdown]
# Here are the three steps in one picture, drawn from these tensors. Read it from below: the words, their states as
# columns of coloured numbers (blue above 0, red below), the scores, the weights. An arrow is as wide as its weight.

# %%
from practicum_utils.visualize import draw_masking, draw_pooling, draw_weights

draw_pooling(words, states, scores, weights, pooled)

# %% [markdown]
# You can see that the pooled vector has nearly the colours of the state of *bad*, because most of it comes from
# there.
#
# The last vector of lesson 03 and the average of lesson 02 are special cases of this pooling. With all the weight on
# the last word we get the last state, and with equal weights we get the mean:

# %%
last = torch.tensor([0.0, 0, 0, 0, 0, 0, 0, 1])
mean = torch.full((8,), 1 / 8)
assert torch.equal(last @ states, states[-1])
assert torch.allclose(mean @ states, states.mean(dim=0))
draw_weights(words, {"last vector": last, "mean": mean, "attention": weights})

# %% [markdown]
# So a model with attention can do all that the earlier two could, if training finds that it should. And it can
# choose differently for every review, since the scores depend on the states.

# %% [markdown]
# ## The padding must not count
#
# Reviews come in batches, and the shorter ones of a batch end in padding. Take a batch of two: our review, and one that ends
# after three words, so that its other five places are padding. The LSTM gives a vector there as well, and the vector
# has a score. A softmax does not know that no word stands there, so these places get weight like all others:

# %% [markdown] only="presenter" minutes=14
# - **Run** the first cells. **Ask at the picture:** why is 0 not the right score for padding? *exp(0) is 1; 0.30
#   of the weight stays on it.*
# - **4.1: type** the mask first, then the softmax, and the error for empty rows last.
# - **Often:** softmax first, then times the mask. The rows no longer sum to 1.
# - **Often:** the mask the wrong way round. True is a real token, always; `~` turns it.
# - **4.2: type** `weights @ states` for one review, then add the dimension with `unsqueeze(1)`.
# - **Say** the shapes: (B, 1, T) times (B, T, H).

# %%
batch_scores = scores.repeat(2, 1)  # (B, T)
lengths = torch.tensor([8, 3])
mask = token_mask(lengths, 8)  # (B, T), True on real tokens
both = [words, words[:3]]
weights = batch_scores.softmax(dim=1)
print(f"weight on the padding of row 1: {weights[1, 3:].sum():.2f}")

# %% [markdown]
# With 0.78 of the weight, most of the second review's vector comes from places where there is no word. Here are the
# steps in one picture. The mask is drawn too, although we have not used it yet, so that one can see where the padding
# is. Weight on padding is orange, and so is its sum:

# %%
draw_masking(batch_scores, mask, weights, batch_scores, both)

# %% [markdown]
# We want the weights of padding to be 0. A first idea is to set the *scores* there to 0, by multiplying with the mask.

# %% [markdown] guess="zeroed"
# **Guess before you run:** how much weight is left on the padding then?

# %%
zeroed = batch_scores * mask
draw_masking(batch_scores, mask, zeroed.softmax(dim=1), zeroed, both)

# %% [markdown] fold="And your guess?" only="student"
# Still 0.30 of it. A score of 0 is a score like any other: its exponential is 1, and that is no small number beside
# the exponentials of the words' scores.

# %% [markdown]
# A score of 0 is not low enough, because the exponential of 0 is 1. Which score has an exponential of 0? Only minus
# infinity: its exponential is exactly 0. A tensor's
# [`masked_fill`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.masked_fill.html) puts it where the mask
# is False. (A large negative number often gives 0 as well, because a computer rounds: in 32 bits,
# exp(-104) is 0. But whether that is negative enough depends on the other scores of the row. Minus infinity always
# is.)

# %%
print(torch.tensor(-torch.inf).exp())
hidden = batch_scores.masked_fill(~mask, -torch.inf)
print(hidden[1])

# %% [markdown]
# Now write it as a function. For the softmax itself take PyTorch's
# [`torch.softmax`](https://docs.pytorch.org/docs/stable/generated/torch.softmax.html): it subtracts the largest score
# of a row first, so that no exponential grows beyond what a computer can hold.
#
# One kind of row has no softmax at all, a row of nothing but padding, because there 0 would be divided by 0. Such a
# row means that something went wrong earlier, so raise a `ValueError` that says so.

# %% exercise="4.1" minutes=5 catch_up="from practicum_utils.models import masked_softmax"
def masked_softmax(scores, mask):
    """Weights (B, T) from scores (B, T): rows sum to 1, exactly 0 where mask (B, T) is False.

    Raises ValueError if a row has no real token.
    """
    ### BEGIN SOLUTION
    if not mask.any(dim=1).all():
        raise ValueError("A row has no real token, only padding; remove empty reviews first.")
    return torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=1)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: before the softmax or after it?</summary>
#
# If you set weights to 0 *after* the softmax, a row no longer sums to 1. So change the scores before it. Which
# score becomes a weight of 0?
# </details>
#
# <details><summary>Hint 2: the tools</summary>
#
# `scores.masked_fill(where, value)` gives a new table `(B, T)`, in which the places where `where` is True have
# the value. Our mask is True on *real* tokens; `~mask` turns it around. `mask.any(dim=1)` `(B,)` says for each
# row whether it has a real token.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# If not all of `mask.any(dim=1)` are True, raise the `ValueError`. Then fill the scores with `-torch.inf`
# where there is padding, and return the `torch.softmax` of that along `dim=1`, over the words of a review.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="4.1" verdict=true
check("4.1", masked_softmax)

# %%
weights = masked_softmax(batch_scores, mask)
draw_masking(batch_scores, mask, weights, hidden, both)

# %% [markdown]
# These are the same two reviews, with the filled scores from above and the weights of your function. Nothing should
# be orange: the padding has the score minus infinity and the weight 0, and the three words of row 1 share the whole 1
# among themselves.
#
# And what about a row without any word? PyTorch's own softmax gives `nan` there, *not a number*, and after one
# training step nearly every weight of the model would be `nan` too. Ours stops with a message:

# %%
empty = torch.tensor([False] * 8).unsqueeze(0)
print(torch.full((1, 8), -torch.inf).softmax(dim=1)[0, :3])
try:
    masked_softmax(scores.unsqueeze(0), empty)
except ValueError as error:
    print(error)

# %% [markdown]
# Now the pooling for a whole batch, from the states and their scores to one vector for each review:

# %% exercise="4.2" minutes=5 catch_up="from practicum_utils.models import attention_pool"
def attention_pool(states, scores, mask):
    """states (B, T, H), scores (B, T), mask (B, T) -> pooled (B, H), weights (B, T)"""
    ### BEGIN SOLUTION
    weights = masked_softmax(scores, mask)
    pooled = (weights.unsqueeze(1) @ states).squeeze(1)  # (B, 1, T) @ (B, T, H) -> (B, H)
    return pooled, weights
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: one review</summary>
#
# First the weights, for which you have a function by now. For one review the rest was `weights @ states`, that
# is `(T,) @ (T, H)`. In a batch each review must be multiplied by its own weights only.
# </details>
#
# <details><summary>Hint 2: the shapes</summary>
#
# `@` of two tables with three dimensions goes review by review: `(B, 1, T) @ (B, T, H)` gives `(B, 1, H)`. So
# the weights `(B, T)` need one dimension more, and the result one less.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# `weights.unsqueeze(1)` is `(B, 1, T)`. Multiply it by `states`, take the extra dimension away with
# `squeeze(1)`, and return two things: the pooled vectors `(B, H)` and the weights `(B, T)`.
# </details>

# %% check="4.2" verdict=true
check("4.2", attention_pool)

# %%
batch_states = states.repeat(2, 1, 1)  # (B, T, H)
batch_pooled, weights = attention_pool(batch_states, batch_scores, mask)
assert torch.allclose(batch_pooled[0], pooled, atol=1e-6)
batch_pooled

# %% [markdown]
# Row 0 is the vector that the loop gave. Row 1 is the short review, made of its three words only:

# %%
draw_pooling(words[:3], states, hidden[1], weights[1], batch_pooled[1])

# %% [markdown]
# For comparison, here is the same review in a model that forgot the mask. We call your function with a mask that says
# that all eight places are real words:

# %%
no_mask = torch.ones_like(mask)
wrong_pooled, wrong_weights = attention_pool(batch_states, batch_scores, no_mask)
draw_pooling(words[:3], states, batch_scores[1], wrong_weights[1], wrong_pooled[1])

# %% [markdown]
# More than three quarters of this vector say nothing about the review, and they would change with the length of the
# longest review that happens to be in the same batch. Nothing warns you: the shapes are right and every row sums to 1.
# So when you write a mask, look at the weights on the padding.

# %% [markdown]
# ## Two readers, one vector for each word
#
# In lesson 03 the second LSTM read the review from its end. Its vectors come out in that order too, the last
# word's vector first. So we turn them around once more, and then each word has both of its vectors side by side.
# The package's `reverse_states` does for vectors what your `reverse_reviews` does for token ids. Here it gets two
# "reviews" of three and of two words, each word with a vector of one number:

# %% [markdown] only="presenter" minutes=2
# - **Run**, point at 3, 2, 1 and the padding that stays. The package has the function; do not type it.

# %%
from practicum_utils.models import reverse_states

two = torch.tensor([[1.0, 2, 3, 0], [4, 5, 0, 0]]).unsqueeze(2)
reverse_states(two, torch.tensor([3, 2])).squeeze(2)

# %% [markdown]
# The words are turned around, and the padding stays at the end.

# %% [markdown]
# ## Words that belong together
#
# *Good* and *not good* mean opposite things. The two readers can learn that from the order of the words, but
# 18,000 reviews are few to learn it from. So we help them. Beside the two readers' vectors, each word gets a
# third one, which belongs to the **pair** of this word and the word before it.
#
# There are millions of different pairs, too many for a table with a row for each. A fixed formula, a
# **hash**, therefore sends every pair to one of 262,144 rows, and some pairs have to share a row. (The trick has been
# used for spam filters: [Weinberger et al., 2009](https://arxiv.org/abs/0902.2206).) The package does this for us:

# %% [markdown] only="presenter" minutes=3
# - **Run** both cells. **Ask:** why are the two numbers of *good* not the same? *It has another word before it.*
# - **Say:** the readers keep doing the rest; the pairs are a help, and the ablation will show how much of one.

# %%
from practicum_utils.models import PairEmbedding, hash_ngrams

two_texts = torch.tensor([vocab.encode("not good".split()), vocab.encode("so good".split())])
hash_ngrams(two_texts, longest=2, buckets=2**18).squeeze(2)

# %% [markdown]
# Each line is a text, and each number says where the pair that ends at this word has its row in the table. The
# second numbers belong to *not good* and *so good*: *good* has another row after *not* than after *so*. The first
# word of a text has no word before it, so it forms its pair with the padding token, `<pad>`. (At the end of a
# batch's shorter reviews, pairs with `<pad>` stand on the padding as well. They do no harm, because those
# places get the weight 0.)
#
# `PairEmbedding` looks the rows up and gives 16 numbers for each word, so `(B, T)` becomes `(B, T, 16)`:

# %%
PairEmbedding(size=16)(two_texts).shape

# %% [markdown]
# ## The model
#
# By hand the score of a state was $e_t = v \cdot s_t$. The model looks at a state from several sides before it gives a
# score: it sends the state through a linear layer (`attention`, with $W$ and $b$) and a `tanh`, and then through a
# linear layer without bias (`score`, with $v$):
#
# $$e_t = v \cdot \tanh(W s_t + b)$$
#
# This is the *additive* attention of [Bahdanau, Cho and Bengio, 2015](https://arxiv.org/abs/1409.0473). $W$, $b$ and
# $v$ are learned together with everything else, by the gradient of the loss.
#
# The rest is as in `SimpleRNN`. Here it is once more, as the package has it, to copy from and to compare with. (Its
# last line in `__init__` says how the weights begin; in our lessons a function `new_model` does that.)

# %% [markdown] only="presenter" minutes=18
# Most of it is the simple RNN. Let them copy that from the cell above, and spend the time on the lines that
# say `# New:`.
#
# - **Type** `read`, then in `forward` scores, pooling, logits, a shape behind each.
# - **Plant** the sigmoid at the end, and say "so that it is a probability". The class will nod.
# - The check says `ok so far`, and the next cell ok: sums of 1, no weight on padding. The bug is not there.
# - **Often:** the backward states are joined without `reverse_states`: then each word has the other end's
#   vector beside it.

# %%
from inspect import getsource

from practicum_utils.models import SimpleRNN

print(getsource(SimpleRNN))

# %% [markdown]
# `AttentionRNN` has the same layers and four changes. Its `hidden` layer takes `S` numbers instead of `2H`; there are
# `pairs`, `attention` and `score`; `read` runs both readers and returns the vectors of all words; and dropout is 0.5,
# because a model with more weights learns its training reviews by heart more easily. Dropout stays in the same two
# places, after the embedding of the words and before `output`. The comments `# New:` mark what is different.

# %% exercise="4.3" minutes=17 catch_up="from practicum_utils.models import AttentionRNN"
class AttentionRNN(nn.Module):
    """Two LSTMs read the review, one from each end; attention decides which vectors count."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5, pair_size=16):
        """The layers of SimpleRNN (hidden: S -> H), attention: S -> H, score: H -> 1 without bias."""
        super().__init__()
        # New: dropout is 0.5, where SimpleRNN has 0.3
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.pairs = PairEmbedding(pair_size)  # New: each word with the one before it
        state_size = 2 * hidden_size + pair_size  # New: S, the numbers that stand at a word
        # New: hidden takes S numbers; attention has W and b of the score, score has v
        ### BEGIN SOLUTION
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.Linear(state_size, hidden_size)
        self.score = nn.Linear(hidden_size, 1, bias=False)
        self.hidden = nn.Linear(state_size, hidden_size)
        self.output = nn.Linear(hidden_size, 1)
        ### END SOLUTION

    def read(self, token_ids, lengths):
        """Let both readers read: (B, T), (B,) -> all words' states and pairs (B, T, S)."""
        # New: all states are kept, and a word's two states and its pair stand side by side
        ### BEGIN SOLUTION
        embedded = self.dropout(self.embedding(token_ids))  # (B, T, E)
        forward_states, _ = self.forward_rnn(embedded)  # (B, T, H)
        backward_states, _ = self.backward_rnn(reverse_states(embedded, lengths))
        backward_states = reverse_states(backward_states, lengths)
        return torch.cat([forward_states, backward_states, self.pairs(token_ids)], dim=2)
        ### END SOLUTION

    def forward(self, token_ids, lengths, return_weights=False):
        """(B, T), (B,) -> logits (B,), and the weights (B, T) if asked for"""
        # New: scores (B, T) and pooling take the place of the last vectors
        ### BEGIN SOLUTION
        B, T = token_ids.shape
        states = self.read(token_ids, lengths)  # (B, T, S)
        scores = self.score(torch.tanh(self.attention(states))).squeeze(2)  # (B, T)
        pooled, weights = attention_pool(states, scores, token_mask(lengths, T))  # (B, S)
        hidden = torch.relu(self.hidden(pooled))
        logits = self.output(self.dropout(hidden)).squeeze(1)
        # BUG double-sigmoid: logits = torch.sigmoid(self.output(self.dropout(hidden))).squeeze(1)
        return (logits, weights) if return_weights else logits
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: what stays and what changes</summary>
#
# `read` lets both LSTMs read, as in `SimpleRNN`, but it keeps the states of all words instead of the last ones.
# `forward` makes a score for each state and pools. From there on it is `SimpleRNN` again, with the pooled vector
# in the place of the last vectors.
# </details>
#
# <details><summary>Hint 2: the shapes on the way</summary>
#
# `token_ids (B, T)` -> embedding, dropout `(B, T, E)` -> the states of each reader `(B, T, H)` -> joined with the
# pairs `(B, T, S)`. Then `attention (B, T, H)` -> tanh -> `score (B, T, 1)` -> `squeeze(2)` `(B, T)` -> pooled
# `(B, S)` -> `hidden (B, H)` -> relu, dropout -> `output (B, 1)` -> `squeeze(1)` `(B,)`.
# </details>
#
# <details><summary>Hint 3: `read` and `forward` in words</summary>
#
# In `read`, the forward LSTM gets the embedded words, and the backward LSTM gets `reverse_states` of them. What
# the backward one gives is turned around by `reverse_states` again. Join the two and `self.pairs(token_ids)`
# with `torch.cat(..., dim=2)`.
#
# In `forward`, the scores are `score` of the `tanh` of `attention` of the states. Give states, scores and
# `token_mask(lengths, T)` to `attention_pool`, and go through `hidden`, `torch.relu`, `dropout`, `output`. If
# `return_weights` is true, return two things, the logits and the weights.
# </details>

# %% check="4.3" only="student" verdict=true
check("4.3", AttentionRNN)

# %% [markdown]
# As in lesson 03, the model begins with small word vectors. This time we leave the gates of its LSTMs as PyTorch makes
# them. In lesson 03 we opened the forget gates so that a word could survive until the end of the review; here every
# word is read at its own place, so it need not survive that long.

# %% name="make-model"
def new_model(dropout=0.5):
    """Our AttentionRNN, which begins with small word vectors."""
    set_seed(0)
    return small_vectors(AttentionRNN(len(vocab), dropout=dropout)).to(device)

# %% [markdown]
# Send one batch through it first, before any training. Attention makes two promises that can be tested: the weights of
# each review sum to 1, and the padding has none of them.

# %% name="promises" verdict=true
token_ids, lengths, labels = (part.to(device) for part in next(iter(validation_loader)))
logits, weights = new_model()(token_ids, lengths, return_weights=True)
assert logits.shape == labels.shape and weights.shape == token_ids.shape
assert torch.allclose(weights.sum(dim=1), torch.ones_like(labels))
assert (weights[~token_mask(lengths, token_ids.shape[1])] == 0).all()
print("ok: the weights sum to 1 and leave the padding out")

# %% [markdown]
# Here is the same batch on its way through the model, layer by layer. The rows 6 and 7 are new, and so is the
# table of pairs, which has most of the model's parameters:

# %%
from practicum_utils.visualize import show_shapes

show_shapes(new_model(), token_ids, lengths)

# %% [markdown]
# ## A short training run
#
# As in lesson 03, we first train on a few thousand reviews, for three epochs. That takes less than a minute, and it
# shows whether learning works at all. Three epochs of so few reviews are only about 190, so we let each step be large:
# a learning rate of 1e-2, more than twice the recipe's 4e-3. For a long training that would be too restless. Here we
# only want to see quickly whether the loss falls.

# %% [markdown] only="presenter" minutes=9
# - **Run** (three epochs of about 4 s). Planted: 0.694, 0.693, 0.693.
# - **Ask:** the symptom of lesson 03 again; which question did we ask then? *Is each batch's gradient its
#   own? It is: we mended `run_epoch` there.*
# - **Ask:** so what do the *outputs* look like? *All between 0 and 1; a logit may be any number.*
# - **Often:** "the learning rate". With 5e-3 the loss creeps instead, and stops at 0.50: worse to find.
# - **Why 0.69,** if there is time: sixteen reviews by heart stop at 0.5032, which is what the formula
#   gives; the short run saturates above that. The walkthrough has the cells.
# - **Mended:** 0.597, 0.054, 0.001.

# %% name="make-few"
few = Subset(train_set, range(full_or_fast(4_000, 2_000)))
batch_size = full_or_fast(64, 32)

def few_reviews():
    """A loader of a few thousand training reviews."""
    return make_loader(few, batch_size, shuffle=True)

# %% [markdown]
# We train by our own `run_epoch` of lesson 02, as it stands since lesson 03:

# %% recap="02:run-epoch"
from practicum_utils.training import run_epoch

# %% [markdown]
# `short_run` makes everything anew each time: the loader, the model, the optimizer. So when you have changed
# something above, you need only run the cell again that calls it.

# %% name="short-run"
loss_fn = nn.BCEWithLogitsLoss()

def short_run():
    """Train a new model on a few reviews; return the loss of each of three epochs, and the model."""
    loader, model = few_reviews(), new_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = [run_epoch(model, loader, loss_fn, optimizer).loss for _ in range(3)]
    show_losses(losses)
    return losses, model

# %% [markdown]
# We ask the two questions of lesson 03 again: is the loss a possible number, and does it go down?

# %% [markdown] guess="losses"
# **Guess before you run:** an untrained model has a loss of about 0.69. What will the loss be in the third epoch?

# %% name="falling" symptom="double-sigmoid"
losses, model = short_run()
goes_down = losses[-1] < 0.7 * losses[0]
verdict("4.D1", goes_down, ok="the loss goes down", symptom="the loss does not go down")

# %% [markdown] fold="And your guess?" only="student"
# In our runs, once everything was right, the loss of the first epoch was about 0.6, and that of the third below 0.01;
# yours will differ a little. By the third epoch this model knows the few reviews by heart. If yours stayed at about 0.69,
# that is what the next part is about.

# %% [markdown] diagnose="4.D1" evidence="model=model, untrained=new_model(dropout=0), run_epoch=run_epoch, loader=few_reviews()"
# The same symptom as the third one of lesson 03, so think of what it was there, but do not believe that it must be
# the same cause. Look at the number itself as well: 0.693 is $\log 2$, the loss of a model that holds both answers
# for equally likely, whatever it reads.
#
# The trained model of the short run is still there, as `model`, so you can look into it.
#
# - **What to look at:** What the model answers, instead of the loss. Take a batch, `token_ids, lengths, labels = next(iter(few_reviews()))`, call `model.eval()`, and print the smallest and the largest number of `model(token_ids.to(device), lengths.to(device))`.
# - **What it should be:** Logits. A logit may be any number: above 0 it means positive, below 0 it means negative. So about half of them should be below 0. `BCEWithLogitsLoss` makes probabilities of them itself.
# - **Where it is:** In the last lines of `forward` in `AttentionRNN`: what happens to the number that `output` gives?

# %% [markdown] fold="Why did it stay at 0.69, and not lower?" only="student"
# Two sigmoids, one behind the other, do two different kinds of harm.
#
# **They set a floor.** If the model's outputs can only lie between 0 and 1, then the best it can do is to give 1
# for a positive review and 0 for a negative one. The loss takes the sigmoid of that once more. So the positive
# review costs $-\log \sigma(1) = 0.31$ and the negative one $-\log(1 - \sigma(0)) = 0.69$, and with as many of one
# kind as of the other, no training can bring the mean below 0.50.
#
# **They saturate.** Our run did not even come near 0.50. For the loss an output of 0 now means "both are equally
# likely", and in the first steps, before the model knows anything, that is the best answer to everything. So with the
# large learning rate the number inside the sigmoid is pushed down for all reviews, in our runs to somewhere between
# -20 and -36. There the curve of the sigmoid is flat: its slope $\sigma(1 - \sigma)$ is less than $10^{-8}$, where it
# would be 0.25 in the middle. Every gradient is multiplied by this slope on its way back, so next to nothing of it
# arrives, and the model stays where it is: at $-\log 0.5 = 0.693$ for every review.
#
# With a smaller learning rate the same program can *creep*: at 0.004 the losses of our run were 0.695, 0.691 and 0.626.
# That looks like a model that only needs patience, and this makes it the more dangerous of the two, because it can
# never get below 0.50.

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# The symptom is the third one of lesson 03, so the first question is the same: does each step see only the gradient of
# its own batch? It does, because we have mended `run_epoch` there. So look closer at the number: 0.693 is
# $\log 2$, the loss of a model that holds both answers for equally likely. Does it say the same about every review? Look
# at its answers:

# %% name="range" only="walkthrough" tell=true
model.eval()
with torch.no_grad():
    outputs = model(token_ids, lengths)
print(f"the model's outputs lie between {outputs.min():.2g} and {outputs.max():.2g}")
print(f"share above 0, which means positive: {(outputs > 0).float().mean():.0%}")

# %% [markdown] only="walkthrough"
# A logit may be any number, and about half of these should be below 0. None of them is. Somewhere they have become
# probabilities, and all of them are next to 0. `BCEWithLogitsLoss` applies a sigmoid of its own, so the
# numbers are squeezed twice.
#
# What would follow, if that is the cause? If the outputs can only be between 0 and 1, the best that a model can do is
# 1 for a positive review and 0 for a negative one. The loss of these two answers is:

# %% name="floor" only="walkthrough" tell=true
best_positive = -torch.sigmoid(torch.tensor(1.0)).log()
best_negative = -(1 - torch.sigmoid(torch.tensor(0.0))).log()
print(f"positive review, output 1: loss {best_positive:.4f}")
print(f"negative review, output 0: loss {best_negative:.4f}")

# %% [markdown] only="walkthrough"
# With `p` the share of positive reviews, no training can bring the loss below the **floor**
# `p * 0.3133 + (1 - p) * 0.6931`. That can be tested. We let the model learn sixteen reviews by heart, where a
# healthy model gets close to 0. The steps are smaller this time (3e-3), so that the sigmoid is not driven to its flat
# end before anything has been learned.

# %% name="one-batch" only="walkthrough" tell=true
sixteen = [part[:16].to(device) for part in next(iter(few_reviews()))]
learner = new_model(dropout=0)
steps = torch.optim.Adam(learner.parameters(), lr=3e-3)
for _ in range(100):
    loss = loss_fn(learner(*sixteen[:2]), sixteen[2])
    steps.zero_grad()
    loss.backward()
    steps.step()
p = sixteen[2].mean()
print(f"after 100 steps: {loss:.4f}; the floor: {p * best_positive + (1 - p) * best_negative:.4f}")

# %% [markdown] only="walkthrough"
# The loss stops where the formula says. We computed this number from the suspected cause and then found it in an
# experiment, so we can be confident that the second sigmoid is there.
#
# But for as many positive reviews as negative ones the floor is 0.50, and our short run stayed at 0.69. Something more
# must hold it up there. For the loss an output of 0 now means "both are equally likely". In the first steps, before the
# model knows anything, that is the best answer to everything, so the number inside the sigmoid is pushed down, for all
# reviews. How far down is it, and what is the slope of the sigmoid there, by which every gradient is multiplied on
# its way back?

# %% name="saturation" only="walkthrough" tell=true
print(f"inside the sigmoid: about {outputs.double().logit().mean():.0f}")
print(f"slope of the sigmoid there: {(outputs * (1 - outputs)).mean():.1g}; at 0 it would be 0.25")

# %% [markdown] only="walkthrough"
# The sigmoid is **saturated**: it is so flat there that nothing of a gradient gets through, and the model stays
# where it is. The large learning rate took it there within one epoch. With a smaller rate the same model can *creep*: at
# 0.004 the losses of our run were 0.695, 0.691 and 0.626. That looks like a model that only needs patience, but it could
# creep on until 0.50 and no further.

# %% [markdown] only="walkthrough"
# The doctor gives a second opinion. It pushes the last layer far up and down, and looks how far the answer follows.
# (The last line is its verdict in short, which our own tests compare.)

# %% name="doctor" only="walkthrough"
from practicum_utils.doctor import examine

model = new_model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
report = examine(model, few_reviews(), loss_fn, optimizer, run_epoch)
report

# %% name="doctor-says" only="walkthrough" verdict=true
print(report.verdict)

# %% [markdown] fix="double-sigmoid" rerun="one-batch, doctor, doctor-says"
# ### The rule
#
# Leave the sigmoid to the loss. Then we try the same sixteen reviews and the same short run again:

# %% name="check-mended" only="walkthrough" verdict=true
check("4.3", AttentionRNN)

# %% [markdown] fold="Bugs, summary 2" only="student, walkthrough"
# | what we saw | this time | in general |
# |---|---|---|
# | the loss does not go down | `BCEWithLogitsLoss` expects logits (its name says so), and got probabilities | make sure that the loss function's inputs are valid: look at their range |
#
# The symptom was that of the third bug of lesson 03, and the rule is that of the second one, where the *labels*
# were not valid. One symptom can have many causes, so look at the evidence before you change anything.

# %% [markdown] only="student"
# The doctor of lesson 03 can give a second opinion. It pushes the last layer far up and down, and looks how far the
# model's answer follows. About your mended program it should have nothing to complain about:

# %% only="student"
from practicum_utils.doctor import examine

model = new_model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
examine(model, few_reviews(), loss_fn, optimizer, run_epoch)

# %% [markdown]
# ## All the reviews
#
# Now all 18,000 training reviews by the recipe: three epochs at a learning rate of 0.004, like the simple RNN, so that
# the two can be compared. On a laptop this takes about a minute. (In Colab, *Runtime > Change runtime type > T4 GPU*
# makes it a few seconds.)

# %% [markdown] only="presenter" minutes=3
# - **Start it, then talk:** three epochs, about a minute. **Ask:** better than the simple RNN? *By a point or more.*
# - **Read** the comparison: accuracy *and* seconds.

# %% [markdown] guess="accuracy"
# **Guess before you run:** you saw the test accuracies of the average and of the simple RNN at the top. What will this
# model score?

# %%
model = new_model()
history = fit(model, train_loader, validation_loader, RECIPE.epochs, RECIPE.learning_rate)

# %%
history.plot("RNN with attention")

# %% [markdown] only="student, walkthrough"
# The training loss (the dark line) goes on falling until the model knows nearly all of its training reviews by heart.
# The validation loss (the squares) stops falling after the first epoch and rises a little. So look at the accuracy as
# well: it hardly changes any more while the model becomes more sure of itself, and a model that is sure and wrong pays
# a high loss.

# %% [markdown]
# Nothing is left to choose now. So we look at the test reviews, for the first time and the only time:

# %%
test_set = ReviewDataset(reviews["test"], vocab, max_length)
test_loader = make_loader(test_set, RECIPE.batch_size)
history.test = run_epoch(model, test_loader, loss_fn)
print(f"test accuracy {history.test.accuracy:.3f}")

# %% name="result" verdict=true
good = history.test.accuracy > 0.6
print("ok: far above the majority class" if good else "symptom: no better than guessing")

# %% [markdown]
# We keep the run for later lessons, but only if it was a healthy one:

# %%
if good:
    remember("attention_rnn", history, model, test_set)

# %% [markdown] fold="And your guess?" only="student"
# In our runs the test accuracy was between 0.895 and 0.91, whichever seed we took; yours will differ a little. That is
# one to two and a half points more than the average and the simple RNN.

# %% [markdown]
# First, how the three models learned. A line is the mean of three runs with other seeds, the band reaches from the
# lowest to the highest of them, and the squares are your run:

# %%
from practicum_utils.visualize import compare_curves, compare_models, show_ablation

compare_curves("mean_embedding", "simple_rnn", "attention_rnn", yours={"attention_rnn": history})

# %% [markdown]
# Then the test accuracies beside the seconds of training. The seconds were measured once, for all models, on one core
# of one machine:

# %% tell=true
compare_models(yours={"mean_embedding": baseline, "simple_rnn": simple, "attention_rnn": history})

# %% [markdown]
# ## Was it the pooling or the pairs?
#
# Two large things are new in this model, the pooling and the pairs, so which of them was it? To find out, one makes an
# **ablation**: train the same model again and again by the same recipe, and change one thing at a time. That is twelve
# more trainings, too many for a lesson, so we show the results that come with the course, with three seeds for each
# row:

# %% [markdown] only="presenter" minutes=2
# - **Take bets** before you run it: last, max, mean or attention?
# - **Read** the ranges as well. **Ask:** which differences are larger than those between seeds?

# %% [markdown] guess="ablation"
# **Guess before you run:** what is worth more, the attention or the pairs of words?

# %% tell=true
show_ablation()

# %% [markdown]
# The first four rows differ in the pooling only. The last states reach 0.86, the maximum and the mean of all states
# 0.89 to 0.90, and attention 0.90. So the largest difference, three points, comes from using all states at all. What
# attention adds to the mean is less than a point, and the ranges of the two meet, so three seeds do not prove it.
#
# The last row has attention, and no pairs of words. It reaches 0.887, which is no more than the plain average of lesson 02
# (0.888). So what lifts our model above that average are attention *and* pairs together; attention over two LSTMs alone
# did not. The pairs are worth more than a point, which is clearly more than the difference between seeds. Be careful with
# the row *last*, though: it takes the pair at the last word only, so it loses nearly all the pairs as well. (The row *last* is not the simple RNN of lesson 03, which reaches
# 0.88 with last states. That one begins with open gates, and these models do not. This may be the reason, but we have
# not tested it.)
#
# The star of the figure above, NB-SVM, is still a point ahead of attention, with 0.915 against 0.902. It counts up to
# three words in a row, over the whole review.

# %% [markdown]
# ## Where the model pooled
#
# The attention weights are often used to understand what a model was "thinking". The idea is that words which are more
# important for the answer get a higher weight. The weights come out of the same forward pass as the answer, so we can
# check whether it is true of our model. We begin with our first sentence, and draw the picture that we drew
# by hand, this time from the states, scores and weights of the trained model:

# %% [markdown] only="presenter" minutes=3
# - **Run** the picture. **Ask:** by hand *bad* had 0.69. Does the trained model do that? *No: its weights are flat.*
# - **Say precisely:** where it pooled, not why it answered.
# - **Read** the numbers below the second cell: a review is pooled nearly as by the mean.

# %%
sentence = torch.tensor([vocab.encode(words)], device=device)  # (1, T)
model.eval()
with torch.no_grad():
    read = model.read(sentence, torch.tensor([8], device=device))  # (1, T, S)
    raw = model.score(torch.tanh(model.attention(read))).squeeze(2)  # (1, T)
    summed, weights = attention_pool(read, raw, torch.ones_like(sentence).bool())
draw_pooling(words, read[0], raw[0], weights[0], summed[0])

# %% [markdown]
# Compare it with the picture by hand, where one word had 0.69. How flat are these weights? We measure it against an
# **even share**: with eight words it is 1/8, or 0.125. A second measure takes all weights together, the **entropy**
#
# $$-(w_1 \log w_1 + \dots + w_T \log w_T)$$
#
# It is 0 if one word has everything, and $\log T$ if all have the same. The exponential of the entropy is easier to
# read: it says among how many words the weight would be shared, if they shared it evenly.

# %%
def entropy(weights):
    """How spread out weights (..., T) are: 0 if one has everything, log T if all are equal."""
    return torch.special.entr(weights).sum(dim=-1)

# %%
for name, shares in (("by hand", scores.softmax(dim=0)), ("trained model", weights[0])):
    spread = entropy(shares).item()
    print(f"{name:<14} entropy {spread:.2f} of {entropy(mean):.2f}: like {entropy(shares).exp():.1f} of 8 words")

# %% [markdown]
# One sentence is not much to go by. So here is the same for 2,000 validation reviews:

# %%
largest, spread = [], []
for token_ids, lengths, _ in validation_loader:
    with torch.no_grad():
        _, weights = model(token_ids.to(device), lengths.to(device), return_weights=True)
    largest += (weights.amax(dim=1).cpu() * lengths).tolist()
    spread += (entropy(weights).exp().cpu() / lengths).tolist()
print(f"the largest weight of a review: {torch.tensor(largest).median():.1f} even shares (median)")
print(f"weight is spread like evenly over {torch.tensor(spread).median():.0%} of the words (median)")

# %% [markdown] only="student, walkthrough"
# In our runs the largest weight of a review was about three even shares (medians of 2.6 to 3.4), and the weight was
# spread as if it were shared evenly by 88 to 95 % of the words. So these weights are nearly even. The model does put a
# little more weight on some words, and in our short sentence *bad* had the most or shared the first place, with
# about two even shares. But it does not pick out a few words and leave the rest aside. That more important words get a
# higher weight is at best partly true here: a pooled vector of this model is not far from the mean.
#
# That need not be a fault. A state with large numbers counts more in the sum than one with small numbers, even at the
# same weight, so the states themselves can say which words matter. Look at the picture of the sentence once more: in our
# run the states of *bad* and of *movie* have much stronger colours than the others, in the eight numbers of each state
# that are drawn.

# %% [markdown]
# ## What a word does to the answer
#
# Here is a test that needs no weights: leave one word out, and see how the answer changes. That change is the word's
# **effect**. We measure it on the logit and not on the probability. Where a model is sure, the sigmoid is flat, so
# a word may move the logit far and the probability by next to nothing. (You have met this flatness above, as the
# saturation of the second sigmoid.) On the short sentence:

# %% [markdown] only="presenter" minutes=3
# - **Run** leave-one-out: which word moves the logit most? *"bad", in all our runs.*
# - **Ask:** so, is the tau of this sentence high? *Often not: seven words have small effects, and 21 of the 28
#   pairs are among them.*

# %%
def logit(token_ids):
    """The model's logit for a review (T,): above 0 for positive, below 0 for negative."""
    model.eval()
    with torch.no_grad():
        return model(token_ids.unsqueeze(0).to(device), torch.tensor([len(token_ids)], device=device)).item()

# %%
sentence = torch.tensor(vocab.encode(words))  # (T,)
whole = torch.tensor(logit(sentence))
without = torch.tensor([logit(torch.cat([sentence[:t], sentence[t + 1 :]])) for t in range(8)])
effects = whole - without
for word, effect in zip(words, effects, strict=True):
    print(f"without {word:<6} {effect:+.2f}")

# %% [markdown]
# Each line shows what a word adds to the logit: the logit of the whole sentence minus the logit without the word. It is
# above 0 for a word that speaks for *positive*, and below 0 for one that speaks against it.

# %% [markdown] only="student, walkthrough"
# In our runs *bad* has by far the largest effect: without it the logit rises by about 20. *Very* comes second, with an
# effect of -5 to -9, and all other words stay between -3 and 3. Yours will differ, but *bad* should stand out. Its weight
# was only about twice that of an average word. So a word can have most of the effect without having most of the weight.

# %% [markdown]
# The package does the same, with all the shortened reviews in one batch:

# %%
from practicum_utils.visualize import agreement, kendall_tau, leave_one_out

assert torch.allclose(leave_one_out(model, sentence), effects, atol=1e-3)

# %% [markdown]
# Do the words with large weights also have large effects?
# [**Kendall's tau**](https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.kendalltau.html) compares two orders of the same words.
# It takes every pair of words, adds 1 if both orders agree which of the two comes first and subtracts 1 if they
# do not, and divides by the number of pairs. So 1 means the same order, 0 no relation, and -1 the reverse.

# %% [markdown] guess="tau"
# **Guess before you run:** by weight and by effect, is it the same order in our short sentence?

# %%
_, weights = model(sentence.unsqueeze(0).to(device), torch.tensor([8], device=device), return_weights=True)
tau = kendall_tau(weights[0].detach().cpu(), effects.abs())
print(f"tau = {tau:.2f} for this sentence")

# %% [markdown] fold="Why is it not higher?" only="student, walkthrough"
# In our runs tau was between 0.29 and 0.43 for this sentence, although it is easy to name the word with the
# largest effect, *bad*. There are two reasons. Eight words make 28 pairs, and in 21 of them *bad* does not occur. These
# pairs are made of the seven other words, whose effects are small. Which of two small effects is the larger is nearly
# chance, but tau counts such a pair as much as one with *bad*. So a low tau for one short sentence does not say that
# the weights are wrong.
#
# And *bad* need not have the largest weight. The model pools *places*, and at the place of *movie* stands the pair
# *bad movie*, beside states that have read *bad*.

# %% [markdown]
# There is a second way to measure a word's effect, the **gradient** of the logit at the word's vector. Instead of
# leaving the word out, it multiplies the word's vector by a number a little below 1 and asks how fast the logit changes:
# that is the dot product of the vector with the gradient of the logit at it. You will meet it beside the first measure.
# (For both measures tau takes the *size* of the effect, without its sign, because a weight has no sign either.)
#
# ## Weights and effects of a review
#
# With that you can read the next picture. Sentences come first: the answer, the highest weights, how they
# are spread (the entropy), and tau between weights and effects. Then follow two rows of the same words. In the first
# row a blue mark is the word's weight, counted in even shares: the thicker the bar under it, the more. In the second
# row the marks are effects on the logit: teal, with the bar above, for a word that speaks for *positive*, and orange,
# with the bar below, for one that speaks against it.

# %% [markdown] only="presenter" minutes=2
# - **Run** the sentence, then review 3. Let somebody read the words with the most weight, and those with the largest
#   effect.

# %%
from practicum_utils.visualize import explore_attention, look_at_text, predict_then_reveal

look_at_text(model, "This was a very bad movie to me.", vocab)

# %% [markdown]
# Now a real review:

# %%
explore_attention(model, validation_set, index=3)

# %% [markdown] only="student"
# Without a number you get a list to choose from:

# %% only="student"
explore_attention(model, validation_set)

# %% [markdown]
# Be precise about what the weights show: they show **where the model pooled**. This is not yet *why* it answered as it
# did, for two reasons. The vector at a word knows its neighbours too, because two LSTMs have read past them. And a
# large weight on a vector that says neither positive nor negative changes nothing.

# %% [markdown]
# ## How far to trust the weights
#
# One review proves nothing, and one can always find a pretty one. So we take many validation reviews, drawn by a fixed
# seed. For each of them we measure tau between the weights and the effects, by both measures of effect, and look at the
# median. What would chance give? Random weights show that.

# %% [markdown] only="presenter" minutes=2
# - **Read** the table: what weights have with each measure, and the two measures with each other; random weights 0.00.
# - **Ask:** does it *need* its weights? *It loses points with equal ones.*

# %% [markdown] guess="agreement"
# **Guess before you run:** 1 is the same order, 0 is chance. Where will the median be?

# %% name="agreement" tell=true
table = agreement(model, validation_set, count=full_or_fast(100, 20))
print(table)

# %% [markdown]
# The lines *published* are those of Jain and Wallace, who measured the same on IMDB in 2019, with a bidirectional LSTM
# and additive attention: 0.34 with leave-one-out and 0.44 with gradients.

# %% [markdown] only="student, walkthrough"
# In our runs the weights agree with leave-one-out by 0.2 to 0.3, and with gradients by a little over 0.3. Yours will
# differ. That is clearly more than chance, for which the table has a median of about 0 and a middle half of a few hundredths to
# either side, and it is less than Jain and Wallace found. So words with more weight tend to have more effect, but from the
# weights alone you could not say which words decide.
#
# Look at the line *gradients* as well. Our two measures of effect agree with each other by only 0.23 to 0.27, and theirs
# by 0.52. Two measures that are meant to say the same thing and disagree so much are no firm yardstick, so a low tau
# does not prove that it is the weights that are wrong. The pairs are a likely reason. A word that is left out takes two
# pairs with it, and its neighbours form a new one, of which the gradient at the word's own vector knows nothing.

# %% [markdown]
# Their title is [*Attention is not Explanation*](https://arxiv.org/abs/1902.10186). Wiegreffe and Pinter answered
# with [*Attention is not not Explanation*](https://arxiv.org/abs/1908.04626): it depends on what one calls an
# explanation. Both are good to read.

# %% [markdown]
# One more question: does the model *need* its weights? Put the same weight on every word, and measure the accuracy
# on the validation reviews again. If `score` gives 0 for everything, the softmax gives equal shares:

# %% [markdown] guess="even"
# **Guess before you run:** how much accuracy is lost without the weights that the model has learned?

# %% tell=true
import copy

even = copy.deepcopy(model)
nn.init.zeros_(even.score.weight)
before = run_epoch(model, validation_loader, loss_fn)
after = run_epoch(even, validation_loader, loss_fn)
print(f"accuracy {before.accuracy:.3f} with its own weights, {after.accuracy:.3f} with equal ones")

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# In our runs 0.90 to 0.91 fell to between 0.79 and 0.85, so this model needs its weights, although they are nearly even.
# The likely reason is that the layers behind the pooling have learned to work with a sum in which the telling words count
# two or three times as much as the others, and get a weaker signal than they expect.
#
# Compare this with the ablation: a model that is *trained* with the mean loses less than a point against attention. So
# that one trained model cannot do without its weights does not mean that no model can.

# %% [markdown]
# ## Predict, then reveal
#
# Your turn, before you see any colour. Read this review as its author wrote it, and choose the three to six words
# that decide, in your opinion, whether it is positive or negative:

# %% [markdown] only="presenter" minutes=3
# - **Read** the review aloud, **collect five words** from the class, type them between the quotes, run.
# - **Say:** the score is no mark for you. It compares two ways of reading.
# - **Point at** "avoid": its effect is among the largest, on the wrong side. What follows it turns it around.

# %%
import textwrap

print(textwrap.fill(reviews["validation"][236]["text"], 96))

# %% [markdown] only="student"
# Write your words between the quotes, and see how much of the weight, and of the effect, they have. (As long as
# there is none, nothing is revealed.)

# %% only="student"
my_words = ""  # three to six words of the review
predict_then_reveal(model, validation_set, 236, guess=my_words)

# %% [markdown] only="walkthrough"
# The class chose these:

# %% only="walkthrough"
predict_then_reveal(model, validation_set, 236, guess="good great believe avoid check")

# %% [markdown] fold="What can be learned from it?" only="student, walkthrough"
# All our runs answered *positive*, and they were right. The largest effects were those of *great* and *job* for
# positive, and of *avoid this* against it, each between 3 and 5 on the logit. Yours may be others, but look for these.
# The weights of these words were among the highest too, so here weights and effects roughly agree on the words. But a
# weight has no sign: only the effect tells that *avoid* pulls the other way.
#
# A reader knows that *avoid* is taken back in the same sentence: most people may avoid this, *but they should check it
# out*. The model does not follow such a turn well. Among our training reviews with the word *avoid* only 18 % are
# positive, and among those with *great* 67 %, and this is what it learns from. It was right all the same, because
# many words with small effects speak for the film as well. The first praise that a reader meets, *a very good horror film*, counted much less.

# %% [markdown] only="student"
# Now a review that all our runs got wrong; yours may be right about it. This time the text stands there as the model
# reads it, nearly without punctuation, above a box for your words. It was labelled negative. When you have seen the
# answer, look for the words that pulled it to the wrong side.

# %% only="student"
predict_then_reveal(model, validation_set, 108)

# %% [markdown] fold="And what misled ours?" only="student"
# Our runs answered *positive*, with a probability between 0.83 and 0.99. The two words with the largest effects pull in
# the right direction: *disappointed* and *wouldn't*. What outweighs them is *loved*, which stands there twice. Among the
# training reviews with *loved* 74 % are positive, with *disappointed* 39 %, with *wouldn't* 36 %.
#
# But what the author loved are two other films of the same director. A human reader sees at once which film is meant.
# This model adds up what is said, and has no way to ask about which film it is said. If yours was right, look how
# close it was.

# %% [markdown]
# ## Read the mistakes
#
# Among the first 300 validation reviews, which ones was the model most sure of, and wrong?

# %% [markdown] only="presenter" minutes=1
# - **One mistake**, read aloud. Which word pulled?

# %%
def probability(token_ids):
    """The model's probability that a review (T,) is positive."""
    return torch.tensor(logit(token_ids)).sigmoid().item()

# %%
scored = [(probability(validation_set[index][0]), index) for index in range(300)]
wrong = [(p, index) for p, index in scored if (p > 0.5) != (validation_set[index][1] == 1)]
wrong.sort(key=lambda mistake: -abs(mistake[0] - 0.5))
print(f"{len(wrong)} of {len(scored)} are wrong; the three it was surest of:")
for p, index in wrong[:3]:
    print(f"review {index}, probability of positive {p:.2f}")

# %%
explore_attention(model, validation_set, index=wrong[0][1])

# %% [markdown]
# Read it aloud. Which words have the largest effect in the wrong direction? And what would one have to understand in
# order not to be misled by them?
#
# ## The six sentences
#
# The six sentences of lesson 03, for this model:

# %% [markdown] guess="sentences"
# **Guess before you run:** the pairs of words make *not great* and *not terrible* visible. Which of the six will this
# model get wrong?

# %% [markdown] only="presenter" minutes=1
# - **Compare** with the numbers of lesson 03, within each pair of sentences. Which ones are wrong changes with the seed.

# %% tell=true
for text in (
    "This movie is great!", "This movie is terrible!",
    "It's not great, it's terrible!", "It's not terrible, it's great!",
    "I expected to love it, and I was bored.", "I expected to be bored, and I loved it.",
):
    print(f"{probability(torch.tensor(vocab.encode(tokenize(text)))):.2f}  {text}")

# %% [markdown] only="student, walkthrough"
# Look at the first pair first: it should lie far apart, on the right sides of 0.5. In our runs it did, with 1.00 and
# 0.00. The other four came out differently in every run, often very sure and sometimes very wrong: *It's not great,
# it's terrible!* was 0.40, 1.00 and 0.01 in three runs of the same accuracy. So compare the two numbers of each pair, as
# in lesson 03: if they are close, the order of the words has hardly been used. And do not conclude from a single sentence
# that a model understands *not*, or that it does not.

# %% [markdown]
# ## Takeaways
#
# 1. Attention pooling is an average whose weights the model chooses: scores, softmax, weighted sum.
# 2. Padding gets the score minus infinity, so that its weight is exactly 0.
# 3. If a loss stays where it is, look at what the model answers, too, and check that it is what the loss expects.
# 4. Weights show where the model pooled. Whether those words decide is another question, which you can measure by
#    leaving words out.
#
# ## Questions
#
# 1. Which `v` turns attention pooling into the plain average?
# 2. Why is -1000 as a score for padding almost as good as minus infinity, and when is it not?
# 3. A model has a sigmoid at its end and is trained with `BCELoss`. Is that wrong?
# 4. Weights and leave-one-out disagree on a review. Which one would you show to a user, and what would
#    you write below it?

# %% [markdown] fold="Answers to the questions" only="student, walkthrough"
# 1. The zero vector. Then all scores are 0, and a softmax of equal scores gives equal weights.
# 2. In floating point exp(-1000) is 0, so as long as another score of the row is near 0, the weight of the padding is
#    0 as well. If all scores of the row were near -1000, the padding would get as much weight as the words. And in
#    a row of padding only, it hides the mistake: such a row gets equal weights on nothing, and no error.
# 3. No. [`BCELoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html) expects probabilities, so
#    there the sigmoid belongs to the model. Only two sigmoids, one in the model and one in the loss, are wrong. (The
#    loss with logits is more exact where the model is very sure.)
# 4. Leave-one-out is easier to defend, because it says what would have happened to the answer. Below it one should
#    write what was measured, that a text with a missing word is an unusual text, and how often the two agree.

# %% [markdown]
# **One thing to change:** leave out the `tanh`, so that the score is linear. What happens to the accuracy, and to
# the agreement?
#
# Next: **05, the Transformer**, which replaces the two readers by attention as well.

# %% [markdown] only="presenter" minutes=1
# The answers stand folded in the students' notebook. The second and the fourth are worth a minute in class.
