//! What programs tell problems apart by. Names stay as they are; new ones may come.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What kind of problem it is, for programs: the name stays, whatever `detail`
/// says. There may be new ones; then the status tells enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProblemCode {
    BadRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    Overtaken,
    LimitReached,
    IdTaken,
    IdempotencyKeyReused,
    RequestUnderWay,
    PreconditionFailed,
    TooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    Internal,
    Unreadable,
    Unavailable,
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
