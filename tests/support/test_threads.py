"""The number of threads: the fastest, the safe one beside other programs, and the user's own."""

import machine as machines
import pytest
import torch
from torch import nn

from practicum_utils.checks import check
from practicum_utils.doctor import examine
from practicum_utils.models import last_vectors as right_answer
from practicum_utils.support import threads
from practicum_utils.support.environment import choose_threads, hold_threads, pick_device


@pytest.fixture
def make(monkeypatch):
    """A function that puts a made-up machine in the place of the real one."""
    return lambda **how: machines.install(monkeypatch, **how)


@pytest.fixture
def machine(make):
    """Two idle cores, on which a step is clearly faster with both."""
    return make()


# The trial


@pytest.mark.parametrize(
    ("cost", "number"),
    [
        ({1: 0.15, 2: 0.11}, 2),
        ({1: 0.15, 2: 0.13}, 2),
        ({1: 0.15, 2: 0.15}, 1),
        ({1: 0.15, 2: 0.142}, 1),  # 5 % is not worth the danger
        ({1: 0.15, 2: 0.20}, 1),
        ({1: 0.15, 2: 0.08, 4: 0.05}, 4),
        ({1: 0.15, 2: 0.08, 4: 0.08}, 2),
        ({1: 0.15, 2: 0.15, 4: 0.05}, 1),  # upwards only while it helps
        ({1: 0.15, 2: 0.08, 4: 0.05, 6: 0.04}, 6),
        ({1: 0.001, 2: 0.0006}, 2),
    ],
)
def test_the_fastest_number_is_taken_and_fewer_if_more_gain_little(make, cost, number):
    machine = make(cores=max(cost), cost=cost)
    machine.choose(steps=2_000)
    assert machine.number == number


def test_a_clear_difference_is_seen_at_once(machine):
    machine.choose()
    assert machine.steps == [1, 1, 2]  # the first one warms up


def test_a_step_that_takes_ten_times_as_long_is_not_repeated(make):
    machine = make(cost={1: 0.15, 2: 2.0, 4: 2.0}, cores=4)
    machine.choose()
    assert machine.steps.count(2) == 1 and 4 not in machine.steps and machine.number == 1


def test_a_difference_that_is_not_clear_is_measured_in_turns(make):
    machine = make(cost={1: 0.15, 2: 0.14})
    machine.choose()
    assert machine.steps == [1, 1] + [2, 1] * 3


def test_a_disturbed_step_is_outweighed_by_the_next(machine):
    times = iter([0.15, 0.15, 0.2, 0.15, 0.11])  # the third is the first with two threads
    machine.step = lambda: setattr(machine, "now", machine.now + next(times, 0.11))
    machine.choose()
    assert machine.number == 2


# The load


def test_beside_another_program_no_step_is_tried_with_its_core(make):
    machine = make(taken=1)
    machine.choose()
    assert machine.number == 1 and machine.steps == [] and machine.prepared == 0


def test_only_threads_that_have_room_are_tried(make):
    machine = make(cores=4, taken=2, cost={1: 0.15, 2: 0.08, 4: 0.05})
    machine.choose()
    assert machine.number == 2 and set(machine.steps) == {1, 2}


def test_the_number_is_chosen_again_if_the_load_changed_and_only_then(machine):
    machine.choose()
    for _ in range(3):
        assert machine.choose() == "" and machine.number == 2
    assert machine.prepared == 1
    machine.taken = 1
    machine.choose()
    assert machine.number == 1 and machine.prepared == 1
    machine.taken = 0
    machine.choose()
    assert machine.number == 2 and machine.prepared == 2


def test_a_moment_s_work_of_another_program_changes_nothing(machine, monkeypatch):
    machine.choose()
    readings = iter([1, 2])
    monkeypatch.setattr(threads, "free_threads", lambda most: next(readings))
    assert machine.choose() == "" and machine.number == 2 and machine.prepared == 1
    assert list(readings) == []


def test_the_load_is_not_looked_at_again_within_two_seconds(machine):
    machine.choose()
    for _ in range(3):
        machine.choose(pause=0.5)
    assert len(machine.looks) == 1
    machine.choose(pause=2.0)
    assert len(machine.looks) == 2


