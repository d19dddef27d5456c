"""From trained runs to a published folder, written whole or not at all."""

import datetime
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pcsa_jax.data.files import check_writable, new_folder, write_json
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.cohort import describe_training
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.progress import progress
from pcsa_jax.publishing.model_card import About, write_card
from pcsa_jax.publishing.monai import describe_for_monai
from pcsa_jax.publishing.preview import draw_preview, preview_map
from pcsa_jax.publishing.scores import Scores, read_scores
from pcsa_jax.publishing.stablehlo import describe_programs, largest_difference, script, write_down
from pcsa_jax.synthesis.export import describe_ensemble, describe_generator, tensors_of, write_generator
from pcsa_jax.synthesis.generator_file import member_name
from pcsa_jax.synthesis.generators import Ensemble
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.loaded import load_generator
from pcsa_jax.synthesis.program import Program
from pcsa_jax.synthesis.published_folder import CARD, CONFIG, FORMAT, METADATA, PREVIEW, SCRIPT, TENSORS
from pcsa_jax.synthesis.trust_file import trust_of_run
from pcsa_jax.training.trained import TrainedRun, open_run

LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{1,60}")
LONGEST_TEXT = 200
PHANTOM_LICENCE = "apache-2.0"
"""Of a model of the phantom, which belongs to nobody else."""


class Published(NamedTuple):
    """What was written.

    Attributes:
      folder: where.
      card: of the model's file.
      program: what ``config.json`` says of the StableHLO programs; None without.
    """

    folder: Path
    card: Mapping[str, Any]
    program: Mapping[str, Any] | None


def publish_model(
    roots: Sequence[Path], out: Path, *, name: str = "", licence: str = "", authors: str = "",
    calibration: Path | None = None, checkpoint: str = "best", unscored: bool = False, without_program: bool = False,
) -> Published:  # fmt: skip
    """Writes runs as a published model; see :func:`pcsa_jax.calls.publish`.

    Raises:
      UserError: if a run cannot be published, or the folder not be written.
    """
    if os.path.lexists(out):
        raise UserError(f"--out {out}: expected a new folder, found something there. Choose another name.")
    check_writable(out.parent, f"--out {out}")
    _check_texts(name or out.name, licence, authors)
    runs = [open_run(root, checkpoint=checkpoint) for root in roots]
    workdirs = [Workdir(root) for root in roots]
    scores = None if unscored else read_scores(workdirs, runs)
    cards = _cards(runs)
    _check_network(roots, cards)
    about = About(name or out.name, _licence(licence, cards), authors or "not named")
    trust = _trust_of(roots, workdirs, cards, calibration)
    try:
        with new_folder(out) as partial:
            card = _write_tensors(partial / TENSORS, runs, cards, trust)
            program = _fill(partial, card, cards, runs, about, scores, trust, without_program=without_program)
    except OSError as error:
        raise UserError(f"--out {out}: could not be written ({error.strerror}). Choose another place.") from error
    return Published(out, card, program)


def _check_texts(name: str, licence: str, authors: str) -> None:
    """Raises UserError unless what the publisher says is a line each, and the licence an identifier."""
    for option, text in (("--name", name), ("--authors", authors)):
        if not text.isprintable() or len(text) > LONGEST_TEXT:
            found = f"{len(text)} characters" if text.isprintable() else repr(text)[:80]
            raise UserError(f"{option}: expected one line of at most {LONGEST_TEXT}, found {found}. Say it in short.")
    if licence and not LICENCE.fullmatch(licence):
        raise UserError(
            f"--license: expected an identifier such as cc-by-nc-4.0 or other, found {licence[:60]!r}. Hugging Face "
            "lists them."
        )


def _check_network(roots: Sequence[Path], cards: Sequence[Mapping[str, Any]]) -> None:
    """Raises UserError unless all are of one network: a card that names one must be true of all."""
    for root, card in zip(roots, cards, strict=True):
        for name in ("system", "generator", "recipe"):
            if card[name] != cards[0][name]:
                raise UserError(
                    f"--workdir {root}: expected the network of {roots[0]} (row {cards[0]['training']['row']}), found "
                    f"another {name} (row {card['training']['row']}). Folds and seeds of one network are published as "
                    "their mean; publish others by themselves."
                )


