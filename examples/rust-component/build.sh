#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the component into build/app.wasm. README.md says what comes next.
set -eu
cd "$(dirname "$0")"
target=wasm32-wasip2

if ! command -v cargo >/dev/null; then
    echo "needs Rust 1.85 or later: cargo is not installed" >&2
    exit 1
fi
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
    echo "needs the target: rustup target add $target" >&2
    exit 1
fi
# The packages are locked by their digests, and not by where they come from.
cargo generate-lockfile --quiet
registry=$(grep -m1 '^source = ' Cargo.lock)
sed "s|^checksum = |$registry\nchecksum = |" packages.lock >Cargo.lock
cargo build --quiet --locked --release --target "$target"
mkdir -p build
cp "${CARGO_TARGET_DIR:-target}/$target/release/rust_component.wasm" build/app.wasm
echo "build/app.wasm: $(wc -c <build/app.wasm) bytes"
