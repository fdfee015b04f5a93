# %% [markdown]
# # Lesson 02: Training utilities
#
# Every model of this course is trained by the same few lines. In this lesson we take them apart,
# look at what each one does in numbers, and put them together as one function. Training and testing have nearly
# everything in common: both go through the data in batches and compute a loss and an accuracy. Only training
# also changes the weights. That's why one function can do both.
#
# **You will be able to**
# - write a training step from memory, and say what each of its lines is for;
# - write `run_epoch`, which trains with an optimizer and evaluates without one;
# - report a loss and an accuracy that do not depend on how the data was cut into batches;
# - train an honest baseline on real reviews.
#
# **Time:** 50 minutes of class, 23 of them in two exercises. No training here takes more than a few seconds,
# so a GPU is not needed. **Needs:** lesson 01, and some calculus: what a derivative says about a function.
#
# | letter | size of |
# |---|---|
# | `B`, `T` | batch and time, as in lesson 01 |
# | `E` | an embedding: how many numbers stand for a word |

# %% [markdown] only="presenter" minutes=2
# - **Before the class:** run the two data cells once; the tokens are then cached.
# - **Ask:** what are the lines of a training step? Write down what the class says, and compare at the end.

# %% setup=true
import time

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from practicum_utils.checks import check, verdict
from practicum_utils.data import (
    ReviewDataset,
    Vocabulary,
    hold_out,
    load_reviews,
    make_loader,
    tokenize_all,
)
from practicum_utils.training import (
    History,
    Metrics,
    fit,
    full_or_fast,
    pick_device,
    remember,
    set_seed,
)

set_seed(0)
device = pick_device()

# %% [markdown]
# ## Before we go on, let's revisit lesson 01
#
# There reviews became tokens, tokens became ids, and ids became padded batches. Today we take the package's
# version of all this. Its `tokenize_all` does what `tokenize` does, for many reviews, and keeps the result on
# disk, so that it takes a moment only the second time. (`full_or_fast(a, b)` is `a` for you; `b` is for our own
# tests, which run every lesson on less data.)

# %% [markdown] only="presenter" minutes=1
# - **Run** both cells and go on. Whoever did not finish lesson 01 is not behind: the package has it.

# %%
all_reviews = load_reviews(max_train=full_or_fast(None, 4_000), max_test=full_or_fast(None, 1_000))
reviews = hold_out(all_reviews)
{part: len(split) for part, split in reviews.items()}

# %% [markdown]
# `hold_out` has cut a tenth of the training reviews off, the **validation** reviews. We'll look at them again and
# again while we work: after every epoch, and whenever there is something to choose. The **test** reviews we look at
# once, at the very end. Why such caution? Every choice that you make by looking at some reviews fits your model to
# these reviews a little, and after that they can't tell you any more how it does on new ones.

# %%
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))
train_set, validation_set, test_set = (
    ReviewDataset(reviews[part], vocab) for part in ("train", "validation", "test")
)

# %%
train_loader = make_loader(train_set, shuffle=True)
validation_loader, test_loader = make_loader(validation_set), make_loader(test_set)

# %% [markdown]
# ## Weights and gradients
#
# A network is a function with numbers in it that can be changed, its **weights**. Training changes them a
# little at a time, so that the loss, a number that says how wrong the answers are, becomes smaller. In which
# direction should each weight move? The derivative of the loss with respect to that weight tells. All these
# derivatives together are the **gradient**.
#
# PyTorch computes it for us; this part of it is called **autograd**. It keeps a record of everything that is
# computed from a tensor with `requires_grad=True`, and `backward()` goes back along that record, from the
# loss to the weights, by the chain rule. Here is a "network" of one weight:

# %% [markdown] only="presenter" minutes=4
# - **Ask** for the derivative before the cell runs. *2 times (2w - 10) times 2, which is -16 at w = 3.*
# - **Ask:** the gradient is negative; should `w` become larger or smaller? *Larger: w = 5 has no loss.*
# - **Say** what a module is while you print the layer: a function that knows its own weights.

