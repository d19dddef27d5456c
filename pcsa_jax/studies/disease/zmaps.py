"""Each subject's deviation from the norm, of its real and of its synthetic PET, as a reader would look at it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.norms import Norm
from pcsa_jax.data.regions import CONTROL_REGIONS
from pcsa_jax.evaluation.abnormality import MAP_MEASURES, map_measures
from pcsa_jax.presentation.figures import NORMAL_AXIS, SLICES_MM, slice_index

if TYPE_CHECKING:
    import pandas as pd

Z_MEASURES = (*MAP_MEASURES, "severity_real", "severity_synthetic")


def region_rows(
    pet: np.ndarray, predicted: np.ndarray, norm: Norm | None, regions: Mapping[str, np.ndarray]
) -> list[dict[str, float | str]]:
    """Per region: mean uptake, and mean z, of the real PET and of the predicted one; z is NaN without a norm."""
    volumes = {"real": pet, "synthetic": predicted}
    if norm is not None:
        volumes |= {"real_z": norm.z(pet), "synthetic_z": norm.z(predicted)}
    missing = dict.fromkeys(("real_z", "synthetic_z"), float("nan"))
    return [
        {"region": region} | missing | {name: float(own[mask].mean(dtype=float)) for name, own in volumes.items()}
        for region, mask in regions.items()
    ]


def z_row(
    pet: np.ndarray,
    predicted: np.ndarray,
    norm: Norm | None,
    regions: Mapping[str, np.ndarray],
    brain: np.ndarray,
) -> dict[str, float]:
    """The measures of one subject and predictor in ``zmaps.tsv``.

    Returns:
      The measures of :func:`~pcsa_jax.evaluation.abnormality.map_measures` and ``severity_*`` (mean z of the
      disease's regions, each counting once); NaN without a norm or where there is no answer.
    """
    if norm is None:
        return dict.fromkeys(Z_MEASURES, float("nan"))
    real, synthetic = norm.z(pet), norm.z(predicted)
    found = map_measures(real[brain], synthetic[brain])
    of_disease = [mask for region, mask in regions.items() if region not in CONTROL_REGIONS]
    for name, z in (("real", real), ("synthetic", synthetic)):
        found[f"severity_{name}"] = float(np.mean([z[mask].mean(dtype=float) for mask in of_disease]))
    return found


def cut_planes(pet: np.ndarray, predicted: np.ndarray, norm: Norm | None, grid: Grid) -> dict[str, np.ndarray]:
    """Z-maps of the real and the synthetic PET in the planes of figures (size x size, float16); empty without a norm.

    Whole volumes of everybody would be gigabytes, and who is shown depends on all folds.
    """
    if norm is None:
        return {}
    volumes = {"real": norm.z(pet), "synthetic": norm.z(predicted)}
    return {
        f"{name}_{plane}": np.take(z, slice_index(grid, plane, position), axis=NORMAL_AXIS[plane]).astype(np.float16)
        for name, z in volumes.items()
        for plane, position in SLICES_MM.items()
    }


def volume_of_planes(slices: Mapping[str, np.ndarray], name: str, row: int, grid: Grid) -> np.ndarray:
    """A volume (x y z) that holds subject ``row``'s z in the planes of :func:`cut_planes`, and 0 elsewhere."""
    volume = np.zeros(grid.shape, np.float32)
    for plane, position in SLICES_MM.items():
        index: list[slice | int] = [slice(None)] * 3
        index[NORMAL_AXIS[plane]] = slice_index(grid, plane, position)
        volume[tuple(index)] = slices[f"{name}_{plane}"][row]
    return volume


def shown_rows(zmaps: "pd.DataFrame") -> dict[str, int]:
    """Which subjects the figure shows, by a rule, so that nobody can choose.

    The (lower) median AD and CN subject by severity (mean real z of the disease's regions), and the AD subject (if
    there is none, any) whose two maps agree least by r. A subject stands once.

    Args:
      zmaps: the generator's lines of all folds, one a visit.

    Returns:
      Why it is shown -> its row, from 0.
    """
    diagnosis, severity = zmaps["diagnosis"].to_numpy(), zmaps["severity_real"].to_numpy(float)
    known = np.isfinite(severity)
    shown: dict[str, int] = {}
    for group in ("AD", "CN"):
        rows = np.flatnonzero(known & (diagnosis == group))
        if len(rows):
            ordered = rows[np.argsort(severity[rows], kind="stable")]
            shown[f"{group}, median severity"] = int(ordered[(len(ordered) - 1) // 2])
    r = zmaps["z_correlation"].to_numpy(float)
    has_r = known & np.isfinite(r)
    candidates, group = np.flatnonzero(has_r & (diagnosis == "AD")), "AD, "
    if not len(candidates):
        candidates, group = np.flatnonzero(has_r), ""
    if len(candidates):
        worst = int(candidates[np.argmin(r[candidates])])
        if worst not in shown.values():
            shown[f"{group}least agreement"] = worst
    return shown
