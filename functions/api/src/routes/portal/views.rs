//! Sessions and portals as they are shown.

use domain::capability::Capability;
use domain::portal::{Colours, Font, Portal, PortalSession, Texts, Theme};
use domain::tenant::Tenant;
use serde::Serialize;
use utoipa::ToSchema;

/// A tenant's portal as it was set; what is null is Hookline's own.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalSettings)]
pub(crate) struct PortalView {
    name: Option<String>,
    logo_url: Option<String>,
    colours: Option<Colours>,
    font: Option<Font>,
    texts: Option<Texts>,
    theme: Option<Theme>,
    locale: Option<String>,
    embed_origins: Vec<String>,
}

impl From<&Portal> for PortalView {
    fn from(portal: &Portal) -> Self {
        let Portal { name, logo_url, colours, font, texts, theme, locale, embed_origins, unknown: _ } =
            portal.clone().shown();
        Self { name, logo_url, colours, font, texts, theme, locale, embed_origins }
    }
}

/// How a portal looks, with all that its tenant left open decided.
#[derive(Serialize, ToSchema)]
pub(crate) struct Branding {
    /// The portal's name, or else the tenant's; null where neither has one
    name: Option<String>,
    logo_url: Option<String>,
    colours: SettledColours,
    font: Font,
    texts: Texts,
    theme: Theme,
    /// Null: the reader's
    locale: Option<String>,
    embed_origins: Vec<String>,
}

/// As `#rrggbb`
#[derive(Serialize, ToSchema)]
#[schema(as = BrandingColours)]
pub(crate) struct SettledColours {
    accent: String,
    background: String,
    text: String,
}

impl Branding {
    fn of(tenant: &Tenant) -> Self {
        let portal = tenant.portal.clone().unwrap_or_default().shown();
        let theme = portal.theme.unwrap_or(Theme::Auto);
        let [accent, background, text] = portal.colours.unwrap_or_default().settled(theme == Theme::Dark);
        Self {
            name: portal.name.or_else(|| Some(tenant.name.clone())).filter(|name| !name.is_empty()),
            logo_url: portal.logo_url,
            colours: SettledColours { accent, background, text },
            font: portal.font.unwrap_or(Font::System),
            texts: portal.texts.unwrap_or_default(),
            theme,
            locale: portal.locale,
            embed_origins: portal.embed_origins,
        }
    }
}

/// A session as it describes itself.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnPortalSession)]
pub(crate) struct OwnSessionView {
    id: String,
    /// Whose hooks it looks after
    tenant: String,
    /// Whom the link was made for
    user: Option<String>,
    #[schema(inline)]
    capabilities: Vec<Capability>,
    created_at: String,
    expires_at: String,
    /// Until when it can be refreshed
    ends_by: String,
    /// The page to show first, below `/portal`
    landing: String,
    /// Where to lead back to
    return_url: Option<String>,
    branding: Branding,
}

impl OwnSessionView {
    pub(super) fn of(tenant: &Tenant, session: &PortalSession) -> Self {
        Self {
            id: session.id.to_string(),
            tenant: session.tenant.to_string(),
            user: session.user.clone(),
            capabilities: session.capabilities.known(),
            created_at: session.created_at.to_string(),
            expires_at: session.expires_at.to_string(),
            ends_by: session.ends_by().to_string(),
            landing: session.landing.clone(),
            return_url: session.return_url.clone(),
            branding: Branding::of(tenant),
        }
    }
}

/// A session as its tenant sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalSession)]
pub(crate) struct SessionView {
    id: String,
    /// Whom the link was made for
    user: Option<String>,
    #[schema(inline)]
    capabilities: Vec<Capability>,
    created_at: String,
    expires_at: String,
    /// To the minute; null when it was never used
    last_used_at: Option<String>,
}

impl From<PortalSession> for SessionView {
    fn from(session: PortalSession) -> Self {
        Self {
            id: session.id.to_string(),
            user: session.user,
            capabilities: session.capabilities.known(),
            created_at: session.created_at.to_string(),
            expires_at: session.expires_at.to_string(),
            last_used_at: session.last_used_at.map(|at| at.to_string()),
        }
    }
}
