# %% [markdown]
# # Lesson 04: An RNN with attention
#
# The simple RNN let its two last vectors decide. Here every vector gets a say, and the model learns
# how much. These shares, the **attention weights**, can be looked at. We do that, and then we ask how
# far they may be trusted.
#
# **You will be able to**
# - pool a review by attention: scores, softmax, convex combination;
# - keep the padding out of it, and say why minus infinity is the right score for it;
# - write `AttentionRNN`, in which the pooling and the pairs of words are new;
# - show where a model pooled, and measure whether those words decide.
#
# **Time:** 80 minutes of class, 27 of them in three exercises; the training takes about a minute on a
# laptop. **Needs:** lesson 03.
#
# | letter | size of |
# |---|---|
# | `B`, `T`, `E` | batch, time, embedding |
# | `H` | the hidden state of one reader; both together have `2H` |
# | `S` | what stands at a word: `2H` numbers of the readers and 16 of its pair |

# %% [markdown] only="presenter" minutes=2
# - **Say:** every word has a vector; until now we threw all but two away.
# - **Run** the setup cell. The data cells come soon and take a few seconds.

# %% setup=true
import torch
from torch import nn
from torch.utils.data import Subset

from practicum_utils.data import ReviewDataset, Vocabulary, load_reviews, make_loader, tokenize_all
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
# ## Before we go on, let's revisit lesson 03

# %% [markdown] only="presenter" minutes=3
# - **Read aloud:** "This was a very bad movie to me." **Ask:** at which word does the last vector stand, and
#   which word decides?
# - **Write** 0.89 on the board, twice.

# %% tell=true
simple = recall("simple_rnn")
print(simple)

# %% tell=true
baseline = recall("mean_embedding")
print(baseline)

# %% [markdown]
# The RNN knows the order of the words, and still it does hardly better than their average. Think of the
# review *"This was a very bad movie to me."* The last vector stands at *me*. The word that decides is
# *bad*, four places earlier, and whatever the network knows about it has to survive until the end.
#
# Why take the last vector at all? There is one for each word. We could let the model **decide** which
# of them to use, review by review.

# %% [markdown]
# The data is that of lesson 03, and the recipe as well:

# %%
reviews = load_reviews(max_train=full_or_fast(None, 4_000), max_test=full_or_fast(None, 500))
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]), full_or_fast(20_000, 5_000))

# %%
max_length = full_or_fast(RECIPE.max_length, 64)
train_set = ReviewDataset(reviews["train"], vocab, max_length)
test_set = ReviewDataset(reviews["test"], vocab, max_length)

# %%
train_loader = make_loader(train_set, RECIPE.batch_size, shuffle=True)
test_loader = make_loader(test_set, RECIPE.batch_size)

# %% [markdown]
# ## Attention pooling by hand
#
# Eight words, and a state for each, small enough to print (`H = 3`). In the model the states come
# from the LSTMs; here they are random numbers.

# %% [markdown] only="presenter" minutes=8
# - **Say** the three steps with a finger each: score, softmax, sum. Run a cell per step.
# - **Ask before the softmax:** which word will get most? *"bad", 0.69 of it: its score is 3.62.*
# - **Say:** here we cheat, `v` is the state of "bad". Training has to find such a `v`.
# - **Ask:** what are the weights if only the last vector counts? *One 1, seven 0.*

# %%
set_seed(7)
words = "this was a very bad movie to me".split()
states = torch.randn(8, 3)  # (T, H)
for word, state in zip(words, states, strict=True):
    print(f"{word:<6}", state)

# %% [markdown]
# **Scores.** Every state gets one number: how much it resembles a vector `v`, which the model learns.
# Let us say that training has found a `v` that points where the state of *bad* points:

# %%
v = states[4]
scores = torch.stack([sum(v * state) for state in states])  # (T,)
for word, score in zip(words, scores, strict=True):
    print(f"{word:<6} {score:+.2f}")