@pytest.mark.parametrize(("pauses", "hindered"), [(0, False), (1, False), (2, True), (5, True)])
def test_one_pause_hinders_nobody_and_several_do(make, monkeypatch, pauses, hindered):
    machine, left = make(), [7e-3] * pauses

    def tanh(portions, out):
        machine.now += left.pop() if left and machine.now % 1 > 0.005 else 5e-5

    monkeypatch.setattr(torch, "tanh", tanh)
    assert threads._is_hindered(2) is hindered


@pytest.mark.parametrize(("cores", "taken", "free"), [(8, 0, 8), (8, 1, 4), (6, 1, 4), (2, 1, 1)])
def test_the_probe_counts_the_threads_that_have_room(make, cores, taken, free):
    make(cores=cores, taken=taken)
    assert threads.free_threads(cores) == free


def test_the_real_probe_is_over_soon_and_gives_a_number():
    before = torch.get_num_threads()
    try:
        assert threads.free_threads(2) in (1, 2)
    finally:
        torch.set_num_threads(before)


# Each model


def test_each_model_has_a_number_of_its_own(machine):
    large, small = nn.Linear(1, 1), nn.Linear(1, 1)
    machine.choose(large)
    machine.cost = {1: 0.15, 2: 0.15}
    machine.choose(small)
    assert machine.number == 1 and machine.prepared == 2
    assert machine.choose(large) == "" and machine.number == 2
    assert machine.choose(small) == "" and machine.number == 1
    assert machine.prepared == 2


def test_short_work_runs_on_one_thread_before_there_is_a_choice(machine):
    assert machine.choose(steps=3) == ""
    assert machine.number == 1 and set(machine.steps) == {1}


def test_short_work_keeps_the_last_choice(machine):
    machine.choose()
    assert machine.choose(nn.Linear(1, 1), steps=3) == "" and machine.number == 2


def test_short_work_does_not_take_cores_that_another_program_uses(make):
    machine = make(cores=4, cost={1: 0.15, 2: 0.08, 4: 0.05})
    machine.choose()
    machine.taken = 2
    assert machine.number == 4
    machine.choose(nn.Linear(1, 1), steps=3)
    assert machine.number == 2


def test_short_work_is_timed_once_and_longer_work_of_the_same_model_is_tried(machine):
    for _ in range(3):
        machine.choose(steps=3)
    assert machine.prepared == 1
    machine.choose(steps=100)
    assert machine.prepared == 2 and machine.number == 2


@pytest.mark.parametrize("where", ["prepare", "step"])
def test_what_cannot_be_tried_leaves_the_number(machine, where):
    setattr(machine, where, lambda: 1 / 0)
    for _ in range(2):
        assert machine.choose() == "" and machine.number == 2


def test_an_interrupt_of_the_trial_gets_through_and_leaves_the_number(machine):
    def step():
        raise KeyboardInterrupt

    machine.step = step
    with pytest.raises(KeyboardInterrupt):
        machine.choose()
    assert machine.number == 2


def test_an_interrupt_of_the_look_leaves_the_number(make):
    def tanh(portions, out):
        raise KeyboardInterrupt

    machine = make(cores=4, taken=3)
    machine.choose()
    machine.tanh = tanh
    with pytest.raises(KeyboardInterrupt):
        machine.choose()
    assert machine.number == 1


# The user


def test_what_was_chosen_is_said_when_it_changes(machine):
    first = machine.choose()
    assert first.startswith("computing with 2 of 2 threads, which is fastest here just now; ")
    assert first.endswith("PRACTICUM_THREADS=1 would take 1") and "\n" not in first
    assert machine.choose(nn.Linear(1, 1)) == ""  # another model, the same number
    machine.taken = 1
    assert machine.choose() == (
        "computing with 1 of 2 threads, as other programs use the processor; "
        "PRACTICUM_THREADS=2 would take 2"
    )


def test_one_thread_leaves_nothing_to_choose(make):
    machine = make(cores=1, cost={1: 0.1})
    assert machine.choose() == ""
    assert machine.looks == machine.steps == [] and machine.number == 1


