"""What the tests of Table 3 say, in sentences made from the numbers: better, worse or undecided."""

from collections.abc import Iterable, Mapping

from pcsa_jax.presentation.numbers import NONE, interval, number
from pcsa_jax.studies.classification.aggregation import Estimate
from pcsa_jax.studies.classification.comparison import COMPARED, CONTROLS, DROP_IN, MRI, REAL, SYNTHETIC, PairedTest
from pcsa_jax.studies.classification.lines import PART_LABELS, LineKey, label_of
from pcsa_jax.studies.classification.measures import MEASURES

Tests = Mapping[tuple[LineKey, LineKey, str], PairedTest]
"""The tests of one part, by both lines and the measure."""


def by_comparison(tests: Iterable[PairedTest]) -> Tests:
    """The tests of one part, to be looked up."""
    return {(test.first, test.second, test.measure): test for test in tests}


def points(difference: Estimate) -> str:
    """``+1.2 (−0.4 to +2.9)``: a difference of fractions in percentage points and its interval."""
    if difference.value is None:
        return NONE
    text = number(100 * difference.value, 1, signed=True)
    bounds = [100 * bound for bound in difference.ci95 or ()]
    return f"{text} ({interval(bounds, 1, signed=True)})" if bounds else text


def p_phrase(p: float | None) -> str:
    """Three decimals, or that it is less than those can tell."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _spelled(difference: Estimate) -> str:
    """``+1.2 points, 95 % CI −0.4 to +2.9``, or why there is none."""
    if difference.value is None:
        return f"cannot be compared: {difference.reason}"
    size = f"{number(100 * difference.value, 1, signed=True)} points"
    if difference.ci95 is None:
        return f"{size}, no interval: {difference.reason}"
    return f"{size}, 95 % CI {interval([100 * bound for bound in difference.ci95], 1, signed=True)}"


def _phrase(test: PairedTest) -> str:
    """``better in AUC (+2.1 points, 95 % CI +0.3 to +4.0; Holm-corrected p = 0.040)``."""
    p = p_phrase(test.p_holm)
    p = f"; Holm-corrected p {p if p.startswith('<') else f'= {p}'}" if test.p_holm is not None else ""
    doubt = "" if test.corrected_verdict == test.verdict else ", but not after the correction"
    return f"{test.verdict} in {MEASURES[test.measure]} ({_spelled(test.difference)}{p}){doubt}"


def comparison_sentence(tests: Tests, first: LineKey, second: LineKey) -> str:
    """One sentence on a comparison by every tested measure; empty if it was not made."""
    if (first, second, COMPARED[0]) not in tests:
        return ""
    phrases = [_phrase(tests[first, second, measure]) for measure in COMPARED]
    return f"{label_of(first)} against {label_of(second)}: {'; '.join(phrases)}."


def synthetic_conclusion(part: str, tests: Tests) -> str:
    """What one part of the cohort says about the arm with synthetic PET, by AUC after correction."""
    name, against_mri = capital(PART_LABELS[part]), tests.get((SYNTHETIC, MRI, "auc"))
    if against_mri is None:
        return f"{name}: no arm with synthetic PET beside MRI only, so nothing can be said of it."
    if against_mri.difference.ci95 is None:
        return f"{name}: nothing can be said of synthetic PET; its AUC {_spelled(against_mri.difference)}."
    gain = {
        "better": "With synthetic PET the classifier is better than with MRI only",
        "worse": "With synthetic PET the classifier is worse than with MRI only",
        "undecided": "Neither gain nor loss by synthetic PET over MRI only is shown",
    }[against_mri.corrected_verdict]
    controls = {key: tests[SYNTHETIC, key, "auc"] for key in CONTROLS if (SYNTHETIC, key, "auc") in tests}
    sentences = [f"{name}: {gain} (AUC {_spelled(against_mri.difference)})."]
    if len(controls) < len(CONTROLS):
        sentences.append("Not all control arms were scored, so no gain could be credited to the synthetic PET.")
    for word, phrase in (("better", "better than"), ("undecided", "not shown to differ from"), ("worse", "worse than")):
        names = [label_of(key) for key, test in controls.items() if test.corrected_verdict == word]
        if names:
            sentences.append(f"It is {phrase} the control{'s' * (len(names) > 1)} {' and '.join(names)}.")
    beats_controls = [test.corrected_verdict for test in controls.values()] == ["better"] * len(CONTROLS)
    return " ".join([*sentences, _credit(against_mri.corrected_verdict == "better", beats_controls)])


def _credit(beats_mri: bool, beats_controls: bool) -> str:
    if beats_mri and beats_controls:
        return (
            "So the synthetic PET helps beyond what a second branch does by itself: as representation, not measurement."
        )
    if beats_mri:
        return "So the gain over MRI only cannot be credited to the synthetic PET."
    if beats_controls:
        return "To be better than the controls without being better than MRI only is no gain."
    return "So it is not shown here that synthetic PET helps this classifier."


def control_sentence(tests: Tests) -> str:
    """How much the second branch alone does: each control against MRI only."""
    found = [(key, tests[key, MRI, "auc"]) for key in CONTROLS if (key, MRI, "auc") in tests]
    if not found:
        return ""
    phrases = [f"{label_of(key)} {test.corrected_verdict} ({_spelled(test.difference)})" for key, test in found]
    return f"The second branch alone, by AUC against MRI only after correction: {'; '.join(phrases)}."


def real_sentence(tests: Tests) -> str:
    """Whether a measured PET helps at all: what cannot be gained with it can hardly be gained with a synthetic one."""
    test = tests.get((REAL, MRI, "auc"))
    if test is None:
        return ""
    meaning = {
        "better": "A measured PET adds to the MRI here: that is the room there is",
        "undecided": "Not even a measured PET is shown to add to the MRI here, so the use of a synthetic one cannot be",
        "worse": "With a measured PET the classifier does worse, which points at the classifier or its training",
    }[test.corrected_verdict]
    return f"{meaning} (real PET against MRI only: AUC {_spelled(test.difference)})."


def drop_in_sentence(tests: Tests) -> str:
    """Whether synthetic PET can stand in for real PET under a frozen classifier."""
    test = tests.get((DROP_IN, REAL, "auc"))
    if test is None:
        return "Not made: the classifiers trained with real PET did not score held-out pairs with both kinds of PET."
    if test.difference.ci95 is None:
        return comparison_sentence(tests, DROP_IN, REAL)
    meaning = {
        "better": "synthetic PET does better than the real one here: it may be less noisy, but look for a leak first",
        "worse": "synthetic PET does not replace the real one for this classifier",
        "undecided": "a difference is not shown; that does not show the two to be equal, and the interval says how "
        "large a loss remains possible",
    }[test.corrected_verdict]
    return f"{comparison_sentence(tests, DROP_IN, REAL)} By AUC after correction, {meaning}."


def capital(text: str) -> str:
    """``text`` with its first letter as a capital."""
    return text[0].upper() + text[1:]
