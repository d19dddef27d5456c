"""The fields of a training's config: what each may hold, and which values fit together."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from pcsa_jax.data.normalisation import NORMALISATIONS
from pcsa_jax.data.predictors.registry import PREDICTORS
from pcsa_jax.data.regions import REFERENCE_REGIONS
from pcsa_jax.data.subjects import DIAGNOSES_FROM
from pcsa_jax.errors import UserError
from pcsa_jax.experiment import field_checks as a
from pcsa_jax.experiment.field_checks import Check, prefixed
from pcsa_jax.experiment.systems import SYSTEMS

CHANGEABLE = frozenset({
    "num_epochs", "log_every_steps", "evaluate_every_epochs", "checkpoint_every_epochs", "data.root",
    "data.participants", "data.accept_suspicious", "data.resident_gib", "micro_batches",
    "generator_optimizer.learning_rate", "discriminator_optimizer.learning_rate",
})  # fmt: skip
"""Fields that may differ when a run is resumed; the cohort itself is checked by its splits."""


AS_FILES_SAY = -1.0
"""``data.fwhm_mm`` of a config that adds nothing to what names, sidecars and manifest say."""

PAPER_RECIPE = {
    "channels": (),
    "deviations": False,
    "coordinates": False,
    "anchor": "none",
    "num_folds": 5,
    "output_range": "free",
    "flip": 0.0,
    "views": 1,
    "loss_region": "volume",
    "weight_average": 0.0,
}
"""The group ``recipe`` with everything off that is beyond the paper."""

LATER = {
    "data.train_subjects": 0,
    "data.one_grid": False,
    "data.tracer": "",
    "data.diagnosis": "any",
    "data.fwhm_mm": AS_FILES_SAY,
    "data.accept_suspicious": False,
} | {f"recipe.{name}": value for name, value in PAPER_RECIPE.items()}
"""Fields that older configs lack, and what those meant."""


def fields(flat: Mapping[str, Any]) -> dict[str, Check]:
    """Every field of a training's config and its check; those of the networks depend on the system.

    Args:
      flat: the config, ``{"group.field": value}``; of an unknown system its own check tells.
    """
    system = SYSTEMS.get(str(flat.get("system")))
    if system is None:
        own = ("generator.", "discriminator.")
        return _common() | {name: a.ANYTHING for name in flat if name.startswith(own)}
    networks = {"generator": system.generator_fields, "discriminator": system.discriminator_fields}
    return _common() | {name: check for group, own in networks.items() for name, check in prefixed(group, own).items()}


def _common() -> dict[str, Check]:
    """Fields of every system; what may be chosen is looked up when asked, so that a table's entry is enough."""
    return {
        "row": a.NAME,
        "system": a.choice(*SYSTEMS),
        "seed": a.SEED,
        "precision": a.choice("float32", "bfloat16"),
        "batch_size": a.whole(1),
        "micro_batches": a.whole(1),
        "num_epochs": a.whole(1),
        "data.root": a.PATH,
        "data.participants": a.PATH,
        "data.tracer": a.choice("", "FDG"),
        "data.diagnosis": a.choice(*DIAGNOSES_FROM),
        "data.fwhm_mm": a.millimetres_or(AS_FILES_SAY),
        "data.accept_suspicious": a.FLAG,
        "data.pairs": a.whole(1),
        "data.mri_only": a.whole(0),
        "data.size": a.SIZE,
        "data.fold": a.whole(0),
        "data.num_folds": a.whole(2),
        "data.split_seed": a.SEED,
        "data.validation_fraction": a.FRACTION,
        "data.train_subjects": a.whole(0),
        "data.one_grid": a.FLAG,
        "data.normalisation": a.choice(*NORMALISATIONS),
        "data.reference_region": a.choice(*REFERENCE_REGIONS),
        "data.resident_gib": a.number(0),
        **prefixed("loss", {name: a.number(0) for name in ("adversarial", "l1", "ssim", "ms_ssim", "cycle")}),
        "adversarial_form": a.choice("bce", "lsgan", "hinge", "absolute"),
        "ms_ssim_exponents": a.choice("raw", "normalised"),
        **prefixed("recipe", _recipe()),
        **prefixed("generator_optimizer", a.OPTIMIZER),
        **prefixed("discriminator_optimizer", a.OPTIMIZER),
        "log_every_steps": a.whole(1),
        "evaluate_every_epochs": a.whole(1),
        "checkpoint_every_epochs": a.whole(1),
    }


