"""Figures of volumes are the same bytes each time, and are drawn where there is something to show."""

import numpy as np

from pcsa_jax.data.regions import brain_mask
from pcsa_jax.evaluation import panels
from pcsa_jax.presentation.origin import synthetic_line
from tests.evaluation.evaluation_data import GRID

LINE = synthetic_line(is_phantom=True, trained_on_phantom=True, models=["ab" * 32])


def test_panel_is_the_same_file_twice(tmp_path):
    volume = brain_mask(GRID).astype(np.float32)
    paths = [
        panels.subject_panel(
            tmp_path / name, mri=volume, synthetic=0.5 * volume, pet=volume, mask=brain_mask(GRID), grid=GRID,
            title=r"sub-$\nonsense$ <b>", limit=0.2, is_phantom=True, line=LINE,
        )
        for name in ("one.png", "two.png")
    ]  # fmt: skip
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_group_means_need_both_groups(tmp_path):
    volumes = np.zeros((2, *GRID.shape), np.float32)
    path = panels.group_means(
        tmp_path / "groups.png", real=volumes, synthetic=volumes, diagnoses=("CN", "CN"), mask=brain_mask(GRID),
        grid=GRID, title="", is_phantom=True, line=LINE,
    )  # fmt: skip
    assert path is None
    assert not list(tmp_path.iterdir())
