import { parseCommand, UsageError } from '../../terminal/arguments.ts';

/** The parsed arguments of `plantao chat`. */
export interface ChatArguments {
  user: string;
  password: string | undefined;
  group: string | undefined;
  urls: string[];
}

/** Shown when the arguments are invalid. */
export const CHAT_USAGE = `plantao chat --user NAME [--password PASSWORD] [--group "NAME OR NUMBER"] [--url URL,URL]

  --user      your username; with AUTH=open a new name creates the account
  --password  the account's password; always required with AUTH=token
  --group     the group to open; default: your group with the lowest number
  --url       any nodes of the cluster; default http://localhost:8080,http://localhost:8081
`;

const DEFAULT_URLS = 'http://localhost:8080,http://localhost:8081';

/** Parses the command line. @throws {UsageError} naming the first invalid argument. */
export function parseChatArguments(args: readonly string[]): ChatArguments {
  const { values } = parseCommand(args, {
    user: { type: 'string' },
    password: { type: 'string' },
    group: { type: 'string' },
    url: { type: 'string', default: DEFAULT_URLS },
  });
  const { user, password, group, url } = values;
  for (const [name, value] of Object.entries(values)) if (value === '') throw new UsageError(`--${name} needs a value`);
  if (user === undefined) throw new UsageError('--user is required');
  const urls = url.split(',').map((one) => one.trim());
  return { user, password, group, urls: urls.filter((one) => one !== '') };
}
