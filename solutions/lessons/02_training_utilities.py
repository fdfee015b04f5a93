# %% [markdown]
# # Lesson 02: Training utilities
#
# Every model of this course is trained by the same few lines. In this lesson we take them apart,
# look at what each one does in numbers, and put them together as one function.
#
# **You will be able to**
# - write a training step from memory, and say what each of its lines is for;
# - write `run_epoch`, which trains with an optimizer and evaluates without one;
# - report a loss and an accuracy that do not depend on how the data was cut into batches;
# - train an honest baseline on real reviews.
#
# **Time:** 50 minutes of class, 26 of them in two exercises. **Needs:** lesson 01.
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

import torch
import torch.nn.functional as F
from torch import nn

from practicum_utils.data import ReviewDataset, Vocabulary, load_reviews, make_loader, tokenize_all
from practicum_utils.training import History, Metrics, fit, full_or_fast, pick_device, set_seed

set_seed(0)
device = pick_device()

# %% [markdown]
# ## Before we go on, let's revisit lesson 01
#
# Reviews became tokens, tokens became ids, ids became padded batches. The package has what we wrote. `tokenize_all` is `tokenize` for many reviews, and keeps
# its result on disk, so that the second time takes a moment only.

# %% [markdown] only="presenter" minutes=1
# - **Run** both cells and go on. Whoever did not finish lesson 01 is not behind: the package has it.

# %%
reviews = load_reviews(max_train=full_or_fast(None, 4_000), max_test=full_or_fast(None, 1_000))
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))

# %%
train_set = ReviewDataset(reviews["train"], vocab)
test_set = ReviewDataset(reviews["test"], vocab)
train_loader = make_loader(train_set, shuffle=True)
test_loader = make_loader(test_set)

# %% [markdown]
# ## The smallest model that reads
#
# Each word gets a vector of `E` numbers (an **embedding**), learned like any other weight. Average
# the vectors of a review, and let one linear layer turn the average into a single number, the
# **logit**: above 0 means positive. The order of the words is lost. It is still a strong baseline.
#
# Mind the padding: it has no say in the average.

# %% [markdown] only="presenter" minutes=10
# - **Type** the two layers, then `forward` with the shape behind every line, as in the solution.
# - **Ask:** what does `.mean(dim=1)` do wrong? *It divides by T, padding included, so a review's answer
#   depends on the reviews beside it.*
# - **Often:** no `squeeze`, so the logits are (B, 1). The check says so, and the loss refuses the sizes.

# %% exercise="2.1" minutes=8 catch_up="from practicum_utils.models import MeanEmbedding"
class MeanEmbedding(nn.Module):
    """Average the word vectors of a review, one linear layer on top: (B, T), (B,) -> logits (B,)."""

    def __init__(self, vocab_size, embedding_size=32):
        """Two layers: self.embedding and self.output."""
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
# <details><summary>Hint</summary>
#
# `nn.Embedding(..., padding_idx=0)` gives the padding a vector of zeros that never learns. So the
# *sum* over time is already right, and only the division must use the true lengths.
# `squeeze(1)` turns `(B, 1)` into `(B,)`.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="2.1" verdict=true
from practicum_utils.checks import check

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
# cross-entropy**: minus the logarithm of the probability given to the right answer. By hand:

# %% [markdown] only="presenter" minutes=3
# - **Ask before running:** what is the loss of a coin toss? *ln 2, about 0.69; our untrained model has 0.70.*
# - **Say:** logits go in, not probabilities. We shall meet that again.

# %%
p = torch.sigmoid(logits)
by_hand = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
loss = F.binary_cross_entropy_with_logits(logits, labels)
assert torch.allclose(by_hand, loss, atol=1e-6)
print(f"by hand {by_hand:.4f}, PyTorch {loss:.4f}")

# %% [markdown]
# The same number. PyTorch's function takes the **logits**, not `p`, and does both steps at once,
# which is safer for large logits. An untrained model gives about 0.69, which is ln 2: the price of a
# coin toss.

# %% [markdown]
# ## One training step
#
# Four lines. The forward pass gave us `loss`; three more make the model a little better:

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
# The loss on this batch went down. Now we look at what the less obvious lines do.
#
# ### What `zero_grad` does
#
# `backward` does not *set* the gradients, it *adds* to them. Watch one gradient's size when we call
# it three times on the same batch, without a step in between:

# %% tell=true
optimizer.zero_grad()
sizes = []
for call in (1, 2, 3):
    loss_fn(model(token_ids, lengths), labels).backward()
    sizes.append(model.output.weight.grad.norm())
    print(f"call {call}: {sizes[-1] / sizes[0]:.2f} times the first gradient")

# %% [markdown]
# One, two, three times. `zero_grad` empties the account before each new batch.
#
# ### What `no_grad` does
#
# To compute gradients PyTorch keeps every step of the forward pass in memory. For scoring we need
# none of it:

