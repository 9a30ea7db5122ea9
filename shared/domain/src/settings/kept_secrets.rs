//! Secrets that are blank or masked in an update, which stand for the present
//! ones. A secret is of the origin it was set for, so it is not kept where the
//! update leads elsewhere.

use url::Url;

use super::{Auth, FixedHeader, MASK, Settings};
use crate::invalid::FieldError;
use crate::secret::Secret;

const MOVED: &str = "has to be given again, because the url leads to another scheme, host or port";
const MOVED_TOKENS: &str = "has to be given again, because token_url leads to another scheme, host or port";
const NOTHING_KEPT: &str = "is the mask of a secret, and there is none that it could stand for";

/// What an update is of.
pub struct Kept<'a> {
    /// The hook's own settings before it.
    pub old: &'a Settings,
    pub old_url: &'a str,
    pub new_url: &'a str,
    /// Settings that the update leaves to the profile.
    pub reset: &'a [String],
}

impl Kept<'_> {
    fn is_reset(&self, name: &str) -> bool {
        self.reset.iter().any(|reset| reset == name)
    }
}

impl Settings {
    /// Takes the secrets that are blank or masked here from what was before, and
    /// complains about those that have to be given again.
    pub fn keep_secrets(&mut self, kept: &Kept<'_>, errors: &mut Vec<FieldError>) {
        let has_moved = !is_same_origin(kept.old_url, kept.new_url);
        let old_auth = kept.old.auth.clone();
        match (&mut self.auth, old_auth) {
            (Some(auth), old) => keep_credential(auth, old, has_moved, errors),
            (None, Some(mut old)) if has_moved && !kept.is_reset("auth") => {
                if let Some((name, _)) = old.credential_mut() {
                    errors.push(FieldError::new(format!("auth.{name}"), MOVED));
                }
            }
            (None, _) => {}
        }
        let old: Vec<&FixedHeader> = kept.old.headers.iter().flatten().filter(|header| header.secret).collect();
        match &mut self.headers {
            Some(headers) => keep_headers(headers, &old, has_moved, errors),
            None if has_moved && !kept.is_reset("headers") => {
                let names: Vec<&str> = old.iter().map(|header| &*header.name).collect();
                if !names.is_empty() {
                    errors.push(FieldError::new("headers", format!("{} {MOVED}", names.join(", "))));
                }
            }
            None => {}
        }
    }
}

fn keep_credential(auth: &mut Auth, old: Option<Auth>, has_moved: bool, errors: &mut Vec<FieldError>) {
    let mut old = old.filter(|old| std::mem::discriminant(old) == std::mem::discriminant(auth));
    let other_tokens = old.as_ref().is_some_and(|old| !is_same_token_origin(old, auth));
    let Some((name, secret)) = auth.credential_mut().filter(|(_, secret)| is_left_out(secret)) else { return };
    let mut refuse = |message: &str| errors.push(FieldError::new(format!("auth.{name}"), message));
    match old.as_mut().and_then(Auth::credential_mut) {
        Some(_) if has_moved => refuse(MOVED),
        Some(_) if other_tokens => refuse(MOVED_TOKENS),
        Some((_, old)) => secret.clone_from(old),
        None if secret.reveal() == MASK => refuse(NOTHING_KEPT),
        // A blank one is refused where it is checked.
        None => {}
    }
}

fn keep_headers(headers: &mut [FixedHeader], old: &[&FixedHeader], has_moved: bool, errors: &mut Vec<FieldError>) {
    for (index, header) in headers.iter_mut().enumerate() {
        let left_out = header.value.as_ref().map_or(header.secret, is_left_out);
        let is_masked = header.value.as_ref().is_some_and(|value| value.reveal() == MASK);
        if !left_out || header.from.is_some() || !(header.secret || is_masked) {
            continue;
        }
        let same = old.iter().find(|old| header.secret && old.name.eq_ignore_ascii_case(&header.name));
        let mut refuse = |message: &str| errors.push(FieldError::new(format!("headers[{index}].value"), message));
        match same {
            Some(_) if has_moved => refuse(MOVED),
            Some(old) => header.value.clone_from(&old.value),
            None if is_masked => refuse(NOTHING_KEPT),
            None => {}
        }
    }
}

fn is_left_out(secret: &Secret) -> bool {
    secret.reveal().is_empty() || secret.reveal() == MASK
}

