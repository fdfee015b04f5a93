# %% [markdown]
# # Lesson 06: T5, and prompts that say the task
#
# So far, one model had one task: its last layer gave one number. **T5** reads a text and *writes* a text, and the
# first words of what it reads tell it which task to do. These words are part of the **prompt**. In this lesson we let
# a T5 write, we give it several tasks, and we look for better prompts, as an experiment like any other. On
# the way, one thing will go wrong.
#
# **You will be able to**
# - let an encoder and a decoder write a text, piece by piece, and turn its ids back into words;
# - draw where the decoder looks while it writes;
# - choose the task by the prefix, and show that the prefix chooses it;
# - score answers in two ways, and tell an invalid answer from a wrong one;
# - compare prompts fairly: on the same reviews, with an interval and a test, and with a final measurement on other reviews;
# - average two models that are wrong about different reviews, and test whether that helped.
#
# **Time:** 80 minutes of class, 30 of them in five exercises. The only model that we train is a linear one, and that
# takes half a minute. **Needs:** lessons 04 (attention) and 05 (the Transformer). If you did not train a model there,
# the course's own results take its place.
#
# | letter | size of |
# |---|---|
# | `B`, `T` | batch, time: pieces of the text that is read or written |
# | `S` | pieces of the prompt, where both texts matter |
# | `V` | vocabulary: 12,000 pieces in our tiny T5, about 32,000 in Google's |
# | `N`, `K` | prompts, and labels to choose from |

# %% [markdown] only="presenter" minutes=2
# - **Before the class:** with a network, set `HUB = True` once, so that t5-small is on the disk. Without one,
#   the tiny T5 does everything but the cells marked (hub).
# - **Say:** today we train no network. We ask one.

# %% setup=true
import sys
import textwrap

import torch

from practicum_utils.checks import check, verdict
from practicum_utils.data import load_reviews
from practicum_utils.prompting import cross_attention, generate, load_t5, score_labels
from practicum_utils.training import full_or_fast, recall, set_seed
from practicum_utils.visualize import draw_encoder_decoder

set_seed(0)

# %% [markdown]
# ## Before we run T5, let's revisit lesson 05
#
# Here is your Transformer of the last lesson once more, or the course's own if you have not trained one. A run that
# ended below 0.6 is left aside (`at_least`): something was wrong with it, and nothing should be compared with it.

# %% [markdown] only="presenter" minutes=1
# - **Point at** the accuracies on the board. Each of them needed a training of its own.

# %% tell=true
transformer = recall("transformer", at_least=0.6)
print(transformer)

# %% [markdown]
# This encoder needed 18,000 labelled reviews to learn one question. For another question it would need another
# last layer, other labels and another training. What if one model could do several tasks, and we only had to
# *ask* for the one that we want?

# %% [markdown]
# ## Text in, text out
#
# A **large language model** (LLM) is a network, nearly always a Transformer, that has learned from a very large amount
# of text to continue a text, or to fill in what is missing in it. To do that well, it has to pick up a lot about
# language and about what people write. So the same model can afterwards do many tasks that used to need a model
# each: translate, summarise, answer questions, write code, tell whether a review is positive. That is why everybody
# talks about them, and why you may want to begin a project with one, instead of training a model from nothing.
#
# T5, the *Text-to-Text Transfer Transformer*
# ([Raffel and others, 2020](https://jmlr.org/papers/v21/20-074.html)), was built around one idea: make every task
# the same task. A text comes in, and a text goes out. The largest T5 has 11 billion parameters; when it
# appeared, it was the best on 18 of the 24 tasks that its authors tried. We use two that fit on a laptop.
#
# The **tiny** T5 comes with this course. We trained it ourselves, in twenty minutes on one processor core, on
# 20,000 IMDB reviews and 7,000 sentences from Rotten Tomatoes. With 2 million parameters there is nothing large about
# it, and all it has read are film reviews, but it is built like a real T5 and is asked in the same way:

# %% [markdown] only="presenter" minutes=3
# - **Ask:** who has used an LLM, and what for? Collect three tasks, and say which of them T5 would know.
# - **Run**, and say which T5 you have; the presenter's numbers are those of the tiny one.

# %% tell=true
tiny = load_t5("tiny")

# %% [markdown]
# The other one is `t5-small` by Google, thirty times larger. It was trained on 750 GB of text from web pages
# and on many tasks, among them sentiment, translation and summaries. It has to be downloaded from the hub (242 MB,
# once). On Colab the next cell does that; anywhere else with a network, set `HUB = True`. Cells that need it are
# marked **(hub)**, and where it was not loaded they say in one line that they are skipped.
#
# In Colab, *Runtime > Change runtime type > T4 GPU* makes the larger model answer in seconds. If you want that, choose
# it now rather than later, because you get a new machine, and everything has to run again.

# %%
HUB = "google.colab" in sys.modules
small = load_t5("google-t5/t5-small") if HUB else None
print("t5-small is loaded" if HUB else "t5-small is not loaded: cells marked (hub) are skipped")

# %% [markdown]
# From here on, `t5` is the larger one of those that you have:

# %%
t5 = tiny if small is None else small
print("t5 is", t5.name)

# %% [markdown]
# The two models answer differently, so each sentence about a result says which model it is about:
#
# - **Tiny T5** stands before what we measured with the tiny one and 500 reviews. Its weights come with the course, so
#   your numbers should be the same, or differ in the last digit.
# - **t5-small** stands before what to look for if you have that one. We give no numbers for it.
#
# Now the reviews that we will ask about. The tiny T5 gets 500 of them, and so does t5-small on a GPU. On a CPU,
# t5-small gets 80, because our experiments read every review about 18 times: with 500 you would wait over 13 minutes in
# all, and with 80 it is 2 minutes on two cores of ours, perhaps twice as long on Colab's CPU. What fewer reviews cost, you
# will see in the intervals.
#
# (`full_or_fast(a, b)` is `a` for you; `b` is for our own tests, which run every lesson on less data.)

# %%
slow = t5 is not tiny and t5.device.type == "cpu"
reviews = load_reviews(max_test=full_or_fast(80 if slow else 500, 60))["test"]

# %% [markdown]
# ## What it reads
#
# In lesson 01 we cut a text into words. T5's
# [tokenizer](https://huggingface.co/docs/transformers/main_classes/tokenizer) cuts it into **pieces**
# ([Kudo and Richardson, 2018](https://arxiv.org/abs/1808.06226)): common words stay whole, and rare ones are put
# together from parts, so that hardly any word is unknown. `▁` marks the beginning of a word (a piece that is only `▁`
# belongs to a word of which even the first letter is a piece of its own), and `</s>` the end of the text:

