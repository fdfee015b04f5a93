"""Checks of lesson 06, on the tiny T5 that comes with the package; one diagnosis."""

from functools import cache

import torch

from practicum_utils.checks.demands import (
    CheckError,
    call,
    demand,
    demand_pair,
    demand_returned,
    describe,
    overlook,
)
from practicum_utils.checks.exercises import Seen, diagnosis, exercise
from practicum_utils.models import greedy
from practicum_utils.prompting import T5, load_t5

PREFIX = "sst2 sentence:"
# Text, prefix, the prompt, and the rule that another result breaks.
PROMPTS = (
    ("A good film.", PREFIX, "sst2 sentence: A good film.", "the prefix, one space, then the text"),
    (
        "I loved it.<br /><br />So did I.",
        PREFIX,
        "sst2 sentence: I loved it. So did I.",
        "`<br />` goes, and the words around it stay apart by one space",
    ),
    (
        "So did   my\n\n mother. ",
        PREFIX,
        "sst2 sentence: So did my mother.",
        "one space between any two words, and none at the end",
    ),
    ("A good film.", "source:", "source: A good film.", "the prefix is the one that is given"),
    (
        "Well, it's good (8/10)!",
        PREFIX,
        "sst2 sentence: Well, it's good (8/10)!",
        "the marks of the text stay",
    ),
)


@exercise("6.1", "to_prompt")
def check_to_prompt(to_prompt) -> None:
    """6.1: a table of short texts, a long one, and the empty prefix."""
    for text, prefix, wanted, rule in PROMPTS:
        prompt = call(to_prompt, text) if prefix == PREFIX else call(to_prompt, text, prefix)
        demand_returned(prompt, "the prompt")
        demand(isinstance(prompt, str), f"a text was wanted; it is {describe(prompt)}.")
        same_words = prompt.lower() == wanted.lower()
        demand(
            prompt == wanted or not same_words,
            f"capital letters are part of the text; {text!r} became {prompt!r}.",
        )
        demand(prompt == wanted, f"{rule}; {text!r} became {prompt!r}.")
    long = call(to_prompt, "good " * 600, given="a text of 600 words")
    kept = len(long.split()) - len(PREFIX.split())
    demand(kept == 600, f"every word of a long text stays; of 600, {kept} are left.")
    bare = call(to_prompt, "A good film.", "")
    demand(
        isinstance(bare, str) and bare.strip() == "A good film.",
        f"an empty prefix leaves the text alone; 'A good film.' became {bare!r}.",
    )


@cache
def _tiny() -> T5:
    return load_t5("tiny")


ANSWERED = (
    "sst2 sentence: a great and moving film",
    "sst2 sentence: an awful, boring mess",
    "source: a fine film",
    "length: a fine film",
)
MOST_CALLS = 200


# Logits of a 20th of the size have the same order, and the largest is seldom drawn by chance.
FLATTER = 20


class _Watch:
    """Counts a model's calls, so that a loop without an end is stopped; makes its logits flatter.

    So greedy answers are what they are, and pieces drawn by chance, or by beams, are others.
    """

    def __init__(self, t5: T5):
        self.t5, self.calls, self.longest = t5, 0, 0

    def __enter__(self):
        model = self.t5.model
        before = model.register_forward_pre_hook(self._count, with_kwargs=True)
        self.handles = [before, model.register_forward_hook(self._flatten)]
        return self

    @staticmethod
    def _flatten(model, arguments, output):
        if isinstance(output, tuple):
            return (output[0] / FLATTER, *output[1:])
        output["logits"] = output["logits"] / FLATTER
        return output

    def _count(self, model, arguments, named) -> None:
        ids = named.get("input_ids", arguments[0] if arguments else None)
        self.longest = max(self.longest, 0 if ids is None else ids.shape[-1])
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise CheckError(
                f"the model was asked {self.calls} times for one short answer; what ends the loop?"
            )

    def __exit__(self, *_) -> None:
        for handle in self.handles:
            handle.remove()


