//! Pages of lists, as the SDKs walk them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access::Access;
use super::answer::Refused;
use super::fields::Fields;

/// Items of a page that does not say, and the most of one.
const USUAL_LIMIT: usize = 50;
const MAX_LIMIT: usize = 250;
/// The most that the API lists at once.
const MAX_OF_API: usize = 100;
/// How often the API is asked for one page, where a filter admits little.
const MAX_READS: usize = 20;

/// What all lists take.
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) iterator: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    data: Vec<T>,
    iterator: Option<String>,
    prev_iterator: Option<String>,
    done: bool,
}

impl<T> List<T> {
    /// `iterator` is where a list goes on that is not at its end.
    pub(crate) fn new(data: Vec<T>, iterator: Option<String>) -> Self {
        Self { data, done: iterator.is_none(), iterator, prev_iterator: None }
    }

    pub(crate) fn into_parts(self) -> (Vec<T>, List<T>) {
        let Self { data, iterator, prev_iterator, done } = self;
        (data, List { data: Vec::new(), iterator, prev_iterator, done })
    }

    /// The same list with other items.
    pub(crate) fn with<U>(self, data: Vec<U>) -> List<U> {
        let Self { iterator, prev_iterator, done, .. } = self;
        List { data, iterator, prev_iterator, done }
    }

    pub(crate) fn map<U>(self, map: impl FnMut(T) -> U) -> List<U> {
        let Self { data, iterator, prev_iterator, done } = self;
        List { data: data.into_iter().map(map).collect(), iterator, prev_iterator, done }
    }
}

impl Page {
    pub(crate) fn read(query: &mut Fields) -> Self {
        let limit = query.text("limit").value();
        let iterator = query.text("iterator").value().filter(|iterator| !iterator.is_empty());
        let parsed = limit.as_deref().map_or(Some(USUAL_LIMIT), |limit| limit.parse().ok());
        let limit = parsed.filter(|limit| (1..=MAX_LIMIT).contains(limit));
        if limit.is_none() {
            query.refuse("limit", format!("Given limit must not exceed {MAX_LIMIT}, and expected at least 1"));
        }
        Self { limit: limit.unwrap_or(USUAL_LIMIT), iterator }
    }

    /// A page of items that are all at hand, in their order. An iterator is the last item of the
    /// page before, or `-` and the first of the page behind.
    pub(crate) fn of<T>(&self, items: Vec<T>, id: impl Fn(&T) -> String) -> Result<List<T>, Refused> {
        let place = |name: &str| items.iter().position(|item| id(item) == name).ok_or_else(no_iterator);
        let (start, end) = match self.iterator.as_deref() {
            None => (0, self.limit),
            Some(iterator) => match iterator.strip_prefix('-') {
                Some(first) => {
                    let end = place(first)?;
                    (end.saturating_sub(self.limit), end)
                }
                None => {
                    let start = place(iterator)? + 1;
                    (start, start.saturating_add(self.limit))
                }
            },
        };
        let backwards = self.iterator.as_deref().is_some_and(|iterator| iterator.starts_with('-'));
        let done = if backwards { start == 0 } else { end >= items.len() };
        let data: Vec<T> = items.into_iter().take(end).skip(start).collect();
        let iterator = data.last().map(&id).or_else(|| self.iterator.clone());
        let prev_iterator = data.first().map(|first| format!("-{}", id(first)));
        Ok(List { data, iterator, prev_iterator, done })
    }
}

pub(crate) fn no_iterator() -> Refused {
    Refused::of(&["query", "iterator"], "expected the iterator of an earlier answer")
}

/// A page of a list of the API. One that cannot be read is an entry of another kind.
#[derive(Deserialize)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Value>,
    pub(crate) next_cursor: Option<String>,
}

/// A list of the API, and what else it is asked for.
pub(crate) struct Source<'a> {
    pub(crate) access: &'a Access,
    pub(crate) path: &'a [&'a str],
    pub(crate) asked: Vec<(&'static str, String)>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(access: &'a Access, path: &'a [&'a str]) -> Self {
        Self { access, path, asked: Vec::new() }
    }

    pub(crate) async fn page(&self, limit: usize, cursor: Option<&str>) -> Result<Listed, Refused> {
        let limit = limit.min(MAX_OF_API).to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        query.extend(self.asked.iter().map(|(name, value)| (*name, value.as_str())));
        Ok(self.access.api().get(self.path, &query).await?)
    }

    /// Those that can be read and that `admits` lets pass, from `cursor` on, as many as `limit`; and where
    /// to go on.
    pub(crate) async fn walk<T: DeserializeOwned>(
        &self,
        limit: usize,
        mut cursor: Option<String>,
        admits: impl Fn(&T) -> bool,
    ) -> Result<(Vec<T>, Option<String>), Refused> {
        let mut taken = Vec::new();
        for _ in 0..MAX_READS {
            let Listed { items, next_cursor } = self.page(limit - taken.len(), cursor.as_deref()).await?;
            taken.extend(readable(items).filter(&admits));
            cursor = next_cursor;
            if cursor.is_none() || taken.len() >= limit {
                break;
            }
        }
        Ok((taken, cursor))
    }

    /// All that can be read, as far as `most` entries.
    pub(crate) async fn all<T: DeserializeOwned>(&self, most: usize) -> Result<Vec<T>, Refused> {
        let (mut taken, mut cursor, mut seen) = (Vec::new(), None, 0);
        while seen < most {
            let Listed { items, next_cursor } = self.page(MAX_OF_API, cursor.as_deref()).await?;
            seen += items.len();
            taken.extend(readable(items));
            cursor = next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(taken)
    }
}

fn readable<T: DeserializeOwned>(rows: Vec<Value>) -> impl Iterator<Item = T> {
    rows.into_iter().filter_map(|row| serde_json::from_value(row).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_forwards_and_back_again() {
        let page = |limit, iterator: Option<&str>| {
            let page = Page { limit, iterator: iterator.map(str::to_owned) };
            page.of(vec!["a", "b", "c", "d", "e"], |item| (*item).to_owned()).unwrap()
        };
        let first = page(2, None);
        assert_eq!((first.data, first.iterator.as_deref(), first.done), (vec!["a", "b"], Some("b"), false));
        let second = page(2, Some("b"));
        assert_eq!((second.data, second.prev_iterator.as_deref()), (vec!["c", "d"], Some("-c")));
        let last = page(2, Some("d"));
        assert_eq!((last.data, last.done), (vec!["e"], true));
        let back = page(2, Some("-c"));
        assert_eq!((back.data, back.done), (vec!["a", "b"], true));
        let beyond = page(2, Some("e"));
        assert_eq!((beyond.data.len(), beyond.iterator.as_deref(), beyond.done), (0, Some("e"), true));
    }
}
