"""A reproduction of two rows without networks: a step that compiles at once, and a synthetic PET that only blurs."""

import numpy as np

from pcsa_jax.evaluation import illustration
from pcsa_jax.studies.reproduction import collection, runner
from tests.conftest import ROOT, leave_unpainted
from tests.training import quick_training

FOLDER = ROOT / "tests" / "studies" / "reproduction"
CONFIG, TWO_ROWS = FOLDER / "tiny_rows.py", FOLDER / "two_rows.py"
ROWS = ("pcsa", "pca")


def install(patch):
    """Fig. 3 becomes a set of two rows that train, evaluate and are drawn in a moment."""
    quick_training.install(patch)

    def synthesise(run, pairs):
        return np.float32(0.9 if run.config.row == "pcsa" else 0.8) * pairs.pet

    patch.setattr("pcsa_jax.evaluation.assessment.synthesise", synthesise)
    patch.setattr(collection, "synthesise", synthesise)
    patch.setattr(illustration, "draw_all", lambda *arguments: [])
    leave_unpainted(patch)
    # Quick programs are not worth keeping, and the cache would be another test's.
    patch.setattr("pcsa_jax.studies.reproduction.reproduce.keep_compiled_programs", lambda: None)
    patch.setattr(runner.jax, "clear_caches", lambda: None)


def words(cohort, out, *more, target="fig3", folds=2, config=TWO_ROWS):
    """A command line of ``reproduce``."""
    return [target, f"--config={config}", f"--data={cohort}", f"--out={out}", f"--folds={folds}", *more]
