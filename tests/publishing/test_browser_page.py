"""The page that makes PET in a browser: gathered whole or not at all, and in headless Chromium what Python makes."""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import jax
import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

import pcsa_jax
from pcsa_jax.commands import browser as command
from pcsa_jax.commands import run_command
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import load_map
from pcsa_jax.data.phantom.subject import make_subject
from pcsa_jax.data.phantom_mark import HEADER_TEXT
from pcsa_jax.data.synthetic_mark import judge_image, read_mark
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import build
from pcsa_jax.publishing import browser_page
from pcsa_jax.publishing.browser_page import PAGE, SOURCE, versions, write_browser_page
from pcsa_jax.synthesis.export import export_generator
from pcsa_jax.training.trained import open_run
from tests.conftest import ROOT
from tests.publishing.onnx_bytes import CARD, onnx_bytes

PYTHON, PACKAGES = ROOT / ".venv-onnx" / "bin" / "python", ROOT / ".venv-browser" / "node_modules"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NODE = shutil.which("node")


def refused(call) -> str:
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def packages(tmp_path):
    """A ``node_modules`` of empty files with the right versions."""
    root = tmp_path / "node_modules"
    for package, files in browser_page.PACKAGES.items():
        for name in files:
            (root / package / name).parent.mkdir(parents=True, exist_ok=True)
            (root / package / name).touch()
    for package, version in versions().items():
        (root / package / "package.json").write_text(json.dumps({"version": version}))
    return root


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model.onnx").write_bytes(onnx_bytes(CARD))
    return tmp_path / "model.onnx"


def save_map(path, *, descrip=HEADER_TEXT, size=16):
    image = nib.Nifti1Image(np.linspace(0, 1, size**3, dtype=np.float32).reshape(size, size, size), Grid(size).affine)
    image.header["descrip"] = descrip
    nib.save(image, path)
    return path


def test_the_page_is_gathered_with_what_python_says_of_the_model(packages, model, cohort, tmp_path):
    example = next((cohort / "sub-0001" / "anat").glob("*_probseg.nii.gz"))
    told = write_browser_page(model, packages, tmp_path / "page", example=example)
    page = tmp_path / "page"
    assert json.loads((page / "model.json").read_text()) == told
    assert {path.name for path in page.iterdir()} == {*PAGE, "packages", "model.onnx", "model.json", "example.nii.gz"}
    assert (page / "model.onnx").read_bytes() == model.read_bytes()
    assert told["label"] == "PCSA-GAN" and told["example"] == {"file": "example.nii.gz", "name": example.name}
    assert told["marks"]["phantom"]["descrip"].endswith("; of and trained on a PHANTOM")
    assert told["marks"]["person"]["descrip"].endswith("; trained on a PHANTOM")
    assert told["limits"]["phantom_descrip"] == HEADER_TEXT
    assert write_browser_page(model, packages, tmp_path / "without")["example"] is None


def test_every_module_of_the_page_is_in_it(packages, model, tmp_path):
    write_browser_page(model, packages, tmp_path / "page")
    text = {name: (SOURCE / name).read_text() for name in PAGE}
    wanted = {target for each in text.values() for target in re.findall(r'"\./([\w./-]+\.m?js)"', each)}
    assert len(wanted) >= 8
    assert [target for target in wanted if not (tmp_path / "page" / target).is_file()] == []


def test_the_page_allows_nothing_from_elsewhere():
    html = (SOURCE / "index.html").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html).group(1)
    assert policy.startswith("default-src 'self'; ") and "connect-src 'self';" in policy and "http" not in policy
    assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
    (inline,) = re.findall(r"<script type=\"importmap\">(.*?)</script>", html)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    for name in PAGE:
        found = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", (SOURCE / name).read_text()))
        assert found <= {"http://www.w3.org"}, name


def test_the_packages_are_those_of_the_lock_without_addresses():
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    assert "resolved" not in (SOURCE / "package-lock.json").read_text()
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in versions()} == versions()
    assert all("integrity" in each for name, each in lock["packages"].items() if name)
    for text in (command.__doc__, (ROOT / "docs" / "browser.md").read_text()):
        assert (
            "npm install --ignore-scripts " + " ".join(f"{name}@{found}" for name, found in versions().items()) in text
        )


