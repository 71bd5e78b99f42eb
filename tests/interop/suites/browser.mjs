// Drives Chromium through the gate's pages; speaks to browser.py in lines of JSON.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const told = JSON.parse(process.env.INTEROP);
const { gate, acme, globex, keycloak, screens } = told;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const say = (text) => write({ say: text });
const check = (sentence, ok, detail = '') => (write({ check: sentence, ok: Boolean(ok), detail: ok ? '' : String(detail) }), Boolean(ok));
const ask = async (question) => {
  write({ ask: question });
  return JSON.parse((await lines.next()).value);
};
const ours = (url) => url.startsWith(`${gate}/-/sso/`);
const seen = new Set();

const browser = await chromium.launch({ executablePath: told.chromium, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });

async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 720 }, ...options });
  context.setDefaultTimeout(20_000);
  // Nothing outside this machine is reached: providers' pages refer to fonts, ours must not.
  await context.route((url) => !url.hostname.startsWith('127.'), (route) => {
    const from = route.request().frame()?.url() ?? '';
    if (from.startsWith(gate)) check(`no page behind the gate asks for ${route.request().url()}`, false);
    return route.abort();
  });
  return context;
}

/** Screenshots of a page of ours, light, dark and narrow; and what must hold for every page of ours. */
async function picture(page, name) {
  if (seen.has(name)) return;
  seen.add(name);
  const size = page.viewportSize();
  await page.emulateMedia({ colorScheme: 'light' });
  await page.screenshot({ path: `${screens}/${name}-light.png`, fullPage: true });
  const light = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor + getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: `${screens}/${name}-dark.png`, fullPage: true });
  const dark = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor + getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 340, height: 640 });
  await page.screenshot({ path: `${screens}/${name}-narrow.png`, fullPage: true });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.setViewportSize(size);
  check(`page ${name}: dark is not light`, light !== dark, `${light} ${dark}`);
  check(`page ${name}: fits a narrow screen`, wide <= 340, `${wide} pixels wide`);
  const found = await page.evaluate(() => ({
    lang: document.documentElement.lang, title: document.title, headings: document.querySelectorAll('h1').length, main: document.querySelectorAll('main').length,
    scripts: document.scripts.length, viewport: Boolean(document.querySelector('meta[name=viewport]')),
    unlabelled: [...document.querySelectorAll('input:not([type=hidden]):not([type=submit])')].filter((input) => !input.labels?.length && !input.getAttribute('aria-label')).length,
  }));
  check(`page ${name}: has a language, a title, one heading, a main part, a viewport, labels, and no script`,
    found.lang && found.title && found.headings === 1 && found.main === 1 && found.scripts === 0 && found.viewport && found.unlabelled === 0, JSON.stringify(found));
}

/** What must hold for the response of every page of ours. */
async function wellKept(response, name) {
  const headers = response.headers();
  const body = await response.body().catch(() => Buffer.alloc(0));
  check(`page ${name}: no-store, a request id, a policy without inline script, no framing by strangers, at most 20 KiB`,
    /no-store/.test(headers['cache-control'] ?? '') && headers['x-request-id'] && /default-src 'none'/.test(headers['content-security-policy'] ?? '')
    && !/script-src[^;]*unsafe-inline/.test(headers['content-security-policy'] ?? '') && /frame-ancestors/.test(headers['content-security-policy'] ?? '')
    && body.length <= 20 * 1024, `${JSON.stringify(headers)} ${body.length} bytes`);
}