# %%
w = torch.tensor(3.0, requires_grad=True)
loss = (2 * w - 10) ** 2
loss.backward()
print(f"loss {loss:.0f}, gradient {w.grad:.0f}")

# %% [markdown]
# By hand: the derivative of $(2w - 10)^2$ is $2 \cdot (2w - 10) \cdot 2$, which is $-16$ at $w = 3$. It is negative, so
# the loss falls if `w` grows.

# %% [markdown]
# Real networks have thousands of weights or more. They are kept in *layers*, and a layer is an **`nn.Module`**: an
# object that owns its weights and can be called like a function. `nn.Linear(3, 1)`, for example, makes one number
# out of three, by a weighted sum and an added constant:

# %%
layer = nn.Linear(3, 1)
for name, weight in layer.named_parameters():
    print(f"{name:<6} {tuple(weight.shape)}  requires_grad={weight.requires_grad}")

# %% [markdown]
# A whole model is a module, too. It is a class with two methods of ours: `__init__` makes the layers and keeps
# them in `self` (after `super().__init__()`, by which PyTorch gets ready to find them), and `forward` says what is
# computed. We then write `model(x)`, and PyTorch calls `forward`. `model.parameters()` lists the weights of
# all its layers; that is how a whole model is given to the optimizer.

# %% [markdown]
# ## The smallest model that reads
#
# Each word gets a vector of `E` numbers, its **embedding**
# ([`nn.Embedding`](https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html)), and these numbers are learned
# like any other weight. We average the vectors of a review, and a single linear layer turns the average into one
# number, the **logit**: above 0 means positive. The order of the words is lost on the way, and still this is a strong
# baseline. It is known as a *neural bag of words* ([Iyyer and others, 2015](https://aclanthology.org/P15-1162/)).
#
# In a padded batch the average has to be taken over the real words only. Otherwise a short review would get another
# answer when it happens to stand next to a long one.

# %% [markdown] only="presenter" minutes=9
# - **Type** the two layers, then `forward` with the shape behind every line, as in the solution.
# - **Ask:** what does `.mean(dim=1)` do wrong? *It divides by T, padding included, so a review's answer
#   depends on the reviews beside it.*
# - **Often:** no `squeeze`, so the logits are (B, 1). The check says so, and the loss refuses the sizes.

# %% exercise="2.1" minutes=8 catch_up="from practicum_utils.models import MeanEmbedding"
class MeanEmbedding(nn.Module):
    """Average the word vectors of a review, one linear layer on top: (B, T), (B,) -> logits (B,)."""

    def __init__(self, vocab_size, embedding_size=32):
        """Two layers: an embedding, and a linear layer on top of the average."""
        super().__init__()
        ### BEGIN SOLUTION
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.output = nn.Linear(embedding_size, 1)
        ### END SOLUTION

    def forward(self, token_ids, lengths):
        """token_ids: (B, T) int64, 0 on the padding.  lengths: (B,) int64.  Returns (B,)."""
        ### BEGIN SOLUTION
        embedded = self.embedding(token_ids)  # (B, T, E), all zeros on the padding
        mean = embedded.sum(dim=1) / lengths.unsqueeze(1)  # (B, E)
        return self.output(mean).squeeze(1)
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: the layers</summary>
#
# `nn.Embedding(vocab_size, embedding_size, padding_idx=0)` is a table with a row for each token id. Because of
# `padding_idx=0` the row of the padding is all zeros, and it stays so. What does a row of zeros add to a sum,
# and by how many tokens must you then divide?
# </details>
#
# <details><summary>Hint 2: the shapes on the way</summary>
#
# `token_ids (B, T)` -> embedding `(B, T, E)` -> sum over the words `(B, E)` -> divided by the lengths, as a column
# `(B, 1)` -> linear layer `(B, 1)` -> `(B,)`.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# `.sum(dim=1)` adds up over the words. `lengths.unsqueeze(1)` makes a column `(B, 1)` of `(B,)`, and `squeeze(1)`
# makes `(B,)` of `(B, 1)`. The linear layer is `nn.Linear(embedding_size, 1)`.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="2.1" verdict=true
check("2.1", MeanEmbedding)

