"""The engine's peer: workerd, installed from npm outside the checkout, with Worker Loader and facets."""
