"""The tables and figures of the paper, from runs of its rows: what they hold, statistics, pages."""
