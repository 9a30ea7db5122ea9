//! The endpoint of a hook that was ended is told of it.
//!
//! - **In:** the name of the hook and of the version that signs, and what to say.
//! - **Out:** one signed request, whatever is answered.
//! - **Promise:** best effort: once, and not at all where that version is not kept any more. No log tells of it, for
//!   the hook's log has gone with the hook.

use contract::messages::{DeliveryMessage, EndedHook};
use contract::stage::{Fault, Outcome};
use services::delivery::request::EventToSend;

use crate::Deps;

pub(crate) async fn tell(deps: &Deps, message: &DeliveryMessage, ended: &EndedHook) -> Result<Outcome, Fault> {
    let (tenant, id) = (&message.tenant, message.hook);
    let hook = deps.hooks.former(tenant, id, ended.version).await?;
    let Some((hook, data)) = hook.zip(message.data.as_deref()) else {
        tracing::info!(tenant.id = %tenant, hook.id = %id, "the endpoint of hook {id} is not told that it has ended: nothing is left to sign with");
        return Ok(Outcome::Done);
    };
    let (subject, now) = (EventToSend::of(message, data), deps.clock.now());
    let sent = courier::control(&deps.courier(), &hook, &subject, data.get(), message.event_id.as_str(), now).await;
    let came_of_it = match &sent {
        Ok(result) => match &result.answer {
            Ok(response) => format!("it answered {}", response.status),
            Err(failure) => failure.outcome.as_str().to_owned(),
        },
        // It is not tried again for that.
        Err(fault) => fault.to_string(),
    };
    tracing::info!(tenant.id = %tenant, hook.id = %id, "the endpoint of hook {id} was told that it has ended: {came_of_it}");
    Ok(Outcome::Done)
}