# %% [markdown]
# One batch through the untrained model:

# %%
model = MeanEmbedding(len(vocab)).to(device)
token_ids, lengths, labels = (part.to(device) for part in next(iter(train_loader)))
logits = model(token_ids, lengths)
B, T = token_ids.shape
print(f"token_ids ({B}, {T}) -> logits {tuple(logits.shape)}")

# %% [markdown]
# ## The loss
#
# A sigmoid turns a logit into a probability `p` of "positive". The loss is the **binary
# cross-entropy**: minus the logarithm of the probability that was given to the right answer. For a label of 1
# that is $-\log p$, and for a label of 0 it is $-\log(1 - p)$. By hand, as a mean over the batch:

# %% [markdown] only="presenter" minutes=3
# - **Ask before running:** what is the loss of a coin toss? *ln 2, about 0.69; our untrained model has 0.70.*
# - **Say:** logits go in, not probabilities. We'll meet that again.

# %%
p = torch.sigmoid(logits)
by_hand = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
loss = F.binary_cross_entropy_with_logits(logits, labels)
assert torch.allclose(by_hand, loss, atol=1e-6)
print(f"by hand {by_hand:.4f}, PyTorch {loss:.4f}")

# %% [markdown]
# We get the same number.
# [PyTorch's function](https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html) takes the **logits** and
# does both steps at once, because that is more exact for large logits. An untrained model has a loss of about 0.69.
# That is $\log 2$: a model that knows nothing gives every review a probability of about one half.

# %% [markdown]
# ## One training step
#
# A step is four lines. The first one computes the loss, and three more make the model a little better. The
# *optimizer* holds the weights and moves them; ours is [Adam](https://arxiv.org/abs/1412.6980), which chooses
# the length of the step for each weight by itself. `lr`, the learning rate, is the scale of these steps.

# %% [markdown] only="presenter" minutes=5
# - **Type** the four lines yourself, aloud: wrong how much, forget, which way, move.
# - **Before** the cell with three calls, **ask:** what does the second `backward` give? *2.00 times, then
#   3.00 times.* Wait for votes.
# - **Often:** "`eval` switches gradients off". It does not. Show both outputs again.

# %%
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

# %%
loss = loss_fn(model(token_ids, lengths), labels)  # how wrong are we?
optimizer.zero_grad()  # forget the gradients of the last step
loss.backward()  # how does each weight change the loss?
optimizer.step()  # move each weight a little downhill
print(f"before {loss:.4f}, after {loss_fn(model(token_ids, lengths), labels):.4f}")

# %% [markdown]
# The loss on this batch went down. Two of the lines are less obvious than they look, so we try out what they do.

# %% [markdown]
# ### What `zero_grad` does
#
# `backward` does not *set* the gradients, it *adds* to them. Watch the size of a gradient when we call it three
# times on the same batch, without a step in between.

# %% [markdown] guess="three-calls"
# **Guess before you run:** how large is the gradient after the second call, and after the third, compared with the
# first?

# %% tell=true
optimizer.zero_grad()
weight = next(model.parameters())  # the first of the model's weights
sizes = []
for call in (1, 2, 3):
    loss_fn(model(token_ids, lengths), labels).backward()
    sizes.append(weight.grad.norm())
    print(f"call {call}: {sizes[-1] / sizes[0]:.2f} times the first gradient")

# %% [markdown] fold="And your guess?" only="student"
# Twice and three times as large. The batch is the same and nothing has moved, so each call computes the same
# gradient, and adds it to what is there.

# %% [markdown]
# One, two, three times: each call adds the gradient once more. `zero_grad` clears them, so that a step uses the
# gradient of its own batch only.

# %% [markdown]
# ### What `no_grad` does
#
# To compute gradients PyTorch keeps a record of every step of the forward pass in memory. When we only want to
# score a model, we need no record:

# %%
with torch.no_grad():
    quiet = model(token_ids, lengths)
print("is there a record?", logits.requires_grad, "| and under no_grad?", quiet.requires_grad)

