use standardwebhooks::{Webhook, WebhookError}; // the crate `standardwebhooks`

fn verify(secret: &str, headers: &http::HeaderMap, body: &[u8]) -> Result<(), WebhookError> {
    Webhook::new(secret)?.verify(body, headers)
}
