//! Stage 3 on Lambda, fed by both lanes: `deliveries` and `redeliveries`.

use aws::lambda::{self, BatchConfig};
use deliver::{Config, Deps};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (aws, (config, batch)) = lambda::start::<(Config, BatchConfig)>().await?;
    let deps = Deps::on_aws(&aws, config)?;
    lambda::serve(deps, &aws, batch, lambda::LONGEST_MESSAGE).await.map_err(anyhow::Error::from_boxed)
}
