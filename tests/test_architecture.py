"""The order of the packages, and the sizes and names that the code keeps to; docs/architecture.md draws it."""

import ast
import functools
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pcsa_jax"
MODULES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in MODULES]
LARGEST_FILE, LARGEST_FUNCTION = 300, 60
RANKS = {
    "errors": 0,
    "children": 0,
    "text": 0,
    "model": 1,
    "machine": 1,
    "data": 1,
    "experiment": 2,
    "presentation": 2,
    "training": 3,
    "preprocessing": 3,
    "synthesis": 4,
    "evaluation": 5,
    "studies": 6,
    "publishing": 6,
    "calls": 7,
    "commands": 8,
    "__main__": 9,
}
"""Package or module directly below ``pcsa_jax`` -> rank: it imports from itself and from lower ranks alone."""
ANYWHERE = {"pcsa_jax", "pcsa_jax.__version__"}
"""The package's name itself: its version, and to ``commands`` the calls that it looks up on first use."""
JAX = {"jax", "jaxlib", "flax", "optax", "orbax"}
CONFIG = {"ml_collections", "absl"}
CONFIG_FROM = 2
"""The lowest rank that may see a config."""
FILES = {"os", "pathlib", "io", "shutil", "tempfile", "logging", "nibabel", "sys", "subprocess"}
OF_AN_ENVIRONMENT = {"python", "python3", "pip", "pytest", "ruff", "pcsa_jax"}
STARTS = {"run", "Popen", "call", "check_call", "check_output"}
NAMELESS = {"utils", "util", "common", "helpers", "helper", "base", "misc"}


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Every dotted name that ``path`` imports: at the top, inside functions, and for the type checker alone."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def touches(names: set[str], forbidden: set[str]) -> set[str]:
    return {name for name in names for other in forbidden if name == other or name.startswith(f"{other}.")}


def room(dotted: str) -> str:
    """The package or module directly below ``pcsa_jax`` that a dotted name lies in."""
    return dotted.split(".")[1]


def upward(where: str, names: set[str]) -> set[str]:
    """What a module of the room ``where`` may not import."""
    own = {name for name in names if name.split(".")[0] == "pcsa_jax"} - ANYWHERE
    return {name for name in own if room(name) != where and RANKS[room(name)] >= RANKS[where]}


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph(paths: dict[str, set[str]]) -> dict[str, set[str]]:
    """Module -> the modules that it imports, out of the names that it imports."""
    return {name: {other for other in paths if other != name and other in found} for name, found in paths.items()}


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected modules: each reaches itself again."""
    reach = {name: set(to) for name, to in edges.items()}
    for middle in edges:
        for name in edges:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    in_circle = [name for name in edges if name in reach[name]]
    return sorted({tuple(sorted(o for o in in_circle if o in reach[n] and n in reach[o])) for n in in_circle})


def test_every_package_has_a_rank_and_one_sentence():
    rooms = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir() if path.name[:2] != "__"}
    assert rooms | {"__main__"} == set(RANKS)
    for folder in (path for path in PACKAGE.rglob("*") if path.is_dir() and any(path.glob("*.py"))):
        assert ast.get_docstring(tree(folder / "__init__.py")), folder


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_imports_go_one_way(path):
    if path.parent == PACKAGE and path.stem == "__init__":
        return  # looks names up on first use; test_calls.py holds what it offers
    assert upward(room(dotted(path)), imports(path)) == set()


def test_no_two_modules_import_each_other():
    # A package's __init__ stands for itself; importing its module does not count as importing it.
    paths = {dotted(path): imports(path) for path in MODULES if dotted(path) != "pcsa_jax"}
    assert circles(graph(paths)) == []


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_only_some_rooms_know_jax_files_and_the_config(path):
    where = room(dotted(path)) if dotted(path) != "pcsa_jax" else "errors"
    found = imports(path)
    if RANKS[where] < CONFIG_FROM:
        assert not touches(found, CONFIG)
    if where == "data":
        assert not touches(found, JAX)
    if where == "model":
        assert not touches(found, FILES)
        nodes = list(ast.walk(tree(path)))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        assert not names & {"open", "print", "input", "exec", "eval"}
        assert not [node for node in nodes if isinstance(node, ast.Global)]


def test_the_error_type_needs_nothing():
    assert imports(PACKAGE / "errors.py") == set()


def test_the_rules_see_a_breach(tmp_path):
    path = tmp_path / "breach.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pcsa_jax.training.loop import Loop\n"
        "def f():\n    from pcsa_jax.experiment import config\n    import jax.numpy as jnp\n"
    )
    found = imports(path)
    assert upward("experiment", found) == {"pcsa_jax.training.loop", "pcsa_jax.training.loop.Loop"}
    assert {room(name) for name in upward("presentation", found)} == {"training", "experiment"}  # neighbours
    assert upward("synthesis", found) == set()
    assert touches(found, JAX) == {"jax.numpy"}
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [("b", "c")]


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_every_module_has_a_noun_for_a_name(path):
    assert path.stem not in NAMELESS and path.parent.name not in NAMELESS
    assert path.stem != path.parent.name, "says what its folder says"


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_files_and_functions_are_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LARGEST_FILE
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [f"{node.name}: {node.end_lineno - node.lineno + 1} lines" for node in functions
            if node.end_lineno - node.lineno + 1 > LARGEST_FUNCTION] == []  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_nothing_is_pickled(path):
    assert not touches(imports(path), {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"})
    keywords = [node for node in ast.walk(tree(path)) if isinstance(node, ast.keyword) and node.arg == "allow_pickle"]
    assert all(isinstance(node.value, ast.Constant) and node.value.value is False for node in keywords)


@pytest.mark.parametrize("folder", ["pcsa_jax", "benchmarks", "tests"])
def test_programs_of_this_environment_are_started_by_their_path(folder):
    """What PATH calls python is another one wherever the environment is not activated, as under ``make test``."""
    assert [f"{path.relative_to(PACKAGE.parent)}:{line}" for path in sorted((PACKAGE.parent / folder).rglob("*.py"))
            for line in bare_programs(tree(path))] == []  # fmt: skip


def test_a_bare_program_is_seen():
    assert bare_programs(ast.parse('import subprocess as s\ns.run(["python", "-c", ""])\nx = ["python", "a"]\n')) == [2]


def bare_programs(module: ast.Module) -> list[int]:
    """Lines of the calls that start a process of a list whose first word is the bare name of such a program."""
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call) and node.args]
    given = [node.args[0] for node in calls if getattr(node.func, "attr", getattr(node.func, "id", "")) in STARTS]
    words = [node for node in given if isinstance(node, ast.List | ast.Tuple) and node.elts]
    return [node.lineno for node in words if getattr(node.elts[0], "value", None) in OF_AN_ENVIRONMENT]
