//! Language and appearance, for who reads. Nothing but cookies.

use axum::response::Response;
use http::{HeaderMap, header};

use crate::cookies::Jar;
use crate::failure::Failure;
use crate::page::{is_of_ours, see_other};
use crate::reader::{LANGUAGE, Language, THEME};
use crate::same_origin::Form;

pub(crate) async fn set(headers: HeaderMap, form: Form) -> Result<Response, Failure> {
    let jar = Jar::of(&headers, form.has("embedded")).ok_or_else(Failure::plain_http)?;
    let back = form.get("back").filter(|address| is_of_ours(address)).unwrap_or("/");
    let mut response = see_other(back);
    if let Some(language) = form.get("language").and_then(Language::of) {
        response.headers_mut().append(header::SET_COOKIE, jar.preference(LANGUAGE, language.code()));
    }
    if let Some(theme) = form.get("theme").filter(|theme| ["auto", "light", "dark"].contains(theme)) {
        response.headers_mut().append(header::SET_COOKIE, jar.preference(THEME, theme));
    }
    Ok(response)
}
