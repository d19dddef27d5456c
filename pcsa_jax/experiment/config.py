"""The config: parsed from file, row and overrides, checked field by field, kept as JSON."""

import difflib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from pcsa_jax.data.files import write_json
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.errors import UserError
from pcsa_jax.experiment import fields
from pcsa_jax.experiment.config_files import load_config
from pcsa_jax.experiment.field_checks import PATH, Check
from pcsa_jax.machine.home import user_path


class Schema(NamedTuple):
    """What a kind of config holds.

    Attributes:
      fields: flat config -> every field's full name and its check.
      check_combinations: raises UserError for values that do not fit together.
      changeable: fields that may differ when a run is resumed.
      later: fields that configs written before they existed lack, and what those meant.
    """

    fields: Callable[[Mapping[str, Any]], Mapping[str, Check]]
    check_combinations: Callable[[ConfigDict], None]
    changeable: frozenset[str]
    later: Mapping[str, Any] = MappingProxyType({})


TRAINING = Schema(fields.fields, fields.check_combinations, fields.CHANGEABLE, fields.LATER)
"""Of a training of generator and discriminator: ``configs/pcsa.py``."""


def parse_config(arguments: Sequence[str], schema: Schema = TRAINING) -> ConfigDict:
    """The checked config of ``--config=FILE[:ROW]`` or ``NAME[:ROW]`` and its ``--config.FIELD=VALUE`` overrides.

    The file is Python and is executed: use only files you trust.

    Raises:
      UserError: for a missing file, an unknown row or field, a value of the wrong type or out of range.
    """
    given = [word.partition("=")[2] for word in arguments if word.startswith("--config=")]
    overrides = [word for word in arguments if not word.startswith("--config=")]
    config = _completed(load_config((given or [""])[-1]), schema)
    _check_names(overrides, flatten(config))
    config = _override(config, overrides)
    check_config(config, schema)
    return _with_home(config, schema)


def _completed(config: ConfigDict, schema: Schema) -> ConfigDict:
    """``config`` with the fields that it lacks because it was written before them."""
    if missing := schema.later.keys() - flatten(config).keys():
        config = config.copy_and_resolve_references()
        config.unlock()
        for name in sorted(missing):
            *groups, field = name.split(".")
            node = config
            for group in groups:
                node[group] = node.get(group, ConfigDict())
                node = node[group]
            node[field] = schema.later[name]
    return config


def _override(config: ConfigDict, words: Sequence[str]) -> ConfigDict:
    """Sets the fields of ``--config.FIELD=VALUE`` words, each value read as the field's type, and locks the config."""
    values = flags.FlagValues()
    try:
        config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=list(words))
        values(["pcsa_jax", *words])
        return values["config"].value
    except (flags.Error, AttributeError, KeyError, ValueError, TypeError) as error:
        raise UserError(f"--config: {str(error).strip().splitlines()[-1]}.") from error


def _with_home(config: ConfigDict, schema: Schema) -> ConfigDict:
    """``config`` with the home folder in place of ``~`` in its paths."""
    flat = flatten(config)
    paths = {name: flat[name] for name, check in schema.fields(flat).items() if check is PATH and flat[name]}
    config.update_from_flattened_dict({name: str(user_path(path)) for name, path in paths.items() if path[0] == "~"})
    return config


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


def check_config(config: ConfigDict, schema: Schema = TRAINING) -> None:
    """Raises UserError for an unknown or missing field, or one out of range, before anything heavy starts."""
    found = flatten(config)
    checks = schema.fields(found)
    for name in sorted(found.keys() ^ checks.keys()):
        problem = "is not a field" if name in found else "is missing"
        raise UserError(f"config.{name}: {problem}; the comments in configs/ list the fields.")
    for name, (expected, fits) in checks.items():
        if not fits(found[name]):
            raise UserError(f"config.{name}: expected {expected}, found {found[name]!r}.")
    schema.check_combinations(config)


def resolved(config: ConfigDict) -> dict[str, Any]:
    """The config as plain JSON values (tuples become lists)."""
    return json.loads(json.dumps(config.to_dict()))


PUBLISHED = "pcsa_jax published model"
"""Begins the format of the other kind of ``config.json``, that of a published folder."""


def write_config(path: Path, config: ConfigDict) -> None:
    """Writes ``config.json``."""
    write_json(path, resolved(config))


def read_config(path: Path, schema: Schema = TRAINING) -> ConfigDict:
    """Reads and checks a ``config.json``.

    Raises:
      UserError: if there is none, or it is not a config.
    """
    if not path.is_file():
        raise UserError(f"{path.parent}: expected a run with a config.json, found none. Train one with train.py first.")
    try:
        values = read_object(path, expected="a config in JSON")
        if str(values.get("format", "")).startswith(PUBLISHED):
            raise UserError(
                f"{path.parent}: expected a run, found a published model. Give the folder of a run; what uses a "
                "published one (synthesize, load_generator) needs the model.safetensors that belongs to it."
            )
        return config_of(values, schema)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected a config in JSON, found {error}. Restore the file.") from error


def config_of(values: Mapping[str, Any], schema: Schema = TRAINING) -> ConfigDict:
    """The checked config of what :func:`resolved` gives, completed with fields that it is older than.

    Raises:
      UserError: for a field that is missing, unknown or out of range.
      ValueError, TypeError, AttributeError: if it is no config at all.
    """
    config = _completed(ConfigDict(tupled(values)), schema)
    check_config(config, schema)
    return config.lock()


def tupled(value: Any) -> Any:
    """Lists as tuples, recursively: what JSON cannot tell apart, as the networks' constructors take it."""
    if isinstance(value, dict):
        return {name: tupled(item) for name, item in value.items()}
    return tuple(tupled(item) for item in value) if isinstance(value, list) else value


def check_resumable(
    stored: ConfigDict, requested: ConfigDict, workdir: str | os.PathLike, schema: Schema = TRAINING
) -> list[str]:
    """Fields that a resume changes, as "name: old -> new".

    Raises:
      UserError: if a field differs that would make it another run.
    """
    old, new = flatten(stored), flatten(requested)
    changed = [name for name in new if old.get(name) != new[name]]
    frozen = [name for name in changed if name not in schema.changeable]
    if frozen:
        name = frozen[0]
        raise UserError(
            f"{workdir}: holds a run with {name} = {old.get(name)!r}, found {new[name]!r}. "
            "Use the same config to resume it, or another --workdir."
        )
    return [f"{name}: {old[name]!r} -> {new[name]!r}" for name in changed]
