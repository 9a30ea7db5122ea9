//! Pages and the frame around them.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};
use url::form_urlencoded;

use crate::Shared;
use crate::assets::{ENTER_JS, PAGE_JS, STYLE_CSS};
use crate::components::menu::{self, Entry};
use crate::cookies::{Area, Jar};
use crate::failure::Failure;
use crate::headers::{FramedBy, Policy, accepts_gzip, compress};
use crate::portal::frame as portal_frame;
use crate::reader::{Language, Reader};
use crate::visit::{Visiting, Visitor};
use crate::{operators, portal};

/// What stands in the middle of a page; the frame comes around it at the end.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) main: Markup,
    status: StatusCode,
    /// Which entry of the navigation it belongs to.
    section: &'static str,
    framed_by_anybody: bool,
    takes_code: bool,
    is_asked_for_again: bool,
}

impl Page {
    pub(crate) fn new(section: &'static str, title: impl Into<String>, main: Markup) -> Self {
        let title = title.into();
        Self {
            title,
            main,
            status: StatusCode::OK,
            section,
            framed_by_anybody: false,
            takes_code: false,
            is_asked_for_again: false,
        }
    }

    /// The page where a form is shown again with its mistakes.
    pub(crate) fn with_mistakes(self) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, ..self }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Something goes on; browsers without scripts ask again by themselves.
    pub(crate) fn that_is_asked_for_again(self) -> Self {
        Self { is_asked_for_again: true, ..self }
    }

    /// The page that posts a link's code.
    pub(crate) fn that_takes_a_code(self, framed_by_anybody: bool) -> Self {
        Self { takes_code: true, framed_by_anybody, ..self }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// All around the middle of a page.
pub(crate) struct Shell<'a> {
    pub(crate) language: Language,
    pub(crate) title: &'a str,
    /// What the pages are called.
    pub(crate) name: &'a str,
    pub(crate) home: &'static str,
    pub(crate) logo: Option<&'a str>,
    /// The tenant's colours, as a stylesheet.
    pub(crate) colours: Option<String>,
    pub(crate) theme: Option<&'static str>,
    pub(crate) font: Option<&'a str>,
    pub(crate) navigation: Vec<Entry>,
    /// At the end of the head of the page.
    pub(crate) aside: Markup,
    pub(crate) footer: Markup,
    pub(crate) takes_code: bool,
}

impl<'a> Shell<'a> {
    pub(crate) fn bare(language: Language, title: &'a str) -> Self {
        Self {
            language,
            title,
            name: "Hookline",
            home: "/",
            logo: None,
            colours: None,
            theme: None,
            font: None,
            navigation: Vec::new(),
            aside: html! {},
            footer: html! {},
            takes_code: false,
        }
    }
}

pub(crate) fn document(shell: &Shell<'_>, main: &Markup) -> Markup {
    let t = shell.language.texts();
    html! {
        (DOCTYPE)
        html lang=(shell.language.code()) data-theme=[shell.theme] data-font=[shell.font] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (shell.title) " · " (shell.name) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE_CSS);
                @if let Some(colours) = &shell.colours { link rel="stylesheet" href=(colours); }
                script type="module" src=(PAGE_JS) {}
                @if shell.takes_code { script type="module" src=(ENTER_JS) {} }
            }
            body {
                a.skip href="#main" { (t.skip_to_content) }
                header.top {
                    a.brand href=(shell.home) {
                        @if let Some(logo) = shell.logo { img src=(logo) alt="" height="28"; }
                        span { (shell.name) }
                    }
                    @if !shell.navigation.is_empty() { (menu::navigation(&shell.navigation, t.navigation)) }
                    div.aside { (shell.aside) }
                }
                main #main tabindex="-1" { (main) }
                footer.bottom { (shell.footer) }
                div #toasts role="status" aria-live="polite" data-copied=(t.copied) {}
            }
        }
    }
}