def test_without_the_packages_it_says_how_to_get_them(packages, model, tmp_path, capsys):
    install = "npm install --ignore-scripts nifti-reader-js@0.8.0 onnxruntime-web@1.30.0"
    words = [f"--model={model}", f"--out={tmp_path / 'page'}", f"--packages={tmp_path / 'none'}"]
    assert run_command("browser", words, prog="p") == 1
    assert capsys.readouterr().err == (
        f"p: error: --packages {tmp_path / 'none'}: expected npm's packages there, found no "
        f"onnxruntime-web/dist/ort.wasm.min.mjs. Install them where you are: {install} (npm comes with Node.js), or "
        "name another node_modules.\n"
    )
    for content, found in (
        ('{"version": "1.29.0"}', "1.29.0"),
        ("{}", "one without a version"),
        ("\0", "one without a"),
    ):
        (packages / "onnxruntime-web" / "package.json").write_text(content)
        told = refused(lambda: write_browser_page(model, packages, tmp_path / "page"))
        assert f"expected onnxruntime-web 1.30.0, found {found}" in told and told.endswith(install)
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:200], "found another kind of file or a damaged one"),
        (lambda content: b"", "found another kind of file or a damaged one"),
        (lambda content: b"\xff" * 50, "found another kind of file or a damaged one"),
        (lambda content: b"MZ\x90 no model", "found another kind of file or a damaged one"),
        (
            lambda content: onnx_bytes({"format": "pcsa_jax onnx 9"}),
            "expected format 'pcsa_jax onnx 1', found 'pcsa_jax",
        ),
        (lambda content: content.replace(b"PHANTOM", b"hospital"[:7]), "found a changed one. Make it again."),
        (lambda content: content.replace(b"the network", b"thE network"), "found a damaged one. Make it again."),
    ],
)
def test_what_is_no_model_of_ours_is_refused(packages, model, tmp_path, change, message):
    model.write_bytes(change(model.read_bytes()))
    told = refused(lambda: write_browser_page(model, packages, tmp_path / "page"))
    assert told.startswith(f"{model}: expected ") and message in told
    assert not (tmp_path / "page").exists()


def test_a_model_that_is_not_there(packages, tmp_path):
    for place, found in ((tmp_path / "none.onnx", "nothing"), (tmp_path, "a folder")):
        assert refused(lambda place=place: write_browser_page(place, packages, tmp_path / "page")) == (
            f"{place}: expected a file of python -m pcsa_jax onnx, found {found}. Make one of an exported generator "
            "(docs/onnx.md)."
        )


def test_a_person_s_map_is_no_example(packages, model, tmp_path):
    def told_of(example):
        return refused(lambda: write_browser_page(model, packages, tmp_path / "page", example=example))

    person = save_map(tmp_path / "person.nii.gz", descrip="")
    assert told_of(person).startswith(f"--example {person}: expected a phantom's map, found one without its mark.")
    large = save_map(tmp_path / "large.nii.gz", size=32)
    assert "expected 16^3 voxels on the model's grid, found (32, 32, 32)" in told_of(large)
    (tmp_path / "cut.nii.gz").write_bytes(large.read_bytes()[:500])
    assert "expected a grey-matter map, found none (" in told_of(tmp_path / "cut.nii.gz")
    assert "expected a grey-matter map, found none (" in told_of(tmp_path / "none.nii.gz")
    noise = save_map(tmp_path / "noise.nii.gz")
    assert "noise.nii.gz: expected a GM map of a brain in MNI152 space, found a correlation of " in told_of(noise)
    assert not (tmp_path / "page").exists()


def test_a_page_is_written_whole_or_not_at_all(packages, model, tmp_path, monkeypatch):
    (tmp_path / "old").mkdir()
    assert refused(lambda: write_browser_page(model, packages, tmp_path / "old")) == (
        f"--out {tmp_path / 'old'}: expected a new folder, found something there. Choose another name."
    )

    def full(source, target):
        raise OSError(28, "No space left on device")

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(shutil, "copyfile", full)
    assert refused(lambda: write_browser_page(model, packages, tmp_path / "page")) == (
        f"--out {tmp_path / 'page'}: could not be written (No space left on device). Choose another place."
    )
    assert sorted(tmp_path.iterdir()) == before


MISSING = [
    *([] if PYTHON.exists() else [".venv-onnx (make .venv-onnx)"]),
    *([] if PACKAGES.is_dir() else [".venv-browser (make .venv-browser)"]),
    *([] if NODE else ["Node.js"]),
    *([] if CHROMIUM else ["Chromium"]),
]


