//! Links the harness of the C peers, so that all are measured by the same code.

fn main() {
    let folder = std::env::var("BENCH_HARNESS").expect("BENCH_HARNESS: the folder of its library");
    println!("cargo:rerun-if-env-changed=BENCH_HARNESS");
    println!("cargo:rerun-if-changed={}/libharness.a", folder);
    println!("cargo:rustc-link-search=native={}", folder);
    println!("cargo:rustc-link-lib=static=harness");
}
