import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

/** Commands that take the node out of service, or that wait for events. */
const SKIPPED = ['/fall', '/revive', '/switchover', '/events', '/subscribe/status', '/subscribe/user'];
/** Between two responses: a character that no response contains. */
const SEPARATOR = '\\036';
/** The rows that the examples name, such as message 1042, need not exist; the request itself must be complete. */
const INCOMPLETE = ['invalid_request', 'invalid_json', 'unsupported_media_type', 'not_found', 'key_reused'];

describe('The commands of /docs', function () {
  this.timeout(300_000);
  const nodes = useTwoNodes();

  it('are complete with AUTH=open: each can be copied and run', async () => {
    const { text } = await get(`${nodes.active.url}/docs`);
    const commands = [...text.matchAll(/<div class="curl"><code[^>]*>(.*?)<\/code>/gs)].map(([, code = '']) =>
      plain(code),
    );
    const toRun = commands.filter((one) => !SKIPPED.some((path) => one.includes(`${nodes.active.url}${path}`)));
    expect(toRun).to.have.length.above(50);
    const script = toRun
      .map((one) => `${one} --silent --max-time 30 --write-out '\\n%{http_code}'; printf '${SEPARATOR}'`)
      .join('\n');
    const { stdout } = await promisify(execFile)('sh', ['-c', script], { maxBuffer: 64 * 1024 * 1024 });
    const responses = stdout.split('\x1e').slice(0, -1);
    expect(responses).to.have.length(toRun.length);
    const incomplete = responses.flatMap((response, at) => {
      const code = /"code":"(\w+)"/.exec(response)?.[1] ?? '';
      // curl prints 000 if there was no response. A stream has none either when its time is over, but it had a status.
      const hasResponse = /\n[1-5]\d\d$/.test(response);
      return !hasResponse || INCOMPLETE.includes(code) ? [`${toRun[at]}: ${response}`] : [];
    });
    expect(incomplete).to.deep.equal([]);
  });
});

describe('The commands of /docs with AUTH=token', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes({ AUTH: 'token' });

  it('use the token in $TOKEN, as the launcher sets it', async () => {
    const { url } = nodes.active;
    const { token } = (await post(`${url}/register`, { username: 'ana', password: 'correct horse' })).body;
    const { text } = await get(`${url}/docs`);
    const commands = [...text.matchAll(/<div class="curl"><code[^>]*>(.*?)<\/code>/gs)].map(([, code = '']) =>
      plain(code),
    );
    const command = commands.find((one) => one.endsWith(`'${url}/me'`) && !one.includes('-X'));
    const env = { ...process.env, TOKEN: String(token) };
    const { stdout } = await promisify(execFile)('sh', ['-c', `${command} --silent --max-time 30`], { env });
    expect(JSON.parse(stdout)).to.include({ username: 'ana' });
  });
});

function plain(html: string): string {
  const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return html.replace(/<[^>]+>/g, '').replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => entities[name] ?? '');
}
