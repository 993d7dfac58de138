import { expect } from 'chai';
import { timeOfDay } from '../../../src/web/i18n/dates.ts';
import { clockTime, number } from '../../../src/web/i18n/durations.ts';

describe('Numbers and times on the pages', () => {
  const original = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  const speak = (...languages: string[]) =>
    Object.defineProperty(globalThis, 'navigator', { value: { languages }, configurable: true });
  afterEach(() => {
    if (original === undefined) delete (globalThis as { navigator?: unknown }).navigator;
    else Object.defineProperty(globalThis, 'navigator', original);
  });

  const time = new Date(2026, 2, 1, 15, 4, 5);

  it("have the form of the reader's region, where it speaks the language of the page", () => {
    speak('en-GB', 'pt-BR');
    expect([clockTime(time, time), timeOfDay(time), number(1234.5, 1)]).to.deep.equal(['15:04:05', '15:04', '1,234.5']);
    speak('en-US');
    expect([clockTime(time, time), timeOfDay(time)].map((text) => text.replace(/\s/g, ' '))).to.deep.equal([
      '3:04:05 PM',
      '03:04 PM',
    ]);
  });
});