def _cards(runs: Sequence[TrainedRun]) -> list[dict[str, Any]]:
    cards = []
    for run in runs:
        cohort, is_phantom = describe_training(run.config.data, run.environment)
        cards.append(describe_generator(run, cohort=cohort, is_phantom=is_phantom))
    return cards


def _licence(given: str, cards: Sequence[Mapping[str, Any]]) -> str:
    if given or all(card["training"]["is_phantom"] for card in cards):
        return given or PHANTOM_LICENCE
    raise UserError(
        "--license: expected the licence that the data use agreement of "
        f"{cards[0]['training']['cohort']} leaves you for the weights, found none. Name one: --license=cc-by-nc-4.0"
    )


def _trust_of(
    roots: Sequence[Path], workdirs: Sequence[Workdir], cards: Sequence[Mapping[str, Any]], calibration: Path | None
) -> Trust | None:
    """What single images are judged by, and that the runs fit together."""
    if len(roots) == 1 and calibration is None:
        return trust_of_run(workdirs[0].trust, cards[0]["sha256"])
    trust = Ensemble(roots, [load_generator(root) for root in roots], calibration).trust
    return trust if trust.arrays() else None


def _write_tensors(
    path: Path, runs: Sequence[TrainedRun], cards: Sequence[dict[str, Any]], trust: Trust | None
) -> dict[str, Any]:
    """Writes ``model.safetensors``; returns its card."""
    if len(runs) == 1:
        run, own = runs[0], cards[0]["training"]
        card = describe_generator(run, cohort=own["cohort"], is_phantom=own["is_phantom"], trust=trust)
        write_generator(path, card, tensors_of(run), trust)
        return card
    card = describe_ensemble(cards, trust)
    tensors = {
        f"{member_name(index)}.{name}": array
        for index, run in enumerate(runs)
        for name, array in tensors_of(run).items()
    }
    write_generator(path, card, tensors, trust)
    return card


def _fill(
    folder: Path, card: dict[str, Any], cards: Sequence[dict[str, Any]], runs: Sequence[TrainedRun], about: About,
    scores: Scores | None, trust: Trust | None, *, without_program: bool,
) -> dict[str, Any] | None:  # fmt: skip
    """Writes the other files; returns what is said of the programs."""
    size = cards[0]["grid"]["shape"][0]
    gm = preview_map(size)
    # Opened as everybody will open it: what cannot be read again is not published.
    generator = load_generator(folder / TENSORS)
    today = datetime.datetime.now(datetime.UTC).date()
    program = None if without_program else _write_programs(folder, runs, gm, today)
    draw_preview(folder / PREVIEW, generator, gm)
    config = {"format": FORMAT, "name": about.name, "generator": card}
    if program is not None:
        config["stablehlo"] = program
        (folder / SCRIPT).write_text(script(), encoding="utf-8")
    write_json(folder / CONFIG, config)
    write_json(
        folder / METADATA,
        describe_for_monai(
            cards[0], name=about.name, authors=about.authors, licence=about.licence, made=today.isoformat(),
            num_members=len(cards),
        ),
    )  # fmt: skip
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    text = write_card(about, cards, scores=scores, trust=trust, program=program, files=files)
    (folder / CARD).write_text(text, encoding="utf-8")
    return program


def _write_programs(
    folder: Path, runs: Sequence[TrainedRun], gm: np.ndarray, today: datetime.date
) -> dict[str, Any]:  # fmt: skip
    """Writes each generator's program, and proves that it makes the generator's PET."""
    files, all_written, differences = {TENSORS: (folder / TENSORS).read_bytes()}, [], []
    with progress("Writing programs") as report:
        for index, run in enumerate(runs):
            name = "model.stablehlo" if len(runs) == 1 else f"model-{index + 1}-of-{len(runs)}.stablehlo"
            tensors, size = tensors_of(run), len(gm)
            written = write_down(Program.of(run.experiment, run.prior), tensors, size)
            differences.append(largest_difference(written, tensors, Inference.of_run(run), gm, name))
            (folder / name).write_bytes(written.content)
            files[name] = written.content
            all_written.append(written)
            report(index + 1, len(runs))
    return describe_programs(files, all_written, size=len(gm), differences=differences, today=today)
