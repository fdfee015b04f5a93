# %% [markdown]
# # Lesson 03: A simple RNN
#
# The baseline of lesson 02 averages the words of a review, so it cannot know in which order they came. A
# **recurrent** network (RNN) reads them one after the other, and keeps a state in between. In this lesson we build
# one, train it on real reviews, and read its mistakes. On the way three things will go wrong, and finding out why
# is half of the lesson.
#
# **You will be able to**
# - follow an LSTM through five words by hand, and get the same digits as `nn.LSTM`;
# - take the *last real* vector of each review in a padded batch;
# - write `SimpleRNN`, and make sure that padding cannot change its answer;
# - find the cause when the shapes, the loss or the learning look wrong, by asking questions whose answers differ.
#
# **Time:** 75 minutes of class, 30 of them in three exercises; the training at the end takes one to
# two minutes on a laptop. **Needs:** lessons 01 and 02.
#
# | letter | size of |
# |---|---|
# | `B`, `T`, `E` | batch, time, embedding |
# | `H` | the hidden state: how many numbers the network remembers |

# %% [markdown] only="presenter" minutes=2
# - **Before the class:** open solutions/03_simple_rnn.ipynb beside this notebook, and read the walkthrough once.
# - **Say:** three bugs today, one after the other. The second and the third we wrote ourselves, in
#   lessons 01 and 02.

# %% setup=true
import textwrap

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Subset

from practicum_utils.checks import check, verdict
from practicum_utils.data import (
    Vocabulary,
    hold_out,
    load_reviews,
    make_loader,
    tokenize,
    tokenize_all,
)
from practicum_utils.training import (
    RECIPE,
    fit,
    full_or_fast,
    pick_device,
    recall,
    remember,
    set_seed,
)
from practicum_utils.visualize import (
    compare_curves,
    compare_models,
    draw_rnn,
    show_losses,
    show_shapes,
)

set_seed(0)
device = pick_device()

# %% [markdown]
# ## Before we go on, let's revisit lesson 02
#
# There we averaged the word vectors of a review, without any order. This is how that model did, after each pass
# through the training reviews and in the end on the test reviews:

# %% [markdown] only="presenter" minutes=3
# - **Write** its test accuracy on the board. The words' order was lost; that is what we add.
# - **The class's code** is in the notebook as we typed it. Do not comment on it. Whoever mended it long ago
#   has nothing to find in symptoms 2 and 3, and can help a neighbour.

# %% tell=true
baseline = recall("mean_embedding")
print(baseline)

# %% [markdown]
# The last line is the number to beat.
#
# We go on with our own code. Here is `ReviewDataset` as the class wrote it in lesson 01, and `run_epoch` as
# the class wrote it in lesson 02. If you like yours better, paste it over ours.

# %% recap="01:review-dataset, 02:run-epoch"
from practicum_utils.data import ReviewDataset
from practicum_utils.training import run_epoch

# %% [markdown]
# Next come the reviews and the vocabulary. `hold_out` sets a tenth of the training reviews aside for *validation*:
# we look at those while we work, so that the test reviews can wait until everything has been decided.
# (`full_or_fast(a, b)` is `a` for you; `b` is for our own tests, which run every lesson on less data.)

# %%
reviews = hold_out(load_reviews(max_train=full_or_fast(None, 4_000), max_test=full_or_fast(None, 500)))
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]), full_or_fast(20_000, 5_000))

# %% [markdown]
# This lesson and the next two train by one **recipe**: the last 256 tokens of a review, three epochs, a
# learning rate of 0.004, and 64 reviews in a batch. If all networks get the same recipe, then a difference
# between two results is more likely to come from the networks. We chose these numbers on validation reviews,
# so the test set had no part in the choice.

# %%
print(RECIPE)
max_length = full_or_fast(RECIPE.max_length, 64)

# %% [markdown]
# ## Five words by hand
#
# Our model will judge a review in three steps:
#
# 1. look up the embedding of each token;
# 2. pass the embeddings through the RNN, one after the other, which gives a vector for each token;
# 3. take the **last** of these vectors, and pass it through two linear layers, which make one number of it.
#
# The second step is the new one, so we do it by hand first. A recurrent network has a state `h`, and one rule:
# *new state = function(old state, next word)*. We follow this rule through five words, with vectors small enough to
# print: embeddings of `E = 3` numbers and a state of `H = 2`.

# %% [markdown] only="presenter" minutes=7
# - **Say** the rule once per gate: keep, write, show. Then run, one word per breath.
# - **Ask:** which of these numbers has seen "bad"? *The last two lines.*
# - **Do not** derive the LSTM. Five states, same digits as PyTorch's: that is enough.
# - **At the picture:** a new column is made from the column to its left and from the word below it.

# %%
words = "this was a bad movie".split()
embedding = nn.Embedding(len(vocab), 3)
lstm = nn.LSTM(input_size=3, hidden_size=2, batch_first=True)
embedded = embedding(torch.tensor([vocab.encode(words)]))  # (1, 5, 3)

