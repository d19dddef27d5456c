"""Reading exported files: one generator, or several that are to be averaged, checked to the last byte before use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.fields import PAPER_RECIPE
from pcsa_jax.machine.progress import console
from pcsa_jax.synthesis.program import PRIOR, nested, part_of
from pcsa_jax.synthesis.trust_file import PREFIX, restore
from pcsa_jax.synthesis.verification import (
    ENSEMBLE_FORMAT,
    HASHED_FORMATS,
    check_parameters,
    content_hash,
    parse_card,
    read_card,
    read_ensemble_card,
)

Tensors = dict[str, np.ndarray]


class Part(NamedTuple):
    """One generator of a file.

    Attributes:
      card: what it says of itself.
      params: of its network, nested.
      prior: what it is given beside the map, if anything.
    """

    card: dict[str, Any]
    params: dict[str, Any]
    prior: Prior | None


class GeneratorFile(NamedTuple):
    """All that a file holds.

    Attributes:
      card: of the file: its only generator's, or that of several.
      parts: the generators.
      trust: what single images are judged by; None without.
    """

    card: dict[str, Any]
    parts: tuple[Part, ...]
    trust: Trust | None


def member_name(index: int) -> str:
    """Before the names of a generator's tensors in a file of several."""
    return f"member{index}"


def read_generator_file(path: Path) -> GeneratorFile:
    """Reads an exported file.

    Raises:
      UserError: if there is none, or it is damaged or of another kind.
    """
    if path.suffix == ".stablehlo":
        raise UserError(
            f"{path}: expected a run folder or an exported generator, found a program without its tensors. Give the "
            "published folder that it lies in, or model.safetensors there."
        )
    if not path.is_file():
        raise UserError(
            f"{path}: expected a run folder or an exported generator, found nothing. Train one with train.py, or make "
            "a file of a run with python -m pcsa_jax export."
        )
    try:
        with safe_open(path, framework="numpy") as stream:
            text = (stream.metadata() or {}).get("pcsa_jax")
            is_ensemble = parse_card(path, text).get("format") == ENSEMBLE_FORMAT
            card = (read_ensemble_card if is_ensemble else read_card)(path, text)
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: expected an exported generator, found a damaged file ({reason}). Export again."
        ) from error
    judging = {name.removeprefix(PREFIX): tensors.pop(name) for name in list(tensors) if name.startswith(PREFIX)}
    trust = _read_trust(path, card, judging)
    if not is_ensemble:
        return GeneratorFile(card, (_read_part(path, card, tensors),), trust)
    parts = []
    for index, member in enumerate(card["members"]):
        own = part_of(tensors, member_name(index))
        tensors = {name: array for name, array in tensors.items() if not name.startswith(f"{member_name(index)}.")}
        parts.append(_read_part(path, member, own))
    if tensors:
        raise UserError(
            f"{path}: expected tensors of {len(parts)} generators, found {sorted(tensors)[0]!r}. Export again."
        )
    return GeneratorFile(card, tuple(parts), trust)


def _read_part(path: Path, card: dict[str, Any], tensors: Tensors) -> Part:
    if content_hash(tensors) != card["sha256"]:
        raise UserError(f"{path}: expected parameters with SHA-256 {card['sha256']}, found others. Export again.")
    network = {name: array for name, array in tensors.items() if not name.startswith(f"{PRIOR}.")}
    check_parameters(path, card, network)
    if card["format"] not in HASHED_FORMATS:
        console.print(f"{path}: an older format, whose card no checksum covers; export again")
    return Part(card, nested(network), _read_prior(path, card, tensors))


def _read_trust(path: Path, card: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Trust | None:
    """What single images are judged by among the tensors of a file; None if it has none."""
    said = card.get("trust")
    try:
        if said is None:
            if arrays:
                raise ValueError("arrays that its card does not name")
            return None
        if said["sha256"] != content_hash(arrays):
            raise ValueError("other arrays than its card names")
        trust = restore(arrays, said["about"])
        grid = (card["members"][0] if "members" in card else card)["grid"]
        if trust.shape not in (None, tuple(grid["shape"])):
            raise ValueError(f"arrays of {trust.shape} voxels")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: expected an exported generator, found trust statistics that are damaged ({reason}). Export again."
        ) from error
    return trust


def _read_prior(path: Path, card: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Prior | None:
    """The closed-form predictors among the tensors of a file; None if its generator starts from none."""
    recipe = card.get("recipe", PAPER_RECIPE)
    arrays = part_of(tensors, PRIOR)
    if not recipe["channels"]:
        if arrays:
            raise UserError(f"{path}: expected no predictors, as its card has none, found some. Export again.")
        return None
    # Where people do not differ, their spread is infinite: a deviation from them is 0.
    odd = next(
        (name for name, array in arrays.items()
         if np.isnan(array).any() or (np.isinf(array).any() and name != "deviations.spread")),
        None,
    )  # fmt: skip
    if odd is not None:
        raise UserError(f"{path}: expected finite predictors, found NaN or infinite values in {odd}. Export again.")
    try:
        prior = Prior.from_arrays(recipe["channels"], arrays, deviations=recipe["deviations"])
    except ValueError as error:
        raise UserError(
            f"{path}: expected the predictors that its card names, found others ({error}). Export again."
        ) from error
    if prior.shape != tuple(card["grid"]["shape"]):
        raise UserError(
            f"{path}: expected predictors on the generator's grid {tuple(card['grid']['shape'])}, found {prior.shape}. "
            "Export again."
        )
    return prior
