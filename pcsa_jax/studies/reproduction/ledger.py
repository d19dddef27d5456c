"""``plan.json``: what all runs of an output folder have in common, so that no table mixes different experiments."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcsa_jax.data.files import names_of_others, write_json
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import flatten, resolved
from pcsa_jax.experiment.fields import LATER
from pcsa_jax.studies.reproduction.plan import Plan

_FREE_FIELDS = frozenset({"data.root", "data.participants", "data.resident_gib", "log_every_steps", "micro_batches"})
"""Fields that may differ from one start to the next: they change no result beyond rounding."""

_MEANT = json.loads(json.dumps(LATER))
"""What a plan meant that was written before a field existed."""

_FIELDS = {"folds": int, "seeds": int, "cohort": dict, "rows": dict, "classifier": dict | None}
_REMEDY = "Restore it, or use another --out"


def record_of(plan: Plan) -> dict[str, Any]:
    """Content of ``plan.json``: what every run in a folder has in common, and the rows' configs."""
    people = json.dumps(sorted(plan.cohort.diagnoses.items()))
    first = {row: next(run for run in plan.runs if run.row == row and not run.size) for row in plan.rows}
    return {
        "folds": plan.request.folds,
        "seeds": plan.request.seeds,
        "cohort": {
            "name": plan.cohort.name,
            "participants": len(plan.cohort.diagnoses),
            "sha256": hashlib.sha256(people.encode()).hexdigest(),
        },
        "config": plan.request.config,
        "overrides": list(plan.request.overrides),
        "rows": {row: resolved(run.config) for row, run in first.items()},
        "classifier": plan.classifier and resolved(plan.classifier),
    }


def _record_path(out: Path) -> Path:
    return out / "plan.json"


def check_record(plan: Plan) -> None:
    """Raises UserError if the output folder holds something else than runs of this plan."""
    out = plan.request.out
    path = _record_path(out)
    if not path.is_file():
        if out.exists() and (not out.is_dir() or names_of_others(out)):
            raise UserError(
                f"--out {out}: expected a new folder or a former reproduction, found other files. Choose another."
            )
        return
    old = _read_record(path)
    try:
        _compare(out, old, record_of(plan))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected a plan in JSON, found {error!r}. {_REMEDY}.") from error


def _read_record(path: Path) -> dict[str, Any]:
    return read_object(path, _FIELDS, expected="a plan in JSON", remedy=_REMEDY)


def _compare(out: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    found = [("cohort", _describe_people(old["cohort"]), _describe_people(new["cohort"]))]
    found.append(("--folds", old["folds"], new["folds"]))
    for row in [row for row in new["rows"] if row in old["rows"]]:
        fields, wanted = (_MEANT | flatten(record["rows"][row]) for record in (old, new))
        names = [name for name in {**fields, **wanted} if name not in _FREE_FIELDS]
        found += [(f"config.{name} (row {row})", fields.get(name), wanted.get(name)) for name in names]
    if old["classifier"] and new["classifier"]:
        fields, wanted = (flatten(record["classifier"]) for record in (old, new))
        found += [(f"config.{name} (classifier)", fields.get(name), value) for name, value in wanted.items()]
    for name, before, now in found:
        if before != now:
            raise UserError(
                f"--out {out}: holds runs with {name} = {before}, found {now}. Use the same to go on, or another --out."
            )
    if old["seeds"] > new["seeds"]:
        raise UserError(
            f"--out {out}: holds runs of {old['seeds']} seeds, found --seeds={new['seeds']}. Give as many or more; a "
            "table of fewer would take the place of theirs."
        )


def _describe_people(cohort: Mapping[str, Any]) -> str:
    return f"{cohort['name']} ({cohort['participants']} participants, {cohort['sha256'][:8]})"


def write_record(plan: Plan) -> None:
    """Writes ``plan.json``, with the rows of former requests."""
    path = _record_path(plan.request.out)
    record = record_of(plan)
    if path.is_file():
        former = _read_record(path)
        record["rows"] = former["rows"] | record["rows"]
        record["classifier"] = record["classifier"] or former["classifier"]
    write_json(path, record)
