import cors from 'cors';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import type { Log } from '../log/log.ts';
import { errorHandler } from './error-handler.ts';
import { addStandardHeaders, busiestFirst, EXPOSED, releaseRouterState } from './fast-path.ts';
import type { WriteForwarder } from './forwarding/write-forwarder.ts';
import { HttpError, invalid } from './http-error.ts';
import { jsonBody } from './request/body/json-body.ts';
import { textBody } from './request/body/text-body.ts';
import { Admission } from './request/checks/admission.ts';
import { type Caller, endWithToken } from './request/checks/authentication.ts';
import type { OriginCheck } from './request/checks/origin-check.ts';
import { checkRepeatedHeaders } from './request/checks/repeated-headers.ts';
import { RoleGate } from './request/checks/role-gate.ts';
import { checkTransferCoding } from './request/checks/transfer-coding.ts';
import { RequestLifetime } from './request/request-lifetime.ts';
import { logAtEnd } from './request/request-log.ts';
import { fieldNames, inputOf, validate } from './request/validate.ts';
import { markEventStream } from './response/send-error.ts';
import { sendJson } from './response/send-json.ts';
import { allRoutes } from './routes/index.ts';
import type { Route } from './routes/route.ts';
import type { Services } from './services.ts';

/** The largest body, in bytes: a notification with a payload of 64 KiB, and room for the rest. */
export const BODY_LIMIT = 128 * 1024;

/** The methods of all routes, besides OPTIONS. */
const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'];

/**
 * Creates the Express app. A request passes these checks in order: Host, CORS, origin, role of the node, authentication,
 * body, schema. Then its handler runs. One error handler renders every failure.
 */
export function createApp(services: Services): Express {
  const app = express();
  const roleGate = new RoleGate(services.cluster, services.showsActiveUrl);
  const routes = allRoutes(services);
  app.disable('x-powered-by');
  app.disable('etag');
  // query.ts parses queries: Express's parser would take 30 ms at each access for a query with thousands of names.
  app.disable('query parser');
  if (services.trustProxy !== null) app.set('trust proxy', services.trustProxy);

  app.use((request, response, next) => {
    if (services.log.isLevelEnabled('debug')) logAtEnd(services.log, request, response);
    checkRepeatedHeaders(request);
    services.hosts.check(request, request.path);
    checkTransferCoding(request);
    if (request.url === '*') return respondForServer(request, response);
    next();
  });
  for (const path of ['/primary', '/replica', '/readiness', '/liveness', '/health']) handleOptionsAsGet(app, path);
  if (services.trustProxy === null) app.use(warnAboutProxy(services.log));
  addStandardHeaders(app, services.origins);
  handlePreflight(app, cors(corsOptions(services.origins)));
  const admission = new Admission(services);
  const parseBody = jsonBody(BODY_LIMIT);
  const parseText = textBody(BODY_LIMIT);
  const { forwarder } = services;
  for (const route of busiestFirst(routes)) {
    app[route.method](
      route.path,
      ...(route.content === 'text/event-stream' ? [markEventStream] : []),
      refuseForeign(services.origins, route),
      ...(forwarder && route.servedBy === 'active node' ? [forwardWrites(forwarder, route)] : []),
      roleGate.gate(route.servedBy),
      admission.of(route),
      ...(route.takesText ? [parseText] : []),
      parseBody,
      handle(route, services, admission),
    );
  }
  refuseOtherMethods(app, routes);
  app.use(() => {
    throw new HttpError('not_found', 'there is no such route; see /docs');
  });
  app.use(errorHandler(roleGate, services.log, (code) => services.measurements.countError(code)));
  return app;
}

/** Logs once that requests come through a proxy while TRUST_PROXY is not set: all clients then count as one address. */
function warnAboutProxy(log: Log): RequestHandler {
  let isLogged = false;
  return (request, _response, next) => {
    if (!isLogged && request.headers['x-forwarded-for'] !== undefined) {
      isLogged = true;
      log.warn(
        { event: 'proxy_unknown' },
        'requests have X-Forwarded-For, but TRUST_PROXY is not set: all clients behind the proxy count as one; set TRUST_PROXY',
      );
    }
    next();
  };
}

