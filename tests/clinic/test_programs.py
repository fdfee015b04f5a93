"""The programs are what they say: correct ones learn, and every planted bug makes a difference."""

from functools import cache

import pytest
import torch
from tiers import a_few

from practicum_utils.bugs import CATALOGUE
from practicum_utils.clinic.programs import (
    CLEAN,
    COLUMNS,
    FORMS,
    LATER_FORMS,
    NOT_PLANTED,
    OPTIMIZERS,
    applies,
    build,
)
from practicum_utils.clinic.programs.controls import program as whole
from practicum_utils.clinic.programs.controls import usual
from practicum_utils.clinic.programs.forms import Gru, Looks, Scores
from practicum_utils.clinic.programs.program import HF_ADAPTER
from practicum_utils.clinic.programs.readers import E, H
from practicum_utils.clinic.programs.reviews import VOCAB_SIZE
from practicum_utils.models import AttentionRNN, SimpleRNN, TransformerClassifier
from practicum_utils.training import run_epoch, set_seed

CELLS = [(bug, column) for bug in CATALOGUE for column in COLUMNS if applies(bug, column)]
RAISING = {"linear-input-size", "float-ids", "labels-shape"}
# What a planted bug breaks, for those of the model; the others change what a training run does.
FAMILIES_OF_A_GAP = {"batch-mixing", "padding"}
OTHERS_WITH_A_GAP = {"mask-inverted", "short-rows-lost"}


def has_a_gap(bug):
    return CATALOGUE[bug].family in FAMILIES_OF_A_GAP or bug in OTHERS_WITH_A_GAP


BOTH_BOOKS = FORMS | LATER_FORMS
FORMS_WITH_A_GAP = [
    name for name, (bug, _) in BOTH_BOOKS.items() if has_a_gap(bug) and name != "rows_sorted_alone"
]  # that one is planted in the loader, which lies about the row alone as well


def cells_of(chosen):
    return [cell for cell in CELLS if chosen(CATALOGUE[cell[0]])]


def one_column_where_the_lines_are_the_same():
    """The bugs of data, optimizer and loop are planted outside the model: one column each."""
    inside = {"shapes", "batch-mixing", "padding", "real-tokens-lost", "architecture", "graph"}
    outside = [bug for bug in CATALOGUE if CATALOGUE[bug].family not in inside]
    turns = {bug: COLUMNS[place % len(COLUMNS)] for place, bug in enumerate(outside)}
    return [(bug, column) for bug, column in CELLS if turns.get(bug, column) == column]


def rows_of(program, count=2):
    """The ids and lengths of a few batches."""
    batches = [batch for _, batch in zip(range(count), program.loader, strict=False)]
    if isinstance(batches[0], dict):
        return [(batch["input_ids"], batch["attention_mask"].sum(dim=1)) for batch in batches]
    return [(batch.token_ids, batch.lengths) for batch in batches]


def logits_of(program, token_ids, lengths):
    program.model.eval()
    with torch.no_grad():
        if program.adapter is not None:
            return HF_ADAPTER.forward(program.model, token_ids, lengths)
        return program.model(token_ids, lengths)


def solo_gap(program):
    """The largest difference between a row's logit in its batch and alone, without padding."""
    gaps = []
    for ids, lengths in rows_of(program, 4):
        together = logits_of(program, ids, lengths)
        for row, length in enumerate(lengths):
            alone = logits_of(program, ids[row : row + 1, :length], lengths[row : row + 1])
            gaps.append((together[row] - alone).abs().item())
    return max(gaps)


@cache
def run(column, bug=None):
    """What a learner sees in two epochs with an evaluation after each, and the final weights."""
    program = build(column, bug=bug)
    try:
        seen = []
        for _ in range(2):
            seen.extend(program.train(1))
            seen.append(program.run_epoch(program.model, program.loader, program.loss_fn))
    except Exception as error:
        return repr(error)
    weights = torch.cat([parameter.detach().flatten() for parameter in program.model.parameters()])
    return [value for metrics in seen for value in metrics], weights.sum().item()


def test_every_bug_is_planted_somewhere_or_says_why_not():
    assert {bug for bug, _ in CELLS} == set(CATALOGUE) - NOT_PLANTED
    assert {"leaked-test-reviews", "special-tokens-kept"} <= NOT_PLANTED
    assert not {"wrong-end-kept", "no-score-scale"} & NOT_PLANTED  # they cannot be seen, but run
    assert len(CELLS) > 200


def test_a_bug_that_cannot_exist_is_refused():
    with pytest.raises(ValueError, match="no-pad-mask cannot be planted in cnn"):
        build("cnn", bug="no-pad-mask")
    with pytest.raises(KeyError):
        build("cnn", bug="no-such-bug")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("column", a_few(COLUMNS))
def test_the_correct_program_learns_and_reads_each_row_for_itself(column, optimizer):
    program = build(column, optimizer)
    assert solo_gap(program) < 1e-5
    first, *_, last = program.train(12)
    assert last.loss < 0.9 * first.loss
    assert solo_gap(program) < 1e-4