# %% [markdown]
# ### What `train()` and `eval()` do
#
# Some layers do one thing while the model learns and another when it is scored. Dropout, which the next lesson
# uses, is one of them. In training mode it sets each of its inputs to 0 with a probability of one half, and
# doubles the others, so that their sum stays about the same:

# %%
set_seed(0)
dropout = nn.Dropout(0.5)
print("train():", dropout(torch.ones(8)).tolist())
print("eval(): ", dropout.eval()(torch.ones(8)).tolist())

# %% [markdown]
# Which of the eight become 0, and how many, is a matter of chance, and the next call draws again. So a model with dropout
# that is scored in training mode gives another answer each time. `model.train()` and `model.eval()` set the mode
# of all the layers of a model at once. Note that `eval()` does not switch gradients off, and `no_grad` does not
# switch dropout off: to score a model you need both.

# %% [markdown]
# ## Overfit one batch
#
# Before you train on 18,000 reviews for minutes, train on 64 for a second. A model that can't even learn 64 reviews by
# heart is broken somewhere, and you want to know that early:

# %% [markdown] only="presenter" minutes=2
# - **Run**, and read: 0.47, 0.13, 0.03 after 60 steps.
# - **Say:** one second, and you know that the model can learn. Do this first, always.

# %%
for step in range(1, 61):
    loss = loss_fn(model(token_ids, lengths), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step}: loss {loss:.4f}")

# %% [markdown]
# The loss falls towards 0, so the model can learn. Whether it learns something that holds for *other* reviews as
# well is another question. The validation reviews will answer it.

# %% [markdown]
# ## `run_epoch`
#
# Training and evaluation do nearly the same: they go through all the batches, compute the loss, and count the
# right answers. Only the update of the weights is extra. So we write **one** function. With an optimizer it
# trains, in training mode; without one it evaluates, in evaluation mode and without gradients. Either way it
# says at the end what the mean loss was, and which share of all the reviews was answered right.

# %% [markdown] only="presenter" minutes=16
# The long one: let them type for eight minutes before you do.
#
# - **Type** in this order: `training`, the loop, the forward pass and the loss, then the three lines under
#   `if training`, the sums last. Say "zero, backward, step".
# - **Plant** the averages while you type the sums. It looks natural: a mean per batch, divided by the
#   number of batches. The other planted line stays as it is for the whole lesson and is met in lesson 03: do not
#   comment on it. The check says `ok so far` to everyone.
# - **Often:** `model.eval()` and never back to `train()`. Then dropout is off from the second epoch on.
# - **Often:** `loss_sum += loss`, without `.item()`: it keeps every batch's graph in memory.

# %% name="run-epoch" exercise="2.2" minutes=15 catch_up="from practicum_utils.training import run_epoch"
def run_epoch(model, loader, loss_fn, optimizer=None):
    """Go through loader once; train if there is an optimizer, else only evaluate.

    model(token_ids, lengths) -> logits (B,).  loss_fn(logits, labels) -> mean loss of the batch.
    Returns Metrics(loss, accuracy): the mean loss and the share of right answers, over all reviews.
    """
    ### BEGIN SOLUTION
    training = optimizer is not None
    device = next(model.parameters()).device
    model.train(training)
    loss_sum, correct, count = 0.0, 0, 0
    with torch.set_grad_enabled(training):
        for batch in loader:
            token_ids, lengths, labels = (part.to(device) for part in batch)
            logits = model(token_ids, lengths)
            loss = loss_fn(logits, labels)
            if training:
                optimizer.zero_grad()
                # BUG missing-zero-grad:
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(labels)
            # BUG average-of-averages: loss_sum += loss.item()
            correct += ((logits > 0) == labels).sum().item()
            # BUG average-of-averages: correct += ((logits > 0) == labels).float().mean().item()
            count += len(labels)
            # BUG average-of-averages: count += 1
    return Metrics(loss_sum / count, correct / count)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: the frame</summary>
