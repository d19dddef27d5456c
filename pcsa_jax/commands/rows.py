"""The rows of a config file, for ``--help`` and for ``describe``."""


def rows_help(config: str) -> str:
    """The rows of a config by name, one a line."""
    try:
        from pcsa_jax.experiment.config_files import read_rows

        rows = read_rows(config)
    except ModuleNotFoundError:  # help needs no package
        return ""
    width = max(map(len, rows), default=0)
    lines = [f"  {name:<{width}}  {row.differs} ({row.paper})" for name, row in rows.items()]
    return "\n".join([f"Rows of --config={config}:ROW, and what differs from the full model:", *lines])
