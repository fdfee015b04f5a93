# %% [markdown]
# # Lesson 01: From reviews to batches
#
# A network reads numbers, and a review is text. In this lesson we build everything that lies between the two:
# tokens, a vocabulary, a dataset, and padded batches. On the way one thing will go wrong without any error
# message, and you will find out what it was.
#
# **You will be able to**
# - say what sentiment classification is, and what accuracy you get by guessing;
# - turn text into token ids and back, and say what an unknown word costs;
# - write a PyTorch `Dataset` (`__init__`, `__len__`, `__getitem__`) and a function that pads a batch;
# - measure how much of a batch is padding, and make it less.
#
# **Time:** 50 minutes of class, 27 of them in four exercises. Nothing here needs a GPU. **Needs:** Python, and
# the basics of PyTorch as in lesson 00: what a tensor is, its shape, and how to index it. Networks and
# gradients are not needed yet; lesson 02 introduces them.
#
# | letter | size of |
# |---|---|
# | `B` | the batch: how many reviews |
# | `T` | time: how many tokens in the longest review of the batch |

# %% [markdown] only="presenter" minutes=2
# - **Before the class:** run the first cells once on the machine of the room. They need no network.
# - **Say:** save a copy first, or your work is lost. Some of the solutions in your notebook are wrong on
#   purpose: try first, and when a line says `symptom: ...`, stop and find out why.
# - **Run:** the setup cell. Everything that follows assumes it.

# %% setup=true
import re
from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset

from practicum_utils.checks import check, verdict
from practicum_utils.data import Batch, load_reviews, make_loader, padding_share
from practicum_utils.training import full_or_fast, pick_device, set_seed

set_seed(0)
device = pick_device()

# %% [markdown]
# ## Why sequence models, and what we'll build
#
# A text is a sequence: what a word means depends on the words around it and on their order. The large language
# models that everybody talks about are sequence models, and chances are that your next project will use one. Their
# parts are the same as those of the small models that you can train on a laptop in a minute, and so are the
# mistakes that people make with them. That's why this course is built around small models and around those mistakes.
# By the end you'll know how such a project is put together, and what to do when it runs and doesn't learn.
#
# One task takes us through the first six lessons:
#
# | lesson | what we build |
# |---|---|
# | 01, 02 | the data, and the code that trains and tests any model |
# | 03 | a recurrent network (RNN) that reads the words in order |
# | 04 | an RNN that decides by *attention* which words count |
# | 05 | a Transformer, which is attention all the way through |
# | 06 | T5, a language model that was trained before, and that we ask in words |

# %% [markdown] only="presenter" minutes=1
# - **Ask:** who has used a language model this week? Who has trained one? That is what the course is about.

# %% [markdown]
# ## The task
#
# In **sentiment classification** the model reads a text and decides whether its author was pleased. "That was really
# cool!" is positive, "I hated that!" is negative. A shop can use it to recommend what customers liked rather than
# what they only bought, and the people who look after an online community can find the angry posts first. Our
# texts are movie reviews from IMDB, collected by [Maas and others in 2011](https://aclanthology.org/P11-1015/).
#
# We load them. `full_or_fast(a, b)` is `a` for you; `b` is for our own tests, which run every lesson on less
# data.

# %% [markdown] only="presenter" minutes=2
# - **Run** the cells, **read** two of the reviews aloud.
# - **Ask:** what does a program score that always says "positive"? *Half: 10,000 of each label.*
# - **Point at** the labels, 1 and 2. Do not explain yet why it matters; lesson 03 will.

# %%
reviews = load_reviews(max_train=full_or_fast(None, 2_000), max_test=full_or_fast(None, 500))

# %% [markdown]
# The model learns from `train`. It does not see `test` before it is scored on it. Here are the first
# three training reviews:

# %%
for row in reviews["train"].select(range(3)):
    print(f"label {row['label']}: {row['text'][:300]}...\n")

# %% [markdown]
# Read them aloud, and notice two things. The text still carries some of the web page that it came from
# (`<br />`), and the label is a 1 or a 2. In this raw data **1 means negative and 2 means positive**.
# How many of each are there?