# %% [markdown]
# **Softmax.** Scores can be any number. The exponential makes them positive, the division makes them
# shares of one whole:

# %%
exponentials = scores.exp()
weights = exponentials / exponentials.sum()
assert torch.allclose(weights, scores.softmax(dim=0))
for word, weight in zip(words, weights, strict=True):
    print(f"{word:<6} {weight:.3f}  {'#' * round(40 * weight.item())}")

# %% [markdown]
# **Convex combination.** The review's vector is the sum of the states, each times its weight. Weights
# that are at least 0 and sum to 1 keep the result between the states: it is an average in which some
# words count more.

# %%
pooled = torch.zeros(3)
for weight, state in zip(weights, states, strict=True):
    pooled += weight * state
pooled

# %% [markdown]
# A loop over words is a matrix product: `(T,) @ (T, H)` gives `(H,)`.

# %%
assert torch.allclose(weights @ states, pooled)
weights @ states

# %% [markdown]
# The last vector and the plain average are special cases. With all the weight on one word we get its
# state; with equal weights, the mean:

# %%
print(torch.tensor([0.0, 0, 0, 0, 0, 0, 0, 1]) @ states, "is the last state")
print(torch.full((8,), 1 / 8) @ states, "is the mean")

# %% [markdown]
# ## The padding must not count
#
# Now a batch: our review, and a shorter one that ends after three words. The other five places are
# padding, whose states are as good as any others to a softmax:

# %% [markdown] only="presenter" minutes=14
# - **Run** the first two cells. **Ask:** why is 0 not the right score for padding? *exp(0) is 1; 0.30 of the
#   weight stays on it.*
# - **4.1: type** the mask first, then the softmax, the error for empty rows last.
# - **Often:** softmax first, then times the mask. The rows no longer sum to 1.
# - **Often:** the mask the wrong way round. True is a real token, always; `~` turns it.
# - **4.2: type** `weights @ states` for one review, then add the dimension with `unsqueeze(1)`.
# - **Say** the shapes: (B, 1, T) times (B, T, H).

# %%
batch_scores = scores.repeat(2, 1)  # (B, T)
lengths = torch.tensor([8, 3])
weights = batch_scores.softmax(dim=1)
print(f"weight on the padding of row 1: {weights[1, 3:].sum():.2f}")

# %% [markdown]
# Most of what the second review "says" would come from nothing at all. The weights there must be 0.
# Setting the *scores* to 0 does not do it, because the exponential of 0 is 1:

# %%
from practicum_utils.data import token_mask

mask = token_mask(lengths, 8)  # True on real tokens
zeroed = (batch_scores * mask).softmax(dim=1)
print(f"scores times mask: {zeroed[1, 3:].sum():.2f} on the padding")

# %% [markdown]
# The only number whose exponential is 0 is minus infinity, and then it is 0 exactly, not nearly:

# %%
print(torch.tensor(-torch.inf).exp())
hidden = batch_scores.masked_fill(~mask, -torch.inf)
print(hidden[1])

# %% [markdown]
# Write it as a function. One row has no softmax at all: one with padding only, where 0 would be
# divided by 0. That row is an error somewhere before, so say so.

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
# <details><summary>Hint</summary>
#
# `masked_fill(where, value)` fills the places where `where` is True; `~mask` turns a mask around.
# `mask.any(dim=1)` says for each row whether it has a real token.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="4.1" verdict=true
from practicum_utils.checks import check

check("4.1", masked_softmax)

# %%
weights = masked_softmax(batch_scores, mask)
print(weights.sum(dim=1))
weights[1]

# %% [markdown]
# You should see two ones, then three weights and five zeros. And the row without a word: PyTorch's
# own softmax gives `nan`, which would spread through every weight of the model in one step. Ours
# stops:

# %%
empty = torch.tensor([False] * 8).unsqueeze(0)
print(torch.full((1, 8), -torch.inf).softmax(dim=1)[0, :3])
try:
    masked_softmax(scores.unsqueeze(0), empty)
