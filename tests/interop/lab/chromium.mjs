// Chromium for suites written in Python: does what it is told in lines of JSON, and answers each with one line.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const told = JSON.parse(process.env.INTEROP);
const browser = await chromium.launch({ executablePath: told.chromium, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
const people = new Map();

/** The tab of a person, whose cookies are their own. */
async function tab(person) {
  if (!people.has(person)) {
    const context = await browser.newContext({ viewport: { width: 900, height: 640 } });
    context.setDefaultTimeout(20_000);
    await context.route((url) => !url.hostname.startsWith('127.'), (route) => route.abort());
    people.set(person, await context.newPage());
  }
  return people.get(person);
}

/** Acts, and waits for the document that follows. */
async function settle(page, act) {
  await Promise.all([page.waitForEvent('domcontentloaded'), act()]);
  await page.waitForLoadState('load').catch(() => {});
}

async function picture(page, name) {
  if (!name) return;
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${told.screens}/${name}-${colorScheme}.png` });
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Signs in at the providers that come in the way, until a page of the gate or the hub asks for nothing more. */
async function through(page, who) {
  for (let step = 0; step < 10; step += 1) {
    if (await page.locator('input[type=password]').count()) {
      await page.locator('input[name=login]:not([type=submit]), input[name=username]').first().fill(who);
      await page.locator('input[type=password]').fill('x');
      await settle(page, () => page.locator('button[type=submit], input[type=submit]').first().click());
      continue;
    }
    if (!page.url().startsWith(told.gate)) {
      // After a sign-out the provider asks again whether the gate may know.
      await settle(page, () => page.locator('button[type=submit]').first().click());
      continue;
    }
    const way = page.locator(`a[href*="/-/sso/${told.organization}/login"]`).first();
    if (new URL(page.url()).pathname === '/-/sso/' || !(await way.count())) return;
    await settle(page, () => way.click());
  }
}

const commands = {
  /** Loads a page as a person types an address; signs in as `who` where that is asked for. */
  async open({ person, url, who, name }) {
    const page = await tab(person);
    const answer = await page.goto(url, { waitUntil: 'load' });
    const status = answer.status();
    if (who) await through(page, who);
    await picture(page, name);
    return { status, url: page.url(), text: await page.locator('body').innerText() };
  },
  async click({ person, target, name }) {
    const page = await tab(person);
    await settle(page, () => page.locator(target).first().click());
    await picture(page, name);
    return { url: page.url(), text: await page.locator('body').innerText() };
  },
  async count({ person, target }) {
    return (await tab(person)).locator(target).count();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let answer;
  try {
    answer = { value: await commands[asked.do](asked) };
  } catch (error) {
    answer = { error: error.stack };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