/** Does what a person does from wherever they are until they are behind the gate; tells what they met on the way. */
async function signIn(page, who, password, name = 'sign-in') {
  const met = [];
  for (let step = 0; step < 10; step += 1) {
    const url = page.url();
    if (ours(url)) {
      const way = page.locator('a[href*="/login"], form[action*="/login"] button, form[action*="/login"] input[type=submit]').first();
      if (!(await way.count()) || new URL(url).pathname === '/-/sso/') return met;
      met.push('gate');
      await picture(page, name);
      await settle(page, () => way.click());
    } else if (url.startsWith(gate)) {
      return met;
    } else if (await page.locator('input[type=password]').count()) {
      met.push('password');
      await page.locator('input[name=login]:not([type=submit]), input[name=username]').first().fill(who);
      await page.locator('input[type=password]').fill(password);
      await settle(page, () => page.locator('button[type=submit], input[type=submit]').first().click());
    } else {
      throw new Error(`nothing to do at ${url}: ${(await page.content()).slice(0, 400)}`);
    }
  }
  throw new Error(`still on the way at ${page.url()}`);
}

/** Acts and waits until the document that follows is there. */
async function settle(page, act) {
  await Promise.all([page.waitForEvent('domcontentloaded'), act()]);
  await page.waitForLoadState('load').catch(() => {});
}

const open = (page, path) => page.goto(gate + path, { waitUntil: 'load' });
const told_ = (page, header) => page.locator(`dd[id="${header}"]`).textContent({ timeout: 500 }).catch(() => null);

async function scenario(sentence, act) {
  try {
    await act();
  } catch (error) {
    check(sentence, false, error.stack);
  }
}

const atAcme = ['alice', 'x'];
const atGlobex = ['gina', 'right'];
const person = await visitor();
const page = await person.newPage();

await scenario('an anonymous visitor', async () => {
  const context = await visitor({ extraHTTPHeaders: { 'X-Auth-User': 'mallory', X_Auth_User: 'mallory', 'x-auth-role': 'admin' } });
  const stranger = await context.newPage();
  await open(stranger, '/acme/open-bert');
  check('an anonymous visitor reads what is public, and the hub is told nobody', (await stranger.locator('#path').textContent()) === '/acme/open-bert'
    && (await told_(stranger, 'x-auth-user')) === null && (await told_(stranger, 'x-auth-role')) === null, await stranger.content());
  await open(stranger, '/initrode/anything');
  check('a namespace of no organization is untouched', (await stranger.locator('#path').textContent()) === '/initrode/anything');
  await open(stranger, '/acme/open-bert');
  const before = await ask('hub requests');
  const fetched = await stranger.evaluate(async () => {
    const answer = await fetch('/acme/secret-bert/raw/main/x', { headers: { Accept: 'text/html' } });
    return { status: answer.status, redirected: answer.redirected, type: answer.headers.get('content-type'), sso: answer.headers.get('x-hub-sso'), body: await answer.json().catch(() => ({})) };
  });
  check('a script is answered 401 in JSON with reason, organization and sign-in URL, and is not redirected',
    fetched.status === 401 && !fetched.redirected && /application\/json/.test(fetched.type) && fetched.body.reason === 'sign-in-required' && fetched.body.organization === 'acme'
    && fetched.body.url?.startsWith(`${gate}/-/sso/acme/login`) && fetched.body.error, JSON.stringify(fetched));
  check('X-Hub-SSO says the same', new RegExp(`^required; *organization=acme; *url=${gate}/-/sso/acme/login`).test(fetched.sso ?? ''), fetched.sso);
  const framed = await stranger.evaluate(() => new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.src = '/acme/secret-bert';
    frame.onload = () => setTimeout(() => done(frame.contentDocument?.querySelector('a[target=_top], a[target=_blank]')?.href ?? `no link: ${frame.contentDocument ? frame.contentDocument.body.innerText : 'the browser refuses to show the page in a frame'}`), 0);
    document.body.append(frame);
  }));
  check('a frame shows a page with a link that opens at the top', framed.startsWith(`${gate}/-/sso/acme/login`), framed);
  await open(stranger, '/acme/open-bert');
  const [answer] = await Promise.all([
    stranger.waitForResponse((response) => response.url().endsWith('/acme/secret-bert/settings') && response.request().method() === 'POST'),
    stranger.evaluate(() => {
      const form = document.createElement('form');
      form.method = 'post';
      form.action = '/acme/secret-bert/settings';
      document.body.append(form);
      form.submit();
    }),
  ]);
  await stranger.waitForLoadState('load');
  check('a form is answered with a page, not a redirect', answer.status() >= 400 && answer.status() < 500 && /text\/html/.test(answer.headers()['content-type'] ?? ''), `${answer.status()} ${JSON.stringify(answer.headers())}`);
  await picture(stranger, 'form-refused');
  const after = await ask('hub requests');
  const expected = 1; // the public page that was opened in between
  check('none of the refused requests reached the hub', after - before === expected, `${after - before} requests, ${expected} expected`);
  await context.close();
});

