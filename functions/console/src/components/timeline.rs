//! What happened one after the other, and what comes next.

use maud::{Markup, html};

use super::badge::Tone;

pub(crate) struct Step {
    pub(crate) tone: Tone,
    pub(crate) title: Markup,
    pub(crate) inner: Markup,
}

pub(crate) fn timeline(steps: &[Step]) -> Markup {
    html! {
        ol.timeline { @for step in steps {
            li class=(step.tone.class()) { div.step { (step.title) } (step.inner) }
        } }
    }
}
