import { eventually, type Patience } from '../eventually.ts';
import { get, type JsonObject } from '../network/http.ts';

type WithUrl = { readonly url: string };

/** Returns the body of a node's GET /health. */
export const healthOf = async <Body = JsonObject>({ url }: WithUrl): Promise<Body> =>
  (await get<Body>(`${url}/health`)).body;

/** Returns true if the node says that it is active. Rejects if it does not respond. */
export const isActive = async (node: WithUrl): Promise<boolean> => (await healthOf(node)).active === true;

/** Resolves when the node says that it is active. */
export async function untilActive(node: WithUrl & { readonly name?: string }, patience?: Patience): Promise<void> {
  await eventually(`${node.name ?? node.url} is active`, () => isActive(node), patience);
}

/** Resolves with the first of these nodes that says that it has the role. */
export function nodeOfRole<Node extends WithUrl>(
  nodes: readonly Node[],
  role: string,
  patience?: Patience,
): Promise<Node> {
  return eventually(
    `a node is ${role}`,
    async () => {
      const healths = await Promise.all(nodes.map((node) => healthOf(node)));
      return nodes.find((_, at) => healths[at]?.role === role);
    },
    patience,
  );
}
