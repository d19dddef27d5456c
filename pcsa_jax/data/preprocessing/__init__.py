"""From raw scans to the network's inputs; the software it needs beyond the rest is in requirements-preprocess.txt."""
