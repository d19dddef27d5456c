"""What can be reproduced: the paper's tables and figures, their rows, and the numbers that it printed for them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pcsa_jax.experiment.rows import Row

ALL = "all"
"""On the command line: every target but those with sizes."""

GENERATOR_ROW = "pcsa"
"""The reference of every row set, and the row whose generators ``table3`` and ``disease`` look at."""


class Published(NamedTuple):
    """A number of the paper, over the whole volume, as printed.

    Attributes:
      mean: in the unit of the metric.
      std: what follows the paper's ±, which it does not explain; None where it printed none.
    """

    mean: float
    std: float | None


class RowSet(NamedTuple):
    """The rows of one table or figure.

    Attributes:
      name: on the command line and of the output folder.
      title: what is varied.
      paper: where it is in the paper.
      rows: names of the rows, in the paper's order.
      reference: the row with which every other is compared.
      labels: row -> its name for print, the paper's where the paper has it.
      published: row -> metric of an evaluation -> the paper's number; a row without printed numbers is absent.
    """

    name: str
    title: str
    paper: str
    rows: tuple[str, ...]
    reference: str
    labels: Mapping[str, str]
    published: Mapping[str, Mapping[str, Published]]


class Target(NamedTuple):
    """What can be reproduced.

    Attributes:
      summary: for ``--help``.
      paper: where it is in the paper.
      title: of a row set, what is varied; empty for a study of the generators of :data:`GENERATOR_ROW`.
      published: of a row set, see :class:`RowSet`.
      reference_first: whether the paper lists the reference row first or last.
      shows_subject: whether its figure in the paper shows one subject as every row sees it.
      compares_groups: whether it needs participants of both diagnoses.
      rows: of a study, the rows whose generators it looks at, as far as the config file has them.
      sizes: participants to train on, beside all of the training part.
    """

    summary: str
    paper: str
    title: str = ""
    published: Mapping[str, Mapping[str, Published]] = MappingProxyType({})
    reference_first: bool = True
    shows_subject: bool = False
    compares_groups: bool = False
    rows: tuple[str, ...] = (GENERATOR_ROW,)
    sizes: tuple[int, ...] = ()


def _printed(ssim: str, psnr_db: str, mae: str) -> dict[str, Published]:
    """The three cells of a line, in the paper's order of columns, as printed."""
    cells = {"ssim": ssim, "psnr_db": psnr_db, "mae": mae}
    numbers = {metric: [float(part) for part in cell.split("±")] for metric, cell in cells.items()}
    return {metric: Published(*(values if len(values) == 2 else (*values, None))) for metric, values in numbers.items()}


_IN_THE_TEXT = _printed("0.9486", "29.65", "0.0194")
"""The full model, section 4.3. Source: Figs. 3 and 5 show their other systems as bars without numbers."""

_IN_THE_TABLES = _printed("0.9486 ± 0.0011", "29.65 ± 0.15", "0.0194 ± 0.0003")
"""The full model, last line of Table 2 and first of Table 1."""

_TABLE_2 = {
    "adversarial": _printed("0.9201 ± 0.0017", "28.07 ± 0.08", "0.0235 ± 0.0002"),
    "mae": _printed("0.9330 ± 0.0013", "28.68 ± 0.09", "0.0218 ± 0.0002"),
    "ms_ssim": _printed("0.9371 ± 0.0027", "28.92 ± 0.14", "0.0212 ± 0.0004"),
    "mae_ssim": _printed("0.9446 ± 0.0015", "29.31 ± 0.11", "0.0201 ± 0.0003"),
    "pcsa": _IN_THE_TABLES,
}

