import type { ChatClient, User } from '../../../client/index.ts';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import type { Dialog, Question } from './dialog.ts';
import { arrange, button, make } from './elements.ts';
import { peoplePicker } from './people-picker.ts';

/** What the dialogs need to know of the page around them. */
export interface GroupDialogHost {
  open(groupId: number): void;
  say(text: string): void;
}

/** The dialogs about groups: a new one, joining one, and the members of one. */
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

  /** Asks for a name and members, makes the group and opens it. */
  create(): void {
    const name = nameField('Name of the group');
    const chosen = new Map<number, User>();
    const people = make('ul', { class: 'people' });
    const show = () => {
      const chips = [...chosen.values()].map((user) => {
        const remove = button('×', 'quiet small', () => {
          chosen.delete(user.id);
          show();
        });
        remove.setAttribute('aria-label', `Leave out ${user.username}`);
        return make('li', { class: 'person', text: `${user.username} ` }, remove);
      });
      arrange(people, chips);
    };
    const isIn = ({ id }: User) => id === this.#chat.me.id || chosen.has(id);
    const choose = (user: User) => {
      chosen.set(user.id, user);
      show();
    };
    const picker = peoplePicker('Members beside you', (name) => this.#search(name, isIn), choose, people);
    const act = async () => {
      const members = [...chosen.values()].map(({ username }) => username);
      const { signal } = this.#chat;
      const { group_id, warning } = await this.#client.createChat(name.input.value, members, { signal });
      await this.#chat.refresh();
      if (warning !== undefined) this.#host.say(warning);
      this.#host.open(group_id);
    };
    this.#dialog.ask({ title: 'New group', body: [name.caption, name.input, picker], action: 'Create', act });
  }

  /** Asks for a name, joins the group of that name and opens it. */
  join(): void {
    const name = nameField('Name of the group');
    const hint = make('p', { class: 'hint', text: 'Where there is no group of that name, it is made.' });
    const act = async () => {
      const wanted = name.input.value.trim();
      await this.#client.joinNamed(wanted, { signal: this.#chat.signal });
      await this.#chat.refresh();
      const joined = this.#chat.conversations.find(({ group }) => group.name === wanted);
      if (joined !== undefined) this.#host.open(joined.group.id);
    };
    this.#dialog.ask({ title: 'Join a group', body: [name.caption, name.input, hint], action: 'Join', act });
  }

  /** Shows who is in a group, adds people, and lets one leave. */
  members(conversation: Conversation): void {
    const { id, name } = conversation.group;
    const people = make('ul', { class: 'people' });
    const show = () =>
      arrange(
        people,
        conversation.group.members.map(({ username }) => make('li', { class: 'person', text: username })),
      );
    const isIn = (user: User) => conversation.group.members.some((member) => member.id === user.id);
    const add = (user: User) => {
      this.#client
        .join(id, { userId: user.id, signal: this.#chat.signal })
        .then(() => this.#chat.refresh())
        .then(show)
        .catch((error) => this.#dialog.complain(question, error));
    };
    const picker = peoplePicker('Add somebody', (part) => this.#search(part, isIn), add);
    const question: Question = {
      title: `Members of ${name}`,
      body: [people, picker],
      others: [{ text: 'Leave group', act: async () => this.#leave(conversation) }],
    };
    show();
    this.#dialog.ask(question);
  }

  #leave({ group: { id, name } }: Conversation): void {
    const text = 'You read and write in it no longer. Who stays can take you in again.';
    const act = async () => {
      await this.#client.leave(id, { signal: this.#chat.signal });
      await this.#chat.refresh();
    };
    this.#dialog.ask({ title: `Leave ${name}?`, body: [make('p', { text })], action: 'Leave', act });
  }

  /** Users by a part of their name, without those who are in already. */
  async #search(name: string, isIn: (user: User) => boolean): Promise<User[]> {
    const users = await this.#client.users(name, { limit: 20, signal: this.#chat.signal });
    return users.filter((user) => !isIn(user)).slice(0, 8);
  }
}

function nameField(label: string): { caption: HTMLLabelElement; input: HTMLInputElement } {
  const caption = make('label', { text: label });
  const input = make('input', { id: 'group-name' });
  caption.htmlFor = input.id;
  input.required = true;
  input.maxLength = 128;
  input.autocomplete = 'off';
  return { caption, input };
}
