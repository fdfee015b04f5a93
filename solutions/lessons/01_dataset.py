# %% [markdown]
# # Lesson 01: From reviews to batches
#
# A network reads numbers. A review is text. In this lesson we build the road between the two:
# tokens, a vocabulary, a dataset, a padded batch.
#
# **You will be able to**
# - say what sentiment classification is, and what a fair first guess scores;
# - turn text into token ids and back, and say what an unknown word costs;
# - write a PyTorch `Dataset` (`__init__`, `__len__`, `__getitem__`) and a function that pads a batch;
# - measure how much of a batch is padding, and make it less.
#
# **Time:** 50 minutes of class, 29 of them in four exercises. Nothing here needs a GPU.
#
# | letter | size of |
# |---|---|
# | `B` | the batch: how many reviews |
# | `T` | time: how many tokens in the longest review of the batch |

# %% [markdown] only="presenter" minutes=2
# - **Before the class:** run the first cells once on the machine of the room. They need no network.
# - **Say:** save a copy first, or your work is lost. Our solutions are wrong on purpose: read them for
#   company, not for the answer.
# - **Run:** the setup cell. Everything that follows assumes it.

# %% setup=true
import re
from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset

from practicum_utils.data import Batch, load_reviews, make_loader, padding_share
from practicum_utils.training import full_or_fast, pick_device, set_seed

set_seed(0)
device = pick_device()

# %% [markdown]
# ## The task
#
# Sentiment classification: read a text, decide whether its author was pleased. "That was really
# cool!" is positive, "I hated that!" is negative. Our texts are movie reviews from IMDB, collected
# by Maas and others in 2011. We load them:

# %% [markdown] only="presenter" minutes=3
# - **Run** the cells, **read** two of the reviews aloud.
# - **Ask:** what does a program score that always says "positive"? *Half: 10,000 of each label.*
# - **Point at** the labels, 1 and 2. Do not explain yet why it matters; lesson 03 will.

# %%
reviews = load_reviews(max_train=full_or_fast(None, 2_000), max_test=full_or_fast(None, 500))

# %% [markdown]
# The model learns from `train`. It never sees `test` before it is scored on it. Here are the first
# three training reviews:

# %%
for row in reviews["train"].select(range(3)):
    print(f"label {row['label']}: {row['text'][:300]}...\n")

# %% [markdown]
# Read them aloud. Two things to notice: the text still carries some of the web page it came from
# (`<br />`), and the label is a 1 or a 2. In this raw data **1 means negative and 2 means positive**.
# How many of each are there?

# %%
for name, split in reviews.items():
    print(name, Counter(split["label"]))

# %% [markdown]
# Half and half, in both splits. So a program that always answers "positive" is right half of the
# time. That is the **majority class baseline**, 0.50, and the first number to beat.

# %% [markdown]
# ## Tokens
#
# The network needs units to count. We use words, in lower case, with their contractions ("don't"
# stays whole), and we keep `!` and `?`, because people who shout or doubt mean something by it.

# %% [markdown] only="presenter" minutes=7
# - **Type** `lower` and `replace` first, run it on the sentence, and only then the pattern, piece by
#   piece: letters and digits, then the apostrophe, then `|[!?]`.
# - **Often:** `text.split()`. It leaves "it!" and "it" as two words. Removing `<br />` instead of putting
#   a space there glues two words together.
# - **Ask:** why keep the `!`? *It says something about the mood; a comma hardly does.*

# %% exercise="1.1" minutes=6 catch_up="from practicum_utils.data import tokenize"
def tokenize(text):
    """Split a review into lower-case tokens.

    "I don't like it!<br />Why?" -> ["i", "don't", "like", "it", "!", "why", "?"]
    """
    ### BEGIN SOLUTION
    text = text.lower().replace("<br />", " ")
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[!?]", text)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# Three steps: make it lower case, put a space where `<br />` was, then let `re.findall` collect
# every run of letters and digits (`[^\W_]+`), with `'` and more letters allowed after it, or one
# of `[!?]`.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it. `check` tries your function on small examples of its own. It prints one line that begins
# with `ok`, or says in a sentence what it saw and what it had expected:

# %% check="1.1" verdict=true
from practicum_utils.checks import check

check("1.1", tokenize)

# %% [markdown]
# Try it on a sentence that has all the difficulties at once:

# %%
tokenize("I don't like it!<br />Why?")

# %% [markdown]
# You should see seven tokens, and no `br` among them. Now all the training reviews, which takes a
# few seconds:

# %%
token_lists = [tokenize(text) for text in reviews["train"]["text"]]

# %% [markdown]
# ## How long is a review?
#
# Length decides what training costs, so we look before we choose:

# %% [markdown] only="presenter" minutes=2
# - **Ask before the picture:** how long is a review, do you think? *Median 176 tokens, mean 235, the
#   longest 1,841.*
# - **Say:** cutting at 256 costs something in 29 of 100 reviews. It buys a table of 256 columns instead
#   of 1,841.

# %%
lengths = torch.tensor([len(tokens) for tokens in token_lists])
plt.figure(figsize=(7, 2.8), facecolor="white")
plt.hist(lengths.clamp(max=1000).numpy(), bins=100, color="#0072B2")
plt.axvline(256, color="#D55E00", linestyle="--", label="256 tokens")
plt.xlabel("tokens in the review (1000 and more in the last bar)")
plt.ylabel("reviews")
plt.legend()
plt.show()
print(f"median {lengths.median()}, mean {lengths.float().mean():.0f}, longest {lengths.max()}")
print(f"longer than 256 tokens: {(lengths > 256).float().mean():.0%}")

# %% [markdown]
# Most reviews are around 175 tokens long, but the tail is long: the mean lies well above the median.
# If we cut every review to 256 tokens, three in ten of them lose something.

# %% [markdown]
# ## A vocabulary by hand
#
# Every different word gets a number, its **id**. We count three short reviews first, so that we can
# check everything by eye:

# %% [markdown] only="presenter" minutes=12
# - **Run** the three small reviews, count along with the fingers.
# - **Type** the list of tokens, then the dictionary from it, then the three one-liners. Say "id to token"
#   and "token to id" as you go.
# - **Say nothing** about the order in the list. The class copies what you type, and that is the point.
# - **Look** at `vocab["the"]` with everyone: 0 as planted, 4 when it is right. Somebody may ask. Answer:
#   keep that question.
# - **Often:** `self.ids[token]` without a default, so the first unknown word raises KeyError.

# %%
tiny = [tokenize(text) for text in ("What a film!", "A bad film", "A good film, a good cast")]
counts = Counter(token for tokens in tiny for token in tokens)
counts.most_common()

# %% [markdown]
# Commoner words get lower ids. Four ids are taken before the first word:
#
# | id | token | for |
# |---|---|---|
# | 0 | `<pad>` | filling up short reviews in a batch |
# | 1 | `<unk>` | a word that we do not know |
# | 2, 3 | `<bos>`, `<eos>` | beginning and end; later lessons need them |

# %%
special = ["<pad>", "<unk>", "<bos>", "<eos>"]
words = [word for word, count in counts.most_common()]
ids = {token: index for index, token in enumerate(special + words)}
[ids.get(token, ids["<unk>"]) for token in tokenize("A good flute!")]

# %% [markdown]
# "A", "good" and "!" have ids of their own. "Flute" was not in the three reviews, so it becomes 1.
# Now the same as a class, for real reviews. A limit on its size keeps the rare words out.

