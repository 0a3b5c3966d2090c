"""`genapps preflight`: what of a cluster does not hold what apps are promised."""
