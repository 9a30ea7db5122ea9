//! Stage 4 on Lambda, fed by the queue `retries`.

use aws::lambda::{self, BatchConfig};
use requeue::{Config, Deps};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (aws, (config, batch)) = lambda::start::<(Config, BatchConfig)>().await?;
    let deps = Deps::on_aws(&aws, config);
    lambda::serve(deps, &aws, batch, lambda::FEW_CALLS).await.map_err(anyhow::Error::from_boxed)
}
