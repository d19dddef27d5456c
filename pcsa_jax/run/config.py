"""The config: parsed from file, row and overrides, checked field by field, kept as JSON. No other band sees it."""

import difflib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from pcsa_jax.data.files import write_json
from pcsa_jax.data.normalisation import NORMALISATIONS
from pcsa_jax.data.regions import REFERENCE_REGIONS
from pcsa_jax.errors import UserError

Check = tuple[str, Callable[[Any], bool]]


def _number(low: float, high: float = math.inf, *, open_low: bool = False) -> Check:
    bound = f"{'>' if open_low else '>='} {low:g}" + (f" and <= {high:g}" if high < math.inf else "")
    return (
        f"a finite number {bound}",
        lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and (value > low if open_low else value >= low)
            and value <= high
        ),
    )


def _whole(low: int) -> Check:
    return (
        f"a whole number >= {low}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= low,
    )


def _choice(*names: str) -> Check:
    return f"one of {', '.join(names)}", lambda value: value in names


def _wholes(low: int, *, at_least: int = 0) -> Check:
    text, fits = _whole(low)
    return (
        f"a tuple of {'at least one of ' if at_least else ''}{text.removeprefix('a ')}",
        lambda value: isinstance(value, tuple) and len(value) >= at_least and all(fits(item) for item in value),
    )


def _is_stages(value: Any) -> bool:
    def is_branch(branch: Any) -> bool:
        return (
            isinstance(branch, tuple)
            and len(branch) == 2
            and all(isinstance(number, int) and number >= 1 for number in branch)
            and branch[0] % 2 == 1
        )

    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(stage, tuple) and stage and all(is_branch(branch) for branch in stage) for stage in value)
    )


_FLAG: Check = ("True or False", lambda value: isinstance(value, bool))
_OPTIMIZER: dict[str, Check] = {
    "learning_rate": _number(0, 1, open_low=True),
    "b1": _number(0, 0.999999),
    "b2": _number(0, 0.999999999),
    "schedule": _choice("constant", "cosine", "one_cycle"),
    "gradient_clip": _number(0),
}
CHECKS: dict[str, Check] = {
    "row": ("a name", lambda value: isinstance(value, str) and bool(value)),
    "seed": _whole(0),
    "precision": _choice("float32", "bfloat16"),
    "batch_size": _whole(1),
    "micro_batches": _whole(1),
    "num_epochs": _whole(1),
    "data.root": ("a path or nothing", lambda value: isinstance(value, str)),
    "data.participants": ("a path or nothing", lambda value: isinstance(value, str)),
    "data.pairs": _whole(1),
    "data.size": ("a multiple of 16, at least 16", lambda value: _whole(16)[1](value) and value % 16 == 0),
    "data.fold": _whole(0),
    "data.num_folds": _whole(2),
    "data.validation_fraction": ("a number > 0 and < 1", lambda value: isinstance(value, float) and 0 < value < 1),
    "data.normalisation": _choice(*NORMALISATIONS),
    "data.reference_region": _choice(*REFERENCE_REGIONS),
    "data.resident_gib": _number(0),
    "generator.stages": ("two tuples of (odd kernel size, channels) pairs", _is_stages),
    "generator.bottleneck_features": _whole(1),
    "generator.residual_blocks": _whole(0),
    "generator.channel_attention": _choice("softmax_sigmoid", "softmax", "sigmoid", "none"),
    "generator.reduction": _whole(1),
    "generator.attention_sizes": _wholes(1),
    "generator.skip_sizes": _wholes(1),
    "generator.transposed": _FLAG,
    "generator.output": _choice("none", "sigmoid", "relu"),
    # Four poolings take the 16 voxels of the smallest grid to one.
    "discriminator.features": ("a tuple of one to four whole numbers >= 1", lambda value: (
        _wholes(1, at_least=1)[1](value) and len(value) <= 4
    )),
    "discriminator.conditional": _FLAG,
    "discriminator.negative_slope": _number(0, 1),
    "loss.adversarial": _number(0),
    "loss.l1": _number(0),
    "loss.ssim": _number(0),
    "loss.ms_ssim": _number(0),
    "adversarial_form": _choice("bce", "lsgan", "hinge"),
    "ms_ssim_exponents": _choice("raw", "normalised"),
    **{f"generator_optimizer.{name}": check for name, check in _OPTIMIZER.items()},
    **{f"discriminator_optimizer.{name}": check for name, check in _OPTIMIZER.items()},
    "log_every_steps": _whole(1),
    "evaluate_every_epochs": _whole(1),
    "checkpoint_every_epochs": _whole(1),
}  # fmt: skip
"""Every field of a config -> (what is expected, the test)."""

CHANGEABLE = frozenset({
    "num_epochs", "log_every_steps", "evaluate_every_epochs", "checkpoint_every_epochs", "data.root",
    "data.participants", "data.resident_gib", "micro_batches",
    "generator_optimizer.learning_rate", "discriminator_optimizer.learning_rate",
})  # fmt: skip
"""Fields that may differ when a run is resumed; the cohort itself is checked by its splits."""


