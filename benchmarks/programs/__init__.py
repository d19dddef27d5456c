"""What is timed, each in a process of its own: our layers and networks, and their peers in PyTorch and MONAI."""
