"""``pet.py``: the trainer's bits with jax and safetensors alone, and one line for whatever is wrong."""

import dataclasses
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import pcsa_jax
from pcsa_jax.publishing.stablehlo import Written, called, describe_programs, largest_difference, write_down
from pcsa_jax.synthesis.export import tensors_of
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.program import Program
from pcsa_jax.training.trained import open_run

NEEDED = ("jax", "jaxlib", "numpy", "scipy", "ml_dtypes", "opt_einsum", "safetensors")
"""What ``pip install jax safetensors`` brings."""

RUN = f"""
import importlib.machinery, runpy, sys

class Fresh(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in {NEEDED} or top in sys.stdlib_module_names or top.startswith("_"):
            return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Fresh
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


MANY = """
import json, os, runpy, sys
import jax, safetensors.numpy
for place, script, *arguments in json.loads(sys.stdin.read()):
    os.chdir(place)
    os.dup2(os.open("said", os.O_WRONLY | os.O_CREAT), 2)  # MLIR writes without Python
    sys.argv, status = [script, *arguments], 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as left:
        status = int(bool(left.code))
        sys.stderr.write(f"{left.code}\\n" if isinstance(left.code, str) else "")
    sys.stderr.flush()
    print(status, flush=True)
"""
"""Scripts in one process, each in a folder where it finds the file ``said`` for its stderr."""


def environment():
    # As the suite's own programs are compiled, which the bits depend on; nothing else of its variables.
    kept = "JAX_DISABLE_MOST_OPTIMIZATIONS", "PATH", "HOME"
    return {name: os.environ[name] for name in kept if name in os.environ}


def run_script(folder, *arguments, cwd):
    return subprocess.run(
        [sys.executable, "-I", "-c", RUN, str(folder / "pet.py"), *map(str, arguments)], cwd=cwd, text=True,
        capture_output=True, env=environment(), timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("of", ["published", "published_folds"])
def test_the_bits_of_the_generator_in_an_environment_without_it(of, request, maps, tmp_path):
    folder = request.getfixturevalue(of)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    np.save(tmp_path / "maps.npy", maps)
    done = run_script(moved, "maps.npy", "pet.npy", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = np.load(tmp_path / "pet.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, pcsa_jax.load_generator(folder)(maps))


def test_an_xla_without_the_trainers_options_makes_the_same_pet(published, maps, tmp_path):
    folder = shutil.copytree(published, tmp_path / "model")
    expire(folder, compiler_options={"cpu": {"xla_of_another_time": False}})
    np.save(tmp_path / "maps.npy", maps[:1])
    done = run_script(folder, "maps.npy", "pet.npy", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(np.load(tmp_path / "pet.npy"), pcsa_jax.load_generator(published)(maps[:1]), atol=1e-6)


def test_the_environment_of_the_test_lacks_the_rest(tmp_path):
    (tmp_path / "pet.py").write_text("import flax\n")
    assert "No module named 'flax'" in run_script(tmp_path, cwd=tmp_path).stderr


def cut(folder):
    path = folder / "model.stablehlo"
    path.write_bytes(path.read_bytes()[:1000])


def flip(folder):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def expire(folder, **changes):
    said = json.loads((folder / "config.json").read_text())
    said["stablehlo"] |= changes or {"calling_convention": 1}
    (folder / "config.json").write_text(json.dumps(said))


def exchange(folder):
    (folder / "model.stablehlo").write_bytes(b"no program of a later or earlier version")
    digest = hashlib.sha256((folder / "model.stablehlo").read_bytes()).hexdigest()
    old = json.loads((folder / "config.json").read_text())["stablehlo"]["sha256"]
    expire(folder, sha256=old | {"model.stablehlo": digest})


DAMAGED = "expected the file that was published, found a damaged or changed one. Download it again."


DAMAGES = [
    (cut, f"model.stablehlo: {DAMAGED}"),
    (flip, f"model.safetensors: {DAMAGED}"),
    (expire, "model.stablehlo: expected PET, found calling convention 1, where it knows "),
    (exchange, "model.stablehlo: expected PET, found "),
    (lambda folder: expire(folder, jax=None), "expected config.json and its files, found ValueError('stablehlo.jax is"),
    (lambda folder: expire(folder, calling_convention="10"), "found ValueError(\"stablehlo.calling_convention is"),
    (lambda folder: expire(folder, programs=[]), "found ValueError('stablehlo.programs is []"),
    (lambda folder: expire(folder, shape="abc"), "expected config.json and its files, found ValueError("),
    (lambda folder: (folder / "config.json").write_text("{"), "expected config.json and its files, found JSON"),
    (lambda folder: (folder / "model.stablehlo").unlink(), "expected config.json and its files, found FileNotF"),
]  # fmt: skip
BAD_MAPS = [
    (np.zeros((8, 8, 8)), "expected maps (16, 16, 16) or (n, ...), found (8, 8, 8). Resample them to that grid."),
    (np.zeros((0, 16, 16, 16)), "expected maps (16, 16, 16) or (n, ...), found (0, 16, 16, 16)"),
    (np.full((16, 16, 16), np.nan), "expected finite voxels, found NaN, infinite or too large ones. Mend the map."),
    (np.linspace(-3e38, 3e38, 16**3).reshape(16, 16, 16), "expected finite voxels, found NaN, infinite or too large"),
    (np.ones((16, 16, 16), complex), "expected an array of numbers that numpy.save has written, found complex128."),
    (np.ones((16, 16, 16)), "expected contrast, found a constant map"),
    (np.array([{}], object), "expected an array of numbers that numpy.save has written, found Object arrays"),
]


@pytest.fixture(scope="module")
def refusals(published, maps, tmp_path_factory):
    """(exit status, lines of stderr, whether there is a PET) of each damage and of each bad map, of one process."""
    starts = []
    for damage, _ in DAMAGES:
        place = tmp_path_factory.mktemp("damaged")
        folder = shutil.copytree(published, place / "model")
        damage(folder)
        np.save(place / "maps.npy", maps)
        starts.append((str(place), str(folder / "pet.py"), "maps.npy", "pet.npy"))
    for bad, _ in BAD_MAPS:
        place = tmp_path_factory.mktemp("bad")
        np.save(place / "maps.npy", bad, allow_pickle=True)
        starts.append((str(place), str(published / "pet.py"), "maps.npy", "pet.npy"))
    done = subprocess.run(
        [sys.executable, "-I", "-c", MANY], input=json.dumps(starts), capture_output=True, text=True,
        env=environment(), timeout=300,
    )  # fmt: skip
    assert done.returncode == 0
    places = [Path(place) for place, *_ in starts]
    return [
        (int(status), (place / "said").read_text().splitlines(), (place / "pet.npy").exists())
        for status, place in zip(done.stdout.split(), places, strict=True)
    ]


@pytest.mark.parametrize("number", range(len(DAMAGES)))
def test_what_is_damaged_expired_or_foreign_is_told_in_one_line(refusals, number):
    _, said = DAMAGES[number]
    status, lines, written = refusals[number]
    assert status == 1 and len(lines) == 1 and said in lines[0]
    assert not written


@pytest.mark.parametrize("number", range(len(BAD_MAPS)))
def test_bad_maps_are_told_in_one_line(refusals, number):
    status, lines, written = refusals[len(DAMAGES) + number]
    assert status == 1 and len(lines) == 1 and BAD_MAPS[number][1] in lines[0]
    assert not written


def test_how_it_is_used_is_said(published, tmp_path):
    done = run_script(published, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "python pet.py maps.npy pet.npy\n")
    done = run_script(published, "--help", cwd=tmp_path)
    assert done.returncode == 0 and "on the grid that README.md names" in done.stdout


def script():
    """``pet.py`` as a module, for its parts that need no program."""
    spec = importlib.util.spec_from_file_location("pet", Path(pcsa_jax.__file__).parent / "publishing" / "pet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_overwritten_and_a_place_is_looked_at_before_the_work(tmp_path):
    np.save(tmp_path / "maps.npy", np.zeros(3))
    for place, found in ((tmp_path / "maps.npy", "something there"), (tmp_path / "no" / "x.npy", "no such folder")):
        with pytest.raises(SystemExit, match=f"expected a new file in a folder that is there, found {found}"):
            script().check_place(str(place))
    with pytest.raises(SystemExit, match=r"found a NIfTI file: numpy.save its voxels, on the model's grid"):
        script().read_maps(str(tmp_path / "map.nii.gz"), [16] * 3)


def test_the_pet_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    pet, module = np.arange(3, dtype=np.float32), script()
    module.write(str(tmp_path / "a.dat"), pet)
    np.testing.assert_array_equal(np.load(tmp_path / "a.dat"), pet)

    def full(stream, array):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.np, "save", full)
    with pytest.raises(SystemExit, match="b.dat: could not be written .No space left on device.. Choose another"):
        module.write(str(tmp_path / "b.dat"), pet)
    assert [path.name for path in tmp_path.iterdir()] == ["a.dat"]


@pytest.fixture(scope="module")
def written(tiny_run):
    run = open_run(tiny_run)
    return run, write_down(Program.of(run.experiment, run.prior), tensors_of(run), 16)


def test_any_number_of_maps_at_once(written, maps):
    run, program = written
    call, tensors = called(program, tensors_of(run), 16).call, tensors_of(run)
    together = np.asarray(jax.jit(call)(tensors, maps / 10))
    for row, gm in enumerate(maps / 10):
        np.testing.assert_allclose(together[row], np.asarray(jax.jit(call)(tensors, gm[None]))[0], atol=1e-6)
    np.testing.assert_allclose(together, Inference.of_run(run)(maps / 10), atol=1e-6)
    assert np.ptp(together) > 0.01


def test_it_is_written_for_cpu_and_cuda_and_does_not_hold_the_parameters(written):
    run, program = written
    said = called(program, tensors_of(run), 16)
    assert said.platforms == ("cpu", "cuda")
    assert len(program.content) < sum(array.nbytes for array in tensors_of(run).values()) + 50_000
    assert len(said.in_avals) == len(tensors_of(run)) + 1


def test_the_same_bits_as_the_generator_on_this_machine(written, maps):
    run, program = written
    gm = (maps[0] - 7) / 3
    assert largest_difference(program, tensors_of(run), Inference.of_run(run), gm, "x") == 0
    other = {name: array + np.float32(0.01) for name, array in tensors_of(run).items()}
    with pytest.raises(pcsa_jax.errors.UserError, match="x: expected the generator's PET"):
        largest_difference(program, other, Inference.of_run(run), gm, "x")


def test_how_long_it_is_read_is_written_down():
    import datetime

    said = describe_programs(
        {"model.safetensors": b"", "a.stablehlo": b"1"}, [Written(b"1", 10)], size=16, differences=[0.0],
        today=datetime.date(2026, 1, 31),
    )  # fmt: skip
    assert (said["made"], said["readable_until"]) == ("2026-01-31", "2026-07-30")
    assert said["programs"] == ["a.stablehlo"] and said["platforms"] == ["cpu", "cuda"]
    assert dataclasses.is_dataclass(Program)
