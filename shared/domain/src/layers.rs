//! What stands above a hook: the profile that it names, its tenant, and the
//! tenant's or the deployment's profile.
//!
//! What a hook leaves open is decided by the first of them that decides it. Of a
//! rule ([`Settings::RULES`]) the strictest holds, whoever made it, so that
//! neither a hook nor the profile that it names lifts what its tenant imposes.
//! What the profile `standard` says is a default and no rule, but for `max_hooks`.

use std::fmt;
use std::sync::Arc;

use super::ids::{ProfileName, TenantId};
use super::profile::{Profile, STANDARD, standard};
use super::settings::{Complete, Rule, Settings};
use super::tenant::Tenant;

/// The profiles that apply to a hook.
#[derive(Clone, Debug)]
pub struct HookProfiles {
    /// The one that the hook names.
    pub named: Option<Arc<Profile>>,
    /// Its tenant's, or the deployment's.
    pub base: Arc<Profile>,
}

impl HookProfiles {
    /// The one whose settings the hook takes.
    pub fn chosen(&self) -> &Arc<Profile> {
        self.named.as_ref().unwrap_or(&self.base)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    pub tenant: &'a Tenant,
    pub profiles: &'a HookProfiles,
}

/// Who made a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setter {
    Tenant(TenantId),
    Profile(ProfileName),
    Deployment(ProfileName),
    Default,
}

impl fmt::Display for Setter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(id) => write!(f, "tenant {id}"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Deployment(name) => write!(f, "the deployment's profile {name}"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// A rule as one layer makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImposedRule {
    pub rule: Rule,
    pub by: Setter,
    /// As JSON. Rules hold no secrets.
    pub value: String,
}

impl fmt::Display for ImposedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, by, value } = self;
        write!(
            f,
            "{by} imposes {} {value}, which can only be made stricter; what holds of two: {}",
            rule.name, rule.holds
        )
    }
}

impl Layers<'_> {
    /// All settings of a hook that decides `own` itself.
    pub fn settle(&self, own: &Settings) -> Complete {
        self.bound(own).complete().expect("a test checks that standard decides everything")
    }

    /// What the rules in `own` would lift.
    pub fn lifted_by(&self, own: &Settings) -> Vec<ImposedRule> {
        let layers = self.imposed();
        let of_rule = |name| {
            let (by, rules) = layers.iter().find(|(_, rules)| own.lifts(rules).contains(&name))?;
            imposed_rule(name, by, rules)
        };
        own.lifts(&self.together()).into_iter().filter_map(of_rule).collect()
    }

    /// What these layers impose and the layers `next` do not.
    pub fn left_behind(&self, next: &Layers<'_>) -> Vec<ImposedRule> {
        self.lifted_by(&next.together().over(&Settings::unbound()))
    }

    /// The rules of all layers, each as strict as any makes it.
    fn together(&self) -> Settings {
        let mut together = Settings::default();
        self.imposed().iter().for_each(|(_, rules)| together.bind(rules));
        together
    }

    /// Who makes this rule, the one nearest to the hook first.
    pub fn find(&self, name: &str, holds: impl Fn(&Settings) -> bool) -> Option<ImposedRule> {
        let (by, rules) = self.imposed().into_iter().find(|(_, rules)| holds(rules))?;
        imposed_rule(name, &by, &rules)
    }

    fn bound(&self, own: &Settings) -> Settings {
        let HookProfiles { named, base } = self.profiles;
        let upper = match named {
            Some(named) => own.clone().over(&named.settings).over(&self.tenant.settings),
            None => own.clone().over(&self.tenant.settings).over(&base.settings),
        };
        let mut bound = upper.over(&standard().settings);
        // From below, for the header of a verification is that of who stands higher.
        self.imposed().iter().for_each(|(_, rules)| bound.bind(rules));
        bound
    }

    /// What each layer imposes, from the hook upwards.
    fn imposed(&self) -> Vec<(Setter, Settings)> {
        let HookProfiles { named, base } = self.profiles;
        let mut layers = Vec::with_capacity(4);
        if let Some(named) = named
            && named.name.as_str() != STANDARD
        {
            layers.push((Setter::Profile(named.name.clone()), named.settings.clone()));
        }
        // A tenant decides in the place of its own profile, which is no layer above it.
        let undecided = |settings: &Settings| {
            let mut settings = settings.clone();
            for name in self.tenant.settings.decided() {
                settings.reset(name);
            }
            settings
        };
        let by = match self.tenant.profile {
            Some(_) => Setter::Profile(base.name.clone()),
            None => Setter::Deployment(base.name.clone()),
        };
        let is_default = base.name.as_str() == STANDARD;
        let base = if is_default { Settings::default() } else { undecided(&base.settings) };
        if base.max_hooks.is_none() {
            let most = Settings { max_hooks: standard().settings.max_hooks, ..Settings::default() };
            layers.push((Setter::Default, undecided(&most)));
        }
        layers.push((by, base));
        layers.push((Setter::Tenant(self.tenant.id.clone()), self.tenant.settings.clone()));
        layers
    }
}

fn imposed_rule(name: &str, by: &Setter, rules: &Settings) -> Option<ImposedRule> {
    let rule = *Settings::RULES.iter().find(|rule| rule.name == name)?;
    let document = serde_json::to_value(rules).ok()?;
    Some(ImposedRule { rule, by: by.clone(), value: document.get(name)?.to_string() })
}

#[cfg(test)]
mod tests;
