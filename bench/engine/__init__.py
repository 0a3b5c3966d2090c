"""The runtime as one process outside Kubernetes, pinned to a core, side by side with workerd."""
