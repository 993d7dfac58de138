import type { ChatClient, User } from '../../../client/index.ts';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import type { Dialog, DialogContent } from './dialog.ts';
import { button, createElement, setChildren } from './elements.ts';
import { peoplePicker } from './people-picker.ts';

/** The page that opens the dialogs. */
export interface GroupDialogHost {
  open(groupId: number): void;
  showNotice(text: string): void;
}

/** The dialogs about groups: create, join, and members. */
export class GroupDialogs {
  readonly #dialog: Dialog;
  readonly #client: ChatClient;
  readonly #chat: Chat;
  readonly #host: GroupDialogHost;

  constructor(dialog: Dialog, client: ChatClient, chat: Chat, host: GroupDialogHost) {
    this.#dialog = dialog;
    this.#client = client;
    this.#chat = chat;
    this.#host = host;
  }

  /** Opens the dialog that creates a group, which is then opened. */
  create(): void {
    const name = nameField('Group name');
    const chosen = new Map<number, User>();
    const people = createElement('ul', { class: 'people' });
    const show = () => {
      const chips = [...chosen.values()].map((user) => {
        const remove = button('×', 'secondary small', () => {
          chosen.delete(user.id);
          show();
        });
        remove.setAttribute('aria-label', `Remove ${user.username}`);
        return createElement('li', { class: 'person', text: `${user.username} ` }, remove);
      });
      setChildren(people, chips);
    };
    const isIn = ({ id }: User) => id === this.#chat.me.id || chosen.has(id);
    const choose = (user: User) => {
      chosen.set(user.id, user);
      show();
    };
    const picker = peoplePicker('Add members', (name) => this.#search(name, isIn), choose, people);
    const act = async () => {
      const members = [...chosen.values()].map(({ username }) => username);
      const { signal } = this.#chat;
      const { group_id, warning } = await this.#client.createChat(name.input.value, members, { signal });
      await this.#chat.refresh();
      if (warning !== undefined) this.#host.showNotice(warning);
      this.#host.open(group_id);
    };
    this.#dialog.open({ title: 'New group', body: [name.caption, name.input, picker], action: 'Create', act });
  }

  /** Opens the dialog that joins a group by name, which is then opened. */
  join(): void {
    const name = nameField('Group name');
    const hint = createElement('p', { class: 'hint', text: 'If no group has that name, we create it.' });
    const act = async () => {
      const wanted = name.input.value.trim();
      await this.#client.joinNamed(wanted, { signal: this.#chat.signal });
      await this.#chat.refresh();
      const joined = this.#chat.conversations.find(({ group }) => group.name === wanted);
      if (joined !== undefined) this.#host.open(joined.group.id);
    };
    this.#dialog.open({ title: 'Join a group', body: [name.caption, name.input, hint], action: 'Join', act });
  }

  /** Opens the dialog that lists the members of a group, adds users, and leaves the group. */
  members(conversation: Conversation): void {
    const { id, name } = conversation.group;
    const people = createElement('ul', { class: 'people' });
    const show = () =>
      setChildren(
        people,
        conversation.group.members.map(({ username }) => createElement('li', { class: 'person', text: username })),
      );
    const isIn = (user: User) => conversation.group.members.some((member) => member.id === user.id);
    const add = (user: User) => {
      this.#client
        .join(id, { userId: user.id, signal: this.#chat.signal })
        .then(() => this.#chat.refresh())
        .then(show)
        .catch((error) => this.#dialog.showError(content, error));
    };
    const picker = peoplePicker('Add a member', (part) => this.#search(part, isIn), add);
    const content: DialogContent = {
      title: `Members of ${name}`,
      body: [people, picker],
      others: [{ text: 'Leave group', act: async () => this.#leave(conversation) }],
    };
    show();
    this.#dialog.open(content);
  }

  #leave({ group: { id, name } }: Conversation): void {
    const text = 'You will no longer see or send messages here. An owner or admin of the group can add you back.';
    const act = async () => {
      await this.#client.leave(id, { signal: this.#chat.signal });
      await this.#chat.refresh();
    };
    this.#dialog.open({ title: `Leave ${name}?`, body: [createElement('p', { text })], action: 'Leave', act });
  }

  /** Finds users by part of their name, without those who are members already. */
  async #search(name: string, isIn: (user: User) => boolean): Promise<User[]> {
    const users = await this.#client.users(name, { limit: 20, signal: this.#chat.signal });
    return users.filter((user) => !isIn(user)).slice(0, 8);
  }
}

function nameField(label: string): { caption: HTMLLabelElement; input: HTMLInputElement } {
  const caption = createElement('label', { text: label });
  const input = createElement('input', { id: 'group-name' });
  caption.htmlFor = input.id;
  input.required = true;
  input.maxLength = 128;
  input.autocomplete = 'off';
  return { caption, input };
}
