/** The types of the responses that the page reads, from the server's own schemas. */
import type { ClusterActivity, ClusterBlocking, ClusterStatus, ClusterTimeline } from '../../../client/index.ts';

export type NodeRow = ClusterStatus['nodes'][number];
export type TermRow = ClusterTimeline['terms'][number];
export type ReplicaRow = ClusterStatus['durability']['standbys'][number];
export type NodeActivity = ClusterActivity['nodes'][number];
export type Blocker = ClusterBlocking['blocking'][number];
