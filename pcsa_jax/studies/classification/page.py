"""The page of Table 3: our numbers, the published ones beside them, the tests, and what follows from them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pcsa_jax.presentation.markdown import markdown_table, markdown_text
from pcsa_jax.presentation.numbers import NONE, count, interval, number
from pcsa_jax.presentation.origin import name_origin
from pcsa_jax.presentation.statistics import NUM_RESAMPLES
from pcsa_jax.studies.classification import wording
from pcsa_jax.studies.classification.aggregation import Estimate
from pcsa_jax.studies.classification.comparison import DROP_IN, LEVEL, MRI, PairedTest
from pcsa_jax.studies.classification.lines import PART_LABELS, LineKey, label_of
from pcsa_jax.studies.classification.measures import COUNTS, MEASURES
from pcsa_jax.studies.classification.results import PartResults
from pcsa_jax.studies.classification.roc import subjects_phrase

if TYPE_CHECKING:
    from pcsa_jax.studies.classification.context import ClassificationContext

PUBLISHED_MEASURES = ("acc", "spe", "sen", "f1", "auc")
PUBLISHED = (
    ("Only sMRI", 90.48, 90.90, 89.93, 87.40, 89.35),
    ("Pan et al.", 93.58, 95.22, 91.52, 92.64, 96.95),
    ("Sikka et al.", 84.50, 83.43, 89.19, 82.92, 92.99),
    ("Gao et al.", 92.00, 94.00, 89.10, 90.50, 95.60),
    ("Proposed (PCSA-GAN)", 94.21, 96.39, 91.81, 93.56, 94.91),
)
"""Table 3 of arXiv 2411.17420, in %; its caption announces a SD, but none is printed."""

AGREEMENT_LABELS = {
    "kappa": "Cohen's κ of the decisions",
    "logit_correlation": "correlation of the logits, within folds",
    "shift": "mean shift of the probability of AD (synthetic − real)",
    "shift_ad": "the same, AD subjects",
    "shift_cn": "the same, CN subjects",
}


def percent(found: Estimate) -> str:
    """``91.7 (86.7 to 95.8)``: a fraction in % and its interval."""
    if found.value is None:
        return NONE
    text = number(100 * found.value, 1)
    return f"{text} ({interval([100 * bound for bound in found.ci95], 1)})" if found.ci95 else text


def published_table() -> str:
    """The published numbers, as printed."""
    rows = [(name, *(f"{value:.2f}" for value in values)) for name, *values in PUBLISHED]
    return markdown_table(["published", *(MEASURES[key] for key in PUBLISHED_MEASURES)], rows)


def comparison_table(tests: Sequence[PairedTest]) -> str:
    """The tests, one a row."""
    rows = [
        (f"{label_of(test.first)} vs {label_of(test.second)}", MEASURES[test.measure],
         wording.points(test.difference), wording.p_phrase(test.p), wording.p_phrase(test.p_holm),
         f"{test.first_right} : {test.second_right}" if test.measure == "acc" else "", test.verdict)
        for test in tests
    ]  # fmt: skip
    header = ["comparison", "measure", "difference, points (95 % CI)", "p", "p (Holm)", "right more often", "by the CI"]
    return markdown_table(header, rows, num_left=2)


def agreement_table(found: Mapping[str, Estimate]) -> str:
    """What ``comparison.agreement`` found."""

    def text(entry: Estimate, signed: bool) -> str:
        if entry.value is None:
            return f"{NONE} ({entry.reason})"
        bounds = f" ({interval(entry.ci95, 3, signed=signed)})" if entry.ci95 else ""
        return number(entry.value, 3, signed=signed) + bounds

    rows = [(label, text(found[key], key.startswith("shift"))) for key, label in AGREEMENT_LABELS.items()]
    return markdown_table(["agreement of real and synthetic PET", "value (95 % CI)"], rows)


def _results_section(part: str, results: PartResults) -> list[str]:
    line = next(iter(results.lines.values()))
    n, n_ad = len(line.is_ad), int(line.is_ad.sum())
    majority, share = ("AD", n_ad / n) if 2 * n_ad > n else ("CN", 1 - n_ad / n)
    header = ["arm", *MEASURES.values()]
    rows = [(label_of(key), *(percent(own[name]) for name in MEASURES)) for key, own in results.found.items()]
    folds = [(label_of(key), *(_spread(results, key, name) for name in MEASURES)) for key in results.lines]
    confusion = [(label_of(key), *_confusion(results, key)) for key in results.lines]
    return [
        f"## {wording.capital(PART_LABELS[part])}: {subjects_phrase(line)}; classifiers per arm: {len(line.models)}",
        f"In %, with the 95 % bootstrap interval over subjects. To call everyone {majority} has ACC {100 * share:.1f}"
        + (" and BACC 50.0." if 0 < n_ad < n else "."),
        markdown_table(header, rows),
        *_missing(results),
        *_widthless(results, n_ad, n - n_ad),
        "Mean ± SD over the classifiers (folds × seeds), most likely what the paper's ± is. It mixes the luck of a "
        "fold's few subjects with that of training and says little about certainty; a dash: not defined in some fold.",
        markdown_table(header, folds),
        f"Confusion counts at each classifier's own threshold, mean over the {_pool_name(part)}.",
        markdown_table(["arm", "AD called AD", "AD called CN", "CN called AD", "CN called CN"], confusion),
    ]


def _pool_name(part: str) -> str:
    return "classifiers" if part == "mri_only" else "seeds"


def _missing(results: PartResults) -> list[str]:
    """Why there are numbers or intervals missing: each reason once, with the measures and arms that it is about."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for key, own in results.found.items():
        for name, entry in own.items():
            if entry.reason:
                reasons.setdefault(entry.reason, {}).setdefault(label_of(key), []).append(MEASURES[name])
    return [
        f"No value or no interval, {reason}: "
        + "; ".join(f"{label} ({', '.join(names)})" for label, names in about.items()) + "."
        for reason, about in reasons.items()
    ]  # fmt: skip


