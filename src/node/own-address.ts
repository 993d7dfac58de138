/** The address at which peers and clients reach this node. With PORT=0 the port is known only once the server listens. */
export class OwnAddress {
  readonly #configured: string | null;
  #port: number;

  constructor({ nodeUrl, port }: { readonly nodeUrl: string | null; readonly port: number }) {
    this.#configured = nodeUrl;
    this.#port = port;
  }

  /** Records on which port the server listens. */
  listensOn(port: number): void {
    this.#port = port;
  }

  /** Returns the address. It is a property, so that it can be passed to parts which need the address later. */
  readonly url = (): string => this.#configured ?? `http://localhost:${this.#port}`;
}
