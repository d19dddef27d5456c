"""A run knows what it has read by content: other voxels under the same ids stop it, other bytes do not."""

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import layout, pairs
from pcsa_jax.data.inputs import COLUMNS, HASH
from pcsa_jax.data.splits import read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation import assessment
from pcsa_jax.evaluation.assessment import assess_run
from pcsa_jax.experiment.config import parse_config
from pcsa_jax.training.remembered import TESTED_AGAIN
from pcsa_jax.training.train import train
from pcsa_jax.training.trained import open_run
from tests.conftest import SIZE
from tests.training import quick_training
from tests.training.test_checkpoints import edit_meta

REMEDY = "Put the former files back, or start a new run in another --workdir."


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    quick_training.install(monkeypatch)
    # What is compared is read before anything is generated or scored.
    monkeypatch.setattr(assessment, "synthesise", lambda run, pairs: None)
    monkeypatch.setattr(assessment, "evaluate_predictions", lambda **words: {})


@pytest.fixture
def config(request, tiny_words, copy_of_cohort):
    """Of volumes in memory; in files for a test that asks for ``streamed``."""
    resident_gib = 0.0 if getattr(request, "param", "") == "streamed" else 4.0
    return parse_config(tiny_words({"data.root": copy_of_cohort, "num_epochs": 2, "data.resident_gib": resident_gib}))


EITHER = pytest.mark.parametrize("config", ["resident", "streamed"], indirect=True)


@pytest.fixture
def who(config, workdir):
    """Trains; returns the ids of each part."""
    train(config, workdir)
    parts = {}
    for person, part in read_splits(workdir.splits).items():
        parts.setdefault(part, []).append(person)
    return parts


def change(path, *, voxels=0.0, affine=0.0):
    """Another file in the place of a hard link: its voxels times 1 - ``voxels``, moved by ``affine`` mm."""
    image = nib.load(path)
    data, place = image.get_fdata(dtype=np.float32) * np.float32(1 - voxels), image.affine.copy()
    place[0, 3] += affine
    other = nib.Nifti1Image(data, place)
    other.set_sform(place, 4)
    path.unlink()
    nib.save(other, path)


@EITHER
@pytest.mark.parametrize("how", [{"voxels": 0.01}, {"affine": 0.5}], ids=["voxels", "affine"])
def test_a_changed_volume_stops_the_resume_and_the_evaluation(config, workdir, who, copy_of_cohort, how, tmp_path):
    person, arrays = who["train"][2], workdir.arrays / "mri.npy"
    before = arrays.read_bytes() if arrays.exists() else b""
    change(layout.mri_path(copy_of_cohort, person, size=SIZE), **how)
    expected = f"{workdir.inputs}: expected the voxels and grids that were read before, found others in 1 of "
    with pytest.raises(UserError) as caught:
        train(config, workdir)
    assert str(caught.value) == f"{expected}16 volumes ({person} MRI). {REMEDY}"
    assert before == (arrays.read_bytes() if arrays.exists() else b"")  # what was trained on is not lost
    with pytest.raises(UserError) as caught:
        assess_run(open_run(workdir.root), workdir, split="test", out=tmp_path / "out")
    assert str(caught.value) == f"{expected}20 volumes ({person} MRI). {REMEDY}"
    assert not workdir.tested.exists() and not (tmp_path / "out").exists()


@EITHER
def test_a_file_written_again_with_the_same_voxels_passes(config, workdir, who, copy_of_cohort, tmp_path, capsys):
    change(layout.mri_path(copy_of_cohort, who["train"][2], size=SIZE))
    train(config, workdir)
    assert "this run is finished" in capsys.readouterr().err
    assess_run(open_run(workdir.root), workdir, split="test", out=tmp_path / "out")


