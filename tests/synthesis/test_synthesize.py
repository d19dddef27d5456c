"""Files come out on their own grid with the evaluation's numbers, valid as BIDS, once, and beside nobody's inputs."""

import json
import os
import shutil
import signal
import subprocess
import sysconfig
from pathlib import Path

import jax
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from pcsa_jax.commands import run_command
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.own_grid import OwnGrid
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.splits import read_splits
from pcsa_jax.data.synthesis_inputs import find_inputs, prepare_volume
from pcsa_jax.data.volumes import read_volume
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.assessment import synthesise
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.presentation.viewing import USUAL, Viewing
from pcsa_jax.synthesis import page as page_module
from pcsa_jax.synthesis import synthesize as module
from pcsa_jax.synthesis.export import export_generator
from pcsa_jax.synthesis.generators import open_generators
from pcsa_jax.synthesis.synthesize import Outcome, Synthesis
from pcsa_jax.training.trained import open_run
from tests.brains import grey_matter
from tests.conftest import NUM_MRI_ONLY, NUM_PAIRS, SIZE

GRID = Grid(SIZE)
EVERYBODY = NUM_PAIRS + NUM_MRI_ONLY


@pytest.fixture(scope="module")
def ensemble(tiny_run):
    return open_generators([tiny_run])


@pytest.fixture(scope="module")
def second_file(tiny_run, tmp_path_factory):
    """A generator like the tiny run's with other parameters."""
    trained = open_run(tiny_run)
    path = tmp_path_factory.mktemp("second") / "second.safetensors"
    params = jax.tree.map(lambda leaf: 0.8 * leaf, trained.params)
    export_generator(trained._replace(params=params), path, cohort="tiny", is_phantom=True)
    return path


@pytest.fixture(scope="module")
def pair_of_generators(tiny_run, second_file):
    return open_generators([tiny_run, second_file])


def synthesize(ensemble, inputs, out, *, fwhm_mm=None, **options):
    return Synthesis(ensemble, find_inputs(inputs, fwhm_mm=fwhm_mm), out, **options).run()


def outputs_of(out, desc="synthetic"):
    return sorted(out.rglob(f"*_desc-{desc}_pet.nii.gz"))


def read(path):
    return np.asarray(nib.load(path).dataobj)


def card_of(path):
    return json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())


def first_map(cohort):
    path = read_cohort(cohort).subjects[0].mri
    return nib.load(path)