except ValueError as error:
    print(error)

# %% [markdown]
# Now the pooling for a batch, from scores and states to one vector per review:

# %% exercise="4.2" minutes=5 catch_up="from practicum_utils.models import attention_pool"
def attention_pool(states, scores, mask):
    """states (B, T, H), scores (B, T), mask (B, T) -> pooled (B, H), weights (B, T)"""
    ### BEGIN SOLUTION
    weights = masked_softmax(scores, mask)
    pooled = (weights.unsqueeze(1) @ states).squeeze(1)  # (B, 1, T) @ (B, T, H) -> (B, H)
    return pooled, weights
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# For one review it was `weights @ states`. In a batch, make the weights a row `(B, 1, T)`, multiply by
# `(B, T, H)`, and take the extra dimension away again.
# </details>

# %% check="4.2" verdict=true
check("4.2", attention_pool)

# %%
batch_pooled, weights = attention_pool(states.repeat(2, 1, 1), batch_scores, mask)
assert torch.allclose(batch_pooled[0], pooled, atol=1e-6)
batch_pooled

# %% [markdown]
# Row 0 is the vector that the loop gave. Row 1 is made of three words only.

# %% [markdown]
# ## Two readers, one vector for each word
#
# In lesson 03 the second LSTM read the review from its end. Its vectors come out in that order, so
# they are turned around once more, and each word has both of its vectors side by side. The package's
# `reverse_states` is `reverse_reviews` for vectors:

# %% [markdown] only="presenter" minutes=2
# - **Run**, point at 3, 2, 1 and the padding that stays. The package has the function; do not type it.

# %%
from practicum_utils.models import reverse_states

two = torch.tensor([[1.0, 2, 3, 0], [4, 5, 0, 0]]).unsqueeze(2)
reverse_states(two, torch.tensor([3, 2])).squeeze(2)

# %% [markdown]
# ## Words that belong together
#
# *Good* and *not good* mean opposite things. The two readers can learn that from the order of the words, but
# 20,000 reviews are few to learn it from. So we help them: beside its readers' vectors, each word gets one
# that belongs to the **pair** of this word and the word before it.
#
# There are millions of different pairs, too many for a table with a row for each. A fixed formula, a
# **hash**, therefore sends every pair to one of 262,144 rows, and some pairs have to share one. You will
# write it in lesson 08; here the package has it:

# %% [markdown] only="presenter" minutes=3
# - **Run** both cells. **Ask:** why are the two numbers of *good* not the same? *It has another word before it.*
# - **Say:** a trick as old as spam filters; the readers keep doing the rest.

# %%
from practicum_utils.models import PairEmbedding, hash_ngrams

pairs = torch.tensor([vocab.encode("not good".split()), vocab.encode("so good".split())])
hash_ngrams(pairs, longest=2, buckets=2**18).squeeze(2)

# %% [markdown]
# Each row is a text. The second number in it is the row of the table for *good*: it is not the same after
# *not* as after *so*. `PairEmbedding` looks these rows up, 16 numbers for each word:

# %%
PairEmbedding(size=16)(pairs).shape

# %% [markdown]
# ## The model
#
# The score of a state is `v . tanh(W state + b)`: a linear layer, `tanh`, a linear layer without bias
# (Bahdanau and others, 2015, call it *additive* attention). Everything else is the simple RNN, but for
# dropout of 0.5 and gates `f` that begin as PyTorch makes them, without the loop of lesson 03. Lines that
# differ carry the comment `# New:`.

# %% [markdown] only="presenter" minutes=18
# Most of it is the simple RNN. Let them copy that from lesson 03, and spend the time on the lines that
# say `# New:`.
#
# - **Type** `read`, then in `forward` scores, pooling, logits, a shape behind each.
# - **Plant** the sigmoid at the end, and say "so that it is a probability". The class will nod.
# - The next cell still says ok: sums of 1, no weight on padding. The bug is not there.
# - **Often:** the backward states are joined without `reverse_states`: then each word has the other end's
#   vector beside it.