@pytest.fixture(scope="module")
def visits(exported, cohort, tmp_path_factory):
    """The tiny generator's page on localhost, and a function that opens it in Chromium and takes steps there."""
    if MISSING:
        pytest.skip(f"needs {', '.join(MISSING)}")
    root = tmp_path_factory.mktemp("page")
    convert = [PYTHON, "-m", "pcsa_jax", "onnx", f"--generator={exported}", f"--out={root / 'tiny.onnx'}"]
    subprocess.run(convert, check=True, capture_output=True, cwd=ROOT, timeout=300)
    example = next((cohort / "sub-0001" / "anat").glob("*_probseg.nii.gz"))
    write_browser_page(root / "tiny.onnx", PACKAGES, root / "served" / "page", example=example)
    serve = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", root / "served", "0"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            address = re.search(r"\((http://127\.0\.0\.1:\d+/)\)", server.stdout.readline()).group(1)
            yield SimpleNamespace(address=address, root=root, example=example, take=lambda *s: take(root, address, s))
        finally:
            server.kill()


def take(root, address, steps):
    """What ``browser_visit.mjs`` tells of its steps."""
    visit = root / f"visit{len(list(root.iterdir()))}.json"
    visit.write_text(json.dumps({"url": f"{address}page/", "profile": str(visit.with_suffix("")), "steps": steps}))
    done = subprocess.run(
        [NODE, ROOT / "tests" / "publishing" / "browser_visit.mjs", PACKAGES, CHROMIUM, visit],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(**json.loads(done.stdout))


def turned(path, out):
    """The same map as integers with a scale, stored from left to right, axes in another order; without a mark."""
    image = nib.load(path)
    image = nib.Nifti1Image(np.asarray(image.dataobj), image.affine)
    to_lia = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("LIA"))
    image = image.as_reoriented(to_lia)
    image.header.set_data_dtype(np.int16)
    nib.save(image, out)
    return out


def unsmoothed(out):
    """The template's grey matter as a segmentation leaves it: 3 mm, another field of view, left before right."""
    grey, affine = load_map("grey_matter")
    image = nib.Nifti1Image(grey[::-3, ::3, ::3], affine @ np.diag([-3, 3, 3, 1]))
    image.affine[0, 3] = affine[0, 3] + len(grey) - 1
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine), out)
    return out


@pytest.mark.slow
def test_the_browser_s_pet_is_python_s(visits, exported, tmp_path):
    other, fine = turned(visits.example, tmp_path / "other.nii"), unsmoothed(tmp_path / "fine.nii.gz")
    seen = visits.take(
        {"example": True}, {"save": str(tmp_path / "example_pet.nii.gz")}, {"text": "main"},
        {"shot": str(tmp_path / "wide.png"), "width": 1280, "height": 900},
        {"shot": str(tmp_path / "narrow.png"), "width": 360, "height": 800},
        {"open": str(other)}, {"save": str(tmp_path / "other_pet.nii.gz")}, {"visible": "#given-phantom"},
        {"open": str(fine)}, {"save": str(tmp_path / "fine_pet.nii.gz")}, {"text": "#status"},
    )  # fmt: skip
    generator = pcsa_jax.load_generator(exported)
    for source, name in ((visits.example, "example_pet"), (other, "other_pet"), (fine, "fine_pet")):
        made, expected = nib.load(tmp_path / f"{name}.nii.gz"), generator(source)
        assert expected.get_fdata().std() > 0.01
        np.testing.assert_allclose(made.get_fdata(), expected.get_fdata(), atol=1e-4)
        np.testing.assert_array_equal(made.affine, expected.affine)
        assert read_mark(made.header) == read_mark(expected.header)
        assert judge_image(made) is not None
        for field in ("descrip", "intent_name", "sform_code", "qform_code", "xyzt_units", "pixdim", "datatype"):
            assert made.header[field].tolist() == expected.header[field].tolist(), field
    _, saved, text, wide, narrow, _, _, of_person, _, _, status = seen.told
    assert status.endswith(" The map was smoothed with 8 mm FWHM, resampled from 66 × 78 × 63 voxels of 3 × 3 × 3 mm.")
    assert saved == visits.example.name.removesuffix("_probseg.nii.gz") + "_desc-synthetic_pet.nii.gz"
    assert "PHANTOM The generator was trained on a PHANTOM, not on people." in " ".join(text.split())
    assert "The map is simulated" in text and "Not for diagnosis or treatment." in text
    assert "PET: relative to the volume's own range" in text
    assert (wide, narrow) == (0, 0), "nothing is wider than the screen"
    assert of_person is False
    assert {each for each in seen.requests if not each.startswith((visits.address, "blob:"))} == set()
    assert seen.complaints == []


