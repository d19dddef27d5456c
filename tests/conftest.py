"""What tests of several packages share: array annotations checked at run time, one tiny cohort, one tiny config."""

import errno
import os
import shutil
import socket
from pathlib import Path

import pytest
from jaxtyping import install_import_hook
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.compilation import hasten

hasten()
# state and step are left out: beartype does not know generic named tuples.
CHECKED = (
    "attention", "blockwise_attention", "convolution", "cycle", "discriminator", "generator", "global_local",
    "informed", "losses", "metrics", "normalisation", "patch_discriminator", "platform_convolution", "resampling",
    "ssim", "translation", "unet",
)  # fmt: skip
install_import_hook([f"pcsa_jax.model.{name}" for name in CHECKED], "beartype.beartype")

ROOT = Path(__file__).parents[1]
NUM_PAIRS, NUM_MRI_ONLY, SIZE = 12, 2, 16
TINY = {
    "data.size": SIZE,
    "data.mri_only": NUM_MRI_ONLY,
    "data.num_folds": 3,
    "data.validation_fraction": 0.25,
    "batch_size": 2,
    "num_epochs": 4,
    "generator.stages": (((3, 2),), ((3, 2),)),
    "generator.bottleneck_features": 4,
    "generator.attention_sizes": (1,),
    "generator.skip_sizes": (4, 8, 16),
    "discriminator.features": (2,),
    "loss.ms_ssim": 0.0,
    "generator_optimizer.learning_rate": 1e-2,
    "discriminator_optimizer.learning_rate": 1e-2,
    "log_every_steps": 2,
    "evaluate_every_epochs": 2,
    "checkpoint_every_epochs": 2,
}
"""Overrides of configs/pcsa.py. Three folds of the twelve pairs: 4 tested, 2 validate, 6 train; 3 steps an epoch."""


def pytest_collection_modifyitems(items):
    """The longest test comes first: begun last, it would let all other processes wait for it."""
    items.sort(key=lambda item: item.path.name != "test_site.py")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """Keeps the built-in cohort of tests out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCSA_JAX_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Path:
    """The tiny cohort; not to be changed, see ``copy_of_cohort``."""
    from pcsa_jax.data.phantom.cohort import write_cohort

    out = tmp_path_factory.mktemp("tiny") / "cohort"
    return write_cohort(out, pairs=NUM_PAIRS, mri_only=NUM_MRI_ONLY, size=SIZE, jobs=1)


@pytest.fixture
def copy_of_cohort(cohort, tmp_path) -> Path:
    """The tiny cohort to damage: hard links, so replace or delete a file, never write into it (see ``overwrite``)."""
    return Path(shutil.copytree(cohort, tmp_path / "cohort", copy_function=os.link))


@pytest.fixture
def overwrite():
    """Gives a file other content without touching the file that it is a hard link of."""

    def overwrite(path: Path, content: bytes | str) -> Path:
        path.unlink(missing_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return overwrite


@pytest.fixture(params=["a pipe", "a socket", "a device"])
def put_odd(request):
    """Puts something that is no file in the place of ``path``; returns what it is."""

    def put_odd(path: Path) -> str:
        path.unlink(missing_ok=True)
        if request.param == "a pipe":
            os.mkfifo(path)
        elif request.param == "a device":
            path.symlink_to("/dev/zero")
        else:
            with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as made:
                patch.chdir(path.parent)  # names of sockets are short
                made.bind(path.name)
        return request.param

    return put_odd


@pytest.fixture
def full_disk(monkeypatch):
    """No file can be given room any more."""

    def refuse(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)


@pytest.fixture
def without_figures(monkeypatch):
    """Evaluations draw no figures, which take most of their time: for tests of anything else."""
    monkeypatch.setattr("pcsa_jax.evaluation.illustration.draw_all", lambda *_: [])


@pytest.fixture(scope="session")
def tiny_words(cohort):
    """The words of a command line for the tiny config; keyword-like changes as ``{"group.field": value}``."""

    def tiny_words(changes=()):
        values = {"data.root": cohort, **TINY, **dict(changes)}
        return [f"--config={ROOT / 'configs' / 'pcsa.py'}", *(f"--config.{n}={v}" for n, v in values.items())]

    return tiny_words


@pytest.fixture(scope="session")
def tiny_config(tiny_words):
    """The tiny config with changes as ``{"group.field": value}``."""
    from pcsa_jax.experiment.config import parse_config

    return lambda changes=(): parse_config(tiny_words(changes))


@pytest.fixture(scope="session")
def tiny_run(tiny_config, tmp_path_factory):
    """Folder of a finished run of the tiny config, networks and all; not to be changed."""
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.train import train

    root = tmp_path_factory.mktemp("tiny_run") / "run"
    train(tiny_config(), Workdir(root))
    return root


@pytest.fixture(scope="session")
def exported(tiny_run, tmp_path_factory):
    """The tiny run's generator in one file, of a phantom; not to be changed."""
    from pcsa_jax.synthesis.export import export_generator
    from pcsa_jax.training.trained import open_run

    path = tmp_path_factory.mktemp("exported") / "generator.safetensors"
    export_generator(open_run(tiny_run), path, cohort="phantom", is_phantom=True)
    return path


@pytest.fixture(scope="session")
def tiny_trust(tiny_run, cohort):
    """What single images of the tiny run are judged by: every pair counts twice, as its twelve are too few."""
    from pcsa_jax.data.cohort import read_cohort
    from pcsa_jax.data.pairs import load_pairs
    from pcsa_jax.evaluation.assessment import synthesise
    from pcsa_jax.training.trained import open_run
    from tests.trust_data import fit_tiny_trust

    pairs = load_pairs(read_cohort(cohort).pairs, size=SIZE, normalisation="minmax")
    return fit_tiny_trust(pairs, synthesise(open_run(tiny_run), pairs))


@pytest.fixture(scope="session")
def trusted(tiny_run, tiny_trust, tmp_path_factory):
    """The tiny run's generator in one file with all that single images are judged by; not to be changed."""
    from pcsa_jax.synthesis.export import export_generator
    from pcsa_jax.training.trained import open_run

    path = tmp_path_factory.mktemp("trusted") / "generator.safetensors"
    export_generator(open_run(tiny_run), path, cohort="phantom", is_phantom=True, trust=tiny_trust)
    return path


@pytest.fixture
def unpainted(monkeypatch):
    """Figures are put together and written, without their pixels: for tests of anything else."""
    leave_unpainted(monkeypatch)


def leave_unpainted(patch):
    """See ``unpainted``: one grey pixel and what is said about the picture, in place of each picture."""

    def print_png(canvas, path, *, metadata):
        said = PngInfo()
        for name, text in metadata.items():
            if text is not None:
                said.add_itxt(name, text)
        Image.new("L", (1, 1)).save(path, "png", pnginfo=said)

    patch.setattr("pcsa_jax.presentation.figures._settle", lambda figure: None)
    patch.setattr("matplotlib.backends.backend_agg.FigureCanvasAgg.print_png", print_png)
