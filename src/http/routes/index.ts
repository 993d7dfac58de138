import { assetSender } from '../response/send-asset.ts';
import type { Services } from '../services.ts';
import { accountRoutes } from './account-routes.ts';
import { administrationRoutes } from './administration-routes.ts';
import { clusterDetailRoutes } from './cluster-detail-routes.ts';
import { clusterRoutes } from './cluster-routes.ts';
import { controlRoutes } from './control-routes.ts';
import { directRoutes } from './direct-routes.ts';
import { groupRoutes } from './group-routes.ts';
import { hookRoutes } from './hook-routes.ts';
import { liveRoutes } from './live-routes.ts';
import { messageFeatureRoutes } from './message-feature-routes.ts';
import { messageRoutes } from './message-routes.ts';
import { metricsRoutes } from './metrics-routes.ts';
import { pageRoutes } from './page-routes.ts';
import { readRoutes } from './read-routes.ts';
import type { Route } from './route.ts';
import { searchRoutes } from './search-routes.ts';
import { signInRoutes } from './sign-in-routes.ts';
import { subscribeRoutes } from './subscribe-routes.ts';
import { userGroupRoutes } from './user-group-routes.ts';
import { userRoutes } from './user-routes.ts';

/** Returns every route of the service, in the order in which /docs lists them. A new route goes into one of these files. */
export function allRoutes(services: Services): Route[] {
  const send = assetSender(services.cluster);
  const routes = [
    ...controlRoutes(services),
    ...clusterRoutes(services, send),
    ...clusterDetailRoutes(services),
    ...metricsRoutes(services),
    ...signInRoutes(services),
    ...accountRoutes(services),
    ...userRoutes(services),
    ...groupRoutes(services),
    ...administrationRoutes(services),
    ...directRoutes(services),
    ...userGroupRoutes(services),
    ...messageRoutes(services),
    ...messageFeatureRoutes(services),
    ...readRoutes(services),
    ...hookRoutes(services),
    ...searchRoutes(services),
    ...subscribeRoutes(services),
    ...liveRoutes(services),
  ];
  return [...routes, ...pageRoutes(services, routes, send)];
}