def validate(folder):
    program = Path(sysconfig.get_path("scripts"), "bids-validator-deno")
    if not program.exists():
        pytest.skip("bids-validator-deno is not installed (requirements-dev.txt)")
    done = subprocess.run([program, str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_cohort_gets_the_evaluation_s_numbers(ensemble, tiny_run, cohort, tmp_path):
    assert synthesize(ensemble, [cohort], tmp_path / "out") == Outcome(EVERYBODY, 0, 0, None)
    pairs = read_cohort(cohort).pairs
    expected = synthesise(open_run(tiny_run), load_pairs(pairs, size=SIZE, normalisation="minmax"))
    found = {path.name.partition("_")[0]: path for path in outputs_of(tmp_path / "out")}
    assert len(found) == EVERYBODY
    for subject, volume in zip(pairs, expected, strict=True):
        np.testing.assert_array_equal(read(found[subject.participant_id]), volume)
        np.testing.assert_array_equal(nib.load(found[subject.participant_id]).affine, nib.load(subject.mri).affine)
    assert not outputs_of(tmp_path / "out", "syntheticStd")


def test_several_generators_in_valid_bids(pair_of_generators, cohort, tmp_path):
    out = tmp_path / "out"
    loose = tmp_path / "in" / "Müller's map.nii.gz"
    loose.parent.mkdir()
    first_map(cohort).to_filename(loose)
    fine = tmp_path / "in" / "sub-X_ses-2_run-1_space-IXI549Space_label-GM_probseg.nii"
    affine = np.diag([-6.0, 7.0, 8.0, 1.0])
    affine[:3, 3] = 96, -125, -90
    nib.Nifti1Image(grey_matter((33, 31, 26), affine), affine).to_filename(fine)
    assert synthesize(pair_of_generators, [cohort], out).written == EVERYBODY
    assert synthesize(pair_of_generators, [loose, fine], out, panels=True, pages=USUAL).written == 2
    assert len(list(out.rglob("*_page.html"))) == 2 and (out / "index.html").is_file()
    assert len(outputs_of(out)) == len(outputs_of(out, "syntheticStd")) == EVERYBODY + 2
    for path in (out / "figures").iterdir():
        with Image.open(path) as picture:
            first = pair_of_generators.hashes[0][:12]
            line = f"SYNTHETIC PET · not measured · model {first} and 1 more"
            line += " · MRI of a PHANTOM" * path.name.startswith("sub-M") + " · trained on a PHANTOM"
            assert picture.format == "PNG" and picture.text["Description"] == line
    assert (out / "sub-Mllersmap" / "pet").is_dir()
    (path,) = (out / "sub-X").rglob("*_desc-synthetic_pet.nii.gz")
    assert path.name == "sub-X_ses-2_trc-18FFDG_run-1_space-IXI549Space_desc-synthetic_pet.nii.gz"
    assert read(path.with_name(path.name.replace("synthetic", "syntheticStd"))).max() > 0.01
    (out / "skipped.tsv").write_text("")
    validate(out)


def test_the_sidecar_says_what_was_done(pair_of_generators, cohort, tmp_path):
    affine = np.diag([6.0, 6, 6, 1])
    affine[:3, 3] = -96, -120, -90
    path = tmp_path / "gm.nii.gz"
    nib.Nifti1Image(grey_matter((33, 36, 32), affine), affine).to_filename(path)
    synthesize(pair_of_generators, [path, read_cohort(cohort).subjects[0].mri], tmp_path / "out")
    own, grid = (card_of(found) for found in sorted(outputs_of(tmp_path / "out"), reverse=True))
    assert own["Synthetic"] is True and "not for diagnosis" in own["IntendedUse"]
    assert "mean of 2 generators. The generator was trained on a PHANTOM" in own["Description"]
    assert own["Phantom"] is False and "The MRI is a PHANTOM's" not in own["Description"]
    assert grid["Phantom"] is True and "The MRI is a PHANTOM's. The generator was trained on a" in grid["Description"]
    assert own["Sources"] == ["gm.nii.gz"]
    assert grid["Sources"] == [f"bids:cohort:sub-0001/anat/{read_cohort(cohort).subjects[0].mri.name}"]
    assert own["Units"] == "arbitrary" and own["UnitsDescription"].endswith("not SUVR")
    assert own["Normalisation"] == {"MRI": "minmax", "PET": "minmax"}
    assert own["Resolution"] == "33 x 36 x 32 voxels of 6 x 6 x 6 mm, the input's own grid"
    assert [step.split()[0] for step in own["Harmonisation"]] == ["smoothed", "resampled"]
    assert own["Interpolation"].startswith("cubic splines, from 16^3 voxels of 12 mm")
    assert grid["Harmonisation"] == [] and grid["Interpolation"].startswith("none")
    assert own["GeneratorSHA256"] == sorted(pair_of_generators.hashes)
    assert {entry["Step"] for entry in own["Generators"]} == {12}
    assert own["SoftwareVersions"].startswith("pcsa_jax ")


def oblique():
    affine = np.eye(4)
    c, s = np.cos(0.3), np.sin(0.3)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag([-7.0, 8.0, 9.0])
    affine[:3, 3] = 120, -150, -100
    return (36, 37, 26), affine


@pytest.mark.parametrize("from_file", [False, True])
def test_the_sidecar_says_whether_training_has_read_the_map(
    tiny_run, exported, copy_of_cohort, tmp_path, capsys, from_file
):
    """By the voxels, under whatever id and in whatever file."""
    splits = read_splits(Workdir(tiny_run).splits)
    chosen = {part: next(who for who in splits if splits[who] == part) for part in ("train", "validation", "test")}
    maps = {who.participant_id: who.mri for who in read_cohort(copy_of_cohort).subjects}
    (tmp_path / "in").mkdir()
    for part, who in chosen.items():
        nib.Nifti1Image(nib.load(maps[who]).get_fdata(), GRID.affine).to_filename(tmp_path / "in" / f"{part}.nii")
    ensemble = open_generators([exported if from_file else tiny_run])
    synthesize(ensemble, [tmp_path / "in"], tmp_path / "out", fwhm_mm=8)
    found = {path.name.split("_")[0]: card_of(path) for path in outputs_of(tmp_path / "out")}
    parts = {name.removeprefix("sub-"): card["SeenInTraining"] for name, card in found.items()}
    assert parts == {"train": "train", "validation": "validation", "test": "none"}
    assert len({card["InputVoxelsSHA256"] for card in found.values()}) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 3 maps are training maps of the generator (sub-train), voxel for voxel: their PET is no test" in said


def test_one_map_under_two_ids_is_a_bad_input(ensemble, copy_of_cohort, overwrite, tmp_path, capsys):
    first, second = (who.mri for who in read_cohort(copy_of_cohort).subjects[:2])
    overwrite(second, first.read_bytes())
    with pytest.raises(UserError, match="expected 14 that can be used, found 2 that cannot"):
        synthesize(ensemble, [copy_of_cohort], tmp_path / "out")
    said = capsys.readouterr().err
    for name, path, other in (("sub-0001", first, second), ("sub-0002", second, first)):
        theirs = f"expected voxels of its own, found those of {'sub-0002' if path is first else 'sub-0001'}"
        assert f"{name}: {path}: {theirs}: {other.name}. Find out whose they are and put" in said
    assert not outputs_of(tmp_path / "out")
    found = synthesize(ensemble, [copy_of_cohort], tmp_path / "out", skip_bad=True)
    assert (found.written, found.skipped) == (EVERYBODY - 2, 2)


def test_one_map_under_two_ids_is_found_across_starts(ensemble, copy_of_cohort, overwrite, tmp_path):
    """What an earlier start has finished counts, whether it is among the inputs again or not."""
    first, second = (who.mri for who in read_cohort(copy_of_cohort).subjects[:2])
    synthesize(ensemble, [first], tmp_path / "out")
    overwrite(second, first.read_bytes())
    for inputs in ([second], [copy_of_cohort]):
        with pytest.raises(UserError, match=f"sub-0002: {second}: expected voxels of its own, found those of sub-0001"):
            synthesize(ensemble, inputs, tmp_path / "out")
    assert [path.name.split("_")[0] for path in outputs_of(tmp_path / "out")] == ["sub-0001"]
    # A loose file claims nothing of who it is.
    (tmp_path / "loose.nii.gz").write_bytes(first.read_bytes())
    assert synthesize(ensemble, [tmp_path / "loose.nii.gz"], tmp_path / "out").written == 1
    assert synthesize(ensemble, [first], tmp_path / "out").finished == 1


def test_an_oblique_anisotropic_map_gets_its_own_grid_and_header(ensemble, tmp_path):
    shape, affine = oblique()
    image = nib.Nifti1Image(grey_matter(shape, affine), affine)
    image.set_qform(affine, code=2)
    image.set_sform(affine, code=4)
    image.to_filename(tmp_path / "gm.nii")
    synthesize(ensemble, [tmp_path / "gm.nii"], tmp_path / "out", fwhm_mm=8)
    before, after = nib.load(tmp_path / "gm.nii"), nib.load(outputs_of(tmp_path / "out")[0])
    assert after.shape == shape
    np.testing.assert_array_equal(after.affine, before.affine)
    assert (int(after.header["qform_code"]), int(after.header["sform_code"])) == (2, 4)
    values = np.asarray(after.dataobj)
    assert 0 <= values.min() < values.max() <= 1


def test_a_guess_at_the_smoothness_is_said(ensemble, tmp_path, capsys):
    shape, affine = oblique()
    nib.Nifti1Image(grey_matter(shape, affine), affine).to_filename(tmp_path / "gm.nii")
    synthesize(ensemble, [tmp_path / "gm.nii"], tmp_path / "out")
    assert (
        "Taken as not smoothed, as nobody says: 1 maps. If they were, say so: --fwhm-mm=MM" in capsys.readouterr().err
    )
    synthesize(ensemble, [tmp_path / "gm.nii"], tmp_path / "other", fwhm_mm=0)
    assert "nobody says" not in capsys.readouterr().err


def test_derivatives_of_the_inputs_data_set_may_hold_the_outputs(ensemble, copy_of_cohort):
    synthesize(ensemble, [copy_of_cohort], copy_of_cohort / "derivatives" / "pcsa")
    assert len(outputs_of(copy_of_cohort / "derivatives" / "pcsa")) == EVERYBODY


@pytest.mark.parametrize("codes", ["LAS", "PIR", "SLA"])
def test_a_turned_map_gets_the_same_voxels(ensemble, cohort, tmp_path, codes):
    plain, turned = tmp_path / "plain.nii.gz", tmp_path / "turned.nii.gz"
    image = first_map(cohort)
    turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(codes))
    image.to_filename(plain)
    image.as_reoriented(turn).to_filename(turned)
    synthesize(ensemble, [plain, turned], tmp_path / "out")
    by_name = {path.name.partition("_")[0]: nib.load(path) for path in outputs_of(tmp_path / "out")}
    assert nib.aff2axcodes(by_name["sub-turned"].affine) == tuple(codes)
    expected = by_name["sub-plain"].as_reoriented(turn)
    np.testing.assert_array_equal(np.asarray(by_name["sub-turned"].dataobj), np.asarray(expected.dataobj))
    np.testing.assert_array_equal(by_name["sub-turned"].affine, nib.load(turned).affine)


def test_a_second_start_does_only_what_is_missing(ensemble, copy_of_cohort, tmp_path):
    out = tmp_path / "out"
    synthesize(ensemble, [copy_of_cohort], out)
    first, second, third = outputs_of(out)[:3]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in outputs_of(out)}
    second.unlink()  # as an interruption between sidecar and volume leaves it
    shutil.rmtree(third.parent)
    assert synthesize(ensemble, [copy_of_cohort], out) == Outcome(2, EVERYBODY - 2, 0, None)
    assert {path: path.read_bytes() for path in before} == {path: content for path, (content, _) in before.items()}
    assert first.stat().st_mtime_ns == before[first][1]
    assert synthesize(ensemble, [copy_of_cohort], out) == Outcome(0, EVERYBODY, 0, None)