# %% [markdown]
# The rule that we use is that of the **LSTM** ([Hochreiter and Schmidhuber, 1997](https://doi.org/10.1162/neco.1997.9.8.1735);
# in PyTorch [`nn.LSTM`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html)). Beside `h` it has a second
# state, the memory `c`. From the word `x` and the old `h` it computes four vectors, each a weighted sum of both plus a
# bias: the candidate `g`, which is what could be written into the memory, and three gates `i`, `f` and `o`, which the
# sigmoid $\sigma$ brings between 0 and 1. Then it makes the new memory and the new state:
#
# $$c \leftarrow \sigma(f) \cdot c + \sigma(i) \cdot \tanh(g) \qquad\qquad h \leftarrow \sigma(o) \cdot \tanh(c)$$
#
# The forget gate `f` says how much of the memory to keep, the input gate `i` how much of the candidate to write into it,
# and the output gate `o` how much of it to show. (The forget gate was added later, by
# [Gers, Schmidhuber and Cummins in 2000](https://doi.org/10.1162/089976600300015015).) In the code below, `gates` holds the
# four weighted sums, and the lines with `c =` and `h =` are the two formulas:

# %%
h, c = torch.zeros(2), torch.zeros(2)
for word, x in zip(words, embedded[0], strict=True):
    gates = lstm.weight_ih_l0 @ x + lstm.bias_ih_l0 + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0
    i, f, g, o = gates.chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    print(f"{word:<6} h = [{h[0]:+.4f}, {h[1]:+.4f}]")

# %% [markdown]
# Five words give five states. Each state knows its own word and what came before it: only the last two have seen
# "bad". `nn.LSTM` does the same for a whole batch at once:

# %%
states, _ = lstm(embedded)  # (B, T, H) = (1, 5, 2)
assert torch.allclose(states[0, -1], h, atol=1e-6)
states[0]

# %% [markdown]
# The last row agrees with our last line, digit by digit. This **last vector** is the only one that has read the whole
# review, so it is the one that decides. Here is what we have just computed, drawn from these very numbers (blue is
# above zero, red below). Follow the arrows: each state is made from the state to its left and from the word below it.

# %%
draw_rnn(words, states[0], states[0, -1], embedded=embedded[0])

# %% [markdown]
# The two boxes on the right are the third step, the two linear layers. We come to them when we write the model.

# %% [markdown]
# ## Which vector is the last one?
#
# In a batch the reviews are padded to the same length, but they end at different places. Here are some of the shorter
# ones of our data; real tokens are blue, padding is white, and the orange dot is the last real token:

# %% [markdown] only="presenter" minutes=7
# - **Ask at the picture:** where does `states[:, -1]` read? *At the right edge, in the white.*
# - **At the diagram with the orange arrow:** which review is judged by its padding? Then type 3.1 and draw it again.
# - **Type** the row numbers `torch.arange(B)` first, show them, then put `lengths - 1` beside them.
# - **Often:** `states[:, lengths - 1]`. It gives (B, B, H): every row at every length.

# %%
some = ReviewDataset(reviews["train"].select(range(300)), vocab, max_length)
short = [index for index in range(300) if len(some[index][0]) < max_length]
batch = next(iter(make_loader(Subset(some, short), batch_size=12, bucket=False)))

# %%
B, T = batch.token_ids.shape
plt.figure(figsize=(8, 2.6), facecolor="white")
plt.imshow(batch.mask, aspect="auto", cmap="Blues", vmin=0, vmax=2, interpolation="none")
plt.plot(batch.lengths - 1, range(B), "o", color="#D55E00", markersize=5)
plt.xlabel("position in the review")
plt.ylabel("row of the batch")
plt.show()
print("lengths:", batch.lengths.tolist())

# %% [markdown]
# The dots stand at a different place in each row. So "the last vector" is a different one for each review, and
# `states[:, -1]`, which worked for a single review above, is not it: it reads the right edge of the picture.
# See what that does to a batch of two reviews, one of five words and one of two:

# %%
two = [words, "loved it".split()]
lengths = torch.tensor([5, 2])
token_ids = torch.tensor([vocab.encode(two[0]), [*vocab.encode(two[1]), 0, 0, 0]])
states, _ = lstm(embedding(token_ids))  # (B, T, H) = (2, 5, 2)

# %%
draw_rnn(two, states, states[:, -1])

# %% [markdown]
# The arrow shows which state `states[:, -1]` took. In review 1 (we count from 0) it starts in the padding. That state has
# gone on reading padding after "it", and with every step of padding it says less about the text. We need a different
# place for each row.

# %% exercise="3.1" minutes=5 catch_up="from practicum_utils.models import last_vectors"
def last_vectors(states, lengths):
    """Return each row's state at its own last real token: (B, T, H), (B,) -> (B, H)."""
    ### BEGIN SOLUTION
    B, T, H = states.shape
    return states[torch.arange(B, device=states.device), lengths - 1]
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: which place?</summary>
#
# A review of 3 real tokens has them at places 0, 1 and 2. So where is its last one? Each row needs its own
# place.
# </details>
#
# <details><summary>Hint 2: two lists of indices</summary>
#
# PyTorch walks along two lists of indices together: `states[[0, 1, 2], [4, 1, 2]]` takes place 4 of row 0,
# place 1 of row 1 and place 2 of row 2. For `states (B, T, H)` that gives `(3, H)`.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# The first list is `torch.arange(B)`, all rows one after the other. The second is made from `lengths`, by
# the answer to hint 1.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="3.1" verdict=true
check("3.1", last_vectors)

# %% [markdown]
# Now the same two reviews once more, with your function:

# %%
draw_rnn(two, states, last_vectors(states, lengths))

# %% [markdown]
# Both arrows should start at a real word now, at "movie" and at "it": in row 0 that is place 4, in row 1 place 1, again
# counted from 0.

