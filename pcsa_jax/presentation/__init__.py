"""What every page shares: figures of volumes, charts, tables, numbers in print, HTML, statistics."""