# %% exercise="4.3" minutes=17 catch_up="from practicum_utils.models import AttentionRNN"
class AttentionRNN(nn.Module):
    """Two LSTMs read the review, one from each end; attention decides which vectors count."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5, pair_size=16):
        """Layers of SimpleRNN, pairs (pair_size), attention (S -> H), score (H -> 1, without bias)."""
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.embedding.weight.data *= 0.1
        self.pairs = PairEmbedding(pair_size)  # New: each word with the one before it
        state_size = 2 * hidden_size + pair_size  # New: S, what stands at a word
        ### BEGIN SOLUTION
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.Linear(state_size, hidden_size)  # New: W and b of the score
        self.score = nn.Linear(hidden_size, 1, bias=False)  # New: v
        self.hidden = nn.Linear(state_size, hidden_size)
        self.output = nn.Linear(hidden_size, 1)
        ### END SOLUTION

    def read(self, token_ids, lengths):
        """Let both readers read: (B, T), (B,) -> all words' states and pairs (B, T, S)."""
        ### BEGIN SOLUTION
        embedded = self.dropout(self.embedding(token_ids))  # (B, T, E)
        forward_states, _ = self.forward_rnn(embedded)  # (B, T, H)
        backward_states, _ = self.backward_rnn(reverse_states(embedded, lengths))
        # New: all states are kept, those of the same word and its pair side by side
        backward_states = reverse_states(backward_states, lengths)
        return torch.cat([forward_states, backward_states, self.pairs(token_ids)], dim=2)
        ### END SOLUTION

    def forward(self, token_ids, lengths, return_weights=False):
        """(B, T), (B,) -> logits (B,), and the weights (B, T) if asked for"""
        ### BEGIN SOLUTION
        B, T = token_ids.shape
        states = self.read(token_ids, lengths)  # (B, T, S)
        scores = self.score(torch.tanh(self.attention(states))).squeeze(2)  # New: (B, T)
        pooled, weights = attention_pool(states, scores, token_mask(lengths, T))  # New: (B, S)
        hidden = torch.relu(self.hidden(pooled))
        logits = self.output(self.dropout(hidden)).squeeze(1)
        # BUG double-sigmoid: logits = torch.sigmoid(self.output(self.dropout(hidden))).squeeze(1)
        return (logits, weights) if return_weights else logits
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint: the shapes on the way</summary>
#
# `token_ids (B, T)` -> `embedded (B, T, E)` -> both readers' states and the pairs side by side
# `(B, T, S)` -> `attention (B, T, H)` -> tanh -> `score (B, T, 1)` -> `squeeze(2)` `(B, T)` -> pooled
# `(B, S)` -> as in `SimpleRNN`.
# </details>

# %% name="make-model"
set_seed(0)
model = AttentionRNN(len(vocab)).to(device)
print(f"{sum(p.numel() for p in model.parameters()):,} weights")

# %% [markdown]
# One batch first, and two promises to check: the weights of a review sum to 1, and nothing of them
# lies on padding.

# %% verdict=true
token_ids, lengths, labels = (part.to(device) for part in next(iter(test_loader)))
logits, weights = model(token_ids, lengths, return_weights=True)
assert logits.shape == labels.shape and weights.shape == token_ids.shape
assert torch.allclose(weights.sum(dim=1), torch.ones_like(labels))
assert (weights[~token_mask(lengths, token_ids.shape[1])] == 0).all()
print("ok: the weights sum to 1 and leave the padding out")

# %% [markdown]
# ## A short training run
#
# As in lesson 03: a few thousand reviews, three epochs, seconds.

