"""Synthetic PET of many files: read and check all, generate in batches over the devices, write each whole."""

import contextlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pcsa_jax.data.derivatives import (
    DEVIATION,
    HIGH,
    LOW,
    SPREAD,
    TABLE,
    write_outputs,
)
from pcsa_jax.data.derivatives_folder import check_folder, open_folder
from pcsa_jax.data.finished_maps import finished_contents
from pcsa_jax.data.given_files import Input
from pcsa_jax.data.harmonisation import NOBODY_SAYS
from pcsa_jax.data.placement import load_references
from pcsa_jax.data.raw_scans import check_scan, prepare_scan
from pcsa_jax.data.subjects import listing
from pcsa_jax.data.synthesis_inputs import Prepared, check_identities, check_place, find_doubles, prepare, write_skipped
from pcsa_jax.data.trust.familiarity import VERDICTS, Assessment
from pcsa_jax.errors import UserError
from pcsa_jax.machine.interruption import Interruption, watch_signals
from pcsa_jax.machine.progress import console, progress
from pcsa_jax.presentation.viewing import Viewing
from pcsa_jax.synthesis.card import describe_synthetic
from pcsa_jax.synthesis.generators import Ensemble, Synthetic
from pcsa_jax.synthesis.index import check_index, has_index, write_index
from pcsa_jax.synthesis.judging import assess_map, describe_judged, judge_pet, write_familiarity
from pcsa_jax.synthesis.pictures import draw_pictures
from pcsa_jax.synthesis.tasks import WORKERS, Outcome, Task, plan_tasks, settle
from pcsa_jax.synthesis.waiting import waiting_maps

SKIPPED = "skipped.tsv"


