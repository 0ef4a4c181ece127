// Draws boards.json, which ask.py wrote beside this file: a page for each
// dashboard in headless Chromium, and a picture of it.
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const { boards, ...window } = JSON.parse(readFileSync(join(here, 'boards.json'), 'utf8'));

await build({
  entryPoints: [join(here, 'page.mjs')],
  bundle: true,
  minify: true,
  logLevel: 'error',
  loader: { '.woff2': 'dataurl', '.woff': 'empty' },
  outfile: join(here, 'bundle.js'),
});

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, { board, series }] of Object.entries(boards)) {
  const page = await browser.newPage({ viewport: { width: 1600, height: 100 }, timezoneId: 'UTC' });
  page.on('pageerror', (error) => {
    throw new Error(`${name}: ${error.message}`);
  });
  await page.setContent('<!doctype html><html lang="en"><body></body></html>');
  await page.addStyleTag({ path: join(here, 'bundle.css') });
  await page.addScriptTag({ path: join(here, 'bundle.js') });
  // Canvases ask for no font by themselves.
  await page.evaluate(() => Promise.all(['12px Inter', '500 12px Inter'].map((font) => document.fonts.load(font))));
  await page.evaluate(([b, s, w]) => globalThis.drawBoard(b, s, w), [board, series, window]);
  await page.screenshot({ path: join(here, `${name}.png`), fullPage: true });
  await page.close();
}
await browser.close();
