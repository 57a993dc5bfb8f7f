//! What needs a flow and a signature: OAuth and OpenID Connect with JSON Web Tokens, without I/O.
//!
//! # In scope
//!
//! - [`JwtBearer`]: the grant of a signed assertion ([RFC 7523 section 2.1]), for any server
//! - [`PrivateKeyJwt`] and [`ClientSecretJwt`]: clients that prove themselves by an assertion ([RFC 7523 section 2.2])
//! - [`IdTokenVerification`]: ID tokens, proven or refused ([OpenID Connect Core section 3.1.3.7]); [`VerifiedIdToken`] comes
//!   from it alone
//! - `IdTokenVerification::encrypted` (feature `jwe`): ID tokens that are encrypted for the client
//! - [`IdTokenVerifier`]: the same with keys that are fetched and kept in a [`KeyCache`]
//! - [`IdTokenVerifier::accept`]: answers with an ID token beside the code, the hybrid flow ([OpenID Connect Core section 3.3])
//! - [`presented`]: an ID token that goes where an access token would
//! - [`RequestObject`]: signed authorization requests ([RFC 9101])
//! - [`ResponseVerifier`]: signed answers to authorization requests ([JARM])
//! - [`Dpop`]: tokens that are bound to a key ([RFC 9449])
//! - [`UserInfoRequest`]: what the server tells of the same user, signed or not ([OpenID Connect Core section 5.3])
//! - [`SignedIntrospectionRequest`]: what the server knows of a token, signed ([RFC 9701])
//! - [`exchange`] and [`refresh`]: no token without its ID token proven ([OpenID Connect Core section 3.1.3.5])
//!
//! # Out of scope
//!
//! - signatures and keys themselves: `grantflow-jwt`
//! - Google's key files and metadata: `grantflow-google`
//!
//! [RFC 7523 section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
//! [RFC 7523 section 2.2]: https://www.rfc-editor.org/rfc/rfc7523#section-2.2
//! [OpenID Connect Core section 3.1.3.5]: https://openid.net/specs/openid-connect-core-1_0.html#TokenResponseValidation
//! [OpenID Connect Core section 3.1.3.7]: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
//! [OpenID Connect Core section 3.3]: https://openid.net/specs/openid-connect-core-1_0.html#HybridFlowAuth
//! [JARM]: https://openid.net/specs/oauth-v2-jarm.html
//! [RFC 9101]: https://www.rfc-editor.org/rfc/rfc9101
//! [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449
//! [RFC 9701]: https://www.rfc-editor.org/rfc/rfc9701
//! [OpenID Connect Core section 5.3]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo

mod bearer;
mod client_assertion;
mod dpop;
mod hybrid;
mod id_token;
mod introspection;
mod jwt_bearer;
mod keys;
mod login;
mod request_object;
mod response;
mod signed;
mod userinfo;

pub use bearer::presented;
pub use client_assertion::{AudienceIsTokenEndpoint, ClientSecretJwt, PrivateKeyJwt};
pub use dpop::Dpop;
pub use id_token::{
    AnyTenant, IdTokenVerification, IdTokenVerifier, IssuerTemplate, Occasion, Tenants, VerifiedIdToken,
};
pub use introspection::SignedIntrospectionRequest;
pub use jwt_bearer::{JwtBearer, ScopeIn};
pub use keys::{KeyCache, KeyRequest, PublishedKeys};
pub use login::{exchange, refresh};
pub use request_object::RequestObject;
pub use response::ResponseVerifier;
pub use signed::{refused, signed};
pub use userinfo::{UserInfo, UserInfoRequest};
