//! HTTP Message Signatures (RFC 9421) of the deployment itself, as Web Bot Auth has them
//! (draft-ietf-webbotauth-httpsig-protocol-01). What they cover is known only when the request is
//! complete, so they are made in `message.rs`, with keys that are no hook's.

use super::{Algorithm, KeyForm, Secret, SignatureSetting, Signed};
use crate::secret::InvalidSecret;

pub(super) struct HttpMessage;

impl Algorithm for HttpMessage {
    fn description(&self, _: &str) -> String {
        "An HTTP message signature (RFC 9421) by the deployment's own key".to_owned()
    }

    fn default_header(&self) -> Option<&'static str> {
        Some("Signature")
    }

    fn is_of_deployment(&self) -> bool {
        true
    }

    fn key_form(&self, _: Option<KeyForm>) -> Option<KeyForm> {
        None
    }

    fn check_key(&self, _: KeyForm) -> Result<(), &'static str> {
        Err("the scheme http_message is signed with the deployment's keys")
    }

    fn sign(&self, _: &SignatureSetting, _: &[&Secret], _: Signed<'_>) -> Result<String, InvalidSecret> {
        Err(InvalidSecret::Whsk)
    }

    fn signatures<'a>(&self, values: &[&'a str]) -> Vec<&'a str> {
        values.to_vec()
    }

    fn verify(&self, _: &SignatureSetting, _: &[&str], _: &Secret, _: Signed<'_>) -> Result<bool, &'static str> {
        Err("is verified with the keys of the deployment's directory, which is not done here")
    }

    fn can_verify(&self, _: &SignatureSetting, _: &Secret) -> bool {
        false
    }
}
