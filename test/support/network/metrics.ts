import { get } from './http.ts';

/** Returns one figure of a node's `/metrics`; NaN if there is none of that name. */
export async function figureOf(url: string, name: string): Promise<number> {
  const { text } = await get(`${url}/metrics`);
  return Number(new RegExp(`^${name}(?:\\{\\})? (\\d+)$`, 'm').exec(text)?.[1]);
}

/** Returns the number of waiting polls and streams of a node. */
export const waitersOf = (url: string): Promise<number> => figureOf(url, 'plantao_waiters');