# %% name="vocabulary" exercise="1.2" minutes=10 catch_up="from practicum_utils.data import Vocabulary"
class Vocabulary:
    """A two-way table between tokens and ids; the commoner the word, the lower its id.

    vocab["<pad>"] is 0, vocab["<unk>"] is 1, and an unknown word has the id of <unk>.
    """

    def __init__(self, words):
        """words: list of str, the commonest first."""
        ### BEGIN SOLUTION
        self.tokens = ["<pad>", "<unk>", "<bos>", "<eos>", *words]
        # BUG pad-is-a-word: self.tokens = [*words, "<pad>", "<unk>", "<bos>", "<eos>"]
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        ### END SOLUTION

    @classmethod
    def build(cls, token_lists, max_size=20_000):
        """Keep the commonest words of all lists, so that len(vocab) is at most max_size."""
        counts = Counter(token for tokens in token_lists for token in tokens)
        ranked = sorted(counts, key=lambda word: (-counts[word], word))  # ties by the alphabet
        return cls(ranked[: max_size - 4])

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, token):
        """str -> int"""
        ### BEGIN SOLUTION
        return self.ids.get(token, self.ids["<unk>"])
        ### END SOLUTION

    def encode(self, tokens):
        """list of str -> list of int"""
        ### BEGIN SOLUTION
        return [self[token] for token in tokens]
        ### END SOLUTION

    def decode(self, ids):
        """list of int -> list of str"""
        ### BEGIN SOLUTION
        return [self.tokens[index] for index in ids]
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# `__init__` needs two things: the list of all tokens (id to token), and a dictionary made from it
# (token to id). The other three methods are one line each.
# </details>

# %% [markdown]
# We build it from the **training** reviews only. A word that occurs in the test reviews alone must
# stay unknown, as it would be in real use.

# %% name="build-vocabulary"
vocab = Vocabulary.build(token_lists, max_size=full_or_fast(20_000, 5_000))
len(vocab)

# %% [markdown]
# How far down the list is "the", and how far is "flute"?

# %% name="look-up" tell=true
for word in ("the", "good", "flute", "practicum"):
    print(f"{word:<10} {vocab[word]:>6}")

# %% [markdown]
# A small id for the commonest word, a large one for a rare word, and the id of `<unk>` for a word
# that nobody wrote. Encode the beginning of a review, and decode it again:

# %% name="round-trip"
encoded = vocab.encode(token_lists[0][:12])
print(encoded)
print(" ".join(vocab.decode(encoded)))

# %% [markdown]
# ## What an unknown word costs
#
# A smaller vocabulary makes a smaller model, and more holes in the text. We count the holes in the
# test reviews, for several sizes:

# %% [markdown] only="presenter" minutes=2
# - **Run** both cells. **Ask:** was the author pleased? *With 500 words, 31 % of the tokens are holes.*
# - **Say:** rare words carry the opinion.

# %%
test_tokens = [token for text in reviews["test"]["text"] for token in tokenize(text)]
for size in (500, 2_000, 5_000, 20_000):
    known = set(Vocabulary.build(token_lists, size).tokens)
    share = sum(token not in known for token in test_tokens) / len(test_tokens)
    print(f"{size:>6} entries: {share:.1%} of the test tokens are unknown")

# %% [markdown]
# Five hundred words leave a hole in almost every third place, twenty thousand in about 3 of 100. What
# do the holes look like to the model? Here is the beginning of a review with a small vocabulary:

# %%
small = Vocabulary.build(token_lists, 500)
" ".join(small.decode(small.encode(token_lists[0][:40])))

# %% [markdown]
# Could you still tell whether the author liked it? The words that carry an opinion are often the
# rarer ones, so they fall into the holes first.

# %% [markdown]
# ## A dataset
#
# PyTorch asks three questions of a dataset: how is it made (`__init__`), how long is it
# (`__len__`), and what is item number `index` (`__getitem__`). Answer them.
#
# Later, the loss function will want the label as a **float, 0 for negative and 1 for positive**.