# %% [markdown] only="presenter" minutes=9
# - **Run** (three epochs of about 4 s). Planted: 0.694, 0.693, 0.693, and the accuracy 0.512 three times.
# - **Ask:** the symptom of lesson 03 again; which question did we ask then? *Is each batch's gradient its
#   own? It is: this is the package's `run_epoch`.*
# - **Ask:** so what do the *outputs* look like? *All between 0 and 1; a logit may be any number.*
# - **Often:** "the learning rate". With 5e-3 the loss creeps instead, and stops at 0.50: worse to find.
# - **The proof,** if there is time: sixteen reviews by heart stop at 0.5032, which is what the formula
#   gives. The walkthrough has the cells.
# - **Mended:** 0.613, 0.146, 0.002.

# %%
few = Subset(train_set, range(full_or_fast(4_000, 2_000)))
few_loader = make_loader(few, batch_size=full_or_fast(64, 32), shuffle=True)

# %% name="short-run" tell=true
from practicum_utils.training import run_epoch

set_seed(0)
model = AttentionRNN(len(vocab)).to(device)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
losses = []
for epoch in (1, 2, 3):
    metrics = run_epoch(model, few_loader, loss_fn, optimizer)
    losses.append(metrics.loss)
    print(f"epoch {epoch}: loss {metrics.loss:.3f}, accuracy {metrics.accuracy:.3f}")

# %% [markdown]
# The two questions of lesson 03: is the loss a possible number, and does it go down?

# %% symptom="double-sigmoid"
goes_down = losses[-1] < 0.7 * losses[0]
print("ok: the loss goes down" if goes_down else "symptom: the loss does not go down")

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# The same symptom as the third one of lesson 03, so the same question first: does each step see only
# the gradient of its own batch? The package's `run_epoch` has been through that. Look closer instead:
# the accuracy is the same in all epochs, to the last digit, as if the model gave the same answer to
# every review. So look at its answers:

# %% name="range" only="walkthrough" tell=true
model.eval()
with torch.no_grad():
    logits = model(token_ids, lengths)
print(f"the model's outputs lie between {logits.min():.3f} and {logits.max():.3f}")
print(f"share above 0, which means positive: {(logits > 0).float().mean():.0%}")

# %% [markdown] only="walkthrough"
# A logit may be any number, and about half of these should be below 0. All of them lie between 0 and
# 1: somewhere they have become probabilities. `BCEWithLogitsLoss` applies a sigmoid of its own, and so
# the numbers are squeezed twice.
#
# Can we prove that this, and nothing else, holds the loss up? If the outputs can only be between 0 and
# 1, the best that a model can do is 1 for a positive review and 0 for a negative one. Then the loss is

# %% name="floor" only="walkthrough" tell=true
best_positive = -torch.sigmoid(torch.tensor(1.0)).log()
best_negative = -(1 - torch.sigmoid(torch.tensor(0.0))).log()
print(f"positive review, output 1: loss {best_positive:.4f}")
print(f"negative review, output 0: loss {best_negative:.4f}")

# %% [markdown] only="walkthrough"
# With `p` the share of positive reviews, no training can bring the loss below the **floor**
# `p * 0.3133 + (1 - p) * 0.6931`. A prediction that can be tested: let the model learn sixteen reviews
# by heart, where every healthy model gets close to 0.

# %% name="one-batch" only="walkthrough" tell=true
token_ids, lengths, labels = (part.to(device) for part in next(iter(make_loader(few, 16))))
set_seed(0)
learner = AttentionRNN(len(vocab), dropout=0).to(device)
steps = torch.optim.Adam(learner.parameters(), lr=3e-3)
for _ in range(100):
    loss = loss_fn(learner(token_ids, lengths), labels)
    steps.zero_grad()
    loss.backward()
    steps.step()
p = labels.mean()
print(f"after 100 steps: {loss:.4f}; the floor: {p * best_positive + (1 - p) * best_negative:.4f}")

