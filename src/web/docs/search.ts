/** A part of the documentation: an operation, an event kind or a chapter of the guide. */
export interface DocsEntry {
  kind: 'operation' | 'event' | 'chapter';
  /** Its name: method, path and summary, or its heading. */
  title: string;
  text: string;
}

/** Words that developers use for the same thing, here or with other APIs. */
const SAME: readonly (readonly string[])[] = [
  ['login', 'authenticate', 'authentication'],
  ['send', 'post', 'write'],
  ['delete', 'remove', 'erase'],
  ['create', 'new', 'make'],
  ['edit', 'change', 'update'],
  ['rename', 'renames'],
  ['presence', 'online', 'offline', 'connected'],
  ['failover', 'reconnect', 'reconnection', 'retry'],
  ['cors', 'origin', 'origins', 'cross'],
  ['stream', 'sse', 'eventsource', 'websocket', 'push', 'realtime'],
  ['poll', 'polling', 'subscribe'],
  ['read', 'seen', 'receipt'],
  ['hook', 'webhook'],
  ['limit', 'throttle', '429', 'rate'],
  ['direct', 'dm', 'private'],
  ['invitation', 'invite'],
  ['upload', 'attachment', 'image', 'avatar'],
  ['group', 'chat', 'room', 'channel'],
  ['member', 'participant', 'user'],
  ['history', 'pagination', 'paging', 'page'],
  ['health', 'ping', 'readiness', 'liveness', 'heartbeat'],
  ['switchover', 'failover'],
  ['cursor', '410'],
];
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\b(sign|log)(ing)?[ -]in\b/gi, 'login'],
  [/\bsign(ing)?[ -]?up\b/gi, 'register'],
  [/\b(sign|log)(ing)?[ -]out\b/gi, 'logout'],
  [/\bdirect messages?\b/gi, 'direct'],
  [/\b(kick|ban|expel)(s|ning|ned|ing|ed|led)?\b/gi, 'remove member'],
  [/\bcross[ -]origin\b/gi, 'cors'],
  [/\bwho(?: is|'s)\b/gi, ''],
];
const IGNORED = new Set(['a', 'an', 'the', 'in', 'on', 'to', 'of', 'for', 'by', 'how', 'do', 'i', 'api']);
/** The weight of a match, by its place. A heading names few things; an operation names its subject in its path and its first words. */
const HEADING = 13;
const HEAD = 8;
const METHOD = 4;
const REST = 3;
const TEXT = 1;
const OPERATION_BONUS = 2;
const FIRST_WORDS = 5;

const wordsOf = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Returns true for forms of the same word: "edits", "edited" and "editing" mean "edit". */
const means = (word: string, wanted: string) =>
  word.startsWith(wanted) || (word.length >= 4 && wanted.startsWith(word) && wanted.length - word.length <= 3);

/** Returns the entries that match `query`, best first, equal ones in their order. Returns all if the query has no words. */
export function search<T extends DocsEntry>(entries: readonly T[], query: string): T[] {
  const plain = PHRASES.reduce((text, [phrase, word]) => text.replace(phrase, word), query);
  const words = wordsOf(plain).filter((word) => !IGNORED.has(word));
  if (words.length === 0) return [...entries];
  return entries
    .map((entry) => ({ entry, score: scoreOf(entry, words) }))
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score)
    .map(({ entry }) => entry);
}

/** Returns the text with the words of the user's language that `words` has replaced by those of the documentation. */
export function inEnglish(text: string, words: readonly (readonly [RegExp, string])[]): string {
  return words.reduce((all, [word, english]) => all.replace(word, english), text);
}

type Part = readonly [weight: number, words: readonly string[]];

/** Returns the sum over all words; 0 if one of them is missing. */
function scoreOf(entry: DocsEntry, words: readonly string[]): number {
  const parts = partsOf(entry);
  let sum = entry.kind === 'operation' ? OPERATION_BONUS : 0;
  for (const word of words) {
    const others = SAME.filter((group) => group.some((one) => means(word, one))).flat();
    const score = Math.max(...parts.map(([weight, own]) => weight * likeness(word, others, own)));
    if (score === 0) return 0;
    sum += score;
  }
  return sum;
}

function partsOf({ kind, title, text }: DocsEntry): Part[] {
  if (kind === 'chapter')
    return [
      [HEADING, wordsOf(title)],
      [TEXT, wordsOf(text)],
    ];
  if (kind === 'event')
    return [
      [HEAD, wordsOf(title)],
      [TEXT, wordsOf(text)],
    ];
  const [method = '', path = '', ...summary] = title.split(' ');
  const head = [...wordsOf(path), ...wordsOf(summary.slice(0, FIRST_WORDS).join(' '))];
  const rest = wordsOf(summary.slice(FIRST_WORDS).join(' '));
  return [
    [HEAD, head],
    [METHOD, wordsOf(method)],
    [REST, rest],
    [TEXT, wordsOf(text)],
  ];
}

function likeness(word: string, others: readonly string[], own: readonly string[]): number {
  if (own.includes(word)) return 1;
  if (own.some((one) => means(one, word))) return 0.8;
  return own.some((one) => others.some((other) => means(one, other))) ? 0.6 : 0;
}
