//! Stage 2 on Lambda, fed by the queue `events`.

use aws::lambda::{self, BatchConfig};
use fanout::{Config, Deps};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (aws, (config, batch)) = lambda::start::<(Config, BatchConfig)>().await?;
    let deps = Deps::on_aws(&aws, config);
    lambda::serve(deps, &aws, batch, lambda::FEW_CALLS).await.map_err(anyhow::Error::from_boxed)
}
