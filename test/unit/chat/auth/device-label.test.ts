import { expect } from 'chai';
import { deviceLabel } from '../../../../src/chat/auth/device-label.ts';

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)';

describe('The name of a device', () => {
  const cases: [string, string | null][] = [
    ['Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0', 'Firefox on Linux'],
    ['Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0', 'Firefox on Android'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36`, 'Chrome on Windows'],
    [`Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} HeadlessChrome/131.0.0.0 Safari/537.36`, 'Chrome on Linux'],
    [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36`, 'Chrome on ChromeOS'],
    [`Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36`, 'Chrome on Android'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0`, 'Edge on Windows'],
    [`Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36 OPR/116.0.0.0`, 'Opera on Linux'],
    [
      `Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36`,
      'Samsung Internet on Android',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
      'Safari on macOS',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
      'Safari on iPhone',
    ],
    [
      'Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1',
      'Chrome on iPad',
    ],
    ['Dalvik/2.1.0 (Linux; U; Android 14)', 'Android'],
    ['Firefox/132.0', 'Firefox'],
    ['curl/8.11.0', null],
    ['node', null],
    ['', null],
    [' \t ', null],
    ['\u202eFirefox\u202c on \u202eLinux', 'Linux'],
    ['\u0000\u0001\u001b[31m\u0007Firefox/1 (Linux)\r\nSet-Cookie: x', 'Firefox on Linux'],
    [`${'x'.repeat(65_536)} Firefox/132.0 (Linux)`, null],
    [`Firefox/132.0 (Linux) ${'Edg/ Android '.repeat(5000)}`.slice(0, 65_536), 'Edge on Android'],
    ['Chrome'.repeat(10_000), null],
  ];
  for (const [userAgent, label] of cases) {
    const shown = JSON.stringify(userAgent.length > 60 ? `${userAgent.slice(0, 60)}…` : userAgent);
    it(`is ${label ?? 'unknown'} for ${shown}, ${userAgent.length} characters`, () => {
      expect(deviceLabel(userAgent)).to.equal(label);
    });
  }

  it('is unknown without a User-Agent', () => expect(deviceLabel(undefined)).to.equal(null));
});
