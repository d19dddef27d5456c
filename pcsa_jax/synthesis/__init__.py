"""PET from trained generators: loading, exporting, running them on maps and scans."""
