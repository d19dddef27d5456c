"""The grid of training steps on a GPU: rows of the ablation table by ways to run them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from benchmarks.contender import Contender, ContenderError
from benchmarks.duel import Say
from benchmarks.results import Row, Spread, exact

OURS, THEIRS, MONAI = (
    "benchmarks.gpu.programs:step",
    "benchmarks.programs.torch_runs:step",
    "benchmarks.programs.monai_runs:step",
)
REPETITIONS = 3
TARGET = 0.7
PAPER_GPU_GB = 40.0


class Way(NamedTuple):
    """One way to run a training step.

    Attributes:
      target, options: the contender.
      estimate_s: about how long it takes to get ready and be measured.
      everywhere: whether it is measured on every row, or on the full model alone.
      slow: left out of a rehearsal.
    """

    target: str
    options: dict[str, Any]
    estimate_s: float
    everywhere: bool = True
    slow: bool = False


WAYS = {
    "ours bf16": Way(OURS, {"precision": "bfloat16"}, 70),
    "torch eager bf16": Way(THEIRS, {"variant": "channels_last", "precision": "bfloat16"}, 15),
    "MONAI-style fp16": Way(MONAI, {}, 20),
    "ours f32": Way(OURS, {"precision": "float32"}, 70, slow=True),
    "torch eager tf32": Way(THEIRS, {"variant": "channels_last"}, 15, slow=True),
    "torch.compile bf16": Way(THEIRS, {"variant": "compile", "precision": "bfloat16"}, 180, slow=True),
    "torch.compile bf16, CUDA graphs": Way(
        THEIRS, {"variant": "graphs", "precision": "bfloat16"}, 180, everywhere=False, slow=True
    ),
    "torch eager bf16, NCDHW": Way(
        THEIRS, {"variant": "contiguous", "precision": "bfloat16"}, 15, everywhere=False, slow=True
    ),
}
"""In order of importance, what takes minutes to compile late. Ours in f32 multiplies in TF32, as XLA does by itself."""


class Grid:
    """The cells measured so far.

    Args:
      scale: sizes; see :class:`benchmarks.gpu.command.Scale`.
      cells: row -> way -> numbers, from an earlier call.
      say: takes progress lines.
    """

    def __init__(self, scale: Any, cells: dict[str, dict[str, dict[str, Any]]], say: Say):
        self._scale, self._say = scale, say
        self.cells = cells
        self.device: str | None = None

    def has(self, row: str, name: str) -> bool:
        """Whether a figure is there; what failed is tried again."""
        return "ms" in self.cells.get(row, {}).get(name, {})

    def _ways(self) -> dict[str, Way]:
        return {name: way for name, way in WAYS.items() if not (way.slow and self._scale.is_rehearsal)}

    def headline(self) -> list[tuple[str, str]]:
        """The full model in every way."""
        return [("pcsa", name) for name in self._ways()]

    def memory(self) -> list[tuple[str, str]]:
        """The row with the most tokens."""
        return [("sa32", "ours bf16")] if "sa32" in self._scale.rows else []

    def others(self) -> list[tuple[str, str]]:
        """Every other row, the most important ways first."""
        ways = [name for name, way in self._ways().items() if way.everywhere]
        return [(row, name) for name in ways for row in self._scale.rows[1:]]

    def estimate_s(self, name: str) -> float:
        return WAYS[name].estimate_s

    def measure(self, chosen: list[tuple[str, str]], *, timeout_s: float) -> None:
        """Prepares the cells side by side, then measures one after the other."""

        def prepare(cell: tuple[str, str]) -> Contender | ContenderError:
            try:
                return Contender(WAYS[cell[1]].target, self._options(*cell), timeout_s=timeout_s)
            except ContenderError as error:
                return error

        self._say("preparing " + "; ".join(f"row {row}, {name}" for row, name in chosen))
        with ThreadPoolExecutor(len(chosen)) as pool:
            prepared = list(pool.map(prepare, chosen))
        for (row, name), contender in zip(chosen, prepared, strict=True):
            self.cells.setdefault(row, {})[name] = self._cell(contender)
            found = self.cells[row][name]
            self._say(f"row {row}, {name}: {found['ms']['median']:.2f} ms" if "ms" in found else
                      f"row {row}, {name}: {found['failed']}")  # fmt: skip

    def _options(self, row: str, name: str) -> dict[str, Any]:
        scale, way = self._scale, WAYS[name]
        options = {"row": row, "batch": scale.batch, "size": scale.size, "steps": scale.steps}
        options |= {"networks": scale.networks} | way.options
        return options | ({"platform": scale.platform} if way.target == OURS else {"device": scale.device})

    def _cell(self, contender: Contender | ContenderError) -> dict[str, Any]:
        if isinstance(contender, ContenderError):
            return {"failed": str(contender)}
        try:
            with contender:
                answers = [contender.run(timeout_s=120) for _ in range(REPETITIONS)]
        except ContenderError as error:
            return {"failed": str(error)}
        self.device = contender.facts.get("device", self.device)
        steps = self._scale.steps
        kept = {key: answers[-1].get(key, contender.facts.get(key)) for key in ("device_gb", "program_gb", "compile_s")}
        times = Spread.of([1000 * answer["seconds"] / steps for answer in answers])
        return {"ms": times._asdict()} | {key: value for key, value in kept.items() if value is not None}

    def rows(self) -> list[Row]:
        """Milliseconds a step: ours in bf16 against every peer, then ours in f32 against TF32."""
        rows = []
        for row, cells in self.cells.items():
            times = {name: Spread(**cell["ms"]) for name, cell in cells.items() if "ms" in cell}
            notes = [f"{name}: {cell['failed']}" for name, cell in cells.items() if "failed" in cell]
            peers = {name: time for name, time in times.items() if not name.startswith("ours")}
            ours, precise = times.get("ours bf16"), times.get("ours f32")
            if ours:
                notes.insert(0, f"ours {1000 / ours.median:.1f} steps/s")
            rows.append(Row(f"{row}, bf16", "ms/step", ours, peers, TARGET, note="; ".join(notes)))
            if precise:
                same = {name: time for name, time in peers.items() if name.endswith("tf32")}
                note = f"ours {1000 / precise.median:.1f} steps/s"
                rows.append(Row(f"{row}, f32 (TF32 products)", "ms/step", precise, same, note=note))
        return rows

    def memory_rows(self) -> list[Row]:
        """Memory of the device at its peak, and what the compiled program asks for."""
        rows = []
        for row, cells in self.cells.items():
            peaks = {name: exact(cell["device_gb"]) for name, cell in cells.items() if "device_gb" in cell}
            ours = peaks.pop("ours bf16", None)
            program = cells.get("ours bf16", {}).get("program_gb")
            note = f"the program asks for {program:.1f} GB" if program else ""
            peers = {name: peak for name, peak in peaks.items() if not name.startswith("ours")}
            if ours or program:
                limit = PAPER_GPU_GB if row == "sa32" else None
                rows.append(Row(f"peak memory, row {row}, bf16", "GB", ours, peers, limit, "ours", note))
        return rows