def _widthless(results: PartResults, n_ad: int, n_cn: int) -> list[str]:
    """A warning where no resample differs: the bootstrap cannot see errors that no subject shows."""
    intervals = [entry.ci95 for own in results.found.values() for entry in own.values() if entry.ci95]
    if all(low < high for low, high in intervals):
        return []
    # The exact binomial bound for no errors among n; about 3 / n.
    ad, cn = (100 * (1 - 0.05 ** (1 / n)) for n in (n_ad, n_cn))
    return [
        f"An interval without width is no certainty: no error among {n_ad} AD and {n_cn} CN subjects still allows for "
        f"error rates of {ad:.1f} % and {cn:.1f} % (one-sided 95 % bounds)."
    ]


def _spread(results: PartResults, key: LineKey, name: str) -> str:
    mean, std = results.spread(key, name)
    if mean is None:
        return NONE
    return number(100 * mean, 1) + ("" if std is None else f" ± {number(100 * std, 1)}")


def _confusion(results: PartResults, key: LineKey) -> list[str]:
    num_pools = len(results.lines[key].pools)
    means = [results.classifiers_of(key)[name].sum() / num_pools for name in COUNTS]
    return [f"{mean:.0f}" if mean == round(mean) else f"{mean:.1f}" for mean in means]


def _published_section(context: "ClassificationContext") -> list[str]:
    people = "a phantom, not people" if context.is_phantom else "another selection of subjects"
    return [
        "## The published Table 3",
        "arXiv 2411.17420, in %. Its caption announces a SD; none is printed.",
        published_table(),
        f"Not comparable with ours: this cohort ({markdown_text(context.cohort)}) is {people}; classifier, threshold, "
        "class counts and split of the published rows are not stated, and the rows taken from other papers were scored "
        "on other subjects. Only differences between our own arms, on the same subjects, can be interpreted.",
    ]


def _tests_section(parts: Mapping[str, PartResults]) -> list[str]:
    text = [
        "## Tests",
        "The comparisons were fixed beforehand. AUC decides; BACC and ACC are shown beside it. p: paired bootstrap for "
        "AUC and BACC, McNemar's exact test for ACC; Holm's correction over the comparisons of one part and measure. "
        "Right more often: subjects whom only, or more often, the first (the second) arm called rightly.",
    ]
    for part, results in parts.items():
        if results.tests:
            text += [f"### {wording.capital(PART_LABELS[part])}", comparison_table(results.tests)]
        else:
            text.append(f"{wording.capital(PART_LABELS[part])}: no two arms to compare.")
    return text


