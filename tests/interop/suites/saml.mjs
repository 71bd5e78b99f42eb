// Drives Chromium through SAML sign-ins; speaks to saml.py in lines of JSON.
import { chromium } from 'playwright-core';

const { gate, asked, chromium: executablePath } = JSON.parse(process.env.INTEROP);
const check = (sentence, ok, detail = '') => process.stdout.write(`${JSON.stringify({ check: sentence, ok: Boolean(ok), detail: ok ? '' : String(detail) })}\n`);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
const header = (page, name) => page.locator(`dd[id="${name}"]`).textContent({ timeout: 2_000 }).catch(() => null);

/** Does what a person does until the address is one of `ends`; tells what they met. */
async function walk(page, ends, who, password) {
  const met = [];
  for (let step = 0; step < 60; step += 1) {
    await page.waitForLoadState('load').catch(() => {});
    const url = page.url();
    if (ends(url)) return met;
    if (await page.locator('input[type=password]').count().catch(() => 0)) {
      met.push('password');
      await page.locator('input[name=username]').first().fill(who);
      await page.locator('input[type=password]').fill(password);
      await Promise.all([page.waitForEvent('domcontentloaded'), page.locator('button[type=submit], input[type=submit]').first().click()]);
    } else if (url.startsWith(`${gate}/-/sso/`)) {
      const way = page.locator('main a[href*="/login"], main form button, main form input[type=submit]').first();
      if (await way.count().catch(() => 0)) {
        met.push('gate');
        await Promise.all([page.waitForEvent('domcontentloaded').catch(() => {}), way.click().catch(() => {})]);
      } else {
        await page.waitForTimeout(500);
      }
    } else {
      // A form that submits itself is on its way.
      await page.waitForTimeout(500);
    }
  }
  throw new Error(`still on the way at ${page.url()}: ${(await page.content()).slice(0, 1500)}`);
}

/** Presses whatever sends a form on, until the browser is at rest at one of `ends`, or some time has passed. */
async function carried(page, ends) {
  for (let step = 0; step < 20 && !ends(page.url()); step += 1) {
    await page.waitForTimeout(500);
    const form = page.locator('form input[name=SAMLResponse], form input[name=SAMLRequest]').first();
    if (await form.count().catch(() => 0)) await page.locator('form button, form input[type=submit]').first().click({ timeout: 1_000 }).catch(() => {});
  }
}

/** Ends every session of a person as Keycloak's administrator does: from server to server. */
async function ended({ base, realm }, who) {
  const form = new URLSearchParams({ client_id: 'admin-cli', grant_type: 'password', username: 'admin', password: 'admin' });
  const { access_token: token } = await (await fetch(`${base}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: form })).json();
  const headers = { authorization: `Bearer ${token}` };
  const [{ id }] = await (await fetch(`${base}/admin/realms/${realm}/users?exact=true&username=${who}`, { headers })).json();
  return (await fetch(`${base}/admin/realms/${realm}/users/${id}/logout`, { method: 'POST', headers })).status;
}

/** What the provider begins by itself: a sign-in, and the end of one. */
async function begunThere({ organization, kind, who, password, open, initiate, end, end_by_post: endByPost, administrator }) {
  const name = `${kind}, ${organization}`;
  const wanted = `${gate}/${organization}/bert/tree/main?one=1`;
  const ways = [['an administrator', administrator && (async () => ended(administrator, who))],
    ['a logout request by redirect', end && (async (page) => { await page.goto(end, { waitUntil: 'load' }).catch(() => {}); await carried(page, (url) => !url.startsWith(gate) && url !== end); })],
    ['a logout request by POST', endByPost && (async (page) => { await page.goto(endByPost, { waitUntil: 'load' }).catch(() => {}); await carried(page, (url) => !url.startsWith(gate) && url !== endByPost); })]];
  for (const [way, act] of ways.filter(([, act]) => act)) {
    const context = await browser.newContext();
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    try {
      await page.goto(initiate, { waitUntil: 'load' });
      if (!open) {
        const refused = (url) => url.startsWith(gate) && /\/saml\/acs/.test(url);
        await walk(page, refused, who, password);
        await page.goto(wanted, { waitUntil: 'load' });
        check(`${name}: a sign-in that nobody asked for is refused`, page.url() !== wanted, page.url());
        await context.close();
        return;
      }
      await walk(page, (url) => url === wanted, who, password);
      check(`${name}: a sign-in that the provider began lands where it says`, (await header(page, 'x-auth-role')) === 'write', page.url());
      const other = await context.newPage();
      const told = await act(other);
      let gone = false;
      for (let step = 0; step < 10 && !gone; step += 1) {
        await page.goto(wanted, { waitUntil: 'load' });
        gone = page.url() !== wanted;
        if (!gone) await page.waitForTimeout(500);
      }
      check(`${name}: ${way} ends it here`, gone, `${told} ${other.url()} ${(await other.content()).slice(0, 800)}`);
    } catch (error) {
      check(`${name}: begun by the provider, ended by ${way}`, false, error.stack);
    }
    await context.close();
  }
}

for (const one of asked) {
  const { organization, kind, who, password } = one;
  const context = await browser.newContext();
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const deep = `${gate}/${organization}/bert/tree/main?one=1&two=%2F`;
  try {
    await page.goto(deep, { waitUntil: 'load' });
    const met = await walk(page, (url) => url === deep, who, password);
    check(`${kind}, ${organization}: the person signs in at the provider and arrives where they wanted to go`, met.includes('password') && (await page.locator('#path').textContent()).startsWith(`/${organization}/bert/tree/main`), await page.content());
    const told = { org: await header(page, 'x-auth-org'), role: await header(page, 'x-auth-role'), email: await header(page, 'x-auth-email') };
    check(`${kind}, ${organization}: the hub is told organization, role and address`, told.org === organization && told.role === 'write' && told.email === 'bob@acme.test', JSON.stringify(told));
    await page.goto(`${gate}/-/sso/logout`, { waitUntil: 'load' });
    const out = page.locator('main form button, main form input[type=submit]').first();
    await Promise.all([page.waitForEvent('domcontentloaded'), out.click()]);
    for (let step = 0; step < 40 && !(page.url().startsWith(gate) && !page.url().includes('/saml/')); step += 1) await page.waitForTimeout(500);
    check(`${kind}, ${organization}: signing out goes by the provider and comes back`, page.url() === `${gate}/-/sso/signed-out`, page.url() + (await page.content()).slice(0, 800));
    await page.goto(deep, { waitUntil: 'load' });
    check(`${kind}, ${organization}: after signing out nobody is signed in`, page.url() !== deep, page.url());
  } catch (error) {
    check(`${kind}, ${organization}: the whole way`, false, error.stack);
  }
  await context.close();
  if (one.initiate) await begunThere(one);
}
await browser.close();