fn is_same_token_origin(old: &Auth, new: &Auth) -> bool {
    match (old, new) {
        (Auth::Oauth2 { token_url: old, .. }, Auth::Oauth2 { token_url: new, .. }) => is_same_origin(old, new),
        _ => true,
    }
}

/// What cannot be read is like nothing else.
fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |text: &str| text.parse::<Url>().map(|url| url.origin());
    one == other || matches!((origin(one), origin(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://here.example/a";

    fn settings(json: &str) -> Settings {
        serde_json::from_str(json).unwrap()
    }

    fn keep(new: &mut Settings, old: &Settings, new_url: &str, reset: &[&str]) -> Vec<String> {
        let reset: Vec<String> = reset.iter().map(|name| (*name).to_owned()).collect();
        let mut errors = Vec::new();
        new.keep_secrets(&Kept { old, old_url: HERE, new_url, reset: &reset }, &mut errors);
        errors.into_iter().map(|error| error.field.to_string()).collect()
    }

    fn secrets(settings: &Settings) -> Vec<String> {
        settings.clone().secrets_mut().map(|secret| secret.reveal().to_owned()).collect()
    }

    fn basic(username: &str, password: &str, header: &str, value: &str) -> Settings {
        settings(&format!(
            r#"{{"auth":{{"type":"basic","username":"{username}","password":"{password}"}},
                "headers":[{{"name":"{header}","value":"{value}","secret":true}}]}}"#
        ))
    }

    #[test]
    fn blank_and_masked_secrets_keep_the_present_ones_within_one_origin() {
        let old = basic("u", "one", "X-Key", "two");
        for given in ["", MASK] {
            for url in [HERE, "https://here.example/b?c", "https://here.example:443/", "https://HERE.example/"] {
                let mut new = basic("v", given, "x-key", given);
                assert_eq!(keep(&mut new, &old, url, &[]), Vec::<String>::new());
                assert_eq!(secrets(&new), ["one", "two"]);
            }
            for url in ["http://here.example/a", "https://there.example/a", "https://here.example:444/a", "nonsense"] {
                let mut new = basic("v", given, "x-key", given);
                assert_eq!(keep(&mut new, &old, url, &[]), ["auth.password", "headers[0].value"], "{url}");
                assert_eq!(secrets(&new), [given, given]);
                assert_eq!(keep(&mut Settings::default(), &old, url, &[]), ["auth.password", "headers"], "{url}");
                assert_eq!(keep(&mut Settings::default(), &old, url, &["auth", "headers"]), Vec::<String>::new());
                let mut again = basic("v", "three", "x-key", "four");
                assert_eq!(keep(&mut again, &old, url, &[]), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn a_clients_secret_is_kept_for_the_same_origin_of_its_tokens_only() {
        let oauth = |url: &str, secret: &str| {
            settings(&format!(
                r#"{{"auth":{{"type":"oauth2","token_url":"{url}","client_id":"c","client_secret":"{secret}"}}}}"#
            ))
        };
        let old = oauth("https://login.example/token", "hush");
        let mut new = oauth("https://login.example/other", "");
        assert_eq!(keep(&mut new, &old, HERE, &[]), Vec::<String>::new());
        assert_eq!(secrets(&new), ["hush"]);
        for given in ["", MASK] {
            let mut new = oauth("https://elsewhere.example/token", given);
            assert_eq!(keep(&mut new, &old, HERE, &[]), ["auth.client_secret"]);
            assert_eq!(secrets(&new), [given]);
        }
    }

    #[test]
    fn a_mask_that_stands_for_nothing_is_refused() {
        for old in [Settings::default(), settings(r#"{"auth":{"type":"basic","username":"u","password":"one"}}"#)] {
            let mut new = settings(&format!(
                r#"{{"auth":{{"type":"bearer","token":"{MASK}"}},
                    "headers":[{{"name":"X-Key","value":"{MASK}","secret":true}},{{"name":"X-Open","value":"{MASK}"}}]}}"#
            ));
            let refused = keep(&mut new, &old, HERE, &[]);
            assert_eq!(refused, ["auth.token", "headers[0].value", "headers[1].value"]);
        }
        // Written back as an open header, a secret one would be kept and shown.
        let old = settings(r#"{"headers":[{"name":"X-Key","value":"two","secret":true}]}"#);
        let mut open = settings(&format!(r#"{{"headers":[{{"name":"X-Key","value":"{MASK}"}}]}}"#));
        assert_eq!(keep(&mut open, &old, HERE, &[]), ["headers[0].value"]);
    }
}