# %% [markdown] only="walkthrough"
# The loss stops where the formula says. This is the strongest kind of evidence there is: a number
# computed from the suspected cause, and found in the experiment.
#
# The learning rate of the short run is bold (1e-2), and so the symptom is plain. With 5e-3 the same
# model *creeps*: 0.671, 0.552, 0.509. That looks like a model that needs patience, and it will creep
# on until 0.50, and no further.

# %% [markdown] only="walkthrough"
# The doctor's second opinion. It does not wait for a training either: it pushes the last layer far up and
# down, and looks how far the answer follows.

# %% name="doctor" only="walkthrough"
from practicum_utils.doctor import examine

report = examine(model, few_loader, loss_fn, optimizer, run_epoch)
report

# %% name="doctor-says" only="walkthrough" verdict=true
print(report.verdict)

# %% [markdown] fix="double-sigmoid" rerun="one-batch, short-run, doctor, doctor-says"
# ### The rule
#
# Leave the sigmoid to the loss. Then the same batch, and the same short run:

# %% check="4.3" verdict=true
check("4.3", AttentionRNN)

# %% [markdown] only="walkthrough"
# ## Bugs, summary 2
#
# | what we saw | this time | in general |
# |---|---|---|
# | the loss does not go down | `BCEWithLogitsLoss` expects (surprise) logits, and got probabilities | make sure that the loss function's inputs are valid |
#
# It was the same sentence in lesson 03, where the *labels* were not valid.

# %% [markdown]
# ## All the reviews

# %% [markdown] only="presenter" minutes=3
# - **Start it, then talk:** three epochs, about a minute. **Ask:** better than 0.89? *About 0.905.*
# - **Read** the comparison: accuracy *and* seconds.

# %%
set_seed(0)
model = AttentionRNN(len(vocab)).to(device)
history = fit(model, train_loader, test_loader, RECIPE.epochs, RECIPE.learning_rate)

# %% verdict=true
good = history.test_accuracy[-1] > 0.6
print("ok: far above the majority class" if good else "symptom: no better than guessing")

# %%
history.plot("RNN with attention")
remember("attention_rnn", history, model, test_set)

# %% tell=true
from practicum_utils.visualize import compare_models

compare_models(yours={"mean_embedding": baseline, "simple_rnn": simple, "attention_rnn": history})

# %% [markdown]
# About 0.905 at full size, more than a point above the simple RNN.
#
# ## Was it the pooling or the pairs?
#
# Two things are new in this model, so which of them was it? That takes an **ablation**: train the same model
# again and again by the same recipe, and change one thing at a time. That is twelve more trainings, so we
# show those that come with the course, with three seeds for each row:

# %% [markdown] only="presenter" minutes=2
# - **Take bets** before you run it: last, max, mean or attention?
# - **Read** the ranges as well. **Ask:** which differences are larger than those between seeds?

# %% tell=true
from practicum_utils.visualize import show_ablation

show_ablation()

# %% [markdown]
# In our runs attention reaches 0.905, the maximum of the states 0.899, their mean 0.897, and the last states
# 0.849: with 256 words behind it, a last state has forgotten too much. (The simple RNN of lesson 03 does better
# than that row, because its gates `f` begin at 0.9. Here they begin at 0.5, as PyTorch makes them.) Without the
# pairs, attention falls to 0.892. So the pairs are worth more than a point, and attention is worth half a point
# and more against the two simpler ways to use all the states. A point above us there is still the star, which
# counts up to three words in a row over the whole review.

# %% [markdown]
# ## Where the model pooled
#
# The weights come out of the same forward pass as the answer. The sentence of the beginning first:

# %% [markdown] only="presenter" minutes=4
# - **Run** the sentence, then review 3. Let somebody read the darkest words.
# - **Say precisely:** where it pooled, not why it answered.

# %%
from practicum_utils.visualize import explore_attention, look_at_text, predict_then_reveal

look_at_text(model, "This was a very bad movie to me.", vocab)

# %% [markdown]
# Blue is the weight of a word, measured in even shares: a word in the darkest blue has more than 16
# times what it would have if all words counted the same. (With eight words nobody can have more than 8.)
# The second row is another question, to which we come below.
#
# Now a real review:

