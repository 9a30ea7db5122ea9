#!/usr/bin/env bash
# Svix's SDK for Rust does not compile with its feature `http1` alone, as for a server in one's own network without TLS.
#
# Software: svix 2.9.1 (crates.io), which offers `http1`, `http2`, `rustls-tls` and `native-tls`, the first and third by default.
# Expected, before the run: it compiles, and calls http:// only.
# Seen: type errors in its connector, which is right only with a TLS feature. With the default features it compiles.
#
# Needs Rust and an index of crates. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
echo 'fn main() {}' >src/main.rs
check() {
    printf '[package]\nname = "finding"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\nsvix = { version = "=2.9.1", %s }\n[workspace]\n' "$2" >Cargo.toml
    rm -f Cargo.lock
    if cargo check --quiet >log 2>&1; then
        echo "$1: compiles"
    else
        echo "$1: does not compile, errors in $(grep -oE 'svix-2\.9\.1/src/[a-z_]+\.rs' log | sort -u | xargs)"
    fi
}
seen=$(check 'http1' 'default-features = false, features = ["http1"]'; check 'default' 'default-features = true')
echo "svix 2.9.1, $(rustc --version)"
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
http1: does not compile, errors in svix-2.9.1/src/connector.rs
default: compiles
SEEN
