//! A tenant's colours as a stylesheet. They stand in its name, so it needs no session.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

use crate::api::Branding;

/// What Hookline's own pages have, as the API tells it where a tenant chose none.
const USUAL: [&str; 3] = ["#1d4ed8", "#ffffff", "#111827"];

/// None where the colours are Hookline's.
pub(crate) fn address(branding: &Branding) -> Option<String> {
    let colours = [&branding.colours.accent, &branding.colours.background, &branding.colours.text];
    let are_usual = colours.iter().zip(USUAL).all(|(colour, usual)| colour.eq_ignore_ascii_case(usual));
    if branding.theme != "dark" && are_usual {
        return None;
    }
    let hex: Vec<_> = colours.into_iter().map(|colour| colour.trim_start_matches('#')).collect();
    let theme = if branding.theme == "auto" { "auto" } else { "fixed" };
    Some(format!("/portal/colours/{}-{theme}.css", hex.join("-")))
}

pub(crate) async fn stylesheet(Path(name): Path<String>) -> Response {
    let Some(text) = name.strip_suffix(".css").and_then(written) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

fn written(name: &str) -> Option<String> {
    let mut parts = name.split('-');
    let mut colour = || parts.next().filter(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let (accent, background, text) = (colour()?, colour()?, colour()?);
    let (theme, rest) = (parts.next()?, parts.next());
    let rule = format!("{{--accent:#{accent};--background:#{background};--text:#{text}}}\n");
    match (theme, rest) {
        ("fixed", None) => Some(format!(":root{rule}")),
        // They were chosen for light pages; in the dark the usual ones are kept.
        ("auto", None) => Some(format!(
            "@media not (prefers-color-scheme: dark) {{ :root:not([data-theme=dark]){rule} }}\n:root[data-theme=light]{rule}"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_get_into_the_stylesheet() {
        assert_eq!(
            written("0f766e-ffffff-111827-fixed").as_deref(),
            Some(":root{--accent:#0f766e;--background:#ffffff;--text:#111827}\n")
        );
        for name in [
            "",
            "0f766e",
            "0f766e-ffffff-111827-x",
            "0f766e-ffffff-11182}-auto",
            "a-b-c-auto",
            "0f766e-ffffff-111827-auto-x",
        ] {
            assert_eq!(written(name), None, "{name}");
        }
    }
}
