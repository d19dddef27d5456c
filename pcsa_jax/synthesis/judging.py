"""What is said of one synthetic PET: whether the map is known, how sure each voxel is, how far it is from normal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pcsa_jax.data.derivatives import CALIBRATION, SYNTHETIC, TABLE
from pcsa_jax.data.files import write_text
from pcsa_jax.data.given_files import Input
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.normalisation import PetScale
from pcsa_jax.data.predictors.registry import PREDICTORS
from pcsa_jax.data.regional_values import RegionalValues, all_values, value_names
from pcsa_jax.data.trust.familiarity import OUTSIDE_VERDICT, Assessment, explain
from pcsa_jax.data.trust.statistics import TRIVIAL, VALUES, Trust
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.generators import Ensemble, Synthetic
from pcsa_jax.text import table_text


class Judged(NamedTuple):
    """What is known of one synthetic PET; None where it was not asked for, or cannot be said.

    Attributes:
      assessment: of the map.
      low, high: ends of each voxel's interval, x y z in the unit of the PET.
      z: deviation from the norm, x y z; NaN throughout if the reference region has no uptake.
      z_notes: one line each on what the z-map lacks.
      regions: region -> lower and upper ends of its values.
    """

    assessment: Assessment | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    z: np.ndarray | None = None
    z_notes: tuple[str, ...] = ()
    regions: Mapping[str, tuple[RegionalValues, RegionalValues]] = {}


def assess_map(source: Input, mri: np.ndarray, trust: Trust, *, refuse_outside: bool) -> Assessment | None:
    """Whether the model knows a prepared map; None without statistics.

    Raises:
      UserError: if it is outside of what the model knows and such maps are to be refused.
    """
    if trust.familiarity is None:
        return None
    found = trust.familiarity.assess(np.asarray(mri))
    if refuse_outside and found.verdict == OUTSIDE_VERDICT:
        raise UserError(
            f"{source.name}: {source.path.name}: expected a map like those that the generator was trained on, found "
            f"one outside of them ({'; '.join(map(explain, found.reasons))}). Look at it; without --refuse-outside its "
            "PET is made and marked."
        )
    return found


def judge_pet(
    source: Input, assessment: Assessment | None, synthetic: Synthetic, ensemble: Ensemble, *, sure: bool, normal: bool
) -> Judged:
    """Intervals (if ``sure`` is asked for) and z-map (if ``normal``) of one synthetic PET, as far as they are known.

    Args:
      source: the input.
      assessment: of its map.
      synthetic: its PET, x y z in the unit of the generators.
      ensemble: the generators.
      sure, normal: what is asked for.
    """
    trust, (least, most) = ensemble.trust, ensemble.scale.range
    found = Judged(assessment)
    if sure and trust.intervals is not None:
        width = most - least
        pet = (synthetic.mean - least) / width
        ends = trust.intervals.around(pet, None if synthetic.std is None else synthetic.std / width)
        low, high = (least + width * end for end in ends)
        found = found._replace(low=low, high=high, regions=_regional(trust, pet, ensemble))
    if normal and trust.norm is not None:
        maps = trust.norm.z(synthetic.mean - least, age=source.person.age, sex=source.person.sex)
        found = found._replace(z=maps.z, z_notes=maps.notes)
    return found


def _regional(
    trust: Trust, pet: np.ndarray, ensemble: Ensemble
) -> dict[str, tuple[RegionalValues, RegionalValues]]:  # fmt: skip
    """Region -> ends of its values, uptake in the unit of the PET; {} if another version has named them."""
    if list(trust.about.get(VALUES, [])) != value_names():
        return {}
    ends = trust.intervals.regionally(all_values(pet[None], ensemble.grid)[0])
    least, most = ensemble.scale.range
    found: dict[str, list[dict[str, float]]] = {}
    for name, end in zip(value_names(), ends, strict=True):
        region, _, field = name.partition(".")
        pair = found.setdefault(region, [{}, {}])
        for side, value in zip(pair, end, strict=True):
            side[field] = least + (most - least) * value if field in ("left", "right") else value
    return {region: tuple(RegionalValues(**side) for side in pair) for region, pair in found.items()}


def describe_judged(judged: Judged, ensemble: Ensemble) -> dict[str, Any]:
    """For the sidecar."""
    trust = ensemble.trust
    card: dict[str, Any] = {CALIBRATION: ensemble.calibration} if ensemble.calibration else {}
    if judged.assessment is not None:
        card["Familiarity"] = judged.assessment.describe()
    if judged.low is not None:
        intervals = trust.intervals
        card["Intervals"] = {
            "Level": intervals.level, "CalibrationSubjects": intervals.num_people, "ScaledBySD": intervals.is_scaled,
            "Description": intervals.describe(),
        }  # fmt: skip
    if judged.z is not None:
        card["ZMap"] = {
            "Subjects": trust.norm.count, "Reference": trust.norm.reference, "Covariates": list(trust.norm.covariates),
            "Notes": [*trust.norm.missing, *judged.z_notes],
        }  # fmt: skip
    if missing := trust.missing():
        card["NotKnown"] = missing
    return card


def trivial_volumes(trust: Trust, mri: np.ndarray, scale: PetScale) -> dict[str, np.ndarray]:
    """Label -> PET of the predictors that a page shows beside the generator's, in its unit; {} without them."""
    if trust.trivial is None:
        return {}
    low, high = scale.range
    pet = np.clip(trust.trivial.predict(np.asarray(mri)[None])[0], 0, 1)
    return {PREDICTORS[name].label: low + (high - low) * pet[..., i] for i, name in enumerate(TRIVIAL)}


def write_familiarity(root: Path) -> None:
    """Writes ``familiarity.tsv`` of all synthetic PET in a folder anew, from the sidecars, the oddest first.

    Raises:
      UserError: if it cannot be written.
    """
    rows = []
    for path in sorted(root.rglob(f"*_desc-{SYNTHETIC}_pet.json")):
        try:
            found = read_object(path, {"Familiarity": dict}, expected="a sidecar")["Familiarity"]
        except UserError:  # of another version, or damaged: the next start with this input tells
            continue
        volume = path.relative_to(root).with_suffix(".nii.gz").as_posix()
        odd, reasons = found.get("Oddity"), found.get("Reasons")
        if not isinstance(odd, int | float) or not isinstance(reasons, list):
            continue
        rows.append((odd, (volume, found.get("Verdict"), found.get("Percentile"), odd, "; ".join(map(str, reasons)))))
    try:
        if rows:
            titles = ("file", "verdict", "percentile", "oddity", "reasons")
            lines = [tuple(map(str, row)) for _, row in sorted(rows, key=lambda pair: (-pair[0], pair[1]))]
            write_text(root / TABLE, table_text([titles, *lines]))
        else:
            (root / TABLE).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{root / TABLE}: could not be written ({error.strerror}). Make room and start again: what is finished "
            "stays."
        ) from error