@exercise("6.2", "greedy", prepare=_tiny)
def check_greedy(to_check) -> None:
    """6.2: answers of several lengths against the package's own loop; the limit; a long prompt."""
    t5 = _tiny()
    for prompt in ANSWERED:
        wanted = greedy(t5, prompt)
        got = _ids(to_check, t5, prompt)
        demand(
            got == wanted or got == _ids(to_check, t5, prompt),
            f"asked twice, {prompt!r} got two answers: the pieces are drawn by chance (do_sample, "
            "multinomial), and the likeliest one is wanted, each time.",
        )
        _check_ids(got, wanted, t5, prompt)
    for limit in (1, 2, 3):
        wanted = greedy(t5, ANSWERED[2], limit)
        got = _ids(to_check, t5, ANSWERED[2], limit)
        demand(
            got == wanted,
            f"max_new_tokens={limit} is the number of pieces after the start id, of an answer that "
            f"would be longer; {len(got) - 1} were written, {got}.",
        )
    with _Watch(t5) as watch:
        call(to_check, t5, "sst2 sentence: " + "a good film " * 300, given="a very long prompt")
    demand(
        watch.longest <= 512,
        f"a long prompt reached the model with {watch.longest} pieces; T5 reads at most 512.",
    )


def _is_one(value) -> bool:
    return isinstance(value, torch.Tensor) and value.numel() == 1


def _ids(to_check, t5: T5, prompt: str, *limit: int) -> list[int]:
    with _Watch(t5):
        given = f"the tiny T5 and the prompt {prompt!r}"
        got = call(to_check, t5, prompt, *limit, given=given)
    trains = t5.model.training
    t5.model.eval()
    demand(not trains, "it left the model in training mode, so the next answers are of chance.")
    demand_returned(got, "the list of ids")
    if isinstance(got, torch.Tensor):
        demand(got.dim() == 1, f"a plain list of ids is wanted; it is {describe(got)}.")
        return got.tolist()
    demand(isinstance(got, list | tuple), f"a list of ids is wanted; it is {describe(got)}.")
    whole = all(isinstance(i, int) or _is_one(i) for i in got)
    demand(whole, f"a list of ids is wanted, each a whole number; it is {describe(got)}.")
    return [int(i) for i in got]


def _check_ids(got: list[int], wanted: list[int], t5: T5, prompt: str) -> None:
    start, end = t5.model.config.decoder_start_token_id, t5.tokenizer.eos_token_id
    seen = f"{prompt!r} gave {got}"
    reads = t5.tokenizer(prompt)["input_ids"]
    demand(got[: len(reads)] != reads, f"the prompt was given back in front of the answer: {seen}.")
    demand(got != wanted[:-1], f"the end id, {end}, belongs to the answer: {seen}.")
    longer = len(got) > len(wanted) and got[: len(wanted)] == wanted
    demand(not longer, f"it went on writing after the end id, {end}: {seen}.")
    shorter = got == wanted[: len(got)]
    demand(not shorter or got == wanted, f"it stopped before the end id, {end}: {seen}.")
    demand(got[:1] == [start], f"the answer has to begin with the start id, {start}: {seen}.")
    demand(
        got == wanted,
        f"these are not the likeliest pieces, each after what is written so far: {seen}. Which "
        "place of the logits belongs to the next piece?",
    )


@exercise("6.3", "to_text", planted=("special-tokens-kept",), prepare=_tiny)
def check_to_text(to_text) -> None:
    """6.3: answers with an end, without one, and of several words."""
    t5 = _tiny()
    start, end = t5.model.config.decoder_start_token_id, t5.tokenizer.eos_token_id
    for text in ("positive", "rotten tomatoes", "negative"):
        pieces = t5.tokenizer(text, add_special_tokens=False)["input_ids"]
        for ids in ([start, *pieces, end], [start, *pieces]):
            got = call(to_text, t5, list(ids), given=f"the tiny T5 and the ids {ids}")
            demand_returned(got, "the text")
            kept = t5.tokenizer.decode(ids).strip()
            if got == kept and got != text and overlook("special-tokens-kept"):
                continue
            _check_text(got, text, ids)


