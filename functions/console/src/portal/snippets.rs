//! How a receiver verifies requests, for the scheme that a hook signs with.

use crate::api::{Hook, Signature};
use crate::texts::fill;

pub(crate) struct Snippet {
    pub(crate) language: &'static str,
    pub(crate) code: String,
}

/// A template for each scheme. `{…}` is filled in, so they have `«` and `»` where code has braces.
struct Language {
    name: &'static str,
    standard: &'static str,
    ed25519: &'static str,
    stripe: &'static str,
    body: &'static str,
    /// The bytes of a key, of a text and of what stands behind `whsec_`.
    keys: [&'static str; 2],
    /// A signature's bytes in hex and in base64.
    encodings: [&'static str; 2],
}

const LANGUAGES: [Language; 5] = [
    Language {
        name: "Python",
        standard: include_str!("snippets/standard.py"),
        ed25519: include_str!("snippets/ed25519.py"),
        stripe: include_str!("snippets/stripe.py"),
        body: include_str!("snippets/body.py"),
        keys: ["secret.encode()", "base64.b64decode(secret.removeprefix(\"whsec_\"))"],
        encodings: ["mac.hex()", "base64.b64encode(mac).decode()"],
    },
    Language {
        name: "Node.js",
        standard: include_str!("snippets/standard.mjs"),
        ed25519: include_str!("snippets/ed25519.mjs"),
        stripe: include_str!("snippets/stripe.mjs"),
        body: include_str!("snippets/body.mjs"),
        keys: ["secret", "Buffer.from(secret.replace(\"whsec_\", \"\"), \"base64\")"],
        encodings: ["\"hex\"", "\"base64\""],
    },
    Language {
        name: "Go",
        standard: include_str!("snippets/standard.go.txt"),
        ed25519: include_str!("snippets/ed25519.go.txt"),
        stripe: include_str!("snippets/stripe.go.txt"),
        body: include_str!("snippets/body.go.txt"),
        keys: [
            "key := []byte(os.Getenv(\"WEBHOOK_SECRET\"))",
            "key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv(\"WEBHOOK_SECRET\"), \"whsec_\"))\n\tif err != nil «\n\t\treturn false\n\t»",
        ],
        encodings: ["hex.EncodeToString(mac.Sum(nil))", "base64.StdEncoding.EncodeToString(mac.Sum(nil))"],
    },
    Language {
        name: "PHP",
        standard: include_str!("snippets/standard.php"),
        ed25519: include_str!("snippets/ed25519.php"),
        stripe: include_str!("snippets/stripe.php"),
        body: include_str!("snippets/body.php"),
        keys: ["$secret", "base64_decode(substr($secret, strlen('whsec_')))"],
        encodings: ["bin2hex($mac)", "base64_encode($mac)"],
    },
    Language {
        name: "Ruby",
        standard: include_str!("snippets/standard.rb"),
        ed25519: include_str!("snippets/ed25519.rb"),
        stripe: include_str!("snippets/stripe.rb"),
        body: include_str!("snippets/body.rb"),
        keys: ["secret", "Base64.decode64(secret.delete_prefix(\"whsec_\"))"],
        encodings: ["mac.unpack1(\"H*\")", "Base64.strict_encode64(mac)"],
    },
];

/// None where nothing is signed, or with a scheme that these pages do not know.
pub(crate) fn of(hook: &Hook) -> Vec<Snippet> {
    // One signature that verifies is enough; a secret is at hand everywhere, a key pair is not.
    let known = |scheme: &str| hook.signatures.iter().find(|signature| signature.scheme == scheme);
    let Some(signature) = ["v1", "stripe", "hmac_sha256", "v1a"].into_iter().find_map(known) else { return Vec::new() };
    LANGUAGES.iter().map(|language| Snippet { language: language.name, code: language.code(signature) }).collect()
}

impl Language {
    fn code(&self, signature: &Signature) -> String {
        let template = match signature.scheme.as_str() {
            "v1" => self.standard,
            "v1a" => self.ed25519,
            "stripe" => self.stripe,
            _ => self.body,
        };
        let header = match (&signature.header, signature.scheme.as_str()) {
            (Some(header), _) => header.as_str(),
            (None, "stripe") => "stripe-signature",
            (None, _) => "webhook-signature",
        };
        let base = header.to_ascii_lowercase().strip_suffix("-signature").unwrap_or(header).to_owned();
        let is_whsec = signature.scheme == "v1" || signature.key.as_deref() == Some("whsec");
        let is_base64 = signature.encoding.as_deref() == Some("base64");
        let literal = |text: &str| literal(self.name, text);
        let values = [
            ("header", literal(header)),
            ("lower", literal(&header.to_ascii_lowercase())),
            ("server", format!("HTTP_{}", header.to_ascii_uppercase().replace('-', "_"))),
            ("base", literal(&base)),
            ("server_base", format!("HTTP_{}", base.to_ascii_uppercase().replace('-', "_"))),
            ("prefix", literal(signature.prefix.as_deref().unwrap_or_default())),
            ("key", self.keys[usize::from(is_whsec)].to_owned()),
            ("encoded", self.encodings[usize::from(is_base64)].to_owned()),
            ("imports", imports(self.name, signature.scheme == "stripe", is_whsec, is_base64)),
        ];
        let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fill(template, &values).replace('«', "{").replace('»', "}")
    }
}

/// Go takes no import that is not used.
fn imports(language: &str, is_stripe: bool, is_whsec: bool, is_base64: bool) -> String {
    if language != "Go" {
        return String::new();
    }
    let names = [
        ("crypto/hmac", true),
        ("crypto/sha256", true),
        ("encoding/base64", is_whsec || is_base64),
        ("encoding/hex", !is_base64),
        ("os", true),
        ("strings", is_whsec || is_stripe),
    ];
    names.iter().filter(|(_, is_used)| *is_used).map(|(name, _)| format!("\t\"{name}\"\n")).collect()
}

/// What stands in the quotes of a text. Header names and prefixes are printable ASCII.
fn literal(language: &str, text: &str) -> String {
    let special: &[char] = match language {
        "PHP" => &['\\', '\''],
        "Ruby" => &['\\', '"', '#'],
        _ => &['\\', '"'],
    };
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        if special.contains(&character) {
            written.push('\\');
        }
        written.push(character);
    }
    written
}