# %% [markdown] only="presenter" minutes=6
# - **Read** the pieces of "flutist" aloud.
# - **6.1: type** `replace`, `split`, `join`, and show what `split()` does to three blanks.
# - **Often:** `split(" ")`, which keeps empty words.

# %%
prompt = "sst2 sentence: The flutist's flute is flawless."
ids = t5.tokenizer(prompt)["input_ids"]
print(len(ids), t5.tokenizer.convert_ids_to_tokens(ids))

# %% [markdown]
# `sst2 sentence:` is the **prefix**. It is named after the
# [Stanford Sentiment Treebank](https://nlp.stanford.edu/sentiment/), and both T5s were trained with it: whatever
# follows, write `positive` or `negative`. To ask for the sentiment of a review, all we do is put these two words in
# front of it.
#
# A model knows only the form that it has seen in training, so we write a prompt in exactly that form: the prefix with
# its colon, one space, the text. Reviews from a web page also have line breaks of HTML in them. For the training they
# were taken out, so we take them out as well.

# %% exercise="6.1" minutes=4 catch_up="from practicum_utils.prompting import to_prompt"
def to_prompt(text, prefix="sst2 sentence:"):
    """Return the prefix, one space, and the text: no <br />, and one space between any two words."""
    ### BEGIN SOLUTION
    words = text.replace("<br />", " ").split()
    return " ".join([prefix, *words]).strip()
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: what has to go?</summary>
#
# Two things: every `<br />`, and every place where two words stand apart by more than one space, or by a line
# break. The words on both sides of a `<br />` must not grow together.
# </details>
#
# <details><summary>Hint 2: from text to words, and back</summary>
#
# A text has methods for this. `text.replace(old, new)` gives a text, `text.split()` gives a list of words, and
# `" ".join(words)` makes one text of a list again.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# Put a space in place of each `<br />`. Then use `split()` without an argument, which cuts at any run of spaces
# and line breaks. Join the prefix and these words by one space. If the prefix is empty, that leaves a space too many at
# the beginning, which `strip()` takes away.
# </details>

# %% [markdown] only="student, walkthrough"
# Check it:

# %% check="6.1" verdict=true
check("6.1", to_prompt)

# %% [markdown]
# Then try it on a text with two line breaks and too many spaces:

# %%
prompt = to_prompt("I loved it.<br /><br />So did   my mother.")
prompt

# %% [markdown]
# ## How it writes
#
# A T5 has two halves
# ([`T5ForConditionalGeneration`](https://huggingface.co/docs/transformers/model_doc/t5) in the library), as the first
# Transformer had ([Vaswani and others, 2017](https://arxiv.org/abs/1706.03762)).
#
# The **encoder** turns the prompt into vectors, one for each piece. It is built from blocks like those of lesson
# 05, self-attention and a feed-forward network. One thing is different. In lesson 05 we added to each word vector
# where it stands; T5 adds a number to the attention scores instead, which depends on how far apart two pieces are (a
# *relative* position). And T5 does not divide the scores by the root of `D`; its first weights are made so much smaller
# that it need not.
#
# The **decoder** writes the answer, one piece at a time. In each step it gets what it has written so far. By
# **cross-attention** it also looks at the encoder's vectors: a query from the decoder, keys and values from
# the encoder. In the first step nothing is written yet, but it has to start from something, and T5 starts from the
# id 0. Here is one step by hand:

# %% [markdown] only="presenter" minutes=17
# - **Run** one step by hand. **Ask:** how many numbers, and which one do we take? *12,000; the largest.*
# - **6.2: type** the start id, the loop's two reasons to stop, and inside it the lines from above.
# - **Often:** no reason to stop but the end id. A prompt that never ends hangs the notebook.
# - **Often:** `logits[0, 0]`. It always gives the first piece again; `-1` is the next one.
# - **At the diagram:** follow one piece with a finger, from the step that writes it to the next one.
# - **6.3: plant** the plain `decode`. It is what everybody types first, so just do not look it up. The check says
#   *ok so far*; go on as if it were nothing.

# %%
prompt_ids = torch.tensor([t5.tokenizer(prompt)["input_ids"]], device=t5.device)  # (B, T)
start = torch.tensor([[t5.model.config.decoder_start_token_id]], device=t5.device)
with torch.no_grad():
    logits = t5.model(input_ids=prompt_ids, decoder_input_ids=start).logits
B, T, V = logits.shape
B, T, V

# %% [markdown]
# That is one number for each of the `V` pieces of the vocabulary: how much would it like to write that piece next?
# A softmax makes probabilities of them, and these are the best three:

# %% tell=true
best = logits[0, -1].softmax(dim=0).topk(3)
for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True):
    print(f"{p:.3f}  {t5.tokenizer.convert_ids_to_tokens(i)}")

# %% [markdown]
# The simplest way to write a whole answer is to take the best piece, append it, and ask again, until the model
# writes `</s>`:
#
# $$\texttt{answer}_{t+1} = \operatorname*{argmax}_{v}\; \texttt{logits}[0, -1, v]$$
#
# This is **greedy decoding**. T5 was trained on at most 512 pieces, so a longer prompt has to be cut;
# `t5.tokenizer(prompt, truncation=True)` cuts it at its end.

# %% exercise="6.2" minutes=10 catch_up="from practicum_utils.prompting import greedy"
def greedy(t5, prompt, max_new_tokens=20):
    """Return the ids of the answer, a list from the start id to the end id, the likeliest each time.

    At most max_new_tokens ids follow the start id. A prompt of more than 512 pieces is cut at its end.
    """
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
# <details><summary>Hint 1: what is done again and again?</summary>
#
# The prompt stays the same. What grows is the list of ids that are written already: it begins with the start id,
# and each step adds one. The cell above has done the first step. When should it end? There are two reasons.
# </details>
#
# <details><summary>Hint 2: the shapes on the way</summary>
#
# The prompt's ids are `(1, T)`, and so are those of the answer so far, with a `T` of their own that grows. The
# logits are `(1, T, V)`: for each id of the answer, a number for every piece that could come after it. Only
# the last row tells what comes next: `logits[0, -1]`, `(V,)`.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# Before the loop: `prompt_ids` as above, with `truncation=True`, and `answer`, a list with the start id. The loop
# goes on `while` there are not yet `max_new_tokens` new ids and the last id is not
# `t5.tokenizer.eos_token_id`. In it: `torch.tensor([answer], device=t5.device)`, the two lines with `no_grad` from
# above with this in place of `start`, and `answer.append(int(logits[0, -1].argmax()))`.
# </details>