@pytest.fixture
def quick_pictures(monkeypatch):
    """Pages with empty pictures in them."""

    def draw(path, *_, **__):
        path.write_bytes(b"png")
        return path

    for name in ("draw_mosaic", "draw_comparison"):
        monkeypatch.setattr(page_module, name, draw)


@pytest.mark.usefixtures("quick_pictures")
def test_pages_are_made_once_and_anew_for_another_look(ensemble, cohort, tmp_path):
    out, maps = tmp_path / "out", [subject.mri for subject in read_cohort(cohort).subjects[:2]]
    assert synthesize(ensemble, maps, out, pages=USUAL) == Outcome(2, 0, 0, None)
    pages = sorted(out.rglob("*_page.html"))
    assert [page.parent for page in pages] == [volume.parent for volume in outputs_of(out)]
    html = pages[0].read_text()
    assert "neurological convention" in html and "calibrate RUN adds it" in html
    assert ensemble.hashes[0] in html and "PHANTOM" in html
    pages[1].unlink()
    assert synthesize(ensemble, maps, out, pages=USUAL) == Outcome(1, 1, 0, None)
    assert synthesize(ensemble, maps, out, pages=Viewing("radiological", "grey")) == Outcome(2, 0, 0, None)
    assert all("radiological convention" in page.read_text() for page in pages)
    assert (out / "index.html").read_text().count("_page.html") == 2
    assert synthesize(ensemble, maps, out) == Outcome(0, 2, 0, None) and all(page.exists() for page in pages)