def test_the_number_at_the_first_call_is_the_most(make):
    machine = make(cores=4, number=2, cost={1: 0.15, 2: 0.08, 4: 0.05})
    machine.choose()
    assert machine.number == 2 and machine.looks == [2]


@pytest.mark.parametrize("number", [1, 3])
def test_a_number_that_the_user_sets_is_respected_from_then_on(machine, number):
    machine.choose()
    torch.set_num_threads(number)
    machine.taken = 1
    for _ in range(2):
        assert machine.choose() == "" and machine.number == number
    torch.set_num_threads(2)  # what was chosen, but now it is the user's
    assert machine.choose() == "" and machine.number == 2
    assert len(machine.looks) == 1


@pytest.mark.parametrize(("asked", "number"), [("1", 1), (" 3 ", 3)])
def test_the_environment_overrides_everything(machine, monkeypatch, asked, number):
    monkeypatch.setenv("PRACTICUM_THREADS", asked)
    torch.set_num_threads(5)
    assert machine.choose() == "" and machine.number == number
    assert machine.looks == machine.steps == []


def test_without_the_variable_again_there_is_a_choice_again(machine, monkeypatch):
    monkeypatch.setenv("PRACTICUM_THREADS", "1")
    machine.choose()
    monkeypatch.setenv("PRACTICUM_THREADS", "")
    assert "2 of 2" in machine.choose()


@pytest.mark.parametrize("asked", ["0", "-1", "two", "1.5", "²"])
def test_a_number_that_is_none_is_refused_in_a_sentence(machine, monkeypatch, asked):
    monkeypatch.setenv("PRACTICUM_THREADS", asked)
    with pytest.raises(ValueError, match=rf"PRACTICUM_THREADS is '{asked}'; set it to a whole num"):
        machine.choose()


# Checks and examinations


def test_held_threads_stay_whatever_happens(machine, monkeypatch):
    machine.choose()
    machine.taken = 1
    with pytest.raises(ZeroDivisionError), hold_threads():
        with hold_threads():
            machine.choose()
        monkeypatch.setenv("PRACTICUM_THREADS", "7")
        assert machine.choose() == "" and machine.number == 2
        raise ZeroDivisionError
    monkeypatch.delenv("PRACTICUM_THREADS")
    assert "1 of 2" in machine.choose()


def test_a_check_holds_the_number(machine):
    def last_vectors(states, lengths):
        machine.choose()
        return right_answer(states, lengths)

    check("3.1", last_vectors)
    assert machine.looks == [] and machine.number == 2
    last_vectors(torch.zeros(1, 2, 3), torch.tensor([2]))
    assert machine.looks == [2]


def test_an_examination_holds_the_number(machine):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(20, 1)

        def forward(self, token_ids, lengths):
            choose_threads(self, machine.prepare, 100)
            return self.embedding(token_ids).sum(dim=(1, 2))

    model, batch = (
        Model(),
        (torch.ones(2, 3).long(), torch.tensor([3, 3]), torch.tensor([0.0, 1.0])),
    )
    examine(model, [batch])
    assert machine.looks == [] and machine.number == 2
    model(*batch[:2])
    assert machine.looks == [2]


# A loop of the learner's own


@pytest.mark.parametrize(("taken", "number"), [(0, 4), (1, 2), (3, 1)])
def test_a_picked_cpu_has_as_many_threads_as_there_is_room_for(make, taken, number, capsys):
    machine = make(cores=4, taken=taken)
    pick_device("cpu")
    assert machine.number == number and machine.steps == []
    assert capsys.readouterr().out == ""


def test_a_picked_cpu_leaves_the_user_s_own_number_and_obeys_the_variable(make, monkeypatch):
    machine = make(cores=4, taken=3)
    torch.set_num_threads(3)
    pick_device("cpu")
    assert machine.number == 3
    monkeypatch.setenv("PRACTICUM_THREADS", "4")
    pick_device("cpu")
    assert machine.number == 4


def test_a_device_that_is_picked_in_a_check_changes_no_threads(make):
    machine = make(cores=4, taken=3)
    with hold_threads():
        pick_device("cpu")
    assert machine.number == 4 and machine.looks == []
