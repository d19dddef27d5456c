"""The devices of all processes as one mesh: the state on each of them, the rows of a batch shared out among them."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

AXIS = "data"
CPU_OPTIONS = {"xla_cpu_use_fusion_emitters": False}
"""For XLA:CPU's compiler. Its newer way of making loops starts MLIR for each of about a thousand loops of a training
step, which is 40 % of the time to compile it, and the loops are no faster (docs/decisions.md)."""
REPLICATED, SHARED = PartitionSpec(), PartitionSpec(AXIS)
"""A copy on every device; the leading axis cut into equal parts, one a device."""


@functools.cache
def cpu_options() -> dict[str, Any] | None:
    """:data:`CPU_OPTIONS`, or None where this version of XLA has them no more."""
    try:
        jax.jit(lambda: 0, compiler_options=CPU_OPTIONS).lower().compile()
    except jax.errors.JaxRuntimeError:
        return None
    return CPU_OPTIONS


@dataclasses.dataclass(frozen=True)
class Devices:
    """Devices in a row, on which one program runs.

    Attributes:
      mesh: the devices along the axis :data:`AXIS`.
    """

    mesh: Mesh

    @classmethod
    def of(cls, devices: Sequence[jax.Device]) -> "Devices":
        return cls(Mesh(np.asarray(devices), (AXIS,)))

    def __len__(self) -> int:
        return self.mesh.size

    @property
    def have_own_memory(self) -> bool:
        """Whether a copy on the devices is anywhere else than in the host's memory."""
        return self.mesh.devices.flat[0].platform != "cpu"

    def replicate(self, tree: Any) -> Any:
        """A copy of every host array on every device. All processes must hold the same."""
        return jax.tree.map(lambda array: self._place(array.shape, REPLICATED, lambda index: array[index]), tree)

    def share(self, array: np.ndarray) -> jax.Array:
        """A host array cut along its leading axis; that axis must be a multiple of ``len(devices)``."""
        return self.share_rows(array.shape, lambda rows: array[rows])

    def share_rows(self, shape: tuple[int, ...], read: Callable[[slice], np.ndarray]) -> jax.Array:
        """An array cut along its leading axis; ``read`` is asked only for the rows of this process's own devices."""
        return self._place(shape, SHARED, lambda index: read(index[0]))

    def _place(self, shape: tuple[int, ...], spec: PartitionSpec, read: Callable[[Any], np.ndarray]) -> jax.Array:
        # Unlike device_put it compares nothing between processes, and it reads only what is needed here.
        return jax.make_array_from_callback(
            shape, NamedSharding(self.mesh, spec), lambda index: np.asarray(read(index))
        )

    def compile(
        self, function: Callable, *, inputs: Any, outputs: Any, donated: Sequence[int] = ()
    ) -> Callable[..., Any]:
        """``function`` run by each device on its own part, with :data:`AXIS` for what it exchanges.

        Args:
          function: of arrays.
          inputs, outputs: :data:`REPLICATED` or :data:`SHARED` for each argument and for the result.
          donated: arguments whose memory the results may take.
        """
        # Explicit exchange instead of automatic partitioning: the CPU's convolutions are loops over slabs inside custom
        # gradients, which the partitioner would serve by gathering the whole batch on every device. The replication
        # check does not see through them either, so it is off; what leaves as REPLICATED has gone through a psum.
        mapped = jax.shard_map(function, mesh=self.mesh, in_specs=inputs, out_specs=outputs, check_vma=False)
        return jax.jit(mapped, donate_argnums=donated, compiler_options=None if self.have_own_memory else cpu_options())
