import { expect } from 'chai';
import { get, type HttpResponse, type JsonObject, post } from '../support/network/http.ts';
import type { UsedNodes } from '../support/nodes/two-nodes.ts';

export const CURSOR = /^[0-9a-f]{12}-\d+$/;
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
export const ANA = { id: 1, username: 'ana_orm' };
export const BRUNO = { id: 2, username: 'bruno_orm' };

/** Returns the calls that the tests of the chat's routes share. */
export function chatCalls(nodes: UsedNodes) {
  /** Returns the URL of a path on the active node. */
  const on = (path: string) => nodes.active.url + path;
  return {
    on,
    /** Reads the path on both nodes, and checks each response. */
    async both(path: string, check: (response: HttpResponse<JsonObject>) => void): Promise<void> {
      for (const node of [nodes.active, nodes.standby]) check(await get(node.url + path));
    },
    /** Creates a group of user 1 and returns its id. */
    async newGroup(groupName: string, members: string[] = []): Promise<number> {
      const { body } = await post(on('/create-chat'), { groupName, creatorId: 1, members });
      return body.group_id as number;
    },
    /** Sends a message and returns the body of the response. */
    async send(groupId: number, content: string, userId = 1): Promise<JsonObject> {
      return (await post(on('/messages'), { userId, groupId, content })).body;
    },
  };
}

/** Checks that the response is a 404 with this code, in the form of the contract. */
export function expectMissing({ status, body }: HttpResponse<JsonObject>, code: string): void {
  expect(status).to.equal(404);
  expect(body).to.have.all.keys('error', 'code');
  expect(body.code).to.equal(code);
}
