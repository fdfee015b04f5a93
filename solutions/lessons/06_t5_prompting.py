# %% [markdown]
# # Lesson 06: T5, and prompts that say the task
#
# So far, one model had one task: its last layer gave one number. **T5** reads a text and *writes* a text.
# Which task is meant stands in the text itself, in the first words. Those words are a **prompt**, and
# finding better ones is an experiment like any other.
#
# **You will be able to**
# - let an encoder-decoder write, piece by piece, and turn its ids back into words;
# - choose the task by the prefix, and show that the prefix chooses it;
# - score answers two ways, and tell an invalid answer from a wrong one;
# - compare prompts fairly: same reviews, an interval, a test, and other reviews for the last word;
# - average two readers that are wrong about different reviews.
#
# **Time:** 80 minutes of class, 30 of them in five exercises; only a linear model is trained, in half a
# minute. **Needs:** lessons 04 and 05 for comparison.
#
# | letter | size of |
# |---|---|
# | `B`, `T` | batch, time: pieces of the text that is read or written |
# | `V` | vocabulary: 12,000 pieces in our tiny T5, about 32,000 in Google's |
# | `N`, `K` | prompts, and labels to choose from |

# %% [markdown] only="presenter" minutes=2
# - **Before the class:** with a network, set `HUB = True` once, so that t5-small is on the disk. Without one,
#   the tiny T5 does everything but the cells marked (hub).
# - **Say:** no network is trained today. We ask.

# %% setup=true
import sys

import torch

from practicum_utils.data import load_reviews
from practicum_utils.prompting import generate, load_t5, score_labels
from practicum_utils.training import full_or_fast, recall, set_seed

set_seed(0)

# %% [markdown]
# ## Before we run T5, let's revisit lesson 05

# %% [markdown] only="presenter" minutes=1
# - **Point at** the accuracies on the board. Each of them needed its own training.

# %% tell=true
transformer = recall("transformer")
print(transformer)

# %% [markdown]
# A Transformer encoder, trained on 20,000 labelled reviews for this one question. What if a model had
# read a great deal before, and we only had to *ask*?

# %% [markdown]
# ## Text in, text out
#
# T5, the *Text-to-Text Transfer Transformer* (Raffel and others, 2020), makes every task the same task:
# a text comes in, a text goes out. There are two of them here. The **tiny** one comes with this course and
# was trained on its reviews, in twenty minutes on one processor core. It is a real T5, only small:

# %% [markdown] only="presenter" minutes=3
# - **Run**, and say which T5 you have; all numbers below are the tiny one's.

# %% tell=true
tiny = load_t5("tiny")

# %% [markdown]
# The **real** one, `t5-small` by Google, has read 750 GB of the web. It is downloaded from the hub (242
# MB, once). On Colab that is done here; anywhere else with a network, set `HUB = True`. Cells that need it
# are marked **(hub)**, and say so in one line where it was not loaded.

# %%
HUB = "google.colab" in sys.modules
small = load_t5("google-t5/t5-small") if HUB else None
print("t5-small is loaded" if HUB else "t5-small is not loaded: cells marked (hub) are skipped")

# %% [markdown]
# From here on `t5` is the better one that we have, and its name stands above every result:

# %%
t5 = tiny if small is None else small
print("t5 is", t5.name)

# %% [markdown]
# ## What it reads
#
# The text is cut into **pieces**: common words whole, rare ones in parts. `▁` marks the beginning of a
# word, `</s>` the end of the text:

# %% [markdown] only="presenter" minutes=6
# - **Read** the pieces of "flutist" aloud.
# - **6.1: type** `replace`, `split`, `join`, and show what `split()` does to three blanks.
# - **Often:** `split(" ")`, which keeps empty words.

# %%
prompt = "sst2 sentence: The flutist's flute is flawless."
ids = t5.tokenizer(prompt)["input_ids"]
print(len(ids), t5.tokenizer.convert_ids_to_tokens(ids))