# %% [markdown]
# ## Reading from both ends
#
# The last vector is closest to the last word, and by then the LSTM may have lost what came at the beginning of a long
# review. So we let a second LSTM read the same review backwards ([Schuster and Paliwal, 1997](https://doi.org/10.1109/78.650093)).
# It ends at the first word, and the two together remember more.
#
# PyTorch offers `nn.LSTM(bidirectional=True)` for that. Let's try it on a review alone, and on the same review with
# three tokens of padding. For each word it gives four numbers, two from the forward reader and two from the backward
# reader, and we look at those of the first word.

# %% [markdown] guess="padding"
# **Guess before you run:** which of the four numbers of the first word will change because of the padding?

# %% [markdown] only="presenter" minutes=11
# - **Run** the two lines first. **Ask:** which two numbers differ, and why those? *The backward ones; their
#   reader starts in the padding.*
# - **Draw** [5, 6, 7, 0] and where each place comes from: 2, 1, 0, and then -1.
# - **Often:** `token_ids.flip(1)`, which puts the padding in front.

# %%
both_ways = nn.LSTM(3, 2, batch_first=True, bidirectional=True)
padded = F.pad(embedded, (0, 0, 0, 3))  # (1, 8, 3): three rows of zeros at the end
alone, with_padding = both_ways(embedded)[0][0, 0], both_ways(padded)[0]
for name, row in (("alone", alone), ("padded", with_padding[0, 0]), ("change", with_padding[0, 0] - alone)):
    print(f"{name:<7}", "  ".join(f"{number:+.6f}" for number in row))

# %% [markdown] fold="And your guess?" only="student"
# The first two numbers belong to the forward reader: it has only read the first word by then, so the padding behind
# the review cannot matter. The last two belong to the backward reader, and they change.

# %% [markdown]
# The forward reader's two numbers agree, and the backward reader's two do **not**. How large the change is differs
# from run to run, but padding should change nothing at all. The reason shows when we draw the backward reader's states
# in the order in which it reads:

# %%
backward_states = with_padding[0, :, 2:].flip(0)  # (T, H) = (8, 2), from the right edge to the left
draw_rnn(["<pad>"] * 3 + words[::-1], backward_states)

# %% [markdown]
# In the batch the padding is on the right, so the backward reader meets it first; in this picture, which goes in its
# reading order, that is on the left. When it reaches the text, its state has already been through three steps of
# padding. (PyTorch's [`pack_padded_sequence`](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html)
# repairs this, but is several times slower on a CPU.) So we reverse the words ourselves, and leave the padding where
# it is.

# %% exercise="3.2" minutes=8 catch_up="from practicum_utils.models import reverse_reviews"
def reverse_reviews(token_ids, lengths):
    """Reverse each row's real tokens and leave its padding at the end: (B, T), (B,) -> (B, T).

    [[5, 6, 7, 0], [8, 9, 0, 0]], [3, 2] -> [[7, 6, 5, 0], [9, 8, 0, 0]]
    """
    ### BEGIN SOLUTION
    B, T = token_ids.shape
    positions = torch.arange(T, device=token_ids.device)
    source = lengths.unsqueeze(1) - 1 - positions  # L-1, L-2, ... 0, then negative on the padding
    return token_ids.gather(1, source.clamp(min=0)).where(source >= 0, token_ids)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: where does each word come from?</summary>
#
# In a review of `L` words the new place 0 is filled from the old place `L - 1`, the new place 1 from
# `L - 2`, and so on. Write these old places down for [5, 6, 7, 0] with `L = 3`. What comes out at the end?
# </details>
#
# <details><summary>Hint 2: all rows at once</summary>
#
# `positions = torch.arange(T)` has the new places `(T,)`, and `lengths.unsqueeze(1)` is `(B, 1)`. Taking the one
# from the other gives a table of old places `(B, T)`. They are negative where the padding is.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# `token_ids.gather(1, source)` fetches from the places in `source (B, T)`, and negative places are not allowed
# there: `source.clamp(min=0)`. What it fetches on the padding is wrong, so keep the old token there:
# `fetched.where(source >= 0, token_ids)`.
# </details>

# %% check="3.2" verdict=true
check("3.2", reverse_reviews)

# %% [markdown]
# Let two small LSTMs read our five words with two places of padding behind them, one as they stand and one reversed,
# and take the last vector of each:

# %%
ids, length = torch.tensor([[*vocab.encode(words), 0, 0]]), torch.tensor([5])
backward_lstm = nn.LSTM(3, 2, batch_first=True)
forward_states, _ = lstm(embedding(ids))  # (1, 7, 2)
backward_states, _ = backward_lstm(embedding(reverse_reviews(ids, length)))

# %%
last = torch.cat([last_vectors(forward_states, length), last_vectors(backward_states, length)], dim=1)
draw_rnn(words, forward_states[0], last[0], backward=backward_states[0])

# %% [markdown]
# The words stand below, the forward reader's states above them, and the backward reader's states on top. Each reader
# ends at its own end of the review, and neither of the two last vectors has seen any padding.

# %% [markdown]
# ## The model
#
# Now put it together: look up the embeddings, let both readers run, and join their last vectors side by side, as in
# the picture. Then two [linear layers](https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html) decide:
# `hidden` with a relu behind it, and `output`, which gives one number for each review. Dropout keeps the model from
# leaning on single words; it comes after the embedding and before `output`.

