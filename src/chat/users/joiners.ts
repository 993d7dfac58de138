/**
 * The places where a joiner (U+200C, U+200D) may stand between letters: ContextJ of RFC 5892, which UTS 46 follows.
 *
 * JavaScript knows neither how a letter joins nor which mark is a virama. The platform's check of host names does, but takes a
 * microsecond or more for each, and a request may have 30,000 joiners: so it is asked once for each character.
 */
import { domainToASCII } from 'node:url';

/** The scripts whose letters join; most letters are in none of them. */
const CURSIVE =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Phags_Pa}\p{Script=Nko}\p{Script=Mandaic}\p{Script=Manichaean}\p{Script=Psalter_Pahlavi}\p{Script=Adlam}\p{Script=Hanifi_Rohingya}\p{Script=Sogdian}\p{Script=Chorasmian}\p{Script=Old_Uyghur}]/u;
/** Those of these scripts that are written from left to right: the platform accepts no name with letters of both directions. */
const LEFT_TO_RIGHT = /[\p{Script=Mongolian}\p{Script=Phags_Pa}]/u;
/** Marks between a letter and a joiner that do not keep the letter from joining. */
const TRANSPARENT = /^[\p{Mn}\p{Me}]*$/u;

/** A joiner with the letters beside it and their marks; no spelling has more than eight marks in a row. */
const JOINER = /(\p{L})(\p{M}{0,8})([\u200c\u200d])(?=(?:(\p{M}{0,8})(\p{L}))?)/gu;

/** Returns true if UTS 46 allows the name; otherwise the platform returns an empty string. */
const isAllowed = (text: string) => domainToASCII(text) !== '';

/** Memoizes `test` per character; returns false for characters that `subject` does not match. */
function memoized(subject: RegExp, test: (character: string) => boolean): (character: string) => boolean {
  const known = new Map<string, boolean>();
  return (character) => {
    const remembered = known.get(character);
    if (remembered !== undefined) return remembered;
    if (!subject.test(character)) return false;
    const result = test(character);
    known.set(character, result);
    return result;
  };
}

const isVirama = memoized(/\p{M}/u, (mark) => isAllowed(`क${mark}\u200d`));
/** Returns a letter that joins on both sides and has the direction of `letter`. */
const neighbour = (letter: string) => (LEFT_TO_RIGHT.test(letter) ? '\u1820' : 'ب');
const joinsNext = memoized(CURSIVE, (letter) => isAllowed(`${letter}\u200c${neighbour(letter)}`));
const joinsPrevious = memoized(CURSIVE, (letter) => isAllowed(`${neighbour(letter)}\u200c${letter}`));

/** Returns the text without the joiners that are allowed where they stand. */
export function withoutValidJoiners(text: string): string {
  return text.replace(
    JOINER,
    (found: string, letter: string, marks: string, joiner: string, nextMarks = '', next = '') =>
      isBehindVirama(marks) || (joiner === '\u200c' && join(letter, marks + nextMarks, next)) ? letter + marks : found,
  );
}

const isBehindVirama = (marks: string) => marks !== '' && isVirama([...marks].at(-1) ?? '');
const join = (letter: string, marks: string, next: string) =>
  joinsNext(letter) && joinsPrevious(next) && TRANSPARENT.test(marks);