# %% [markdown] guess="always-positive"
# **Guess before you run:** a program that does not read, and always answers "positive", which share of the
# test reviews does it get right?

# %%
for name, split in reviews.items():
    print(name, Counter(split["label"]))

# %% [markdown] fold="And your guess?" only="student"
# One half. Whoever collected these reviews took as many of one kind as of the other on purpose, so that such a
# program gets no credit.

# %% [markdown]
# Both splits have as many of one kind as of the other. So a program that always answers "positive" is right
# in half of the cases. That is the **majority class baseline**, 0.50, and the first number to beat.

# %% [markdown]
# ## Tokens
#
# The network needs units to count. We use words in lower case, and we leave contractions whole: "don't" is
# one token. We drop commas and full stops, but keep `!` and `?`, because an exclamation mark or a
# question mark often carries emotion.
#
# To find these units in a text we use a *regular expression*, a pattern that Python looks for. You do not have
# to write one; here it is, in a function that you can use. Read the pattern in three parts:
#
# - `[^\W_]+` is a run of letters and digits, at least one;
# - `(?:'[^\W_]+)*` allows an apostrophe with more letters behind it, as in "don't";
# - `|[!?]` means: or else one of these two marks.
#
# `re.findall` collects everything that fits, from left to right, and skips the rest.

# %% [markdown] only="presenter" minutes=6
# - **Run** the two examples, and let the class say what was skipped. Do not teach regular expressions here.
# - **Type** `lower` and `replace` first, run it on the sentence, and collect last.
# - **Often:** `text.split()`. It leaves "it!" and "it" as two words. Removing `<br />` instead of putting
#   a space there glues two words together.
# - **Ask:** why keep the `!`? *It says something about the mood; a comma hardly does.*