# %% [markdown] only="presenter" minutes=21
# Let them write first. Type it when half of them have it.
#
# - **Type** `read` first, then `forward`, and the layers last, when everyone knows what they are for. Say
#   each shape.
# - **Plant** the layer's size as if it were nothing.
# - **Before** the first batch, **ask:** which shape will come out? Then let it crash.
# - **Ask:** whose line is the last of *ours* in the traceback? *`self.hidden(last)`: 20x128 meets 64x64.* Then
#   `show_shapes(model, token_ids, lengths)`: the table stops where the program stops.
# - **Often:** making each LSTM half as wide, so that the sizes fit. It runs, and is another model.

# %% exercise="3.3" minutes=17 catch_up="from practicum_utils.models import SimpleRNN"
class SimpleRNN(nn.Module):
    """Two LSTMs read the review, one from each end; their last vectors decide."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.3):
        """Layers: embedding, forward_rnn, backward_rnn, dropout, hidden, output."""
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        ### BEGIN SOLUTION
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(2 * hidden_size, hidden_size)
        # BUG linear-input-size: self.hidden = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, 1)
        ### END SOLUTION

    def read(self, rnn, token_ids, lengths):
        """Let one LSTM read: (B, T), (B,) -> its last vectors (B, H)."""
        ### BEGIN SOLUTION
        embedded = self.dropout(self.embedding(token_ids))  # (B, T, E)
        states, _ = rnn(embedded)  # (B, T, H)
        return last_vectors(states, lengths)
        ### END SOLUTION

    def forward(self, token_ids, lengths):
        """(B, T), (B,) -> logits (B,)"""
        ### BEGIN SOLUTION
        forward_last = self.read(self.forward_rnn, token_ids, lengths)
        backward_last = self.read(self.backward_rnn, reverse_reviews(token_ids, lengths), lengths)
        last = torch.cat([forward_last, backward_last], dim=1)
        hidden = torch.relu(self.hidden(last))
        return self.output(self.dropout(hidden)).squeeze(1)
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: the layers</summary>
#
# An `nn.Embedding` with `padding_idx=0`, two `nn.LSTM` with `batch_first=True`, an `nn.Dropout`, and two
# `nn.Linear`: `hidden` gives `hidden_size` numbers, `output` gives one.
# </details>
#
# <details><summary>Hint 2: the shapes on the way</summary>
#
# `token_ids (B, T)` -> embedding `(B, T, E)` -> dropout -> states `(B, T, H)` -> last vectors `(B, H)`. That twice,
# joined side by side with `torch.cat(..., dim=1)` -> `hidden (B, H)` -> relu, dropout -> `output (B, 1)` ->
# `squeeze(1)` `(B,)`.
# </details>
#
# <details><summary>Hint 3: `forward` in words</summary>
#
# Let the forward reader `read` the token ids. Let the backward reader `read` what `reverse_reviews` makes of
# them. Join the two, and go through `hidden`, `torch.relu`, `dropout`, `output`. Take the dimension of
# size 1 away at the end.
# </details>

# %% check="3.3" only="student" verdict=true
check("3.3", SimpleRNN)

# %% [markdown]
# Before anything longer, we send a single batch through the model. It costs a second, and most mistakes in a
# new model show already here.

# %% [markdown] guess="shape"
# **Guess before you run:** which shape will the answer have, for a batch of 20 reviews?

# %% name="one-batch" symptom="linear-input-size" raises=true
set_seed(0)
model = SimpleRNN(len(vocab)).to(device)
token_ids, lengths, labels = (part.to(device) for part in next(iter(make_loader(some, 20))))
logits = model(token_ids, lengths)
same_shape = logits.shape == labels.shape
verdict("3.D1", same_shape, ok="one logit for each review", symptom="the shapes differ from the labels'")

# %% [markdown] diagnose="3.D1" evidence="model=model, token_ids=token_ids, lengths=lengths"
# A traceback is read from its end. The last line says what PyTorch could not do, `mat1 and mat2 shapes cannot
# be multiplied (20x128 and 64x64)`. Then go up to the first line that is *ours*: there it happened. The first
# pair of numbers is what came into a linear layer, 20 reviews with so many numbers each; the second pair is the layer
# itself. The two numbers that meet in the middle have to be the same, and they are not. Which of the two is wrong?
#
# - **What to look at:** The line of ours names the layer. `show_shapes(model, token_ids, lengths)` sends the batch through the model and lists what comes into each layer and what goes out, up to the one that stops.
# - **What it should be:** One reader gives `(B, H)` for a batch, and `H` is 64 here. How many readers are there, and what does `torch.cat` make of them?
# - **Where it is:** In `__init__`, the first argument of the layer `hidden`: how many numbers come in for each review.

# %% [markdown] fold="And your guess?" only="student"
# `(20,)`: one logit for each review, the same shape as the labels. If you wrote `(20, 1)`, look at the last
# step of `forward` again: the loss refuses logits and labels of different shapes.

# %% [markdown] only="walkthrough"
# ### Diagnosis 1
#
# *Shapes cannot be multiplied.* The message names two shapes: what arrived at a linear layer, and the
# layer's own. The last line of *our* code in the traceback is `self.hidden(last)`. So we ask for all the shapes on
# the way, up to the layer that stops:

# %% only="walkthrough"
show_shapes(model, token_ids, lengths)

# %% [markdown] only="walkthrough"
# Each of the two LSTMs gives 64 numbers for a word. Their last vectors, joined, are 128 numbers for each review, and
# the layer `hidden` was made for 64.
#
# Questions like these can also be asked by a program. The course has a **doctor**: it tries out what it
# is given, measures, names the bug it has evidence for, and leaves everything as it was. We hear it
# *after* our own diagnosis, as a second opinion. `report.verdict` is its answer in one line; the
# whole report is folded below it.

# %% name="doctor-1" only="walkthrough" verdict=true
from practicum_utils.doctor import examine

report = examine(SimpleRNN(len(vocab)).to(device), make_loader(some, 20))
print(report.verdict)

# %% only="walkthrough"
report.folded()

# %% [markdown] fix="linear-input-size"
# ### The rule

# %% name="check-mended" only="walkthrough" verdict=true
check("3.3", SimpleRNN)

# %% [markdown]
# Here are the shapes on the way through the whole model, from token ids to logits. Look for the place where `T`
# disappears (that is `last_vectors`), and for the largest number of parameters:

# %%
show_shapes(model, token_ids, lengths)

# %% [markdown]
# Nearly all of the parameters are the word vectors, 64 numbers for each word of the vocabulary. The two LSTMs have
# 33,280 each, and it does not matter to them how long a review is: they use the same weights at every word.

# %% [markdown]
# ## A short training run
#
# We do not train on all the reviews yet, and not on all of each. On the last 32 tokens of 4,000 reviews three epochs
# take seconds, and they show whether learning works at all.
#
# The starting weights decide whether training gets off the ground, so we do two things to every model of this lesson
# before the first step. `small_vectors` makes the first word vectors ten times smaller than PyTorch does,
# because the differences between them mean nothing yet and would have to be unlearned. `open_gates` lets
# the gates `f` of an LSTM begin at 0.88 instead of 0.5
# ([Józefowicz, Zaremba and Sutskever, 2015](https://proceedings.mlr.press/v37/jozefowicz15.html)). With 0.5, next to
# nothing of a word would be left ten words later ($0.5^{10} \approx 0.001$), and no gradient would find its way back
# to it. With 0.88 about a quarter is left ($0.88^{10} \approx 0.28$).

# %% [markdown] only="presenter" minutes=12
# - **First run:** about -470, -4,500, -14,000. Do not comment; ask whether the number is possible.
# - **Ask:** where would you look, at the function or at its inputs? *Print `labels.unique()`: 1 and 2.*
# - **Mend, run again:** about 0.73, 0.70, 0.74. Positive now, and it does not fall.
# - **Ask:** why might a loss not fall? Collect causes on the board; there will be six. Then: which question
#   can be answered in a minute? *The same batch three times: is the gradient the same?*
# - **Often:** "train longer", "another learning rate". Write them down as well. Lesson 05 proves one of them right.
# - **Mended:** about 0.66, 0.42, 0.20.
# - **Sum up** the three symptoms, each with its rule.

# %% name="make-few"
few, batch_size = full_or_fast(4_000, 2_000), full_or_fast(32, 16)

def few_reviews():
    """A loader of the ends of a few thousand training reviews."""
    dataset = ReviewDataset(reviews["train"].select(range(few)), vocab, max_length=32)
    return make_loader(dataset, batch_size, shuffle=True)

# %% [markdown]
# A new model for each run, always with the same first weights, so that two runs differ only by what we change between
# them:

# %% name="make-model"
from practicum_utils.models import open_gates, small_vectors


def new_model(dropout=0.3):
    """A SimpleRNN that begins with small word vectors and with open gates."""
    set_seed(0)
    return open_gates(small_vectors(SimpleRNN(len(vocab), dropout=dropout))).to(device)

# %% [markdown]
# And the run itself. Its learning rate, 0.005, is a little larger than the recipe's, because there are few steps; with
# Adam, anything between 0.001 and 0.01 is a usual first try for a network of this kind.

# %% name="short-run"
loss_fn = nn.BCEWithLogitsLoss()

def short_run():
    """Train a new model on the few reviews; the mean loss of each of three epochs."""
    loader, model = few_reviews(), new_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = [run_epoch(model, loader, loss_fn, optimizer).loss for _ in range(3)]
    show_losses(losses)
    return losses

# %% [markdown]
# Ask two questions of every first run. The first one is: is the loss a possible number?

# %% [markdown] guess="loss"
# **Guess before you run:** the loss before any training is about 0.69, that of tossing a coin. What will it be after
# three epochs?

# %% name="possible" symptom="labels-one-two"
losses = short_run()
possible = min(losses) > 0
verdict("3.D2", possible, ok="the loss stays above zero", symptom="the loss went below zero")

# %% [markdown] diagnose="3.D2" evidence="losses=losses, loader=few_reviews()"
# [Cross-entropy](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html) is minus the logarithm
# of a probability. A probability is at most 1 and its logarithm at most 0, so this loss can't be below zero at all, and
# a number below zero means that something is broken. Before you change anything, find out which of the things that go
# into this number is not what it should be.
#
# - **What to look at:** The loss function gets two things, logits and labels. Print both for one batch, and `labels.unique()`.
# - **What it should be:** A logit may be any number. A label must be 0 for negative or 1 for positive.
# - **Where it is:** In the class's `ReviewDataset` at the top of this notebook: the raw labels of the reviews are 1 and 2.

# %% [markdown] fold="And your guess?" only="student"
# In our run, once everything was right, the three epochs had losses of about 0.66, 0.42 and 0.20; yours will differ a
# little. Anything between 0.1 and 0.5 was a good guess for the last one.

# %% [markdown] only="walkthrough"
# ### Diagnosis 2
#
# Cross-entropy is minus the logarithm of a probability. A probability is at most 1 and its logarithm at most 0, so a
# loss below zero is impossible: either the function or one of its inputs is wrong. The function is PyTorch's, with
# many users. So we look at the inputs:

# %% only="walkthrough"
_, _, labels = next(iter(few_reviews()))
print("labels:", labels.unique().tolist())
for y in (0.0, 1.0, 2.0):
    loss = F.binary_cross_entropy_with_logits(torch.tensor(10.0), torch.tensor(y))
    print(f"logit 10, label {y:.0f}: loss {loss:+.3f}")

# %% [markdown] only="walkthrough"
# The labels are 1 and 2. With the probability $p = \sigma(\text{logit})$ and the label $y$ the formula is
#
# $$\text{loss} = -\,y \log p - (1 - y) \log (1 - p)$$
#
# and it does not check $y$. With $y = 2$ the second part becomes $+\log (1 - p)$, which falls without end as the logit
# grows. So the model is rewarded for a large logit, and it learns to predict "positive" for everything, more and more
# strongly. The line was written in lesson 01, where nothing could look wrong, because there was no loss yet.
#
# The doctor gets the loss function as well, and looks at the same labels:

# %% name="doctor-2" only="walkthrough" verdict=true
report = examine(new_model(), few_reviews(), loss_fn)
print(report.verdict)

# %% only="walkthrough"
report.folded()

# %% [markdown] fix="labels-one-two"
# ### The rule

# %% [markdown]
# The second question: does the loss go down? This is the same run once more, with whatever you have mended:

# %% name="falling" symptom="missing-zero-grad"
losses = short_run()
goes_down = losses[-1] < 0.9 * losses[0]
verdict("3.D3", goes_down, ok="the loss goes down", symptom="the loss does not go down", after="3.D2")

# %% [markdown] diagnose="3.D3" evidence="losses=losses, run_epoch=run_epoch, model=new_model(dropout=0), loader=few_reviews()"
# "The loss does not go down" is the hardest symptom of all, because so many causes look alike from outside.
# Do not try things at random. Ask a question whose answer is different for each cause.
#
# - **What to look at:** Give `run_epoch` the same batch three times, as a list of one batch, with `torch.optim.SGD(model.parameters(), lr=0.0)`, which moves nothing, and a model without dropout. After each time print the size of one gradient, for example `model.output.weight.grad.norm()`.
# - **What it should be:** Nothing moves and nothing is random, so the same batch must give the same gradient each time.
# - **Where it is:** In the class's `run_epoch` at the top of this notebook, among the lines that run only in training: zero, backward, step.

# %% [markdown] only="walkthrough"
# ### Diagnosis 3
#
# "The loss does not go down" is the hardest symptom of all, because so many causes look alike. The learning rate, the
# model, the labels or the loop may be wrong. The labels we have just seen to be 0 and 1. So we ask a question about the
# loop that can be answered: **does each step see the gradient of its own batch?** We give `run_epoch` the same batch
# three times, with an optimizer that does not move, and without dropout. The gradient must then be
# the same three times.

# %% name="three-gradients" only="walkthrough" tell=true
still = new_model(dropout=0)
frozen = torch.optim.SGD(still.parameters(), lr=0.0)
same_batch = [next(iter(few_reviews()))]
norms = []
for _ in range(3):
    run_epoch(still, same_batch, loss_fn, frozen)
    norms.append(still.output.weight.grad.norm())
    print(f"{norms[-1] / norms[0]:.2f} times the first gradient")

# %% [markdown] only="walkthrough"
# One, two, three: that is the pattern of lesson 02. Every step also carries all the steps before it, so the model is
# pushed ever further in old directions, and its loss does not fall. The same function trained our first model in lesson 02 as
# well, and nobody noticed: with a learning rate of 1e-3 and two epochs the accumulated gradients acted like momentum.
# (The baseline that we brought from there is from `fit`, which does not have this bug.)
#
# Given the optimizer and our `run_epoch`, the doctor watches a few steps: which call comes after
# which, and what gradient arrives.

# %% name="doctor-3" only="walkthrough" verdict=true
model = new_model()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
report = examine(model, few_reviews(), loss_fn, optimizer, run_epoch)
print(report.verdict)

# %% only="walkthrough"
report.folded()

# %% [markdown] fix="missing-zero-grad" rerun="doctor-3"
# ### The rule
#
# The settings are the same and the seed is the same; there is one line more. Below it the doctor is asked again, and the
# short run is repeated: the loss should fall now.

# %% [markdown] fold="Bugs, summary 1" only="student, walkthrough"
# | what we saw | this time | in general |
# |---|---|---|
# | shapes cannot be multiplied | two readers give `2 * H` numbers, and the layer expected `H` | print the shapes, and make sure that they are what you expect |
# | the loss went below zero | labels 1 and 2 reached the loss | make sure that the loss function's inputs are valid |
# | the loss does not go down | `zero_grad` was forgotten | zero, backward, step |

# %% [markdown]
# ## All the reviews
#
# Now the long run is worth the wait: all 18,000 training reviews, three epochs, one to two minutes on a laptop. (In
# Colab, *Runtime > Change runtime type > T4 GPU* makes it a few seconds.) The 2,000 validation reviews tell us on the
# way how it is going.

# %% [markdown] only="presenter" minutes=2
# - **Start it, then talk:** 18,000 reviews, three epochs, one to two minutes.
# - **Meanwhile ask:** will it beat the average of the words? Take votes. *No: it ends a little below.*

# %%
train_set = ReviewDataset(reviews["train"], vocab, max_length)
validation_set = ReviewDataset(reviews["validation"], vocab, max_length)
train_loader = make_loader(train_set, RECIPE.batch_size, shuffle=True)
validation_loader = make_loader(validation_set, RECIPE.batch_size)

# %% [markdown] guess="accuracy"
# **Guess before you run:** you have seen what the average of the word vectors scored. What will the network score that
# reads the words in order?

# %%
model = new_model()
history = fit(model, train_loader, validation_loader, RECIPE.epochs, RECIPE.learning_rate)

# %% [markdown]
# The curve of this run, step by step. Look for two things: whether the training loss (the dark line) still falls at the
# end, and whether the validation loss (the squares) falls with it or turns up again.

# %%
history.plot("Simple RNN")

# %% [markdown]
# The training loss drops at the beginning of the second and of the third epoch, because from then on the network sees
# reviews again that it has learned from before. In our run its mean fell from epoch to epoch, to about 0.12 in the third,
# while the validation loss was lowest at the end of the second (0.30, then 0.34). So in the third epoch the network mostly
# learns its training reviews by heart. Why do we train for three, then? The validation *accuracy* was no worse for it,
# 0.875 after 0.877, and one recipe serves all our networks: the Transformer of lesson 05 still gains from
# its third epoch.

# %% [markdown]
# ## The test
#
# Nothing is left to choose now, so we look at the test reviews, for the first time and the only time:

# %% [markdown] only="presenter" minutes=1
# - **Say** why only now: whoever looks at the test reviews while still choosing has none left to test on.

# %%
test_set = ReviewDataset(reviews["test"], vocab, max_length)
history.test = run_epoch(model, make_loader(test_set, RECIPE.batch_size), loss_fn)
print(f"test accuracy {history.test.accuracy:.3f}")

# %% name="result" verdict=true
good = history.test.accuracy > 0.6
print("ok: far above the majority class" if good else "symptom: no better than guessing")

# %% [markdown]
# We keep the run for later lessons, but only if it was a healthy one:

# %%
if good:
    remember("simple_rnn", history, model, test_set)

# %% [markdown] fold="And your guess?" only="student"
# In our runs the test accuracy was between 0.875 and 0.89; yours will differ a little. That is not
# more than the average of the words reached, rather a little less. If you guessed more, you were in good company: that a
# network which reads in order must be better than an average sounds convincing, so one has to measure it.

# %% [markdown]
# ## Was it worth it?
#
# How does the network compare with the baseline? First we look at how the two learned. The lines are the means of three runs with other
# seeds, the bands reach from the lowest to the highest of the three, and the squares are your run:

# %% [markdown] only="presenter" minutes=1
# - **Say:** much slower, and no better. An honest result; lesson 04 starts from it.

# %%
compare_curves("mean_embedding", "simple_rnn", yours={"simple_rnn": history})

# %% [markdown]
# The average of the words learns faster: after the first of its two epochs it is close to where it ends, between 0.865 and 0.885
# on the validation reviews. The network needs a good part of its first epoch to get going at all, and ends at about 0.875. Now the test accuracies, beside the time that the training took, and beside a **yardstick** that
# will stay with us (the star). A large mark is the run of median accuracy, the small ones are runs with other seeds. The
# seconds are those of one core of one machine, the same for all models:

# %% tell=true
compare_models(yours={"mean_embedding": baseline, "simple_rnn": history})

# %% [markdown]
# The star is *NB-SVM* ([Wang and Manning, 2012](https://aclanthology.org/P12-2018/); with logistic regression and up to
# three words in a row, as in [Mesnil and others, 2015](https://arxiv.org/abs/1412.5335)), a linear model that counts
# words, pairs of words and three in a row. There is no network in it. It reads whole reviews, where our network has the
# last 256 tokens, and with 0.915 it is well ahead of both. So far, a model that counts words beats our RNN.
#
# Our network also needs about a minute where the average of the words needs a second or two, and is no better. Why? We
# can't say for sure, but a likely reason is that everything it learns from 256 words has to pass through two last
# vectors. Is there a better way to sum up a review? Lesson 04 looks for one, and tests whether it helps.

# %% [markdown]
# ## Read the mistakes
#
# The accuracy doesn't tell you *which* mistakes a model makes, so we look at single reviews. First we write a function that gives a probability for any text:

# %% [markdown] only="presenter" minutes=3
# - **Read one ending aloud**, ask what misled the model, then let them read another.

# %%
def probability(text):
    """The model's probability that a text is positive."""
    tokens = tokenize(text)[-max_length:]
    if not tokens:
        raise ValueError("This text has no word in it; give the model something to read.")
    token_ids = torch.tensor([vocab.encode(tokens)], device=device)
    lengths = torch.tensor([len(tokens)], device=device)
    model.eval()
    with torch.no_grad():
        return torch.sigmoid(model(token_ids, lengths)).item()