# %% [markdown]
# `sst2 sentence:` is the **prefix**. It is one of those that T5 was trained with, for the Stanford
# Sentiment Treebank: whatever follows, say `positive` or `negative`. The form is exact: the prefix, its
# colon, one space, the text. A review from a web page has line breaks of HTML in it, and those go.

# %% exercise="6.1" minutes=4 catch_up="from practicum_utils.prompting import to_prompt"
def to_prompt(text, prefix="sst2 sentence:"):
    """Return the prefix, one space, and the text: no <br />, and one space between any two words."""
    ### BEGIN SOLUTION
    words = text.replace("<br />", " ").split()
    return " ".join([prefix, *words]).strip()
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# `"a <br /> b".replace("<br />", " ")`, then `split()` without an argument cuts at any run of spaces and
# line breaks, and `" ".join(...)` puts one space back.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="6.1" verdict=true
from practicum_utils.checks import check

check("6.1", to_prompt)

# %%
prompt = to_prompt("I loved it.<br /><br />So did   my mother.")
prompt

# %% [markdown]
# ## How it writes
#
# The **encoder** is that of lesson 05: it turns the prompt into vectors. The **decoder** writes, one piece
# at a time. It sees what it has written so far and, by attention, all the encoder's vectors. It has to
# start from something; T5 starts from the padding id, 0.

# %% [markdown] only="presenter" minutes=17
# - **Run** one step by hand. **Ask:** how many numbers, and which one do we take? *12,000; the largest.*
# - **6.2: type** the start id, the loop's two reasons to stop, and inside it the lines from above.
# - **Often:** no reason to stop but the end id. A prompt that never ends hangs the notebook.
# - **Often:** `logits[0, 0]`. It always gives the first piece again; `-1` is the next one.
# - **6.3: plant** the plain `decode`. It is what everybody types first, so just do not look it up. The check of
#   6.3 comes after the symptom.

# %%
prompt_ids = torch.tensor([t5.tokenizer(prompt)["input_ids"]], device=t5.device)  # (B, T)
start = torch.tensor([[t5.model.config.decoder_start_token_id]], device=t5.device)
with torch.no_grad():
    logits = t5.model(input_ids=prompt_ids, decoder_input_ids=start).logits
B, T, V = logits.shape
B, T, V

# %% [markdown]
# One number for each piece of the vocabulary: how much would it like to write that one next? The best
# three:

# %% tell=true
best = logits[0, -1].softmax(dim=0).topk(3)
for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True):
    print(f"{p:.3f}  {t5.tokenizer.convert_ids_to_tokens(i)}")

# %% [markdown]
# Take the best, append it, ask again, until it writes `</s>`. That is **greedy decoding**. (T5 was trained on
# at most 512 pieces; `truncation=True` cuts a longer prompt at its end.)

# %% exercise="6.2" minutes=10 catch_up="from practicum_utils.prompting import greedy"
def greedy(t5, prompt, max_new_tokens=20):
    """Return the ids of the answer, from the start id to the end id, the likeliest piece each time."""
    ### BEGIN SOLUTION
    ids = t5.tokenizer(prompt, truncation=True)["input_ids"]
    prompt_ids = torch.tensor([ids], device=t5.device)
    answer = [t5.model.config.decoder_start_token_id]
    while len(answer) <= max_new_tokens and answer[-1] != t5.tokenizer.eos_token_id:
        so_far = torch.tensor([answer], device=t5.device)
        with torch.no_grad():
            logits = t5.model(input_ids=prompt_ids, decoder_input_ids=so_far).logits  # (1, T, V)
        answer.append(int(logits[0, -1].argmax()))
    return answer
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# The prompt's ids and the list of the answer, as above. Then a `while` loop with two reasons to stop: the
# last id is `t5.tokenizer.eos_token_id`, or there are enough. In it, the lines from above with `answer` in
# place of the start id; `logits[0, -1]` belongs to the next piece.
# </details>

# %% check="6.2" verdict=true
check("6.2", greedy)

# %%
ids = greedy(t5, prompt)
ids

# %% [markdown]
# Numbers. The tokenizer turns them back into a text:

