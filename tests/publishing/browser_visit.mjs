/**
 * Opens the page in headless Chromium and does what visitors do. Prints JSON.
 *
 * node browser_visit.mjs NODE_MODULES CHROMIUM VISIT.json
 * VISIT.json: {url, profile, steps}; a step is {open: FILE}, {example: true}, {save: FILE}, {text: SELECTOR},
 * {visible: SELECTOR}, {goto: URL} or {shot: FILE, width, height}, which tells by how much the page is wider than the window.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packages, executablePath, visitFile] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/`)("playwright-core");
const { url, profile, steps } = JSON.parse(readFileSync(visitFile, "utf-8"));

const context = await chromium.launchPersistentContext(profile, {
  executablePath, headless: true, viewport: { width: 1280, height: 900 }, acceptDownloads: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = context.pages()[0] ?? await context.newPage();
const requests = [], complaints = [], told = [];
context.on("request", (request) => requests.push(request.url()));
page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
page.on("pageerror", (error) => complaints.push(String(error)));

async function made(act) {
  await page.evaluate(() => { delete document.body.dataset.seconds; });
  await act();
  // Until there is PET, or a line that says why there is none.
  const done = await page.waitForFunction(() => {
    const error = document.getElementById("error");
    return document.body.dataset.seconds || (!error.hidden && error.textContent);
  }, null, { timeout: 240_000 });
  return await done.jsonValue();
}

async function take(step) {
  if (step.open) return await made(() => page.setInputFiles("#file", step.open));
  if (step.example) return await made(() => page.click("#example"));
  if (step.text) return await page.innerText(step.text);
  if (step.visible) return await page.isVisible(step.visible);
  if (step.goto) return await visit(step.goto);
  if (step.save) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
    await download.saveAs(step.save);
    return download.suggestedFilename();
  }
  await page.setViewportSize({ width: step.width, height: step.height });
  await page.screenshot({ path: step.shot, fullPage: true });
  return await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

async function visit(address) {
  await page.goto(address);
  const isDone = () => document.body.dataset.ready || !document.getElementById("error").hidden;
  await page.waitForFunction(isDone, null, { timeout: 240_000 });
}

try {
  await visit(url);
  for (const step of steps) told.push(await take(step));
  console.log(JSON.stringify({ told, requests: [...new Set(requests)], complaints }));
} finally {
  await context.close();
}
