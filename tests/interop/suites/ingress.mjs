// A person in Chromium behind somebody else's proxy; speaks to ingress.py in lines of JSON.
import { chromium } from 'playwright-core';

const { gate, path, ...told } = JSON.parse(process.env.INTEROP);
const check = (sentence, ok, detail) => process.stdout.write(`${JSON.stringify({ check: sentence, ok: Boolean(ok), detail: ok ? '' : String(detail) })}\n`);
const browser = await chromium.launch({ executablePath: told.chromium, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
const context = await browser.newContext();
context.setDefaultTimeout(20_000);
await context.route((url) => !url.hostname.startsWith('127.'), (route) => route.abort());
const page = await context.newPage();

const refused = await page.goto(`${gate}/acme/open-bert`, { waitUntil: 'load' });
check('what is public is shown without a sign-in', refused.status() === 200, refused.status());
await page.goto(gate + path, { waitUntil: 'load' });
check('a deep link leads to the provider', !page.url().startsWith(gate) && (await page.locator('input[type=password]').count()), page.url());
for (let step = 0; step < 5 && !page.url().startsWith(gate); step += 1) {
  const password = page.locator('input[type=password]');
  if (await password.count()) {
    await page.locator('input[name=login]:not([type=submit]), input[name=username]').first().fill('alice');
    await password.fill('x');
  }
  await Promise.all([page.waitForEvent('domcontentloaded'), page.locator('button[type=submit], input[type=submit]').first().click()]);
  await page.waitForLoadState('load').catch(() => {});
}
check('the sign-in lands on the deep link', page.url() === gate + path, page.url());
const fetched = await page.evaluate(async () => (await fetch('/acme/secret/raw/main/x')).status);
check('a script of the page reads what its person may', fetched === 200, fetched);
const cookies = await context.cookies(gate);
check('no cookie of the gate can be read by scripts', cookies.length && cookies.every((one) => one.httpOnly), JSON.stringify(cookies));
await context.clearCookies();
const after = await page.evaluate(async () => {
  const answer = await fetch('/acme/secret/raw/main/x');
  return { status: answer.status, redirected: answer.redirected, sso: answer.headers.get('x-hub-sso') };
});
check('without the session a script is refused, told where to sign in, and not redirected', [401, 403].includes(after.status) && !after.redirected && /acme/.test(after.sso ?? ''), JSON.stringify(after));
await browser.close();
