/** What `npm run chat -- …` was called with. */
export interface TerminalArguments {
  user: string;
  password: string | undefined;
  group: string | undefined;
  urls: string[];
}

/** What is said of the arguments to somebody who got them wrong. */
export const USAGE = `npm run chat -- --user NAME [--password PASSWORD] [--group "NAME OR NUMBER"] [--url URL,URL]

  --user      who you are; where AUTH=open an account is made where there is none
  --password  for an account that has one; where AUTH=token every account has
  --group     where to begin; default: your group with the lowest number
  --url       any nodes of the cluster; default http://localhost:8080,http://localhost:8081
`;

const DEFAULT_URLS = 'http://localhost:8080,http://localhost:8081';
const NAMES = ['user', 'password', 'group', 'url'];

/** Reads the command line, `--name value` and `--name=value`. Throws an Error with a sentence for the person. */
export function readArguments(words: readonly string[]): TerminalArguments {
  const given = new Map<string, string>();
  for (let index = 0; index < words.length; index += 1) {
    const match = /^--([a-z]+)(?:=(.*))?$/s.exec(words[index] ?? '');
    const name = match?.[1] ?? '';
    if (!NAMES.includes(name)) throw new Error(`what is "${words[index]}"?`);
    let value = match?.[2];
    if (value === undefined) {
      index += 1;
      value = words[index];
    }
    if (value === undefined || value === '') throw new Error(`--${name} needs a value`);
    given.set(name, value);
  }
  const user = given.get('user');
  if (user === undefined) throw new Error('--user is missing');
  const urls = (given.get('url') ?? DEFAULT_URLS).split(',').map((url) => url.trim());
  return { user, password: given.get('password'), group: given.get('group'), urls: urls.filter((url) => url !== '') };
}
