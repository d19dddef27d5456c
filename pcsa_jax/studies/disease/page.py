"""``disease.md``: what a model keeps of the disease and what not, in tables, figures and plain sentences."""

import dataclasses
from typing import TYPE_CHECKING

from pcsa_jax.data.regions import CONTROL_REGIONS
from pcsa_jax.presentation.numbers import count
from pcsa_jax.presentation.origin import name_origin
from pcsa_jax.presentation.statistics import NUM_RESAMPLES
from pcsa_jax.studies.disease.sections import NAMES, lesion_section, region_section, zmap_section

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class DiseaseContext:
    """What the page says besides the numbers.

    Attributes:
      title: what was assessed.
      is_phantom: True for the built-in cohort.
      protocol: cohort, training and folds.
      num_folds: folds whose subjects stand together.
      norm_counts: CN training volumes behind the z-maps of each fold; 0 where there were too few.
      shown: why each subject of ``zmaps.png`` is shown, and who it is; empty if there is no such figure.
    """

    title: str
    is_phantom: bool
    protocol: str
    num_folds: int
    norm_counts: tuple[int, ...]
    shown: tuple[str, ...]


def disease_page(
    agreement: "pd.DataFrame", lesions: "pd.DataFrame", zmaps: "pd.DataFrame", context: DiseaseContext
) -> str:
    """The page.

    Args:
      agreement: the lines of ``regional_agreement.tsv``.
      lesions: the lines of ``lesion_summary.tsv``.
      zmaps: the lines of ``zmaps.tsv``.
      context: what was assessed.
    """
    sections = [
        *region_section(agreement),
        *lesion_section(lesions),
        *zmap_section(agreement, zmaps, norm_counts=context.norm_counts, shown=context.shown),
        *_reading(),
    ]
    sections = [name_origin(section, is_phantom=context.is_phantom) for section in sections]
    return "\n\n".join([*_head(agreement, context), *sections]) + "\n"


def _head(agreement: "pd.DataFrame", context: DiseaseContext) -> list[str]:
    first = agreement.iloc[0]
    folds = "one fold" if context.num_folds == 1 else f"{context.num_folds} folds, each participant tested in one"
    parts = [f"# Does it keep the disease? {context.title}"]
    if context.is_phantom:
        parts.append(
            "> **PHANTOM.** The cohort was simulated, and the generator was trained on it. These numbers prove the "
            "software, not the medicine."
        )
    parts.append(
        f"{context.protocol} {first['n_subjects']} test participants ({first['num_ad']} AD, "
        f"{first['num_cn']} CN) of {folds}; nobody is tested by a model that was trained on them. Intervals are 95 % "
        f"percentile bootstrap intervals over participants ({count(NUM_RESAMPLES)} resamples)."
    )
    return parts


def _reading() -> list[str]:
    control = " and ".join(NAMES[region].removesuffix(" (control)") for region in CONTROL_REGIONS)
    points = [
        "A low region in the synthetic PET says that the grey matter there looks like that of people whose uptake is "
        "low. It is an inference from atrophy, not a measurement of metabolism.",
        "A normal synthetic PET is no evidence of normal metabolism: what precedes or exceeds atrophy is not in it.",
        "Where the MRI does not decide, the best prediction is a mean, with less spread than real PET: a threshold of "
        "z made for real PET then finds fewer abnormal voxels, and effect sizes in SD look better than they are.",
        f"Compare with the voxel-wise linear predictor before crediting the network, and with the control region "
        f"({control}) before calling anything disease.",
        "For research use only; nothing here supports a diagnosis.",
    ]
    return ["## What this means for a reader", "\n".join(f"* {point}" for point in points)]
