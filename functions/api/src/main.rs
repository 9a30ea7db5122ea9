//! Stage 1 on Lambda, behind an API Gateway HTTP API.

use api::{Config, Deps, gateway, router};
use aws::lambda;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (aws, config) = lambda::start::<Config>().await?;
    let deps = Deps::on_aws(&aws, config)?;
    #[cfg(feature = "console")]
    let clock = std::sync::Arc::clone(&deps.clock);
    let router = compat::beside(router(deps));
    #[cfg(feature = "console")]
    let router =
        console::beside(router, console::Settings { now: std::sync::Arc::new(move || clock.now().as_millis()) });
    gateway::serve(router, &aws).await.map_err(anyhow::Error::from_boxed)
}
