"""From a trained run to what it keeps of the disease in the subjects that it tests."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inputs import check_together
from pcsa_jax.data.lesions import DEPTHS, PLACES, lesion_weights, plant_in_mri
from pcsa_jax.data.norms import MIN_PEOPLE, Norm
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.data.regions import brain_mask, region_masks
from pcsa_jax.data.splits import check_splits, read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.ceilings import ceiling_volumes
from pcsa_jax.experiment.cohort import check_phantom, open_cohort
from pcsa_jax.experiment.environment import read_environment
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.studies.disease.findings import PEOPLE, TABLES, FoldFindings
from pcsa_jax.studies.disease.lesions import lesion_rows, planted_changes
from pcsa_jax.studies.disease.zmaps import cut_planes, region_rows, z_row
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.training.data import reading
from pcsa_jax.training.remembered import check_remembered
from pcsa_jax.training.trained import TrainedRun

if TYPE_CHECKING:
    from pcsa_jax.data.pairs import Pairs

Generate = Callable[[np.ndarray], np.ndarray]
"""Normalised maps ``(n, x, y, z)`` -> PET in [0, 1], same shape."""


def _silent(done: int, total: int, status: str = "") -> None:
    """No report."""


def assess_fold(
    run: TrainedRun, workdir: Workdir, *, split: str = "test", progress: Callable[..., None] = _silent
) -> FoldFindings:
    """Assesses ``run`` on ``split`` of its cohort, whose files it opens as the evaluation does.

    Args:
      run: networks and parameters.
      workdir: of the run, for its split table and environment.
      split: part of the cohort that is tested.
      progress: called with (volumes done, volumes in all, what is done).

    Raises:
      UserError: if the cohort is not the one that was split, a file is damaged, a part is empty, or the generator
        gives NaN.
    """
    data = run.config.data
    check_phantom(data, read_environment(workdir.environment), workdir.root)
    cohort, splits = open_cohort(data), read_splits(workdir.splits)
    check_splits(splits, list(cohort.diagnoses), source=workdir.splits)
    subjects = {part: [s for s in cohort.pairs if splits[s.participant_id] == part] for part in ("train", split)}
    if not all(subjects.values()):
        counts = " and ".join(str(len(own)) for own in subjects.values())
        raise UserError(
            f"{workdir.splits}: expected pairs in train and in {split}, found {counts}. Check the split table."
        )
    parts, done, total = {}, 0, len(subjects["train"]) + 2 * len(subjects[split])
    for part, own in subjects.items():
        parts[part] = load_pairs(
            own, **reading(data), predictable=part == split,
            progress=lambda now, _, start=done: progress(start + now, total, "reading"),
        )  # fmt: skip
        done += len(own)
    check_together(read := [one for pairs in parts.values() for one in pairs.inputs], one_grid=data.one_grid)
    check_remembered(run, workdir, read)
    generate = Inference.of_run(run)
    return assess_pairs(
        parts["train"], parts[split], generate, Grid(data.size), step=run.step,
        progress=lambda now, _: progress(done + now, total, "generating"),
    )  # fmt: skip


def assess_pairs(
    train: "Pairs",
    test: "Pairs",
    generate: Generate,
    grid: Grid,
    *,
    step: int = 0,
    progress: Callable[[int, int], None] = _silent,
) -> FoldFindings:
    """The findings of any generator, one test subject at a time.

    Args:
      train: pairs on which the trivial predictors and, of those with diagnosis CN, the norm are fitted.
      test: pairs that are tested.
      generate: the generator.
      grid: of all volumes.
      step: of the checkpoint, for the record.
      progress: called with (subjects done, subjects in all).

    Raises:
      UserError: if the generator's output is not finite.
    """
    import pandas as pd

    brain, regions, weights = brain_mask(grid), region_masks(grid), lesion_weights(grid)
    norm = _norm(train)
    trivial = {name: own.fit(train.mri, train.pet).predict for name, own in TRIVIAL_PREDICTORS.items()}
    predictors = {"model": generate, **trivial}
    tables: dict[str, list[Any]] = {"regions": [], "lesions": [], "zmaps": []}
    slices: dict[str, list[np.ndarray]] = {}
    changes: dict[str, np.ndarray] = {}
    for row in range(len(test.participant_ids)):
        person = _person(test, row)
        pet, maps = test.pet[row], _lesioned(test.mri[row], weights, person["participant_id"])
        for name, outputs in _outputs(predictors, maps, person["participant_id"]):
            tables["lesions"] += [person | {"predictor": name} | found for found in lesion_rows(pet, outputs, grid)]
            _add_agreement(tables, person | {"predictor": name}, pet, outputs["", 0.0], norm, regions, brain)
            if name == "model":
                _accumulate(changes, planted_changes(pet, outputs, weights), len(test.participant_ids))
                for key, plane in cut_planes(pet, outputs["", 0.0], norm, grid).items():
                    slices.setdefault(key, []).append(plane)
        for name, volumes in ceiling_volumes(test).items():
            _add_agreement(tables, person | {"predictor": name}, pet, volumes[row], norm, regions, brain)
        progress(row + 1, len(test.participant_ids))
    return FoldFindings(
        **{name: pd.DataFrame(rows, columns=list(TABLES[name])) for name, rows in tables.items()},
        slices={key: np.stack(planes) for key, planes in slices.items()}, changes=changes, size=grid.size,
        norm_count=0 if norm is None else norm.count, step=step,
    )  # fmt: skip


def _norm(train: "Pairs") -> Norm | None:
    """The norm of the CN training subjects; None if they are too few."""
    controls = np.asarray(train.diagnoses) == "CN"
    return Norm.fit(train.pet[controls]) if controls.sum() >= MIN_PEOPLE else None


def _person(pairs: "Pairs", row: int) -> dict[str, str]:
    columns = (pairs.participant_ids, pairs.session_ids, pairs.diagnoses)
    return {name: column[row] for name, column in zip(PEOPLE, columns, strict=True)}


def _lesioned(mri: np.ndarray, weights: Mapping[str, np.ndarray], subject: str) -> dict[tuple[str, float], np.ndarray]:
    """(place, depth) -> the map with that lesion; the map itself under ("", 0)."""
    planted = {
        (place, depth): plant_in_mri(mri, weights[place], depth, subject=subject)
        for place in PLACES
        for depth in DEPTHS
        if depth
    }
    return {("", 0.0): mri} | planted


def _outputs(
    predictors: Mapping[str, Generate], maps: Mapping[tuple[str, float], np.ndarray], subject: str
) -> Iterator[tuple[str, dict[tuple[str, float], np.ndarray]]]:
    """Each predictor's PET of each map."""
    stacked = np.stack(list(maps.values()))
    for name, predict in predictors.items():
        pet = predict(stacked)
        if not np.isfinite(pet).all():
            raise UserError(
                f"{subject}: expected a finite synthetic PET ({name}), found NaN or infinity. The training diverged; "
                "assess an earlier checkpoint."
            )
        yield name, dict(zip(maps, np.clip(pet, 0, 1), strict=True))


def _add_agreement(
    tables: Mapping[str, list[Any]], row: Mapping[str, str], pet: np.ndarray, predicted: np.ndarray,
    norm: Norm | None, regions: Mapping[str, np.ndarray], brain: np.ndarray,
) -> None:  # fmt: skip
    """Adds the regional lines of one subject and predictor, and the line of its z-map."""
    tables["regions"] += [{**row, **found} for found in region_rows(pet, predicted, norm, regions)]
    tables["zmaps"].append({**row, **z_row(pet, predicted, norm, regions, brain)})


def _accumulate(total: dict[str, np.ndarray], volumes: Mapping[str, np.ndarray], count: int) -> None:
    """Adds this subject's part of the mean of ``count`` volumes."""
    for key, volume in volumes.items():
        total[key] = total.get(key, 0) + (volume / count).astype(np.float32)
