import { assetSender } from '../response/send-asset.ts';
import type { Services } from '../services.ts';
import { accountRoutes } from './accounts/account-routes.ts';
import { signInRoutes } from './accounts/sign-in-routes.ts';
import { userRoutes } from './accounts/user-routes.ts';
import { clusterDetailRoutes } from './cluster/cluster-detail-routes.ts';
import { clusterRoutes } from './cluster/cluster-routes.ts';
import { controlRoutes } from './cluster/control-routes.ts';
import { logLevelRoutes } from './cluster/log-level-routes.ts';
import { metricsRoutes } from './cluster/metrics-routes.ts';
import { pauseRoutes } from './cluster/pause-routes.ts';
import { administrationRoutes } from './groups/administration-routes.ts';
import { directRoutes } from './groups/direct-routes.ts';
import { groupEventRoutes } from './groups/group-event-routes.ts';
import { groupRoutes } from './groups/group-routes.ts';
import { userGroupRoutes } from './groups/user-group-routes.ts';
import { hookRoutes } from './messages/hook-routes.ts';
import { liveRoutes } from './messages/live-routes.ts';
import { messageRoutes } from './messages/message-routes.ts';
import { reactionRoutes } from './messages/reaction-routes.ts';
import { readMarkRoutes } from './messages/read-mark-routes.ts';
import { searchRoutes } from './messages/search-routes.ts';
import { subscribeRoutes } from './messages/subscribe-routes.ts';
import { pageRoutes } from './page-routes.ts';
import type { Route } from './route.ts';

/** Returns every route of the service, in the order in which /docs lists them. A new route goes into one of these files. */
export function allRoutes(services: Services): Route[] {
  const send = assetSender(services.cluster);
  const routes = [
    ...controlRoutes(services),
    ...pauseRoutes(services),
    ...clusterRoutes(services, send),
    ...clusterDetailRoutes(services),
    ...metricsRoutes(services),
    ...logLevelRoutes(services),
    ...signInRoutes(services),
    ...accountRoutes(services),
    ...userRoutes(services),
    ...groupRoutes(services),
    ...groupEventRoutes(services),
    ...administrationRoutes(services),
    ...directRoutes(services),
    ...userGroupRoutes(services),
    ...messageRoutes(services),
    ...reactionRoutes(services),
    ...readMarkRoutes(services),
    ...hookRoutes(services),
    ...searchRoutes(services),
    ...subscribeRoutes(services),
    ...liveRoutes(services),
  ];
  return [...routes, ...pageRoutes(services, routes, send)];
}