def parse_config(arguments: Sequence[str]) -> ConfigDict:
    """The checked config of ``--config=FILE[:ROW]`` and its ``--config.FIELD=VALUE`` overrides.

    The file is Python and is executed: use only files you trust.

    Raises:
      UserError: for a missing file, an unknown row or field, a value of the wrong type or out of range.
    """
    file = Path(_config_file(arguments))
    if not file.is_file():
        raise UserError(f"--config: expected a config file, found none at {file}. Try --config=configs/pcsa.py.")
    _check_names(arguments, flatten(_parse([word for word in arguments if word.startswith("--config=")])))
    config = _parse(arguments)
    check_config(config)
    return config


def _parse(arguments: Sequence[str]) -> ConfigDict:
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", lock_config=True, flag_values=values, sys_argv=list(arguments))
    try:
        values(["train.py", *arguments])
        return values["config"].value
    except (flags.Error, AttributeError, KeyError, ValueError, TypeError) as error:
        # A config file's own exception arrives as the text of its traceback; its last line says what is wrong.
        reason = str(error).strip().splitlines()[-1].removeprefix("ValueError: ")
        raise UserError(f"--config: {reason}.") from error


def _config_file(arguments: Sequence[str]) -> str:
    given = [argument.partition("=")[2] for argument in arguments if argument.startswith("--config=")]
    return (given or [""])[-1].partition(":")[0]


def _check_names(arguments: Sequence[str], fields: Mapping[str, Any]) -> None:
    for argument in arguments:
        name = argument.partition("=")[0].removeprefix("--config.")
        if argument.startswith("--config.") and name not in fields:
            near = difflib.get_close_matches(name, fields, n=3, cutoff=0.5) or sorted(fields)[:3]
            raise UserError(f"--config.{name}: is not a field. Near it: {', '.join(near)}.")


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """Nested groups as ``{"group.field": value}``."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        nested = isinstance(value, Mapping | ConfigDict)
        flat |= {f"{name}.{key}": item for key, item in flatten(value).items()} if nested else {name: value}
    return flat


def check_config(config: ConfigDict) -> None:
    """Raises UserError for an unknown or missing field, or one out of range, before anything heavy starts."""
    fields = flatten(config)
    for name in sorted(fields.keys() ^ CHECKS.keys()):
        problem = "is not a field" if name in fields else "is missing"
        raise UserError(f"config.{name}: {problem}; configs/pcsa.py lists the fields.")
    for name, (expected, fits) in CHECKS.items():
        if not fits(fields[name]):
            raise UserError(f"config.{name}: expected {expected}, found {fields[name]!r}.")
    _check_combinations(config)


def _check_combinations(config: ConfigDict) -> None:
    size, data = config.data.size, config.data
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
    if data.fold >= data.num_folds:
        raise UserError(f"config.data.fold: expected less than data.num_folds ({data.num_folds}), found {data.fold}.")
    if config.micro_batches > config.batch_size:
        raise UserError(
            f"config.micro_batches: expected at most batch_size ({config.batch_size}), found {config.micro_batches}."
        )
    if not any(config.loss.values()):
        raise UserError("config.loss: expected at least one weight > 0, found none.")


def resolved(config: ConfigDict) -> dict[str, Any]:
    """The config as plain JSON values (tuples become lists)."""
    return json.loads(json.dumps(config.to_dict()))


def write_config(path: Path, config: ConfigDict) -> None:
    """Writes ``config.json``."""
    write_json(path, resolved(config))


def read_config(path: Path) -> ConfigDict:
    """Reads and checks a ``config.json``.

    Raises:
      UserError: if there is none, or it is not a config.
    """
    if not path.is_file():
        raise UserError(f"{path.parent}: expected a run with a config.json, found none. Train one with train.py first.")
    try:
        config = ConfigDict(tupled(json.loads(path.read_text(encoding="utf-8"))))
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected a config in JSON, found {error}. Restore the file.") from error
    check_config(config)
    return config.lock()


def tupled(value: Any) -> Any:
    """Lists as tuples, recursively: what JSON cannot tell apart, as the networks' constructors take it."""
    if isinstance(value, dict):
        return {name: tupled(item) for name, item in value.items()}
    return tuple(tupled(item) for item in value) if isinstance(value, list) else value


def check_resumable(stored: ConfigDict, requested: ConfigDict, workdir: str | os.PathLike) -> list[str]:
    """Fields that a resume changes, as "name: old -> new".

    Raises:
      UserError: if a field differs that would make it another run.
    """
    old, new = flatten(stored), flatten(requested)
    changed = [name for name in new if old[name] != new[name]]
    frozen = [name for name in changed if name not in CHANGEABLE]
    if frozen:
        name = frozen[0]
        raise UserError(
            f"{workdir}: holds a run with {name} = {old[name]!r}, found {new[name]!r}. "
            "Use the same config to resume it, or another --workdir."
        )
    return [f"{name}: {old[name]!r} -> {new[name]!r}" for name in changed]