await scenario('the first organization', async () => {
  const link = '/acme/secret-bert/tree/main?path=a%2Fb&x=%C3%A9#part';
  const answer = await open(page, link);
  check('a deep link of an anonymous browser leads to the sign-in', ours(page.url()) || page.url().startsWith(acme), page.url());
  if (ours(page.url())) {
    await wellKept(answer, 'sign-in');
    check('the page before the provider names the organization', (await page.textContent('body')).includes('ACME Corp'));
  }
  const met = await signIn(page, ...atAcme);
  check('the person signs in at npm oidc-provider', met.includes('password'), met);
  check('and lands on the deep link, query and fragment as they were', page.url() === gate + link || page.url() === gate + link.split('#')[0], page.url());
  check('the hub receives the path byte for byte', (await page.locator('#path').textContent()) === link.split('#')[0], await page.locator('#path').textContent());
  check('the hub sees x-auth-user', (await told_(page, 'x-auth-user')) === 'acme:alice', await told_(page, 'x-auth-user'));
  check('the hub sees x-auth-role', (await told_(page, 'x-auth-role')) === 'write', await told_(page, 'x-auth-role'));
  check('the hub sees x-auth-org and x-auth-orgs', (await told_(page, 'x-auth-org')) === 'acme' && (await told_(page, 'x-auth-orgs')) === 'acme:write', await told_(page, 'x-auth-orgs'));
  check('the hub sees the e-mail address and the name, percent-encoded', (await told_(page, 'x-auth-email')) === 'alice@acme.test'
    && decodeURIComponent((await told_(page, 'x-auth-name')) ?? '') === 'Alice Ångström', await told_(page, 'x-auth-name'));
  const assertion = (await told_(page, 'x-auth-assertion')) ?? '';
  const [head, body] = assertion.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString() || '{}'));
  check('the hub sees an ES256 assertion for organization and role that ends within a minute', head?.alg === 'ES256' && body?.org === 'acme' && body?.role === 'write'
    && body.exp - body.iat <= 60, JSON.stringify({ head, body }));
  const keys = await (await person.request.get(`${gate}/-/sso/jwks.json`)).json();
  const key = keys.keys?.find((one) => one.kid === head?.kid);
  const verified = key && await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, await crypto.subtle.importKey('jwk', { kty: key.kty, crv: key.crv, x: key.x, y: key.y }, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']),
    Buffer.from(assertion.split('.')[2], 'base64url'), Buffer.from(assertion.split('.').slice(0, 2).join('.')));
  check('and can verify it with the keys at /-/sso/jwks.json', verified === true, JSON.stringify(keys));
  check('its keys are public keys only', !JSON.stringify(keys).includes('"d"'));
  const cookies = (await person.cookies(gate)).filter((cookie) => cookie.name.startsWith('hubgate') || cookie.name.startsWith('__Host-hubgate'));
  check('the session is in one cookie, HttpOnly and SameSite=Lax', cookies.some((cookie) => cookie.name === 'hubgate' && cookie.httpOnly && cookie.sameSite === 'Lax'), JSON.stringify(cookies));
  check('no sign-in state stays behind in cookies', cookies.length === 1, cookies.map((cookie) => cookie.name));
});

