//! The real binary against its own OpenAPI document, with thousands of requests that are right or wrong.

#[test]
fn the_api_does_what_its_document_says_whatever_it_is_sent() {
    if let Some(missing) = super::run("hostile/run.py", "hostile.log") {
        println!("skipped: {missing}");
    }
}
