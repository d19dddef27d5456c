"""p values of several tests at once."""


def holm(p_values: list[float | None]) -> list[float | None]:
    """Step-down correction of the family-wise error; None, a test that could not be made, does not count.

    Source: Holm, Scand. J. Stat. 1979.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[place] = largest
    return corrected