TARGETS: dict[str, Target] = {
    "fig3": Target(
        "modules: PCSA-GAN without self-attention, without pyramids",
        "Figs. 3 and 4",
        "Pyramid convolution with channel attention, self-attention, and both",
        {"pcsa": _IN_THE_TEXT},
        shows_subject=True,
    ),
    "table1": Target(
        "the size of the features on which self-attention acts",
        "Table 1",
        "The size of the features on which self-attention acts",
        {
            "pcsa": _IN_THE_TABLES,
            "sa16": _printed("0.9346 ± 0.0031", "28.75 ± 0.21", "0.0218 ± 0.0011"),
            "sa32": _printed("0.9150 ± 0.0017", "27.52 ± 0.09", "0.0251 ± 0.0006"),
        },
    ),
    "table2": Target(
        "the terms of the loss",
        "Table 2",
        "The terms of the generator's loss beside the adversarial one",
        _TABLE_2,
        reference_first=False,
    ),
    # The paper's weights are not known. Table 2 takes those of the full loss; here MS-SSIM alone has one of its own.
    "table2_weights": Target(
        "the terms of the loss, MS-SSIM alone at a weight that suits it alone",
        "Table 2, one weight chosen by us",
        "The terms of the generator's loss, MS-SSIM alone at a weight of its own",
        {row if row != "ms_ssim" else "ms_ssim_alone": numbers for row, numbers in _TABLE_2.items()},
        reference_first=False,
    ),
    "fig5": Target(
        "other systems under the same protocol",
        "Fig. 5",
        "Other systems under one protocol",
        {"pcsa": _IN_THE_TEXT},
        reference_first=False,
        shows_subject=True,
    ),
    "table3": Target(
        f"AD against CN with synthetic PET, on the generators of row {GENERATOR_ROW}",
        "Table 3 and Fig. 6",
        compares_groups=True,
    ),
    "disease": Target(
        f"what the synthetic PET of row {GENERATOR_ROW} keeps of the disease", "added by us", compares_groups=True
    ),
    "data": Target(
        "the same generators and predictors from fewer training subjects: what more scans would buy",
        "added by us",
        rows=(GENERATOR_ROW, "best"),
        sizes=(25, 50, 100, 200),
    ),
}
"""Name on the command line -> what is made: the one place to add a row set. Its rows are those whose labels name it.

Source: Tables 1 and 2, section 4.3. Deviation: Table 2 prints MM-SSIM for what the text calls MS-SSIM; the labels in
``configs/rows.py`` have one word for it, and say "loss", as MAE is a metric too.
"""


def whole_part_targets() -> tuple[str, ...]:
    """What :data:`ALL` stands for: the targets whose runs are trained on all of the training part."""
    return tuple(name for name, target in TARGETS.items() if not target.sizes)


def row_sets() -> list[str]:
    """The targets that compare rows."""
    return [name for name, target in TARGETS.items() if target.title]


def rows_of(target: str, rows: Mapping[str, Row]) -> tuple[str, ...]:
    """The rows that are trained for a target, in the paper's order.

    Args:
      target: key of :data:`TARGETS`.
      rows: of the config file.
    """
    if not TARGETS[target].title:
        return tuple(name for name in TARGETS[target].rows if name in rows or name == GENERATOR_ROW)
    others = [name for name, row in rows.items() if target in row.labels and name != GENERATOR_ROW]
    return (GENERATOR_ROW, *others) if TARGETS[target].reference_first else (*others, GENERATOR_ROW)


def make_row_set(target: str, rows: Mapping[str, Row]) -> RowSet:
    """The row set of that name, with the rows of a config file."""
    title, names = TARGETS[target], rows_of(target, rows)
    labels = {name: rows[name].labels[target] for name in names}
    return RowSet(target, title.title, title.paper, names, GENERATOR_ROW, labels, title.published)


def why_not_comparable(is_phantom: bool, cohort: str) -> str:
    """One line on why a published number is no yardstick for ours."""
    theirs = (
        "The published numbers come from 356 ADNI pairs (117 AD, 239 CN) with the authors' own preprocessing, split "
        "and 1000 epochs; the paper lists neither subjects nor folds"
    )
    if is_phantom:
        return (
            f"{theirs}. Ours come from the built-in phantom ({cohort}), simulated brains: "
            "only the order of the rows can be held against the paper's, not their values."
        )
    return (
        f"{theirs}. Ours come from {cohort}: other subjects, folds and preprocessing, and the share of background "
        "in the grid alone shifts whole-volume values. Compare the order of the rows rather than their values."
    )
