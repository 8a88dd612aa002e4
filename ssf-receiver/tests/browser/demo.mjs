// Two people sign in at both applications, an administrator ends a session of one of them, and both pages tell.
// Arguments: the applications, the provider's console, and a directory for the profile.

import assert from 'node:assert/strict';
import puppeteer from 'puppeteer-core';

const [embedding, proxied, console_, profile] = process.argv.slice(-4);
const applications = [embedding, proxied];
const REASON = 'Ihre Sitzung wurde von Ihrer Administration beendet.';

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-proxy-server', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
  userDataDir: profile,
  // Chromium ends with whoever holds the other end.
  pipe: true,
});

/** A page in somebody's browser, which loads nothing from elsewhere. */
async function open(context, language) {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await page.setExtraHTTPHeaders({ 'accept-language': language });
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    assert(protocol === 'data:' || hostname === '127.0.0.1', request.url());
  });
  return page;
}

/** Goes to a page, and looks at what every page must have. */
async function visit(page, url) {
  const answer = await page.goto(url);
  const form = await page.evaluate(() => ({
    language: document.documentElement.lang,
    headings: [...document.querySelectorAll('main h1')].map((heading) => heading.textContent),
    title: document.title,
  }));
  assert.equal(form.language, 'en');
  assert.deepEqual(form.headings, [form.title]);
  return { status: answer.status(), heading: form.title };
}

/** Clicks on a link or a button that leads to another page. */
async function follow(page, selector) {
  await Promise.all([page.waitForNavigation(), page.locator(selector).click()]);
}

/** Begins where the application tells a stranger to sign in. */
async function signIn(page, person, application) {
  // Chromium draws no tab behind another one, and what is not drawn cannot be clicked on.
  await page.bringToFront();
  await follow(page, '::-p-aria([role="link"][name="Sign in"])');
  await follow(page, `::-p-text(${person})`);
  assert.equal(page.url(), application);
  await served(page, person);
}

async function served(page, person) {
  const status = await page.$eval('#status', (element) => element.textContent);
  assert.equal(status, `Signed in as ${person.toLowerCase()}@example.com`);
}

/** Two pages of a browser without any cookies, one at each application. */
async function signInAtBoth(person, language) {
  const context = await browser.createBrowserContext();
  const pages = [];
  for (const application of applications) {
    const page = await open(context, language);
    const { status } = await visit(page, application);
    // nginx lets no stranger through, and the other application says itself what it shows them.
    assert.equal(status, application === proxied ? 401 : 200);
    await signIn(page, person, application);
    pages.push(page);
  }
  return pages;
}

try {
  const alice = await signInAtBoth('Alice', 'de');
  const bob = await signInAtBoth('Bob', 'en');

  const administrator = await open(await browser.createBrowserContext(), 'en');
  await visit(administrator, console_);
  await administrator.locator('[data-deed=end-session][data-person=alice]').click();
  await administrator.locator('#log ::-p-text(accepted)').wait();

  for (const [place, page] of alice.entries()) {
    // The page that is open notices by itself; so the next request comes after that.
    await page.bringToFront();
    await page.locator('#status.refused').wait();
    assert.equal(await page.$eval('#reason:lang(de)', (element) => element.textContent), REASON);
    const { status, heading } = await visit(page, applications[place]);
    assert.equal(status, 401);
    assert.equal(heading, 'You are signed out');
    assert.equal(await page.$eval('[lang=de]', (element) => element.textContent), REASON);
  }
  for (const [place, page] of bob.entries()) {
    await served(page, 'Bob');
    assert.equal((await visit(page, applications[place])).status, 200);
    await served(page, 'Bob');
  }
  for (const [place, page] of alice.entries()) {
    await signIn(page, 'Alice', applications[place]);
  }
} finally {
  await browser.close();
}
