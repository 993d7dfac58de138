import net from 'node:net';

/** The domain of the accounts. */
export const DOMAIN = 'localhost';
const ROOMS = `conference.${DOMAIN}`;
const STREAM = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${DOMAIN}' version='1.0'>`;
const PLAIN = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>`;
const BIND = `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`;
const END = '</message>';
const LIMIT_MS = 60_000;

/** All sockets read into this buffer, which is used up before the next socket reads. */
const READ = Buffer.allocUnsafe(512 * 1024);

/** One account. */
export interface Account {
  user: string;
  password: string;
}

/**
 * One XMPP session over a bare socket: SASL PLAIN, one resource, one room. It searches the stream for what it expects and does
 * not parse XML, so that the server is measured and not the client. All texts are ASCII.
 */
export class XmppClient {
  /** Called for each message of the room, once the client has joined it. */
  onMessage: () => void = () => {};
  onLost: (error: Error) => void = () => {};
  readonly #socket: net.Socket;
  readonly #user: string;
  #text = '';
  #room = '';
  #expected: { pattern: RegExp; resolve(): void } | null = null;

  private constructor(port: number, user: string) {
    this.#user = user;
    this.#socket = net.connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: READ,
        callback: (size) => {
          this.#read(READ.toString('latin1', 0, size));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.onLost(error));
    this.#socket.on('close', () => this.onLost(new Error(`the server closed the stream of ${user}: ${this.#text}`)));
  }

  /** Logs in and binds a resource. */
  static async open(port: number, { user, password }: Account): Promise<XmppClient> {
    const client = new XmppClient(port, user);
    const credentials = Buffer.from(`\0${user}\0${password}`).toString('base64');
    await client.#exchange(STREAM, /<\/stream:features>/);
    await client.#exchange(`${PLAIN}${credentials}</auth>`, /<success/);
    await client.#exchange(STREAM, /<\/stream:features>/);
    await client.#exchange(BIND, /<iq[^>]*type='result'/);
    return client;
  }

  /** Joins a room, which the first client creates. The room's subject is the last thing that a new occupant receives. */
  async join(room: string): Promise<void> {
    this.#room = `${room}@${ROOMS}`;
    const presence = `<presence to='${this.#room}/${this.#user}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`;
    await this.#exchange(presence, /<subject[\s\S]*<\/message>/);
  }

  /** Sends a message to the room, which also returns it to its sender. */
  say(body: string): void {
    this.#socket.write(`<message type='groupchat' to='${this.#room}'><body>${body}</body></message>`);
  }

  /** Closes at once with a RST: no port stays in TIME_WAIT. */
  destroy(): void {
    this.onMessage = () => {};
    this.onLost = () => {};
    this.#socket.resetAndDestroy();
  }

  /** Sends `xml` and resolves when the stream matches `pattern`; forgets everything up to there. */
  #exchange(xml: string, pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        clearTimeout(timer);
        reject(error);
      };
      const timer = setTimeout(() => fail(new Error(`no ${pattern} in time: ${this.#text}`)), LIMIT_MS);
      this.onLost = fail;
      this.#expected = {
        pattern,
        resolve: () => {
          clearTimeout(timer);
          this.onLost = () => {};
          resolve();
        },
      };
      this.#socket.write(xml);
    });
  }

  #read(text: string): void {
    this.#text += text;
    const expected = this.#expected;
    if (expected) {
      const found = expected.pattern.exec(this.#text);
      if (!found) return;
      this.#text = this.#text.slice(found.index + found[0].length);
      this.#expected = null;
      expected.resolve();
      return;
    }
    let from = 0;
    for (let end = this.#text.indexOf(END); end >= 0; end = this.#text.indexOf(END, from)) {
      from = end + END.length;
      this.onMessage();
    }
    this.#text = this.#text.slice(from);
  }
}