# %% [markdown]
# Among the first 300 validation reviews, which ones was the model most sure of, and wrong? (We leave the test reviews
# alone: whoever reads their mistakes will sooner or later change the model because of them.)

# %%
sample = reviews["validation"].select(range(300))
scored = [(probability(row["text"]), row) for row in sample]
wrong = [(p, row) for p, row in scored if (p > 0.5) != (row["label"] == 2)]
wrong.sort(key=lambda pair: -abs(pair[0] - 0.5))

# %% [markdown]
# Read each of these endings aloud, and say what misled the model:

# %%
print(f"{len(wrong)} of {len(scored)} are wrong; the three it was surest of:\n")
for p, row in wrong[:3]:
    truth = "positive" if row["label"] == 2 else "negative"
    ending = " ".join(row["text"].replace("<br />", " ").split()[-60:])
    print(textwrap.fill(f"probability {p:.2f}, but {truth}: ... {ending}", 96), end="\n\n")

# %% [markdown]
# (A share of wrong answers among only 300 reviews can be off by about four points to either side, so it need not agree
# with the accuracy above.) Look for irony, for a plot that is retold in sad or happy words, and for a mixed verdict. Some of these reviews are
# hard for people too, and a few have a label that one can argue with.

# %% [markdown]
# ## Sentences of our own
#
# Here are three pairs of sentences. The two sentences of a pair are made of nearly the same words, and mean the
# opposite, so whoever ignores the order cannot tell the second pair apart at all.

