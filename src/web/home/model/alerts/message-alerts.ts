/// <reference lib="dom" />
import type { Message } from '../../../../client/index.ts';
import { foldedName } from '../../../../text/folded-name.ts';
import { type Store, Stored } from '../../../shared/stored.ts';
import type { ChatState } from '../chat-state.ts';
import { nameOf } from '../groups/group-names.ts';
import { groupHash } from '../location.ts';
import type { Conversation } from '../messages/conversation.ts';
import { mentions } from '../text/mentions.ts';
import { AlertClaims } from './alert-claims.ts';
import { Alerts } from './alerts.ts';

const isTrue = (value: unknown): value is boolean => value === true;
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** Alerts a signed-in user to messages that no tab of theirs shows, except those of muted groups. */
export class MessageAlerts {
  /** The notifications and sounds of the user on this device. */
  readonly device: Alerts;
  readonly #chat: ChatState;
  readonly #muted: Stored<boolean>;
  readonly #claims: AlertClaims;

  constructor(chat: ChatState, store: () => Store) {
    this.#chat = chat;
    this.device = new Alerts(new Stored(store, `plantao.alert.${chat.me.id}.`, isTrue));
    this.#muted = new Stored(store, `plantao.mute.${chat.me.id}.`, isTrue);
    this.#claims = new AlertClaims(new Stored(store, `plantao.alerted.${chat.me.id}.`, isNumber));
  }

  /** The groups that do not alert the user. */
  get mutes(): ReadonlySet<number> {
    return new Set(this.#muted.names().map(Number));
  }

  /** Mutes or unmutes a group. A mention alerts even in a muted group. */
  mute(groupId: number, isMuted: boolean): void {
    this.#muted.set(String(groupId), isMuted || undefined);
  }

  /** Alerts the user to a message that has arrived, unless a tab shows it. */
  arrived(message: Message, conversation: Conversation): void {
    const { group } = conversation;
    const { me, opened } = this.#chat;
    const isShown = conversation === opened && document.visibilityState === 'visible' && document.hasFocus();
    const isMuted = this.mutes.has(group.id) && !mentions(message.content, foldedName(me.username));
    if (isShown) this.#claims.claim(group.id, message.id);
    if (isShown || isMuted) return;
    const shown = { name: nameOf(group, me), hash: groupHash(group.id), isDirect: group.direct };
    this.#claims.claimSoon(group.id, message.id, () => this.device.alert(message, shown));
  }
}
