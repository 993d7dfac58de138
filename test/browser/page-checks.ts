import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { expect } from 'chai';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Expects that axe-core finds no violation on the page in either theme, and that the page is not wider than its window. */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  await page.evaluate(AXE);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate<AxeResults>('axe.run({ resultTypes: ["violations"] })');
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    expect(found, `${state}, ${colorScheme}`).to.deep.equal([]);
    await screenshot(page, `${state}-${colorScheme}`);
  }
  expect(await overflow(page), `${state}: no horizontal scrolling`).to.be.at.most(0);
}

/** Writes a picture for people into .screenshots/ if SCREENSHOTS is set. */
async function screenshot(page: Page, name: string): Promise<void> {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `.screenshots/${name}.png`, fullPage: true });
}

/** Returns by how many pixels the page is wider than its window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Checks that a page fits into small and large windows. */
export async function expectFits(page: Page, state: string): Promise<void> {
  for (const width of [320, 820, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    expect(await overflow(page), `${state} at ${width} px`).to.be.at.most(0);
    await screenshot(page, `${state}-${width}`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}
