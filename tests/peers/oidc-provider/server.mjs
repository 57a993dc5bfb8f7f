// An OpenID Provider (npm `oidc-provider`, certified) on a port of 127.0.0.1, with the clients that the suites use.
//
//   stdin     options as one line of JSON, all optional; the server ends when its standard input does
//             "rotate" on a line of its own: from now on there is another key to sign with, and the one before is gone
//             "allow" or "deny": what the user says to the backchannel authentication that was asked for last
//   stdout    one line of JSON when it is ready: { "issuer": … }, one after each rotation: { "signs_with": … }, the `kid`, and one
//             after each answer: { "answered": …, "binding_message": … }, the user
//
// Options:
//   access_token_ttl     seconds, 3600 unless given
//   rotate               whether refresh tokens rotate and a replay ends their family; true unless given
//   web_redirect_uris    addresses of the client `web`
//   dpop_nonces          whether proofs of possession need a nonce; false unless given
//   signing_keys         the public keys of the clients `signing` and `asking`, as JWKs
//   encryption_key       the public key of the client `encrypted`, as a JWK; with it, its ID tokens are encrypted for that
//   encryption_enc       and in this way; A256GCM unless given
//   resources            addresses that tokens may be asked for (RFC 8707), with the scopes `read` and `write`; such tokens are JWTs,
//                        and one is for a resource only if that is named each time
//   opaque_tokens        whether tokens for resources are opaque instead, so that the provider answers about them
//   registration         whether clients may register themselves and look after that; false unless given
//   tls                  PEM texts: `certificate` and `key` of the server, `client_ca` for certificates of clients, and `self_signed`, the
//                        certificate of one. The server then speaks https, and asks for certificates on another port, which its
//                        metadata name (RFC 8705 section 5)
//   fapi                 whether the server keeps every client to FAPI 2.0; false unless given
//
// Clients, of which `native` and `confidential` may log in on devices too, and `confidential` by backchannel authentication:
//   native        public, any port of 127.0.0.1, [::1] and localhost
//   confidential  client_secret_basic; its secret is another one if it is not form-encoded
//   web           client_secret_post, as Google's web clients do
//   signing       private_key_jwt, by any of `signing_keys`; there only with them
//   asking        public; its authorization requests have to be signed, by any of `signing_keys`; there only with them
//   secret-jwt    client_secret_jwt
//   signed        public; its userinfo is signed
//   bound         public; its access tokens are bound to a key (DPoP)
//   hybrid        public; its codes come beside an ID token
//   encrypted     public; its ID tokens are encrypted for `encryption_key`; there only with it
//   pushing       public; its authorization requests have to be pushed
//   mtls          tls_client_auth as client.example, its tokens bound to the certificate; this and the next there only with `tls`
//   self-signed   self_signed_tls_client_auth by the certificate `self_signed`, its tokens bound to it
//   fapi          private_key_jwt by any of `signing_keys`, its tokens bound to a key; there only with them

import crypto from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import readline from 'node:readline';

// oidc-provider 9 asks for Node 22.1; this is all that it misses on Node 20.
URL.parse ??= (url, base) => {
  try {
    return new URL(url, base);
  } catch {
    return null;
  }
};
console.warn = () => {}; // It warns of what a test wants: storage in memory, pages of its own, an older Node.
const { Provider, errors } = await import('oidc-provider');

const lines = readline.createInterface({ input: process.stdin });
const first = await new Promise((resolve) => lines.once('line', resolve));
lines.once('close', () => process.exit(0));
const options = JSON.parse(first);

const { tls } = options;
const listening = async (server) => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
};
const identity = { cert: tls?.certificate, key: tls?.key };
const server = tls ? https.createServer(identity) : http.createServer();
const issuer = await listening(server);
const servers = [server];
let mtls;
if (tls) {
  // A server that refused unknown certificates itself could take none that is self-signed.
  const asking = { ...identity, ca: tls.client_ca, requestCert: true, rejectUnauthorized: false };
  servers.push(https.createServer(asking));
  mtls = await listening(servers[1]);
}
const certificateJwk = (pem) => {
  const certificate = new crypto.X509Certificate(pem);
  const thumbprint = crypto.createHash('sha256').update(certificate.raw).digest('base64url');
  return {
    ...certificate.publicKey.export({ format: 'jwk' }),
    x5c: [certificate.raw.toString('base64')],
    'x5t#S256': thumbprint,
  };
};

