//! An MCP server of rmcp on loopback, behind tokens: it says where they come from (RFC 9728), and takes those alone that its authorization
//! server signed for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use grantflow::prelude::ReqwestTransport;
use grantflow::transport::AsyncTransport as _;
use grantflow_jwt::{Algorithm, KeySet, NumericDate, Verification};
use grantflow_suites::app::get;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;
use tokio::net::TcpListener;

use crate::Result;

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// The server before it is known who grants its tokens.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    address: String,
}

impl Server {
    /// Takes a port.
    pub(crate) async fn bind() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}/mcp", listener.local_addr()?);
        Ok(Self { listener, address })
    }

    /// Its address, which is its name too.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Answers from now on, until the runtime ends.
    pub(crate) async fn serve(self, issuer: &str) -> Result {
        let keys = ReqwestTransport::new()?
            .send(get(&format!("{issuer}/jwks")))
            .await?;
        let keys = KeySet::from_json(std::str::from_utf8(keys.body().as_bytes())?)?;
        let guard = Arc::new(Guard {
            keys,
            verification: Verification::new([Algorithm::Es256], issuer, &*self.address).token_type("at+jwt"),
            metadata: json!({ "resource": self.address, "authorization_servers": [issuer] }).to_string(),
            challenge: format!(
                "Bearer resource_metadata=\"{}\", scope=\"read\"",
                self.address.replace("/mcp", METADATA)
            ),
            mcp: StreamableHttpService::new(|| Ok(WhoAmI), Arc::default(), Default::default()),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                let guard = Arc::clone(&guard);
                let service = service_fn(move |request| {
                    let guard = Arc::clone(&guard);
                    async move { Ok::<_, Infallible>(guard.answer(request).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                // Whoever hangs up in the middle gets no answer.
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(())
    }
}

const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

struct Guard {
    keys: KeySet,
    verification: Verification,
    metadata: String,
    challenge: String,
    mcp: StreamableHttpService<WhoAmI, LocalSessionManager>,
}

/// The user of the token that was checked.
#[derive(Clone)]
struct Subject(String);

impl Guard {
    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        if request.uri().path() == METADATA {
            return reply(
                StatusCode::OK,
                &[(CONTENT_TYPE, "application/json")],
                &self.metadata,
            );
        }
        match self.subject(&request) {
            Some(subject) => {
                request.extensions_mut().insert(subject);
                self.mcp.handle(request).await
            }
            None => reply(
                StatusCode::UNAUTHORIZED,
                &[(WWW_AUTHENTICATE, &self.challenge)],
                "",
            ),
        }
    }

    fn subject(&self, request: &Request<Incoming>) -> Option<Subject> {
        let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let now = NumericDate::from_unix_seconds(now.try_into().ok()?);
        let token = header.strip_prefix("Bearer ")?;
        let claims = self.verification.verify(token, &self.keys, now).ok()?;
        Some(Subject(claims.subject()?.to_owned()))
    }
}

fn reply(status: StatusCode, headers: &[(hyper::header::HeaderName, &str)], body: &str) -> Response<Body> {
    let mut reply = Response::new(Full::new(Bytes::from(body.to_owned())).boxed());
    *reply.status_mut() = status;
    for (name, value) in headers {
        let value = value
            .parse()
            .expect("addresses and media types are header values");
        reply.headers_mut().insert(name, value);
    }
    reply
}

/// One tool, `whoami`.
struct WhoAmI;

impl ServerHandler for WhoAmI {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> std::result::Result<CallToolResponse, ErrorData> {
        let parts = context.extensions.get::<hyper::http::request::Parts>();
        let subject = parts.and_then(|parts| parts.extensions.get::<Subject>());
        let subject = subject.ok_or_else(|| ErrorData::internal_error("no token was checked", None))?;
        Ok(CallToolResult::success(vec![ContentBlock::text(&*subject.0)]).into())
    }
}
