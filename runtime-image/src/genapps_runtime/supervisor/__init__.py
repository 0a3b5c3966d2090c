"""The small parent process: it keeps the health port, and restarts or ends the worker."""
