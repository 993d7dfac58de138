import { Readable } from 'node:stream';
import { expect } from 'chai';
import type { Query } from '../../../src/cli/command/database.ts';
import { importFile } from '../../../src/cli/transfer/import-file.ts';
import { Progress } from '../../../src/cli/transfer/progress.ts';

describe('importFile', () => {
  /** Imports these lines, and returns the arrays of rows that PostgreSQL gets. */
  async function imported(lines: string[]): Promise<string[]> {
    const arrays: string[] = [];
    const query = (async (text: string, values: readonly unknown[] = []) => {
      if (text.includes('import_rows')) arrays.push(String(values[1]));
      return [];
    }) as Query;
    const all = ['{"plantao_export":1,"rows":{}}', ...lines, `{"end":true,"rows":${lines.length}}`];
    await importFile(query, Readable.from(all.map((line) => `${line}\n`)), new Progress(() => undefined));
    return arrays;
  }

  it('passes numbers on as they are written: a number of JavaScript has 53 bits and no final zeros', async () => {
    const row = '{"id": 9007199254740993, "meta": {"n": 12345678901234567890, "f": 1.10, "text": "}}"}}';
    expect(await imported([`{"table":"messages","row":${row}}`])).to.deep.equal([`[${row}]`]);
    expect(await imported([`{ "table": "messages", "row": ${row} } `])).to.deep.equal([`[${row}]`]);
  });

  it('names line 1 if its last ids are not ids', async () => {
    for (const ids of ['{"users":"x"}', '{"users":1.5}', '7', 'null']) {
      const input = Readable.from([`{"plantao_export":1,"rows":{},"last_ids":${ids}}\n`]);
      const query = (async () => []) as Query;
      const error = await importFile(query, input, new Progress(() => undefined)).catch(String);
      expect(error, ids).to.match(/line 1 is not the header/);
    }
  });

  it('accepts rows in another form', async () => {
    expect(await imported(['{"row":{"id":1},"table":"users"}'])).to.deep.equal(['[{"id":1}]']);
    expect(await imported(['{"table":"users","row":{"id":1},"note":{}}'])).to.deep.equal(['[{"id":1}]']);
  });
});