# %% [markdown] guess="sentences"
# **Guess before you run:** which of the six will the network get wrong?

# %% [markdown] only="presenter" minutes=2
# - **Ask for a sentence** from the class before running ours. The plain ones are easy for it. The pairs with *not*
#   and *expected* come out differently from run to run: look at the difference within each pair.
# - **Keep** the six numbers; every later model is asked the same.

# %% tell=true
for text in (
    "This movie is great!", "This movie is terrible!",
    "It's not great, it's terrible!", "It's not terrible, it's great!",
    "I expected to love it, and I was bored.", "I expected to be bored, and I loved it.",
):
    print(f"{probability(text):.2f}  {text}")

# %% [markdown]
# Compare the two numbers of each pair. The first pair should lie far apart, on the right sides of 0.5: one strong
# word decides there. The second pair has exactly the same words in both sentences, so any difference between its two
# numbers comes from the order, and if it is small, the network has hardly used the order. In the third pair look
# whether the end of the sentence wins, as it does for a human reader, or simply the stronger word. Which of the
# last four come out right changes with the seed, even among networks of the same accuracy. So a single sentence tells you
# little about a model, and a list of them that you ask every time tells you more.
#
# Write a sentence that you think will fool it, and try. Keep the numbers: we will ask every model of the course these
# six.

