import type { EffectOfCode } from '../../http/contract/error-codes.ts';

/** The effect that each code of a 503 implies for its request. The types compare it with the server's list: a new code fails to compile here. */
const effects: EffectOfCode = {
  not_active: 'not executed',
  not_alive: 'not executed',
  overloaded: 'not executed',
  unavailable: 'not executed',
  blocked: 'not executed',
  database_refused: 'not executed',
  no_successor: 'refused',
  not_replicated: 'perhaps executed',
  outcome_unknown: 'perhaps executed',
};

/** Returns the error code for a request that may have been executed: that of its last response if this says so, else `outcome_unknown`. */
export function codeOfUnknown(lastCode: string): string {
  return Object.hasOwn(effects, lastCode) && effectOfCode(lastCode) === 'perhaps executed'
    ? lastCode
    : 'outcome_unknown';
}

/**
 * Returns what a 503 with this code says about its request. An unknown or missing code proves nothing: a proxy may have lost
 * the response.
 */
export function effectOfCode(code: string): EffectOfCode[keyof EffectOfCode] {
  return Object.hasOwn(effects, code) ? effects[code as keyof EffectOfCode] : 'perhaps executed';
}
