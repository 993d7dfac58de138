import { parseCommand } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';

/** `plantao node` */
export const node: Command = {
  usage: `plantao node

Runs one node with the settings of the environment and of .env; .env.example documents them. SIGTERM and SIGINT stop it
gracefully; a second one stops it at once.
`,
  async run(args) {
    parseCommand(args, {});
    await import('../../main.ts');
    // main.ts ends the process.
    return new Promise(() => {});
  },
};
