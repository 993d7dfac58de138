import type { Contract } from '../support/network/contract.ts';
import type { GeneratedRequest } from './generated-request.ts';

/** Runs that took quadratic time where they were processed before their length was checked; at most 120 KB each. */
const WORST = ['\u0327\u0301', '\u0301\u0323', '\u05b0\u05bc', 'ب\u200c', '👩\u200d', '\ufdfa', ' x', '\\"', '1'].map(
  (unit) => unit.repeat(Math.floor(100_000 / Buffer.byteLength(JSON.stringify(unit).slice(1, -1)))),
);

/** Creates requests that put each of the worst runs into each field of each body, alone and in a list. */
export function sweepRequests(contract: Contract, without: ReadonlySet<string>): GeneratedRequest[] {
  return contract.operations.flatMap(([method, path, operation]) => {
    const schema = operation.requestBody?.content['application/json']?.schema as { properties?: object } | undefined;
    if (without.has(`${method} ${path}`)) return [];
    return Object.keys(schema?.properties ?? {}).flatMap((field) =>
      WORST.flatMap((run) =>
        [run, [run]].map(
          (value): GeneratedRequest => ({
            method,
            path,
            rawPath: null,
            pathValues: { id: { reference: 'user', at: 0 }, group: 'sweep', file: 'sweep' },
            query: [],
            body: { [field]: value },
            malformedBody: null,
            headers: {},
          }),
        ),
      ),
    );
  });
}