# %%
explore_attention(model, test_set, index=3)

# %% [markdown] only="student"
# Without a number you get a list to choose from:

# %% only="student"
explore_attention(model, test_set)

# %% [markdown]
# Say it precisely: this is **where the model pooled**. It is not yet *why* it answered as it did. The
# vector at a word holds its neighbours too, because two LSTMs have carried them there, and a large
# weight on a vector that says nothing changes nothing.

# %% [markdown]
# ## How far to trust the weights
#
# A test that needs no weights: leave one word out, and see what the answer loses. By hand, on the short
# sentence:

# %% [markdown] only="presenter" minutes=5
# - **Run** leave-one-out: without "bad" the probability goes from 0 to 1, nothing else moves.
# - **Ask:** so, is the tau of this sentence high? *0.14: seven words have no effect worth an order.*
# - **Read** the table: about 0.19 with leave-one-out; random weights 0.00.
# - **Ask:** does it *need* its weights? *About 0.90 with, 0.88 with equal ones.*

# %%
def probability(token_ids):
    """The model's probability that a review (T,) is positive."""
    model.eval()
    with torch.no_grad():
        logit = model(token_ids.unsqueeze(0).to(device), torch.tensor([len(token_ids)], device=device))
    return torch.sigmoid(logit).item()

# %%
sentence = torch.tensor(vocab.encode(words))
whole = probability(sentence)
effects = []
for place, word in enumerate(words):
    without = torch.cat([sentence[:place], sentence[place + 1 :]])
    effects.append(whole - probability(without))
    print(f"without {word:<6} {effects[-1]:+.3f}")

# %% [markdown]
# `whole - without` is above 0 for a word that speaks for *positive*, below 0 for one that speaks
# against. Our run: without *bad* the probability goes from 0 to 1, and no other word moves it by more than
# 0.001. The package does the same in one batch:

# %%
from practicum_utils.visualize import agreement, kendall_tau, leave_one_out

assert torch.allclose(leave_one_out(model, sentence), torch.tensor(effects), atol=1e-4)

# %% [markdown]
# Do the words with large weights have large effects? **Kendall's tau** compares two orders: 1 means the
# same order, 0 no relation, -1 reversed.

# %%
_, weights = model(sentence.unsqueeze(0).to(device), torch.tensor([8], device=device), return_weights=True)
tau = kendall_tau(weights[0].detach().cpu(), torch.tensor(effects).abs())
print(f"tau = {tau:.2f} for this sentence")

# %% [markdown]
# One sentence proves nothing, and nobody should pick a pretty one. So: many reviews, drawn by a fixed
# seed, and the median. Beside leave-one-out stands a second measure, the gradient at the word's
# embedding; as baselines, random weights, and uniform ones, which have no order at all.

# %% name="agreement" tell=true
table = agreement(model, test_set, count=full_or_fast(100, 20))
print(table)

# %% [markdown]
# Jain and Wallace (2019) measured the same on IMDB, with a bidirectional LSTM and additive attention:
# 0.34 with leave-one-out, 0.44 with gradients. Ours at full size: 0.19 and 0.18, better than chance and only
# half of theirs. The two effect measures hardly agree with each other either (0.18), and the pairs are a
# reason: each word also stands in two pairs. Leaving it out takes both away and makes a new one of its
# neighbours, while the gradient at the word's own vector knows nothing of them. What made this model more
# accurate has made it harder to explain. Their title is *Attention is not Explanation*. Wiegreffe and Pinter answered with *Attention is not not Explanation*: it depends on what
# one calls an explanation. Both are worth an evening.

# %% [markdown]
# A different question: does the model *need* its weights? Put the same weight on every word, and score
# it again. When `score` gives 0 for everything, the softmax gives equal shares:

# %% tell=true
import copy