# %% name="find-words"
def find_words(text):
    """The words of a text, and each ! and ?, from left to right: str -> list of str."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[!?]", text)


print(find_words("We don't know!"))
print(find_words("8 of 10, I (almost) cried."))

# %% [markdown]
# The apostrophe stayed in its word, the comma and the brackets are gone. Two things are still missing: the
# capital letters should be small ones, and a `<br />` would leave its two letters behind. Write the function
# that takes care of both, and then collects the words.

# %% exercise="1.1" minutes=4 catch_up="from practicum_utils.data import tokenize"
def tokenize(text):
    """Split a review into lower-case tokens.

    "I don't like it!<br />Why?" -> ["i", "don't", "like", "it", "!", "why", "?"]
    """
    ### BEGIN SOLUTION
    text = text.lower().replace("<br />", " ")
    return find_words(text)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: three steps</summary>
#
# Make the text lower case, put something else where `<br />` was, and collect the words. A text has methods
# for the first two.
# </details>
#
# <details><summary>Hint 2: what goes in, and what comes out</summary>
#
# The first two steps make a text from a text: `"It!<br />Why?"` becomes `"it! why?"`. If you put nothing
# where `<br />` was, then what happens to "good<br />film"? The last step makes a list from the text.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# `text.lower()` gives the text in lower case, and `text.replace(old, new)` puts `new` wherever `old` stands.
# Neither changes `text` itself, so keep what they return. `find_words` does the rest.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it. `check` tries your function on small examples of its own. It prints one line that begins
# with `ok`, or says in a sentence what it saw and what it had expected:

# %% check="1.1" verdict=true
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
# The longer the reviews, the more a training step costs. So we look at their lengths before we choose where
# to cut them.

# %% [markdown] only="presenter" minutes=2
# - **Ask before the picture:** how long is a review, do you think? *Median 176 tokens, mean 235, the
#   longest 1,841.*
# - **Say:** cutting at 256 costs something in 29 of 100 reviews. It buys a table of 256 columns instead
#   of 1,841.

# %% [markdown] guess="length"
# **Guess before you run:** how many tokens does a typical review have, and how many the longest?

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
# Half of the reviews have fewer than 176 tokens, but a few are very long, so the mean lies well above the median.
# If we cut every review to 256 tokens, three in ten of them lose something. In return a batch is at most 256
# columns wide, instead of up to 1,841.

# %% [markdown] fold="And your guess?" only="student"
# A typical review has 176 tokens (half of the reviews are shorter, half are longer), the longest 1,841: ten times
# as many.

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
#   keep that question. (The checks say `ok so far` to right and wrong alike, until the symptoms have been met and mended.)
# - **Often:** `self.ids[token]` without a default, so the first unknown word raises KeyError.

# %%
tiny = [tokenize(text) for text in ("What a film!", "A bad film", "A good film, a good cast")]
counts = Counter(token for tokens in tiny for token in tokens)
counts.most_common()

# %% [markdown]
# More frequent words get lower ids. Four ids are taken before the first word:
#
# | id | token | for |
# |---|---|---|
# | 0 | `<pad>` | filling up short reviews in a batch |
# | 1 | `<unk>` | a word that we do not know |
# | 2, 3 | `<bos>`, `<eos>` | beginning and end of a text. Models that *write* text need them; ours only read, so for now they just keep their places |

# %%
special = ["<pad>", "<unk>", "<bos>", "<eos>"]
words = [word for word, count in counts.most_common()]
ids = {token: index for index, token in enumerate(special + words)}
[ids.get(token, ids["<unk>"]) for token in tokenize("A good flute!")]

# %% [markdown]
# "A", "good" and "!" have ids of their own. "Flute" does not occur in the three reviews, so it becomes 1.
# Now write the same as a class, for real reviews. A limit on its size keeps the rare words out; that part,
# `build`, is done.

# %% exercise="1.2" minutes=10 catch_up="from practicum_utils.data import Vocabulary"
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
        """How many tokens there are, the four special ones included."""
        ### BEGIN SOLUTION
        return len(self.tokens)
        ### END SOLUTION

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
# <details><summary>Hint 1: two tables</summary>
#
# `decode` goes from an id to its token, and a list does that: the token stands at the place that its id
# names. `encode` goes from a token to its id, and a dictionary does that. Make both in `__init__`.
# </details>
#
# <details><summary>Hint 2: what goes in, and what comes out</summary>
#
# The list holds all the tokens, the words and the special ones, and `len(vocab)` is its length. `vocab["good"]`
# is one int. `vocab.encode(["good", "flute"])` is a list of as many ints, `vocab.decode` of it is a list of as
# many texts. A word that is not in the dictionary gets the id of `<unk>`.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# With the list in `self.tokens`, the dictionary is
# `{token: index for index, token in enumerate(self.tokens)}`. A dictionary's `get(key, default)` returns
# `default` for a key that it does not have. `encode` looks up `self[token]` for each token, and `decode`
# takes `self.tokens[index]` for each index.
# </details>

# %% check="1.2" only="student" verdict=true
check("1.2", Vocabulary)

# %% [markdown]
# We build it from the **training** reviews only. A word that occurs in the test reviews alone must
# stay unknown, as it would be in real use.

# %% name="build-vocabulary"
max_size = full_or_fast(20_000, 5_000)
vocab = Vocabulary.build(token_lists, max_size)
len(vocab)

# %% [markdown]
# Which ids do these words have? One is very frequent, one frequent, one rare, and one that nobody wrote:

# %% name="look-up" tell=true
for word in ("the", "good", "flute", "practicum"):
    print(f"{word:<10} {vocab[word]:>6}")

# %% [markdown]
# The commonest word has a small id and a rare word a large one. Nobody wrote "practicum", so it has the id of
# `<unk>`. Now encode the beginning of a review, and decode it again:

# %% name="round-trip"
encoded = vocab.encode(token_lists[0][:12])
print(encoded)
print(" ".join(vocab.decode(encoded)))

# %% [markdown]
# ## What an unknown word costs
#
# A smaller vocabulary makes a smaller model, and more unknown words in the text. How many? We build the vocabulary
# from nine tenths of the training reviews and count the unknown words in the last tenth, for several sizes. (We leave
# the test reviews alone: how large the vocabulary should be is a choice, and they must not have a part in it.)

# %% [markdown] only="presenter" minutes=2
# - **Run** both cells. **Ask:** was the author pleased? *With 500 words, 31 % of the tokens are holes.*
# - **Say:** rare words carry the opinion.

# %% [markdown] guess="holes"
# **Guess before you run:** we keep only the 496 commonest words. Which share of the tokens in new reviews
# do we then not know?

# %%
tenth = len(token_lists) // 10
new_tokens = [token for tokens in token_lists[:tenth] for token in tokens]
for size in (500, 2_000, 5_000, 20_000):
    smaller = Vocabulary.build(token_lists[tenth:], size)
    unknown = smaller["<unk>"]
    share = sum(smaller[token] == unknown for token in new_tokens) / len(new_tokens)
    print(f"{size:>6} entries: {share:.1%} of the new tokens are unknown")

# %% [markdown]
# Five hundred entries (the four special ones included) leave a hole in almost every third place, twenty thousand in about
# 3 of 100, and still fit easily into memory. That is why we take twenty thousand. What do the holes look like to the
# model? Here is the beginning of a review with the small vocabulary:

# %%
small = Vocabulary.build(token_lists, 500)
" ".join(small.decode(small.encode(token_lists[0][:40])))

# %% [markdown]
# Could you still tell whether the author liked it? The words that carry an opinion are often the
# rarer ones, so they are the first to become holes.

# %% [markdown] fold="And your guess?" only="student"
# 31 %. Or the other way round: 496 different words make up more than two thirds of all that people write about
# films, because words like *the*, *a* and *and* come again and again.

# %% [markdown]
# ## A dataset
#
# PyTorch asks three questions of a dataset: how is it made (`__init__`), how long is it
# (`__len__`), and what is item number `index` (`__getitem__`)? You answer them by writing these three methods.
#
# The loss function of the next lesson will want the label as a **float, 0 for negative and 1 for positive**.

# %% [markdown] only="presenter" minutes=9
# - **Type** `__init__` slowly: the slow work happens here, once. The other two are one line each.
# - **Ask:** what does the loss want the label to be? *0.0 or 1.0.* Then type the line of the labels as the
#   solution has it, without a word: it is met in lesson 03. The check says `ok so far` to it, and
#   to whoever wrote it right.
# - **Often:** `tokenize` in `__getitem__`. It works, and every epoch pays for it again.

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
# <details><summary>Hint 1: when to do the work</summary>
#
# Every epoch asks for every item again. So tokenize and encode all the reviews once, in `__init__`, and keep
# the result. `reviews[:]` is a dictionary of two lists, `"text"` and `"label"`.
# </details>
#
# <details><summary>Hint 2: the shapes</summary>
#
# Keep one list of lists of ids, and one list of labels, as long as there are reviews. An item is a pair of
# tensors: ids `(T,)`, where every review has its own `T`, and a label `()`, a single number with no dimension.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# The ids of one review are `vocab.encode(...)` of the last `max_length` of its tokens, and `tokens[-256:]` is
# the last 256, or all if there are fewer. `torch.tensor` of a list of int is int64, and of one float it is
# a float32 of shape `()`.
# </details>

# %% check="1.3" only="student" verdict=true
check("1.3", ReviewDataset)

# %% [markdown]
# All the training reviews as numbers, which again takes a few seconds. The first one begins like this:

# %% name="make-dataset"
train_set = ReviewDataset(reviews["train"], vocab)
token_ids, label = train_set[0]
print(len(train_set), "reviews; the first one has", len(token_ids), "tokens")
print(token_ids[:12])

# %% [markdown]
# ## A batch: padding
#
# The network reads `B` reviews at once, as one table of `B` rows and `T` columns. But the reviews
# differ in length. So we fill the short rows up with 0, the id of `<pad>`. By hand, for three rows:

# %% [markdown] only="presenter" minutes=10
# - **Draw** the rectangle on the board: rows of different length, and what fills them.
# - **Type** `zip(*examples)`, print what it gives, then the rest.
# - **Then** the symptom, in about four minutes. Let pairs search and choose a cause before you say anything.
# - **Ask:** which word has the id 0? *`vocab.decode([0])` says "the"; 698 of the 12,588 real tokens of
#   our batch.*
# - **Often:** "the mask is wrong". Then the zeros would stand at the ends of the rows; look where they stand.
# - **Say:** nothing crashed, and nothing ever would have.

# %%
rows = [[7, 5, 9, 4], [8], [6, 4]]
T = max(len(row) for row in rows)
torch.tensor([row + [0] * (T - len(row)) for row in rows])

# %% [markdown]
# The padding is not text, and every model from now on must be told where it begins. So a batch carries
# three tensors: `token_ids (B, T)`, `lengths (B,)`, `labels (B,)`. Write the function that makes
# one out of a list of items:

# %% exercise="1.4" minutes=5 catch_up="from practicum_utils.data import collate"
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
# <details><summary>Hint 1: take it apart first</summary>
#
# `examples` is a list of pairs. `zip(*examples)` turns it around: first all the rows of ids, then all the
# labels. When is the length of a row still known: before it is padded, or after?
# </details>
#
# <details><summary>Hint 2: the shapes</summary>
#
# `B` rows `(T,)` of different `T` become one table `(B, T)`, where `T` is now the longest of them. `B` labels
# `()` become `(B,)`, and so do the lengths.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# `torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)` fills the rows up with 0, `torch.stack(labels)` makes
# one tensor of many small ones, and `torch.tensor` makes one of a list of lengths. Return
# `Batch(token_ids, lengths, labels)`.
# </details>

# %% check="1.4" verdict=true
check("1.4", collate)

# %% [markdown]
# PyTorch's [`DataLoader`](https://pytorch.org/docs/stable/data.html) does the rest of the work, and it's good to know
# what it does for you. It draws the items in a **random order**, a new one in each epoch (`shuffle=True`). It
# collects them into **batches** of 64 and gives each batch to `collate`. And if you ask for it, with `num_workers=2` for
# example, it **loads ahead**: two more processes prepare the next batches while the model is still busy with this one.
# That pays off when an item has to be read from the disk or decoded first, such as an image. Our reviews are
# already in memory, so we do without.

# %% name="make-batch"
loader = DataLoader(train_set, batch_size=64, shuffle=True, collate_fn=collate)
batch = next(iter(loader))
B, T = batch.token_ids.shape
print(f"B = {B} reviews, T = {T} tokens, labels {tuple(batch.labels.shape)}")

# %% [markdown]
# A batch also knows its `mask`, which is made from the lengths and is `True` on every real token. Do the mask
# and the token ids agree? A real token must never have the id of the padding, 0. We build everything once
# more, from the vocabulary to the batch, and look:

# %% name="real-words" symptom="pad-is-a-word"
set_seed(0)
vocab = Vocabulary.build(token_lists, max_size)
train_set = ReviewDataset(reviews["train"], vocab)
loader = DataLoader(train_set, batch_size=64, shuffle=True, collate_fn=collate)
batch = next(iter(loader))
no_zeros = (batch.token_ids[batch.mask] != 0).all()
verdict("1.D1", no_zeros, ok="no real word looks like padding", symptom="real words look like padding")

# %% [markdown] diagnose="1.D1" evidence="batch=batch, vocab=vocab"
# Some of the tokens that the mask calls real have the id 0, and 0 is the id that we fill rows up with. Nothing
# crashed, and nothing would have: a model that skips the padding would skip these words too, and its scores
# would only be a little worse. So it is worth a minute to find out where these zeros come from.
#
# - **What to look at:** Where do the zeros stand? `((batch.token_ids == 0) & batch.mask)` is `True` on them; print some rows of it. And which token is that? Print `vocab.decode([0])`, and `vocab["<pad>"]`.
# - **What it should be:** The id 0 should decode to `<pad>`, and `vocab["<pad>"]` should be 0. The table in "A vocabulary by hand" says which four ids are taken before the first word.
# - **Where it is:** In `Vocabulary.__init__`: the order in which the list of all the tokens is put together.

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# Some real tokens have the id 0. How many are they, and which word is it?

# %% only="walkthrough"
real_ids = batch.token_ids[batch.mask]
print(f"{(real_ids == 0).sum()} of {len(real_ids)} real tokens have the id 0")
print("id 0 is the token:", vocab.decode([0]))
print("<pad> has the id: ", vocab["<pad>"])

# %% [markdown] only="walkthrough"
# The id 0 belongs to "the", the commonest word of all. A model that skips the padding would skip "the" as
# well, and a model that reads "the" would read it again and again at the end of a short review.
# Nothing crashed, and nothing would have: the scores would only have been a little worse.

# %% [markdown] fix="pad-is-a-word" rerun="build-vocabulary, look-up"
# ### The rule
#
# The special tokens belong at the front of the list. We change one line, and run again what depends on it:

# %% name="check-mended" only="walkthrough" verdict=true
check("1.2", Vocabulary)

# %% [markdown] fold="What we met today" only="student, walkthrough"
# | what we saw | this time | in general |
# |---|---|---|
# | real words look like padding | the ids of the words began at 0, so the commonest word got the id of `<pad>` | reserve the special ids first, and check that no word has one of them |

# %% [markdown]
# ## Less padding
#
# Every place of the table costs time, a padded one as much as a real one. How much of an epoch is padding?

# %% [markdown] only="presenter" minutes=2
# - **Ask first:** how much is padding? *30 % in random batches, 1 % in bucketed ones.*
# - **Say:** the same reviews, and nearly a third less work.

# %% [markdown] guess="padding"
# **Guess before you run:** which share of the places in our batches is padding?

# %% tell=true
print(f"random batches:   {padding_share(loader):.0%} of the table is padding")
bucketed = make_loader(train_set, batch_size=64, shuffle=True)
print(f"bucketed batches: {padding_share(bucketed):.0%} of the table is padding")

# %% [markdown]
# About 30 % of the places in random batches are padding, and about 1 % in bucketed ones.
#
# `make_loader` is a loader from our package. It puts reviews of similar length into one batch (into
# **buckets**): it shuffles all the reviews, sorts them by length inside pieces of 50 batches, and then
# shuffles the batches. An epoch still has every review once, and we save the computation that was spent on
# padding. The price: a review now shares its batch with others of its length, no longer with any others. We use
# `make_loader` from the next lesson on.

# %% [markdown]
# ## Takeaways
#
# 1. Decide what a number means before you use it: 0 is padding, 1 is unknown, and words come after.
# 2. Build the vocabulary from the training text only.
# 3. A batch is a rectangle, and real text is not. Carry the lengths along with it, always.
#
# ## Questions
#
# 1. Why does `tokenize` keep `!` but not the comma? What would you lose, and gain, by keeping both?
# 2. A colleague builds the vocabulary from all 25,000 reviews. What is wrong with that, if the model
#    never sees the test *labels*?
# 3. With `max_length=256` we keep the *last* 256 tokens. When would the first ones be better?
# 4. Why does `make_loader` shuffle the batches, instead of training on all the short reviews first and on
#    all the long ones last?
#
# **One thing to change:** set `max_size` to 500, run everything below it again, and read five
# encoded reviews aloud.
#
# Next: **02, training utilities**, where these batches meet a model.

# %% [markdown] fold="Answers" only="student, walkthrough"
# 1. A comma rarely says anything about an opinion, while people who shout or doubt use `!` and `?`. With both kept,
#    the reviews would become longer, and the model would see a little more of how the author writes.
# 2. Which words have an id, and which are unknown, would then depend on the test texts. The test reviews stand for texts
#    that nobody has seen yet, and for those a word may well be unknown. The score would look a little better than
#    it will be later on.
# 3. When the judgement comes first. In a newspaper article, for example, the most important sentence is often the first.
# 4. The model would end its epoch on long reviews only, and it would forget some of what the short ones have taught it.

# %% [markdown] only="presenter" minutes=2
# - **Ask** question 2 first: it is the one that people get wrong. The answers are folded in the notebook.
# - **Let everyone** name one thing they will check in their own project tomorrow.
