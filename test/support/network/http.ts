import type { HttpResponse, JsonObject } from '../../../src/prove/http.ts';

export * from '../../../src/prove/http.ts';

/** Returns the status of a response and the error code in its body. */
export const codeOf = ({ status, body }: HttpResponse<JsonObject>) => [status, body.code];

/** Returns the options of a request that has this token. */
export const bearer = (token: unknown) => ({ headers: { authorization: `Bearer ${token}` } });
