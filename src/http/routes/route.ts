import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Caller, Requirement } from '../request/checks/authentication.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';

/** The nodes that serve a route. A node is in service unless it is fallen. */
export type ServedBy = 'every node' | 'every node in service' | 'active node';

/** The arguments of a handler: the input, validated and typed by the route's schema, and the caller. */
export interface Call<Input> {
  input: Input;
  caller: Caller;
  request: Request;
  response: Response;
  lifetime: RequestLifetime;
}

/** A handler's response; `body` is sent as JSON. */
export interface RouteResult {
  status?: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** Error statuses that a route's own rules may add. */
export type ErrorStatus = 401 | 404 | 409 | 410 | 413;

/**
 * The definition of one route. The router, validation, authentication and the OpenAPI document all derive from it. `path` is
 * Express's, with `:name` for a parameter.
 */
export interface Route {
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  servedBy: ServedBy;
  requires: Requirement;
  /** A short sentence without a full stop. */
  summary: string;
  /** The sentences that follow the summary in /docs, without the last full stop. */
  description?: string;
  /** Path parameters, query and JSON body together; see `inputOf` (validate.ts). */
  input: z.ZodType;
  /** The status of a successful response; 200 by default. */
  status?: 200 | 201;
  /** The body of a successful response, for the OpenAPI document and the tests; absent if it is not JSON. */
  responseBody?: z.ZodType;
  /** Fields of the example response for which the examples in field-texts.ts do not fit this route. */
  responseExample?: Readonly<Record<string, unknown>>;
  /** The media type of a successful response if it is not JSON. */
  content?: string;
  /** True if a browser that opens the address gets a page instead of the JSON. */
  hasPage?: boolean;
  /** Error statuses in addition to those that follow from the rest of the definition. */
  errorStatuses?: readonly ErrorStatus[];
  /** Further statuses with the same body, such as the 503 of a health check. */
  alsoStatuses?: readonly number[];
  /** The names of request headers that the route uses; field-texts.ts describes them. */
  headers?: readonly string[];
  /** True for routes that load balancers, peers and monitors poll: REQUESTS_PER_MINUTE does not count them. */
  unlimited?: boolean;
  /** True if requests do not wait in request-queues.ts: they have a queue of their own, or need no connection of the pool. */
  unqueued?: boolean;
  /** True if the body may also be plain text, which is the value of the one field of the body. */
  takesText?: boolean;
  /** True for long polls and streams: they end when the token that opened them does. */
  waits?: boolean;
  /** True if the token may be the query parameter `access_token`: a browser's EventSource cannot send headers. */
  takesTokenInQuery?: boolean;
  /** Returns the response, or undefined if the handler has written it itself. */
  handle(call: Call<unknown>): Promise<RouteResult | undefined>;
}

/** Defines a route. The schema types the handler's input. */
export function route<Schema extends z.ZodType>(
  definition: Omit<Route, 'input' | 'handle'> & {
    input: Schema;
    handle(call: Call<z.output<Schema>>): Promise<RouteResult | undefined> | RouteResult | undefined;
  },
): Route {
  const { handle, ...rest } = definition;
  return { ...rest, handle: async (call) => handle(call as Call<z.output<Schema>>) };
}