# %% name="to-text" exercise="6.3" minutes=3 catch_up="from practicum_utils.prompting import to_text"
def to_text(t5, ids):
    """Return the answer as a reader would write it: words, no marks of start and end."""
    ### BEGIN SOLUTION
    return t5.tokenizer.decode(ids, skip_special_tokens=True).strip()
    # BUG special-tokens-kept: return t5.tokenizer.decode(ids).strip()
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# `t5.tokenizer.decode(ids)` gives a text. Look at it closely. Its documentation names an option for what
# you see too much of.
# </details>

# %% [markdown]
# ## An answer, or no answer
#
# A classifier can only say one of two things. A model that writes can say anything: *positive*, *not
# positive*, *great*, nothing at all. T5's own scoring is strict, and so are we: an answer counts if it **is**
# a label. Anything else is **invalid**, which is not the same as wrong.

# %% [markdown] only="presenter" minutes=11
# - **6.4: ask first:** is "not positive" an answer? *No. Invalid is not the same as wrong.*
# - **Type** two lines. **Often:** `"positive" in answer`. Try it on "not positive".
# - **Run** the twenty reviews: 0 of 20. **Ask:** is it the model, the parser, or what the parser gets?
# - **Let them search.** *`repr(answers[0])` is `'<pad> positive</s>'`.*
# - **Often:** somebody makes the parser kinder. **Ask** what that parser says to "not positive".
# - **Mended:** 20 of 20.

# %% name="parser" exercise="6.4" minutes=5 catch_up="from practicum_utils.prompting import parse_label"
def parse_label(answer, labels=("negative", "positive")):
    """Return the label that the whole answer is, or None. Case and spaces around it do not count."""
    ### BEGIN SOLUTION
    plain = answer.strip().lower()
    return plain if plain in labels else None
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# Do not search for the label *in* the answer: what would that say to "not positive"?
# </details>

# %% check="6.4" verdict=true
check("6.4", parse_label)

# %%
for answer in ("positive", " Negative ", "not positive", "positive negative", ""):
    print(f"{answer!r:<22} {parse_label(answer)}")

# %% [markdown]
# Now twenty real reviews, asked one after the other:

# %%
reviews = load_reviews(max_test=full_or_fast(500, 60))["test"]
twenty = [to_prompt(text) for text in reviews["text"][:20]]

# %% name="twenty" tell=true
answers = [to_text(t5, greedy(t5, prompt, max_new_tokens=5)) for prompt in twenty]
found = sum(parse_label(answer) is not None for answer in answers)
print(f"{found} of {len(answers)} answers are labels")

# %% symptom="special-tokens-kept"
valid = found > len(answers) / 2
print("ok: most answers are labels" if valid else "symptom: no answer is one of the labels")

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# Not one of twenty, from a model that was trained to say one of two words? Before we blame the model, or
# make the parser kinder, we look at what the parser *got*. Not with `print`, with `repr`, which hides
# nothing:

# %% only="walkthrough" tell=true
print(repr(answers[0]))

# %% [markdown] only="walkthrough"
# The answer is there, and it is one of the labels. But it is wrapped: the start id and the end id have been
# turned into text as well. `print` would have shown it too; a parser that only says `None` does not.
#
# A tempting repair is to ask whether a label is *in* the answer. It works today, and one day it will take
# "not positive" for "positive". The parser is right. What it is given is wrong:

# %% only="walkthrough"
print(["positive" in answer for answer in ("<pad> positive</s>", "not positive")])

# %% [markdown] fix="special-tokens-kept" rerun="twenty"
# ### The rule

# %% check="6.3" verdict=true
check("6.3", to_text)

# %% [markdown]
# ## The prefix chooses the task
#
# Our tiny T5 was trained with five kinds of text: four prefixes, and one without (a gap to fill, in T5's
# own way, marked `<extra_id_0>`). The shortest of our reviews, which none of them has seen, under each:

# %% [markdown] only="presenter" minutes=4
# - **Run.** Same weights, same review, five answers: positive, imdb, story, medium, and a gap filled with "the".
# - Without the hub, skip the (hub) cell with a word: translation and summary work there.

# %%
review = min(reviews["text"], key=len)
review

