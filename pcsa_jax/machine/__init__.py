"""The computer under a run: devices, processes, compiled programs, interruption, isolation, progress, the cache."""
