"""Raw BIDS data of a few voxels, and preprocessing by a fake anatomy whose transforms are the identity: no ANTs."""

import json
import os
import signal
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from pcsa_jax.data.preprocessing.pet import PreparedPet
from pcsa_jax.data.preprocessing.quality import template_grey_matter
from pcsa_jax.data.preprocessing.raw_bids import RawVisit
from pcsa_jax.data.preprocessing.settings import Settings
from pcsa_jax.data.preprocessing.steps import Step
from pcsa_jax.data.preprocessing.visit import GRID, PICTURE_GRID, Prepared
from pcsa_jax.errors import UserError
from pcsa_jax.preprocessing import driver
from pcsa_jax.preprocessing.driver import Job, make_result

AFFINE = np.array([[-20.0, 0, 0, 60], [0, 30, 0, -80], [0, 0, 11, -20], [0, 0, 0, 1]])
"""LAS, unequal voxels, so large that few of them make a brain of 1.4 litres."""


def write_object(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_scan(path: Path, *, seed: int = 0, shape: tuple[int, ...] = (7, 6, 5)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(seed).uniform(1, 9, shape).astype(np.float32)
    image = nib.Nifti1Image(data, AFFINE)
    image.set_qform(AFFINE, code="scanner")
    image.set_sform(AFFINE, code="scanner")
    nib.save(image, path)
    return path


def write_raw(root: Path, *, table: str | None = "participant_id\tdiagnosis\nsub-01\tCN\nsub-02\tAD\n") -> Path:
    """``sub-01`` with PET, ``sub-02`` with a session, PET there by its sidecar, and a session without PET."""
    write_object(root / "dataset_description.json", {"Name": "few voxels", "BIDSVersion": "1.10.0"})
    if table is not None:
        (root / "participants.tsv").write_text(table)
    write_scan(root / "sub-01/anat/sub-01_T1w.nii.gz", seed=1)
    write_scan(root / "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz", seed=2)
    write_scan(root / "sub-02/ses-M00/anat/sub-02_ses-M00_T1w.nii.gz", seed=3)
    write_scan(root / "sub-02/ses-M00/pet/sub-02_ses-M00_pet.nii.gz", seed=4)
    write_object(root / "sub-02/ses-M00/pet/sub-02_ses-M00_pet.json", {"TracerName": "FDG", "Units": "Bq/mL"})
    write_scan(root / "sub-02/ses-M12/anat/sub-02_ses-M12_T1w.nii.gz", seed=5)
    return root


def fake_prepare(visit: RawVisit, settings: Settings, folder: Path) -> Prepared:
    """The MNI152 grey matter for everybody, a little different for each scan."""
    t1 = nib.load(visit.t1)
    seed = int(np.asarray(t1.dataobj).sum())
    grey = template_grey_matter(GRID) * (0.9 + 0.1 * np.random.default_rng(seed).random(GRID.shape))
    for name in ("to", "from"):
        (folder / name).write_bytes(b"transform")
    pet = None
    if visit.pet is not None:
        (folder / "rigid").write_bytes(b"rigid")
        data = (1000 * (grey + 0.05)).astype(np.float32)
        pet = PreparedPet(data, folder / "rigid", coverage=1.0, steps=(Step("pet", "none", {}),))
    return Prepared(
        grey_matter=grey.astype(np.float32), t1=template_grey_matter(PICTURE_GRID),
        brain_mask=nib.Nifti1Image(np.ones(t1.shape, np.uint8), t1.affine), t1_coverage=1.0,
        to_mni=folder / "to", from_mni=folder / "from",
        steps=(Step("fake", "none", {"cerebellum": settings.remove_cerebellum}),), pet=pet,
    )  # fmt: skip


def fake_work(job: Job) -> None:
    make_result(job, fake_prepare)


def suspicious_work(job: Job) -> None:
    """The brain of ``sub-01`` is cut, in its PET even more so."""

    def prepare(visit: RawVisit, settings: Settings, folder: Path) -> Prepared:
        prepared = fake_prepare(visit, settings, folder)
        if visit.participant_id != "sub-01":
            return prepared
        return prepared._replace(t1_coverage=0.95, pet=prepared.pet._replace(coverage=0.7))

    make_result(job, prepare)


def failing_work(job: Job) -> None:
    """``sub-01`` cannot be used, ``sub-02 ses-M00`` meets a fault of ours half way, ``ses-M12`` is well."""
    if job.visit.participant_id == "sub-01":
        raise UserError("sub-01: expected a head, found\tnone")
    if job.visit.session_id == "ses-M00":
        (job.folder / "result" / "sub-02" / "ses-M00" / "anat").mkdir(parents=True)
        raise ZeroDivisionError("half\nway")
    fake_work(job)


def quick_picture(path: Path, **_: object) -> None:
    """In place of the real picture, which takes seconds."""
    path.parent.mkdir(parents=True)
    Image.new("RGB", (9, 6)).save(path)


def work_in_child(job: Job) -> None:
    """As ``fake_work``, for processes of their own, which no fixture reaches."""
    driver.visit_picture = quick_picture
    fake_work(job)


def crashing_work(job: Job) -> None:
    """Native code that takes the whole process with it, for ``sub-01``."""
    if job.visit.participant_id == "sub-01":
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    work_in_child(job)


def endless_work(job: Job) -> None:
    """``sub-01`` is done at once, the others write half of their files and never end."""
    if job.visit.participant_id == "sub-01":
        work_in_child(job)
        return
    folder = job.folder / "result" / "sub-02" / job.visit.session_id / "anat"
    folder.mkdir(parents=True)
    (folder / "half.nii.gz").write_bytes(b"half")
    time.sleep(600)