await scenario('the second organization in the same browser', async () => {
  await open(page, '/globex/secret-gpt/blob/main/config.json');
  check('a session of acme does not open globex', !(page.url().startsWith(`${gate}/globex`)), page.url());
  const before = (await person.cookies(gate)).find((cookie) => cookie.name === 'hubgate')?.value;
  await signIn(page, ...atGlobex);
  check(`the person signs in at ${keycloak ? 'Keycloak' : 'a second oidc-provider'} and lands on the deep link`, page.url() === `${gate}/globex/secret-gpt/blob/main/config.json`, page.url());
  check('the hub sees the person and the role of globex', /^globex:./.test(await told_(page, 'x-auth-user')) && (await told_(page, 'x-auth-role')) === 'admin',
    `${await told_(page, 'x-auth-user')} ${await told_(page, 'x-auth-role')}`);
  const orgs = (await told_(page, 'x-auth-orgs')) ?? '';
  check('and both sign-ins in x-auth-orgs', orgs.split(',').map((one) => one.trim()).sort().join() === 'acme:write,globex:admin', orgs);
  const after = (await person.cookies(gate)).find((cookie) => cookie.name === 'hubgate')?.value;
  check('the session has a new id after each sign-in', before && after && before !== after);
  await open(page, '/acme/secret-bert');
  check('acme is still open, as the person of acme', (await told_(page, 'x-auth-user')) === 'acme:alice', await told_(page, 'x-auth-user'));
});

await scenario('the account page', async () => {
  const answer = await open(page, '/-/sso/');
  await wellKept(answer, 'account');
  const text = await page.textContent('main');
  check('the account page shows both organizations and both roles', ['ACME Corp', 'Globex', 'write', 'admin'].every((word) => text.includes(word)), text);
  await picture(page, 'account');
  await open(page, '/acme/open-bert'); // a front end of the hub asks, not a page of ours: those may fetch nothing
  const session = await page.evaluate(async () => (await fetch('/-/sso/session')).text());
  check('/-/sso/session tells both sign-ins and no token', session.includes('acme') && session.includes('globex') && !session.includes('eyJ'), session);
});

await scenario('a role that is too low', async () => {
  const context = await visitor();
  const bob = await context.newPage();
  await open(bob, '/acme/secret-bert');
  await signIn(bob, 'bob', 'x');
  check('bob reads, with the role read', (await told_(bob, 'x-auth-role')) === 'read', bob.url());
  const answer = await open(bob, '/acme/secret-bert/settings');
  check('settings are refused to the role read with 403 and a page', answer.status() === 403 && /text\/html/.test(answer.headers()['content-type'] ?? ''), `${answer.status()} ${JSON.stringify(answer.headers())}`);
  await wellKept(answer, 'refused');
  await picture(bob, 'refused');
  await open(bob, '/acme/secret-bert');
  const api = await bob.evaluate(async () => {
    const answer = await fetch('/api/models/acme/secret-bert/settings', { method: 'PUT', body: '{}', headers: { 'Content-Type': 'application/json' } });
    return { status: answer.status, body: await answer.json().catch(() => ({})) };
  });
  check('a script is answered 403 in JSON with the reason role-too-low', api.status === 403 && api.body.reason === 'role-too-low', JSON.stringify(api));
  await open(bob, '/-/sso/');
  check('a name with markup in it is shown as text', (await bob.locator('main b').count()) === 0);
  await context.close();
});

await scenario('two tabs that sign in side by side', async () => {
  const context = await visitor();
  const [one, two] = [await context.newPage(), await context.newPage()];
  await open(one, '/acme/secret-bert/tree/one');
  await open(two, '/acme/secret-bert/tree/two');
  for (const tab of [one, two]) if (ours(tab.url())) await settle(tab, () => tab.locator('a[href*="/login"], form[action*="/login"] button').first().click());
  await signIn(one, ...atAcme);
  check('the first tab lands on its own deep link', one.url() === `${gate}/acme/secret-bert/tree/one`, one.url());
  await signIn(two, ...atAcme);
  check('the second tab lands on its own deep link too', two.url() === `${gate}/acme/secret-bert/tree/two`, two.url());
  await two.goBack({ waitUntil: 'load' }).catch(() => {});
  await context.close();
});

