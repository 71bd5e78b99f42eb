// An OpenID provider: npm oidc-provider with its development sign-in page, people and clients from the environment.
import Provider from 'oidc-provider';

const { host, port, people, clients, lifetimes = {} } = JSON.parse(process.env.OP);
const issuer = `http://${host}:${port}`;

const provider = new Provider(issuer, {
  clients,
  cookies: { keys: ['interop'] },
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'preferred_username'],
    groups: ['groups', 'roles'],
  },
  scopes: ['openid', 'offline_access', 'email', 'profile', 'groups'],
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    revocation: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
  },
  ttl: { AccessToken: 3600, IdToken: 3600, Session: 86400, Grant: 86400, Interaction: 600, RefreshToken: 86400, ...lifetimes },
  issueRefreshToken: async () => true,
  // Its guard against server-side request forgery would stop back-channel logout to loopback.
  fetch(url, options) {
    delete options.dispatcher;
    return globalThis.fetch(url, options);
  },
  // Any name may sign in; what the provider says about it is looked up.
  async findAccount(_ctx, sub) {
    const said = people[sub] ?? {};
    return { accountId: sub, claims: async () => ({ sub, ...said }) };
  },
  // People are not asked for consent.
  async loadExistingGrant(ctx) {
    const id = ctx.oidc.result?.consent?.grantId ?? ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
    if (id) return ctx.oidc.provider.Grant.find(id);
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid offline_access email profile groups');
    grant.addOIDCClaims(['groups', 'email', 'email_verified', 'name']);
    await grant.save();
    return grant;
  },
});

for (const event of ['server_error', 'authorization.error', 'grant.error', 'end_session.error', 'backchannel.error', 'userinfo.error']) {
  provider.on(event, (ctx, error) => console.error(event, error?.message, error?.error_description ?? '', error?.stack ?? ''));
}
provider.on('backchannel.success', (_ctx, client) => console.log('backchannel.success', client.clientId));
provider.on('end_session.success', () => console.log('end_session.success'));
provider.listen(port, host, () => console.log(`listening on ${issuer}`));
