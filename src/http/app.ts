import cors from 'cors';
import express, { type Express, type Request, type RequestHandler } from 'express';
import type { Log } from '../log.ts';
import { errorHandler } from './error-handler.ts';
import { HttpError } from './http-error.ts';
import { Admission } from './request/admission.ts';
import { type Caller, endWithToken } from './request/authentication.ts';
import { jsonBody } from './request/json-body.ts';
import type { OriginCheck } from './request/origin-check.ts';
import { RequestLifetime } from './request/request-lifetime.ts';
import { RoleGate } from './request/role-gate.ts';
import { check, inputOf, namesOfFields } from './request/validate.ts';
import { clusterRoutes } from './routes/cluster-routes.ts';
import { controlRoutes } from './routes/control-routes.ts';
import { groupRoutes } from './routes/group-routes.ts';
import { messageRoutes } from './routes/message-routes.ts';
import { metricsRoutes } from './routes/metrics-routes.ts';
import { pageRoutes } from './routes/page-routes.ts';
import type { Route } from './routes/route.ts';
import { signInRoutes } from './routes/sign-in-routes.ts';
import { subscribeRoutes } from './routes/subscribe-routes.ts';
import { userGroupRoutes } from './routes/user-group-routes.ts';
import { userRoutes } from './routes/user-routes.ts';
import { sendJson } from './send-json.ts';
import type { Services } from './services.ts';
import { addStandardHeaders, EXPOSED } from './standard-headers.ts';

/** Largest body, in bytes: a notification's payload of 64 KiB with room around it. */
const BODY_LIMIT = 128 * 1024;

/** Every route of the service, in the order of the document. */
export function allRoutes(services: Services): Route[] {
  const routes = [
    ...controlRoutes(services),
    ...clusterRoutes(services),
    ...metricsRoutes(services),
    ...signInRoutes(services),
    ...userRoutes(services),
    ...groupRoutes(services),
    ...userGroupRoutes(services),
    ...messageRoutes(services),
    ...subscribeRoutes(services),
  ];
  return [...routes, ...pageRoutes(services, routes)];
}

/** The Express app. A request's way: Host, CORS, origin, role of the node, body, who calls, schema, handler; errors end in one place. */
export function createApp(services: Services): Express {
  const app = express();
  const roleGate = new RoleGate(services.cluster);
  const routes = allRoutes(services);
  app.disable('x-powered-by');
  app.disable('etag');
  // Queries are read in validate.ts: Express would turn each access to one with thousands of names into 30 ms of work.
  app.disable('query parser');
  if (services.trustProxy !== null) app.set('trust proxy', services.trustProxy);

  app.use((request, _response, next) => {
    services.hosts.check(request, request.path);
    next();
  });
  for (const path of ['/primary', '/replica', '/readiness', '/liveness', '/health']) answerOptionsLikeGet(app, path);
  if (services.trustProxy === null) app.use(tellOfProxy(services.log));
  addStandardHeaders(app, services.origins);
  app.options('/{*any}', cors(corsOptions(services.origins)));
  const admission = new Admission(services);
  const parseBody = jsonBody(BODY_LIMIT);
  for (const route of busiestFirst(routes)) {
    app[route.method](
      route.path,
      refuseForeign(services.origins, route),
      roleGate.gate(route.serves),
      admission.of(route),
      parseBody,
      handle(route),
    );
  }
  refuseOtherMethods(app, routes);
  app.use(() => {
    throw new HttpError(404, 'not_found', 'there is no such route; see /docs');
  });
  app.use(errorHandler(roleGate, services.log));
  return app;
}

/** Says once that requests come through a proxy that nobody told this node of: then all clients count as one address. */
function tellOfProxy(log: Log): RequestHandler {
  let isTold = false;
  return (request, _response, next) => {
    if (!isTold && request.headers['x-forwarded-for'] !== undefined) {
      isTold = true;
      log.warn(
        { event: 'proxy_unknown' },
        'requests have X-Forwarded-For, and TRUST_PROXY is not set: the proxy and all behind it count as one client',
      );
    }
    next();
  };
}

/** The router tries one route after another: those that are asked for thousands of times a second come first. */
function busiestFirst(routes: readonly Route[]): Route[] {
  const isBusy = ({ path }: Route) => path === '/messages' || path.startsWith('/subscribe/');
  return [...routes.filter(isBusy), ...routes.filter((route) => !isBusy(route))];
}

function handle(route: Route): RequestHandler {
  const names = namesOfFields(route.input);
  return async (request, response) => {
    const caller: Caller = response.locals.caller;
    const lifetime = RequestLifetime.of(response);
    const input = check(route.input, inputOf(request, names));
    if (route.waits) {
      endWithToken(caller, response, lifetime);
      // Express hangs its router's state on each request; a poll would hold it for a minute and has no use for it.
      request.next = undefined;
    }
    const answer = await route.handle({ input, caller, request, response, lifetime });
    if (answer && !response.headersSent)
      sendJson(response, answer.status ?? route.status ?? 200, answer.body, answer.headers);
  };
}

function refuseForeign(origins: OriginCheck, { serves }: Route): RequestHandler {
  const isControl = serves === 'control';
  return (request, _response, next) => {
    origins.check(request, isControl);
    next();
  };
}

/** Load balancers may ask by OPTIONS (api.md), which the CORS middleware would answer 204 whatever the role. */
function answerOptionsLikeGet(app: Express, path: string): void {
  app.options(path, (request, _response, next) => {
    if (request.headers['access-control-request-method'] === undefined) request.method = 'GET';
    next('route');
  });
}

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
    app.all(path, () => {
      throw new HttpError(405, 'method_not_allowed', `only ${allow} here`, { headers: { Allow: allow } });
    });
  }
}

function corsOptions(origins: OriginCheck): cors.CorsOptionsDelegate<Request> {
  const options = {
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: ['Content-Type', 'Authorization', 'Idempotency-Key', 'Last-Event-ID'],
    exposedHeaders: EXPOSED,
    maxAge: 600,
  };
  const originFor = ({ headers: { origin = '', host } }: Request) => {
    if (origins.isOpen) return '*';
    return origins.allows(origin, host) ? origin : [];
  };
  return (request, callback) => callback(null, { ...options, origin: originFor(request) });
}
