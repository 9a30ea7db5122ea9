//! Lists in which some rows cannot be read.

use std::borrow::Cow;

use serde::Serialize;
use shared::ports::{Listed, Unreadable};
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An entry of a list.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Entry<T> {
    Read(T),
    Unreadable(UnreadableView),
}

/// What is stored and cannot be read by this version: it is damaged, or a newer
/// version wrote it. Reading it alone is answered with 500, deleting it works.
#[derive(Serialize, ToSchema)]
#[schema(as = Unreadable)]
pub struct UnreadableView {
    /// Its id, or its name where that is what it goes by
    id: String,
    /// Why it cannot be read
    unreadable: String,
}

impl From<Unreadable> for UnreadableView {
    fn from(Unreadable { id, why }: Unreadable) -> Self {
        Self { id, unreadable: why }
    }
}

/// By its parts' names: what is derived repeats them in full in each list.
impl<T: ToSchema> PartialSchema for Entry<T> {
    fn schema() -> RefOr<Schema> {
        let named = |name: Cow<'static, str>| Ref::from_schema_name(name);
        OneOfBuilder::new().item(named(T::name())).item(named(UnreadableView::name())).into()
    }
}

impl<T: ToSchema> ToSchema for Entry<T> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        schemas.push((UnreadableView::name().into_owned(), UnreadableView::schema()));
        T::schemas(schemas);
    }
}

impl<T> Entry<T> {
    pub fn of<R>(row: Listed<R>, view: impl FnOnce(R) -> T) -> Self {
        match row {
            Ok(row) => Self::Read(view(row)),
            Err(unreadable) => unreadable.into(),
        }
    }

    /// All rows of a page.
    pub fn all<R>(rows: Vec<Listed<R>>, view: impl Fn(R) -> T) -> Vec<Self> {
        rows.into_iter().map(|row| Self::of(row, &view)).collect()
    }
}

impl<T> From<Unreadable> for Entry<T> {
    fn from(unreadable: Unreadable) -> Self {
        tracing::error!(error = %unreadable, "a row of a list cannot be read");
        Self::Unreadable(unreadable.into())
    }
}