@pytest.mark.parametrize(("column", "ours"), [
    ("simple_rnn", SimpleRNN(VOCAB_SIZE, E, H)),
    ("attention_rnn", AttentionRNN(VOCAB_SIZE, E, H, pair_size=0)),
    ("transformer", TransformerClassifier(VOCAB_SIZE, E, 2, inner_size=2 * E, pair_size=0)),
])  # fmt: skip
def test_three_columns_are_the_models_of_the_package(column, ours):
    program = build(column)
    ours.load_state_dict({**ours.state_dict(), **program.model.state_dict()})
    for ids, lengths in rows_of(program):
        theirs = logits_of(program, ids, lengths)
        assert torch.allclose(ours.eval()(ids, lengths), theirs, atol=1e-6)


def test_the_correct_loop_is_that_of_the_package():
    theirs = build("cnn").train(1)[0]
    program = build("cnn")
    ours = run_epoch(program.model, program.loader, program.loss_fn, program.optimizer)
    assert tuple(theirs) == pytest.approx(tuple(ours))


@pytest.mark.parametrize(("bug", "column"), a_few(one_column_where_the_lines_are_the_same()))
def test_a_bug_changes_what_the_learner_sees(bug, column):
    clean, planted = run(column), run(column, bug)
    assert isinstance(planted, str) == (bug in RAISING)
    assert bug == "clip-before-backward" or planted != clean


def test_clipping_before_backward_clips_nothing():
    assert run("cnn", "clip-before-backward") == run("cnn")


@pytest.mark.parametrize(("bug", "column"), a_few(cells_of(lambda bug: has_a_gap(bug.id))))
def test_a_row_depends_on_its_neighbours_or_on_its_padding(bug, column):
    program = build(column, bug=bug)
    program.model.output.weight.data *= 100
    gap = solo_gap(program)
    assert gap > 1e-2 or gap != gap  # an inverted mask may leave nothing to attend to: NaN


@pytest.mark.parametrize(("bug", "column"), cells_of(lambda bug: bug.id == "last-token-lost"))
def test_the_last_word_counts_unless_it_is_lost(bug, column):
    for planted in (None, bug):
        program = build(column, bug=planted)
        ids, lengths = rows_of(program)[0]
        before = logits_of(program, ids, lengths)
        ids[torch.arange(len(ids)), lengths - 1] = 199
        changed = (logits_of(program, ids, lengths) - before).abs() > 1e-6
        assert changed.all() if planted is None else not changed[lengths > 1].any()


@pytest.mark.parametrize(("bug", "column"), a_few(cells_of(lambda bug: bug.family == "graph")))
def test_the_gradient_stops_where_the_graph_is_cut(bug, column):
    program = build(column, bug=bug)
    program.train(1)
    assert program.model.embedding.weight.grad is None
    assert program.model.output.weight.grad is not None
    intact = build(column)
    intact.train(1)
    assert all(parameter.grad is not None for parameter in intact.model.parameters())


@pytest.mark.parametrize(("bug", "column"), cells_of(lambda bug: bug.id == "no-positions"))
def test_without_positions_the_order_is_lost(bug, column):
    for planted in (None, bug):
        program = build(column, bug=planted)
        ids, lengths = rows_of(program)[-1]
        ids, lengths = ids[:, : lengths.min()], lengths.clamp(max=lengths.min())
        gap = (logits_of(program, ids, lengths) - logits_of(program, ids.flip(1), lengths)).abs()
        assert (gap.max() < 1e-6) == (planted is not None)


@pytest.mark.parametrize("bug", ["dropout-always-on", "eval-mode-missing"])
@pytest.mark.parametrize("column", a_few(COLUMNS))
def test_two_evaluations_differ_where_dropout_is_left_on(bug, column):
    for planted in (None, bug):
        program = build(column, bug=planted)
        program.train(1)
        pieces = program.model, list(program.loader), program.loss_fn
        assert (program.run_epoch(*pieces) == program.run_epoch(*pieces)) == (planted is None)


def test_the_controls_are_of_many_kinds():
    assert len([name for name in CLEAN if ", " not in name]) >= 25
    assert len(CLEAN) * 5 >= 200  # runs, at five seeds


@pytest.mark.parametrize("name", a_few(name for name in CLEAN if ", " not in name))
def test_a_control_learns_and_answers_alike_when_asked_twice(name):
    program = CLEAN[name]()
    first, *_, last = program.train(12)
    assert (
        last.loss < 0.9 * first.loss or first.loss < 0.1
    )  # already trained ones have no way to go
    pieces = program.model, list(program.loader), program.loss_fn
    by_design = name == "monte_carlo_dropout"
    assert (program.run_epoch(*pieces) == program.run_epoch(*pieces)) != by_design


@pytest.mark.slow
@pytest.mark.parametrize("model", [Gru, Looks, Scores])
def test_the_models_of_the_other_forms_are_correct(model):
    set_seed(0)
    right = whole(model(), usual(0))
    assert solo_gap(right) < 1e-5
    first, *_, last = right.train(8)
    assert last.loss < 0.9 * first.loss


def test_the_other_forms_are_of_many_bugs():
    assert not set(FORMS) & set(LATER_FORMS)
    assert len({bug for bug, _ in BOTH_BOOKS.values()}) >= 40
    assert not [bug for bug, _ in BOTH_BOOKS.values() if not CATALOGUE[bug].detectable]


@pytest.mark.parametrize("name", a_few(FORMS_WITH_A_GAP))
def test_a_form_of_a_model_makes_a_row_depend_on_more_than_itself(name):
    gap = solo_gap(BOTH_BOOKS[name][1]())
    assert gap > 1e-4 or gap != gap