def _recipe() -> dict[str, Check]:
    """What is beyond the paper."""
    return {
        "channels": a.subset(*(name for name, entry in PREDICTORS.items() if entry.kind is not None)),
        "deviations": a.FLAG,
        "coordinates": a.FLAG,
        "anchor": a.choice("none", *PREDICTORS),
        "num_folds": a.whole(2),
        "output_range": a.choice("free", "own"),
        "flip": a.number(0, 1),
        "views": ("1 or 2", lambda value: value in (1, 2) and not isinstance(value, bool)),
        "loss_region": a.choice("volume", "brain"),
        "weight_average": a.number(0, 0.999999),
    }


def check_combinations(config: ConfigDict) -> None:
    """Raises UserError for values that are in range but do not fit together."""
    if config.system == "pcsa":
        _check_sizes(config)
    if config.system == "cgan_unet":
        _check_decoder(config.generator)
    data = config.data
    if data.fold >= data.num_folds:
        raise UserError(f"config.data.fold: expected less than data.num_folds ({data.num_folds}), found {data.fold}.")
    if config.micro_batches > config.batch_size:
        raise UserError(
            f"config.micro_batches: expected at most batch_size ({config.batch_size}), found {config.micro_batches}."
        )
    if not any(config.loss.values()):
        raise UserError("config.loss: expected at least one weight > 0, found none.")
    _check_recipe(config)
    if config.loss.cycle and config.system != "hgan":
        raise UserError(
            f"config.loss.cycle: expected 0 for system {config.system!r}, which has one generator, found "
            f"{config.loss.cycle:g}. The system hgan has two."
        )


def _check_sizes(config: ConfigDict) -> None:
    size = config.data.size
    for name, possible, what in (
        ("attention_sizes", (size // 16, size // 4, size // 2), "inputs"),
        ("skip_sizes", (size // 4, size // 2, size), "outputs"),
    ):
        wrong = [edge for edge in config.generator[name] if edge not in possible]
        if wrong:
            raise UserError(
                f"config.generator.{name}: expected edges among {possible} (the decoder's {what} at {size}^3), "
                f"found {wrong[0]}."
            )


def _check_recipe(config: ConfigDict) -> None:
    recipe, name = config.recipe, config.data.normalisation
    if recipe.anchor not in ("none", *recipe.channels):
        raise UserError(
            f"config.recipe.anchor: expected none or one of recipe.channels ({', '.join(recipe.channels) or 'none'}), "
            f"found {recipe.anchor!r}."
        )
    if recipe.anchor != "none" and config.generator.get("output", "none") != "none":
        raise UserError(
            f"config.generator.output: expected none where recipe.anchor is {recipe.anchor}, as what is added to it "
            f"may be negative, found {config.generator.output!r}."
        )
    if recipe.output_range == "own" and NORMALISATIONS[name].peak_percentile is None:
        known = [known for known, entry in NORMALISATIONS.items() if entry.peak_percentile is not None]
        raise UserError(
            f"config.recipe.output_range: expected free with data.normalisation {name}, which gives a PET no range of "
            f"its own, found own. It goes with {' and '.join(known)}."
        )
    informed = [field for field in ("channels", "coordinates") if recipe[field]]
    informed += ["output_range"] if recipe.output_range == "own" else []
    if informed and SYSTEMS[config.system].translation != "one_way":
        raise UserError(
            f"config.recipe.{informed[0]}: expected {LATER[f'recipe.{informed[0]}']!r} for system {config.system!r}, "
            f"which has two generators, found {recipe[informed[0]]!r}."
        )


def _check_decoder(generator: ConfigDict) -> None:
    if len(generator.decoder_features) != len(generator.features):
        raise UserError(
            f"config.generator.decoder_features: expected as many as generator.features ({len(generator.features)}), "
            f"found {len(generator.decoder_features)}."
        )
