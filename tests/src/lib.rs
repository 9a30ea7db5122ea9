//! Fixtures that more than one test needs.

pub mod browser;
pub mod dynamo;
pub mod faults;
pub mod mcp;
pub mod metering;
pub mod ministack;
pub mod receivers;
pub mod server;
pub mod world;

/// Runs a property for `usual` cases, which are the same ones each time, or for as
/// many new ones as the environment says.
pub fn property_runner(usual: u32, variable: &str) -> proptest::test_runner::TestRunner {
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    let asked: Option<u32> = std::env::var_os(variable).map(|cases| {
        cases.to_str().and_then(|cases| cases.parse().ok()).unwrap_or_else(|| panic!("{variable} is a number of cases"))
    });
    let config = |cases| Config { cases, failure_persistence: None, ..Config::default() };
    match asked {
        Some(cases) => TestRunner::new(config(cases)),
        None => TestRunner::new_with_rng(config(usual), TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}
