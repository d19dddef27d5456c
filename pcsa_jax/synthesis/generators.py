"""Trained generators from run folders or exported files, one or several as an ensemble."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pcsa_jax.data.normalisation import PetScale
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.inference import mean_and_std
from pcsa_jax.synthesis.loaded import LoadedGenerator, load_generator
from pcsa_jax.synthesis.reading_cards import is_modulated, pet_scale, training_part
from pcsa_jax.synthesis.trust_file import read_trust
from pcsa_jax.synthesis.verification import content_hash


class Synthetic(NamedTuple):
    """PET of some maps in the ensemble's unit, float32 (n, x, y, z): mean, and sample SD (None of one generator)."""

    mean: np.ndarray
    std: np.ndarray | None

    def take(self, row: int) -> "Synthetic":
        """One volume, (x, y, z)."""
        return Synthetic(self.mean[row], None if self.std is None else self.std[row])


class Ensemble:
    """One or several generators of the same grid and normalisations.

    Attributes:
      sources: where each comes from, as given.
      members: the generators; a published folder of several gives all of them.
      grid: on which they work.
      mri_normalisation, pet_normalisation: keys of :data:`~pcsa_jax.data.normalisation.NORMALISATIONS`.
      scale: of their output.
      trust: what single images are judged by.
      calibration: SHA-256 of that; "" without anything.
    """

    def __init__(
        self, sources: Sequence[Path], generators: Sequence[LoadedGenerator], calibration: Path | None = None
    ):  # fmt: skip
        pairs = [(source, one) for source, made in zip(sources, generators, strict=True) for one in made.members]
        self.sources, self.members = zip(*pairs, strict=True)
        _check_alike(self.sources, self.members)
        first = self.members[0]
        self.grid = first.grid
        self.mri_normalisation: str = first.card["normalisation"]["mri"]
        self.pet_normalisation: str = first.card["normalisation"]["pet"]
        self.scale: PetScale = pet_scale(first.card)
        self.trust = _trust_of(generators, self.members, calibration)
        arrays = self.trust.arrays()
        self.calibration: str = content_hash(arrays) if arrays else ""

    def __len__(self) -> int:
        return len(self.members)

    @property
    def batch_size(self) -> int:
        """Maps that are worked on at once."""
        return self.members[0].infer.batch_size

    @property
    def is_phantom(self) -> bool:
        """Whether any of them was trained on a phantom."""
        return any(member.card["training"]["is_phantom"] for member in self.members)

    @property
    def is_modulated(self) -> bool:
        """Whether they were trained on modulated grey-matter maps."""
        return is_modulated(self.members[0].card)

    def part_of(self, content_hash: str) -> str:
        """Which part of any member's training read a map: "train", else "validation", "none", or "unknown".

        Args:
          content_hash: :func:`~pcsa_jax.data.fingerprints.volume_hash` of the map; "" if nobody knows.
        """
        found = {training_part(member.card, content_hash) for member in self.members}
        return next(part for part in ("train", "validation", "unknown", "none") if part in found)

    def __call__(self, mri: np.ndarray) -> Synthetic:
        """PET of normalised maps (n, x, y, z) on :attr:`grid`."""
        mean, std = mean_and_std(member.in_unit(mri) for member in self.members)
        return Synthetic(mean, std)

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of each generator's parameters; a run and its export have the same."""
        return [member.card["sha256"] for member in self.members]

    def describe(self) -> list[dict[str, Any]]:
        """The generators for a sidecar."""
        return [
            {
                "Path": str(source),
                "SHA256": member.card["sha256"],
                "Step": member.card["training"]["step"],
                "Checkpoint": member.card["training"]["checkpoint"],
                "Row": member.card["training"]["row"],
                "TrainingCohort": member.card["training"]["cohort"],
                "TrainedOnPhantom": member.card["training"]["is_phantom"],
            }
            for source, member in zip(self.sources, self.members, strict=True)
        ]


def open_generators(sources: Sequence[Path], calibration: Path | None = None) -> Ensemble:
    """Opens run folders (their best checkpoint), published folders and exported files.

    Args:
      sources: folders and files.
      calibration: file of ``python -m pcsa_jax calibrate`` for all of them together.

    Raises:
      UserError: if one cannot be opened, two are the same, or they do not fit together.
    """
    return Ensemble(sources, [_open(Path(source)) for source in sources], calibration)


def _trust_of(
    generators: Sequence[LoadedGenerator], members: Sequence[LoadedGenerator], calibration: Path | None
) -> Trust:  # fmt: skip
    """What single images are judged by: of the file, or the generator's own.

    Of several generators without a file, the first one's: its training maps and its normal people are good enough for
    all, its errors are not theirs.
    """
    if calibration is None:
        own = generators[0].trust
        return own if len(generators) == 1 else own._replace(intervals=None, about={**own.about, "is_of_first": True})
    found, hashes = read_trust(calibration), sorted(member.card["sha256"] for member in members)
    if list(found.generators) != hashes:
        raise UserError(
            f"--calibration {calibration}: expected that of the generators given ({_short(hashes)}), found that of "
            f"{_short(found.generators)}. Calibrate these together: python -m pcsa_jax calibrate RUN ... --out=FILE"
        )
    if found.trust.shape not in (None, members[0].grid.shape):
        raise UserError(
            f"--calibration {calibration}: expected volumes of {members[0].grid.shape} voxels, found "
            f"{found.trust.shape}. Calibrate again."
        )
    return found.trust


def _short(hashes: Sequence[str]) -> str:
    return ", ".join(digest[:12] for digest in hashes)


def _open(source: Path) -> LoadedGenerator:
    if not source.exists():
        raise UserError(f"--generator {source}: expected a run folder or an exported file, found nothing.")
    return load_generator(source)


def _check_alike(sources: Sequence[Path], members: Sequence[LoadedGenerator]) -> None:
    first = members[0]
    seen: dict[str, Path] = {}
    for source, member in zip(sources, members, strict=True):
        sha256 = member.card["sha256"]
        if sha256 in seen:
            raise UserError(
                f"--generator {source}: expected different generators, found the same parameters as in "
                f"{seen[sha256]}. Give each once."
            )
        seen[sha256] = source
        for name, value in _traits(member).items():
            if value != _traits(first)[name]:
                raise UserError(
                    f"--generator {source}: expected {name} {_traits(first)[name]} as in {sources[0]}, found {value}. "
                    "Only generators of one grid and one normalisation can be averaged."
                )


def _traits(member: LoadedGenerator) -> dict[str, Any]:
    """What must be the same for outputs to be averaged."""
    card, scale = member.card, pet_scale(member.card)
    return {
        "grid": f"{member.grid.size}^3",
        "kind of GM map": "modulated" if is_modulated(card) else "unmodulated",
        "normalisation of the MRI": card["normalisation"]["mri"],
        "normalisation of the PET": card["normalisation"]["pet"],
        "range of the PET": f"{scale.range[0]:g} to {scale.range[1]:g} {scale.unit}",
        "reference region": card.get("pet", {}).get("reference_region"),
    }
