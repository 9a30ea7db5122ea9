use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use contract::ports::{DataKey, ManualClock};
use domain::time::Timestamp;

/// Keys that are wrapped by naming them; counts the calls.
#[derive(Default)]
struct Counting {
    made: AtomicUsize,
    unwrapped: AtomicUsize,
}

fn plain(number: u8) -> PlainKey {
    PlainKey::new([number; 32])
}

#[async_trait]
impl DataKeys for Counting {
    async fn current(&self) -> Result<DataKey, KeyError> {
        let number = u8::try_from(self.made.fetch_add(1, Ordering::SeqCst)).unwrap();
        Ok(DataKey { wrapped: vec![number; 40], plain: plain(number) })
    }

    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<PlainKey, KeyError> {
        self.unwrapped.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let (first, rest) = wrapped.split_first().ok_or(KeyError::Damaged)?;
        let known = rest.len() == 39 && rest.iter().all(|b| b == first);
        if known { Ok(plain(*first)) } else { Err(KeyError::Damaged) }
    }
}

fn cipher() -> (EnvelopeCipher, Arc<Counting>, ManualClock) {
    let (keys, clock) = (Arc::new(Counting::default()), ManualClock::at(Timestamp::from_millis(1_000)));
    (EnvelopeCipher::new(keys.clone(), Arc::new(clock.clone())), keys, clock)
}

/// Another process with the same keys.
fn beside(keys: &Arc<Counting>, clock: &ManualClock) -> EnvelopeCipher {
    EnvelopeCipher::new(keys.clone(), Arc::new(clock.clone()))
}

#[tokio::test]
async fn what_was_sealed_opens_for_its_owner_only() {
    let (cipher, ..) = cipher();
    for text in ["whsec_abc", "", "ü\n", &"x".repeat(100_000)] {
        let sealed = cipher.seal("hook/acme/1", text).await.unwrap();
        assert!(sealed.starts_with("sealed:v1:"));
        assert!(text.is_empty() || !sealed.contains(text));
        assert_eq!(cipher.open("hook/acme/1", &sealed).await.unwrap(), text);
        for other in ["hook/acme/2", "hook/other/1", ""] {
            let error = cipher.open(other, &sealed).await.unwrap_err();
            assert!(matches!(error, EnvelopeError::DoesNotOpen));
            assert!(error.to_string().contains("another owner"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_same_text_is_sealed_differently_each_time() {
    let (cipher, ..) = cipher();
    assert_ne!(cipher.seal("o", "text").await.unwrap(), cipher.seal("o", "text").await.unwrap());
}

#[tokio::test]
async fn any_changed_bit_keeps_it_shut() {
    let (cipher, ..) = cipher();
    let sealed = cipher.seal("o", "a secret").await.unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&sealed[MARK.len() + VERSION.len()..]).unwrap();
    for at in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let text = format!("{MARK}{VERSION}{}", URL_SAFE_NO_PAD.encode(changed));
        assert!(cipher.open("o", &text).await.is_err(), "bit {at}");
    }
    for length in MARK.len()..sealed.len() {
        assert!(cipher.open("o", &sealed[..length]).await.is_err(), "{length} characters");
    }
}

#[tokio::test]
async fn a_text_of_any_other_format_is_not_guessed_at() {
    let (cipher, ..) = cipher();
    for text in ["sealed:", "sealed:v2:AAAA", "sealed:v1", "sealed:v11:AAAA"] {
        assert!(matches!(cipher.open("o", text).await, Err(EnvelopeError::NewerFormat)), "{text}");
    }
    for text in ["sealed:v1:", "sealed:v1:AAAA", "sealed:v1:*", "sealed:v1:____"] {
        assert!(matches!(cipher.open("o", text).await, Err(EnvelopeError::DoesNotOpen)), "{text}");
    }
}

#[tokio::test]
async fn a_text_from_before_sealing_is_open_already() {
    let (cipher, ..) = cipher();
    assert_eq!(cipher.open("o", "whsec_plain").await.unwrap(), "whsec_plain");
}

#[tokio::test]
async fn a_secret_that_looks_sealed_comes_back_as_it_was_given() {
    let (cipher, ..) = cipher();
    let own = cipher.seal("o", "inner").await.unwrap();
    for given in ["sealed:", "sealed:v1:AAAA", own.as_str()] {
        let sealed = cipher.seal("o", given).await.unwrap();
        assert_eq!(cipher.open("o", &sealed).await.unwrap(), given);
    }
}

#[tokio::test]
async fn one_data_key_seals_for_minutes_and_no_longer() {
    let (cipher, keys, clock) = cipher();
    for _ in 0..100 {
        let sealed = cipher.seal("o", "text").await.unwrap();
        cipher.open("o", &sealed).await.unwrap();
    }
    assert_eq!((keys.made.load(Ordering::SeqCst), keys.unwrapped.load(Ordering::SeqCst)), (1, 0));
    clock.advance(SEALS_FOR);
    cipher.seal("o", "text").await.unwrap();
    assert_eq!(keys.made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_data_key_that_sealed_its_share_is_replaced() {
    let (cipher, keys, _) = cipher();
    cipher.seal("o", "text").await.unwrap();
    cipher.sealing.lock().await.as_mut().unwrap().left = 1;
    cipher.seal("o", "text").await.unwrap();
    assert_eq!(keys.made.load(Ordering::SeqCst), 1);
    cipher.seal("o", "text").await.unwrap();
    assert_eq!(keys.made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn many_that_open_at_once_cost_one_call_until_the_key_is_old() {
    let (cipher, keys, clock) = cipher();
    let sealed = cipher.seal("o", "text").await.unwrap();
    let other = beside(&keys, &clock);
    for calls in [1, 2] {
        let opening = (0..20).map(|_| other.open("o", &sealed));
        assert!(futures::future::join_all(opening).await.into_iter().all(|opened| opened.unwrap() == "text"));
        assert_eq!(keys.unwrapped.load(Ordering::SeqCst), calls);
        clock.advance(OPENS_FOR);
    }
}