await scenario('a callback that is used again', async () => {
  const context = await visitor();
  const tab = await context.newPage();
  let callback;
  tab.on('request', (request) => {
    if (request.url().includes('/oidc/callback')) callback = request.url();
  });
  await open(tab, '/acme/secret-bert/tree/again');
  await signIn(tab, ...atAcme);
  const again = await tab.goto(callback, { waitUntil: 'load' });
  check('opening the used callback again resumes where the person was, and fails nobody', tab.url() === `${gate}/acme/secret-bert/tree/again` || ours(tab.url()) && again.status() < 500, `${again.status()} ${tab.url()}`);
  const other = await visitor();
  const thief = await other.newPage();
  const stolen = await thief.goto(callback, { waitUntil: 'load' });
  const after = (await other.request.get(`${gate}/acme/secret-bert`, { headers: { Accept: 'application/json' }, maxRedirects: 0 })).status();
  check('in another browser the used callback makes no session', stolen.status() >= 400 && stolen.status() < 500 && after === 403, `${stolen.status()} ${thief.url()}, then ${after}`);
  await picture(thief, 'callback-refused');
  await context.close();
  await other.close();
});

await scenario('without JavaScript', async () => {
  const context = await visitor({ javaScriptEnabled: false });
  const plain = await context.newPage();
  await open(plain, '/acme/secret-bert/tree/plain');
  for (let step = 0; step < 6 && plain.url() !== `${gate}/acme/secret-bert/tree/plain`; step += 1) {
    if (ours(plain.url())) await settle(plain, () => plain.locator('a[href*="/login"], form[action*="/login"] button').first().click());
    else {
      await plain.locator('input[name=login]').fill('alice');
      await plain.locator('input[type=password]').fill('x');
      await settle(plain, () => plain.locator('button[type=submit]').first().click());
    }
  }
  check('the whole sign-in works without JavaScript', plain.url() === `${gate}/acme/secret-bert/tree/plain`, plain.url());
  await context.close();
});

await scenario('expiry', async () => {
  const context = await visitor();
  const tab = await context.newPage();
  const trail = [];
  tab.on('request', (request) => request.isNavigationRequest() && trail.push(request.url().split('?')[0]));
  await open(tab, '/initech/tps/tree/main');
  await signIn(tab, ...atAcme);
  check('the person signs in to an organization whose sessions last three seconds', (await told_(tab, 'x-auth-user')) === 'initech:alice', tab.url());
  const ended = await tab.evaluate(async () => {
    const end = Date.now() + 15_000;
    for (;;) {
      const answer = await fetch('/initech/tps/raw/main/x');
      if (answer.status !== 200) return { status: answer.status, body: await answer.json().catch(() => ({})) };
      if (Date.now() > end) return { status: 'still open after 15 s' };
      await new Promise((go) => setTimeout(go, 100));
    }
  });
  check('when it has ended, a script is answered 401 with the reason session-expired', ended.status === 401 && ended.body.reason === 'session-expired', JSON.stringify(ended));
  trail.length = 0;
  await open(tab, '/initech/tps/tree/later');
  const challenged = trail.some((url) => url.startsWith(`${gate}/-/sso/initech/`) || url.startsWith(acme));
  check('a page load after the end is challenged again', challenged, trail);
  if (ours(tab.url())) await picture(tab, 'expired');
  await signIn(tab, ...atAcme);
  check('and lands on its deep link after signing in again', tab.url() === `${gate}/initech/tps/tree/later`, tab.url());
  await context.close();
});

await scenario('a provider that is down', async () => {
  const context = await visitor();
  const tab = await context.newPage();
  let answer = await open(tab, '/hooli/secret/tree/main');
  const way = tab.locator('a[href*="/login"], form[action*="/login"] button').first();
  if (answer.status() < 400 && ours(tab.url()) && (await way.count())) {
    [answer] = await Promise.all([tab.waitForResponse((response) => response.request().isNavigationRequest() && ours(response.url())), way.click()]);
    await tab.waitForLoadState('load');
  }
  check('a provider that is down is a page that says so, with a status of 502 to 504', answer.status() >= 502 && answer.status() <= 504 && (await tab.textContent('body')).includes('Hooli'), `${answer.status()} ${await tab.textContent('body')}`);
  await picture(tab, 'provider-down');
  await wellKept(answer, 'provider-down');
  await context.close();
});