@pytest.mark.usefixtures("quick_pictures")
def test_the_pages_made_before_a_failure_are_listed(ensemble, cohort, tmp_path, monkeypatch):
    draw, out = module.draw_pictures, tmp_path / "out"
    first, second = (subject.mri for subject in read_cohort(cohort).subjects[:2])

    def fail_at_second(outputs, name, **options):
        if outputs.page.name.startswith(second.name.partition("_")[0]):
            raise UserError("the second cannot be drawn")
        draw(outputs, name, **options)

    monkeypatch.setattr(module, "draw_pictures", fail_at_second)
    with pytest.raises(UserError, match="^the second cannot be drawn$"):
        synthesize(ensemble, [first, second], out, pages=USUAL)
    (page,) = out.rglob("*_page.html")
    assert (out / "index.html").read_text().count(page.name) == 1


@pytest.mark.usefixtures("quick_pictures")
def test_an_index_is_kept_right_by_starts_without_pages(ensemble, pair_of_generators, cohort, tmp_path):
    out, maps = tmp_path / "out", [subject.mri for subject in read_cohort(cohort).subjects[:1]]
    synthesize(ensemble, maps, out, pages=USUAL)
    synthesize(pair_of_generators, maps, out, overwrite=True)
    assert not list(out.rglob("*.html")), "neither the page of the other generator nor a list with it"
    (out / "index.html").write_text("mine")
    synthesize(pair_of_generators, maps, out)
    with pytest.raises(UserError, match=r"index.html: expected nothing or the list of this folder's pages"):
        synthesize(pair_of_generators, maps, out, pages=USUAL)
    assert (out / "index.html").read_text() == "mine"