# %% [markdown] only="student"
# ## The doctor
#
# Today you asked questions by hand: which shapes, which labels, whose gradient. `examine` asks these and many
# more of a program, names the bug that it has evidence for, and changes nothing. From now on it is there for
# when you are stuck and have looked yourself first. A healthy program gets a short report:

# %% [markdown] only="presenter" minutes=2
# - **Say:** look yourself first; then this. Run it on your mended program: nothing to report.
# - **If there is time,** take `zero_grad` out once more and let it tell you so.

# %% only="student"
from practicum_utils.doctor import examine

optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
examine(model, few_reviews(), loss_fn, optimizer, run_epoch)

# %% [markdown]
# ## Takeaways
#
# 1. The last vector is at a different place in each row. Padding must not change an answer.
# 2. Try one batch first, then a short run, then the whole. Most mistakes show in the first two, which cost seconds.
# 3. Ask two questions of a loss: is it a possible number, and does it fall?
#
# ## Questions
#
# 1. Which weights of `SimpleRNN` would learn nothing if we took `states[:, -1]` in a batch where
#    every review is padded with 1,000 zeros?
# 2. The loss of the short run became small in training. Why is that no reason to be proud?
# 3. There are many reasons why a loss may not fall. Name three, and for each one question that tells it apart.
# 4. What would `SimpleRNN` answer to an empty review? What should it answer?

