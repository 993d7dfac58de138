import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect } from 'chai';
import { get } from './http.ts';

type Json = Record<string, unknown>;

/** The part of an OpenAPI document that is checked here. */
export interface ApiDocument {
  openapi: string;
  paths: Record<string, Record<string, ApiOperation>>;
  components: { schemas: Json; responses: Json };
}

export interface ApiOperation {
  operationId: string;
  security: Json[];
  parameters: { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: Json }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Json }> };
  responses: Record<
    string,
    { $ref?: string; headers?: Record<string, Json>; content?: Record<string, { schema: Json }> }
  >;
}

/** The documented parts of a response. */
export interface ReceivedResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** A node's OpenAPI document, and a check of responses against it. */
export class Contract {
  readonly document: ApiDocument;
  readonly #ajv: Ajv2020;
  readonly #checks = new Map<string, ValidateFunction>();

  constructor(document: ApiDocument) {
    this.document = document;
    this.#ajv = new Ajv2020({ strict: false });
    formats.default(this.#ajv);
    this.#ajv.addSchema(closed(document) as Json, 'document');
  }

  static async of(nodeUrl: string): Promise<Contract> {
    return new Contract((await get<ApiDocument>(`${nodeUrl}/openapi.json`)).body);
  }

  /** All operations, as `["GET", "/messages", …]`. */
  get operations(): [method: string, path: string, operation: ApiOperation][] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, one]): [string, string, ApiOperation] => [method.toUpperCase(), path, one]),
    );
  }

  /** Returns how a response differs from the document, or null. Undocumented fields count as differences. */
  fault(method: string, path: string, { status, headers, text }: ReceivedResponse): string | null {
    const operation = this.document.paths[path]?.[method.toLowerCase()];
    if (!operation) return `${method} ${path} is not in the document`;
    const named = operation.responses[status];
    if (!named)
      return `${method} ${path} responded with ${status}, which is not in the document: ${text.slice(0, 300)}`;
    const pointer = named.$ref ?? `#/paths/${escaped(path)}/${method.toLowerCase()}/responses/${status}`;
    const response = (named.$ref ? this.#at(named.$ref) : named) as ApiOperation['responses'][string];
    const missing = Object.entries(response.headers ?? {}).find(
      ([name, { required }]) => required !== false && headers[name.toLowerCase()] === undefined,
    )?.[0];
    if (missing) return `${method} ${path} ${status} lacks the header ${missing}`;
    const types = Object.keys(response.content ?? {});
    if (types.length === 0) return text === '' ? null : `${method} ${path} ${status} has a body: ${text.slice(0, 300)}`;
    const sent = String(headers['content-type'] ?? '');
    const type = types.find((one) => one === 'application/octet-stream' || sent.startsWith(one));
    if (type === undefined) return `${method} ${path} ${status} is ${sent}, not ${types.join(' or ')}`;
    if (type !== 'application/json') return null;
    return this.#faultOf(`${pointer}/content/application~1json/schema`, text, `${method} ${path} ${status}`);
  }

  #faultOf(pointer: string, text: string, what: string): string | null {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return `${what} is not JSON: ${text.slice(0, 300)}`;
    }
    const check = this.#checks.get(pointer) ?? this.#ajv.compile({ $ref: `document${pointer}` });
    this.#checks.set(pointer, check);
    if (check(body)) return null;
    return `${what} is not as documented: ${this.#ajv.errorsText(check.errors)} in ${text.slice(0, 500)}`;
  }

  #at(reference: string): unknown {
    return reference
      .slice(2)
      .split('/')
      .reduce<unknown>((at, key) => (at as Json | undefined)?.[key], this.document);
  }
}

const escaped = (path: string) => encodeURIComponent(path.replace(/~/g, '~0').replace(/\//g, '~1'));

/** Returns the document with every response object closed, so that undocumented fields are found. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Json = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, closed(one)]));
  return copy.type === 'object' && copy.properties && copy.additionalProperties === undefined
    ? { ...copy, additionalProperties: false }
    : copy;
}

/** Fails if a response differs from the document. */
export function expectAsDocumented(contract: Contract, method: string, path: string, response: ReceivedResponse): void {
  expect(contract.fault(method, path, response)).to.equal(null);
}