def test_outputs_of_other_generators_stay_unless_told(ensemble, pair_of_generators, cohort, tmp_path):
    out, path = tmp_path / "out", read_cohort(cohort).subjects[0].mri
    synthesize(pair_of_generators, [path], out, panels=True)
    before = outputs_of(out)[0].read_bytes()
    with pytest.raises(UserError, match="found one with another GeneratorSHA256. Use another --out, or --overwrite."):
        synthesize(ensemble, [path], out)
    assert outputs_of(out)[0].read_bytes() == before
    assert synthesize(ensemble, [path], out, overwrite=True).written == 1
    assert outputs_of(out)[0].read_bytes() != before
    assert not outputs_of(out, "syntheticStd")
    assert not list((out / "figures").iterdir())


def test_all_bad_inputs_are_listed_before_anything_is_made(ensemble, copy_of_cohort, overwrite, tmp_path, capsys):
    subjects = read_cohort(copy_of_cohort).subjects
    overwrite(subjects[3].mri, b"not a volume")
    overwrite(subjects[5].mri, subjects[6].mri.read_bytes()[:-200])
    out = tmp_path / "out"
    with pytest.raises(UserError, match=f"inputs: expected {EVERYBODY} that can be used, found 2 that cannot, listed"):
        synthesize(ensemble, [copy_of_cohort], out)
    assert not out.exists()
    listed = capsys.readouterr().err
    assert "sub-0004: " in listed and "sub-0006: " in listed
    assert synthesize(ensemble, [copy_of_cohort], out, skip_bad=True) == Outcome(EVERYBODY - 2, 0, 2, None)
    rows = (out / "skipped.tsv").read_text().splitlines()
    assert [row.partition("\t")[0] for row in rows] == ["participant_id", "sub-0004", "sub-0006"]
    good = nib.load(subjects[7].mri)
    for subject, part in ((subjects[3], 0.99), (subjects[5], 0.98)):  # maps of their own
        nib.Nifti1Image(part * good.get_fdata(dtype=np.float32), good.affine).to_filename(tmp_path / "good.nii.gz")
        overwrite(subject.mri, (tmp_path / "good.nii.gz").read_bytes())
    assert synthesize(ensemble, [copy_of_cohort], out) == Outcome(2, EVERYBODY - 2, 0, None)
    assert not (out / "skipped.tsv").exists()


