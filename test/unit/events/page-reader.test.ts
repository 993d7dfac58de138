import { expect } from 'chai';
import type pg from 'pg';
import { markRefusedOpening } from '../../../src/database/errors.ts';
import { errorMessage } from '../../../src/error-message.ts';
import type { LogPage } from '../../../src/events/reading/log-page.ts';
import { PageReader } from '../../../src/events/reading/page-reader.ts';

const PAGE: LogPage = { floor: 0, head: 9, epochs: null, rows: [], end: 9 };

describe('The reader of pages', () => {
  /** Its first reads fail with this error; then every statement succeeds. */
  function readerThatFails(error: Error, times: number) {
    const statements: pg.QueryConfig[] = [];
    const session = {
      query: (statement: pg.QueryConfig) => {
        statements.push(statement);
        return Promise.resolve([]);
      },
    };
    let reads = 0;
    const read = () => (++reads <= times ? Promise.reject(error) : Promise.resolve(PAGE));
    return { reader: new PageReader(session as never, read, 8), statements };
  }
  const failure = (code: string) => Object.assign(new Error(`SQLSTATE ${code}`), { code });

  // The session may open a moment later: if the reader took the error for that of a row, it would skip an event that can be read.
  for (const code of ['22012', '54001', 'XX001']) {
    it(`skips no event when a session is refused with the SQLSTATE of an unreadable row (${code})`, async () => {
      const refused = failure(code);
      markRefusedOpening(refused);
      const { reader, statements } = readerThatFails(refused, 4);
      for (let tries = 0; tries < 4; tries++) {
        expect(await reader.next(3, 'epoch').catch(errorMessage)).to.equal(`SQLSTATE ${code}`);
      }
      expect(await reader.next(3, 'epoch')).to.equal(PAGE);
      expect(statements).to.deep.equal([]);
    });
  }

  it('reads only the bare event of a row that cannot be read', async () => {
    const { reader, statements } = readerThatFails(failure('XX001'), 4);
    await reader.next(3, 'epoch').catch(() => {});
    expect(statements).to.have.length(1);
  });
});
