import type { Contract } from '../support/contract.ts';
import type { Attempt } from './attempt.ts';

/** Runs that took the square of their length where something was done with them before it was checked; of 120 KB at most. */
const WORST = ['\u0327\u0301', '\u0301\u0323', '\u05b0\u05bc', 'ب\u200c', '👩\u200d', '\ufdfa', ' x', '\\"', '1'].map(
  (unit) => unit.repeat(Math.floor(100_000 / Buffer.byteLength(JSON.stringify(unit).slice(1, -1)))),
);

/** Attempts that put each of the worst runs into each field of each body, alone and in lists: none is left to chance. */
export function sweepOf(contract: Contract, without: ReadonlySet<string>): Attempt[] {
  return contract.operations.flatMap(([method, path, operation]) => {
    const schema = operation.requestBody?.content['application/json']?.schema as { properties?: object } | undefined;
    if (without.has(`${method} ${path}`)) return [];
    return Object.keys(schema?.properties ?? {}).flatMap((field) =>
      WORST.flatMap((run) =>
        [run, [run]].map(
          (value): Attempt => ({
            method,
            path,
            rawPath: null,
            inPath: { id: { drawn: 'user', at: 0 }, group: 'sweep', file: 'sweep' },
            query: [],
            body: { [field]: value },
            brokenBody: null,
            headers: {},
          }),
        ),
      ),
    );
  });
}
