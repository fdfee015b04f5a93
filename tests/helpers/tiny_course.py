"""A course of three tiny lessons that train nothing, for the tests of the notebook builder.

Lesson 03 repeats cells of 01 and 02, whose bugs show only there, as in the real course. Its three
bugs are of the three kinds: a replaced line, one line in place of another far away, a deleted line.
"""

from pathlib import Path

from practicum_utils.authoring.source import Lesson, read_lesson

URL = "https://github.com/somebody/tiny-course"

LESSON_01 = '''\
# %% [markdown]
# # Lesson 1: Words to numbers
#
# About 5 minutes.

# %% name="setup" setup=true
import math

# %% [markdown]
# ## The ids

# %% name="ids"
words = ["the", "film"]
numbered = enumerate(words, start=1)
# BUG pad-is-a-word: first = 0
# BUG pad-is-a-word: numbered = enumerate(words, start=first)

# %% name="vocab"
vocab = {word: number for number, word in numbered}

# %% symptom="pad-is-a-word"
hidden = 0 in vocab.values()
print("symptom: real words look like padding" if hidden else "ok: no word looks like padding")

# %% [markdown] fix="pad-is-a-word" rerun="vocab"
# ### What hides the word?
#
# The word "the" has the id 0.

# %% [markdown] only="student"
# <details><summary>Hint</summary>The raw labels are 1 and 2.</details>

# %% name="labels" exercise="1.1" minutes=5 catch_up="from course import to_label"
def to_label(raw):
    """Return 0.0 or 1.0 for a raw label of 1 or 2."""
    ### BEGIN SOLUTION
    shifted = raw - 1
    # BUG labels-one-two: shifted = raw
    return float(shifted)
    ### END SOLUTION

# %% check="1.1"
print("exercise 1.1 is checked here")

# %% [markdown] only="presenter"
# Say it slowly.

# %% [markdown]
# ## Takeaways
#
# Ids are numbers.
'''

LESSON_02 = '''\
# %% [markdown]
# # Lesson 2: A loop
#
# About 5 minutes.

# %% name="setup" setup=true
import math

# %% name="accuracy" exercise="2.1" minutes=10 catch_up="from course import accuracy"
def accuracy(batches):
    """Return the share of ones in ``batches``, a list of lists of 0 and 1."""
    ### BEGIN SOLUTION
    total = sum(sum(batch) for batch in batches)
    return total / sum(len(batch) for batch in batches)
    # BUG average-of-averages: shares = [sum(batch) / len(batch) for batch in batches]
    # BUG average-of-averages: return sum(shares) / len(shares)
    ### END SOLUTION

# %% symptom="average-of-averages"
agree = accuracy([[1, 1, 1], [0]]) == accuracy([[1, 1], [1, 0]])
print("ok: every size agrees" if agree else "symptom: the accuracy depends on the batch size")

# %% [markdown] fix="average-of-averages"
# One review counts as much as three.

# %% name="loop"
def train(steps):
    """Return the loss after each step."""
    losses, gradient = [], 0
    for step in range(steps):
        gradient = 0
        # BUG missing-zero-grad:
        gradient += 1
        losses.append(10 - step if gradient == 1 else 10)
    return losses

# %% verdict=true
print("ok: the loop runs" if train(2) else "symptom: the loop is empty")
'''

LESSON_03 = '''\
# %% [markdown]
# # Lesson 3: A reader
#
# About 10 minutes.

# %% name="setup" setup=true
import math

# %% recap="01:labels, 02:loop, 02:accuracy"
from fractions import Fraction

# %% [markdown] only="student"
# <details><summary>Hint</summary>Two directions.</details>

# %% name="reader" exercise="3.1" minutes=10 catch_up="from course import Reader"
class Reader:
    """Reads in two directions, so it takes 2 * H numbers."""

    def __init__(self, hidden):
        ### BEGIN SOLUTION
        self.width = 2 * hidden
        # BUG linear-input-size: self.width = hidden
        ### END SOLUTION

    def read(self, numbers):
        """Return the sum of 2 * H numbers."""
        ### BEGIN SOLUTION
        if len(numbers) != self.width:
            raise RuntimeError("shapes cannot be multiplied")
        return sum(numbers)
        ### END SOLUTION

# %% name="make"
reader = Reader(3)

# %% symptom="linear-input-size" raises=true
reader.read([1] * 6)
print("ok: the shapes fit")

# %% [markdown] fix="linear-input-size" rerun="make"
# The reader gives 6 numbers.

# %% name="loss"
loss = 1 - to_label(2)

# %% symptom="labels-one-two"
print("symptom: the loss went below zero" if loss < 0 else "ok: the loss is not negative")

# %% [markdown] fix="labels-one-two" rerun="loss"
# A label is 2.

# %% name="train"
losses = train(3)

# %% symptom="missing-zero-grad"
print("ok: the loss goes down" if losses[-1] < losses[0] else "symptom: the loss does not go down")

# %% [markdown] fix="missing-zero-grad" rerun="loss, train"
# Each step adds to the last one.

# %% [markdown]
# ## The result

# %% verdict=true
print("ok: accuracy above 0.80" if losses == [10, 9, 8] else "symptom: the model did not learn")

# %% [markdown]
# ## Takeaways
'''

TINY = {"01_tiny_words": LESSON_01, "02_tiny_loop": LESSON_02, "03_tiny_reader": LESSON_03}


def read_text(text: str, folder: Path, name: str = "03_tiny") -> Lesson:
    """Read a lesson source given as text."""
    path = folder / f"{name}.py"
    path.write_text(text)
    return read_lesson(path)


def read_tiny(folder: Path) -> dict[str, Lesson]:
    """Return the three tiny lessons by number."""
    lessons = [read_text(text, folder, name) for name, text in TINY.items()]
    return {lesson.number: lesson for lesson in lessons}


def write_course(root: Path, *names: str) -> Path:
    """Make ``root`` look like the repository, with the named tiny lessons (all if none)."""
    folder = root / "solutions" / "lessons"
    folder.mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "tiny"\n\n[project.urls]\nRepository = "{URL}"\n'
    )
    for name in names or TINY:
        (folder / f"{name}.py").write_text(TINY[name])
    return root
