//! `template.yaml`, deployed on an emulator of AWS.

#[test]
fn the_deployed_stack_keeps_its_promises() {
    if let Some(missing) = super::run("e2e/run.py", "e2e.log") {
        println!("skipped: {missing}");
    }
}
