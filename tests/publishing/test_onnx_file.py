"""An exported generator becomes an ONNX file that makes JAX's PET, whole or not at all."""

import importlib.util
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.data.grid import Grid
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.publishing import onnx_file
from tests.conftest import ROOT
from tests.publishing.onnx_bytes import field

PYTHON = ROOT / ".venv-onnx" / "bin" / "python"
MODEL = field(7, b"a network")
"""What the stand-ins make."""


@pytest.fixture(scope="module")
def converted(exported, tmp_path_factory):
    """What ``onnx_rows.py`` says, and the file that it made of the tiny run's generator."""
    if not PYTHON.exists():
        pytest.skip("needs the environment of requirements-onnx.txt (make .venv-onnx)")
    path = tmp_path_factory.mktemp("onnx") / "generator.onnx"
    done = subprocess.run(
        [PYTHON, ROOT / "tests" / "publishing" / "onnx_rows.py", exported, path],
        capture_output=True, text=True, cwd=ROOT, timeout=600, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(path=path, **json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("row", [*read_rows("pcsa"), "options"])
def test_every_row_makes_jax_s_pet(converted, row):
    difference, seen = converted.rows[row]
    assert seen > 0.2, "most of it is clipped"
    assert difference <= onnx_file.TOLERANCE


@pytest.mark.slow
def test_the_file_tells_what_it_is(converted, exported):
    assert converted.status == 0
    assert converted.told.startswith(f"Wrote {converted.path} (")
    assert converted.told.endswith("The generator was trained on a PHANTOM, not on people.\n")
    card = converted.card
    assert card["format"] == onnx_file.FORMAT
    assert card["grid"] == {
        "shape": [16, 16, 16], "affine": Grid(16).affine.tolist(), "space": "MNI152NLin2009aSym", "voxel_size_mm": 12,
    }  # fmt: skip
    assert card["pet"]["unit"] == "arbitrary" and card["pet"]["range"] == [0, 1]
    assert card["training"]["is_phantom"] is True and "PHANTOM" in card["notice"]
    assert card["intended_use"].endswith("not for diagnosis")
    assert "config" not in card["training"] and "maps" not in card["training"]
    assert converted.shapes == {"map": ["n", 16, 16, 16], "pet": ["n", 16, 16, 16]}
    assert converted.single == 0, "a map's PET does not depend on which others are made with it"


def refused(call) -> str:
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_output_that_exists_is_left_alone(exported, tmp_path, capsys):
    (tmp_path / "old.onnx").write_text("old")
    words = [f"--generator={exported}", f"--out={tmp_path / 'old.onnx'}"]
    assert run_command("onnx", words, prog="p") == 1
    assert capsys.readouterr().err == (
        f"p: error: --out {tmp_path / 'old.onnx'}: expected a new file, found one. Remove it or choose another name.\n"
    )
    assert (tmp_path / "old.onnx").read_text() == "old"


def test_without_the_packages_it_says_how_to_get_them(exported, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jax2onnx" else find(name))
    assert refused(lambda: onnx_file.write_onnx(exported, tmp_path / "x.onnx")) == (
        f"{sys.executable}: expected jax2onnx, onnx, onnxruntime, found no jax2onnx. They have an environment of their "
        "own: make .venv-onnx, then .venv-onnx/bin/python -m pcsa_jax onnx (docs/onnx.md)."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def tools(monkeypatch):
    """Stand-ins of what converts and runs: ``tools.to_onnx``, ``tools.pet_of`` (maps -> PET)."""
    tools = SimpleNamespace(to_onnx=None, pet_of=None)
    model = SimpleNamespace(SerializeToString=lambda: MODEL)
    tools.to_onnx = lambda *arguments, **options: model
    nothing = SimpleNamespace(set_model_props=lambda model, props: None, check_model=lambda model: None)
    session = SimpleNamespace(run=lambda names, inputs: [tools.pet_of(inputs["map"])])
    modules = {
        "onnx": SimpleNamespace(helper=nothing, checker=nothing),
        "jax2onnx": SimpleNamespace(to_onnx=lambda *a, **o: tools.to_onnx(*a, **o)),
        "jax2onnx.plugins.jax.lax.conv": SimpleNamespace(_LAYOUT_MAP={(0, 4, 1, 2, 3): "NDHWC"}),
        "onnxruntime": SimpleNamespace(
            SessionOptions=SimpleNamespace, InferenceSession=lambda model, options, providers: session
        ),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(onnx_file, "check_packages", lambda: None)
    return tools


@pytest.mark.parametrize(("error", "found"), [(2e-6, None), (2e-5, "2e-05"), (np.nan, "nan")])
def test_a_file_that_disagrees_with_jax_is_not_left(exported, tmp_path, tools, error, found):
    from pcsa_jax.synthesis.loaded import load_generator

    tools.pet_of = lambda maps: load_generator(exported).infer(maps) + np.float32(error)
    out = tmp_path / "x.onnx"
    if found is None:
        onnx_file.write_onnx(exported, out)
        assert out.read_bytes() == MODEL
        return
    assert refused(lambda: onnx_file.write_onnx(exported, out)) == (
        f"{exported}: expected onnxruntime's PET within 1e-05 of JAX's, found {found}. Nothing was written; install "
        "the versions of requirements-onnx.txt."
    )
    assert list(tmp_path.iterdir()) == []


def test_more_than_one_file_holds_is_refused_before_the_work(exported, tmp_path, tools, monkeypatch):
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 1000)
    told = refused(lambda: onnx_file.write_onnx(exported, tmp_path / "x.onnx"))
    assert told.startswith(f"{exported}: expected at most 0.0 GB of tensors, which is what one ONNX file holds, found ")
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_to_be_exported_first(tiny_run, tmp_path, tools):
    assert refused(lambda: onnx_file.write_onnx(tiny_run, tmp_path / "x.onnx")) == (
        f"{tiny_run}: expected an exported generator or a published folder, found another folder. Make a file of a run "
        "with python -m pcsa_jax export."
    )


@pytest.mark.parametrize("error", [NotImplementedError, TypeError, ValueError])
def test_a_step_that_cannot_be_converted_is_named(exported, tmp_path, tools, error):
    def to_onnx(*arguments, **options):
        raise error("no rule for\nfft")

    tools.to_onnx = to_onnx
    assert refused(lambda: onnx_file.write_onnx(exported, tmp_path / "x.onnx")) == (
        "onnx: expected steps that jax2onnx converts, found another (no rule for fft). Install the versions of "
        "requirements-onnx.txt; a generator with layers of your own needs a converter of theirs."
    )
    assert list(tmp_path.iterdir()) == []


def test_what_is_compared_looks_like_grey_matter():
    maps = onnx_file.example_maps(Grid(32))
    assert maps.shape == (2, 32, 32, 32) and maps.dtype == np.float32
    assert maps.min() == 0 and maps.max() == 1
    assert 0.15 < (maps > 0.2).mean() < 0.6
    assert np.abs(maps[0] - maps[1]).max() > 0.2
