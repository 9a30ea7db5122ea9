//! Stage 1 on Lambda, behind an API Gateway HTTP API.

use api::{Config, Deps, gateway, router};
use aws::lambda;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (aws, config) = lambda::start::<Config>().await?;
    let deps = Deps::on_aws(&aws, config)?;
    gateway::serve(compat::beside(router(deps)), &aws).await.map_err(anyhow::Error::from_boxed)
}
