"""A trained generator as one self-describing file: safetensors parameters with JSON metadata, no pickle."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from pcsa_jax.data.files import finite_or_none, replacing
from pcsa_jax.data.normalisation import NORMALISATIONS
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import resolved
from pcsa_jax.experiment.environment import describe_environment
from pcsa_jax.presentation.origin import TRAINED_ON_PHANTOM
from pcsa_jax.synthesis.program import named, with_prior
from pcsa_jax.synthesis.reading_cards import scale_note, training_maps
from pcsa_jax.synthesis.trust_file import PREFIX
from pcsa_jax.synthesis.verification import (
    CARD_HASH,
    ENSEMBLE_FORMAT,
    FORMAT,
    card_hash,
    content_hash,
    describe_network,
    ensemble_hash,
)
from pcsa_jax.training.trained import TrainedRun

Tensors = Mapping[str, np.ndarray]


def describe_generator(
    run: TrainedRun, *, cohort: str, is_phantom: bool | None, trust: Trust | None = None
) -> dict[str, Any]:
    """All that a user of the run's generator must know, as plain JSON values.

    Args:
      run: the trained run.
      cohort: name of the cohort that it was trained on.
      is_phantom: whether that is a phantom; None if nobody knows any more.
      trust: what single images are judged by, if it goes with the generator.
    """
    config = resolved(run.config)
    # Where the cohort lies is nobody's business but its owner's.
    config["data"] |= {name: Path(config["data"][name]).name for name in ("root", "participants")}
    scale = NORMALISATIONS[config["data"]["normalisation"]].scale
    card = {
        "format": FORMAT,
        **describe_network(run.config),
        "input": "grey-matter probability map, MNI152, smoothed to 8 mm FWHM; min-max normalised when given (Eq. 13)",
        "output": f"FDG-PET in [0, 1]: {scale.meaning}" + scale_note(scale),
        "training": {
            "cohort": cohort, "is_phantom": is_phantom, "row": config["row"], "step": run.step,
            "checkpoint": run.checkpoint, "validation": run.meta.get("scores", {}), "splits_sha256": run.splits_sha256,
            "is_modulated": bool((run.environment.get("cohort") or {}).get("is_modulated")), "config": config,
            "maps": training_maps(run),
        },
        "environment": describe_environment(),
        "notice": TRAINED_ON_PHANTOM if is_phantom else "",
        "intended_use": "research on images like the training cohort's; not for diagnosis",
        "sha256": generator_hash(run),
        "trust": _describe_trust(trust),
    }  # fmt: skip
    # As it is read again: what is hashed is what stands in the file.
    card = json.loads(json.dumps(finite_or_none(card)))
    return card | {CARD_HASH: card_hash(card)}


def export_generator(
    run: TrainedRun, out: Path, *, cohort: str, is_phantom: bool, trust: Trust | None = None
) -> dict[str, Any]:
    """Writes the run's generator, and what single images are judged by, to ``out``; returns the metadata.

    Raises:
      UserError: if ``out`` exists already or cannot be written.
    """
    if out.exists():
        raise UserError(f"--out {out}: expected a new file, found one. Remove it or choose another name.")
    card = describe_generator(run, cohort=cohort, is_phantom=is_phantom, trust=trust)
    write_generator(out, card, tensors_of(run), trust)
    return card


def describe_ensemble(cards: Sequence[Mapping[str, Any]], trust: Trust | None) -> dict[str, Any]:
    """The card of a file of several generators, out of each one's."""
    card = {
        "format": ENSEMBLE_FORMAT, "members": [dict(card) for card in cards],
        "sha256": ensemble_hash([card["sha256"] for card in cards]), "trust": _describe_trust(trust),
    }  # fmt: skip
    card = json.loads(json.dumps(finite_or_none(card)))
    return card | {CARD_HASH: card_hash(card)}


def write_generator(out: Path, card: Mapping[str, Any], tensors: Tensors, trust: Trust | None) -> None:
    """Writes a file of one or several generators, whole or not at all.

    Args:
      out: file to write.
      card: of :func:`describe_generator` or :func:`describe_ensemble`.
      tensors: of the generators; each one's below its :func:`member_name` in a file of several.
      trust: what single images are judged by.

    Raises:
      UserError: if it cannot be written.
    """
    judging = {} if trust is None else {f"{PREFIX}{name}": array for name, array in trust.arrays().items()}
    data = save(dict(tensors) | judging, metadata={"pcsa_jax": json.dumps(card, allow_nan=False)})
    try:
        with replacing(out) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise UserError(f"--out {out}: could not be written ({error.strerror}). Choose another place.") from error


def generator_hash(run: TrainedRun) -> str:
    """SHA-256 of the run's generator: the same in its card, in a sidecar and of its export."""
    return content_hash(tensors_of(run))


def tensors_of(run: TrainedRun) -> dict[str, np.ndarray]:
    """All that the run's generator consists of."""
    network = {name: np.array(leaf, np.float32) for name, leaf in named(run.params).items()}
    return network | {name: np.ascontiguousarray(array) for name, array in with_prior({}, run.prior).items()}


def _describe_trust(trust: Trust | None) -> dict[str, Any] | None:
    return None if trust is None else {"about": dict(trust.about), "sha256": content_hash(trust.arrays())}
