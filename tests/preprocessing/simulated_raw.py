"""A raw BIDS data set painted from real anatomies, with the truth about it."""

import json
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from benchmarks import simulated_scans
from benchmarks.simulated_scans import Pose, SimulatedScan, simulate

PET_POSE = Pose((7.0, -9.0, 14.0), (6.0, -4.0, 12.0), voxel_mm=(2.5, 2.0, 3.0), axes="LAS")
FRAME_MOVES = (
    ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ((0.0, 3.0, 0.0), (2.0, 0.0, 3.0)),
    ((3.0, 0.0, 4.0), (0.0, 4.0, 0.0)),
)
"""Rotation (degrees) and shift (mm) of the head in each frame, on top of the pose."""


class RawTruth(NamedTuple):
    """What is true of a simulated raw data set: one scan for each visit."""

    static: SimulatedScan
    dynamic: SimulatedScan


def write_simulated_raw(root: Path, anatomies: Path) -> RawTruth:
    """Writes ``sub-01`` (LAS, static PET) and ``sub-02 ses-M00`` (oblique, three moved frames)."""
    files = sorted(anatomies.glob("training_seg_*.nii.gz"))
    static = simulate(files[0], t1_pose=Pose((3.0, 5.0, -4.0), (4.0, -3.0, 2.0), axes="LAS"), pet_pose=PET_POSE, seed=1)
    oblique = Pose((-6.0, 2.0, 3.0), (0.0, 5.0, -6.0), (8.0, -5.0, 6.0), voxel_mm=(1.2, 1.0, 1.0), axes="PIL")
    dynamic = simulate(files[1], t1_pose=oblique, pet_pose=PET_POSE, seed=2)
    write_object(root / "dataset_description.json", {"Name": "simulated", "BIDSVersion": "1.10.0"})
    rows = ["participant_id\tdiagnosis\tage", "sub-01\tCN\t71", "sub-02\tAD\t75"]
    (root / "participants.tsv").write_bytes(("\ufeff" + "\r\n".join(rows) + "\r\n").encode())
    save(static.t1, root / "sub-01/anat/sub-01_T1w.nii.gz")
    save(static.pet, root / "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz")
    save(dynamic.t1, root / "sub-02/ses-M00/anat/sub-02_ses-M00_T1w.nii.gz")
    pet = root / "sub-02/ses-M00/pet/sub-02_ses-M00_pet.nii.gz"
    save(moved_frames(files[1], seed=2), pet)
    facts = {"FrameTimesStart": [1800, 2100, 2400], "FrameDuration": [300, 300, 600], "InjectionStart": 0}
    write_object(pet.with_name("sub-02_ses-M00_pet.json"), facts | {"TracerName": "[18F]FDG", "Units": "Bq/mL"})
    return RawTruth(static, dynamic)


def moved_frames(anatomy: Path, *, seed: int) -> nib.Nifti1Image:
    """A PET whose head moves between its frames; the first lies as :data:`PET_POSE` says."""
    image = nib.as_closest_canonical(nib.load(anatomy))
    labels, affine = simulated_scans._cropped(image)
    centre = nib.affines.apply_affine(affine, (np.array(labels.shape) - 1) / 2)
    uptake = simulated_scans._uptake(labels)
    grid, _ = simulated_scans._grid(labels.shape, affine, centre, PET_POSE)
    random = np.random.default_rng(seed)
    frames = []
    for turn, shift in FRAME_MOVES:
        degrees = tuple(np.add(PET_POSE.rotation_degrees, turn))
        head = simulated_scans._about(centre, degrees, tuple(np.add(PET_POSE.shift_mm, shift)))
        frame = simulated_scans._sampled(uptake, affine, grid, np.linalg.inv(head))
        frames.append(random.poisson(np.clip(np.asarray(frame.dataobj), 0, None) * 40) / 40)
    found = nib.Nifti1Image(np.stack(frames, axis=-1).astype(np.float32), frame.affine)
    found.set_qform(frame.affine, code="scanner")
    found.set_sform(frame.affine, code="scanner")
    found.header.set_xyzt_units("mm", "sec")
    return found


def save(image: nib.Nifti1Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def write_object(path: Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