def _check_text(got, text: str, ids: list[int]) -> None:
    seen = f"{ids} became {got!r}"
    demand(isinstance(got, str), f"a text was wanted; {ids} became {describe(got)}.")
    marks = [mark for mark in ("<pad>", "</s>") if mark in got]
    demand(not marks, f"the text still has the marks of start and end in it: {seen}.")
    demand(
        "\N{LOWER ONE EIGHTH BLOCK}" not in got,
        f"these are pieces, with the mark of a word's beginning, not a text: {seen}.",
    )
    demand(
        bool(got.strip()), f"nothing is left of the answer; not every answer has an end id: {seen}."
    )
    demand(got == text or got.strip() != text, f"spaces around the text are left: {seen}.")
    demand(got == text or got.lower() != text, f"capital letters have come in: {seen}.")
    glued = "".join(got.split()) == "".join(text.split())
    demand(got == text or not glued, f"the spaces between the words are not right: {seen}.")
    demand(
        got == text or not text.endswith(got.strip()),
        f"only the end of the answer is left: {seen}.",
    )
    lost = text.startswith(got.strip())
    demand(
        got == text or not lost,
        f"the end of the answer is lost; not every answer has an end id: {seen}.",
    )
    demand(got == text, f"the words are not those of the ids: {seen}.")


# Answer, labels, the label that it is, and the rule.
SENTIMENT = ("negative", "positive")
ANSWERS = (
    ("positive", SENTIMENT, "positive", "an answer that is a label is that label"),
    ("negative", SENTIMENT, "negative", "an answer that is a label is that label"),
    (" Negative \n", SENTIMENT, "negative", "case and spaces around it do not count"),
    ("POSITIVE", SENTIMENT, "positive", "case does not count"),
    ("great", SENTIMENT, None, "another word is no label, and no answer is not a guess"),
    ("not positive", SENTIMENT, None, "the whole answer has to be the label, not a part of it"),
    ("positive negative", SENTIMENT, None, "two labels are no label"),
    ("posit", SENTIMENT, None, "a part of a label is no label"),
    ("positively", SENTIMENT, None, "a word that only begins with a label is no label"),
    ("", SENTIMENT, None, "an empty answer is no label"),
    ("positive film", SENTIMENT, None, "a label with more around it is no label"),
    ("it is positive", SENTIMENT, None, "a label with more around it is no label"),
    ("[positive]", SENTIMENT, None, "a label with more around it is no label"),
    ("'negative'", SENTIMENT, None, "a label with more around it is no label"),
    ("positive!", SENTIMENT, None, "a label with more around it is no label"),
    ("pos itive", SENTIMENT, None, "a label with spaces inside is no label"),
    ("positiv", SENTIMENT, None, "what is almost a label is no label"),
    ("negatives", SENTIMENT, None, "what is almost a label is no label"),
    ("Good", ("bad", "good"), "good", "the labels are those that are given"),
    ("positive", ("bad", "good"), None, "the labels are those that are given"),
)


@exercise("6.4", "parse_label")
def check_parse_label(parse_label) -> None:
    """6.4: a table of answers."""
    for answer, labels, wanted, rule in ANSWERS:
        named = () if labels is SENTIMENT else (labels,)
        got = call(parse_label, answer, *named)
        seen = f"{answer!r} with the labels {labels} became {got!r}"
        demand(not isinstance(got, bool), f"the label itself or None is wanted; {seen}.")
        demand(got is None or isinstance(got, str), f"the label or None is wanted; {seen}.")
        demand(got == wanted, f"{rule}; {seen}.")


GREAT, AWFUL = "sst2 sentence: a great and moving film", "sst2 sentence: an awful, boring mess"
COUNT = 8  # reviews in each part