# %% [markdown] fold="Answers to the questions" only="student, walkthrough"
# 1. The embedding, and the weights that both readers put on their words. After 1,000 steps of padding nothing of the
#    text is left in the last vector, so no gradient finds its way back to the words, and these weights hardly move.
# 2. It is the loss on reviews that the model was trained on, and a network of this size can learn 4,000 reviews by
#    heart. Only reviews that it has not seen, such as the validation reviews, tell whether it has learned something.
# 3. Gradients that are not zeroed: is the gradient of the same batch the same three times? A wrong learning rate: how
#    far does a weight move in an epoch? Labels that belong to other reviews: does the loss fall on sixteen reviews,
#    seen again and again, but not on new ones? A model that cuts its gradient off somewhere: is any gradient zero?
# 4. For an empty row of a batch `lengths - 1` is -1, so `last_vectors` takes the last place of the row, which is
#    padding, and the model gives an answer about nothing without complaining. It should refuse, as `probability` does.

# %% [markdown]
# **One thing to change:** set `max_length = 128`. What does it save in seconds per epoch, and what does
# it lose?
#
# Next: **04, attention**, which looks at all the vectors instead of the last one.

# %% [markdown] only="presenter" minutes=1
# The answers stand folded in the students' notebook. The first and the third are worth a minute in class.