# %%
with torch.no_grad():
    quiet = model(token_ids, lengths)
print("with a record of the steps:", logits.requires_grad, "| under no_grad:", quiet.requires_grad)

# %% [markdown]
# ### What `train()` and `eval()` do
#
# Some layers behave differently while learning. Dropout, which the next lesson uses, blanks half of
# its inputs at random and doubles the rest, in training mode only:

# %%
dropout = nn.Dropout(0.5)
print("train():", dropout(torch.ones(8)).tolist())
print("eval(): ", dropout.eval()(torch.ones(8)).tolist())

# %% [markdown]
# A model scored in training mode gives another answer each time. Note that `eval()` does not switch
# gradients off, and `no_grad` does not switch dropout off. You need both.

# %% [markdown]
# ## Overfit one batch
#
# Before you train on 20,000 reviews for minutes, train on 64 for a second. A model that cannot learn
# 64 reviews by heart is broken somewhere, and you have found out early:

# %% [markdown] only="presenter" minutes=2
# - **Run**, and read: 0.48, 0.13, 0.03 after 60 steps.
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
# The loss falls towards 0. The model can learn; whether it learns anything *general* is another
# question, and that is what test data is for.

# %% [markdown]
# ## `run_epoch`
#
# Training and evaluation do nearly the same: go through all batches, compute the loss, count right
# answers. Only the update is extra. So we write **one** function. With an optimizer it trains,
# without one it evaluates.

# %% [markdown] only="presenter" minutes=19
# The long one: let them type for ten minutes before you do.
#
# - **Type** in this order: `training`, the loop, the forward pass and the loss, then the three lines under
#   `if training`, the sums last. Say "zero, backward, step".
# - **Plant** the averages while you type the sums. It looks natural: a mean per batch, divided by the
#   number of batches.
# - **Often:** `model.eval()` and never back to `train()`. Then dropout is off from the second epoch on.
# - **Often:** `loss_sum += loss`, without `.item()`: it keeps every batch's graph in memory.

