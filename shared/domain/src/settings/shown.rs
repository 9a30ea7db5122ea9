//! What the API shows of settings holds nothing of newer versions: they are not
//! in its contract, and may be secrets.

use super::{
    Auth, Batch, CircuitBreaker, ContentType, EndpointControl, FixedHeader, MediaType, MessageId, Method, NamePattern,
    Payload, RetryPolicy, Seconds, SignatureSetting, Success, TestCodes, Timeout, Verification, WhilePaused,
};
use crate::unknown::Unknown;

pub(crate) trait ForgetUnknown {
    fn forget_unknown(&mut self);
}

macro_rules! plain {
    ($($type:ty),*) => {
        $(impl ForgetUnknown for $type {
            fn forget_unknown(&mut self) {}
        })*
    };
}

macro_rules! flat {
    ($($type:ty),*) => {
        $(impl ForgetUnknown for $type {
            fn forget_unknown(&mut self) {
                self.unknown = Unknown::NONE;
            }
        })*
    };
}

plain!(Method, ContentType, MessageId, NamePattern, Seconds, bool, u32);
flat!(
    Batch,
    CircuitBreaker,
    EndpointControl,
    FixedHeader,
    MediaType,
    SignatureSetting,
    Success,
    Timeout,
    Verification,
    WhilePaused
);

impl<T: ForgetUnknown> ForgetUnknown for Option<T> {
    fn forget_unknown(&mut self) {
        self.iter_mut().for_each(T::forget_unknown);
    }
}

impl<T: ForgetUnknown> ForgetUnknown for Vec<T> {
    fn forget_unknown(&mut self) {
        self.iter_mut().for_each(T::forget_unknown);
    }
}

impl ForgetUnknown for Auth {
    fn forget_unknown(&mut self) {
        *self.unknown_mut() = Unknown::NONE;
    }
}

impl ForgetUnknown for TestCodes {
    fn forget_unknown(&mut self) {
        Self::forget_unknown(self);
    }
}

impl ForgetUnknown for Payload {
    fn forget_unknown(&mut self) {
        Self::forget_unknown(self);
    }
}

impl ForgetUnknown for RetryPolicy {
    fn forget_unknown(&mut self) {
        Self::forget_unknown(self);
    }
}