await scenario('sign-out at both ends', async () => {
  if (keycloak) check('before: Keycloak knows one session of the person', (await ask('globex sessions')) === 1, await ask('globex sessions'));
  await open(page, '/-/sso/logout');
  check('opening the sign-out address only asks', (await (await person.request.get(`${gate}/acme/secret-bert`, { maxRedirects: 0, headers: { Accept: 'text/html' } })).status()) === 200);
  await picture(page, 'sign-out');
  const trail = [];
  page.on('request', (request) => request.isNavigationRequest() && trail.push(`${request.method()} ${request.url().split('?')[0]}`));
  await settle(page, () => page.locator('form[action*="logout"] button, form[action*="logout"] input[type=submit]').first().click());
  for (let step = 0; step < 8; step += 1) {
    const yes = page.locator('button[name=logout][value=yes], #kc-logout');
    if (page.url().startsWith(gate)) {
      // A gate can send a person to one provider at a time; the page may lead on to the next.
      const next = page.locator('form[action*="logout"] button, a[href*="logout"]').first();
      if (new URL(page.url()).pathname === '/-/sso/' || !(await next.count())) break;
      await settle(page, () => next.click());
    } else if (await yes.count()) await settle(page, () => yes.first().click());
    else break;
  }
  say(`the way out: ${trail.join(' -> ')}`);
  check('sign-out ends on a page of the gate', ours(page.url()), `${page.url()}\n${trail.join('\n')}`);
  await picture(page, 'signed-out');
  const session = await (await person.request.get(`${gate}/-/sso/session`)).text();
  check('the gate knows no sign-in any more', !session.includes('acme:') && !session.includes('gina@') && !session.includes('alice@'), session);
  check('the first provider was told (RP-initiated logout)', trail.some((step) => step.includes(`${acme}/session/end`)), trail.join('\n'));
  await open(page, '/acme/secret-bert');
  if (ours(page.url())) await settle(page, () => page.locator('a[href*="/login"], form[action*="/login"] button').first().click());
  check('the session at oidc-provider is over: it asks for the password again', (await page.locator('input[type=password]').count()) === 1, page.url());
  if (keycloak) check('the session at Keycloak is over', (await ask('globex sessions')) === 0, `${await ask('globex sessions')} sessions\n${trail.join('\n')}`);
  await open(page, '/globex/secret-gpt');
  if (ours(page.url())) await settle(page, () => page.locator('a[href*="/login"], form[action*="/login"] button').first().click());
  check('the second provider asks for the password again', (await page.locator('input[type=password]').count()) === 1, page.url());
});

await scenario('sign-out by the provider', async () => {
  const probe = await person.request.post(`${gate}/-/sso/globex/oidc/backchannel-logout`, { form: { logout_token: 'x' } });
  if (probe.status() === 404 || !keycloak) {
    say(keycloak ? 'back-channel logout is not built: not tried' : 'back-channel logout needs Keycloak: not tried');
    return;
  }
  const context = await visitor();
  const tab = await context.newPage();
  await open(tab, '/globex/secret-gpt');
  await signIn(tab, ...atGlobex);
  await ask('end globex sessions');
  const ended = await tab.evaluate(async () => {
    const end = Date.now() + 10_000;
    for (;;) {
      const answer = await fetch('/globex/secret-gpt');
      if (answer.status !== 200) return { status: answer.status, body: await answer.json().catch(() => ({})) };
      if (Date.now() > end) return { status: 'still open after 10 s' };
      await new Promise((go) => setTimeout(go, 100));
    }
  });
  check('when Keycloak signs the person out, the gate refuses with the reason session-revoked', ended.status === 401 && ended.body.reason === 'session-revoked', JSON.stringify(ended));
  await context.close();
});

await browser.close();
process.exit(0);