def wrong_files(folder, example):
    """File -> the line that the page has for it."""
    image = nib.load(example)
    data, affine = np.asarray(image.dataobj), image.affine

    def saved(name, data, affine=affine):
        nib.save(nib.Nifti1Image(np.asarray(data, np.float32), affine), folder / name)

    saved("scan.nii.gz", 800 * data)
    saved("faint.nii.gz", 0.1 * data)
    saved("flat.nii.gz", 0 * data)
    saved("nan.nii.gz", np.where(data > 0.3, np.nan, data))
    turn = np.array([[0.98, -0.2, 0, 0], [0.2, 0.98, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    saved("turned.nii.gz", data, turn @ affine)
    saved("part.nii.gz", data[:8])
    saved("head.nii.gz", ndimage.gaussian_filter(ndimage.binary_fill_holes(data > 0.1).astype(float), 0.3))
    saved("upside_down.nii.gz", data[:, :, ::-1])
    saved("corner.nii.gz", np.pad(data[:8, :8, :8], (0, 8)))
    saved("series.nii.gz", np.stack([data, data], axis=-1))
    content = example.read_bytes()
    (folder / "cut.nii.gz").write_bytes(content[: len(content) // 2])
    (folder / "changed.nii.gz").write_bytes(content[:-8] + bytes(4) + content[-4:])
    (folder / "short.nii").write_bytes(gzip.decompress(content)[:-100])
    (folder / "text.nii").write_text("no map " * 100)
    (folder / "empty.nii").write_bytes(b"")
    remedy = 'see "Which maps it takes".'
    nifti = "expected a NIfTI file (.nii, .nii.gz), found another kind of file. Give a grey-matter map in NIfTI."
    whole = "expected a whole file, found one that is cut or damaged. Copy it again."
    return {
        "scan.nii.gz": "expected grey-matter probabilities from 0 to 1, found 0 to ",
        "faint.nii.gz": "expected grey-matter probabilities up to about 1, found 0.",
        "flat.nii.gz": "expected a volume with contrast, found the constant 0. Make it again from its source.",
        "nan.nii.gz": "expected finite voxels, found ",
        "turned.nii.gz": f"expected voxels along the axes of MNI152, found turned ones. Resample it first: {remedy}",
        "part.nii.gz": "expected a volume in MNI152 space, found a field of view that holds ",
        "head.nii.gz": "expected a grey-matter map, found one that fits a whole brain (a T1w scan, a mask) better (",
        "upside_down.nii.gz": "expected the brain as the header turns it, found a better fit turned (correlation ",
        "corner.nii.gz": "expected a grey-matter map of a brain in MNI152 space, found a correlation of ",
        "series.nii.gz": "expected one 3-D volume, found 16 x 16 x 16 x 2 voxels. Give one map at a time.",
        "cut.nii.gz": whole,
        "changed.nii.gz": whole,
        "short.nii": "expected 4096 voxels, found a file that ends before them. Copy it again.",
        "text.nii": nifti,
        "empty.nii": nifti,
    }


@pytest.mark.slow
def test_what_is_no_map_gets_one_line_and_the_next_map_its_pet(visits, tmp_path):
    pet = tmp_path / "pet.nii.gz"
    lines = wrong_files(tmp_path, visits.example)
    served = visits.root / "served"
    suvr = json.loads((served / "page" / "model.json").read_text())
    suvr["training"]["is_phantom"], suvr["pet"] = False, {"range": [0, 3], "unit": "SUVR", "meaning": "of people"}
    (served / "people").mkdir()
    for path in (served / "page").iterdir():
        (served / "people" / path.name).symlink_to(path)
    (served / "people" / "model.json").unlink()
    (served / "people" / "model.json").write_text(json.dumps(suvr))
    seen = visits.take(
        *({"open": str(tmp_path / name)} for name in lines), {"example": True}, {"save": str(pet)}, {"open": str(pet)},
        {"text": "#error"}, {"goto": f"{visits.address}people/"}, {"text": "main"}, {"example": True},
        {"save": str(tmp_path / "suvr.nii.gz")}, {"text": ".legends"},
    )  # fmt: skip
    told = dict(zip(lines, seen.told, strict=False))
    assert {name: line for name, line in told.items() if not line.startswith(f"{name}: {lines[name]}")} == {}
    assert not [line for line in told.values() if "\n" in line]
    made, _, refusal, _, _, people, _, _, legend = seen.told[len(lines) :]
    assert float(made) > 0
    assert refusal == (
        "pet.nii.gz: expected a grey-matter map, found synthetic FDG-PET, by its header. Give the map that it was made "
        "from."
    )
    assert "PHANTOM The generator" not in " ".join(people.split())
    assert "3\n" in f"{legend}\n" and "SUVR" in legend
    made, expected = nib.load(tmp_path / "suvr.nii.gz").get_fdata(), 3 * nib.load(pet).get_fdata()
    np.testing.assert_allclose(made, expected, atol=1e-5)
    assert seen.complaints == []


@pytest.fixture(scope="module")
def full_size(tiny_run, tiny_config, tmp_path_factory):
    """A generator with few features at the paper's 64^3, untrained, as an exported file; and a phantom's map for it."""
    sizes = {"data.size": 64, "generator.skip_sizes": (16, 32, 64), "generator.attention_sizes": (4,)}
    config, rng = tiny_config(sizes), np.random.default_rng(0)
    experiment = build(config, num_steps=1)
    params = jax.tree.map(
        lambda leaf: np.asarray(leaf) + 0.1 * rng.standard_normal(leaf.shape).astype(np.float32),
        experiment.initial_state().generator,
    )
    root = tmp_path_factory.mktemp("full_size")
    run = open_run(tiny_run)._replace(config=config, experiment=experiment, params=params)
    export_generator(run, root / "large.safetensors", cohort="phantom", is_phantom=True)
    image = nib.Nifti1Image(make_subject(1, size=64, with_pet=False).mri, Grid(64).affine)
    image.header["descrip"] = HEADER_TEXT
    nib.save(image, root / "sub-0001_space-MNI152NLin2009aSym_res-64_label-GM_probseg.nii.gz")
    return root / "large.safetensors", next(root.glob("*.nii.gz"))


@pytest.mark.slow
def test_at_the_paper_s_size(visits, full_size, tmp_path):
    source, gm = full_size
    convert = [PYTHON, "-m", "pcsa_jax", "onnx", f"--generator={source}", f"--out={tmp_path / 'large.onnx'}"]
    subprocess.run(convert, check=True, capture_output=True, cwd=ROOT, timeout=300)
    write_browser_page(tmp_path / "large.onnx", PACKAGES, visits.root / "served" / "large", example=gm)
    seen = visits.take(
        {"goto": f"{visits.address}large/"}, {"example": True}, {"save": str(tmp_path / "pet.nii.gz")}
    )  # fmt: skip
    made, expected = nib.load(tmp_path / "pet.nii.gz").get_fdata(), pcsa_jax.load_generator(source)(gm).get_fdata()
    assert made.shape == (64, 64, 64) and expected.std() > 0.01
    np.testing.assert_allclose(made, expected, atol=1e-4)
    assert seen.complaints == []


@pytest.mark.slow
def test_a_page_without_its_model_or_with_a_damaged_one_says_so(visits):
    served = visits.root / "served"
    for name in ("bare", "damaged"):
        (served / name).mkdir()
        for path in (served / "page").iterdir():
            if path.name != "model.onnx":
                (served / name / path.name).symlink_to(path)
    content = bytearray((served / "page" / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (served / "damaged" / "model.onnx").write_bytes(content)
    shutil.copytree(SOURCE, served / "source")
    seen = visits.take(
        {"goto": f"{visits.address}bare/"}, {"text": "#error"},
        {"goto": f"{visits.address}damaged/"}, {"text": "#error"},
    )  # fmt: skip
    assert "found an error (another file than the page was made with, or a damaged one)" in seen.told[3]
    assert seen.told[1].startswith("model.onnx: expected the model's files beside the page, found an error (http://127")
    assert os.linesep not in seen.told[1]