# %% [markdown] only="presenter" minutes=9
# - **Type** `__init__` slowly: the slow work happens here, once. The other two are one line each.
# - **Ask:** what does the loss want the label to be? *0.0 or 1.0, so subtract 1.*
# - **Often:** `tokenize` in `__getitem__`. It works, and every epoch pays for it again.
# - The check of 1.3 would tell on a wrong label at once, so type it right. The solution does not.

# %% name="review-dataset" exercise="1.3" minutes=8 catch_up="from practicum_utils.data import ReviewDataset"
class ReviewDataset(Dataset):
    """Reviews as numbers: dataset[i] -> (token_ids (T,) int64, label () float32 in {0., 1.})."""

    def __init__(self, reviews, vocab, max_length=256):
        """reviews: columns "text" and "label"; longer reviews keep their last max_length tokens."""
        ### BEGIN SOLUTION
        columns = reviews[:]
        self.token_ids = [vocab.encode(tokenize(text)[-max_length:]) for text in columns["text"]]
        self.labels = [label - 1 for label in columns["label"]]
        # BUG labels-one-two: self.labels = columns["label"]
        ### END SOLUTION

    def __len__(self):
        """How many reviews there are."""
        ### BEGIN SOLUTION
        return len(self.labels)
        ### END SOLUTION

    def __getitem__(self, index):
        """Token ids and label of one review, as tensors."""
        ### BEGIN SOLUTION
        return torch.tensor(self.token_ids[index]), torch.tensor(float(self.labels[index]))
        ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# `reviews[:]` is a dictionary of two lists, `"text"` and `"label"`. Do the slow work (tokenize,
# encode) once, in `__init__`. The raw labels are 1 and 2; think of what the loss will want.
# `tokens[-256:]` is the last 256 tokens.
# </details>

# %% name="make-dataset"
train_set = ReviewDataset(reviews["train"], vocab)
token_ids, label = train_set[0]
print(len(train_set), "reviews; the first one has", len(token_ids), "tokens")
print(token_ids[:12])

# %% check="1.3" only="student" verdict=true
check("1.3", ReviewDataset)

# %% [markdown]
# ## A batch: padding
#
# The network reads `B` reviews at once, as one table of `B` rows and `T` columns. But the reviews
# differ in length. So we fill the short rows up with 0, the id of `<pad>`. By hand, for three rows:

# %% [markdown] only="presenter" minutes=9
# - **Draw** the rectangle on the board: rows of different length, and what fills them.
# - **Type** `zip(*examples)`, print what it gives, then the rest.
# - **Then** the symptom, in about three minutes. Let pairs search before you say anything.
# - **Ask:** which word has the id 0? *`vocab.decode([0])` says "the"; 698 of the 12,588 real tokens of
#   our batch.*
# - **Often:** "the mask is wrong". Then `lengths` would be wrong too; print both.
# - **Say:** nothing crashed, and nothing ever would have.

# %%
rows = [[7, 5, 9, 4], [8], [6, 4]]
T = max(len(row) for row in rows)
torch.tensor([row + [0] * (T - len(row)) for row in rows])

# %% [markdown]
# The padding is no text. Every model from now on must be told where it begins. So a batch carries
# three tensors: `token_ids (B, T)`, `lengths (B,)`, `labels (B,)`. Write the function that makes
# one out of a list of items:

# %% name="collate" exercise="1.4" minutes=5 catch_up="from practicum_utils.data import collate"
def collate(examples):
    """List of (token_ids (T,), label ()) of different T -> Batch(token_ids, lengths, labels).

    token_ids: (B, T) int64, 0 after each review's end.  lengths: (B,).  labels: (B,) float32.
    """
    ### BEGIN SOLUTION
    rows, labels = zip(*examples, strict=True)
    lengths = torch.tensor([len(row) for row in rows])
    token_ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=0)
    return Batch(token_ids, lengths, torch.stack(labels))
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# `zip(*examples)` splits the pairs into rows and labels. `torch.nn.utils.rnn.pad_sequence(rows,
# batch_first=True)` does the filling, `torch.stack` makes one tensor of many small ones.
# </details>