def test_nothing_is_made_of_bad_inputs_alone(ensemble, tmp_path):
    with pytest.raises(UserError, match="expected 2 that can be used, found 2 that cannot"):
        synthesize(ensemble, [tmp_path / "a.nii", tmp_path / "b.nii"], tmp_path / "out", skip_bad=True)


def test_one_bad_input_is_the_message(ensemble, tmp_path):
    with pytest.raises(UserError, match="^sub-gm: gm.nii: expected a file, found none: .*gm.nii. Restore it"):
        synthesize(ensemble, [tmp_path / "gm.nii"], tmp_path / "out")


def test_a_signal_stops_between_two_batches(ensemble, cohort, tmp_path, monkeypatch):
    calls = []

    class Stopping:
        def __getattr__(self, name):
            return getattr(ensemble, name)

        def __len__(self):
            return len(ensemble)

        def __call__(self, mri):
            calls.append(len(mri))
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return ensemble(mri)

    out = tmp_path / "out"
    outcome = synthesize(Stopping(), [cohort], out)
    assert outcome == Outcome(3 * ensemble.batch_size, 0, 0, signal.SIGTERM)
    assert len(outputs_of(out)) == outcome.written
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]
    assert synthesize(ensemble, [cohort], out) == Outcome(EVERYBODY - outcome.written, outcome.written, 0, None)