# %% name="run-epoch" exercise="2.2" minutes=18 catch_up="from practicum_utils.training import run_epoch"
def run_epoch(model, loader, loss_fn, optimizer=None):
    """Go through loader once; train if there is an optimizer, else only evaluate.

    model(token_ids, lengths) -> logits (B,).  loss_fn(logits, labels) -> mean loss of the batch.
    Returns Metrics(loss, accuracy), both means over all examples.
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
# `model.train(True)` is training mode, `model.train(False)` is evaluation mode.
# `torch.set_grad_enabled(False)` is `no_grad`. So one boolean, `training`, steers all of it.
# </details>
#
# <details><summary>Hint 2: the metrics</summary>
#
# The loss of a batch is a *mean* over its reviews. Make it a sum before you add it up, count the
# reviews, and divide once at the end. `(logits > 0) == labels` is `True` where the answer is right.
# </details>

# %% [markdown]
# ## Two epochs
#
# A new model, all training reviews, twice; after each epoch a look at the test reviews. The learning
# rate is a careful 1e-3.

# %% [markdown] only="presenter" minutes=1
# - **Run.** Seconds. With the planted averages the picture looks fine; say nothing.

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
    test = run_epoch(model, test_loader, loss_fn)
    history.add(train, halfway - started, test, time.perf_counter() - halfway)

# %%
history.plot("Mean of embeddings, learning rate 1e-3")

# %% [markdown]
# The loss goes down, the accuracy is well above the 0.50 of the majority class, and it takes seconds.

# %% [markdown]
# ## Does the number mean what it says?
#
# A metric should be a property of the model and the data. How the data is cut into batches is our
# private business. So we evaluate the same model with three batch sizes:

# %% [markdown] only="presenter" minutes=4
# - **Ask for a vote:** will the accuracy change with the batch size?
# - **Run.** Planted: 0.859, 0.859, and 0.930 for batches of 4,999. Mended: 0.8592 three times.
# - **Ask:** 5,000 reviews in batches of 4,999: how many batches? *Two, and the second holds one review.
#   It was right, so it pulled the average to 0.93.*
# - **Often:** "the larger batch is better". The model was not trained in between.

# %% name="three-sizes" tell=true
sizes = (64, 1_000, len(test_set) - 1)
accuracies = []
for size in sizes:
    accuracies.append(run_epoch(model, make_loader(test_set, batch_size=size), loss_fn).accuracy)
    print(f"batches of {size:>5}: accuracy {accuracies[-1]:.4f}")

# %% symptom="average-of-averages"
if max(accuracies) - min(accuracies) > 0.01:
    print("symptom: the accuracy depends on the batch size")
else:
    print("ok: the accuracy does not depend on the batch size")

# %% check="2.2" only="student" verdict=true
check("2.2", run_epoch)

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# The last batch size leaves one review over, so there are two batches: almost everything, and one
# review. What does each say?

# %% only="walkthrough"
for batch in make_loader(test_set, batch_size=len(test_set) - 1):
    token_ids, lengths, labels = (part.to(device) for part in batch)
    with torch.no_grad():
        right = (model(token_ids, lengths) > 0) == labels
    print(f"{len(labels):>5} reviews: {right.sum()} right, {right.float().mean():.4f}")

# %% [markdown] only="walkthrough"
# The function takes the mean of these two means, as if the single review counted as much as all the
# others together. With batches of 64 the same mistake is there; it is only too small to see.

# %% [markdown] fix="average-of-averages" rerun="three-sizes"
# ### The rule

# %% [markdown]
# ## A baseline to be proud of
#
# The package has `run_epoch` too, and `fit`, which calls it for several epochs, shows its progress
# and returns the history. Its learning rate falls in a straight line to 0, so that the last steps only
# settle what the first ones found. Stop it whenever you like (the square button, or Ctrl-C): the model
# keeps what it has learned. Twenty times our learning rate, which this small model bears well:

# %% [markdown] only="presenter" minutes=1
# - **Run** (about 4 seconds), **write 0.89 on the board**. Every later model is measured against it.

# %%
set_seed(0)
model = MeanEmbedding(len(vocab)).to(device)
history = fit(model, train_loader, test_loader, epochs=2, learning_rate=2e-2)

# %% verdict=true
best = max(history.test_accuracy)
print("ok: far above the majority class" if best > 0.6 else "symptom: no better than guessing")

# %% [markdown]
# At full size this is close to 0.89, in a few seconds, by a model that does not know the order of the
# words. Keep that number in mind when the networks grow larger. We store the run, so that later
# lessons can compare with it:

# %%
from practicum_utils.training import remember

remember("mean_embedding", history)

# %% [markdown]
# ## Which end of a review matters?
#
# Lesson 01 cut long reviews to their last tokens. Was that right? To find out we must not ask the
# test set: a choice made on it is no longer tested by it. So we hold out a fifth of the *training*
# reviews, keep 128 tokens of each, and try both ends with three seeds:

# %% [markdown] only="presenter" minutes=1
# - **Run**, read the two lines: 0.836 for the beginning, 0.853 for the end. Short of time? Leave it for home.
# - **Say:** chosen on held-out training reviews. The test set chooses nothing.

# %%
parts = reviews["train"].train_test_split(test_size=0.2, seed=0)
ends = {}
for keep in ("beginning", "end"):
    ends[keep] = [ReviewDataset(parts[name], vocab, 128, keep) for name in ("train", "test")]

# %%
def score_end(learn, held_out, seed):
    """Train one epoch on a dataset and return the accuracy on another."""
    set_seed(seed)
    small = MeanEmbedding(len(vocab)).to(device)
    learn_loader = make_loader(learn, shuffle=True, seed=seed)
    run = fit(small, learn_loader, make_loader(held_out), epochs=1, learning_rate=2e-2)
    return run.test_accuracy[-1]

# %%
scores = {keep: [score_end(*sets, seed) for seed in range(3)] for keep, sets in ends.items()}

# %% tell=true
for keep, three in scores.items():
    print(f"{keep:<10} {sum(three) / 3:.3f}  ({', '.join(f'{score:.3f}' for score in three)})")

# %% [markdown]
# At full size the end wins with every seed, by one to two points. People tell the story first and say
# what they think of it last. That is why `ReviewDataset` keeps the end unless you ask it not to.

# %% [markdown]
# ## Takeaways
#
# 1. Zero, backward, step. `backward` adds; `zero_grad` empties.
# 2. Evaluate with `eval()` *and* without gradients; train with neither.
# 3. Add up sums and counts, divide once.
#
# ## Questions
#
# 1. Why is the loss of an untrained model about 0.69? What would it be if 90 % of the reviews were
#    positive and the model knew nothing but that?
# 2. You overfit one batch and the loss stops at 0.3. Name two possible reasons.
# 3. The training accuracy after an epoch is lower than the test accuracy. How can that be?
# 4. Where in `run_epoch` would you clip gradients?
#
# **One thing to change:** train the last model for six epochs instead of two. What do the two loss
# curves do, and which epoch would you have stopped at?
#
# Next: **03, a simple RNN**, which reads the words in order.

# %% [markdown] only="presenter" minutes=1
# 1. It gives about 0.5 to everything. At 90 % positive the best constant costs 0.33.
# 2. A learning rate too small, labels that contradict each other, dropout left on, a model too small.
# 3. Training is scored while the model is still learning (and with dropout, where there is some).
# 4. Between `backward` and `step`.