/// Puts the frame around pages, and makes pages of failures.
pub(crate) async fn finish(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let reader = Reader::of(&parts, app.now());
    let visitor = Visitor::default();
    let (area, is_read) = (Area::of(parts.uri.path()), !matches!(parts.method, http::Method::POST));
    let takes_gzip = accepts_gzip(&parts.headers);
    let headers = parts.headers.clone();
    parts.extensions.insert(reader.clone());
    parts.extensions.insert(visitor.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let failure = response.extensions_mut().remove::<Failure>();
    if failure.as_ref().is_some_and(Failure::is_of_no_session) {
        return log_in(area, &reader, is_read, &headers);
    }
    let visiting = visitor.0.get();
    let page = match (response.extensions_mut().remove::<Page>(), &failure) {
        (_, Some(failure)) => {
            let t = language(visiting, &reader).texts();
            let main = failure.main(t, area, &reader.address);
            Page::new("", failure.title(t), main).with_status(failure.status)
        }
        (Some(page), None) => page,
        // A redirect, or a file.
        (None, None) => {
            Policy::default().write(response.headers_mut());
            return response;
        }
    };
    let mut rendered = render(&page, area, visiting, &reader, takes_gzip);
    if let Some(failure) = failure {
        failure.write(rendered.headers_mut());
    }
    for cookie in response.headers().get_all(header::SET_COOKIE) {
        rendered.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    rendered
}

fn language(visiting: Option<&Visiting>, reader: &Reader) -> Language {
    match visiting {
        Some(Visiting::Portal(session, _)) => reader.language(session.branding.locale.as_deref()),
        Some(Visiting::Operator(_)) => Language::English,
        None => reader.language(None),
    }
}

fn render(page: &Page, area: Area, visiting: Option<&Visiting>, reader: &Reader, takes_gzip: bool) -> Response {
    let (shell, mut policy) = match visiting {
        Some(Visiting::Portal(session, token)) => {
            (portal_frame::shell(session, token, reader, &page.title, page.section), portal_frame::policy(session))
        }
        Some(Visiting::Operator(token)) => {
            (operators::frame::shell(token, reader, &page.title, page.section), Policy::default())
        }
        None => {
            let language = if area == Area::Portal { reader.language(None) } else { Language::English };
            let bare = Shell { theme: reader.theme, takes_code: page.takes_code, ..Shell::bare(language, &page.title) };
            (bare, Policy::default())
        }
    };
    if page.framed_by_anybody {
        policy.framed_by = FramedBy::Anybody;
    }
    let text = document(&shell, &page.main).into_string();
    let packed = takes_gzip.then(|| compress(text.as_bytes())).flatten();
    let is_packed = packed.is_some();
    let mut response = Response::new(packed.map_or_else(|| Body::from(text), Body::from));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    policy.write(headers);
    if page.is_asked_for_again {
        headers.insert(header::REFRESH, HeaderValue::from_static("3"));
    }
    response
}

/// What is longer is no address that a page of ours has led to, and encoded in a header of an answer it is
/// more than gateways and proxies take.
const MOST_WANTED: usize = 1_000;

/// Leads to where a session begins, and from there back to the page.
fn log_in(area: Area, reader: &Reader, is_read: bool, headers: &HeaderMap) -> Response {
    let wanted = match is_read {
        true => Some(reader.address.as_str()),
        false => reader.came_from.as_deref(),
    };
    let is_kept = |address: &&str| Area::of(address) == area && is_of_ours(address) && address.len() <= MOST_WANTED;
    let wanted = wanted.filter(is_kept);
    let mut response = match area {
        Area::Console => operators::login_to(wanted),
        Area::Portal => portal::ended(wanted, Jar::of(headers, false)),
    };
    let headers = response.headers_mut();
    for cookie in Jar::end(area) {
        headers.append(header::SET_COOKIE, cookie);
    }
    if area == Area::Portal {
        headers.append(header::SET_COOKIE, Jar::end_embedded());
    }
    Policy::default().write(headers);
    response
}

/// Whether it is an address below the pages, and no way to somewhere else.
pub(crate) fn is_of_ours(address: &str) -> bool {
    let below = |root| address == root || address.strip_prefix(root).is_some_and(|rest| rest.starts_with(['/', '?']));
    (below("/portal") || below("/console")) && !address.contains(['\\', '\r', '\n']) && !address.contains("//")
}

pub(crate) type Answer = Result<Page, Failure>;

/// Back to the page that a form was sent from, which says what was done, and no more what was
/// done before.
pub(crate) fn back_to(page: &str, done: &str) -> Response {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "done");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("done", done).finish();
    see_other(&format!("{path}?{query}"))
}

/// To another page, with what else is to be said.
pub(crate) fn see_other(address: &str) -> Response {
    let location = HeaderValue::try_from(address).unwrap_or_else(|_| HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}