class Synthesis:
    """One start of ``python -m pcsa_jax synthesize``.

    Args:
      ensemble: the generators.
      inputs: grey-matter maps and raw scans.
      out: folder of the outputs.
      panels: draw a picture of each.
      pages: how a page of each is to look; None for no pages.
      intervals, zmaps: write the ends of each voxel's interval; the deviation from normal people.
      refuse_outside: a map outside of what the generators know is a bad input.
      overwrite: replace outputs of other inputs or generators.
      skip_bad: leave bad inputs out instead of stopping.

    Raises:
      UserError: if two inputs would have the same outputs, or ``out`` cannot be used.
    """

    def __init__(
        self, ensemble: Ensemble, inputs: Sequence[Input], out: Path, *, panels: bool = False,
        pages: Viewing | None = None, intervals: bool = False, zmaps: bool = False, refuse_outside: bool = False,
        overwrite: bool = False, skip_bad: bool = False,
    ):  # fmt: skip
        check_identities(inputs)
        check_place(inputs, out)
        self._ensemble, self._inputs, self._out = ensemble, list(inputs), out
        self._panels, self._pages, self._overwrite, self._skip_bad = panels, pages, overwrite, skip_bad
        self._intervals, self._zmaps, self._refuse_outside = intervals, zmaps, refuse_outside
        self._links: dict[Path, str] = {}
        self._assessments: dict[Path, Assessment | None] = {}
        self._bad: list[tuple[Input, UserError]] = []
        check_folder(out)
        if pages:
            check_index(out)

    def run(self) -> Outcome:
        """Reads and checks every input, then generates and writes.

        Raises:
          UserError: if an input is bad (all of them are listed), an output is in the way, or the disk is full.
        """
        tasks = plan_tasks(
            self._ensemble, self._inputs, self._out, extras=self._extras(), has_panel=self._panels,
            page_look=self._pages.describe() if self._pages else "", overwrite=self._overwrite,
        )  # fmt: skip
        try:
            outcome = self._make(tasks) if tasks else Outcome(0, len(self._inputs), 0, None)
        except UserError:
            with contextlib.suppress(UserError):  # what stopped the work is to be told
                self._list()
            raise
        self._list()
        return outcome

    def _list(self) -> None:
        """Writes what is said of all outputs, those of earlier starts among them."""
        if self._out.is_dir():
            write_familiarity(self._out)
        if self._pages or has_index(self._out):
            write_index(self._out)

    def _extras(self) -> tuple[str, ...]:
        """Which volumes there will be beside the PET.

        Raises:
          UserError: if the generators lack what one of them needs.
        """
        trust, spread = self._ensemble.trust, (SPREAD,) if len(self._ensemble) > 1 else ()
        missing = trust.missing_parts()
        asked = {
            "--intervals": (self._intervals, "intervals"), "--zmap": (self._zmaps, "norm"),
            "--refuse-outside": (self._refuse_outside, "familiarity"),
        }  # fmt: skip
        for option, (is_asked, part) in asked.items():
            if is_asked and part in missing:
                raise UserError(f"{option}: expected generators that can say it, found none. {missing[part]}.")
        return (*spread, *((LOW, HIGH) if self._intervals else ()), *((DEVIATION,) if self._zmaps else ()))

    def _assess(self, source: Input, mri: np.ndarray) -> None:
        """Notes whether the map is known; raises UserError if it is to be refused."""
        self._assessments[source.path] = assess_map(
            source, mri, self._ensemble.trust, refuse_outside=self._refuse_outside
        )

    def _make(self, tasks: list[Task]) -> Outcome:
        """Reads, generates and writes."""
        with waiting_maps(self._out, (len(tasks), *self._ensemble.grid.shape)) as maps:
            prepared, scans = self._read(tasks, maps)
            self._links = open_folder(self._out, sorted({task.source.dataset for task in tasks if task.source.dataset}))
            self._note_skipped()
            with watch_signals() as interruption:
                written = self._generate(tasks, maps, prepared, interruption)
                written += self._generate_from_scans([tasks[row] for row in scans], interruption)
        self._note_skipped()
        return Outcome(written, len(self._inputs) - len(tasks), len(self._bad), interruption.signal_number)

    def _read(self, tasks: Sequence[Task], maps: np.ndarray) -> tuple[dict[int, Prepared], list[int]]:
        """Fills the rows of ``maps``; returns what else is known of each, and the rows of raw scans, which are not."""

        def read(row: int) -> Prepared | UserError | None:
            try:
                if tasks[row].source.is_raw:
                    return check_scan(tasks[row].source)
                found = prepare(
                    tasks[row].source, self._ensemble.grid, self._ensemble.mri_normalisation,
                    is_modulated=self._ensemble.is_modulated,
                )  # fmt: skip
                self._assess(tasks[row].source, found.mri)
            except UserError as error:
                return error
            maps[row] = found.mri
            return found._replace(mri=maps[row])

        prepared, scans, bad = {}, [], []
        if not all(task.source.is_raw for task in tasks):
            load_references()
        with ThreadPoolExecutor(WORKERS) as pool, progress("Reading") as report:
            for row, found in enumerate(pool.map(read, range(len(tasks)))):
                if isinstance(found, UserError):
                    bad.append((tasks[row].source, found))
                elif found is None:
                    scans.append(row)
                else:
                    prepared[row] = found
                report(row + 1, len(tasks))
        rows = list(prepared)
        finished = finished_contents(self._out, {task.outputs.pet for task in tasks})
        doubles = find_doubles([(tasks[row].source, prepared[row]) for row in rows], finished)
        bad += [(tasks[rows[place]].source, error) for place, error in doubles.items()]
        self._report_bad(bad)
        prepared = {row: prepared[row] for place, row in enumerate(rows) if place not in doubles}
        self._note_trained([(tasks[row].source, found) for row, found in prepared.items()])
        self._note_odd([tasks[row].source for row in prepared])
        guessed = sum(any(NOBODY_SAYS in step for step in found.steps) for found in prepared.values())
        if guessed:
            console.print(f"Taken as not smoothed, as nobody says: {guessed} maps. If they were, say so: --fwhm-mm=MM")
        return prepared, scans

    def _note_trained(self, inputs: Sequence[tuple[Input, Prepared]]) -> None:
        """Says of whose maps the generators were trained on."""
        names = [each.name for each, found in inputs if self._ensemble.part_of(found.content_hash) == "train"]
        if names:
            console.print(
                f"{len(names)} of {len(inputs)} maps are training maps of the generator ({listing(names)}), voxel for "
                "voxel: their PET is no test of it"
            )

    def _note_odd(self, sources: Sequence[Input]) -> None:
        """Says whose maps are unlike the training maps."""
        found = [(each.name, self._assessments.get(each.path)) for each in sources]
        for verdict in VERDICTS[1:]:
            names = [name for name, one in found if one is not None and one.verdict == verdict]
            if names:
                console.print(
                    f"{len(names)} of {len(found)} maps are {verdict} for the generator ({listing(names)}): "
                    f"{TABLE} and the sidecars say why"
                )

    def _report_bad(self, bad: Sequence[tuple[Input, UserError]]) -> None:
        """Lists every bad input; raises UserError unless they are to be left out."""
        if len(bad) == 1 and not self._skip_bad:
            raise bad[0][1]
        for _, error in bad:
            console.print(f"  {error}")
        if bad and (not self._skip_bad or len(bad) == len(self._inputs)):
            raise UserError(
                f"inputs: expected {len(self._inputs)} that can be used, found {len(bad)} that cannot, listed above. "
                "Mend them, or leave them out with --skip-bad."
            )
        self._bad += bad

    def _note_skipped(self) -> None:
        """Keeps the table of inputs that were left out, or removes that of an earlier start."""
        if self._bad:
            write_skipped(self._out / SKIPPED, self._bad)
        else:
            (self._out / SKIPPED).unlink(missing_ok=True)

    def _generate(
        self, tasks: Sequence[Task], maps: np.ndarray, prepared: dict[int, Prepared], interruption: Interruption
    ) -> int:
        """Makes the PET of the rows in ``prepared``; returns how many were written."""
        rows, size = list(prepared), self._ensemble.batch_size
        written, waiting = 0, []
        with ThreadPoolExecutor(WORKERS) as pool, progress("Generating") as report:
            for start in range(0, len(rows), size):
                if interruption.signal_number is not None:
                    break
                batch = rows[start : start + size]
                synthetic = self._ensemble(np.asarray(maps[batch]))
                for place, row in enumerate(batch):
                    one = synthetic.take(place)
                    waiting.append(pool.submit(self._write, tasks[row], prepared[row], one))
                # Volumes on fine grids are large: few of them wait to be written.
                written += settle(waiting, leave=WORKERS)
                report(written, len(rows))
            written += settle(waiting, leave=0)
            if rows:
                report(written, len(rows))
        return written

    def _generate_from_scans(self, tasks: Sequence[Task], interruption: Interruption) -> int:
        """The same for raw scans, one at a time: minutes each, on all cores; a scan that fails does not stop others."""
        failed = []
        with progress("Raw scans") as report:
            for done, task in enumerate(tasks):
                if interruption.signal_number is not None:
                    tasks = tasks[:done]
                    break
                report(done, len(tasks), task.source.name)
                try:
                    with tempfile.TemporaryDirectory() as folder:
                        prepared = prepare_scan(
                            task.source, self._ensemble.grid, self._ensemble.mri_normalisation, folder=Path(folder)
                        )
                        self._assess(task.source, prepared.mri)
                        one = self._ensemble(prepared.mri[None]).take(0)
                        self._write(task, prepared, one)
                except UserError as error:
                    failed.append((task.source, error))
            if tasks:
                report(len(tasks), len(tasks))
        self._report_bad(failed)
        return len(tasks) - len(failed)

    def _write(self, task: Task, prepared: Prepared, synthetic: Synthetic) -> None:
        own, grid, (low, high) = prepared.own_grid, self._ensemble.grid, self._ensemble.scale.range
        judged = judge_pet(
            task.source, self._assessments.get(task.source.path), synthetic, self._ensemble,
            sure=self._intervals or self._pages is not None, normal=self._zmaps or self._pages is not None,
        )  # fmt: skip
        images = [own.give_back(synthetic.mean, grid, low=low, high=high)]
        volumes = {SPREAD: synthetic.std, LOW: judged.low, HIGH: judged.high, DEVIATION: judged.z}
        for kind in task.outputs.extras:
            least = -np.inf if kind == DEVIATION else 0
            images.append(own.give_back(volumes[kind], grid, low=least, high=np.inf))
        try:
            card = describe_synthetic(
                task.source, prepared, self._ensemble, dataset=self._links.get(task.source.dataset, "")
            ) | describe_judged(judged, self._ensemble)
            write_outputs(task.outputs, images, card | task.recipe)
            draw_pictures(
                task.outputs, task.source.name, prepared=prepared, synthetic=synthetic, ensemble=self._ensemble,
                card=card, viewing=self._pages, judged=judged,
            )  # fmt: skip
        except OSError as error:
            raise UserError(
                f"{task.outputs.pet}: could not be written ({error.strerror}). Make room and start again: what is "
                "finished stays."
            ) from error
