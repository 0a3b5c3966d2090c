"""genapps_runtime: runs one generated app's actions in WebAssembly guests."""