# %%
words = to_prompt(review, "").split()
words[len(words) // 2] = "<extra_id_0>"
prefixes = ("sst2 sentence:", "source:", "topics:", "length:")
prompts = [*(to_prompt(review, prefix) for prefix in prefixes), " ".join(words)]

# %% tell=true
answers = generate(tiny, prompts, sentinels=True)
for name, answer in zip([*prefixes, "(a gap in it)"], answers, strict=True):
    print(f"{name:<15} -> {answer}")

# %% verdict=true
different = len(set(answers)) == len(answers)
print("ok: the prefix chooses the task" if different else "symptom: the prefix changes nothing")

# %% [markdown]
# Same weights, same review, five answers. `source:` asks whether a text is from IMDB or from Rotten
# Tomatoes, `topics:` what it speaks of, `length:` how long it is. The last form is how T5 learned to read in
# the first place: gaps in a text, to be filled. Ours writes *the* into nearly every gap: it has learned the
# form and the commonest word, from 27,000 texts. Google's has read a few hundred million.
#
# How good is it under the others? On 5,000 reviews that it has not seen, its written answer is right for 94 % of
# the sources, 81 % of the topics and 92 % of the lengths; on sentences from Rotten Tomatoes 74, 93 and 90 %.
# Such numbers belong beside a model: they stand in its **model card**, with how it was trained.

# %% [markdown]
# Google's T5 knows other prefixes: translation, summary, questions. **(hub)**

# %%
text = " ".join(reviews["text"][0].split()[:120])
tasks = ["translate English to German: The film was too long, but I loved the music.",
         "translate English to French: The film was too long, but I loved the music.",
         f"summarize: {text}"]
if small is None:
    print("skipped: needs t5-small from the hub (set HUB = True)")
else:
    print(*generate(small, tasks, max_new_tokens=60), sep="\n")

# %% [markdown]
# ## Asking five hundred reviews
#
# One after the other is slow: short prompts wait for long ones. `generate` does the same in batches of
# similar length. Writing also does more than we need. To choose between two labels it is enough to look at
# the first step and compare two of the `V` numbers, those of the labels' first pieces:

# %% [markdown] only="presenter" minutes=5
# - **Run**, 3 seconds. **Read** the interval as well: 0.852, between 0.818 and 0.880.
# - **Ask:** is that worse than lesson 05? *Yes: 0.900 there, from 0.891 to 0.908. The intervals do
#   not touch, so even 500 reviews settle it.*

# %% tell=true
scores = score_labels(t5, twenty)  # (N, K)
N, K = scores.shape
print(f"(N, K) = {(N, K)}; the first three rows:\n{scores[:3]}")

# %% [markdown]
# A softmax over two numbers, so each row sums to 1. It always gives an answer, even where the model would
# rather have written something else. That is why we count invalid answers as well.

# %% name="compare" tell=true
from practicum_utils.prompting import compare_prompts

result = compare_prompts(t5, {"sst2 sentence:": to_prompt}, reviews)
print(result.round(3).to_string())

# %% verdict=true
beats = result["low"].iloc[0] > 0.5
print("ok: the prompt beats guessing" if beats else "symptom: no better than guessing")

# %% [markdown]
# Ours at full size: 0.852, and every free answer is a label. The accuracy comes with its 95 % interval:
# with 500 reviews that is about 3 points to either side, and differences below that are mostly luck. Next to
# lessons 03 to 05 and the yardstick (5,000 reviews each, so about 1 point):

# %% tell=true
from practicum_utils.metrics import load_yardstick
from practicum_utils.visualize import plot_accuracies

runs = {"simple RNN": "simple_rnn", "RNN with attention": "attention_rnn", "Transformer": "transformer"}
shares = {title: (recall(name).test_accuracy[-1], 5_000) for title, name in runs.items()}
shares[f"T5 ({t5.name}), prompted"] = (result["accuracy"].iloc[0], len(reviews))
shares[load_yardstick().name] = (load_yardstick().accuracy, 5_000)
plot_accuracies(shares)

# %% [markdown]
# The tiny T5 is not better than models made for this one question, and it was trained on the same reviews.
# What it has is four other answers. Google's `t5-small` has never seen an IMDB review: if you could load it,
# its row is the interesting one.

# %% [markdown]
# ## Prompts as an experiment
#
# "Prompt engineering" is changing the question to get a better answer. It is full of advice that nobody
# measured. We measure: **one change at a time, the same reviews, an interval, a test**. First the wording.

# %% [markdown] only="presenter" minutes=10
# - **Take bets** before the table: which wording wins? Write them down. It takes about 16 seconds.
# - **Read** rows as sentences. No prefix: 0.508, and every answer invalid. "Step by step": 0.870, p = 0.02.
# - **Ask:** a discovery? *Six changes were tried. Leave it open; the next section answers.*
# - **Run** the other tables; stop at *bad / good*, 0.156, and ask how one can be that far below chance.

# %%
wordings = {
    "exact: sst2 sentence:": to_prompt,
    "colon missing": lambda text: to_prompt(text, "sst2 sentence"),
    "no prefix": lambda text: to_prompt(text, ""),
    "another task's prefix": lambda text: to_prompt(text, "source:"),
    "sentiment:": lambda text: to_prompt(text, "sentiment:"),
    "a polite question": lambda text: to_prompt(text, "Is this review positive or negative?"),
    "step by step": lambda text: to_prompt(text + " Let's think through it step by step."),
}

# %% name="wordings" tell=true
trial = compare_prompts(t5, wordings, reviews)
print(trial.drop(columns="seconds").round(3).to_string())

# %% [markdown]
# Read a row as a sentence. `accuracy` is by the two scores, `invalid` is the share of free answers that are
# no label, `positive` the share answered "positive" (half would be right), and `p` says how surprising the
# difference to the first row would be between two equally good prompts (McNemar's test).
#
# With the tiny T5: the colon does not matter (0.852 with it, 0.856 without). Without the prefix, with one that it
# never learned, or asked politely, accuracy is 0.50 to 0.51 and **no** answer is a label: it was never asked in
# such words. Under the prefix of another task the two ways of scoring part: every written answer is a source, and
# yet the scores of the two labels, which it would not write, are right for 0.830.
#
# And "step by step"? 0.870, p = 0.02. A discovery? It helps models that write their thoughts down, and ours writes
# one word. We also tried six changes at once: if none of them did anything, some p would still be below 0.05 in
# about one experiment of four. Keep it in mind; we come back to it.

# %% [markdown]
# Then the text itself. Where does a review say what it thinks, and do the line breaks hurt?

# %% name="texts" tell=true
def part(text, start=None, end=None):
    """The words of a text from place start to place end."""
    return " ".join(to_prompt(text, "").split()[start:end])


texts = {
    "whole review": to_prompt,
    "first 128 words": lambda text: to_prompt(part(text, end=128)),
    "last 128 words": lambda text: to_prompt(part(text, start=-128)),
    "<br /> kept": lambda text: "sst2 sentence: " + text,
}
print(compare_prompts(t5, texts, reviews).drop(columns="seconds").round(3).to_string())

# %% [markdown]
# Ours: the first 128 words give 0.834, the last 0.820, all of it 0.852, and p is 0.22 and 0.03. More text is
# better, as one would guess; which half is better, 500 reviews cannot tell. The line breaks change nothing.

# %% [markdown]
# Now the words of the answer. Asked to choose between *bad* and *good*, which its training never named, and
# between the right labels with their meanings exchanged:

# %% name="labels" tell=true
import pandas

answer_words = {
    "negative / positive": ("negative", "positive"),
    "bad / good": ("bad", "good"),
    "exchanged": ("positive", "negative"),
}
tables = [compare_prompts(t5, {name: to_prompt}, reviews, labels)
          for name, labels in answer_words.items()]
columns = ["accuracy", "low", "high", "invalid", "positive"]
print(pandas.concat(tables)[columns].round(3).to_string())

# %% [markdown]
# Exchanged labels give exactly one minus the accuracy: the model does not know what we *want* its words to
# mean. For *bad* and *good*, ours is at 0.16, far **below** chance: it never learned to write these two words,
# and numbers nobody trained can lean either way. All its free answers were something else, as `invalid` tells.
# And does it lean to one side before it has read anything? A prompt **without content** shows its
# bias:

# %% name="bias" tell=true
for nothing in ("N/A", "the", "..."):
    negative, positive = score_labels(t5, to_prompt(nothing))[0].tolist()
    print(f"{nothing!r:<6} negative {negative:.2f}, positive {positive:.2f}")

# %% [markdown]
# Ours is nearly neutral, which would be a half: 0.53 for "N/A", 0.46 for three dots.

# %% [markdown]
# ## A fair comparison
#
# We tried seven wordings on these reviews. The best of seven is partly the best and partly lucky, and on
# the same reviews we cannot tell which. So: **choose on one part, report on another.**

# %% [markdown] only="presenter" minutes=11
# - **6.5: type** two calls and the `idxmax` between them.
# - **Often:** choosing and reporting on the same half. **Ask:** what is the best of seven lucky coins?
# - **Say:** on all 5,000 reviews the exact prompt has 0.861 and "step by step" 0.862. Luck.

# %% exercise="6.5" minutes=8 catch_up="from practicum_utils.prompting import fair_comparison"
def fair_comparison(t5, prompts, validation, test):
    """Choose the prompt of best accuracy on validation; return its name and its row on test."""
    ### BEGIN SOLUTION
    tried = compare_prompts(t5, prompts, validation)
    best = tried["accuracy"].idxmax()
    return best, compare_prompts(t5, {best: prompts[best]}, test)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint</summary>
#
# `compare_prompts` returns a table whose index are the names; `table["accuracy"].idxmax()` is the name of
# the best row. The second call gets a dictionary of one prompt.
# </details>

# %% check="6.5" verdict=true
check("6.5", fair_comparison)

# %% name="fair" tell=true
half = len(reviews) // 2
validation, test = reviews.select(range(half)), reviews.select(range(half, len(reviews)))
best, row = fair_comparison(t5, wordings, validation, test)
print("chosen on the first half:", best)
print(row.drop(columns=["p", "seconds"]).round(3).to_string())

# %% [markdown]
# In our run the first half chose "step by step", and the number to report for it is the one on the second half:
# 0.860, between 0.812 and 0.898. Was it better, then? We asked all
# 5,000 test reviews once: exact 0.861, "step by step" 0.862, p = 0.84. That is what luck looks like, and why the
# last word belongs to reviews that did not choose.

# %% [markdown]
# ## Your turn
#
# A prompt laboratory: type a prompt, press Enter, see what is written and which label is preferred. Try a
# sentence of your own under each prefix, then try to make the model change its mind with one word.

# %% [markdown] only="presenter" minutes=3
# - **Let them play**, and ask for a word that turns an answer around.
# - **Ask:** the last two sentences get the same number, 0.39. What does the tiny T5 not see? *The order.*

# %%
from practicum_utils.prompting import prompt_lab

prompt_lab(t5)

# %% [markdown]
# The same without a box, for the record:

# %% tell=true
for text in (
    "This movie is great!", "This movie is terrible!",
    "It's not great, it's terrible!", "It's not terrible, it's great!",
):
    negative, positive = score_labels(t5, to_prompt(text))[0].tolist()
    print(f"{positive:.2f}  {text}")

# %% [markdown]
# The last two have the same words, and in our run the same number, 0.39. The tiny T5 weighs words and hardly
# sees their order, like the mean of embeddings that it started from.

# %% [markdown]
# ## The course's record
#
# By now you have made several readers of reviews, and none of them is right about every one. But two readers that
# are wrong about *different* reviews can help each other. Where one of them is unsure, the other is often sure, and
# then it is usually the sure one that is right. So the **average** of their probabilities can be better than either
# of them alone. [Mesnil and others (2015)](https://arxiv.org/abs/1412.5335) did this on this very data set. We do it
# now with your networks of lessons 04 and 05 and with the yardstick, NB-SVM, which has stood beside them since
# lesson 02.

# %% [markdown] only="presenter" minutes=5
# - **Run** down to the cell that trains NB-SVM *first*, then talk: it takes half a minute on one core.
# - **Ask** meanwhile: which two would you average, the two networks or a network and the counter? *A network and the
#   counter: they are wrong about different reviews.*
# - **Collect guesses** on the board, then run the average.
# - **Read** the ending of one review of the last cell aloud, and ask what the counter saw.
# - **Ask:** may we now try 0.6 and 0.4, and keep the better? *Not on these reviews; remember "step by step".*

# %% [markdown]
# All 5,000 test reviews this time, and the 20,000 to learn from:

# %%
from practicum_utils.data import POSITIVE

all_reviews = load_reviews(max_train=full_or_fast(None, 1_000))
positive = {part: torch.tensor(split["label"][:]) == POSITIVE for part, split in all_reviews.items()}

# %% [markdown]
# The networks need not be trained again. When lessons 04 and 05 ended with `remember`, they kept what your network
# answered on each test review: its probability of "positive". If you did not train one on this computer, you get the
# answers of the course's own run. The line says which they are:

# %%
from practicum_utils.training import recall_answers

chances = {
    "RNN with attention": recall_answers("attention_rnn", positive["test"]),
    "Transformer": recall_answers("transformer", positive["test"]),
}

# %% [markdown]
# NB-SVM is trained here. It gives a weight to each word, each pair of neighbours and each three in a row, millions of
# them. Naive Bayes says how much likelier each one is in a positive review than in a negative one; logistic
# regression, a single linear layer, then settles how much that should count
# ([Wang and Manning, 2012](https://aclanthology.org/P12-2018/)). It takes about half a minute on one core, and shows
# no progress meanwhile:

# %%
from practicum_utils.metrics import train_nb_svm

ask = train_nb_svm(all_reviews["train"]["text"][:], positive["train"])
chances["NB-SVM"] = torch.tensor(ask(all_reviews["test"]["text"][:]))

# %% [markdown]
# How often do two of them give different answers?

# %% name="pairs" tell=true
from itertools import combinations

for one, other in combinations(chances, 2):
    differ = (chances[one] > 0.5) != (chances[other] > 0.5)
    print(f"{one} and {other}: on {differ.float().mean():.3f} of the reviews")

# %% [markdown]
# In our run the two networks differ on 0.05 of the reviews, and each of them differs from NB-SVM on 0.07. The
# networks learned from the same words in the same way, so they share many of their mistakes. NB-SVM works quite
# differently: it reads the whole review, where the networks read its last 256 words, but to it a review is a heap of
# short phrases in no order. That is why we average a network with the counter, and not two networks.

# %% [markdown]
# How much should each of them count? We give NB-SVM 0.7 and the RNN 0.3. These two numbers were chosen before, on
# *validation* reviews that were cut from the training reviews (`hold_out`), and not on the test reviews. Had we tried
# many weights here and kept the best, a part of its success would be luck, exactly as with the best of seven prompts.
#
# Before you run the next cells: will the average be better than both, somewhere between the two, or worse than both?
# Write down what you expect, and why:

# %% only="student"
my_guess = ""  # write your guess here

# %%
average = 0.7 * chances["NB-SVM"] + 0.3 * chances["RNN with attention"]

# %% name="record" tell=true
answered = {**chances, "NB-SVM and RNN, averaged": average}
right = {name: (chance > 0.5) == positive["test"] for name, chance in answered.items()}
shares = {name: (hits.float().mean().item(), len(hits)) for name, hits in right.items()}
plot_accuracies(shares, marks={"MLPerf's target": 0.906})

# %% [markdown]
# <details><summary>What we saw</summary>
#
# In our run NB-SVM is right for 0.918 of the reviews, the RNN with attention for 0.905, and their average for
# 0.922: better than both. If you expected something in between, you were thinking of the average of the two
# *accuracies*. We average the *probabilities*, review by review, and there the sure one outvotes the unsure one.
# </details>
#
# The dashed line is a target that others have set. [MLPerf](https://github.com/mlcommons/training), a benchmark of how fast machines
# train, once had this data set among its tasks, and stopped the clock when a network reached 0.906 on the official
# test. Those are other reviews than our 5,000, so take it as a mark and not as a race.

# %% [markdown]
# Where does the average gain, and where does it lose? Each review is in one of four groups:

# %%
counter, reader = right["NB-SVM"], right["RNN with attention"]
groups = {
    "both right": counter & reader, "only NB-SVM right": counter & ~reader,
    "only the RNN right": reader & ~counter, "both wrong": ~counter & ~reader,
}

# %% name="groups" tell=true
wins = right["NB-SVM and RNN, averaged"]
counts = {name: (int(group.sum()), int((group & wins).sum())) for name, group in groups.items()}
print(pandas.DataFrame(counts, index=["reviews", "average is right"]).T.to_string())

# %% verdict=true
both_help = groups["only NB-SVM right"].any() and groups["only the RNN right"].any()
print("ok: each is right about reviews that the other gets wrong" if both_help
      else "symptom: one of them is never right alone, so there is nothing to gain")

# %% [markdown]
# Where both are right, the average cannot be wrong, and where both are wrong it cannot be right. All that it gains or
# loses is in the two rows between. Against NB-SVM alone, it gains what it gets right of *only the RNN right*, and it loses
# what it gets wrong of *only NB-SVM right*. In our run it gains 65 reviews and loses 41. The last row is
# what no weights can mend.

# %% [markdown]
# And which reviews are these? Here are the three on which their probabilities are furthest apart, each with its last words:

# %% name="apart" tell=true
gap = (chances["NB-SVM"] - chances["RNN with attention"]).abs()
for index in gap.topk(3).indices.tolist():
    pair = ", ".join(f"{name} {chances[name][index]:.2f}" for name in ("NB-SVM", "RNN with attention"))
    print(f"{pair}; in truth {'positive' if positive['test'][index] else 'negative'}")
    print("...", part(all_reviews["test"]["text"][index], start=-60), "\n")

# %% [markdown]
# Read them. Which words or phrases did the counter see, that it found so positive or so negative? And what did the
# reader see, that made it say the opposite? Remember that the counter adds up the whole review, and that the reader has
# its last 256 words in their order.

# %% [markdown] only="walkthrough"
# ## Bugs, summary 4
#
# | what we saw | this time | in general |
# |---|---|---|
# | no answer was a label | the marks of start and end were decoded too | look at what a function *gets*, with `repr`, before you change what it does |

# %% [markdown]
# ## Takeaways
#
# 1. A text-to-text model has one form for all tasks; the prefix chooses, and its exact wording counts.
# 2. It writes piece by piece, each chosen given the prompt and what is written so far.
# 3. An answer that is no label is invalid. Count these, do not repair them in silence.
# 4. A prompt is a setting like the learning rate: change one thing, use the same reviews, give an interval,
#    and report on reviews that did not choose it.
# 5. Two readers that are wrong about different reviews can be better together than the better one alone.
#
# ## Questions
#
# 1. Why does the decoder see only what it has written so far, and the encoder the whole prompt?
# 2. `score_labels` never gives an invalid answer. Is that a strength or a weakness?
# 3. With 500 reviews, how large must a difference be before you believe it? With 5,000?
# 4. Our tiny T5 has seen IMDB reviews in training, Google's `t5-small` has not. Which comparison with
#    lesson 05 is the fairer one?
# 5. You would like to give a part of the RNN's 0.3 to the Transformer. On which reviews do you find out whether
#    that is better?
#
# **One thing to change:** `max_test=5_000`. What happens to the intervals, and to your conclusions?

# %% [markdown] only="presenter" minutes=2
# 1. It writes from left to right, and what comes next does not exist yet; the prompt is all there.
# 2. Both: always an answer, even where it has none. Count the invalid ones beside it.
# 3. About 3 points to either side with 500, 1 with 5,000; less if the same reviews are compared pairwise.
# 4. Against the tiny one: same training reviews. Google's had other texts, and far more.
# 5. On validation reviews, cut from the training reviews with `hold_out`: then the test reviews have chosen nothing.
