"""The paper's tables and figures as sets of rows, and the numbers that it printed for them."""

from collections.abc import Mapping
from typing import NamedTuple


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


def _printed(ssim: str, psnr_db: str, mae: str) -> dict[str, Published]:
    """The three cells of a line, in the paper's order of columns, as printed."""
    cells = {"ssim": ssim, "psnr_db": psnr_db, "mae": mae}
    numbers = {metric: [float(part) for part in cell.split("±")] for metric, cell in cells.items()}
    return {metric: Published(*(values if len(values) == 2 else (*values, None))) for metric, values in numbers.items()}


_IN_THE_TEXT = _printed("0.9486", "29.65", "0.0194")
"""The full model, section 4.3. Source: Figs. 3 and 5 show their other systems as bars without numbers."""

_IN_THE_TABLES = _printed("0.9486 ± 0.0011", "29.65 ± 0.15", "0.0194 ± 0.0003")
"""The full model, last line of Table 2 and first of Table 1."""

ROWSETS: dict[str, RowSet] = {
    "fig3": RowSet(
        name="fig3",
        title="Pyramid convolution with channel attention, self-attention, and both",
        paper="Figs. 3 and 4",
        rows=("pcsa", "pca", "sa"),
        reference="pcsa",
        labels={"pcsa": "PCSA-GAN", "pca": "PCA-GAN", "sa": "SA-GAN"},
        published={"pcsa": _IN_THE_TEXT},
    ),
    "table1": RowSet(
        name="table1",
        title="The size of the features on which self-attention acts",
        paper="Table 1",
        rows=("pcsa", "sa16", "sa32"),
        reference="pcsa",
        labels={"pcsa": "4×4×4", "sa16": "16×16×16", "sa32": "32×32×32"},
        published={
            "pcsa": _IN_THE_TABLES,
            "sa16": _printed("0.9346 ± 0.0031", "28.75 ± 0.21", "0.0218 ± 0.0011"),
            "sa32": _printed("0.9150 ± 0.0017", "27.52 ± 0.09", "0.0251 ± 0.0006"),
        },
    ),
    "table2": RowSet(
        name="table2",
        title="The terms of the generator's loss beside the adversarial one",
        paper="Table 2",
        rows=("adversarial", "mae", "ms_ssim", "mae_ssim", "pcsa"),
        reference="pcsa",
        labels={
            "adversarial": "Adversarial loss",
            "mae": "MAE loss",
            "ms_ssim": "MS-SSIM loss",
            "mae_ssim": "MAE + SSIM loss",
            "pcsa": "MAE + MS-SSIM loss",
        },
        published={
            "adversarial": _printed("0.9201 ± 0.0017", "28.07 ± 0.08", "0.0235 ± 0.0002"),
            "mae": _printed("0.9330 ± 0.0013", "28.68 ± 0.09", "0.0218 ± 0.0002"),
            "ms_ssim": _printed("0.9371 ± 0.0027", "28.92 ± 0.14", "0.0212 ± 0.0004"),
            "mae_ssim": _printed("0.9446 ± 0.0015", "29.31 ± 0.11", "0.0201 ± 0.0003"),
            "pcsa": _IN_THE_TABLES,
        },
    ),
    "fig5": RowSet(
        name="fig5",
        title="Other systems under one protocol",
        paper="Fig. 5",
        rows=("cgan_unet", "hgan", "gla_gan", "unet", "pcsa"),
        reference="pcsa",
        labels={
            "cgan_unet": "cGAN + U-Net",
            "hgan": "HGAN",
            "gla_gan": "GLA-GAN-like",
            "unet": "U-Net, L1 only",
            "pcsa": "PCSA-GAN",
        },
        published={"pcsa": _IN_THE_TEXT},
    ),
}
"""Source: Tables 1 and 2, section 4.3. ``unet`` is ours; the paper has no such row.

Deviation: Table 2 prints MM-SSIM for what the text calls MS-SSIM; the labels have one word for it, and say "loss", as
MAE is a metric too.
"""


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