#
# One boolean, `training = optimizer is not None`, decides everything. `model.train(True)` is training mode and
# `model.train(False)` is evaluation mode. `with torch.set_grad_enabled(training):` around the loop keeps a
# record for gradients in training, and none in evaluation. In the loop come the lines of the training step,
# the update only `if training`.
# </details>
#
# <details><summary>Hint 2: what goes in, and what comes out</summary>
#
# A batch has `token_ids (B, T)`, `lengths (B,)` and `labels (B,)`; move all three to the model's device. The model
# gives `logits (B,)`, and `loss_fn(logits, labels)` one number, the mean over this batch. A logit above 0 means
# positive, so `(logits > 0) == labels` is `True` where the answer is right: `(B,)`. `.item()` makes a plain
# number of a tensor with one number in it.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# Before the loop: `training`, `device = next(model.parameters()).device`, the mode, and what you want to add up,
# each from 0. In the loop: `token_ids, lengths, labels = (part.to(device) for part in batch)`, the logits, the
# loss; if training, the other three lines of the training step; then add up. After the loop:
# `Metrics(loss, accuracy)`, each a plain number for all the reviews of the loader.
# </details>

# %% check="2.2" only="student" verdict=true
check("2.2", run_epoch)

# %% [markdown]
# ## Two epochs
#
# Now a new model, and all the training reviews, twice, with a look at the validation reviews after each epoch. The
# learning rate is a careful 1e-3.

# %% [markdown] only="presenter" minutes=1
# - **Run.** It takes seconds. With the planted averages the picture looks fine; say nothing.
# - **Be warned:** the planted `run_epoch` ends at a validation accuracy of about 0.81, a correct one at about 0.79. So
#   whoever has the lower number may well have the better code. The reason is met in lesson 03 (old gradients
#   that are never cleared act like momentum, and speed up a step that is too careful). If somebody asks: both
#   have learned, and the comparison below will not use this run.

# %%
set_seed(0)
model = MeanEmbedding(len(vocab)).to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
history = History()

# %%
for _ in range(2):
    started = time.perf_counter()
    train = run_epoch(model, train_loader, loss_fn, optimizer)
    halfway = time.perf_counter()
    validation = run_epoch(model, validation_loader, loss_fn)
    history.add(train, halfway - started, validation, time.perf_counter() - halfway)

# %%
history.plot("Mean of embeddings, learning rate 1e-3")

# %% [markdown]
# The loss goes down, and the accuracy is well above the 0.50 of the majority class, after a few seconds. (How far
# it gets in two epochs of such small steps depends on details. Further down we do better.)

# %% [markdown]
# ## Does the number mean what it says?
#
# A metric should tell us something about the model and about the data. How we cut the data into batches is our own
# choice, and it shouldn't matter. So we evaluate the same model on the same validation reviews three times: in
# batches of 64, in batches of 500, and in batches of one review less than there are.

# %% [markdown] only="presenter" minutes=4
# - **Ask for a vote:** will the accuracy change with the batch size?
# - **Run.** Planted: two numbers that agree, and a third that is far off. Mended: the same three times.
# - **Ask:** 2,000 reviews in batches of 1,999: how many batches? *Two, and the second holds one review. It counts
#   as much as all the others together.*
# - **Often:** "the larger batch is better". The model was not trained in between.

# %% name="draw-sizes"
def show_accuracies(accuracies):
    """Draw the accuracy for each batch size as a bar with its number."""
    names = [f"batches of {size:,}" for size in accuracies]
    plt.figure(figsize=(5, 2.4), facecolor="white")
    bars = plt.bar(names, list(accuracies.values()), width=0.5, color="#0072B2")
    plt.bar_label(bars, fmt="%.4f")
    plt.ylabel("validation accuracy")
    plt.margins(y=0.2)
    plt.show()

# %% [markdown] guess="batch-size"
# **Guess before you run:** will the three accuracies be equal? If not, by how much will they differ?

# %% name="three-sizes" symptom="average-of-averages"
sizes = (64, 500, len(validation_set) - 1)
loaders = {size: make_loader(validation_set, batch_size=size) for size in sizes}
accuracies = {size: run_epoch(model, loaders[size], loss_fn).accuracy for size in sizes}
show_accuracies(accuracies)
same = max(accuracies.values()) - min(accuracies.values()) < 0.001
verdict("2.D1", same, ok="the accuracy does not depend on the batch size", symptom="the accuracy depends on the batch size")

