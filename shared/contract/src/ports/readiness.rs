/// Whether work is taken, for whoever decides where to send it.
///
/// - An error is the reason, in words that anybody may read.
pub trait Readiness: Send + Sync {
    fn check(&self) -> Result<(), &'static str>;
}

/// Of what stands on services that look after themselves.
#[derive(Clone, Copy, Debug)]
pub struct AlwaysReady;

impl Readiness for AlwaysReady {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}