const signingKey = (kid) => {
  const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
};
const code = {
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  id_token_signed_response_alg: 'ES256',
  authorization_details_types: ['account_information'],
  post_logout_redirect_uris: ['https://app.example/bye'],
};
const native = {
  ...code,
  grant_types: [...code.grant_types, 'urn:ietf:params:oauth:grant-type:device_code'],
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/cb', 'http://[::1]/cb', 'http://localhost/cb'],
};

// The backchannel authentication that waits for its user.
let asked;

const configuration = {
  clients: [
    { ...native, client_id: 'native', token_endpoint_auth_method: 'none' },
    {
      ...native,
      grant_types: [...native.grant_types, 'urn:openid:params:grant-type:ciba'],
      backchannel_token_delivery_mode: 'poll',
      client_id: 'confidential',
      client_secret: 's3cr%t:+ /&=~',
    },
    {
      ...code,
      client_id: 'web',
      client_secret: 'web-secret',
      token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: options.web_redirect_uris ?? ['https://app.example/callback'],
    },
    ...(options.signing_keys
      ? [
          {
            ...native,
            client_id: 'signing',
            token_endpoint_auth_method: 'private_key_jwt',
            jwks: { keys: options.signing_keys },
          },
          {
            ...native,
            client_id: 'asking',
            token_endpoint_auth_method: 'none',
            require_signed_request_object: true,
            jwks: { keys: options.signing_keys },
          },
          {
            ...native,
            grant_types: code.grant_types,
            client_id: 'fapi',
            token_endpoint_auth_method: 'private_key_jwt',
            jwks: { keys: options.signing_keys },
            dpop_bound_access_tokens: true,
            require_pushed_authorization_requests: true,
          },
        ]
      : []),
    {
      ...native,
      client_id: 'secret-jwt',
      client_secret: 'a secret of at least thirty-two bytes',
      token_endpoint_auth_method: 'client_secret_jwt',
    },
    {
      ...native,
      client_id: 'signed',
      token_endpoint_auth_method: 'none',
      userinfo_signed_response_alg: 'ES256',
    },
    {
      ...native,
      client_id: 'bound',
      token_endpoint_auth_method: 'none',
      dpop_bound_access_tokens: true,
    },
    ...(tls
      ? [
          {
            ...native,
            client_id: 'mtls',
            token_endpoint_auth_method: 'tls_client_auth',
            tls_client_auth_san_dns: 'client.example',
            tls_client_certificate_bound_access_tokens: true,
          },
          {
            ...native,
            client_id: 'self-signed',
            token_endpoint_auth_method: 'self_signed_tls_client_auth',
            jwks: { keys: [certificateJwk(tls.self_signed)] },
            tls_client_certificate_bound_access_tokens: true,
          },
        ]
      : []),
    {
      ...native,
      client_id: 'hybrid',
      token_endpoint_auth_method: 'none',
      grant_types: [...code.grant_types, 'implicit'], // The ID token beside the code counts as one.
      response_types: ['code id_token'],
    },
    ...(options.encryption_key
      ? [
          {
            ...native,
            client_id: 'encrypted',
            token_endpoint_auth_method: 'none',
            jwks: { keys: [options.encryption_key] },
            id_token_encrypted_response_alg: 'ECDH-ES',
            id_token_encrypted_response_enc: options.encryption_enc ?? 'A256GCM',
          },
        ]
      : []),
    {
      ...native,
      client_id: 'pushing',
      token_endpoint_auth_method: 'none',
      require_pushed_authorization_requests: true,
    },
  ],
  ...(tls
    ? {
        clientAuthMethods: [
          'client_secret_basic',
          'client_secret_jwt',
          'client_secret_post',
          'none',
          'private_key_jwt',
          'self_signed_tls_client_auth',
          'tls_client_auth',
        ],
        discovery: {
          mtls_endpoint_aliases: {
            token_endpoint: `${mtls}/token`,
            revocation_endpoint: `${mtls}/token/revocation`,
            introspection_endpoint: `${mtls}/token/introspection`,
            pushed_authorization_request_endpoint: `${mtls}/request`,
            userinfo_endpoint: `${mtls}/me`,
          },
        },
      }
    : {}),
  // The only key there is.
  clientDefaults: { authorization_signed_response_alg: 'ES256', introspection_signed_response_alg: 'ES256' },
  cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
  scopes: ['openid', 'offline_access', 'email'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }),
  }),
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: options.rotate ?? true,
  expiresWithSession: () => false,
  pkce: { required: () => true },
  ttl: {
    AccessToken: options.access_token_ttl ?? 3600,
    AuthorizationCode: 60,
    BackchannelAuthenticationRequest: 120,
    DeviceCode: 600,
    Grant: 3600,
    IdToken: 300,
    Interaction: 300,
    RefreshToken: 3600,
    Session: 3600,
  },
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    ciba: {
      enabled: true,
      deliveryModes: ['poll'],
      processLoginHint: (_, hint) => (hint === 'nobody' ? undefined : hint),
      verifyUserCode: () => {},
      validateRequestContext: () => {},
      triggerAuthenticationDevice: (_, request) => {
        asked = request;
      },
    },
    dPoP: {
      enabled: true,
      nonceSecret: crypto.randomBytes(32),
      requireNonce: () => options.dpop_nonces ?? false,
    },
    ...(tls
      ? {
          mTLS: {
            enabled: true,
            certificateBoundAccessTokens: true,
            selfSignedTlsClientAuth: true,
            tlsClientAuth: true,
            getCertificate: (ctx) => ctx.socket.getPeerX509Certificate(),
            certificateAuthorized: (ctx) => ctx.socket.authorized,
            certificateSubjectMatches: (ctx, property, expected) =>
              property === 'tls_client_auth_san_dns' &&
              ctx.socket.getPeerX509Certificate().checkHost(expected) !== undefined,
          },
        }
      : {}),
    ...(options.fapi ? { fapi: { enabled: true, profile: '2.0' } } : {}),
    encryption: { enabled: true },
    introspection: { enabled: true },
    jwtIntrospection: { enabled: true },
    jwtResponseModes: { enabled: true },
    jwtUserinfo: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    requestObjects: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      // The user means it.
      logoutSource: (ctx, form) => {
        ctx.body = form.replace('</form>', '<input type="hidden" name="logout" value="yes"/></form>');
      },
    },
    richAuthorizationRequests: {
      enabled: true,
      types: {
        account_information: {
          validate: (_, detail) => {
            if (!Array.isArray(detail.actions)) throw new errors.InvalidAuthorizationDetails('actions are missing');
          },
        },
      },
      // What was asked for is granted, and no token is for more than its grant.
      authorizationDetailsForGrantSource: (ctx) => JSON.parse(ctx.oidc.params.authorization_details),
      authorizationDetailsForAccessToken: (ctx, _, source) => {
        const granted = source?.rar ?? [];
        if (ctx.oidc.params.authorization_details === undefined) return granted;
        const asked = JSON.parse(ctx.oidc.params.authorization_details);
        const known = new Set(granted.map((detail) => JSON.stringify(detail)));
        if (!asked.every((detail) => known.has(JSON.stringify(detail)))) {
          throw new errors.InvalidAuthorizationDetails('more than was granted');
        }
        return asked;
      },
      authorizationDetailsForIntrospection: (_, token) => token.rar,
    },
    ...(options.registration
      ? {
          registration: { enabled: true },
          registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
        }
      : {}),
    ...(options.resources
      ? {
          resourceIndicators: {
            enabled: true,
            useGrantedResource: () => false,
            getResourceServerInfo: (_, resource) => {
              if (!options.resources.includes(resource)) throw new errors.InvalidTarget();
              const info = { scope: 'read write', audience: resource, accessTokenFormat: 'opaque' };
              return options.opaque_tokens
                ? info
                : { ...info, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
            },
          },
        }
      : {}),
  },
};

// A provider takes its keys when it is made.
let provider;
const serve = (kid) => {
  provider = new Provider(issuer, { ...configuration, jwks: { keys: [signingKey(kid)] } });
  provider.on('server_error', (_, error) => console.error(error));
  for (const one of servers) {
    one.removeAllListeners('request');
    one.on('request', provider.callback());
  }
};

const answer = async (allows) => {
  const { accountId, clientId, params } = asked;
  let result = new errors.AccessDenied('the user said no');
  if (allows) {
    result = new provider.Grant({ accountId, clientId });
    result.addOIDCScope(params.scope);
    await result.save();
  }
  await provider.backchannelResult(asked, result);
  console.log(JSON.stringify({ answered: accountId, binding_message: params.binding_message }));
};

let rotations = 0;
lines.on('line', (line) => {
  if (line === 'allow' || line === 'deny') {
    answer(line === 'allow');
    return;
  }
  rotations += 1;
  const kid = `es-${rotations}`;
  serve(kid);
  console.log(JSON.stringify({ signs_with: kid }));
});
serve('es');
console.log(JSON.stringify({ issuer }));