@exercise("6.5", "fair_comparison", prepare=_tiny)
def check_fair_comparison(fair_comparison) -> None:
    """6.5: prompts made so that another one wins on each part; the right answer is then known."""
    import datasets

    parts = {}
    for part in ("validation", "test"):
        texts = [f"{part} {number}" for number in range(COUNT)]
        labels = [1 + number % 2 for number in range(COUNT)]
        parts[part] = datasets.Dataset.from_dict({"text": texts, "label": labels})
    rights = {"first": (6, 6), "chosen": (7, 4), "lucky": (3, 8), "worst": (2, 1)}
    prompts = {name: _prompt(*right) for name, right in rights.items()}
    given = f"the tiny T5, {len(prompts)} prompts and two parts of {COUNT} reviews"
    result = call(
        fair_comparison, _tiny(), prompts, parts["validation"], parts["test"], given=given
    )
    best, row = demand_pair(result, "the result, a name and a row,")
    demand(isinstance(best, str), f"the best prompt's name comes first; it is {describe(best)}.")
    _check_choice(best)
    _check_row(row)


def _prompt(on_validation: int, on_test: int):
    """A prompt that makes the tiny T5 right on so many reviews of each part."""

    def make(text: str) -> str:
        part, _, number = text.partition(" ")
        hits = on_validation if part == "validation" else on_test
        positive = int(number) % 2 == 1  # odd numbers have the label 2
        return GREAT if positive == (int(number) < hits) else AWFUL

    return make


def _check_choice(best: str) -> None:
    reasons = {
        "lucky": "it is the best on the test part; a choice made there is not tested by it",
        "worst": "it is the least accurate one",
        "first": "it is merely the first one, or the best of both parts together",
    }
    reason = reasons.get(best, "it is none of the prompts")
    demand(best == "chosen", f"the wrong prompt was chosen: {reason}.")


def _check_row(row) -> None:
    count = len(row) if hasattr(row, "columns") else 1
    demand(count == 1, f"one row was wanted, that of the chosen prompt; there are {count}.")
    try:
        accuracy = row["accuracy"]
        value = float(getattr(accuracy, "iloc", [accuracy])[0])
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise CheckError(
            f"the second result must be the row of a table with accuracy; it is {describe(row)}."
        ) from error
    demand(
        abs(value - 7 / COUNT) > 1e-6,
        f"the accuracy of the row, {value:.3f}, is that of the validation part, which chose the "
        "prompt and cannot grade it.",
    )
    demand(
        abs(value - 4 / COUNT) < 1e-6,
        f"the accuracy of the row is {value:.3f}, which is not that of the chosen prompt on the "
        "test part.",
    )


@diagnosis(
    "6.D1",
    bug="special-tokens-kept",
    right="B",
    causes={
        "A": (
            "a model that does not write labels",
            "other pieces than those of a label among the ids that `greedy` returned",
        ),
        "B": (
            "a text that holds more than the answer",
            "something beside the label when you print an answer with `repr`",
        ),
        "C": (
            "a parser that is too strict",
            "`None` for the plain words 'positive' and 'negative'",
        ),
    },
)
def observe_answers(t5: T5, ids, answers: list[str], parse_label) -> Seen:
    """One answer on its way: its pieces as written, its text, and what the parser makes of labels.

    ids, answers: the first answer's ids, and the texts of all.
    """
    ids = [int(i) for i in ids]
    pieces = " ".join(t5.tokenizer.convert_ids_to_tokens(ids))
    bare = t5.tokenizer.decode(ids, skip_special_tokens=True).strip().lower()
    labels = {label: parse_label(label) for label in SENTIMENT}
    parsed = " and ".join(f"{made!r} of {label!r}" for label, made in labels.items())
    marks = [mark for mark in t5.tokenizer.all_special_tokens if mark in answers[0]]
    return {
        "A": (f"The pieces of your first answer are: {pieces}.", bare not in SENTIMENT),
        "B": (f"Your first answer is {answers[0]!r}.", bool(marks)),
        "C": (f"Your parser makes {parsed}.", any(labels[label] != label for label in labels)),
    }