# %% check="6.2" verdict=true
check("6.2", greedy)

# %%
ids = greedy(t5, prompt)
ids

# %% [markdown]
# The first id is the start; the model generated all the others. Before we turn them into words, let us
# look inside. `cross_attention` writes an answer as your `greedy` does, and keeps the weights of the decoder's
# cross-attention, averaged over its heads. There is a row for each piece that was written and a column for
# each piece that was read, and in a row the weights sum to 1:
#
# $$\texttt{weights}_{t,s} = \operatorname{softmax}_s\,(q_t \cdot k_s)$$

# %% [markdown] guess="where-it-looks"
# **Guess before you run:** the prompt is *sst2 sentence: a great and moving film*. While the model writes "positive",
# which pieces will have the largest weights?

# %% name="look-inside"
seen = cross_attention(t5, "sst2 sentence: a great and moving film")
seen.weights.shape, seen.weights.sum(dim=1)  # (T, S), (T,)

# %% [markdown]
# The picture is drawn from these weights and from the encoder's vectors. Begin
# with the prompt, go up through the encoder to its vectors, one for each piece, and from there to the decoder:

# %% name="draw-writing"
blocks = t5.model.config.num_layers, t5.model.config.num_decoder_layers
draw_encoder_decoder(
    seen.source, seen.written, seen.weights, states=seen.states, layers=blocks, start="start"
)

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# **Tiny T5:** most people say "great" or "moving". In the first step "moving" has 0.20, "great" has nothing, and three
# quarters of the weight are on two pieces of the *prefix*, `s` and `st2`. **t5-small:** compare the row of
# its first step with that.
#
# Did the decoder not read "great", then? It did, but not there. The vector above `s` is what two blocks of
# self-attention have made of it, and they had the whole sentence to mix into it. The picture shows from which vectors
# the decoder takes; what is in a vector, it does not show. This is the same caution as in lesson 04, where a large
# weight was no proof that a word had decided.

# %% [markdown]
# Two things are worth following with a finger. Every step gets the piece that the step before has written, which is
# why an answer cannot be written all at once. And every step has a row of weights of its own, so the decoder may look
# at other places for each piece that it writes. (The encoder's vectors are computed once, and stay the same.)
#
# Back to the ids. They are numbers, and the tokenizer turns them into a text:

# %% exercise="6.3" minutes=3 catch_up="from practicum_utils.prompting import to_text"
def to_text(t5, ids):
    """Return the answer as a reader would write it: a list of ids -> a text, no space around it."""
    ### BEGIN SOLUTION
    return t5.tokenizer.decode(ids, skip_special_tokens=True).strip()
    # BUG special-tokens-kept: return t5.tokenizer.decode(ids).strip()
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: the other way round</summary>
#
# `t5.tokenizer(text)` makes ids of a text. The tokenizer has a method for the other direction as well.
# </details>
#
# <details><summary>Hint 2: which of two methods?</summary>
#
# `convert_ids_to_tokens` gives a *list* of pieces, with `▁` in them. We want one text, as one would write it:
# that is `decode`, a list of ids -> a text.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# Call `t5.tokenizer.decode` with the ids, and take the spaces around what it gives away with `strip()`.
# `t5.tokenizer.decode?` in a cell of its own shows its documentation.
# </details>

# %% check="6.3" only="student" verdict=true
check("6.3", to_text)

# %% [markdown]
# ## An answer, or no answer
#
# A classifier can only say one of two things. A model that writes can say anything: *positive*, *not
# positive*, *great*, nothing at all. When T5's authors score an answer, they are strict, and so are we: an answer
# counts if it **is** a label. Anything else is **invalid**. (They counted such an answer as wrong. We count it by itself, because one mends a wrong
# answer and an invalid one in different ways.)

# %% [markdown] only="presenter" minutes=11
# - **6.4: ask first:** is "not positive" an answer? *No. Invalid is not the same as wrong.*
# - **Type** two lines. **Often:** `"positive" in answer`. Try it on "not positive".
# - **Run** the twenty reviews: not one is a label. **Ask:** is it the model, the parser, or what the parser gets?
# - **Let them search.** *`repr(answers[0])` is `'<pad> positive</s>'`.*
# - **Often:** somebody makes the parser kinder. **Ask** what that parser says to "not positive".
# - **Mended:** 20 of 20 with the tiny T5.

# %% exercise="6.4" minutes=5 catch_up="from practicum_utils.prompting import parse_label"
def parse_label(answer, labels=("negative", "positive")):
    """Return the label that the whole answer is, or None. Case and spaces around it do not count."""
    ### BEGIN SOLUTION
    plain = answer.strip().lower()
    return plain if plain in labels else None
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: the whole answer</summary>
#
# Do not search for a label *in* the answer: what would that say to "not positive"?
# </details>
#
# <details><summary>Hint 2: what goes in, what comes out</summary>
#
# A text goes in. One of the texts in `labels` comes out, or `None`. So " Negative " becomes "negative", and
# "great" becomes `None`.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# Take the spaces around it away with `strip()` and the capital letters with `lower()`. Is what remains one of the
# labels? `word in labels` compares whole words, as `labels` is a tuple and not a text.
# </details>

# %% check="6.4" verdict=true
check("6.4", parse_label)

# %%
for answer in ("positive", " Negative ", "not positive", "positive negative", ""):
    print(f"{answer!r:<22} {parse_label(answer)}")

# %% [markdown]
# Now we put the parts together, and ask about twenty real reviews, one after the other.

# %%
twenty = [to_prompt(text) for text in reviews["text"][:20]]

# %% [markdown] guess="twenty"
# **Guess before you run:** how many of the twenty answers will be a label? The model was trained to write one
# of two words, but nothing forces it to.

# %% name="twenty" symptom="special-tokens-kept"
written = [greedy(t5, prompt, max_new_tokens=5) for prompt in twenty]
answers = [to_text(t5, ids) for ids in written]
found = sum(parse_label(answer) is not None for answer in answers)
most = found > len(answers) / 2
verdict("6.D1", most, ok="most answers are labels", symptom="no answer is one of the labels")

