// A SAML identity provider: npm samlp, one for each organization, each signing in another way.
// What it is told comes from the environment; every password is right.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const express = require('express');
const samlp = require('samlp');

const { host, port, people, organizations, key, cert } = JSON.parse(process.env.IDP);
const base = `http://${host}:${port}`;
const app = express();
app.use(express.urlencoded({ extended: false, limit: '1mb' }));

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function profileMapper(user) {
  const said = people[user.id];
  return {
    getClaims: () => ({ email: said.email, displayName: said.name, groups: said.groups }),
    getNameIdentifier: () => ({ nameIdentifier: user.id, nameIdentifierFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' }),
  };
}
profileMapper.prototype.metadata = [];

for (const [name, organization] of Object.entries(organizations)) {
  const issuer = `${base}/${name}`;
  const { entityId, acs, slo, spCert, signAssertion = true, signResponse = false, encrypt = false } = organization;
  const participants = [];
  let session = 0;
  const options = {
    issuer, cert, key, audience: entityId, recipient: acs, destination: acs, profileMapper,
    signAssertion, signResponse, signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256', lifetimeInSeconds: 300,
    getPostURL: (_audience, _dom, _req, done) => done(null, acs),
    ...(spCert ? { signingCert: spCert } : {}),
    ...(encrypt ? { encryptionCert: spCert, encryptionPublicKey: organization.spKey, encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm' } : {}),
  };
  const form = (fields) => `<!doctype html><title>Sign in</title><form method=post action="/${name}/login">
    ${Object.entries(fields).filter(([, value]) => value).map(([field, value]) => `<input type=hidden name="${escape(field)}" value="${escape(value)}">`).join('')}
    <input name=username><input type=password name=password><button type=submit>Sign in</button></form>`;
  const ask = (req, res, next) => {
    const asked = { ...req.query, ...req.body };
    const opts = { ...options };
    if (req.method === 'GET') Object.assign(opts, { signature: req.query.Signature, sigAlg: req.query.SigAlg, relayState: req.query.RelayState });
    // The signature of the request is verified here, before anybody is asked for a password.
    samlp.parseRequest(req, opts, (error, data) => {
      if (error) return next(error);
      console.log(`request ${name} ${data?.id} signed=${Boolean(req.query.Signature || spCert)}`);
      return res.send(form({ ...asked, id: data?.id }));
    });
  };
  app.get(`/${name}/sso`, ask);
  app.post(`/${name}/sso`, ask);
  app.get(`/${name}/initiate`, (req, res) => res.send(form({ RelayState: req.query.RelayState })));
  app.post(`/${name}/login`, (req, res, next) => {
    if (!people[req.body.username]) return res.status(403).send('unknown');
    session += 1;
    const sessionIndex = `_session-${name}-${session}`;
    participants.push({ serviceProviderId: entityId, nameId: req.body.username, nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent', sessionIndex, serviceProviderLogoutURL: slo, cert: spCert });
    // The request was verified when it came; what it asked for is told again.
    const answer = { ...options, sessionIndex, inResponseTo: req.body.id, RelayState: req.body.RelayState, signingCert: undefined, getUserFromRequest: () => ({ id: req.body.username }) };
    const bare = { method: 'POST', query: {}, body: { RelayState: req.body.RelayState }, headers: req.headers };
    return samlp.auth(answer)(Object.assign(Object.create(req), bare), res, next);
  });
  const states = new Map();
  const store = {
    save(_req, state, options_, done) { const id = `s${Math.random().toString(36).slice(2)}`; states.set(id, state); return (done ?? options_)(null, id); },
    load(_req, id, options_, done) { return (done ?? options_)(null, states.get(id)); },
    update(_req, id, state, done) { states.set(id, state); return done(null, id); },
    destroy(_req, id, done) { states.delete(id); return done(); },
  };
  const logout = (req, res, next) => {
    const { SessionParticipants } = { SessionParticipants: require('samlp/lib/sessionParticipants') };
    const sessions = new SessionParticipants(participants);
    return samlp.logout({
      issuer, cert, key, store, sessionParticipants: sessions, deflate: true, protocolBinding: organization.sloBinding ?? 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
      signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256', clearIdPSession: (done) => { console.log(`logout ${name}`); done(); },
    })(req, res, next);
  };
  app.get(`/${name}/slo`, logout);
  app.post(`/${name}/slo`, logout);
  app.get(`/${name}/sessions`, (_req, res) => res.json(participants.length));
  app.get(`/${name}/metadata`, samlp.metadata({
    issuer, cert, profileMapper, redirectEndpointPath: `/${name}/sso`, postEndpointPath: `/${name}/sso`, logoutEndpointPaths: { redirect: `/${name}/slo`, post: `/${name}/slo` },
  }));
}
app.use((error, _req, res, _next) => {
  console.error(error.stack);
  res.status(400).send(`refused: ${escape(error.message)}`);
});
app.listen(port, host, () => console.log(`listening on ${base}`));