even = copy.deepcopy(model)
nn.init.zeros_(even.score.weight)
before = run_epoch(model, test_loader, nn.BCEWithLogitsLoss())
after = run_epoch(even, test_loader, nn.BCEWithLogitsLoss())
print(f"accuracy {before.accuracy:.3f} with its own weights, {after.accuracy:.3f} with equal ones")

# %% [markdown]
# At full size, 0.90 becomes 0.88: two points in a hundred are what the weights bring *after* training.
# The rest of the knowledge sits in the states.
#
# ## Predict, then reveal
#
# Your turn, before you see any colour. Read this review, and decide which three to six words decide:

# %% [markdown] only="presenter" minutes=3
# - **Read** review 8 aloud, **collect five words** from the class, type them between the quotes, run.
# - **Say:** the score is no mark for you. It compares two ways of reading.

# %%
print(" ".join(test_set.tokens(8)))

# %% [markdown]
# Write your words between the quotes, and see how much of the weight, and of the effect, they have:

# %%
my_words = "childish stupid hilarious glad worth"
predict_then_reveal(model, test_set, 8, guess=my_words)

# %% [markdown] only="student"
# More reviews, with a box to type in:

# %% only="student"
predict_then_reveal(model, test_set, 20)

# %% [markdown]
# ## Read the mistakes
#
# The test reviews that the model was surest of, and wrong:

# %% [markdown] only="presenter" minutes=2
# - **One mistake**, read aloud. Which word pulled?

# %%
scored = [(probability(test_set[index][0]), index) for index in range(300)]
wrong = [(p, index) for p, index in scored if (p > 0.5) != (test_set[index][1] == 1)]
wrong.sort(key=lambda pair: -abs(pair[0] - 0.5))
print(f"{len(wrong)} of {len(scored)} are wrong; surest of:")
for p, index in wrong[:3]:
    print(f"review {index}, probability of positive {p:.2f}")

# %%
explore_attention(model, test_set, index=wrong[0][1])

# %% [markdown]
# Read it aloud. Which words pulled the answer to the wrong side, and what would one have to understand
# to see through them?
#
# ## The six sentences

# %% [markdown] only="presenter" minutes=1
# - **Compare** with lesson 03: ours still has "I expected to love it, and I was bored" wrong, at 0.97.

# %% tell=true
from practicum_utils.data import tokenize

for text in (
    "This movie is great!", "This movie is terrible!",
    "It's not great, it's terrible!", "It's not terrible, it's great!",
    "I expected to love it, and I was bored.", "I expected to be bored, and I loved it.",
):
    print(f"{probability(torch.tensor(vocab.encode(tokenize(text)))):.2f}  {text}")

# %% [markdown]
# ## Takeaways
#
# 1. Attention pooling is an average whose weights the model chooses: scores, softmax, sum.
# 2. Padding gets the score minus infinity, so its weight is exactly 0.
# 3. Weights show where the model pooled. Whether those words decide is a measurement, not a look.
#
# ## Questions
#
# 1. Which `v` turns attention pooling into the plain average?
# 2. Why is -1000 as a score for padding almost as good as minus infinity, and when is it not?
# 3. A model has a sigmoid at its end and is trained with `BCELoss`. Is that wrong?
# 4. Weights and leave-one-out disagree on a review. Which one would you show to a user, and what would
#    you write below it?
#
# **One thing to change:** replace `tanh` by nothing, so that the score is linear. What happens to the
# accuracy, and to the agreement?
#
# Next: **05, the Transformer**, which replaces the two readers by attention as well.

# %% [markdown] only="presenter" minutes=1
# 1. The zero vector: all scores equal, all weights equal.
# 2. exp(-1000) is 0 in floating point, as long as another score is near 0. In a row of padding only, it
#    hides the mistake: equal weights on nothing.
# 3. No: `BCELoss` expects probabilities. Only the two sigmoids together are wrong.
# 4. Leave-one-out, perhaps; below it, what was measured and how often the two agree.
