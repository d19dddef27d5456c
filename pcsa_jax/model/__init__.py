"""Pure JAX: layers, networks, losses, metrics, state and step. No files, no config object, no globals."""
