"""Every picture that shows a synthetic PET says so in its pixels and its metadata, beside nothing that hides it."""

import ast
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

import pcsa_jax
from pcsa_jax.data.normalisation import NORMALISATIONS
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.evaluation import panels
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.origin import synthetic_line
from pcsa_jax.studies.reproduction.panels import systems_panel
from pcsa_jax.synthesis.panel import draw_panel
from tests.evaluation.evaluation_data import GRID

MASK = brain_mask(GRID)
VOLUME = np.where(MASK, 0.5, 0).astype(np.float32)
LONGEST = synthetic_line(is_phantom=True, trained_on_phantom=True, models=["ab" * 32])
OF_MANY = synthetic_line(is_phantom=True, trained_on_phantom=True)
SYNTHESISED = {"grid": GRID, "scale": NORMALISATIONS["minmax"].scale, "title": "sub-1", "line": LONGEST}
EVALUATED = {"mask": MASK, "grid": GRID, "title": "sub-1", "is_phantom": True}
GROUPS = {"real": np.stack([VOLUME] * 2), "synthetic": np.stack([VOLUME] * 2), "diagnoses": ("AD", "CN")}

PICTURES = {
    "synthesize": lambda path: draw_panel(path, mri=VOLUME, mean=VOLUME, std=None, **SYNTHESISED),
    "synthesize, several": lambda path: draw_panel(path, mri=VOLUME, mean=VOLUME, std=VOLUME, **SYNTHESISED),
    "subject": lambda path: panels.subject_panel(
        path, mri=VOLUME, synthetic=VOLUME, pet=VOLUME, limit=0.1, line=LONGEST, **EVALUATED
    ),
    "groups": lambda path: panels.group_means(path, line=LONGEST, **GROUPS, **EVALUATED),
    "systems": lambda path: systems_panel(path, mri=VOLUME, pet=VOLUME, synthetic={"PCSA": VOLUME}, **EVALUATED),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_line_is_within_the_picture_and_overlaps_nothing(tmp_path, monkeypatch, name):
    drawn, save = [], figures.save
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure) or save(figure, path))
    path = PICTURES[name](tmp_path / "one.png")
    (figure,) = drawn
    expected = OF_MANY if name == "systems" else LONGEST
    (line,) = [text for text in figure.texts if text.get_text() == expected]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = line.get_window_extent()
    assert box.x0 >= 0 and box.y0 >= 0 and figure.bbox.x1 >= box.x1
    others = [axes.get_tightbbox() for axes in figure.axes if axes.get_visible()]
    assert box.y1 <= min(other.y0 for other in others if other)
    foot = np.asarray(canvas.buffer_rgba())[-round(box.y1) :, :, :3]
    assert foot.min() < 64 and foot[:, round(box.x0) : round(box.x1)].mean() < 240
    assert Image.open(path).text == {"Description": expected}
    assert PICTURES[name](tmp_path / "two.png").read_bytes() == path.read_bytes()


def test_other_figures_have_no_description(tmp_path):
    figure = figures.new_figure(2, 2)
    figure.text(0.5, 0.5, "text")
    assert Image.open(figures.save(figure, tmp_path / "x.png")).text == {}


def test_whoever_draws_a_brain_marks_the_figure():
    """The figures of preparation show measured volumes alone and draw for themselves."""
    found = {}
    for path in sorted(Path(pcsa_jax.__file__).parent.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and path.name != "figures.py":
                calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
                names = {getattr(call, "attr", getattr(call, "id", "")) for call in calls}
                if names & {"draw_brain", "draw_column"}:
                    found[function.name] = "mark_synthetic" in names
    assert set(found) >= {"draw_panel", "subject_panel", "group_means", "systems_panel", "zmaps_figure"}
    assert all(found.values()), f"{found}: each shows a synthetic PET and must say so (figures.mark_synthetic)"