# %% [markdown] fold="And your guess?" only="student"
# They ought to be equal: it is the same model, and it answers the same reviews each time. If yours differ, read on.

# %% [markdown] diagnose="2.D1" evidence="run_epoch=run_epoch, model=model, test_set=validation_set"
# The model was not trained between the three evaluations, and the reviews were the same. Still the accuracy of
# one run is far from the two others. Before you believe that larger batches make a better model, find out what
# differs between the three.
#
# - **What to look at:** How many batches are there for each size, and how many reviews does the last one have? `[len(batch.labels) for batch in loaders[500]]` tells for one size; look at the largest. Then count the right answers in each batch yourself.
# - **What it should be:** All the right answers, divided by all the reviews. That is one number, however the reviews are cut into batches.
# - **Where it is:** In `run_epoch`: what is added up for each batch, and what the sums are divided by at the end.

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# The last batch size leaves one review over, so there are two batches: almost everything, and one
# review. What does each of them say?

# %% only="walkthrough" tell=true
print("run_epoch says", {size: round(accuracy, 4) for size, accuracy in accuracies.items()})
for batch in loaders[sizes[-1]]:
    token_ids, lengths, labels = (part.to(device) for part in batch)
    with torch.no_grad():
        right = (model(token_ids, lengths) > 0) == labels
    print(f"{len(labels):>5} reviews: {right.sum()} right, {right.float().mean():.4f}")

# %% [markdown] only="walkthrough"
# The function takes the mean of these two means, as if the single review counted as much as all the
# others together. In batches of 64 the same mistake is there, but it hardly shows: 31 batches are full, and only
# the last one, of 16 reviews, counts too much.

# %% [markdown] fix="average-of-averages"
# ### The rule

# %% [markdown] fold="What we met today" only="student, walkthrough"
# | what we saw | this time | in general |
# |---|---|---|
# | the accuracy depends on the batch size | a last batch of one review counted as much as a batch of thousands | add up sums and counts over all the reviews, and divide once at the end |

# %% [markdown]
# ## A stronger baseline
#
# The package has a `run_epoch` too, and `fit`, which does the same for several epochs. It looks at the validation
# reviews four times in each epoch, shows its progress and returns the history. In `fit` the learning rate falls in a
# straight line to 0, so that the last steps only settle what the first ones found. You can stop it whenever you like
# (the square button, or Ctrl-C): the model keeps what it has learned. We begin with twenty times our learning rate: on the
# validation reviews that did better than the careful 1e-3 from before, which was far from done after two epochs.

# %% [markdown] only="presenter" minutes=1
# - **Run** (about 4 seconds), **write 0.89 on the board**. Every later model is measured against it.
# - **Ask** why the training loss keeps falling when the validation loss has stopped. *It learns its reviews by heart.*

# %% [markdown] guess="baseline"
# **Guess before you run:** how many of 100 reviews does a model get right that does not know the order of the words?

# %%
set_seed(0)
model = MeanEmbedding(len(vocab)).to(device)
history = fit(model, train_loader, validation_loader, epochs=2, learning_rate=2e-2)

# %%
history.plot("Mean of embeddings")

# %% [markdown]
# The pale line is the loss of every single batch, and the dark one is its mean over the steps around it. The orange
# squares are the validation reviews, which the model doesn't learn from. At the end of the first epoch the training
# loss drops, because from then on the model sees reviews that it has learned from before. The gap between the two losses
# says how much better it does on its own reviews than on new ones. As long as the validation loss still falls, that does
# no harm. When it turns and rises, the model is **overfitting**, and you can only see that on reviews that it wasn't
# trained on.
#
# Now that nothing is left to choose, we look at the test reviews, for the first and only time in this lesson:

# %%
history.test = run_epoch(model, test_loader, loss_fn)

# %% name="result" verdict=true
good = history.result.accuracy > 0.6
print("ok: far above the majority class" if good else "symptom: no better than guessing")

