"""genapps: the control plane and the trusted half of the data plane."""