def test_a_full_disk_is_one_line(ensemble, cohort, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_outputs", full)
    with pytest.raises(
        UserError, match="desc-synthetic_pet.nii.gz: could not be written .No space left on device.. Make"
    ):
        synthesize(ensemble, [cohort], tmp_path / "out")


@pytest.mark.parametrize("place", ["", "derivatives", "sub-0001/anat/x"])
def test_nothing_is_written_into_the_inputs(ensemble, cohort, place):
    before = sorted(cohort.rglob("*"))
    with pytest.raises(UserError, match="expected a folder outside of the inputs' data set, found one inside"):
        synthesize(ensemble, [cohort], cohort / place)
    with pytest.raises(UserError, match="expected a folder outside of the inputs' data set"):
        synthesize(ensemble, [read_cohort(cohort).subjects[0].mri], cohort / place)
    assert sorted(cohort.rglob("*")) == before


def test_nothing_is_written_beside_a_loose_input(ensemble, cohort, tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "gm.nii.gz"
    first_map(cohort).to_filename(path)
    for out in (tmp_path / "in", tmp_path):
        with pytest.raises(UserError, match="expected a folder without inputs, found .*gm.nii.gz in it"):
            synthesize(ensemble, [path], out)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(UserError, match="expected a folder without inputs"):
        synthesize(ensemble, [path], tmp_path / "link")
    assert [item.name for item in path.parent.iterdir()] == ["gm.nii.gz"]


@pytest.fixture
def identity_scans(monkeypatch, tmp_path):
    """Two "raw scans" in MNI152 whose preparation is that of a map; the third fails."""
    pytest.importorskip("pcsa_jax.data.preprocessing.t1", reason="without pcsa_jax.data.preprocessing")
    from pcsa_jax.data import raw_scans

    def prepare_scan(each, grid, normalisation, *, folder):
        assert folder.is_dir()
        if "bad" in each.name:
            raise UserError(f"{each.name}: expected a head, found none")
        volume, own = read_volume(each.path, subject=each.name), OwnGrid.of(each.path)
        found = prepare_volume(volume, own, grid, normalisation, fwhm_mm=8.0, name=each.name)
        own = found.own_grid
        own = raw_scans.ScanGrid(own.shape, own.affine, own.header, ("x",), (False,))
        return found._replace(own_grid=own, quality={"brain_ml": 1400.0})

    monkeypatch.setattr(module, "prepare_scan", prepare_scan)
    monkeypatch.setattr(module, "check_scan", lambda each: None)
    monkeypatch.setattr(raw_scans.ScanGrid, "bring", OwnGrid.bring)
    paths = [tmp_path / f"sub-{name}_T1w.nii.gz" for name in ("one", "bad", "two")]
    shape, affine = oblique()
    for path in paths:
        nib.Nifti1Image(grey_matter(shape, affine), affine).to_filename(path)
    return paths


def test_raw_scans_one_after_the_other(ensemble, identity_scans, cohort, tmp_path, capsys):
    out = tmp_path / "out"
    with pytest.raises(UserError, match="^sub-bad: expected a head, found none"):
        synthesize(ensemble, [*identity_scans, cohort], out)
    # A scan that fails stops nobody else.
    assert len(outputs_of(out)) == EVERYBODY + 2
    assert synthesize(ensemble, [*identity_scans, cohort], out, skip_bad=True) == Outcome(0, EVERYBODY + 2, 1, None)
    assert (out / "skipped.tsv").read_text().splitlines()[1].startswith("sub-bad\tn/a\t")
    found = out / "sub-one" / "pet" / "sub-one_trc-18FFDG_space-T1w_desc-synthetic_pet.nii.gz"
    np.testing.assert_array_equal(nib.load(found).affine, nib.load(identity_scans[0]).affine)
    assert card_of(found)["SpatialReference"] == identity_scans[0].name
    assert "inverse of the registration" in card_of(found)["Interpolation"]
    assert card_of(found)["Quality"] == {"brain_ml": 1400.0}
    validate(out)


@pytest.mark.usefixtures("quick_pictures")
def test_the_command(second_file, cohort, tmp_path, capsys):
    words = [f"--checkpoint={second_file}", f"--out={tmp_path / 'out'}", str(read_cohort(cohort).subjects[0].mri)]
    assert run_command("synthesize", words, prog="s") == 0
    assert f"Wrote synthetic PET of 1 inputs to {tmp_path / 'out'}" in capsys.readouterr().err
    assert run_command("synthesize", words, prog="s") == 0
    assert "Wrote synthetic PET of 0 inputs" in capsys.readouterr().err
    assert run_command("synthesize", [*words, "--fwhm-mm=4"], prog="s") == 1
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith("found one with another InputFWHM. Use another --out, or --overwrite.")
    )
    assert run_command("synthesize", [*words, "--colours=grey"], prog="s") == 1
    assert "expected pages, which they are of, found none (neurological, grey)" in capsys.readouterr().err
    assert run_command("synthesize", [*words, "--colours=grey", "--pages"], prog="s") == 0
    assert f"Pages to read: {tmp_path / 'out' / 'index.html'}" in capsys.readouterr().err
    assert (tmp_path / "out" / "index.html").is_file()
    with pytest.raises(SystemExit):
        run_command("synthesize", [*words, "--fwhm-mm=-1"], prog="s")
    assert "argument --fwhm-mm: invalid number of millimetres value: '-1'" in capsys.readouterr().err


def test_a_full_disk_is_told_before_it_is_mapped(ensemble, cohort, tmp_path, full_disk):
    with pytest.raises(UserError) as caught:
        synthesize(ensemble, [cohort], tmp_path / "out")
    needed = 4 * SIZE**3 * EVERYBODY / 2**20
    assert str(caught.value) == (
        f"--out {tmp_path / 'out'}: expected room for {needed:.1f} MiB of maps, found No space left on device. Free "
        "some space, choose another folder, or give fewer inputs at a time."
    )
    assert not (tmp_path / "out").exists()


def test_what_is_no_file_is_left_out_and_not_waited_for(ensemble, cohort, tmp_path, put_odd):
    folder = tmp_path / "maps"
    folder.mkdir()
    name = "space-MNI152NLin6Asym_label-GM_probseg.nii.gz"
    os.link(read_cohort(cohort).pairs[0].mri, folder / f"sub-1_{name}")
    put_odd(folder / f"sub-2_{name}")
    inputs = [folder / f"sub-{number}_{name}" for number in (1, 2)]
    assert synthesize(ensemble, inputs, tmp_path / "out", skip_bad=True).skipped == 1
    said = (tmp_path / "out" / "skipped.tsv").read_text()
    assert "expected a file, found a device, socket or pipe" in said
