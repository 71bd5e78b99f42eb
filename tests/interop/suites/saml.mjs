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

for (const { organization, kind, who, password } of asked) {
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
    check(`${kind}, ${organization}: signing out goes by the provider and comes back`, page.url().startsWith(`${gate}/-/sso/`), page.url() + (await page.content()).slice(0, 800));
    await page.goto(deep, { waitUntil: 'load' });
    check(`${kind}, ${organization}: after signing out nobody is signed in`, page.url() !== deep, page.url());
  } catch (error) {
    check(`${kind}, ${organization}: the whole way`, false, error.stack);
  }
  await context.close();
}
await browser.close();
