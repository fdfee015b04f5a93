"""How far to trust a share of right answers: its interval, and a test of two readers on one set."""

from collections.abc import Sequence


def accuracy_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy of ``hits`` in ``count`` answers (Wilson 1927).

    Raises ValueError for no answers, or for more hits than answers.
    """
    if not 0 <= hits <= count or count < 1:
        raise ValueError(f"{hits} right answers of {count} have no interval; count at least one.")
    from scipy.stats import binomtest

    interval = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Return the p-value of McNemar's exact test of two readers that answered the same questions.

    first, second: for each question whether that reader was right. Only the questions on which
    they differ count: were the two equally good, each would win half of those. p is 1 where they
    never differ. McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions or percentages". Raises ValueError for answers of unequal number.
    """
    pairs = list(zip(first, second, strict=True))
    wins = sum(bool(a) and not b for a, b in pairs)
    losses = sum(bool(b) and not a for a, b in pairs)
    if wins + losses == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue)


def p_in_words(p: float) -> str:
    """Write a p-value with three digits, and one that these would show as 0 as "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def chance_in_words(p: float) -> str:
    """Say a p-value as a frequency, as in "in about 1 of 40 experiments".

    It is how often chance alone would make a difference at least as large, were there none.
    """
    if p > 0.6:
        return "in most experiments"
    if p < 0.001:
        return "in fewer than 1 of 1,000 experiments"
    return f"in about 1 of {float(f'{1 / p:.2g}'):,.0f} experiments"  # two digits are enough
