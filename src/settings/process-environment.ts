import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import dotenv from 'dotenv';
import { environment } from './environment.ts';
import { EnvironmentError, workingFolder } from './working-folder.ts';

/** Far more than all settings of `.env.example`. */
const MAX_BYTES = 1024 * 1024;
/** Errors that count as a missing file: a service manager may have read the file with privileges that this process lacks. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES'];

/**
 * Returns this process's environment, completed from `.env` in the working folder unless PLANTAO_NO_DOTENV is set.
 * @throws {EnvironmentError} if there is no working folder, if `.env` is not a file that can be read at once, or if it has a value that is
 * cut at a #.
 */
export function processEnvironment(): Record<string, string | undefined> {
  const folder = workingFolder();
  if (!process.env.PLANTAO_NO_DOTENV) {
    const file = path.join(folder, '.env');
    const content = readAtOnce(file);
    const values = dotenv.parse(content);
    refuseCutValues(file, content.toString(), values);
    for (const [name, value] of Object.entries(values)) process.env[name] ??= value;
  }
  return process.env;
}

/** A value without quotation marks in which a # follows a character other than a space. dotenv ends the value there, as at a comment. */
const CUT_VALUE = /^\s*(?:export\s+)?(\w+)\s*=[ \t]*([^\s'"`#](?:[^\r\n#]*[^\s#])?)#/gm;

/** @throws {EnvironmentError} if a setting would have a part of its value only, such as a password that has a #. */
function refuseCutValues(file: string, content: string, values: Record<string, string>): void {
  for (const [, name = '', part] of content.matchAll(CUT_VALUE)) {
    // Other names belong to other programs, and a later line or the environment may have replaced the value.
    if (!(name in environment.shape) || values[name] !== part || process.env[name] !== undefined) continue;
    throw new EnvironmentError(
      `${file}: the value of ${name} has a #, at which it would end: put the value in quotation marks, or a space before a comment`,
    );
  }
}

/** Returns the content of a file, empty if there is none. Never waits: opening a named pipe otherwise waits for a writer. */
function readAtOnce(file: string): Buffer {
  const content = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  let descriptor: number | undefined;
  try {
    // Windows has no such flag, and no named pipes among its files.
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const kind = fstatSync(descriptor);
    if (kind.isFIFO() || kind.isSocket()) throw unreadable(file, 'is a pipe');
    for (let read = -1; read !== 0 && length < content.length; length += read) {
      read = readSync(descriptor, content, length, content.length - length, null);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof EnvironmentError) throw error;
    if (code === undefined || !ABSENT.includes(code)) throw unreadable(file, `cannot be read (${code})`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  if (length > MAX_BYTES) throw unreadable(file, 'is larger than 1 MiB');
  const bytes = content.subarray(0, length);
  // PowerShell's > writes UTF-16, in which no setting would be found. Some editors write Windows-1252, which changes a password.
  if (!isUtf8(bytes) || bytes.includes(0)) throw unreadable(file, 'is not text in UTF-8');
  return bytes;
}

const unreadable = (file: string, why: string) =>
  new EnvironmentError(`${file} ${why}: replace it with a text file, or set PLANTAO_NO_DOTENV=1`);
