//! Ed25519 secrets in the form of Standard Webhooks 1.0.0: `whsk_` and base64
//! of the 32-byte seed, with or without the 32 bytes of the public key after it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{KEYPAIR_LENGTH, SECRET_KEY_LENGTH, SigningKey, VerifyingKey};

use super::{InvalidSecret, Secret, SecretKind};
use crate::random::Random;

/// How a public key begins, with which receivers verify.
const PUBLIC: &str = "whpk_";

/// The signing key of a `whsk_` secret. A public half that does not belong to
/// the seed is refused: signing with such a pair can give the seed away.
pub fn whsk_key(secret: &Secret) -> Result<SigningKey, InvalidSecret> {
    let encoded = secret.reveal().strip_prefix("whsk_").ok_or(InvalidSecret::Whsk)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| InvalidSecret::Whsk)?;
    if let Ok(pair) = <&[u8; KEYPAIR_LENGTH]>::try_from(bytes.as_slice()) {
        return SigningKey::from_keypair_bytes(pair).map_err(|_| InvalidSecret::Whsk);
    }
    let seed = <&[u8; SECRET_KEY_LENGTH]>::try_from(bytes.as_slice()).map_err(|_| InvalidSecret::Whsk)?;
    Ok(SigningKey::from_bytes(seed))
}

/// What receivers check `v1a` signatures with: `whpk_` and base64 of the public
/// key. None for secrets that are no valid Ed25519 key.
pub fn public_key(secret: &Secret) -> Option<String> {
    let key = whsk_key(secret).ok()?;
    Some(format!("{PUBLIC}{}", STANDARD.encode(key.verifying_key().as_bytes())))
}

/// Whether it is an Ed25519 secret, or the public key of one.
pub fn is_ed25519(secret: &Secret) -> bool {
    SecretKind::of(secret) == SecretKind::Ed25519 || secret.reveal().starts_with(PUBLIC)
}

/// What verifies, of a secret or of its public key. None for what is neither.
pub fn verifying_key(secret: &Secret) -> Option<VerifyingKey> {
    let derived = public_key(secret);
    let encoded = derived.as_deref().unwrap_or(secret.reveal()).strip_prefix(PUBLIC)?;
    VerifyingKey::from_bytes(&STANDARD.decode(encoded).ok()?.try_into().ok()?).ok()
}

impl Secret {
    /// An Ed25519 secret: `whsk_` and base64 of 32 random bytes and their public key.
    pub fn generate_ed25519(random: &dyn Random) -> Self {
        let mut seed = [0_u8; SECRET_KEY_LENGTH];
        random.fill(&mut seed);
        Self::new(format!("whsk_{}", STANDARD.encode(SigningKey::from_bytes(&seed).to_keypair_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::FixedRandom;

    const PAIR: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

    #[test]
    fn the_published_pair_has_its_public_key() {
        let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
        assert_eq!(public_key(&Secret::new(PAIR)).as_deref(), Some(public));
    }

    #[test]
    fn the_seed_alone_is_the_same_key() {
        let pair = STANDARD.decode(PAIR.strip_prefix("whsk_").unwrap()).unwrap();
        let seed = Secret::new(format!("whsk_{}", STANDARD.encode(&pair[..32])));
        assert_eq!(whsk_key(&seed).unwrap(), whsk_key(&Secret::new(PAIR)).unwrap());
    }

    #[test]
    fn a_public_half_of_another_seed_is_refused() {
        let mut pair = STANDARD.decode(PAIR.strip_prefix("whsk_").unwrap()).unwrap();
        pair[0] ^= 1;
        let mixed = Secret::new(format!("whsk_{}", STANDARD.encode(&pair)));
        assert_eq!(whsk_key(&mixed), Err(InvalidSecret::Whsk));
    }

    #[test]
    fn other_lengths_and_texts_are_refused() {
        for text in ["", "whsk_", "whsk_AAAA", "whsk_****", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(whsk_key(&Secret::new(text)), Err(InvalidSecret::Whsk), "{text}");
            assert_eq!(public_key(&Secret::new(text)), None);
        }
    }

    #[test]
    fn a_generated_key_is_valid_and_new_each_time() {
        let (one, two) = (Secret::generate_ed25519(&FixedRandom(0.5)), Secret::generate_ed25519(&FixedRandom(0.25)));
        assert!(whsk_key(&one).is_ok());
        assert!(one != two);
    }
}
