import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import dotenv from 'dotenv';

/** Far more than all settings of `.env.example`. */
const MAX_BYTES = 1024 * 1024;
/** Errors that count as a missing file: a service manager may have read the file with privileges that this process lacks. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES'];

/** Thrown when the environment of this process cannot be read. The message says what to do. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * Returns this process's environment, completed from `.env` in the working folder unless PLANTAO_NO_DOTENV is set.
 * @throws {EnvironmentError} if there is no working folder, or if `.env` is not a file that can be read at once.
 */
export function processEnvironment(): Record<string, string | undefined> {
  const folder = workingFolder();
  if (!process.env.PLANTAO_NO_DOTENV) {
    for (const [name, value] of Object.entries(dotenv.parse(readAtOnce(path.join(folder, '.env'))))) {
      process.env[name] ??= value;
    }
  }
  return process.env;
}

/**
 * Returns the path of the working folder. Some libraries read it when they are loaded, and fail with an error that names no remedy.
 * @throws {EnvironmentError} if it was deleted.
 */
export function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new EnvironmentError('the working folder was deleted, or cannot be read: change to another one (cd)');
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
