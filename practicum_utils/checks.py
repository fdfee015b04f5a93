"""``check("3.1", last_vectors)``: does an exercise's solution do what the exercise says?

One check for each exercise of lessons 01 to 06. It runs the solution on small random inputs and
compares what it does with an independent reference, never its source or its names, so that any
correct solution passes. The checks themselves stand in ``exercises``, a module for each kind.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from practicum_utils.exercises import (
    checks_attention,
    checks_blocks,
    checks_classifiers,
    checks_data,
    checks_prompting,
    checks_training,
)
from practicum_utils.exercises.checking import (
    CheckError,
    demand,
    describe,
    explained,
    not_begun,
    undisturbed,
)

__all__ = ["EXERCISES", "CheckError", "Exercise", "check"]


@dataclass(frozen=True)
class Exercise:
    """What is to be checked: the name that the lesson uses, and whether it is a class."""

    name: str
    examine: Callable[[Callable], None]
    is_class: bool = False


EXERCISES: dict[str, Exercise] = {
    "1.1": Exercise("tokenize", checks_data.check_tokenize),
    "1.2": Exercise("Vocabulary", checks_data.check_vocabulary, is_class=True),
    "1.3": Exercise("ReviewDataset", checks_data.check_dataset, is_class=True),
    "1.4": Exercise("collate", checks_data.check_collate),
    "2.1": Exercise("MeanEmbedding", checks_classifiers.check_mean_embedding, is_class=True),
    "2.2": Exercise("run_epoch", checks_training.check_run_epoch),
    "3.1": Exercise("last_vectors", checks_attention.check_last_vectors),
    "3.2": Exercise("reverse_reviews", checks_attention.check_reverse_reviews),
    "3.3": Exercise("SimpleRNN", checks_classifiers.check_simple_rnn, is_class=True),
    "4.1": Exercise("masked_softmax", checks_attention.check_masked_softmax),
    "4.2": Exercise("attention_pool", checks_attention.check_attention_pool),
    "4.3": Exercise("AttentionRNN", checks_classifiers.check_attention_rnn, is_class=True),
    "5.1": Exercise("self_attention", checks_attention.check_self_attention),
    "5.2": Exercise("positional_encoding", checks_attention.check_positional_encoding),
    "5.3": Exercise("MultiHeadAttention", checks_blocks.check_multi_head, is_class=True),
    "5.4": Exercise("TransformerBlock", checks_blocks.check_block, is_class=True),
    "5.5": Exercise("TransformerClassifier", checks_classifiers.check_transformer, is_class=True),
    "6.1": Exercise("to_prompt", checks_prompting.check_to_prompt),
    "6.2": Exercise("greedy", checks_prompting.check_greedy),
    "6.3": Exercise("to_text", checks_prompting.check_to_text),
    "6.4": Exercise("parse_label", checks_prompting.check_parse_label),
    "6.5": Exercise("fair_comparison", checks_prompting.check_fair_comparison),
}


def check(exercise: str, solution: Callable) -> None:
    """Print one line, ``ok: exercise 3.1, last_vectors``, or say what is wrong in one sentence.

    exercise: its number, as in the lesson.  solution: the function or class itself, not a result.
    Raises CheckError (an AssertionError) for a solution that does something else, for an unknown
    number and for an object of the wrong kind; NotImplementedError for an exercise not yet written.
    Random numbers, gradient mode and the output of the running session are left as they were.
    """
    number = str(exercise) if isinstance(exercise, str | float) else describe(exercise)
    if number not in EXERCISES:
        raise CheckError(f"there is no exercise {number!r}; there are {', '.join(EXERCISES)}.")
    found = EXERCISES[number]
    title = f"exercise {number}, {found.name}"
    try:
        _demand_kind(number, found, solution)
        with undisturbed():
            found.examine(solution)
    except NotImplementedError as error:
        own = f"Exercise {number} is yours to write."
        another = str(error).startswith("Exercise ") and not _contains(solution, own)
        raise not_begun(str(error) if another else own) from error
    except CheckError as failure:
        raise CheckError(f"{title}: {failure}") from failure
    except Exception as error:  # something unforeseen about the solution stopped the check itself
        raise CheckError(f"{title}: the check could not go on: {explained(error)}") from error
    print(f"ok: {title}")


def _contains(solution, line: str) -> bool:
    """Is the stub's line still somewhere in this function, or in a method of this class?"""
    functions = vars(solution).values() if inspect.isclass(solution) else [solution]
    codes = [getattr(inspect.unwrap(one), "__code__", None) for one in functions]
    return any(line in code.co_consts for code in codes if code)


def _demand_kind(number: str, found: Exercise, solution) -> None:
    """Refuse a result, an object in place of its class, and the solution of another exercise."""
    kind = "class" if found.is_class else "function"
    itself = f'`check("{number}", {found.name})`, with nothing in brackets after the name'
    own_name = getattr(solution, "__name__", "")
    for key, known in EXERCISES.items():
        demand(
            known.name != own_name or known is found,
            f"it got {own_name}, which is exercise {key}.",
        )
    is_class = inspect.isclass(solution)
    demand(
        is_class or (callable(solution) and not found.is_class),
        f"the check needs the {kind} itself: {itself}; it got {describe(solution)}.",
    )
    demand(is_class == found.is_class, f"the check needs a {kind}; it got {describe(solution)}.")
