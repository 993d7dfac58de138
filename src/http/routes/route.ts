import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Caller, Requirement } from '../request/authentication.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';

/** Which nodes serve a route: every node always; every node that is not fallen; the active alone. */
export type Serves = 'control' | 'read' | 'write';

/** What a handler gets: the request's input, checked and typed by the route's schema, and who calls. */
export interface Call<Input> {
  input: Input;
  caller: Caller;
  request: Request;
  response: Response;
  lifetime: RequestLifetime;
}

/** What a handler answers: `body` goes out as JSON. */
export interface Answer {
  status?: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** Statuses of refusal that a route's own rules may add. */
export type Refusal = 401 | 404 | 409 | 410 | 413;

/**
 * One route, said once: the router, the checks, the table of who may, and the OpenAPI document are all made from it.
 * `path` is Express's, with `:name` for a parameter.
 */
export interface Route {
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  serves: Serves;
  requires: Requirement;
  summary: string;
  /** Path parameters, query and JSON body together; see {@link inputOf} in validate.ts. */
  input: z.ZodType;
  /** The status of success; 200 by default. */
  status?: 200 | 201;
  /** What success carries, for the document and the tests; absent where it is not JSON. */
  answer?: z.ZodType;
  /** The media type of success where it is not JSON. */
  content?: string;
  /** Statuses of refusal that the route's own rules add to those which follow from the rest of the definition. */
  refusals?: readonly Refusal[];
  /** Statuses beside success that carry the same answer: a health check's 503. */
  also?: readonly number[];
  /** Request headers with a meaning here, and what it is. */
  headers?: Readonly<Record<string, string>>;
  /** True for what load balancers, peers and monitors ask all the time: REQUESTS_PER_MINUTE does not count it. */
  unlimited?: boolean;
  /** True for long polls and streams: they end when the token that opened them does. */
  waits?: boolean;
  /** True where the token may come as `access_token` in the query: a browser's EventSource cannot send a header. */
  takesTokenInQuery?: boolean;
  /** The answer, or nothing where the handler writes the response itself. */
  handle(call: Call<unknown>): Promise<Answer | undefined>;
}

/** Declares a route; the handler's input is typed by the schema. */
export function route<Schema extends z.ZodType>(
  definition: Omit<Route, 'input' | 'handle'> & {
    input: Schema;
    handle(call: Call<z.output<Schema>>): Promise<Answer | undefined> | Answer | undefined;
  },
): Route {
  const { handle, ...rest } = definition;
  return { ...rest, handle: async (call) => handle(call as Call<z.output<Schema>>) };
}
