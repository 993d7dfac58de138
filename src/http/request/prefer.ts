import type { Request } from 'express';
import type { Durability } from '../../chat/posting/post.ts';

const DURABLE = /^\s*durable\s*=\s*(?:"(local|replicated)"|(local|replicated))\s*(?:;|$)/i;

/** Returns the durability in the header `Prefer` (RFC 7240), or null. The first one counts; other preferences are ignored. */
export function preferredDurability(request: Request): Durability | null {
  for (const preference of (request.get('Prefer') ?? '').split(',')) {
    const [, quoted, plain] = DURABLE.exec(preference) ?? [];
    const value = quoted ?? plain;
    if (value !== undefined) return value.toLowerCase() === 'replicated' ? 'replicated' : 'local';
  }
  return null;
}

/** Returns the header that confirms a preference. */
export function appliedPreference(durability: Durability | null): Record<string, string> {
  return durability === null ? {} : { 'Preference-Applied': `durable=${durability}` };
}
