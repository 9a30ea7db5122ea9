//! DynamoDB in this process: an emulator on a loopback port, with an empty
//! database and the two tables.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use services::runtime::config::StoreConfig;

use crate::metering::Meter;

pub const HOOKS_TABLE: &str = "hooks";
pub const LOGS_TABLE: &str = "logs";

/// A database of one test; gone when dropped.
pub struct Dynamo {
    pub client: Client,
    pub endpoint: String,
    server: tokio::task::JoinHandle<()>,
}

impl Dynamo {
    pub async fn start() -> Self {
        Self::start_metered(None).await
    }

    /// With a meter on the client, table creation included.
    pub async fn start_metered(meter: Option<Meter>) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let database = dynoxide::Database::memory().expect("a database in memory needs nothing");
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database));
        let endpoint = format!("http://{address}");
        let mut config = config(&endpoint);
        if let Some(meter) = meter {
            config = config.interceptor(meter);
        }
        let client = Client::from_conf(config.build());
        for table in [HOOKS_TABLE, LOGS_TABLE] {
            create_table(&client, table).await;
        }
        Self { client, endpoint, server }
    }

    pub fn store() -> StoreConfig {
        StoreConfig {
            hooks_table: HOOKS_TABLE.to_owned(),
            logs_table: LOGS_TABLE.to_owned(),
            retention: std::time::Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl Drop for Dynamo {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A client as the functions have it, of what is at `endpoint`.
pub fn client_of(endpoint: &str) -> Client {
    Client::from_conf(config(endpoint).build())
}

fn config(endpoint: &str) -> aws_sdk_dynamodb::config::Builder {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(aws::client::retries())
        .timeout_config(aws::client::timeouts())
}

/// A table as the template deploys it.
pub async fn create_table(client: &Client, name: &str) {
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let definition = AttributeDefinition::builder().attribute_name(attribute);
        let key = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
        request = request
            .attribute_definitions(
                definition.attribute_type(ScalarAttributeType::S).build().expect("name and type are set"),
            )
            .key_schema(key.build().expect("name and type are set"));
    }
    request.send().await.expect("an empty database takes a table");
}