# %% [markdown]
# In our runs it was 89 of 100; yours will differ a little. That took a few seconds, and the model doesn't know
# the order of the words. Keep the number in mind when the networks grow larger. We store the run, so that later
# lessons can compare with it, but only if it was a healthy one:

# %%
if good:
    remember("mean_embedding", history)

# %% [markdown]
# ## Which end of a review matters?
#
# Lesson 01 cut long reviews to their last tokens. Was that right? This is a choice, so the validation reviews have to
# make it, not the test reviews. We keep only 128 tokens of each review, from one end or from the other, and train
# with three seeds each:

# %% [markdown] only="presenter" minutes=1
# - **Run**, read the two lines: the end is about a point better. Short of time? Leave it for home.
# - **Say:** choose on held-out training reviews. The test reviews choose nothing.

# %%
ends = {}
for keep in ("beginning", "end"):
    ends[keep] = [ReviewDataset(reviews[part], vocab, 128, keep) for part in ("train", "validation")]

# %%
def score_end(learn, validation, seed):
    """Train one epoch on a dataset and return the accuracy on another."""
    set_seed(seed)
    small = MeanEmbedding(len(vocab)).to(device)
    learn_loader = make_loader(learn, shuffle=True, seed=seed)
    run = fit(small, learn_loader, make_loader(validation), epochs=1, learning_rate=2e-2)
    return run.validation_accuracy[-1]

# %%
scores = {keep: [score_end(*sets, seed) for seed in range(3)] for keep, sets in ends.items()}

# %% tell=true
for keep, three in scores.items():
    print(f"{keep:<10} {sum(three) / 3:.3f}  ({', '.join(f'{score:.3f}' for score in three)})")

# %% [markdown]
# In our runs the end won with every seed, by one to two points. Three seeds and one validation set are not much, but
# all three agree. People often tell the story first, and say
# what they think of it last. That is why `ReviewDataset` keeps the end unless you ask it not to.

# %% [markdown]
# ## Takeaways
#
# 1. A training step is *zero, backward, step*: `backward` adds to the gradients that are there, and `zero_grad`
#    clears them.
# 2. Evaluate with `model.eval()` and without gradients. Train with `model.train()` and gradients on.
# 3. For a mean over batches add up sums and counts, and divide once, at the end.
#
# ## Questions
#
# 1. Why is the loss of an untrained model about 0.69? What would it be if 90 % of the reviews were
#    positive and the model knew nothing but that?
# 2. You overfit one batch and the loss stops at 0.3. Name two possible reasons.
# 3. The training accuracy after an epoch is lower than the test accuracy. How can that be?
# 4. Where in `run_epoch` would you clip gradients?
#
# **One thing to change:** train the baseline for six epochs instead of two. What do the two loss curves do, and after
# which epoch would you have stopped? (And why shouldn't you ask the test reviews that?)
#
# Next: **03, a simple RNN**, which reads the words in order.

# %% [markdown] fold="Answers" only="student, walkthrough"
# 1. It gives about 0.5 to every review, and $-\log 0.5 = 0.69$. If 90 % are positive, the best that a model can do without
#    reading is to say 0.9 every time, and that costs $-0.9 \log 0.9 - 0.1 \log 0.1 = 0.33$ on average.
# 2. The learning rate may be too small, dropout may be left on, or the model may be too small to learn the batch by
#    heart. (You will meet another reason in lesson 03.)
# 3. The training accuracy is counted while the model is still learning: its first answers in the epoch are those of a
#    worse model. And where there is dropout, it is only on in training.
# 4. Between `backward`, which makes the gradients, and `step`, which uses them.
#
# The one thing to change: the training loss goes on falling. With six epochs the learning rate stays high for longer, so
# the validation loss is lowest after about one epoch and rises from then on, while the validation accuracy hardly moves. So one or two epochs are enough. If you asked the test
# reviews, they would have chosen the number of epochs, and their accuracy would be a little too good.

# %% [markdown] only="presenter" minutes=1
# - **Ask** question 3, and let somebody draw the two curves. The answers are folded in the notebook.