def _drop_in_section(parts: Mapping[str, PartResults], agreed: Mapping[str, Estimate] | None) -> list[str]:
    text = [
        "## Drop-in test: a classifier trained with real PET is given synthetic PET",
        "Held-out pairs; classifier and threshold stay as they are, so that only the PET changes.",
        wording.drop_in_sentence(wording.by_comparison(parts["pairs"].tests if "pairs" in parts else [])),
    ]
    if agreed:
        text += [
            agreement_table(agreed),
            "The classifier sees the same MRI both times, which alone makes for agreement: a high value is necessary "
            "for the PET to be replaceable, but no proof.",
        ]
    return [*text, _paper_protocol(parts)]


def _paper_protocol(parts: Mapping[str, PartResults]) -> str:
    if "mri_only" not in parts:
        return (
            "The paper's own protocol (such a classifier on subjects without PET) cannot be repeated here: no subjects "
            "without PET were scored."
        )
    results = parts["mri_only"]
    if DROP_IN not in results.lines:
        return "The paper's own protocol was not run: that classifier was not scored on the MRI-only subjects."
    sentence = wording.comparison_sentence(wording.by_comparison(results.tests), DROP_IN, MRI)
    found = ", ".join(f"{MEASURES[name]} {percent(results.found[DROP_IN][name])}" for name in PUBLISHED_MEASURES)
    people = subjects_phrase(results.lines[DROP_IN])
    return f"The paper's own protocol, such a classifier on {people} without PET, in %: {found}. {sentence}"


def _meaning_section(parts: Mapping[str, PartResults]) -> list[str]:
    text = [
        "## What synthetic PET can and cannot add",
        "The synthetic PET is a function of the MRI, G(mri). So MRI + G(mri) holds no information about a subject that "
        "the MRI does not hold (data processing inequality): the best possible classifier of both is no better than "
        "the best possible one of the MRI. A trained classifier can still gain, by regularisation, by a representation "
        "that is easier to learn from few subjects, or by what G has learned about PET from its training pairs. A "
        "second branch alone can do some of that, which the controls show: one is given the same mean PET for all, "
        "the other the MRI again. Only a gain over MRI only *and* over both controls speaks for the synthetic PET.",
    ]
    for part, results in parts.items():
        tests = wording.by_comparison(results.tests)
        sentences = (wording.real_sentence(tests), wording.control_sentence(tests))
        text.append(" ".join([wording.synthetic_conclusion(part, tests), *filter(None, sentences)]))
    return text


METHOD = f"""## How it was computed

A subject's probability is the mean over their visits. Held-out pairs: the decisions of a seed's folds are pooled, each
at its own fold's threshold, and the mean over seeds is shown; the AUC is taken within folds, weighted by their numbers
of (AD, CN) pairs, because the probabilities of different folds' classifiers are not on one scale. MRI-only subjects:
every classifier scores everyone; the mean of its measures over the classifiers is shown. Intervals: percentile
bootstrap, {count(NUM_RESAMPLES)} resamples of the subjects, AD and CN separately, the same resamples for every arm.
They hold for these trained classifiers and do not contain the luck of training. The test of ACC counts a subject for
the arm whose classifiers were right more often: McNemar's exact test where a subject has one classifier per arm, else a
sign test. Better, worse: the interval leaves out 0; conclusions ask for a Holm-corrected p below {LEVEL} too."""


def write_page(
    parts: Mapping[str, PartResults], agreed: Mapping[str, Estimate] | None, context: "ClassificationContext"
) -> str:
    """The page as Markdown.

    Args:
      parts: part of the cohort -> its results.
      agreed: of real and synthetic PET under the frozen classifiers; None if not scored.
      context: of the experiment.
    """
    head = ["# Table 3 and Fig. 6: AD against CN with synthetic PET"]
    if context.is_phantom:
        head.append(
            "**PHANTOM: simulated volumes, not people, made the generator, the classifiers and the tests. Nothing here "
            "says anything about patients.**"
        )
    head.append(context.protocol)
    text = []
    for part, name in PART_LABELS.items():
        missing = f"## {wording.capital(name)}: none\n\nThis cohort has none that were scored."
        text += _results_section(part, parts[part]) if part in parts else [missing]
    text += ["![ROC curves](table3_roc.png)", "![Measures of every arm](fig6.png)"]
    after = [*_tests_section(parts), *_drop_in_section(parts, agreed), *_meaning_section(parts), METHOD]
    text, after = ([name_origin(line, is_phantom=context.is_phantom) for line in own] for own in (text, after))
    return "\n\n".join([*head, *text, *_published_section(context), *after]) + "\n"
