//! Stage 1 on Lambda, behind an API Gateway HTTP API.

use api::{Config, Deps, gateway, service};
use aws::lambda;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (aws, config) = lambda::start::<Config>().await?;
    let deps = Deps::on_aws(&aws, config)?;
    #[cfg(feature = "console")]
    let clock = std::sync::Arc::clone(&deps.clock);
    let api = service(deps);
    let others = compat::beside(api.clone().into_router());
    #[cfg(feature = "console")]
    let others =
        console::beside(others, console::Settings { now: std::sync::Arc::new(move || clock.now().as_millis()) });
    gateway::serve(api.beside(others).into_router(), &aws).await.map_err(anyhow::Error::from_boxed)
}