# %% check="1.4" verdict=true
check("1.4", collate)

# %% [markdown]
# The `DataLoader` draws items in random order and gives them to `collate`, 64 at a time:

# %% name="make-batch"
loader = DataLoader(train_set, batch_size=64, shuffle=True, collate_fn=collate)
batch = next(iter(loader))
B, T = batch.token_ids.shape
print(f"B = {B} reviews, T = {T} tokens, labels {tuple(batch.labels.shape)}")

# %% [markdown]
# A batch also knows its `mask`, which is `True` on every real token. Does the mask agree with the
# token ids? A real token must never have the id of the padding:

# %% symptom="pad-is-a-word"
real_ids = batch.token_ids[batch.mask]
mistaken = (real_ids == 0).any()
print("symptom: real words look like padding" if mistaken else "ok: no real word looks like padding")

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# Some real tokens have the id 0. How many are they, and which word is it?

# %% only="walkthrough"
print(f"{(real_ids == 0).sum()} of {len(real_ids)} real tokens have the id 0")
print("id 0 is the token:", vocab.decode([0]))
print("<pad> has the id: ", vocab["<pad>"])

# %% [markdown] only="walkthrough"
# Id 0 is "the", the commonest word of all. Any model that skips the padding would skip "the" as
# well, and any model that reads "the" would read it again and again at the end of a short review.
# Nothing crashed, and nothing would have: the scores would only have been a little worse, for ever.

# %% [markdown] fix="pad-is-a-word" rerun="build-vocabulary, look-up, make-dataset, make-batch"
# ### The rule
#
# The special tokens belong at the front of the list. We change one line and run again:

# %% check="1.2" verdict=true
check("1.2", Vocabulary)

# %% [markdown]
# ## Less padding
#
# How much of an epoch is padding?

# %% [markdown] only="presenter" minutes=2
# - **Ask first:** how much is padding? *30 % in random batches, 1 % in bucketed ones.*
# - **Say:** same reviews, same learning, less work.

# %% tell=true
print(f"random batches:   {padding_share(loader):.0%} of the table is padding")
bucketed = make_loader(train_set, batch_size=64, shuffle=True)
print(f"bucketed batches: {padding_share(bucketed):.0%} of the table is padding")

# %% [markdown]
# `make_loader` puts reviews of similar length into one batch (in **buckets**), and still shuffles
# the reviews within each region and the batches among themselves. The work per epoch shrinks by as
# much as the padding does, and what the model learns stays the same. From the next lesson on we
# use it.

# %% [markdown]
# ## Takeaways
#
# 1. Fix what a number means before you use it: 0 is padding, 1 is unknown, words come after.
# 2. Fit the vocabulary on the training text only.
# 3. A batch is a rectangle; real text is not. Carry the lengths with it, always.
#
# ## Questions
#
# 1. Why does `tokenize` keep `!` but not the comma? What would you lose, and gain, by keeping both?
# 2. A colleague builds the vocabulary from all 25,000 reviews. What is wrong with that, if the model
#    never sees the test *labels*?
# 3. With `max_length=256` we keep the *last* 256 tokens. When would the first ones be better?
# 4. Why is it harmless to shuffle batches of similar lengths, but not to train on all short reviews
#    first and all long ones last?
#
# **One thing to change:** set `max_size` to 500, run everything below it again, and read five
# encoded reviews aloud.
#
# Next: **02, training utilities**, where these batches meet a model.

# %% [markdown] only="presenter" minutes=2
# Answers in one breath each:
#
# 1. A comma rarely changes an opinion. Both kept: longer reviews, a little more to see.
# 2. The ids and the unknown words then depend on the test texts; the score is no longer an honest one.
# 3. When the verdict comes first, as in a newspaper.
# 4. Batches still come in random order. Short ones first, long ones last is an order the model can feel.