# %% [markdown] fold="And your guess?" only="student"
# `found` has your number. **Tiny T5:** once everything was right, it was 20 of 20; two words are quickly learned. If
# yours is 0 of 20, with either model, that is what the next part is about.

# %% [markdown] diagnose="6.D1" evidence="t5=t5, ids=written[0], answers=answers, parse_label=parse_label"
# Not one of twenty is a label, and the model was trained to write nothing else. An answer passes three places on
# its way: the model writes ids (`greedy`), the ids become a text (`to_text`), and the text is compared with the
# labels (`parse_label`). The symptom shows at the end of the way, but the cause can be at any of the three. So do not
# change anything yet. Follow *one* answer, and look at it at every place.
#
# - **What to look at:** The first answer at all three places: `written[0]`, then `repr(answers[0])`, then `parse_label("positive")`. `repr` puts the text in quotes and hides nothing of it.
# - **What it should be:** `t5.tokenizer.convert_ids_to_tokens(written[0])` should have a label between the start and the end. The text should be that label and nothing else. The parser should give the label back.
# - **Where it is:** In `to_text`: `decode` spells out every id that it is given, those of the start and the end as well. Its documentation, `t5.tokenizer.decode?`, names an option that leaves special tokens out.

# %% [markdown] fold="Could one mend the parser instead?" only="student"
# It is tempting: let `parse_label` ask whether a label is *in* the answer. Today that would work, and one day it
# would take "not positive" for "positive". The parser is right. What it is given is wrong, so mend it there. Then
# run check 6.3 again: it is stricter now.

# %% [markdown] only="walkthrough"
# ### Diagnosis
#
# Not one of twenty, from a model that was trained to write one of two words? Before we blame the model, or
# make the parser kinder, we look at what the parser *got*, and we look with `repr`, which puts the text in quotes
# and hides nothing:

# %% only="walkthrough" tell=true
print(repr(answers[0]))

# %% [markdown] only="walkthrough"
# The answer is there, and it is one of the labels. But it is wrapped: the start id and the end id have been
# turned into text as well. So the model is right.
#
# A tempting repair is to ask whether a label is *in* the answer. It works today, and one day it will take
# "not positive" for "positive". The parser is right as well. What it is given is wrong:

# %% only="walkthrough"
print(["positive" in answer for answer in ("<pad> positive</s>", "not positive")])

# %% [markdown] fix="special-tokens-kept"
# ### The rule

# %% name="check-mended" only="walkthrough" verdict=true
check("6.3", to_text)

# %% [markdown] fold="Bugs, summary 4" only="student, walkthrough"
# | what we saw | this time | in general |
# |---|---|---|
# | no answer was a label | the ids of start and end were decoded too | look at what a function *gets*, with `repr`, before you change what it does |

# %% [markdown]
# ## The prefix chooses the task
#
# Our tiny T5 was trained with five kinds of text. Four have a prefix: `sst2 sentence:`, then `source:`, which asks
# whether a text is from IMDB or from Rotten Tomatoes, `topics:`, what it is about, and `length:`, how long it is. The
# fifth has none: it is a text with a gap to fill, marked `<extra_id_0>` as in Google's T5. We take the shortest of our
# reviews, which was not among the training texts:

# %% [markdown] only="presenter" minutes=4
# - **Run.** Same weights, same review, five answers: positive, imdb, story, medium, and a gap filled with "the".
# - **At the second diagram:** in step 2 the decoder looks at the gap itself, 0.75.
# - **Ask**, before the prefix it never learned: what will it write? *A mark of a gap, and no word.*
# - Without the hub, skip the (hub) cells with a word: translation and summary work there.

# %%
review = min(reviews["text"], key=len)
print(textwrap.fill(review, 96))

# %% [markdown]
# We put each of the four prefixes in front of it, and for the fifth form we take one word out of it:

# %%
words = to_prompt(review, "").split()
words[len(words) // 2] = "<extra_id_0>"
prefixes = ("sst2 sentence:", "source:", "topics:", "length:")
prompts = [*(to_prompt(review, prefix) for prefix in prefixes), " ".join(words)]

# %% [markdown] guess="five-answers"
# **Guess before you run:** the weights are the same each time, and so is the review. What will the answers be?

# %% tell=true
answers = generate(tiny, prompts, sentinels=True)
for name, answer in zip([*prefixes, "(a gap in it)"], answers, strict=True):
    print(f"{name:<15} -> {answer}")

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# In our run it wrote `positive`, `imdb`, `story`, `medium`, and *the* for the gap. If you expected the same answer
# each time: the prefix is a part of the text, and the encoder reads it like any other word. Training has taught the
# model what to write after it.

# %% verdict=true
different = len(set(answers)) > 1
print("ok: the prefix chooses the task" if different else "symptom: the prefix changes nothing")

# %% [markdown]
# The weights are the same and the review is the same, and there are five answers. To fill gaps is what Google's T5
# was trained for before anything else, because any text will do for that, and nobody has to label it. In this form the
# decoder writes the mark of a gap, then the word, then the next mark. Let us watch it with two gaps:

# %%
gaps = "The music is <extra_id_0>, but the story <extra_id_1> awful."
seen = cross_attention(tiny, gaps)

# %% name="draw-gaps"
blocks = tiny.model.config.num_layers, tiny.model.config.num_decoder_layers
draw_encoder_decoder(
    seen.source, seen.written, seen.weights, states=seen.states, layers=blocks, start="start"
)

# %% [markdown]
# When it wrote the first word, in step 2, three quarters of the weight were on `<extra_id_0>`: it looked at the gap
# that it was filling. At the second gap, in step 4, it looked at many places and hardly at `<extra_id_1>` (0.02), so
# our tiny model has learned this only in part. The words that it writes are no better. It puts *the* into nearly every
# gap: from 27,000 texts it has learned the form, and the commonest word.
#
# How good is it under the other prefixes? On 5,000 reviews that it has not seen, its written answer is right for 94 %
# of the sources, 81 % of the topics and 92 % of the lengths; on sentences from Rotten Tomatoes it is 74, 93 and 90 %.
# Such numbers belong beside a model. They stand in its
# [model card](https://github.com/sequence-learning-practicum/sequence-learning-practicum/blob/main/practicum_utils/assets/tiny_t5/README.md),
# together with the data, the recipe and what the model cannot do, and whenever you take a model from somewhere, its
# card is the first thing to read.

# %% [markdown] guess="spanish"
# The example that one meets most often is *translate English to Spanish*. The tiny T5 has read English film
# reviews and nothing else. **Guess before you run:** what will it write?

# %% tell=true
sentence = "The film was too long, but I loved the music."
generate(tiny, to_prompt(sentence, "translate English to Spanish:"), sentinels=True)

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# It does not say that it has not learned this, because it has not learned to say that either. In our run it
# wrote the mark of a gap, `<extra_id_0>`, and no word at all: without a prefix that it knows, the text looks to it
# most like one with gaps. A prompt can only ask for what training has put into the model.

# %% [markdown]
# Google's T5 knows more prefixes: summaries, questions, and translation from English into *three* languages,
# German, French and Romanian. Spanish is not among them. Ask for it all the same, and look at what you get: which
# language is it? **(hub)**

# %%
tasks = [f"translate English to {language}: {sentence}"
         for language in ("German", "French", "Romanian", "Spanish")]
tasks.append(f"summarize: {' '.join(reviews['text'][0].split()[:120])}")
if small is None:
    print("skipped: needs t5-small from the hub (set HUB = True)")
else:
    print(*generate(small, tasks, max_new_tokens=60), sep="\n")

# %% [markdown]
# Is there a T5 that can? [FLAN-T5](https://huggingface.co/google/flan-t5-small)
# ([Chung and others, 2022](https://arxiv.org/abs/2210.11416)) is a T5 that was trained further, on more than 1,800
# tasks worded as instructions, and its model card names Spanish among its languages. The same function loads it
# (308 MB), and the prompt is the same. Ask somebody who speaks Spanish how good the answer is; this is the smallest of
# its family. We know no model that translates into Spanish and comes with a package as our tiny T5 does, so without
# the hub this example is left out. **(hub)**

# %%
if small is None:
    print("skipped: needs google/flan-t5-small from the hub (set HUB = True)")
else:
    print(*generate(load_t5("google/flan-t5-small"), tasks[3], max_new_tokens=60))

# %% [markdown]
# ## Asking hundreds of reviews
#
# To ask one review after the other is slow, because the model could read several prompts at once. `generate` does
# the same in batches of similar length. Writing also does more than we need. To choose between two labels it is enough
# to look at the first step and compare two of the `V` numbers, those of the labels' first pieces, by a softmax over
# these two alone:
#
# $$\texttt{score}_k = \frac{\exp(\texttt{logits}_k)}{\exp(\texttt{logits}_\text{negative}) + \exp(\texttt{logits}_\text{positive})}$$

# %% [markdown] only="presenter" minutes=5
# - **Run**, 3 seconds. **Read** the interval as well: 0.852, between 0.818 and 0.880.
# - **Ask:** is that worse than lesson 05? *Yes: between 0.885 and 0.90 there, on 5,000 reviews.*

# %% tell=true
scores = score_labels(t5, twenty)  # (N, K)
N, K = scores.shape
print(f"(N, K) = {(N, K)}; the first three rows:\n{scores[:3]}")

# %% [markdown]
# Each row sums to 1, so there is always an answer, even where the model would rather have written something else.
# That is why we count invalid answers as well. `compare_prompts` does both, and it says how long it took:

# %% name="compare" tell=true
from practicum_utils.prompting import compare_prompts, show_comparison

result = compare_prompts(t5, {"sst2 sentence:": to_prompt}, reviews)
show_comparison(result)

# %% verdict=true
beats = result["low"].iloc[0] > 0.5
print("ok: the prompt beats guessing" if beats else "symptom: no better than guessing")

# %% [markdown]
# Read the row as a sentence. `accuracy` comes from the two scores, and beside it stands its 95 % interval. `invalid` is
# the share of free answers that are no label. `positive` is the share that is answered "positive"; about half
# of these reviews are positive. `cut` is the share of prompts that were too long.
#
# - **Tiny T5:** 0.852, and every free answer is a label. The interval reaches about 3 points to either side, so with
#   500 reviews a difference of a point or two between prompts may be luck.
# - **t5-small:** with 80 reviews the interval is more than twice as wide, about 8 points to either side. Is any free
#   answer invalid?
#
# Next to it we put the models of lessons 03 to 05 and the yardstick, which were tested on 5,000 reviews each, so
# that their intervals are about 1 point to either side:

# %% tell=true
from practicum_utils.metrics import load_yardstick
from practicum_utils.visualize import plot_accuracies

runs = {"simple RNN": "simple_rnn", "RNN with attention": "attention_rnn", "Transformer": "transformer"}
shares = {title: (recall(name, at_least=0.6).result.accuracy, 5_000) for title, name in runs.items()}
shares[f"T5 ({t5.name}), prompted"] = (result["accuracy"].iloc[0], len(reviews))
shares[load_yardstick().name] = (load_yardstick().accuracy, 5_000)
plot_accuracies(shares)

# %% [markdown]
# - **Tiny T5:** at 0.852 it is behind the models that were made for this one question, although it learned from the
#   same reviews. (Our Transformers have accuracies of 0.885 to 0.90.) What it has instead is four other tasks.
# - **t5-small:** compare with care. It was not trained on our labelled reviews, but the Stanford Sentiment Treebank is made
#   of sentences from film reviews too (those of Rotten Tomatoes), so it knows the kind of text. And it has read pages
#   from the web, where reviews of films stand as well, and nobody can say whether some of our test reviews were among
#   them. Of a model that has read so much we hardly ever know what is new to it.

# %% [markdown]
# ## Prompts as an experiment
#
# **Prompt engineering** means changing the prompt to an LLM, and nothing else about it, until its answers are better
# or more useful to you. You have done it already: `sst2 sentence:` is two words, and without them T5 would not know
# what you want. Sometimes one sentence more makes a large difference. When *Let's think step by step* was added to the
# questions of a test in arithmetic, a large GPT-3 got 79 % right instead of 18 %
# ([Kojima and others, 2022](https://arxiv.org/abs/2205.11916)). With it, the model wrote down the steps before the
# answer.
#
# There is much advice of this kind, and little of it comes with a measurement for *your* model and *your* task. So we
# measure: **one change at a time, the same reviews, an interval, a test**. First the wording, and among the seven
# is the famous sentence:

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

# %% [markdown] guess="wordings"
# **Guess before you run:** which wording wins? And which of them gives answers that are no labels?

# %% name="wordings" tell=true
trial = compare_prompts(t5, wordings, reviews)
show_comparison(trial)

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# Many bet on the polite question. It helps a model that was trained to follow instructions, as FLAN-T5 was. **Tiny
# T5:** it was never given one, and knows four prefixes. To it, the question is some more words of the review, and none
# of its answers is a label. **t5-small:** it was not trained on instructions either. Did the question help yours?

# %% [markdown]
# A new column has come in, `p`. Suppose that a wording and the first one were equally good. How often would chance
# alone make a difference as large as this one, on these reviews? That is `p`, and a small `p` is surprising. (It is
# [McNemar's test](https://en.wikipedia.org/wiki/McNemar%27s_test), which looks only at reviews that one of the two
# gets right and the other wrong.) Your best row, in words:

# %% name="best-wording" tell=true
from practicum_utils.metrics import chance_in_words

best = trial["accuracy"].idxmax()
gain = trial.loc[best, "accuracy"] - trial["accuracy"].iloc[0]
print(f"{t5.name}, {len(reviews)} reviews: {best!r} is best, {gain:+.3f} against the exact prompt.")
print(f"Chance makes such a difference {chance_in_words(trial.loc[best, 'p'])}.")

# %% [markdown]
# **Tiny T5:**
#
# - The colon does not matter: 0.852 with it, 0.856 without.
# - Without the prefix, with one that it never learned, or phrased as a question, accuracy is 0.50 to 0.51 and *no* answer is
#   a label, because in its training nobody asked for the sentiment in such words.
# - Under the prefix of another task the two ways of scoring disagree. Every written answer is a source, so all are
#   invalid. The scores of the two labels, which it would not have written, still have an accuracy of 0.830.
# - "Step by step" has 0.870, with p = 0.02.
#
# **t5-small:** go through the same four. Does the colon matter to it? Which wordings have invalid answers, and which
# have a small p?
#
# Is "step by step" a discovery, then? There are two reasons to doubt it. The sentence helps models that write their
# thoughts down, and ours writes one word. And we tried six changes at once. If none of them did anything, at least one p
# would still be below 0.05 in about one experiment of four. Keep it in mind; we come back to it.

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
show_comparison(compare_prompts(t5, texts, reviews))

# %% [markdown]
# - **Tiny T5:** the first 128 words give 0.834, the last 128 give 0.820, and all of it 0.852, with p 0.22 and 0.03
#   against the whole. More text is better, as one would expect. Which half is better, 500 reviews cannot tell, and the
#   line breaks make no difference that they could show.
# - **t5-small:** if your p are all large, that does not prove that the texts are equally good. 80 reviews show
#   large differences only.

# %% [markdown]
# Now the words of the answer. We ask it to choose between *bad* and *good*, and between the right labels with
# their meanings exchanged.

# %% [markdown] guess="labels"
# **Guess before you run:** what accuracy will *bad / good* have, and what will the exchanged labels have?

# %% name="labels" tell=true
import pandas

answer_words = {"bad / good": ("bad", "good"), "exchanged": ("positive", "negative")}
tables = [result.rename(index={"sst2 sentence:": "negative / positive"})]
tables += [compare_prompts(t5, {name: to_prompt}, reviews, labels)
           for name, labels in answer_words.items()]
show_comparison(pandas.concat(tables).drop(columns=["p", "cut"]))

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# Exchanged labels give exactly one minus the accuracy, with any model: every right answer has become a wrong one. If
# you expected the model to notice, think of what it is asked. It has no way to know what we *want* its words to mean.

# %% [markdown]
# - **Tiny T5:** for *bad* and *good* it is at 0.16, far **below** chance: nearly always the wrong one of the two words has the
#   larger number. After this prefix it never learned to write either of them (all its free answers were something
#   else), so nothing in its training has put them in the right order, and here they happen to be in the wrong one. Why it
#   is so consistent, we don't know.
# - **t5-small:** it has met both words in other tasks, but after this prefix it was taught to write two others. So
#   look at `invalid` first, and then at whether its scores lean to one side.
#
# And does it lean to one side before it has read anything? A prompt **without content** shows its bias. A model
# without one would say 0.50:

# %% name="bias" tell=true
for nothing in ("N/A", "the", "..."):
    negative, positive = score_labels(t5, to_prompt(nothing))[0].tolist()
    print(f"{nothing!r:<6} negative {negative:.2f}, positive {positive:.2f}")

# %% [markdown]
# **Tiny T5:** it is close to that, with 0.53 for "N/A" and 0.46 for three dots. **t5-small:** if yours leans far to one
# side, look at the column `positive` of the first table. Does it say that side too often as well?

# %% [markdown]
# ## A fair comparison
#
# We tried seven wordings on these reviews. The best of seven is partly the best and partly lucky. (Toss seven coins
# ten times each: the best one will show heads seven or eight times, and it is not a better coin.) On the same reviews
# we cannot tell how much is luck. So we do what lessons 03 to 05 did with the validation reviews: **choose on one part,
# report on another.**

# %% [markdown] only="presenter" minutes=11
# - **6.5: type** two calls and the `idxmax` between them.
# - **Often:** choosing and reporting on the same half. **Ask:** what is the best of seven lucky coins?
# - **Say:** on all 5,000 reviews the exact prompt has 0.861 and "step by step" 0.862. Luck.

# %% exercise="6.5" minutes=8 catch_up="from practicum_utils.prompting import fair_comparison"
def fair_comparison(t5, prompts, validation, test):
    """Choose the prompt of best accuracy on validation; return its name and its row on test.

    prompts: name -> prompt, as wordings above. The row is what compare_prompts returns for one prompt.
    """
    ### BEGIN SOLUTION
    tried = compare_prompts(t5, prompts, validation)
    best = tried["accuracy"].idxmax()
    return best, compare_prompts(t5, {best: prompts[best]}, test)
    ### END SOLUTION

# %% [markdown] only="student"
# <details><summary>Hint 1: who may see what?</summary>
#
# All prompts are tried on `validation`, and one of them is chosen. Only that one is tried on `test`.
# </details>
#
# <details><summary>Hint 2: what goes in, what comes out</summary>
#
# `compare_prompts(t5, prompts, reviews)` takes a dictionary of prompts and returns a table indexed by prompt name,
# with a column `accuracy`. Two things are to be returned: a name, and a table of one row.
# </details>
#
# <details><summary>Hint 3: nearly the code</summary>
#
# `table["accuracy"].idxmax()` is the name of the best row. The second call of `compare_prompts` gets a dictionary of
# one prompt, `{best: prompts[best]}`, and the other reviews.
# </details>

# %% check="6.5" verdict=true
check("6.5", fair_comparison)

# %% [markdown] guess="fair"
# **Guess before you run:** which wording will be chosen on the first half, and will its accuracy on the second half
# be higher or lower than in the table of all wordings?

# %% name="fair" tell=true
half = len(reviews) // 2
validation, test = reviews.select(range(half)), reviews.select(range(half, len(reviews)))
best, row = fair_comparison(t5, wordings, validation, test)
print("chosen on the first half:", best)
show_comparison(row)

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# With "lower" you will be right more often than not: whoever wins was partly lucky, and the luck is gone on the
# other half. In a single try the second half can also happen to be the easier one.

# %% [markdown]
# The number to report for the chosen prompt is the one on the second half.
#
# - **Tiny T5:** the first half chose "step by step", and the second half gave it 0.860, between 0.812 and 0.898. Was it
#   better than the exact prompt, then? We asked the tiny T5 about all 5,000 test reviews once: the exact prompt has
#   0.861 and "step by step" 0.862, with p = 0.84. The gain was luck, and that is why the final measurement needs
#   reviews that did not choose. (Strictly, ours are not quite new either: the tables above have shown you results on all
#   500. In an experiment of your own, set the reviews for the final measurement aside before the first table.)
# - **t5-small:** each half has 40 reviews, or 250 on a GPU. How wide is the interval, and could you tell your chosen
#   prompt from the exact one with it?

# %% [markdown]
# ## Your turn
#
# Here is a prompt laboratory: type a prompt, press Enter, and see what is written and which label is preferred. Try a
# sentence of your own under each prefix. Then try to make the model change its mind by changing one word.

# %% [markdown] only="presenter" minutes=3
# - **Let them play**, and ask for a word that turns an answer around.
# - **Ask:** the last two sentences get the same number, 0.39. What does the tiny T5 not see? *The order.*

# %%
from practicum_utils.prompting import prompt_lab

prompt_lab(t5)

# %% [markdown]
# And here are four sentences that we have asked the other models as well:

# %% [markdown] guess="order"
# **Guess before you run:** the last two have the same words in another order, and mean the opposite. How far apart
# will their probabilities of "positive" be?

# %% tell=true
for text in (
    "This movie is great!", "This movie is terrible!",
    "It's not great, it's terrible!", "It's not terrible, it's great!",
):
    negative, positive = score_labels(t5, to_prompt(text))[0].tolist()
    print(f"{positive:.2f}  {text}")

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# Whoever reads the last two would say: as far apart as the first two. If they got (nearly) the same number, your
# model has counted the words and not read them in order. The networks of lessons 03 to 05 were asked about these
# sentences as well; compare.

# %% [markdown]
# **Tiny T5:** the last two get the same number, 0.39. It weighs words and hardly sees their order. (Its
# training began from the word vectors of a mean of embeddings, which sees no order at all.) **t5-small:** does it tell the two apart?

# %% [markdown]
# ## Two models, one answer
#
# By now you have made several models that read reviews, and none of them is right about every one. Can two of them
# together do better than each alone? The simplest way is to take the **average** of their probabilities. We do
# it with your networks of lessons 04 and 05 and with the yardstick, NB-SVM, which has stood beside them since
# lesson 03. (T5 has no part in this, so it does not matter which one you have.)

# %% [markdown] only="presenter" minutes=5
# - **Run** down to the cell that trains NB-SVM *first*, then talk: it takes half a minute on one core.
# - **Ask** meanwhile: which two would you average, the two networks or a network and NB-SVM? *A network and
#   NB-SVM: they are wrong about different reviews.*
# - **Collect guesses** on the board, then run the average. **Read** both p.
# - **Read** the ending of one review of the last cell aloud, and ask what NB-SVM counted in it.
# - **Ask:** may we now try 0.6 and 0.4, and keep the better? *Not on these reviews; remember "step by step".*

# %% [markdown]
# This time we take all 5,000 test reviews. To learn from, NB-SVM gets the same 18,000 reviews as the networks did;
# the 2,000 that they chose on are held out here as well:

# %%
from practicum_utils.data import POSITIVE, hold_out

all_reviews = hold_out(load_reviews(max_train=full_or_fast(None, 1_000)))
positive = {part: torch.tensor(split["label"][:]) == POSITIVE for part, split in all_reviews.items()}

# %% [markdown]
# The networks need not be trained again. When lessons 04 and 05 ended with `remember`, they kept what your network
# answered on each test review: its probability of "positive". If you did not train one on this computer, or if
# something was wrong in that run, you get the answers of the course's own run. The line says which they are:

# %%
from practicum_utils.training import recall_answers

networks = {"RNN with attention": "attention_rnn", "Transformer": "transformer"}
chances = {
    title: recall_answers(name, positive["test"], at_least=0.6) for title, name in networks.items()
}

# %% [markdown]
# NB-SVM is trained here. It gives a weight to each word, each pair of neighbours and each three in a row, millions of
# them. Naive Bayes says how much likelier each one is in a positive review than in a negative one; logistic
# regression, a single linear layer, then settles how much that should count
# ([Wang and Manning, 2012](https://aclanthology.org/P12-2018/)). It takes about half a minute on one core that has
# nothing else to do, and shows no progress meanwhile. (A GPU does not help here.)

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
# In our runs the two networks differ on 0.05 to 0.06 of the reviews, and each of them differs from NB-SVM on 0.07 to
# 0.08. The networks learned from the same words in the same way, so they share many of their mistakes. NB-SVM
# works quite differently: it counts in the whole review, where the networks read its last 256 words, but to it a review
# is a collection of short phrases in no order. That is why we average a network with NB-SVM, and not two networks.
#
# How much should each of them count? We give NB-SVM 0.7 and the RNN 0.3. We chose these two numbers before, on
# validation reviews that were cut from the training reviews, and not on the test reviews. Had we tried many weights
# here and kept the best, a part of its success would be luck, exactly as with the best of seven prompts.

# %%
average = 0.7 * chances["NB-SVM"] + 0.3 * chances["RNN with attention"]

# %% [markdown] guess="average"
# **Guess before you run:** will the average be right more often than both of them, less often than both, or
# somewhere in between? And why?

# %% name="record" tell=true
answered = {**chances, "NB-SVM and RNN, averaged": average}
right = {name: (chance > 0.5) == positive["test"] for name, chance in answered.items()}
shares = {name: (hits.float().mean().item(), len(hits)) for name, hits in right.items()}
plot_accuracies(shares, marks={"MLPerf's target": 0.906})

# %% [markdown] fold="And your guess?" only="student, walkthrough"
# If you expected something in between, you were thinking of the average of the two *accuracies*. We average the
# *probabilities*, review by review. Where one of the two is unsure, the other is often sure, and then it is
# usually the sure one that is right and that decides the average.

# %% [markdown]
# In our runs NB-SVM is right for 0.915 of the reviews, the RNN with attention for 0.895 to 0.91, and their average for
# 0.921 or 0.922; yours will differ a little. [Mesnil and others (2015)](https://arxiv.org/abs/1412.5335) did this on
# the same data set. The intervals overlap, though. Is the average really better than both? They answered the
# same reviews, so McNemar's test can tell. It looks only at the reviews where one of the two is right and the other is
# wrong:

# %% name="better" tell=true
from practicum_utils.metrics import mcnemar, p_in_words

wins = right["NB-SVM and RNN, averaged"]
for name in ("NB-SVM", "RNN with attention"):
    gained, lost = int((wins & ~right[name]).sum()), int((right[name] & ~wins).sum())
    p = mcnemar(wins.tolist(), right[name].tolist())
    print(f"against {name}: {gained} reviews gained, {lost} lost, p {p_in_words(p)};")
    print(f"    chance makes such a difference {chance_in_words(p)}")

# %% [markdown]
# Against the RNN there is no doubt: in our runs p is below 0.001. Against NB-SVM the gain is about half a point, and p
# was between 0.004 and 0.03. If the two were equally good, chance would seldom make such a difference, so this is
# good evidence, though not yet certainty.
#
# The dashed line in the picture is a target that others have set. [MLPerf](https://github.com/mlcommons/training), a benchmark of how fast machines
# train, once had this data set among its tasks, and stopped the clock when a network reached 0.906 on the official
# test. Those are other reviews than our 5,000, so don't compare the two numbers directly.

# %% [markdown]
# Where does the average gain, and where does it lose? Each review is in one of four groups:

# %%
counter, network = right["NB-SVM"], right["RNN with attention"]
groups = {
    "both right": counter & network, "only NB-SVM right": counter & ~network,
    "only the RNN right": network & ~counter, "both wrong": ~counter & ~network,
}

# %% name="groups" tell=true
counts = {name: (int(group.sum()), int((group & wins).sum())) for name, group in groups.items()}
print(pandas.DataFrame(counts, index=["reviews", "average is right"]).T.to_string())

# %% verdict=true
both_help = groups["only NB-SVM right"].any() and groups["only the RNN right"].any()
print("ok: each is right about reviews that the other gets wrong" if both_help
      else "symptom: one of them is never right alone, so there is nothing to gain")

# %% [markdown]
# Where both are right, the average cannot be wrong, and where both are wrong it cannot be right, whatever the
# weights. All that it gains or loses is in the two rows between. Against NB-SVM alone, it gains what it gets right
# of *only the RNN right*, and it loses what it gets wrong of *only NB-SVM right*. In our runs it gains 60 to 80 reviews
# and loses about 40, as the line against NB-SVM says above.

# %% [markdown]
# And which reviews are these? Here are the three on which their probabilities are furthest apart, each with its last
# 60 words:

# %% name="apart" tell=true
gap = (chances["NB-SVM"] - chances["RNN with attention"]).abs()
for index in gap.topk(3).indices.tolist():
    pair = ", ".join(f"{name} {chances[name][index]:.2f}" for name in ("NB-SVM", "RNN with attention"))
    print(f"{pair}; in truth {'positive' if positive['test'][index] else 'negative'}")
    print(textwrap.fill("... " + part(all_reviews["test"]["text"][index], start=-60), 96), "\n")

# %% [markdown]
# Read them. Which words or phrases made NB-SVM so sure? And what did the RNN see, that it said the opposite?
# Remember that NB-SVM adds up the whole review, and that the RNN has its last 256 words in their order.

# %% [markdown]
# ## Takeaways
#
# 1. A text-to-text model has one form for all tasks, and the prefix chooses the task. Test by
#    measuring how exactly it has to be worded: the tiny T5 did not need the colon, and was lost with a polite question.
# 2. It writes piece by piece. Each piece is chosen given the prompt and what is written so far, and for each one the
#    decoder looks at the prompt anew.
# 3. An answer that is no label is invalid. Count these answers, and do not repair them in silence.
# 4. A prompt is a setting like the learning rate: change one thing, use the same reviews, give an interval,
#    and report on reviews that did not choose it.
# 5. Two models that are wrong about different reviews can be better together than the better one alone. Test it
#    on the same reviews, and choose the weights on others.
#
# ## Questions
#
# 1. Why does the decoder see only what it has written so far, and the encoder the whole prompt?
# 2. `score_labels` never gives an invalid answer. Is that a strength or a weakness?
# 3. With 500 reviews, how large must a difference be before you believe it? With 5,000?
# 4. Our tiny T5 learned from the training reviews of lesson 05. Of Google's `t5-small` nobody knows exactly what
#    it has read. Which comparison with lesson 05 is the fairer one?
# 5. You would like to give a part of the RNN's 0.3 to the Transformer. On which reviews do you find out whether
#    that is better?
#
# **One thing to change:** `max_test=5_000`. What happens to the intervals, and to your conclusions? (With the tiny T5
# every table then takes ten times as long; the longest, three minutes.)

# %% [markdown] only="presenter" minutes=2
# - **Ask** questions 2 and 5 in class. The answers stand folded below, for everybody.

# %% [markdown] fold="Our answers" only="student, walkthrough"
# 1. The decoder writes from left to right, and what comes next does not exist yet. In training it does exist, and
#    there it has to be hidden from the decoder, or it would learn to copy it. The prompt is all there from the
#    beginning, so the encoder may read each piece with all the others in view.
# 2. It is both. You always get an answer, even where the model would have written something else, so nothing is lost to
#    a strange spelling. But you are not told that the model did not understand the question. That is why we counted
#    the invalid free answers beside it.
# 3. The interval of one accuracy reaches about 3 points to either side with 500 reviews, and about 1 with 5,000. Two
#    prompts that were asked about the same reviews can be told apart sooner, because what is hard for both cancels:
#    then look at McNemar's p, and not at whether two intervals overlap.
# 4. The one with the tiny T5: it and the Transformer learned from training reviews of one data set, and neither saw the
#    test reviews. Google's model had other texts, far more of them, and perhaps some of the test reviews.
# 5. On validation reviews, cut from the training reviews with `hold_out`. Then the test reviews have chosen nothing, and
#    can still judge.
