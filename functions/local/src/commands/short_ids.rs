//! Ids that are given in part: the beginning or the end, as long as it fits one.
//!
//! Ids made at the same time begin alike, and their ends are random. A delivery's is made of its
//! event's and its hook's, so any part of it will do.

use reqwest::Method;

use super::record::Record;
use super::session::Path;
use super::{Failure, Session};

/// Fewer characters fit too many.
const MIN_CHARS: usize = 4;
/// Newest ones, or first ones, that are looked through: 20 pages.
const LOOKED_THROUGH: usize = 2_000;
const PAGE: usize = 100;
/// Candidates that are told.
const MAX_TOLD: usize = 5;
const ULID: usize = 26;

/// What has ids of ours, by its name in paths.
struct Collection {
    name: &'static str,
    prefix: &'static str,
    chars: usize,
    /// Its list comes in pages.
    is_paged: bool,
}

const COLLECTIONS: [Collection; 8] = [
    Collection { name: "hooks", prefix: "hook_", chars: ULID, is_paged: true },
    Collection { name: "deliveries", prefix: "dlv_", chars: 2 * ULID, is_paged: true },
    Collection { name: "replays", prefix: "rpl_", chars: ULID, is_paged: true },
    Collection { name: "expungements", prefix: "xpg_", chars: ULID, is_paged: true },
    Collection { name: "plans", prefix: "plan_", chars: ULID, is_paged: true },
    Collection { name: "adjustments", prefix: "adj_", chars: ULID, is_paged: true },
    Collection { name: "keys", prefix: "key_", chars: ULID, is_paged: false },
    Collection { name: "portal-sessions", prefix: "ses_", chars: ULID, is_paged: true },
];

impl Collection {
    /// A part of an id, as opposed to a whole one, a name of the client's own, and what cannot be one.
    fn is_part(&self, given: &str) -> bool {
        let bare = strip_prefix(given, self.prefix);
        (MIN_CHARS..self.chars).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    fn fits(&self, given: &str, id: &str) -> bool {
        let (given, id) = (given.to_ascii_uppercase(), id.to_ascii_uppercase());
        let prefix = self.prefix.to_ascii_uppercase();
        let bare = given.strip_prefix(&prefix);
        let rest = id.strip_prefix(&prefix).unwrap_or(&id);
        match bare {
            Some(beginning) => rest.starts_with(beginning),
            None if self.chars > ULID => rest.contains(&given),
            None => rest.starts_with(&given) || rest.ends_with(&given),
        }
    }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> &'a str {
    match text.get(..prefix.len()) {
        Some(beginning) if beginning.eq_ignore_ascii_case(prefix) => &text[prefix.len()..],
        _ => text,
    }
}

/// What the list of `name` has ids of, where they can be given in part.
fn collection(name: &str) -> Option<&'static Collection> {
    COLLECTIONS.iter().find(|collection| collection.name == name)
}

impl Session {
    /// The path with whole ids.
    pub(super) async fn whole_path(&self, path: &Path) -> Result<Path, Failure> {
        let mut whole = path.clone();
        for at in 1..whole.len() {
            if let Some(collection) = collection(&whole[at - 1]).filter(|of| of.is_part(&whole[at])) {
                whole[at] = self.look_up(&whole[..at], collection, &whole[at]).await?;
            }
        }
        Ok(whole)
    }

    /// The same of parameters: `hook` names one of the tenant's.
    pub(super) async fn whole_query<'a>(&self, query: &[(&'a str, String)]) -> Result<Vec<(&'a str, String)>, Failure> {
        let mut whole = query.to_vec();
        for (_, value) in whole.iter_mut().filter(|(name, _)| *name == "hook") {
            *value = self.whole_hook(value).await?;
        }
        Ok(whole)
    }

    /// A hook of the tenant's, for what is asked before anything is done.
    pub(super) async fn whole_hook(&self, given: &str) -> Result<String, Failure> {
        match self.whole_path(&self.own(["hooks", given])?).await?.pop() {
            Some(whole) => Ok(whole),
            None => Ok(given.to_owned()),
        }
    }

    /// What fits nothing is left as it is: the API says what it thinks of it.
    async fn look_up(&self, list: &[String], of: &Collection, given: &str) -> Result<String, Failure> {
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let (mut found, mut seen, mut cursor) = (Vec::new(), 0, None);
        loop {
            let mut query: Vec<_> = of.is_paged.then(|| ("limit", PAGE.to_string())).into_iter().collect();
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let answer = self.read(&self.client().send(Method::GET, &list, &query, None).await?)?;
            let items = answer.items().map_err(|source| self.unreadable(source))?;
            seen += items.len();
            let ids = items.iter().filter_map(|item| Record::parse(item.get()).ok()?.text("id"));
            found.extend(ids.filter(|id| of.fits(given, id)));
            cursor = answer.text("next_cursor");
            if cursor.is_none() || seen >= LOOKED_THROUGH {
                break;
            }
        }
        match found.as_slice() {
            [] => Ok(given.to_owned()),
            [one] => Ok(one.clone()),
            several => {
                let told = several.iter().take(MAX_TOLD).cloned().collect::<Vec<_>>().join(", ");
                let more = if several.len() > MAX_TOLD { ", …" } else { "" };
                let number = several.len();
                let name = of.name;
                Err(Failure::Usage(format!(
                    "`{given}` fits {number} {name}: {told}{more}; give more characters of one"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_beginning_or_the_end_in_letters_of_either_case() {
        let hooks = collection("hooks").unwrap();
        let id = "hook_01M7YRY66B9CZNF4GV85GH11D0";
        for part in ["gh11d0", "01M7YRY6", "hook_01m7", "11D0"] {
            assert!(hooks.is_part(part) && hooks.fits(part, id), "{part}");
        }
        for other in ["hook_11D0", "YRY6", "1D0", "uid:11D0", id] {
            assert!(!(hooks.is_part(other) && hooks.fits(other, id)), "{other}");
        }
        let deliveries = collection("deliveries").unwrap();
        let id = "dlv_01M7YRY7CFTCT6BPD3F7YRKWVG01M7YRY66B9CZNF4GV85GH11D0";
        assert!(deliveries.is_part("7YRKWVG") && deliveries.fits("7YRKWVG", id) && !deliveries.is_part(id));
    }
}