function handle(route: Route, { queues }: Services, admission: Admission): RequestHandler {
  const names = fieldNames(route.input);
  return async (request, response) => {
    const admitted: Caller = response.locals.caller;
    const lifetime = RequestLifetime.of(response);
    const input = validate(route.input, inputOf(request, names));
    if (route.waits) {
      endWithToken(admitted, response, lifetime);
      releaseRouterState(request);
    }
    await queues.run(route, request, admitted, lifetime, async () => {
      const confirmed = admission.confirm(admitted, request, route);
      const caller = confirmed instanceof Promise ? await confirmed : confirmed;
      const result = await route.handle({ input, caller, request, response, lifetime });
      if (result && !response.headersSent)
        await sendJson(response, result.status ?? route.status ?? 200, result.body, result.headers);
    });
  };
}

function forwardWrites(forwarder: WriteForwarder, { headers = [] }: Route): RequestHandler {
  const takesKey = headers.includes('Idempotency-Key');
  return (request, response, next) => forwarder.handle(request, response, next, takesKey);
}

function refuseForeign(origins: OriginCheck, { servedBy }: Route): RequestHandler {
  const isControl = servedBy === 'every node';
  return (request, _response, next) => {
    origins.check(request, isControl);
    next();
  };
}

/** Handles OPTIONS from load balancers as GET. The CORS middleware would respond 204 in every role. */
function handleOptionsAsGet(app: Express, path: string): void {
  app.options(path, (request, _response, next) => {
    if (request.headers['access-control-request-method'] === undefined) request.method = 'GET';
    next('route');
  });
}

/** The target `*` stands for the whole server, and only OPTIONS may have it (RFC 9112, 3.2.4). */
function respondForServer({ method }: Request, response: Response): void {
  if (method !== 'OPTIONS') throw invalid('target', '* is for OPTIONS only');
  response
    .set('Allow', ['OPTIONS', ...METHODS].sort().join(', '))
    .status(204)
    .end();
}

/** Handles the preflight requests of browsers. Every other OPTIONS requests the methods of the path. */
function handlePreflight(app: Express, handler: RequestHandler): void {
  app.options('/{*any}', (request, response, next) => {
    if (request.headers['access-control-request-method'] === undefined) next();
    else handler(request, response, next);
  });
}

/** Responds to all other methods with those that the path supports: OPTIONS with 204, any other with 405. */
function refuseOtherMethods(app: Express, routes: readonly Route[]): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of routes) {
    const allowed = methods.get(path) ?? new Set(['OPTIONS']);
    allowed.add(method.toUpperCase());
    if (method === 'get') allowed.add('HEAD');
    methods.set(path, allowed);
  }
  for (const [path, allowed] of methods) {
    const allow = [...allowed].sort().join(', ');
    // Adds one layer to the router. `app.all` would add one for each of Node's 35 methods, two thirds of all layers.
    app.route(path).all(({ method }, response) => {
      if (method === 'OPTIONS') return void response.set('Allow', allow).status(204).end();
      throw new HttpError('method_not_allowed', `this route accepts only ${allow}`, { headers: { Allow: allow } });
    });
  }
}

function corsOptions(origins: OriginCheck): cors.CorsOptionsDelegate<Request> {
  const options = {
    methods: METHODS,
    allowedHeaders: ['Content-Type', 'Authorization', 'Idempotency-Key', 'Last-Event-ID', 'Prefer', 'X-Request-Id'],
    exposedHeaders: EXPOSED,
    maxAge: 600,
  };
  const originFor = ({ headers: { origin = '', host } }: Request) => {
    if (origins.isOpen) return '*';
    return origins.allows(origin, host) ? origin : [];
  };
  return (request, callback) => callback(null, { ...options, origin: originFor(request) });
}