@pytest.mark.parametrize(("mover", "place"), [("test", "train"), ("train", "validation")])
def test_an_edited_split_is_told_before_any_file_is_read(config, workdir, who, mover, place, monkeypatch):
    text = workdir.splits.read_text()
    workdir.splits.write_text(text.replace(f"{who[mover][0]}\t{mover}", f"{who[mover][0]}\t{place}"))
    monkeypatch.setattr(pairs, "read_judged", None)
    for use in (lambda: train(config, workdir), lambda: open_run(workdir.root)):
        with pytest.raises(UserError) as caught:
            use()
        assert str(caught.value).startswith(f"{workdir.splits}: expected the table that the run was trained with (SHA")
    # Without a checkpoint that says so, the visits still do, if somebody who was not read is to be.
    if mover == "test":
        edit_all(workdir, lambda meta: {name: meta[name] for name in ("epoch", "scores", "train_seconds", "sha256")})
        with pytest.raises(UserError, match=rf"inputs.tsv: .* has besides 2 \({who[mover][0]} MRI, {who[mover][0]} P"):
            train(config, workdir)


def edit_all(workdir, change):
    for step in workdir.checkpoints.iterdir():
        if step.name.isdigit():
            edit_meta(workdir.root, int(step.name), change)


def test_an_edited_record_of_what_was_read_is_told(config, workdir, who):
    workdir.inputs.write_text(workdir.inputs.read_text().replace("\tmri\t", "\tpet\t", 1))
    with pytest.raises(UserError, match=r"inputs.tsv: expected the table that the run was .*which volumes"):
        train(config, workdir)
    workdir.inputs.unlink()
    with pytest.raises(UserError, match=r"inputs.tsv: expected .* found no file\. .*restore it"):
        open_run(workdir.root)


def test_two_evaluations_of_one_run_agree_on_the_test_volumes(config, workdir, who, copy_of_cohort, tmp_path):
    def assess():
        assess_run(open_run(workdir.root), workdir, split="test", out=tmp_path / "out")

    assess()
    before, person = workdir.tested.read_bytes(), who["test"][1]
    assess()
    change(layout.pet_path(copy_of_cohort, person, size=SIZE), voxels=0.01)
    with pytest.raises(UserError) as caught:
        assess()
    assert str(caught.value) == (
        f"{workdir.tested}: expected the voxels and grids that were read before, found others in 1 of 20 volumes "
        f"({person} PET). {TESTED_AGAIN}"
    )
    assert workdir.tested.read_bytes() == before
    train(config, workdir)  # opens no test file, whatever became of it


def test_a_copy_of_one_who_validates_is_no_test_subject(config, workdir, who, copy_of_cohort, overwrite, tmp_path):
    source, target = who["validation"][0], who["test"][0]
    for path in (layout.mri_path, layout.pet_path):
        overwrite(path(copy_of_cohort, target, size=SIZE), path(copy_of_cohort, source, size=SIZE).read_bytes())
    expected = rf"\({target} MRI: those of {source} MRI, {target} PET: those of {source} PET\)"
    with pytest.raises(UserError, match=expected):
        assess_run(open_run(workdir.root), workdir, split="test", out=tmp_path / "out")


def test_an_older_run_opens_with_a_note(config, workdir, who, tmp_path, capsys):
    """Without hashes in its table and without those of its tables in its checkpoints."""
    place = COLUMNS.index(HASH)
    lines = [line.split("\t")[:place] for line in workdir.inputs.read_text().splitlines()]
    workdir.inputs.write_text("".join("\t".join(line) + "\n" for line in lines))
    if workdir.arrays.exists():
        (workdir.arrays / "inputs.tsv").write_text(workdir.inputs.read_text())
    edit_all(workdir, lambda meta: {name: meta[name] for name in ("epoch", "scores", "train_seconds", "sha256")})
    train(config, workdir)
    note = f"{workdir.inputs}: of a version that kept no hashes; volumes that changed since cannot be told"
    assert " ".join(capsys.readouterr().err.split()).count(note) == 1
    assess_run(open_run(workdir.root), workdir, split="test", out=tmp_path / "out")
    assert " ".join(capsys.readouterr().err.split()).count(note) == 1


def test_a_run_folder_that_cannot_be_written_is_still_evaluated(config, workdir, who, tmp_path, monkeypatch, capsys):
    def refuse(path, text):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pcsa_jax.training.remembered.write_text", refuse)
    assess_run(open_run(workdir.root), workdir, split="test", out=tmp_path / "out")
    assert "tested.tsv: could not be written (Read-only file system)" in " ".join(capsys.readouterr().err.split())
