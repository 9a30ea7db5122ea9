//! What programs tell problems apart by. Names stay as they are; new ones may come.

use axum::http::StatusCode;
use domain::choices;
use serde::Serialize;

choices! {
    /// What kind of problem it is, for programs: the name stays, whatever `detail`
    /// says. There may be new ones; then the status tells enough.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum ProblemCode {
        /// Not JSON, or a wrong parameter or header, which `errors` names (400).
        BadRequest = "bad_request",
        /// No key, one that is not known, or one that has expired (401).
        Unauthenticated = "unauthenticated",
        /// The key may not do this (403).
        Forbidden = "forbidden",
        /// It does not exist, or belongs to another tenant (404).
        NotFound = "not_found",
        /// The path does not take this method (405).
        MethodNotAllowed = "method_not_allowed",
        /// Its state forbids it; `detail` says what (409).
        Conflict = "conflict",
        /// Somebody else changed it at the same time: read it again and retry (409).
        Overtaken = "overtaken",
        /// There are as many as may be (409).
        LimitReached = "limit_reached",
        /// Another event has this `id`; `fingerprints` says what both are (409).
        IdTaken = "id_taken",
        /// Another request was sent with this `Idempotency-Key` (422).
        IdempotencyKeyReused = "idempotency_key_reused",
        /// The request with this `Idempotency-Key` is not answered yet: ask again after `Retry-After` (409).
        RequestUnderWay = "request_under_way",
        /// It is not the version that `If-Match` asks for (412).
        PreconditionFailed = "precondition_failed",
        /// The body, `data`, or checking it against schemas is too large (413).
        TooLarge = "too_large",
        /// A coding of the body that is not known (415).
        UnsupportedMediaType = "unsupported_media_type",
        /// Fields are wrong; `errors` names each (422).
        Invalid = "invalid",
        /// Wait as long as `Retry-After` says (429).
        TooManyRequests = "too_many_requests",
        /// A fault of Hookline's; its log says what (500).
        Internal = "internal",
        /// What is stored is damaged, or of a newer version (500).
        Unreadable = "unreadable",
        /// Not now: try again after `Retry-After` (503).
        Unavailable = "unavailable",
    }
}

impl ProblemCode {
    /// Of what is told by its status alone.
    pub(super) fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::CONFLICT => Self::Conflict,
            StatusCode::PRECONDITION_FAILED => Self::PreconditionFailed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::Invalid,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyRequests,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            other if other.is_server_error() => Self::Internal,
            _ => Self::BadRequest,
        }
    }

    /// A name of the kind of problem for `type`; there is nothing to fetch there.
    pub(super) fn urn(self) -> &'static str {
        match self {
            Self::BadRequest => "urn:hookline:problem:bad_request",
            Self::Unauthenticated => "urn:hookline:problem:unauthenticated",
            Self::Forbidden => "urn:hookline:problem:forbidden",
            Self::NotFound => "urn:hookline:problem:not_found",
            Self::MethodNotAllowed => "urn:hookline:problem:method_not_allowed",
            Self::Conflict => "urn:hookline:problem:conflict",
            Self::Overtaken => "urn:hookline:problem:overtaken",
            Self::LimitReached => "urn:hookline:problem:limit_reached",
            Self::IdTaken => "urn:hookline:problem:id_taken",
            Self::IdempotencyKeyReused => "urn:hookline:problem:idempotency_key_reused",
            Self::RequestUnderWay => "urn:hookline:problem:request_under_way",
            Self::PreconditionFailed => "urn:hookline:problem:precondition_failed",
            Self::TooLarge => "urn:hookline:problem:too_large",
            Self::UnsupportedMediaType => "urn:hookline:problem:unsupported_media_type",
            Self::Invalid => "urn:hookline:problem:invalid",
            Self::TooManyRequests => "urn:hookline:problem:too_many_requests",
            Self::Internal => "urn:hookline:problem:internal",
            Self::Unreadable => "urn:hookline:problem:unreadable",
            Self::Unavailable => "urn:hookline:problem:unavailable",
        }
    }
}
