"""What a run has read, and what is read for it later: the same voxels under the same ids, or an error."""

from collections.abc import Sequence

from pcsa_jax.data.contents import Known, contents_of, read_known
from pcsa_jax.data.files import write_text
from pcsa_jax.data.inputs import Input, inputs_table
from pcsa_jax.data.splits import SPLITS
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.progress import console
from pcsa_jax.training.stamp import note_unknown
from pcsa_jax.training.trained import TrainedRun

TESTED_AGAIN = (
    "Put the former files back; or remove this table if the new ones are right: what was evaluated before is of others."
)


def check_remembered(
    run: TrainedRun, workdir: Workdir, inputs: Sequence[Input], *, elsewhere: Known | None = None
) -> None:
    """Compares volumes of a run's cohort with those that the run knows.

    Training opens no file of a test subject: what those hold is known from the first time that they are read, and kept
    in ``tested.tsv``.

    Args:
      run: the run.
      workdir: its folder.
      inputs: what was read, whole parts of the split.
      elsewhere: what other runs of the same experiment have read of the cohort.

    Raises:
      UserError: if a volume is another one, or visits came or went.
    """
    tested, found = read_known(workdir.tested)._replace(remedy=TESTED_AGAIN), contents_of(inputs)
    part = {split: [one for one in inputs if run.splits.get(one.participant_id) == split] for split in SPLITS}
    if part["train"] and not run.known.contents:
        note_unknown(workdir)
    for known in (run.known, tested, elsewhere):
        if known is not None:
            known.check(found)
    if part["test"] and not tested.contents:
        try:
            write_text(workdir.tested, inputs_table(part["test"]))
        except OSError as error:
            console.print(
                f"{workdir.tested}: could not be written ({error.strerror}); another evaluation of this run cannot "
                "tell whether its volumes are the same"
            )
